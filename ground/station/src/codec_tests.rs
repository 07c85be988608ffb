//! Tests of the registry of encoders.

use super::*;
use crate::landmarks::Landmarks;

fn decoder(ram: u32, codecs: &[CodecId]) -> DecoderProfile {
    DecoderProfile {
        ram,
        codecs: codecs.to_vec(),
    }
}

/// The smallest payload, whatever stands around it.
fn smallest(
    base: Option<&[u8]>,
    new: &[u8],
    ram: u32,
    codecs: &[CodecId],
) -> Result<Option<Encoded>, CodecError> {
    let profile = decoder(ram, codecs);
    let all = candidates(base, new, &profile, &Hints::default(), &|_| ())?;
    Ok(all.into_iter().next())
}

fn taken(base: Option<&[u8]>, new: &[u8], ram: u32, codecs: &[CodecId]) -> Encoded {
    smallest(base, new, ram, codecs).unwrap().unwrap()
}

const BOTH: &[CodecId] = &[CodecId::BsdiffZstd, CodecId::Store];
const ALL: &[CodecId] = &[CodecId::BsdiffZstd, CodecId::Store, CodecId::Model];

fn pair() -> (Vec<u8>, Vec<u8>) {
    let base = b"light is slow and bytes are dear. ".repeat(50);
    let mut new = base.clone();
    new[70] = b'X';
    (base, new)
}

#[test]
fn the_smallest_that_the_profile_decodes_is_taken() {
    let (base, new) = pair();
    let delta = taken(Some(&base), &new, 1 << 20, BOTH);
    assert_eq!((delta.codec, delta.needs_base), (CodecId::BsdiffZstd, true));
    assert!(delta.payload.len() < 100);
    let stored = taken(Some(&base), &new, 1 << 20, &[CodecId::Store]);
    assert_eq!((stored.payload, stored.needs_base), (new.clone(), false));
    // Too little RAM for any zstd window and any model: they stand aside instead of failing.
    assert_eq!(taken(Some(&base), &new, 16, ALL).codec, CodecId::Store);
    let none = smallest(Some(&base), &new, 16, &[CodecId::Model]);
    assert_eq!(none, Ok(None));
}

#[test]
fn a_full_image_is_compressed_without_a_base() {
    let new = b"0123456789".repeat(100);
    let full = taken(None, &new, 1 << 20, BOTH);
    assert_eq!((full.codec, full.needs_base), (CodecId::BsdiffZstd, false));
    let back = decode(full.codec, full.ram, b"", &full.payload, 1000).unwrap();
    assert_eq!(back, new);
}

#[test]
fn a_model_states_its_ram_and_is_decoded_in_no_less() {
    let (base, new) = pair();
    let len = u32::try_from(new.len()).unwrap();
    let model = taken(Some(&base), &new, 20_000, ALL);
    assert_eq!((model.codec, model.needs_base), (CodecId::Model, true));
    assert!(model.params.is_empty() && model.payload.len() < 40);
    assert!(model.ram <= 20_000 && model.ram > 10_000);
    let back = decode(CodecId::Model, model.ram, &base, &model.payload, len);
    assert_eq!(back, Ok(new));
    assert_eq!(
        decode(CodecId::Model, model.ram - 1, &base, &model.payload, len),
        Err(CodecError::Refused(
            CodecId::Model,
            DecodeError::RamTooSmall
        ))
    );
}

#[test]
fn a_codec_that_fails_is_left_out_and_told() {
    let store = Encoded {
        codec: CodecId::Store,
        params: Vec::new(),
        ram: 0,
        needs_base: false,
        payload: vec![1, 2, 3],
    };
    let failures = [
        CodecError::Encoder(CodecId::BsdiffZstd, encode::EncodeError::Compressor),
        CodecError::Mismatch(CodecId::Model),
    ];
    let heard = std::sync::Mutex::new(Vec::new());
    let watch = |event| heard.lock().unwrap().push(event);
    let tried = failures.map(Err).into_iter();
    let tried = tried.chain([Ok(None), Ok(Some(store.clone()))]);
    assert_eq!(sorted(tried, &watch), Ok(vec![store]));
    let heard = heard.into_inner().unwrap();
    assert_eq!(heard, failures.map(Heard::LeftOut));
    // Nothing is left: the failure is the answer.
    let failed = sorted(failures.map(Err).into_iter(), &|_| ());
    assert_eq!(failed, Err(failures[0]));
    assert_eq!(sorted([Ok(None)].into_iter(), &|_| ()), Ok(vec![]));
}

#[test]
fn a_model_is_not_tried_where_it_takes_too_long() {
    let new = vec![7; MODEL_LIMIT + 1];
    let profile = decoder(1 << 16, &[CodecId::Model, CodecId::Store]);
    let all = candidates(Some(b"old"), &new, &profile, &Hints::default(), &|_| ()).unwrap();
    assert_eq!(
        all.iter().map(|e| e.codec).collect::<Vec<_>>(),
        [CodecId::Store]
    );
}

#[test]
fn hints_come_from_the_files() {
    let raw = Image {
        bytes: vec![1],
        load_address: None,
        entry: None,
        arch: None,
        landmarks: Landmarks::default(),
    };
    let elf = Image {
        load_address: Some(0x800),
        arch: Some(Arch::Arm),
        ..raw.clone()
    };
    assert_eq!(Hints::of(None, &raw), Hints::default());
    let hints = Hints::of(Some(&elf), &raw);
    assert_eq!(
        (hints.isa, hints.base_address),
        (Some(Isa::Thumb), Some(0x800))
    );
    assert_eq!(hints.new_address, None);
}
