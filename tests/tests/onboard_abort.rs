//! What is aborted, barred, torn or overtaken arms nothing, and blocks nothing that comes after it.

use lightday_agent::Health;
use lightday_tests::bench_ground::{Built, LEASE_S, number};
use lightday_tests::bench_vehicle::{Bench, image};
use lightday_wire::{
    Action, Activation, Digest, Location, ObjectKind, Refusal, ResetCause, RevertCause, SlotId,
    SlotState, Stage, TagLen, Window,
};

const A: Location = Location::Slot(SlotId::A);
const B: Location = Location::Slot(SlotId::B);

fn authorize(bench: &mut Bench, built: &Built, window: Option<(u64, u64)>, expires: Option<u64>) {
    let window = window.map(|(opens_s, closes_s)| Window { opens_s, closes_s });
    let object = bench.ground.authorization_with(built, window, expires);
    bench.deliver_all(&object);
}

#[test]
fn an_aborted_authorization_arms_nothing_and_disarms_what_it_armed() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    authorize(&mut bench, &built, None, None);
    let kind = ObjectKind::Authorization;
    bench.command(Action::Abort {
        kind,
        number: number(1),
    });
    bench.deliver_all(&built.object);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    let now = bench.time_s();
    authorize(&mut bench, &built, Some((now + 100, now + 200)), None);
    assert_eq!(bench.state(SlotId::B), SlotState::Armed);
    bench.command(Action::Abort {
        kind,
        number: number(2),
    });
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    assert_eq!(bench.report().authorization.refusal, Refusal::Superseded);
    bench.reset(ResetCause::PowerOn);
    bench.wait_s(1000);
    assert_eq!(bench.running(), A);
}

#[test]
fn an_aborted_bundle_is_neither_received_nor_armed() {
    let abort = |built: &Built| Action::Abort {
        kind: ObjectKind::Bundle,
        number: built.number,
    };
    // In reception, over a reset.
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    bench.deliver(&built.object, 0..9);
    bench.command(abort(&built));
    bench.reset(ResetCause::Upset);
    bench.settle();
    assert_eq!(bench.agent().symbols_needed(), 0);
    assert_eq!(bench.beacon().bundle.refusal, Refusal::Superseded);
    // Verified.
    let mut bench = Bench::launch();
    let built = bench.stage(2, 2);
    bench.command(abort(&built));
    assert_eq!(bench.state(SlotId::B), SlotState::Failed);
    authorize(&mut bench, &built, None, None);
    assert_eq!(bench.running(), A);
    // Armed.
    let mut bench = Bench::launch();
    bench.application.may_activate = false;
    let built = bench.try_out(2, 2);
    bench.command(abort(&built));
    bench.application.may_activate = true;
    bench.wait_s(1000);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (A, SlotState::Failed)
    );
    // On trial.
    let mut bench = Bench::launch();
    let built = bench.try_out(2, 2);
    bench.command(abort(&built));
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (A, SlotState::Reverted)
    );
    assert!(bench.record().is_barred(&built.image.digest));
}

#[test]
fn an_abort_while_patching_leaves_no_slot_half_written_for_good() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 9000), 2);
    let key = bench.uplink(0);
    bench.deliver(&built.object, 1..built.object.k());
    let last = built
        .object
        .frame(0, &key, lightday_wire::TagLen::Eight)
        .unwrap();
    bench.hear(&last);
    while bench.state(SlotId::B) != SlotState::Patching {
        bench.step();
    }
    // A number above that of the bundle aborts it too.
    let object = bench.ground.command(Action::Abort {
        kind: ObjectKind::Bundle,
        number: number(7),
    });
    for index in 0..object.k() {
        let frame = object.frame(index, &key, lightday_wire::TagLen::Eight);
        bench.hear(&frame.unwrap());
    }
    bench.settle();
    assert_eq!(bench.state(SlotId::B), SlotState::Failed);
    assert_eq!(bench.agent().symbols_needed(), 0);
}

#[test]
fn an_abort_of_what_is_patched_uses_its_number_up_whichever_symbols_were_lost() {
    for is_front_lost in [false, true] {
        let mut bench = Bench::launch();
        // A number beyond the next one: the ground gave another bundle up that was never heard.
        bench.ground.take(ObjectKind::Bundle);
        let built = bench.ground.bundle(&image(2, 3000), 2);
        let k = built.object.k();
        bench.deliver(&built.object, 1..k);
        let last = if is_front_lost { k } else { 0 };
        let key = bench.uplink(0);
        bench.hear(&built.object.frame(last, &key, TagLen::Eight).unwrap());
        while bench.state(SlotId::B) != SlotState::Patching {
            bench.step();
        }
        bench.reset(ResetCause::Upset);
        let object = bench.ground.command(Action::Abort {
            kind: ObjectKind::Bundle,
            number: built.number,
        });
        // The log is scanned, and the block not solved yet.
        while bench.record().patch_attempts != 2 {
            bench.step();
        }
        for index in 0..object.k() {
            bench.hear(&object.frame(index, &key, TagLen::Eight).unwrap());
        }
        bench.settle();
        let next = bench.record().next_number(ObjectKind::Bundle);
        assert_eq!(next, number(built.number.get() + 1), "{is_front_lost}");
        assert_eq!(bench.state(SlotId::B), SlotState::Failed);
    }
}

