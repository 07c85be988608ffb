//! The RISC-V board, QEMU's `virt` with its two NOR flash banks, as loader, flight application and factory share it.
//!
//! ```text
//! 0x0010_0000  test device       monitor alone: resets
//! 0x0010_1000  real-time clock   monitor alone: the elapsed-time counter
//! 0x0200_0000  CLINT             monitor alone: the tick that watchdog and deadline hang on
//! 0x1000_0000  UART              application
//! 0x2000_0000  flash, die 0      application reads; programs and erases by call
//! 0x2200_0000  flash, die 1      the same
//! 0x8000_0000  RAM, 1 MiB        monitor alone
//! 0x8010_0000  RAM, 1 MiB        application: loaded and entered at its first byte
//! ```
//!
//! Nothing here decides anything. Addresses and codes are those of QEMU's `hw/riscv/virt.c`.

#![no_std]

pub mod call;
pub mod map;
pub mod mmio;
pub mod provision;
pub mod text;
pub mod uart;
