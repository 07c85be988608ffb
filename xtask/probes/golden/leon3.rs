//! LEON3, SPARC V8, big-endian: `qemu-system-sparc -M leon3_generic`.

use core::arch::{asm, global_asm};

// Chains of calls deeper than the eight register windows need the two traps that save the oldest window to its stack
// and fetch it back: SPARC V8 manual, chapter 9. Any other trap ends the emulation: within one, `ta 0` does.
global_asm!(
    ".section .vectors, \"ax\"",
    ".globl _start",
    ".balign 4096",
    "traps:",
    "_start:",
    "ba begin",
    "nop",
    "nop",
    "nop",
    ".rept 4",
    "ta 0",
    "nop",
    "nop",
    "nop",
    ".endr",
    "ba overflow",
    "mov %wim, %l3",
    "nop",
    "nop",
    "ba underflow",
    "mov %wim, %l3",
    "nop",
    "nop",
    ".rept 249",
    "ta 0",
    "nop",
    "nop",
    "nop",
    ".endr",
    "begin:",
    "set traps, %g1",
    "mov %g1, %tbr",
    "mov 2, %g1",
    "mov %g1, %wim",
    "mov 0xfe0, %g1",
    "mov %g1, %psr",
    "nop",
    "nop",
    "nop",
    "set _stack_top - 96, %sp",
    "clr %fp",
    "call main",
    "nop",
    "overflow:",
    // The invalid window moves on by one; the one that it moves to is saved.
    "mov %g1, %l7",
    "srl %l3, 1, %g1",
    "sll %l3, 7, %l4",
    "or %l4, %g1, %g1",
    "save",
    "mov %g1, %wim",
    "nop",
    "nop",
    "nop",
    "std %l0, [%sp + 0]",
    "std %l2, [%sp + 8]",
    "std %l4, [%sp + 16]",
    "std %l6, [%sp + 24]",
    "std %i0, [%sp + 32]",
    "std %i2, [%sp + 40]",
    "std %i4, [%sp + 48]",
    "std %i6, [%sp + 56]",
    "restore",
    "mov %l7, %g1",
    "jmpl %l1, %g0",
    "rett %l2",
    "underflow:",
    // And back by one; the window that was invalid is fetched.
    "sll %l3, 1, %l4",
    "srl %l3, 7, %l5",
    "or %l5, %l4, %l5",
    "mov %l5, %wim",
    "nop",
    "nop",
    "nop",
    "restore",
    "restore",
    "ldd [%sp + 0], %l0",
    "ldd [%sp + 8], %l2",
    "ldd [%sp + 16], %l4",
    "ldd [%sp + 24], %l6",
    "ldd [%sp + 32], %i0",
    "ldd [%sp + 40], %i2",
    "ldd [%sp + 48], %i4",
    "ldd [%sp + 56], %i6",
    "save",
    "save",
    "jmpl %l1, %g0",
    "rett %l2",
);

const UART: *mut u32 = 0x8000_0100 as *mut u32;

/// Sends a byte.
pub fn put(byte: u8) {
    // SAFETY: registers of this board: the transmitter is switched on, and has room where bit 2 of the status says so.
    unsafe {
        UART.add(2).write_volatile(2);
        while UART.add(1).read_volatile() & 4 == 0 {}
        UART.write_volatile(byte.into());
    }
}

/// Ends the emulation.
pub fn end() -> ! {
    loop {
        // SAFETY: a trap within a trap.
        unsafe { asm!("ta 0") };
    }
}
