//! Where registers and numbers stand in SPARC: chapter 5.1, figure 5-1.

use super::opcode;
use crate::model::isa::fields::{FLOAT, Fields, Register};

const RD: Register = Register::new(25, 5, 0);
const RS1: Register = Register::new(14, 5, 0);
const RS2: Register = Register::new(0, 5, 0);
const FD: Register = Register::new(25, 5, FLOAT);
const FS1: Register = Register::new(14, 5, FLOAT);
const FS2: Register = Register::new(0, 5, FLOAT);
const NONE: Register = Register::NONE;

const SIMM13: u32 = 0x1FFF;
const IMM22: u32 = 0x3F_FFFF;

/// The fields of an instruction.
pub(crate) const fn fields(word: u32) -> Fields {
    let destination = match opcode(word) {
        (0, 4) => return Fields::new([RD, NONE, NONE, NONE], IMM22),
        (0 | 1, _) => return Fields::NONE,
        // The operations on floating-point registers.
        (2, 0x34 | 0x35) => return Fields::new([FD, FS1, FS2, NONE], 0),
        (3, 0x20..=0x2F) => FD,
        _ => RD,
    };
    if word >> 13 & 1 == 1 {
        Fields::new([destination, RS1, NONE, NONE], SIMM13)
    } else {
        Fields::new([destination, RS1, RS2, NONE], 0)
    }
}
