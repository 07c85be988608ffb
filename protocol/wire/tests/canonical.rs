//! One value, one byte string: whatever decodes encodes to the same bytes, whoever made them up.

mod common;

use lightday_wire::answer::Answer;
use lightday_wire::dump::{self, DumpRange, Part};
use lightday_wire::{
    Authorization, AuthorizationContext, Command, CommandContext, Envelope, Manifest,
    ManifestContext, Report, canon,
};
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

const VECTORS: &str = include_str!("vectors.txt");

/// Decodes or refuses; what decodes is written as it was read.
fn is_canonical<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<bool, TestCaseError> {
    let Ok((value, rest)) = canon::decode_prefix::<T>(bytes) else {
        return Ok(false);
    };
    let mut buffer = [0; canon::MAX_LEN];
    let written = canon::encode(&value, &mut buffer).expect("it was read from fewer bytes");
    prop_assert_eq!(written, &bytes[..bytes.len() - rest.len()]);
    Ok(true)
}

fn all_are_canonical(bytes: &[u8]) -> Result<(), TestCaseError> {
    is_canonical::<Manifest>(bytes)?;
    is_canonical::<ManifestContext>(bytes)?;
    is_canonical::<Authorization>(bytes)?;
    is_canonical::<AuthorizationContext>(bytes)?;
    is_canonical::<Command>(bytes)?;
    is_canonical::<CommandContext>(bytes)?;
    is_canonical::<Report>(bytes)?;
    is_canonical::<Answer>(bytes)?;
    is_canonical::<Part>(bytes)?;
    if let Ok((envelope, rest)) = Envelope::parse(bytes) {
        let mut buffer = [0; 2048];
        let written = envelope
            .write(&mut buffer)
            .expect("it was read from fewer bytes");
        prop_assert_eq!(written, &bytes[..bytes.len() - rest.len()]);
    }
    Ok(())
}

fn vectors() -> Vec<Vec<u8>> {
    common::names(VECTORS, "")
        .into_iter()
        .map(|name| common::vector(VECTORS, name))
        .collect()
}

proptest! {
    #[test]
    fn random_bytes_decode_canonically_or_not_at_all(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        all_are_canonical(&bytes)?;
    }

    /// Random bytes seldom decode; good bytes with a few changes often do.
    #[test]
    fn damaged_vectors_decode_canonically_or_not_at_all(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        insert in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let vectors = vectors();
        let mut bytes = which.get(&vectors).clone();
        for (at, to) in changes {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        if let Some((at, byte)) = insert {
            bytes.insert(at.index(bytes.len()), byte);
        }
        all_are_canonical(&bytes)?;
    }
}

/// A range with bytes for all of it, and which of its parts the flash gave.
fn dumps() -> impl Strategy<Value = (DumpRange, Vec<u8>, Vec<bool>)> {
    (0..=u32::MAX - 2048, 1..=dump::MAX_LEN).prop_flat_map(|(offset, len)| {
        let range = DumpRange::new(offset, len).expect("a range");
        (
            Just(range),
            proptest::collection::vec(any::<u8>(), usize::from(len)),
            proptest::collection::vec(any::<bool>(), usize::from(range.parts())),
        )
    })
}

proptest! {
    /// All parts, in any order, are the range again; none is taken for one of another range.
    #[test]
    fn the_parts_of_a_dump_are_its_bytes(
        (range, bytes, gave) in dumps(), other in (any::<u32>(), 1..=dump::MAX_LEN),
    ) {
        let command = common::number(7);
        let mut found = vec![0; bytes.len()];
        for (n, is_read) in gave.iter().enumerate().rev() {
            let n = u8::try_from(n).expect("sixteen at most");
            let (from, len) = range.part(n).expect("it has this part");
            let place = usize::from(from)..usize::from(from + len);
            let read = is_read.then(|| &bytes[place.clone()]);
            let part = Part::new(command, range, n, read).expect("a part");
            let mut buffer = [0; dump::BODY_LEN];
            let written = canon::encode(&part, &mut buffer).expect("it fits");
            prop_assert_eq!(written.len(), dump::BODY_LEN);
            let part: Part = canon::decode(written).expect("it was written");
            prop_assert!(part.is_of(range));
            prop_assert_eq!(part.bytes(), read);
            prop_assert_eq!(part.offset, range.offset() + u32::from(from));
            found[place.clone()].copy_from_slice(part.bytes().unwrap_or(&bytes[place]));
            if let Some(other) = DumpRange::new(other.0, other.1) {
                let is_same = other.part(n).map(|(from, len)| (other.offset() + u32::from(from), len))
                    == Some((part.offset, len));
                prop_assert_eq!(part.is_of(other), is_same);
            }
        }
        prop_assert_eq!(found, bytes);
    }
}

/// The property above is not empty: the vectors themselves decode.
#[test]
fn the_vectors_decode() {
    let decodes = |name| is_canonical::<Manifest>(&common::vector(VECTORS, name)).unwrap();
    assert!(decodes("manifest/largest"));
    assert!(!decodes("command/Confirm"));
}

/// Every varint of every vector, made one byte longer without changing its value, is refused.
#[test]
fn no_overlong_varint_is_accepted_anywhere() {
    fn refused<T: Serialize + DeserializeOwned>(name: &str) {
        let bytes = common::vector(VECTORS, name);
        for at in 0..bytes.len() {
            // `x` and `x|0x80, 0x00` are one number to a careless reader.
            let mut longer = bytes.clone();
            longer[at] |= 0x80;
            longer.insert(at + 1, 0);
            assert!(canon::decode::<T>(&longer).is_err(), "{name}, byte {at}");
        }
        for len in 0..bytes.len() {
            assert!(
                canon::decode::<T>(&bytes[..len]).is_err(),
                "{name} cut to {len}"
            );
        }
    }
    for (name, _) in common::manifests() {
        refused::<Manifest>(&format!("manifest/{name}"));
    }
    for (name, _) in common::authorizations() {
        refused::<Authorization>(&format!("authorization/{name}"));
    }
    for (name, _) in common::commands() {
        refused::<Command>(&format!("command/{name}"));
    }
    refused::<Report>("report/body");
    refused::<Part>("dump/body");
}
