//! SPARC V8, big endian: The SPARC Architecture Manual, version 8, chapter 5.1 (formats) and
//! appendices B (instructions) and F (opcodes); `%hi` and `%lo` as in the System V ABI's SPARC
//! supplement, chapter 4 (`R_SPARC_HI22`, `R_SPARC_LO10`).
//!
//! `SETHI` and a low half make an address only while the register lives: not beyond another write
//! to it, a jump or a change of the register window, nor beyond a call that may change it. Each of
//! these but the write acts after its delay slot, which often holds the low half.
//!
//! A pointer into an image at 0x4000_0000 looks like a forward `CALL`. What stands next to it tells:
//! no delay slot holds another call or branch, nor a small number, which would be `UNIMP`.
//!
//! Bound: both halves look at no more than [`PAIR_STEPS`] instructions, twice.

pub(crate) mod fields;

use super::shared::{Run, gather, plain, pointer_32, scaled, scatter, signed, with, within};
use super::{PLAIN, Place, Reference, Scope, Unit, words};

/// `CALL`.
const CALL: u8 = 1;
/// `Bicc`.
const BRANCH: u8 = 2;
/// `FBfcc`.
const BRANCH_FLOAT: u8 = 3;
/// `CBccc`.
const BRANCH_COPROCESSOR: u8 = 4;
/// `SETHI` of a pair.
const SETHI: u8 = 5;
/// `OR` with `%lo`.
const OR: u8 = 6;
/// `ADD` with `%lo`; `RESTORE`, which adds.
const ADD: u8 = 7;
/// A load from `%lo`.
const LOAD: u8 = 8;
/// A store to `%lo`.
const STORE: u8 = 9;
/// `JMPL` to `%lo`.
const JMPL: u8 = 10;

/// Instructions from a high half to a low one, at most.
const PAIR_STEPS: u32 = 32;

/// Registers that a call does not keep: the global ones, and the outs but the stack pointer.
const CALL_KILLS: u32 = 0x0000_BFFE;

/// Operands, chapter 5.1, figure 5-1.
const DISP30: &[Run] = &[(0, 0, 30)];
const DISP22: &[Run] = &[(0, 0, 22)];
/// The part of simm13 that `%lo` fills.
const LO10: &[Run] = &[(0, 0, 10)];

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
    let call = call(scope, offset, address, word);
    if call.is_none()
        && let Some(pointer) = pointer_32(scope, offset)
    {
        return Some(pointer);
    }
    let reference = call
        .or_else(|| branch(scope, address, word))
        .or_else(|| high_half(scope, offset, word))
        .or_else(|| low_half(scope, offset, word));
    Some(with(4, class(word), reference))
}

/// The instruction's opcode fields: op; op2 or op3.
const fn opcode(word: u32) -> (u32, u32) {
    match word >> 30 {
        0 => (0, word >> 22 & 7),
        1 => (1, 0),
        op => (op, word >> 19 & 0x3F),
    }
}

/// The class of an instruction that refers to nothing.
const fn class(word: u32) -> u8 {
    let group = match opcode(word) {
        (0, 4) => 1,
        (0, 2 | 6 | 7) => 2,
        (0, _) => 0,
        (1, _) => 3,
        (2, 0x00) => 4,
        (2, 0x02) => 5,
        (2, 0x04) => 7,
        (2, 0x01 | 0x03 | 0x05..=0x07) => 6,
        (2, 0x10..=0x1F) => 8,
        (2, 0x34..=0x37) => 10,
        (2, 0x28..=0x3F) => 11,
        (2, _) => 9,
        (_, 0x04..=0x07 | 0x14..=0x17) => 13,
        (_, 0x20..=0x23) => 14,
        (_, 0x24..=0x3F) => 15,
        _ => 12,
    };
    PLAIN + group
}

/// Whether an instruction transfers control after the next one.
const fn is_transfer(word: u32) -> bool {
    matches!(opcode(word), (0, 2 | 6 | 7) | (1, _) | (2, 0x38 | 0x39))
}

