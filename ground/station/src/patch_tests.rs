//! Tests of patch files.

use super::*;
use crate::codec::{Hints, candidates};
use crate::profile::DecoderProfile;
use proptest::prelude::*;

const RAM: u32 = 1 << 20;

fn images() -> (Vec<u8>, Vec<u8>) {
    let old: Vec<u8> = (0..5001_u32)
        .map(|i| (i.wrapping_mul(i) / 7 % 251) as u8)
        .collect();
    let mut new = old.clone();
    new.splice(700..702, *b"seven");
    (old, new)
}

/// A patch of every codec.
fn patches(old: &[u8], new: &[u8]) -> Vec<Patch> {
    let decoder = DecoderProfile {
        ram: RAM,
        codecs: CodecId::ALL.to_vec(),
    };
    let all = candidates(Some(old), new, &decoder, &Hints::default(), &|_| ()).unwrap();
    assert_eq!(all.len(), 3);
    let file = |e| Patch::new(e, old, new).unwrap();
    all.iter().map(file).collect()
}

#[test]
fn every_codec_becomes_a_file_and_the_image_again() {
    let (old, new) = images();
    for (from, to) in [
        (&old, &new),
        (&new, &old),
        (&old, &old),
        (&Vec::new(), &new),
        (&old, &Vec::new()),
    ] {
        for patch in patches(from, to) {
            let file = patch.to_bytes();
            assert_eq!(Patch::parse(&file), Ok(patch.clone()));
            assert_eq!(patch.apply(from, RAM).as_ref(), Ok(to), "{:?}", patch.codec);
            assert!(patch.measure_ram(from).unwrap() <= RAM);
        }
    }
}

#[test]
fn the_head_is_these_bytes() {
    let patch = Patch {
        codec: CodecId::Model,
        base: Some(PatchBase {
            growth: -65,
            digest: [1, 2, 3, 4],
        }),
        new_digest: [5, 6, 7, 8],
        payload: vec![0xAA],
    };
    assert_eq!(
        patch.to_bytes(),
        [0x13, 0x81, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 0xAA]
    );
    let whole = Patch {
        codec: CodecId::Store,
        base: None,
        ..patch
    };
    assert_eq!(whole.to_bytes(), [0x11, 5, 6, 7, 8, 0xAA]);
}

#[test]
fn the_wrong_image_is_told_from_the_new_one() {
    let (old, new) = images();
    for patch in patches(&old, &new) {
        if patch.codec == CodecId::Store {
            assert_eq!(patch.apply(b"whatever", RAM).as_ref(), Ok(&new));
            continue;
        }
        assert_eq!(patch.apply(&new, RAM), Err(PatchError::AlreadyNew));
        assert!(matches!(
            patch.apply(b"whatever", RAM),
            Err(PatchError::WrongBase { .. })
        ));
        assert!(matches!(
            patch.apply(&old, 1000),
            Err(PatchError::Ram { allowed: 1000, .. })
        ));
    }
}

#[test]
fn bad_heads_are_refused() {
    for (file, error) in [
        (&b""[..], PatchError::Truncated),
        (b"\x7fELF", PatchError::Format),
        (b"\x23\x00", PatchError::Format),
        (b"\x14\x00", PatchError::Format),
        (b"\x13", PatchError::Truncated),
        (b"\x13\x80", PatchError::Truncated),
        // A padded growth, and one without an end.
        (b"\x13\x80\x00AAAABBBB", PatchError::Growth),
        (b"\x13\xff\xff\xff\xff\xff\x01AAAABBBB", PatchError::Growth),
        (b"\x13\x00AAAABBB", PatchError::Truncated),
        (b"\x11AAA", PatchError::Truncated),
    ] {
        assert_eq!(Patch::parse(file), Err(error), "{file:x?}");
    }
    // Lengths that no image has.
    for growth in [-4, i64::from(i32::MAX)] {
        let patch = Patch {
            codec: CodecId::Model,
            base: Some(PatchBase {
                growth,
                digest: prefix(b"old"),
            }),
            new_digest: [0; 4],
            payload: vec![],
        };
        let read = Patch::parse(&patch.to_bytes()).unwrap();
        assert!(matches!(
            read.apply(b"old", RAM),
            Err(PatchError::Length(_))
        ));
    }
}

