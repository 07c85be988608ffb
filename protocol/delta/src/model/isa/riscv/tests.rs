use super::*;
use crate::SliceIo;
use crate::model::isa::Isa;
use crate::model::old::Old;
use crate::model::space::Space;
use proptest::prelude::*;
use std::vec::Vec;

/// One instruction of each form, its operand's bits all clear, as GNU as assembles them.
const EXAMPLES: [(u8, u32); 19] = [
    (AUIPC, 0x0000_0517),    // auipc a0, 0
    (LUI, 0x0000_0537),      // lui a0, 0
    (C_LUI, 0x6501),         // c.lui a0, 0 (reserved)
    (JALR, 0x0000_80E7),     // jalr ra, 0(ra)
    (ADD_PC, 0x0005_0593),   // addi a1, a0, 0
    (ADD_PC, 0x0005_051B),   // addiw a0, a0, 0
    (LOAD_PC, 0x0005_5583),  // lhu a1, 0(a0)
    (LOAD_PC, 0x0005_3507),  // fld fa0, 0(a0)
    (STORE_PC, 0x00B5_0023), // sb a1, 0(a0)
    (ADD, 0x0005_0513),      // addi a0, a0, 0
    (LOAD, 0x0005_2503),     // lw a0, 0(a0)
    (STORE, 0x00A5_A027),    // fsw fa0, 0(a1)
    (STORE, 0x00B5_2023),    // sw a1, 0(a0)
    (BRANCH, 0x00B5_0063),   // beq a0, a1, .
    (BRANCH, 0x00B5_7063),   // bgeu a0, a1, .
    (JAL, 0x0000_00EF),      // jal ra, .
    (C_J, 0xA001),           // c.j .
    (C_BRANCH, 0xC101),      // c.beqz a0, .
    (C_JAL, 0x2001),         // c.jal .
];

fn two(first: u32, second: u32) -> Vec<u8> {
    [first.to_le_bytes(), second.to_le_bytes()].concat()
}

/// The units of an image at `address`, each with its offset, and with 1 MiB of RAM at 0x8000_0000.
fn units(isa: Isa, image: &[u8], address: u64) -> Vec<(u32, Unit)> {
    let len = image.len() as u32;
    let mut io = SliceIo {
        patch: &[],
        base: image,
        new: &[],
    };
    let mut old = Old::new(&mut io, len, false);
    let space = Space::flat(len, address);
    let mut scope = Scope {
        old: &mut old,
        space: &space,
        ram_start: 0x8000_0000,
        ram_len: 0x10_0000,
    };
    let mut units = Vec::new();
    let mut at = 0;
    while let Some(unit) = isa.read(&mut scope, at) {
        units.push((at, unit));
        at += u32::from(unit.len);
    }
    assert_eq!(at, len);
    units
}

/// Form, target and partner of each reference in an image.
fn references(isa: Isa, image: &[u8], address: u64) -> Vec<(u32, u8, u64, Option<u32>)> {
    units(isa, image, address)
        .into_iter()
        .filter_map(|(at, unit)| unit.reference.map(|r| (at, r.form, r.target, r.partner)))
        .collect()
}

fn image(parts: &[&[u8]]) -> Vec<u8> {
    let mut image = parts.concat();
    image.resize(0x4000, 0);
    image
}

