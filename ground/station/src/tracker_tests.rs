//! Tests of the tracker.

use super::*;
use lightday_trust::LinkKey;
use lightday_wire::report::{REPORT_LEN, RunningCode};
use lightday_wire::{Location, ObjectNumber, ResetCause, RevertCause, SlotReport, Version};
use proptest::prelude::*;

/// A report of a vehicle to which nothing happened yet.
pub fn report(sequence: u32) -> Report {
    let slot = SlotReport {
        state: SlotState::Empty,
        version: Version::default(),
        digest: [0; 4],
    };
    Report {
        sequence,
        time_s: 0,
        running: RunningCode(Location::Golden),
        slots: [slot; 2],
        golden: [1, 2, 3, 4],
        bundle: Verdict::IDLE,
        symbols_needed: 0,
        authorization: Verdict::IDLE,
        command: Verdict::IDLE,
        next: [ObjectNumber::default(); 4],
        reset_cause: ResetCause::PowerOn,
        resets: 1,
        tries_left: 0,
        environment_left: 0,
        lease_left_h: u16::MAX,
        revert_cause: RevertCause::None,
        reverted: ObjectNumber::default(),
        key_set: 1,
        security_counter: 0,
        hold: Refusal::None,
        frames_refused: 0,
        flags: flags::HEALTHY,
        state_digest: [7; 8],
    }
}

fn keys() -> LinkKeys {
    let mut n = 0;
    LinkKeys(core::array::from_fn(|_| {
        n += 1;
        LinkKey([n; 32])
    }))
}

fn sealed(report: &Report, epoch: u8, vehicle: u32) -> Vec<u8> {
    let epoch = Epoch::new(epoch).unwrap();
    let key = keys().frame_key(VehicleId(vehicle), Direction::Down, epoch);
    let mut body = [0; 256];
    let body = canon::encode(report, &mut body).unwrap();
    let mut bytes = vec![0; REPORT_LEN];
    let len = key.seal_report(body, &mut bytes).unwrap();
    assert_eq!(len, REPORT_LEN);
    bytes
}

fn tracker() -> Tracker {
    Tracker::new(VehicleId(7), 79_200)
}

#[test]
fn a_report_proves_a_state_of_light_time_ago() {
    let mut tracker = tracker();
    let mut first = report(5);
    first.time_s = 1_000_010;
    let proven = tracker
        .receive(&keys(), &sealed(&first, 0, 7), 1_079_200)
        .unwrap();
    assert_eq!(proven.report, first);
    assert_eq!(
        (proven.sent_s, proven.age_s(1_079_300)),
        (1_000_000, 79_300)
    );
    assert_eq!(proven.clock_ahead_s(), Some(10));
    let next = tracker
        .receive(&keys(), &sealed(&report(9), 0, 7), 1_079_400)
        .unwrap();
    assert_eq!((next.missed, next.clock_ahead_s()), (3, None));
    assert_eq!(tracker.last(), Some(&next));
}

#[test]
fn recordings_forgeries_and_noise_are_told_apart() {
    let mut tracker = tracker();
    tracker
        .receive(&keys(), &sealed(&report(5), 2, 7), 0)
        .unwrap();
    let before = tracker.clone();
    let mut fails = |bytes: &[u8]| tracker.receive(&keys(), bytes, 1).unwrap_err();
    assert_eq!(
        fails(&sealed(&report(5), 2, 7)),
        TrackError::OldSequence { found: 5, last: 5 }
    );
    assert!(matches!(
        fails(&sealed(&report(6), 1, 7)),
        TrackError::OldEpoch { .. }
    ));
    assert!(matches!(
        fails(&sealed(&report(6), 2, 8)),
        TrackError::Forged(_)
    ));
    let good = sealed(&report(6), 2, 7);
    assert!(matches!(fails(&good[..94]), TrackError::NotAReport(_)));
    let mut flipped = good.clone();
    flipped[20] ^= 1;
    assert!(matches!(fails(&flipped), TrackError::Forged(_)));
    assert_eq!(tracker, before);
    assert!(tracker.receive(&keys(), &good, 2).is_ok());
    // A vehicle that lost its record counts anew under the next epoch.
    assert!(
        tracker
            .receive(&keys(), &sealed(&report(1), 3, 7), 3)
            .is_ok()
    );
}

#[test]
fn an_authentic_body_without_meaning_is_no_forgery() {
    let epoch = Epoch::default();
    let key = keys().frame_key(VehicleId(7), Direction::Down, epoch);
    let mut bytes = vec![0; REPORT_LEN];
    key.seal_report(&[0xff; REPORT_LEN - 9], &mut bytes)
        .unwrap();
    let error = tracker().receive(&keys(), &bytes, 0).unwrap_err();
    assert_eq!(error, TrackError::Malformed(CanonError::Malformed));
}

#[test]
fn facts_have_one_order_and_say_what_waits() {
    let mut waiting = report(3);
    waiting.bundle = Verdict {
        number: ObjectNumber::new(4).unwrap(),
        stage: Stage::Receiving,
        refusal: Refusal::UnknownBase,
    };
    let names = |r: &Report| facts(r).iter().map(|f| f.name).collect::<Vec<_>>();
    assert_eq!(names(&waiting), names(&report(1)));
    let bundle = facts(&waiting).into_iter().find(|f| f.name == "bundle");
    assert_eq!(bundle.unwrap().value, "4 Receiving: UnknownBase");
}

#[test]
fn the_tracker_survives_being_written_down() {
    let mut tracker = tracker();
    tracker
        .receive(&keys(), &sealed(&report(5), 0, 7), 9)
        .unwrap();
    let text = serde_json::to_string(&tracker).unwrap();
    assert_eq!(serde_json::from_str::<Tracker>(&text).unwrap(), tracker);
}

proptest! {
    #[test]
    fn nothing_but_the_report_itself_is_believed(
        at in 0..REPORT_LEN, flip in 1u8.., cut in 0..REPORT_LEN,
        noise in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let good = sealed(&report(5), 0, 7);
        let mut flipped = good.clone();
        flipped[at] ^= flip;
        for bytes in [&flipped[..], &good[..cut], &noise] {
            prop_assert!(tracker().receive(&keys(), bytes, 0).is_err());
            prop_assert!(tracker().open_answer(&keys(), bytes).is_err());
        }
    }
}
