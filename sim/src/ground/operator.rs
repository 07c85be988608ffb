//! The people: what they do on a report. They never confirm on silence, and never what their own telemetry
//! says is not doing its work.
//!
//! ```text
//!               new image on trial, healthy            it is confirmed
//! AwaitTrial(new) ------- Confirm -------> AwaitConfirm(new) -------> Settled, or
//!                                              Rollback --> AwaitTrial(old) -- Confirm --> AwaitConfirm(old), or
//!                                              any command --> Settled
//! Hold -- Hold --> AwaitHold -- it is held: Release --> AwaitTrial(new)        Abort -- Abort --> Settled
//! ```

use crate::time::{MissionTime, Span};
use lightday_wire::report::flags;
use lightday_wire::{
    Action, Digest, Location, ObjectKind, ObjectNumber, Report, SlotId, SlotState,
};

/// What the people want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// To watch.
    Observe,
    /// The new image, confirmed.
    Update,
    /// The new image, confirmed, and then the old one again.
    UpdateThenRollback,
    /// The new image, confirmed, and then this command.
    UpdateThen(Action),
    /// Activation held before anything else, and the new image confirmed once it is held and released again.
    HoldThenUpdate,
    /// The bundle of this number forgotten, at the first report.
    Abort(ObjectNumber),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Hold,
    AwaitHold,
    Abort(ObjectNumber),
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
    /// The image of a second bundle, until it is confirmed.
    follower: Option<Digest>,
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
            Intent::Update | Intent::UpdateThenRollback | Intent::UpdateThen(_) => {
                Stage::AwaitTrial(new)
            }
            Intent::HoldThenUpdate => Stage::Hold,
            Intent::Abort(number) => Stage::Abort(number),
        };
        Self {
            intent,
            old,
            new,
            new_works,
            follower: None,
            stage,
            commanded: MissionTime::START,
        }
    }

    /// The same, and they know of the image of a second bundle: they confirm it as they do the first one.
    #[must_use]
    pub const fn expecting(mut self, follower: Digest) -> Self {
        self.follower = Some(follower);
        self
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
        let is_healthy = report.flags & flags::HEALTHY != 0;
        let is_tried = |image: &Digest| is_healthy && runs(report, image, SlotState::Trial);
        if let Some(image) = self.follower.take_if(|image| is_tried(image)) {
            return Some(Action::Confirm { image });
        }
        match self.stage {
            Stage::Hold => {
                self.stage = Stage::AwaitHold;
                Some(Action::Hold { held: true })
            }
            Stage::AwaitHold if report.flags & flags::HELD != 0 => {
                self.stage = Stage::AwaitTrial(self.new);
                Some(Action::Hold { held: false })
            }
            Stage::Abort(number) => {
                self.stage = Stage::Settled;
                let kind = ObjectKind::Bundle;
                Some(Action::Abort { kind, number })
            }
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
                let next = match self.intent {
                    Intent::UpdateThenRollback if image == self.new => {
                        Some(Action::Rollback { image: self.old })
                    }
                    Intent::UpdateThen(action) => Some(action),
                    _ => None,
                };
                self.stage = match next {
                    Some(Action::Rollback { image }) => Stage::AwaitTrial(image),
                    _ => Stage::Settled,
                };
                next
            }
            Stage::AwaitConfirm(_) | Stage::AwaitHold | Stage::Settled => None,
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
