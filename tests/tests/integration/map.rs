//! The board of `docs/INTEGRATION.md`, 3: where everything lies on one chip of 4 MiB. The page quotes all that stands below
//! these lines.

use lightday_boot::{Identity, MemoryMap, Region, SlotMap};
use lightday_wire::{ClassId, ComponentId, VehicleId};

/// Who the vehicle is.
pub const IDENTITY: Identity = Identity {
    vehicle: VehicleId(7),
    class: ClassId(3),
    component: ComponentId(1),
};

/// Where every image is copied to, and entered.
pub const LOAD_ADDRESS: u64 = 0x2000_0000;

const fn sectors(first: u32, count: u32) -> Region {
    Region {
        start: first * 4096,
        len: count * 4096,
    }
}

/// An image of at most 256 KiB, and a trailer of eight papers.
const fn slot(first: u32) -> SlotMap {
    SlotMap {
        image: sectors(first, 64),
        trailer: sectors(first + 64, 1),
    }
}

/// All of it: 378 of 1,024 sectors. There is one die, so that all copies share it.
pub const MAP: MemoryMap = MemoryMap {
    record: [sectors(0, 1), sectors(1, 1), sectors(2, 1)],
    key_sets: [sectors(3, 1), sectors(4, 1)],
    // 256 steps: a page each.
    floors: sectors(5, 16),
    slots: [slot(21), slot(86)],
    golden: [slot(151), slot(216)],
    pending: sectors(281, 2),
    // A sector of names, and 504 symbols of 256 B, each of which takes two pages with the 8 B that go with it.
    staging: sectors(283, 64),
    block: sectors(347, 31),
};
