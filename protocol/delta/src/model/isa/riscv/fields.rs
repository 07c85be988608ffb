//! Where registers and numbers stand in RISC-V: chapters 2.3 (figure 2.3), 11 (F) and 16 (C).

use crate::model::isa::fields::{FLOAT, Fields, Register};

const RD: Register = Register::new(7, 5, 0);
const RS1: Register = Register::new(15, 5, 0);
const RS2: Register = Register::new(20, 5, 0);
const FD: Register = Register::new(7, 5, FLOAT);
const FS2: Register = Register::new(20, 5, FLOAT);
/// Registers of compressed instructions: of all, and of eight.
const C_RS2: Register = Register::new(2, 5, 0);
const C_FS2: Register = Register::new(2, 5, FLOAT);
const LOW: Register = Register::new(2, 3, 8);
const HIGH: Register = Register::new(7, 3, 8);
const FLOAT_LOW: Register = Register::new(2, 3, FLOAT + 8);
const NONE: Register = Register::NONE;

const IMM_I: u32 = 0xFFF0_0000;
const IMM_S: u32 = 0xFE00_0F80;
const IMM_U: u32 = 0xFFFF_F000;
const IMM_CI: u32 = 0x107C;
const IMM_CSS: u32 = 0x1F80;
const IMM_CIW: u32 = 0x1FE0;
const IMM_CL: u32 = 0x1C60;

/// The fields of an instruction of 32 bits.
pub(crate) const fn full(word: u32) -> Fields {
    let (registers, number) = match word & 0x7F {
        0x33 | 0x3B => ([RD, RS1, RS2, NONE], 0),
        // Shifts keep their operation in the upper bits of the immediate.
        0x13 | 0x1B if word >> 12 & 3 == 1 => ([RD, RS1, NONE, NONE], 0),
        0x13 | 0x1B | 0x03 | 0x67 => ([RD, RS1, NONE, NONE], IMM_I),
        0x07 => ([FD, RS1, NONE, NONE], IMM_I),
        0x23 => ([RS1, RS2, NONE, NONE], IMM_S),
        0x27 => ([RS1, FS2, NONE, NONE], IMM_S),
        0x63 => ([RS1, RS2, NONE, NONE], 0),
        0x37 | 0x17 => ([RD, NONE, NONE, NONE], IMM_U),
        0x6F => ([RD, NONE, NONE, NONE], 0),
        _ => return Fields::NONE,
    };
    Fields::new(registers, number)
}

/// The fields of a compressed instruction; RV64 has loads and stores of doublewords where RV32 has those of
/// floating-point registers.
pub(crate) const fn compressed(half: u32, rv64: bool) -> Fields {
    let operation = half >> 13 & 7;
    let float = match operation & 3 {
        1 => true,
        3 => !rv64,
        _ => false,
    };
    let (registers, number) = match (half & 3, operation) {
        (0, 0) => ([LOW, NONE, NONE, NONE], IMM_CIW),
        (0, _) if float => ([FLOAT_LOW, HIGH, NONE, NONE], IMM_CL),
        (0, _) => ([LOW, HIGH, NONE, NONE], IMM_CL),
        (1, 0 | 2 | 3) => ([RD, NONE, NONE, NONE], IMM_CI),
        (1, 4) if half >> 10 & 3 == 3 => ([HIGH, LOW, NONE, NONE], 0),
        (1, 4 | 6 | 7) => ([HIGH, NONE, NONE, NONE], 0),
        (2, 0) => ([RD, NONE, NONE, NONE], 0),
        (2, 1..=3) if float => ([FD, NONE, NONE, NONE], IMM_CI),
        (2, 1..=3) => ([RD, NONE, NONE, NONE], IMM_CI),
        (2, 4) => ([RD, C_RS2, NONE, NONE], 0),
        (2, _) if float => ([C_FS2, NONE, NONE, NONE], IMM_CSS),
        (2, _) => ([C_RS2, NONE, NONE, NONE], IMM_CSS),
        _ => return Fields::NONE,
    };
    Fields::new(registers, number)
}
