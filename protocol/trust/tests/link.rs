//! Frames and reports: nothing is heard but what was sealed with the key of this vehicle, direction
//! and epoch, in every bit.

mod common;

use common::{VECTORS, link_keys, samples};
use lightday_trust::Direction::{Down, Up};
use lightday_trust::{FrameKey, TagError};
use lightday_wire::answer;
use lightday_wire::dump;
use lightday_wire::report::ReportFrame;
use lightday_wire::{Epoch, Frame, FrameHeader, TagLen, VehicleId};
use proptest::prelude::*;

fn opens(key: &FrameKey, bytes: &[u8], tag_len: TagLen) -> bool {
    Frame::parse(bytes, tag_len).is_ok_and(|frame| key.open_frame(frame).is_ok())
}

fn opens_report(key: &FrameKey, bytes: &[u8]) -> bool {
    ReportFrame::parse(bytes).is_ok_and(|report| key.open_report(&report).is_ok())
}

fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

/// A flip in the epoch's bits makes a frame of another epoch: the key of that epoch refuses it too.
#[test]
fn every_bit_flip_of_a_frame_is_refused_under_every_key() {
    let keys = link_keys();
    for (name, tag_len) in [("frame/eight", TagLen::Eight), ("frame/six", TagLen::Six)] {
        let bytes = samples::vector(VECTORS, name);
        for flipped in flips(&bytes) {
            for e in 0..16 {
                let key = keys.frame_key(samples::VEHICLE, Up, samples::epoch(e));
                assert!(!opens(&key, &flipped, tag_len), "{flipped:02x?}");
            }
        }
    }
}

#[test]
fn every_bit_flip_of_a_report_is_refused_under_every_key() {
    let keys = link_keys();
    let bytes = samples::vector(VECTORS, "report/sealed");
    for flipped in flips(&bytes) {
        for e in 0..16 {
            let key = keys.frame_key(samples::VEHICLE, Down, samples::epoch(e));
            assert!(!opens_report(&key, &flipped), "{flipped:02x?}");
        }
    }
}

/// As a report too: a flip must not turn one packet of the downlink into another.
#[test]
fn every_bit_flip_of_an_answer_is_refused_under_every_key() {
    let keys = link_keys();
    let bytes = samples::vector(VECTORS, "answer/sealed");
    for flipped in flips(&bytes) {
        for e in 0..16 {
            let key = keys.frame_key(samples::VEHICLE, Down, samples::epoch(e));
            let answer = answer::parse(&flipped);
            assert!(!answer.is_ok_and(|answer| key.open_report(&answer).is_ok()));
            assert!(!opens_report(&key, &flipped));
        }
    }
    assert!(answer::parse(&samples::vector(VECTORS, "report/sealed")).is_err());
    assert!(ReportFrame::parse(&bytes).is_err());
}

#[test]
fn every_bit_flip_of_a_part_of_a_dump_is_refused_under_every_key() {
    let keys = link_keys();
    let bytes = samples::vector(VECTORS, "dump/sealed");
    for flipped in flips(&bytes) {
        for e in 0..16 {
            let key = keys.frame_key(samples::VEHICLE, Down, samples::epoch(e));
            let part = dump::parse(&flipped);
            assert!(!part.is_ok_and(|part| key.open_report(&part).is_ok()));
            assert!(!opens_report(&key, &flipped));
        }
    }
    for other in ["report/sealed", "answer/sealed"] {
        assert!(dump::parse(&samples::vector(VECTORS, other)).is_err());
    }
    assert!(ReportFrame::parse(&bytes).is_err());
    assert!(answer::parse(&bytes).is_err());
}

#[test]
fn a_frame_opens_for_its_vehicle_direction_and_epoch_only() {
    let keys = link_keys();
    let bytes = samples::vector(VECTORS, "frame/eight");
    let report = samples::vector(VECTORS, "report/sealed");
    let other = VehicleId(samples::VEHICLE.0 + 1);
    for vehicle in [samples::VEHICLE, other] {
        for direction in [Up, Down] {
            for e in 0..16 {
                let key = keys.frame_key(vehicle, direction, samples::epoch(e));
                let ours = vehicle == samples::VEHICLE && e == 2;
                let what = format!("{vehicle:?} {direction:?} {e}");
                assert_eq!(
                    opens(&key, &bytes, TagLen::Eight),
                    ours && direction == Up,
                    "{what}"
                );
                assert_eq!(
                    opens_report(&key, &report),
                    ours && direction == Down,
                    "{what}"
                );
            }
        }
    }
}

