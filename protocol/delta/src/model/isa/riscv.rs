//! RV32 and RV64 with compressed instructions, little endian: The RISC-V Instruction Set Manual,
//! Volume I, 20191213, chapters 2 (RV32I), 5 (RV64I), 16 (C) and 24 (listings); pairs of a high and
//! a low half as in RISC-V ELF psABI, "PC-relative symbol addresses" and "absolute addresses".
//!
//! A high half (`LUI`, `AUIPC`) and a low one make an address only while the register lives: the
//! instructions between them must not write it, nor jump away. Code has no literal pools; words
//! between the functions are taken for pointers only beside other pointers.
//!
//! Bound: a high half walks over at most [`PAIR_STEPS`] instructions; a low half tries each of the
//! [`PAIR_REACH`] / 2 places before it, walking from those that look like its high half.

pub(crate) mod fields;

use super::shared::{Run, gather, plain, pointer_32, pointer_64, scaled, scatter, signed};
use super::shared::{with, within};
use super::{PLAIN, Place, Reference, Scope, Unit, words};

/// `AUIPC` of a pair.
const AUIPC: u8 = 1;
/// `LUI` of a pair.
const LUI: u8 = 2;
/// `C.LUI` of a pair.
const C_LUI: u8 = 3;
/// `JALR` behind `AUIPC`: a far call.
const JALR: u8 = 4;
/// `ADDI`, `ADDIW` behind `AUIPC`.
const ADD_PC: u8 = 5;
/// A load behind `AUIPC`.
const LOAD_PC: u8 = 6;
/// A store behind `AUIPC`.
const STORE_PC: u8 = 7;
/// `ADDI`, `ADDIW`, `JALR` behind `LUI`.
const ADD: u8 = 8;
/// A load behind `LUI`.
const LOAD: u8 = 9;
/// A store behind `LUI`.
const STORE: u8 = 10;
/// `BEQ` and its kin.
const BRANCH: u8 = 11;
/// `JAL`.
const JAL: u8 = 12;
/// `C.J`.
const C_J: u8 = 13;
/// `C.BEQZ`, `C.BNEZ`.
const C_BRANCH: u8 = 14;
/// `C.JAL`, which RV64 does not have.
const C_JAL: u8 = 15;

/// Instructions from a high half to a low one, at most.
const PAIR_STEPS: u32 = 16;

/// Bytes from a high half to a low one, at most.
const PAIR_REACH: u32 = 4 * PAIR_STEPS;

/// Registers that a call does not keep: ra, t0 to t6, a0 to a7.
const CALL_KILLS: u32 = 0xF003_FCE2;

/// Opcode of `LUI`: such a word looks like a pointer to the page that the instruction loads, and so
/// do others near it.
const OPCODE_LUI: u32 = 0x37;

/// Immediates, chapter 2.3, figure 2.4.
const IMM_I: &[Run] = &[(0, 20, 12)];
const IMM_S: &[Run] = &[(5, 25, 7), (0, 7, 5)];
const IMM_B: &[Run] = &[(12, 31, 1), (5, 25, 6), (1, 8, 4), (11, 7, 1)];
const IMM_U: &[Run] = &[(0, 12, 20)];
const IMM_J: &[Run] = &[(20, 31, 1), (1, 21, 10), (11, 20, 1), (12, 12, 8)];
/// Immediate of `C.J` and `C.JAL`, chapter 16.4.
const IMM_CJ: &[Run] = &[
    (11, 12, 1),
    (4, 11, 1),
    (8, 9, 2),
    (10, 8, 1),
    (6, 7, 1),
    (7, 6, 1),
    (1, 3, 3),
    (5, 2, 1),
];
/// Immediate of `C.BEQZ` and `C.BNEZ`, chapter 16.4.
const IMM_CB: &[Run] = &[(8, 12, 1), (3, 10, 2), (6, 5, 2), (1, 3, 2), (5, 2, 1)];
/// Immediate of `C.LUI` without its 12 low zeros, chapter 16.5.
const IMM_CLUI: &[Run] = &[(5, 12, 1), (0, 2, 5)];

/// The unit at `offset`; `wide` means RV64.
pub(crate) fn read(scope: &mut Scope<'_, '_>, wide: bool, offset: u32) -> Option<Unit> {
    scope.old.byte(offset)?;
    let address = scope.space.address(offset);
    if !address.is_multiple_of(2) {
        return Some(plain(1, words::BYTE));
    }
    let Some(first) = scope.old.half(offset) else {
        return Some(plain(1, words::BYTE));
    };
    let word = instruction(scope, offset);
    let pair = word.and_then(|word| {
        let high = high_half(scope, wide, offset, word);
        high.or_else(|| low_half(scope, wide, offset, word))
    });
    if pair.is_none()
        && let Some(pointer) = pointer(scope, wide, offset, first)
    {
        return Some(pointer);
    }
    let Some(word) = word else {
        return Some(plain(2, class(u32::from(first))));
    };
    let reference = pair.or_else(|| jump(scope, wide, address, word));
    let len = if is_long(word) { 4 } else { 2 };
    Some(with(len, class(word), reference))
}

