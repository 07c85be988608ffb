//! The old image as the instruction decoders see it: small reads at random out of a few cached lines.
//!
//! A failed read is kept and reported once, by [`Old::check`], so that the decoders of instructions
//! stay free of error handling: to them, what cannot be read is not there.

use crate::{IoError, PatchIo};

/// Bytes of a cached line.
const LINE: usize = 32;

/// Lines kept, by the low bits of their number.
const LINES: usize = 4;

/// Cached reader of the old image.
pub(crate) struct Old<'a> {
    io: &'a mut dyn PatchIo,
    len: u32,
    big_endian: bool,
    /// Number of the line that each entry holds.
    held: [u32; LINES],
    lines: [[u8; LINE]; LINES],
    failed: Option<IoError>,
    /// What an instruction set found when it last looked back from somewhere: where from, and what.
    /// A walk goes forwards, so that the next look has little to add.
    #[cfg(feature = "isa-thumb")]
    pub(crate) looked_back: Option<(u32, Option<(u32, bool)>)>,
}

impl<'a> Old<'a> {
    /// A reader of the first `len` bytes that `io` has of the old image.
    pub(crate) fn new(io: &'a mut dyn PatchIo, len: u32, big_endian: bool) -> Self {
        Self {
            io,
            len,
            big_endian,
            held: [u32::MAX; LINES],
            lines: [[0; LINE]; LINES],
            failed: None,
            #[cfg(feature = "isa-thumb")]
            looked_back: None,
        }
    }

    /// Length of the old image in bytes.
    #[cfg(feature = "isa-thumb")]
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// Whether numbers stand with their high byte first.
    pub(crate) const fn big_endian(&self) -> bool {
        self.big_endian
    }

    /// What the other regions are read through.
    pub(crate) fn io(&mut self) -> &mut dyn PatchIo {
        self.io
    }

    /// The first failure of a read so far.
    pub(crate) const fn check(&self) -> Result<(), IoError> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// The byte at `at`; nothing outside the image.
    pub(crate) fn byte(&mut self, at: u32) -> Option<u8> {
        if at >= self.len {
            return None;
        }
        let line = self.line(at / LINE as u32)?;
        line.get(at as usize % LINE).copied()
    }

    /// The `N` bytes at `at`, if all of them lie within the image.
    pub(crate) fn bytes<const N: usize>(&mut self, at: u32) -> Option<[u8; N]> {
        let within = at as usize % LINE;
        if at.checked_add(N as u32)? > self.len {
            return None;
        }
        // Most stand in one line: it is looked up once.
        if within + N <= LINE {
            let line = self.line(at / LINE as u32)?;
            return line.get(within..)?.first_chunk().copied();
        }
        let mut bytes = [0; N];
        let mut next = at;
        for byte in &mut bytes {
            *byte = self.byte(next)?;
            next = next.checked_add(1)?;
        }
        Some(bytes)
    }

    /// The line of this number, which begins within the image.
    fn line(&mut self, number: u32) -> Option<&[u8; LINE]> {
        let entry = number as usize % LINES;
        let held = self.held.get_mut(entry)?;
        let line = self.lines.get_mut(entry)?;
        if *held != number {
            let start = number * LINE as u32;
            let size = (self.len - start).min(LINE as u32) as usize;
            *held = number;
            if let Err(error) = self.io.read_base(start, line.get_mut(..size)?) {
                *held = u32::MAX;
                self.failed = self.failed.or(Some(error));
                return None;
            }
        }
        Some(line)
    }

    /// The 16-bit number at `at`, in the image's byte order.
    pub(crate) fn half(&mut self, at: u32) -> Option<u16> {
        let bytes = self.bytes(at)?;
        Some(if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    /// The 32-bit number at `at`, in the image's byte order.
    pub(crate) fn word(&mut self, at: u32) -> Option<u32> {
        let bytes = self.bytes(at)?;
        Some(if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    /// The 64-bit number at `at`, in the image's byte order.
    pub(crate) fn double(&mut self, at: u32) -> Option<u64> {
        let bytes = self.bytes(at)?;
        Some(if self.big_endian {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SliceIo;

    #[test]
    fn numbers_across_lines_and_nothing_outside() {
        let base: std::vec::Vec<u8> = (0..70).collect();
        let mut io = SliceIo {
            patch: &[],
            base: &base,
            new: &[],
        };
        let mut old = Old::new(&mut io, 70, false);
        assert_eq!(old.half(31), Some(0x201F));
        assert_eq!(old.word(30), Some(0x2120_1F1E));
        assert_eq!(old.word(66), Some(0x4544_4342));
        assert_eq!(old.word(67), None);
        assert_eq!(old.byte(u32::MAX), None);
        assert_eq!(old.check(), Ok(()));
        let mut old = Old::new(&mut io, 71, true);
        assert_eq!(old.double(0), Some(0x0001_0203_0405_0607));
        assert_eq!(old.byte(70), None);
        assert_eq!(old.check(), Err(IoError::OutOfRange));
    }
}
