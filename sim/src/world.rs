//! The loop: whoever has the next event does it, and the checker looks after each of the vehicle's.
//!
//! Nothing happens between two events, so virtual time jumps from one to the next. Where two fall on the
//! same millisecond, the order below decides, always.
//!
//! ```text
//! 1 frame arrives at the vehicle    3 the ground acts      5 a pass begins
//! 2 packet arrives at the ground    4 the vehicle acts     6 a particle resets the processor, or wipes the record
//! ```

mod story;

use std::collections::VecDeque;

use lightday_boot::Record;
use lightday_station::facts::words;
use lightday_wire::Refusal;

use crate::checker::{Checker, Violation};
use crate::ending::Subject;
use crate::flash::CutForm;
use crate::ground::Ground;
use crate::intruder::{Forged, Intrusion, Playback, Recorder};
use crate::link::{Arrival, Fate, Link, Passes};
use crate::time::MissionTime;
use crate::trace::{Actor, Trace, Weight};
use crate::twin::Twin;
use crate::vehicle::{Happening, Vehicle};

/// Steps after which a vehicle is said to spin: a mission of 14 days takes some thousands.
const MAX_STEPS: u64 = 3_000_000;

/// When what was known first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Milestones {
    /// The first bit left the ground.
    pub first_bit: Option<MissionTime>,
    /// The new image was verified on board.
    pub verified: Option<MissionTime>,
    /// A report proved that on the ground.
    pub known: Option<MissionTime>,
    /// What became of the new image was final on board.
    pub ended: Option<MissionTime>,
    /// A report proved that on the ground.
    pub end_known: Option<MissionTime>,
}

/// All parts of a mission.
pub struct World<const WRITE: usize, const ERASE: usize> {
    /// The station and its people.
    pub ground: Ground,
    /// The vehicle.
    pub vehicle: Vehicle<WRITE, ERASE>,
    /// From the ground.
    pub up: Link,
    /// To the ground.
    pub down: Link,
    /// When an antenna is pointed.
    pub passes: Passes,
    /// What must hold.
    pub checker: Checker,
    /// What happened.
    pub trace: Trace,
    /// What the mission is about.
    pub subject: Subject,
    /// What the ground expects of the vehicle.
    pub twin: Option<Twin<WRITE, ERASE>>,
    /// When what was known.
    pub milestones: Milestones,
    forged: VecDeque<Forged>,
    recorder: Recorder,
    playback: Playback,
    cuts: VecDeque<(u64, CutForm)>,
    upsets: VecDeque<MissionTime>,
    wipes: VecDeque<MissionTime>,
    to_vehicle: VecDeque<Arrival>,
    to_ground: VecDeque<Arrival>,
    next_pass: usize,
    steps: u64,
    record: Option<Record>,
    refused_bundle: Option<Refusal>,
    now: MissionTime,
}

/// The parts that a world is made of.
pub struct Parts<const WRITE: usize, const ERASE: usize> {
    /// The station and its people.
    pub ground: Ground,
    /// The vehicle.
    pub vehicle: Vehicle<WRITE, ERASE>,
    /// From the ground.
    pub up: Link,
    /// To the ground.
    pub down: Link,
    /// When an antenna is pointed.
    pub passes: Passes,
    /// What must hold.
    pub checker: Checker,
    /// What happened.
    pub trace: Trace,
    /// What the mission is about.
    pub subject: Subject,
    /// What the ground expects of the vehicle.
    pub twin: Option<Twin<WRITE, ERASE>>,
    /// What an intruder does.
    pub intrusion: Intrusion,
    /// Flash operations at which the power is cut, in order.
    pub cuts: Vec<(u64, CutForm)>,
    /// When a particle resets the processor, in order.
    pub upsets: Vec<MissionTime>,
    /// When the record is wiped, and the processor is reset, in order.
    pub wipes: Vec<MissionTime>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Uplink,
    Forged,
    Replayed,
    Downlink,
    Ground,
    Vehicle,
    Pass,
    Upset,
    Wipe,
}

impl<const WRITE: usize, const ERASE: usize> World<WRITE, ERASE> {
    /// A world at the start of its mission.
    #[must_use]
    pub fn new(parts: Parts<WRITE, ERASE>) -> Self {
        let record = parts.checker.record().cloned();
        let mut world = Self {
            ground: parts.ground,
            vehicle: parts.vehicle,
            up: parts.up,
            down: parts.down,
            passes: parts.passes,
            checker: parts.checker,
            trace: parts.trace,
            subject: parts.subject,
            twin: parts.twin,
            milestones: Milestones::default(),
            forged: parts.intrusion.forged.into(),
            recorder: Recorder::new(parts.intrusion.replay_at),
            playback: Playback::default(),
            cuts: parts.cuts.into(),
            upsets: parts.upsets.into(),
            wipes: parts.wipes.into(),
            to_vehicle: VecDeque::new(),
            to_ground: VecDeque::new(),
            next_pass: 0,
            steps: 0,
            record,
            refused_bundle: None,
            now: MissionTime::START,
        };
        world.plan_cut();
        world
    }

