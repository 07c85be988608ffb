//! The bsdiff stream: from control records, diff and extra bytes to the new image.
//!
//! It never allocates and never reads the patch itself: the bytes come from a [`RawSource`].
//!
//! ```text
//!            24 B read                 diff used up              extra used up
//!   Control -----------> Diff (+ base) ------------> Extra ---------------------> seek, Control
//!      |                                                                            |
//!      +-- image complete: the source must be at its end ------<--------------------+
//! ```

use crate::{DecodeError, Lengths, PatchIo};

/// Length of a control record in bytes.
const CONTROL_LEN: usize = 24;

/// Bytes of the base read at a time, on the stack.
const BASE_CHUNK: usize = 256;

/// The inflated stream.
pub(super) trait RawSource {
    /// Reads the next bytes into the front of `buf`, which is not empty; 0 at the end.
    fn read(&mut self, io: &mut dyn PatchIo, buf: &mut [u8]) -> Result<usize, DecodeError>;
}

/// Where the decoder stands in the stream.
#[derive(Clone, Debug)]
pub(super) struct RawPatch {
    lengths: Lengths,
    /// Bytes of the new image handed out.
    written: u32,
    /// Read position in the base: never above its length.
    base_pos: u32,
    /// Bytes left of the record's diff, then of its extra part: together never past the image's end.
    diff_left: u32,
    extra_left: u32,
    /// Applied once the record is used up.
    seek: i64,
    /// Whether a record has been read: only the first may be empty.
    started: bool,
    /// Whether the end of the stream has been seen.
    ended: bool,
}

impl RawPatch {
    pub(super) const fn new(lengths: Lengths) -> Self {
        Self {
            lengths,
            written: 0,
            base_pos: 0,
            diff_left: 0,
            extra_left: 0,
            seek: 0,
            started: false,
            ended: false,
        }
    }

    /// Fills as much of `out` as the image has left, and checks the end when the image is complete.
    pub(super) fn produce(
        &mut self,
        source: &mut impl RawSource,
        io: &mut dyn PatchIo,
        out: &mut [u8],
    ) -> Result<usize, DecodeError> {
        let mut filled: usize = 0;
        while self.written < self.lengths.new {
            if self.diff_left == 0 && self.extra_left == 0 {
                // Not before there is room for what the record yields: work follows the output.
                if filled == out.len() {
                    return Ok(filled);
                }
                self.next_record(source, io)?;
                continue;
            }
            let rest = out.get_mut(filled..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(filled);
            }
            filled = filled.saturating_add(self.copy_piece(source, io, rest)?);
        }
        if !self.ended {
            if source.read(io, &mut [0])? != 0 {
                return Err(DecodeError::TooLong);
            }
            self.ended = true;
        }
        Ok(filled)
    }

    /// Copies the next bytes of the record's diff or extra part; returns how many, at least one.
    fn copy_piece(
        &mut self,
        source: &mut impl RawSource,
        io: &mut dyn PatchIo,
        rest: &mut [u8],
    ) -> Result<usize, DecodeError> {
        let is_diff = self.diff_left > 0;
        let left = if is_diff {
            self.diff_left
        } else {
            self.extra_left
        };
        let room = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let piece = rest.get_mut(..room).unwrap_or_default();
        let size = source.read(io, piece)?;
        let piece = piece.get_mut(..size).unwrap_or_default();
        // At most `left`, so it fits.
        let count = u32::try_from(size).map_err(|_| DecodeError::TooLong)?;
        if count == 0 {
            return Err(DecodeError::TooShort);
        }
        if is_diff {
            self.add_base(io, piece)?;
            self.diff_left = self.diff_left.saturating_sub(count);
        } else {
            self.extra_left = self.extra_left.saturating_sub(count);
        }
        self.written = self.written.saturating_add(count);
        Ok(size)
    }

    /// Adds the base to the diff bytes in `piece` and advances the read position.
    fn add_base(&mut self, io: &mut dyn PatchIo, piece: &mut [u8]) -> Result<(), DecodeError> {
        let mut chunk = [0; BASE_CHUNK];
        for part in piece.chunks_mut(BASE_CHUNK) {
            let base = chunk.get_mut(..part.len()).unwrap_or_default();
            io.read_base(self.base_pos, base)?;
            for (byte, old) in part.iter_mut().zip(base.iter()) {
                *byte = byte.wrapping_add(*old);
            }
            // A part is at most `BASE_CHUNK` long and lies within the base.
            let len = u32::try_from(part.len()).map_err(|_| DecodeError::OutsideBase)?;
            self.base_pos = self.base_pos.saturating_add(len);
        }
        Ok(())
    }

    /// Applies the pending seek, then reads and judges the next control record.
    fn next_record(
        &mut self,
        source: &mut impl RawSource,
        io: &mut dyn PatchIo,
    ) -> Result<(), DecodeError> {
        let mut control = [0; CONTROL_LEN];
        let mut have: usize = 0;
        while let Some(rest) = control.get_mut(have..).filter(|rest| !rest.is_empty()) {
            let count = source.read(io, rest)?;
            if count == 0 {
                return Err(DecodeError::TooShort);
            }
            have = have.saturating_add(count);
        }
        let [diff, extra, seek] = parse_control(&control)?;
        self.base_pos = i64::from(self.base_pos)
            .checked_add(self.seek)
            .and_then(|pos| u32::try_from(pos).ok())
            .filter(|pos| *pos <= self.lengths.base)
            .ok_or(DecodeError::OutsideBase)?;
        self.seek = seek;
        let left = i64::from(self.lengths.new.saturating_sub(self.written));
        let total = diff.checked_add(extra).ok_or(DecodeError::TooLong)?;
        if total > left {
            return Err(DecodeError::TooLong);
        }
        if total == 0 && self.started {
            return Err(DecodeError::Malformed);
        }
        if diff > i64::from(self.lengths.base.saturating_sub(self.base_pos)) {
            return Err(DecodeError::OutsideBase);
        }
        self.started = true;
        self.diff_left = u32::try_from(diff).map_err(|_| DecodeError::Malformed)?;
        self.extra_left = u32::try_from(extra).map_err(|_| DecodeError::Malformed)?;
        Ok(())
    }
}

/// Reads diff length, extra length and seek; the lengths are not negative.
fn parse_control(control: &[u8; CONTROL_LEN]) -> Result<[i64; 3], DecodeError> {
    let (words, _) = control.as_chunks::<8>();
    let &[diff, extra, seek] = words else {
        return Err(DecodeError::Malformed);
    };
    let diff = i64::from_le_bytes(diff);
    let extra = i64::from_le_bytes(extra);
    if diff < 0 || extra < 0 {
        return Err(DecodeError::TooLong);
    }
    Ok([diff, extra, sign_magnitude(u64::from_le_bytes(seek))])
}

/// The value of a 64-bit sign-and-magnitude number.
fn sign_magnitude(word: u64) -> i64 {
    // Without its sign bit the word always fits.
    let magnitude = i64::try_from(word & !(1 << 63)).unwrap_or(i64::MAX);
    if word >> 63 == 0 {
        magnitude
    } else {
        magnitude.saturating_neg()
    }
}
