//! The boot decision, as a pure function: record, facts and the wake-up go in, the next record and what
//! boots come out. It never reads flash and never trusts the record alone: a slot boots only if the facts
//! say that it may, and for how long a trial goes on the signed manifest says, not the record.
//!
//! ```text
//!                 Confirm proven                       +--> Confirmed, home
//!  Armed -> Trial --------------------------------------+
//!             | tries or environment budget used up, lease over, given up, digest wrong
//!             +--> Reverted, barred --> home (last Confirmed) --> other Confirmed --> golden
//! ```

use lightday_wire::{
    Location, ObjectKind, ResetCause, RevertCause, SlotId, SlotState, Stage, TrialPolicy,
};

use crate::judge::{Installed, SlotFacts};
use crate::record::{CRASH_LIMIT, ENVIRONMENT_BUDGET, HomeCode, Record, SlotRecord, Trial};
use crate::supervisor::Elapsed;

/// What the supervisor tells at a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wake {
    /// Why the processor was reset.
    pub cause: ResetCause,
    /// The elapsed-time counter.
    pub elapsed: Elapsed,
}

/// When the supervisor has to reset the processor again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// At the end of the lease; nothing moves it.
    Lease(Elapsed),
    /// At the end of the command-loss timer; the confirmed image moves it on.
    CommandLoss(Elapsed),
    /// Never: golden waits for ever. Its agent sets one of its own.
    None,
}

/// What boots, and what has to be saved before it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What boots.
    pub boot: Location,
    /// The record to save before the jump.
    pub record: Record,
    /// The deadline to set before the jump.
    pub deadline: Deadline,
}

/// Decides what boots.
#[must_use]
pub fn select(record: &Record, facts: &[SlotFacts; 2], wake: Wake) -> Decision {
    let mut record = record.clone();
    record.resets = record.resets.wrapping_add(1);
    record.reset_cause = wake.cause;
    let is_trial_over = match record.trial_slot() {
        Some(slot) => match on_trial(&mut record, of(facts, slot), slot, wake) {
            Verdict::Boot => {
                let deadline = Deadline::Lease(record.trial.deadline);
                return Decision {
                    boot: Location::Slot(slot),
                    record,
                    deadline,
                };
            }
            Verdict::Confirm => true,
            Verdict::Revert(cause) => {
                revert(&mut record, slot, cause);
                // Revert comes before safe mode: home has a lease to be heard from, however late the
                // trial ended.
                let lease_s = of(facts, slot).installed.map_or(0, |i| i.trial.lease_s);
                let until = wake.elapsed.plus_s(u64::from(lease_s));
                record.command_loss = record.command_loss.max(until);
                true
            }
        },
        None => false,
    };
    let boot = home(&mut record, facts, wake, is_trial_over);
    let deadline = match boot {
        Location::Slot(_) => Deadline::CommandLoss(record.command_loss),
        Location::Golden => Deadline::None,
    };
    Decision {
        boot,
        record,
        deadline,
    }
}

/// What the trailer of a slot proves.
pub(crate) const fn of(facts: &[SlotFacts; 2], slot: SlotId) -> &SlotFacts {
    let [a, b] = facts;
    match slot {
        SlotId::A => a,
        SlotId::B => b,
    }
}

/// How a trial goes on.
enum Verdict {
    Boot,
    Confirm,
    Revert(RevertCause),
}

