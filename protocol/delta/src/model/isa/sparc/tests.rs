use super::*;
use crate::SliceIo;
use crate::model::isa::Isa;
use crate::model::old::Old;
use crate::model::space::Space;
use proptest::prelude::*;
use std::vec::Vec;

/// One instruction of each form, its operand's bits all clear, as GNU as assembles them.
const EXAMPLES: [(u8, u32); 12] = [
    (CALL, 0x4000_0000),               // call .
    (BRANCH, 0x1280_0000),             // bne .
    (BRANCH, 0x3080_0000),             // ba,a .
    (BRANCH_FLOAT, 0x1380_0000),       // fbe .
    (BRANCH_COPROCESSOR, 0x0FC0_0000), // cb3 .
    (SETHI, 0x0300_0000),              // sethi 0, %g1
    (OR, 0x9010_6000),                 // or %g1, 0, %o0
    (ADD, 0x9200_6000),                // add %g1, 0, %o1
    (ADD, 0x91E8_6000),                // restore %g1, 0, %o0
    (LOAD, 0xC118_6000),               // ldd [%g1], %f0
    (STORE, 0xD028_6000),              // stb %o0, [%g1]
    (JMPL, 0x9FC0_6000),               // jmpl %g1, %o7
];

const NOP: u32 = 0x0100_0000;
const BASE: u64 = 0x4000_0000;

/// The units of an image at [`BASE`], each with its offset, and with 1 MiB of RAM at 0x8000_0000.
fn units(image: &[u8]) -> Vec<(u32, Unit)> {
    let len = image.len() as u32;
    let mut io = SliceIo {
        patch: &[],
        base: image,
        new: &[],
    };
    let mut old = Old::new(&mut io, len, true);
    let space = Space::flat(len, BASE);
    let mut scope = Scope {
        old: &mut old,
        space: &space,
        ram_start: 0x8000_0000,
        ram_len: 0x10_0000,
    };
    let mut units = Vec::new();
    let mut at = 0;
    while let Some(unit) = Isa::Sparc.read(&mut scope, at) {
        units.push((at, unit));
        at += u32::from(unit.len);
    }
    assert_eq!(at, len);
    units
}

