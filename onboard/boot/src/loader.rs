//! The loader's one job, from reset to jump. It writes the record, and alone key sets and floors; never an
//! image.
//!
//! ```text
//! record (three copies) -> key sets -> trailers of A and B -> select -> digest of what is to boot
//!     ^                                                         |  wrong: select again
//!     +--- save before the jump --- deadline in the supervisor -+ --> lock --> jump
//! ```
//! Where nothing has its digest, nothing is written either: it can go on so for years, and is tried again as long.

use embedded_storage::nor_flash::NorFlash;
use lightday_wire::{Location, ResetCause, RevertCause, SlotId, SlotState};

use crate::flash::Region;
use crate::floors::{self, Floor};
use crate::judge::{self, Installed, SlotFacts};
use crate::keys::{self, KeyRing};
use crate::map::{Identity, MemoryMap, SlotMap};
use crate::record::{CRASH_LIMIT, ENVIRONMENT_BUDGET, HomeCode, Record, SlotRecord};
use crate::select::{Deadline, Decision, Wake, of, select};
use crate::store::{RecordStore, Stored};
use crate::succession;
use crate::supervisor::{Elapsed, Supervisor};
use crate::trailer::{Entry, Trailer};

/// Crashes after which the other slot runs in dead golden's stead.
const CRASHES_OF_A_TURN: u8 = CRASH_LIMIT + 1;
/// The same of resets by software: they may be an application's own way to end a panic.
const RESETS_OF_A_TURN: u8 = ENVIRONMENT_BUDGET + 1;
/// Where no crash can be counted: milliseconds of elapsed time in which one slot has its turn.
const TURN_MS: u64 = 600_000;

/// Seconds that the loader rests where nothing boots, before it tries again.
pub const RETRY_S: u64 = 30;

/// What the loader jumps to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Which image.
    pub location: Location,
    /// Where it lies in flash.
    pub region: Region,
    /// What it is, as its trailer says.
    pub installed: Option<Installed>,
    /// Whether the record was lost: golden runs, and waits for a resynchronisation.
    pub is_record_lost: bool,
}

/// Why nothing boots now. Reads may get better: the board rests for [`RETRY_S`] without a kick, resets itself as
/// [`ResetCause::Unknown`], and tries again, for ever. Nothing was written. A board that only waits is reset all the
/// same: by the watchdog, or by the supervisor's deadline, which is set to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BootError {
    /// No image on board that may run has its digest, golden's copies included.
    NothingIntact,
}

impl core::fmt::Display for BootError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no image on board that may run has its digest")
    }
}

impl core::error::Error for BootError {}

/// Puts a key set in force that waits, decides what boots, saves the record, sets the supervisor's deadline
/// and locks what no application may write.
///
/// # Errors
/// [`BootError::NothingIntact`].
pub fn load<F: NorFlash, S: Supervisor>(
    flash: &mut F,
    map: &MemoryMap,
    identity: Identity,
    supervisor: &mut S,
) -> Result<Boot, BootError> {
    let boot = prepare(flash, map, identity, supervisor);
    if boot.is_err() {
        let again = supervisor.elapsed().plus_s(RETRY_S);
        supervisor.set_deadline(again, false);
    }
    let boot = boot?;
    supervisor.lock();
    Ok(boot)
}

