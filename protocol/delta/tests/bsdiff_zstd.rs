//! `bsdiff + zstd`: what is encoded decodes, in any chunks, and bad patches are refused.

mod common;

use common::{PLENTY, decode, edited, edits, image, lengths, run};
use lightday_delta::{
    BsdiffZstdDecoder, DecodeError, Decoder, IoError, Lengths, PatchIo, SliceIo, encode,
};
use proptest::prelude::*;

/// The frame's magic number and the descriptor that the codec asks for.
const MAGIC: [u8; 5] = [0x28, 0xB5, 0x2F, 0xFD, 0x00];

/// A frame with the smallest window around blocks.
fn frame(blocks: &[u8]) -> Vec<u8> {
    [&MAGIC, &[0x00][..], blocks].concat()
}

/// A frame with `raw` in one raw block.
fn raw_frame(raw: &[u8]) -> Vec<u8> {
    let header = u32::try_from(raw.len()).unwrap() << 3 | 1;
    frame(&[&header.to_le_bytes()[..3], raw].concat())
}

fn record(diff: &[u8], extra: &[u8], seek: i64) -> Vec<u8> {
    let word = seek.unsigned_abs() | if seek < 0 { 1 << 63 } else { 0 };
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&(diff.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&(extra.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&word.to_le_bytes());
    bytes.extend_from_slice(diff);
    bytes.extend_from_slice(extra);
    bytes
}

#[test]
fn a_record_adds_copies_and_seeks_both_ways() {
    let base = b"0123456789";
    let raw = [
        record(b"\0\0\x01", b"xy", 5),   // "013" "xy", then at 8
        record(b"\0\0", b"", -10),       // "89", then at 0
        record(b"\0", b"", 9),           // "0", then at 10: the end of the base is a fair place
        record(b"", b"!", i64::MIN + 1), // "!"; the last seek is not applied
    ]
    .concat();
    assert_eq!(decode(base, &raw_frame(&raw), 9).unwrap(), b"013xy890!");
}

#[test]
fn records_outside_the_base_are_refused() {
    let base = b"0123456789";
    let outside = Err(DecodeError::OutsideBase);
    for raw in [
        record(&[0; 11], b"", 0),
        [record(b"\0", b"", -2), record(b"", b"0123456789", 0)].concat(),
        [record(b"\0", b"", 10), record(b"", b"0123456789", 0)].concat(),
        [record(b"\0", b"", i64::MAX), record(b"", b"0123456789", 0)].concat(),
        [
            record(b"\0", b"", i64::MIN + 1),
            record(b"", b"0123456789", 0),
        ]
        .concat(),
        [record(b"\0", b"", 0), record(&[0; 10], b"", 0)].concat(),
    ] {
        assert_eq!(decode(base, &raw_frame(&raw), 11), outside);
    }
}

#[test]
fn an_image_of_another_length_is_refused() {
    let base = b"0123456789";
    let patch = raw_frame(&record(b"\0\0\0", b"ab", 0));
    assert_eq!(decode(base, &patch, 5).unwrap(), b"012ab");
    assert_eq!(decode(base, &patch, 4), Err(DecodeError::TooLong));
    assert_eq!(decode(base, &patch, 6), Err(DecodeError::TooShort));
    assert_eq!(decode(base, &patch, 0), Err(DecodeError::TooLong));
    let huge = [u64::MAX.to_le_bytes(), [0; 8], [0; 8]].concat();
    assert_eq!(
        decode(base, &raw_frame(&huge), 5),
        Err(DecodeError::TooLong)
    );
    let huge = [[0xFF; 7].as_slice(), &[0x7F], &[0xFF; 7], &[0x7F], &[0; 8]].concat();
    assert_eq!(
        decode(base, &raw_frame(&huge), 5),
        Err(DecodeError::TooLong)
    );
    let cut = record(b"\0\0\0", b"ab", 0);
    assert_eq!(
        decode(base, &raw_frame(&cut[..28]), 5),
        Err(DecodeError::TooShort)
    );
    assert_eq!(
        decode(base, &raw_frame(&cut[..20]), 5),
        Err(DecodeError::TooShort)
    );
}

/// Rows of records that yield nothing would be work that no output pays for.
#[test]
fn only_the_first_record_may_be_empty() {
    let base = b"0123456789";
    let first = [record(b"", b"", 4), record(b"\0\0", b"", 0)].concat();
    assert_eq!(decode(base, &raw_frame(&first), 2).unwrap(), b"45");
    let second = [
        record(b"\0", b"", 4),
        record(b"", b"", 1),
        record(b"\0", b"", 0),
    ]
    .concat();
    assert_eq!(
        decode(base, &raw_frame(&second), 2),
        Err(DecodeError::Malformed)
    );
    let last = [record(b"\0", b"", 4), record(b"", b"", 1)].concat();
    assert_eq!(
        decode(base, &raw_frame(&last), 1),
        Err(DecodeError::TooLong)
    );
}

#[test]
fn a_frame_is_held_to_the_subset() {
    let good = raw_frame(&record(b"", b"ab", 0));
    assert_eq!(decode(b"", &good, 2).unwrap(), b"ab");
    for descriptor in 1..=255 {
        let mut bad = good.clone();
        bad[4] = descriptor;
        assert_eq!(decode(b"", &bad, 2), Err(DecodeError::Malformed));
    }
    let mut skippable = good.clone();
    skippable[..4].copy_from_slice(&[0x50, 0x2A, 0x4D, 0x18]);
    assert_eq!(decode(b"", &skippable, 2), Err(DecodeError::Malformed));
    let trailing = [good.as_slice(), &[0]].concat();
    assert_eq!(decode(b"", &trailing, 2), Err(DecodeError::TrailingBytes));
    let twice = [good.as_slice(), &good].concat();
    assert_eq!(decode(b"", &twice, 2), Err(DecodeError::TrailingBytes));
    for len in 0..good.len() {
        assert_eq!(decode(b"", &good[..len], 2), Err(DecodeError::Truncated));
    }
}

#[test]
fn blocks_are_judged_before_they_are_decoded() {
    let malformed = Err(DecodeError::Malformed);
    // Block type 3 is reserved.
    assert_eq!(decode(b"", &frame(&[0x07, 0, 0]), 1), malformed);
    // An empty block that is not the last, raw, RLE, and compressed to nothing.
    assert_eq!(decode(b"", &frame(&[0x00, 0, 0, 0x01, 0, 0]), 0), malformed);
    assert_eq!(
        decode(b"", &frame(&[0x02, 0, 0, 0, 0x01, 0, 0]), 0),
        malformed
    );
    assert_eq!(
        decode(b"", &frame(&[0x14, 0, 0, 0, 0, 0x01, 0, 0]), 0),
        malformed
    );
    // 1,025 bytes in a window of 1,024: RLE; literals; 65,279 sequences, each at least 3 bytes.
    assert_eq!(decode(b"", &frame(&[0x0B, 0x20, 0, 0]), 9), malformed);
    let rle_literals = [0x2D, 0, 0, 0x15, 0x40, 0xAA, 0x00, 0x00];
    assert_eq!(decode(b"", &frame(&rle_literals), 9), malformed);
    let sequences = [0x3D, 0, 0, 0x01, 0x00, 0xFF, 0xFF, 0x7F, 0x54, 0, 0];
    assert_eq!(decode(b"", &frame(&sequences), 9), malformed);
    // Literals that reach past their block.
    assert_eq!(decode(b"", &frame(&[0x1D, 0, 0, 0xF8, 0, 0]), 9), malformed);
}

#[test]
fn a_window_beyond_the_ram_is_refused_before_anything_is_read() {
    // Exponent 31, mantissa 7: 3.75 TiB.
    let patch = [&MAGIC, &[0xFF, 0x01, 0x00, 0x00][..]].concat();
    let mut decoder = BsdiffZstdDecoder::new(lengths(&patch, b"", 0), u32::MAX);
    let refused = run(&mut decoder, b"", &patch, 0, &[16]);
    assert_eq!(refused, Err(DecodeError::RamTooSmall));
}

/// The manifest's figure is exact: the decoder accepts it, and not one byte less.
#[test]
fn ram_needed_is_the_least_that_the_decoder_accepts() {
    let base: Vec<u8> = (0..30_000_u32)
        .flat_map(|n| ((n * n) >> 3).to_le_bytes())
        .collect();
    let new: Vec<u8> = base.iter().rev().copied().collect();
    let patch = encode::bsdiff_zstd(&base, &new, PLENTY).unwrap();
    let try_with = |ram| {
        let lengths = lengths(&patch.payload, &base, new.len());
        let mut decoder = BsdiffZstdDecoder::new(lengths, ram);
        encode::apply(&mut decoder, &base, &patch.payload, lengths.new)
    };
    assert_eq!(try_with(patch.ram_needed).unwrap(), new);
    assert_eq!(
        try_with(patch.ram_needed - 1),
        Err(DecodeError::RamTooSmall)
    );

    let tight = encode::bsdiff_zstd(&base, &new, patch.ram_needed - 1).unwrap();
    assert!(tight.ram_needed < patch.ram_needed);
    assert!(
        tight.payload.len() > patch.payload.len(),
        "the smallest comes first"
    );
    let none = encode::bsdiff_zstd(&base, &new, 1000);
    assert_eq!(none, Err(encode::EncodeError::RamTooSmall));
}

/// A device whose n-th read fails.
struct Failing<'a> {
    io: SliceIo<'a>,
    left: u32,
}

