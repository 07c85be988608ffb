//! Every way back: rollback, golden, crashes of a confirmed image, and silence for too long.

use lightday_agent::Health;
use lightday_boot::trailer::{Entry, Trailer};
use lightday_tests::bench_ground::{Built, LEASE_S};
use lightday_tests::bench_vehicle::{Bench, COMMAND_LOSS_S, first_image, image};
use lightday_trust::digest::sha256;
use lightday_wire::{
    Action, Location, ObjectNumber, Refusal, ResetCause, RevertCause, SlotId, SlotState,
};

const A: Location = Location::Slot(SlotId::A);
const B: Location = Location::Slot(SlotId::B);
const LEASE: u64 = LEASE_S as u64;

fn confirm(built: &Built) -> Action {
    Action::Confirm {
        image: built.image.digest,
    }
}

#[test]
fn a_rollback_is_a_trial_of_the_older_version_and_no_security_counter_stands_in_its_way() {
    let mut bench = Bench::launch();
    let built = bench
        .ground
        .bundle_with(&image(2, 3000), 2, None, |m| m.security_counter = 7);
    bench.deliver_all(&built.object);
    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    bench.command(confirm(&built));
    assert_eq!(bench.record().security_counter, 7);
    let old = sha256(&first_image());
    bench.command(Action::Rollback { image: old });
    assert_eq!(
        (bench.running(), bench.state(SlotId::A)),
        (A, SlotState::Trial)
    );
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
    bench.command(Action::Confirm { image: old });
    assert_eq!(bench.state(SlotId::A), SlotState::Confirmed);
    assert_eq!(bench.record().home.0, A);
    assert_eq!(bench.record().security_counter, 7);
}

/// Regression: the agent said `Started`, and the loader reverted the image as below the counter and barred it, since
/// no Confirm lay in its trailer.
#[test]
fn an_image_that_confirmed_itself_is_exempt_from_the_security_counter_too() {
    let mut bench = Bench::launch();
    let second = bench.ground.bundle_with(&image(2, 3000), 2, None, |m| {
        m.security_counter = 1;
        m.trial.self_confirm = true;
    });
    bench.deliver_all(&second.object);
    let authorization = bench.ground.authorization(&second);
    bench.deliver_all(&authorization);
    bench.command(Action::ReportRequest);
    bench.wait_s(61);
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
    let third = bench
        .ground
        .bundle_with(&image(3, 3000), 3, None, |m| m.security_counter = 2);
    bench.deliver_all(&third.object);
    let authorization = bench.ground.authorization(&third);
    bench.deliver_all(&authorization);
    bench.command(confirm(&third));
    assert_eq!((bench.running(), bench.record().security_counter), (A, 2));
    bench.command(Action::Rollback {
        image: second.image.digest,
    });
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (B, SlotState::Trial)
    );
    // What was heard long ago confirms nothing now.
    bench.reset(ResetCause::Upset);
    bench.settle();
    assert_eq!(bench.state(SlotId::B), SlotState::Trial);
    bench.command(confirm(&second));
    assert_eq!(bench.record().home.0, B);
    assert_eq!(bench.record().security_counter, 2);
}

/// The image of bundle 2 has confirmed itself in B, whose trailer had `free` cells for more papers by then, and one of
/// counter `counter` is home in A.
fn over_one_that_confirmed_itself(free: u32, counter: u32) -> (Bench, Built) {
    let mut bench = Bench::launch();
    let second = bench
        .ground
        .bundle_with(&image(2, 3000), 2, None, |m| m.trial.self_confirm = true);
    bench.deliver_all(&second.object);
    let authorization = bench.ground.authorization(&second);
    bench.deliver_all(&authorization);
    let trailer = Trailer::new(bench.map().slot(SlotId::B).trailer);
    // One cell more for the command that is heard.
    while trailer.free(&mut bench.flash) > free + 1 {
        let number = ObjectNumber::default();
        let nothing = Entry::Authorized {
            number,
            envelope: &[],
        };
        trailer.append(&mut bench.flash, nothing).unwrap();
    }
    bench.command(Action::ReportRequest);
    bench.wait_s(61);
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
    let third = bench
        .ground
        .bundle_with(&image(3, 3000), 3, None, |m| m.security_counter = counter);
    bench.deliver_all(&third.object);
    let authorization = bench.ground.authorization(&third);
    bench.deliver_all(&authorization);
    bench.command(confirm(&third));
    assert_eq!(bench.record().home.0, A);
    (bench, second)
}

