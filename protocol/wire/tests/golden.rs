//! Golden vectors: the bytes of every document and packet, in both directions.
//!
//! `vectors.txt` was computed by code that shares nothing with this crate. It is never regenerated:
//! a test that fails here says that the format was broken, for a vehicle that nobody can visit.

mod common;

use std::fmt::Debug;

use common::{number, vector};
use heapless::Vec;
use lightday_wire::answer;
use lightday_wire::dump;
use lightday_wire::report::{BODY_LEN, REPORT_LEN};
use lightday_wire::{
    Envelope, Frame, FrameHeader, KeyIndex, Location, ObjectKind, Region, Signature, SlotId,
    TagLen, canon,
};
use serde::{Serialize, de::DeserializeOwned};

const VECTORS: &str = include_str!("vectors.txt");

/// Encodes to the vector, and the vector decodes to it.
fn holds<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, value: &T) {
    let bytes = vector(VECTORS, name);
    let mut buffer = [0; canon::MAX_LEN];
    assert_eq!(canon::encode(value, &mut buffer), Ok(&bytes[..]), "{name}");
    assert_eq!(&canon::decode::<T>(&bytes).unwrap(), value, "{name}");
}

#[test]
fn manifests() {
    for (name, manifest) in common::manifests() {
        holds(&format!("manifest/{name}"), &manifest);
    }
    holds(
        "context/manifest_vehicle",
        &common::manifest_context_vehicle(),
    );
    holds("context/manifest_class", &common::manifest_context_class());
}

#[test]
fn authorizations() {
    for (name, authorization) in common::authorizations() {
        holds(&format!("authorization/{name}"), &authorization);
    }
    holds("context/command", &common::command_context());
    // Two documents, one shape of context: their domains tell them apart.
    holds("context/command", &common::authorization_context());
}

#[test]
fn every_command_action_has_its_vector_and_every_vector_its_action() {
    let commands = common::commands();
    for (name, command) in &commands {
        holds(&format!("command/{name}"), command);
    }
    let named: std::vec::Vec<_> = commands.iter().map(|(name, _)| *name).collect();
    assert_eq!(common::names(VECTORS, "command/"), named);
}

#[test]
fn an_unknown_action_is_refused() {
    let after_the_last = u8::try_from(common::commands().len()).unwrap();
    for code in after_the_last..=255 {
        let mut bytes = [0u8; 40];
        bytes[0] = code;
        for len in 1..40 {
            assert!(canon::decode::<lightday_wire::Command>(&bytes[..len]).is_err());
        }
    }
}

#[test]
fn regions() {
    holds("region/image_a", &Region::Image(Location::Slot(SlotId::A)));
    holds("region/image_golden", &Region::Image(Location::Golden));
    holds("region/trailer_b", &Region::Trailer(SlotId::B));
    holds("region/record_2", &Region::Record(2));
    holds("region/floors", &Region::Floors);
    holds("region/staging", &Region::Staging);
}

#[test]
fn the_report_is_at_most_96_bytes_with_its_tag() {
    holds("report/body", &common::report());
    assert_eq!(vector(VECTORS, "report/body").len(), BODY_LEN);
    assert_eq!(REPORT_LEN, 95);
    const { assert!(REPORT_LEN <= 96) };
}

#[test]
fn the_answer() {
    holds("answer/body", &common::answer());
    assert_eq!(vector(VECTORS, "answer/body").len(), answer::BODY_LEN);
}

#[test]
fn the_parts_of_a_dump_are_shorter_than_a_report() {
    holds("dump/body", &common::part());
    holds("dump/unread", &common::unread_part());
    assert_eq!(vector(VECTORS, "dump/body").len(), dump::BODY_LEN);
    assert_eq!(dump::DUMP_LEN, 83);
    const { assert!(dump::DUMP_LEN <= REPORT_LEN) };
    for part in [common::part(), common::unread_part()] {
        assert!(part.is_of(common::dump_range()));
    }
}

#[test]
fn frames() {
    let header = FrameHeader {
        kind: ObjectKind::Bundle,
        epoch: common::epoch(2),
        number: number(0x01_0203),
        k: 1000,
        index: 1001,
    };
    assert_eq!(header.to_bytes()[..], vector(VECTORS, "frame/header"));
    for (name, tag_len) in [("frame/eight", TagLen::Eight), ("frame/six", TagLen::Six)] {
        let bytes = vector(VECTORS, name);
        let frame = Frame::parse(&bytes, tag_len).unwrap();
        assert_eq!(frame.header, header);
        assert_eq!(frame.symbol, &bytes[8..24]);
        assert_eq!(frame.tag, &bytes[24..]);
        assert_eq!(frame.tag.len(), tag_len.get());
    }
}

#[test]
fn envelopes() {
    let signature = |key: u8| Signature {
        key: KeyIndex(key),
        r: [key; 32],
        s: [key | 0x40; 32],
    };
    let long = [0u8; 200];
    for (name, body, keys) in [
        ("envelope/none", &b"body"[..], &[][..]),
        ("envelope/two", b"body", &[1, 0x83]),
        ("envelope/long", &long, &[7]),
    ] {
        let envelope = Envelope {
            body,
            signatures: keys.iter().copied().map(signature).collect::<Vec<_, 8>>(),
        };
        let bytes = vector(VECTORS, name);
        let mut buffer = [0; 512];
        assert_eq!(envelope.write(&mut buffer), Ok(&bytes[..]), "{name}");
        assert_eq!(envelope.encoded_len(), bytes.len(), "{name}");
        let (read, rest) = Envelope::parse(&bytes).unwrap();
        assert_eq!((read, rest), (envelope, &[][..]), "{name}");
    }
}
