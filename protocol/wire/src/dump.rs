//! A part of a memory dump: bytes of flash that a command asked for, in packets of one length on the downlink.
//!
//! ```text
//! +-----------+-------------+------------+------+-----+---------+--- 64 B ---+------ 8 B ------+
//! | 0xD|epoch | command 3 B | offset 4 B | part | len | is read | bytes, 0.. | tag             |
//! +-----------+-------------+------------+------+-----+---------+------------+-----------------+
//! ```
//! Each part says what it is of, so that any of them may be lost, come twice or in another order. A range that the
//! flash did not give is told, never filled up with something.

use serde::{Deserialize, Serialize};

use crate::codes::ObjectKind;
use crate::ids::{Epoch, ObjectNumber};
use crate::report::{ReportError, ReportFrame};

/// Most bytes that a dump has: the agent keeps them in RAM for as long as it sends them.
pub const MAX_LEN: u16 = 1024;
/// Bytes of flash in a part; the last one of a dump may have fewer.
pub const PART_LEN: u16 = 64;
/// Most parts of a dump.
pub const MAX_PARTS: u8 = 16;
/// How often the vehicle sends all parts of a dump.
pub const ROUNDS: u8 = 8;
/// Seconds from the end of one of these rounds to the begin of the next. Seven hours go round the clock: eight rounds of
/// them begin at most four hours apart by the hour of the day, so that a daily pass of five hours hears one, whenever it is.
pub const ROUND_S: u64 = 7 * 3600;

/// Bytes of the body.
pub const BODY_LEN: usize = 74;
/// Bytes of a part's packet with its first byte and its tag of 8 B.
pub const DUMP_LEN: usize = 1 + BODY_LEN + 8;

const _: () = assert!(MAX_LEN == PART_LEN * MAX_PARTS as u16);

/// What a command wants to be dumped, cut into parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DumpRange {
    offset: u32,
    len: u16,
}

impl DumpRange {
    /// `len` bytes from `offset` of a region on; `None` if that is nothing, more than [`MAX_LEN`] or no range at all.
    #[must_use]
    pub const fn new(offset: u32, len: u16) -> Option<Self> {
        let is_range = offset.checked_add(len as u32).is_some();
        if len == 0 || len > MAX_LEN || !is_range {
            return None;
        }
        Some(Self { offset, len })
    }

    /// First byte within the region.
    #[must_use]
    pub const fn offset(self) -> u32 {
        self.offset
    }

    /// Number of bytes, 1 to [`MAX_LEN`].
    #[must_use]
    pub const fn size(self) -> u16 {
        self.len
    }

    /// How many parts it comes in, 1 to [`MAX_PARTS`].
    #[must_use]
    pub fn parts(self) -> u8 {
        u8::try_from(self.len.div_ceil(PART_LEN)).unwrap_or(MAX_PARTS)
    }

    /// Where a part begins, counted from the range's first byte, and how many bytes it has; `None` if there is none.
    #[must_use]
    pub fn part(self, part: u8) -> Option<(u16, u16)> {
        let from = u16::from(part).checked_mul(PART_LEN)?;
        let left = self.len.checked_sub(from).filter(|left| *left > 0)?;
        Some((from, left.min(PART_LEN)))
    }
}

/// A part of a dump, 74 B.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The command that asked.
    pub command: ObjectNumber,
    /// The part's first byte within the region.
    #[serde(with = "postcard::fixint::be")]
    pub offset: u32,
    /// Which part of the dump, from 0 on.
    pub part: u8,
    /// Bytes of flash that it is about, 1 to [`PART_LEN`].
    pub len: u8,
    /// Whether the flash gave them.
    pub is_read: bool,
    /// The bytes in two halves, zeros behind them; all zeros where the flash gave none. [`Self::bytes`] has those that
    /// count.
    pub halves: [[u8; 32]; 2],
}

