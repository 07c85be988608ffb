//! The operands of Thumb: the forms, how to write an address into each, how to read it back.

use crate::model::isa::{Place, words};

/// `BL`, encoding T1.
pub(super) const BL: u8 = 1;
/// `BLX` to Arm code, encoding T2.
pub(super) const BLX: u8 = 2;
/// `B.W`, encoding T4.
pub(super) const B_WIDE: u8 = 3;
/// `B<c>.W`, encoding T3.
pub(super) const B_COND_WIDE: u8 = 4;
/// `B`, encoding T2.
pub(super) const B: u8 = 5;
/// `B<c>`, encoding T1.
pub(super) const B_COND: u8 = 6;
/// `LDR Rt, [PC, #imm8]`.
pub(super) const LDR: u8 = 7;
/// `LDR.W Rt, [PC, #imm12]`, and its kin for bytes and halfwords.
pub(super) const LDR_WIDE: u8 = 8;
/// `CBZ`, `CBNZ`.
pub(super) const CBZ: u8 = 9;
/// `MOVW` of a pair that holds an address.
pub(super) const MOVW: u8 = 10;
/// `MOVT` of a pair that holds an address.
pub(super) const MOVT: u8 = 11;
/// A literal that holds the distance from an `ADD Rd, PC`.
pub(super) const LITERAL_PC: u8 = 12;
/// `VLDR` from a literal.
pub(super) const VLDR: u8 = 13;
/// `MOVW` of a pair that holds the distance from an `ADD Rd, PC`.
pub(super) const MOVW_PC: u8 = 14;
/// `MOVT` of such a pair.
pub(super) const MOVT_PC: u8 = 15;
/// An entry of a table of halfwords, behind a `TBH`.
pub(super) const TABLE_HALF: u8 = words::LAST + 1;
/// An entry of a table of bytes, behind a `TBB`.
pub(super) const TABLE_BYTE: u8 = words::LAST + 2;

/// Writes `target` into the operand.
pub(crate) fn write(form: u8, unit: &mut [u8], place: Place, target: u64) -> Option<()> {
    if form == TABLE_BYTE {
        *unit.first_mut()? = u8::try_from(table_distance(place, target)?).ok()?;
        return Some(());
    }
    let front = unit.get_mut(..2)?;
    let first = u16::from_le_bytes([*front.first()?, *front.get(1)?]);
    let pc = place.address.wrapping_add(4);
    let distance = target.wrapping_sub(pc).cast_signed();
    match form {
        B => {
            let field = scaled(distance, 1, 11)? as u16;
            front.copy_from_slice(&(first & 0xF800 | field).to_le_bytes());
        }
        B_COND => {
            let field = scaled(distance, 1, 8)? as u16;
            front.copy_from_slice(&(first & 0xFF00 | field).to_le_bytes());
        }
        LDR => {
            let distance = target.wrapping_sub(pc & !3);
            if !distance.is_multiple_of(4) || distance > 0x3FC {
                return None;
            }
            let field = (distance / 4) as u16;
            front.copy_from_slice(&(first & 0xFF00 | field).to_le_bytes());
        }
        CBZ => {
            if distance & 1 != 0 || !(0..=0x7E).contains(&distance) {
                return None;
            }
            let field = (distance / 2) as u16;
            let field = (field & 0x20) << 4 | (field & 0x1F) << 3;
            front.copy_from_slice(&(first & 0xFD07 | field).to_le_bytes());
        }
        TABLE_HALF => {
            let entry = table_distance(place, target)?;
            front.copy_from_slice(&u16::try_from(entry).ok()?.to_le_bytes());
        }
        LITERAL_PC => {
            let from = place.partner.wrapping_add(4);
            let distance = i32::try_from(target.wrapping_sub(from).cast_signed()).ok()?;
            unit.get_mut(..4)?.copy_from_slice(&distance.to_le_bytes());
        }
        _ => write_wide(form, unit, place, target)?,
    }
    Some(())
}