impl Failing<'_> {
    fn count(&mut self) -> Result<(), IoError> {
        self.left = self.left.checked_sub(1).ok_or(IoError::Hardware)?;
        Ok(())
    }
}

impl PatchIo for Failing<'_> {
    fn read_patch(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), IoError> {
        self.count()?;
        self.io.read_patch(offset, buf)
    }

    fn read_base(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), IoError> {
        self.count()?;
        self.io.read_base(offset, buf)
    }

    fn read_new(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), IoError> {
        self.count()?;
        self.io.read_new(offset, buf)
    }
}

/// Wherever the device fails, it is the device that is blamed.
#[test]
fn a_device_that_fails_is_blamed_at_every_read() {
    let base: Vec<u8> = (0..2000_u32).map(|n| ((n * n) >> 5) as u8).collect();
    let mut new = base.clone();
    new.drain(700..731);
    let patch = encode::bsdiff_zstd(&base, &new, PLENTY).unwrap().payload;
    let mut failures = 0;
    for left in 0.. {
        let mut decoder = BsdiffZstdDecoder::new(lengths(&patch, &base, new.len()), PLENTY);
        let io = SliceIo {
            patch: &patch,
            base: &base,
            new: &[],
        };
        match decoder.produce(&mut Failing { io, left }, &mut vec![0; 4000]) {
            Ok(count) => {
                assert_eq!(count, new.len());
                break;
            }
            Err(error) => assert_eq!(error, DecodeError::Io(IoError::Hardware)),
        }
        failures += 1;
    }
    assert!(failures > 10);
}

