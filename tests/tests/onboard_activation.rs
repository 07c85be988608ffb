//! From verified to trial: authorization, time, window, expiry, interlock, hold, bar.

use lightday_sim::flash::CutForm;
use lightday_tests::bench_ground::Built;
use lightday_tests::bench_launch::Outfit;
use lightday_tests::bench_vehicle::{Bench, image};
use lightday_wire::report::flags;
use lightday_wire::{
    Action, Authorization, AuthorizationContext, Digest, Location, ObjectKind, Refusal, ResetCause,
    SlotId, SlotState, Stage, VehicleId, Window,
};

const A: Location = Location::Slot(SlotId::A);
const B: Location = Location::Slot(SlotId::B);

fn authorize(bench: &mut Bench, built: &Built, window: Option<(u64, u64)>, expires: Option<u64>) {
    let window = window.map(|(opens_s, closes_s)| Window { opens_s, closes_s });
    let object = bench.ground.authorization_with(built, window, expires);
    bench.deliver_all(&object);
}

#[test]
fn delivery_never_arms() {
    let mut bench = Bench::launch();
    bench.stage(2, 2);
    bench.wait_s(100 * 3600);
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    assert_eq!(bench.running(), A);
    assert_eq!(bench.beacon().hold, Refusal::NotAuthorized);
}

#[test]
fn an_authorization_that_comes_after_its_bundle_arms_and_activates() {
    let mut bench = Bench::launch();
    bench.try_out(2, 2);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (B, SlotState::Trial)
    );
    assert_eq!(bench.report().authorization.stage, Stage::Done);
}

#[test]
fn an_authorization_that_comes_before_its_bundle_is_kept_over_resets() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    authorize(&mut bench, &built, None, None);
    assert_eq!(bench.report().authorization.stage, Stage::Started);
    bench.reset(ResetCause::BrownOut);
    bench.settle();
    bench.deliver_all(&built.object);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (B, SlotState::Trial)
    );
}

#[test]
fn authorizations_for_two_queued_bundles_are_both_kept() {
    let mut bench = Bench::launch();
    let first = bench.ground.bundle(&image(2, 3000), 2);
    let second = bench.ground.bundle(&image(3, 3000), 3);
    authorize(&mut bench, &first, None, None);
    authorize(&mut bench, &second, None, None);
    bench.deliver_all(&first.object);
    assert_eq!(bench.state(SlotId::B), SlotState::Trial);
    bench.command(Action::Confirm {
        image: first.image.digest,
    });
    bench.deliver_all(&second.object);
    assert_eq!(
        (bench.running(), bench.state(SlotId::A)),
        (A, SlotState::Trial)
    );
}

/// Two queued bundles, and a pending log that is full of papers for them.
fn full_pending_log() -> (Bench, Built, Built) {
    let mut bench = Bench::launch();
    let first = bench.ground.bundle(&image(2, 3000), 2);
    let second = bench.ground.bundle(&image(3, 3000), 3);
    authorize(&mut bench, &second, None, None);
    for _ in 0..20 {
        authorize(&mut bench, &first, None, None);
    }
    assert_eq!(
        bench.report().authorization.refusal,
        Refusal::StagingTooSmall
    );
    (bench, first, second)
}

#[test]
fn a_full_log_of_papers_that_are_wanted_refuses_more_and_loses_none() {
    let (mut bench, first, second) = full_pending_log();
    let before = bench.flash.operations();
    authorize(&mut bench, &first, None, None);
    let verdict = bench.report().authorization;
    assert_eq!(
        (verdict.stage, verdict.refusal),
        (Stage::Refused, Refusal::StagingTooSmall)
    );
    let pending = bench.map().pending;
    let is_changed = bench
        .flash
        .changed_since(before, pending.start..pending.end());
    assert!(!is_changed);
    bench.deliver_all(&first.object);
    assert_eq!(bench.running(), B);
    bench.command(Action::Confirm {
        image: first.image.digest,
    });
    bench.deliver_all(&second.object);
    assert_eq!(bench.running(), A);
}

