//! The rules of the boot decision where nothing is on trial, by name.

use std::vec::Vec;

use lightday_wire::Digest;

use super::tests::*;
use super::*;

#[test]
fn home_without_papers_gives_way_to_the_other_confirmed_slot_then_golden() {
    for (break_it, cause) in [
        (
            (|f: &mut SlotFacts| f.is_intact = false) as fn(&mut SlotFacts),
            RevertCause::ImageDigest,
        ),
        (|f| f.confirmed = None, RevertCause::TrailerInvalid),
        (|f| f.installed = None, RevertCause::TrailerInvalid),
        (
            |f| f.installed.as_mut().unwrap().image.digest = Digest([1; 32]),
            RevertCause::TrailerInvalid,
        ),
    ] {
        let (record, mut facts) = at_home();
        break_it(&mut facts[0]);
        let decision = select(&record, &facts, wake(ResetCause::PowerOn, HOUR_MS));
        assert_eq!(decision.boot, Location::Slot(SlotId::B));
        assert_eq!(decision.record.home, HomeCode(Location::Slot(SlotId::B)));
        assert_eq!(decision.record.revert_cause, cause);
        break_it(&mut facts[1]);
        let decision = select(&record, &facts, wake(ResetCause::PowerOn, HOUR_MS));
        assert_eq!(decision.boot, Location::Golden);
        assert_eq!(decision.deadline, Deadline::None);
    }
}

/// Regression: `Software` was never counted, and a firmware whose panic ends in a reset by software
/// looped for ever.
#[test]
fn crashes_after_confirm_are_bounded_and_end_in_golden() {
    for (cause, limit) in [
        (ResetCause::Watchdog, u32::from(CRASH_LIMIT)),
        (ResetCause::Fault, u32::from(CRASH_LIMIT)),
        (ResetCause::Software, u32::from(ENVIRONMENT_BUDGET)),
        (ResetCause::BrownOut, u32::from(ENVIRONMENT_BUDGET)),
        (ResetCause::PowerOn, u32::from(ENVIRONMENT_BUDGET)),
        (ResetCause::Upset, u32::from(ENVIRONMENT_BUDGET)),
        (ResetCause::Unknown, u32::from(ENVIRONMENT_BUDGET)),
    ] {
        let (mut record, facts) = at_home();
        let mut booted = Vec::new();
        for _ in 0..=2 * limit + 2 {
            let decision = select(&record, &facts, wake(cause, HOUR_MS));
            booted.push(decision.boot);
            record = decision.record;
        }
        let count = |place| booted.iter().filter(|b| **b == place).count() as u32;
        assert_eq!(count(Location::Slot(SlotId::A)), limit, "{cause:?}");
        assert_eq!(count(Location::Slot(SlotId::B)), limit + 1, "{cause:?}");
        assert_eq!(booted.last(), Some(&Location::Golden), "{cause:?}");
        assert_eq!(record.revert_cause, RevertCause::CrashLoop);
    }
}

#[test]
fn the_reset_that_ends_a_trial_is_not_counted_against_home() {
    let mut record = on_the_way();
    record.trial.tries_left = 0;
    let decision = select(&record, &papers(), wake(ResetCause::Watchdog, 2 * HOUR_MS));
    assert_reverted(&decision, RevertCause::TriesExhausted);
    assert_eq!(
        (decision.record.crashes, decision.record.environment),
        (0, 0)
    );
}

#[test]
fn command_loss_leaves_home_for_golden_and_bars_nothing() {
    let (mut record, facts) = at_home();
    record.command_loss = Elapsed(5 * HOUR_MS);
    let before = select(&record, &facts, wake(ResetCause::PowerOn, 5 * HOUR_MS - 1));
    assert_eq!(before.boot, Location::Slot(SlotId::A));
    assert_eq!(before.deadline, Deadline::CommandLoss(Elapsed(5 * HOUR_MS)));
    let after = select(&record, &facts, wake(ResetCause::Deadline, 5 * HOUR_MS));
    assert_eq!(after.boot, Location::Golden);
    assert_eq!(after.record.revert_cause, RevertCause::CommandLoss);
    assert_eq!(after.record.slot(SlotId::A).state, SlotState::Confirmed);
    assert!(!after.record.is_barred(&OLD));
}

/// Regression: at the end of an extended lease, or after a long time without power, command loss took
/// the vehicle to golden before home had been tried.
#[test]
fn revert_comes_before_command_loss_and_gives_home_a_lease() {
    let end = HOUR_MS + LEASE_MS;
    let facts = heard(papers(), 10);
    let longer = select(&on_the_way(), &facts, wake(ResetCause::Deadline, end));
    for at in [end + LEASE_MS, end + 9 * LEASE_MS] {
        let over = select(&longer.record, &facts, wake(ResetCause::Deadline, at));
        assert_reverted(&over, RevertCause::LeaseExpired);
        assert!(over.record.command_loss >= Elapsed(at + LEASE_MS));
    }
}

/// Regression: `max` with "never" is never, so that the timer that launch leaves off never began to run.
#[test]
fn the_first_trial_starts_the_command_loss_timer() {
    assert_eq!(at_trial().command_loss, Elapsed::NEVER);
    let record = on_the_way();
    assert_eq!(record.command_loss, Elapsed(HOUR_MS + 2 * LEASE_MS));
    let mut later = record.clone();
    later.renew_command_loss(Elapsed(0));
    assert_eq!(later.command_loss, record.command_loss);
}

#[test]
fn golden_stays_golden_until_a_signed_command_says_otherwise() {
    let (mut record, facts) = at_home();
    record.home = HomeCode(Location::Golden);
    for cause in ResetCause::ALL {
        let decision = select(&record, &facts, wake(*cause, u64::MAX));
        assert_eq!(decision.boot, Location::Golden);
        assert_eq!(decision.deadline, Deadline::None);
    }
}

/// Regression: resets by software were not counted, and what ran in dead golden's stead and ended its panics by one did
/// so for ever. A reset that ends a trial belongs to that.
#[test]
fn golden_counts_what_may_be_a_crash_and_nothing_else() {
    let (mut record, facts) = at_home();
    record.home = HomeCode(Location::Golden);
    for cause in ResetCause::ALL {
        let counts = match cause {
            ResetCause::Watchdog | ResetCause::Fault => (1, 0),
            ResetCause::Software => (0, 1),
            _ => (0, 0),
        };
        let after = select(&record, &facts, wake(*cause, HOUR_MS)).record;
        assert_eq!((after.crashes, after.environment), counts, "{cause:?}");
        let mut on_trial = on_the_way();
        on_trial.home = HomeCode(Location::Golden);
        on_trial.trial.give_up = RevertCause::HealthFailed;
        let after = select(&on_trial, &papers(), wake(*cause, HOUR_MS)).record;
        assert_eq!((after.crashes, after.environment), (0, 0), "{cause:?}");
    }
}
