//! The agent's state and its four entries. What the steps do stands in the other modules; this one only
//! decides whose turn it is.

use embedded_storage::nor_flash::NorFlash;
use heapless::Vec;
use lightday_boot::store::RecordStore;
use lightday_boot::{
    Elapsed, FlashError, Installed, Record, SlotFacts, Supervisor, keys::KeyRing, loader,
};
use lightday_fec::{BlockShape, TORN};
use lightday_trust::{AuthenticFrame, Direction, FrameKey};
use lightday_wire::answer::Answer;
use lightday_wire::frame::MAX_SYMBOL_LEN;
use lightday_wire::report::Verdict;
use lightday_wire::{
    Epoch, Frame, FrameHeader, Location, ObjectKind, ObjectNumber, Refusal, SlotId, SlotState,
    Stage,
};

use crate::admission::Admitted;
use crate::config::Config;
use crate::digest::RegionDigest;
use crate::documents::Authorized;
use crate::dump::Dump;
use crate::install::Install;
use crate::platform::{Application, DecoderRam, Health, Now, Platform};
use crate::small::{SmallObject, SmallReceptions};
use crate::staging::Staging;
use crate::upkeep;

/// How many bundles may begin their reception before a number is used up again: a bundle's, a command's, any
/// document's. Each costs an erase, and nobody has answered for it yet. A signed envelope does not: whoever
/// recorded it can begin a block with it as often as he likes, and pollute it.
const MAX_UNPROVEN: u8 = 16;
/// The last of the sixteen epochs.
const LAST_EPOCH: u8 = 15;

/// Why the agent cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// The memory map does not fit the flash.
    Map(lightday_boot::MapError),
}

impl core::fmt::Display for StartError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Map(error) => write!(f, "the memory map: {error}"),
        }
    }
}

impl core::error::Error for StartError {}

/// What is known of the bundle in reception.
// One lives at a time, inside the agent: boxing would need an allocator.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug)]
pub(crate) enum Reception {
    /// Its envelope is not complete yet, or nothing is in reception.
    Unjudged,
    /// It waits for something: its base, or a free slot.
    Waiting(Refusal),
    /// Admitted by the early verdict.
    Admitted(Admitted),
}

