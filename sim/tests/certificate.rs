//! The certificate is true: the chance that the plan promises, computed exactly, is the share of flights over the
//! simulator's link in which the object is complete without any feedback.
//!
//! Eighteen links, each with a seed that was fixed before it was first run: also with passes that an outage cuts, or that
//! adjoin; with two objects in turns, of which each is judged; with other symbols; and with what is on its way already. The sum of the squared deviations, each in
//! units of its own, is held against the 99.9 % bound of chi-square with as many degrees of freedom.

use lightday_sim::link::{Fate, Link, LinkModel, Loss, Pass, Passes, Way};
use lightday_sim::rng::Rng;
use lightday_sim::time::{MissionTime, Span};
use lightday_station::link::{LinkModel as PlannedLink, Pass as PlannedPass};
use lightday_station::object::UplinkObject;
use lightday_station::plan::{InFlight, QUANTILES, Start, plan, plan_from};
use lightday_wire::report::REPORT_LEN;
use lightday_wire::{ObjectKind, ObjectNumber, TagLen};

/// Flights over each link.
const FLIGHTS: u32 = 4000;
/// The bound that chi-square with eighteen degrees of freedom stays below with 99.9 %.
const CHI_SQUARE_18: f64 = 42.31;

/// A link, and how sure its plan is to be.
struct Case {
    payload: usize,
    loss_ppm: u32,
    /// Frames; 1: each by itself.
    burst: u32,
    bit_error_ppb: u32,
    /// Chance of the first pass to be lost, and by how much it grows from each pass to the next.
    lost_pass_ppm: u32,
    worsens_ppm: u32,
    passes: u64,
    target: f64,
    symbol_len: u16,
    /// What of each pass is in two rows of one station: seconds after its begin where the first one ends, and where the
    /// second one begins.
    cut_s: Option<(u64, u64)>,
    /// Bytes of a command that goes up in turns with it, and whether that is the one that is judged.
    beside: Option<(usize, bool)>,
    /// The chance that was asked for before: what went up for it in the first pass is on its way.
    before: Option<f64>,
}

const fn case(payload: usize, loss: (u32, u32), ber: u32, lost: (u32, u64), target: f64) -> Case {
    Case {
        payload,
        loss_ppm: loss.0,
        burst: loss.1,
        bit_error_ppb: ber,
        lost_pass_ppm: lost.0,
        worsens_ppm: 0,
        passes: lost.1,
        target,
        symbol_len: 200,
        cut_s: None,
        beside: None,
        before: None,
    }
}

/// A link whose passes are lost the more often the later they are.
const fn worsening(case: Case, worsens_ppm: u32) -> Case {
    Case {
        worsens_ppm,
        ..case
    }
}

const fn cut(case: Case, first_s: u64, second_s: u64) -> Case {
    Case {
        cut_s: Some((first_s, second_s)),
        ..case
    }
}

const fn beside(case: Case, bytes: usize, is_judged: bool) -> Case {
    Case {
        beside: Some((bytes, is_judged)),
        ..case
    }
}

const CASES: [Case; 18] = [
    case(4_000, (50_000, 1), 0, (0, 1), 0.5),
    case(4_000, (200_000, 1), 0, (0, 1), 0.9),
    case(20_000, (100_000, 1), 0, (0, 2), 0.97),
    case(4_000, (100_000, 10), 0, (0, 1), 0.8),
    case(20_000, (200_000, 10), 0, (0, 2), 0.95),
    case(20_000, (20_000, 20), 0, (0, 3), 0.9),
    case(4_000, (0, 1), 30_000, (0, 1), 0.9),
    case(20_000, (50_000, 5), 10_000, (0, 2), 0.95),
    worsening(case(4_000, (50_000, 1), 0, (100_000, 3), 0.95), 150_000),
    case(20_000, (100_000, 10), 0, (50_000, 3), 0.98),
    case(1_000, (300_000, 4), 0, (100_000, 2), 0.85),
    worsening(
        case(8_000, (100_000, 2), 10_000, (200_000, 4), 0.9),
        100_000,
    ),
    cut(case(4_000, (50_000, 1), 0, (200_000, 2), 0.9), 200, 260),
    cut(
        case(20_000, (100_000, 10), 0, (150_000, 2), 0.95),
        1000,
        1000,
    ),
    beside(
        case(20_000, (100_000, 10), 0, (50_000, 2), 0.95),
        900,
        false,
    ),
    beside(case(20_000, (200_000, 6), 0, (0, 1), 0.9), 2_000, true),
    Case {
        symbol_len: 96,
        ..case(4_000, (50_000, 3), 40_000, (30_000, 2), 0.92)
    },
    Case {
        before: Some(0.6),
        ..case(8_000, (150_000, 8), 0, (100_000, 3), 0.95)
    },
];