/// Half the distance from the start of a branch table.
fn table_distance(place: Place, target: u64) -> Option<u64> {
    let distance = target.wrapping_sub(place.partner);
    (distance & 1 == 0).then_some(distance / 2)
}

/// The forms of 32-bit instructions.
fn write_wide(form: u8, unit: &mut [u8], place: Place, target: u64) -> Option<()> {
    let unit = unit.get_mut(..4)?;
    let &[a, b, c, d] = &*unit else { return None };
    let (first, second) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
    let pc = place.address.wrapping_add(4);
    let distance = target.wrapping_sub(pc).cast_signed();
    let (first, second) = match form {
        BL | B_WIDE => far(first, second, scaled(distance, 1, 24)?),
        BLX => {
            let distance = target.wrapping_sub(pc & !3).cast_signed();
            if distance & 3 != 0 {
                return None;
            }
            far(first, second, scaled(distance, 1, 24)?)
        }
        B_COND_WIDE => {
            let field = scaled(distance, 1, 20)?;
            // S:J2:J1:imm6:imm11.
            let sign = (field >> 19 & 1) as u16;
            let (j2, j1) = ((field >> 18 & 1) as u16, (field >> 17 & 1) as u16);
            let first = first & 0xFBC0 | sign << 10 | (field >> 11 & 0x3F) as u16;
            let second = second & 0xD000 | j1 << 13 | j2 << 11 | (field & 0x7FF) as u16;
            (first, second)
        }
        LDR_WIDE => {
            let distance = target.wrapping_sub(pc & !3).cast_signed();
            let size = u16::try_from(distance.unsigned_abs()).ok()?;
            if size > 0xFFF {
                return None;
            }
            // "Add nothing" and "subtract nothing" differ in a bit that a target does not say.
            let up = if distance == 0 {
                first & 0x80
            } else {
                u16::from(distance > 0) << 7
            };
            (first & 0xFF7F | up, second & 0xF000 | size)
        }
        VLDR => {
            let distance = target.wrapping_sub(pc & !3).cast_signed();
            let size = u16::try_from(distance.unsigned_abs()).ok()?;
            if size & 3 != 0 || size > 0x3FC {
                return None;
            }
            let up = if distance == 0 {
                first & 0x80
            } else {
                u16::from(distance > 0) << 7
            };
            (first & 0xFF7F | up, second & 0xFF00 | (size / 4))
        }
        MOVW | MOVT => {
            let value = u32::try_from(target).ok()?;
            with_immediate(
                first,
                second,
                if form == MOVW { value } else { value >> 16 },
            )
        }
        MOVW_PC | MOVT_PC => {
            let from = place.partner.wrapping_add(4);
            let value = i32::try_from(target.wrapping_sub(from).cast_signed()).ok()?;
            let value = value.cast_unsigned();
            with_immediate(
                first,
                second,
                if form == MOVW_PC { value } else { value >> 16 },
            )
        }
        _ => return None,
    };
    unit.copy_from_slice(&joined(first, second));
    Some(())
}

/// A signed distance of `bits` bits in units of `1 << shift` bytes, as an unsigned field.
fn scaled(distance: i64, shift: u32, bits: u32) -> Option<u32> {
    let units = distance >> shift;
    let half = 1_i64 << (bits - 1);
    if units << shift != distance || units < -half || units >= half {
        return None;
    }
    Some(units.cast_unsigned() as u32 & ((1 << bits) - 1))
}

/// The fields of `BL` and `B.W`: S:I1:I2:imm10:imm11, with J = NOT(I) EOR S.
fn far(first: u16, second: u16, field: u32) -> (u16, u16) {
    let sign = (field >> 23 & 1) as u16;
    let j1 = (field >> 22 & 1) as u16 ^ 1 ^ sign;
    let j2 = (field >> 21 & 1) as u16 ^ 1 ^ sign;
    let first = first & 0xF800 | sign << 10 | (field >> 11 & 0x3FF) as u16;
    let second = second & 0xD000 | j1 << 13 | j2 << 11 | (field & 0x7FF) as u16;
    (first, second)
}