/// A call within the image that stands among instructions.
fn call(scope: &mut Scope<'_, '_>, offset: u32, address: u64, word: u32) -> Option<Reference> {
    if word >> 30 != 1 {
        return None;
    }
    let slot = scope.old.word(offset.checked_add(4)?)?;
    let before = offset.checked_sub(4).and_then(|at| scope.old.word(at));
    // The word before it may be anything at the start of a function but another call.
    let odd = is_transfer(slot) || opcode(slot) == (0, 0) || before.is_some_and(|b| b >> 30 == 1);
    if odd {
        return None;
    }
    jump(scope, CALL, address, word)
}

/// The branches.
fn branch(scope: &Scope<'_, '_>, address: u64, word: u32) -> Option<Reference> {
    let form = match opcode(word) {
        (0, 2) => BRANCH,
        (0, 6) => BRANCH_FLOAT,
        (0, 7) => BRANCH_COPROCESSOR,
        _ => return None,
    };
    jump(scope, form, address, word)
}

fn jump(scope: &Scope<'_, '_>, form: u8, address: u64, word: u32) -> Option<Reference> {
    let place = Place {
        address,
        partner: address,
    };
    within(scope, form, target(form, &word.to_be_bytes(), place, 0)?)
}

/// The register of a `SETHI`; nothing for `NOP` and all else.
fn high_register(word: u32) -> Option<u32> {
    let register = word >> 25 & 0x1F;
    (opcode(word) == (0, 4) && register != 0).then_some(register)
}

/// The form of a low half and the register that it adds to.
fn low_of(word: u32) -> Option<(u8, u32)> {
    let form = match opcode(word) {
        (2, 0x02) => OR,
        (2, 0x00 | 0x3D) => ADD,
        (2, 0x38) => JMPL,
        (3, 0x00..=0x03 | 0x09 | 0x0A | 0x0D | 0x0F | 0x20 | 0x21 | 0x23) => LOAD,
        (3, 0x04..=0x07 | 0x24 | 0x25 | 0x27) => STORE,
        _ => return None,
    };
    // An immediate operand, and no more than `%lo` in it.
    (word & 0x3C00 == 0x2000).then_some((form, word >> 14 & 0x1F))
}

/// The address that a pair makes.
fn joined(high: u32, low: u32) -> u64 {
    u64::from(gather(high, DISP22) << 10 | gather(low, LO10))
}

/// The high half of a pair, by the first low half behind it.
fn high_half(scope: &mut Scope<'_, '_>, offset: u32, word: u32) -> Option<Reference> {
    high_register(word)?;
    let low_at = walk(scope, offset, None)?;
    let target = joined(word, scope.old.word(low_at)?);
    words::worth(scope, target).then_some(Reference {
        form: SETHI,
        target,
        partner: None,
    })
}

/// The low half of a pair, by the nearest high half before it.
fn low_half(scope: &mut Scope<'_, '_>, offset: u32, word: u32) -> Option<Reference> {
    let (form, register) = low_of(word)?;
    for step in 1..=PAIR_STEPS {
        let at = offset.checked_sub(4 * step)?;
        let high = scope.old.word(at)?;
        if high_register(high) != Some(register) {
            continue;
        }
        walk(scope, at, Some(offset))?;
        let target = joined(high, word);
        return words::worth(scope, target).then_some(Reference {
            form,
            target,
            partner: Some(at),
        });
    }
    None
}

/// The low half at `sought`, or the first one, behind the high half at `from`, if its register
/// still lives there.
fn walk(scope: &mut Scope<'_, '_>, from: u32, sought: Option<u32>) -> Option<u32> {
    let register = high_register(scope.old.word(from)?)?;
    let before = from.checked_sub(4).and_then(|at| scope.old.word(at));
    if before.is_some_and(|before| !leads_on(before, register)) {
        return None;
    }
    let (mut at, mut pending) = (from, 0);
    for _ in 0..PAIR_STEPS {
        at = at.checked_add(4)?;
        let word = scope.old.word(at)?;
        let is_low = low_of(word).is_some_and(|(_, base)| base == register);
        if sought.map_or(is_low, |sought| sought == at) {
            return is_low.then_some(at);
        }
        let (now, later) = after(word)?;
        if (now | pending) & 1 << register != 0 {
            return None;
        }
        pending = later;
    }
    None
}

