//! What the instruction sets share: the making of units, and operands whose bits stand scattered.

use super::{Reference, Scope, Unit, words};

/// A run of an operand's bits: the lowest one in the operand, the lowest one in the instruction,
/// and how many there are.
pub(super) type Run = (u32, u32, u32);

/// A unit that refers to nothing.
pub(super) const fn plain(len: u8, class: u8) -> Unit {
    Unit {
        len,
        class,
        reference: None,
    }
}

/// A unit of this class, or of its reference's.
pub(super) fn with(len: u8, class: u8, reference: Option<Reference>) -> Unit {
    Unit {
        len,
        class: reference.map_or(class, |r| r.form),
        reference,
    }
}

/// A reference without a partner that stays within the image.
pub(super) fn within(scope: &Scope<'_, '_>, form: u8, target: u64) -> Option<Reference> {
    scope.in_image(target).then_some(Reference {
        form,
        target,
        partner: None,
    })
}

/// Distances at which another pointer is sought beside a pointer: tables of pointers; of pointers
/// and lengths; of pointers, sizes and alignments; of pointers, lengths, lines and columns.
#[cfg(any(feature = "isa-riscv", feature = "isa-sparc"))]
const NEIGHBOURS: [u32; 4] = [4, 8, 12, 16];

/// The word at `offset` as a pointer among the code: it must have a neighbour that is one too.
#[cfg(any(feature = "isa-riscv", feature = "isa-sparc"))]
pub(super) fn pointer_32(scope: &mut Scope<'_, '_>, offset: u32) -> Option<Unit> {
    let mut at = |at: Option<u32>| {
        let value = u64::from(scope.old.word(at?)?);
        words::worth(scope, value).then_some(value)
    };
    let target = at(Some(offset))?;
    let mut neighbour = |distance: u32| {
        at(offset.checked_add(distance))
            .or_else(|| at(offset.checked_sub(distance)))
            .is_some()
    };
    let found = NEIGHBOURS.into_iter().any(&mut neighbour);
    found.then_some(pointer(4, words::POINTER_32, target))
}

/// The 8 bytes at `offset` as a pointer among the code. Their upper half is no instruction of any
/// set that has such pointers, so that no neighbour needs to be one too.
#[cfg(any(feature = "isa-riscv", feature = "isa-aarch64"))]
pub(super) fn pointer_64(scope: &mut Scope<'_, '_>, offset: u32) -> Option<Unit> {
    let target = scope.old.double(offset)?;
    let canonical = matches!(target >> 48, 0 | 0xFFFF);
    let found = canonical && words::worth(scope, target);
    found.then_some(pointer(8, words::POINTER_64, target))
}

const fn pointer(len: u8, form: u8, target: u64) -> Unit {
    Unit {
        len,
        class: form,
        reference: Some(Reference {
            form,
            target,
            partner: None,
        }),
    }
}

/// A signed distance of `bits` bits in units of `1 << shift` bytes, as an unsigned field.
pub(super) fn scaled(distance: i64, shift: u32, bits: u32) -> Option<u32> {
    let units = distance >> shift;
    let half = 1_i64 << (bits - 1);
    if units << shift != distance || units < -half || units >= half {
        return None;
    }
    Some(units.cast_unsigned() as u32 & mask(bits))
}

/// The number of `bits` bits, signed.
pub(super) const fn signed(value: u32, bits: u32) -> i64 {
    let shift = 32 - bits;
    ((value << shift).cast_signed() >> shift) as i64
}

/// The operand whose bits stand in these runs of the instruction.
pub(super) fn gather(instruction: u32, runs: &[Run]) -> u32 {
    runs.iter().fold(0, |value, &(to, from, bits)| {
        value | (instruction >> from & mask(bits)) << to
    })
}

/// The instruction with `value` in these runs.
pub(super) fn scatter(instruction: u32, runs: &[Run], value: u32) -> u32 {
    runs.iter().fold(instruction, |word, &(from, to, bits)| {
        word & !(mask(bits) << to) | (value >> from & mask(bits)) << to
    })
}

const fn mask(bits: u32) -> u32 {
    if bits >= 32 {
        u32::MAX
    } else {
        (1 << bits) - 1
    }
}