#[test]
fn an_empty_buffer_is_the_callers_bug_and_harms_nothing() {
    let patch = raw_frame(&record(b"", b"ab", 0));
    let mut io = SliceIo {
        patch: &patch,
        base: b"",
        new: b"",
    };
    let mut decoder = BsdiffZstdDecoder::new(lengths(&patch, b"", 2), PLENTY);
    assert_eq!(
        decoder.produce(&mut io, &mut []),
        Err(DecodeError::EmptyOutput)
    );
    let mut out = [0; 2];
    assert_eq!(decoder.produce(&mut io, &mut out), Ok(2));
    assert_eq!(&out, b"ab");
    assert_eq!(decoder.produce(&mut io, &mut out), Ok(0));
    assert_eq!(decoder.produce(&mut io, &mut out), Ok(0));
}

/// A caller that stops at the declared length has missed no check.
#[test]
fn the_last_byte_comes_with_the_check_of_the_end() {
    let patch = [raw_frame(&record(b"", b"ab", 0)), vec![0]].concat();
    let mut io = SliceIo {
        patch: &patch,
        base: b"",
        new: b"",
    };
    let mut decoder = BsdiffZstdDecoder::new(lengths(&patch, b"", 2), PLENTY);
    assert_eq!(decoder.produce(&mut io, &mut [0]), Ok(1));
    assert_eq!(
        decoder.produce(&mut io, &mut [0]),
        Err(DecodeError::TrailingBytes)
    );
}

/// The base of the golden patch, and the image that it makes.
fn golden_images() -> (Vec<u8>, Vec<u8>) {
    let base: Vec<u8> = (0..256_u32).map(|n| ((n * n) >> 3) as u8).collect();
    let mut new = base.clone();
    new.splice(40..44, *b"LIGHTDAY");
    new[200] ^= 0x55;
    new.drain(100..110);
    new.extend_from_slice(&base[10..60]);
    (base, new)
}

