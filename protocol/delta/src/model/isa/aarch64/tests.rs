use super::*;
use crate::SliceIo;
use crate::model::isa::Isa;
use crate::model::old::Old;
use crate::model::space::Space;
use proptest::prelude::*;
use std::vec::Vec;

/// One instruction of each form, its operand's bits all clear, as GNU as assembles them.
const EXAMPLES: [(u8, u32); 17] = [
    (BL, 0x9400_0000),          // bl .
    (B, 0x1400_0000),           // b .
    (B_COND, 0x5400_0001),      // b.ne .
    (CBZ, 0xB400_0003),         // cbz x3, .
    (TBZ, 0x3738_0004),         // tbnz w4, #7, .
    (LDR_LITERAL, 0x5800_0005), // ldr x5, .
    (LDR_LITERAL, 0x9C00_0005), // ldr q5, .
    (ADR, 0x1000_0006),         // adr x6, .
    (ADRP, 0x9000_0000),        // adrp x0, .
    (ADD, 0x9100_0001),         // add x1, x0, #0
    (LOAD, 0x3940_0001),        // ldrb w1, [x0]
    (LOAD, 0xB980_0001),        // ldrsw x1, [x0]
    (STORE, 0x7900_0001),       // strh w1, [x0]
    (STORE, 0xF900_0001),       // str x1, [x0]
    (VECTOR, 0x3DC0_0001),      // ldr q1, [x0]
    (VECTOR, 0xFD00_0001),      // str d1, [x0]
    (LOAD, 0xF980_0000),        // prfm pldl1keep, [x0]
];

const NOP: u32 = 0xD503_201F;
const BASE: u64 = 0x8000_0000;

/// The units of an image at [`BASE`], each with its offset, and with 1 MiB of RAM at 0x9000_0000.
fn units(image: &[u8], base: u64) -> Vec<(u32, Unit)> {
    let len = image.len() as u32;
    let mut io = SliceIo {
        patch: &[],
        base: image,
        new: &[],
    };
    let mut old = Old::new(&mut io, len, false);
    let space = Space::flat(len, base);
    let mut scope = Scope {
        old: &mut old,
        space: &space,
        ram_start: 0x9000_0000,
        ram_len: 0x10_0000,
    };
    let mut units = Vec::new();
    let mut at = 0;
    while let Some(unit) = Isa::Aarch64.read(&mut scope, at) {
        units.push((at, unit));
        at += u32::from(unit.len);
    }
    assert_eq!(at, len);
    units
}

/// Offset, form, target and partner of each reference in an image of these words.
fn references(words: &[u32]) -> Vec<(u32, u8, u64, Option<u32>)> {
    let mut image: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    image.resize(0x4000, 0);
    units(&image, BASE)
        .into_iter()
        .filter_map(|(at, unit)| unit.reference.map(|r| (at, r.form, r.target, r.partner)))
        .collect()
}

