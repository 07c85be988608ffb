//! Every rule of the boot decision by name where an image is on trial; those of home stand beside this file.

use lightday_wire::{Digest, Image, ObjectNumber, Refusal, Verdict, Version};

use super::*;

pub(super) const HOUR_MS: u64 = 3_600_000;
pub(super) const LEASE_S: u32 = 7 * 86_400;
pub(super) const LEASE_MS: u64 = 7 * 24 * HOUR_MS;
pub(super) const OLD: Digest = Digest([0xaa; 32]);
pub(super) const NEW: Digest = Digest([0xbb; 32]);

pub(super) fn number(n: u32) -> ObjectNumber {
    ObjectNumber::new(n).unwrap()
}

pub(super) fn wake(cause: ResetCause, ms: u64) -> Wake {
    Wake {
        cause,
        elapsed: Elapsed(ms),
    }
}

pub(super) fn installed(image: Digest, security_counter: u32) -> Installed {
    Installed {
        bundle: number(1),
        image: Image {
            digest: image,
            size: 1000,
            version: Version::default(),
        },
        load_address: 0,
        security_counter,
        trial: TrialPolicy {
            tries: 3,
            health_deadline_s: 3600,
            lease_s: LEASE_S,
            self_confirm: false,
        },
        load_and_go: false,
        is_signed: true,
    }
}

pub(super) fn entry(
    state: SlotState,
    image: Digest,
    bundle: u32,
    security_counter: u32,
) -> SlotRecord {
    SlotRecord {
        state,
        bundle: number(bundle),
        image,
        size: 1000,
        version: Version::default(),
        security_counter,
    }
}

/// Slot A: home, confirmed, security counter 5. Slot B: armed by its papers, security counter 6.
pub(super) fn papers() -> [SlotFacts; 2] {
    let home = SlotFacts {
        installed: Some(installed(OLD, 5)),
        is_intact: true,
        is_armed: true,
        confirmed: Some(number(3)),
        heard: Some(number(3)),
        self_confirmed: None,
    };
    let new = SlotFacts {
        installed: Some(installed(NEW, 6)),
        is_intact: true,
        is_armed: true,
        confirmed: None,
        heard: None,
        self_confirmed: None,
    };
    [home, new]
}

/// Home is A, and B was made the trial by the agent; the next command has number 10.
pub(super) fn at_trial() -> Record {
    let slots = [
        entry(SlotState::Confirmed, OLD, 1, 5),
        entry(SlotState::Trial, NEW, 2, 6),
    ];
    let mut record = Record::at_launch(slots, Location::Slot(SlotId::A), 1);
    record.trial = Trial::new(3, LEASE_S);
    record.security_counter = 5;
    record.next[2] = number(10);
    record
}

/// The trial's first boot, at one hour.
pub(super) fn on_the_way() -> Record {
    let start = select(&at_trial(), &papers(), wake(ResetCause::Software, HOUR_MS));
    assert_eq!(start.boot, Location::Slot(SlotId::B));
    start.record
}

/// No trial: home is A, and B was confirmed before it.
pub(super) fn at_home() -> (Record, [SlotFacts; 2]) {
    let mut record = at_trial();
    record.slots[1].state = SlotState::Confirmed;
    record.trial = Trial::NONE;
    let mut facts = papers();
    facts[1].confirmed = Some(number(2));
    (record, facts)
}

pub(super) fn heard(mut facts: [SlotFacts; 2], n: u32) -> [SlotFacts; 2] {
    facts[1].heard = Some(number(n));
    facts
}

pub(super) fn confirmed(facts: [SlotFacts; 2], n: u32) -> [SlotFacts; 2] {
    let mut facts = heard(facts, n);
    facts[1].confirmed = Some(number(n));
    facts
}

pub(super) fn assert_reverted(decision: &Decision, cause: RevertCause) {
    assert_eq!(decision.boot, Location::Slot(SlotId::A));
    assert_eq!(decision.record.slot(SlotId::B).state, SlotState::Reverted);
    assert_eq!(decision.record.revert_cause, cause);
    assert_eq!(decision.record.reverted, number(2));
    assert!(decision.record.is_barred(&NEW));
    assert_eq!(decision.record.trial, Trial::NONE);
    assert_eq!(decision.record.security_counter, 5);
}

#[test]
fn the_first_boot_of_a_trial_counts_before_the_jump() {
    let record = on_the_way();
    assert!(record.trial.started);
    assert_eq!(record.trial.tries_left, 2);
    assert_eq!(record.trial.environment_left, ENVIRONMENT_BUDGET);
    assert_eq!(record.trial.command_floor, number(10));
    assert_eq!(record.trial.deadline, Elapsed(HOUR_MS + LEASE_MS));
    assert_eq!(record.trial.health_deadline, Elapsed(2 * HOUR_MS));
    assert_eq!(
        (record.resets, record.reset_cause),
        (1, ResetCause::Software)
    );
}