/// Offset, form, target and partner of each reference in an image of these words.
fn references(words: &[u32]) -> Vec<(u32, u8, u64, Option<u32>)> {
    let mut image: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
    image.resize(0x4000, 0);
    units(&image)
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
        address in (0_u64..1 << 32).prop_map(|a| a & !3),
        bits in 3_u32..33,
        distance: i32,
    ) {
        let (form, before) = EXAMPLES[index];
        let place = Place { address, partner: address };
        let to = address.wrapping_add_signed(i64::from(distance >> (32 - bits)));
        let mut unit = before.to_be_bytes();
        if write(form, &mut unit, place, to).is_some() {
            let partner = 0x0300_0000 | (to >> 10) as u32;
            let expected = (form != SETHI).then_some(to);
            prop_assert_eq!(target(form, &unit, place, partner), expected);
            // No bit but the operand's has changed.
            prop_assert_eq!(scatter(u32::from_be_bytes(unit), runs(form), 0), before);
        } else {
            prop_assert!(form < SETHI || to >> 32 != 0);
            prop_assert_eq!(unit, before.to_be_bytes());
        }
    }

    /// Every operand that can be encoded: reading and writing it again changes nothing.
    #[test]
    fn operands_survive_reading_and_writing(index in 0..EXAMPLES.len(), field: u32, high: u32) {
        let (form, empty) = EXAMPLES[index];
        prop_assume!(form != SETHI);
        let word = scatter(empty, runs(form), field);
        let place = Place { address: BASE, partner: BASE };
        let partner = scatter(0x0300_0000, DISP22, high);
        let to = target(form, &word.to_be_bytes(), place, partner).unwrap();
        let mut unit = word.to_be_bytes();
        prop_assert!(write(form, &mut unit, place, to).is_some());
        prop_assert_eq!(unit, word.to_be_bytes());
    }

    /// A pair holds any address, and both halves are found in an image.
    #[test]
    fn pairs_hold_any_address(
        to in 0_u64..0x4000,
        index in 6..EXAMPLES.len(),
        fillers in 0_usize..PAIR_STEPS as usize - 1,
        ram: bool,
    ) {
        let (form, low) = EXAMPLES[index];
        let to = to + if ram { 0x8000_0000 } else { BASE };
        let place = Place { address: BASE, partner: BASE };
        let (mut high, mut low) = (0x0300_0000_u32.to_be_bytes(), low.to_be_bytes());
        prop_assert!(write(SETHI, &mut high, place, to).is_some());
        prop_assert!(write(form, &mut low, place, to).is_some());
        let (high, low) = (u32::from_be_bytes(high), u32::from_be_bytes(low));
        let mut words = std::vec![NOP, high];
        words.extend([0xA010_0008].repeat(fillers)); // mov %o0, %l0
        words.push(low);
        let low_at = 8 + 4 * fillers as u32;
        let expected = [(4, SETHI, to, None), (low_at, form, to, Some(4))];
        prop_assert_eq!(references(&words), expected);
    }

    /// Whatever the bytes are: the units cover the image, their classes are in range, and what can
    /// be read from an operand can be written back.
    #[test]
    fn any_bytes_are_units(mut image in proptest::collection::vec(any::<u8>(), 0..400)) {
        // Make high halves of the image's own addresses frequent.
        for at in (0..image.len().saturating_sub(4)).step_by(24) {
            image[at] &= 0x3E;
            image[at + 1..at + 4].copy_from_slice(&[0x10, 0, 0]);
            image[at] |= 1;
        }
        for (at, unit) in units(&image) {
            prop_assert!(unit.class < super::super::CLASSES as u8);
            let Some(reference) = unit.reference else { continue };
            prop_assert_eq!(unit.class, reference.form);
            let place = Place {
                address: BASE + u64::from(at),
                partner: BASE + u64::from(reference.partner.unwrap_or(at)),
            };
            let before = &image[at as usize..at as usize + usize::from(unit.len)];
            let mut bytes = before.to_vec();
            prop_assert!(Isa::Sparc.write(reference.form, &mut bytes, place, reference.target));
            prop_assert_eq!(&bytes[..], before);
        }
    }
}

/// Assembled by GNU as, addresses as objdump lists them.
#[test]
fn known_instructions() {
    let found = references(&[
        0x4000_048D, // 0x00 call .+0x1234
        NOP,         // 0x04
        0x12BF_FFFE, // 0x08 bne .-8
        0x3080_0010, // 0x0C ba,a .+0x40
        0x1380_0011, // 0x10 fbe .+0x44
        0x0FFF_FFFF, // 0x14 cb3 .-4
        0x12BF_FFF0, // 0x18 bne .-0x40: before the image
        0x0310_0004, // 0x1C sethi %hi(0x40001234), %g1
        0x9010_6234, // 0x20 or %g1, %lo(0x40001234), %o0
    ]);
    let expected = [
        (0x00, CALL, BASE + 0x1234, None),
        (0x08, BRANCH, BASE, None),
        (0x0C, BRANCH, BASE + 0x4C, None),
        (0x10, BRANCH_FLOAT, BASE + 0x54, None),
        (0x14, BRANCH_COPROCESSOR, BASE + 0x10, None),
        (0x1C, SETHI, BASE + 0x1234, None),
        (0x20, OR, BASE + 0x1234, Some(0x1C)),
    ];
    assert_eq!(found, expected);
}

