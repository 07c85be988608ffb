//! Instruction sets: which unit of an image refers to which address, and how.
//!
//! Every instruction set is one file of the same shape, three functions over *forms* (the ways in
//! which an operand holds an address):
//!
//! - `read`: the unit of the old image at an offset, and the address that it refers to,
//! - `write`: puts an address into the operand of a unit at a new place,
//! - `target`: reads the address back from a unit at its new place,
//!
//! and, in a file beside it, `fields`: where registers and numbers stand that refer to no address.
//!
//! None of them knows where things have moved: that is the map's business. Forms are numbers below
//! 16 within an instruction set; those of plain words are shared and stand in [`words`].
//!
//! | file | instruction set | manual |
//! |---|---|---|
//! | `thumb` | Thumb, Thumb-2, little endian | Arm DDI 0403 (ARMv7-M), chapter A7 |
//! | `riscv` | RV32 and RV64 with C, little endian | RISC-V Unprivileged ISA 20191213 |
//! | `sparc` | SPARC V8, big endian | The SPARC Architecture Manual, version 8, appendix B |
//! | `aarch64` | A64, little endian | Arm DDI 0487, chapter C6 |
//! | `words` | pointers and relative words of all | System V ABI and its supplements |

#[cfg(feature = "isa-aarch64")]
pub(crate) mod aarch64;
pub(crate) mod fields;
#[cfg(feature = "isa-riscv")]
pub(crate) mod riscv;
#[cfg(any(feature = "isa-aarch64", feature = "isa-riscv", feature = "isa-sparc"))]
mod shared;
#[cfg(feature = "isa-sparc")]
pub(crate) mod sparc;
#[cfg(feature = "isa-thumb")]
pub(crate) mod thumb;
pub(crate) mod words;

use super::old::Old;
use super::space::Space;

/// Classes are numbers below this.
pub(crate) const CLASSES: usize = 48;

/// The class of the first plain (not referring) instruction; a referring one has its form's number.
#[cfg(any(
    feature = "isa-aarch64",
    feature = "isa-riscv",
    feature = "isa-sparc",
    feature = "isa-thumb"
))]
pub(crate) const PLAIN: u8 = 16;

/// An instruction set, by its number in the patch's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Isa {
    /// Words alone, little endian.
    WordsLe = 0,
    /// Words alone, big endian.
    WordsBe = 1,
    /// Thumb and Thumb-2.
    Thumb = 2,
    /// RISC-V, RV32 with C.
    Riscv32 = 3,
    /// RISC-V, RV64 with C.
    Riscv64 = 4,
    /// SPARC V8.
    Sparc = 5,
    /// AArch64.
    Aarch64 = 6,
}

/// A unit of the old image: an instruction, a word of data, or a byte between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Length in bytes, 1 to 8.
    pub len: u8,
    /// What it is, for the contexts: below [`CLASSES`].
    pub class: u8,
    /// The address that it refers to.
    pub reference: Option<Reference>,
}

/// A unit's reference to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// How the operand holds the address.
    pub form: u8,
    /// The address in the old image's space.
    pub target: u64,
    /// Offset in the old image of the instruction that the operand is relative to, if that is not
    /// the unit itself: the high half of a pair, or the instruction that adds the program counter.
    pub partner: Option<u32>,
}

/// Where a unit stands in the image that it is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Address of the unit's first byte.
    pub address: u64,
    /// Address of its partner, or of the base that its words count from; the unit's own if it has none.
    pub partner: u64,
}

/// How the bytes of a span of the old image are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Content {
    /// Instructions with pointers between them.
    Code = 0,
    /// Words, some of them pointers.
    Words = 1,
    /// Words, some of them distances from their own place.
    SelfRelative = 2,
    /// Words, some of them distances from the span's first byte.
    SpanRelative = 3,
    /// Bytes that refer to nothing.
    Opaque = 4,
}

impl Content {
    /// The content with this number.
    pub(crate) const fn from_code(code: u32) -> Option<Self> {
        Some(match code {
            0 => Self::Code,
            1 => Self::Words,
            2 => Self::SelfRelative,
            3 => Self::SpanRelative,
            4 => Self::Opaque,
            _ => return None,
        })
    }
}

/// What `read` may look at: the old image and what is known about it.
pub(crate) struct Scope<'a, 'io> {
    /// The old image.
    pub old: &'a mut Old<'io>,
    /// Its addresses.
    pub space: &'a Space,
    /// First address of the RAM that its variables lie in.
    pub ram_start: u64,
    /// Length of that RAM in bytes, 0 if it is not known.
    pub ram_len: u64,
}

impl Scope<'_, '_> {
    /// Whether the image holds the byte at `address`.
    pub(crate) fn in_image(&self, address: u64) -> bool {
        self.space.offset(address).is_some()
    }