#[test]
fn a_full_log_of_papers_that_are_done_with_is_renewed_and_a_cut_loses_none_that_was_reported() {
    for at in 0.. {
        let (mut bench, first, second) = full_pending_log();
        bench.deliver_all(&first.object);
        bench.command(Action::Confirm {
            image: first.image.digest,
        });
        bench.deliver_all(&second.object);
        bench.command(Action::Confirm {
            image: second.image.digest,
        });
        assert_eq!(bench.running(), A);
        let third = bench.ground.bundle(&image(4, 3000), 4);
        let authorization = bench.ground.authorization(&third);
        let start = bench.flash.operations();
        bench.flash.cut_at(start + at, CutForm::Partial(at));
        bench.deliver_all(&authorization);
        if bench.flash.is_powered() {
            assert!(at >= 5, "erase, program and three copies of the record");
            break;
        }
        bench.reset(ResetCause::BrownOut);
        bench.settle();
        // Either it is reported, and holds; or its number is free, and it is sent again.
        if bench.record().next_number(ObjectKind::Authorization) <= authorization.number() {
            bench.deliver_all(&authorization);
        }
        assert_eq!(bench.report().authorization.stage, Stage::Started);
        bench.deliver_all(&third.object);
        assert_eq!(
            (bench.running(), bench.state(SlotId::B)),
            (B, SlotState::Trial),
            "cut {at}"
        );
    }
}

#[test]
fn an_authorization_for_another_image_vehicle_or_unknown_bundle_arms_nothing() {
    let mut bench = Bench::launch();
    let built = bench.stage(2, 2);
    let mut other = built.clone();
    other.image.digest = Digest([3; 32]);
    authorize(&mut bench, &other, None, None);
    assert_eq!(bench.report().authorization.refusal, Refusal::UnknownImage);
    let n = bench.ground.take(ObjectKind::Authorization);
    let context = AuthorizationContext {
        vehicle: VehicleId(8),
        number: n,
    };
    let document = Authorization {
        bundle: built.number,
        image: built.image.digest,
        window: None,
        expires_s: None,
        evidence_root: Digest([7; 32]),
    };
    let envelope = bench.ground.staff.envelope(context, document);
    let object = bench.ground.small(ObjectKind::Authorization, n, &envelope);
    bench.deliver_all(&object);
    assert_eq!(bench.report().authorization.refusal, Refusal::SignatureBad);
    let context = AuthorizationContext {
        vehicle: lightday_tests::bench_vehicle::IDENTITY.vehicle,
        number: n,
    };
    let short = bench.ground.staff.envelope_one_short(context, document);
    let object = bench.ground.small(ObjectKind::Authorization, n, &short);
    bench.deliver_all(&object);
    assert_eq!(
        bench.report().authorization.refusal,
        Refusal::SignatureMissing
    );
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}

#[test]
fn an_authorization_that_fits_no_trailer_is_refused_and_not_kept_in_vain() {
    for (signers, refusal) in [((2, 3), Refusal::None), ((3, 3), Refusal::StagingTooSmall)] {
        let mut bench = Bench::launch_with(Outfit {
            signers,
            ..Outfit::default()
        });
        let built = bench.ground.bundle(&image(2, 1500), 2);
        let window = Some((bench.time_s(), bench.time_s() + 1_000_000));
        authorize(&mut bench, &built, window, None);
        assert_eq!(bench.report().authorization.refusal, refusal, "{signers:?}");
        bench.deliver_all(&built.object);
        let is_armed = bench.state(SlotId::B) == SlotState::Trial;
        assert_eq!(is_armed, refusal == Refusal::None, "{signers:?}");
    }
}

#[test]
fn unknown_onboard_time_holds_an_activation_and_says_so() {
    let mut bench = Bench::launch();
    let built = bench.stage(2, 2);
    bench.knows_time = false;
    let now = bench.time_s();
    authorize(&mut bench, &built, Some((now, now + 1_000_000)), None);
    assert_eq!(bench.state(SlotId::B), SlotState::Armed);
    assert_eq!(bench.report().hold, Refusal::TimeUnknown);
    bench.wait_s(100_000);
    assert_eq!(bench.state(SlotId::B), SlotState::Armed);
    let report = bench.beacon();
    assert_eq!((report.hold, report.time_s), (Refusal::TimeUnknown, 0));
    bench.knows_time = true;
    bench.wait_s(61);
    assert_eq!(bench.running(), B);
}

#[test]
fn unknown_onboard_time_holds_an_authorization_that_only_expires() {
    let mut bench = Bench::launch();
    let built = bench.stage(2, 2);
    bench.knows_time = false;
    let now = bench.time_s();
    authorize(&mut bench, &built, None, Some(now + 1_000_000));
    assert_eq!(bench.report().hold, Refusal::TimeUnknown);
}