    /// The present.
    #[must_use]
    pub const fn now(&self) -> MissionTime {
        self.now
    }

    /// Why a bundle was refused on board, ours or another's.
    #[must_use]
    pub const fn refused_bundle(&self) -> Option<Refusal> {
        self.refused_bundle
    }

    /// What the playback came to.
    #[must_use]
    pub const fn playback(&self) -> &Playback {
        &self.playback
    }

    /// Lets the intruder record a frame that the vehicle does not hear.
    pub fn record_unheard(&mut self, bytes: &[u8]) {
        self.recorder.hear(self.now, bytes);
    }

    /// How many events there were.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// Runs until an instant, or until an invariant is broken beyond use.
    pub fn run_until(&mut self, end: MissionTime) {
        while let Some((at, turn)) = self.next_turn().filter(|(at, _)| *at <= end) {
            self.now = at;
            self.steps += 1;
            if self.steps > MAX_STEPS {
                self.checker.report(at, Violation::Spins);
                return;
            }
            self.take(turn);
        }
        self.now = end;
        if let Some(twin) = &mut self.twin {
            twin.advance(end);
        }
    }

    fn next_turn(&mut self) -> Option<(MissionTime, Turn)> {
        let front = |queue: &VecDeque<Arrival>| queue.front().map_or(MissionTime::NEVER, |a| a.at);
        let pass = self.passes.as_slice().get(self.next_pass);
        let forged = self.forged.front();
        let upset = self.upsets.front().copied();
        let wipe = self.wipes.front().copied();
        let turns = [
            (front(&self.to_vehicle), Turn::Uplink),
            (
                forged.map_or(MissionTime::NEVER, |f| f.arrival.at),
                Turn::Forged,
            ),
            (self.recorder.next_event(), Turn::Replayed),
            (front(&self.to_ground), Turn::Downlink),
            (self.ground.next_event(self.now), Turn::Ground),
            (self.vehicle.next_event(), Turn::Vehicle),
            (pass.map_or(MissionTime::NEVER, |p| p.begins), Turn::Pass),
            (upset.unwrap_or(MissionTime::NEVER), Turn::Upset),
            (wipe.unwrap_or(MissionTime::NEVER), Turn::Wipe),
        ];
        let next = turns.into_iter().min()?;
        (next.0 != MissionTime::NEVER).then_some((next.0.max(self.now), next.1))
    }

    fn take(&mut self, turn: Turn) {
        match turn {
            Turn::Uplink => self.frame_arrives(),
            Turn::Forged => self.forged_arrives(),
            Turn::Replayed => self.replayed_arrives(),
            Turn::Downlink => self.packet_arrives(),
            Turn::Ground => self.ground_acts(),
            Turn::Vehicle => self.vehicle_acts(),
            Turn::Pass => self.pass_begins(),
            Turn::Upset => self.upset(),
            Turn::Wipe => self.wipe(),
        }
    }

    fn log(&mut self, actor: Actor, weight: Weight, text: std::fmt::Arguments<'_>) {
        self.trace.record(self.now, actor, weight, text);
    }

    fn pass_begins(&mut self) {
        let Some(pass) = self.passes.as_slice().get(self.next_pass).copied() else {
            return;
        };
        self.next_pass += 1;
        let number = self.next_pass;
        let length = pass.ends.since(pass.begins);
        if pass.lost {
            let text = format_args!("pass {number} of {length} is lost: nobody hears anybody");
            self.log(Actor::Link, Weight::Headline, text);
        } else {
            let text = format_args!("pass {number} of {length} begins");
            self.log(Actor::Link, Weight::Detail, text);
        }
    }

    fn frame_arrives(&mut self) {
        if let Some(frame) = self.to_vehicle.pop_front() {
            self.recorder.hear(self.now, &frame.bytes);
            self.vehicle.receive(self.now, &frame.bytes);
        }
    }

    fn forged_arrives(&mut self) {
        let Some(forged) = self.forged.pop_front() else {
            return;
        };
        match forged.attempt {
            Some(attempt) => {
                self.log(Actor::Intruder, Weight::Headline, format_args!("{attempt}"));
            }
            None => self.log(
                Actor::Intruder,
                Weight::Detail,
                format_args!("sends a frame"),
            ),
        }
        self.vehicle.receive(self.now, &forged.arrival.bytes);
    }

