//! From K symbols to a verified slot: digests before and after, slots that are never touched, resets.

use lightday_agent::Health;
use lightday_sim::flash::CutForm;
use lightday_tests::bench_ground::{nobody, number};
use lightday_tests::bench_vehicle::{Bench, describe, first_image, image};
use lightday_wire::{
    Action, Epoch, FrameHeader, Location, ObjectKind, Refusal, Report, ResetCause, SlotChoice,
    SlotId, SlotState, Stage, TagLen,
};

#[test]
fn a_polluted_payload_is_dropped_and_reported_and_the_same_number_may_be_sent_again() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    let k = built.object.k();
    let operation = bench.flash.operations();
    bench.deliver(&built.object, 0..k - 1);
    let bad = bench.polluted(&built.object, k + 7, bench.record().epoch.get());
    bench.hear(&bad);
    bench.settle();
    let verdict = bench.report().bundle;
    assert_eq!(
        (verdict.stage, verdict.refusal),
        (Stage::Failed, Refusal::PayloadDigest)
    );
    assert!(!bench.slot_changed_since(operation, SlotId::B));
    assert_eq!(bench.record().next_number(ObjectKind::Bundle), built.number);
    // What was dropped stays dropped over a reset, and is not judged again.
    bench.reset(ResetCause::Upset);
    let before = bench.writes();
    bench.settle();
    assert_eq!(bench.writes(), before);
    assert_eq!(bench.agent().symbols_needed(), 0);
    assert_eq!(bench.beacon().bundle.refusal, Refusal::PayloadDigest);
    bench.deliver_all(&built.object);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}

#[test]
fn a_polluted_envelope_is_dropped_and_the_same_number_may_be_sent_again() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    let symbols = built
        .envelope_len
        .div_ceil(built.object.symbol_len().into());
    for index in 0..u16::try_from(symbols).unwrap() {
        let bad = bench.polluted(&built.object, index, bench.record().epoch.get());
        bench.hear(&bad);
        bench.settle();
    }
    assert_eq!(bench.report().bundle.stage, Stage::Refused);
    assert_eq!(bench.agent().symbols_needed(), 0);
    bench.reset(ResetCause::Upset);
    bench.settle();
    assert_eq!(bench.agent().symbols_needed(), 0);
    bench.deliver_all(&built.object);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}

#[test]
fn padding_that_is_not_zero_is_refused() {
    let mut bench = Bench::launch();
    let built = (0..8)
        .map(|spare| bench.ground.bundle(&image(2, 3000 + spare), 2))
        .find(|built| built.object.len() % u32::from(built.object.symbol_len()) != 0)
        .unwrap();
    let k = built.object.k();
    bench.deliver(&built.object, 0..k - 1);
    let mut symbol = built.object.symbol(k - 1).unwrap();
    *symbol.last_mut().unwrap() = 1;
    let header = FrameHeader {
        kind: ObjectKind::Bundle,
        epoch: bench.record().epoch,
        number: built.number,
        k,
        index: k - 1,
    };
    let mut out = vec![0; symbol.len() + 16];
    let key = bench.uplink(0);
    key.seal_frame(header, &symbol, TagLen::Eight, &mut out)
        .unwrap();
    bench.hear(&out);
    bench.settle();
    assert_eq!(bench.report().bundle.refusal, Refusal::Malformed);
    assert_eq!(bench.state(SlotId::B), SlotState::Empty);
}

#[test]
fn the_base_s_digest_is_checked_before_the_first_write() {
    let mut bench = Bench::launch();
    let base = describe(&first_image(), 1);
    let built = bench
        .ground
        .bundle_with(&image(2, 3000), 2, Some(base), |_| {});
    bench.deliver(&built.object, 1..built.object.k());
    let at = bench.map().slot(SlotId::A).image.start + 4321;
    bench.corrupt(at);
    let operation = bench.flash.operations();
    bench.deliver(&built.object, [0]);
    assert_eq!(bench.report().bundle.refusal, Refusal::BaseMismatch);
    assert!(!bench.slot_changed_since(operation, SlotId::B));
    assert_eq!(bench.state(SlotId::B), SlotState::Empty);
}

