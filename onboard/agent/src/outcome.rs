//! How an installation ends: verified, given up, or begun again.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::SlotRecord;
use lightday_wire::report::Verdict;
use lightday_wire::{ObjectKind, ObjectNumber, Refusal, SlotState, Stage};

use crate::agent::{Agent, Reception};
use crate::install::{Install, MAX_ATTEMPTS};
use crate::platform::{DecoderRam, Now};

/// How often a bundle is solved before wrong bytes are the sender's, and not the flash's.
const SURE_ATTEMPTS: u8 = 2;

fn is_patched_by(slot: &SlotRecord, number: ObjectNumber) -> bool {
    slot.state == SlotState::Patching && slot.bundle == number
}

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    /// Verified: commit it. It is armed in the next steps if the authorization is there, or none needed.
    pub(crate) fn installed<F: NorFlash>(
        &mut self,
        now: Now,
        flash: &mut F,
    ) -> Result<Install, Refusal> {
        let admitted = self.admitted()?;
        let (number, target) = (admitted.number, admitted.target);
        let before = self.record.clone();
        self.record.slot_mut(target).state = SlotState::Verified;
        self.record.raise_next(ObjectKind::Bundle, number);
        self.record.patch_attempts = 0;
        let verdict = Verdict {
            number,
            stage: Stage::Done,
            refusal: Refusal::None,
        };
        self.set_verdict(ObjectKind::Bundle, verdict);
        if self.commit(flash).is_err() {
            self.record = before;
            return Ok(self.wait_to_install(now, Install::End));
        }
        self.unproven = 0;
        self.staging.forget();
        self.drop_reception();
        self.hold = Refusal::None;
        self.report_due = now.elapsed;
        self.refresh_facts(flash);
        self.arm_due = true;
        Ok(Install::Idle)
    }

    /// Gives the bundle up, or lets it begin again where only the flash is to blame.
    pub(crate) fn fail<F: NorFlash>(&mut self, now: Now, flash: &mut F, why: Refusal) {
        let Some(number) = self.receiving() else {
            return self.drop_reception();
        };
        // These two say nothing about the block. One that was solved and does not hold may be a forgery under the
        // number of what is patched: for that one the slot vouches not.
        let is_outer = matches!(why, Refusal::AttemptsExhausted | Refusal::FlashFault);
        let is_signed = matches!(self.reception, Reception::Admitted(_))
            || (is_outer && self.was_admitted(number));
        // Polluted symbols say nothing about the bundle: the same number may be sent again.
        let is_polluted = matches!(why, Refusal::PayloadDigest | Refusal::Malformed);
        let attempts = self.record.patch_attempts;
        // A cell that reads differently each time is found by checking and writing all of them once more.
        let is_garbled = matches!(why, Refusal::PatchBroken | Refusal::ImageDigest);
        let is_doubtful = is_polluted || is_garbled || !is_signed;
        if (is_doubtful && attempts < SURE_ATTEMPTS)
            || (why == Refusal::FlashFault && attempts < MAX_ATTEMPTS)
        {
            return self.begin_install();
        }
        for slot in &mut self.record.slots {
            if is_patched_by(slot, number) {
                slot.state = SlotState::Failed;
            }
        }
        self.drop_reception();
        if is_signed && !is_polluted {
            self.unproven = 0;
            self.record.raise_next(ObjectKind::Bundle, number);
        }
        self.record.patch_attempts = 0;
        let verdict = Verdict {
            number,
            stage: Stage::Failed,
            refusal: why,
        };
        if is_signed {
            self.set_verdict(ObjectKind::Bundle, verdict);
        } else {
            self.note_unsigned(ObjectKind::Bundle, verdict);
        }
        let _ = self.commit(flash);
        self.report_due = now.elapsed;
    }

    /// Whether a bundle of this number was admitted, as far as a reset leaves it known: only what was admitted
    /// is patched. With its first symbols lost there is no early verdict that would say so again.
    pub(crate) fn was_admitted(&self, number: ObjectNumber) -> bool {
        let mut slots = self.record.slots.iter();
        slots.any(|slot| is_patched_by(slot, number))
    }

    /// Something changed that a bundle may have waited for: its base, or the slot.
    pub(crate) fn take_up_waiting(&mut self) {
        self.judge_due |= matches!(self.reception, Reception::Waiting(_));
        if matches!(self.install, Install::Idle) && self.staging.is_complete() && self.may_patch() {
            self.begin_install();
        }
    }
}
