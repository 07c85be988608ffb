//! The generator behind rounding by chance: the same numbers on every machine.

/// A linear congruential generator (Numerical Recipes, section 7.1): cheap, and good enough to round.
#[derive(Clone, Debug)]
pub(crate) struct Random(u32);

impl Random {
    pub(crate) const fn new() -> Self {
        Self(0x4C69_6768)
    }

    /// The next number of 16 bits.
    pub(crate) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 16
    }
}
