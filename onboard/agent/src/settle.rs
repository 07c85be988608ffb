//! How a command ends that only a reset can carry out: `Rollback`, `BootGolden`, the `Abort` of what is on trial, a
//! `Confirm` that the loader did not follow. Its verdict is `Started` until the vehicle has come up again; then what runs,
//! and what the record says of the slots, tells whether it is `Done` or `Failed`.
//!
//! ```text
//! command:  signed papers in a trailer, or among pending documents -> record: Started -> reset
//! loader:   decides, counts, boots
//! start:    Started? -> papers of that very number, verified -> Done, Failed, or it still waits -> commit -> report
//! ```
//! The verdict alone does not tell what was commanded, and another command may have been cut off by a reset. So nothing is
//! settled without its papers, and nothing is reported before it is committed.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::Elapsed;
use lightday_boot::trailer::Entry;
use lightday_wire::report::Verdict;
use lightday_wire::{
    Action, Command, CommandContext, Digest, Envelope, Location, ObjectKind, ObjectNumber, Refusal,
    RevertCause, SlotId, SlotState, Stage,
};

use crate::agent::Agent;
use crate::platform::{DecoderRam, Now};

/// What a command came to: a stage, and why.
type Completion = (Stage, Refusal);

const DONE: Completion = (Stage::Done, Refusal::None);

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    /// Whether the latest command waits for its end.
    pub(crate) fn is_unsettled(&self) -> bool {
        !self.is_lost && self.record.verdict(ObjectKind::Command).stage == Stage::Started
    }

    /// Says what became of the command that the last reset was to carry out. A commit that flash refuses leaves it
    /// `Started`, and is tried again ever more rarely.
    pub(crate) fn settle<F: NorFlash>(&mut self, now: Now, flash: &mut F) {
        self.settle_due = Elapsed::NEVER;
        if !self.is_unsettled() {
            return;
        }
        let Verdict { number, .. } = self.record.verdict(ObjectKind::Command);
        let Some((stage, refusal)) = self.completion(flash, number) else {
            return;
        };
        let before = self.record.clone();
        let verdict = Verdict {
            number,
            stage,
            refusal,
        };
        self.record.set_verdict(ObjectKind::Command, verdict);
        self.report_due = now.elapsed;
        if self.commit(flash).is_err() {
            self.record = before;
            self.settle_due = self.wait_longer(now);
        }
    }

    /// What a command came to; `None`: it still waits, or nobody knows what it was.
    fn completion<F: NorFlash>(&self, flash: &mut F, number: ObjectNumber) -> Option<Completion> {
        for slot in SlotId::ALL {
            let mut action = None;
            self.trailer(slot).for_each(flash, |entry| {
                if let Entry::Commanded {
                    number: n,
                    envelope,
                } = entry
                    && n == number
                {
                    action = action.or_else(|| self.verify_command(number, envelope));
                }
            });
            match action {
                Some(Action::Rollback { image }) => return self.came_up(slot, image),
                Some(Action::Confirm { image }) => return self.was_confirmed(slot, image),
                Some(action) => return self.ended(action),
                None => {}
            }
        }
        let action = self.find_started(flash, number)?;
        self.ended(action)
    }

    /// Verifies a command on board under the key set in force or the one before it.
    pub(crate) fn verify_command(&self, number: ObjectNumber, bytes: &[u8]) -> Option<Action> {
        let (envelope, _) = Envelope::parse(bytes).ok()?;
        let context = CommandContext {
            vehicle: self.config.identity.vehicle,
            number,
        };
        let mut sets = self.keys.iter();
        let verified = sets.find_map(|set| set.verify::<Command>(&envelope, &context).ok());
        verified.map(|command| command.action)
    }

    /// Of a `Rollback`: the image runs, on a trial that the loader began and counts.
    fn came_up(&self, slot: SlotId, image: Digest) -> Option<Completion> {
        let entry = self.record.slot(slot);
        let runs = entry.image == image && self.running == Location::Slot(slot);
        match entry.state {
            SlotState::Trial if runs && self.record.trial.started => Some(DONE),
            SlotState::Trial => None,
            SlotState::Confirmed if runs => Some(DONE),
            _ => Some((Stage::Failed, self.why_not(slot))),
        }
    }

    /// Of a `Confirm`: the loader says so itself. What it did not confirm is on trial still, or was reverted.
    fn was_confirmed(&self, slot: SlotId, image: Digest) -> Option<Completion> {
        let entry = self.record.slot(slot);
        match entry.state {
            SlotState::Trial => None,
            SlotState::Confirmed if entry.image == image => Some(DONE),
            _ => Some((Stage::Failed, self.why_not(slot))),
        }
    }

    /// Of what ends a trial, or home.
    fn ended(&self, action: Action) -> Option<Completion> {
        let trial = self.record.trial_slot();
        match action {
            // The boot that was to end it could not be saved.
            Action::BootGolden if trial.is_some() || self.record.home.0 != Location::Golden => None,
            Action::BootGolden if self.running == Location::Golden => Some(DONE),
            // A slot runs in its stead: no copy of golden has its digest.
            Action::BootGolden => Some((Stage::Failed, Refusal::ImageDigest)),
            Action::Abort {
                kind: ObjectKind::Bundle,
                number,
            } => {
                let is_on_trial = trial.is_some_and(|slot| self.record.slot(slot).bundle == number);
                (!is_on_trial).then_some(DONE)
            }
            _ => None,
        }
    }

    /// Why a slot was given up, as a verdict has it; the report names the cause of the last revert beside it.
    fn why_not(&self, slot: SlotId) -> Refusal {
        let is_last = self.record.reverted == self.record.slot(slot).bundle;
        match self.record.revert_cause {
            RevertCause::ImageDigest if is_last => Refusal::ImageDigest,
            RevertCause::Commanded if is_last => Refusal::Superseded,
            _ => Refusal::Barred,
        }
    }
}