#[test]
fn each_boot_of_a_trial_awaits_health_anew_within_the_lease() {
    let start = select(&at_trial(), &papers(), wake(ResetCause::Software, 0));
    let mut record = start.record;
    record.trial.healthy = true;
    let again = select(&record, &papers(), wake(ResetCause::Upset, 5 * HOUR_MS));
    assert_eq!(again.boot, Location::Slot(SlotId::B));
    assert_eq!(again.record.trial.health_deadline, Elapsed(6 * HOUR_MS));
    assert!(!again.record.trial.healthy);
    let late = LEASE_MS - HOUR_MS / 2;
    let last = select(&again.record, &papers(), wake(ResetCause::Upset, late));
    assert_eq!(last.record.trial.health_deadline, Elapsed(LEASE_MS));
    // One more lease, and one more look at its health.
    let record = last.record;
    let facts = heard(papers(), 12);
    let next = select(&record, &facts, wake(ResetCause::Deadline, LEASE_MS));
    assert_eq!(next.boot, Location::Slot(SlotId::B));
    assert_eq!(
        next.record.trial.health_deadline,
        Elapsed(LEASE_MS + HOUR_MS)
    );
}

#[test]
fn the_deadline_of_a_trial_is_its_lease_and_latched() {
    let start = select(&at_trial(), &papers(), wake(ResetCause::Software, 0));
    assert_eq!(start.deadline, Deadline::Lease(Elapsed(LEASE_MS)));
}

#[test]
fn each_crash_takes_a_try_and_the_last_one_reverts() {
    for cause in [
        ResetCause::Watchdog,
        ResetCause::Fault,
        ResetCause::Software,
        ResetCause::Unknown,
    ] {
        let mut record = on_the_way();
        for left in [1, 0] {
            let again = select(&record, &papers(), wake(cause, 2 * HOUR_MS));
            assert_eq!(again.boot, Location::Slot(SlotId::B));
            assert_eq!(again.record.trial.tries_left, left);
            assert_eq!(again.record.trial.environment_left, ENVIRONMENT_BUDGET);
            record = again.record;
        }
        let last = select(&record, &papers(), wake(cause, 2 * HOUR_MS));
        assert_reverted(&last, RevertCause::TriesExhausted);
    }
}

/// rauc#490: power cycles that have nothing to do with the image use up its boot attempts.
#[test]
fn unrelated_power_cycles_use_up_no_tries_and_are_bounded_all_the_same() {
    for cause in [ResetCause::PowerOn, ResetCause::BrownOut, ResetCause::Upset] {
        let mut record = on_the_way();
        for left in (0..ENVIRONMENT_BUDGET).rev() {
            let again = select(&record, &papers(), wake(cause, 2 * HOUR_MS));
            assert_eq!(again.boot, Location::Slot(SlotId::B));
            assert_eq!(again.record.trial.tries_left, 2);
            assert_eq!(again.record.trial.environment_left, left);
            record = again.record;
        }
        let last = select(&record, &papers(), wake(cause, 2 * HOUR_MS));
        assert_reverted(&last, RevertCause::EnvironmentBudget);
    }
}

#[test]
fn the_end_of_the_lease_reverts_whatever_the_image_says_of_itself() {
    let mut record = on_the_way();
    record.trial.healthy = true;
    let end = wake(ResetCause::Deadline, HOUR_MS + LEASE_MS);
    assert_reverted(&select(&record, &papers(), end), RevertCause::LeaseExpired);
    // A recording: signed, but older than the trial.
    let recorded = heard(papers(), 9);
    assert_reverted(&select(&record, &recorded, end), RevertCause::LeaseExpired);
}

#[test]
fn a_signed_command_of_the_trial_extends_the_lease_once_and_uses_no_try() {
    let end = HOUR_MS + LEASE_MS;
    let facts = heard(papers(), 10);
    let longer = select(&on_the_way(), &facts, wake(ResetCause::Deadline, end));
    assert_eq!(longer.boot, Location::Slot(SlotId::B));
    assert_eq!(longer.record.trial.tries_left, 2);
    assert_eq!(longer.record.trial.deadline, Elapsed(end + LEASE_MS));
    assert_eq!(longer.record.trial.command_floor, number(11));
    let again = wake(ResetCause::Deadline, end + LEASE_MS);
    let over = select(&longer.record, &facts, again);
    assert_reverted(&over, RevertCause::LeaseExpired);
    let newer = select(&longer.record, &heard(papers(), 11), again);
    assert_eq!(newer.boot, Location::Slot(SlotId::B));
}

