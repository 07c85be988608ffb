//! `bsdiff + zstd`: a bsdiff stream inside one zstd frame, for Linux-class vehicles.
//!
//! The heap comes from `ruzstd`; our own part allocates nothing. The decoder never checks a
//! content checksum (the image's digest covers every byte), takes no dictionary, and holds the
//! frame to the subset below, so that there is one way to write a header.
//!
//! ```text
//!   payload   | 28 B5 2F FD | 00 | window | block | block | ... | last block |      RFC 8878, 3.1.1
//!              magic          |    1 B      3 B header each
//!                             descriptor: no checksum, no dictionary, no content size
//!
//!   inflated  | control | diff bytes | extra bytes | control | ...         bsdiff 0.2.1 (raw stream)
//!              24 B: u64 diff length, u64 extra length, i64 seek (sign and magnitude), little-endian
//! ```
//!
//! A diff byte is added to the byte of the base at the read position, which then advances; an extra
//! byte is taken as it is; the seek then moves the read position. Every record but the first must
//! produce something, so that the work of a call is bounded by what it hands out.

mod frame;
mod guard;
mod raw;

use crate::{DecodeError, Decoder, Lengths, PatchIo};
use frame::FrameSource;
use raw::RawPatch;

/// Decodes a bsdiff stream in a zstd frame.
///
/// A call inflates at most one window and one block (128 KiB) more than the bytes that it needs
/// (24 a record, one a byte of image, one to see the end), and reads as many bytes of the base as
/// it hands out, through 256 B of stack.
pub struct BsdiffZstdDecoder {
    source: FrameSource,
    patch: RawPatch,
    failed: Option<DecodeError>,
}

impl BsdiffZstdDecoder {
    /// A decoder at the start of the image that may take `ram` bytes of heap.
    ///
    /// What a frame needs follows from its window and from the headers of its blocks (see
    /// [`BsdiffZstdDecoder::ram_needed`]); a frame or block that needs more is refused with
    /// [`DecodeError::RamTooSmall`] before anything is allocated for it.
    #[must_use]
    pub fn new(lengths: Lengths, ram: u32) -> Self {
        Self {
            source: FrameSource::new(lengths.patch, ram),
            patch: RawPatch::new(lengths),
            failed: None,
        }
    }

    /// Heap in bytes that the patch has needed so far: after the last byte, what its manifest
    /// has to state. An upper bound of what `ruzstd` takes, counted the same way on ground and board.
    ///
    /// Beyond it there is one thing that no header tells: a Huffman stream that codes more symbols
    /// than it declares. It is refused at the end of its block, and has taken 8 times the block's
    /// compressed length (thrice that while a buffer grows) until then. Payloads are authenticated
    /// before they are decoded, so only a release signer could send one.
    #[must_use]
    pub fn ram_needed(&self) -> u32 {
        self.source.ram_needed()
    }
}

/// Whether a window of `2^window_log` bytes alone would be within `ram` bytes of heap.
#[cfg(feature = "encode")]
pub(crate) fn window_fits(window_log: u32, ram: u32) -> bool {
    let window = 1_u64.checked_shl(window_log).unwrap_or(u64::MAX);
    guard::Budget::new(ram, window).check().is_ok()
}

impl Decoder for BsdiffZstdDecoder {
    fn produce(&mut self, io: &mut dyn PatchIo, out: &mut [u8]) -> Result<usize, DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if out.is_empty() {
            return Err(DecodeError::EmptyOutput);
        }
        self.patch
            .produce(&mut self.source, io, out)
            .inspect_err(|error| self.failed = Some(*error))
    }
}

impl core::fmt::Debug for BsdiffZstdDecoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("BsdiffZstdDecoder")
            .field("patch", &self.patch)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
