//! Identifiers: what everything else names things by. Plain values, never with behaviour.

use core::fmt;
use serde::{Deserialize, Serialize};

/// A SHA-256 digest, 32 B.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The first 8 B, by which documents name an image that the vehicle knows already.
    #[must_use]
    pub const fn prefix(&self) -> DigestPrefix {
        let d = &self.0;
        DigestPrefix([d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]])
    }
}

/// The first 8 B of a [`Digest`]: names an image among the few on board, never proves one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DigestPrefix(pub [u8; 8]);

impl DigestPrefix {
    /// The first 4 B, as reports carry them.
    #[must_use]
    pub const fn short(&self) -> [u8; 4] {
        let d = &self.0;
        [d[0], d[1], d[2], d[3]]
    }
}

/// Writes bytes as lower-case hexadecimal.
fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|b| write!(f, "{b:02x}"))
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.prefix().short(), f)
    }
}

impl fmt::Display for DigestPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for DigestPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

/// One vehicle: a spacecraft, or the testbed that stands in for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VehicleId(pub u32);

/// A class of vehicles that run the same software.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClassId(pub u32);

/// What a bundle is bound to. The id is signed and never sent: the vehicle knows its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// One vehicle only.
    Vehicle(VehicleId),
    /// Every vehicle of a class, so that the testbed flies the identical bytes first.
    Class(ClassId),
}

/// Which part of the vehicle an image is for (RFC 9124, component identifier).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentId(pub u8);

/// The number of an object, 24 bit. Each object kind counts for itself; numbers only go up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ObjectNumber(u32);

impl ObjectNumber {
    /// The largest number, 2^24 - 1. It stands for "used up" and is never accepted: behind it there is
    /// none that would bar it from being played back.
    pub const MAX: Self = Self(0x00ff_ffff);
    /// Numbers from the next one accepted up to this many beyond it are heard.
    pub const WINDOW: u32 = 65_536;

    /// A number of at most 24 bit, or `None`.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number <= Self::MAX.0 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The number as an integer.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number after this one; the last number stays where it is.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0 < Self::MAX.0 {
            Self(self.0 + 1)
        } else {
            self
        }
    }

    /// Whether an object of this number is heard where `next` is the next number accepted.
    #[must_use]
    pub const fn is_in_window(self, next: Self) -> bool {
        self.0 >= next.0 && self.0 - next.0 < Self::WINDOW && self.0 < Self::MAX.0
    }

    /// Three bytes, most significant first.
    #[must_use]
    pub const fn to_be_bytes(self) -> [u8; 3] {
        let [_, a, b, c] = self.0.to_be_bytes();
        [a, b, c]
    }

    /// From three bytes, most significant first.
    #[must_use]
    pub const fn from_be_bytes([a, b, c]: [u8; 3]) -> Self {
        Self(u32::from_be_bytes([0, a, b, c]))
    }
}

impl fmt::Display for ObjectNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for ObjectNumber {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.to_be_bytes().serialize(s)
    }
}

impl<'de> Deserialize<'de> for ObjectNumber {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        <[u8; 3]>::deserialize(d).map(Self::from_be_bytes)
    }
}

/// Which of the sixteen pre-loaded link keys authenticates frames, 0 to 15. Only goes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Epoch(u8);

impl Epoch {
    /// How many link keys are pre-loaded.
    pub const COUNT: usize = 16;
    /// The first epoch.
    pub const FIRST: Self = Self(0);

    /// An epoch of 0 to 15, or `None`.
    #[must_use]
    pub const fn new(epoch: u8) -> Option<Self> {
        if (epoch as usize) < Self::COUNT {
            Some(Self(epoch))
        } else {
            None
        }
    }

    /// The epoch as an integer.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Epoch {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(u8::deserialize(d)?).ok_or_else(|| serde::de::Error::custom("epoch above 15"))
    }
}

/// The place of a key in its key set; from [`KeyIndex::NEW_SET`] on, in the set that a key-set
/// document brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyIndex(pub u8);

impl KeyIndex {
    /// Added to the index of a key that stands in the new key set, which signs for itself.
    pub const NEW_SET: u8 = 0x80;
}

/// The version of an image, as people name it; the vehicle reports it and decides nothing by it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Version {
    /// Major number.
    pub major: u8,
    /// Minor number.
    pub minor: u8,
    /// Patch number.
    #[serde(with = "postcard::fixint::be")]
    pub patch: u16,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl core::str::FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let mut parts = text.split('.');
        let mut part = || parts.next().ok_or(VersionError);
        let (major, minor, patch) = (part()?, part()?, part()?);
        if parts.next().is_some() {
            return Err(VersionError);
        }
        Ok(Self {
            major: major.parse().map_err(|_| VersionError)?,
            minor: minor.parse().map_err(|_| VersionError)?,
            patch: patch.parse().map_err(|_| VersionError)?,
        })
    }
}

/// A version that is not `major.minor.patch` with 8, 8 and 16 bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionError;

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a version is MAJOR.MINOR.PATCH, at most 255.255.65535")
    }
}

impl core::error::Error for VersionError {}

/// One of the two slots that are written in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SlotId {
    /// Slot A.
    A,
    /// Slot B.
    B,
}

impl SlotId {
    /// Both slots, in order.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// 0 for A, 1 for B.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }

    /// The other slot.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::B => "B",
        })
    }
}

/// Where an image lies: in a slot, or golden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Location {
    /// In one of the two slots.
    Slot(SlotId),
    /// The golden image, never programmed in flight.
    Golden,
}

impl Location {
    /// All locations, in order.
    pub const ALL: [Self; 3] = [Self::Slot(SlotId::A), Self::Slot(SlotId::B), Self::Golden];
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(slot) => slot.fmt(f),
            Self::Golden => f.write_str("golden"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_65536_numbers_from_the_next_one() {
        let n = |n| ObjectNumber::new(n).unwrap();
        assert!(n(5).is_in_window(n(5)));
        assert!(!n(4).is_in_window(n(5)));
        assert!(n(5 + 65_535).is_in_window(n(5)));
        assert!(!n(5 + 65_536).is_in_window(n(5)));
        assert_eq!(ObjectNumber::MAX.next(), ObjectNumber::MAX);
        assert!(n(0x00ff_fffe).is_in_window(n(0x00ff_fffe)));
        assert!(!ObjectNumber::MAX.is_in_window(ObjectNumber::MAX));
        assert_eq!(ObjectNumber::new(1 << 24), None);
    }

    #[test]
    fn versions_are_read_as_written() {
        let v: Version = "1.2.345".parse().unwrap();
        assert_eq!((v.major, v.minor, v.patch), (1, 2, 345));
        for bad in ["", "1", "1.2", "1.2.3.4", "256.0.0", "1.2.x", "1.2.65536"] {
            assert_eq!(bad.parse::<Version>(), Err(VersionError), "{bad}");
        }
    }
}
