//! The station's sender holds what it sent in memory, the command line in the ledger: two ways to reckon where an object
//! stands. The same queue, passes, reports and losses have to make both send the same symbols.

use std::collections::{BTreeMap, BTreeSet};

use lightday_sim::rng::Rng;
use lightday_station::link::Loss;
use lightday_station::plan::{Plan, plan_from};
use lightday_station::profile::{EXAMPLE, Profile};
use lightday_station::session::{Outcome, Persistence, UplinkSession};
use lightday_wire::report::{RunningCode, SlotReport};
use lightday_wire::{
    Location, ObjectNumber, Refusal, ResetCause, RevertCause, SlotId, SlotState, Verdict,
};

use super::*;

const DAY: u64 = 86_400;
/// A midnight.
const BEGIN: u64 = 20_000 * DAY;
const TARGET: f64 = 0.99;

type Name = (ObjectKind, ObjectNumber);
/// The symbols of each object that went up in a pass, in that order.
type Symbols = BTreeMap<(u8, u32), Vec<u32>>;

/// Both senders, the link and the vehicle between them.
struct Case {
    rng: Rng,
    link: LinkModel,
    passes: Vec<Pass>,
    session: UplinkSession,
    queue: Vec<UplinkObject>,
    /// The ledger: what was written for the uplink, and not taken back.
    sent: Vec<SentRow>,
    last: Option<Proven>,
    /// When each frame of the last plan begins, in Unix milliseconds.
    planned: Vec<(Name, u32, u64)>,
    /// When each symbol arrived on board, in Unix seconds.
    arrived: Vec<(Name, u32, u64)>,
    sequence: u32,
    /// How often something came between amid a pass.
    amid: u32,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let profile: Profile = toml::from_str(EXAMPLE).unwrap();
        let loss = match rng.chance(500_000) {
            true => Loss::Random { p: 0.1 },
            false => Loss::GilbertElliott {
                loss: 0.1,
                mean_burst_frames: 6.0,
            },
        };
        let lost_pass = [0.0, 0.05, 0.3][rng.below(3) as usize];
        let link = LinkModel::new(&profile.link, loss, 0.0, lost_pass);
        let passes = passes(&mut rng);
        let session = UplinkSession::new(passes.clone(), link, TARGET, Persistence::Planned);
        Self {
            rng,
            link,
            passes,
            session,
            queue: Vec::new(),
            sent: Vec::new(),
            last: None,
            planned: Vec::new(),
            arrived: Vec::new(),
            sequence: 0,
            amid: 0,
        }
    }

    /// Queues the next object of a kind at both.
    fn push(&mut self, kind: ObjectKind, len: usize, now_s: u64) {
        let before = self.queue.iter().filter(|o| o.kind() == kind).count();
        let number = ObjectNumber::new(u32::try_from(before + 1).unwrap()).unwrap();
        let object = UplinkObject::new(kind, number, &vec![1; len], 100).unwrap();
        self.session.push(object.clone(), now_s * 1000).unwrap();
        self.queue.push(object);
    }

    /// What was to go up from now on is taken back, amid a run as well.
    fn take_back(&mut self, now_s: u64) {
        self.sent.retain(|run| run.starts_s < now_s);
        for run in &mut self.sent {
            let name = (run.kind, run.number);
            let is_later = |(n, index, start_ms): &&(Name, u32, u64)| {
                *n == name
                    && (run.first..run.first + run.count).contains(index)
                    && start_ms / 1000 >= now_s
            };
            let Some((_, index, _)) = self.planned.iter().find(is_later) else {
                continue;
            };
            run.count = index - run.first;
            run.places.truncate(run.count as usize);
            // It is over when the next frame of the plan begins, of whichever object.
            let is_last = |f: &&(Name, u32, u64)| f.0 == name && f.1 + 1 == *index;
            let last_ms = self.planned.iter().find(is_last).map(|f| f.2);
            let next = self.planned.iter().find(|f| Some(f.2) > last_ms);
            run.ends_s = next.map_or(run.ends_s, |f| f.2.div_ceil(1000));
        }
    }

    /// The command line: what was to go up later is taken back, and all that is not over is laid anew.
    fn lay(&mut self, now_s: u64) -> (Vec<Name>, Plan) {
        self.take_back(now_s);
        let underway = Underway {
            sent: self.sent.clone(),
            last: self.last,
            alarm: None,
            passes: self.passes.clone(),
            outages: Vec::new(),
            light: self.link.light_time(&self.passes),
            link: self.link,
            now_s,
        };
        let is_over = |o: &&UplinkObject| {
            let next = self.last.map(|last| last.report.next);
            next.is_some_and(|next| o.number() < next[o.kind().uplink_index().unwrap()])
        };
        let objects: Vec<UplinkObject> =
            self.queue.iter().filter(|o| !is_over(o)).cloned().collect();
        let names = objects.iter().map(|o| (o.kind(), o.number())).collect();
        let starts: Vec<Start> = objects
            .iter()
            .map(|o| underway.start(o, Epoch::default()))
            .collect();
        let light = self.link.light_time(&self.passes);
        let left = self.passes.iter().filter_map(|pass| {
            let of = self.sent.iter().filter(|run| is_within(run, pass));
            let busy_s = of.map(|run| run.ends_s).max().unwrap_or(0);
            let pass = pass.starting_at(pass.start_s.max(now_s).max(busy_s), &light);
            (pass.start_s < pass.end_s).then_some(pass)
        });
        let free: Vec<Pass> = left.collect();
        let plan = plan_from(&objects, &starts, &free, &self.link, TARGET).unwrap();
        self.sent.extend(runs(&plan, &objects, &self.link));
        let frames = plan.frames.iter().map(|frame| {
            let object = &objects[usize::from(frame.object)];
            let name = (object.kind(), object.number());
            (name, u32::from(frame.index), frame.start_ms)
        });
        self.planned = frames.collect();
        (names, plan)
    }

    /// Both lay the same, with the same chances.
    fn both_lay(&mut self, now_s: u64, seed: u64) {
        let theirs = self.session.replan(now_s * 1000).unwrap();
        let (names, ours) = self.lay(now_s);
        let sending: Vec<_> = self.session.progress().collect();
        let still = sending.iter().zip(&theirs.objects);
        let still: Vec<_> = still
            .filter(|(p, _)| p.outcome == Outcome::Sending)
            .map(|(_, o)| o)
            .collect();
        assert_eq!(still.len(), ours.objects.len(), "{seed}: {names:?}");
        for (a, b) in still.into_iter().zip(&ours.objects) {
            let of = |o: &lightday_station::plan::ObjectPlan| {
                (o.kind, o.number, o.needed, o.in_flight, o.frames, o.enough)
            };
            assert_eq!(of(a), of(b), "seed {seed}, {now_s}");
            assert!(
                (a.probability - b.probability).abs() < 1e-9,
                "seed {seed}: {a:?} {b:?}"
            );
        }
    }

    /// Lives through a pass; what the session sent is held against what the ledger has of it.
    fn pass(&mut self, place: usize, is_lost: bool, seed: u64) {
        let pass = self.passes[place].clone();
        let light = self.link.light_time(&self.passes);
        let mut theirs = Symbols::new();
        let mut now_ms = pass.start_s * 1000;
        // Amid some passes a command comes between, when the antenna begins another frame. The session goes on with its turns
        // then, and a file begins with turns of its own: the same frames lie otherwise to a burst of loss.
        let is_random = matches!(self.link.loss, Loss::Random { .. });
        let mut between_ms = match is_random && self.rng.chance(300_000) {
            true => (pass.start_s + self.rng.between(1, pass.end_s - pass.start_s)) * 1000,
            false => u64::MAX,
        };
        while let Some(at_ms) = self.session.poll_timeout(now_ms) {
            if at_ms >= pass.end_s * 1000 {
                break;
            }
            if at_ms >= between_ms {
                between_ms = u64::MAX;
                let now_s = at_ms / 1000;
                self.push(ObjectKind::Command, 250, now_s);
                self.both_lay(now_s, seed);
                self.amid += 1;
                now_ms = at_ms;
                continue;
            }
            let frame = self
                .session
                .poll_transmit_with(at_ms, |_, _| Some(Vec::new()));
            let frame = frame.expect("a frame is due");
            now_ms = frame.end_ms;
            let name = (frame.kind, frame.number);
            let symbols = theirs.entry((name.0.code(), name.1.get())).or_default();
            symbols.push(frame.index.into());
            let left_s = frame.end_ms.div_ceil(1000);
            if !is_lost && !self.rng.chance(100_000) {
                let there_s = left_s + light.at(left_s);
                self.arrived.push((name, frame.index.into(), there_s));
            }
        }
        let mut ours = Symbols::new();
        for run in self.sent.iter().filter(|run| is_within(run, &pass)) {
            let symbols = ours.entry((run.kind.code(), run.number.get())).or_default();
            symbols.extend(run.first..run.first + run.count);
        }
        assert_eq!(theirs, ours, "seed {seed}, pass {place}");
    }

    /// A report that is heard now.
    fn hear(&mut self, now_s: u64) -> bool {
        let light = self.link.light_time(&self.passes);
        let made_s = now_s - light.at(now_s);
        self.sequence += 1;
        let mut report = nothing(self.sequence);
        for object in &self.queue {
            let name = (object.kind(), object.number());
            let of = self
                .arrived
                .iter()
                .filter(|(n, _, s)| *n == name && *s <= made_s);
            let have: BTreeSet<u32> = of.map(|(_, index, _)| *index).collect();
            let lacks = usize::from(object.k()).saturating_sub(have.len());
            let place = name.0.uplink_index().unwrap();
            // One after the other, as each is the base of the next.
            if report.next[place] != name.1 {
                continue;
            }
            let stage = match lacks {
                0 => Stage::Done,
                _ if have.is_empty() => continue,
                _ => Stage::Receiving,
            };
            let verdict = Verdict {
                number: name.1,
                stage,
                refusal: Refusal::None,
            };
            if lacks == 0 {
                report.next[place] = name.1.next();
            }
            match name.0 {
                ObjectKind::Bundle => {
                    report.bundle = verdict;
                    report.symbols_needed = u16::try_from(lacks).unwrap();
                }
                ObjectKind::Authorization if lacks == 0 => report.authorization = verdict,
                ObjectKind::Command if lacks == 0 => report.command = verdict,
                _ => {}
            }
        }
        self.last = Some(Proven {
            report,
            epoch: Epoch::default(),
            received_s: now_s,
            sent_s: made_s,
            missed: 0,
        });
        self.session.handle_report(&report, now_s * 1000).is_ok()
    }

    /// No symbol went up twice.
    fn is_fresh(&self) -> bool {
        let mut seen = BTreeSet::new();
        let all = self.sent.iter().flat_map(|run| {
            let name = (run.kind.code(), run.number);
            (run.first..run.first + run.count).map(move |index| (name, index))
        });
        let mut all = all;
        all.all(|one| seen.insert(one))
    }
}

