//! Where registers and numbers stand in Thumb: chapters A5.2 (16 bits) and A5.3 (32 bits). Of the latter the first
//! halfword is the lower one.

use super::{is_movt, is_movw};
use crate::model::isa::fields::{Fields, Register};

/// A low register from this bit on, any register, one of the second halfword.
const fn low(shift: u32) -> Register {
    Register::new(shift, 3, 0)
}
const fn any(shift: u32) -> Register {
    Register::new(shift, 4, 0)
}
const fn second(shift: u32) -> Register {
    any(16 + shift)
}
const NONE: Register = Register::NONE;
const RN: Register = any(0);

/// The fields of an instruction of 16 bits.
pub(crate) const fn narrow(half: u32) -> Fields {
    let (registers, number) = match half >> 10 & 63 {
        // Shifts by a number; additions of one of three bits.
        0..=5 | 7 => ([low(0), low(3), NONE, NONE], 0),
        6 => ([low(0), low(3), low(6), NONE], 0),
        8..=15 => ([low(8), NONE, NONE, NONE], 0x00FF),
        16 => ([low(0), low(3), NONE, NONE], 0),
        // The highest bit of the first register stands apart.
        17 if half >> 7 & 1 == 0 => ([low(0), any(3), NONE, NONE], 0),
        17 => ([any(3), NONE, NONE, NONE], 0),
        18 | 19 => ([low(8), NONE, NONE, NONE], 0),
        20..=23 => ([low(0), low(3), low(6), NONE], 0),
        24..=35 => ([low(0), low(3), NONE, NONE], 0x07C0),
        36..=43 => ([low(8), NONE, NONE, NONE], 0x00FF),
        44 if half >> 8 & 3 == 0 => ([NONE; 4], 0x007F),
        44 if half >> 8 & 3 == 2 => ([low(0), low(3), NONE, NONE], 0),
        _ => return Fields::NONE,
    };
    Fields::new(registers, number)
}

/// The fields of an instruction of 32 bits.
pub(crate) const fn wide(word: u32) -> Fields {
    let (first, behind) = (word & 0xFFFF, word >> 16);
    let (registers, number) = match first >> 8 {
        // Loads and stores of one register: offsets of twelve bits, in a register, of eight bits.
        0xF8 | 0xF9 if first >> 7 & 1 == 1 => ([RN, second(12), NONE, NONE], 0x0FFF_0000),
        0xF8 | 0xF9 if behind >> 6 & 63 == 0 => ([RN, second(12), second(0), NONE], 0),
        0xF8 | 0xF9 => ([RN, second(12), NONE, NONE], 0x00FF_0000),
        0xF0..=0xF7 if behind >> 15 == 0 => {
            if is_movw(first as u16, behind as u16) || is_movt(first as u16, behind as u16) {
                ([second(8), NONE, NONE, NONE], 0x70FF_040F)
            } else {
                ([RN, second(8), NONE, NONE], 0x70FF_0400)
            }
        }
        0xEA | 0xEB | 0xFA => ([RN, second(8), second(0), NONE], 0),
        0xFB => ([RN, second(8), second(0), second(12)], 0),
        // Pairs, but not the lists of registers.
        0xE8 | 0xE9 if first >> 6 & 1 == 1 => ([RN, second(12), second(8), NONE], 0x00FF_0000),
        0xEC => ([NONE; 4], 0x00FF_0000),
        0xED => ([RN, NONE, NONE, NONE], 0x00FF_0000),
        _ => return Fields::NONE,
    };
    Fields::new(registers, number)
}
