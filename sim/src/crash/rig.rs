//! A vehicle in a scene: its events one by one, the people who send what is wanted next, and the checker that
//! looks after each event.
//!
//! ```text
//! act: vehicle is due -> it does one event      at rest, frames left -> one frame arrives
//!      at rest, nothing left -> what is wanted next is signed and sent, or the vehicle is left alone for a while
//! ```

use std::collections::VecDeque;

use lightday_boot::SlotRecord;
use lightday_trust::Direction;
use lightday_wire::report::{ReportFrame, SlotReport};
use lightday_wire::{Location, ObjectKind, Report, SlotId, SlotState, canon};

use super::people::{Ask, Licence, People, Which};
use super::scene::{Goal, Scene, View};
use crate::checker::{Checker, Violation};
use crate::flash::{Fault, SimFlash};
use crate::time::{MissionTime, Span};
use crate::vehicle::{Happening, Vehicle};

/// What is due within this time is done before anything is sent.
const REST: Span = Span::from_secs(1);
/// How often something is sent, or waited for, where the goals may be out of reach.
const FEW_ROUNDS: u32 = 5;
/// The first wait; each is twice as long as the one before it.
const FIRST_WAIT: Span = Span::from_secs(30);
/// The longest wait: over the end of a lease.
const LONGEST_WAIT: Span = Span::from_hours(30);
/// Bytes of golden that are lost: whole granules of every part.
const LOST: usize = 256;
/// Events after which a vehicle is said to spin.
const MAX_EVENTS: u64 = 60_000;

/// What came of one act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// There is more to do.
    Goes,
    /// The scene's goals are reached.
    Done,
    /// They are not, however long one waits.
    Stuck,
}

/// A vehicle in a scene.
pub struct Rig<'p, const WRITE: usize, const ERASE: usize> {
    people: &'p People<WRITE, ERASE>,
    scene: &'static Scene,
    goals: &'static [Goal],
    /// The vehicle.
    pub vehicle: Vehicle<WRITE, ERASE>,
    /// What must hold.
    pub checker: Checker,
    now: MissionTime,
    /// The vehicle is left alone until then.
    alone_until: MissionTime,
    frames: VecDeque<Vec<u8>>,
    rounds: u32,
    /// How often something is sent, or waited for, until the goals count as out of reach.
    most_rounds: u32,
    events: u64,
    /// Reports that were heard.
    heard: u64,
    /// The latest of them since the power failed last.
    latest: Option<Report>,
    /// Whether the flash is damaged for good: what cannot be saved is told as long as RAM knows it.
    is_damaged: bool,
    /// What has happened, line by line, where somebody wants to read it.
    pub story: Option<Vec<String>>,
}

impl<'p, const WRITE: usize, const ERASE: usize> Rig<'p, WRITE, ERASE> {
    /// The vehicle at the beginning of a scene, once it has come to what is before it.
    ///
    /// # Errors
    /// What it came to instead: a bug of vehicle or scene.
    pub fn new(
        people: &'p People<WRITE, ERASE>,
        scene: &'static Scene,
        ecc: bool,
    ) -> Result<Self, String> {
        let mut vehicle = people.vehicle(scene.behaviour, ecc);
        if scene.is_record_lost {
            wipe_record(&mut vehicle);
        }
        if let Some(location) = scene.damaged {
            damage(&mut vehicle, location);
        }
        let checker = Checker::new(&vehicle, people.released()).allowing_only(people.at_launch());
        let mut rig = Self {
            people,
            scene,
            goals: scene.before,
            vehicle,
            checker,
            now: MissionTime::START,
            alone_until: MissionTime::START,
            frames: VecDeque::new(),
            rounds: 0,
            most_rounds: scene.patience,
            events: 0,
            heard: 0,
            latest: None,
            is_damaged: false,
            story: None,
        };
        if !scene.before.is_empty() {
            rig.run_to_end()?;
        }
        rig.goals = scene.goals;
        rig.rounds = 0;
        rig.events = 0;
        Ok(rig)
    }

    /// The same scene, had the power failed now and left `flash`, of which `checker` knows.
    #[must_use]
    pub fn cut_off(&self, flash: SimFlash<WRITE, ERASE>, checker: Checker) -> Self {
        let vehicle = self.vehicle.cut_off(flash, self.now);
        let mut rig = Self {
            people: self.people,
            scene: self.scene,
            goals: self.goals,
            vehicle,
            checker,
            now: self.now,
            alone_until: self.now,
            frames: VecDeque::new(),
            rounds: 0,
            most_rounds: self.scene.patience,
            events: 0,
            heard: 0,
            latest: None,
            is_damaged: false,
            story: self.story.clone(),
        };
        let lost = Happening::PowerLost;
        rig.checker.after(rig.now, &rig.vehicle, &lost);
        rig.tell(&lost);
        rig
    }

