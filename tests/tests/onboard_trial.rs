//! The trial: how an image proves itself, and every way in which it does not.

use lightday_agent::Health;
use lightday_boot::trailer::{Entry, Trailer};
use lightday_tests::bench_ground::{Built, HEALTH_DEADLINE_S, LEASE_S, number};
use lightday_tests::bench_vehicle::{Bench, first_image, image};
use lightday_trust::digest::sha256;
use lightday_wire::report::flags;
use lightday_wire::{
    Action, Digest, Location, ObjectKind, Refusal, ResetCause, RevertCause, SlotId, SlotState,
    Stage, TagLen,
};

const A: Location = Location::Slot(SlotId::A);
const B: Location = Location::Slot(SlotId::B);
const LEASE: u64 = LEASE_S as u64;

fn confirm(built: &Built) -> Action {
    Action::Confirm {
        image: built.image.digest,
    }
}

fn reverted(bench: &Bench, cause: RevertCause) {
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (A, SlotState::Reverted)
    );
    assert_eq!(bench.record().revert_cause, cause);
    let report = bench.report();
    assert_eq!((report.revert_cause, report.reverted), (cause, number(1)));
}

#[test]
fn nothing_confirms_on_silence_a_deaf_image_is_reverted_at_the_end_of_its_lease() {
    let mut bench = Bench::launch();
    bench.try_out(2, 2);
    bench.wait_s(LEASE - 3600);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (B, SlotState::Trial)
    );
    bench.wait_s(3600);
    reverted(&bench, RevertCause::LeaseExpired);
    assert_eq!(bench.report().reset_cause, ResetCause::Deadline);
}

#[test]
fn the_lease_is_not_renewed_by_data_frames() {
    let mut bench = Bench::launch();
    bench.try_out(2, 2);
    let next = bench.ground.bundle(&image(3, 6000), 3);
    for index in 0..next.object.k() {
        bench.deliver(&next.object, [index]);
        bench.wait_s(LEASE / u64::from(next.object.k()));
    }
    bench.wait_s(3600);
    assert_eq!(bench.record().revert_cause, RevertCause::LeaseExpired);
    assert_eq!(bench.running(), A);
}

#[test]
fn the_lease_is_not_renewed_by_recordings_or_unsigned_commands() {
    let mut bench = Bench::launch();
    let old = bench.ground.command(Action::ReportRequest);
    bench.deliver_all(&old);
    bench.try_out(2, 2);
    bench.deliver_all(&old);
    let forged = bench
        .ground
        .small(ObjectKind::Command, number(9), &[7; 100]);
    bench.deliver_all(&forged);
    assert_eq!(bench.report().flags & flags::UPLINK_PROVEN, 0);
    bench.wait_s(LEASE + 10);
    reverted(&bench, RevertCause::LeaseExpired);
}

#[test]
fn a_signed_command_newer_than_the_trial_s_start_renews_the_lease_once() {
    let mut bench = Bench::launch();
    let built = bench.try_out(2, 2);
    let floor = bench.record().trial.command_floor;
    assert_eq!(floor, bench.record().next_number(ObjectKind::Command));
    bench.command(Action::ReportRequest);
    assert_ne!(bench.report().flags & flags::UPLINK_PROVEN, 0);
    bench.wait_s(LEASE + 10);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (B, SlotState::Trial)
    );
    assert!(bench.record().trial.command_floor > floor);
    assert_eq!(bench.report().flags & flags::UPLINK_PROVEN, 0);
    bench.wait_s(LEASE + 10);
    assert_eq!(bench.running(), A);
    assert!(bench.record().is_barred(&built.image.digest));
}

#[test]
fn confirmed_means_that_the_loader_verified_the_stored_signed_confirm() {
    let mut bench = Bench::launch();
    let built = bench.try_out(2, 2);
    let object = bench.ground.command(confirm(&built));
    let key = bench.uplink(0);
    for index in 0..object.k() {
        let frame = object.frame(index, &key, TagLen::Eight).unwrap();
        bench.hear(&frame);
    }
    bench.step();
    assert_eq!(
        bench.state(SlotId::B),
        SlotState::Trial,
        "the agent confirms nothing"
    );
    assert!(bench.supervisor.is_reset_requested());
    bench.settle();
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
    let report = bench.beacon();
    assert_eq!(
        (report.command.number, report.command.stage),
        (number(1), Stage::Done)
    );
}