#[test]
fn the_image_s_digest_is_read_back_from_the_slot() {
    let mut bench = Bench::launch();
    let bytes = image(2, 3000);
    let built = bench
        .ground
        .bundle_with(&bytes, 2, None, |m| m.image.digest = nobody());
    bench.deliver_all(&built.object);
    let verdict = bench.report().bundle;
    assert_eq!(
        (verdict.stage, verdict.refusal),
        (Stage::Failed, Refusal::ImageDigest)
    );
    assert_eq!(bench.state(SlotId::B), SlotState::Failed);
    assert_eq!(bench.running(), Location::Slot(SlotId::A));
}

#[test]
fn a_payload_that_does_not_decode_fails_with_its_cause() {
    let mut bench = Bench::launch();
    let built = bench
        .ground
        .bundle_with(&image(2, 3000), 2, None, |m| m.image.size = 2999);
    bench.deliver_all(&built.object);
    assert_eq!(bench.report().bundle.refusal, Refusal::PatchBroken);
    assert_eq!(bench.state(SlotId::B), SlotState::Failed);
}

#[test]
fn a_shorter_image_leaves_nothing_of_a_longer_one_behind() {
    let mut bench = Bench::launch();
    bench.update(2, 2);
    let long = bench.ground.bundle(&image(3, 9000), 3);
    bench.deliver_all(&long.object);
    let short = bench.ground.bundle(&image(4, 256 * 8), 4);
    bench.deliver_all(&short.object);
    assert_eq!(bench.state(SlotId::A), SlotState::Verified);
    assert_eq!(bench.slot_digest(SlotId::A, 256 * 8), short.image.digest);
    let region = bench.map().slot(SlotId::A).image;
    let tail = bench.flash.peek(region.start + 256 * 8..region.end());
    assert!(tail.unwrap().iter().all(|b| *b == 0xff));
}

#[test]
fn while_an_image_is_on_trial_a_bundle_only_stages_and_is_taken_up_after_confirm() {
    let mut bench = Bench::launch();
    let trial = bench.try_out(2, 2);
    assert_eq!(bench.state(SlotId::B), SlotState::Trial);
    let next = bench.ground.bundle(&image(3, 3100), 3);
    let operation = bench.flash.operations();
    bench.deliver_all(&next.object);
    assert_eq!(bench.report().bundle.refusal, Refusal::SlotBusy);
    bench.reset(ResetCause::BrownOut);
    bench.wait_s(3 * 86_400);
    assert!(!bench.slot_changed_since(operation, SlotId::A));
    assert_eq!(bench.state(SlotId::A), SlotState::Confirmed);
    assert_eq!(bench.record().patch_attempts, 0);
    bench.command(Action::Confirm {
        image: trial.image.digest,
    });
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
    assert_eq!(bench.state(SlotId::A), SlotState::Verified);
    assert_eq!(bench.slot_digest(SlotId::A, 3100), next.image.digest);
}

#[test]
fn while_an_image_is_armed_a_bundle_only_stages_and_is_taken_up_when_the_authorization_lapses() {
    let mut bench = Bench::launch();
    bench.application.may_activate = false;
    let armed = bench.stage(2, 2);
    let expires = bench.time_s() + 100_000;
    let authorization = bench.ground.authorization_with(&armed, None, Some(expires));
    bench.deliver_all(&authorization);
    assert_eq!(bench.state(SlotId::B), SlotState::Armed);
    let next = bench.ground.bundle(&image(3, 3100), 3);
    let operation = bench.flash.operations();
    bench.deliver_all(&next.object);
    let verdict = bench.report().bundle;
    assert_eq!(
        (verdict.stage, verdict.refusal),
        (Stage::Accepted, Refusal::SlotBusy)
    );
    bench.wait_s(50_000);
    assert!(!bench.slot_changed_since(operation, SlotId::B));
    bench.wait_s(60_000);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    assert_eq!(bench.slot_digest(SlotId::B, 3100), next.image.digest);
}

/// Steps until an attempt has begun and the inactive slot is being written, then resets.
fn reset_while_patching(bench: &mut Bench, attempt: u8) {
    for _ in 0..20_000 {
        if bench.record().patch_attempts == attempt && bench.state(SlotId::B) == SlotState::Patching
        {
            for _ in 0..5 * u32::from(attempt) {
                bench.step();
            }
            assert_eq!(bench.state(SlotId::B), SlotState::Patching);
            return bench.reset(ResetCause::Upset);
        }
        bench.step();
    }
    panic!("it never patches");
}

