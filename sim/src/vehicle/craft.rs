//! The vehicle in motion: reset, loader, application and agent, one event after the other.
//!
//! It never decides what boots and never interprets a frame: the real loader and the real agent do. It
//! only takes time, delivers frames to whoever listens, and pulls the reset line when the supervisor says
//! so.
//!
//! ```text
//!      power on                 loader: boots                    trap, watchdog, deadline, request
//! Off ----------> Booting ----------------------> Running ------------------------------> Booting
//!   ^               | nothing intact: again after a rest      |
//!   +---------------+------------- power cut ------------------+
//! ```

use std::collections::BTreeMap;

use embedded_storage::nor_flash::NorFlash;
use lightday_agent::{Agent, Config, Now, Platform};
use lightday_boot::{Boot, Elapsed, RETRY_S, Supervisor, load};
use lightday_trust::memo;
use lightday_wire::{Digest, Location, ResetCause, SlotId, Version};

use super::application::SimApplication;
use super::happening::Happening;
use super::software::{Behaviour, Software};
use super::supervisor::SimSupervisor;
use crate::flash::SimFlash;
use crate::rng::Rng;
use crate::time::{Calendar, MissionTime};

/// Most symbols that the staging log of a simulated vehicle lists.
pub const MAX_SYMBOLS: usize = 4096;
/// Work RAM of the solver, in bytes.
pub const WORK_RAM: usize = 16 * 1024;

/// What a byte of RAM holds when the power comes: nobody may count on zeros.
const RAM_AT_POWER_ON: u8 = 0xa5;

type FlightAgent = Agent<MAX_SYMBOLS, WORK_RAM, Vec<u8>>;

/// From the reset to the jump.
const BOOT_MS: u64 = 2000;
/// What a step of the agent takes.
const STEP_MS: u64 = 5;
/// How long the power stays away after a cut.
const OUTAGE_MS: u64 = 10_000;
/// The watchdog's patience.
const WATCHDOG_MS: u64 = 30_000;
/// The longest report.
const MAX_REPORT: usize = 128;

struct Running {
    image: Digest,
    application: SimApplication,
    behaviour: Behaviour,
    /// `None` while the image does not run it, or if it could not start.
    agent: Option<Box<FlightAgent>>,
    /// Where it runs.
    location: Location,
    /// Before this instant the processor is busy with the step before.
    busy_until: Elapsed,
}

enum State {
    Off { until: Elapsed },
    Booting { until: Elapsed },
    Running(Box<Running>),
}

/// A vehicle with a flash of any geometry.
pub struct Vehicle<const WRITE: usize, const ERASE: usize> {
    flash: SimFlash<WRITE, ERASE>,
    config: Config,
    decoder_ram: usize,
    calendar: Calendar,
    supervisor: SimSupervisor,
    software: Software,
    state: State,
    first_boots: BTreeMap<Digest, Elapsed>,
    known_images: BTreeMap<(u32, u32), (u64, Digest)>,
    rng: Rng,
    knows_time: bool,
    may_activate: bool,
}

const fn elapsed(t: MissionTime) -> Elapsed {
    Elapsed(t.ms())
}

impl<const WRITE: usize, const ERASE: usize> Vehicle<WRITE, ERASE> {
    /// A vehicle that is switched on when the mission starts.
    #[must_use]
    pub fn new(
        flash: SimFlash<WRITE, ERASE>,
        config: Config,
        software: Software,
        calendar: Calendar,
        seed: u64,
    ) -> Self {
        Self {
            flash,
            config,
            decoder_ram: 0,
            calendar,
            supervisor: SimSupervisor::new(Elapsed(0), WATCHDOG_MS),
            software,
            state: State::Booting {
                until: Elapsed(BOOT_MS),
            },
            first_boots: BTreeMap::new(),
            known_images: BTreeMap::new(),
            rng: Rng::stream(seed, "vehicle"),
            knows_time: true,
            may_activate: true,
        }
    }