/// The distance in a `BL` or `B.W`, in bytes.
fn far_distance(first: u16, second: u16) -> i64 {
    let sign = u32::from(first >> 10 & 1);
    let i1 = u32::from(second >> 13 & 1) ^ 1 ^ sign;
    let i2 = u32::from(second >> 11 & 1) ^ 1 ^ sign;
    let field = sign << 23
        | i1 << 22
        | i2 << 21
        | u32::from(first & 0x3FF) << 11
        | u32::from(second & 0x7FF);
    i64::from((field << 8).cast_signed() >> 7)
}

fn with_immediate(first: u16, second: u16, value: u32) -> (u16, u16) {
    let value = value as u16;
    let first = first & 0xFBF0 | value >> 12 | (value >> 11 & 1) << 10;
    let second = second & 0x8F00 | (value >> 8 & 7) << 12 | value & 0xFF;
    (first, second)
}

/// The address that the operand refers to; nothing for half of a pair, but that a `MOVT` knows its
/// `MOVW`, the instruction `partner`.
pub(crate) fn target(form: u8, unit: &[u8], place: Place, partner: u32) -> Option<u64> {
    if form == TABLE_BYTE {
        let entry = u64::from(*unit.first()?);
        return Some(place.partner.wrapping_add(entry * 2));
    }
    let first = u16::from_le_bytes([*unit.first()?, *unit.get(1)?]);
    if form == TABLE_HALF {
        return Some(place.partner.wrapping_add(u64::from(first) * 2));
    }
    let pc = place.address.wrapping_add(4);
    let aligned = pc & !3;
    let narrow = match form {
        B => Some((pc, i64::from((first << 5).cast_signed() >> 4))),
        B_COND => Some((pc, i64::from((first << 8).cast_signed() >> 7))),
        LDR => Some((aligned, i64::from(first & 0xFF) * 4)),
        CBZ => Some((
            pc,
            i64::from((first >> 9 & 1) << 6 | (first >> 3 & 0x1F) << 1),
        )),
        _ => None,
    };
    if let Some((from, distance)) = narrow {
        return Some(from.wrapping_add_signed(distance));
    }
    let second = u16::from_le_bytes([*unit.get(2)?, *unit.get(3)?]);
    let signed = |size: u16| {
        if first & 0x80 == 0 {
            -i64::from(size)
        } else {
            i64::from(size)
        }
    };
    let (from, distance) = match form {
        BL | B_WIDE => (pc, far_distance(first, second)),
        BLX => (aligned, far_distance(first, second)),
        B_COND_WIDE => {
            let (sign, j1, j2) = (first >> 10 & 1, second >> 13 & 1, second >> 11 & 1);
            let high = u32::from(sign << 8 | j2 << 7 | j1 << 6 | first & 0x3F);
            let field = high << 11 | u32::from(second & 0x7FF);
            (pc, i64::from((field << 12).cast_signed() >> 11))
        }
        LDR_WIDE => (aligned, signed(second & 0xFFF)),
        VLDR => (aligned, signed((second & 0xFF) * 4)),
        LITERAL_PC => {
            let word = u32::from(second) << 16 | u32::from(first);
            let from = place.partner.wrapping_add(4);
            (from, i64::from(word.cast_signed()))
        }
        MOVT => {
            let low = immediate(partner as u16, (partner >> 16) as u16);
            let value = u32::from(immediate(first, second)) << 16 | u32::from(low);
            return Some(u64::from(value));
        }
        _ => return None,
    };
    Some(from.wrapping_add_signed(distance))
}

/// A 32-bit instruction as its bytes.
pub(super) fn joined(first: u16, second: u16) -> [u8; 4] {
    let [a, b] = first.to_le_bytes();
    let [c, d] = second.to_le_bytes();
    [a, b, c, d]
}

/// The immediate of `MOVW` and `MOVT`: imm4:i:imm3:imm8.
pub(super) const fn immediate(first: u16, second: u16) -> u16 {
    (first & 0xF) << 12 | (first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | second & 0xFF
}
