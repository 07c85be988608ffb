//! A board of registers: what stands in for the driver of a real one. All that it gives comes from volatile reads, so
//! that the compiler can leave nothing out that a vehicle would need, and it is a few hundred bytes itself.

#![allow(unsafe_code)]

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use lightday_boot::{Elapsed, Identity, MemoryMap, Region, SlotMap, Supervisor};
use lightday_wire::{ClassId, ComponentId, ResetCause, VehicleId};

const REGISTERS: usize = 0x4000_0000;
const FLASH: usize = 0x2000_0000;
const ERASE_LEN: u32 = 64 << 10;

/// Reads register `n`.
pub fn peek(n: usize) -> u32 {
    // SAFETY: no program: it is linked and never run.
    unsafe { ((REGISTERS + 4 * n) as *const u32).read_volatile() }
}

/// Writes register `n`.
pub fn poke(n: usize, value: u32) {
    // SAFETY: as above.
    unsafe { ((REGISTERS + 4 * n) as *mut u32).write_volatile(value) }
}

const fn blocks(first: u32, count: u32) -> Region {
    Region {
        start: first * ERASE_LEN,
        len: count * ERASE_LEN,
    }
}

const fn slot(first: u32) -> SlotMap {
    SlotMap {
        image: blocks(first, 4),
        trailer: blocks(first + 4, 1),
    }
}

/// A memory map as one of 64 KiB blocks would be; a constant, as a board's is.
pub const MAP: MemoryMap = MemoryMap {
    slots: [slot(16), slot(24)],
    golden: [slot(32), slot(40)],
    record: [blocks(1, 1), blocks(2, 1), blocks(3, 1)],
    floors: blocks(4, 1),
    key_sets: [blocks(5, 1), blocks(6, 1)],
    pending: blocks(7, 1),
    staging: blocks(48, 4),
    block: blocks(56, 4),
};

/// Who the vehicle is.
pub fn identity() -> Identity {
    Identity {
        vehicle: VehicleId(peek(0)),
        class: ClassId(peek(1)),
        component: ComponentId(peek(2) as u8),
    }
}

/// The flash did not do as asked.
#[derive(Debug)]
pub struct Failed;

impl NorFlashError for Failed {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

fn done() -> Result<(), Failed> {
    if peek(3) == 0 { Ok(()) } else { Err(Failed) }
}

/// The flash: read in place, written by a register.
pub struct Flash;

impl ErrorType for Flash {
    type Error = Failed;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failed> {
        for (at, byte) in bytes.iter_mut().enumerate() {
            // SAFETY: as above.
            *byte = unsafe { ((FLASH + offset as usize + at) as *const u8).read_volatile() };
        }
        done()
    }

    fn capacity(&self) -> usize {
        16 << 20
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = ERASE_LEN as usize;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Failed> {
        poke(4, from);
        poke(5, to);
        done()
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failed> {
        poke(6, offset);
        for byte in bytes {
            poke(7, u32::from(*byte));
        }
        done()
    }
}

/// The supervisor: an external one of registers.
pub struct External;

impl Supervisor for External {
    fn reset_cause(&self) -> ResetCause {
        ResetCause::from_code(peek(8) as u8).unwrap_or(ResetCause::Unknown)
    }

    fn elapsed(&self) -> Elapsed {
        Elapsed(u64::from(peek(9)) << 32 | u64::from(peek(10)))
    }

    fn set_deadline(&mut self, deadline: Elapsed, latch: bool) {
        poke(9, (deadline.0 >> 32) as u32);
        poke(10, deadline.0 as u32);
        poke(11, u32::from(latch));
    }

    fn lock(&mut self) {
        poke(12, 1);
    }

    fn kick(&mut self) {
        poke(13, 1);
    }

    fn request_reset(&mut self) {
        poke(14, 1);
    }

    fn is_cooperative(&self) -> bool {
        peek(15) != 0
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        poke(14, 1);
    }
}