fn prepare<F: NorFlash, S: Supervisor>(
    flash: &mut F,
    map: &MemoryMap,
    identity: Identity,
    supervisor: &mut S,
) -> Result<Boot, BootError> {
    let store = RecordStore::new(map.record);
    let wake = Wake {
        cause: supervisor.reset_cause(),
        elapsed: supervisor.elapsed(),
    };
    let Some(stored) = store.load(flash) else {
        supervisor.set_deadline(Elapsed::NEVER, false);
        return golden_or_proven(flash, map, identity, None, Turn::At(wake.elapsed));
    };
    let mut record = with_floors(flash, map, &stored);
    // Before anything is written: where nothing boots, nothing is.
    let mut choice = choose(flash, map, identity, &record, wake)?;
    if succession::is_waiting(&record) {
        succession::take_up(flash, map, identity, &mut record);
        choice = choose(flash, map, identity, &record, wake)?;
    }
    let Choice {
        keys,
        mut facts,
        mut decision,
        mut boot,
    } = choice;
    // Each boot skips a sequence: a commit that was cut, and reads well only later, must not tie with this.
    let sequence = stored.sequence.saturating_add(1);
    if store.save(flash, sequence, &decision.record).is_err() {
        decision = without_record(flash, map, &record, &mut facts, wake);
        let turn = Turn::At(wake.elapsed);
        boot = to_boot(flash, map, identity, &decision, &facts, turn)?;
    } else {
        if let Location::Slot(slot) = decision.boot {
            write_down_confirmed(flash, map, decision.record.slot(slot).state, slot, &facts);
        }
        // Later than the record, and never without it: a cut in between leaves a floor low, and the next boot raises it.
        raise_floors(flash, map, &decision.record, &facts, &keys);
    }
    match decision.deadline {
        Deadline::Lease(at) => supervisor.set_deadline(at, true),
        Deadline::CommandLoss(at) => supervisor.set_deadline(at, false),
        Deadline::None => supervisor.set_deadline(Elapsed::NEVER, false),
    }
    Ok(boot)
}

/// What is to boot, and all that it was decided by.
struct Choice {
    keys: KeyRing,
    facts: [SlotFacts; 2],
    decision: Decision,
    boot: Boot,
}

/// Decides what boots, and reads it. Writes nothing.
fn choose<F: NorFlash>(
    flash: &mut F,
    map: &MemoryMap,
    identity: Identity,
    record: &Record,
    wake: Wake,
) -> Result<Choice, BootError> {
    let keys = keys::load(flash, map, record.key_set);
    let mut facts = slot_facts(flash, map, identity, &keys);
    let decision = decide(flash, map, record, &mut facts, wake);
    let boot = to_boot(flash, map, identity, &decision, &facts, Turn::Counted)?;
    Ok(Choice {
        keys,
        facts,
        decision,
        boot,
    })
}

/// What was decided on, or golden, or what runs in its stead.
fn to_boot<F: NorFlash>(
    flash: &mut F,
    map: &MemoryMap,
    identity: Identity,
    decision: &Decision,
    facts: &[SlotFacts; 2],
    turn: Turn,
) -> Result<Boot, BootError> {
    match decision.boot {
        Location::Slot(slot) => Ok(Boot {
            location: decision.boot,
            region: map.slot(slot).image,
            installed: of(facts, slot).installed,
            is_record_lost: false,
        }),
        Location::Golden => golden_or_proven(flash, map, identity, Some(&decision.record), turn),
    }
}

/// The record with each number at least at its floor.
#[must_use]
pub fn with_floors<F: NorFlash>(flash: &mut F, map: &MemoryMap, stored: &Stored) -> Record {
    let mut record = stored.record.clone();
    apply_floors(flash, map, &mut record);
    record
}

/// Raises the record's numbers to their floors, as far as words prove them that read as programmed: what
/// is saved with the record stays, and a fault of one boot must not.
pub fn apply_floors<F: NorFlash>(flash: &mut F, map: &MemoryMap, record: &mut Record) {
    let security = floors::proven(flash, map.floors, Floor::Security);
    let key_set = floors::proven(flash, map.floors, Floor::KeySet);
    let epoch = floors::proven(flash, map.floors, Floor::Epoch);
    record.security_counter = record.security_counter.max(security);
    let key_set = u16::try_from(key_set).unwrap_or(u16::MAX);
    record.key_set = keys::in_force(flash, map, record.key_set, key_set);
    let epoch = u8::try_from(epoch).ok().and_then(lightday_wire::Epoch::new);
    record.epoch = record.epoch.max(epoch.unwrap_or(record.epoch));
}

