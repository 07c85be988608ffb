//! What the tests of this crate share: small synthetic images and a way to run a decoder.

#![allow(dead_code)] // Each test binary uses its own part.

use lightday_delta::{BsdiffZstdDecoder, DecodeError, Decoder, Lengths, SliceIo};
use proptest::prelude::*;

/// RAM that is enough for every patch in these tests.
pub const PLENTY: u32 = 64 << 20;

/// The lengths of a patch, its base and its new image.
pub fn lengths(patch: &[u8], base: &[u8], new_len: usize) -> Lengths {
    let len = |len: usize| u32::try_from(len).unwrap();
    Lengths {
        patch: len(patch.len()),
        base: len(base.len()),
        new: len(new_len),
    }
}

/// Runs a decoder with buffers of the given sizes in turn; checks what every decoder promises.
pub fn run(
    decoder: &mut dyn Decoder,
    base: &[u8],
    patch: &[u8],
    new_len: usize,
    sizes: &[usize],
) -> Result<Vec<u8>, DecodeError> {
    let mut new = Vec::new();
    for size in sizes.iter().cycle() {
        let mut out = vec![0; *size];
        let mut io = SliceIo {
            patch,
            base,
            new: &new,
        };
        let count = match decoder.produce(&mut io, &mut out) {
            Ok(count) => count,
            Err(error) => {
                let again = decoder.produce(&mut io, &mut out);
                assert_eq!(again, Err(error), "a failed decoder stays failed");
                return Err(error);
            }
        };
        if count == 0 {
            break;
        }
        new.extend_from_slice(&out[..count]);
        assert!(new.len() <= new_len, "never more than the declared length");
    }
    assert_eq!(new.len(), new_len, "complete means the declared length");
    Ok(new)
}

/// Decodes a bsdiff + zstd patch in one go.
pub fn decode(base: &[u8], patch: &[u8], new_len: usize) -> Result<Vec<u8>, DecodeError> {
    let mut decoder = BsdiffZstdDecoder::new(lengths(patch, base, new_len), PLENTY);
    run(&mut decoder, base, patch, new_len, &[1000])
}

/// Bytes that look a little like code: words from a small alphabet, and noise.
pub fn image(max: usize) -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        3 => (0_u8..8).prop_map(|n| vec![n, 0xB5, n.wrapping_mul(4), 0x46]),
        1 => proptest::collection::vec(any::<u8>(), 1..9),
        1 => (any::<u8>(), 1_usize..60).prop_map(|(byte, run)| vec![byte; run]),
    ];
    proptest::collection::vec(word, 0..max / 6).prop_map(move |words| {
        let mut bytes = words.concat();
        bytes.truncate(max);
        bytes
    })
}

/// One change to an image: put `put` in place of `cut` bytes at a place.
pub type Edit = (proptest::sample::Index, usize, Vec<u8>);

/// A few changes.
pub fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let put = proptest::collection::vec(any::<u8>(), 0..20);
    proptest::collection::vec((any::<proptest::sample::Index>(), 0_usize..40, put), 0..8)
}

/// The image after the changes.
pub fn edited(base: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut new = base.to_vec();
    for (place, cut, put) in edits {
        let at = place.index(new.len() + 1);
        let end = new.len().min(at + cut);
        new.splice(at..end, put.iter().copied());
    }
    new
}
