//! The smallest program that decodes a patch: what `cargo xtask bench delta` takes the decoder's code size from.

#![no_std]

use lightday_delta::{Decoder, Lengths, ModelDecoder, PatchIo};

/// Decodes a patch into `sink`, 64 B at a time.
#[unsafe(no_mangle)]
pub fn probe_decode(
    lengths: Lengths,
    ram: &mut [u8],
    io: &mut dyn PatchIo,
    sink: fn(&[u8]),
) -> bool {
    let mut decoder = ModelDecoder::new(lengths, ram);
    let mut out = [0; 64];
    loop {
        match decoder.produce(io, &mut out) {
            Ok(0) => return true,
            Ok(count) => sink(out.get(..count).unwrap_or_default()),
            Err(_) => return false,
        }
    }
}

/// Bytes of a decoder, to be read out of the object file.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".probe")]
pub static PROBE_DECODER: u32 = size_of::<ModelDecoder<'static>>() as u32;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
