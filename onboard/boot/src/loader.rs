//! The loader's one job, from reset to jump. It writes the record and the floors, never an image.
//!
//! ```text
//! record (three copies) -> key sets -> trailers of A and B -> select -> digest of what is to boot
//!     ^                                                         |  wrong: select again
//!     +--- save before the jump --- deadline in the supervisor -+
//! ```

use embedded_storage::nor_flash::NorFlash;
use lightday_wire::{Location, RevertCause, SlotId};

use crate::flash::Region;
use crate::floors::{self, Floor};
use crate::judge::{self, Installed, SlotFacts};
use crate::keys::{self, KeyRing};
use crate::map::{Identity, MemoryMap, SlotMap};
use crate::record::Record;
use crate::select::{Deadline, Decision, Wake, select};
use crate::store::{RecordStore, Stored};
use crate::supervisor::Supervisor;
use crate::trailer::Trailer;

/// What the loader jumps to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Which image.
    pub location: Location,
    /// Where it lies in flash.
    pub region: Region,
    /// What it is; `None` for a golden image whose trailer cannot be read.
    pub installed: Option<Installed>,
    /// Whether the record was lost: golden runs, and waits for a resynchronisation.
    pub is_record_lost: bool,
}

/// Why nothing boots now. The loader resets and tries again: reads may get better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BootError {
    /// No image on board has its digest, golden's copies included.
    NothingIntact,
}

impl core::fmt::Display for BootError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no image on board has its digest")
    }
}

impl core::error::Error for BootError {}

/// Decides what boots, saves the record, and sets the supervisor's deadline.
///
/// # Errors
/// [`BootError::NothingIntact`].
pub fn load<F: NorFlash, S: Supervisor>(
    flash: &mut F,
    map: &MemoryMap,
    identity: Identity,
    supervisor: &mut S,
) -> Result<Boot, BootError> {
    let store = RecordStore::new(map.record);
    let Some(stored) = store.load(flash) else {
        return golden(flash, map, true);
    };
    let record = with_floors(flash, map, &stored);
    let keys = keys::load(flash, map.key_sets, record.key_set);
    let mut facts = slot_facts(flash, map, identity, &keys);
    let wake = Wake {
        cause: supervisor.reset_cause(),
        elapsed: supervisor.elapsed(),
    };
    let mut decision = decide(flash, map, &record, &mut facts, wake);
    if store
        .save(flash, stored.sequence, &decision.record)
        .is_err()
    {
        // What cannot be counted is not tried: without a record only what needs none boots.
        decision = without_record(&record, &facts, wake);
    }
    // Later than the record: a cut in between leaves a floor low, and the next boot raises it.
    raise_floors(flash, map, &decision.record);
    match decision.deadline {
        Deadline::Lease(at) => supervisor.set_deadline(at, true),
        Deadline::CommandLoss(at) => supervisor.set_deadline(at, false),
        Deadline::None => {}
    }
    match decision.boot {
        Location::Slot(slot) => Ok(Boot {
            location: decision.boot,
            region: map.slot(slot).image,
            installed: fact(&facts, slot).installed,
            is_record_lost: false,
        }),
        Location::Golden => golden(flash, map, false),
    }
}

/// The record with each number at least at its floor.
#[must_use]
pub fn with_floors<F: NorFlash>(flash: &mut F, map: &MemoryMap, stored: &Stored) -> Record {
    let mut record = stored.record.clone();
    apply_floors(flash, map, &mut record);
    record
}

/// Raises the record's numbers to their floors.
pub fn apply_floors<F: NorFlash>(flash: &mut F, map: &MemoryMap, record: &mut Record) {
    let security = floors::value(flash, map.floors, Floor::Security);
    let key_set = floors::value(flash, map.floors, Floor::KeySet);
    let epoch = floors::value(flash, map.floors, Floor::Epoch);
    record.security_counter = record.security_counter.max(security);
    record.key_set = record
        .key_set
        .max(u16::try_from(key_set).unwrap_or(u16::MAX));
    let epoch = u8::try_from(epoch).ok().and_then(lightday_wire::Epoch::new);
    record.epoch = record.epoch.max(epoch.unwrap_or(record.epoch));
}

/// Raises the floors to the record's numbers. Best effort: the record holds until a later boot succeeds.
pub fn raise_floors<F: NorFlash>(flash: &mut F, map: &MemoryMap, record: &Record) {
    for (floor, target) in [
        (Floor::Security, record.security_counter),
        (Floor::KeySet, u32::from(record.key_set)),
        (Floor::Epoch, u32::from(record.epoch.get())),
    ] {
        let _ = floors::raise(flash, map.floors, floor, target);
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

const fn fact(facts: &[SlotFacts; 2], slot: SlotId) -> &SlotFacts {
    let [a, b] = facts;
    match slot {
        SlotId::A => a,
        SlotId::B => b,
    }
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
        if is_slot_intact(flash, map.slot(slot), fact(facts, slot)) {
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

/// The decision where the record cannot be written: home if it may boot without being counted.
fn without_record(record: &Record, facts: &[SlotFacts; 2], wake: Wake) -> Decision {
    let mut record = record.clone();
    if let Some(slot) = record.trial_slot() {
        record.slot_mut(slot).state = lightday_wire::SlotState::Reverted;
        record.revert_cause = RevertCause::RecordLost;
    }
    select(&record, facts, wake)
}

/// Golden: the first copy that has its digest.
fn golden<F: NorFlash>(
    flash: &mut F,
    map: &MemoryMap,
    is_record_lost: bool,
) -> Result<Boot, BootError> {
    for copy in map.golden {
        let installed = golden_trailer(flash, copy);
        if let Some(installed) = installed
            && judge::is_intact(flash, copy.image, &installed.image)
        {
            return Ok(Boot {
                location: Location::Golden,
                region: copy.image,
                installed: Some(installed),
                is_record_lost,
            });
        }
    }
    Err(BootError::NothingIntact)
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