    fn replayed_arrives(&mut self) {
        let (played, recorded) = self.recorder.progress();
        if let Some(bytes) = self.recorder.play() {
            let is_running = self.vehicle.running().is_some();
            let operations = self.vehicle.flash().operations();
            let record = self.checker.record();
            self.playback.play(self.now, is_running, operations, record);
            self.vehicle.receive(self.now, bytes);
            if played == 0 {
                let text = format_args!("begins to play back all {recorded} frames");
                self.log(Actor::Intruder, Weight::Headline, text);
            }
        }
    }

    fn ground_acts(&mut self) {
        let Some(frame) = self.ground.step(self.now) else {
            return;
        };
        self.milestones.first_bit.get_or_insert(self.now);
        let sending = self.up.transmit(self.now, &frame.bytes, &self.passes);
        let what = format!("{:?} {}", frame.kind, frame.number).to_lowercase();
        let (index, fate) = (frame.index, sending.fate);
        if index == 0 {
            let plan = self.ground.plan_of(frame.kind, frame.number);
            let (needed, planned) = plan.unwrap_or_default();
            self.trace.record(
                self.now,
                Actor::Ground,
                Weight::Headline,
                format_args!("begins to send {what}: {planned} frames, of which any {needed} do"),
            );
        }
        let fate = match fate {
            Fate::Arrives => "",
            Fate::Damaged => ", which is damaged",
            Fate::Twice => ", which arrives twice",
            Fate::Lost => ", which is lost",
            Fate::NoPass => ", which nobody hears",
        };
        self.trace.record(
            self.now,
            Actor::Ground,
            Weight::Detail,
            format_args!("sends {what}, symbol {index}{fate}"),
        );
        if let Some(twin) = &mut self.twin {
            let arrives = sending.ends + self.up.model().light_time;
            twin.expect(arrives, &frame.bytes);
        }
        self.to_vehicle.extend(sending.arrivals);
    }

    fn packet_arrives(&mut self) {
        let Some(packet) = self.to_ground.pop_front() else {
            return;
        };
        match self.ground.receive(self.now, &packet.bytes) {
            Ok(heard) => self.heard(&heard),
            Err(error) => self.log(
                Actor::Ground,
                Weight::Detail,
                format_args!("ignores a packet: {error}"),
            ),
        }
    }

    fn upset(&mut self) {
        self.upsets.pop_front();
        let happening = self.vehicle.upset(self.now);
        self.happened(&happening);
    }

    /// Every copy of the record is erased at once, and the processor is reset before anything writes it again.
    fn wipe(&mut self) {
        self.wipes.pop_front();
        for copy in self.vehicle.config().map.record {
            self.vehicle.flash_mut().lose(copy.start..copy.end());
        }
        let text = format_args!("the record is wiped");
        self.log(Actor::Vehicle, Weight::Headline, text);
        let happening = self.vehicle.upset(self.now);
        self.happened(&happening);
    }

    fn vehicle_acts(&mut self) {
        let happening = self.vehicle.step(self.now);
        self.happened(&happening);
    }

    fn happened(&mut self, happening: &Happening) {
        match happening {
            Happening::Stepped => {}
            Happening::Sent(bytes) => {
                let sending = self.down.transmit(self.now, bytes, &self.passes);
                let fate = sending.fate;
                self.to_ground.extend(sending.arrivals);
                self.log(
                    Actor::Vehicle,
                    Weight::Detail,
                    format_args!("sends {} B: {fate:?}", bytes.len()),
                );
            }
            Happening::Booted {
                location,
                version,
                behaviour,
                ..
            } => self.log(
                Actor::Vehicle,
                Weight::Headline,
                format_args!("boots {version} from {location} ({behaviour})"),
            ),
            Happening::Reset(cause) => {
                let cause = words(cause);
                self.log(
                    Actor::Vehicle,
                    Weight::Headline,
                    format_args!("is reset: {cause}"),
                );
            }
            Happening::PowerBack => {
                self.plan_cut();
                self.log(
                    Actor::Vehicle,
                    Weight::Headline,
                    format_args!("has power again"),
                );
            }
            other => {
                let text = words(other);
                self.log(Actor::Vehicle, Weight::Headline, format_args!("{text}"));
            }
        }
        if self.checker.after(self.now, &self.vehicle, happening) {
            self.record_changed();
        }
        let operations = self.vehicle.flash().operations();
        self.playback
            .watch(self.now, operations, self.checker.record());
    }

    fn plan_cut(&mut self) {
        if let Some((operation, form)) = self.cuts.pop_front() {
            self.vehicle.flash_mut().cut_at(operation, form);
        }
    }
}