fn on_trial(record: &mut Record, facts: &SlotFacts, slot: SlotId, wake: Wake) -> Verdict {
    if !facts.is_intact {
        return Verdict::Revert(RevertCause::ImageDigest);
    }
    let Some(installed) = facts.installed.filter(|i| may_try(record, facts, slot, i)) else {
        return Verdict::Revert(RevertCause::TrailerInvalid);
    };
    bound(&mut record.trial, &installed.trial, wake);
    // Before all that was heard: the command that ends a trial is itself a signed command. And before the first boot,
    // which may not have been saved.
    if record.trial.give_up != RevertCause::None {
        return Verdict::Revert(record.trial.give_up);
    }
    if !record.trial.started {
        start(record, facts, &installed.trial, wake);
        return Verdict::Boot;
    }
    let floor = record.trial.command_floor;
    let is_proven = facts.heard.is_some_and(|heard| heard >= floor);
    if facts.confirmed.is_some_and(|confirmed| confirmed >= floor)
        || (facts.may_self_confirm() && is_proven && record.trial.healthy)
    {
        confirm(record, facts, slot, wake);
        return Verdict::Confirm;
    }
    if wake.elapsed >= record.trial.deadline {
        return match facts.heard {
            // A signed command came since the lease began: one more lease, for a newer one than that.
            // After the last number there is none that is newer.
            Some(heard) if is_proven && heard < heard.next() => {
                record.trial.command_floor = heard.next();
                record.trial.deadline = wake.elapsed.plus_s(u64::from(record.trial.lease_s));
                await_health(&mut record.trial, &installed.trial, wake);
                Verdict::Boot
            }
            _ => Verdict::Revert(RevertCause::LeaseExpired),
        };
    }
    await_health(&mut record.trial, &installed.trial, wake);
    spend(&mut record.trial, wake.cause)
}

/// Whether the papers in the slot are for the image that the record means, and neither bar nor security
/// counter forbid it. An image that was confirmed before is exempt from the counter: that is a rollback.
fn may_try(record: &Record, facts: &SlotFacts, slot: SlotId, installed: &Installed) -> bool {
    let image = &installed.image.digest;
    let is_rollback = facts.was_confirmed();
    facts.may_be_tried()
        && *image == record.slot(slot).image
        && !record.is_barred(image)
        && (is_rollback || installed.security_counter >= record.security_counter)
}

/// No record gives a trial more than its signed manifest does, nor more than a lease from now: neither a
/// forged one nor one of before the elapsed-time counter fell back.
fn bound(trial: &mut Trial, policy: &TrialPolicy, wake: Wake) {
    trial.tries_left = trial.tries_left.min(policy.tries);
    trial.environment_left = trial.environment_left.min(ENVIRONMENT_BUDGET);
    trial.lease_s = policy.lease_s;
    if trial.started {
        let lease_end = wake.elapsed.plus_s(u64::from(policy.lease_s));
        trial.deadline = trial.deadline.min(lease_end);
    }
}

/// The first boot of a trial: from here on its numbers only count down. What lies in the trailer already is older,
/// whatever the record says: one that was put back, or set anew, may say less.
fn start(record: &mut Record, facts: &SlotFacts, policy: &TrialPolicy, wake: Wake) {
    let lease_s = u64::from(policy.lease_s);
    if let Some(heard) = facts.heard {
        record.raise_next(ObjectKind::Command, heard);
    }
    let floor = record.next_number(ObjectKind::Command);
    let trial = &mut record.trial;
    trial.started = true;
    trial.tries_left = trial.tries_left.saturating_sub(1);
    trial.command_floor = floor;
    trial.deadline = wake.elapsed.plus_s(lease_s);
    await_health(trial, policy, wake);
    // Revert comes before safe mode: the command-loss timer outlasts the trial by a lease.
    let until = trial.deadline.plus_s(lease_s);
    record.renew_command_loss(until);
}

/// At every boot of a trial: it has to become healthy anew, in time, and within its lease.
fn await_health(trial: &mut Trial, policy: &TrialPolicy, wake: Wake) {
    let health_s = u64::from(policy.health_deadline_s);
    trial.health_deadline = wake.elapsed.plus_s(health_s).min(trial.deadline);
    trial.healthy = false;
}

/// Takes one boot from the budget that the reset's cause draws on.
fn spend(trial: &mut Trial, cause: ResetCause) -> Verdict {
    let (budget, empty) = if cause.is_environment() {
        (&mut trial.environment_left, RevertCause::EnvironmentBudget)
    } else {
        (&mut trial.tries_left, RevertCause::TriesExhausted)
    };
    match budget.checked_sub(1) {
        Some(left) => {
            *budget = left;
            Verdict::Boot
        }
        None => Verdict::Revert(empty),
    }
}

