//! What the registers of the old code are called in the new.
//!
//! A compiler that allots registers anew does so for a whole function. So every instruction that is known in
//! both images tells the names of its registers from there on; a name that is still the old one says so too.
//!
//! One byte a register of the old code: 0 for the same name, else one more than the new number.

use super::isa::Isa;
use super::predict::MAX_UNIT;

/// The unit of `len` bytes with its registers by their new names; as it is if it is no instruction.
pub(crate) fn renamed(names: &[u8], isa: Isa, bytes: [u8; MAX_UNIT], len: usize) -> [u8; MAX_UNIT] {
    let Some(old) = isa.instruction(bytes, len) else {
        return bytes;
    };
    let mut new = old;
    for register in isa.fields(old, len).registers() {
        let name = names.get(register.read(old) as usize);
        let name = name.and_then(|name| name.checked_sub(1));
        if let Some(changed) = name.and_then(|name| register.write(new, u32::from(name))) {
            new = changed;
        }
    }
    isa.bytes(new, len)
}

/// Learns the names of all registers of a unit that was `old` and is `new`, if both are of the same form.
pub(crate) fn learn(
    names: &mut [u8],
    isa: Isa,
    (old, new): ([u8; MAX_UNIT], [u8; MAX_UNIT]),
    len: usize,
) {
    let (Some(old), Some(new)) = (isa.instruction(old, len), isa.instruction(new, len)) else {
        return;
    };
    let fields = isa.fields(old, len);
    if !fields.registers().eq(isa.fields(new, len).registers()) {
        return;
    }
    for register in fields.registers() {
        let (from, to) = (register.read(old), register.read(new));
        if let Some(name) = names.get_mut(from as usize) {
            *name = if from == to { 0 } else { to as u8 + 1 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// c.mv a0, s2; c.mv a0, s3; c.mv s2, a1; c.mv s3, a1; addi s2, s2, 1; addi s3, s3, 1.
    #[test]
    fn names_hold_until_they_are_told_otherwise() {
        let two = |half: u16| {
            let [a, b] = half.to_le_bytes();
            [a, b, 0, 0, 0, 0, 0, 0]
        };
        let isa = Isa::Riscv32;
        let mut names = [0; 64];
        assert_eq!(renamed(&names, isa, two(0x854A), 2), two(0x854A));
        learn(&mut names, isa, (two(0x854A), two(0x854E)), 2);
        assert_eq!(renamed(&names, isa, two(0x892E), 2), two(0x89AE));
        let add = |word: u32| isa.bytes(word, 4);
        assert_eq!(renamed(&names, isa, add(0x0019_0913), 4), add(0x0019_8993));
        learn(&mut names, isa, (two(0x854A), two(0x854A)), 2);
        assert_eq!(renamed(&names, isa, two(0x892E), 2), two(0x892E));
    }

    #[test]
    fn what_is_no_instruction_keeps_its_bytes() {
        let names = [1; 64];
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(renamed(&names, Isa::Thumb, bytes, 8), bytes);
        assert_eq!(renamed(&names, Isa::Thumb, bytes, 1), bytes);
    }

    /// A register of eight that is now called one beyond them: the field cannot say it.
    #[test]
    fn a_name_that_does_not_fit_is_left_out() {
        let isa = Isa::Riscv32;
        let mut names = [0; 64];
        let half = [0x00, 0x40, 0, 0, 0, 0, 0, 0];
        names[8] = 9 + 1;
        assert_eq!(renamed(&names, isa, half, 2)[0], 0x84);
        names[8] = 19 + 1;
        assert_eq!(renamed(&names, isa, half, 2), half);
    }
}