/// The pointer at `offset`, where the first halfword is `first`.
fn pointer(scope: &mut Scope<'_, '_>, wide: bool, offset: u32, first: u16) -> Option<Unit> {
    let address = scope.space.address(offset);
    if wide {
        return address
            .is_multiple_of(8)
            .then(|| pointer_64(scope, offset))?;
    }
    if !address.is_multiple_of(4) || u32::from(first) & 0x7F == OPCODE_LUI {
        return None;
    }
    pointer_32(scope, offset)
}

/// Whether the instruction has 32 bits, chapter 1.5. Longer ones are read as halfwords.
const fn is_long(word: u32) -> bool {
    word & 3 == 3 && word & 0x1F != 0x1F
}

/// The instruction at `offset`, a short one with a clear upper half.
fn instruction(scope: &mut Scope<'_, '_>, offset: u32) -> Option<u32> {
    let half = u32::from(scope.old.half(offset)?);
    if is_long(half) {
        scope.old.word(offset)
    } else {
        Some(half)
    }
}

/// The class of an instruction that refers to nothing.
const fn class(word: u32) -> u8 {
    let group = match (word & 3, word >> 13 & 7) {
        (0, 0..4) => 0,
        (0, _) => 1,
        (1, 0..4) => 2,
        (1, 4) => 3,
        (1, _) => 4,
        (2, 0..4) => 5,
        (2, 4) => 6,
        (2, _) => 7,
        _ => match word >> 2 & 0x1F {
            0x00 | 0x01 => 8,
            0x08 | 0x09 => 9,
            0x04 | 0x06 => 10,
            0x0C | 0x0E => 11,
            0x05 | 0x0D => 12,
            0x18 | 0x19 | 0x1B => 13,
            0x03 | 0x0B | 0x1C => 14,
            _ => 15,
        },
    };
    PLAIN + group
}

/// Jumps and branches by a distance.
fn jump(scope: &Scope<'_, '_>, wide: bool, address: u64, word: u32) -> Option<Reference> {
    let form = if is_long(word) {
        match (word & 0x7F, word >> 12 & 7) {
            // Two conditions are reserved.
            (0x63, 0 | 1 | 4..=7) => BRANCH,
            (0x6F, _) => JAL,
            _ => return None,
        }
    } else {
        match (word & 3, word >> 13 & 7) {
            (1, 1) if !wide => C_JAL,
            (1, 5) => C_J,
            (1, 6 | 7) => C_BRANCH,
            _ => return None,
        }
    };
    let place = Place {
        address,
        partner: address,
    };
    within(
        scope,
        form,
        target(form, wide, &word.to_le_bytes(), place, 0)?,
    )
}

/// A high half: its form, its register, and what it adds to zero or to its own address.
fn high_of(word: u32) -> Option<(u8, u32, i64)> {
    let register = word >> 7 & 0x1F;
    let upper = i64::from((word & 0xFFFF_F000).cast_signed());
    match word & 0x7F {
        0x17 => Some((AUIPC, register, upper)),
        OPCODE_LUI => Some((LUI, register, upper)),
        _ if word & 0xE003 == 0x6001 && register != 2 => {
            let upper = signed(gather(word, IMM_CLUI), 6) << 12;
            (upper != 0).then_some((C_LUI, register, upper))
        }
        _ => None,
    }
    .filter(|&(_, register, _)| register != 0)
}

/// The form of an instruction that may be a low half behind `AUIPC`, or behind `LUI`.
fn low_form(word: u32, wide: bool, absolute: bool) -> Option<u8> {
    let form = match (word & 0x7F, word >> 12 & 7) {
        (0x13, 0) => ADD_PC,
        (0x1B, 0) if wide => ADD_PC,
        (0x03, 0..=2 | 4 | 5) | (0x07, 2 | 3) => LOAD_PC,
        (0x03, 3 | 6) if wide => LOAD_PC,
        (0x23, 0..=2) | (0x27, 2 | 3) => STORE_PC,
        (0x23, 3) if wide => STORE_PC,
        (0x67, 0) => JALR,
        _ => return None,
    };
    Some(match form {
        _ if !absolute => form,
        LOAD_PC => LOAD,
        STORE_PC => STORE,
        _ => ADD,
    })
}