proptest! {
    /// What is written is read back, it stays the same instruction, and what cannot be written
    /// changes nothing.
    #[test]
    fn targets_survive_the_way_into_an_operand(
        index in 0..EXAMPLES.len(),
        address in (1_u64 << 34..1 << 36).prop_map(|a| a & !3),
        gap in 1_u64..16,
        bits in 3_u32..36,
        distance in -(1_i64 << 35)..1 << 35,
    ) {
        let (form, before) = EXAMPLES[index];
        let place = Place { address, partner: address - 4 * gap };
        let to = address.wrapping_add_signed(distance >> (36 - bits));
        let mut unit = before.to_le_bytes();
        let mut high = 0x9000_0000_u32.to_le_bytes();
        let high_place = Place { address: place.partner, partner: place.partner };
        let paired = write(ADRP, &mut high, high_place, to).is_some();
        if write(form, &mut unit, place, to).is_some() {
            let read = target(form, &unit, place, u32::from_le_bytes(high));
            if form == ADRP {
                prop_assert_eq!(read, None);
            } else if form < ADRP || paired {
                prop_assert_eq!(read, Some(to));
            }
            // No bit but the operand's has changed.
            prop_assert_eq!(scatter(u32::from_le_bytes(unit), operand(form).0, 0), before);
        } else {
            prop_assert_eq!(unit, before.to_le_bytes());
        }
    }

    /// Every operand that can be encoded: reading and writing it again changes nothing.
    #[test]
    fn operands_survive_reading_and_writing(index in 0..EXAMPLES.len(), field: u32) {
        let (form, empty) = EXAMPLES[index];
        prop_assume!(form != ADRP);
        let shift = low_of(empty).map_or(0, |low| low.2);
        let field = if form > ADRP { (field & 0xFFF) >> shift } else { field };
        let word = scatter(empty, operand(form).0, field);
        let place = Place { address: 1 << 36, partner: 1 << 36 };
        let to = target(form, &word.to_le_bytes(), place, 0x9000_0000).unwrap();
        let mut unit = word.to_le_bytes();
        prop_assert!(write(form, &mut unit, place, to).is_some());
        prop_assert_eq!(unit, word.to_le_bytes());
    }

    /// A pair holds any address, and both halves are found in an image.
    #[test]
    fn pairs_hold_any_address(
        to in 0_u64..0x4000,
        index in 9..EXAMPLES.len(),
        fillers in 0_usize..15,
        ram: bool,
    ) {
        let (form, low) = EXAMPLES[index];
        let shift = low_of(low).map_or(0, |low| low.2);
        let to = (to >> shift << shift) + if ram { 0x9000_0000 } else { BASE };
        let place = Place { address: BASE + 4, partner: BASE + 4 };
        let (mut high, mut low) = (0x9000_0000_u32.to_le_bytes(), low.to_le_bytes());
        prop_assert!(write(ADRP, &mut high, place, to).is_some());
        prop_assert!(write(form, &mut low, place, to).is_some());
        let (high, low) = (u32::from_le_bytes(high), u32::from_le_bytes(low));
        let mut words = std::vec![NOP, high];
        words.extend([0xEB01_001F].repeat(fillers)); // cmp x0, x1
        words.push(low);
        let low_at = 8 + 4 * fillers as u32;
        let expected = [(4, ADRP, to, None), (low_at, form, to, Some(4))];
        prop_assert_eq!(references(&words), expected);
    }

    /// Whatever the bytes are: the units cover the image, their classes are in range, and what can
    /// be read from an operand can be written back.
    #[test]
    fn any_bytes_are_units(mut image in proptest::collection::vec(any::<u8>(), 0..400)) {
        // Make high halves of the image's own page frequent.
        for at in (0..image.len().saturating_sub(4)).step_by(24) {
            image[at] &= 3;
            image[at + 1..at + 4].copy_from_slice(&[0, 0, 0x90]);
        }
        for (at, unit) in units(&image, BASE) {
            prop_assert!(unit.class < super::super::CLASSES as u8);
            let Some(reference) = unit.reference else { continue };
            prop_assert_eq!(unit.class, reference.form);
            let place = Place {
                address: BASE + u64::from(at),
                partner: BASE + u64::from(reference.partner.unwrap_or(at)),
            };
            let before = &image[at as usize..at as usize + usize::from(unit.len)];
            let mut bytes = before.to_vec();
            prop_assert!(Isa::Aarch64.write(reference.form, &mut bytes, place, reference.target));
            prop_assert_eq!(&bytes[..], before);
        }
    }
}

