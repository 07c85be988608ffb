//! A64, little endian: Arm Architecture Reference Manual, DDI 0487, chapters C4.1 (encodings) and
//! C6.2 (instructions); pairs of `ADRP` and the low 12 bits as in ELF for the Arm 64-bit
//! Architecture, "static AArch64 relocations".
//!
//! `ADRP` and a low half make an address only while the register lives: the instructions between
//! them must not write it, nor jump away, nor call where a call may change it. One `ADRP` may serve
//! several low halves; without one it refers to its page.
//!
//! Bound: both halves look at no more than [`PAIR_STEPS`] instructions, twice.

pub(crate) mod fields;

use super::shared::{Run, gather, plain, pointer_64, scaled, scatter, signed, with, within};
use super::{PLAIN, Place, Reference, Scope, Unit, words};

/// `BL`.
const BL: u8 = 1;
/// `B`.
const B: u8 = 2;
/// `B.cond`.
const B_COND: u8 = 3;
/// `CBZ`, `CBNZ`.
const CBZ: u8 = 4;
/// `TBZ`, `TBNZ`.
const TBZ: u8 = 5;
/// Loads of literals, `PRFM` too.
const LDR_LITERAL: u8 = 6;
/// `ADR`.
const ADR: u8 = 7;
/// `ADRP`.
const ADRP: u8 = 8;
/// `ADD` of the low 12 bits.
const ADD: u8 = 9;
/// A load from the low 12 bits.
const LOAD: u8 = 10;
/// A store to the low 12 bits.
const STORE: u8 = 11;
/// A load or store of a SIMD or floating-point register there.
const VECTOR: u8 = 12;

/// Instructions from a high half to a low one, at most.
const PAIR_STEPS: u32 = 16;

/// Registers that a call does not keep: x0 to x18, x30.
const CALL_KILLS: u32 = 0x4007_FFFF;

/// Where operands stand, chapter C4.1.
const IMM26: &[Run] = &[(0, 0, 26)];
const IMM19: &[Run] = &[(0, 5, 19)];
const IMM14: &[Run] = &[(0, 5, 14)];
const IMM12: &[Run] = &[(0, 10, 12)];
const IMM_HI_LO: &[Run] = &[(0, 29, 2), (2, 5, 19)];

/// The unit at `offset`.
pub(crate) fn read(scope: &mut Scope<'_, '_>, offset: u32) -> Option<Unit> {
    scope.old.byte(offset)?;
    let address = scope.space.address(offset);
    if !address.is_multiple_of(4) {
        return Some(plain(1, words::BYTE));
    }
    let Some(word) = scope.old.word(offset) else {
        return Some(plain(1, words::BYTE));
    };
    if address.is_multiple_of(8)
        && let Some(pointer) = pointer_64(scope, offset)
    {
        return Some(pointer);
    }
    let reference = direct(scope, address, word)
        .or_else(|| high_half(scope, offset, word))
        .or_else(|| low_half(scope, offset, word));
    Some(with(4, class(word), reference))
}

/// The class of an instruction that refers to nothing, by chapter C4.1's groups.
const fn class(word: u32) -> u8 {
    let group = match word >> 25 & 0xF {
        // Immediates: addresses and sums; logic; wide moves; bit fields.
        0b1000 => 1,
        0b1001 => match word >> 23 & 7 {
            4 => 2,
            5 => 3,
            _ => 4,
        },
        // Branches: by a distance; by register, system.
        0b1010 => 5,
        0b1011 => 6,
        // Registers: logic and sums; the rest.
        0b0101 => 7,
        0b1101 => 8,
        0b0111 | 0b1111 => 9,
        // Memory: single registers with an offset; pairs; all else; SIMD.
        0b0100 | 0b1100 => match (word >> 28 & 3, word >> 24 & 1, word >> 22 & 3) {
            (3, 1, 0) => 10,
            (3, 1, _) => 11,
            (2, _, 0 | 2) => 12,
            (2, _, _) => 13,
            _ => 14,
        },
        0b0110 | 0b1110 => 15,
        _ => 0,
    };
    PLAIN + group
}

/// The forms that say their address by themselves.
fn direct(scope: &Scope<'_, '_>, address: u64, word: u32) -> Option<Reference> {
    let form = match word >> 24 {
        0x94..=0x97 => BL,
        0x14..=0x17 => B,
        // `B.cond`, and `BC.cond` of later versions.
        0x54 => B_COND,
        0x34 | 0x35 | 0xB4 | 0xB5 => CBZ,
        0x36 | 0x37 | 0xB6 | 0xB7 => TBZ,
        // The integer forms have four sizes, the SIMD ones three.
        0x18 | 0x58 | 0x98 | 0xD8 | 0x1C | 0x5C | 0x9C => LDR_LITERAL,
        _ if word & 0x9F00_0000 == 0x1000_0000 => ADR,
        _ => return None,
    };
    let place = Place {
        address,
        partner: address,
    };
    within(scope, form, target(form, &word.to_le_bytes(), place, 0)?)
}