/// The register that a low half adds to.
const fn base_register(word: u32) -> u32 {
    word >> 15 & 0x1F
}

/// The address that a pair makes; `high_at` is the address of its high half.
fn joined(wide: bool, high: (u8, u32, i64), high_at: u64, form: u8, low: u32) -> u64 {
    let base = if high.0 == AUIPC { high_at } else { 0 };
    let added = signed(gather(low, imm(form).0), 12);
    let sum = base.wrapping_add_signed(high.2).wrapping_add_signed(added);
    cut(wide, sum)
}

/// An address of the machine.
const fn cut(wide: bool, address: u64) -> u64 {
    if wide { address } else { address & 0xFFFF_FFFF }
}

/// The reference that a pair makes: a place to call, or anything worth pointing to.
fn pair(scope: &mut Scope<'_, '_>, wide: bool, high_at: u32, low: u32) -> Option<(u8, u8, u64)> {
    let high = high_of(instruction(scope, high_at)?)?;
    let form = low_form(low, wide, high.0 != AUIPC)?;
    let target = joined(wide, high, scope.space.address(high_at), form, low);
    let accepted = if form == JALR {
        target.is_multiple_of(2) && scope.in_image(target)
    } else {
        words::worth(scope, target)
    };
    accepted.then_some((high.0, form, target))
}

/// The high half of a pair, by the first low half behind it.
fn high_half(scope: &mut Scope<'_, '_>, wide: bool, offset: u32, word: u32) -> Option<Reference> {
    high_of(word)?;
    let low_at = walk(scope, wide, offset, None)?;
    let low = scope.old.word(low_at)?;
    let (form, _, target) = pair(scope, wide, offset, low)?;
    Some(Reference {
        form,
        target,
        partner: None,
    })
}

/// The low half of a pair, by the nearest high half before it.
fn low_half(scope: &mut Scope<'_, '_>, wide: bool, offset: u32, word: u32) -> Option<Reference> {
    low_form(word, wide, false)?;
    let register = base_register(word);
    for step in 1..=PAIR_REACH / 2 {
        let at = offset.checked_sub(2 * step)?;
        let half = u32::from(scope.old.half(at)?);
        // Instructions have two lengths: what looks like a high half may be the middle of another
        // one. It counts if the steps from it lead here.
        let fits = high_of(half).is_some() && half >> 7 & 0x1F == register;
        if !fits || walk(scope, wide, at, Some(offset)).is_none() {
            continue;
        }
        let (_, form, target) = pair(scope, wide, at, word)?;
        return Some(Reference {
            form,
            target,
            partner: Some(at),
        });
    }
    None
}

/// The low half at `sought`, or the first one, behind the high half at `from`, if its register
/// still lives there.
fn walk(scope: &mut Scope<'_, '_>, wide: bool, from: u32, sought: Option<u32>) -> Option<u32> {
    let word = instruction(scope, from)?;
    let (form, register, _) = high_of(word)?;
    let mut at = from.checked_add(if is_long(word) { 4 } else { 2 })?;
    for _ in 0..PAIR_STEPS {
        if sought.is_some_and(|sought| at >= sought) {
            return sought.filter(|sought| *sought == at);
        }
        let word = instruction(scope, at)?;
        let is_low = is_long(word)
            && base_register(word) == register
            && low_form(word, wide, form != AUIPC).is_some();
        if sought.is_none() && is_low {
            return Some(at);
        }
        if kills(word, wide)? & 1 << register != 0 {
            return None;
        }
        at = at.checked_add(if is_long(word) { 4 } else { 2 })?;
    }
    None
}

/// The integer registers that an instruction changes, one bit each; nothing if it jumps away.
fn kills(word: u32, wide: bool) -> Option<u32> {
    let rd = 1 << (word >> 7 & 0x1F);
    if !is_long(word) {
        return short_kills(word, wide);
    }
    match word & 0x7F {
        // Stores, fences, branches, loads and fused sums of floating point.
        0x23 | 0x27 | 0x0F | 0x63 | 0x07 | 0x43 | 0x47 | 0x4B | 0x4F => Some(0),
        // Floating point: comparisons, conversions to integers and moves to them have a result.
        0x53 => Some(match word >> 27 {
            0b10100 | 0b11000 | 0b11100 => rd,
            _ => 0,
        }),
        // Jumps and calls.
        0x6F | 0x67 => (rd != 1).then_some(rd | CALL_KILLS),
        _ => Some(rd),
    }
}

