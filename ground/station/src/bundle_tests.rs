//! Tests of bundles.

use super::*;
use crate::keys::SigningKey;
use crate::keyset::KeySetFile;
use crate::landmarks::Landmarks;
use crate::profile::EXAMPLE;
use lightday_trust::{KeySet, TrustError};
use lightday_wire::{CodecId, Role};
use proptest::prelude::*;

fn profile() -> Profile {
    let text = EXAMPLE.replace("[\"store\"]", "[\"store\", \"bsdiff-zstd\"]");
    toml::from_str(&text.replace("ram = 65536", "ram = 1048576")).unwrap()
}

fn image(bytes: &[u8]) -> Image {
    Image {
        bytes: bytes.to_vec(),
        load_address: None,
        entry: None,
        arch: None,
        landmarks: Landmarks::default(),
    }
}

fn options() -> BuildOptions {
    let mut options = BuildOptions::new(ObjectNumber::new(4).unwrap(), "1.2.3".parse().unwrap());
    options.text = Some("mends the star tracker".into());
    options
}

fn pair() -> (Image, Image) {
    let old = b"light is slow and bytes are dear. ".repeat(40);
    let mut new = old.clone();
    new[100] = b'!';
    (image(&old), image(&new))
}

fn bundle() -> Bundle {
    let (old, new) = pair();
    build(Some(&old), &new, &profile(), &options(), &|_| ()).unwrap()
}

fn keys() -> (KeySet, SigningKey) {
    let mut file = KeySetFile::new(1);
    for (n, role) in (0..).zip(Role::ALL) {
        file.add(&SigningKey::generate(*role, &format!("k{n}"), [n; 32]));
    }
    let release = SigningKey::generate(Role::Release, "k1", [1; 32]);
    (file.key_set().unwrap(), release)
}

#[test]
fn a_delta_names_its_base_and_brings_the_image() {
    let (old, new) = pair();
    let bundle = bundle();
    let manifest = bundle.manifest();
    assert_eq!(manifest.payload.codec, CodecId::BsdiffZstd);
    assert_eq!(manifest.base, Some(old.digest().prefix()));
    assert_eq!(bundle.decode(&old.bytes).unwrap(), new.bytes);
    assert!(bundle.decode(&new.bytes).is_err());
    assert!(bundle.object_bytes().ends_with(bundle.payload()));
}

/// A delta that saves fewer bytes than its base takes in the manifest is not worth its while.
#[test]
fn what_goes_up_is_smallest_not_the_payload() {
    let noise = |seed: u32, len: usize| -> Vec<u8> {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..len).map(|_| next()).collect()
    };
    let old = noise(1, 400);
    let mut profile = profile();
    profile.decoder.codecs = vec![CodecId::Store, CodecId::Model];
    let mut crossed = 0;
    for len in 8..60 {
        let mut new = old[100..100 + len].to_vec();
        new[..len / 2].copy_from_slice(&noise(2, len / 2));
        let (old, new) = (image(&old), image(&new));
        let hints = Hints::on(&profile, Some(&old), &new);
        let decoder = &profile.decoder;
        let all = codec::candidates(Some(&old.bytes), &new.bytes, decoder, &hints, &|_| ());
        let first = all.unwrap()[0].codec;
        let built = build(Some(&old), &new, &profile, &options(), &|_| ()).unwrap();
        let sizes = [CodecId::Store, CodecId::Model].map(|codec| {
            let mut profile = profile.clone();
            profile.decoder.codecs = vec![codec];
            let built = build(Some(&old), &new, &profile, &options(), &|_| ());
            built.unwrap().object_bytes().len()
        });
        let least = sizes.into_iter().min();
        assert_eq!(Some(built.object_bytes().len()), least, "{len}");
        crossed += usize::from(first != built.manifest().payload.codec);
    }
    assert!(crossed > 0);
}

#[test]
fn full_needs_no_base_and_neither_does_store() {
    let (old, new) = pair();
    let mut full = options();
    full.full = true;
    let built = build(Some(&old), &new, &profile(), &full, &|_| ()).unwrap();
    assert_eq!((built.manifest().base, built.context().base), (None, None));
    assert_eq!(built.decode(b"").unwrap(), new.bytes);
    let mut profile = profile();
    profile.decoder.codecs = vec![CodecId::Store];
    let built = build(Some(&old), &new, &profile, &options(), &|_| ()).unwrap();
    assert_eq!((built.manifest().base, built.context().base), (None, None));
}

#[test]
fn the_envelope_with_three_signatures_fits_384_bytes() {
    let mut options = options();
    options.activation = Activation::LoadAndGo;
    options.evidence_root = Some(Digest([9; 32]));
    options.security_counter = 70_000;
    let (old, new) = pair();
    let mut profile = profile();
    profile.memory.security_counters = 70_000;
    let mut bundle = build(Some(&old), &new, &profile, &options, &|_| ()).unwrap();
    let (keys, _) = keys();
    let message = bundle.signing_message();
    for (n, role) in [
        (1, Role::Release),
        (2, Role::Verification),
        (3, Role::Flight),
    ] {
        let key = SigningKey::generate(role, "k", [n; 32]);
        bundle.add_signature(&keys, &key.sign(&message)).unwrap();
    }
    bundle.verify(&keys).unwrap();
    let fields = bundle.fields();
    let sum: usize = fields.iter().map(|(_, bytes)| bytes).sum();
    assert_eq!(sum, bundle.envelope_bytes().len());
    assert!(sum <= 384, "{sum} B: {fields:?}");
    println!("envelope with every field and three signatures: {sum} B");
}

