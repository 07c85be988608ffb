//! The boot decision, as a pure function: record, facts and the wake-up go in, the next record and what
//! boots come out. It never reads flash and never trusts the record alone: a slot boots only if the facts
//! say that it may.
//!
//! ```text
//!                 Confirm proven                       +--> Confirmed, home
//!  Armed -> Trial --------------------------------------+
//!             | tries or environment budget used up, lease over, given up, digest wrong
//!             +--> Reverted, barred --> home (last Confirmed) --> other Confirmed --> golden
//! ```

use lightday_wire::{Location, ObjectKind, ResetCause, RevertCause, SlotId, SlotState, Stage};

use crate::judge::SlotFacts;
use crate::record::{CRASH_LIMIT, ENVIRONMENT_BUDGET, HomeCode, Record, Trial};
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
    /// Never: golden waits for ever.
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

const fn of(facts: &[SlotFacts; 2], slot: SlotId) -> &SlotFacts {
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
    if !facts.may_be_tried() {
        return Verdict::Revert(RevertCause::TrailerInvalid);
    }
    if !record.trial.started {
        start(record, facts, wake);
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
    if record.trial.give_up != RevertCause::None {
        return Verdict::Revert(record.trial.give_up);
    }
    if wake.elapsed >= record.trial.deadline {
        return match facts.heard {
            // A signed command came since the lease began: one more lease, for a newer one than that.
            Some(heard) if is_proven => {
                record.trial.command_floor = heard.next();
                record.trial.deadline = wake.elapsed.plus_s(u64::from(record.trial.lease_s));
                Verdict::Boot
            }
            _ => Verdict::Revert(RevertCause::LeaseExpired),
        };
    }
    spend(&mut record.trial, wake.cause)
}

/// The first boot of a trial: from here on its numbers only count down.
fn start(record: &mut Record, facts: &SlotFacts, wake: Wake) {
    let lease_s = u64::from(record.trial.lease_s);
    let health_s = facts
        .installed
        .map_or(0, |i| u64::from(i.trial.health_deadline_s));
    let floor = record.next_number(ObjectKind::Command);
    let trial = &mut record.trial;
    trial.started = true;
    trial.tries_left = trial.tries_left.saturating_sub(1);
    trial.command_floor = floor;
    trial.deadline = wake.elapsed.plus_s(lease_s);
    trial.health_deadline = wake.elapsed.plus_s(health_s);
    // Revert comes before safe mode: the command-loss timer outlasts the trial by a lease.
    record.command_loss = record.command_loss.max(trial.deadline.plus_s(lease_s));
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
        record.security_counter = record.security_counter.max(installed.security_counter);
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
        return Location::Golden;
    };
    if wake.elapsed >= record.command_loss {
        record.revert_cause = RevertCause::CommandLoss;
        record.reverted = record.slot(slot).bundle;
        return go_golden(record);
    }
    let entry = record.slot(slot);
    let facts_of_home = of(facts, slot);
    let give_up = if entry.state != SlotState::Confirmed || !facts_of_home.may_be_home() {
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
    if record.slot(other).state == SlotState::Confirmed && of(facts, other).may_be_home() {
        record.home = HomeCode(Location::Slot(other));
        return Location::Slot(other);
    }
    go_golden(record)
}

fn go_golden(record: &mut Record) -> Location {
    record.home = HomeCode(Location::Golden);
    Location::Golden
}

/// Counts a reset against the confirmed image; its cause if it was one too many.
fn count_crash(record: &mut Record, cause: ResetCause) -> Option<RevertCause> {
    let (count, limit) = match cause {
        ResetCause::Watchdog | ResetCause::Fault => (&mut record.crashes, CRASH_LIMIT),
        ResetCause::PowerOn | ResetCause::BrownOut | ResetCause::Upset | ResetCause::Unknown => {
            (&mut record.environment, ENVIRONMENT_BUDGET)
        }
        ResetCause::Software | ResetCause::Deadline => return None,
    };
    *count = count.saturating_add(1);
    (*count > limit).then_some(RevertCause::CrashLoop)
}
