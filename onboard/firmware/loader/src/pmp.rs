//! Physical memory protection: what user mode reaches. Whatever no entry names, it does not reach at all.
//!
//! ```text
//! entry  range                     user mode may
//!   0    application's RAM, 1 MiB  read, write, run
//!   1    UART, 256 B               read, write
//!   2    flash, 64 MiB             read
//! ```
//! Entries are not locked: they bind user mode, not the monitor.

use core::arch::asm;

use lightday_firmware_board::map::{APPLICATION_RAM, FLASH_BASE, FLASH_LEN, RAM_LEN, UART_BASE};

const READ: usize = 1;
const WRITE: usize = 2;
const RUN: usize = 4;
/// A naturally aligned range whose length is a power of two.
const NAPOT: usize = 0x18;

/// The address register of such a range (Privileged Architecture 1.12, 3.7.1).
const fn napot(base: usize, len: usize) -> usize {
    (base >> 2) | ((len >> 3) - 1)
}

/// Opens to the application what is its own.
pub fn open_application() {
    let configuration =
        (NAPOT | READ | WRITE | RUN) | (NAPOT | READ | WRITE) << 8 | (NAPOT | READ) << 16;
    // SAFETY: machine mode is not bound by entries that are not locked, so nothing that runs here loses anything.
    unsafe {
        asm!(
            "csrw pmpcfg0, zero",
            "csrw pmpcfg1, zero",
            "csrw pmpcfg2, zero",
            "csrw pmpcfg3, zero",
            "csrw pmpaddr0, {ram}",
            "csrw pmpaddr1, {uart}",
            "csrw pmpaddr2, {flash}",
            "csrw pmpcfg0, {configuration}",
            "csrw mcounteren, zero",
            ram = in(reg) napot(APPLICATION_RAM, RAM_LEN),
            uart = in(reg) napot(UART_BASE, 256),
            flash = in(reg) napot(FLASH_BASE, FLASH_LEN as usize),
            configuration = in(reg) configuration,
        );
    }
}