#[test]
fn an_envelope_beyond_the_limit_is_refused_by_its_fields() {
    let mut manifest = bundle().manifest().clone();
    manifest.load_address = u64::MAX;
    manifest.security_counter = u32::MAX;
    (manifest.image.size, manifest.payload.size) = (u32::MAX, u32::MAX);
    manifest.payload.ram = u32::MAX;
    manifest.payload.params = [7; 8].into_iter().collect();
    (manifest.trial.health_deadline_s, manifest.trial.lease_s) = (u32::MAX, u32::MAX);
    manifest.evidence_root = Some(Digest([9; 32]));
    let context = *bundle().context();
    let signed = |manifest: &Manifest| Signed::new(context, manifest.clone()).unwrap();
    let error = check_envelope(&signed(&manifest)).unwrap_err();
    assert!(matches!(
        error,
        BuildError::EnvelopeTooLong { size: 385.., .. }
    ));
    let text = format!("{error}; {}", error.hint());
    for part in [
        "384 B",
        "text digest 33 B",
        "trial policy 12 B",
        "load address 10 B",
        "--text",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The remedy is one.
    manifest.text_digest = None;
    assert_eq!(check_envelope(&signed(&manifest)), Ok(()));
}

#[test]
fn signatures_live_in_the_file_and_bind_the_context() {
    let (keys, release) = keys();
    let mut signed = bundle();
    let signature = release.sign(&signed.signing_message());
    signed.add_signature(&keys, &signature).unwrap();
    let read = Bundle::parse(&signed.to_bytes()).unwrap();
    assert_eq!(read.verify(&keys), Ok(()));
    let mut next = options();
    next.number = ObjectNumber::new(5).unwrap();
    let (old, new) = pair();
    let mut other = build(Some(&old), &new, &profile(), &next, &|_| ()).unwrap();
    assert!(other.add_signature(&keys, &signature).is_err());
    assert_eq!(
        other.verify(&keys),
        Err(TrustError::BelowThreshold(Role::Release))
    );
}

#[test]
fn text_may_be_severed_but_not_exchanged() {
    let mut severed = bundle();
    let message = severed.signing_message();
    severed.sever_text();
    let severed = Bundle::parse(&severed.to_bytes()).unwrap();
    assert_eq!((severed.text(), severed.signing_message()), (None, message));
    let mut other = bundle();
    other.text = Some("harmless".into());
    assert_eq!(
        Bundle::parse(&other.to_bytes()),
        Err(FileError::Malformed("text digest"))
    );
    let mut other = bundle();
    other.payload[0] ^= 1;
    assert_eq!(
        Bundle::parse(&other.to_bytes()),
        Err(FileError::Malformed("payload digest"))
    );
}

#[test]
fn slots_follow_the_link_address() {
    let (_, new) = pair();
    let mut profile = profile();
    profile.memory.load_address = LoadAddress::PerSlot {
        a: 0x1000,
        b: 0x2000,
    };
    let built = |address, slot| {
        let mut image = new.clone();
        image.load_address = address;
        let mut options = options();
        options.slot = slot;
        build(None, &image, &profile, &options, &|_| ()).map(|b| b.manifest().slot)
    };
    assert_eq!(built(Some(0x2000), None), Ok(SlotChoice::Only(SlotId::B)));
    assert_eq!(
        built(None, Some(SlotId::A)),
        Ok(SlotChoice::Only(SlotId::A))
    );
    assert_eq!(built(None, None), Err(BuildError::SlotUnknown));
    assert_eq!(built(Some(0x3000), None), Err(BuildError::Address(0x3000)));
    assert_eq!(
        built(Some(0x2000), Some(SlotId::A)),
        Err(BuildError::Address(0x2000))
    );
}

#[test]
fn what_cannot_fly_is_not_built() {
    let (_, new) = pair();
    let fails = |change: fn(&mut Profile, &mut BuildOptions)| {
        let (mut profile, mut options) = (profile(), options());
        change(&mut profile, &mut options);
        build(None, &new, &profile, &options, &|_| ()).unwrap_err()
    };
    assert_eq!(
        fails(|p, _| (p.decoder.ram, p.decoder.codecs) = (16, vec![CodecId::Model])),
        BuildError::Codec(CodecError::NoCodec)
    );
    assert!(matches!(
        fails(|p, _| p.memory.slot_size = 100),
        BuildError::ImageTooLarge { .. }
    ));
    assert!(matches!(
        fails(|p, _| p.memory.staging_size = 100),
        BuildError::StagingTooSmall { .. }
    ));
    assert_eq!(
        fails(|_, o| o.activation = Activation::LoadAndGo),
        BuildError::EvidenceMissing
    );
    assert_eq!(fails(|p, _| p.trial.tries = 0), BuildError::Trial);
    // A counter that the floors cannot reach would be a floor that never rises again.
    assert_eq!(
        fails(|_, o| o.security_counter = 17),
        BuildError::SecurityCounter {
            asked: 17,
            most: 16
        }
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn damaged_files_are_refused(at in any::<prop::sample::Index>(), flip in 1u8..) {
        let mut bytes = bundle().to_bytes();
        let at = at.index(bytes.len());
        prop_assert!(Bundle::parse(&bytes[..at]).is_err());
        bytes[at] ^= flip;
        prop_assert!(Bundle::parse(&bytes).is_err());
    }
}
