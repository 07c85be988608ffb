//! Rows of words times one coefficient: where nearly all of the time goes.
//!
//! A multiplication by a fixed coefficient is linear over GF(2), so the product of a word is the
//! sum of the products of its four nibbles. For a long row four tables of 16 words (128 B of stack)
//! are built once, after which a word costs four look-ups; for a short row the tables do not pay
//! and every word is multiplied by itself.
//!
//! ```text
//! word  | n3 | n2 | n1 | n0 |    c * word = T3[n3] + T2[n2] + T1[n1] + T0[n0]
//!                                Tk[n] = c * (n << 4k)
//! ```
//!
//! Rows are byte strings of big-endian words. What one row has more than the other, and an odd last
//! byte, is left alone: the callers hold rows of one even length.

use crate::field::{mul, times_x_both, times_y};

/// Below this many words a row is multiplied word by word. Measured: see `docs/benchmarks/fec.md`.
const TABLE_WORDS_MIN: usize = 16;

struct Nibbles([[u16; 16]; 4]);

impl Nibbles {
    fn new(coefficient: u16) -> Self {
        let mut low = coefficient;
        let mut high = times_y(coefficient);
        let mut basis = [0u16; 16];
        let (low_bits, high_bits) = basis.split_at_mut(8);
        for (low_bit, high_bit) in low_bits.iter_mut().zip(high_bits) {
            *low_bit = low;
            *high_bit = high;
            low = times_x_both(low);
            high = times_x_both(high);
        }
        let mut tables = [[0u16; 16]; 4];
        for (table, &[b0, b1, b2, b3]) in tables.iter_mut().zip(basis.as_chunks::<4>().0) {
            // Each doubling adds the next bit to all the sums so far.
            let pair = b0 ^ b1;
            let quad = [0, b0, b1, pair, b2, b2 ^ b0, b2 ^ b1, b2 ^ pair];
            let (without, with) = table.split_at_mut(8);
            for ((without, with), sum) in without.iter_mut().zip(with).zip(quad) {
                *without = sum;
                *with = sum ^ b3;
            }
        }
        Self(tables)
    }

    #[inline]
    // The index is bounded by the table's length, which the compiler sees: no check is left in the code.
    #[allow(clippy::indexing_slicing)]
    fn product(&self, [hi, lo]: [u8; 2]) -> u16 {
        let [t0, t1, t2, t3] = &self.0;
        t3[usize::from(hi >> 4)]
            ^ t2[usize::from(hi & 15)]
            ^ t1[usize::from(lo >> 4)]
            ^ t0[usize::from(lo & 15)]
    }
}

/// `target += coefficient * source`, word by word.
pub(crate) fn mul_add(coefficient: u16, source: &[u8], target: &mut [u8]) {
    let (source, _) = source.as_chunks::<2>();
    let (target, _) = target.as_chunks_mut::<2>();
    if source.len() < TABLE_WORDS_MIN {
        for (target, source) in target.iter_mut().zip(source) {
            let sum = u16::from_be_bytes(*target) ^ mul(coefficient, u16::from_be_bytes(*source));
            *target = sum.to_be_bytes();
        }
        return;
    }
    let nibbles = Nibbles::new(coefficient);
    for (target, source) in target.iter_mut().zip(source) {
        *target = (u16::from_be_bytes(*target) ^ nibbles.product(*source)).to_be_bytes();
    }
}

/// `row = coefficient * row`, word by word.
pub(crate) fn mul_row(coefficient: u16, row: &mut [u8]) {
    let (row, _) = row.as_chunks_mut::<2>();
    if row.len() < TABLE_WORDS_MIN {
        for word in row {
            *word = mul(coefficient, u16::from_be_bytes(*word)).to_be_bytes();
        }
        return;
    }
    let nibbles = Nibbles::new(coefficient);
    for word in row {
        *word = nibbles.product(*word).to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn the_tables_hold_the_product_of_every_word_for_some_coefficients() {
        for coefficient in [0, 1, 2, 0x0100, 0x8000, 0xBEEF, u16::MAX] {
            let nibbles = Nibbles::new(coefficient);
            for word in 0..=u16::MAX {
                assert_eq!(nibbles.product(word.to_be_bytes()), mul(coefficient, word));
            }
        }
    }

    proptest! {
        #[test]
        fn rows_equal_the_product_word_by_word(
            coefficient: u16,
            rows in prop::collection::vec((any::<u16>(), any::<u16>()), 0..80),
        ) {
            let source: Vec<u8> = rows.iter().flat_map(|(word, _)| word.to_be_bytes()).collect();
            let mut target: Vec<u8> =
                rows.iter().flat_map(|(_, word)| word.to_be_bytes()).collect();
            mul_add(coefficient, &source, &mut target);
            let mut scaled = source.clone();
            mul_row(coefficient, &mut scaled);
            for (at, (word, before)) in rows.iter().enumerate() {
                let product = mul(coefficient, *word);
                prop_assert_eq!(&scaled[2 * at..2 * at + 2], product.to_be_bytes());
                prop_assert_eq!(&target[2 * at..2 * at + 2], (product ^ before).to_be_bytes());
            }
        }
    }
}