    /// The same with so many bytes of RAM for decoders, from the next start of the agent on; there are none
    /// otherwise.
    #[must_use]
    pub const fn with_decoder_ram(mut self, len: usize) -> Self {
        self.decoder_ram = len;
        self
    }

    /// This vehicle with `flash` in it, had its power failed at `at`: whatever RAM knew is gone.
    #[must_use]
    pub fn cut_off(&self, mut flash: SimFlash<WRITE, ERASE>, at: MissionTime) -> Self {
        flash.power_off();
        let operations = flash.operations();
        let mut known_images = self.known_images.clone();
        known_images.retain(|_, (seen, _)| *seen <= operations);
        Self {
            flash,
            config: self.config.clone(),
            decoder_ram: self.decoder_ram,
            calendar: self.calendar,
            supervisor: self.supervisor.clone(),
            software: self.software.clone(),
            state: State::Off {
                until: elapsed(at).plus_ms(OUTAGE_MS),
            },
            first_boots: self.first_boots.clone(),
            known_images,
            rng: self.rng.clone(),
            knows_time: self.knows_time,
            may_activate: self.may_activate,
        }
    }

    /// The flash, for checkers.
    #[must_use]
    pub const fn flash(&self) -> &SimFlash<WRITE, ERASE> {
        &self.flash
    }

    /// The flash, for those who damage it.
    pub const fn flash_mut(&mut self) -> &mut SimFlash<WRITE, ERASE> {
        &mut self.flash
    }

    /// The agent's configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The supervisor.
    #[must_use]
    pub const fn supervisor(&self) -> &SimSupervisor {
        &self.supervisor
    }

    /// Lets an image behave so from its next boot on.
    pub fn set_behaviour(&mut self, image: Digest, behaviour: Behaviour) {
        self.software.set(image, behaviour);
    }

    /// Lets the image that runs behave so from now on, and at each of its boots: what a command to its application
    /// can come to. Nothing happens while nothing runs.
    pub fn behave(&mut self, behaviour: Behaviour) {
        if let State::Running(running) = &mut self.state {
            running.behaviour = behaviour;
            running.application.behave(behaviour);
            self.software.set(running.image, behaviour);
        }
    }

    /// Whether onboard time is known.
    pub const fn set_time_known(&mut self, known: bool) {
        self.knows_time = known;
    }

    /// Whether the application lets an image be activated.
    pub const fn set_may_activate(&mut self, may: bool) {
        self.may_activate = may;
    }

    /// Where the running image lies; `None` while nothing runs.
    #[must_use]
    pub fn running(&self) -> Option<Location> {
        match &self.state {
            State::Running(running) => Some(running.location),
            _ => None,
        }
    }

    /// The running agent.
    #[must_use]
    pub fn agent(&self) -> Option<&FlightAgent> {
        match &self.state {
            State::Running(running) => running.agent.as_deref(),
            _ => None,
        }
    }

    /// When something happens of itself.
    #[must_use]
    pub fn next_event(&self) -> MissionTime {
        let at = match &self.state {
            State::Off { until } | State::Booting { until } => *until,
            State::Running(running) => {
                let (reset, _) = self.reset_line(running);
                reset.min(running.next_turn())
            }
        };
        MissionTime::from_ms(at.0)
    }

    /// A frame arrives at the vehicle. Whoever does not listen does not hear it.
    pub fn receive(&mut self, at: MissionTime, bytes: &[u8]) {
        self.supervisor.advance(elapsed(at));
        let now = self.now();
        if let State::Running(running) = &mut self.state
            && running.behaviour.hears()
            && running.application.kicks()
            && let Some(agent) = &mut running.agent
        {
            agent.handle_frame(now, bytes);
        }
    }

    /// Lets the next event happen, which is due at `at`. What this thread has verified once on any vehicle, it
    /// remembers: ed25519 would be nine tenths of all work.
    pub fn step(&mut self, at: MissionTime) -> Happening {
        memo::remembering(|| self.happen(at))
    }

