//! The vehicle whose lives are lived: that of the bench. The same lives are lived on the map of the RISC-V board, where
//! this module has another form (`tests/src/bin/board_states`).

use lightday_boot::Elapsed;
use lightday_tests::bench_staff::Staff;

pub use lightday_tests::bench_vehicle::{Bench, first_image, image};

/// What brings a vehicle to a state, from its launch on.
pub type Life = fn() -> Bench;
/// Bytes of an erase block.
pub const ERASE: u32 = 4096;
/// Bytes of a slot.
pub const SLOT: u32 = 16_384;
/// Bytes of the pending documents.
pub const PENDING: u32 = 8192;

/// A vehicle as it is launched, running slot A, and settled.
pub fn launch() -> Bench {
    Bench::launch()
}

/// A vehicle that has lived already: this is its flash, and what the supervisor's counter says.
pub fn in_flight(flash: &[u8], elapsed: Elapsed) -> Bench {
    Bench::in_flight(flash, elapsed)
}

/// Those who sign under a key set.
pub fn staff(version: u16) -> Staff {
    Staff::new(u8::try_from(version).unwrap(), version)
}
