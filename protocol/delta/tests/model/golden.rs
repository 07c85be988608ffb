//! Golden patches: frozen bytes in, the same image out. `cargo xtask golden` decodes them on other processors.

use lightday_delta::model_ram;

#[path = "../golden/mod.rs"]
mod table;

use super::{ISAS, decode};
pub(super) use table::GOLDEN;

/// A change of the format fails here, and needs a new version from the day that a vehicle decodes it.
#[test]
fn golden_patches_decode_bit_for_bit() {
    for golden in &GOLDEN {
        assert_eq!(golden.patch[0], 0x10 | golden.isa as u8, "{}", golden.name);
        assert_eq!(model_ram(golden.patch), Ok(golden.ram), "{}", golden.name);
        let new = golden.new.len() as u32;
        let back = decode(golden.patch, golden.old, new, golden.ram as usize);
        assert_eq!(back.as_deref(), Ok(golden.new), "{}", golden.name);
    }
}

/// Every instruction set has one, and every layout more than one instruction set.
#[test]
fn golden_patches_cover_instruction_sets_and_layouts() {
    for isa in ISAS {
        assert!(GOLDEN.iter().any(|golden| golden.isa == isa), "{isa:?}");
    }
    for kib in [16, 64, 256] {
        let of_layout = GOLDEN.iter().filter(|golden| golden.ram == kib << 10);
        assert!(of_layout.count() > 3, "{kib} KiB");
    }
}
