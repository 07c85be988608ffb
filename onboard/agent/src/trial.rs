//! Health: during a trial the image must become healthy in time and stay so; afterwards an hour without
//! a complaint clears the count of crashes.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::{Elapsed, Supervisor};
use lightday_wire::{Location, RevertCause, SlotId};

use crate::agent::Agent;
use crate::platform::{Application, DecoderRam, Health, Now, Platform};

/// Seconds between two looks at an image that is not known to be healthy.
const POLL_S: u64 = 60;
/// Seconds between two looks at a healthy one, and how long it must stay so for its crashes to be
/// forgiven.
const HOUR_S: u64 = 3600;

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    pub(crate) fn check_health<F: NorFlash, S: Supervisor, A: Application>(
        &mut self,
        now: Now,
        platform: &mut Platform<'_, F, S, A>,
    ) {
        let health = platform.application.health();
        self.is_healthy = health == Health::Healthy;
        self.health_due = now
            .elapsed
            .plus_s(if self.is_healthy { HOUR_S } else { POLL_S });
        match self.trial_slot() {
            Some(slot) => self.check_trial(now, platform, slot, health),
            None => self.check_home(now, platform.flash),
        }
    }

    fn check_trial<F: NorFlash, S: Supervisor, A: Application>(
        &mut self,
        now: Now,
        platform: &mut Platform<'_, F, S, A>,
        slot: SlotId,
        health: Health,
    ) {
        let trial = &mut self.record.trial;
        let give_up = match health {
            Health::Failing => Some(RevertCause::HealthFailed),
            Health::Starting if !trial.healthy && now.elapsed >= trial.health_deadline => {
                Some(RevertCause::HealthDeadline)
            }
            _ => None,
        };
        if let Some(cause) = give_up {
            trial.give_up = cause;
            let _ = self.commit(platform.flash);
            return self.reset(platform.supervisor);
        }
        if health == Health::Healthy && !trial.healthy {
            trial.healthy = true;
            self.report_due = now.elapsed;
            if self.commit(platform.flash).is_err() {
                // The loader would not know, and a reset would cost a try: it is said again at the next look.
                self.record.trial.healthy = false;
            }
        }
        if self.may_self_confirm(slot) {
            // The loader finds the same proof, and confirms.
            self.reset(platform.supervisor);
        }
    }

    /// Whether the loader would confirm by what is stored: policy allows it, and a signed command of
    /// this trial was heard.
    fn may_self_confirm(&self, slot: SlotId) -> bool {
        let facts = self.slot_facts(slot);
        let floor = self.record.trial.command_floor;
        let is_proven = facts.heard.is_some_and(|heard| heard >= floor);
        self.record.trial.healthy && is_proven && facts.may_self_confirm()
    }

    /// Home as the record has it. Where that is golden and the loader found no copy of it to boot, the slot that runs
    /// in its stead, which was confirmed once: else a vehicle without golden would take no update ever again.
    pub(crate) fn home(&self) -> Location {
        match self.record.home.0 {
            Location::Golden if self.record.trial_slot().is_none() => self.running,
            home => home,
        }
    }

    /// Whether the loader set a deadline. Where it did not, in golden and before the first command, silence has to end in
    /// a reset all the same: an upset of RAM alone may be why nothing is heard.
    pub(crate) fn has_deadline(&self) -> bool {
        let is_home = self.running != Location::Golden && self.running == self.record.home.0;
        self.trial_slot().is_some() || (is_home && self.record.command_loss != Elapsed::NEVER)
    }

    fn check_home<F: NorFlash>(&mut self, now: Now, flash: &mut F) {
        if !self.is_healthy || self.is_lost {
            self.healthy_since = None;
            return;
        }
        let since = *self.healthy_since.get_or_insert(now.elapsed);
        let is_stable = now.elapsed.since_s(since) >= HOUR_S;
        let has_counts = self.record.crashes != 0 || self.record.environment != 0;
        if is_stable && has_counts && self.running == self.home() {
            self.record.crashes = 0;
            self.record.environment = 0;
            let _ = self.commit(flash);
        }
    }

    /// Hours until the lease ends; `None` where nothing is on trial.
    pub(crate) fn lease_left_h(&self, now: Elapsed) -> Option<u16> {
        self.trial_slot()?;
        let left_h = self.record.trial.deadline.since_s(now) / HOUR_S;
        Some(u16::try_from(left_h).unwrap_or(u16::MAX - 1))
    }

    /// Whether a signed command of this trial was heard.
    pub(crate) fn is_uplink_proven(&self) -> bool {
        let Some(slot) = self.trial_slot() else {
            return false;
        };
        let floor = self.record.trial.command_floor;
        self.slot_facts(slot)
            .heard
            .is_some_and(|heard| heard >= floor)
    }
}