const RATE_BPS: u32 = 100;
const PASS_S: u64 = 3 * 3600;
const DAY_S: u64 = 86_400;

impl Case {
    fn lost_ppm(&self, pass: u64) -> u32 {
        self.lost_pass_ppm + self.worsens_ppm * u32::try_from(pass).unwrap()
    }

    fn noise(&self) -> Loss {
        match self.burst {
            1 => Loss::Random {
                loss_ppm: self.loss_ppm,
            },
            burst => Loss::bursts(self.loss_ppm, burst),
        }
    }

    fn planned_link(&self) -> PlannedLink {
        PlannedLink {
            rate_bps: RATE_BPS,
            rate_down_bps: RATE_BPS,
            light_time_s: 79_200,
            encapsulation: 0,
            tag_len: TagLen::Eight,
            loss: self.noise().planned(),
            bit_error_rate: f64::from(self.bit_error_ppb) / 1e9,
            // Each pass states its own.
            lost_pass: 0.99,
            beacon_s: 3600,
        }
    }

    /// When its passes begin and end, day by day.
    fn rows(&self, day: u64) -> Vec<(u64, u64)> {
        let (start_s, end_s) = (day * DAY_S, day * DAY_S + PASS_S);
        match self.cut_s {
            None => vec![(start_s, end_s)],
            Some((first_s, second_s)) => {
                vec![(start_s, start_s + first_s), (start_s + second_s, end_s)]
            }
        }
    }

    /// The passes as they turn out, both ways.
    fn flown(&self, rng: &mut Rng) -> Passes {
        let at = |s: u64| MissionTime::START + Span::from_secs(s);
        let mut passes = Vec::new();
        for day in 0..self.passes {
            let lost = rng.chance(self.lost_ppm(day));
            for (start_s, end_s) in self.rows(day) {
                passes.push(Pass {
                    lost,
                    ..Pass::new(at(DAY_S + start_s), at(DAY_S + end_s))
                });
            }
        }
        Passes::new(passes)
    }

    fn planned_passes(&self) -> Vec<PlannedPass> {
        let of = |day| {
            let lost = f64::from(self.lost_ppm(day)) / 1e6;
            self.rows(day)
                .into_iter()
                .map(move |(start_s, end_s)| PlannedPass {
                    start_s,
                    end_s,
                    lost: Some(lost),
                    ..PlannedPass::default()
                })
        };
        (0..self.passes).flat_map(of).collect()
    }

    fn objects(&self) -> Vec<UplinkObject> {
        let of = |kind, len| {
            UplinkObject::new(
                kind,
                ObjectNumber::new(1).unwrap(),
                &vec![7; len],
                self.symbol_len,
            )
            .unwrap()
        };
        let beside = self.beside.map(|(len, _)| of(ObjectKind::Command, len));
        [of(ObjectKind::Bundle, self.payload)]
            .into_iter()
            .chain(beside)
            .collect()
    }

    /// The frames that go up, by their millisecond and length, with whether they are of the object that is judged; and
    /// the promise.
    fn plan(&self) -> (Vec<(u64, usize, bool)>, usize, f64) {
        let (objects, passes, link) = (self.objects(), self.planned_passes(), self.planned_link());
        let mut starts: Vec<Start> = objects.iter().map(Start::fresh).collect();
        let mut plans = Vec::new();
        let mut left = passes.clone();
        if let Some(target) = self.before {
            let first = plan(&objects, &passes[..1], &link, target).unwrap();
            let sent = &first.objects[0];
            assert!(sent.frames > 0);
            let free_s = first.passes[0].air_time_ms.div_ceil(1000);
            starts[0].next = sent.frames;
            starts[0].in_flight.push(InFlight {
                places: first.frames.iter().map(|f| f.slot).collect(),
                pass_frames: sent.frames,
                lost: passes[0].lost.unwrap(),
                pass_start_s: passes[0].start_s,
                pass_end_s: passes[0].end_s,
                arrives_s: free_s + link.light_time_s,
            });
            left[0].start_s = free_s;
            plans.push(first);
        }
        plans.push(plan_from(&objects, &starts, &left, &link, self.target).unwrap());
        let judged = usize::from(self.beside.is_some_and(|(_, is_judged)| is_judged));
        let frames = plans.iter().flat_map(|plan| &plan.frames).map(|frame| {
            (
                frame.start_ms,
                usize::from(self.symbol_len) + 16,
                usize::from(frame.object) == judged,
            )
        });
        let promised = plans.last().unwrap().objects[judged].probability;
        (frames.collect(), objects[judged].k().into(), promised)
    }

