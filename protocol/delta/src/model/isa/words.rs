//! Plain words: pointers, and distances from their own place or from the start of their table.
//!
//! Sources: System V ABI; ELF for the Arm Architecture (`R_ARM_ABS32`, `R_ARM_REL32`, `R_ARM_PREL31`);
//! LSB 5, `.eh_frame` and `.eh_frame_hdr`.

use super::{Content, Place, Reference, Scope, Unit};

/// The first form of a word; those below belong to the instruction sets.
pub(crate) const FIRST: u8 = 34;

/// A byte that is no whole word, or of content that has none. Also the class of the last bytes of an image.
pub(crate) const BYTE: u8 = 32;

/// Whether units of this class are data: bytes, words, and the entries of tables among code.
pub(crate) const fn is_data(class: u8) -> bool {
    class >= BYTE
}

/// A word that refers to nothing.
pub(crate) const PLAIN_WORD: u8 = 33;

/// A pointer of 4 bytes.
pub(crate) const POINTER_32: u8 = 34;
/// A pointer of 8 bytes.
pub(crate) const POINTER_64: u8 = 35;
/// A signed distance of 32 bits from the word's own place.
pub(crate) const SELF_RELATIVE: u8 = 36;
/// A signed distance of 31 bits from the word's own place, the top bit clear: `PREL31`.
pub(crate) const PREL_31: u8 = 37;
/// A signed distance of 32 bits from the first byte of the span.
pub(crate) const SPAN_RELATIVE: u8 = 38;
/// The last form of a word; instruction sets may go on behind it.
pub(crate) const LAST: u8 = SPAN_RELATIVE;

/// The least number of a distance or pointer in an image at address 0 that is taken for one.
const LEAST_ADDRESS: u64 = 0x100;

/// The word of data at `offset`.
pub(crate) fn read(scope: &mut Scope<'_, '_>, pointer_len: u8, offset: u32) -> Option<Unit> {
    read_as(scope, Content::Words, pointer_len, 0, offset)
}

/// The unit at `offset` of a span with this content that begins at `span`.
pub(crate) fn read_as(
    scope: &mut Scope<'_, '_>,
    content: Content,
    pointer_len: u8,
    span: u32,
    offset: u32,
) -> Option<Unit> {
    scope.old.byte(offset)?;
    let address = scope.space.address(offset);
    if !address.is_multiple_of(4) {
        return Some(plain(1, BYTE));
    }
    let Some(word) = scope.old.word(offset) else {
        return Some(plain(1, BYTE));
    };
    let signed = i64::from(word.cast_signed());
    let found = match content {
        Content::Code | Content::Words => return Some(pointer(scope, pointer_len, offset, word)),
        Content::SelfRelative => self_relative(scope, address, word),
        Content::SpanRelative => {
            let base = scope.space.address(span);
            let target = base.wrapping_add_signed(signed);
            let hit = word != 0 && scope.in_image(target);
            hit.then_some(Reference {
                form: SPAN_RELATIVE,
                target,
                partner: Some(span),
            })
        }
        Content::Opaque => return Some(plain(1, BYTE)),
    };
    Some(Unit {
        len: 4,
        class: found.map_or(PLAIN_WORD, |r| r.form),
        reference: found,
    })
}

const fn plain(len: u8, class: u8) -> Unit {
    Unit {
        len,
        class,
        reference: None,
    }
}

fn self_relative(scope: &Scope<'_, '_>, address: u64, word: u32) -> Option<Reference> {
    let full = address.wrapping_add_signed(i64::from(word.cast_signed()));
    let short = address.wrapping_add_signed(i64::from((word << 1).cast_signed() >> 1));
    let (form, target) = if word != 0 && scope.in_image(full) {
        (SELF_RELATIVE, full)
    } else if word & 0xC000_0000 == 0x4000_0000 && scope.in_image(short) {
        (PREL_31, short)
    } else {
        return None;
    };
    Some(Reference {
        form,
        target,
        partner: None,
    })
}