    /// Lets something of the flash go wrong at an operation, or from it on.
    #[must_use]
    pub fn failing(mut self, operation: u64, fault: Fault) -> Self {
        self.is_damaged = !matches!(fault, Fault::Skipped | Fault::Refused);
        if self.is_damaged {
            self.checker.tolerate_unsaved();
        }
        if matches!(fault, Fault::Garbled { .. } | Fault::Stuck { .. }) {
            self.checker = self.checker.tolerating_damage();
        }
        self.vehicle.flash_mut().fail_at(operation, fault);
        self
    }

    /// The same with flash that is damaged already.
    #[must_use]
    pub const fn damaged(mut self) -> Self {
        self.is_damaged = true;
        self
    }

    /// The same with one goal, and as much patience as at first: it obeys a command that it has not obeyed yet.
    #[must_use]
    pub fn obeying(mut self) -> Self {
        let is_held = self.checker.record().is_some_and(|record| record.held);
        self.goals = match is_held {
            true => &[Goal::Released],
            false => &[Goal::Held],
        };
        self.rounds = 0;
        self.most_rounds = self.scene.patience;
        self.events = 0;
        self
    }

    /// The same with less patience: what was damaged may keep it from its goals for ever.
    #[must_use]
    pub const fn impatient(mut self) -> Self {
        self.most_rounds = FEW_ROUNDS;
        self
    }

    /// The present.
    #[must_use]
    pub const fn now(&self) -> MissionTime {
        self.now
    }