/// Raises the floors to the record's numbers. A step can never be taken back, so none is taken on the
/// record's word where there is a proof: the security counter goes no higher than the signed manifest of an
/// image that was confirmed (one that heard a command and was reverted was not), the key set no higher than
/// the set that is stored. Best effort: the record holds until a later boot succeeds.
pub fn raise_floors<F: NorFlash>(
    flash: &mut F,
    map: &MemoryMap,
    record: &Record,
    facts: &[SlotFacts; 2],
    keys: &KeyRing,
) {
    let signed = |facts: &SlotFacts| facts.installed.filter(|i| i.is_signed);
    let both = facts.iter().zip(&record.slots);
    let proven = both.filter(|(facts, entry)| facts.was_confirmed_by(entry));
    let signed = proven.filter_map(|(facts, _)| signed(facts));
    let security = signed.map(|i| i.security_counter).max();
    let key_set = keys.current.as_ref().map_or(0, |set| set.version);
    for (floor, target) in [
        (
            Floor::Security,
            record.security_counter.min(security.unwrap_or(0)),
        ),
        (Floor::KeySet, u32::from(record.key_set.min(key_set))),
        (Floor::Epoch, u32::from(record.epoch.get())),
    ] {
        let _ = floors::raise(flash, map.floors, floor, target);
    }
}

/// Leaves in its trailer that an image confirmed itself. The record says so already, and may be lost; a command that
/// was heard does not tell it from one that was reverted. The last two cells are for a Rollback to it and its Confirm.
/// Best effort, at each boot.
fn write_down_confirmed<F: NorFlash>(
    flash: &mut F,
    map: &MemoryMap,
    state: SlotState,
    slot: SlotId,
    facts: &[SlotFacts; 2],
) {
    let facts = of(facts, slot);
    let trailer = Trailer::new(map.slot(slot).trailer);
    let Some(number) = facts.heard else { return };
    let is_new = facts.may_self_confirm() && facts.last_confirmed() < Some(number);
    if state == SlotState::Confirmed && is_new && trailer.free(flash) > 2 {
        let _ = trailer.append(flash, Entry::SelfConfirmed { number });
    }
}

/// What the trailers of both slots prove.
#[must_use]
pub fn slot_facts<F: NorFlash>(
    flash: &mut F,
    map: &MemoryMap,
    identity: Identity,
    keys: &KeyRing,
) -> [SlotFacts; 2] {
    let mut read = |slot| judge::read(flash, Trailer::new(map.slot(slot).trailer), identity, keys);
    [read(SlotId::A), read(SlotId::B)]
}

/// Selects until what is to boot has its digest. Each turn finds one slot wanting, so three are enough.
fn decide<F: NorFlash>(
    flash: &mut F,
    map: &MemoryMap,
    record: &Record,
    facts: &mut [SlotFacts; 2],
    wake: Wake,
) -> Decision {
    loop {
        let decision = select(record, facts, wake);
        let Location::Slot(slot) = decision.boot else {
            return decision;
        };
        if is_slot_intact(flash, map.slot(slot), of(facts, slot)) {
            return decision;
        }
        if let Some(wanting) = facts.get_mut(slot.index()) {
            wanting.is_intact = false;
        }
    }
}

/// Whether the slot holds its image. Read again once: a read fault may be gone.
fn is_slot_intact<F: NorFlash>(flash: &mut F, slot: SlotMap, facts: &SlotFacts) -> bool {
    facts.installed.is_some_and(|installed| {
        judge::is_intact(flash, slot.image, &installed.image)
            || judge::is_intact(flash, slot.image, &installed.image)
    })
}

/// The decision where the record cannot be written: what cannot be counted is not tried. Home boots, if
/// it is whole and did not just crash; else golden, which needs no record.
fn without_record<F: NorFlash>(
    flash: &mut F,
    map: &MemoryMap,
    record: &Record,
    facts: &mut [SlotFacts; 2],
    wake: Wake,
) -> Decision {
    let mut record = record.clone();
    if let Some(slot) = record.trial_slot() {
        record.slot_mut(slot).state = SlotState::Reverted;
        record.revert_cause = RevertCause::RecordLost;
    } else if !wake.cause.is_environment() && wake.cause != ResetCause::Unknown {
        record.home = HomeCode(Location::Golden);
    }
    decide(flash, map, &record, facts, wake)
}

