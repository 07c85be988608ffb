//! The registry of encoders: every codec that the vehicle decodes is tried; whoever knows what stands around the
//! payload takes the one with which the whole is smallest. A codec that fails is left out, and whoever watches
//! hears of it: one encoder's failure never costs the image.
//!
//! Never trusts an encoder: each payload is decoded by the very decoder that flies, in the RAM that
//! its manifest will state, and compared with the image.
//!
//! A further codec is one more arm in `encode_with` and in [`decode`].

use core::fmt;
use lightday_delta::encode::LinkerHints;
use lightday_delta::{
    BsdiffZstdDecoder, DecodeError, Isa, Lengths, ModelDecoder, StoreDecoder, encode, model_ram,
};
use lightday_wire::CodecId;

use crate::image::{Arch, Image};
use crate::profile::{DecoderProfile, Profile, codec_name};

/// Longest image in bytes that `model` is tried on: its search for the alignment takes too long beyond.
pub const MODEL_LIMIT: usize = 16 << 20;

/// What is known of the images beside their bytes. It makes patches smaller, and is never needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hints {
    /// The instruction set; `None` leaves it to the encoder.
    pub isa: Option<Isa>,
    /// Load address of the base.
    pub base_address: Option<u64>,
    /// Load address of the new image.
    pub new_address: Option<u64>,
    /// Load address of both where neither file says it nor the bytes show it.
    pub likely_address: u64,
    /// How hard to search, 1 to 9.
    pub effort: u8,
    /// What the linker said of base and new image.
    pub linker: LinkerHints,
}

impl Default for Hints {
    fn default() -> Self {
        Self {
            isa: None,
            base_address: None,
            new_address: None,
            likely_address: 0,
            effort: encode::ModelOptions::EFFORT,
            linker: LinkerHints::default(),
        }
    }
}

impl Hints {
    /// What the files of the images say.
    #[must_use]
    pub fn of(base: Option<&Image>, new: &Image) -> Self {
        Self {
            isa: new.arch.or(base.and_then(|b| b.arch)).map(isa_of),
            base_address: base.and_then(|b| b.load_address),
            new_address: new.load_address,
            linker: base.map(|base| linker(base, new)).unwrap_or_default(),
            ..Self::default()
        }
    }

    /// What the files of the images say, and what the vehicle's profile says where they say nothing.
    #[must_use]
    pub fn on(profile: &Profile, base: Option<&Image>, new: &Image) -> Self {
        let known = Self::of(base, new);
        Self {
            isa: known.isa.or(profile.arch.map(isa_of)),
            // A raw image may be linked elsewhere than it is kept: what its pointers say goes before.
            likely_address: profile.memory.load_address.any(),
            ..known
        }
    }
}

/// What the linker said of two images. Their RAM is that of both: variables of the new one move in it.
fn linker(base: &Image, new: &Image) -> LinkerHints {
    let (old, new) = (&base.landmarks, &new.landmarks);
    let both = old.ram.as_ref().map(|ram| {
        let other = new.ram.as_ref().unwrap_or(ram);
        ram.start.min(other.start)..ram.end.max(other.end)
    });
    LinkerHints {
        code: old.code.clone(),
        ram: both,
        places: old.places(new),
    }
}

/// The instruction set of an architecture. 32-bit Arm is taken for Thumb, which microcontrollers run.
#[must_use]
pub const fn isa_of(arch: Arch) -> Isa {
    match arch {
        Arch::Arm => Isa::Thumb,
        Arch::Aarch64 => Isa::Aarch64,
        Arch::Riscv32 => Isa::Riscv32,
        Arch::Riscv64 => Isa::Riscv64,
        Arch::Sparc => Isa::Sparc,
        Arch::Powerpc => Isa::WordsBe,
        Arch::X86_64 => Isa::WordsLe,
    }
}

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
    /// The ground's machine: this codec's decoder wants so many bytes of memory, which are not free.
    Memory(CodecId, u32),
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
            Self::Memory(codec, bytes) => write!(
                f,
                "{}: its decoder takes {bytes} B, and this machine has not as much memory free",
                codec_name(*codec)
            ),
        }
    }
}

impl std::error::Error for CodecError {}

impl CodecError {
    /// What to do where memory is short.
    pub(crate) const MEMORY_HINT: &str = "free memory, or do it on a machine that has more";

    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NoCodec => "list \"store\" in `decoder.codecs` of mission.toml",
            Self::Memory(..) => Self::MEMORY_HINT,
            Self::Encoder(..) => "free memory, or go without this codec",
            Self::Refused(..) | Self::Mismatch(_) => {
                "a bug of Lightday: keep both images and report it; \
                 the other codecs are not touched by it"
            }
        }
    }
}

/// What one codec makes of the image, or why it cannot carry it to this vehicle.
type Tried = Result<Result<Encoded, Aside>, CodecError>;

fn encode_with(
    codec: CodecId,
    base: Option<&[u8]>,
    new: &[u8],
    ram: u32,
    hints: &Hints,
    watch: Watch<'_>,
) -> Tried {
    match codec {
        CodecId::Store => Ok(Ok(Encoded {
            codec,
            params: Vec::new(),
            ram: StoreDecoder::RAM,
            needs_base: false,
            payload: encode::store(new),
        })),
        CodecId::BsdiffZstd => match encode::bsdiff_zstd(base.unwrap_or_default(), new, ram) {
            Ok(patch) => Ok(Ok(Encoded {
                codec,
                params: Vec::new(),
                ram: patch.ram_needed,
                needs_base: base.is_some(),
                payload: patch.payload,
            })),
            Err(encode::EncodeError::RamTooSmall) => Ok(Err(Aside::RamTooSmall)),
            Err(error) => Err(CodecError::Encoder(codec, error)),
        },
        CodecId::Model => model(base, new, ram, hints, watch),
    }
}

