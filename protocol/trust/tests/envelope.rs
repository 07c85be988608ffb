//! Envelopes on the wire: every damaged bit is refused, and three signatures fit in 384 B.

mod common;

use common::{encode, key_set, samples, sealed, written};
use lightday_trust::KeySet;
use lightday_wire::envelope::MAX_ENVELOPE_LEN;
use lightday_wire::{Authorization, Document, Envelope, Manifest};

/// The project's limit for a manifest's envelope with three signatures.
const LIMIT: usize = 384;

fn is_accepted<T: Document>(set: &KeySet, bytes: &[u8], context: &T::Context) -> bool {
    Envelope::parse(bytes).is_ok_and(|(envelope, _)| set.verify::<T>(&envelope, context).is_ok())
}

/// Exhaustive: each bit of the whole envelope, lengths, key indices, body and signatures. With three
/// signatures and thresholds that need all three, dropping one is no way out either.
fn every_flip_is_refused<T: Document>(document: &T, context: &T::Context, keys: &[u8]) {
    assert_eq!(keys.len(), 3);
    let mut set = key_set();
    set.thresholds = [2, 3, 1, 2];
    let body = encode(document);
    let bytes = written(&sealed::<T>(context, &body, keys));
    assert!(is_accepted::<T>(&set, &bytes, context));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // The receiver reads an envelope from the front of an object: more bytes follow it.
        flipped.extend([0; 200]);
        assert!(!is_accepted::<T>(&set, &flipped, context), "bit {bit}");
    }
    for len in 0..bytes.len() {
        assert!(
            !is_accepted::<T>(&set, &bytes[..len], context),
            "cut to {len}"
        );
    }
}

#[test]
fn every_bit_flip_of_a_manifest_with_three_signatures_is_refused() {
    let manifest = samples::manifest_delta();
    every_flip_is_refused::<Manifest>(&manifest, &samples::manifest_context_class(), &[3, 4, 5]);
}

#[test]
fn every_bit_flip_of_an_authorization_with_three_signatures_is_refused() {
    let authorization = samples::authorizations()[0].1;
    let context = samples::authorization_context();
    every_flip_is_refused::<Authorization>(&authorization, &context, &[6, 8, 9]);
}

fn len(manifest: &Manifest, keys: &[u8]) -> usize {
    let context = samples::manifest_context_class();
    let body = encode(manifest);
    let envelope = sealed::<Manifest>(&context, &body, keys);
    let len = written(&envelope).len();
    assert_eq!(len, envelope.encoded_len());
    len
}

/// Prints the figures that `docs/SPEC.md` quotes: run with `--nocapture`.
#[test]
fn an_envelope_with_three_signatures_fits_in_384_bytes() {
    let three = [3, 4, 5];
    let usual = len(&samples::manifest_delta(), &three);
    let largest = len(&samples::manifest_largest(), &three);
    let longest = len(&samples::manifest_longest(), &three);
    println!("manifest envelope with three signatures, bytes:");
    println!("  usual delta, neither evidence root nor text    {usual}");
    println!("  largest of a mission: evidence root, text      {largest}");
    println!("  longest that the types allow                   {longest}");
    assert!(usual <= LIMIT && largest <= LIMIT);
    // The vehicle's buffers hold even that, and a fourth signature on the largest of a mission.
    assert!(longest <= MAX_ENVELOPE_LEN);
    assert!(len(&samples::manifest_largest(), &[3, 4, 5, 6]) <= MAX_ENVELOPE_LEN);
    for (what, figure) in [("usual", usual), ("largest", largest), ("longest", longest)] {
        assert_eq!(
            spec_figure(what),
            figure,
            "docs/SPEC.md quotes the {what} envelope"
        );
    }
}

/// The figure of a row of the size table of SPEC.
fn spec_figure(what: &str) -> usize {
    let spec = include_str!("../../../docs/SPEC.md");
    let start = format!("| {what}");
    let row = spec.lines().find(|line| line.starts_with(&start));
    let cell = row.and_then(|row| row.split('|').nth(3));
    cell.and_then(|cell| cell.trim().parse().ok())
        .unwrap_or_else(|| panic!("no row of SPEC begins with {start}"))
}
