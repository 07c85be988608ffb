//! A vehicle on the bench: the real loader and the real agent on a simulated flash, one frame and one step
//! at a time, with a ground beside it that signs what a test asks for.
//!
//! ```text
//! test --deliver--> Agent::handle_frame ... Agent::handle_timeout (counted) ... Agent::poll_transmit --> reports
//!      --reset----> lightday_boot::load --> Agent::start
//! ```
//! It never interprets a frame and never decides what boots.

use lightday_agent::{Agent, Application, Config, Health, Now, Platform};
use lightday_boot::{Elapsed, MemoryMap, Record, SlotMap, Supervisor};
use lightday_sim::flash::{FlashStats, SimFlash};
use lightday_sim::vehicle::SimSupervisor;
use lightday_station::object::UplinkObject;
use lightday_trust::digest::sha256;
use lightday_trust::{Direction, FrameKey};
use lightday_wire::answer::{self, Answer};
use lightday_wire::dump::{self, Part};
use lightday_wire::report::ReportFrame;
use lightday_wire::{
    Action, Digest, Epoch, FrameHeader, Location, Report, ResetCause, SlotId, SlotState, canon,
};

pub use crate::bench_factory::{IDENTITY, describe, first_image, image};
use crate::bench_ground::{Built, Ground};

/// A bench with a program granule of 8 B and erase blocks of 4 KiB.
pub type Bench = BenchOf<8, 4096>;
/// An agent with room for 512 symbols and 4 KiB of work RAM.
pub type BenchAgent = Agent<512, 4096, Vec<u8>>;

/// Onboard time at power-on.
pub const EPOCH_S: u64 = 1_900_000_000;
/// Seconds of the command-loss timer.
pub const COMMAND_LOSS_S: u64 = 30 * 86_400;
/// Seconds between two beacons.
pub const BEACON_S: u64 = 6 * 3600;
/// What a step takes.
const STEP_MS: u64 = 1;
/// What a byte of RAM holds when the power comes: nobody may count on zeros.
const RAM_AT_POWER_ON: u8 = 0xa5;

/// The application of the bench: it says what the test tells it to say.
#[derive(Clone, Debug)]
pub struct BenchApplication {
    /// How it feels.
    pub health: Health,
    /// Its interlock.
    pub may_activate: bool,
}

impl Application for BenchApplication {
    fn health(&mut self) -> Health {
        self.health
    }

    fn may_activate(&mut self) -> bool {
        self.may_activate
    }
}

/// What one step of the agent asked of the flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepCost {
    /// Erase blocks erased.
    pub erases: u64,
    /// Programs.
    pub programs: u64,
    /// Whether the record was written.
    pub is_commit: bool,
}

/// The vehicle and its ground, with program granules of `WRITE` bytes and erase blocks of `ERASE`.
pub struct BenchOf<const WRITE: usize, const ERASE: usize> {
    /// The flash.
    pub flash: SimFlash<WRITE, ERASE>,
    /// The agent's configuration.
    pub config: Config,
    /// Bytes of RAM for decoders, from the next start of the agent on.
    pub decoder_ram: usize,
    /// The supervisor.
    pub supervisor: SimSupervisor,
    /// The application.
    pub application: BenchApplication,
    /// Whether onboard time is known.
    pub knows_time: bool,
    /// Onboard time in seconds where the supervisor's counter is 0.
    pub epoch_s: u64,
    /// What the images are that it is sent, by seed and length.
    pub image: fn(u8, usize) -> Vec<u8>,
    /// The people on the ground, and what they number.
    pub ground: Ground,
    /// Every report so far.
    pub reports: Vec<Report>,
    /// Every answer so far.
    pub answers: Vec<Answer>,
    /// Every part of a dump so far, and when it was sent, in milliseconds of elapsed time.
    pub parts: Vec<(u64, Part)>,
    /// Everything that was booted so far; `None`: nothing was intact.
    pub boots: Vec<Option<Location>>,
    /// What each step cost since the test cleared it.
    pub costs: Vec<StepCost>,
    pub(crate) agent: Option<Box<BenchAgent>>,
    pub(crate) now_ms: u64,
}