/// The register of an `ADRP`.
fn high_register(word: u32) -> Option<u32> {
    let register = word & 0x1F;
    (word & 0x9F00_0000 == 0x9000_0000 && register != 31).then_some(register)
}

/// The page that an `ADRP` at `address` makes.
fn page(word: u32, address: u64) -> u64 {
    let pages = signed(gather(word, IMM_HI_LO), 21);
    (address & !0xFFF).wrapping_add_signed(pages << 12)
}

/// A low half: its form, the register that it adds to, and the shift of its operand.
fn low_of(word: u32) -> Option<(u8, u32, u32)> {
    let register = word >> 5 & 0x1F;
    if word & 0xFFC0_0000 == 0x9100_0000 {
        return Some((ADD, register, 0));
    }
    // Load/store register (unsigned immediate).
    if word & 0x3B00_0000 != 0x3900_0000 {
        return None;
    }
    let (size, operation) = (word >> 30, word >> 22 & 3);
    if word >> 26 & 1 == 0 {
        let form = if operation == 0 { STORE } else { LOAD };
        return Some((form, register, size));
    }
    match (size, operation) {
        (_, 0 | 1) => Some((VECTOR, register, size)),
        // 128 bits.
        (0, _) => Some((VECTOR, register, 4)),
        _ => None,
    }
}

/// The address that a pair makes.
fn joined(page: u64, low: u32, shift: u32) -> u64 {
    page.wrapping_add(u64::from(gather(low, IMM12) << shift))
}

/// An `ADRP`, by the first low half behind it, or by itself.
fn high_half(scope: &mut Scope<'_, '_>, offset: u32, word: u32) -> Option<Reference> {
    high_register(word)?;
    let page = page(word, scope.space.address(offset));
    let low = walk(scope, offset, None).and_then(|at| scope.old.word(at));
    let paired = low.and_then(|low| Some(joined(page, low, low_of(low)?.2)));
    // An offset into another page belongs to something else.
    let target = paired
        .filter(|target| target & !0xFFF == page)
        .unwrap_or(page);
    words::worth(scope, target).then_some(Reference {
        form: ADRP,
        target,
        partner: None,
    })
}

/// The low half of a pair, by the nearest `ADRP` before it.
fn low_half(scope: &mut Scope<'_, '_>, offset: u32, word: u32) -> Option<Reference> {
    let (form, register, shift) = low_of(word)?;
    for step in 1..=PAIR_STEPS {
        let at = offset.checked_sub(4 * step)?;
        let high = scope.old.word(at)?;
        if high_register(high) != Some(register) {
            continue;
        }
        walk(scope, at, Some(offset))?;
        let page = page(high, scope.space.address(at));
        let target = joined(page, word, shift);
        let same = target & !0xFFF == page;
        return (same && words::worth(scope, target)).then_some(Reference {
            form,
            target,
            partner: Some(at),
        });
    }
    None
}

/// The low half at `sought`, or the first one, behind the `ADRP` at `from`, if its register still
/// lives there.
fn walk(scope: &mut Scope<'_, '_>, from: u32, sought: Option<u32>) -> Option<u32> {
    let register = high_register(scope.old.word(from)?)?;
    let mut at = from;
    for _ in 0..PAIR_STEPS {
        at = at.checked_add(4)?;
        let word = scope.old.word(at)?;
        let is_low = low_of(word).is_some_and(|(_, base, _)| base == register);
        if sought.map_or(is_low, |sought| sought == at) {
            return is_low.then_some(at);
        }
        if kills(word)? & 1 << register != 0 {
            return None;
        }
    }
    None
}

/// The general registers that an instruction changes, one bit each; nothing if it jumps away.
fn kills(word: u32) -> Option<u32> {
    let rd = 1 << (word & 0x1F);
    Some(match word >> 25 & 0xF {
        0b1000 | 0b1001 => rd,
        // Branches, exceptions, system.
        0b1010 | 0b1011 => match word >> 24 {
            0x94..=0x97 => CALL_KILLS,
            0x14..=0x17 => return None,
            0xD6 if word >> 21 & 7 == 1 => CALL_KILLS,
            0xD6 | 0xD7 => return None,
            // `MRS`, `SYSL`.
            0xD5 if word >> 21 & 1 == 1 => rd,
            _ => 0,
        },
        0b0101 | 0b1101 => match word >> 21 & 0xFF {
            // Conditional comparisons have flags there.
            0xD2 => 0,
            _ => rd,
        },
        0b0111 | 0b1111 => from_vector(word, rd),
        0b0100 | 0b0110 | 0b1100 | 0b1110 => memory(word, rd),
        _ => 0,
    })
}