proptest! {
    /// What is written is read back, it stays the same instruction, and what cannot be written
    /// changes nothing.
    #[test]
    fn targets_survive_the_way_into_an_operand(
        index in 0..EXAMPLES.len(),
        wide: bool,
        address in (0x1000_u64..1 << 31).prop_map(|a| a & !1),
        gap in 2_u64..64,
        bits in 3_u32..33,
        distance: i32,
    ) {
        let (form, before) = EXAMPLES[index];
        let place = Place { address, partner: address - gap };
        let to = cut(wide, address.wrapping_add_signed(i64::from(distance >> (32 - bits))));
        let mut unit = before.to_le_bytes();
        let relative = matches!(form, JALR | ADD_PC | LOAD_PC | STORE_PC);
        let mut high = if relative { 0x17_u32 } else { 0x37 }.to_le_bytes();
        let high_form = if relative { AUIPC } else { LUI };
        high[0] |= (base_register(before) << 7) as u8;
        high[1] |= (base_register(before) >> 1) as u8;
        let high_place = Place { address: place.partner, partner: place.partner };
        let paired = write(high_form, wide, &mut high, high_place, to).is_some();
        if write(form, wide, &mut unit, place, to).is_some() {
            let partner = u32::from_le_bytes(high);
            let read = target(form, wide, &unit, place, partner);
            if matches!(form, AUIPC | LUI | C_LUI) {
                prop_assert_eq!(read, None);
            } else if form > STORE || paired {
                prop_assert_eq!(read, Some(to));
            }
            // No bit but the operand's has changed.
            let cleared = scatter(u32::from_le_bytes(unit), imm(form).0, 0);
            prop_assert_eq!(cleared, before);
        } else {
            prop_assert!(form > STORE || wide || form == C_LUI);
            prop_assert_eq!(unit, before.to_le_bytes());
        }
    }

    /// Every jump that can be encoded: reading and writing it again changes nothing.
    #[test]
    fn operands_survive_reading_and_writing(index in 13..EXAMPLES.len(), wide: bool, field: u32) {
        let (form, empty) = EXAMPLES[index];
        let word = scatter(empty, imm(form).0, field);
        let place = Place { address: 0x2000_1000, partner: 0x2000_1000 };
        let to = target(form, wide, &word.to_le_bytes(), place, 0).unwrap();
        let mut unit = word.to_le_bytes();
        prop_assert!(write(form, wide, &mut unit, place, to).is_some());
        prop_assert_eq!(unit, word.to_le_bytes());
    }

    /// `C.LUI` and its low half: every address that they can make is read back from the two of them.
    #[test]
    fn short_pairs_hold_what_they_can(field in 1_u32..64, low: u32, index in 9_usize..13, wide: bool) {
        let (form, empty) = EXAMPLES[index];
        let register = base_register(empty);
        let high = scatter(0x6001 | register << 7, IMM_CLUI, field);
        let low = scatter(empty, imm(form).0, low);
        let place = Place { address: 0x2000_1000, partner: 0x2000_0FF0 };
        let to = target(form, wide, &low.to_le_bytes(), place, high).unwrap();
        let mut unit = (0x6001 | register << 7).to_le_bytes();
        prop_assert!(write(C_LUI, wide, &mut unit, place, to).is_some());
        prop_assert_eq!(unit, high.to_le_bytes());
        let mut unit = empty.to_le_bytes();
        prop_assert!(write(form, wide, &mut unit, place, to).is_some());
        prop_assert_eq!(unit, low.to_le_bytes());
    }

    /// A pair holds any address, both halves are found in an image, and say it when read again.
    #[test]
    fn pairs_hold_any_address(
        to in 0x100_u64..0x4000,
        index in 3_usize..13,
        fillers in 0_usize..6,
        ram: bool,
        wide: bool,
    ) {
        let (form, low) = EXAMPLES[index];
        let relative = matches!(form, JALR | ADD_PC | LOAD_PC | STORE_PC);
        prop_assume!(wide || low & 0x7F != 0x1B);
        let base = 0x2000_0000;
        let to = if ram && relative && form != JALR { 0x8000_0000 + to } else { (base + to) & !1 };
        let high = if relative { 0x17 } else { 0x37 } | base_register(low) << 7;
        let (mut high, mut low) = (high.to_le_bytes(), low.to_le_bytes());
        let high_form = if relative { AUIPC } else { LUI };
        let place = Place { address: base + 2, partner: base + 2 };
        prop_assert!(write(high_form, wide, &mut high, place, to).is_some());
        let low_at = 6 + 2 * fillers as u32;
        let low_place = Place { address: base + u64::from(low_at), partner: base + 2 };
        prop_assert!(write(form, wide, &mut low, low_place, to).is_some());
        let read = target(form, wide, &low, low_place, u32::from_le_bytes(high));
        prop_assert_eq!(read, Some(to));
        // c.mv s0, a4: keeps the register.
        let image = image(&[&[1, 0], &high, &[0x3A, 0x84].repeat(fillers), &low]);
        let isa = if wide { Isa::Riscv64 } else { Isa::Riscv32 };
        prop_assert_eq!(
            references(isa, &image, base),
            [(2, high_form, to, None), (low_at, form, to, Some(2))]
        );
    }

    /// Whatever the bytes are: the units cover the image, their classes are in range, and what can
    /// be read from an operand can be written back.
    #[test]
    fn any_bytes_are_units(mut image in proptest::collection::vec(any::<u8>(), 0..400), wide: bool) {
        // Make high halves of the image's own pages frequent.
        for at in (0..image.len().saturating_sub(4)).step_by(24) {
            image[at] = 0x17;
            image[at + 1] &= 0x0F;
            image[at + 2..at + 4].fill(0);
        }
        let isa = if wide { Isa::Riscv64 } else { Isa::Riscv32 };
        for (at, unit) in units(isa, &image, 0x2000_0000) {
            prop_assert!(unit.class < super::super::CLASSES as u8);
            let Some(reference) = unit.reference else { continue };
            prop_assert_eq!(unit.class, reference.form);
            let partner = reference.partner.unwrap_or(at);
            let place = Place {
                address: 0x2000_0000 + u64::from(at),
                partner: 0x2000_0000 + u64::from(partner),
            };
            let at = at as usize;
            let before = &image[at..at + usize::from(unit.len)];
            let mut bytes = before.to_vec();
            prop_assert!(isa.write(reference.form, &mut bytes, place, reference.target));
            prop_assert_eq!(&bytes[..], before);
        }
    }
}

