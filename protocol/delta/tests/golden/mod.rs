//! Golden patches: frozen bytes of a patch, of the image that it was made from, and of the image that it makes. No change
//! of the decoder, and no processor, may make anything else of them.
//!
//! | pair | what |
//! |---|---|
//! | `edits` | 2 KiB that look like code and data; bytes put in, taken out, moved |
//! | `worn` | 4 KiB with many misses, literals and moved numbers, so that most contexts of the larger layouts are used |
//! | `thumb` | 8 KiB of the code of the orbiter's fixture for Thumb, of its third version and its fourth |
//! | `aarch64` | 5 KiB of calls, page addresses, loads and arithmetic, with code put in at three places |
//! | `fields` | 19 KiB of RISC-V operations whose registers changed places, and whose numbers grew |

use lightday_delta::Isa;

/// A patch and its two images.
pub struct Golden {
    /// Its file, without what `.patch` adds.
    pub name: &'static str,
    /// The instruction set that it names.
    pub isa: Isa,
    /// The RAM in bytes that it asks for.
    pub ram: u32,
    /// The patch: the payload, without a container.
    pub patch: &'static [u8],
    /// The image that it was made from.
    pub old: &'static [u8],
    /// The image that it makes.
    pub new: &'static [u8],
}

macro_rules! golden {
    ($name:literal, $isa:ident, $kib:literal, $pair:literal) => {
        Golden {
            name: $name,
            isa: Isa::$isa,
            ram: $kib << 10,
            patch: include_bytes!(concat!($name, ".patch")),
            old: include_bytes!(concat!($pair, "-old.bin")),
            new: include_bytes!(concat!($pair, "-new.bin")),
        }
    };
}

/// All of them: every instruction set, and every layout of the decoder's RAM.
pub const GOLDEN: [Golden; 19] = [
    golden!("words-le", WordsLe, 16, "edits"),
    golden!("opaque", WordsLe, 16, "edits"),
    golden!("words-be", WordsBe, 16, "edits"),
    golden!("thumb", Thumb, 16, "edits"),
    golden!("riscv32", Riscv32, 16, "edits"),
    golden!("riscv64", Riscv64, 16, "edits"),
    golden!("sparc", Sparc, 16, "edits"),
    golden!("aarch64", Aarch64, 16, "edits"),
    golden!("fields", Riscv32, 16, "fields"),
    golden!("words-le-64k", WordsLe, 64, "worn"),
    golden!("words-le-256k", WordsLe, 256, "worn"),
    golden!("sparc-64k", Sparc, 64, "worn"),
    golden!("sparc-256k", Sparc, 256, "worn"),
    golden!("thumb-64k", Thumb, 64, "thumb"),
    golden!("thumb-256k", Thumb, 256, "thumb"),
    golden!("aarch64-64k", Aarch64, 64, "aarch64"),
    golden!("aarch64-256k", Aarch64, 256, "aarch64"),
    golden!("fields-64k", Riscv32, 64, "fields"),
    golden!("fields-256k", Riscv32, 256, "fields"),
];