#[test]
fn patching_starts_from_zero_after_a_reset_at_most_8_times_then_fails_with_the_cause() {
    // With symbol 0 lost no reset leaves an early verdict behind: what was admitted is known from the slot alone.
    for is_front_lost in [false, true] {
        let mut bench = Bench::launch();
        let built = bench.ground.bundle(&image(2, 9000), 2);
        let k = built.object.k();
        bench.deliver(&built.object, 1..k);
        let key = bench.uplink(0);
        let last = if is_front_lost { k } else { 0 };
        bench.hear(&built.object.frame(last, &key, TagLen::Eight).unwrap());
        for attempt in 1..=8 {
            reset_while_patching(&mut bench, attempt);
            assert_eq!(bench.record().patch_attempts, attempt);
        }
        for _ in 0..2 {
            bench.settle();
            assert_eq!(bench.state(SlotId::B), SlotState::Failed);
            let report = bench.report();
            assert_eq!(
                (report.bundle.number, report.bundle.stage),
                (built.number, Stage::Failed),
                "{is_front_lost}"
            );
            assert_eq!(report.bundle.refusal, Refusal::AttemptsExhausted);
            assert_eq!(report.next[0], number(built.number.get() + 1));
            assert_eq!(bench.running(), Location::Slot(SlotId::A));
            bench.reset(ResetCause::Software);
        }
        // It is over: sent again, it is not heard. The next bundle starts with all of its attempts.
        bench.deliver_all(&built.object);
        assert_eq!(bench.state(SlotId::B), SlotState::Failed);
        let next = bench.ground.bundle(&image(3, 3000), 3);
        bench.deliver_all(&next.object);
        assert_eq!(bench.state(SlotId::B), SlotState::Verified);
        assert_eq!(bench.record().patch_attempts, 0);
    }
}

#[test]
fn patching_that_was_cut_off_seven_times_succeeds_at_the_eighth() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 9000), 2);
    bench.deliver(&built.object, 1..built.object.k());
    let key = bench.uplink(0);
    let last = built.object.frame(0, &key, TagLen::Eight).unwrap();
    bench.hear(&last);
    for attempt in 1..=7 {
        reset_while_patching(&mut bench, attempt);
    }
    bench.settle();
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}

#[test]
fn all_source_symbols_may_be_lost() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 6000), 2);
    let k = built.object.k();
    bench.deliver(&built.object, (2 * k..3 * k).rev());
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    assert_eq!(bench.slot_digest(SlotId::B, 6000), built.image.digest);
}

#[test]
fn the_previous_version_stays_from_the_confirmation_until_the_next_patch_begins() {
    let mut bench = Bench::launch();
    bench.update(2, 2);
    let operation = bench.flash.operations();
    let next = bench.ground.bundle(&image(3, 3000), 3);
    bench.deliver(&next.object, 1..next.object.k());
    bench.wait_s(40 * 3600);
    assert!(!bench.slot_changed_since(operation, SlotId::A));
    assert_eq!(bench.state(SlotId::A), SlotState::Confirmed);
    bench.deliver(&next.object, [0]);
    assert_eq!(bench.state(SlotId::A), SlotState::Verified);
}

#[test]
fn a_log_whose_margin_is_used_up_by_torn_cells_is_begun_anew() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 14_000), 2);
    let k = built.object.k();
    assert!(k > 100, "{k}");
    // The log holds 150 cells of this length: 50 torn ones are more than the margin.
    for round in 0..50u64 {
        let next = bench.flash.operations();
        bench.flash.cut_at(next, CutForm::Partial(round));
        bench.deliver(&built.object, [0]);
        bench.application.health = Health::Healthy;
        bench.reset(ResetCause::BrownOut);
        bench.wait_s(2 * 3600 + 60);
        bench.deliver(&built.object, [u16::try_from(round).unwrap() + 1]);
    }
    // It is refused as soon as the cells that are left are too few, and the next frame begins it anew.
    let is_full = |report: &&Report| report.bundle.refusal == Refusal::StagingTooSmall;
    assert!(bench.reports.iter().any(|report| is_full(&report)));
    assert_ne!(bench.state(SlotId::B), SlotState::Verified);
    bench.deliver(&built.object, 0..k);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}

#[test]
fn any_number_of_receptions_can_begin_and_the_last_one_counts() {
    let mut bench = Bench::launch();
    for _ in 0..40 {
        let built = bench.ground.bundle(&image(2, 3000), 2);
        bench.deliver(&built.object, 0..2);
        bench.command(Action::Abort {
            kind: ObjectKind::Bundle,
            number: built.number,
        });
    }
    let built = bench.ground.bundle(&image(3, 3000), 3);
    bench.deliver(&built.object, 0..built.object.k() - 1);
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    assert_eq!(bench.agent().symbols_needed(), 1);
    bench.deliver(&built.object, [90]);
    assert_eq!(bench.slot_digest(SlotId::B, 3000), built.image.digest);
}

