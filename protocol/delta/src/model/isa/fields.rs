//! What an instruction says beside its operation: which registers it names, and one number.
//!
//! A compiler that allots registers anew, or a record or a stack frame that has grown, changes many
//! instructions alike. Every instruction set tells in one function, `fields`, where registers and number
//! stand; `names` and `predict` draw the conclusions. A field that an instruction set leaves out, or takes for
//! one that it is not, costs bytes and breaks nothing.

use super::Isa;
use crate::model::predict::MAX_UNIT;

/// Numbers of registers: 32 for whole numbers and, from [`FLOAT`], 32 for others.
pub(crate) const REGISTERS: usize = 64;

/// Added to the number of a register for floating point.
#[cfg(any(feature = "isa-aarch64", feature = "isa-riscv", feature = "isa-sparc"))]
pub(super) const FLOAT: u32 = 32;

/// Most registers of an instruction.
const MOST: usize = 4;

/// Where a register stands in an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Register {
    /// The lowest of its bits.
    shift: u32,
    /// How many there are; 0 stands for no register.
    bits: u32,
    /// The register that the bits' 0 stands for.
    first: u32,
}

impl Register {
    /// None.
    pub(super) const NONE: Self = Self::new(0, 0, 0);

    /// The register whose number less `first` stands in `bits` bits from `shift` on.
    pub(super) const fn new(shift: u32, bits: u32, first: u32) -> Self {
        Self { shift, bits, first }
    }

    const fn mask(self) -> u32 {
        (1 << self.bits) - 1
    }

    /// The register's number in this instruction.
    pub(crate) const fn read(self, instruction: u32) -> u32 {
        (instruction >> self.shift & self.mask()) + self.first
    }

    /// The instruction with this register instead, if its field can hold it.
    pub(crate) const fn write(self, instruction: u32, register: u32) -> Option<u32> {
        match register.checked_sub(self.first) {
            Some(field) if field <= self.mask() => {
                Some(instruction & !(self.mask() << self.shift) | field << self.shift)
            }
            _ => None,
        }
    }
}

/// The fields of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fields {
    registers: [Register; MOST],
    /// The bits that hold a number: an immediate or an offset.
    pub number: u32,
}

impl Fields {
    /// Nothing is known.
    pub(super) const NONE: Self = Self::new([Register::NONE; MOST], 0);

    /// These registers and this number.
    pub(super) const fn new(registers: [Register; MOST], number: u32) -> Self {
        Self { registers, number }
    }

    /// The registers.
    pub(crate) fn registers(&self) -> impl Iterator<Item = Register> + use<> {
        self.registers.into_iter().filter(|r| r.bits > 0)
    }

    /// All bits of registers and number.
    #[cfg(feature = "encode")]
    pub(crate) fn mask(&self) -> u32 {
        self.registers()
            .fold(self.number, |all, r| all | r.mask() << r.shift)
    }
}

impl Isa {
    /// The fields of an instruction of `len` bytes.
    pub(crate) fn fields(self, instruction: u32, len: usize) -> Fields {
        // Without any instruction set there are none.
        let _ = instruction;
        match (self, len) {
            #[cfg(feature = "isa-thumb")]
            (Self::Thumb, 2) => super::thumb::fields::narrow(instruction),
            #[cfg(feature = "isa-thumb")]
            (Self::Thumb, 4) => super::thumb::fields::wide(instruction),
            #[cfg(feature = "isa-riscv")]
            (Self::Riscv32 | Self::Riscv64, 2) => {
                super::riscv::fields::compressed(instruction, self == Self::Riscv64)
            }
            #[cfg(feature = "isa-riscv")]
            (Self::Riscv32 | Self::Riscv64, 4) => super::riscv::fields::full(instruction),
            #[cfg(feature = "isa-sparc")]
            (Self::Sparc, 4) => super::sparc::fields::fields(instruction),
            #[cfg(feature = "isa-aarch64")]
            (Self::Aarch64, 4) => super::aarch64::fields::fields(instruction),
            _ => Fields::NONE,
        }
    }

    /// The instruction in the first `len` bytes; nothing if no instruction has so many.
    pub(crate) const fn instruction(self, bytes: [u8; MAX_UNIT], len: usize) -> Option<u32> {
        let [a, b, c, d, ..] = bytes;
        match len {
            2 => Some(u32::from_le_bytes([a, b, 0, 0])),
            4 if self.big_endian() => Some(u32::from_be_bytes([a, b, c, d])),
            4 => Some(u32::from_le_bytes([a, b, c, d])),
            _ => None,
        }
    }

