//! From verified to trial: arming by a stored authorization, and activation when window, hold and
//! interlock let it. What is not known is never guessed: an unknown time holds.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::trailer::Entry;
use lightday_boot::{Elapsed, Supervisor, Trial};
use lightday_wire::report::Verdict;
use lightday_wire::{ObjectKind, Refusal, SlotId, SlotState, Stage};

use crate::agent::Agent;
use crate::documents::Authorized;
use crate::platform::{Application, Now, Platform};

/// Seconds between two looks at a hold or an interlock.
const RETRY_S: u64 = 60;

impl<const N: usize, const W: usize> Agent<N, W> {
    /// Arms each slot whose authorization waits.
    pub(crate) fn check_authorized_slots<F: NorFlash>(&mut self, now: Now, flash: &mut F) {
        for slot in SlotId::ALL {
            let state = self.record.slot(slot).state;
            if matches!(
                state,
                SlotState::Verified | SlotState::Armed | SlotState::Reverted
            ) {
                self.arm_if_authorized(now, flash, slot);
            }
        }
    }

    /// Arms a verified slot if its authorization waits, or if its manifest needs none.
    pub(crate) fn arm_if_authorized<F: NorFlash>(&mut self, now: Now, flash: &mut F, slot: SlotId) {
        let entry = *self.record.slot(slot);
        let installed = self.slot_facts(slot).installed;
        let is_load_and_go = installed.is_some_and(|i| i.load_and_go && i.is_signed);
        if is_load_and_go && entry.state == SlotState::Verified {
            return self.arm(now, flash, slot);
        }
        let newer = |a: &Authorized| {
            a.document.image == entry.image
                && self
                    .armed
                    .as_ref()
                    .is_none_or(|armed| a.number > armed.number)
                && a.number.next() == self.record.next_number(ObjectKind::Authorization)
        };
        let Some(authorized) = self.find_pending(flash, entry.bundle).filter(newer) else {
            return;
        };
        let papers = Entry::Authorized {
            number: authorized.number,
            envelope: &authorized.envelope,
        };
        let appended = self.trailer(slot).append(flash, papers);
        let (stage, refusal) = match appended {
            Ok(()) => (Stage::Done, Refusal::None),
            Err(_) => (Stage::Failed, Refusal::FlashFault),
        };
        let number = authorized.number;
        self.record.set_verdict(
            ObjectKind::Authorization,
            Verdict {
                number,
                stage,
                refusal,
            },
        );
        if appended.is_ok() {
            self.arm(now, flash, slot);
        }
    }

    /// Armed: it waits for nothing but its activation. The bar of an image that was reverted falls.
    fn arm<F: NorFlash>(&mut self, now: Now, flash: &mut F, slot: SlotId) {
        let entry = self.record.slot_mut(slot);
        entry.state = SlotState::Armed;
        let image = entry.image;
        self.record.unbar(&image);
        let _ = self.commit(flash);
        self.refresh_facts(flash);
        self.activation_retry = now.elapsed;
        self.report_due = now.elapsed;
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
        let hold = match self.may_activate(now, platform.application) {
            Ok(()) => return self.activate(platform, slot),
            Err(hold) => hold,
        };
        if matches!(hold, Refusal::Expired | Refusal::WindowMissed) {
            self.lapse(platform.flash, slot, hold);
            self.report_due = now.elapsed;
        }
        if hold != self.hold {
            self.hold = hold;
            self.report_due = now.elapsed;
        }
    }

    fn may_activate<A: Application>(&self, now: Now, application: &mut A) -> Result<(), Refusal> {
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
        if self.running != self.record.home.0 {
            return Err(Refusal::SlotBusy);
        }
        Ok(())
    }

    /// The next boot is the trial's first.
    fn activate<F: NorFlash, S: Supervisor, A: Application>(
        &mut self,
        platform: &mut Platform<'_, F, S, A>,
        slot: SlotId,
    ) {
        let Some(installed) = self.slot_facts(slot).installed else {
            return self.lapse(platform.flash, slot, Refusal::UnknownImage);
        };
        self.hold = Refusal::None;
        self.record.slot_mut(slot).state = SlotState::Trial;
        self.record.trial = Trial::new(installed.trial.tries, installed.trial.lease_s);
        if self.commit(platform.flash).is_ok() {
            self.reset(platform.supervisor);
        }
    }

    /// The authorization lapses: the image stays, verified, and needs a new one.
    fn lapse<F: NorFlash>(&mut self, flash: &mut F, slot: SlotId, why: Refusal) {
        self.record.slot_mut(slot).state = SlotState::Verified;
        let number = self.armed.as_ref().map(|a| a.number).unwrap_or_default();
        let verdict = Verdict {
            number,
            stage: Stage::Failed,
            refusal: why,
        };
        self.record.set_verdict(ObjectKind::Authorization, verdict);
        let _ = self.commit(flash);
        self.refresh_facts(flash);
        self.take_up_waiting();
    }
}
