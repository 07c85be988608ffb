//! Tests of the tracker.

use super::*;
use lightday_trust::{LinkKey, LinkKeys};
use lightday_wire::canon::CanonError;
use lightday_wire::dump::DumpRange;
use lightday_wire::report::{REPORT_LEN, RunningCode, flags};
use lightday_wire::{
    Location, ObjectNumber, Refusal, ResetCause, RevertCause, SlotReport, SlotState, Verdict,
    Version,
};
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

fn keys() -> HeldKeys {
    let mut n = 0;
    HeldKeys::from(&LinkKeys(core::array::from_fn(|_| {
        n += 1;
        LinkKey([n; 32])
    })))
}

fn sealed(report: &Report, epoch: u8, vehicle: u32) -> Vec<u8> {
    let epoch = Epoch::new(epoch).unwrap();
    let key = keys().frame_key(VehicleId(vehicle), Direction::Down, epoch);
    let key = key.unwrap();
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
        TrackError::Known { found: 5 }
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
    let key = key.unwrap();
    key.seal_report(&[0xff; REPORT_LEN - 9], &mut bytes)
        .unwrap();
    let error = tracker().receive(&keys(), &bytes, 0).unwrap_err();
    assert_eq!(error, TrackError::Malformed(CanonError::Malformed));
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

/// A report of a vehicle that lost its record.
fn lost(sequence: u32) -> Report {
    let mut lost = report(sequence);
    lost.flags = flags::RECORD_LOST;
    lost
}

#[test]
fn a_lost_record_is_heard_whatever_its_sequence_and_told_once() {
    let mut tracker = tracker();
    let mut hear = |report: &Report, epoch| {
        let heard = tracker.receive(&keys(), &sealed(report, epoch, 7), 1);
        (heard.map(|p| p.is_alarm()), tracker.clone())
    };
    assert_eq!(hear(&report(0x5_0009), 2).0, Ok(false));
    // It counts from zero in the same epoch.
    let (heard, now) = hear(&lost(0), 2);
    assert_eq!(heard, Ok(true));
    let alarm = now.alarm().unwrap();
    assert_eq!((alarm.proven.report, alarm.denied), (lost(0), false));
    assert_eq!(now.last().unwrap().report.sequence, 0x5_0009);
    assert_eq!(now.latest().unwrap().report, lost(0));
    // The same bytes are no news, those of a later beacon are.
    let again = hear(&lost(0), 2);
    assert_eq!(again, (Err(TrackError::KnownAlarm { found: 0 }), now));
    let (heard, now) = hear(&lost(1), 2);
    assert_eq!(heard, Ok(true));
    assert_eq!(now.latest().unwrap().report, lost(1));
    assert!(matches!(
        hear(&lost(2), 1).0,
        Err(TrackError::OldEpoch { .. })
    ));
    // The resynchronisation ends it; a recording of it does not come back.
    let (heard, now) = hear(&report(3), 3);
    assert_eq!((heard, now.alarm()), (Ok(false), None));
    assert!(matches!(
        hear(&lost(2), 2).0,
        Err(TrackError::OldEpoch { .. })
    ));
}

#[test]
fn a_recorded_alarm_makes_people_look_and_hides_nothing() {
    let mut tracker = tracker();
    let mut hear = |report: &Report| tracker.receive(&keys(), &sealed(report, 2, 7), 1).is_ok();
    assert!(hear(&report(8)));
    assert!(hear(&lost(1)), "recorded, and never heard on the ground");
    // What follows is heard as before, in the order of before.
    assert!(!hear(&report(8)) && !hear(&report(7)));
    assert!(hear(&report(9)));
    assert!(!hear(&lost(1)), "played back again");
    assert!(tracker.alarm().unwrap().denied);
    assert_eq!(tracker.latest(), tracker.last());
    assert_eq!(tracker.last().unwrap().report.sequence, 9);
    // A true one after it is told again.
    let news = tracker.receive(&keys(), &sealed(&lost(2), 2, 7), 2);
    assert_eq!(news.as_ref().ok(), tracker.latest());
    assert!(!tracker.alarm().unwrap().denied);
}

#[test]
fn an_alarm_of_a_later_epoch_ends_the_epoch_before() {
    let mut tracker = tracker();
    let mut hear = |report: &Report, epoch| {
        let bytes = sealed(report, epoch, 7);
        tracker.receive(&keys(), &bytes, 1).map(|_| ())
    };
    hear(&report(8), 1).unwrap();
    hear(&lost(0), 1).unwrap();
    hear(&lost(0), 2).unwrap();
    assert!(matches!(
        hear(&report(9), 1),
        Err(TrackError::OldEpoch { .. })
    ));
    assert_eq!(tracker.alarm().unwrap().proven.epoch.get(), 2);
    assert_eq!(tracker.last().unwrap().epoch.get(), 1);
}

#[test]
fn the_first_thing_heard_may_be_an_alarm() {
    let mut tracker = tracker();
    let heard = tracker
        .receive(&keys(), &sealed(&lost(0), 0, 7), 1)
        .unwrap();
    assert_eq!((tracker.last(), tracker.latest()), (None, Some(&heard)));
}

/// A report with a clock, heard so many seconds after some instant.
fn hear(
    tracker: &mut Tracker,
    sequence: u32,
    time_s: u32,
    at_s: u64,
) -> Result<Proven, TrackError> {
    let mut report = report(sequence);
    report.time_s = time_s;
    tracker.receive(&keys(), &sealed(&report, 0, 7), 100_000 + at_s)
}

#[test]
fn a_forgery_far_ahead_hides_no_report_that_comes_after_it() {
    // Whoever stole the link key jumps as far as there is an order, and says so again each hour.
    let far = 65_538 + (1 << 31) - 100;
    for clock in [0, 20_900] {
        let mut tracker = tracker();
        hear(&mut tracker, 65_538, 20_800, 0).unwrap();
        let mut told = None;
        for hour in 1..50 {
            let forged = if clock == 0 { 0 } else { clock };
            hear(&mut tracker, far + hour, forged, u64::from(hour) * 3600).unwrap();
            let ours = hear(
                &mut tracker,
                65_538 + hour,
                20_800 + hour * 3600,
                u64::from(hour) * 3600 + 60,
            );
            assert!(ours.unwrap_err().is_authentic());
            told = told.or(tracker.contradiction().map(|_| hour));
        }
        // By the clock at once; where the forgery has none, after a day.
        assert_eq!(told, Some(if clock == 0 { 25 } else { 1 }));
        // It stands until the next epoch.
        assert!(tracker.contradiction().is_some());
        tracker
            .receive(&keys(), &sealed(&report(1), 1, 7), 900_000)
            .unwrap();
        assert_eq!(tracker.contradiction(), None);
    }
}

#[test]
fn a_report_that_was_overtaken_contradicts_nothing() {
    let mut tracker = tracker();
    hear(&mut tracker, 65_540, 20_960, 0).unwrap();
    // Another station's tape arrives three days later.
    assert!(hear(&mut tracker, 65_539, 20_900, 3 * OVERTAKING_S).is_err());
    assert_eq!(tracker.contradiction(), None);
    let again = hear(&mut tracker, 65_540, 20_960, 9 * OVERTAKING_S);
    assert_eq!(again, Err(TrackError::Known { found: 65_540 }));
    // A clock that is a day ahead of what can be tells nothing.
    let ahead = 100_000 + 5 * OVERTAKING_S as u32;
    hear(&mut tracker, 65_542, ahead, 3 * OVERTAKING_S).unwrap();
    assert!(hear(&mut tracker, 65_541, 21_000, 5 * OVERTAKING_S).is_err());
    assert!(tracker.contradiction().is_some());
}

#[test]
fn answers_of_an_epoch_that_was_left_are_not_believed() {
    let answer = Answer {
        command: ObjectNumber::new(3).unwrap(),
        digest: Digest([5; 32]),
    };
    let sealed_answer = |epoch: u8| {
        let key = keys()
            .frame_key(VehicleId(7), Direction::Down, Epoch::new(epoch).unwrap())
            .unwrap();
        let mut body = [0; 64];
        let body = canon::encode(&answer, &mut body).unwrap();
        let mut bytes = vec![0; answer::ANSWER_LEN];
        let len = key.seal_answer(body, &mut bytes).unwrap();
        bytes.truncate(len);
        bytes
    };
    let mut tracker = tracker();
    tracker
        .receive(&keys(), &sealed(&report(5), 1, 7), 0)
        .unwrap();
    assert_eq!(tracker.open_answer(&keys(), &sealed_answer(1)), Ok(answer));
    assert!(matches!(
        tracker.open_answer(&keys(), &sealed_answer(0)),
        Err(TrackError::OldEpoch { .. })
    ));
}

#[test]
fn parts_of_a_dump_are_believed_of_this_vehicle_and_this_epoch_alone() {
    let range = DumpRange::new(64, 100).unwrap();
    let part = Part::new(ObjectNumber::new(3).unwrap(), range, 1, Some(&[5; 36])).unwrap();
    let sealed_part = |epoch: u8, vehicle: u32| {
        let epoch = Epoch::new(epoch).unwrap();
        let key = keys().frame_key(VehicleId(vehicle), Direction::Down, epoch);
        let mut body = [0; dump::BODY_LEN];
        let body = canon::encode(&part, &mut body).unwrap();
        let mut bytes = vec![0; dump::DUMP_LEN];
        assert_eq!(
            key.unwrap().seal_part(body, &mut bytes),
            Some(dump::DUMP_LEN)
        );
        bytes
    };
    let mut tracker = tracker();
    tracker
        .receive(&keys(), &sealed(&report(5), 1, 7), 0)
        .unwrap();
    let good = sealed_part(1, 7);
    assert_eq!(tracker.open_part(&keys(), &good), Ok(part));
    assert!(matches!(
        tracker.open_part(&keys(), &sealed_part(0, 7)),
        Err(TrackError::OldEpoch { .. })
    ));
    assert!(matches!(
        tracker.open_part(&keys(), &sealed_part(1, 8)),
        Err(TrackError::Forged(_))
    ));
    for cut in 0..good.len() {
        assert!(matches!(
            tracker.open_part(&keys(), &good[..cut]),
            Err(TrackError::NotAReport(_))
        ));
    }
    for at in 0..good.len() {
        let mut flipped = good.clone();
        flipped[at] ^= 0x10;
        assert!(tracker.open_part(&keys(), &flipped).is_err(), "byte {at}");
    }
    // One packet is one thing.
    assert!(tracker.open_answer(&keys(), &good).is_err());
    assert!(tracker.receive(&keys(), &good, 0).is_err());
}

#[test]
fn a_vehicle_whose_count_of_resets_wrapped_is_not_silenced() {
    let mut tracker = tracker();
    let mut hear = |sequence| tracker.receive(&keys(), &sealed(&report(sequence), 0, 7), 1);
    hear(0xffff_0007).unwrap();
    let wrapped = hear(3).unwrap();
    assert_eq!(wrapped.missed, 3, "in the life since the reset");
    // What was before the wrap is old now.
    assert_eq!(
        hear(0xffff_0008).unwrap_err(),
        TrackError::OldSequence {
            found: 0xffff_0008,
            last: 3
        }
    );
    assert_eq!(hear(0x1_0000).unwrap().missed, 0);
    // Half the circle ahead has no order (RFC 1982): not newer.
    assert!(hear(0x8001_0000).is_err());
    assert!(hear(0x8000_ffff).is_ok());
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
            prop_assert!(tracker().open_part(&keys(), bytes).is_err());
        }
    }
}
