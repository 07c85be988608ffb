//! The people: what they do on a report. They never confirm on silence, and never what their own telemetry
//! says is not doing its work.
//!
//! ```text
//!               new image on trial, healthy            it is confirmed
//! AwaitTrial(new) ------- Confirm -------> AwaitConfirm(new) -------> Settled, or
//!                                              Rollback --> AwaitTrial(old) -- Confirm --> AwaitConfirm(old)
//! ```

use crate::time::{MissionTime, Span};
use lightday_wire::report::flags;
use lightday_wire::{Action, Digest, Location, Report, SlotId, SlotState};

/// What the people want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// To watch.
    Observe,
    /// The new image, confirmed.
    Update,
    /// The new image, confirmed, and then the old one again.
    UpdateThenRollback,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    AwaitTrial(Digest),
    AwaitConfirm(Digest),
    Settled,
}

/// The people who decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    intent: Intent,
    old: Digest,
    new: Digest,
    /// Whether ordinary telemetry says that the new image does its work.
    new_works: bool,
    stage: Stage,
    /// When they last commanded anything.
    commanded: MissionTime,
}

/// How long they leave the vehicle without a signed command, so that its command-loss timer never runs
/// out for want of anything to say.
const ROUTINE: Span = Span::from_days(5);

impl Operator {
    /// People who want `intent`, with the images that they know.
    #[must_use]
    pub const fn new(intent: Intent, old: Digest, new: Digest, new_works: bool) -> Self {
        let stage = match intent {
            Intent::Observe => Stage::Settled,
            Intent::Update | Intent::UpdateThenRollback => Stage::AwaitTrial(new),
        };
        Self {
            intent,
            old,
            new,
            new_works,
            stage,
            commanded: MissionTime::START,
        }
    }

    /// Whether they have what they wanted.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.stage == Stage::Settled
    }

    /// What they do on a report that is heard at `now`.
    pub fn hear(&mut self, now: MissionTime, report: &Report) -> Option<Action> {
        // A command that is heard extends a lease: none is sent for its own sake while a trial runs.
        let is_trial = report.slots.iter().any(|s| s.state == SlotState::Trial);
        let is_overdue = now.since(self.commanded) >= ROUTINE && !is_trial;
        let routine = is_overdue.then_some(Action::ReportRequest);
        let action = self.decide(report).or(routine);
        if action.is_some() {
            self.commanded = now;
        }
        action
    }

    fn decide(&mut self, report: &Report) -> Option<Action> {
        match self.stage {
            Stage::AwaitTrial(image) => {
                let works = image != self.new || self.new_works;
                let healthy = report.flags & flags::HEALTHY != 0;
                let on_trial = runs(report, &image, SlotState::Trial);
                (works && healthy && on_trial).then(|| {
                    self.stage = Stage::AwaitConfirm(image);
                    Action::Confirm { image }
                })
            }
            Stage::AwaitConfirm(image) if runs(report, &image, SlotState::Confirmed) => {
                let goes_back = self.intent == Intent::UpdateThenRollback && image == self.new;
                self.stage = if goes_back {
                    Stage::AwaitTrial(self.old)
                } else {
                    Stage::Settled
                };
                goes_back.then_some(Action::Rollback { image: self.old })
            }
            Stage::AwaitConfirm(_) | Stage::Settled => None,
        }
    }
}

/// Whether the report proves that an image runs from a slot of this state.
fn runs(report: &Report, image: &Digest, state: SlotState) -> bool {
    SlotId::ALL
        .into_iter()
        .zip(&report.slots)
        .any(|(id, slot)| {
            report.running.0 == Location::Slot(id)
                && slot.state == state
                && slot.digest == image.prefix().short()
        })
}
