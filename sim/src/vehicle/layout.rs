//! The memory map of a simulated vehicle, laid out for any geometry of the flash.
//!
//! ```text
//! first die                                    second die (simulated as one device)
//! | record 0 | keys even | floors | A | trailer | golden 1 || record 1 | keys odd | B | trailer | ...
//! ```

use lightday_boot::{MemoryMap, Region, SlotMap};

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayoutSizes {
    /// Bytes for an image, in each slot and in golden.
    pub slot: u32,
    /// Bytes for the staging log.
    pub staging: u32,
    /// Bytes for the block that the solve writes.
    pub block: u32,
}

/// A memory map, and the number of erase blocks that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The memory map.
    pub map: MemoryMap,
    /// Erase blocks of the device.
    pub blocks: usize,
}

/// Hands out regions one behind the other.
struct Allocator {
    at: u32,
    erase: u32,
}

impl Allocator {
    fn region(&mut self, len: u32) -> Region {
        let len = len.max(1).next_multiple_of(self.erase);
        let region = Region {
            start: self.at,
            len,
        };
        self.at += len;
        region
    }

    fn slot(&mut self, len: u32) -> SlotMap {
        SlotMap {
            image: self.region(len),
            trailer: self.region(TRAILER),
        }
    }
}

/// Eight cells of signed documents.
const TRAILER: u32 = 4096;
/// Eight copies of the record in each of its three regions.
const RECORD: u32 = 4096;
const KEY_SET: u32 = 4096;
const PENDING: u32 = 8192;
/// Granules of the floors: 16 epochs, 64 key sets, and security counters.
const FLOOR_WORDS: u32 = 256;

impl Layout {
    /// Lays a flash of this geometry out.
    #[must_use]
    pub fn new(write: u32, erase: u32, sizes: LayoutSizes) -> Self {
        let mut next = Allocator { at: 0, erase };
        let record0 = next.region(RECORD);
        let even = next.region(KEY_SET);
        let floors = next.region(FLOOR_WORDS * write);
        let a = next.slot(sizes.slot);
        let golden0 = next.slot(sizes.slot);
        let record1 = next.region(RECORD);
        let odd = next.region(KEY_SET);
        let b = next.slot(sizes.slot);
        let golden1 = next.slot(sizes.slot);
        let record2 = next.region(RECORD);
        let map = MemoryMap {
            slots: [a, b],
            golden: [golden0, golden1],
            record: [record0, record1, record2],
            floors,
            key_sets: [even, odd],
            pending: next.region(PENDING),
            staging: next.region(sizes.staging),
            block: next.region(sizes.block),
        };
        Self {
            map,
            blocks: (next.at / erase) as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flash::SimFlash;

    const SIZES: LayoutSizes = LayoutSizes {
        slot: 200_000,
        staging: 150_000,
        block: 120_000,
    };

    fn check<const WRITE: usize, const ERASE: usize>() {
        let (write, erase) = (WRITE.try_into().unwrap(), ERASE.try_into().unwrap());
        let layout = Layout::new(write, erase, SIZES);
        let flash = SimFlash::<WRITE, ERASE>::new(layout.blocks);
        layout.map.check(&flash).unwrap();
    }

    #[test]
    fn the_layout_suits_every_geometry() {
        check::<1, 256>();
        check::<4, 4096>();
        check::<8, 2048>();
        check::<32, 131_072>();
        check::<256, 65_536>();
    }
}