/// The agent. `N` is the most symbols that the staging log can hold, `W` the bytes of work RAM for the
/// solver, `R` the RAM that decoders work in: `[u8; 16384]`, say, or `&'static mut [u8]`.
pub struct Agent<const N: usize, const W: usize, R = [u8; 0]> {
    pub(crate) config: Config,
    /// What runs this agent.
    pub(crate) running: Location,
    pub(crate) record: Record,
    pub(crate) sequence: u32,
    pub(crate) is_lost: bool,
    pub(crate) keys: KeyRing,
    pub(crate) golden: Option<Installed>,
    pub(crate) facts: [SlotFacts; 2],
    pub(crate) armed: Option<Authorized>,
    pub(crate) uplink: FrameKey,
    pub(crate) downlink: FrameKey,
    pub(crate) staging: Staging<N>,
    pub(crate) reception: Reception,
    pub(crate) install: Install,
    pub(crate) work: [u8; W],
    pub(crate) decoder_ram: R,
    /// A symbol that waits to be logged.
    pub(crate) symbol: Option<(FrameHeader, Vec<u8, MAX_SYMBOL_LEN>)>,
    pub(crate) small: SmallReceptions,
    /// A complete small object that waits to be carried out.
    pub(crate) inbox: Option<SmallObject>,
    /// The bundle in reception is to be judged.
    pub(crate) judge_due: bool,
    /// A verified image may be armed by what is stored.
    pub(crate) arm_due: bool,
    /// When an arming that flash refused is tried again.
    pub(crate) arm_retry: Elapsed,
    /// When a step of the installation that waits is taken again.
    pub(crate) install_retry: Elapsed,
    /// Seconds that an installation, an arming or an activation waits whose commit flash refused; 0 where none was.
    pub(crate) refused_wait_s: u64,
    /// The record changed on its own and is to be committed.
    pub(crate) commit_due: bool,
    /// When to look at what became of a command that a reset was to carry out.
    pub(crate) settle_due: Elapsed,
    pub(crate) region_digest: Option<RegionDigest>,
    pub(crate) answer: Option<Answer>,
    /// The latest dump, until all of its rounds are sent.
    pub(crate) dump: Option<Dump>,
    pub(crate) is_cooperative: bool,
    pub(crate) activation_retry: Elapsed,
    /// Frames of a bad shape or tag.
    pub(crate) frames_refused: u8,
    /// Verdicts, by kind, on objects whose signatures did not hold: reported, and never in flash.
    pub(crate) unsigned: [Option<Verdict>; 4],
    /// Bundles whose reception began since a number was last used up.
    pub(crate) unproven: u8,
    pub(crate) reports: u16,
    pub(crate) report_due: Elapsed,
    /// When the record in flash is to be looked at again.
    pub(crate) record_due: Elapsed,
    /// When blocks of the staging log that failed are tried anew: a day after the first frame that they cost.
    pub(crate) room_due: Elapsed,
    /// When health is to be asked for again.
    pub(crate) health_due: Elapsed,
    /// Since when home has been healthy without a break.
    pub(crate) healthy_since: Option<Elapsed>,
    pub(crate) is_healthy: bool,
    pub(crate) hold: Refusal,
    /// A reset was asked for: nothing more is done.
    pub(crate) is_resetting: bool,
    pub(crate) time_s: Option<u64>,
    /// The CRC of the record as the last call left it.
    pub(crate) record_sum: u32,
}

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    /// Starts the agent after a boot; `running` is what the loader jumped to, `decoder_ram` holds anything.
    ///
    /// # Errors
    /// [`StartError::Map`].
    pub fn start<F: NorFlash, S: Supervisor, A: Application>(
        config: Config,
        decoder_ram: R,
        running: Location,
        now: Now,
        platform: &mut Platform<'_, F, S, A>,
    ) -> Result<Self, StartError> {
        let flash = &mut *platform.flash;
        config.map.check(flash).map_err(StartError::Map)?;
        let (record, sequence, is_lost) = upkeep::read_record(flash, &config.map);
        let keys = lightday_boot::keys::load(flash, &config.map, record.key_set);
        // Both copies are one image: the papers of either tell what it is.
        let mut copies = config.map.golden.into_iter();
        let golden = copies.find_map(|copy| loader::golden_trailer(flash, copy));
        let vehicle = config.identity.vehicle;
        let uplink = config
            .link_keys
            .frame_key(vehicle, Direction::Up, record.epoch);
        let downlink = config
            .link_keys
            .frame_key(vehicle, Direction::Down, record.epoch);
        let mut agent = Self {
            staging: Staging::new::<F>(config.map.staging, config.map.block),
            config,
            running,
            record,
            sequence,
            is_lost,
            keys,
            golden,
            facts: [SlotFacts::default(); 2],
            armed: None,
            uplink,
            downlink,
            reception: Reception::Unjudged,
            install: Install::Idle,
            work: [0; W],
            decoder_ram,
            symbol: None,
            small: SmallReceptions::default(),
            inbox: None,
            judge_due: false,
            // A reset may have come between an image's verification and its arming.
            arm_due: !is_lost,
            arm_retry: Elapsed::NEVER,
            install_retry: Elapsed::NEVER,
            refused_wait_s: 0,
            commit_due: false,
            settle_due: Elapsed::NEVER,
            region_digest: None,
            answer: None,
            dump: None,
            is_cooperative: platform.supervisor.is_cooperative(),
            activation_retry: now.elapsed,
            frames_refused: 0,
            unsigned: [None; 4],
            unproven: 0,
            reports: 0,
            report_due: now.elapsed,
            record_due: now.elapsed.plus_s(upkeep::look_s(is_lost)),
            room_due: Elapsed::NEVER,
            health_due: now.elapsed,
            healthy_since: None,
            is_healthy: platform.application.health() == Health::Healthy,
            hold: Refusal::None,
            is_resetting: false,
            time_s: now.time_s,
            record_sum: 0,
        };
        agent.refresh_facts(platform.flash);
        if agent.is_unsettled() {
            agent.settle_due = now.elapsed;
        }
        if !agent.has_deadline() {
            let until = now.elapsed.plus_s(agent.config.command_loss_s);
            platform.supervisor.set_deadline(until, false);
        }
        agent.seal();
        Ok(agent)
    }

    /// Takes a frame as it came from the radio. Touches no flash: what is authentic waits for
    /// [`Self::handle_timeout`]. A frame that comes while another waits is dropped, as a lost one is.
    pub fn handle_frame(&mut self, now: Now, bytes: &[u8]) {
        if self.is_upset() {
            // Nothing is judged by such a record. This frame is lost; the next step mends it.
            self.record_due = Elapsed(0);
            return;
        }
        self.time_s = now.time_s;
        if self.is_resetting || self.accept(now, bytes).is_some() {
            return;
        }
        self.frames_refused = self.frames_refused.saturating_add(1);
    }

    /// Number and MAC; `None` if shape or tag are bad. What is late, or not for now, is dropped before its
    /// tag is looked at, and is no refusal: symbols that an object did not need any more come so.
    fn accept(&mut self, now: Now, bytes: &[u8]) -> Option<()> {
        let frame = Frame::parse(bytes, self.config.tag_len).ok()?;
        let header = frame.header;
        if self.is_lost || header.epoch != self.record.epoch {
            return self.accept_later_epoch(frame);
        }
        if !header
            .number
            .is_in_window(self.record.next_number(header.kind))
        {
            return Some(());
        }
        let frame = self.uplink.open_frame(frame).ok()?;
        if header.index == TORN {
            return None;
        }
        if header.kind == ObjectKind::Bundle {
            self.accept_symbol(now, &frame)
        } else {
            self.accept_small(&frame)
        }
    }

    /// Under a later epoch's key only commands are heard: the epoch switch, and the resynchronisation
    /// of a vehicle that lost its record, whatever its number.
    fn accept_later_epoch(&mut self, frame: Frame<'_>) -> Option<()> {
        let header = frame.header;
        let next = self.record.next_number(ObjectKind::Command);
        if !self.is_later(header.epoch)
            || header.kind != ObjectKind::Command
            || !(self.is_lost || header.number.is_in_window(next))
        {
            return Some(());
        }
        let (vehicle, up) = (self.config.identity.vehicle, Direction::Up);
        let key = self.config.link_keys.frame_key(vehicle, up, header.epoch);
        let frame = key.open_frame(frame).ok()?;
        if header.index == TORN {
            return None;
        }
        self.accept_small(&frame)
    }

    /// Whether an epoch may follow the one in force. After the last there is none: a vehicle that lost its
    /// record then hears the last one itself, or it would be deaf for ever.
    pub(crate) fn is_later(&self, epoch: Epoch) -> bool {
        epoch > self.record.epoch
            || (self.is_lost && epoch == self.record.epoch && epoch.get() == LAST_EPOCH)
    }

    fn accept_small(&mut self, frame: &AuthenticFrame<'_>) -> Option<()> {
        if self.inbox.is_none() {
            let next = self.record.next_number(frame.header().kind);
            self.inbox = self.small.accept(frame, next);
        }
        Some(())
    }

    fn accept_symbol(&mut self, now: Now, frame: &AuthenticFrame<'_>) -> Option<()> {
        let header = frame.header();
        let symbol_len = u16::try_from(frame.symbol().len()).ok()?;
        let shape = BlockShape::new(header.k, symbol_len).ok()?;
        if self.staging.is_scanning() || self.symbol.is_some() {
            return Some(());
        }
        match self.staging.named() {
            Some(named) if named.number == header.number => {
                if named.shape != shape {
                    return None;
                }
                if self.staging.is_complete() || !self.staging.is_new(header.index) {
                    return Some(());
                }
            }
            // One bundle at a time: the next one begins when this one is installed or aborted. Only one
            // that waits for its base gives way, to one of a lower number: that may bring it.
            Some(named) if !self.gives_way(named.number, header.number) => return Some(()),
            // Whoever has the link key could begin one after the other, an erase each.
            _ if self.unproven >= MAX_UNPROVEN => return Some(()),
            _ => {
                if let Err(why) = self.staging.check(shape) {
                    self.refuse_shape(header.number, why);
                    self.note_shortage(now);
                    return None;
                }
                self.drop_reception();
            }
        }
        self.symbol = Some((header, Vec::from_slice(frame.symbol()).ok()?));
        Some(())
    }

    fn gives_way(&self, received: ObjectNumber, other: ObjectNumber) -> bool {
        matches!(self.reception, Reception::Waiting(Refusal::UnknownBase)) && other < received
    }

    /// An object that cannot be staged is reported, and leaves no trace in flash: nobody has signed this.
    pub(crate) fn refuse_shape(&mut self, number: ObjectNumber, refusal: Refusal) {
        let stage = Stage::Refused;
        let verdict = Verdict {
            number,
            stage,
            refusal,
        };
        if self.verdict(ObjectKind::Bundle) != verdict {
            self.note_unsigned(ObjectKind::Bundle, verdict);
            self.report_due = Elapsed(0);
        }
    }

    /// The verdict on the latest object of a kind, signed or not, as the report tells it.
    #[must_use]
    pub fn verdict(&self, kind: ObjectKind) -> Verdict {
        let unsigned = kind.uplink_index().and_then(|i| self.unsigned.get(i));
        unsigned
            .copied()
            .flatten()
            .unwrap_or_else(|| self.record.verdict(kind))
    }

    /// Notes a verdict on an object that was signed: it goes into the record.
    pub(crate) fn set_verdict(&mut self, kind: ObjectKind, verdict: Verdict) {
        if let Some(unsigned) = kind.uplink_index().and_then(|i| self.unsigned.get_mut(i)) {
            *unsigned = None;
        }
        self.record.set_verdict(kind, verdict);
    }

    /// Notes a verdict on an object that nobody is known to have signed: in RAM only, so that no forger
    /// wears the flash out or has a signed object's end forgotten.
    pub(crate) fn note_unsigned(&mut self, kind: ObjectKind, verdict: Verdict) {
        if let Some(unsigned) = kind.uplink_index().and_then(|i| self.unsigned.get_mut(i)) {
            *unsigned = Some(verdict);
        }
    }

    /// Does one step of whatever is due.
    pub fn handle_timeout<F: NorFlash, S: Supervisor, A: Application>(
        &mut self,
        now: Now,
        platform: &mut Platform<'_, F, S, A>,
    ) {
        self.time_s = now.time_s;
        if self.is_resetting {
            return;
        }
        if self.is_upset() {
            self.reload_record(now, platform.flash, platform.supervisor);
        } else {
            self.step(now, platform);
        }
        self.seal();
    }

    /// When to call [`Self::handle_timeout`] next; an instant in the past means now.
    #[must_use]
    pub fn poll_timeout(&self) -> Elapsed {
        if self.is_resetting {
            return Elapsed::NEVER;
        }
        if self.has_work() {
            return Elapsed(0);
        }
        self.health_due
            .min(self.record_due)
            .min(self.room_due)
            .min(self.report_due)
            .min(self.arm_retry)
            .min(self.install_due())
            .min(self.settle_due)
            .min(self.activation_due())
            .min(self.dump.as_ref().map_or(Elapsed::NEVER, Dump::due))
    }

    /// What runs this agent.
    #[must_use]
    pub const fn running(&self) -> Location {
        self.running
    }

    /// The record as the agent knows it.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// Symbols that the bundle in reception still needs.
    #[must_use]
    pub fn symbols_needed(&self) -> u16 {
        self.staging.needed()
    }

    /// Commits the record: the one moment at which a decision holds.
    pub(crate) fn commit<F: NorFlash>(&mut self, flash: &mut F) -> Result<(), FlashError> {
        let store = RecordStore::new(self.config.map.record);
        self.sequence = store.save(flash, self.sequence, &self.record)?;
        self.refused_wait_s = 0;
        Ok(())
    }

    /// Asks the supervisor for a reset and does nothing more.
    pub(crate) fn reset<S: Supervisor>(&mut self, supervisor: &mut S) {
        self.is_resetting = true;
        supervisor.request_reset();
    }

    /// The slot that waits for its activation.
    pub(crate) fn record_armed_slot(&self) -> Option<SlotId> {
        SlotId::ALL
            .into_iter()
            .find(|slot| self.record.slot(*slot).state == SlotState::Armed)
    }

    /// The slot on trial, if it is what runs.
    pub(crate) fn trial_slot(&self) -> Option<SlotId> {
        self.record
            .trial_slot()
            .filter(|slot| self.running == Location::Slot(*slot))
    }

    /// Forgets the bundle in reception.
    pub(crate) fn drop_reception(&mut self) {
        self.staging.drop_named();
        self.judge_due = false;
        self.reception = Reception::Unjudged;
        self.install = Install::Idle;
        self.install_retry = Elapsed::NEVER;
        self.symbol = None;
    }

    /// The number of the bundle in reception.
    pub(crate) fn receiving(&self) -> Option<ObjectNumber> {
        self.staging.named().map(|named| named.number)
    }
}