/// What `model` makes of the image.
fn model(base: Option<&[u8]>, new: &[u8], ram: u32, hints: &Hints, watch: Watch<'_>) -> Tried {
    let old = base.unwrap_or_default();
    if old.len().max(new.len()) > MODEL_LIMIT {
        return Ok(Err(Aside::TooLong));
    }
    let mut options = encode::ModelOptions::new(ram);
    options.isa = hints.isa;
    // One address is better than two different ones.
    options.old_base = hints.base_address.or(hints.new_address);
    options.new_base = hints.new_address.or(hints.base_address);
    options.likely_base = hints.likely_address;
    options.effort = hints.effort;
    options.linker = hints.linker.clone();
    let progress = |progress| watch(Heard::Progress(progress));
    let payload = match encode::model_watched(old, new, &options, &progress) {
        Ok(patch) => patch.payload,
        // Neither tables nor map fit the RAM.
        Err(
            encode::EncodeError::RamTooSmall
            | encode::EncodeError::Refused(DecodeError::RamTooSmall),
        ) => return Ok(Err(Aside::RamTooSmall)),
        Err(error) => return Err(CodecError::Encoder(CodecId::Model, error)),
    };
    let ram = model_ram(&payload).map_err(|e| CodecError::Refused(CodecId::Model, e))?;
    Ok(Ok(Encoded {
        codec: CodecId::Model,
        params: Vec::new(),
        ram,
        needs_base: base.is_some(),
        payload,
    }))
}

/// Decodes a payload with the decoder that flies.
///
/// # Errors
/// [`CodecError::Refused`], [`CodecError::Memory`].
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
        CodecId::Model => {
            let needed = model_ram(payload).map_err(refused)?;
            if needed > ram {
                return Err(refused(DecodeError::RamTooSmall));
            }
            let len = usize::try_from(needed).unwrap_or(usize::MAX);
            let mut room = Vec::new();
            // The patch says how much: memory that is not there is no reason to abort.
            room.try_reserve_exact(len)
                .map_err(|_| CodecError::Memory(codec, needed))?;
            room.resize(len, 0);
            let mut decoder = ModelDecoder::new(lengths, &mut room);
            encode::apply(&mut decoder, base, payload, new_len).map_err(refused)
        }
    }
}

/// Why a codec stands aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Aside {
    /// Its decoder needs more RAM than the vehicle gives it.
    RamTooSmall,
    /// An image is longer than [`MODEL_LIMIT`].
    TooLong,
}

impl fmt::Display for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RamTooSmall => f.write_str("the RAM is too small for its decoder"),
            Self::TooLong => write!(
                f,
                "it is not tried on images above {} MiB",
                MODEL_LIMIT >> 20
            ),
        }
    }
}

/// What whoever waits for payloads is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heard {
    /// How far the one codec that takes long has come.
    Progress(encode::Progress),
    /// A codec made a payload of so many bytes.
    Made(CodecId, usize),
    /// A codec stands aside, which is no failure.
    StandsAside(CodecId, Aside),
    /// A codec failed, or made what its decoder does not take: it is left out.
    LeftOut(CodecError),
}

/// Hears how far it is, and which codec is left out.
pub type Watch<'a> = &'a (dyn Fn(Heard) + Sync);

/// Every payload that the vehicle can decode, smallest first; of equals, the simpler codec. What stands around a
/// payload is not counted: in a patch file that is 5 B for store and 10 to 14 B for the others, in a manifest some
/// bytes more for a codec with a base. So the first need not be the smallest in the end.
///
/// # Errors
/// [`CodecError`], if a codec failed and no other made a payload.
pub fn candidates(
    base: Option<&[u8]>,
    new: &[u8],
    decoder: &DecoderProfile,
    hints: &Hints,
    watch: Watch<'_>,
) -> Result<Vec<Encoded>, CodecError> {
    let new_len = u32::try_from(new.len()).unwrap_or(u32::MAX);
    let proven = |codec| {
        let encoded = match encode_with(codec, base, new, decoder.ram, hints, watch)? {
            Ok(encoded) => encoded,
            Err(why) => {
                watch(Heard::StandsAside(codec, why));
                return Ok(None);
            }
        };
        let base = base.filter(|_| encoded.needs_base).unwrap_or_default();
        if decode(codec, encoded.ram, base, &encoded.payload, new_len)? != new {
            return Err(CodecError::Mismatch(codec));
        }
        watch(Heard::Made(codec, encoded.payload.len()));
        Ok(Some(encoded))
    };
    sorted(decoder.codecs.iter().map(|codec| proven(*codec)), watch)
}

/// The payloads that there are, smallest first.
fn sorted(
    tried: impl Iterator<Item = Result<Option<Encoded>, CodecError>>,
    watch: Watch<'_>,
) -> Result<Vec<Encoded>, CodecError> {
    let mut all = Vec::new();
    let mut failed = None;
    for one in tried {
        match one {
            Ok(encoded) => all.extend(encoded),
            Err(error) => {
                watch(Heard::LeftOut(error));
                failed = failed.or(Some(error));
            }
        }
    }
    match failed {
        Some(error) if all.is_empty() => Err(error),
        _ => {
            all.sort_by_key(|e| (e.payload.len(), e.codec));
            Ok(all)
        }
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
