//! `Abort`: an object is forgotten, its reception, what waits by it, and what it was installed to.

use embedded_storage::nor_flash::NorFlash;
use lightday_wire::report::Verdict;
use lightday_wire::{ObjectKind, ObjectNumber, Refusal, RevertCause, SlotId, SlotState, Stage};

use crate::agent::{Agent, Reception};
use crate::command::Outcome;
use crate::platform::DecoderRam;

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    /// Forgets an object: its reception, and what it was installed to.
    pub(crate) fn abort<F: NorFlash>(
        &mut self,
        flash: &mut F,
        kind: ObjectKind,
        number: ObjectNumber,
    ) -> Result<Outcome, Refusal> {
        let next = self.record.next_number(kind);
        if kind.uplink_index().is_none() || (number >= next && !number.is_in_window(next)) {
            return Err(Refusal::OutOfRange);
        }
        if !self.is_stray(kind, number) {
            self.record.raise_next(kind, number);
        }
        match kind {
            ObjectKind::Bundle => Ok(self.abort_bundle(number)),
            ObjectKind::Authorization => {
                self.abort_authorization(number);
                self.forget_pending(flash)
                    .map(|()| Outcome::Done)
                    .map_err(|_| Refusal::FlashFault)
            }
            ObjectKind::KeySet => {
                self.abort_key_set(number);
                Ok(Outcome::Done)
            }
            _ => Ok(Outcome::Done),
        }
    }

    /// A key set of this number or a lower one that still waits for the loader is put in force no more: it does what the
    /// verdict says. One that is in force stays so.
    fn abort_key_set(&mut self, number: ObjectNumber) {
        let mut verdict = self.record.verdict(ObjectKind::KeySet);
        if verdict.stage == Stage::Started && verdict.number <= number {
            verdict.stage = Stage::Failed;
            verdict.refusal = Refusal::Superseded;
            self.set_verdict(ObjectKind::KeySet, verdict);
        }
    }

    /// Whether a number is known only from a reception that no signature vouches for, beyond the next one:
    /// anybody may have chosen it, and to raise the next number so far would burn all in between.
    fn is_stray(&self, kind: ObjectKind, number: ObjectNumber) -> bool {
        kind == ObjectKind::Bundle
            && self.receiving() == Some(number)
            && number > self.record.next_number(kind)
            && !matches!(self.reception, Reception::Admitted(_))
            && !self.was_admitted(number)
    }

    /// A reception of this number or a lower one ends; so does what became of this very number.
    fn abort_bundle(&mut self, number: ObjectNumber) -> Outcome {
        // Too late for a bundle that is older than the latest one, or done with: its verdict is what it was.
        let mut is_new = number > self.record.verdict(ObjectKind::Bundle).number;
        if self.receiving().is_some_and(|other| other <= number) {
            self.drop_reception();
            self.record.patch_attempts = 0;
            is_new = true;
        }
        let mut outcome = Outcome::Done;
        for slot in SlotId::ALL {
            let entry = self.record.slot_mut(slot);
            let is_same = entry.bundle == number;
            match entry.state {
                SlotState::Patching if entry.bundle <= number => entry.state = SlotState::Failed,
                SlotState::Verified | SlotState::Armed if is_same => {
                    entry.state = SlotState::Failed;
                }
                SlotState::Trial if is_same => {
                    self.record.trial.give_up = RevertCause::Commanded;
                    outcome = Outcome::Reset;
                }
                _ => continue,
            }
            is_new = true;
        }
        if is_new {
            let verdict = Verdict {
                number,
                stage: Stage::Failed,
                refusal: Refusal::Superseded,
            };
            self.set_verdict(ObjectKind::Bundle, verdict);
        }
        outcome
    }

    /// What an authorization of this number or a lower one has armed waits for a new one.
    fn abort_authorization(&mut self, number: ObjectNumber) {
        let is_meant = self.armed.as_ref().is_some_and(|a| a.number <= number);
        if let Some(slot) = self.record_armed_slot().filter(|_| is_meant) {
            self.disarm(slot);
        }
        // All that wait are forgotten, those of a higher number too.
        let latest = self.record.verdict(ObjectKind::Authorization);
        if latest.number <= number || latest.stage == Stage::Started {
            self.give_up_authorization();
        }
    }

    /// The latest authorization arms nothing any more.
    pub(crate) fn give_up_authorization(&mut self) {
        let mut verdict = self.record.verdict(ObjectKind::Authorization);
        let has_armed = self
            .armed
            .as_ref()
            .is_some_and(|a| a.number == verdict.number);
        if verdict.stage == Stage::Started || has_armed {
            verdict.stage = Stage::Failed;
            verdict.refusal = Refusal::Superseded;
            self.set_verdict(ObjectKind::Authorization, verdict);
        }
    }
}