#[test]
fn a_confirm_of_another_image_or_outside_a_trial_is_refused() {
    let mut bench = Bench::launch();
    bench.command(Action::Confirm {
        image: Digest([1; 32]),
    });
    assert_eq!(bench.report().command.refusal, Refusal::UnknownImage);
    bench.try_out(2, 2);
    bench.command(Action::Confirm {
        image: sha256(&first_image()),
    });
    assert_eq!(bench.report().command.refusal, Refusal::UnknownImage);
    assert_eq!(bench.state(SlotId::B), SlotState::Trial);
    bench.command(Action::BootGolden);
    assert_eq!(bench.running(), Location::Golden);
    bench.command(Action::Confirm {
        image: sha256(&first_image()),
    });
    assert_eq!(bench.report().command.refusal, Refusal::NoTrial);
}

#[test]
fn an_image_that_crashes_at_boot_is_reverted_after_its_tries() {
    let mut bench = Bench::launch();
    bench.try_out(2, 2);
    for tries_left in [2, 1, 0] {
        assert_eq!(bench.record().trial.tries_left, tries_left);
        assert_eq!(bench.running(), B);
        bench.reset(ResetCause::Fault);
    }
    bench.settle();
    reverted(&bench, RevertCause::TriesExhausted);
}

#[test]
fn an_image_that_hangs_is_reverted_after_its_tries() {
    let mut bench = Bench::launch();
    bench.try_out(2, 2);
    for _ in 0..3 {
        bench.reset(ResetCause::Watchdog);
    }
    bench.settle();
    reverted(&bench, RevertCause::TriesExhausted);
}

#[test]
fn resets_by_upset_and_brown_out_draw_on_a_budget_of_16_of_their_own() {
    let mut bench = Bench::launch();
    bench.try_out(2, 2);
    let causes = [ResetCause::Upset, ResetCause::BrownOut];
    for left in (0..16).rev() {
        bench.reset(causes[left % 2]);
        assert_eq!(bench.running(), B);
        assert_eq!(usize::from(bench.record().trial.environment_left), left);
        assert_eq!(bench.record().trial.tries_left, 2);
    }
    bench.reset(ResetCause::Upset);
    bench.settle();
    reverted(&bench, RevertCause::EnvironmentBudget);
}

#[test]
fn an_image_that_says_that_it_is_not_healthy_is_reverted() {
    let mut bench = Bench::launch();
    bench.application.health = Health::Starting;
    bench.try_out(2, 2);
    bench.application.health = Health::Failing;
    bench.wait_s(61);
    reverted(&bench, RevertCause::HealthFailed);
}

#[test]
fn an_image_that_was_healthy_and_fails_later_is_reverted() {
    let mut bench = Bench::launch();
    bench.try_out(2, 2);
    bench.wait_s(86_400);
    assert!(bench.record().trial.healthy);
    bench.application.health = Health::Failing;
    bench.wait_s(3601);
    reverted(&bench, RevertCause::HealthFailed);
}

#[test]
fn an_image_that_does_not_become_healthy_in_time_is_reverted() {
    let mut bench = Bench::launch();
    bench.application.health = Health::Starting;
    bench.try_out(2, 2);
    bench.wait_s(u64::from(HEALTH_DEADLINE_S) - 100);
    assert_eq!(bench.running(), B);
    // The deadline counts from each boot; the boots themselves are bounded.
    bench.reset(ResetCause::Upset);
    bench.wait_s(u64::from(HEALTH_DEADLINE_S) - 100);
    assert_eq!(bench.running(), B);
    bench.wait_s(200);
    reverted(&bench, RevertCause::HealthDeadline);
}

#[test]
fn an_image_that_was_healthy_has_to_become_so_again_after_each_boot() {
    let mut bench = Bench::launch();
    bench.try_out(2, 2);
    bench.wait_s(600);
    assert!(bench.record().trial.healthy);
    bench.application.health = Health::Starting;
    bench.reset(ResetCause::Upset);
    bench.wait_s(u64::from(HEALTH_DEADLINE_S) + 100);
    reverted(&bench, RevertCause::HealthDeadline);
}

