//! The key sets on board: the current one and the one before it. Each lies in a region of its own, written
//! twice; even versions in one region, odd ones in the other, so that a new set never touches the one
//! that is in force.
//!
//! A third one never changes: the launch key set, in golden's read-only area. It is the last resort where
//! neither region holds a set that can be read, so that no damage leaves the vehicle deaf for ever.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use lightday_trust::KeySet;
use lightday_wire::canon;

use crate::cells::{CellError, CellLog, KEY_SET_CELL, MAX_CELL};
use crate::flash::{FlashError, Region};
use crate::map::MemoryMap;

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
/// else the newest in the two regions; else that of the launch set. Only what both its own roots and the
/// previous ones signed is ever stored; a floor that an upset raised, or that has no words left, must not
/// leave the vehicle without any key.
pub fn in_force<F: ReadNorFlash>(flash: &mut F, map: &MemoryMap, record: u16, floor: u16) -> u16 {
    let said = record.max(floor);
    if read(flash, map, said).is_some() {
        return said;
    }
    newest(flash, map.key_sets)
        .or_else(|| newest(flash, map.launch_keys()))
        .unwrap_or(said)
}

/// Reads the key sets; `version` is the one in force.
pub fn load<F: ReadNorFlash>(flash: &mut F, map: &MemoryMap, version: u16) -> KeyRing {
    let previous = version.checked_sub(1);
    KeyRing {
        current: read(flash, map, version),
        previous: previous.and_then(|version| read(flash, map, version)),
    }
}

/// The newest version in either of two regions.
fn newest<F: ReadNorFlash>(flash: &mut F, regions: [Region; 2]) -> Option<u16> {
    let mut newest = None;
    for region in regions {
        CellLog::new(region, KEY_SET_CELL).for_each(flash, |kind, sequence, data| {
            newest = newest.max(decode(kind, sequence, data).map(|set| set.version));
        });
    }
    newest
}

/// The log of the region that holds a version.
fn log(regions: [Region; 2], version: u16) -> CellLog {
    let [even, odd] = regions;
    CellLog::new(
        if version.is_multiple_of(2) { even } else { odd },
        KEY_SET_CELL,
    )
}

/// A version from its region, else from golden's area. The region is read twice: a read fault may be gone,
/// and home hangs on it.
fn read<F: ReadNorFlash>(flash: &mut F, map: &MemoryMap, version: u16) -> Option<KeySet> {
    let own = log(map.key_sets, version);
    let [first, second] = map.launch_keys().map(|r| CellLog::new(r, KEY_SET_CELL));
    [own, own, first, second]
        .into_iter()
        .find_map(|log| read_from(flash, log, version))
}

fn read_from<F: ReadNorFlash>(flash: &mut F, log: CellLog, version: u16) -> Option<KeySet> {
    let mut found = None;
    log.for_each(flash, |kind, sequence, data| {
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
pub fn store<F: NorFlash>(flash: &mut F, map: &MemoryMap, set: &KeySet) -> Result<(), FlashError> {
    let log = log(map.key_sets, set.version);
    log.erase(flash)?;
    let (first, second) = (append(flash, log, set), append(flash, log, set));
    first.or(second)
}

/// Writes the launch key set into golden's area. For the factory, before golden is write-protected: in
/// flight nobody calls it.
///
/// # Errors
/// [`FlashError`].
pub fn store_at_launch<F: NorFlash>(
    flash: &mut F,
    map: &MemoryMap,
    set: &KeySet,
) -> Result<(), FlashError> {
    let [first, second] = map.launch_keys();
    append(flash, CellLog::new(first, KEY_SET_CELL), set)?;
    if first != second {
        append(flash, CellLog::new(second, KEY_SET_CELL), set)?;
    }
    Ok(())
}

fn append<F: NorFlash>(flash: &mut F, log: CellLog, set: &KeySet) -> Result<(), FlashError> {
    let mut buffer = [0u8; MAX_CELL];
    let bytes = canon::encode(set, &mut buffer).map_err(|_| FlashError::OutOfRange)?;
    match log.append(flash, KIND, u32::from(set.version), bytes) {
        Ok(()) => Ok(()),
        Err(CellError::Flash(error)) => Err(error),
        Err(_) => Err(FlashError::OutOfRange),
    }
}