/// The general register that a SIMD or floating-point instruction changes, chapter C4.1.
const fn from_vector(word: u32, rd: u32) -> u32 {
    let conversion = word & 0x5F20_FC00 == 0x1E20_0000 && !matches!(word >> 16 & 7, 2 | 3 | 7);
    let fixed = word & 0x5F20_0000 == 0x1E00_0000 && word >> 16 & 6 == 0;
    let moved = matches!(word & 0xBFE0_FC00, 0x0E00_3C00 | 0x0E00_2C00);
    if conversion || fixed || moved { rd } else { 0 }
}

/// The general registers that a load or store changes, chapter C4.1.
const fn memory(word: u32, rt: u32) -> u32 {
    let vector = word >> 26 & 1 == 1;
    let load = word >> 22 & 1 == 1;
    let base = 1 << (word >> 5 & 0x1F);
    let second = 1 << (word >> 10 & 0x1F);
    match word >> 28 & 3 {
        // Exclusive and ordered ones: the status, or what compare-and-swap has found; SIMD structures.
        0 if vector => {
            if word >> 23 & 1 == 1 {
                base
            } else {
                0
            }
        }
        0 => rt | second | 1 << (word >> 16 & 0x1F),
        // Literals; those with unscaled offsets of later versions.
        1 => {
            if vector {
                0
            } else {
                rt
            }
        }
        // Pairs: written back after and before the access.
        2 => {
            let back = if word >> 23 & 1 == 1 { base } else { 0 };
            if vector || !load {
                back
            } else {
                back | rt | second
            }
        }
        // Single registers: loads have an operation other than 0, the other modes a bit clear.
        _ => {
            let back = if word >> 24 & 1 == 0 && word >> 21 & 1 == 0 && word >> 10 & 1 == 1 {
                base
            } else {
                0
            };
            let atomic = word >> 24 & 1 == 0 && word >> 21 & 1 == 1 && word >> 10 & 3 == 0;
            let store = word >> 22 & 3 == 0 && !atomic;
            if vector || store { back } else { back | rt }
        }
    }
}

/// Where the operand of a form stands, and its bits.
const fn operand(form: u8) -> (&'static [Run], u32) {
    match form {
        BL | B => (IMM26, 26),
        B_COND | CBZ | LDR_LITERAL => (IMM19, 19),
        TBZ => (IMM14, 14),
        ADR | ADRP => (IMM_HI_LO, 21),
        _ => (IMM12, 12),
    }
}

fn load(unit: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(unit.get(..4)?.try_into().ok()?))
}

/// Writes `target` into the operand.
pub(crate) fn write(form: u8, unit: &mut [u8], place: Place, target: u64) -> Option<()> {
    let word = load(unit)?;
    let (runs, bits) = operand(form);
    let distance = target.wrapping_sub(place.address).cast_signed();
    let field = match form {
        BL | B | B_COND | CBZ | TBZ | LDR_LITERAL => scaled(distance, 2, bits)?,
        ADR => scaled(distance, 0, bits)?,
        ADRP => {
            let pages = (target & !0xFFF).wrapping_sub(place.address & !0xFFF);
            scaled(pages.cast_signed(), 12, bits)?
        }
        ADD | LOAD | STORE | VECTOR => {
            let (_, _, shift) = low_of(word)?;
            let low = (target & 0xFFF) as u32;
            let aligned = low >> shift << shift == low;
            aligned.then_some(low >> shift)?
        }
        _ => return None,
    };
    let bytes = scatter(word, runs, field).to_le_bytes();
    unit.get_mut(..4)?.copy_from_slice(&bytes);
    Some(())
}

/// The address that the operand refers to; nothing for an `ADRP`. A low half knows its `ADRP`, the
/// instruction `partner`, if that is still one and of the same register.
pub(crate) fn target(form: u8, unit: &[u8], place: Place, partner: u32) -> Option<u64> {
    let word = load(unit)?;
    let (runs, bits) = operand(form);
    let distance = signed(gather(word, runs), bits);
    match form {
        BL | B | B_COND | CBZ | TBZ | LDR_LITERAL => {
            Some(place.address.wrapping_add_signed(distance * 4))
        }
        ADR => Some(place.address.wrapping_add_signed(distance)),
        ADD | LOAD | STORE | VECTOR => {
            let (_, register, shift) = low_of(word)?;
            let same = high_register(partner) == Some(register);
            same.then(|| joined(page(partner, place.partner), word, shift))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