/// What may stand around and between the halves of a pair.
#[test]
fn a_pair_ends_with_its_register() {
    const CALL_FAR: u32 = 0x4000_0100; // call .+0x400
    const IN_LOCAL: [u32; 2] = [0x2110_0004, 0x9014_2010]; // %hi(0x40001010), %l0; or %l0, 0x10, %o0
    const IN_GLOBAL: [u32; 2] = [0x0310_0004, 0x9010_6010]; // %hi(0x40001010), %g1; or %g1, 0x10, %o0
    let pairs = |before: &[u32], [high, low]: [u32; 2], between: &[u32]| {
        let words = [before, &[high], between, &[low, NOP]].concat();
        let found = references(&words);
        found.iter().filter(|r| r.1 == SETHI || r.1 == OR).count()
    };
    for pair in [IN_LOCAL, IN_GLOBAL] {
        assert_eq!(pairs(&[], pair, &[]), 2);
        assert_eq!(pairs(&[], pair, &[0x80A2_6000]), 2); // cmp %o1, 0
        assert_eq!(pairs(&[], pair, &[0xC222_8000]), 2); // st %g1, [%o2]
        assert_eq!(pairs(&[], pair, &[0x85A0_0822]), 2); // fadds %f0, %f2, %f2
        assert_eq!(pairs(&[], pair, &[0x1280_0004, NOP]), 2); // bne .+16
        // In the delay slot of a call, of a return and of a branch; behind them.
        assert_eq!(pairs(&[], pair, &[CALL_FAR]), 2);
        assert_eq!(pairs(&[], pair, &[0x81C7_E008]), 2); // ret
        assert_eq!(pairs(&[], pair, &[0x1080_0002]), 2); // ba .+8
        assert_eq!(pairs(&[], pair, &[0x3080_0002]), 0); // ba,a .+8
        assert_eq!(pairs(&[], pair, &[0x81C7_E008, NOP]), 0);
        assert_eq!(pairs(&[], pair, &[0x1080_0002, NOP]), 0);
        assert_eq!(pairs(&[], pair, &[0x9DE3_BFA0]), 0); // save %sp, -96, %sp
        assert_eq!(pairs(&[], pair, &[0x81E8_0000]), 0); // restore
        // The high half in a delay slot.
        assert_eq!(pairs(&[0x1280_0004], pair, &[]), 2); // bne .+16
        assert_eq!(pairs(&[0x2280_0004], pair, &[]), 0); // be,a .+16
        assert_eq!(pairs(&[0x3080_0004], pair, &[]), 2); // ba,a .+16
        assert_eq!(pairs(&[0x1080_0004], pair, &[]), 0); // ba .+16
        assert_eq!(pairs(&[0x81C7_E008], pair, &[]), 0); // ret
    }
    assert_eq!(pairs(&[], IN_LOCAL, &[CALL_FAR, NOP]), 2);
    assert_eq!(pairs(&[], IN_GLOBAL, &[CALL_FAR, NOP]), 0);
    assert_eq!(pairs(&[CALL_FAR], IN_LOCAL, &[]), 2);
    assert_eq!(pairs(&[CALL_FAR], IN_GLOBAL, &[]), 0);
    assert_eq!(pairs(&[], IN_LOCAL, &[0xA010_0008]), 0); // mov %o0, %l0
    assert_eq!(pairs(&[], IN_GLOBAL, &[0xC01E_0000]), 0); // ldd [%i0], %g0 writes %g1 too
}

/// A pointer and a call look the same but for what stands beside them.
#[test]
fn pointers_are_told_from_calls() {
    let found = references(&[0x4000_0120, 7, 0x4000_0130, 9, NOP, 0x4000_0120, NOP, NOP]);
    let expected = [
        (0, words::POINTER_32, BASE + 0x120, None),
        (8, words::POINTER_32, BASE + 0x130, None),
        (20, CALL, BASE + 20 + 0x480, None),
    ];
    assert_eq!(found, expected);
    let found = references(&[0x4000_0120, 0x4000_0124, NOP]);
    let expected = [
        (0, words::POINTER_32, BASE + 0x120, None),
        (4, words::POINTER_32, BASE + 0x124, None),
    ];
    assert_eq!(found, expected);
}
