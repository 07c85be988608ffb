//! The first instructions: a stack, zeros where zeros belong, and on to Rust with what the loader said in `a0`.

use core::arch::global_asm;

global_asm!(
    ".section .start, \"ax\"",
    ".globl _start",
    "_start:",
    ".option push",
    ".option norelax",
    "la gp, __global_pointer$",
    ".option pop",
    "la sp, __stack",
    "la t1, __bss",
    "la t2, __bss_end",
    "1: bgeu t1, t2, 2f",
    "sw zero, 0(t1)",
    "addi t1, t1, 4",
    "j 1b",
    "2: call application",
    "unimp",
);