    /// The people.
    #[must_use]
    pub const fn people(&self) -> &'p People<WRITE, ERASE> {
        self.people
    }

    /// Acts until the goals are reached.
    ///
    /// # Errors
    /// What went wrong instead.
    pub fn run_to_end(&mut self) -> Result<(), String> {
        loop {
            match self.act() {
                Act::Goes => {}
                Act::Done => return Ok(()),
                Act::Stuck => return Err(self.stuck()),
            }
        }
    }

    /// Whether the vehicle, whatever it has come to, comes to rest and answers a signed request at once. One whose
    /// record is lost hears no request: it has to send its beacon.
    pub fn answers(&mut self) -> bool {
        let rests_by = self.now + Span::from_hours(1);
        while !self.is_at_rest() {
            if self.event(self.vehicle.next_event()) == Act::Stuck || self.now > rests_by {
                return false;
            }
        }
        let heard = self.heard;
        let patience = match self.checker.record() {
            Some(_) => Span::from_secs(60),
            None => Span::from_hours(3),
        };
        let until = self.now + patience;
        if let Some(agent) = self.vehicle.agent() {
            let record = agent.record().clone();
            for frame in self.people.frames(Ask::Report, &record) {
                self.vehicle.receive(self.now, &frame);
            }
        }
        while self.heard == heard && self.vehicle.next_event() <= until {
            if self.event(self.vehicle.next_event()) == Act::Stuck {
                return false;
            }
        }
        self.heard > heard
    }

    /// What a vehicle that does not reach its goals has come to.
    #[must_use]
    pub fn stuck(&self) -> String {
        let slots = self
            .checker
            .record()
            .map(|r| r.slots.map(|slot| slot.state));
        let agent = self.vehicle.agent();
        let bundle = agent.map(|agent| agent.verdict(ObjectKind::Bundle).refusal);
        format!(
            "stuck on the way to {:?}: {:?} runs, slots {slots:?}, the latest bundle: {bundle:?}",
            self.goals,
            self.vehicle.running()
        )
    }

    /// Whether nothing of the vehicle is due, so that it listens and waits.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.vehicle.agent().is_some() && self.vehicle.next_event() > self.now + REST
    }

    /// Does one thing.
    pub fn act(&mut self) -> Act {
        let due = self.vehicle.next_event();
        let is_due = due <= self.alone_until.max(self.now + REST);
        if is_due || self.vehicle.agent().is_none() {
            return self.event(due);
        }
        self.now = self.now.max(self.alone_until);
        if let Some(frame) = self.frames.pop_front() {
            self.vehicle.receive(self.now, &frame);
            return Act::Goes;
        }
        self.send()
    }

    fn event(&mut self, due: MissionTime) -> Act {
        self.events += 1;
        if due == MissionTime::NEVER {
            return Act::Stuck;
        }
        if self.events > MAX_EVENTS {
            self.checker.report(self.now, Violation::Spins);
            return Act::Stuck;
        }
        self.now = self.now.max(due);
        let happening = self.vehicle.step(self.now);
        self.checker.after(self.now, &self.vehicle, &happening);
        self.tell(&happening);
        if let Happening::Sent(packet) = &happening {
            self.hear(packet);
        }
        Act::Goes
    }

    /// Signs and sends what is wanted next, and waits where that has not helped before.
    fn send(&mut self) -> Act {
        let (Some(agent), Some(running)) = (self.vehicle.agent(), self.vehicle.running()) else {
            return Act::Goes;
        };
        let record = agent.record().clone();
        let view = View {
            record: &record,
            running,
            heard: self.latest.as_ref(),
        };
        let Some(ask) = self.scene.next_ask(self.goals, self.people, &view) else {
            return Act::Done;
        };
        if self.rounds == self.most_rounds {
            return Act::Stuck;
        }
        let wait = FIRST_WAIT.ms() << self.rounds.min(20);
        if self.rounds > 0 || ask == Ask::Wait {
            self.alone_until = self.now + Span::from_ms(wait.min(LONGEST_WAIT.ms()));
        }
        self.rounds += 1;
        match ask {
            Ask::Authorize(which) | Ask::Bundle(which, Licence::LoadAndGo) => {
                self.checker.sent(self.people.image(which), false)
            }
            Ask::Confirm(which) => self.checker.sent(self.people.image(which), true),
            // Now that a signed command is on its way, the image may confirm itself.
            Ask::Report if self.scene.licence == Licence::SelfConfirm => {
                self.checker.sent(self.people.image(Which::New), true)
            }
            _ => {}
        }
        self.frames = self.people.frames(ask, &record).into();
        if let Some(story) = &mut self.story {
            story.push(format!("{} ground   sends {ask:?}", self.now));
        }
        Act::Goes
    }

    /// Holds what a report says against what is so.
    fn hear(&mut self, packet: &[u8]) {
        let Ok(frame) = ReportFrame::parse(packet) else {
            return;
        };
        let keys = self.people.crew().link_keys();
        let key = keys.frame_key(self.people.vehicle_id(), Direction::Down, frame.epoch);
        let body = key.open_report(&frame).ok();
        let Some(report) = body.and_then(|body| canon::decode::<Report>(body).ok()) else {
            self.checker.report(self.now, Violation::Unreadable);
            return;
        };
        self.heard += 1;
        self.latest = Some(report);
        let is_running = self
            .vehicle
            .running()
            .is_none_or(|at| at == report.running.0);
        let is_slot = |(slot, told): (&SlotRecord, &SlotReport)| slot.state == told.state;
        let record = self.checker.record();
        let is_so = record.is_none_or(|r| r.slots.iter().zip(&report.slots).all(is_slot));
        // What unstable cells of the record say nobody knows, and whoever is damaged tells what he believes.
        let flash = self.vehicle.flash();
        let mut copies = self.vehicle.config().map.record.into_iter();
        let is_stable = copies.all(|copy| flash.is_stable(copy.start..copy.end()));
        if is_stable && !self.is_damaged {
            if !(is_running && is_so) {
                self.checker.report(self.now, Violation::WrongReport);
            }
            self.checker.told_done(self.now, flash, &report);
        }
        for (slot, told) in SlotId::ALL.into_iter().zip(report.slots) {
            if told.state == SlotState::Confirmed {
                let flash = self.vehicle.flash();
                self.checker.told_of_slot(self.now, flash, slot);
                self.checker.told_confirmed(self.now, told.digest);
            }
        }
    }

    fn tell(&mut self, happening: &Happening) {
        let Some(story) = &mut self.story else { return };
        match happening {
            Happening::Stepped => {}
            Happening::Sent(_) => story.push(format!("{} vehicle  sends a packet", self.now)),
            other => story.push(format!("{} vehicle  {other:?}", self.now)),
        }
    }
}

/// Every copy of the record is erased, as nothing in flight does at once.
fn wipe_record<const W: usize, const E: usize>(vehicle: &mut Vehicle<W, E>) {
    for region in vehicle.config().map.record {
        for start in (region.start..region.end()).step_by(E) {
            wipe_block(vehicle, start);
        }
    }
    vehicle.flash_mut().clear_counters();
}

/// The first bytes of an image, and of each copy of it, are lost: golden's, too, which no operation in flight reaches.
fn damage<const W: usize, const E: usize>(vehicle: &mut Vehicle<W, E>, location: Location) {
    let map = vehicle.config().map;
    match location {
        Location::Golden => {
            for copy in map.golden {
                vehicle
                    .flash_mut()
                    .factory_load(copy.image.start, &[0; LOST]);
            }
        }
        Location::Slot(slot) => wipe_block(vehicle, map.slots[slot.index()].image.start),
    }
    vehicle.flash_mut().clear_counters();
}

fn wipe_block<const W: usize, const E: usize>(vehicle: &mut Vehicle<W, E>, address: u32) {
    let erase = crate::flash::Operation::Erase { address };
    // One that is refused would leave a scene with nothing damaged.
    assert_eq!(
        vehicle.flash_mut().redo(&erase),
        Ok(()),
        "a block of the scene"
    );
}

#[cfg(test)]
mod tests;
