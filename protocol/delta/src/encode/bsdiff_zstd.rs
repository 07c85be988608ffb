//! The encoder of `bsdiff + zstd`: the `bsdiff` crate's stream, tidied, in a frame of the `zstd` crate.

use super::{EncodeError, Encoded, apply, lengths_of};
use crate::bsdiff_zstd::window_fits;
use crate::{BsdiffZstdDecoder, DecodeError};
use std::vec::Vec;
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

/// zstd's strongest level.
const LEVEL: i32 = 22;

/// Windows that the encoder tries, as powers of two: the smallest that zstd knows, and the largest
/// that its strongest level asks for.
const WINDOW_LOG_MIN: u32 = 10;
const WINDOW_LOG_MAX: u32 = 27;

/// Length of a control record in bytes.
const CONTROL_LEN: usize = 24;

/// Makes the smallest patch from `base` to `new` that decodes in `ram` bytes of heap.
///
/// Tries every window that the RAM allows: a larger one finds more matches, a smaller one makes
/// smaller blocks, whose statistics follow the stream more closely; which is better differs from
/// pair to pair. Among equals it takes the one that needs the least RAM. Time and RAM on the ground:
/// a suffix sort of the base (17 times its length) and a dozen compressions, seconds for a megabyte.
///
/// # Errors
/// [`EncodeError::TooLarge`], [`EncodeError::RamTooSmall`]; the other kinds are failures of the
/// ground's machine or bugs.
pub fn bsdiff_zstd(base: &[u8], new: &[u8], ram: u32) -> Result<Encoded, EncodeError> {
    lengths_of(&[], base, new)?;
    let mut raw = Vec::new();
    bsdiff::diff(base, new, &mut raw).map_err(|_| EncodeError::Compressor)?;
    let raw = merge_empty_records(&raw).ok_or(EncodeError::Compressor)?;
    // The least power of two that holds the stream: zstd would cut a larger window down to it.
    let fitting = usize::BITS.saturating_sub(raw.len().saturating_sub(1).leading_zeros());
    let largest = fitting.clamp(WINDOW_LOG_MIN, WINDOW_LOG_MAX);
    let mut best: Option<Encoded> = None;
    for window_log in WINDOW_LOG_MIN..=largest {
        if !window_fits(window_log, ram) {
            break;
        }
        let payload = compress(&raw, window_log).ok_or(EncodeError::Compressor)?;
        if best
            .as_ref()
            .is_some_and(|best| best.payload.len() <= payload.len())
        {
            continue;
        }
        if let Some(ram_needed) = prove(base, new, &payload, ram)? {
            best = Some(Encoded {
                payload,
                ram_needed,
            });
        }
    }
    best.ok_or(EncodeError::RamTooSmall)
}

/// Decodes the payload and compares; returns the RAM that it needs, or nothing if that is too much.
fn prove(base: &[u8], new: &[u8], payload: &[u8], ram: u32) -> Result<Option<u32>, EncodeError> {
    let lengths = lengths_of(payload, base, new)?;
    let mut decoder = BsdiffZstdDecoder::new(lengths, ram);
    match apply(&mut decoder, base, payload, lengths.new) {
        Ok(image) if image == new => Ok(Some(decoder.ram_needed())),
        Ok(_) => Err(EncodeError::Mismatch),
        Err(DecodeError::RamTooSmall) => Ok(None),
        Err(error) => Err(EncodeError::Refused(error)),
    }
}

/// Compresses into one frame without content size, checksum and dictionary, as the decoder wants it.
fn compress(raw: &[u8], window_log: u32) -> Option<Vec<u8>> {
    let mut compressor = Compressor::new(LEVEL).ok()?;
    for parameter in [
        CParameter::WindowLog(window_log),
        CParameter::ContentSizeFlag(false),
        CParameter::ChecksumFlag(false),
        CParameter::DictIdFlag(false),
    ] {
        compressor.set_parameter(parameter).ok()?;
    }
    compressor.compress(raw).ok()
}

/// Folds records that produce nothing into the seek of the record before them, and clears the last
/// seek, which nothing reads. The stream stays a bsdiff stream, and every record but the first
/// produces something, which is what bounds the decoder's work.
fn merge_empty_records(raw: &[u8]) -> Option<Vec<u8>> {
    let mut tidy: Vec<u8> = Vec::with_capacity(raw.len());
    // Where the last record kept begins, and its seek.
    let mut kept: Option<(usize, i64)> = None;
    let mut rest = raw;
    while !rest.is_empty() {
        let (control, after) = rest.split_at_checked(CONTROL_LEN)?;
        let (words, _) = control.as_chunks::<8>();
        let &[diff, extra, seek] = words else {
            return None;
        };
        let body = u64::from_le_bytes(diff).checked_add(u64::from_le_bytes(extra))?;
        let (body, after) = after.split_at_checked(usize::try_from(body).ok()?)?;
        let seek = from_sign_magnitude(u64::from_le_bytes(seek));
        rest = after;
        kept = match kept {
            Some((at, earlier)) if body.is_empty() => {
                let seek = earlier.checked_add(seek)?;
                write_seek(&mut tidy, at, seek)?;
                Some((at, seek))
            }
            _ => {
                let at = tidy.len();
                tidy.extend_from_slice(control);
                tidy.extend_from_slice(body);
                Some((at, seek))
            }
        };
    }
    if let Some((at, _)) = kept {
        write_seek(&mut tidy, at, 0)?;
    }
    Some(tidy)
}

/// Overwrites the seek of the record at `at`.
fn write_seek(stream: &mut [u8], at: usize, seek: i64) -> Option<()> {
    let sign = if seek < 0 { 1 << 63 } else { 0 };
    let word = seek.unsigned_abs() | sign;
    let field = stream.get_mut(at.checked_add(16)?..at.checked_add(CONTROL_LEN)?)?;
    field.copy_from_slice(&word.to_le_bytes());
    Some(())
}

/// The value of a 64-bit sign-and-magnitude number.
fn from_sign_magnitude(word: u64) -> i64 {
    let magnitude = i64::try_from(word & !(1 << 63)).unwrap_or(i64::MAX);
    if word >> 63 == 0 {
        magnitude
    } else {
        magnitude.saturating_neg()
    }
}