    /// The bytes of an instruction.
    pub(crate) const fn bytes(self, instruction: u32, len: usize) -> [u8; MAX_UNIT] {
        let [a, b, c, d] = match len {
            4 if self.big_endian() => instruction.to_be_bytes(),
            _ => instruction.to_le_bytes(),
        };
        match len {
            2 => [a, b, 0, 0, 0, 0, 0, 0],
            _ => [a, b, c, d, 0, 0, 0, 0],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Isa; 5] = [
        Isa::Thumb,
        Isa::Riscv32,
        Isa::Riscv64,
        Isa::Sparc,
        Isa::Aarch64,
    ];

    proptest! {
        /// No two fields of an instruction share a bit, none leaves it, and every register that fits comes back.
        #[test]
        fn fields_stand_apart(
            isa in proptest::sample::select(ALL.to_vec()),
            instruction: u32,
            wide: bool,
            register in 0..REGISTERS as u32,
        ) {
            let len = if wide { 4 } else { 2 };
            let instruction = if wide { instruction } else { instruction & 0xFFFF };
            let fields = isa.fields(instruction, len);
            let mut taken = fields.number;
            for field in fields.registers() {
                let mask = field.mask() << field.shift;
                prop_assert_eq!(taken & mask, 0);
                taken |= mask;
                prop_assert!((field.read(instruction) as usize) < REGISTERS);
                prop_assert_eq!(field.write(instruction, field.read(instruction)), Some(instruction));
                if let Some(changed) = field.write(instruction, register) {
                    prop_assert_eq!(field.read(changed), register);
                    prop_assert_eq!((changed ^ instruction) & !mask, 0);
                }
            }
            prop_assert!(wide || taken < 1 << 16);
            let bytes = isa.bytes(instruction, len);
            prop_assert_eq!(isa.instruction(bytes, len), Some(instruction));
        }
    }

    /// The instruction, which registers it names, and its number; as GNU as assembles them.
    #[test]
    fn fields_are_the_assemblers() {
        let table: &[(Isa, usize, u32, &[u32], u32)] = &[
            // ldr r5, [r0, #0x84]
            (Isa::Thumb, 4, 0x5084_F8D0, &[0, 5], 0x0084_0000),
            // ldr r3, [r2, r1, lsl #2]
            (Isa::Thumb, 4, 0x3021_F852, &[2, 3, 1], 0),
            // ldrd r11, r5, [r3, #0x100]
            (Isa::Thumb, 4, 0xB540_E9D3, &[3, 11, 5], 0x0040_0000),
            // movw r0, #0x1bf8
            (Isa::Thumb, 4, 0x30F8_F641, &[0], 0x30F8_0401),
            // add.w r9, r5, r4
            (Isa::Thumb, 4, 0x0904_EB05, &[5, 9, 4], 0),
            // mla r1, r2, r3, r4
            (Isa::Thumb, 4, 0x4103_FB02, &[2, 1, 3, 4], 0),
            // ldr r3, [r4, #0x10]
            (Isa::Thumb, 2, 0x6923, &[3, 4], 0x0100),
            // cmp r3, #7
            (Isa::Thumb, 2, 0x2B07, &[3], 7),
            // str r2, [sp, #8]
            (Isa::Thumb, 2, 0x9202, &[2], 2),
            // mov r3, r8
            (Isa::Thumb, 2, 0x4643, &[3, 8], 0),
            // lw a0, 0x514(a4)
            (Isa::Riscv32, 4, 0x5147_2503, &[10, 14], 0x5140_0000),
            // sw s1, -8(s0)
            (Isa::Riscv64, 4, 0xFE94_2C23, &[8, 9], 0xFE00_0C00),
            // add a0, a1, a2
            (Isa::Riscv32, 4, 0x00C5_8533, &[10, 11, 12], 0),
            // fld fa5, 0(a5)
            (Isa::Riscv32, 4, 0x0007_B787, &[47, 15], 0),
            // c.mv a0, s2
            (Isa::Riscv32, 2, 0x854A, &[10, 18], 0),
            // c.lw a3, 4(a5)
            (Isa::Riscv32, 2, 0x43D4, &[13, 15], 0x0040),
            // c.sdsp s0, 8(sp)
            (Isa::Riscv64, 2, 0xE422, &[8], 0x0400),
            // c.fswsp fs0, 8(sp)
            (Isa::Riscv32, 2, 0xE422, &[40], 0x0400),
            // ldd [%i0 + 0x178], %o0
            (Isa::Sparc, 4, 0xD01E_2178, &[8, 24], 0x178),
            // ld [%l0 + 0x78], %f4
            (Isa::Sparc, 4, 0xC904_2078, &[36, 16], 0x78),
            // or %i2, %i3, %i0
            (Isa::Sparc, 4, 0xB016_801B, &[24, 26, 27], 0),
            // fadds %f0, %f1, %f2
            (Isa::Sparc, 4, 0x85A0_0821, &[34, 32, 33], 0),
            // add x0, x1, #0x10
            (Isa::Aarch64, 4, 0x9100_4020, &[0, 1], 0x4000),
            // ldr x2, [x3, #8]
            (Isa::Aarch64, 4, 0xF940_0462, &[2, 3], 0x0400),
            // stp x29, x30, [sp, #-16]!
            (Isa::Aarch64, 4, 0xA9BF_7BFD, &[29, 30, 31], 0x003F_0000),
            // madd x0, x1, x2, x3
            (Isa::Aarch64, 4, 0x9B02_0C20, &[0, 1, 3, 2], 0),
            // str d1, [x2]
            (Isa::Aarch64, 4, 0xFD00_0041, &[33, 2], 0),
        ];
        for (isa, len, instruction, registers, number) in table {
            let fields = isa.fields(*instruction, *len);
            let named: std::vec::Vec<_> =
                fields.registers().map(|r| r.read(*instruction)).collect();
            assert_eq!(&named, registers, "{isa:?} {instruction:#x}");
            assert_eq!(
                fields.number & instruction,
                *number,
                "{isa:?} {instruction:#x}"
            );
        }
    }
}