    fn happen(&mut self, at: MissionTime) -> Happening {
        self.supervisor.advance(elapsed(at));
        let now = elapsed(at);
        match &self.state {
            State::Off { .. } => self.power_on(now),
            State::Booting { .. } => self.boot(now),
            State::Running(running) => match self.reset_line(running) {
                (due, cause) if due <= now => self.reset(now, cause),
                _ => self.turn(now),
            },
        }
    }

    /// A particle strikes: the processor is reset, whatever it was doing.
    pub fn upset(&mut self, at: MissionTime) -> Happening {
        self.supervisor.advance(elapsed(at));
        match self.state {
            State::Off { .. } => Happening::Stepped,
            State::Booting { .. } | State::Running(_) => self.reset(elapsed(at), ResetCause::Upset),
        }
    }

    /// The present as agent and loader see it.
    fn now(&self) -> Now {
        let elapsed = self.supervisor.elapsed();
        let t = MissionTime::from_ms(elapsed.0);
        Now {
            elapsed,
            time_s: self.knows_time.then(|| self.calendar.unix_s(t)),
        }
    }

    /// When the processor is reset next, and why.
    fn reset_line(&self, running: &Running) -> (Elapsed, ResetCause) {
        let own = running.application.trap();
        let hangs_at = running.application.hangs_at();
        let supervised = self.supervisor.reset_line(hangs_at);
        own.map_or(supervised, |own| own.min(supervised))
    }

    fn power_on(&mut self, now: Elapsed) -> Happening {
        self.flash.power_on();
        self.flash.unlock();
        self.supervisor.reset(ResetCause::BrownOut);
        self.state = State::Booting {
            until: now.plus_ms(BOOT_MS),
        };
        Happening::PowerBack
    }

    fn reset(&mut self, now: Elapsed, cause: ResetCause) -> Happening {
        self.supervisor.reset(cause);
        self.flash.unlock();
        self.state = State::Booting {
            until: now.plus_ms(BOOT_MS),
        };
        Happening::Reset(cause)
    }

    fn lose_power(&mut self, now: Elapsed) -> Happening {
        self.state = State::Off {
            until: now.plus_ms(OUTAGE_MS),
        };
        Happening::PowerLost
    }

    fn boot(&mut self, now: Elapsed) -> Happening {
        let (map, identity) = (self.config.map, self.config.identity);
        let booted = load(&mut self.flash, &map, identity, &mut self.supervisor);
        if !self.flash.is_powered() {
            return self.lose_power(now);
        }
        if self.supervisor.is_locked() {
            let locked = map.locked().map(|region| region.start..region.end());
            self.flash.lock(locked);
        }
        match booted {
            Ok(boot) => self.jump(now, &boot),
            Err(_) => {
                self.supervisor.reset(ResetCause::Unknown);
                self.state = State::Booting {
                    until: now.plus_s(RETRY_S),
                };
                Happening::NothingBoots
            }
        }
    }

    fn jump(&mut self, now: Elapsed, boot: &Boot) -> Happening {
        let image = self.digest_of(boot);
        let behaviour = self.software.of(&image);
        let first = *self.first_boots.entry(image).or_insert(now);
        let mut application = SimApplication::new(behaviour, now, first);
        application.may_activate = self.may_activate;
        let agent = if behaviour.runs_agent() {
            self.start_agent(boot.location, &mut application)
        } else {
            None
        };
        if !self.flash.is_powered() {
            return self.lose_power(now);
        }
        self.supervisor.kick();
        self.state = State::Running(Box::new(Running {
            image,
            application,
            behaviour,
            agent,
            location: boot.location,
            busy_until: now,
        }));
        Happening::Booted {
            location: boot.location,
            image,
            version: boot
                .installed
                .map_or_else(Version::default, |i| i.image.version),
            behaviour,
        }
    }

