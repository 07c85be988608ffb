//! Where registers and numbers stand in A64: chapter C4.1.

use crate::model::isa::fields::{FLOAT, Fields, Register};

const RD: Register = Register::new(0, 5, 0);
const RN: Register = Register::new(5, 5, 0);
const RM: Register = Register::new(16, 5, 0);
const RA: Register = Register::new(10, 5, 0);
const FD: Register = Register::new(0, 5, FLOAT);
const FN: Register = Register::new(5, 5, FLOAT);
const FM: Register = Register::new(16, 5, FLOAT);
const FD2: Register = Register::new(10, 5, FLOAT);
const NONE: Register = Register::NONE;

const IMM16: u32 = 0x001F_FFE0;
const IMM12: u32 = 0x003F_FC00;
const IMM9: u32 = 0x001F_F000;
const IMM7: u32 = 0x003F_8000;

/// The fields of an instruction.
pub(crate) const fn fields(word: u32) -> Fields {
    let (registers, number) = match word >> 25 & 15 {
        8 | 9 => return immediate(word),
        4 | 6 | 12 | 14 => return access(word),
        // Of three sources; all others.
        5 | 13 if word >> 24 & 0x1F == 0x1B => ([RD, RN, RA, RM], 0),
        5 | 13 => ([RD, RN, RM, NONE], 0),
        7 | 15 => ([FD, FN, FM, NONE], 0),
        // Compare or test, and branch.
        10 | 11 if word >> 26 & 0x1F == 0x0D => ([RD, NONE, NONE, NONE], 0),
        _ => return Fields::NONE,
    };
    Fields::new(registers, number)
}

/// Data processing, immediate.
const fn immediate(word: u32) -> Fields {
    let (registers, number) = match word >> 23 & 7 {
        // ADR and ADRP.
        0 | 1 => ([RD, NONE, NONE, NONE], 0),
        2 | 3 => ([RD, RN, NONE, NONE], IMM12),
        5 => ([RD, NONE, NONE, NONE], IMM16),
        _ => ([RD, RN, NONE, NONE], 0),
    };
    Fields::new(registers, number)
}

/// Loads and stores.
const fn access(word: u32) -> Fields {
    let is_float = word >> 26 & 1 == 1;
    let first = if is_float { FD } else { RD };
    let (registers, number) = match word >> 27 & 7 {
        // Literals; pairs; one register.
        3 => ([first, NONE, NONE, NONE], 0),
        5 if is_float => ([FD, FD2, RN, NONE], IMM7),
        5 => ([RD, RA, RN, NONE], IMM7),
        7 if word >> 24 & 1 == 1 => ([first, RN, NONE, NONE], IMM12),
        7 if word >> 21 & 1 == 0 => ([first, RN, NONE, NONE], IMM9),
        7 => ([first, RN, RM, NONE], 0),
        _ => ([first, RN, NONE, NONE], 0),
    };
    Fields::new(registers, number)
}
