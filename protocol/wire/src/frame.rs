//! One uplink frame: a symbol of an object, and all that a receiver must know to use it.
//!
//! Parsing never authenticates: a [`Frame`] is what somebody sent. `lightday-trust` opens it with the
//! link key, and only then may a byte of it be believed.
//!
//! ```text
//!  0        1                 4        6        8              8+n        8+n+tag
//!  +--------+-----------------+--------+--------+----- ... -----+---- ... ----+
//!  |kind|ep.| object number   |   K    | index  |    symbol     |     tag     |
//!  +--------+-----------------+--------+--------+----- ... -----+---- ... ----+
//!   4b   4b   24 bit            16 bit   16 bit   n B, n even     8 B (6 B by profile)
//! ```
//! All integers are big-endian. The tag covers domain, vehicle, direction, epoch, header, length and
//! symbol (`docs/SPEC.md`).

use crate::codes::ObjectKind;
use crate::ids::{Epoch, ObjectNumber};

/// Bytes before the symbol.
pub const HEADER_LEN: usize = 8;

/// Longest symbol, so that a frame fits a CCSDS TC transfer frame of 1,024 B with its headers.
pub const MAX_SYMBOL_LEN: usize = 1000;

/// How many bytes of the HMAC-SHA-256 a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagLen {
    /// 8 B, the default.
    Eight,
    /// 6 B, for profiles on very slow links.
    Six,
}

impl TagLen {
    /// The length in bytes.
    #[must_use]
    pub const fn get(self) -> usize {
        match self {
            Self::Eight => 8,
            Self::Six => 6,
        }
    }
}

/// The header of a frame: 8 B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// What the object is.
    pub kind: ObjectKind,
    /// Which link key authenticates the frame.
    pub epoch: Epoch,
    /// The object's number.
    pub number: ObjectNumber,
    /// K, the number of source symbols, at least 1.
    pub k: u16,
    /// Which symbol this is: below K a source symbol, from K on parity.
    pub index: u16,
}

impl FrameHeader {
    /// The header's bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; HEADER_LEN] {
        let [n0, n1, n2] = self.number.to_be_bytes();
        let [k0, k1] = self.k.to_be_bytes();
        let [i0, i1] = self.index.to_be_bytes();
        [
            self.kind.code() << 4 | self.epoch.get(),
            n0,
            n1,
            n2,
            k0,
            k1,
            i0,
            i1,
        ]
    }

    fn from_bytes([first, n0, n1, n2, k0, k1, i0, i1]: [u8; HEADER_LEN]) -> Option<Self> {
        Some(Self {
            kind: ObjectKind::from_code(first >> 4)?,
            epoch: Epoch::new(first & 0x0f)?,
            number: ObjectNumber::from_be_bytes([n0, n1, n2]),
            k: u16::from_be_bytes([k0, k1]),
            index: u16::from_be_bytes([i0, i1]),
        })
    }
}

/// Why bytes are no frame. The sender, or the link, is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// Shorter than header, the shortest symbol and tag.
    TooShort,
    /// Longer than [`MAX_SYMBOL_LEN`] allows.
    TooLong,
    /// The symbol's length is odd.
    OddSymbol,
    /// The kind is unknown or never goes up.
    UnknownKind,
    /// K is zero.
    NoSymbols,
}

impl core::fmt::Display for FrameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::TooShort => "the frame is shorter than its header, a symbol and its tag",
            Self::TooLong => "the frame is longer than the longest symbol allows",
            Self::OddSymbol => "the symbol's length is odd",
            Self::UnknownKind => "the frame's kind is unknown",
            Self::NoSymbols => "the frame says that its object has no symbols",
        })
    }
}

impl core::error::Error for FrameError {}

/// A frame as it arrived: well-formed, not authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The parsed header.
    pub header: FrameHeader,
    /// The symbol: an even number of bytes, at least 2.
    pub symbol: &'a [u8],
    /// The truncated MAC.
    pub tag: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Gives `bytes` the shape of a frame. Takes no more than a look at each field.
    ///
    /// # Errors
    /// [`FrameError`] names the field that is wrong.
    pub fn parse(bytes: &'a [u8], tag_len: TagLen) -> Result<Self, FrameError> {
        let (header, rest) = bytes.split_first_chunk().ok_or(FrameError::TooShort)?;
        let symbol_len = rest
            .len()
            .checked_sub(tag_len.get())
            .ok_or(FrameError::TooShort)?;
        let (symbol, tag) = rest
            .split_at_checked(symbol_len)
            .ok_or(FrameError::TooShort)?;
        let header = FrameHeader::from_bytes(*header).ok_or(FrameError::UnknownKind)?;
        match symbol_len {
            0 => return Err(FrameError::TooShort),
            n if n > MAX_SYMBOL_LEN => return Err(FrameError::TooLong),
            n if n % 2 != 0 => return Err(FrameError::OddSymbol),
            _ => {}
        }
        if header.kind.uplink_index().is_none() {
            return Err(FrameError::UnknownKind);
        }
        if header.k == 0 {
            return Err(FrameError::NoSymbols);
        }
        Ok(Self {
            header,
            symbol,
            tag,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOLDEN: [u8; 20] = [
        0x12, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0xaa, 0xbb, 0xcc, 0xdd, 1, 2, 3, 4, 5, 6,
        7, 8,
    ];

    #[test]
    fn the_golden_frame_reads_as_documented() {
        let frame = Frame::parse(&GOLDEN, TagLen::Eight).unwrap();
        assert_eq!(frame.header.kind, ObjectKind::Bundle);
        assert_eq!(frame.header.epoch.get(), 2);
        assert_eq!(frame.header.number.get(), 0x0102);
        assert_eq!((frame.header.k, frame.header.index), (0x0304, 0x0506));
        assert_eq!(frame.symbol, [0xaa, 0xbb, 0xcc, 0xdd]);
        assert_eq!(frame.tag, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(frame.header.to_bytes(), GOLDEN[..8]);
        assert_eq!(Frame::parse(&GOLDEN, TagLen::Six).unwrap().symbol.len(), 6);
    }

    #[test]
    fn each_field_has_its_error() {
        let parse = |bytes: &[u8]| Frame::parse(bytes, TagLen::Eight).unwrap_err();
        assert_eq!(parse(&GOLDEN[..7]), FrameError::TooShort);
        assert_eq!(parse(&GOLDEN[..16]), FrameError::TooShort);
        assert_eq!(parse(&GOLDEN[..19]), FrameError::OddSymbol);
        assert_eq!(
            parse(&[0x10; HEADER_LEN + MAX_SYMBOL_LEN + 10]),
            FrameError::TooLong
        );
        for first in [0x02, 0xf2, 0x52] {
            let mut bytes = GOLDEN;
            bytes[0] = first;
            assert_eq!(parse(&bytes), FrameError::UnknownKind);
        }
        let mut bytes = GOLDEN;
        bytes[4..6].fill(0);
        assert_eq!(parse(&bytes), FrameError::NoSymbols);
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_are_refused_and_the_header_survives(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            if let Ok(frame) = Frame::parse(&bytes, TagLen::Eight) {
                prop_assert_eq!(&frame.header.to_bytes()[..], &bytes[..8]);
                prop_assert_eq!(8 + frame.symbol.len() + 8, bytes.len());
            }
        }
    }
}