    /// Whether `address` lies in the image or in RAM: what a reference may refer to.
    pub(crate) fn is_target(&self, address: u64) -> bool {
        self.in_image(address) || address.wrapping_sub(self.ram_start) < self.ram_len
    }
}

impl Isa {
    /// The instruction set with this number.
    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::WordsLe,
            1 => Self::WordsBe,
            2 => Self::Thumb,
            3 => Self::Riscv32,
            4 => Self::Riscv64,
            5 => Self::Sparc,
            6 => Self::Aarch64,
            _ => return None,
        })
    }

    /// Whether numbers stand with their high byte first.
    pub(crate) const fn big_endian(self) -> bool {
        matches!(self, Self::WordsBe | Self::Sparc)
    }

    /// Length in bytes of a pointer.
    pub(crate) const fn pointer_len(self) -> u8 {
        match self {
            Self::Aarch64 | Self::Riscv64 => 8,
            _ => 4,
        }
    }

    /// Length in bytes of the shortest instruction: instructions begin at its multiples.
    pub(crate) const fn granule(self) -> u32 {
        match self {
            Self::WordsLe | Self::WordsBe | Self::Sparc | Self::Aarch64 => 4,
            Self::Thumb | Self::Riscv32 | Self::Riscv64 => 2,
        }
    }

    /// Whether this build knows the instruction set.
    pub(crate) const fn is_known(self) -> bool {
        match self {
            Self::WordsLe | Self::WordsBe => true,
            Self::Thumb => cfg!(feature = "isa-thumb"),
            Self::Riscv32 | Self::Riscv64 => cfg!(feature = "isa-riscv"),
            Self::Sparc => cfg!(feature = "isa-sparc"),
            Self::Aarch64 => cfg!(feature = "isa-aarch64"),
        }
    }

    /// The unit of code at `offset` of the old image; nothing past its end.
    pub(crate) fn read(self, scope: &mut Scope<'_, '_>, offset: u32) -> Option<Unit> {
        match self {
            #[cfg(feature = "isa-thumb")]
            Self::Thumb => thumb::read(scope, offset),
            #[cfg(feature = "isa-riscv")]
            Self::Riscv32 => riscv::read(scope, false, offset),
            #[cfg(feature = "isa-riscv")]
            Self::Riscv64 => riscv::read(scope, true, offset),
            #[cfg(feature = "isa-sparc")]
            Self::Sparc => sparc::read(scope, offset),
            #[cfg(feature = "isa-aarch64")]
            Self::Aarch64 => aarch64::read(scope, offset),
            _ => words::read(scope, self.pointer_len(), offset),
        }
    }

    /// Writes `target` into the operand of `unit` at its new place. Says no, and leaves the unit as
    /// it was, if the operand cannot hold it.
    pub(crate) fn write(self, form: u8, unit: &mut [u8], place: Place, target: u64) -> bool {
        if (words::FIRST..=words::LAST).contains(&form) {
            return words::write(form, self.big_endian(), unit, place, target);
        }
        match self {
            #[cfg(feature = "isa-thumb")]
            Self::Thumb => thumb::write(form, unit, place, target).is_some(),
            #[cfg(feature = "isa-riscv")]
            Self::Riscv32 => riscv::write(form, false, unit, place, target).is_some(),
            #[cfg(feature = "isa-riscv")]
            Self::Riscv64 => riscv::write(form, true, unit, place, target).is_some(),
            #[cfg(feature = "isa-sparc")]
            Self::Sparc => sparc::write(form, unit, place, target).is_some(),
            #[cfg(feature = "isa-aarch64")]
            Self::Aarch64 => aarch64::write(form, unit, place, target).is_some(),
            _ => false,
        }
    }

    /// The address that the operand of `unit` refers to at its place; `partner` is the partner's
    /// instruction word there. Nothing for an operand that does not say it all.
    pub(crate) fn target(self, form: u8, unit: &[u8], place: Place, partner: u32) -> Option<u64> {
        // Without any instruction set there are no partners.
        let _ = partner;
        if (words::FIRST..=words::LAST).contains(&form) {
            return words::target(form, self.big_endian(), unit, place);
        }
        match self {
            #[cfg(feature = "isa-thumb")]
            Self::Thumb => thumb::target(form, unit, place, partner),
            #[cfg(feature = "isa-riscv")]
            Self::Riscv32 => riscv::target(form, false, unit, place, partner),
            #[cfg(feature = "isa-riscv")]
            Self::Riscv64 => riscv::target(form, true, unit, place, partner),
            #[cfg(feature = "isa-sparc")]
            Self::Sparc => sparc::target(form, unit, place, partner),
            #[cfg(feature = "isa-aarch64")]
            Self::Aarch64 => aarch64::target(form, unit, place, partner),
            _ => None,
        }
    }
}
