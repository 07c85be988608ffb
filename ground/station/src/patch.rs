//! Patch files: a payload with just enough around it to be applied without a manifest.
//!
//! What flies is a bundle, whose signed manifest names base and result. A patch file is for whoever applies
//! patches by hand or in a script of their own; it is signed by nobody. Never reads a file: bytes in, bytes
//! out. The lengths of the images are not in it: who has the base knows its length, and the file tells by
//! how much the new image is longer.
//!
//! ```text
//! 0                      1                  1 + n            5 + n           9 + n
//! | version 4 | codec 4  | growth: 1 to 5 B | base digest 4 B | new digest 4 B | payload ...
//! |    1      | 1 store  | new length - base length, zigzag   | first bytes of the SHA-256
//! |           | 2 bsdiff + zstd, 3 model
//!
//! codec store:
//! 0                      1                5
//! | version 4 | codec 4  | new digest 4 B | payload: the new image
//! ```
//!
//! The growth is a zigzag varint (0, -1, 1, -2 ... as 0, 1, 2, 3 ..., seven bits a byte, the lowest first) in
//! as few bytes as hold it. The base's digest is checked before the first write, the new image's after the
//! last byte. Images have at most 2^31 - 1 bytes.
//!
//! ```
//! use lightday_station::codec::{Hints, candidates};
//! use lightday_station::patch::Patch;
//! use lightday_station::profile::DecoderProfile;
//! use lightday_wire::CodecId;
//!
//! let (old, new) = (b"light is slow".repeat(30), b"light is late".repeat(30));
//! let decoder = DecoderProfile { ram: 1 << 16, codecs: vec![CodecId::Model] };
//! let payloads = candidates(Some(&old), &new, &decoder, &Hints::default(), &|_| ())?;
//! let patch = Patch::smallest(&payloads, &old, &new)?.ok_or("no codec made a patch")?;
//! let file = patch.to_bytes();
//! assert_eq!(Patch::parse(&file)?.apply(&old, 1 << 16)?, new);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::fmt;

use lightday_delta::{BsdiffZstdDecoder, DecodeError, Lengths, StoreDecoder, encode, model_ram};
use lightday_trust::digest::sha256;
use lightday_wire::CodecId;

use crate::codec::{self, CodecError, Encoded};
use crate::profile::DECODER_RAM_MAX;

/// The version of the format.
pub const FORMAT: u8 = 1;

/// Longest image in bytes, old or new.
pub const IMAGE_MAX: u64 = i32::MAX as u64;

/// Longest head in bytes.
pub const HEAD_MAX: usize = 14;

/// The first four bytes of a SHA-256.
pub type Prefix = [u8; 4];

/// What a patch file says of its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatchBase {
    /// Length of the new image less that of the base.
    pub growth: i64,
    /// First bytes of the base's SHA-256.
    pub digest: Prefix,
}

/// A patch file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The codec of the payload.
    pub codec: CodecId,
    /// The base; a whole image has none.
    pub base: Option<PatchBase>,
    /// First bytes of the new image's SHA-256.
    pub new_digest: Prefix,
    /// The payload.
    pub payload: Vec<u8>,
}

/// Why a patch file cannot be read, written or applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatchError {
    /// Bad bytes: no patch file, or one of a version that we do not know.
    Format,
    /// Bad bytes: the file ends within its head.
    Truncated,
    /// Bad bytes: the growth is not written as it has to be.
    Growth,
    /// An image is longer than 2^31 - 1 bytes, or shorter than none.
    Length(i64),
    /// The old image is already the new one.
    AlreadyNew,
    /// The old image is not the base.
    WrongBase {
        /// The first bytes of its SHA-256.
        found: Prefix,
        /// Those of the base.
        wanted: Prefix,
    },
    /// The patch needs more RAM than it may have.
    Ram {
        /// Bytes needed, where the patch says it.
        needed: Option<u32>,
        /// Bytes allowed.
        allowed: u32,
    },
    /// Bad bytes: the payload does not decode.
    Payload(CodecError),
    /// Bad bytes: the payload decodes to another image.
    WrongResult {
        /// The first bytes of its SHA-256.
        found: Prefix,
        /// Those of the new image.
        wanted: Prefix,
    },
}