/// Regression: the last number has no successor, so that it would have extended the lease for ever.
#[test]
fn the_last_command_number_extends_no_lease() {
    let mut record = on_the_way();
    record.trial.command_floor = ObjectNumber::MAX;
    let mut facts = papers();
    facts[1].heard = Some(ObjectNumber::MAX);
    let end = wake(ResetCause::Deadline, HOUR_MS + LEASE_MS);
    assert_reverted(&select(&record, &facts, end), RevertCause::LeaseExpired);
}

#[test]
fn confirm_needs_a_proven_command_of_the_trial_and_nothing_else_confirms() {
    let at = wake(ResetCause::Software, 2 * HOUR_MS);
    for (facts, is_confirm) in [
        (papers(), false),
        (heard(papers(), 10), false),
        (confirmed(papers(), 9), false),
        (confirmed(papers(), 10), true),
        (confirmed(papers(), 11), true),
    ] {
        let mut record = on_the_way();
        record.trial.healthy = true;
        let decision = select(&record, &facts, at);
        let state = decision.record.slot(SlotId::B).state;
        assert_eq!(decision.boot, Location::Slot(SlotId::B));
        assert_eq!(state == SlotState::Confirmed, is_confirm);
        assert_eq!(
            decision.record.security_counter,
            if is_confirm { 6 } else { 5 }
        );
    }
}

#[test]
fn a_confirm_makes_home_lifts_the_bar_and_says_that_the_command_is_done() {
    let mut record = on_the_way();
    record.verdicts[2] = Verdict {
        number: number(10),
        stage: Stage::Started,
        refusal: Refusal::None,
    };
    let done = select(
        &record,
        &confirmed(papers(), 10),
        wake(ResetCause::Software, 2 * HOUR_MS),
    );
    assert_eq!(done.record.home, HomeCode(Location::Slot(SlotId::B)));
    assert_eq!(done.record.slot(SlotId::A).state, SlotState::Confirmed);
    assert_eq!(done.record.trial, Trial::NONE);
    assert_eq!(done.record.verdict(ObjectKind::Command).stage, Stage::Done);
    assert!(matches!(done.deadline, Deadline::CommandLoss(_)));
    assert_eq!((done.record.crashes, done.record.environment), (0, 0));
}

#[test]
fn a_confirm_that_came_in_time_holds_even_at_the_end_of_the_lease() {
    let late = wake(ResetCause::BrownOut, HOUR_MS + 3 * LEASE_MS);
    let done = select(&on_the_way(), &confirmed(papers(), 10), late);
    assert_eq!(done.record.slot(SlotId::B).state, SlotState::Confirmed);
    assert_eq!(done.boot, Location::Slot(SlotId::B));
}

#[test]
fn it_confirms_itself_only_if_allowed_healthy_and_heard() {
    for case in 0..8u8 {
        let (allowed, healthy, proven) = (case & 1 != 0, case & 2 != 0, case & 4 != 0);
        let mut record = on_the_way();
        record.trial.healthy = healthy;
        let mut facts = heard(papers(), if proven { 10 } else { 9 });
        facts[1].installed.as_mut().unwrap().trial.self_confirm = allowed;
        let decision = select(&record, &facts, wake(ResetCause::Software, 2 * HOUR_MS));
        let is_confirmed = decision.record.slot(SlotId::B).state == SlotState::Confirmed;
        assert_eq!(is_confirmed, case == 7, "case {case}");
        assert_eq!(
            decision.record.security_counter == 6,
            case == 7,
            "case {case}"
        );
    }
}

#[test]
fn the_agent_may_give_a_trial_up_and_the_cause_is_kept() {
    for cause in [
        RevertCause::HealthFailed,
        RevertCause::HealthDeadline,
        RevertCause::Commanded,
    ] {
        let mut record = on_the_way();
        record.trial.give_up = cause;
        let decision = select(&record, &papers(), wake(ResetCause::Software, 2 * HOUR_MS));
        assert_reverted(&decision, cause);
        // Before its first boot, too: that may not have been saved.
        let mut unstarted = at_trial();
        unstarted.trial.give_up = cause;
        let decision = select(
            &unstarted,
            &papers(),
            wake(ResetCause::Software, 2 * HOUR_MS),
        );
        assert_reverted(&decision, cause);
        // Whatever was heard: the command that gave it up may be the first one.
        record.trial.healthy = true;
        let mut facts = confirmed(papers(), 10);
        facts[1].installed.as_mut().unwrap().trial.self_confirm = true;
        let decision = select(&record, &facts, wake(ResetCause::Software, 2 * HOUR_MS));
        assert_reverted(&decision, cause);
    }
}