    fn link(&self) -> LinkModel {
        LinkModel {
            loss: self.noise(),
            bit_error_ppb: self.bit_error_ppb,
            ..LinkModel::clean(RATE_BPS, Span::from_hours(22))
        }
    }

    /// Whether as many frames of the object are heard as it has source symbols.
    fn flies(&self, frames: &[(u64, usize, bool)], k: usize, rng: &mut Rng) -> bool {
        let at = |s: u64| MissionTime::START + Span::from_secs(s);
        let passes = self.flown(rng);
        // The day before the first pass: the link has been there for ever.
        let mut link = Link::new(self.link(), Way::Up, Rng::new(rng.next_u64()));
        let heard = frames.iter().filter(|(start_ms, len, is_judged)| {
            let now = at(DAY_S) + Span::from_ms(*start_ms);
            let fate = link.transmit(now, &vec![0; *len], &passes).fate;
            fate == Fate::Arrives && *is_judged
        });
        heard.count() >= k
    }
}

#[test]
fn the_promised_chance_is_the_share_of_flights_that_need_no_feedback() {
    let (mut chi_square, mut sum) = (0.0, 0.0);
    for (number, case) in CASES.iter().enumerate() {
        let (frames, k, promised) = case.plan();
        assert!((0.5..=0.99).contains(&promised), "{number}: {promised}");
        let mut rng = Rng::stream(20_261_124, &format!("certificate {number}"));
        let kept = (0..FLIGHTS)
            .filter(|_| case.flies(&frames, k, &mut rng))
            .count();
        let share = kept as f64 / f64::from(FLIGHTS);
        let variance = promised * (1.0 - promised) / f64::from(FLIGHTS);
        let deviation = (share - promised) / variance.sqrt();
        println!("{number}: promised {promised:.4}, kept {share:.4}, {deviation:+.2}");
        chi_square += deviation * deviation;
        sum += deviation;
    }
    println!("chi-square {chi_square:.1} of {CHI_SQUARE_18}");
    assert!(chi_square < CHI_SQUARE_18, "{chi_square}");
    // Nor are all of them a little too high, or too low: 99.9 % of a normal distribution.
    let common = sum / (CASES.len() as f64).sqrt();
    assert!(common.abs() < 3.29, "{common}");
}

/// A vehicle that reports each change once, and then every so many seconds.
struct Told {
    case: Case,
    beacon_s: u64,
    light_s: u64,
}

const fn told(case: Case, beacon_s: u64, light_s: u64) -> Told {
    Told {
        case,
        beacon_s,
        light_s,
    }
}

const TOLD: [Told; 8] = [
    told(case(4_000, (0, 1), 0, (0, 6), 0.99), 3_600, 79_200),
    told(
        case(4_000, (100_000, 1), 0, (300_000, 9), 0.99),
        3_600,
        79_200,
    ),
    // A beacon of which a pass hears three in four.
    told(
        case(20_000, (100_000, 10), 0, (100_000, 9), 0.98),
        14_400,
        79_200,
    ),
    told(
        case(4_000, (300_000, 5), 20_000, (50_000, 8), 0.98),
        5_400,
        79_200,
    ),
    // Reports that come down in the contact in which the last frame went up, or just behind it.
    told(
        case(20_000, (100_000, 10), 0, (200_000, 9), 0.98),
        3_600,
        600,
    ),
    told(
        case(20_000, (50_000, 1), 0, (300_000, 12), 0.99),
        7_200,
        9_000,
    ),
    told(
        cut(
            case(20_000, (100_000, 4), 0, (250_000, 9), 0.98),
            1_500,
            5_000,
        ),
        7_200,
        1_800,
    ),
    told(
        worsening(case(8_000, (50_000, 1), 0, (50_000, 7), 0.98), 80_000),
        9_000,
        40_000,
    ),
];