/// The digits of a digest's first bytes.
#[must_use]
pub fn hex(prefix: Prefix) -> String {
    format!("{:08x}", u32::from_be_bytes(prefix))
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format => f.write_str("not a patch file of version 1"),
            Self::Truncated => f.write_str("the patch file ends within its head"),
            Self::Growth => f.write_str("the difference of the lengths is malformed"),
            Self::Length(len) => write!(f, "an image of {len} B: 0 to {IMAGE_MAX} B are possible"),
            Self::AlreadyNew => {
                f.write_str("this is the new image already: the patch makes it from the old one")
            }
            Self::WrongBase { found, wanted } => write!(
                f,
                "not the base of this patch: its SHA-256 begins with {}, that of the base with {}",
                hex(*found),
                hex(*wanted)
            ),
            Self::Ram {
                needed: Some(needed),
                allowed,
            } => write!(
                f,
                "the patch needs {needed} B of RAM to decode, {allowed} B are allowed"
            ),
            Self::Ram { allowed, .. } => {
                write!(f, "the patch needs more RAM to decode than {allowed} B")
            }
            Self::Payload(error) => error.fmt(f),
            Self::WrongResult { found, wanted } => write!(
                f,
                "the patch became another image: its SHA-256 begins with {}, not with {}",
                hex(*found),
                hex(*wanted)
            ),
        }
    }
}

impl std::error::Error for PatchError {}

impl PatchError {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Format => {
                "check that this is the patch and not an image, and that lightday is new enough for it"
            }
            Self::Payload(CodecError::Memory(..)) => CodecError::MEMORY_HINT,
            Self::Truncated | Self::Growth | Self::Payload(_) | Self::WrongResult { .. } => {
                "the patch was damaged: copy it again, or make it anew with `lightday delta make`"
            }
            Self::Length(_) => {
                "check that this is the patch's base; Lightday takes images up to 2 GiB"
            }
            Self::AlreadyNew => {
                "nothing is left to do; if old and new were swapped, give the old image first"
            }
            Self::WrongBase { .. } => {
                "give the image that the patch was made from; `sha256sum` tells its digest"
            }
            Self::Ram {
                needed: Some(needed),
                ..
            } if *needed > DECODER_RAM_MAX.0 => {
                "no patch of ours needs so much: it was damaged; copy it again, or make it anew with `lightday delta make`"
            }
            Self::Ram { .. } => {
                "allow more with --ram, or make the patch for less: `lightday delta make --ram`"
            }
        }
    }
}

/// The first bytes of the SHA-256 of an image.
#[must_use]
pub fn prefix(image: &[u8]) -> Prefix {
    let [a, b, c, d, ..] = sha256(image).0;
    [a, b, c, d]
}

fn length(image: &[u8]) -> Result<i64, PatchError> {
    let len = i64::try_from(image.len()).unwrap_or(i64::MAX);
    match image.len() as u64 > IMAGE_MAX {
        true => Err(PatchError::Length(len)),
        false => Ok(len),
    }
}

impl Patch {
    /// The file of a payload from `old` to `new`.
    ///
    /// # Errors
    /// [`PatchError::Length`].
    pub fn new(encoded: &Encoded, old: &[u8], new: &[u8]) -> Result<Self, PatchError> {
        let growth = length(new)? - length(old)?;
        let base = PatchBase {
            growth,
            digest: prefix(old),
        };
        Ok(Self {
            codec: encoded.codec,
            base: (encoded.codec != CodecId::Store).then_some(base),
            new_digest: prefix(new),
            payload: encoded.payload.clone(),
        })
    }

    /// Of these payloads the patch whose file is smallest, head included; of equals the first. `None` of none.
    ///
    /// # Errors
    /// [`PatchError::Length`].
    pub fn smallest(all: &[Encoded], old: &[u8], new: &[u8]) -> Result<Option<Self>, PatchError> {
        let patches = all.iter().map(|encoded| Self::new(encoded, old, new));
        let patches: Vec<Self> = patches.collect::<Result<_, _>>()?;
        Ok(patches.into_iter().min_by_key(Self::file_len))
    }

    /// Length of the file in bytes.
    #[must_use]
    pub fn file_len(&self) -> usize {
        self.head().len() + self.payload.len()
    }

