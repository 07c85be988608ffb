//! The encoders, on the ground: one function a codec, and [`apply`] to run any decoder over slices.
//!
//! Every encoder decodes its own output and compares before it hands it out, and the same inputs
//! give the same bytes. An encoder never chooses the codec: the station tries all that the
//! vehicle's profile decodes and takes the smallest.
//!
//! ```
//! use lightday_delta::{BsdiffZstdDecoder, Lengths, encode};
//!
//! let base = b"the quick brown fox jumps over the lazy dog".repeat(20);
//! let mut new = base.clone();
//! new[100] ^= 1;
//! let patch = encode::bsdiff_zstd(&base, &new, 1 << 20).unwrap();
//! assert!(patch.payload.len() < 80);
//!
//! let lengths = Lengths {
//!     patch: patch.payload.len() as u32,
//!     base: base.len() as u32,
//!     new: new.len() as u32,
//! };
//! let mut decoder = BsdiffZstdDecoder::new(lengths, patch.ram_needed);
//! assert_eq!(encode::apply(&mut decoder, &base, &patch.payload, lengths.new).unwrap(), new);
//! ```

mod bsdiff_zstd;
mod model;

pub use bsdiff_zstd::bsdiff_zstd;
pub use model::{
    LinkerHints, ModelOptions, Progress, Trace, Work, model, model_isa, model_watched, model_work,
    trace,
};

use crate::{DecodeError, Decoder, IoError, Lengths, SliceIo};
use core::fmt;
use std::vec;
use std::vec::Vec;

/// Bytes asked of a decoder at a time.
const CHUNK: usize = 4096;

/// A payload, and what it takes to decode it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The payload.
    pub payload: Vec<u8>,
    /// RAM in bytes that the decoder needs for it: what the manifest states, and the least `ram`
    /// with which the decoder accepts it.
    pub ram_needed: u32,
}

/// Why there is no patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The images: one is longer than 2^31 - 1 bytes.
    TooLarge,
    /// The vehicle's profile: no patch of this codec can be decoded in the RAM given.
    RamTooSmall,
    /// The ground's machine: the diff or the compressor failed (it is out of memory, say).
    Compressor,
    /// The ground's machine: it has not as much memory free as the decoder has RAM, as often as threads try it.
    Memory,
    /// Our bug: the decoder refuses what the encoder wrote.
    Refused(DecodeError),
    /// Our bug: the patch decodes to something else.
    Mismatch,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("an image is longer than 2 GiB"),
            Self::RamTooSmall => f.write_str("no patch of this codec fits the decoder's RAM"),
            Self::Compressor => f.write_str("the compressor failed"),
            Self::Memory => {
                f.write_str("this machine has not enough memory free to try the decoder's RAM")
            }
            Self::Refused(error) => write!(f, "the decoder refuses the new patch: {error}"),
            Self::Mismatch => f.write_str("the new patch decodes to another image"),
        }
    }
}

impl core::error::Error for EncodeError {}

/// The payload of the codec `store`: the image itself.
#[must_use]
pub fn store(new: &[u8]) -> Vec<u8> {
    new.to_vec()
}

/// Runs `decoder` to its end over slices and returns the new image of `new_len` bytes.
///
/// The decoder has to be at its start.
///
/// # Errors
/// What the decoder says; [`DecodeError::TooLong`] or [`DecodeError::TooShort`] if it was made for
/// another length.
pub fn apply(
    decoder: &mut dyn Decoder,
    base: &[u8],
    patch: &[u8],
    new_len: u32,
) -> Result<Vec<u8>, DecodeError> {
    let new_len = usize::try_from(new_len).map_err(|_| DecodeError::Io(IoError::OutOfRange))?;
    let mut new = Vec::new();
    let mut out = vec![0; CHUNK];
    loop {
        let mut io = SliceIo {
            patch,
            base,
            new: &new,
        };
        let count = decoder.produce(&mut io, &mut out)?;
        if count == 0 {
            break;
        }
        new.extend_from_slice(out.get(..count).unwrap_or_default());
        if new.len() > new_len {
            return Err(DecodeError::TooLong);
        }
    }
    if new.len() < new_len {
        return Err(DecodeError::TooShort);
    }
    Ok(new)
}

/// The lengths of three slices, if images of this size are within what the formats can say.
fn lengths_of(patch: &[u8], base: &[u8], new: &[u8]) -> Result<Lengths, EncodeError> {
    let len = |bytes: &[u8]| {
        let len = i32::try_from(bytes.len()).map_err(|_| EncodeError::TooLarge)?;
        u32::try_from(len).map_err(|_| EncodeError::TooLarge)
    };
    Ok(Lengths {
        patch: len(patch)?,
        base: len(base)?,
        new: len(new)?,
    })
}
