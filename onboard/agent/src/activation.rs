//! From verified to trial: arming by a stored authorization, and activation when window, hold and
//! interlock let it. What is not known is never guessed: an unknown time holds.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::trailer::Entry;
use lightday_boot::{Elapsed, Record, Supervisor, Trial};
use lightday_wire::report::Verdict;
use lightday_wire::{ObjectKind, ObjectNumber, Refusal, SlotId, SlotState, Stage};

use crate::agent::Agent;
use crate::documents::{Authorized, may_be_armed};
use crate::platform::{Application, DecoderRam, Now, Platform};

/// Seconds between two looks at a hold or an interlock.
const RETRY_S: u64 = 60;
/// The longest wait between two tries of an arming, or an activation, that flash refuses. Each wait is twice the one before, so that
/// a short fault costs a minute, and one that lasts sees a dozen tries in its first day and a half, then one a day:
/// a commit each, of eight programs and one erase of each copy at the most.
const MAX_RETRY_S: u64 = 86_400;

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    /// One step towards arming what may be armed: a program, or a commit.
    pub(crate) fn arm_step<F: NorFlash>(&mut self, now: Now, flash: &mut F) {
        self.arm_due = false;
        self.arm_retry = Elapsed::NEVER;
        for slot in SlotId::ALL {
            let state = self.record.slot(slot).state;
            if state == SlotState::Verified
                && self.is_load_and_go(slot)
                && self.trailer(slot).free(flash) >= 1
            {
                let before = self.record.clone();
                self.arm_due = self.arm(now, flash, slot, before);
                return;
            }
            if may_be_armed(state)
                && let Some(authorized) = self.find_pending(flash, self.record.slot(slot).bundle)
                && authorized.document.image == self.record.slot(slot).image
            {
                self.arm_due = self.arm_by(now, flash, slot, &authorized);
                // A step commits once, whether flash takes it or not.
                if self.arm_due || self.arm_retry != Elapsed::NEVER {
                    return;
                }
            }
        }
    }

    /// Whether release, verification and flight let a slot's manifest arm it.
    pub(crate) fn is_load_and_go(&self, slot: SlotId) -> bool {
        let installed = self.slot_facts(slot).installed;
        installed.is_some_and(|i| i.load_and_go && i.is_signed)
    }

    /// Arms an image by a kept authorization: the record says so first, and the papers follow into the
    /// trailer. So one that lies in a trailer is used up, whatever was heard since, and one that power kept
    /// from getting there is taken up again. Returns whether there is more to do.
    fn arm_by<F: NorFlash>(
        &mut self,
        now: Now,
        flash: &mut F,
        slot: SlotId,
        authorized: &Authorized,
    ) -> bool {
        let number = authorized.number;
        let stored = self.newest_in_trailer(flash, slot);
        if !self.is_usable(number, stored) {
            // Power may have failed before that was left beside it.
            self.spend_failed(flash);
            return false;
        }
        let verdict = self.record.verdict(ObjectKind::Authorization);
        let is_said = verdict.number == number && verdict.stage == Stage::Done;
        let is_begun = is_said && self.record.slot(slot).state == SlotState::Armed;
        // One cell for the papers, and one for the Confirm: a trial without it could not be won.
        if self.trailer(slot).free(flash) < 2 {
            self.drop_papers(now, slot, number, is_begun, Refusal::TrailerFull);
            return false;
        }
        if !is_begun {
            let before = self.record.clone();
            // Power may have failed when it was kept already and its number was not used up yet.
            self.record.raise_next(ObjectKind::Authorization, number);
            self.authorization_verdict(number, Stage::Done, Refusal::None);
            return self.arm(now, flash, slot, before);
        }
        let papers = Entry::Authorized {
            number,
            envelope: &authorized.envelope,
        };
        if self.trailer(slot).append(flash, papers).is_err() {
            self.drop_papers(now, slot, number, is_begun, Refusal::FlashFault);
            return false;
        }
        self.refresh_facts(flash);
        self.activation_retry = now.elapsed;
        true
    }

    /// The papers cannot be stored, and it waits for new ones. Where the record had not said `Armed` by them yet,
    /// what older ones armed, or the manifest, stays armed by those. The verdict on another authorization stays,
    /// unless there is this to be told.
    fn drop_papers(
        &mut self,
        now: Now,
        slot: SlotId,
        number: ObjectNumber,
        is_begun: bool,
        why: Refusal,
    ) {
        let is_armed = self.record.slot(slot).state == SlotState::Armed;
        let is_bare = is_armed && self.armed.is_none() && !self.is_load_and_go(slot);
        let is_disarmed = is_begun || is_bare;
        if is_disarmed {
            self.disarm(slot);
        }
        if is_disarmed || self.record.verdict(ObjectKind::Authorization).number == number {
            self.authorization_verdict(number, Stage::Failed, why);
            self.commit_due = true;
            self.report_due = now.elapsed;
        }
    }

    /// Nothing but new papers arms the image. Its manifest does not, nor older papers in its trailer: they may
    /// have been used up before it was reverted, which nobody knows any more after a reset, and they must not
    /// activate it outside of the window that the latest papers gave.
    pub(crate) fn disarm(&mut self, slot: SlotId) {
        let is_load_and_go = self.is_load_and_go(slot);
        let entry = self.record.slot_mut(slot);
        if is_load_and_go {
            // Verified, it would arm itself; and without the bar it would if it were sent again.
            entry.state = SlotState::Reverted;
            let image = entry.image;
            self.record.bar(image);
        } else {
            entry.state = SlotState::Verified;
        }
    }

    fn authorization_verdict(&mut self, number: ObjectNumber, stage: Stage, refusal: Refusal) {
        let verdict = Verdict {
            number,
            stage,
            refusal,
        };
        self.set_verdict(ObjectKind::Authorization, verdict);
    }

    /// Armed: it waits for nothing but its activation. The bar of an image that was reverted falls.
    /// `before` is the record that holds if this one cannot be committed. Returns whether it was.
    fn arm<F: NorFlash>(&mut self, now: Now, flash: &mut F, slot: SlotId, before: Record) -> bool {
        let entry = self.record.slot_mut(slot);
        entry.state = SlotState::Armed;
        let image = entry.image;
        self.record.unbar(&image);
        self.report_due = now.elapsed;
        if self.commit(flash).is_err() {
            self.record = before;
            self.hold = Refusal::FlashFault;
            // Nobody has to send anything for it to go on.
            self.arm_retry = self.wait_longer(now);
            return false;
        }
        self.hold = Refusal::None;
        self.refresh_facts(flash);
        self.activation_retry = now.elapsed;
        true
    }

    /// When a commit that flash refused is tried again.
    pub(crate) fn wait_longer(&mut self, now: Now) -> Elapsed {
        let wait_s = self.refused_wait_s.saturating_mul(2);
        self.refused_wait_s = wait_s.clamp(RETRY_S, MAX_RETRY_S);
        now.elapsed.plus_s(self.refused_wait_s)
    }

    /// When activation is to be looked at again.
    pub(crate) fn activation_due(&self) -> Elapsed {
        match self.record_armed_slot() {
            Some(_) => self.activation_retry,
            None => Elapsed::NEVER,
        }
    }

    /// Activates the armed image, lets its authorization lapse, or says why it waits.
    pub(crate) fn try_activation<F: NorFlash, S: Supervisor, A: Application>(
        &mut self,
        now: Now,
        platform: &mut Platform<'_, F, S, A>,
    ) {
        let Some(slot) = self.record_armed_slot() else {
            return;
        };
        self.activation_retry = now.elapsed.plus_s(RETRY_S);
        let may_activate = self.may_activate(now, platform.application, slot);
        let Err(hold) = may_activate.and_then(|()| self.activate(now, platform, slot)) else {
            return;
        };
        if matches!(
            hold,
            Refusal::Expired | Refusal::WindowMissed | Refusal::UnknownImage
        ) {
            self.lapse(platform.flash, slot, hold);
            self.report_due = now.elapsed;
        }
        if hold != self.hold {
            self.hold = hold;
            self.report_due = now.elapsed;
        }
    }

    fn may_activate<A: Application>(
        &self,
        now: Now,
        application: &mut A,
        slot: SlotId,
    ) -> Result<(), Refusal> {
        if self.armed.is_none() && !self.is_load_and_go(slot) {
            // The papers cannot be read, and nobody knows what they said about the window.
            return Err(Refusal::NotAuthorized);
        }
        if let Some(Authorized { document, .. }) = &self.armed {
            let needs_time = document.window.is_some() || document.expires_s.is_some();
            let time_s = match now.time_s {
                Some(time_s) => time_s,
                None if needs_time => return Err(Refusal::TimeUnknown),
                None => 0,
            };
            if document
                .expires_s
                .is_some_and(|expires_s| time_s > expires_s)
            {
                return Err(Refusal::Expired);
            }
            if document
                .window
                .is_some_and(|window| time_s > window.closes_s)
            {
                return Err(Refusal::WindowMissed);
            }
            if document
                .window
                .is_some_and(|window| time_s < window.opens_s)
            {
                return Err(Refusal::BeforeWindow);
            }
        }
        if self.record.held || !application.may_activate() {
            return Err(Refusal::Interlock);
        }
        // Golden may run beside a trial whose first boot could not be saved: a second one would spoil the record.
        if self.running != self.home() || self.record.trial_slot().is_some() {
            return Err(Refusal::SlotBusy);
        }
        Ok(())
    }

    /// The next boot is the trial's first.
    fn activate<F: NorFlash, S: Supervisor, A: Application>(
        &mut self,
        now: Now,
        platform: &mut Platform<'_, F, S, A>,
        slot: SlotId,
    ) -> Result<(), Refusal> {
        let installed = self.slot_facts(slot).installed;
        let installed = installed.ok_or(Refusal::UnknownImage)?;
        let before = self.record.clone();
        self.record.slot_mut(slot).state = SlotState::Trial;
        self.record.trial = Trial::new(installed.trial.tries, installed.trial.lease_s);
        if self.commit(platform.flash).is_ok() {
            self.hold = Refusal::None;
            self.reset(platform.supervisor);
            return Ok(());
        }
        self.record = before;
        self.activation_retry = self.wait_longer(now);
        Err(Refusal::FlashFault)
    }

    /// The authorization lapses: the image stays and needs a new one.
    fn lapse<F: NorFlash>(&mut self, flash: &mut F, slot: SlotId, why: Refusal) {
        self.disarm(slot);
        let number = self.armed.as_ref().map(|a| a.number).unwrap_or_default();
        self.authorization_verdict(number, Stage::Failed, why);
        let _ = self.commit(flash);
        self.refresh_facts(flash);
        self.take_up_waiting();
    }
}