fn confirm(record: &mut Record, facts: &SlotFacts, slot: SlotId, wake: Wake) {
    let lease_s = u64::from(record.trial.lease_s);
    record.trial = Trial::NONE;
    record.slot_mut(slot).state = SlotState::Confirmed;
    record.home = HomeCode(Location::Slot(slot));
    record.crashes = 0;
    record.environment = 0;
    record.command_loss = record.command_loss.max(wake.elapsed.plus_s(lease_s));
    if let Some(installed) = facts.installed {
        record.unbar(&installed.image.digest);
        if installed.is_signed {
            record.security_counter = record.security_counter.max(installed.security_counter);
        }
    }
    let mut verdict = record.verdict(ObjectKind::Command);
    if Some(verdict.number) == facts.confirmed && verdict.stage == Stage::Started {
        verdict.stage = Stage::Done;
        record.set_verdict(ObjectKind::Command, verdict);
    }
}

/// Gives a slot up: its image is barred until it is armed anew.
fn revert(record: &mut Record, slot: SlotId, cause: RevertCause) {
    let entry = *record.slot(slot);
    record.trial = Trial::NONE;
    record.bar(entry.image);
    record.slot_mut(slot).state = SlotState::Reverted;
    record.revert_cause = cause;
    record.reverted = entry.bundle;
    record.crashes = 0;
    record.environment = 0;
}

/// What boots where nothing is on trial: home, else the other confirmed slot, else golden.
fn home(record: &mut Record, facts: &[SlotFacts; 2], wake: Wake, is_trial_over: bool) -> Location {
    let HomeCode(Location::Slot(slot)) = record.home else {
        if !is_trial_over {
            count_in_golden(record, wake.cause);
        }
        return Location::Golden;
    };
    if wake.elapsed >= record.command_loss {
        record.revert_cause = RevertCause::CommandLoss;
        record.reverted = record.slot(slot).bundle;
        return go_golden(record);
    }
    let entry = record.slot(slot);
    let facts_of_home = of(facts, slot);
    let is_proven = entry.state == SlotState::Confirmed && may_be_home(entry, facts_of_home);
    let give_up = if !is_proven {
        Some(if facts_of_home.is_intact {
            RevertCause::TrailerInvalid
        } else {
            RevertCause::ImageDigest
        })
    } else if is_trial_over {
        None // the reset belongs to the trial
    } else {
        count_crash(record, wake.cause)
    };
    let Some(cause) = give_up else {
        return Location::Slot(slot);
    };
    revert(record, slot, cause);
    let other = slot.other();
    let entry = record.slot(other);
    if entry.state == SlotState::Confirmed && may_be_home(entry, of(facts, other)) {
        record.home = HomeCode(Location::Slot(other));
        return Location::Slot(other);
    }
    go_golden(record)
}

/// Whether the papers in a slot let it be home, and are for the image that the record means.
fn may_be_home(entry: &SlotRecord, facts: &SlotFacts) -> bool {
    let is_same = |i: Installed| i.image.digest == entry.image;
    facts.may_be_home() && facts.installed.is_some_and(is_same)
}

fn go_golden(record: &mut Record) -> Location {
    record.home = HomeCode(Location::Golden);
    Location::Golden
}

/// Counts a reset that may be a crash. It bounds nothing, golden boots always; where golden is dead, those in its stead
/// take turns by it. Power that fails is no crash.
const fn count_in_golden(record: &mut Record, cause: ResetCause) {
    match cause {
        ResetCause::Watchdog | ResetCause::Fault => {
            record.crashes = record.crashes.wrapping_add(1);
        }
        ResetCause::Software => record.environment = record.environment.wrapping_add(1),
        _ => {}
    }
}

/// Counts a reset against the confirmed image; its cause if it was one too many. A reset by software may
/// be an application's own way to end a panic: it is bounded too, by the larger budget.
fn count_crash(record: &mut Record, cause: ResetCause) -> Option<RevertCause> {
    let (count, limit) = match cause {
        ResetCause::Watchdog | ResetCause::Fault => (&mut record.crashes, CRASH_LIMIT),
        ResetCause::PowerOn
        | ResetCause::BrownOut
        | ResetCause::Upset
        | ResetCause::Unknown
        | ResetCause::Software
        | ResetCause::Deadline => (&mut record.environment, ENVIRONMENT_BUDGET),
    };
    *count = count.saturating_add(1);
    (*count > limit).then_some(RevertCause::CrashLoop)
}

#[cfg(test)]
mod home_tests;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
