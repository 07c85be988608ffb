//! Golden vectors: derived keys, tags, signing messages, and whole signed envelopes.
//!
//! `vectors.txt` was computed by code that shares nothing with this crate: HKDF and HMAC by Python's
//! `hmac` and `hashlib`, ed25519 by OpenSSL. It is never regenerated.

mod common;

use common::{VECTORS, encode, samples};
use hmac::{Hmac, KeyInit, Mac};
use lightday_trust::{Direction, KeySet, signing_message};
use lightday_wire::answer;
use lightday_wire::dump;
use lightday_wire::report::ReportFrame;
use lightday_wire::{Authorization, Command, Document, Envelope, Frame, Manifest, TagLen, canon};
use sha2::Sha256;

fn vector(name: &str) -> Vec<u8> {
    samples::vector(VECTORS, name)
}

#[test]
fn public_keys() {
    for n in 0..12 {
        let public = common::secret(n).verifying_key().to_bytes();
        assert_eq!(public[..], vector(&format!("public_key/{n}")));
    }
}

/// The derived keys themselves are private: a tag made with the vector's key must be ours.
#[test]
fn frame_keys_and_tags() {
    for (direction, name, code) in [(Direction::Up, "up", 0), (Direction::Down, "down", 1)] {
        for e in [0, 2, 15] {
            let epoch = samples::epoch(e);
            let key = common::link_keys().frame_key(samples::VEHICLE, direction, epoch);
            let covered = [0x77; 50];
            let vector_key = vector(&format!("frame_key/{name}/{e}"));
            let mut mac = Hmac::<Sha256>::new_from_slice(&vector_key).unwrap();
            mac.update(b"lightday frame v1");
            mac.update(&[0x00, 0xc0, 0xff, 0xee, code, e, 0, 50]);
            mac.update(&covered);
            let full = mac.finalize().into_bytes();
            assert_eq!(key.report_tag(&covered)[..], full[..8], "{name} {e}");
        }
    }
}

#[test]
fn sealed_frames() {
    let key = common::link_keys().frame_key(samples::VEHICLE, Direction::Up, samples::epoch(2));
    for (name, tag_len) in [("frame/eight", TagLen::Eight), ("frame/six", TagLen::Six)] {
        let bytes = vector(name);
        let frame = Frame::parse(&bytes, tag_len).unwrap();
        let opened = key.open_frame(frame).unwrap();
        let mut out = [0; 64];
        let len = key
            .seal_frame(opened.header(), opened.symbol(), tag_len, &mut out)
            .unwrap();
        assert_eq!(out[..len], bytes);
    }
}

#[test]
fn a_sealed_report() {
    let key = common::link_keys().frame_key(samples::VEHICLE, Direction::Down, samples::epoch(2));
    let bytes = vector("report/sealed");
    let body = key
        .open_report(&ReportFrame::parse(&bytes).unwrap())
        .unwrap();
    assert_eq!(canon::decode(body), Ok(samples::report()));
    let mut out = [0; 128];
    let len = key.seal_report(body, &mut out).unwrap();
    assert_eq!(out[..len], bytes);
}

#[test]
fn a_sealed_answer() {
    let key = common::link_keys().frame_key(samples::VEHICLE, Direction::Down, samples::epoch(2));
    let bytes = vector("answer/sealed");
    let body = key.open_report(&answer::parse(&bytes).unwrap()).unwrap();
    assert_eq!(canon::decode(body), Ok(samples::answer()));
    let mut out = [0; 64];
    let len = key.seal_answer(body, &mut out).unwrap();
    assert_eq!(out[..len], bytes);
    assert_eq!(len, answer::ANSWER_LEN);
}

#[test]
fn a_sealed_part_of_a_dump() {
    let key = common::link_keys().frame_key(samples::VEHICLE, Direction::Down, samples::epoch(2));
    let bytes = vector("dump/sealed");
    let body = key.open_report(&dump::parse(&bytes).unwrap()).unwrap();
    assert_eq!(canon::decode(body), Ok(samples::part()));
    let mut out = [0; 96];
    let len = key.seal_part(body, &mut out).unwrap();
    assert_eq!(out[..len], bytes);
    assert_eq!(len, dump::DUMP_LEN);
}

#[test]
fn key_sets() {
    for (name, set) in [
        ("key_set/1", common::key_set()),
        ("key_set/2", common::next_key_set()),
    ] {
        assert_eq!(encode(&set), vector(name), "{name}");
        assert_eq!(canon::decode(&vector(name)), Ok(set), "{name}");
    }
    let mut buffer = [0; 64];
    let context = canon::encode(&common::key_set_context(), &mut buffer).unwrap();
    assert_eq!(context, vector("context/key_set"));
}

fn message<T: Document>(name: &str, context: &T::Context, document: &T) {
    let message = signing_message::<T>(context, &encode(document)).unwrap();
    assert_eq!(message[..], vector(&format!("message/{name}")), "{name}");
}

#[test]
fn signing_messages() {
    let vehicle = samples::manifest_context_vehicle();
    message("manifest_vehicle", &vehicle, &samples::manifest_full());
    let class = samples::manifest_context_class();
    message("manifest_class", &class, &samples::manifest_delta());
    let authorization = samples::authorizations()[0].1;
    message(
        "authorization",
        &samples::authorization_context(),
        &authorization,
    );
    let confirm = samples::commands()[0].1;
    message("command", &samples::command_context(), &confirm);
    message(
        "key_set",
        &common::key_set_context(),
        &common::next_key_set(),
    );
}

#[test]
fn signed_envelopes_are_made_and_verified_as_they_ever_were() {
    let set = common::key_set();

    let body = encode(&samples::manifest_delta());
    let context = samples::manifest_context_class();
    let made = common::sealed::<Manifest>(&context, &body, &[3, 5]);
    let bytes = vector("envelope/manifest");
    assert_eq!(common::written(&made), bytes);
    let (read, _) = Envelope::parse(&bytes).unwrap();
    let manifest = set.verify::<Manifest>(&read, &context).unwrap();
    assert_eq!(manifest.into_inner(), samples::manifest_delta());

    let authorization = samples::authorizations()[0].1;
    let body = encode(&authorization);
    let context = samples::authorization_context();
    let made = common::sealed::<Authorization>(&context, &body, &[6, 8, 9]);
    let bytes = vector("envelope/authorization");
    assert_eq!(common::written(&made), bytes);
    let (read, _) = Envelope::parse(&bytes).unwrap();
    let verified = set.verify::<Authorization>(&read, &context).unwrap();
    assert_eq!(verified.into_inner(), authorization);

    let confirm = samples::commands()[0].1;
    let body = encode(&confirm);
    let context = samples::command_context();
    let made = common::sealed::<Command>(&context, &body, &[8, 9]);
    let bytes = vector("envelope/command");
    assert_eq!(common::written(&made), bytes);
    let (read, _) = Envelope::parse(&bytes).unwrap();
    let verified = set.verify::<Command>(&read, &context).unwrap();
    assert_eq!(verified.into_inner(), confirm);

    let next = common::next_key_set();
    let body = encode(&next);
    let context = common::key_set_context();
    let keys = [(0, 0), (2, 2), (0x81, 10), (0x82, 11)];
    let made = common::signed::<KeySet>(&context, &body, &keys);
    let bytes = vector("envelope/key_set");
    assert_eq!(common::written(&made), bytes);
    let (read, _) = Envelope::parse(&bytes).unwrap();
    let verified = set.verify_successor(&read, &context).unwrap();
    assert_eq!(verified.into_inner(), next);
}
