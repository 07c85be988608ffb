//! A hostile patch in the bsdiff + zstd codec: an error or an image of the declared length, in bounded work.
//!
//! ```text
//! length of the new image (2 B, big-endian) | patch
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;
use lightday_delta::{BsdiffZstdDecoder, Decoder, Lengths, SliceIo};

/// What the decoder may take, in bytes.
const RAM: u32 = 1 << 20;

const BASE: [u8; 4096] = base();

const fn base() -> [u8; 4096] {
    let mut bytes = [0; 4096];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = (at * 7 % 251) as u8;
        at += 1;
    }
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    let Some((length, patch)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let new = u16::from_be_bytes(*length);
    let lengths = Lengths {
        patch: patch.len() as u32,
        base: BASE.len() as u32,
        new: u32::from(new),
    };
    let mut io = SliceIo {
        patch,
        base: &BASE,
        new: &[],
    };
    let mut decoder = BsdiffZstdDecoder::new(lengths, RAM);
    let mut out = [0; 300];
    let mut total = 0;
    loop {
        match decoder.produce(&mut io, &mut out) {
            Ok(0) => {
                assert_eq!(total, usize::from(new), "ended early without an error");
                assert!(decoder.ram_needed() <= RAM);
                break;
            }
            Ok(count) => total += count,
            Err(_) => break,
        }
        assert!(total <= usize::from(new), "wrote past the declared length");
    }
});
