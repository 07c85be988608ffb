//! Thumb and Thumb-2, little endian: Arm DDI 0403 (ARMv7-M), chapters A5 to A7; the literals of
//! position-independent code as compilers write them for Linux.
//!
//! A literal is taken for a pointer only where a load refers to it or a neighbour is one too, a
//! branch only if it stays within the image: data between the functions looks like anything.

pub(crate) mod fields;
mod operand;

use super::{PLAIN, Place, Reference, Scope, Unit, words};
use operand::*;
pub(crate) use operand::{target, write};

/// How far back a table branch may stand from an entry of its table.
const TABLE_REACH: u32 = 512;

/// How far back a load of a literal may stand.
const LITERAL_REACH: u32 = 1024;

/// Bytes within which the halves of a pair are sought.
const PAIR_REACH: u32 = 96;

/// Bytes within which the addition of the program counter is sought.
const ADD_REACH: u32 = 32;

/// The unit at `offset`.
pub(crate) fn read(scope: &mut Scope<'_, '_>, offset: u32) -> Option<Unit> {
    scope.old.byte(offset)?;
    let address = scope.space.address(offset);
    if let Some(unit) = table_entry(scope, offset) {
        return Some(unit);
    }
    if !address.is_multiple_of(2) {
        return Some(plain(1, words::BYTE));
    }
    let Some(first) = scope.old.half(offset) else {
        return Some(plain(1, words::BYTE));
    };
    if address.is_multiple_of(4)
        && let Some(reference) = literal(scope, offset)
    {
        let class = reference.form;
        return Some(with(4, class, Some(reference)));
    }
    let wide = first >= 0xE800;
    let second = if wide {
        scope.old.half(offset.wrapping_add(2))
    } else {
        None
    };
    let Some(second) = second else {
        let reference = narrow(scope, address, first);
        return Some(with(2, PLAIN + (first >> 12) as u8, reference));
    };
    let reference = branch(scope, address, first, second)
        .or_else(|| wide_load(scope, address, first, second))
        .or_else(|| half_of_pair(scope, offset, first, second));
    let class = match first >> 11 {
        0b11101 => PLAIN + 14,
        _ => PLAIN + 15,
    };
    Some(with(4, class, reference))
}

const fn plain(len: u8, class: u8) -> Unit {
    Unit {
        len,
        class,
        reference: None,
    }
}

fn with(len: u8, class: u8, reference: Option<Reference>) -> Unit {
    Unit {
        len,
        class: reference.map_or(class, |r| r.form),
        reference,
    }
}

/// A reference that stays within the image.
fn within(scope: &Scope<'_, '_>, form: u8, target: u64) -> Option<Reference> {
    scope.in_image(target).then_some(Reference {
        form,
        target,
        partner: None,
    })
}

/// The references of 16-bit instructions.
fn narrow(scope: &Scope<'_, '_>, address: u64, half: u16) -> Option<Reference> {
    let form = if half >> 11 == 0b11100 {
        B
    } else if half >> 12 == 0b1101 && (half >> 8) & 0xF < 0xE {
        B_COND
    } else if half >> 11 == 0b01001 {
        LDR
    } else if half & 0xF500 == 0xB100 {
        CBZ
    } else {
        return None;
    };
    let place = Place {
        address,
        partner: address,
    };
    within(scope, form, target(form, &half.to_le_bytes(), place, 0)?)
}

/// The 32-bit branches.
fn branch(scope: &Scope<'_, '_>, address: u64, first: u16, second: u16) -> Option<Reference> {
    if first >> 11 != 0b11110 || second >> 15 == 0 {
        return None;
    }
    let form = match (second >> 12) & 0b101 {
        0b101 => BL,
        0b100 if second & 1 == 0 => BLX,
        0b001 => B_WIDE,
        0b000 if (first >> 6) & 0xF < 0xE => B_COND_WIDE,
        _ => return None,
    };
    let place = Place {
        address,
        partner: address,
    };
    within(scope, form, target(form, &joined(first, second), place, 0)?)
}

/// The 32-bit loads of literals.
fn wide_load(scope: &Scope<'_, '_>, address: u64, first: u16, second: u16) -> Option<Reference> {
    let form = if first & 0xFE1F == 0xF81F {
        LDR_WIDE
    } else if first & 0xFF3F == 0xED1F && second & 0x0E00 == 0x0A00 {
        VLDR
    } else {
        return None;
    };
    let place = Place {
        address,
        partner: address,
    };
    within(scope, form, target(form, &joined(first, second), place, 0)?)
}