/// A frame that names another epoch is refused before its tag is looked at, even where two epochs were
/// given the same link key by mistake.
#[test]
fn one_link_key_in_two_epochs_still_makes_two_frame_keys() {
    let mut keys = link_keys();
    keys.0[3] = keys.0[2].clone();
    let bytes = samples::vector(VECTORS, "frame/eight");
    let key = keys.frame_key(samples::VEHICLE, Up, samples::epoch(3));
    assert!(!opens(&key, &bytes, TagLen::Eight));
    let mut renamed = bytes;
    renamed[0] = renamed[0] & 0xf0 | 3;
    assert!(!opens(&key, &renamed, TagLen::Eight));
}

/// A ground that seals under the wrong epoch's key is not heard: a frame is of the epoch that it names.
#[test]
fn a_frame_that_names_another_epoch_than_its_key_is_refused() {
    let key = link_keys().frame_key(samples::VEHICLE, Up, samples::epoch(3));
    let good = samples::vector(VECTORS, "frame/eight");
    let frame = Frame::parse(&good, TagLen::Eight).unwrap();
    let mut out = [0; 64];
    let len = key
        .seal_frame(frame.header, frame.symbol, TagLen::Eight, &mut out)
        .unwrap();
    assert!(!opens(&key, &out[..len], TagLen::Eight));
}

/// The length is covered: a frame of one profile is no frame of the other.
#[test]
fn a_tag_of_another_length_is_refused() {
    let key = link_keys().frame_key(samples::VEHICLE, Up, samples::epoch(2));
    let eight = samples::vector(VECTORS, "frame/eight");
    let six = samples::vector(VECTORS, "frame/six");
    assert!(opens(&key, &eight, TagLen::Eight) && opens(&key, &six, TagLen::Six));
    assert!(!opens(&key, &eight, TagLen::Six) && !opens(&key, &six, TagLen::Eight));
    // A tag cut short by hand is no shorter tag, and an empty one is none.
    let mut frame = Frame::parse(&eight, TagLen::Eight).unwrap();
    frame.tag = &[];
    assert_eq!(key.open_frame(frame), Err(TagError));
}

#[test]
fn sealing_into_too_little_room_writes_no_frame() {
    let key = link_keys().frame_key(samples::VEHICLE, Up, samples::epoch(2));
    let bytes = samples::vector(VECTORS, "frame/eight");
    let frame = Frame::parse(&bytes, TagLen::Eight).unwrap();
    for room in 0..bytes.len() {
        let mut out = vec![0; room];
        let sealed = key.seal_frame(frame.header, frame.symbol, TagLen::Eight, &mut out);
        assert_eq!(sealed, None, "{room}");
    }
}

#[test]
fn keys_never_show_in_debug_output() {
    let keys = link_keys();
    let key = keys.frame_key(samples::VEHICLE, Up, Epoch::default());
    assert_eq!(format!("{:?}", keys.0[0]), "LinkKey(..)");
    assert_eq!(format!("{key:?}"), "FrameKey(Up, Epoch(0), ..)");
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens(
        e in 0u8..16, vehicle: u32, number in 0u32..1 << 24, k in 1u16.., index: u16,
        symbol in proptest::collection::vec(any::<[u8; 2]>(), 1..500), six: bool,
    ) {
        let symbol = symbol.concat();
        let tag_len = if six { TagLen::Six } else { TagLen::Eight };
        let key = link_keys().frame_key(VehicleId(vehicle), Up, samples::epoch(e));
        let header = FrameHeader {
            kind: lightday_wire::ObjectKind::Command,
            epoch: samples::epoch(e),
            number: samples::number(number),
            k,
            index,
        };
        let mut out = [0; 1024];
        let len = key.seal_frame(header, &symbol, tag_len, &mut out).unwrap();
        prop_assert_eq!(len, 8 + symbol.len() + tag_len.get());
        let opened = key.open_frame(Frame::parse(&out[..len], tag_len).unwrap()).unwrap();
        prop_assert_eq!(opened.header(), header);
        prop_assert_eq!(opened.symbol(), &symbol[..]);
    }
}
