//! Adaptive coding of whole numbers: the control stream of header and map.
//!
//! A number n is coded as the length in bits of n + 1, down a tree of adaptive bits, then the two bits
//! below its top bit, adaptive by length, then the rest, nearly even.

use super::coder::Coder;
use super::old::Old;
use super::priors::Priors;
use crate::DecodeError;

/// Bytes of an adaptive bit.
const BIT: usize = 2;

/// Adaptive bits of a number: a tree over 32 lengths, three a length.
const NUMBER_BITS: usize = 32 + 33 * 3;

/// Adaptive bits over bytes that the caller lends: numbers first, flags behind them.
pub(crate) struct Ints<'a> {
    bits: &'a mut [u8],
    numbers: usize,
}

/// Bytes that so many numbers and flags take.
pub(crate) const fn size(numbers: usize, flags: usize) -> usize {
    (numbers * NUMBER_BITS + flags) * BIT
}

impl<'a> Ints<'a> {
    /// Models that start with these priors, over as many bytes as [`size`] says.
    pub(crate) fn new(bits: &'a mut [u8], priors: Priors) -> Self {
        for bit in bits.chunks_exact_mut(BIT) {
            bit.copy_from_slice(&32768_u16.to_le_bytes());
        }
        let numbers = priors.trees.len();
        for (number, tree) in priors.trees.iter().enumerate() {
            start(bits, number * NUMBER_BITS + 1, tree);
        }
        start(bits, numbers * NUMBER_BITS, priors.flags);
        Self { bits, numbers }
    }

    fn adaptive<C: Coder>(
        &mut self,
        coder: &mut C,
        old: &mut Old<'_>,
        at: usize,
        rate: u32,
        bit: bool,
    ) -> Result<bool, DecodeError> {
        let place = self.bits.get_mut(at * BIT..);
        let Some(place) = place.and_then(<[u8]>::first_chunk_mut::<BIT>) else {
            return coder.bit(old, 32768, bit);
        };
        let p = u32::from(u16::from_le_bytes(*place));
        let bit = coder.bit(old, p.clamp(32, 65504), bit)?;
        let moved = if bit {
            p + ((65536 - p) >> rate)
        } else {
            p - (p >> rate)
        };
        *place = (moved.min(65535) as u16).to_le_bytes();
        Ok(bit)
    }

    /// Codes the flag number `flag`.
    pub(crate) fn flag<C: Coder>(
        &mut self,
        coder: &mut C,
        old: &mut Old<'_>,
        flag: usize,
        bit: bool,
    ) -> Result<bool, DecodeError> {
        self.adaptive(coder, old, self.numbers * NUMBER_BITS + flag, 4, bit)
    }

    /// Codes a number with the model number `model`.
    pub(crate) fn number<C: Coder>(
        &mut self,
        coder: &mut C,
        old: &mut Old<'_>,
        model: usize,
        value: u32,
    ) -> Result<u32, DecodeError> {
        let first = model * NUMBER_BITS;
        let value = u64::from(value) + 1;
        // Bits below the top bit of value + 1: 0 to 32.
        let length = 63 - value.leading_zeros();
        let mut node = 1;
        for depth in (0..5).rev() {
            let bit = length.min(31) >> depth & 1 == 1;
            let bit = self.adaptive(coder, old, first + node, 4, bit)?;
            node = node * 2 + usize::from(bit);
        }
        let length = node as u32 - 32;
        let mut read = 1_u64;
        for depth in (0..length).rev() {
            let bit = value >> depth & 1 == 1;
            let done = length - depth;
            let bit = if done <= 2 {
                let within = if done == 1 {
                    0
                } else {
                    1 + (read & 1) as usize
                };
                let at = first + 32 + length as usize * 3 + within;
                self.adaptive(coder, old, at, 5, bit)?
            } else {
                coder.bit(old, 32768, bit)?
            };
            read = read << 1 | u64::from(bit);
        }
        Ok((read - 1) as u32)
    }

    /// Codes a signed number: its size with `model`, its sign as a flag.
    pub(crate) fn signed<C: Coder>(
        &mut self,
        coder: &mut C,
        old: &mut Old<'_>,
        model: usize,
        flag: usize,
        value: i32,
    ) -> Result<i32, DecodeError> {
        let size = self.number(coder, old, model, value.unsigned_abs())?;
        if size == 0 {
            return Ok(0);
        }
        let negative = self.flag(coder, old, flag, value < 0)?;
        let size = size.cast_signed();
        Ok(if negative { size.wrapping_neg() } else { size })
    }
}

/// Gives the adaptive bits from the number `first` on these probabilities, in 1/256.
fn start(bits: &mut [u8], first: usize, priors: &[u8]) {
    let bits = bits.chunks_exact_mut(BIT).skip(first);
    for (bit, prior) in bits.zip(priors) {
        bit.copy_from_slice(&(u16::from(*prior) << 8).to_le_bytes());
    }
}