#[test]
fn a_reverted_image_is_barred_until_it_is_armed_anew() {
    let mut bench = Bench::launch();
    let built = bench.try_out(2, 2);
    bench.wait_s(u64::from(LEASE_S) + 10);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (A, SlotState::Reverted)
    );
    assert!(bench.record().is_barred(&built.image.digest));
    // Neither a reset nor a bundle with load-and-go brings it back.
    bench.reset(ResetCause::PowerOn);
    bench.wait_s(10_000);
    let again = bench.ground.bundle_with(&image(2, 3000), 2, None, |m| {
        m.activation = Activation::LoadAndGo;
        m.evidence_root = Some(Digest([5; 32]));
    });
    bench.deliver_all(&again.object);
    assert_eq!(bench.report().bundle.refusal, Refusal::Barred);
    assert_eq!(bench.running(), A);
    authorize(&mut bench, &built, None, None);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (B, SlotState::Trial)
    );
    assert!(!bench.record().is_barred(&built.image.digest));
}

#[test]
fn boot_golden_disarms_what_waits_for_its_activation() {
    let mut bench = Bench::launch();
    bench.application.may_activate = false;
    bench.try_out(2, 2);
    assert_eq!(bench.state(SlotId::B), SlotState::Armed);
    bench.command(Action::BootGolden);
    assert_eq!(bench.running(), Location::Golden);
    bench.application.may_activate = true;
    bench.reset(ResetCause::PowerOn);
    bench.wait_s(100_000);
    assert_eq!(bench.running(), Location::Golden);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}

#[test]
fn papers_that_are_torn_are_renewed_from_those_that_were_kept_unless_they_lapsed() {
    for lapses in [false, true] {
        let mut bench = Bench::launch();
        let built = bench.stage(2, 2);
        let now = bench.time_s();
        let closes = if lapses { now + 20 } else { now + 20_000 };
        authorize(&mut bench, &built, Some((now + 10, closes)), None);
        bench.application.may_activate = false;
        bench.wait_s(100);
        let trailer = bench.map().slot(SlotId::B).trailer;
        bench.corrupt(trailer.start + 512 + 60);
        bench.application.may_activate = true;
        bench.command(Action::ReportRequest);
        bench.wait_s(100);
        assert_eq!(bench.running(), if lapses { A } else { B });
    }
}

#[test]
fn an_armed_image_whose_papers_cannot_be_read_is_not_activated() {
    let mut bench = Bench::launch();
    let built = bench.stage(2, 2);
    let now = bench.time_s();
    authorize(&mut bench, &built, Some((now + 10_000, now + 20_000)), None);
    let trailer = bench.map().slot(SlotId::B).trailer;
    // The second cell holds the authorization.
    bench.corrupt(trailer.start + 512 + 60);
    let pending = bench.map().pending;
    bench.corrupt(pending.start + 60);
    bench.command(Action::ReportRequest);
    bench.wait_s(15_000);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (A, SlotState::Armed)
    );
    assert_eq!(bench.report().hold, Refusal::NotAuthorized);
    authorize(&mut bench, &built, None, None);
    assert_eq!(bench.running(), B);
}

/// On trial in B, healthy, and allowed to confirm itself as soon as it hears a signed command.
fn eager() -> (Bench, Built) {
    let mut bench = Bench::launch();
    let built = bench
        .ground
        .bundle_with(&image(2, 3000), 2, None, |m| m.trial.self_confirm = true);
    bench.deliver_all(&built.object);
    authorize(&mut bench, &built, None, None);
    assert!(bench.record().trial.healthy);
    (bench, built)
}

/// Regression: the command that ended the trial of an image that may confirm itself was the signed command that it had
/// to hear, and the loader confirmed what it was told to give up.
#[test]
fn a_command_that_ends_a_trial_is_not_the_one_by_which_its_image_confirms_itself() {
    for (is_golden, runs) in [(false, A), (true, Location::Golden)] {
        let (mut bench, built) = eager();
        bench.command(if is_golden {
            Action::BootGolden
        } else {
            Action::Abort {
                kind: ObjectKind::Bundle,
                number: built.number,
            }
        });
        assert_eq!(
            (bench.running(), bench.state(SlotId::B)),
            (runs, SlotState::Reverted)
        );
        assert_eq!(bench.record().revert_cause, RevertCause::Commanded);
    }
}

/// Regression: one that was healthy, and said that it failed when it was asked the next time, was confirmed by the
/// command for which it was asked.
#[test]
fn an_image_that_fails_does_not_confirm_itself_by_what_it_hears() {
    let (mut bench, _) = eager();
    bench.application.health = Health::Failing;
    bench.command(Action::ReportRequest);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (A, SlotState::Reverted)
    );
    assert_eq!(bench.record().revert_cause, RevertCause::HealthFailed);
}

/// Regression: the verdict on an older bundle took the place of the latest one's, and that on a confirmed one said
/// `Failed`.
#[test]
fn an_abort_that_comes_too_late_for_its_bundle_changes_no_verdict() {
    let mut bench = Bench::launch();
    let second = bench.update(2, 2);
    let third = bench.update(3, 3);
    let verdict = bench.report().bundle;
    assert_eq!((verdict.number, verdict.stage), (third.number, Stage::Done));
    for built in [second, third] {
        bench.command(Action::Abort {
            kind: ObjectKind::Bundle,
            number: built.number,
        });
        assert_eq!(bench.report().command.stage, Stage::Done);
        assert_eq!(bench.report().bundle, verdict);
    }
}

/// Regression: the report went on to name what had held an image that was aborted since.
#[test]
fn a_hold_ends_with_what_it_held() {
    for (kind, left) in [
        (ObjectKind::Bundle, Refusal::None),
        (ObjectKind::Authorization, Refusal::NotAuthorized),
    ] {
        let mut bench = Bench::launch();
        bench.application.may_activate = false;
        bench.try_out(2, 2);
        assert_eq!(bench.report().hold, Refusal::Interlock);
        bench.command(Action::Abort {
            kind,
            number: number(1),
        });
        assert_eq!(bench.report().hold, left, "{kind:?}");
    }
}
