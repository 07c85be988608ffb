//! From base and payload to the new image: opens the decoder, and programs what it hands out, a slice at a
//! time. A reset, or an image armed meanwhile, drops the decoder; patching then begins anew from nothing.
//!
//! It never judges what comes out: the digest read back from flash does.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::flash;
use lightday_delta::{DecodeError, Lengths};
use lightday_wire::Refusal;

use crate::agent::Agent;
use crate::codec::{self, AnyDecoder, FlashIo, Memory};
use crate::hashing::Hashing;
use crate::install::Install;
use crate::platform::DecoderRam;

/// Bytes written in a step: a multiple of every granule.
const WRITE_SLICE: usize = 256;

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    /// What decoders may take.
    pub(crate) fn decoder_memory(&self) -> Memory {
        Memory {
            ram: u32::try_from(self.decoder_ram.as_ref().len()).unwrap_or(u32::MAX),
            heap: self.config.decoder_heap,
        }
    }

    /// Whether the payload, whose digest holds, asks for no more than its manifest says: before anything
    /// is erased for it.
    pub(crate) fn check_front<F: NorFlash>(&self, flash: &mut F) -> Result<(), Refusal> {
        let admitted = self.admitted()?;
        let payload = &admitted.manifest.payload;
        let block = self.config.map.block;
        let mut front = [0; codec::FRONT];
        let len = usize::try_from(payload.size).unwrap_or(usize::MAX);
        let len = len.min(front.len());
        let front = front.get_mut(..len).ok_or(Refusal::Malformed)?;
        flash::read(flash, block, admitted.payload_offset, front)
            .map_err(|_| Refusal::FlashFault)?;
        codec::check_front(payload, front)
    }

    pub(crate) fn open_decoder(&self) -> Result<Install, Refusal> {
        let admitted = self.admitted()?;
        let payload = &admitted.manifest.payload;
        let lengths = Lengths {
            patch: payload.size,
            base: admitted.base.map_or(0, |(_, base)| base.size),
            new: admitted.manifest.image.size,
        };
        let decoder = codec::open(payload, lengths, self.decoder_memory())?;
        Ok(Install::Patch {
            decoder,
            written: 0,
        })
    }

    /// Decodes the next bytes and programs them.
    pub(crate) fn patch<F: NorFlash>(
        &mut self,
        flash: &mut F,
        mut decoder: AnyDecoder,
        written: u32,
    ) -> Result<Install, Refusal> {
        let admitted = self.admitted()?;
        let region = self.config.map.slot(admitted.target).image;
        let size = admitted.manifest.image.size;
        let payload = &admitted.manifest.payload;
        let stated = usize::try_from(payload.ram).unwrap_or(usize::MAX);
        let mut io = FlashIo {
            flash,
            payload: self
                .config
                .map
                .block
                .part(admitted.payload_offset, payload.size)
                .ok_or(Refusal::Malformed)?,
            base: admitted
                .base_region
                .zip(admitted.base)
                .and_then(|(region, (_, base))| region.part(0, base.size)),
            written: region.part(0, written).ok_or(Refusal::ImageTooLarge)?,
        };
        let mut slice = [0xffu8; WRITE_SLICE];
        // All that the manifest states, and no byte more.
        let ram = self.decoder_ram.as_mut().get_mut(..stated);
        let ram = ram.unwrap_or_default();
        let len = fill(&mut decoder, ram, &mut io, &mut slice)?;
        let end = written.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
        if end > size {
            return Err(Refusal::PatchBroken);
        }
        let granules = len.next_multiple_of(F::WRITE_SIZE.max(1)).min(slice.len());
        let bytes = slice.get(..granules).ok_or(Refusal::PatchBroken)?;
        if !bytes.is_empty() {
            flash::program(flash, region, written, bytes).map_err(|_| Refusal::FlashFault)?;
        }
        if len == slice.len() {
            return Ok(Install::Patch {
                decoder,
                written: end,
            });
        }
        if end != size {
            return Err(Refusal::PatchBroken);
        }
        Ok(Install::ReadBack(Hashing::new(region, end)))
    }
}

/// Fills `slice` as far as the image goes; returns the bytes decoded. A decoder may hand out less than it
/// is asked for: however many calls that takes, they decode one slice together.
fn fill<F: NorFlash>(
    decoder: &mut AnyDecoder,
    ram: &mut [u8],
    io: &mut FlashIo<'_, F>,
    slice: &mut [u8],
) -> Result<usize, Refusal> {
    let mut len = 0usize;
    while let Some(out) = slice.get_mut(len..).filter(|out| !out.is_empty()) {
        match decoder.produce(ram, io, out) {
            Ok(0) => break,
            Ok(count) => len = len.saturating_add(count),
            Err(DecodeError::Io(_)) => return Err(Refusal::FlashFault),
            Err(DecodeError::RamTooSmall) => return Err(Refusal::RamTooSmall),
            Err(_) => return Err(Refusal::PatchBroken),
        }
    }
    Ok(len)
}
