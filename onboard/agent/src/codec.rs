//! The registry of codecs on board: which decoders this agent has, by their id on the wire. It never
//! decodes anything itself.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::{Region, flash};
use lightday_delta::{DecodeError, Decoder, IoError, Lengths, PatchIo, StoreDecoder};
use lightday_wire::{CodecId, Payload, Refusal};

/// Any decoder of the registry.
// One decoder lives at a time, inside the agent: boxing it would need an allocator.
#[allow(clippy::large_enum_variant)]
pub(crate) enum AnyDecoder {
    Store(StoreDecoder),
    #[cfg(feature = "zstd")]
    BsdiffZstd(lightday_delta::BsdiffZstdDecoder),
}

/// Whether the agent can decode a payload; the manifest names the codec and the RAM that it needs.
pub(crate) fn check(payload: &Payload, ram: u32) -> Result<(), Refusal> {
    let is_known = match payload.codec {
        CodecId::Store => true,
        CodecId::BsdiffZstd => cfg!(feature = "zstd"),
        CodecId::Model => false,
    };
    if !is_known || !payload.params.is_empty() {
        return Err(Refusal::UnsupportedCodec);
    }
    if payload.ram > ram {
        Err(Refusal::RamTooSmall)
    } else {
        Ok(())
    }
}

/// Opens the decoder of a payload that [`check`] let through.
pub(crate) fn open(payload: &Payload, lengths: Lengths, ram: u32) -> Result<AnyDecoder, Refusal> {
    check(payload, ram)?;
    match payload.codec {
        CodecId::Store => Ok(AnyDecoder::Store(StoreDecoder::new(lengths))),
        #[cfg(feature = "zstd")]
        CodecId::BsdiffZstd => Ok(AnyDecoder::BsdiffZstd(
            lightday_delta::BsdiffZstdDecoder::new(lengths, ram),
        )),
        _ => Err(Refusal::UnsupportedCodec),
    }
}

impl Decoder for AnyDecoder {
    fn produce(&mut self, io: &mut dyn PatchIo, out: &mut [u8]) -> Result<usize, DecodeError> {
        match self {
            Self::Store(decoder) => decoder.produce(io, out),
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