/// Assembled by GNU as, addresses as objdump lists them.
#[test]
fn known_instructions() {
    let found = references(&[
        0x9400_048D, // 0x00 bl .+0x1234
        0x17FF_FFFE, // 0x04 b .-8: before the image
        0x5400_0201, // 0x08 b.ne .+0x40
        0xB400_0803, // 0x0C cbz x3, .+0x100
        0x373F_FF84, // 0x10 tbnz w4, #7, .-0x10
        0x5800_0405, // 0x14 ldr x5, .+0x80
        0x9C00_0405, // 0x18 ldr q5, .+0x80
        0x7000_0906, // 0x1C adr x6, .+0x123
        0xB000_0000, // 0x20 adrp x0, next page
        0x9100_4001, // 0x24 add x1, x0, #0x10
        0xB980_0801, // 0x28 ldrsw x1, [x0, #8]
        0x3DC0_0801, // 0x2C ldr q1, [x0, #32]
        0xD000_0003, // 0x30 adrp x3, the page after that
    ]);
    let expected = [
        (0x00, BL, BASE + 0x1234, None),
        (0x08, B_COND, BASE + 0x48, None),
        (0x0C, CBZ, BASE + 0x10C, None),
        (0x10, TBZ, BASE, None),
        (0x14, LDR_LITERAL, BASE + 0x94, None),
        (0x18, LDR_LITERAL, BASE + 0x98, None),
        (0x1C, ADR, BASE + 0x13F, None),
        (0x20, ADRP, BASE + 0x1010, None),
        (0x24, ADD, BASE + 0x1010, Some(0x20)),
        (0x28, LOAD, BASE + 0x1008, Some(0x20)),
        (0x2C, VECTOR, BASE + 0x1020, Some(0x20)),
        (0x30, ADRP, BASE + 0x2000, None),
    ];
    assert_eq!(found, expected);
}

/// What may stand between the halves of a pair in x0. Encodings by GNU as.
#[test]
fn a_pair_ends_with_its_register() {
    let pairs = |between: u32| {
        let found = references(&[0xB000_0000, between, 0x9100_4001]);
        found.iter().any(|r| r.1 == ADD)
    };
    let kept = [
        0xF900_0040, // str x0, [x2]
        0xA900_17E0, // stp x0, x5, [sp]
        0xA9BF_1444, // stp x4, x5, [x2, #-16]!
        0xFA42_0020, // ccmp x1, x2, #0, eq
        0xBA42_0820, // ccmn x1, #2, #0, eq
        0x9E67_0000, // fmov d0, x0
        0x9E62_0000, // scvtf d0, x0
        0x1E60_2800, // fadd d0, d0, d0
        0x1E61_0400, // fccmp d0, d1, #0, eq
        0xFD40_0040, // ldr d0, [x2]
        0xFC61_6800, // ldr d0, [x0, x1]
        0xEB01_001F, // cmp x0, x1
        0x5400_0040, // b.eq .+8
        NOP,
    ];
    let ended = [
        0xAA05_03E0, // mov x0, x5
        0xA940_17E0, // ldp x0, x5, [sp]
        0xF840_8405, // ldr x5, [x0], #8
        0xA9BF_1404, // stp x4, x5, [x0, #-16]!
        0xF862_6820, // ldr x0, [x1, x2]
        0x4CDF_7800, // ld1 {v0.4s}, [x0], #16
        0x9E66_0000, // fmov x0, d0
        0x9E78_0000, // fcvtzs x0, d0
        0x9E58_F400, // fcvtzs x0, d0, #3
        0x0E0C_3C00, // umov w0, v0.s[1]
        0xC800_7C41, // stxr w0, x1, [x2]
        0xF821_0040, // ldadd x1, x0, [x2]
        0xD53B_4200, // mrs x0, nzcv
        0xD280_0020, // mov x0, #1
        0x9A82_0020, // csel x0, x1, x2, eq
        0xD63F_0100, // blr x8
        0x9400_0040, // bl .+0x100
        0xD61F_0100, // br x8
        0xD65F_03C0, // ret
        0x1400_0040, // b .+0x100
    ];
    for between in kept {
        assert!(pairs(between), "{between:x}");
    }
    for between in ended {
        assert!(!pairs(between), "{between:x}");
    }
}

#[test]
fn pointers_of_eight_bytes() {
    let found = references(&[NOP, NOP, 0x8000_0120, 0, 0x8000_0120, NOP]);
    assert_eq!(found, [(8, words::POINTER_64, BASE + 0x120, None)]);
}