    /// Everything before the payload.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        let mut head = vec![FORMAT << 4 | self.codec.code() & 15];
        if let Some(base) = &self.base {
            let mut zigzag = (base.growth << 1 ^ base.growth >> 63).cast_unsigned();
            while zigzag > 0x7F {
                head.push((zigzag & 0x7F) as u8 | 0x80);
                zigzag >>= 7;
            }
            head.push(zigzag as u8);
            head.extend(base.digest);
        }
        head.extend(self.new_digest);
        head
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut file = self.head();
        file.extend_from_slice(&self.payload);
        file
    }

    /// Reads a file. The payload is not looked at.
    ///
    /// # Errors
    /// [`PatchError::Format`], [`PatchError::Truncated`], [`PatchError::Growth`].
    pub fn parse(file: &[u8]) -> Result<Self, PatchError> {
        let (first, rest) = file.split_first().ok_or(PatchError::Truncated)?;
        let codec = CodecId::from_code(first & 15).filter(|_| first >> 4 == FORMAT);
        let codec = codec.ok_or(PatchError::Format)?;
        let (base, rest) = if codec == CodecId::Store {
            (None, rest)
        } else {
            let (growth, rest) = growth(rest)?;
            let (digest, rest) = rest.split_first_chunk().ok_or(PatchError::Truncated)?;
            let base = PatchBase {
                growth,
                digest: *digest,
            };
            (Some(base), rest)
        };
        let (digest, payload) = rest.split_first_chunk().ok_or(PatchError::Truncated)?;
        Ok(Self {
            codec,
            base,
            new_digest: *digest,
            payload: payload.to_vec(),
        })
    }

    /// RAM in bytes that decoding takes, where payload or codec say it: bsdiff + zstd tells it by decoding.
    #[must_use]
    pub fn ram(&self) -> Option<u32> {
        match self.codec {
            CodecId::Store => Some(StoreDecoder::RAM),
            CodecId::BsdiffZstd => None,
            CodecId::Model => model_ram(&self.payload).ok(),
        }
    }

    /// Whether `old` is the base; a patch without a base takes anything.
    ///
    /// # Errors
    /// [`PatchError::AlreadyNew`], [`PatchError::WrongBase`].
    pub fn check_base(&self, old: &[u8]) -> Result<(), PatchError> {
        let Some(base) = &self.base else {
            return Ok(());
        };
        let found = prefix(old);
        if found == base.digest {
            return Ok(());
        }
        if found == self.new_digest {
            return Err(PatchError::AlreadyNew);
        }
        Err(PatchError::WrongBase {
            found,
            wanted: base.digest,
        })
    }

    /// Length in bytes of the new image, made from a base of this length.
    ///
    /// # Errors
    /// [`PatchError::Length`].
    pub fn new_len(&self, old: &[u8]) -> Result<u32, PatchError> {
        let len = match &self.base {
            Some(base) => length(old)?.saturating_add(base.growth),
            None => length(&self.payload)?,
        };
        i32::try_from(len)
            .ok()
            .and_then(|len| u32::try_from(len).ok())
            .ok_or(PatchError::Length(len))
    }

    /// The new image, made from `old` in at most `ram` bytes of RAM.
    ///
    /// # Errors
    /// Those of [`Patch::check_base`] and [`Patch::new_len`], [`PatchError::Ram`], [`PatchError::Payload`],
    /// [`PatchError::WrongResult`].
    pub fn apply(&self, old: &[u8], ram: u32) -> Result<Vec<u8>, PatchError> {
        self.check_base(old)?;
        let new_len = self.new_len(old)?;
        let needed = self.ram();
        let allowed = ram;
        if needed.is_some_and(|needed| needed > allowed) {
            return Err(PatchError::Ram { needed, allowed });
        }
        let base = self.base.map_or(&[][..], |_| old);
        let new =
            codec::decode(self.codec, ram, base, &self.payload, new_len).map_err(|e| match e {
                // A patch that says how much it needs, has it, and needs more, says what is not so.
                CodecError::Refused(_, DecodeError::RamTooSmall) if needed.is_none() => {
                    PatchError::Ram { needed, allowed }
                }
                other => PatchError::Payload(other),
            })?;
        let found = prefix(&new);
        if found != self.new_digest {
            return Err(PatchError::WrongResult {
                found,
                wanted: self.new_digest,
            });
        }
        Ok(new)
    }

    /// RAM in bytes that decoding takes, found out by decoding if need be.
    ///
    /// # Errors
    /// [`PatchError`].
    pub fn measure_ram(&self, old: &[u8]) -> Result<u32, PatchError> {
        if let Some(ram) = self.ram() {
            return Ok(ram);
        }
        let new_len = self.new_len(old)?;
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let lengths = Lengths {
            patch: len(&self.payload),
            base: len(old),
            new: new_len,
        };
        let mut decoder = BsdiffZstdDecoder::new(lengths, u32::MAX);
        match encode::apply(&mut decoder, old, &self.payload, new_len) {
            Ok(_) => Ok(decoder.ram_needed()),
            Err(error) => Err(PatchError::Payload(CodecError::Refused(self.codec, error))),
        }
    }
}

/// Reads the growth: shortest form only, so that a patch has one file.
fn growth(bytes: &[u8]) -> Result<(i64, &[u8]), PatchError> {
    let mut zigzag = 0_u64;
    let mut rest = bytes;
    for shift in (0..35).step_by(7) {
        let (byte, after) = rest.split_first().ok_or(PatchError::Truncated)?;
        rest = after;
        zigzag |= u64::from(byte & 0x7F) << shift;
        if *byte < 0x80 {
            if *byte == 0 && shift > 0 {
                return Err(PatchError::Growth);
            }
            let growth = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
            return Ok((growth, rest));
        }
    }
    Err(PatchError::Growth)
}

#[cfg(test)]
#[path = "patch_tests.rs"]
mod tests;
