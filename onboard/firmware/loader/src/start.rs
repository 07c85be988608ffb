//! The first instructions, the way into a trap and back, and the jump to the application. All that must be assembly.

use core::arch::global_asm;

use lightday_firmware_board::map::APPLICATION_RAM;

// In flash: copies the loader to RAM, clears what is zero, paints the stacks, goes on there. Nothing runs in flash after that, so that
// the flash may be given commands.
global_asm!(
    ".section .start, \"ax\"",
    ".globl _start",
    "_start:",
    ".option push",
    ".option norelax",
    "csrw mie, zero",
    "csrci mstatus, 8",
    "la gp, __global_pointer$",
    "la t0, __image_flash",
    "la t1, __image",
    "la t2, __image_end",
    "1: bgeu t1, t2, 2f",
    "lw t3, 0(t0)",
    "sw t3, 0(t1)",
    "addi t0, t0, 4",
    "addi t1, t1, 4",
    "j 1b",
    "2: la t1, __bss",
    "la t2, __bss_end",
    "3: bgeu t1, t2, 4f",
    "sw zero, 0(t1)",
    "addi t1, t1, 4",
    "j 3b",
    // Both stacks are painted, so that it shows how deep they were.
    "4: la t1, __stack_end",
    "la t2, __trap_stack",
    "li t3, 0x5aa5c33c",
    "5: sw t3, 0(t1)",
    "addi t1, t1, 4",
    "bltu t1, t2, 5b",
    "la sp, __trap_stack",
    "csrw mscratch, sp",
    "la sp, __stack",
    "la t0, trap_entry",
    "csrw mtvec, t0",
    "fence.i",
    "la t0, boot",
    "jr t0",
    ".option pop",
);

// Every trap, from the application and from ourselves, saves all registers on a stack of its own: what runs may have
// made anything of `sp`.
global_asm!(
    ".section .trap, \"ax\"",
    ".balign 4",
    "trap_entry:",
    "csrrw sp, mscratch, sp",
    "addi sp, sp, -128",
    "sw x1, 4(sp)",
    "sw x3, 12(sp)",
    "sw x4, 16(sp)",
    "sw x5, 20(sp)",
    "sw x6, 24(sp)",
    "sw x7, 28(sp)",
    "sw x8, 32(sp)",
    "sw x9, 36(sp)",
    "sw x10, 40(sp)",
    "sw x11, 44(sp)",
    "sw x12, 48(sp)",
    "sw x13, 52(sp)",
    "sw x14, 56(sp)",
    "sw x15, 60(sp)",
    "sw x16, 64(sp)",
    "sw x17, 68(sp)",
    "sw x18, 72(sp)",
    "sw x19, 76(sp)",
    "sw x20, 80(sp)",
    "sw x21, 84(sp)",
    "sw x22, 88(sp)",
    "sw x23, 92(sp)",
    "sw x24, 96(sp)",
    "sw x25, 100(sp)",
    "sw x26, 104(sp)",
    "sw x27, 108(sp)",
    "sw x28, 112(sp)",
    "sw x29, 116(sp)",
    "sw x30, 120(sp)",
    "sw x31, 124(sp)",
    "csrr t0, mscratch",
    "sw t0, 8(sp)",
    ".option push",
    ".option norelax",
    "la gp, __global_pointer$",
    ".option pop",
    "mv a0, sp",
    "call trap",
    "addi t0, sp, 128",
    "csrw mscratch, t0",
    "lw x1, 4(sp)",
    "lw x3, 12(sp)",
    "lw x4, 16(sp)",
    "lw x5, 20(sp)",
    "lw x6, 24(sp)",
    "lw x7, 28(sp)",
    "lw x8, 32(sp)",
    "lw x9, 36(sp)",
    "lw x10, 40(sp)",
    "lw x11, 44(sp)",
    "lw x12, 48(sp)",
    "lw x13, 52(sp)",
    "lw x14, 56(sp)",
    "lw x15, 60(sp)",
    "lw x16, 64(sp)",
    "lw x17, 68(sp)",
    "lw x18, 72(sp)",
    "lw x19, 76(sp)",
    "lw x20, 80(sp)",
    "lw x21, 84(sp)",
    "lw x22, 88(sp)",
    "lw x23, 92(sp)",
    "lw x24, 96(sp)",
    "lw x25, 100(sp)",
    "lw x26, 104(sp)",
    "lw x27, 108(sp)",
    "lw x28, 112(sp)",
    "lw x29, 116(sp)",
    "lw x30, 120(sp)",
    "lw x31, 124(sp)",
    "lw sp, 8(sp)",
    "mret",
);

/// Registers of what was interrupted: `x0` (nothing) to `x31`.
#[repr(C)]
pub struct Frame {
    /// By their number.
    pub x: [u32; 32],
}

impl Frame {
    /// Argument or result `n` of a call.
    pub fn argument(&self, n: usize) -> u32 {
        self.x.get(10 + n).copied().unwrap_or(0)
    }

    /// The number of the call.
    pub fn number(&self) -> u32 {
        self.argument(7)
    }

    /// Gives a call its results.
    pub fn answer(&mut self, status: u32, value: u64) {
        let [_, _, _, _, _, _, _, _, _, _, a0, a1, a2, ..] = &mut self.x;
        *a0 = status;
        *a1 = (value & 0xffff_ffff) as u32;
        *a2 = (value >> 32) as u32;
    }
}

/// Enters the application in user mode, with a code that says what it was booted as. The tick goes on interrupting it.
pub fn enter(code: u32) -> ! {
    // SAFETY: the physical memory protection is set, so that the application reaches what is its own and nothing
    // else; the stack of traps is in `mscratch`. Every register is cleared: nothing of the loader leaks.
    unsafe {
        core::arch::asm!(
            "csrci mstatus, 8", // a tick would take `mepc` for itself
            "csrw mepc, {entry}",
            "li t0, 0x1880",
            "csrc mstatus, t0", // previous mode: user; interrupts: those of machine mode always reach it
            "fence.i",
            "li ra, 0", "li sp, 0", "li gp, 0", "li tp, 0",
            "li t0, 0", "li t1, 0", "li t2, 0", "li s0, 0", "li s1, 0",
            "li a1, 0", "li a2, 0", "li a3, 0", "li a4, 0", "li a5, 0", "li a6, 0", "li a7, 0",
            "li s2, 0", "li s3, 0", "li s4, 0", "li s5, 0", "li s6, 0", "li s7, 0", "li s8, 0",
            "li s9, 0", "li s10, 0", "li s11, 0",
            "li t3, 0", "li t4, 0", "li t5, 0", "li t6, 0",
            "mret",
            entry = in(reg) APPLICATION_RAM,
            in("a0") code,
            options(noreturn)
        )
    }
}