impl Told {
    fn link(&self) -> LinkModel {
        LinkModel {
            light_time: Span::from_secs(self.light_s),
            ..self.case.link()
        }
    }

    /// When the ground knows, in seconds since the first pass; `None`: in no pass.
    fn flies(&self, frames: &[(u64, u16)], k: usize, rng: &mut Rng) -> Option<u64> {
        let day = MissionTime::START + Span::from_secs(DAY_S);
        let passes = self.case.flown(rng);
        let mut up = Link::new(self.link(), Way::Up, Rng::new(rng.next_u64()));
        let mut heard = frames.iter().filter_map(|(start_ms, len)| {
            let sending = up.transmit(
                day + Span::from_ms(*start_ms),
                &vec![0; usize::from(*len)],
                &passes,
            );
            (sending.fate == Fate::Arrives).then(|| sending.arrivals[0].at)
        });
        let complete = heard.nth(k - 1)?;
        let mut down = Link::new(self.link(), Way::Down, Rng::new(rng.next_u64()));
        let complete_ms = complete.since(day).ms();
        let phase_ms = rng.below(self.beacon_s * 1000);
        let first = (complete_ms + self.beacon_s * 1000 - phase_ms) / (self.beacon_s * 1000);
        let beacons = (first..).map(|n| n * self.beacon_s * 1000 + phase_ms);
        let until_ms = self.case.passes * DAY_S * 1000;
        let mut reports = [complete_ms]
            .into_iter()
            .chain(beacons.take_while(|ms| *ms < until_ms));
        reports.find_map(|ms| {
            let sending = down.transmit(day + Span::from_ms(ms), &[0; REPORT_LEN], &passes);
            (sending.fate == Fate::Arrives)
                .then(|| sending.arrivals[0].at.since(day).ms().div_ceil(1000))
        })
    }
}

/// Fewer than half, nine tenths and so on know before the plan says so, and no fewer by then; each within four deviations.
#[test]
fn the_ground_knows_as_early_and_as_late_as_the_plan_says() {
    for (number, told) in TOLD.iter().enumerate() {
        let link = PlannedLink {
            beacon_s: told.beacon_s,
            light_time_s: told.light_s,
            ..told.case.planned_link()
        };
        let plan = plan(
            &told.case.objects(),
            &told.case.planned_passes(),
            &link,
            told.case.target,
        )
        .unwrap();
        let object = &plan.objects[0];
        let frames: Vec<(u64, u16)> = plan
            .frames
            .iter()
            .map(|f| (f.start_ms, object.symbol_len + 16))
            .collect();
        let mut rng = Rng::stream(20_261_128, &format!("known {number}"));
        let flights: Vec<Option<u64>> = (0..FLIGHTS)
            .map(|_| told.flies(&frames, object.k.into(), &mut rng))
            .collect();
        let share = |by_s: u64| {
            let known = flights.iter().flatten().filter(|s| **s <= by_s).count();
            known as f64 / f64::from(FLIGHTS)
        };
        // Phases of the beacon are looked at so far apart, and instants are in whole seconds.
        let step_s = told.beacon_s / 360 + 2;
        for (p, known) in QUANTILES.into_iter().zip(object.known_quantiles_s) {
            let near = 4.0 * (p * (1.0 - p) / f64::from(FLIGHTS)).sqrt();
            let before = known.map_or(u64::MAX, |s| s - step_s);
            println!(
                "{number}: {p} by {known:?}: {:.4} before, {:.4} by then",
                share(before),
                known.map_or(1.0, share)
            );
            assert!(
                share(before) < p + near,
                "{number}: {p} know sooner: {}",
                share(before)
            );
            if let Some(known) = known {
                assert!(
                    share(known + 2) > p - near,
                    "{number}: fewer than {p} know: {}",
                    share(known + 2)
                );
            }
        }
        assert!(
            object.known_quantiles_s[0].is_some(),
            "{number}: {:?}",
            object.known_quantiles_s
        );
    }
}
