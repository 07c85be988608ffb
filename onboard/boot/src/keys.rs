//! The key sets on board: the current one and the one before it. Each lies in a region of its own, written
//! twice; even versions in one region, odd ones in the other, so that a new set never touches the one
//! that is in force.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use lightday_trust::KeySet;
use lightday_wire::canon;

use crate::cells::{CellError, CellLog, KEY_SET_CELL, MAX_CELL};
use crate::flash::{FlashError, Region};

const KIND: u8 = 2;

/// The key sets that documents on board may be verified under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRing {
    /// The one in force.
    pub current: Option<KeySet>,
    /// The one before it.
    pub previous: Option<KeySet>,
}

impl KeyRing {
    /// Both, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &KeySet> {
        self.current.iter().chain(self.previous.iter())
    }
}

/// The version of the key set in force: the newer of what record and floor say, if that set is on board;
/// else the newest that is. Only what both its own roots and the previous ones signed is ever stored; a
/// floor that an upset raised, or that has no words left, must not leave the vehicle without any key.
pub fn in_force<F: ReadNorFlash>(
    flash: &mut F,
    regions: [Region; 2],
    record: u16,
    floor: u16,
) -> u16 {
    let said = record.max(floor);
    if read(flash, regions, said).is_some() {
        return said;
    }
    let mut newest = None;
    for region in regions {
        CellLog::new(region, KEY_SET_CELL).for_each(flash, |kind, sequence, data| {
            newest = newest.max(decode(kind, sequence, data).map(|set| set.version));
        });
    }
    newest.unwrap_or(said)
}

/// Reads the key sets; `version` is the one in force.
pub fn load<F: ReadNorFlash>(flash: &mut F, regions: [Region; 2], version: u16) -> KeyRing {
    let previous = version.checked_sub(1);
    KeyRing {
        current: read(flash, regions, version),
        previous: previous.and_then(|version| read(flash, regions, version)),
    }
}

/// The log of the region that holds a version.
fn log(regions: [Region; 2], version: u16) -> CellLog {
    let [even, odd] = regions;
    CellLog::new(
        if version.is_multiple_of(2) { even } else { odd },
        KEY_SET_CELL,
    )
}

fn read<F: ReadNorFlash>(flash: &mut F, regions: [Region; 2], version: u16) -> Option<KeySet> {
    let mut found = None;
    log(regions, version).for_each(flash, |kind, sequence, data| {
        if found.is_none() {
            found = decode(kind, sequence, data).filter(|set| set.version == version);
        }
    });
    found
}

/// The sound key set of a cell.
fn decode(kind: u8, sequence: u32, data: &[u8]) -> Option<KeySet> {
    let set = canon::decode::<KeySet>(data).ok()?;
    let is_sound = kind == KIND && sequence == u32::from(set.version) && set.check().is_ok();
    is_sound.then_some(set)
}

/// Writes a key set twice to the region of its version. It is not in force until the record says so.
///
/// # Errors
/// [`FlashError`] if not even one copy could be written.
pub fn store<F: NorFlash>(
    flash: &mut F,
    regions: [Region; 2],
    set: &KeySet,
) -> Result<(), FlashError> {
    let mut buffer = [0u8; MAX_CELL];
    let bytes = canon::encode(set, &mut buffer).map_err(|_| FlashError::OutOfRange)?;
    let log = log(regions, set.version);
    log.erase(flash)?;
    let mut append = || match log.append(flash, KIND, u32::from(set.version), bytes) {
        Ok(()) => Ok(()),
        Err(CellError::Flash(error)) => Err(error),
        Err(_) => Err(FlashError::OutOfRange),
    };
    let (first, second) = (append(), append());
    first.or(second)
}
