//! The registry of codecs on board: which decoders this agent has, by their id on the wire. It never
//! decodes anything itself.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::{Region, flash};
#[cfg(feature = "model")]
use lightday_delta::ModelState;
use lightday_delta::{DecodeError, Decoder, IoError, Lengths, PatchIo, StoreDecoder, model_ram};
use lightday_wire::{CodecId, Payload, Refusal};

/// Bytes at the front of a payload that may say what its decoder needs.
pub(crate) const FRONT: usize = 2;

/// What decoders may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Bytes of the RAM that the agent has for them.
    pub(crate) ram: u32,
    /// Bytes of a heap.
    pub(crate) heap: u32,
}

/// Any decoder of the registry.
// One decoder lives at a time, inside the agent: boxing it would need an allocator.
#[allow(clippy::large_enum_variant)]
pub(crate) enum AnyDecoder {
    Store(StoreDecoder),
    #[cfg(feature = "model")]
    Model(ModelState),
    #[cfg(feature = "zstd")]
    BsdiffZstd(lightday_delta::BsdiffZstdDecoder),
}

/// Whether the agent can decode a payload; the manifest names the codec and the RAM that it needs.
pub(crate) fn check(payload: &Payload, memory: Memory) -> Result<(), Refusal> {
    let room = match payload.codec {
        CodecId::Store => memory.ram,
        CodecId::BsdiffZstd if cfg!(feature = "zstd") => memory.heap,
        CodecId::Model if cfg!(feature = "model") && memory.ram > 0 => memory.ram,
        _ => return Err(Refusal::UnsupportedCodec),
    };
    if !payload.params.is_empty() {
        return Err(Refusal::UnsupportedCodec);
    }
    if payload.ram > room {
        Err(Refusal::RamTooSmall)
    } else {
        Ok(())
    }
}

/// Whether a payload that begins so asks for no more than its manifest states. `front` holds [`FRONT`] bytes,
/// or the whole of a shorter payload.
pub(crate) fn check_front(payload: &Payload, front: &[u8]) -> Result<(), Refusal> {
    if payload.codec != CodecId::Model {
        return Ok(());
    }
    match model_ram(front) {
        Ok(ram) if ram <= payload.ram => Ok(()),
        Ok(_) => Err(Refusal::RamTooSmall),
        Err(_) => Err(Refusal::PatchBroken),
    }
}

/// Opens the decoder of a payload that [`check`] let through.
pub(crate) fn open(
    payload: &Payload,
    lengths: Lengths,
    memory: Memory,
) -> Result<AnyDecoder, Refusal> {
    check(payload, memory)?;
    match payload.codec {
        CodecId::Store => Ok(AnyDecoder::Store(StoreDecoder::new(lengths))),
        #[cfg(feature = "model")]
        CodecId::Model => Ok(AnyDecoder::Model(ModelState::new(lengths))),
        #[cfg(feature = "zstd")]
        CodecId::BsdiffZstd => Ok(AnyDecoder::BsdiffZstd(
            lightday_delta::BsdiffZstdDecoder::new(lengths, memory.heap),
        )),
        #[cfg(not(all(feature = "zstd", feature = "model")))]
        _ => Err(Refusal::UnsupportedCodec),
    }
}

impl AnyDecoder {
    /// As [`Decoder::produce`], with the RAM that the manifest states: the same bytes at every call.
    #[cfg_attr(not(feature = "model"), allow(unused_variables))]
    pub(crate) fn produce(
        &mut self,
        ram: &mut [u8],
        io: &mut dyn PatchIo,
        out: &mut [u8],
    ) -> Result<usize, DecodeError> {
        match self {
            Self::Store(decoder) => decoder.produce(io, out),
            #[cfg(feature = "model")]
            Self::Model(state) => state.produce(ram, io, out),
            #[cfg(feature = "zstd")]
            Self::BsdiffZstd(decoder) => decoder.produce(io, out),
        }
    }
}

/// A decoder's view of the flash: payload, base and what was written so far.
pub(crate) struct FlashIo<'f, F> {
    pub(crate) flash: &'f mut F,
    pub(crate) payload: Region,
    pub(crate) base: Option<Region>,
    pub(crate) written: Region,
}

impl<F: NorFlash> FlashIo<'_, F> {
    fn read(&mut self, region: Region, offset: u32, buf: &mut [u8]) -> Result<(), IoError> {
        flash::read(self.flash, region, offset, buf).map_err(|error| match error {
            lightday_boot::FlashError::OutOfRange => IoError::OutOfRange,
            _ => IoError::Hardware,
        })
    }
}

impl<F: NorFlash> PatchIo for FlashIo<'_, F> {
    fn read_patch(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), IoError> {
        self.read(self.payload, offset, buf)
    }

    fn read_base(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), IoError> {
        let base = self.base.ok_or(IoError::OutOfRange)?;
        self.read(base, offset, buf)
    }

    fn read_new(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), IoError> {
        self.read(self.written, offset, buf)
    }
}
