//! The certificate is true: the chance that the plan promises, computed exactly, is the share of flights over the
//! simulator's link in which the object is complete without any feedback.
//!
//! Twelve links, each with a seed that was fixed before it was first run. The sum of the squared deviations, each in
//! units of its own, is held against the 99.9 % bound of chi-square with as many degrees of freedom.

use lightday_sim::link::{Fate, Link, LinkModel, Loss, Pass, Passes, Way};
use lightday_sim::rng::Rng;
use lightday_sim::time::{MissionTime, Span};
use lightday_station::link::{LinkModel as PlannedLink, Pass as PlannedPass};
use lightday_station::object::UplinkObject;
use lightday_station::plan::{Plan, plan};
use lightday_wire::{ObjectKind, ObjectNumber, TagLen};

/// Flights over each link.
const FLIGHTS: u32 = 4000;
/// The bound that chi-square with twelve degrees of freedom stays below with 99.9 %.
const CHI_SQUARE_12: f64 = 32.91;

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
    }
}

/// A link whose passes are lost the more often the later they are.
const fn worsening(case: Case, worsens_ppm: u32) -> Case {
    Case {
        worsens_ppm,
        ..case
    }
}

const CASES: [Case; 12] = [
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

    fn plan(&self) -> Plan {
        let share = |ppm: u32| f64::from(ppm) / 1e6;
        let link = PlannedLink {
            rate_bps: RATE_BPS,
            rate_down_bps: RATE_BPS,
            light_time_s: 79_200,
            encapsulation: 0,
            tag_len: TagLen::Eight,
            loss: self.noise().planned(),
            bit_error_rate: f64::from(self.bit_error_ppb) / 1e9,
            // Each pass states its own.
            lost_pass: 0.99,
        };
        let pass = |day| PlannedPass {
            start_s: day * DAY_S,
            end_s: day * DAY_S + PASS_S,
            lost: Some(share(self.lost_ppm(day))),
            ..PlannedPass::default()
        };
        let passes: Vec<PlannedPass> = (0..self.passes).map(pass).collect();
        let number = ObjectNumber::new(1).unwrap();
        let bytes = vec![7; self.payload];
        let object = UplinkObject::new(ObjectKind::Bundle, number, &bytes, 200).unwrap();
        plan(&[object], &passes, &link, self.target).unwrap()
    }

    fn link(&self) -> LinkModel {
        LinkModel {
            loss: self.noise(),
            bit_error_ppb: self.bit_error_ppb,
            ..LinkModel::clean(RATE_BPS, Span::from_hours(22))
        }
    }

    /// Whether as many frames of the plan are heard as there are source symbols.
    fn flies(&self, plan: &Plan, rng: &mut Rng) -> bool {
        let at = |s: u64| MissionTime::START + Span::from_secs(s);
        let mut pass = |day: u64| Pass {
            lost: rng.chance(self.lost_ppm(day)),
            ..Pass::new(at(day * DAY_S + DAY_S), at(day * DAY_S + DAY_S + PASS_S))
        };
        let passes = Passes::new((0..self.passes).map(&mut pass).collect());
        // The day before the first pass: the link has been there for ever.
        let mut link = Link::new(self.link(), Way::Up, Rng::new(rng.next_u64()));
        let object = &plan.objects[0];
        let frame = vec![0; usize::from(object.symbol_len) + 16];
        let heard = plan.frames.iter().filter(|planned| {
            let now = at(DAY_S) + Span::from_ms(planned.start_ms);
            link.transmit(now, &frame, &passes).fate == Fate::Arrives
        });
        heard.count() >= usize::from(object.k)
    }
}

#[test]
fn the_promised_chance_is_the_share_of_flights_that_need_no_feedback() {
    let (mut chi_square, mut sum) = (0.0, 0.0);
    for (number, case) in CASES.iter().enumerate() {
        let plan = case.plan();
        let promised = plan.objects[0].probability;
        assert!((0.5..=0.99).contains(&promised), "{number}: {promised}");
        let mut rng = Rng::stream(20_261_124, &format!("certificate {number}"));
        let kept = (0..FLIGHTS).filter(|_| case.flies(&plan, &mut rng)).count();
        let share = kept as f64 / f64::from(FLIGHTS);
        let variance = promised * (1.0 - promised) / f64::from(FLIGHTS);
        let deviation = (share - promised) / variance.sqrt();
        println!("{number}: promised {promised:.4}, kept {share:.4}, {deviation:+.2}");
        chi_square += deviation * deviation;
        sum += deviation;
    }
    println!("chi-square {chi_square:.1} of {CHI_SQUARE_12}");
    assert!(chi_square < CHI_SQUARE_12, "{chi_square}");
    // Nor are all of them a little too high, or too low: 99.9 % of a normal distribution.
    let common = sum / (CASES.len() as f64).sqrt();
    assert!(common.abs() < 3.29, "{common}");
}
