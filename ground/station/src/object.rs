//! What goes up: the bytes of one object, cut into K symbols, and any of its frames by index.
//!
//! Never decides when a frame is sent (the [session](crate::session) does) and keeps no state: the
//! same index gives the same frame for ever.
//!
//! ```text
//! object bytes | envelope | payload ... | zeros |        padded to K * symbol_len
//!              | symbol 0 | symbol 1 | ... | symbol K-1 |   then parity: K, K+1, ...
//! ```
//!
//! ```
//! use lightday_station::object::UplinkObject;
//! use lightday_wire::{ObjectKind, ObjectNumber};
//!
//! let number = ObjectNumber::new(5).unwrap();
//! let object = UplinkObject::fit(ObjectKind::Command, number, b"eleven byte", 8, 2)?;
//! assert_eq!((object.k(), object.symbol_len()), (2, 6));
//! assert_eq!(object.symbol(1).unwrap(), *b" byte\0");
//! # Ok::<(), lightday_station::object::ObjectError>(())
//! ```

use core::fmt;
use lightday_fec::{BlockShape, encode};
use lightday_trust::FrameKey;
use lightday_wire::frame::MAX_SYMBOL_LEN;
use lightday_wire::{Envelope, FrameHeader, HEADER_LEN, ObjectKind, ObjectNumber, TagLen};
use serde::{Deserialize, Serialize};

/// Symbols of one object at most, parity included: index 65,535 stands for none.
pub const MAX_SYMBOLS: u32 = 65_535;

/// Why bytes cannot become an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectError {
    /// No bytes.
    Empty,
    /// The symbol length is odd, zero, above 1,000 or no multiple of the granule.
    SymbolLen(u16),
    /// More source symbols than there may be.
    TooManySymbols {
        /// How many it takes.
        k: u64,
        /// How many there may be.
        max: u16,
    },
    /// Reports and answers do not go up.
    Kind,
    /// Symbol log and block do not fit the staging area.
    Staging {
        /// Bytes that they take.
        need: u64,
        /// Bytes of the staging area.
        have: u32,
    },
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the object is empty"),
            Self::SymbolLen(len) => write!(
                f,
                "a symbol of {len} B is not even, above 0, at most 1000 and a multiple of the granule"
            ),
            Self::TooManySymbols { k, max } => {
                write!(f, "the object takes {k} symbols, the vehicle takes {max}")
            }
            Self::Kind => f.write_str("reports and answers do not go up"),
            Self::Staging { need, have } => write!(
                f,
                "symbol log and block take {need} B, memory.staging_size is {have} B"
            ),
        }
    }
}

impl std::error::Error for ObjectError {}

impl ObjectError {
    /// The field of mission.toml that sets the bound, if one does.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::SymbolLen(_) => Some("link.symbol_len_max"),
            Self::TooManySymbols { .. } => Some("memory.symbols"),
            Self::Staging { .. } => Some("memory.staging_size"),
            Self::Empty | Self::Kind => None,
        }
    }

    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Empty => "build the bundle again",
            Self::SymbolLen(_) => "correct `link.symbol_len_max` in mission.toml",
            Self::TooManySymbols { .. } => {
                "raise `link.symbol_len_max`, or send a smaller payload: a delta from a nearer base"
            }
            Self::Staging { .. } => {
                "send a smaller payload: a delta from a nearer base; or correct `memory.staging_size` in mission.toml"
            }
            Self::Kind => "give a bundle, an authorization, a command or a key set",
        }
    }
}

/// An object that goes up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UplinkObject {
    kind: ObjectKind,
    number: ObjectNumber,
    /// Padded to a whole number of symbols.
    bytes: Vec<u8>,
    /// Bytes before the padding.
    len: u32,
    symbol_len: u16,
}

