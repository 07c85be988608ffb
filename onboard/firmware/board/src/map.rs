//! Where everything lies, in RAM and in flash.
//!
//! The two dies are one flash of 256 erase blocks; addresses in flash count from its first byte. Each thing that must
//! outlive a die has its copy on the other one.
//!
//! ```text
//! block   die 0                            block   die 1
//!   0- 1  loader (locked)                    128   record 1
//!      2  provision (locked)                 129   key sets, odd (locked)
//!      3  record 0                       130-131   slot B
//!      4  key sets, even (locked)            132   trailer B
//!      5  floors (locked)                133-134   golden, second copy (locked)
//!   6- 7  slot A                             135   its trailer, launch key set (locked)
//!      8  trailer A                          136   record 2
//!   9-10  golden, first copy (locked)        137   pending documents
//!     11  its trailer, launch keys (locked)  138-140 staging log
//!                                            141-142 block that the solve writes
//!                                            143   provision, second copy (locked)
//! ```

use lightday_boot::{MemoryMap, Region, SlotMap};

/// Where the first byte of the flash stands in the address space.
pub const FLASH_BASE: usize = 0x2000_0000;
/// Bytes of one die.
pub const DIE_LEN: u32 = 32 << 20;
/// Bytes of both.
pub const FLASH_LEN: u32 = 2 * DIE_LEN;
/// What the flash erases at once: a block of each of the two chips that make a die.
pub const ERASE_LEN: u32 = 256 << 10;
/// What the flash programs at once: a word of each of the two chips.
pub const WORD_LEN: u32 = 4;

/// RAM of the monitor.
pub const MONITOR_RAM: usize = 0x8000_0000;
/// Its bytes, and those of the application's.
pub const RAM_LEN: usize = 1 << 20;
/// RAM of the application; where its image is loaded to and entered.
pub const APPLICATION_RAM: usize = MONITOR_RAM + RAM_LEN;

/// The UART.
pub const UART_BASE: usize = 0x1000_0000;
/// The test device: what is written to it resets the board.
pub const TEST_DEVICE: usize = 0x0010_0000;
/// The real-time clock.
pub const RTC_BASE: usize = 0x0010_1000;
/// The core-local interruptor: timer and its comparator.
pub const CLINT_BASE: usize = 0x0200_0000;
/// Ticks of its timer in a second.
pub const TIMER_HZ: u64 = 10_000_000;

/// Milliseconds after which the watchdog resets the processor.
pub const WATCHDOG_MS: u64 = 5000;

const fn blocks(first: u32, count: u32) -> Region {
    Region {
        start: first * ERASE_LEN,
        len: count * ERASE_LEN,
    }
}

const fn slot(first: u32) -> SlotMap {
    SlotMap {
        image: blocks(first, 2),
        trailer: blocks(first + 2, 1),
    }
}

/// The loader.
pub const LOADER: Region = blocks(0, 2);
/// The two copies of what the factory states about this one vehicle.
pub const PROVISION: [Region; 2] = [blocks(2, 1), blocks(143, 1)];

/// What boot and agent need.
pub const MAP: MemoryMap = MemoryMap {
    slots: [slot(6), slot(130)],
    golden: [slot(9), slot(133)],
    record: [blocks(3, 1), blocks(128, 1), blocks(136, 1)],
    floors: blocks(5, 1),
    key_sets: [blocks(4, 1), blocks(129, 1)],
    pending: blocks(137, 1),
    staging: blocks(138, 3),
    block: blocks(141, 2),
};

/// What takes neither program nor erase from the loader's jump to the next reset.
pub fn locked() -> impl Iterator<Item = Region> {
    [LOADER].into_iter().chain(PROVISION).chain(MAP.locked())
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    #[test]
    fn what_the_loader_believes_unsigned_is_locked_and_nothing_else_is() {
        let locked: Vec<Region> = locked().collect();
        let [a, b] = MAP.slots;
        let [r, s, t] = MAP.record;
        let open = [
            a.image,
            a.trailer,
            b.image,
            b.trailer,
            r,
            s,
            t,
            MAP.pending,
            MAP.staging,
            MAP.block,
        ];
        for region in open {
            let touches = |l: &&Region| l.start < region.end() && region.start < l.end();
            assert_eq!(locked.iter().find(touches), None, "{region:?}");
        }
        for (place, region) in locked.iter().enumerate() {
            let touches = |l: &&Region| l.start < region.end() && region.start < l.end();
            assert_eq!(
                locked.iter().skip(place + 1).find(touches),
                None,
                "{region:?}"
            );
            assert!(region.end() <= FLASH_LEN);
        }
    }

    #[test]
    fn a_die_that_is_lost_takes_no_second_copy_with_it() {
        let die = |region: Region| region.start / DIE_LEN;
        let [g, h] = MAP.golden;
        let [r, s, t] = MAP.record;
        let [p, q] = PROVISION;
        let [a, b] = MAP.slots;
        for (one, other) in [
            (g.image, h.image),
            (g.trailer, h.trailer),
            (p, q),
            (a.image, b.image),
            (r, s),
            (r, t),
        ] {
            assert_ne!(die(one), die(other));
        }
    }
}