    fn start_agent(
        &mut self,
        running: Location,
        application: &mut SimApplication,
    ) -> Option<Box<FlightAgent>> {
        let now = self.now();
        let mut platform = Platform {
            flash: &mut self.flash,
            supervisor: &mut self.supervisor,
            application,
        };
        let ram = vec![RAM_AT_POWER_ON; self.decoder_ram];
        FlightAgent::start(self.config.clone(), ram, running, now, &mut platform)
            .ok()
            .map(Box::new)
    }

    /// The digest of the bytes that were jumped to, however long they say they are.
    fn digest_of(&mut self, boot: &Boot) -> Digest {
        let size = boot.installed.map_or(boot.region.len, |i| i.image.size);
        let key = (boot.region.start, size);
        let range = boot.region.start..boot.region.start + size.min(boot.region.len);
        if let Some((operation, digest)) = self.known_images.get(&key)
            && !self.flash.changed_since(*operation, range.clone())
        {
            return *digest;
        }
        let bytes = self.flash.peek(range).unwrap_or(&[]);
        let digest = lightday_trust::digest::sha256(bytes);
        self.known_images
            .insert(key, (self.flash.operations(), digest));
        digest
    }

    /// One turn of the running image.
    fn turn(&mut self, now: Elapsed) -> Happening {
        let clock = self.now();
        let State::Running(running) = &mut self.state else {
            return Happening::Stepped;
        };
        running.busy_until = now.plus_ms(STEP_MS);
        running.application.now = now;
        running.application.may_activate = self.may_activate;
        self.supervisor.kick();
        if running
            .application
            .vandalises_at()
            .is_some_and(|at| at <= now)
        {
            running.application.set_vandalised();
            let location = running.location;
            return self.vandalise(location);
        }
        let Some(agent) = &mut running.agent else {
            return Happening::Stepped;
        };
        let mut platform = Platform {
            flash: &mut self.flash,
            supervisor: &mut self.supervisor,
            application: &mut running.application,
        };
        agent.handle_timeout(clock, &mut platform);
        let mut packet = [0; MAX_REPORT];
        let sent = agent.poll_transmit(clock, &mut packet);
        if !self.flash.is_powered() {
            return self.lose_power(now);
        }
        match sent.filter(|_| running.behaviour.is_heard()) {
            Some(len) => Happening::Sent(packet[..len].to_vec()),
            None => Happening::Stepped,
        }
    }

    /// Writes where it should not: golden, key sets, floors, all copies of the record, pending documents,
    /// the other slot and its own trailer.
    fn vandalise(&mut self, location: Location) -> Happening {
        let map = self.config.map;
        let before = self.flash.stats().protected;
        let mut garbage = vec![0; WRITE];
        self.rng.fill(&mut garbage);
        let golden = map
            .golden
            .iter()
            .flat_map(|copy| [copy.image, copy.trailer]);
        let trailers = map.slots.map(|slot| slot.trailer);
        let others = SlotId::ALL
            .into_iter()
            .filter(|slot| location != Location::Slot(*slot))
            .map(|slot| map.slot(slot).image)
            .chain(trailers);
        let open = map.record.into_iter().chain([map.pending]).chain(others);
        let locked = map.key_sets.into_iter().chain([map.floors]);
        for region in golden.chain(locked).chain(open) {
            // What the hardware refuses is counted by the flash.
            let _ = self.flash.erase(region.start, region.end());
            let _ = self.flash.write(region.start, &garbage);
        }
        Happening::Vandalised(self.flash.stats().protected - before)
    }
}

impl Running {
    /// When image or agent do something next.
    fn next_turn(&self) -> Elapsed {
        if !self.application.kicks() {
            return Elapsed::NEVER;
        }
        let agent = self
            .agent
            .as_ref()
            .map_or(Elapsed::NEVER, |agent| agent.poll_timeout());
        let own = self.application.vandalises_at().unwrap_or(Elapsed::NEVER);
        agent.min(own).max(self.busy_until)
    }
}