impl UplinkObject {
    /// Cuts `bytes` into symbols of `symbol_len` bytes.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub fn new(
        kind: ObjectKind,
        number: ObjectNumber,
        bytes: &[u8],
        symbol_len: u16,
    ) -> Result<Self, ObjectError> {
        let too_long = usize::from(symbol_len) > MAX_SYMBOL_LEN;
        if symbol_len == 0 || !symbol_len.is_multiple_of(2) || too_long {
            return Err(ObjectError::SymbolLen(symbol_len));
        }
        if kind.uplink_index().is_none() {
            return Err(ObjectError::Kind);
        }
        if bytes.is_empty() {
            return Err(ObjectError::Empty);
        }
        let k = bytes.len().div_ceil(usize::from(symbol_len));
        // One parity symbol at least has to have an index.
        let max = u16::MAX - 1;
        let (true, Ok(len)) = (k <= usize::from(max), u32::try_from(bytes.len())) else {
            return Err(ObjectError::TooManySymbols { k: k as u64, max });
        };
        let mut padded = bytes.to_vec();
        padded.resize(k * usize::from(symbol_len), 0);
        Ok(Self {
            kind,
            number,
            bytes: padded,
            len,
            symbol_len,
        })
    }

    /// Cuts `bytes` into as few symbols of at most `symbol_len_max` bytes as hold them, of equal
    /// length, so that little is padded. Symbols are a multiple of `granule` (even) bytes.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub fn fit(
        kind: ObjectKind,
        number: ObjectNumber,
        bytes: &[u8],
        symbol_len_max: u16,
        granule: u16,
    ) -> Result<Self, ObjectError> {
        let granule_len = usize::from(granule.max(1));
        let longest = usize::from(symbol_len_max) / granule_len * granule_len;
        if longest == 0 {
            return Err(ObjectError::SymbolLen(symbol_len_max));
        }
        let k = bytes.len().div_ceil(longest).max(1);
        let symbol_len = bytes.len().div_ceil(k).next_multiple_of(granule_len);
        let symbol_len =
            u16::try_from(symbol_len).map_err(|_| ObjectError::SymbolLen(symbol_len_max))?;
        Self::new(kind, number, bytes, symbol_len)
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> ObjectKind {
        self.kind
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> ObjectNumber {
        self.number
    }

    /// Bytes before the padding.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Never: an object has at least one byte.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the envelope at its front; what is behind it is payload.
    #[must_use]
    pub fn envelope_len(&self) -> u32 {
        let object = self.bytes.get(..self.len as usize).unwrap_or_default();
        let rest = Envelope::parse(object).map_or(0, |(_, rest)| rest.len());
        self.len - u32::try_from(rest).unwrap_or(0)
    }

    /// Bytes of each symbol.
    #[must_use]
    pub const fn symbol_len(&self) -> u16 {
        self.symbol_len
    }

    /// K, the number of source symbols.
    #[must_use]
    pub fn k(&self) -> u16 {
        let k = self.bytes.len() / usize::from(self.symbol_len.max(1));
        u16::try_from(k).unwrap_or(u16::MAX)
    }

    /// Bytes of each of its frames.
    #[must_use]
    pub const fn frame_len(&self, tag_len: TagLen) -> usize {
        HEADER_LEN + self.symbol_len as usize + tag_len.get()
    }

    /// The symbol of an index: below K a source symbol, from K on parity; `None` for index 65,535.
    #[must_use]
    pub fn symbol(&self, index: u16) -> Option<Vec<u8>> {
        let shape = BlockShape::new(self.k(), self.symbol_len).ok()?;
        let mut symbol = vec![0; usize::from(self.symbol_len)];
        encode(shape, &self.bytes, index, &mut symbol).ok()?;
        Some(symbol)
    }

    /// The whole frame of an index under an uplink key; `None` for index 65,535, which no symbol has.
    #[must_use]
    pub fn frame(&self, index: u16, key: &FrameKey, tag_len: TagLen) -> Option<Vec<u8>> {
        let header = FrameHeader {
            kind: self.kind,
            epoch: key.epoch(),
            number: self.number,
            k: self.k(),
            index,
        };
        let mut frame = vec![0; self.frame_len(tag_len)];
        key.seal_frame(header, &self.symbol(index)?, tag_len, &mut frame)?;
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightday_trust::{Direction, LinkKey, LinkKeys};
    use lightday_wire::{Epoch, Frame, VehicleId};
    use proptest::prelude::*;

    fn number(n: u32) -> ObjectNumber {
        ObjectNumber::new(n).unwrap()
    }

    #[test]
    fn a_frame_opens_under_its_key_and_holds_its_symbol() {
        let object = UplinkObject::new(ObjectKind::Command, number(5), b"seven bytes", 4).unwrap();
        let keys = LinkKeys(core::array::from_fn(|_| LinkKey([1; 32])));
        let key = keys.frame_key(VehicleId(7), Direction::Up, Epoch::new(2).unwrap());
        for tag_len in [TagLen::Eight, TagLen::Six] {
            for index in [0, 2, 3, 65_534] {
                let bytes = object.frame(index, &key, tag_len).unwrap();
                assert_eq!(bytes.len(), object.frame_len(tag_len));
                let frame = key
                    .open_frame(Frame::parse(&bytes, tag_len).unwrap())
                    .unwrap();
                assert_eq!((frame.header().k, frame.header().index), (3, index));
                assert_eq!(frame.symbol(), object.symbol(index).unwrap());
            }
        }
        assert_eq!(object.symbol(2).unwrap(), *b"tes\0");
        assert_eq!(object.frame(u16::MAX, &key, TagLen::Eight), None);
    }

    #[test]
    fn shapes_that_no_block_has_are_refused() {
        let new = |len: usize, symbol_len| {
            UplinkObject::new(ObjectKind::Bundle, number(0), &vec![1; len], symbol_len)
                .map(|o| o.k())
        };
        assert_eq!(new(0, 2), Err(ObjectError::Empty));
        assert_eq!(new(9, 3), Err(ObjectError::SymbolLen(3)));
        assert_eq!(new(9, 1002), Err(ObjectError::SymbolLen(1002)));
        assert_eq!(new(2 * 65_534, 2), Ok(65_534));
        assert!(matches!(
            new(2 * 65_534 + 1, 2),
            Err(ObjectError::TooManySymbols { k: 65_535, .. })
        ));
    }

    proptest! {
        #[test]
        fn fitting_takes_the_fewest_symbols_and_pads_little(
            len in 1usize..5000, max in 8u16..1000, granule in prop::sample::select(vec![2u16, 4, 8]),
        ) {
            let bytes = vec![1; len];
            let object =
                UplinkObject::fit(ObjectKind::Bundle, number(0), &bytes, max, granule).unwrap();
            let longest = usize::from(max / granule * granule);
            prop_assert_eq!(usize::from(object.k()), len.div_ceil(longest));
            prop_assert!(object.symbol_len() <= max && object.symbol_len().is_multiple_of(granule));
            prop_assert_eq!(object.len() as usize, len);
        }
    }
}