/// Regression: that it had confirmed itself was written into the last cell but one, and the rollback was refused as
/// `TrailerFull`; where it was not written, as `UnknownImage`.
#[test]
fn an_image_that_confirmed_itself_is_a_way_back_where_its_trailer_has_room_for_no_more_than_that() {
    for free in [2, 3, 4] {
        let (mut bench, second) = over_one_that_confirmed_itself(free, 0);
        bench.command(Action::Rollback {
            image: second.image.digest,
        });
        assert_eq!(
            (bench.running(), bench.state(SlotId::B)),
            (B, SlotState::Trial),
            "{free} cells"
        );
        bench.command(confirm(&second));
        assert_eq!(bench.record().home.0, B, "{free} cells");
    }
    let (mut bench, second) = over_one_that_confirmed_itself(1, 0);
    bench.command(Action::Rollback {
        image: second.image.digest,
    });
    assert_eq!(bench.report().command.refusal, Refusal::TrailerFull);
}

/// Where nothing but the record says that it was confirmed, the loader would revert it: it is refused before that.
#[test]
fn below_the_security_counter_the_record_alone_is_no_way_back() {
    let (mut bench, second) = over_one_that_confirmed_itself(2, 1);
    bench.command(Action::Rollback {
        image: second.image.digest,
    });
    assert_eq!(bench.report().command.refusal, Refusal::UnknownImage);
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
    let (mut bench, second) = over_one_that_confirmed_itself(3, 1);
    bench.command(Action::Rollback {
        image: second.image.digest,
    });
    assert_eq!(bench.running(), B);
}

/// Below the counter, heard and healthy no more: it was never confirmed, and neither agent nor loader takes it for
/// what was.
#[test]
fn an_image_that_only_heard_the_ground_is_no_way_back() {
    let mut bench = Bench::launch();
    let second = bench
        .ground
        .bundle_with(&image(2, 3000), 2, None, |m| m.trial.self_confirm = true);
    bench.deliver_all(&second.object);
    let authorization = bench.ground.authorization(&second);
    bench.application.health = Health::Starting;
    bench.deliver_all(&authorization);
    bench.command(Action::ReportRequest);
    bench.application.health = Health::Failing;
    bench.wait_s(61);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (A, SlotState::Reverted)
    );
    bench.command(Action::Rollback {
        image: second.image.digest,
    });
    assert_eq!(bench.report().command.refusal, Refusal::UnknownImage);
}

#[test]
fn a_rollback_that_does_not_prove_itself_is_reverted_to_the_newer_version() {
    let mut bench = Bench::launch();
    bench.update(2, 2);
    let old = sha256(&first_image());
    bench.command(Action::Rollback { image: old });
    assert_eq!(bench.running(), A);
    // The Confirm of long ago, in the same trailer, is not newer than this trial.
    bench.reset(ResetCause::Upset);
    bench.settle();
    assert_eq!(bench.state(SlotId::A), SlotState::Trial);
    bench.wait_s(LEASE + 10);
    assert_eq!(
        (bench.running(), bench.state(SlotId::A)),
        (B, SlotState::Reverted)
    );
}

#[test]
fn a_revert_target_with_a_lower_security_counter_still_boots() {
    let mut bench = Bench::launch();
    let v2 = bench
        .ground
        .bundle_with(&image(2, 3000), 2, None, |m| m.security_counter = 7);
    bench.deliver_all(&v2.object);
    let authorization = bench.ground.authorization(&v2);
    bench.deliver_all(&authorization);
    bench.command(confirm(&v2));
    // Confirmed v2 is damaged: the previous confirmed image, of counter 0, is exempt.
    let at = bench.map().slot(SlotId::B).image.start + 100;
    bench.corrupt(at);
    bench.reset(ResetCause::Upset);
    bench.settle();
    assert_eq!(bench.running(), A);
    assert_eq!(bench.report().revert_cause, RevertCause::ImageDigest);
}