/// Fills the trailer of a slot until so many cells are free.
fn fill_trailer(bench: &mut Bench, slot: SlotId, free: u32) {
    let trailer = Trailer::new(bench.map().slot(slot).trailer);
    while trailer.free(&mut bench.flash) > free {
        let entry = Entry::Commanded {
            number: number(0),
            envelope: &[0; 40],
        };
        trailer.append(&mut bench.flash, entry).unwrap();
    }
}

#[test]
fn a_rollback_that_leaves_no_cell_for_its_confirm_is_refused_before_the_trial() {
    for free in [0, 1, 2] {
        let mut bench = Bench::launch();
        bench.update(2, 2);
        fill_trailer(&mut bench, SlotId::A, free);
        let old = sha256(&first_image());
        bench.command(Action::Rollback { image: old });
        if free < 2 {
            assert_eq!(bench.report().command.refusal, Refusal::TrailerFull);
            assert_eq!(
                (bench.running(), bench.state(SlotId::A)),
                (B, SlotState::Confirmed)
            );
        } else {
            assert_eq!(bench.running(), A);
            bench.command(Action::ReportRequest);
            bench.command(Action::Confirm { image: old });
            assert_eq!(bench.state(SlotId::A), SlotState::Confirmed);
        }
    }
}

#[test]
fn an_authorization_that_leaves_no_cell_for_the_confirm_arms_nothing_and_says_so() {
    for free in [0, 1, 2] {
        let mut bench = Bench::launch();
        let built = bench.stage(2, 2);
        fill_trailer(&mut bench, SlotId::B, free);
        let authorization = bench.ground.authorization(&built);
        bench.deliver_all(&authorization);
        if free < 2 {
            let verdict = bench.report().authorization;
            assert_eq!(
                (verdict.stage, verdict.refusal),
                (Stage::Failed, Refusal::TrailerFull)
            );
            assert_eq!(bench.state(SlotId::B), SlotState::Verified);
            bench.reset(ResetCause::PowerOn);
            bench.settle();
            assert_eq!(bench.report().authorization, verdict);
        } else {
            bench.command(Action::ReportRequest);
            bench.command(confirm(&built));
            assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
        }
    }
}

#[test]
fn a_proven_uplink_confirms_itself_only_where_flight_signed_that_it_may() {
    for may in [true, false] {
        let mut bench = Bench::launch();
        let built = bench
            .ground
            .bundle_with(&image(2, 3000), 2, None, |m| m.trial.self_confirm = may);
        bench.deliver_all(&built.object);
        let authorization = bench.ground.authorization(&built);
        bench.deliver_all(&authorization);
        bench.wait_s(86_400);
        assert_eq!(bench.state(SlotId::B), SlotState::Trial, "no proof yet");
        bench.command(Action::ReportRequest);
        bench.wait_s(61);
        let expected = if may {
            SlotState::Confirmed
        } else {
            SlotState::Trial
        };
        assert_eq!(bench.state(SlotId::B), expected);
    }
}

#[test]
fn an_image_that_is_not_healthy_does_not_confirm_itself() {
    let mut bench = Bench::launch();
    bench.application.health = Health::Starting;
    let built = bench
        .ground
        .bundle_with(&image(2, 3000), 2, None, |m| m.trial.self_confirm = true);
    bench.deliver_all(&built.object);
    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    bench.command(Action::ReportRequest);
    bench.wait_s(600);
    assert_eq!(bench.state(SlotId::B), SlotState::Trial);
    bench.application.health = Health::Healthy;
    bench.wait_s(61);
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
}

#[test]
fn a_latched_lease_cannot_be_moved_by_the_image_on_trial() {
    let mut bench = Bench::launch();
    bench.try_out(2, 2);
    let deadline = bench.supervisor.deadline();
    bench.command(Action::ReportRequest);
    bench.wait_s(86_400);
    assert_eq!(bench.supervisor.deadline(), deadline);
}
