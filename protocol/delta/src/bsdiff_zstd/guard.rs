//! Looks at the headers of a zstd frame and of its blocks before `ruzstd` sees them.
//!
//! `ruzstd` allocates what a block's headers ask for (up to 1 MiB of literals and 98,047 sequences,
//! whatever the window) and judges afterwards. Here the judgement comes first, from at most 15 bytes
//! a block, and the heap is counted. It never decodes anything.
//!
//! ```text
//!   block (RFC 8878, 3.1.1.2)   | 3 B: last, type, size | literals | sequences |
//!   literals section            | 1-5 B: type, lengths  | tree and streams     |
//!   sequences section           | 1-3 B: count | modes  | tables and bits      |
//! ```

use crate::{DecodeError, PatchIo};

/// Magic number, descriptor and window descriptor.
pub(super) const HEADER_LEN: u32 = 6;

/// Largest block, RFC 8878, 3.1.1.2.4.
const BLOCK_MAX: u32 = 128 * 1024;

/// What `ruzstd` keeps for its entropy tables, in bytes: an upper bound. Full tables are 14 KiB
/// (Huffman 2,048 entries of 2 B; FSE 512 + 512 + 256 of 8 B); the rest is counters and growth.
const TABLES: u64 = 24 * 1024;

/// A sequence of `ruzstd`: three 32-bit numbers.
const SEQUENCE_LEN: u64 = 12;

/// The shortest match, RFC 8878, 3.1.1.3.2.1.1.
const MATCH_MIN: u32 = 3;

/// Reads the frame's header at the start of the patch and returns its window in bytes.
pub(super) fn read_header(io: &mut dyn PatchIo, patch_len: u32) -> Result<u64, DecodeError> {
    if patch_len < HEADER_LEN {
        return Err(DecodeError::Truncated);
    }
    let mut header = [0; 6];
    io.read_patch(0, &mut header)?;
    let [0x28, 0xB5, 0x2F, 0xFD, 0x00, window] = header else {
        return Err(DecodeError::Malformed);
    };
    let base: u64 = 1 << (10 + u32::from(window >> 3));
    Ok(base.saturating_add((base >> 3).saturating_mul(u64::from(window & 7))))
}

/// The heap that the frame has been seen to need, and the limits of its blocks.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    ram: u32,
    window: u64,
    /// Longest block so far: compressed, its literals, its number of sequences.
    content: u32,
    literals: u32,
    sequences: u32,
}

impl Budget {
    pub(super) const fn new(ram: u32, window: u64) -> Self {
        Self {
            ram,
            window,
            content: 0,
            literals: 0,
            sequences: 0,
        }
    }

    /// Heap in bytes needed so far, an upper bound.
    pub(super) fn needed(&self) -> u64 {
        // A vector that grows doubles, and its old buffer lives until the bytes are moved.
        let vectors = u64::from(self.content)
            .saturating_add(u64::from(self.literals))
            .saturating_add(u64::from(self.sequences).saturating_mul(SEQUENCE_LEN))
            .saturating_mul(3);
        TABLES.saturating_add(vectors).saturating_add(self.ring())
    }

    /// The ring buffer holds a window and a block, grows to the next power of two (beyond 256 KiB:
    /// to that plus a power of two), and its old buffer lives until the bytes are moved.
    fn ring(&self) -> u64 {
        const SLACK: u64 = 2 * BLOCK_MAX as u64;
        let held = self
            .window
            .saturating_add(u64::from(self.block_max()))
            .saturating_add(1);
        let grown = if held <= SLACK {
            held.next_power_of_two().saturating_add(1)
        } else {
            held.saturating_sub(SLACK)
                .next_power_of_two()
                .saturating_add(SLACK)
                .saturating_add(1)
        };
        grown.saturating_add(held)
    }

    fn block_max(&self) -> u32 {
        u32::try_from(self.window)
            .unwrap_or(u32::MAX)
            .min(BLOCK_MAX)
    }

    /// Refuses what the budget cannot hold.
    pub(super) fn check(&self) -> Result<(), DecodeError> {
        if self.needed() > u64::from(self.ram) {
            return Err(DecodeError::RamTooSmall);
        }
        Ok(())
    }

