//! Binary arithmetic coding: 32-bit interval, probabilities of 16 bits, no carries.
//!
//! Encoder and decoder are two fillings of one trait, [`Coder`], and the model is written once over
//! it: it says how probable a 1 is and which bit stands there; the decoder ignores the latter and
//! answers with what the patch says. Both sides run the same statements, so that they cannot drift
//! apart.
//!
//! Bytes past the end of the patch read as zeros, at most [`VIRTUAL`] of them: the encoder leaves
//! trailing zeros out. A last byte that could be left out, too, is an error: whatever was appended to a patch is.

use super::old::Old;
use crate::DecodeError;

/// Zeros that may be read past the end of the patch.
pub(crate) const VIRTUAL: u32 = 4;

/// Bytes of the patch that the decoder reads at a time.
const BUFFER: usize = 16;

/// What a bit is spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Addresses and spans.
    Header,
    /// Segments.
    Map,
    /// Whether units and bytes are as predicted.
    Flags,
    /// Bytes in segments that are not.
    Misses,
    /// Bytes outside of segments.
    Literals,
}

/// One end of the coding channel.
pub(crate) trait Coder {
    /// Codes a bit that is 1 with probability `p`/65536; `p` is from 1 to 65535.
    ///
    /// # Errors
    /// When the patch ends too early or cannot be read.
    fn bit(&mut self, old: &mut Old<'_>, p: u32, bit: bool) -> Result<bool, DecodeError>;

    /// Says what the bits from here on are spent on, and for which byte of the new image.
    fn part(&mut self, part: Part, at: u32) {
        let _ = (part, at);
    }

    /// The byte of the new image at `at`: what the encoder is to code. Without meaning in a decoder.
    fn truth(&self, at: u32) -> u8;
}

/// The interval that both ends narrow.
#[derive(Clone, Copy, Debug)]
struct Interval {
    low: u32,
    high: u32,
}

impl Interval {
    const FULL: Self = Self {
        low: 0,
        high: u32::MAX,
    };

    /// The last point of the part that stands for a 1.
    fn split(self, p: u32) -> u32 {
        let range = u64::from(self.high - self.low);
        self.low + ((range * u64::from(p)) >> 16) as u32
    }

    fn take(&mut self, split: u32, bit: bool) {
        if bit {
            self.high = split;
        } else {
            self.low = split.wrapping_add(1);
        }
    }

    /// Shifts a byte out once both ends agree on it.
    fn shift(&mut self) -> Option<u8> {
        if (self.low ^ self.high) >> 24 != 0 {
            return None;
        }
        let byte = (self.high >> 24) as u8;
        self.low <<= 8;
        self.high = self.high << 8 | 0xFF;
        Some(byte)
    }
}

/// The decoder's end, over the bytes of the patch from some offset on.
#[derive(Clone, Debug)]
pub(crate) struct PatchReader {
    interval: Interval,
    code: u32,
    /// Offset of the next byte of the patch.
    next: u32,
    len: u32,
    started: bool,
    buffer: [u8; BUFFER],
    /// Offset in the patch of the first byte of the buffer.
    buffered: u32,
}

impl PatchReader {
    /// Reads the patch of `len` bytes from `start` on.
    pub(crate) const fn new(start: u32, len: u32) -> Self {
        Self {
            interval: Interval::FULL,
            code: 0,
            next: start,
            len,
            started: false,
            buffer: [0; BUFFER],
            buffered: u32::MAX,
        }
    }

    fn byte(&mut self, old: &mut Old<'_>) -> Result<u8, DecodeError> {
        let at = self.next;
        self.next = self.next.wrapping_add(1);
        if at >= self.len {
            if at - self.len >= VIRTUAL {
                return Err(DecodeError::Truncated);
            }
            return Ok(0);
        }
        // The buffer holds the aligned run of bytes around the last one read.
        let start = at / BUFFER as u32 * BUFFER as u32;
        if self.buffered != start {
            let size = (self.len - start).min(BUFFER as u32) as usize;
            let front = self.buffer.get_mut(..size).unwrap_or_default();
            old.io().read_patch(start, front)?;
            self.buffered = start;
        }
        let index = (at - start) as usize;
        Ok(self.buffer.get(index).copied().unwrap_or(0))
    }

    /// Whether the patch ends where the image does: all of it was read, and the same image would not come of it
    /// without its last byte.
    ///
    /// # Errors
    /// [`DecodeError::TrailingBytes`] if not.
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        let Some(zeros) = self.next.checked_sub(self.len) else {
            return Err(DecodeError::TrailingBytes);
        };
        // Above four zeros the last byte of the patch is shifted out, and was needed.
        if !self.started || zeros >= VIRTUAL {
            return Ok(());
        }
        let mask = u32::MAX.checked_shl(8 * (zeros + 1)).unwrap_or(0);
        if self.code & mask >= self.interval.low {
            return Err(DecodeError::TrailingBytes);
        }
        Ok(())
    }
}

impl Coder for PatchReader {
    fn bit(&mut self, old: &mut Old<'_>, p: u32, _: bool) -> Result<bool, DecodeError> {
        if !self.started {
            self.started = true;
            for _ in 0..4 {
                self.code = self.code << 8 | u32::from(self.byte(old)?);
            }
        }
        let split = self.interval.split(p);
        let bit = self.code <= split;
        self.interval.take(split, bit);
        while self.interval.shift().is_some() {
            self.code = self.code << 8 | u32::from(self.byte(old)?);
        }
        Ok(bit)
    }