#[test]
fn a_rollback_to_what_was_never_confirmed_or_while_a_trial_runs_is_refused() {
    let mut bench = Bench::launch();
    let built = bench.stage(2, 2);
    bench.command(Action::Rollback {
        image: built.image.digest,
    });
    assert_eq!(bench.report().command.refusal, Refusal::UnknownImage);
    bench.command(Action::Rollback {
        image: sha256(&first_image()),
    });
    assert_eq!(
        bench.report().command.refusal,
        Refusal::UnknownImage,
        "it runs"
    );
    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    bench.command(Action::Rollback {
        image: sha256(&first_image()),
    });
    assert_eq!(bench.report().command.refusal, Refusal::SlotBusy);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (B, SlotState::Trial)
    );
}

#[test]
fn boot_golden_boots_golden_and_stays_there_with_the_full_agent() {
    let mut bench = Bench::launch();
    bench.command(Action::BootGolden);
    assert_eq!(bench.running(), Location::Golden);
    bench.reset(ResetCause::PowerOn);
    bench.wait_s(60 * 86_400);
    assert_eq!(bench.running(), Location::Golden);
    assert_eq!(bench.report().running.0, Location::Golden);
    // Golden receives, installs and activates as any image does.
    bench.try_out(2, 2);
    assert_eq!(bench.state(SlotId::A), SlotState::Confirmed);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (B, SlotState::Trial)
    );
}

#[test]
fn boot_golden_ends_a_trial() {
    let mut bench = Bench::launch();
    bench.try_out(2, 2);
    bench.command(Action::BootGolden);
    assert_eq!(bench.running(), Location::Golden);
    assert_eq!(bench.state(SlotId::B), SlotState::Reverted);
    assert_eq!(bench.record().revert_cause, RevertCause::Commanded);
}

#[test]
fn crashes_after_confirm_lead_to_the_previous_confirmed_image_and_then_to_golden() {
    let mut bench = Bench::launch();
    bench.update(2, 2);
    let mut boots = Vec::new();
    for _ in 0..8 {
        bench.reset(ResetCause::Fault);
        boots.push(bench.running());
    }
    let golden = Location::Golden;
    assert_eq!(boots, [B, B, B, A, A, A, A, golden]);
}

#[test]
fn a_healthy_hour_forgives_crashes() {
    let mut bench = Bench::launch();
    for _ in 0..10 {
        bench.reset(ResetCause::Watchdog);
        bench.wait_s(2 * 3600 + 10);
        assert_eq!((bench.running(), bench.record().crashes), (A, 0));
    }
    bench.application.health = Health::Starting;
    for _ in 0..3 {
        bench.reset(ResetCause::Watchdog);
        bench.wait_s(2 * 3600 + 10);
    }
    assert_eq!(bench.record().crashes, 3);
}

#[test]
fn the_command_loss_timer_runs_from_the_first_command_and_only_commands_renew_it() {
    let mut bench = Bench::launch();
    bench.wait_s(3 * COMMAND_LOSS_S);
    assert_eq!(
        bench.running(),
        A,
        "nothing was ever heard: it does not run"
    );
    bench.command(Action::ReportRequest);
    bench.wait_s(COMMAND_LOSS_S - 100);
    assert_eq!(bench.running(), A);
    bench.command(Action::ReportRequest);
    let data = bench.ground.bundle(&image(2, 3000), 2);
    bench.wait_s(COMMAND_LOSS_S - 100);
    bench.deliver(&data.object, 0..9);
    assert_eq!(bench.running(), A);
    bench.wait_s(200);
    assert_eq!(bench.running(), Location::Golden);
    assert_eq!(bench.report().revert_cause, RevertCause::CommandLoss);
}