/// Golden; where no copy of it has its digest any more, a slot that still has its: one that was confirmed, if there is.
fn golden_or_proven<F: NorFlash>(
    flash: &mut F,
    map: &MemoryMap,
    identity: Identity,
    record: Option<&Record>,
    turn: Turn,
) -> Result<Boot, BootError> {
    let is_record_lost = record.is_none();
    if let Some(boot) = golden(flash, map, is_record_lost) {
        return Ok(boot);
    }
    let nothing = [SlotRecord::EMPTY; 2];
    let mut numbers = record.map_or_else(
        || Record::at_launch(nothing, Location::Golden, 0),
        Record::clone,
    );
    apply_floors(flash, map, &mut numbers);
    let keys = keys::load(flash, map, numbers.key_set);
    let facts = slot_facts(flash, map, identity, &keys);
    let is_fit = |slot: &SlotId| {
        let facts = of(&facts, *slot);
        facts.may_be_home() && is_slot_intact(flash, map.slot(*slot), facts)
    };
    let slot = in_golden_s_stead(&numbers, &facts, turn)
        .into_iter()
        .find(is_fit)
        .ok_or(BootError::NothingIntact)?;
    Ok(Boot {
        location: Location::Slot(slot),
        region: map.slot(slot).image,
        installed: of(&facts, slot).installed,
        is_record_lost,
    })
}

/// By what those in dead golden's stead take turns.
#[derive(Clone, Copy)]
enum Turn {
    /// By the crashes that the record counts.
    Counted,
    /// By elapsed time, where there is no record to count in, or none that can be written.
    At(Elapsed),
}

impl Turn {
    /// Whether it is the turn of the image that was confirmed last.
    const fn is_of_newest(self, record: &Record) -> bool {
        match self {
            Self::Counted => {
                let crashes = record.crashes / CRASHES_OF_A_TURN;
                let resets = record.environment / RESETS_OF_A_TURN;
                crashes.saturating_add(resets).is_multiple_of(2)
            }
            // The Thue-Morse sequence: of instants at equal distances it never has all in the turns of one image, so
            // that one which crashes ever so regularly does not keep the other from running. Its turns come two in a
            // row at the most.
            Self::At(Elapsed(ms)) => (ms / TURN_MS).count_ones().is_multiple_of(2),
        }
    }
}

/// The slots in the order in which they run in dead golden's stead: the image that was confirmed last, and once it
/// crashed too often the other one, and so in turns. One that was never confirmed comes last, however often what was
/// confirmed crashed: no trial, lease or deadline bounds it there.
fn in_golden_s_stead(record: &Record, facts: &[SlotFacts; 2], turn: Turn) -> [SlotId; 2] {
    let [a, b] = SlotId::ALL.map(|slot| of(facts, slot).last_confirmed_by(record.slot(slot)));
    let is_b_first = match (a, b) {
        (Some(_), None) => false,
        (None, Some(_)) => true,
        _ => (b > a) == turn.is_of_newest(record),
    };
    if is_b_first {
        [SlotId::B, SlotId::A]
    } else {
        SlotId::ALL
    }
}

/// The first copy of golden that has its digest. Both are one image: the trailer of either proves both.
fn golden<F: NorFlash>(flash: &mut F, map: &MemoryMap, is_record_lost: bool) -> Option<Boot> {
    let trailers = map.golden.map(|copy| golden_trailer(flash, copy));
    for copy in map.golden {
        for installed in trailers.into_iter().flatten() {
            if judge::is_intact(flash, copy.image, &installed.image) {
                return Some(Boot {
                    location: Location::Golden,
                    region: copy.image,
                    installed: Some(installed),
                    is_record_lost,
                });
            }
        }
    }
    None
}

/// What golden is. Its trailer was written at launch and is as read-only as golden itself, so that it is
/// believed without the key sets of its day.
pub fn golden_trailer<F: NorFlash>(flash: &mut F, copy: SlotMap) -> Option<Installed> {
    let nobody = KeyRing::default();
    let identity = Identity {
        vehicle: lightday_wire::VehicleId(0),
        class: lightday_wire::ClassId(0),
        component: lightday_wire::ComponentId(0),
    };
    judge::read(flash, Trailer::new(copy.trailer), identity, &nobody).installed
}