    fn truth(&self, _: u32) -> u8 {
        0
    }
}

#[cfg(any(test, feature = "encode"))]
pub(crate) use writer::{Meter, PatchWriter};

#[cfg(any(test, feature = "encode"))]
mod writer {
    use super::{Coder, DecodeError, Interval, Old, Part};
    use std::vec::Vec;

    /// The encoder's end.
    #[derive(Clone, Debug)]
    pub(crate) struct PatchWriter<'a> {
        interval: Interval,
        new: &'a [u8],
        bytes: Vec<u8>,
    }

    impl<'a> PatchWriter<'a> {
        /// Writes the patch to the image `new` behind `front`.
        pub(crate) fn new(new: &'a [u8], front: Vec<u8>) -> Self {
            Self {
                interval: Interval::FULL,
                new,
                bytes: front,
            }
        }

        /// The patch, in as few bytes as stand for a point of the last interval.
        pub(crate) fn finish(mut self) -> Vec<u8> {
            let Interval { low, high } = self.interval;
            // The point within the interval with the most zeros at its end.
            let mut point = high;
            for zeros in (0..=32_u32).rev() {
                let mask = u32::MAX.checked_shl(zeros).unwrap_or(0);
                if high & mask >= low {
                    point = high & mask;
                    break;
                }
            }
            self.bytes.extend_from_slice(&point.to_be_bytes());
            let mut virtual_bytes = 0;
            while virtual_bytes < 4 && self.bytes.last() == Some(&0) {
                self.bytes.pop();
                virtual_bytes += 1;
            }
            self.bytes
        }
    }

    impl Coder for PatchWriter<'_> {
        fn bit(&mut self, _: &mut Old<'_>, p: u32, bit: bool) -> Result<bool, DecodeError> {
            let split = self.interval.split(p);
            self.interval.take(split, bit);
            while let Some(byte) = self.interval.shift() {
                self.bytes.push(byte);
            }
            Ok(bit)
        }

        fn truth(&self, at: u32) -> u8 {
            self.new.get(at as usize).copied().unwrap_or(0)
        }
    }

    /// An end that writes nothing and counts what it would have cost.
    #[derive(Clone, Debug)]
    pub(crate) struct Meter<'a> {
        new: &'a [u8],
        part: Part,
        /// Cost so far in bits, by [`Part`].
        pub(crate) bits: [f64; 5],
    }

    impl<'a> Meter<'a> {
        /// A meter of the patch to the image `new`.
        pub(crate) const fn new(new: &'a [u8]) -> Self {
            Self {
                new,
                part: Part::Header,
                bits: [0.0; 5],
            }
        }
    }

    impl Coder for Meter<'_> {
        fn bit(&mut self, _: &mut Old<'_>, p: u32, bit: bool) -> Result<bool, DecodeError> {
            let p = f64::from(if bit { p } else { 65536 - p }) / 65536.0;
            self.bits[self.part as usize] -= p.log2();
            Ok(bit)
        }

        fn part(&mut self, part: Part, _: u32) {
            self.part = part;
        }

        fn truth(&self, at: u32) -> u8 {
            self.new.get(at as usize).copied().unwrap_or(0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SliceIo;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn bits_survive(
            bits in proptest::collection::vec((1_u32..=65535, any::<bool>()), 0..2000),
            skewed: bool,
        ) {
            let bits: Vec<_> = bits
                .into_iter()
                .map(|(p, bit)| (p, if skewed { p > 20000 } else { bit }))
                .collect();
            let mut io = SliceIo { patch: &[], base: &[], new: &[] };
            let mut old = Old::new(&mut io, 0, false);
            let mut writer = PatchWriter::new(&[], Vec::new());
            for (p, bit) in &bits {
                writer.bit(&mut old, *p, *bit).unwrap();
            }
            let patch = writer.finish();
            let mut io = SliceIo { patch: &patch, base: &[], new: &[] };
            let mut old = Old::new(&mut io, 0, false);
            let mut reader = PatchReader::new(0, patch.len() as u32);
            for (p, bit) in &bits {
                prop_assert_eq!(reader.bit(&mut old, *p, false), Ok(*bit));
            }
            prop_assert_eq!(reader.finish(), Ok(()));
        }

        /// The bits are all there, and behind them stands what the coder does not need.
        #[test]
        fn what_was_appended_is_refused(
            bits in proptest::collection::vec((1_u32..=65535, any::<bool>()), 1..40),
            behind in proptest::collection::vec(any::<u8>(), 1..8),
        ) {
            let mut io = SliceIo { patch: &[], base: &[], new: &[] };
            let mut old = Old::new(&mut io, 0, false);
            let mut writer = PatchWriter::new(&[], Vec::new());
            for (p, bit) in &bits {
                writer.bit(&mut old, *p, *bit).unwrap();
            }
            let patch = [writer.finish(), behind].concat();
            let mut io = SliceIo { patch: &patch, base: &[], new: &[] };
            let mut old = Old::new(&mut io, 0, false);
            let mut reader = PatchReader::new(0, patch.len() as u32);
            let read = bits.iter().all(|(p, bit)| reader.bit(&mut old, *p, false) == Ok(*bit));
            prop_assert!(!read || reader.finish() == Err(DecodeError::TrailingBytes));
        }
    }
}
