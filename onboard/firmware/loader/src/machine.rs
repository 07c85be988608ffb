//! The one machine: flash, UART and monitor. The loader has it until its jump, the trap handler from then on.

use core::cell::UnsafeCell;

use lightday_firmware_board::uart::Uart;

use crate::cfi::Cfi;
use crate::monitor::{self, Monitor};

/// Everything that only machine mode may touch.
pub struct Machine {
    /// The flash.
    pub flash: Cfi,
    /// The UART.
    pub uart: Uart,
    /// The supervisor.
    pub monitor: Monitor,
}

struct Place(UnsafeCell<Option<Machine>>);

// SAFETY: there is one core, and `with` is entered by one at a time: traps come with interrupts off, and the loader
// enters it with the tick off.
unsafe impl Sync for Place {}

static MACHINE: Place = Place(UnsafeCell::new(None));

/// Takes the machine, once, before the tick is enabled.
pub fn begin() {
    // SAFETY: called once, first of all, with interrupts off; the board is ours.
    unsafe {
        *MACHINE.0.get() = Some(Machine {
            flash: Cfi::new(),
            uart: Uart::new(),
            monitor: Monitor::begin(),
        });
    }
}

/// Lends the machine. The caller runs with interrupts off, and not within another `with`.
pub fn with<T>(what: impl FnOnce(&mut Machine) -> T) -> T {
    // SAFETY: see `Place`.
    match unsafe { &mut *MACHINE.0.get() } {
        Some(machine) => what(machine),
        None => monitor::fault(),
    }
}