/// The same for compressed instructions, chapter 16.8.
fn short_kills(word: u32, wide: bool) -> Option<u32> {
    let rd = 1 << (word >> 7 & 0x1F);
    let low_field = 1 << (8 + (word >> 2 & 7));
    let high_field = 1 << (8 + (word >> 7 & 7));
    Some(match (word & 3, word >> 13 & 7) {
        (0, 0 | 2) => low_field,
        (0, 3) if wide => low_field,
        (1, 1) if !wide => CALL_KILLS,
        (1, 0..=3) | (2, 0 | 2) => rd,
        (1, 4) => high_field,
        (1, 5) => return None,
        (2, 3) if wide => rd,
        (2, 4) if word >> 2 & 0x1F != 0 => rd,
        // `C.JR` jumps, `C.JALR` calls; `C.EBREAK` counts as a call.
        (2, 4) if word >> 12 & 1 == 0 => return None,
        (2, 4) => CALL_KILLS,
        _ => 0,
    })
}

/// Where the operand of a form stands, and its bits.
const fn imm(form: u8) -> (&'static [Run], u32) {
    match form {
        AUIPC | LUI => (IMM_U, 20),
        C_LUI => (IMM_CLUI, 6),
        STORE | STORE_PC => (IMM_S, 12),
        BRANCH => (IMM_B, 13),
        JAL => (IMM_J, 21),
        C_J | C_JAL => (IMM_CJ, 12),
        C_BRANCH => (IMM_CB, 9),
        _ => (IMM_I, 12),
    }
}

/// The unit's bytes as a number.
fn load(form: u8, unit: &[u8]) -> Option<u32> {
    let &[a, b] = unit.get(..2)? else { return None };
    if matches!(form, C_LUI | C_J | C_JAL | C_BRANCH) {
        return Some(u32::from(u16::from_le_bytes([a, b])));
    }
    let &[c, d] = unit.get(2..4)? else {
        return None;
    };
    Some(u32::from_le_bytes([a, b, c, d]))
}

/// The upper 20 bits of a sum whose lower 12 are signed; nothing if they do not suffice.
fn upper(wide: bool, value: u64) -> Option<u32> {
    let value = if wide {
        i32::try_from(value.cast_signed()).ok()?
    } else {
        (value as u32).cast_signed()
    };
    let rounded = if wide {
        value.checked_add(0x800)?
    } else {
        value.wrapping_add(0x800)
    };
    Some(rounded.cast_unsigned() >> 12)
}

/// Writes `target` into the operand.
pub(crate) fn write(
    form: u8,
    wide: bool,
    unit: &mut [u8],
    place: Place,
    target: u64,
) -> Option<()> {
    let word = load(form, unit)?;
    if cut(wide, target) != target {
        return None;
    }
    let (runs, bits) = imm(form);
    let field = match form {
        AUIPC => upper(wide, target.wrapping_sub(place.address))?,
        LUI => upper(wide, target)?,
        C_LUI => {
            let field = scaled(i64::from((upper(wide, target)? << 12).cast_signed()), 12, 6)?;
            // Zero is another instruction.
            (field != 0).then_some(field)?
        }
        JALR | ADD_PC | LOAD_PC | STORE_PC => target.wrapping_sub(place.partner) as u32,
        ADD | LOAD | STORE => target as u32,
        BRANCH | JAL | C_J | C_JAL | C_BRANCH => {
            let distance = target.wrapping_sub(place.address).cast_signed();
            scaled(distance, 1, bits - 1)? << 1
        }
        _ => return None,
    };
    let bytes = scatter(word, runs, field).to_le_bytes();
    let len = if is_long(word) { 4 } else { 2 };
    let place = unit.get_mut(..len)?;
    place
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = from);
    Some(())
}

/// The address that the operand refers to; nothing for a high half. A low one knows its high half,
/// the instruction `partner`, if that is still one and of the same register.
pub(crate) fn target(form: u8, wide: bool, unit: &[u8], place: Place, partner: u32) -> Option<u64> {
    let word = load(form, unit)?;
    match form {
        BRANCH | JAL | C_J | C_JAL | C_BRANCH => {
            let (runs, bits) = imm(form);
            let distance = signed(gather(word, runs), bits);
            Some(cut(wide, place.address.wrapping_add_signed(distance)))
        }
        JALR | ADD_PC | LOAD_PC | STORE_PC | ADD | LOAD | STORE => {
            let high = high_of(partner)?;
            let relative = matches!(form, JALR | ADD_PC | LOAD_PC | STORE_PC);
            let same = high.1 == base_register(word) && (high.0 == AUIPC) == relative;
            same.then(|| joined(wide, high, place.partner, form, word))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
