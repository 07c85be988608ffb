//! What was coded last: the bytes, and the instruction that they belong to.
//!
//! New code is told best by where in its instruction a byte stands. A walk knows that of the units that it
//! copies; of bytes without a source it is found out as they come, by how the instruction set says how long an
//! instruction is. In data this is noise that both ends hear alike.

use super::isa::Isa;

/// The last bytes in the order of coding.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct History {
    /// The last eight, newest in the lowest.
    pub coded: u64,
    /// Those of the instruction under way.
    pub so_far: u32,
    /// How many these are, 0 to 3.
    pub phase: u8,
    /// The operations of the last two whole instructions, newest first.
    pub operations: [u16; 2],
    /// By how much the last four bytes of data differed from the predicted ones, newest in the lowest.
    pub differences: u32,
    /// The last four of these that were not 0.
    pub changes: u32,
}

impl History {
    /// Takes the next byte of an instruction.
    pub(crate) fn push(&mut self, isa: Isa, byte: u8) {
        self.coded = self.coded << 8 | u64::from(byte);
        self.so_far = self.so_far << 8 | u32::from(byte);
        self.phase = self.phase.saturating_add(1);
        let is_short = self.phase == 2 && is_short(isa, self.so_far);
        if is_short || self.phase >= 4 {
            let [last, _] = self.operations;
            self.operations = [operation(isa, self.so_far, is_short), last];
            self.start(0);
        }
    }

    /// A byte of data was this much more than predicted.
    pub(crate) fn differ(&mut self, difference: u8) {
        self.differences = self.differences << 8 | u32::from(difference);
        if difference != 0 {
            self.changes = self.changes << 8 | u32::from(difference);
        }
    }

    /// The next byte is number `phase` of a new instruction.
    pub(crate) fn start(&mut self, phase: u8) {
        self.so_far = 0;
        self.phase = phase;
    }
}

/// Whether an instruction of these two bytes is whole.
const fn is_short(isa: Isa, half: u32) -> bool {
    match isa {
        Isa::Thumb => half >> 11 < 0b1_1101,
        // The low byte is coded first.
        Isa::Riscv32 | Isa::Riscv64 => half >> 8 & 3 != 3,
        _ => false,
    }
}

/// What an instruction does, without its operands: the bits of it that say most.
const fn operation(isa: Isa, bytes: u32, is_short: bool) -> u16 {
    let operation = match (isa, is_short) {
        (Isa::Thumb, true) => bytes >> 9,
        (Isa::Thumb, false) => bytes >> 20,
        (Isa::Riscv32 | Isa::Riscv64, true) => bytes >> 8 & 3 | bytes & 0xE0,
        (Isa::Riscv32 | Isa::Riscv64, false) => bytes >> 24 & 0x7F | bytes >> 8 & 0x7000,
        (Isa::Sparc, _) => bytes >> 30 << 6 | bytes >> 19 & 63,
        _ => bytes >> 21,
    };
    operation as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(isa: Isa, bytes: &[u8]) -> History {
        let mut history = History::default();
        bytes.iter().for_each(|byte| history.push(isa, *byte));
        history
    }

    #[test]
    fn instructions_are_as_long_as_they_say() {
        // mov r0, r1 and the first half of bl; c.li a0, 1 and the first half of lui.
        for (isa, short, long) in [
            (Isa::Thumb, [0x46, 0x08], [0xF0, 0x01, 0xF8, 0x02]),
            (Isa::Riscv32, [0x05, 0x45], [0x37, 0x05, 0x00, 0x20]),
        ] {
            assert_eq!(after(isa, &short).phase, 0);
            assert_eq!(after(isa, &long[..2]).phase, 2);
            assert_eq!(after(isa, &long).phase, 0);
        }
        for isa in [Isa::Sparc, Isa::Aarch64, Isa::WordsLe, Isa::WordsBe] {
            assert_eq!(after(isa, &[0; 3]).phase, 3);
            assert_eq!(after(isa, &[0; 4]).phase, 0);
        }
    }

    #[test]
    fn changes_are_the_differences_that_are_not_zero() {
        let mut history = History::default();
        for difference in [7, 0, 0xF0, 0, 0] {
            history.differ(difference);
        }
        assert_eq!(history.differences, 0x00F0_0000);
        assert_eq!(history.changes, 0x07F0);
    }

    #[test]
    fn an_operation_has_no_operands() {
        // addi a0, a0, 1 and addi a1, a2, 7.
        let one = after(Isa::Riscv32, &[0x13, 0x05, 0x15, 0x00]);
        let two = after(Isa::Riscv32, &[0x93, 0x05, 0x76, 0x00]);
        assert_eq!(one.operations[0], two.operations[0]);
        // add %o0, %o1, %o2 and sub.
        let add = after(Isa::Sparc, &[0x94, 0x02, 0x00, 0x09]);
        let sub = after(Isa::Sparc, &[0x94, 0x22, 0x00, 0x09]);
        assert_ne!(add.operations[0], sub.operations[0]);
    }
}