const fn is_movw(first: u16, second: u16) -> bool {
    first & 0xFBF0 == 0xF240 && second >> 15 == 0
}

const fn is_movt(first: u16, second: u16) -> bool {
    first & 0xFBF0 == 0xF2C0 && second >> 15 == 0
}

/// The register that a `MOVW` or `MOVT` writes.
const fn register(second: u16) -> u16 {
    (second >> 8) & 0xF
}

/// `MOVW` and `MOVT` of one register, close together, that make an address.
fn half_of_pair(
    scope: &mut Scope<'_, '_>,
    offset: u32,
    first: u16,
    second: u16,
) -> Option<Reference> {
    let low = is_movw(first, second);
    if !low && !is_movt(first, second) {
        return None;
    }
    let other = partner(scope, offset, low, register(second))?;
    let other_first = scope.old.half(other)?;
    let other_second = scope.old.half(other.wrapping_add(2))?;
    let mine = u32::from(immediate(first, second));
    let theirs = u32::from(immediate(other_first, other_second));
    let value = if low {
        theirs << 16 | mine
    } else {
        mine << 16 | theirs
    };
    let movt_at = if low { other } else { offset };
    if let Some(add) = add_pc(scope, movt_at.wrapping_add(4), register(second)) {
        let target = scope
            .space
            .address(add)
            .wrapping_add(4)
            .wrapping_add_signed(i64::from(value.cast_signed()));
        return scope.is_target(target).then_some(Reference {
            form: if low { MOVW_PC } else { MOVT_PC },
            target,
            partner: Some(add),
        });
    }
    words::worth(scope, u64::from(value)).then_some(Reference {
        form: if low { MOVW } else { MOVT },
        target: u64::from(value),
        partner: (!low).then_some(other),
    })
}

/// Where the other half of a pair stands: behind a `MOVW`, before a `MOVT`, with no other half of
/// the same kind for the same register between them.
fn partner(scope: &mut Scope<'_, '_>, offset: u32, low: bool, rd: u16) -> Option<u32> {
    for step in 1..=PAIR_REACH / 2 {
        let at = if low {
            offset.checked_add(step * 2 + 2)?
        } else {
            offset.checked_sub(step * 2 + 2)?
        };
        let first = scope.old.half(at)?;
        let second = scope.old.half(at.checked_add(2)?)?;
        if register(second) != rd {
            continue;
        }
        if is_movt(first, second) {
            return low.then_some(at);
        }
        if is_movw(first, second) {
            return (!low).then_some(at);
        }
    }
    None
}

/// The `ADD Rd, PC` for this register at or shortly behind `from`.
fn add_pc(scope: &mut Scope<'_, '_>, from: u32, rd: u16) -> Option<u32> {
    let sought = 0x4478 | (rd & 8) << 4 | rd & 7;
    for step in 0..ADD_REACH / 2 {
        let at = from.checked_add(step * 2)?;
        let half = scope.old.half(at)?;
        if half == sought {
            return Some(at);
        }
        // A branch or another load of the register ends the search.
        let ends = half >> 12 == 0b1101 || half >> 11 == 0b11100 || half & 0xFF00 == 0xBD00;
        let reloads = half >> 11 == 0b01001 && (half >> 8) & 7 == rd;
        if ends || reloads {
            return None;
        }
    }
    None
}

/// The entry of a branch table at `offset`: half the distance from the table's start, in a byte or
/// a halfword. A table ends where the first of its targets begins.
fn table_entry(scope: &mut Scope<'_, '_>, offset: u32) -> Option<Unit> {
    let (branch, wide) = table_branch(scope, offset)?;
    let table = branch.wrapping_add(4);
    let size = if wide { 2 } else { 1 };
    let mut at = table;
    let mut least = u32::MAX;
    while at < offset {
        let entry = entry(scope, at, wide)?;
        least = least.min(table.wrapping_add(entry.wrapping_mul(2)));
        at = at.wrapping_add(size);
        if at >= least {
            return None;
        }
    }
    let here = entry(scope, offset, wide)?;
    let to = table.wrapping_add(here.wrapping_mul(2));
    if to <= offset || to >= scope.old.len() {
        return None;
    }
    let reference = Reference {
        form: if wide { TABLE_HALF } else { TABLE_BYTE },
        target: scope.space.address(to),
        partner: Some(table),
    };
    Some(with(size as u8, PLAIN, Some(reference)))
}

