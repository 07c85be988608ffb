//! What is wrong with versions that must not be kept, if it shows before the agent starts. They are whole, with all
//! that a good version has; a good version has nothing of this in it.

use embedded_storage::nor_flash::NorFlash as _;
use lightday_boot::{Elapsed, Supervisor as _};
use lightday_firmware_board::map::{ERASE_LEN, MONITOR_RAM, locked};
use lightday_firmware_board::uart::Uart;
use lightday_firmware_board::{mmio, text};

use crate::monitor::{self, Flash, Monitor};
use crate::{NAME, fault};

/// Whether a feature is on, which the compiler must not know of one that is: it would leave out all that is never
/// reached behind it, and the version would be no whole one with one thing wrong.
fn is_so(feature: bool) -> bool {
    feature && core::hint::black_box(true)
}

/// Does what it should not.
pub fn misbehave(uart: &mut Uart) {
    if is_so(cfg!(feature = "crash")) {
        fault();
    }
    if is_so(cfg!(feature = "hang")) {
        loop {
            core::hint::spin_loop();
        }
    }
    if is_so(cfg!(feature = "agentless")) {
        // It would live for ever, if the deadline of its trial could be moved.
        Monitor.set_deadline(Elapsed::NEVER, false);
        loop {
            Monitor.kick();
            monitor::wait();
        }
    }
    if is_so(cfg!(feature = "vandal")) {
        vandalise(uart);
    }
}

/// Tries to destroy what is locked, and to read what is the monitor's.
fn vandalise(uart: &mut Uart) {
    let (mut all, mut erased, mut programmed) = (0, 0, 0);
    for region in locked() {
        all += 1;
        let end = region.start.saturating_add(ERASE_LEN);
        erased += u32::from(Flash.erase(region.start, end).is_ok());
        programmed += u32::from(Flash.write(region.start, &[0; 4]).is_ok());
    }
    text::say(
        uart,
        format_args!("{NAME}: {erased} of {all} locked regions erased, {programmed} programmed"),
    );
    // SAFETY: not ours, and the protection says so: the monitor resets the board.
    let word = unsafe { mmio::read_u32(MONITOR_RAM) };
    text::say(
        uart,
        format_args!("{NAME}: the monitor begins with {word:#x}"),
    );
}
