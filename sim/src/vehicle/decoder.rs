//! What the decoders of a simulated vehicle may take, by the profile that the ground builds for.
//!
//! It never gives a decoder what its profile does not: a patch that the vehicle could not decode is refused
//! by the twin too.

use lightday_station::profile::DecoderProfile;
use lightday_wire::CodecId;

/// The memory of a profile's decoders: there is none for a codec that the profile does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecoderMemory {
    /// Bytes of RAM set apart, for [`CodecId::Model`].
    pub ram: usize,
    /// Bytes of a heap, for [`CodecId::BsdiffZstd`].
    pub heap: u32,
}

impl DecoderMemory {
    /// What a vehicle of this profile has.
    #[must_use]
    pub fn of(profile: &DecoderProfile) -> Self {
        let room = |codec: CodecId| {
            let is_listed = profile.codecs.contains(&codec);
            if is_listed { profile.ram } else { 0 }
        };
        Self {
            ram: usize::try_from(room(CodecId::Model)).unwrap_or(usize::MAX),
            heap: room(CodecId::BsdiffZstd),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_that_is_not_listed_has_no_memory() {
        let of = |codecs: &[CodecId]| {
            DecoderMemory::of(&DecoderProfile {
                ram: 65_536,
                codecs: codecs.to_vec(),
            })
        };
        let (ram, heap) = (65_536, 65_536);
        assert_eq!(of(&[CodecId::Store]), DecoderMemory { ram: 0, heap: 0 });
        assert_eq!(of(&[CodecId::Model]), DecoderMemory { ram, heap: 0 });
        assert_eq!(of(&[CodecId::BsdiffZstd]), DecoderMemory { ram: 0, heap });
    }
}