impl<const WRITE: usize, const ERASE: usize> BenchOf<WRITE, ERASE> {
    /// The memory map.
    #[must_use]
    pub const fn map(&self) -> &MemoryMap {
        &self.config.map
    }

    /// The running agent.
    ///
    /// # Panics
    /// If none runs.
    #[must_use]
    pub fn agent(&self) -> &BenchAgent {
        self.agent.as_deref().expect("an agent runs")
    }

    /// The record as the agent knows it.
    #[must_use]
    pub fn record(&self) -> &Record {
        self.agent().record()
    }

    /// A slot's state.
    #[must_use]
    pub fn state(&self, slot: SlotId) -> SlotState {
        self.record().slot(slot).state
    }

    /// What runs.
    #[must_use]
    pub fn running(&self) -> Location {
        self.agent().running()
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Now {
        Now {
            elapsed: Elapsed(self.now_ms),
            time_s: self.knows_time.then_some(self.time_s()),
        }
    }

    /// Onboard time in seconds, whether it is known or not.
    #[must_use]
    pub const fn time_s(&self) -> u64 {
        self.epoch_s + self.now_ms / 1000
    }

    /// What the flash was asked to write so far: programs, erases.
    #[must_use]
    pub fn writes(&self) -> (u64, u64) {
        let FlashStats {
            programs, erases, ..
        } = self.flash.stats();
        (programs, erases)
    }

    /// Runs the loader and starts the agent.
    pub fn boot(&mut self) {
        self.now_ms += 2000;
        self.supervisor.advance(Elapsed(self.now_ms));
        let map = self.config.map;
        let identity = self.config.identity;
        let boot = lightday_boot::load(&mut self.flash, &map, identity, &mut self.supervisor);
        if self.supervisor.is_locked() {
            let locked = map.locked().map(|region| region.start..region.end());
            self.flash.lock(locked);
        }
        if !self.flash.is_powered() {
            // The loader was cut off; whoever switches the power on again resets.
            self.agent = None;
            return;
        }
        self.boots
            .push(boot.as_ref().ok().map(|boot| boot.location));
        let now = self.now();
        let mut platform = Platform {
            flash: &mut self.flash,
            supervisor: &mut self.supervisor,
            application: &mut self.application,
        };
        let (config, ram) = (self.config.clone(), vec![RAM_AT_POWER_ON; self.decoder_ram]);
        self.agent = boot.ok().map(|boot| {
            let agent = BenchAgent::start(config, ram, boot.location, now, &mut platform);
            Box::new(agent.expect("the map suits the flash"))
        });
    }

    /// Resets the processor and boots; whatever RAM knew is gone.
    pub fn reset(&mut self, cause: ResetCause) {
        self.agent = None;
        self.flash.power_on();
        self.flash.unlock();
        self.supervisor.advance(Elapsed(self.now_ms));
        self.supervisor.reset(cause);
        self.boot();
    }

    /// One step of the agent, and the packet that it sends after it.
    ///
    /// # Panics
    /// If no agent runs, or a packet does not open.
    pub fn step(&mut self) {
        let (now, before, operation) = (self.now(), self.writes(), self.flash.operations());
        let agent = self.agent.as_mut().expect("an agent runs");
        let mut platform = Platform {
            flash: &mut self.flash,
            supervisor: &mut self.supervisor,
            application: &mut self.application,
        };
        agent.handle_timeout(now, &mut platform);
        let mut packet = [0; 128];
        let sent = agent.poll_transmit(now, &mut packet);
        let epoch = agent.record().epoch;
        if let Some(len) = sent {
            self.take_packet(&packet[..len], epoch);
        }
        self.now_ms += STEP_MS;
        self.supervisor.advance(Elapsed(self.now_ms));
        self.supervisor.kick();
        let after = self.writes();
        let copies = self.config.map.record;
        let is_commit = copies
            .iter()
            .any(|r| self.flash.changed_since(operation, r.start..r.end()));
        self.costs.push(StepCost {
            erases: after.1 - before.1,
            programs: after.0 - before.0,
            is_commit,
        });
    }

    fn take_packet(&mut self, packet: &[u8], epoch: Epoch) {
        let keys = &self.config.link_keys;
        let vehicle = self.config.identity.vehicle;
        let key = keys.frame_key(vehicle, Direction::Down, epoch);
        if let Ok(frame) = answer::parse(packet) {
            let body = key.open_report(&frame).expect("the tag verifies");
            self.answers.push(canon::decode(body).expect("an answer"));
        } else if let Ok(frame) = dump::parse(packet) {
            let body = key.open_report(&frame).expect("the tag verifies");
            let part = canon::decode(body).expect("a part");
            self.parts.push((self.now_ms, part));
        } else {
            let frame = ReportFrame::parse(packet).expect("a report, an answer or a part");
            let body = key.open_report(&frame).expect("the tag verifies");
            self.reports.push(canon::decode(body).expect("a report"));
        }
    }

    /// Resets a vehicle whose power failed, or else lets it come to rest. Returns whether it rests with its power
    /// on.
    ///
    /// # Panics
    /// If it never comes to rest.
    pub fn settle_through_cuts(&mut self) -> bool {
        if self.flash.is_powered() {
            self.settle();
        } else {
            self.reset(ResetCause::BrownOut);
            return false;
        }
        self.flash.is_powered()
    }

    /// Steps until nothing is due now; boots again where a reset is asked for.
    ///
    /// # Panics
    /// If it never comes to rest.
    pub fn settle(&mut self) {
        for _ in 0..400_000 {
            if !self.flash.is_powered() {
                return;
            }
            if self.supervisor.is_reset_requested() {
                self.reset(ResetCause::Software);
            }
            let Some(agent) = &self.agent else { return };
            if agent.poll_timeout() > Elapsed(self.now_ms) {
                return;
            }
            self.step();
        }
        panic!("the agent never comes to rest");
    }

    /// Lets time pass until an instant, in which the watchdog is fed and nothing else is done; not back.
    pub fn idle(&mut self, until: Elapsed) {
        self.now_ms = self.now_ms.max(until.0);
        self.supervisor.advance(Elapsed(self.now_ms));
        self.supervisor.kick();
    }

    /// Lets time pass, with all that falls due in it, or as much of it as there is power.
    pub fn wait_s(&mut self, seconds: u64) {
        let until = self.now_ms + seconds * 1000;
        loop {
            self.settle();
            if !self.flash.is_powered() {
                return;
            }
            let due = self.agent.as_ref().map_or(u64::MAX, |a| a.poll_timeout().0);
            let deadline = self.supervisor.deadline().map_or(u64::MAX, |d| d.0);
            let next = due.min(deadline).max(self.now_ms);
            if next > until {
                break;
            }
            self.now_ms = next;
            self.supervisor.advance(Elapsed(self.now_ms));
            self.supervisor.kick();
            if deadline <= next {
                self.reset(ResetCause::Deadline);
            }
        }
        self.now_ms = self.now_ms.max(until);
        self.supervisor.advance(Elapsed(self.now_ms));
        self.supervisor.kick();
    }

    /// The uplink key of an epoch.
    #[must_use]
    pub fn uplink(&self, epoch: u8) -> FrameKey {
        let epoch = Epoch::new(epoch).expect("0 to 15");
        self.config
            .link_keys
            .frame_key(self.config.identity.vehicle, Direction::Up, epoch)
    }

    /// A symbol that is not of the object, under a sound MAC of this epoch: what a holder of the link key can send.
    ///
    /// # Panics
    /// There is no such symbol or epoch.
    #[must_use]
    pub fn polluted(&self, object: &UplinkObject, index: u16, epoch: u8) -> Vec<u8> {
        let header = FrameHeader {
            kind: object.kind(),
            epoch: Epoch::new(epoch).expect("0 to 15"),
            number: object.number(),
            k: object.k(),
            index,
        };
        let mut symbol = object.symbol(index).expect("a symbol");
        symbol[3] ^= 0x40;
        let mut out = vec![0; symbol.len() + 16];
        let key = self.uplink(epoch);
        let len = key
            .seal_frame(header, &symbol, self.config.tag_len, &mut out)
            .expect("as long as a frame");
        out.truncate(len);
        out
    }

    /// A packet arrives; the agent does nothing yet.
    ///
    /// # Panics
    /// If no agent runs.
    pub fn hear(&mut self, bytes: &[u8]) {
        let now = self.now();
        let agent = self.agent.as_mut().expect("an agent runs");
        agent.handle_frame(now, bytes);
    }

    /// The frames of these symbols arrive under the ground's epoch, one by one.
    ///
    /// # Panics
    /// If no agent runs.
    pub fn deliver(&mut self, object: &UplinkObject, symbols: impl IntoIterator<Item = u16>) {
        let (key, tag_len) = (self.uplink(self.ground.epoch), self.config.tag_len);
        for index in symbols {
            let frame = object.frame(index, &key, tag_len).expect("an index");
            self.hear(&frame);
            self.settle();
        }
    }

    /// The whole object arrives, no symbol lost.
    pub fn deliver_all(&mut self, object: &UplinkObject) {
        self.deliver(object, 0..object.k());
    }

    /// Signs and delivers a command.
    pub fn command(&mut self, action: Action) {
        let object = self.ground.command(action);
        self.deliver_all(&object);
    }

    /// A new image in the other slot: delivered, verified, not authorized.
    pub fn stage(&mut self, seed: u8, major: u8) -> Built {
        let bytes = (self.image)(seed, 3000);
        let built = self.ground.bundle(&bytes, major);
        self.deliver_all(&built.object);
        built
    }

    /// A new image on trial.
    pub fn try_out(&mut self, seed: u8, major: u8) -> Built {
        let built = self.stage(seed, major);
        let authorization = self.ground.authorization(&built);
        self.deliver_all(&authorization);
        built
    }

    /// A new image, confirmed.
    pub fn update(&mut self, seed: u8, major: u8) -> Built {
        let built = self.try_out(seed, major);
        self.command(Action::Confirm {
            image: built.image.digest,
        });
        built
    }

    /// The latest report.
    ///
    /// # Panics
    /// If there was none.
    #[must_use]
    pub fn report(&self) -> &Report {
        self.reports.last().expect("a report was sent")
    }

    /// Waits for the next beacon and returns it.
    ///
    /// # Panics
    /// If there is none.
    pub fn beacon(&mut self) -> Report {
        self.wait_s(BEACON_S + 1);
        *self.report()
    }

    /// Changes a byte of flash as the factory would, unnoticed.
    pub fn corrupt(&mut self, address: u32) {
        self.flash.flip(address, 0);
    }

    /// The digest of the first bytes of a slot, as they lie there.
    ///
    /// # Panics
    /// If the slot is shorter.
    #[must_use]
    pub fn slot_digest(&self, slot: SlotId, len: u32) -> Digest {
        let region = self.config.map.slot(slot).image;
        let bytes = self.flash.peek(region.start..region.start + len);
        sha256(bytes.expect("within the slot"))
    }

    /// Whether a slot's image or trailer was written since an operation.
    #[must_use]
    pub fn slot_changed_since(&self, operation: u64, slot: SlotId) -> bool {
        let SlotMap { image, trailer } = self.config.map.slot(slot);
        [image, trailer]
            .iter()
            .any(|r| self.flash.changed_since(operation, r.start..r.end()))
    }
}