/// Assembled by GNU as, addresses as objdump lists them.
#[test]
fn known_instructions() {
    let image = image(&[
        &[0xE3, 0x0E, 0xB5, 0xFE], // 0x00 beq a0, a1, .-4: before the image
        &[0x63, 0x18, 0xB5, 0x7E], // 0x04 bne a0, a1, .+0x7F0
        &[0xEF, 0x10, 0x60, 0x23], // 0x08 jal ra, .+0x1236
        &[0x6F, 0xF0, 0x5F, 0xFF], // 0x0C jal zero, .-12
        &[0xFD, 0xBF],             // 0x10 c.j .-2
        &[0x65, 0x2E],             // 0x12 c.jal .+0x3B8
        &[0x51, 0xC5],             // 0x14 c.beqz a0, .+0x8C
        &[0xE5, 0xE9],             // 0x16 c.bnez a1, .+0xF0
        &[0x63, 0x28, 0xB5, 0x7E], // 0x18 reserved condition
    ]);
    let expected = [
        (0x04, BRANCH, 0x7F4, None),
        (0x08, JAL, 0x123E, None),
        (0x0C, JAL, 0x0, None),
        (0x10, C_J, 0xE, None),
        (0x12, C_JAL, 0x3CA, None),
        (0x14, C_BRANCH, 0xA0, None),
        (0x16, C_BRANCH, 0x106, None),
    ];
    assert_eq!(references(Isa::Riscv32, &image, 0), expected);
    let without = [&expected[..4], &expected[5..]].concat();
    assert_eq!(references(Isa::Riscv64, &image, 0), without);
}

#[test]
fn a_pair_ends_with_its_register() {
    let high = 0x0000_1517_u32.to_le_bytes(); // auipc a0, 1
    let low = 0x0105_0593_u32.to_le_bytes(); // addi a1, a0, 16
    let kept: [&[u8]; 4] = [
        &[0x93, 0x85, 0x15, 0x00], // addi a1, a1, 1
        &[0x99, 0xC1],             // c.beqz a1, .+6
        &[0x07, 0xA5, 0x05, 0x00], // flw fa0, 0(a1)
        &[0x88, 0xE1],             // RV32: c.fsw fa0, 0(a1)
    ];
    let ended: [&[u8]; 6] = [
        &[0x13, 0x05, 0x10, 0x00], // addi a0, zero, 1
        &[0x05, 0x45],             // c.li a0, 1
        &[0x82, 0x80],             // c.jr ra
        &[0x01, 0xA0],             // c.j .
        &[0xEF, 0x00, 0x00, 0x01], // jal ra, .+16
        &[0x53, 0x85, 0x05, 0xE0], // fmv.x.w a0, fa1
    ];
    let pairs = |between: &[u8]| {
        let image = image(&[&high, between, &low]);
        let found = references(Isa::Riscv32, &image, 0x2000_0000);
        found
            .iter()
            .filter(|r| r.1 == AUIPC || r.1 == ADD_PC)
            .count()
    };
    assert_eq!(pairs(&[]), 2);
    for between in kept {
        assert_eq!(pairs(between), 2, "{between:x?}");
    }
    for between in ended {
        assert_eq!(pairs(between), 0, "{between:x?}");
    }
    // Two low halves of one high half.
    let image = image(&[&two(0x0000_1517, 0x0105_0593), &low]);
    let found = references(Isa::Riscv32, &image, 0x2000_0000);
    let expected = [
        (0, AUIPC, 0x2000_1010, None),
        (4, ADD_PC, 0x2000_1010, Some(0)),
        (8, ADD_PC, 0x2000_1010, Some(0)),
    ];
    assert_eq!(found, expected);
}

/// Pointers among the code: alone a word is taken for instructions, beside another one it is not.
#[test]
fn pointers_among_code_need_company() {
    let alone = image(&[&two(0x2000_0120, 7)]);
    assert_eq!(references(Isa::Riscv32, &alone, 0x2000_0000), []);
    let paired = image(&[&two(0x2000_0120, 7), &two(0x8000_0000, 9)]);
    let expected = [
        (0, words::POINTER_32, 0x2000_0120, None),
        (8, words::POINTER_32, 0x8000_0000, None),
    ];
    assert_eq!(references(Isa::Riscv32, &paired, 0x2000_0000), expected);
    let wide = image(&[&two(0x8000_0040, 0)]);
    let expected = [(0, words::POINTER_64, 0x8000_0040, None)];
    assert_eq!(references(Isa::Riscv64, &wide, 0x2000_0000), expected);
}