#[test]
fn an_image_that_is_armed_while_the_other_slot_is_patched_parks_the_patch() {
    let mut bench = Bench::launch();
    bench.command(Action::BootGolden);
    bench.application.may_activate = false;
    let armed = bench.stage(2, 2);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    let other = bench.ground.bundle_with(&image(3, 9000), 3, None, |m| {
        m.slot = SlotChoice::Only(SlotId::A)
    });
    let key = bench.uplink(0);
    bench.deliver(&other.object, 1..other.object.k());
    let last = other.object.frame(0, &key, TagLen::Eight).unwrap();
    bench.hear(&last);
    while bench.state(SlotId::A) != SlotState::Patching {
        bench.step();
    }
    let authorization = bench.ground.authorization(&armed);
    for index in 0..authorization.k() {
        let frame = authorization.frame(index, &key, TagLen::Eight).unwrap();
        bench.hear(&frame);
    }
    while bench.state(SlotId::B) != SlotState::Armed {
        bench.step();
    }
    let operation = bench.flash.operations();
    bench.wait_s(10_000);
    assert!(!bench.slot_changed_since(operation, SlotId::A));
    assert_eq!(bench.state(SlotId::A), SlotState::Patching);
}

#[test]
fn what_cannot_be_committed_is_not_so() {
    let mut bench = Bench::launch();
    let built = bench.stage(2, 2);
    for copy in bench.map().record {
        bench.flash.protect(copy.start..copy.end());
    }
    bench.command(Action::Hold { held: true });
    assert!(!bench.record().held);
    assert_eq!(bench.record().next_number(ObjectKind::Command), number(1));
    bench.ground.epoch = 1;
    bench.command(Action::EpochSwitch {
        epoch: Epoch::new(1).unwrap(),
    });
    assert_eq!(bench.record().epoch, Epoch::FIRST);
    bench.ground.epoch = 0;
    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    bench.wait_s(1000);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    assert_eq!(bench.running(), Location::Slot(SlotId::A));
}

#[test]
fn golden_serves_as_base_from_the_copy_that_is_whole() {
    for broken in [[true, false], [false, true], [true, true]] {
        let mut bench = Bench::launch();
        let golden = describe(&image(9, 4000), 0);
        let built = bench
            .ground
            .bundle_with(&image(2, 3000), 2, Some(golden), |_| {});
        let copies = bench.map().golden;
        for (copy, is_broken) in copies.iter().zip(broken) {
            if is_broken {
                bench.corrupt(copy.image.start + 3999);
            }
        }
        bench.deliver_all(&built.object);
        if broken == [true, true] {
            assert_eq!(bench.report().bundle.refusal, Refusal::BaseMismatch);
        } else {
            assert_eq!(bench.state(SlotId::B), SlotState::Verified);
        }
    }
}

/// Regression: what an earlier bundle had used up of its attempts was counted for the next one, where a reset came before
/// that was complete.
#[test]
fn attempts_of_an_earlier_bundle_are_not_those_of_the_next() {
    let mut bench = Bench::launch();
    let first = bench.ground.bundle(&image(2, 3000), 2);
    let k = first.object.k();
    bench.deliver(&first.object, 0..k - 1);
    let last = first.object.frame(k - 1, &bench.uplink(0), TagLen::Eight);
    bench.hear(&last.unwrap());
    for attempt in 1..=5 {
        while bench.record().patch_attempts != attempt {
            bench.step();
        }
        if attempt < 5 {
            bench.reset(ResetCause::BrownOut);
        }
    }
    let epoch = Epoch::new(1).unwrap();
    let switch = bench.ground.command(Action::EpochSwitch { epoch });
    bench.ground.epoch = 1;
    for index in 0..switch.k() {
        let frame = switch.frame(index, &bench.uplink(1), TagLen::Eight);
        bench.hear(&frame.unwrap());
    }
    bench.settle();
    assert_eq!(bench.record().epoch, epoch);
    let second = bench.ground.bundle(&image(3, 3000), 3);
    bench.deliver(&second.object, 0..2);
    bench.reset(ResetCause::BrownOut);
    bench.settle();
    assert_eq!(bench.record().patch_attempts, 0);
}
