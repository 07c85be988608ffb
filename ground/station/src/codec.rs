//! The registry of encoders: every codec that the vehicle decodes is tried, the smallest payload wins.
//!
//! Never trusts an encoder: each payload is decoded by the very decoder that flies, in the RAM that
//! its manifest will state, and compared with the image.
//!
//! A further codec is one more arm in `encode_with` and in [`decode`]; `CodecId::Model` is to come.

use core::fmt;
use lightday_delta::{BsdiffZstdDecoder, DecodeError, Lengths, StoreDecoder, encode};
use lightday_wire::CodecId;

use crate::profile::{DecoderProfile, codec_name};

/// A payload, how to decode it, and whether that needs the base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The codec.
    pub codec: CodecId,
    /// The codec's own parameters, at most 8 B.
    pub params: Vec<u8>,
    /// Bytes of RAM that the decoder needs.
    pub ram: u32,
    /// Whether the decoder reads the base.
    pub needs_base: bool,
    /// The payload.
    pub payload: Vec<u8>,
}

/// Why there is no payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodecError {
    /// The profile lists no codec that can encode this.
    NoCodec,
    /// An encoder failed: the ground's machine, or our bug.
    Encoder(CodecId, encode::EncodeError),
    /// Our bug: the payload does not decode.
    Refused(CodecId, DecodeError),
    /// Our bug: the payload decodes to something else.
    Mismatch(CodecId),
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCodec => {
                f.write_str("decoder.codecs: none of these codecs can carry the image")
            }
            Self::Encoder(codec, error) => write!(f, "{}: {error}", codec_name(*codec)),
            Self::Refused(codec, error) => write!(
                f,
                "{}: its decoder refuses the payload: {error}",
                codec_name(*codec)
            ),
            Self::Mismatch(codec) => {
                write!(f, "{}: the payload is another image", codec_name(*codec))
            }
        }
    }
}

impl std::error::Error for CodecError {}

impl CodecError {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NoCodec => "list \"store\" in `decoder.codecs` of mission.toml",
            Self::Encoder(..) => "free memory, or take the codec out of `decoder.codecs`",
            Self::Refused(..) | Self::Mismatch(_) => {
                "a bug of Lightday: keep both images and report it; \
                 without this codec in `decoder.codecs` the build goes through"
            }
        }
    }
}

/// What one codec makes of the image; `None` if it cannot carry it on this vehicle.
fn encode_with(
    codec: CodecId,
    base: Option<&[u8]>,
    new: &[u8],
    ram: u32,
) -> Result<Option<Encoded>, CodecError> {
    match codec {
        CodecId::Store => Ok(Some(Encoded {
            codec,
            params: Vec::new(),
            ram: StoreDecoder::RAM,
            needs_base: false,
            payload: encode::store(new),
        })),
        CodecId::BsdiffZstd => match encode::bsdiff_zstd(base.unwrap_or_default(), new, ram) {
            Ok(patch) => Ok(Some(Encoded {
                codec,
                params: Vec::new(),
                ram: patch.ram_needed,
                needs_base: base.is_some(),
                payload: patch.payload,
            })),
            Err(encode::EncodeError::RamTooSmall) => Ok(None),
            Err(error) => Err(CodecError::Encoder(codec, error)),
        },
        CodecId::Model => Ok(None),
    }
}

/// Decodes a payload with the decoder that flies.
///
/// # Errors
/// [`CodecError::Refused`], or [`CodecError::NoCodec`] for a codec without a decoder.
pub fn decode(
    codec: CodecId,
    ram: u32,
    base: &[u8],
    payload: &[u8],
    new_len: u32,
) -> Result<Vec<u8>, CodecError> {
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let lengths = Lengths {
        patch: len(payload),
        base: len(base),
        new: new_len,
    };
    let refused = |error| CodecError::Refused(codec, error);
    match codec {
        CodecId::Store => {
            let mut decoder = StoreDecoder::new(lengths);
            encode::apply(&mut decoder, base, payload, new_len).map_err(refused)
        }
        CodecId::BsdiffZstd => {
            let mut decoder = BsdiffZstdDecoder::new(lengths, ram);
            encode::apply(&mut decoder, base, payload, new_len).map_err(refused)
        }
        CodecId::Model => Err(CodecError::NoCodec),
    }
}

/// Every payload that the vehicle can decode, smallest first; of equals, the simpler codec.
///
/// # Errors
/// [`CodecError`].
pub fn candidates(
    base: Option<&[u8]>,
    new: &[u8],
    decoder: &DecoderProfile,
) -> Result<Vec<Encoded>, CodecError> {
    let mut all = Vec::new();
    let new_len = u32::try_from(new.len()).unwrap_or(u32::MAX);
    for codec in &decoder.codecs {
        let Some(encoded) = encode_with(*codec, base, new, decoder.ram)? else {
            continue;
        };
        let base = base.filter(|_| encoded.needs_base).unwrap_or_default();
        if decode(*codec, encoded.ram, base, &encoded.payload, new_len)? != new {
            return Err(CodecError::Mismatch(*codec));
        }
        all.push(encoded);
    }
    all.sort_by_key(|e| (e.payload.len(), e.codec));
    Ok(all)
}

/// The smallest payload that the vehicle can decode.
///
/// # Errors
/// [`CodecError`].
pub fn smallest(
    base: Option<&[u8]>,
    new: &[u8],
    decoder: &DecoderProfile,
) -> Result<Encoded, CodecError> {
    let mut all = candidates(base, new, decoder)?.into_iter();
    all.next().ok_or(CodecError::NoCodec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder(ram: u32, codecs: &[CodecId]) -> DecoderProfile {
        DecoderProfile {
            ram,
            codecs: codecs.to_vec(),
        }
    }

    const BOTH: &[CodecId] = &[CodecId::BsdiffZstd, CodecId::Store, CodecId::Model];

    #[test]
    fn the_smallest_that_the_profile_decodes_is_taken() {
        let base = b"light is slow and bytes are dear. ".repeat(50);
        let mut new = base.clone();
        new[70] = b'X';
        let taken = |ram, codecs| smallest(Some(&base), &new, &decoder(ram, codecs)).unwrap();
        let delta = taken(1 << 20, BOTH);
        assert_eq!((delta.codec, delta.needs_base), (CodecId::BsdiffZstd, true));
        assert!(delta.payload.len() < 100);
        let stored = taken(1 << 20, &[CodecId::Store]);
        assert_eq!((stored.payload, stored.needs_base), (new.clone(), false));
        // Too little RAM for any zstd window: the codec stands aside instead of failing.
        assert_eq!(taken(16, BOTH).codec, CodecId::Store);
        assert_eq!(
            smallest(Some(&base), &new, &decoder(16, &[CodecId::Model])),
            Err(CodecError::NoCodec)
        );
    }

    #[test]
    fn a_full_image_is_compressed_without_a_base() {
        let new = b"0123456789".repeat(100);
        let full = smallest(None, &new, &decoder(1 << 20, BOTH)).unwrap();
        assert_eq!((full.codec, full.needs_base), (CodecId::BsdiffZstd, false));
        let back = decode(full.codec, full.ram, b"", &full.payload, 1000).unwrap();
        assert_eq!(back, new);
    }
}