#[test]
fn damaged_patches_never_become_another_image() {
    let (old, new) = images();
    for patch in patches(&old, &new) {
        let file = patch.to_bytes();
        let ends = (0..file.len().min(40)).chain([file.len() / 2, file.len() - 1]);
        for end in ends.clone() {
            let read = Patch::parse(&file[..end]).and_then(|p| p.apply(&old, RAM));
            assert!(read.is_err(), "{:?} cut at {end}", patch.codec);
        }
        for at in ends {
            let mut file = file.clone();
            file[at] ^= 0x10;
            // A model may tell the same image for less RAM.
            if let Ok(image) = Patch::parse(&file).and_then(|p| p.apply(&old, RAM)) {
                assert_eq!(image, new, "{:?} flipped at {at}", patch.codec);
            }
        }
    }
}

proptest! {
    #[test]
    fn what_is_read_is_what_is_written(file in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(patch) = Patch::parse(&file) {
            prop_assert_eq!(patch.to_bytes(), file);
        }
    }

    #[test]
    fn any_growth_survives(growth in -IMAGE_LIMIT..=IMAGE_LIMIT) {
        let patch = Patch {
            codec: CodecId::BsdiffZstd,
            base: Some(PatchBase { growth, digest: [9; 4] }),
            new_digest: [8; 4],
            payload: vec![1, 2],
        };
        let file = patch.to_bytes();
        prop_assert!(file.len() <= HEAD_MAX + 2);
        prop_assert_eq!(Patch::parse(&file), Ok(patch));
    }
}

/// A payload that is smaller by less than its head is longer makes the larger file.
#[test]
fn the_smallest_file_is_taken_not_the_smallest_payload() {
    let of = |codec, bytes: usize| Encoded {
        codec,
        params: vec![],
        ram: 0,
        needs_base: codec != CodecId::Store,
        payload: vec![7; bytes],
    };
    let (old, new) = (vec![1; 20], vec![2; 20]);
    for (model, taken) in [
        (14, CodecId::Model),
        (15, CodecId::Model),
        (16, CodecId::Store),
        (19, CodecId::Store),
        (20, CodecId::Store),
    ] {
        let mut all = [of(CodecId::Model, model), of(CodecId::Store, 20)];
        all.sort_by_key(|e| (e.payload.len(), e.codec));
        let patch = Patch::smallest(&all, &old, &new).unwrap().unwrap();
        // Heads of 10 B and 5 B; of equals the smaller payload.
        assert_eq!(patch.codec, taken, "{model}");
        assert_eq!(patch.file_len(), patch.to_bytes().len());
    }
    assert_eq!(Patch::smallest(&[], &old, &new), Ok(None));
}

const IMAGE_LIMIT: i64 = i32::MAX as i64;

/// Images that have nothing to do with each other, or that are compressed: no codec gains anything, the file is
/// the best one's payload and a head of at most 14 B, and even a model alone costs no more than a few hundredths.
#[test]
fn hopeless_pairs_cost_no_more_than_the_best_codec() {
    let noise = |seed: u32| -> Vec<u8> {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..20_000).map(|_| next()).collect()
    };
    let packed = |word: &str| -> Vec<u8> {
        let lines = (0..4000).map(|i| format!("{word} {} {}\n", i * i % 977, i));
        let text: String = lines.collect();
        lightday_delta::encode::bsdiff_zstd(&[], text.as_bytes(), RAM)
            .unwrap()
            .payload
    };
    for (old, new) in [
        (noise(1), noise(2)),
        (packed("alpha"), packed("omega")),
        (noise(3), packed("alpha")),
        (packed("alpha"), noise(4)),
    ] {
        let all = patches(&old, &new);
        let of = |codec| all.iter().find(|p| p.codec == codec).unwrap();
        let best = all.iter().map(|p| p.payload.len()).min().unwrap();
        let model = of(CodecId::Model).payload.len();
        assert!(all[0].to_bytes().len() <= best + 14);
        assert!(best <= new.len() && new.len() > 10_000);
        assert!(
            model <= new.len() + new.len() / 25,
            "{model} B of {}",
            new.len()
        );
    }
}