/// Golden patch: these bytes decode to this image for ever, in this much RAM.
#[test]
fn golden_patch_decodes_bit_for_bit() {
    const GOLDEN: &str = "28B52FFD00007D0100E02800080004004C4947485444415934000A009600F6008000\
                          D50032000A9010EA3D070085FEB469653F216FF07003";
    let patch: Vec<u8> = (0..GOLDEN.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&GOLDEN[at..at + 2], 16).unwrap())
        .collect();
    let (base, new) = golden_images();
    let mut decoder = BsdiffZstdDecoder::new(lengths(&patch, &base, new.len()), 31_307);
    assert_eq!(
        run(&mut decoder, &base, &patch, new.len(), &[64]).unwrap(),
        new
    );
    assert_eq!(decoder.ram_needed(), 31_307);
}

proptest! {
    // No file of failures: a failure prints its seed, and becomes a test of its own.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn unrelated_images_round_trip(base in image(900), new in image(900)) {
        let patch = encode::bsdiff_zstd(&base, &new, PLENTY).unwrap();
        prop_assert_eq!(decode(&base, &patch.payload, new.len()).unwrap(), new.clone());
        // Deterministic, and the tidied stream is still a stream of the `bsdiff` crate.
        prop_assert_eq!(&encode::bsdiff_zstd(&base, &new, PLENTY).unwrap(), &patch);
        let raw = zstd::stream::decode_all(patch.payload.as_slice()).unwrap();
        let mut peer = Vec::new();
        bsdiff::patch(&base, &mut raw.as_slice(), &mut peer).unwrap();
        prop_assert_eq!(peer, new);
    }

    #[test]
    fn edited_images_round_trip_in_any_chunks(
        base in image(3000),
        edits in edits(),
        sizes in proptest::collection::vec(1_usize..300, 1..6),
    ) {
        let new = edited(&base, &edits);
        let patch = encode::bsdiff_zstd(&base, &new, PLENTY).unwrap();
        let lengths = lengths(&patch.payload, &base, new.len());
        let mut decoder = BsdiffZstdDecoder::new(lengths, patch.ram_needed);
        let got = run(&mut decoder, &base, &patch.payload, new.len(), &sizes).unwrap();
        prop_assert_eq!(got, new);
    }

    /// Flipped, cut and spliced patches: an error or the declared length, never a panic.
    #[test]
    fn damaged_patches_never_panic(
        base in image(1500),
        edits in edits(),
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), 0_u8..8), 1..6),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let new = edited(&base, &edits);
        let mut patch = encode::bsdiff_zstd(&base, &new, PLENTY).unwrap().payload;
        for (place, bit) in &flips {
            let at = place.index(patch.len());
            patch[at] ^= 1 << bit;
        }
        if let Some(place) = cut {
            patch.truncate(place.index(patch.len()));
        }
        // `run` asserts that no more and no less than the declared length comes out.
        let _ = decode(&base, &patch, new.len());
    }

    #[test]
    fn a_truncated_patch_is_refused(
        base in image(1500),
        edits in edits(),
        cut in any::<proptest::sample::Index>(),
    ) {
        let new = edited(&base, &edits);
        let patch = encode::bsdiff_zstd(&base, &new, PLENTY).unwrap().payload;
        let cut = &patch[..cut.index(patch.len())];
        prop_assert_eq!(decode(&base, cut, new.len()), Err(DecodeError::Truncated));
    }

    #[test]
    fn noise_behind_a_header_never_panics(
        base in image(300),
        blocks in proptest::collection::vec(any::<u8>(), 0..200),
        new_len in 0_usize..3000,
    ) {
        let _ = decode(&base, &frame(&blocks), new_len);
    }
}

/// Lengths that lie about the patch end in an error of the device's kind, not in a panic.
#[test]
fn lengths_beyond_the_regions_are_out_of_range() {
    let patch = raw_frame(&record(b"\0\0", b"", 0));
    let lengths = Lengths {
        patch: 32,
        base: 2,
        new: 2,
    };
    assert_eq!(patch.len(), 35);
    let mut io = SliceIo {
        patch: &patch[..20],
        base: b"ab",
        new: b"",
    };
    let mut decoder = BsdiffZstdDecoder::new(
        Lengths {
            patch: 35,
            ..lengths
        },
        PLENTY,
    );
    let refused = Err(DecodeError::Io(IoError::OutOfRange));
    assert_eq!(decoder.produce(&mut io, &mut [0; 9]), refused);
    let mut io = SliceIo {
        patch: &patch,
        base: b"a",
        new: b"",
    };
    let mut decoder = BsdiffZstdDecoder::new(
        Lengths {
            patch: 35,
            ..lengths
        },
        PLENTY,
    );
    assert_eq!(decoder.produce(&mut io, &mut [0; 9]), refused);
}