/// The word at `offset` as a pointer, of 8 bytes where the machine has such and it is aligned.
fn pointer(scope: &mut Scope<'_, '_>, pointer_len: u8, offset: u32, word: u32) -> Unit {
    let aligned = scope.space.address(offset).is_multiple_of(8);
    if pointer_len == 8 && aligned {
        if let Some(double) = scope.old.double(offset).filter(|d| worth(scope, *d)) {
            return Unit {
                len: 8,
                class: POINTER_64,
                reference: Some(Reference {
                    form: POINTER_64,
                    target: double,
                    partner: None,
                }),
            };
        }
        return plain(4, PLAIN_WORD);
    }
    if pointer_len == 4 && worth(scope, u64::from(word)) {
        return Unit {
            len: 4,
            class: POINTER_32,
            reference: Some(Reference {
                form: POINTER_32,
                target: u64::from(word),
                partner: None,
            }),
        };
    }
    plain(4, PLAIN_WORD)
}

/// Whether a number is taken for a pointer.
pub(crate) fn worth(scope: &Scope<'_, '_>, value: u64) -> bool {
    value >= LEAST_ADDRESS && scope.is_target(value)
}

/// Writes `target` into the word.
pub(crate) fn write(
    form: u8,
    big_endian: bool,
    unit: &mut [u8],
    place: Place,
    target: u64,
) -> bool {
    if form == POINTER_64 {
        let bytes = if big_endian {
            target.to_be_bytes()
        } else {
            target.to_le_bytes()
        };
        return put(unit, &bytes);
    }
    let Some(kept) = word_of(unit, big_endian) else {
        return false;
    };
    let value = match form {
        POINTER_32 => u32::try_from(target).ok(),
        SELF_RELATIVE => distance(target, place.address),
        SPAN_RELATIVE => distance(target, place.partner),
        PREL_31 => distance(target, place.address)
            .filter(|d| (d << 1).cast_signed() >> 1 == d.cast_signed())
            .map(|d| d & 0x7FFF_FFFF | kept & 0x8000_0000),
        _ => None,
    };
    let Some(value) = value else { return false };
    let bytes = if big_endian {
        value.to_be_bytes()
    } else {
        value.to_le_bytes()
    };
    put(unit, &bytes)
}

/// The address that the word refers to.
pub(crate) fn target(form: u8, big_endian: bool, unit: &[u8], place: Place) -> Option<u64> {
    if form == POINTER_64 {
        let bytes: [u8; 8] = unit.get(..8)?.try_into().ok()?;
        return Some(if big_endian {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        });
    }
    let word = word_of(unit, big_endian)?;
    Some(match form {
        POINTER_32 => u64::from(word),
        SELF_RELATIVE => place
            .address
            .wrapping_add_signed(i64::from(word.cast_signed())),
        SPAN_RELATIVE => place
            .partner
            .wrapping_add_signed(i64::from(word.cast_signed())),
        PREL_31 => place
            .address
            .wrapping_add_signed(i64::from((word << 1).cast_signed() >> 1)),
        _ => return None,
    })
}

/// The signed 32-bit distance from `from` to `to`, as a word.
fn distance(to: u64, from: u64) -> Option<u32> {
    let distance = to.wrapping_sub(from).cast_signed();
    i32::try_from(distance).ok().map(i32::cast_unsigned)
}

fn word_of(unit: &[u8], big_endian: bool) -> Option<u32> {
    let bytes: [u8; 4] = unit.get(..4)?.try_into().ok()?;
    Some(if big_endian {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    })
}

fn put(unit: &mut [u8], bytes: &[u8]) -> bool {
    match unit.get_mut(..bytes.len()) {
        Some(front) => {
            front
                .iter_mut()
                .zip(bytes)
                .for_each(|(to, from)| *to = *from);
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Every form: what was written is read back, and what cannot be written changes nothing.
        #[test]
        fn targets_survive_the_way_into_a_word(
            form in FIRST..=SPAN_RELATIVE,
            big_endian: bool,
            before: [u8; 8],
            address in 0_u64..1 << 33,
            distance in -(1_i64 << 32)..1 << 32,
        ) {
            let place = Place { address, partner: address ^ 0x1_0000 };
            let target = address.wrapping_add_signed(distance);
            let mut unit = before;
            if write(form, big_endian, &mut unit, place, target) {
                prop_assert_eq!(super::target(form, big_endian, &unit, place), Some(target));
                let kept = if form == POINTER_64 { 8 } else { 4 };
                prop_assert_eq!(&unit[kept..], &before[kept..]);
            } else {
                prop_assert_eq!(unit, before);
            }
        }
    }
}