#[test]
fn unknown_onboard_time_does_not_matter_without_window_and_expiry() {
    let mut bench = Bench::launch();
    bench.knows_time = false;
    bench.try_out(2, 2);
    assert_eq!(bench.running(), B);
}

#[test]
fn an_image_is_activated_within_its_window_and_not_before() {
    let mut bench = Bench::launch();
    let built = bench.stage(2, 2);
    let now = bench.time_s();
    authorize(&mut bench, &built, Some((now + 10_000, now + 20_000)), None);
    assert_eq!(bench.report().hold, Refusal::BeforeWindow);
    bench.wait_s(9_900);
    assert_eq!(bench.running(), A);
    bench.wait_s(200);
    assert_eq!(bench.running(), B);
}

#[test]
fn a_window_that_was_missed_lapses_and_does_not_come_back() {
    let mut bench = Bench::launch();
    let built = bench.stage(2, 2);
    bench.application.may_activate = false;
    let now = bench.time_s();
    authorize(&mut bench, &built, Some((now, now + 10_000)), None);
    assert_eq!(bench.report().hold, Refusal::Interlock);
    bench.wait_s(10_100);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    let verdict = bench.report().authorization;
    assert_eq!(
        (verdict.stage, verdict.refusal),
        (Stage::Failed, Refusal::WindowMissed)
    );
    bench.application.may_activate = true;
    bench.reset(ResetCause::PowerOn);
    bench.command(Action::ReportRequest);
    bench.wait_s(10_000);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    // A new authorization arms it anew.
    authorize(&mut bench, &built, None, None);
    assert_eq!(bench.running(), B);
}

#[test]
fn an_authorization_expires() {
    let mut bench = Bench::launch();
    let built = bench.stage(2, 2);
    let now = bench.time_s();
    authorize(&mut bench, &built, None, Some(now - 1));
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    assert_eq!(bench.report().authorization.refusal, Refusal::Expired);
    assert_eq!(bench.running(), A);
}

#[test]
fn the_application_s_interlock_holds() {
    let mut bench = Bench::launch();
    bench.application.may_activate = false;
    bench.try_out(2, 2);
    assert_eq!(bench.state(SlotId::B), SlotState::Armed);
    assert_eq!(bench.report().hold, Refusal::Interlock);
    bench.application.may_activate = true;
    bench.wait_s(61);
    assert_eq!(bench.running(), B);
}

#[test]
fn a_hold_by_command_holds_over_resets_until_it_is_released() {
    let mut bench = Bench::launch();
    bench.command(Action::Hold { held: true });
    bench.try_out(2, 2);
    bench.reset(ResetCause::PowerOn);
    bench.wait_s(100_000);
    assert_eq!(bench.state(SlotId::B), SlotState::Armed);
    assert_eq!(bench.report().flags & flags::HELD, flags::HELD);
    assert_eq!(bench.report().hold, Refusal::Interlock);
    bench.command(Action::Hold { held: false });
    assert_eq!(bench.running(), B);
}

#[test]
fn a_newer_authorization_replaces_the_window_of_an_armed_image() {
    let mut bench = Bench::launch();
    let built = bench.stage(2, 2);
    let now = bench.time_s();
    authorize(
        &mut bench,
        &built,
        Some((now + 100_000, now + 200_000)),
        None,
    );
    assert_eq!(bench.state(SlotId::B), SlotState::Armed);
    authorize(&mut bench, &built, Some((now, now + 100_000)), None);
    assert_eq!(bench.running(), B);
}

#[test]
fn a_reset_between_verification_and_arming_loses_no_authorization() {
    for steps in 0..12 {
        let mut bench = Bench::launch();
        let built = bench.ground.bundle(&image(2, 3000), 2);
        authorize(&mut bench, &built, None, None);
        bench.deliver(&built.object, 1..built.object.k());
        let key = bench.uplink(0);
        let last = built
            .object
            .frame(0, &key, lightday_wire::TagLen::Eight)
            .unwrap();
        bench.hear(&last);
        while bench.state(SlotId::B) != SlotState::Verified {
            bench.step();
        }
        for _ in 0..steps {
            if !bench.supervisor.is_reset_requested() {
                bench.step();
            }
        }
        bench.reset(ResetCause::Upset);
        bench.settle();
        assert_eq!(bench.running(), B, "after {steps} steps");
    }
}
