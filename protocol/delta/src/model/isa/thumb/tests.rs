//! What every form holds, and what it leaves alone.

use super::*;
use proptest::prelude::*;

/// One instruction of each form that says its address by itself.
const EXAMPLES: [(u8, [u8; 4]); 12] = [
    (BL, [0x00, 0xF0, 0x00, 0xF8]),
    (BLX, [0x00, 0xF0, 0x00, 0xE8]),
    (B_WIDE, [0x00, 0xF0, 0x00, 0xB8]),
    (B_COND_WIDE, [0x00, 0xF0, 0x00, 0x80]),
    (B, [0x00, 0xE0, 0xAA, 0xAA]),
    (B_COND, [0x00, 0xD0, 0xAA, 0xAA]),
    (LDR, [0x00, 0x4B, 0xAA, 0xAA]),
    (LDR_WIDE, [0xDF, 0xF8, 0x00, 0x30]),
    (CBZ, [0x03, 0xB1, 0xAA, 0xAA]),
    (LITERAL_PC, [0; 4]),
    (VLDR, [0x9F, 0xED, 0x00, 0x0B]),
    (LDR_WIDE, [0x9F, 0xF8, 0x00, 0x30]),
];

/// The forms that say their address by themselves, or with a place that is known: all bits of the instruction but
/// the operand's, the first halfword lowest, and those of the operand.
const OPERANDS: [(u8, u32, u32); 15] = [
    (BL, 0xD000_F000, 0x2FFF_07FF),
    (BLX, 0xC000_F000, 0x2FFE_07FF),
    (B_WIDE, 0x9000_F000, 0x2FFF_07FF),
    (B_COND_WIDE, 0x8000_F000, 0x2FFF_043F),
    (B_COND_WIDE, 0x8000_F340, 0x2FFF_043F),
    (B, 0xE000, 0x07FF),
    (B_COND, 0xD000, 0x00FF),
    (LDR, 0x4B00, 0x00FF),
    (LDR_WIDE, 0x3000_F85F, 0x0FFF_0080),
    (LDR_WIDE, 0x3000_F81F, 0x0FFF_0080),
    (CBZ, 0xB903, 0x02F8),
    (LITERAL_PC, 0, 0xFFFF_FFFF),
    (VLDR, 0x0B00_ED1F, 0x00FF_0080),
    (TABLE_HALF, 0, 0xFFFF),
    (TABLE_BYTE, 0, 0x00FF),
];

proptest! {
    /// What is written is read back, it stays the same instruction, and what cannot be written
    /// changes nothing.
    #[test]
    fn targets_survive_the_way_into_an_operand(
        index in 0..EXAMPLES.len(),
        address in (0_u64..1 << 26).prop_map(|a| a & !1),
        bits in 3_u32..26,
        distance in -(1_i64 << 26)..1 << 26,
    ) {
        let (form, before) = EXAMPLES[index];
        let place = Place { address, partner: address + 12 };
        let to = address.wrapping_add_signed(distance >> (26 - bits));
        let mut unit = before;
        if write(form, &mut unit, place, to).is_some() {
            prop_assert_eq!(target(form, &unit, place, 0), Some(to));
            // Back to where it was: no other bit has moved.
            let origin = target(form, &before, place, 0).unwrap();
            prop_assert!(write(form, &mut unit, place, origin).is_some());
            let sign = if matches!(form, LDR_WIDE | VLDR) { 0x80 } else { 0 };
            prop_assert_eq!(unit[0] & !sign, before[0] & !sign);
            prop_assert_eq!(&unit[1..], &before[1..]);
        } else {
            prop_assert_eq!(unit, before);
        }
    }

    /// Every operand that can be encoded, in every form: reading and writing it again changes nothing.
    #[test]
    fn operands_survive_reading_and_writing(index in 0..OPERANDS.len(), first: u16, second: u16) {
        let (form, opcode, operand) = OPERANDS[index];
        let bits = u32::from(second) << 16 | u32::from(first);
        let before = (opcode | bits & operand).to_le_bytes();
        let place = Place { address: 0x0800_1000, partner: 0x0800_1010 };
        let to = target(form, &before, place, 0).unwrap();
        let mut unit = before;
        prop_assert!(write(form, &mut unit, place, to).is_some());
        prop_assert_eq!(unit, before);
    }

    /// The halves of a pair: each takes its part of the address, and the second reads both.
    #[test]
    fn pairs_hold_any_address(to: u32, low: [u8; 2], high: [u8; 2], rd in 0_u8..15) {
        let place = Place { address: 0x100, partner: 0x100 };
        let mut movw = [0x40 | low[0] & 0xF, 0xF2, low[1], rd];
        let mut movt = [0xC0 | high[0] & 0xF, 0xF2, high[1], rd];
        prop_assert!(write(MOVW, &mut movw, place, u64::from(to)).is_some());
        prop_assert!(write(MOVT, &mut movt, place, u64::from(to)).is_some());
        let partner = u32::from_le_bytes(movw);
        prop_assert_eq!(target(MOVT, &movt, place, partner), Some(u64::from(to)));
        prop_assert_eq!((movw[3] & 0x8F, movt[3] & 0x8F), (rd, rd));
    }
}

/// What is read at offset 8 of 64 KiB at 0x0800_0000 that begin with these halfwords.
fn read_at_8(halves: &[u16]) -> Unit {
    let mut image: std::vec::Vec<u8> = halves.iter().flat_map(|h| h.to_le_bytes()).collect();
    image.resize(1 << 16, 0);
    let mut io = crate::SliceIo {
        patch: &[],
        base: &image,
        new: &[],
    };
    let len = image.len() as u32;
    let mut old = crate::model::old::Old::new(&mut io, len, false);
    let space = crate::model::space::Space::flat(len, 0x0800_0000);
    let mut scope = Scope {
        old: &mut old,
        space: &space,
        ram_start: 0,
        ram_len: 0,
    };
    read(&mut scope, 8).unwrap()
}

/// `movw r8, #0` and `movt r8, #0x2000` are 0x0800F240 and 0x0800F2C2: two neighbours that look like pointers.
#[test]
fn an_instruction_to_r8_is_no_pointer() {
    const NOP: u16 = 0xBF00;
    let [low, high] = [[0xF240, 0x0800], [0xF2C2, 0x0800]];
    let unit = read_at_8(&[NOP, NOP, NOP, NOP, low[0], low[1], high[0], high[1]]);
    assert_ne!(unit.class, words::POINTER_32);
    // A load tells better, and other pointers have neighbours as before: ldr r0, [pc, #4].
    let unit = read_at_8(&[0x4801, NOP, NOP, NOP, low[0], low[1], 0, 0]);
    assert_eq!(unit.class, words::POINTER_32);
    let unit = read_at_8(&[NOP, NOP, NOP, NOP, 0x0100, 0x0800, 0x0200, 0x0800]);
    assert_eq!(unit.class, words::POINTER_32);
}