impl Part {
    /// A part of a range with what was read of it, `None` if the flash gave nothing. `None` if the range has no such
    /// part, or if it has another length.
    #[must_use]
    pub fn new(
        command: ObjectNumber,
        range: DumpRange,
        part: u8,
        read: Option<&[u8]>,
    ) -> Option<Self> {
        let (from, len) = range.part(part)?;
        let mut halves = [[0; 32]; 2];
        if let Some(read) = read {
            let place = halves.as_flattened_mut().get_mut(..usize::from(len))?;
            if read.len() != place.len() {
                return None;
            }
            place
                .iter_mut()
                .zip(read)
                .for_each(|(to, from)| *to = *from);
        }
        Some(Self {
            command,
            offset: range.offset.checked_add(u32::from(from))?,
            part,
            len: u8::try_from(len).ok()?,
            is_read: read.is_some(),
            halves,
        })
    }

    /// The bytes of flash; `None` if the flash gave none.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        let bytes = self.halves.as_flattened().get(..usize::from(self.len))?;
        self.is_read.then_some(bytes)
    }

    /// Whether it is what a vehicle sends of this range: place and length are those of the part, and zeros fill it up.
    #[must_use]
    pub fn is_of(&self, range: DumpRange) -> bool {
        let sound = Self::new(self.command, range, self.part, self.bytes());
        sound.as_ref() == Some(self)
    }
}

/// The first byte of a part under an epoch's key.
#[must_use]
pub const fn first_byte(epoch: Epoch) -> u8 {
    ObjectKind::Dump.code() << 4 | epoch.get()
}

/// Gives `bytes` the shape of a part.
///
/// # Errors
/// [`ReportError`].
pub fn parse(bytes: &[u8]) -> Result<ReportFrame<'_>, ReportError> {
    ReportFrame::parse_as(bytes, ObjectKind::Dump, BODY_LEN)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn command() -> ObjectNumber {
        ObjectNumber::from_be_bytes([1, 2, 3])
    }

    #[test]
    fn the_parts_of_every_length_are_all_of_the_range_one_behind_the_other() {
        for len in 1..=MAX_LEN {
            let range = DumpRange::new(5, len).unwrap();
            let mut at = 0;
            for part in 0..range.parts() {
                let (from, len) = range.part(part).unwrap();
                assert_eq!(from, at);
                assert!((1..=PART_LEN).contains(&len));
                at += len;
            }
            assert_eq!(at, len);
            assert_eq!(range.part(range.parts()), None);
        }
        assert_eq!(DumpRange::new(0, MAX_LEN).unwrap().parts(), MAX_PARTS);
    }

    #[test]
    fn what_is_nothing_too_much_or_no_range_is_none() {
        assert_eq!(DumpRange::new(0, 0), None);
        assert_eq!(DumpRange::new(0, MAX_LEN + 1), None);
        assert_eq!(DumpRange::new(0, u16::MAX), None);
        assert_eq!(DumpRange::new(u32::MAX - 9, 10), None);
        assert!(DumpRange::new(u32::MAX - 10, 10).is_some());
    }

    #[test]
    fn a_part_is_of_its_own_range_alone_and_padded_with_zeros() {
        let range = DumpRange::new(100, 70).unwrap();
        let bytes: Vec<u8> = (1..=70).collect();
        let last = Part::new(command(), range, 1, Some(&bytes[64..])).unwrap();
        assert_eq!((last.offset, last.len), (164, 6));
        assert_eq!(last.bytes(), Some(&bytes[64..]));
        assert!(last.is_of(range));
        assert!(!last.is_of(DumpRange::new(100, 71).unwrap()));
        assert!(!last.is_of(DumpRange::new(101, 70).unwrap()));
        assert!(!Part { part: 0, ..last }.is_of(range));
        assert!(!Part { len: 65, ..last }.is_of(range));
        let mut padded = last;
        padded.halves[1][31] = 1;
        assert!(!padded.is_of(range));
        // Bytes of another length are no part.
        assert_eq!(Part::new(command(), range, 1, Some(&bytes[63..])), None);
        assert_eq!(Part::new(command(), range, 2, None), None);
    }

    #[test]
    fn what_the_flash_did_not_give_has_no_bytes() {
        let range = DumpRange::new(0, 64).unwrap();
        let part = Part::new(command(), range, 0, None).unwrap();
        assert_eq!(part.bytes(), None);
        assert!(part.is_of(range));
        let mut filled = part;
        filled.halves[0][0] = 7;
        assert!(!filled.is_of(range));
    }
}
