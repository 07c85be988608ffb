//! Golden patches: frozen bytes in, the same image out.

use lightday_delta::{Isa, model_ram};

use super::{Edit, allotted, decode, edited, image};

/// The pair of the golden patches: made up, with all kinds of edits.
pub(super) fn golden_pair() -> (Vec<u8>, Vec<u8>) {
    let old = image(11, 2048);
    let edits = [
        Edit::Insert(400, b"new bytes here".to_vec()),
        Edit::Flip(700),
        Edit::Remove(900, 64),
        Edit::Move(1200, 1700, 200),
    ];
    let new = edited(old.clone(), &edits);
    (old, new)
}

const GOLDEN: [(Isa, &[u8]); 8] = [
    (Isa::WordsLe, include_bytes!("../golden/words-le.patch")),
    (Isa::WordsLe, include_bytes!("../golden/opaque.patch")),
    (Isa::WordsBe, include_bytes!("../golden/words-be.patch")),
    (Isa::Thumb, include_bytes!("../golden/thumb.patch")),
    (Isa::Riscv32, include_bytes!("../golden/riscv32.patch")),
    (Isa::Riscv64, include_bytes!("../golden/riscv64.patch")),
    (Isa::Sparc, include_bytes!("../golden/sparc.patch")),
    (Isa::Aarch64, include_bytes!("../golden/aarch64.patch")),
];

/// Frozen bytes in, the same image out: a change of the format fails here, and needs a new
/// version from the day that a vehicle decodes it.
#[test]
fn golden_patches_decode_bit_for_bit() {
    let (old, new) = golden_pair();
    for (isa, patch) in GOLDEN {
        assert_eq!(patch[0], 0x10 | isa as u8);
        let back = decode(patch, &old, new.len() as u32, 16384);
        assert_eq!(back.as_ref(), Ok(&new), "{isa:?}");
    }
}

/// The same for what registers and numbers teach.
#[test]
fn the_golden_patch_of_fields_decodes_bit_for_bit() {
    let patch = include_bytes!("../golden/fields.patch");
    let (old, new) = (allotted(false, false), allotted(true, true));
    let back = decode(patch, &old, new.len() as u32, 16384);
    assert_eq!(back, Ok(new));
}

/// A pair with many misses, literals and moved numbers, so that most contexts of the larger layouts are used.
fn worn_pair() -> (Vec<u8>, Vec<u8>) {
    let old = image(11, 4096);
    let edits = [
        Edit::Insert(400, image(99, 80)),
        Edit::Remove(900, 64),
        Edit::Move(1200, 2900, 200),
    ];
    let mut new = edited(old.clone(), &edits);
    for (number, byte) in new.iter_mut().enumerate().step_by(60) {
        *byte = byte.wrapping_add(if number % 120 == 0 { 8 } else { number as u8 });
    }
    (old, new)
}

/// The larger layouts have more contexts and longer rings: frozen bytes for each, decoded in just the RAM that they
/// are made for.
#[test]
fn golden_patches_of_larger_layouts_decode_bit_for_bit() {
    macro_rules! frozen {
        ($name:literal) => {
            [
                &include_bytes!(concat!("../golden/", $name, "-64k.patch"))[..],
                &include_bytes!(concat!("../golden/", $name, "-256k.patch"))[..],
            ]
        };
    }
    let worn = worn_pair();
    let fields = (allotted(false, false), allotted(true, true));
    for (isa, patches, (old, new)) in [
        (Isa::WordsLe, frozen!("words-le"), &worn),
        (Isa::Sparc, frozen!("sparc"), &worn),
        (Isa::Riscv32, frozen!("fields"), &fields),
    ] {
        for (patch, ram) in patches.into_iter().zip([64 << 10, 256 << 10]) {
            assert_eq!(patch[0], 0x10 | isa as u8);
            assert_eq!(model_ram(patch), Ok(ram));
            let back = decode(patch, old, new.len() as u32, ram as usize);
            assert_eq!(back.as_ref(), Ok(new), "{isa:?} {ram}");
        }
    }
}