/// Ten days of passes in the morning, some in two parts, some of another chance to be lost.
fn passes(rng: &mut Rng) -> Vec<Pass> {
    let mut passes = Vec::new();
    for day in 1..=10 {
        let start_s = BEGIN + day * DAY + 6 * 3600;
        let minutes = rng.between(10, 60);
        let pass = Pass {
            start_s,
            end_s: start_s + minutes * 60,
            station: "Malargue".to_owned(),
            lost: rng.chance(200_000).then_some(0.5),
            light_time_s: rng.chance(200_000).then_some(79_000 + day * 20),
            ..Pass::default()
        };
        let again = Pass {
            start_s: pass.end_s + 60 * rng.between(1, 50),
            end_s: pass.end_s + 60 * rng.between(60, 90),
            light_time_s: None,
            ..pass.clone()
        };
        passes.push(pass);
        if rng.chance(400_000) {
            passes.push(again);
        }
    }
    passes
}

/// The rows that `uplink` keeps of a plan.
fn runs(plan: &Plan, objects: &[UplinkObject], link: &LinkModel) -> Vec<SentRow> {
    let mut runs: BTreeMap<(usize, u16), SentRow> = BTreeMap::new();
    for frame in &plan.frames {
        let place = plan.pass_of(frame).unwrap();
        let object = &objects[usize::from(frame.object)];
        let start_s = frame.start_ms / 1000;
        let air_ms = link.air_time_ms(object.symbol_len(), &plan.passes[place].pass);
        let run = runs
            .entry((place, frame.object))
            .or_insert_with(|| SentRow {
                kind: object.kind(),
                number: object.number(),
                object: [0; 32],
                epoch: 0,
                k: object.k(),
                symbol_len: object.symbol_len(),
                first: frame.index.into(),
                count: 0,
                starts_s: start_s,
                ends_s: start_s,
                file: format!("{}.frames", plan.frames[0].start_ms),
                unsent_s: None,
                pass: None,
                places: Vec::new(),
            });
        run.places.push(frame.slot);
        run.count = u32::from(frame.index) - run.first + 1;
        run.ends_s = (frame.start_ms + air_ms).div_ceil(1000);
    }
    runs.into_values().collect()
}