#[test]
fn an_image_that_is_not_intact_or_has_no_papers_is_not_tried() {
    let at = wake(ResetCause::Software, HOUR_MS);
    let mut facts = papers();
    facts[1].is_intact = false;
    assert_reverted(&select(&at_trial(), &facts, at), RevertCause::ImageDigest);
    for forged in [
        |facts: &mut SlotFacts| facts.installed = None,
        |facts: &mut SlotFacts| facts.is_armed = false,
        |facts: &mut SlotFacts| facts.installed.as_mut().unwrap().is_signed = false,
        // Papers, but of another image than the record means.
        |facts: &mut SlotFacts| facts.installed.as_mut().unwrap().image.digest = Digest([1; 32]),
        // An older release than the security counter allows, and never confirmed here.
        |facts: &mut SlotFacts| facts.installed.as_mut().unwrap().security_counter = 4,
    ] {
        let mut facts = papers();
        forged(&mut facts[1]);
        assert_reverted(
            &select(&at_trial(), &facts, at),
            RevertCause::TrailerInvalid,
        );
        assert_reverted(
            &select(&on_the_way(), &facts, at),
            RevertCause::TrailerInvalid,
        );
    }
}

#[test]
fn a_rollback_is_exempt_from_the_security_counter() {
    let mut facts = confirmed(papers(), 4);
    facts[1].installed.as_mut().unwrap().security_counter = 2;
    let back = select(&at_trial(), &facts, wake(ResetCause::Software, HOUR_MS));
    assert_eq!(back.boot, Location::Slot(SlotId::B));
    // Its old Confirm confirms nothing anew, and the counter stays up when a new one does.
    assert_eq!(back.record.slot(SlotId::B).state, SlotState::Trial);
    let done = select(
        &back.record,
        &confirmed(facts, 10),
        wake(ResetCause::Software, 2 * HOUR_MS),
    );
    assert_eq!(done.record.slot(SlotId::B).state, SlotState::Confirmed);
    assert_eq!(done.record.security_counter, 5);
}

/// Regression: the loader believed the agent to have looked at the bar.
#[test]
fn a_barred_image_is_not_tried() {
    let mut record = at_trial();
    record.bar(NEW);
    let decision = select(&record, &papers(), wake(ResetCause::Software, HOUR_MS));
    assert_reverted(&decision, RevertCause::TrailerInvalid);
}

/// Regression: tries, lease and deadline were believed as the record had them.
#[test]
fn a_forged_record_gives_a_trial_no_more_than_its_signed_manifest() {
    let mut record = on_the_way();
    record.trial = Trial {
        tries_left: 255,
        environment_left: 255,
        lease_s: u32::MAX,
        deadline: Elapsed::NEVER,
        ..record.trial
    };
    let decision = select(&record, &papers(), wake(ResetCause::Watchdog, 2 * HOUR_MS));
    let trial = decision.record.trial;
    assert_eq!(
        (trial.tries_left, trial.environment_left),
        (2, ENVIRONMENT_BUDGET)
    );
    assert_eq!(trial.lease_s, LEASE_S);
    assert_eq!(
        decision.deadline,
        Deadline::Lease(Elapsed(2 * HOUR_MS + LEASE_MS))
    );
}

/// Regression: where the record's numbers were below those of the papers, a Confirm of long ago ended a trial of today
/// at its second boot, and a command of long ago extended its lease.
#[test]
fn what_lay_in_the_trailer_before_the_trial_proves_nothing() {
    let facts = confirmed(papers(), 40);
    let start = select(&at_trial(), &facts, wake(ResetCause::Software, HOUR_MS));
    assert_eq!(start.boot, Location::Slot(SlotId::B));
    assert_eq!(start.record.trial.command_floor, number(41));
    assert_eq!(start.record.next_number(ObjectKind::Command), number(41));
    let again = select(&start.record, &facts, wake(ResetCause::Upset, 2 * HOUR_MS));
    assert_eq!(again.record.slot(SlotId::B).state, SlotState::Trial);
    let end = wake(ResetCause::Deadline, HOUR_MS + LEASE_MS);
    assert_reverted(
        &select(&again.record, &facts, end),
        RevertCause::LeaseExpired,
    );
    // What comes now counts.
    let facts = confirmed(papers(), 41);
    let proven = select(&again.record, &facts, wake(ResetCause::Upset, 3 * HOUR_MS));
    assert_eq!(proven.record.home, HomeCode(Location::Slot(SlotId::B)));
}

#[test]
fn a_record_forged_without_papers_boots_nothing_of_it() {
    for state in [SlotState::Confirmed, SlotState::Trial] {
        let mut record = at_trial();
        record.slots[1].state = state;
        record.home = HomeCode(Location::Slot(SlotId::B));
        let mut facts = papers();
        facts[1] = SlotFacts {
            is_intact: true,
            ..SlotFacts::default()
        };
        let decision = select(&record, &facts, wake(ResetCause::PowerOn, HOUR_MS));
        assert_ne!(decision.boot, Location::Slot(SlotId::B), "{state:?}");
        assert_eq!(decision.record.slot(SlotId::B).state, SlotState::Reverted);
    }
}