    /// Judges the block at `offset` of the patch before it is decoded.
    pub(super) fn admit_block(
        &mut self,
        io: &mut dyn PatchIo,
        offset: u32,
        patch_len: u32,
    ) -> Result<(), DecodeError> {
        let mut cursor = Cursor {
            io,
            offset,
            end: patch_len,
            eof: DecodeError::Truncated,
        };
        let header = u32::from_le_bytes(cursor.take(3)?);
        let last = header & 1 != 0;
        let size = header >> 3;
        if size > self.block_max() {
            return Err(DecodeError::Malformed);
        }
        let empty = match (header >> 1) & 3 {
            0 | 1 => size == 0,
            2 => self.admit_compressed(&mut cursor, size)?,
            _ => return Err(DecodeError::Malformed),
        };
        // The encoder writes no such block, and a row of them would be work without output.
        if empty && !last {
            return Err(DecodeError::Malformed);
        }
        self.check()
    }

    /// Judges a compressed block of `size` bytes; returns whether it inflates to nothing.
    fn admit_compressed(
        &mut self,
        cursor: &mut Cursor<'_>,
        size: u32,
    ) -> Result<bool, DecodeError> {
        let end = cursor
            .offset
            .checked_add(size)
            .filter(|end| *end <= cursor.end);
        cursor.end = end.ok_or(DecodeError::Truncated)?;
        // From here on the block's own length is the limit: the patch is not short, it is wrong.
        cursor.eof = DecodeError::Malformed;
        let (literals, literals_len) = read_literals_header(cursor)?;
        cursor.skip(literals_len)?;
        let sequences = read_sequence_count(cursor)?;
        let least = literals.saturating_add(sequences.saturating_mul(MATCH_MIN));
        if least > self.block_max() {
            return Err(DecodeError::Malformed);
        }
        self.content = self.content.max(size);
        self.literals = self.literals.max(literals);
        self.sequences = self.sequences.max(sequences);
        Ok(least == 0)
    }
}

/// RFC 8878, 3.1.1.3.1.1: the regenerated length and the length of what follows the header.
fn read_literals_header(cursor: &mut Cursor<'_>) -> Result<(u32, u32), DecodeError> {
    let first = u32::from_le_bytes(cursor.peek(1)?);
    let (kind, format) = (first & 3, (first >> 2) & 3);
    if kind < 2 {
        let (len, shift) = match format {
            0 | 2 => (1, 3),
            1 => (2, 4),
            _ => (3, 4),
        };
        let regenerated = u32::from_le_bytes(cursor.take(len)?) >> shift;
        return Ok((regenerated, if kind == 0 { regenerated } else { 1 }));
    }
    let (len, bits) = match format {
        0 | 1 => (3, 10),
        2 => (4, 14),
        _ => (5, 18),
    };
    let word = u64::from_le_bytes(cursor.take(len)?);
    let field = |shift: u32| u32::try_from((word >> shift) & ((1 << bits) - 1)).unwrap_or(u32::MAX);
    Ok((field(4), field(4 + bits)))
}

/// RFC 8878, 3.1.1.3.2.1: the number of sequences.
fn read_sequence_count(cursor: &mut Cursor<'_>) -> Result<u32, DecodeError> {
    let [first, ..] = cursor.take::<1>(1)?;
    let high = u32::from(first);
    Ok(match first {
        0..=127 => high,
        128..=254 => {
            let [low] = cursor.take(1)?;
            (high.saturating_sub(128) << 8).saturating_add(u32::from(low))
        }
        255 => u32::from(u16::from_le_bytes(cursor.take(2)?)).saturating_add(0x7F00),
    })
}

/// A place in the patch, up to an end.
struct Cursor<'a> {
    io: &'a mut dyn PatchIo,
    offset: u32,
    end: u32,
    /// What running into `end` means.
    eof: DecodeError,
}

impl Cursor<'_> {
    /// Reads `len` (at most `N`) bytes, padded with zeros to `N`, and stays.
    fn peek<const N: usize>(&mut self, len: u32) -> Result<[u8; N], DecodeError> {
        let end = self.offset.checked_add(len).ok_or(self.eof)?;
        if end > self.end {
            return Err(self.eof);
        }
        let mut bytes = [0; N];
        let size = usize::try_from(len).unwrap_or(N);
        self.io
            .read_patch(self.offset, bytes.get_mut(..size).unwrap_or_default())?;
        Ok(bytes)
    }

    /// Reads `len` (at most `N`) bytes, padded with zeros to `N`, and moves on.
    fn take<const N: usize>(&mut self, len: u32) -> Result<[u8; N], DecodeError> {
        let bytes = self.peek(len)?;
        self.skip(len)?;
        Ok(bytes)
    }

    /// Moves on by `len`.
    fn skip(&mut self, len: u32) -> Result<(), DecodeError> {
        let offset = self
            .offset
            .checked_add(len)
            .filter(|offset| *offset <= self.end);
        self.offset = offset.ok_or(self.eof)?;
        Ok(())
    }
}