/// A report of a vehicle that heard nothing.
fn nothing(sequence: u32) -> Report {
    let slot = SlotReport {
        state: SlotState::Empty,
        version: "0.0.0".parse().unwrap(),
        digest: [0; 4],
    };
    Report {
        sequence,
        time_s: 0,
        running: RunningCode(Location::Slot(SlotId::A)),
        slots: [slot; 2],
        golden: [0; 4],
        bundle: Verdict::IDLE,
        symbols_needed: 0,
        authorization: Verdict::IDLE,
        command: Verdict::IDLE,
        next: [ObjectNumber::new(1).unwrap(); 4],
        reset_cause: ResetCause::PowerOn,
        resets: 1,
        tries_left: 0,
        environment_left: 0,
        lease_left_h: u16::MAX,
        revert_cause: RevertCause::None,
        reverted: ObjectNumber::default(),
        key_set: 1,
        security_counter: 0,
        hold: Refusal::None,
        frames_refused: 0,
        flags: 0,
        state_digest: [0; 8],
    }
}

#[test]
fn the_session_and_the_ledger_send_the_same_symbols() {
    let (mut reports, mut resent, mut done, mut amid) = (0, 0, 0, 0);
    for seed in 0..150 {
        let mut case = Case::new(seed);
        let bundle = case.rng.between(500, 15_000) as usize;
        case.push(ObjectKind::Bundle, bundle, BEGIN);
        if case.rng.chance(400_000) {
            case.push(ObjectKind::Bundle, 3000, BEGIN);
        }
        case.both_lay(BEGIN, seed);
        for day in 1..=9 {
            let of_day = |pass: &Pass| (pass.start_s - BEGIN) / DAY == day;
            let is_lost = case.rng.chance(150_000);
            for place in 0..case.passes.len() {
                if of_day(&case.passes[place]) {
                    case.pass(place, is_lost, seed);
                }
            }
            // In the evening, when what has arrived by then had left in no pass.
            let now_s = BEGIN + day * DAY + 20 * 3600 + case.rng.below(3 * 3600);
            let is_new = case.rng.chance(200_000);
            if is_new {
                let kind = [ObjectKind::Command, ObjectKind::Authorization];
                let kind = kind[case.rng.below(2) as usize];
                case.push(kind, 250, now_s);
            }
            let is_heard = case.rng.chance(500_000);
            if is_heard {
                case.hear(now_s);
                reports += 1;
            }
            if is_new || is_heard {
                if case.session.is_finished() {
                    break;
                }
                let before = case.sent.len();
                case.both_lay(now_s, seed);
                resent += u32::from(case.sent.len() > before);
            }
        }
        assert!(case.is_fresh(), "seed {seed}");
        amid += case.amid;
        let of = case.session.progress();
        done += of.filter(|p| p.outcome == Outcome::Received).count();
    }
    // None of it holds for want of cases.
    assert!(
        reports > 300 && resent > 30 && done > 100 && amid > 25,
        "{reports} {resent} {done} {amid}"
    );
}
