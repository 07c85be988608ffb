//! Cortex-M4F, little-endian: `qemu-system-arm -M mps2-an386`.

use core::arch::{asm, global_asm};

global_asm!(
    ".section .vectors, \"a\"",
    ".word _stack_top",
    ".word reset",
    ".rept 14",
    ".word fault",
    ".endr",
);

const CPACR: *mut u32 = 0xE000_ED88 as *mut u32;
const UART: *mut u32 = 0x4000_4000 as *mut u32;

#[unsafe(no_mangle)]
extern "C" fn reset() -> ! {
    // SAFETY: registers of this board. The floating point unit is switched on, since the compiler may copy through it;
    // the UART may send, and wants a divisor of 16 at least.
    unsafe {
        CPACR.write_volatile(0xF << 20);
        UART.add(4).write_volatile(16);
        UART.add(2).write_volatile(1);
    }
    crate::main()
}

#[unsafe(no_mangle)]
extern "C" fn fault() -> ! {
    b"FAULT\n".iter().copied().for_each(put);
    end()
}

/// Sends a byte.
pub fn put(byte: u8) {
    // SAFETY: registers of this board.
    unsafe {
        while UART.add(1).read_volatile() & 1 != 0 {}
        UART.write_volatile(byte.into());
    }
}

/// Ends the emulation.
pub fn end() -> ! {
    loop {
        // SAFETY: semihosting, SYS_EXIT because the application ended.
        unsafe { asm!("bkpt 0xab", in("r0") 0x18, in("r1") 0x2_0026) };
    }
}