/// Whether a high half behind this instruction, in its delay slot if it has one, still holds in
/// the instruction after that.
fn leads_on(before: u32, register: u32) -> bool {
    if is_branch(before) {
        // The slot of "always" is annulled altogether, that of others where they do not branch.
        return is_always(before) == (before >> 29 & 1 == 1);
    }
    after(before).is_none_or(|(_, later)| later & 1 << register == 0)
}

const fn is_branch(word: u32) -> bool {
    matches!(opcode(word), (0, 2 | 6 | 7))
}

const fn is_always(branch: u32) -> bool {
    branch >> 25 & 0xF == 8
}

/// The registers, one bit each, that an instruction changes before and after its delay slot;
/// nothing if what follows it is not reached from it at all.
fn after(word: u32) -> Option<(u32, u32)> {
    let destination = word >> 25 & 0x1F;
    let rd = 1 << destination;
    Some(match opcode(word) {
        (0, 2 | 6 | 7) if is_always(word) => {
            if destination & 0x10 != 0 {
                return None;
            }
            (0, u32::MAX)
        }
        (0, 4) => (rd, 0),
        (0, _) => (0, 0),
        (1, _) => (0, CALL_KILLS),
        (2, 0x38) if destination == 15 => (0, CALL_KILLS),
        (2, 0x38 | 0x39) => (0, u32::MAX),
        // The register window changes.
        (2, 0x3C | 0x3D) => (u32::MAX, 0),
        // Floating point, coprocessor, writes of state, traps, flushes; stores.
        (2, 0x30..=0x3F) | (3, 0x04..=0x07 | 0x14..=0x17 | 0x20..=0x3F) => (0, 0),
        // A load of two registers.
        (3, 0x03 | 0x13) => (rd | rd << 1, 0),
        _ => (rd, 0),
    })
}

/// Where the operand of a form stands.
const fn runs(form: u8) -> &'static [Run] {
    match form {
        CALL => DISP30,
        BRANCH | BRANCH_FLOAT | BRANCH_COPROCESSOR | SETHI => DISP22,
        _ => LO10,
    }
}

fn load(unit: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(unit.get(..4)?.try_into().ok()?))
}

/// Writes `target` into the operand.
pub(crate) fn write(form: u8, unit: &mut [u8], place: Place, target: u64) -> Option<()> {
    let word = load(unit)?;
    let address = u32::try_from(target).ok()?;
    let distance = i64::from(address.wrapping_sub(place.address as u32).cast_signed());
    let field = match form {
        CALL => scaled(distance, 2, 30)?,
        BRANCH | BRANCH_FLOAT | BRANCH_COPROCESSOR => scaled(distance, 2, 22)?,
        SETHI => address >> 10,
        OR | ADD | LOAD | STORE | JMPL => address,
        _ => return None,
    };
    let bytes = scatter(word, runs(form), field).to_be_bytes();
    unit.get_mut(..4)?.copy_from_slice(&bytes);
    Some(())
}

/// The address that the operand refers to; nothing for a high half. A low one knows its high half,
/// the instruction `partner`, if that is still one and of the same register.
pub(crate) fn target(form: u8, unit: &[u8], place: Place, partner: u32) -> Option<u64> {
    let word = load(unit)?;
    let distance = match form {
        CALL => signed(gather(word, DISP30), 30) * 4,
        BRANCH | BRANCH_FLOAT | BRANCH_COPROCESSOR => signed(gather(word, DISP22), 22) * 4,
        OR | ADD | LOAD | STORE | JMPL => {
            let (_, register) = low_of(word)?;
            let same = high_register(partner) == Some(register);
            return same.then(|| joined(partner, word));
        }
        _ => return None,
    };
    Some(place.address.wrapping_add_signed(distance) & 0xFFFF_FFFF)
}

#[cfg(test)]
mod tests;