fn entry(scope: &mut Scope<'_, '_>, at: u32, wide: bool) -> Option<u32> {
    if wide {
        scope.old.half(at).map(u32::from)
    } else {
        scope.old.byte(at).map(u32::from)
    }
}

/// The nearest `TBB` or `TBH` whose table may hold `offset`, and whether its entries are halfwords.
///
/// Looks only at what the last look, from a little further back, has not seen; the answer is the same.
fn table_branch(scope: &mut Scope<'_, '_>, offset: u32) -> Option<(u32, bool)> {
    let from = offset & !1;
    let least = from.saturating_sub(TABLE_REACH);
    let seen = scope.old.looked_back;
    let seen = seen.filter(|(before, _)| *before <= from && from - before <= TABLE_REACH);
    // The first place that was seen already: branches there are known.
    let known = seen.map_or(0, |(before, _)| before.saturating_sub(2));
    let mut at = from.saturating_sub(4);
    let mut found = None;
    while at >= least.max(known) && at.wrapping_add(4) <= from {
        let branch = scope.old.half(at) == Some(0xE8DF);
        let second = if branch {
            scope.old.half(at.wrapping_add(2)).unwrap_or(0)
        } else {
            0
        };
        if second & 0xFFE0 == 0xF000 {
            found = Some((at, second & 0x10 != 0));
            break;
        }
        let Some(next) = at.checked_sub(2) else { break };
        at = next;
    }
    let found = found.or(seen.and_then(|(_, found)| found));
    let found = found.filter(|(at, _)| *at >= least);
    scope.old.looked_back = Some((from, found));
    found
}

/// The word at `offset` as a literal: a distance from an `ADD Rd, PC`, or a pointer.
fn literal(scope: &mut Scope<'_, '_>, offset: u32) -> Option<Reference> {
    let word = scope.old.word(offset)?;
    let pointer = words::worth(scope, u64::from(word));
    // Distances are small, of either sign: do not look for the load of anything else.
    let distance = word.cast_signed();
    let reach = i32::try_from(scope.space.len()).unwrap_or(i32::MAX);
    let relative = distance.unsigned_abs() <= reach.unsigned_abs().saturating_mul(2) && word != 0;
    if !pointer && !relative {
        return None;
    }
    let load = load_of(scope, offset);
    if let Some((at, rd)) = load
        && relative
        && let Some(add) = add_pc(scope, at.wrapping_add(2), rd)
    {
        let target = scope
            .space
            .address(add)
            .wrapping_add(4)
            .wrapping_add_signed(i64::from(distance));
        if scope.is_target(target) {
            return Some(Reference {
                form: LITERAL_PC,
                target,
                partner: Some(add),
            });
        }
    }
    if pointer && (load.is_some() || !is_operation(word) && has_neighbour(scope, offset)) {
        return Some(Reference {
            form: words::POINTER_32,
            target: u64::from(word),
            partner: None,
        });
    }
    None
}

/// Whether this pointer may be an instruction of 32 bits, most of them with an immediate: its lower half comes
/// first. With the flash at 0x0800_0000, as so often, operations on r8 look like it. A pointer without a load is
/// lost to this where the image is longer than 60 KiB, one in 32.
const fn is_operation(word: u32) -> bool {
    word >> 24 != 0 && (word >> 11) & 0x1F == 0b11110
}

fn has_neighbour(scope: &mut Scope<'_, '_>, offset: u32) -> bool {
    let mut is_pointer = |at: Option<u32>| {
        at.and_then(|at| scope.old.word(at))
            .is_some_and(|word| words::worth(scope, u64::from(word)))
    };
    is_pointer(offset.checked_sub(4)) || is_pointer(offset.checked_add(4))
}

/// The nearest load before `offset` that reads the word there, and its register.
fn load_of(scope: &mut Scope<'_, '_>, offset: u32) -> Option<(u32, u16)> {
    let mut next = 0;
    for step in 1..=LITERAL_REACH / 2 {
        let at = offset.checked_sub(step * 2)?;
        let half = scope.old.half(at)?;
        // The literal's distance from the aligned program counter of the load.
        let distance = offset.wrapping_sub((at & !3).wrapping_add(4));
        if half >> 11 == 0b01001 && u32::from(half & 0xFF) * 4 == distance {
            return Some((at, (half >> 8) & 7));
        }
        if half == 0xF8DF && u32::from(next & 0xFFF) == distance {
            return Some((at.wrapping_add(2), next >> 12));
        }
        next = half;
    }
    None
}

#[cfg(test)]
mod tests;
