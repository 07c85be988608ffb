//! `store`: the payload is the new image. Every vehicle decodes it; it needs no base and no RAM.
//!
//! It never reads the base. The layout of the payload:
//!
//! ```text
//!   0                      new length
//!   | the new image, as it is |
//! ```

use crate::{DecodeError, Decoder, Lengths, PatchIo};

/// Decodes a stored image.
///
/// A call reads at most `out.len()` bytes of the patch, in one read, and does nothing else.
#[derive(Clone, Debug)]
pub struct StoreDecoder {
    lengths: Lengths,
    written: u32,
    failed: Option<DecodeError>,
}

impl StoreDecoder {
    /// RAM in bytes that decoding takes beside the decoder itself and the caller's buffer.
    pub const RAM: u32 = 0;

    /// A decoder at the start of the image. `lengths.base` is not used.
    ///
    /// If the lengths of patch and image differ, the first call of `produce` says
    /// [`DecodeError::TooShort`] or [`DecodeError::TrailingBytes`] before it reads anything.
    #[must_use]
    pub const fn new(lengths: Lengths) -> Self {
        let failed = if lengths.patch < lengths.new {
            Some(DecodeError::TooShort)
        } else if lengths.patch > lengths.new {
            Some(DecodeError::TrailingBytes)
        } else {
            None
        };
        Self {
            lengths,
            written: 0,
            failed,
        }
    }
}

impl Decoder for StoreDecoder {
    fn produce(&mut self, io: &mut dyn PatchIo, out: &mut [u8]) -> Result<usize, DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if out.is_empty() {
            return Err(DecodeError::EmptyOutput);
        }
        let left = self.lengths.new.saturating_sub(self.written);
        let count = u32::try_from(out.len()).unwrap_or(u32::MAX).min(left);
        let size = usize::try_from(count).unwrap_or(out.len());
        let Some(front) = out.get_mut(..size) else {
            return Err(DecodeError::EmptyOutput);
        };
        if let Err(error) = io.read_patch(self.written, front) {
            self.failed = Some(error.into());
            return Err(error.into());
        }
        self.written = self.written.saturating_add(count);
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IoError, SliceIo};
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    fn lengths(patch: u32, new: u32) -> Lengths {
        Lengths {
            patch,
            base: 0,
            new,
        }
    }

    /// Golden patch: frozen bytes in, frozen image out.
    #[test]
    fn golden_patch_decodes_to_itself() {
        let patch = [0x00, 0xB5, 0x80, 0xBD, 0xFF];
        let mut io = SliceIo {
            patch: &patch,
            base: &[],
            new: &[],
        };
        let mut decoder = StoreDecoder::new(lengths(5, 5));
        let mut out = [0; 16];
        assert_eq!(decoder.produce(&mut io, &mut out), Ok(5));
        assert_eq!(out[..5], patch);
        assert_eq!(decoder.produce(&mut io, &mut out), Ok(0));
        assert_eq!(decoder.produce(&mut io, &mut out), Ok(0));
    }

    #[test]
    fn lengths_that_differ_are_refused() {
        let mut io = SliceIo {
            patch: b"abcd",
            base: b"",
            new: b"",
        };
        let mut out = [0; 8];
        let mut short = StoreDecoder::new(lengths(3, 4));
        assert_eq!(short.produce(&mut io, &mut out), Err(DecodeError::TooShort));
        let mut long = StoreDecoder::new(lengths(4, 3));
        assert_eq!(
            long.produce(&mut io, &mut out),
            Err(DecodeError::TrailingBytes)
        );
        assert_eq!(
            long.produce(&mut io, &mut out),
            Err(DecodeError::TrailingBytes)
        );
    }

    #[test]
    fn a_failing_device_and_an_empty_buffer_are_told_apart() {
        let mut io = SliceIo {
            patch: b"ab",
            base: b"",
            new: b"",
        };
        let mut decoder = StoreDecoder::new(lengths(3, 3));
        assert_eq!(
            decoder.produce(&mut io, &mut []),
            Err(DecodeError::EmptyOutput)
        );
        let refused = Err(DecodeError::Io(IoError::OutOfRange));
        assert_eq!(decoder.produce(&mut io, &mut [0; 4]), refused);
        assert_eq!(decoder.produce(&mut io, &mut [0; 1]), refused);
    }

    proptest! {
        #[test]
        fn any_image_in_any_chunks(
            image in proptest::collection::vec(any::<u8>(), 0..300),
            chunks in proptest::collection::vec(1_usize..70, 1..8),
        ) {
            let len = u32::try_from(image.len()).unwrap();
            let mut decoder = StoreDecoder::new(lengths(len, len));
            let mut new = Vec::new();
            for size in chunks.iter().cycle() {
                let mut out = vec![0; *size];
                let mut io = SliceIo { patch: &image, base: &[], new: &new };
                let count = decoder.produce(&mut io, &mut out).unwrap();
                if count == 0 {
                    break;
                }
                new.extend_from_slice(&out[..count]);
            }
            prop_assert_eq!(new, image);
        }
    }
}
