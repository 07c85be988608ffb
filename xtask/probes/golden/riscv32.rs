//! RV32IMAC, little-endian: `qemu-system-riscv32 -M virt`.

use core::arch::global_asm;

global_asm!(
    ".section .vectors, \"ax\"",
    ".globl _start",
    "_start:",
    "la sp, _stack_top",
    "la t0, fault",
    "csrw mtvec, t0",
    "call main",
    ".balign 4",
    "fault:",
    "j fault",
);

const UART: *mut u8 = 0x1000_0000 as *mut u8;
const POWER: *mut u32 = 0x0010_0000 as *mut u32;

/// Sends a byte.
pub fn put(byte: u8) {
    // SAFETY: registers of this board: the line status says whether there is room.
    unsafe {
        while UART.add(5).read_volatile() & 0x20 == 0 {}
        UART.write_volatile(byte);
    }
}

/// Ends the emulation.
pub fn end() -> ! {
    loop {
        // SAFETY: the register of this board that switches it off.
        unsafe { POWER.write_volatile(0x5555) };
    }
}
