//! One object on its way: what of it was sent, what is planned, and what a report changes about that.
//!
//! Never chooses what goes up next: that does the [session](super), which has them all.

use lightday_wire::report::Report;
use lightday_wire::{ObjectKind, Stage, Verdict};
use serde::{Deserialize, Serialize};

use super::{Persistence, Progress};
use crate::light_time::{LightTime, SLACK_S};
use crate::link::{LinkModel, Pass};
use crate::object::{MAX_SYMBOLS, UplinkObject};
use crate::outcome::{Outcome, is_past, outcome, verdict};
use crate::pass::Contact;
use crate::plan::{InFlight, Start};

/// A frame that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    end_ms: u64,
    pass: usize,
    /// Its slot in the contact of that pass.
    #[serde(default)]
    place: u32,
}

/// An object on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Queued {
    pub(super) object: UplinkObject,
    pub(super) outcome: Outcome,
    /// Frames sent so far; modulo the number of symbols, the next symbol.
    pub(super) next: u32,
    /// Frames still to be sent, by pass.
    budget: Vec<u32>,
    /// The last pass for which frames were planned.
    planned_to: usize,
    /// Symbols that the vehicle needed when it was last heard, and what it had not received by then.
    needed: u32,
    unheard: Vec<Sent>,
    /// Frames of the first plan: when so many had been sent, it called the object on board.
    enough: u32,
    /// A verdict on this number that ours cannot have brought about; it stands until another is given.
    foreign: Option<Verdict>,
}

impl Queued {
    pub(super) fn new(object: UplinkObject) -> Self {
        Self {
            needed: u32::from(object.k()),
            object,
            outcome: Outcome::Sending,
            next: 0,
            budget: Vec::new(),
            planned_to: 0,
            unheard: Vec::new(),
            enough: 0,
            foreign: None,
        }
    }

    pub(super) fn is_sending(&self) -> bool {
        self.outcome == Outcome::Sending
    }

    /// Frames of ours that may be on board, of what was heard last.
    fn arrived(&self) -> u32 {
        let unheard = u32::try_from(self.unheard.len()).unwrap_or(u32::MAX);
        self.next.saturating_sub(unheard)
    }

    /// Frames of ours that can be on board by then if clocks and light time are a little off.
    fn arrived_by(&self, heard_ms: u64) -> u32 {
        let by_ms = heard_ms.saturating_add(SLACK_S * 1000);
        let later = self
            .unheard
            .iter()
            .filter(|sent| sent.end_ms > by_ms)
            .count();
        self.next
            .saturating_sub(u32::try_from(later).unwrap_or(u32::MAX))
    }

    /// What a report says about it; a verdict on a forgery of its number says nothing, and nothing is whole of which
    /// `at_most` so few frames can have arrived.
    fn judge(&mut self, report: &Report, at_most: u32) -> Outcome {
        let (kind, number) = (self.object.kind(), self.object.number());
        let said = outcome(report, kind, number);
        let is_own = verdict(report, kind).is_some_and(|v| v.number == number);
        if is_own && said == Outcome::Received && at_most < u32::from(self.object.k()) {
            return Outcome::Sending;
        }
        // Who uses a number up has signed for it: that verdict stands, whoever sent the bytes.
        if is_past(report, kind, number)
            || !matches!(said, Outcome::Refused(_) | Outcome::Failed(_))
        {
            return said;
        }
        let verdict = verdict(report, kind);
        // A bundle is refused for its shape by its first frame; all else takes the whole object.
        let is_early = kind == ObjectKind::Bundle && matches!(said, Outcome::Refused(_));
        let least = if is_early {
            1
        } else {
            u32::from(self.object.k())
        };
        let arrived = self.arrived();
        if arrived < least {
            self.foreign = verdict;
        }
        // A foreign verdict goes on to stand in reports where ours got lost. But ours may be refused for
        // the same reason: once the plan calls it on board, it is taken for that.
        let still_stands = self.foreign == verdict && arrived < self.enough;
        if arrived < least || still_stands {
            return Outcome::Sending;
        }
        said
    }

    pub(super) fn wants(&self, pass: usize, persistence: Persistence) -> bool {
        let persists = persistence == Persistence::UntilReport
            && pass > self.planned_to
            && self.budget.iter().all(|frames| *frames == 0);
        self.is_sending() && (self.budget.get(pass).is_some_and(|n| *n > 0) || persists)
    }

    /// Takes over what a report says that left when all that had left the antenna by `heard_ms` was on board, or lost.
    pub(super) fn hear(&mut self, report: &Report, heard_ms: u64) {
        let at_most = self.arrived_by(heard_ms);
        self.unheard.retain(|sent| sent.end_ms > heard_ms);
        self.outcome = self.judge(report, at_most);
        let is_it = self.object.kind() == ObjectKind::Bundle
            && report.bundle.number == self.object.number()
            && matches!(
                report.bundle.stage,
                Stage::Receiving | Stage::Accepted | Stage::Started
            );
        let k = u32::from(self.object.k());
        self.needed = if is_it {
            // A forgery in reception under our number may need fewer than ours does.
            let missing = k.saturating_sub(self.arrived());
            u32::from(report.symbols_needed).clamp(missing, k)
        } else {
            k
        };
    }

    /// Takes the frames of a plan, by the place of their pass, of so many passes.
    pub(super) fn take_budget<'a>(
        &mut self,
        passes: usize,
        frames: impl Iterator<Item = (&'a usize, &'a u32)>,
    ) {
        self.budget = vec![0; passes];
        for (place, frames) in frames {
            if let Some(budget) = self.budget.get_mut(*place) {
                *budget = *frames;
            }
            if *frames > 0 {
                self.planned_to = *place;
            }
        }
    }

    /// What was planned when it was queued is what calls it on board.
    pub(super) fn plan_is_enough(&mut self) {
        self.enough = self.budget.iter().sum();
    }

    /// One frame was sent, in the pass of this place and in this slot of its contact.
    pub(super) fn sent(&mut self, end_ms: u64, (place, slot): (usize, u32)) {
        self.next += 1;
        self.unheard.push(Sent {
            end_ms,
            pass: place,
            place: slot,
        });
        if let Some(budget) = self.budget.get_mut(place) {
            *budget = budget.saturating_sub(1);
        }
    }

    /// As people want to see it.
    pub(super) fn progress(&self) -> Progress {
        Progress {
            kind: self.object.kind(),
            number: self.object.number(),
            outcome: self.outcome,
            k: self.object.k(),
            sent: self.next,
            planned: if self.is_sending() {
                self.budget.iter().sum()
            } else {
                0
            },
            needed: self.needed,
        }
    }

    /// Where it stands; `slots` of the contact that has the pass of this place are over.
    pub(super) fn start(
        &self,
        passes: &[Pass],
        (link, light): (&LinkModel, &LightTime),
        slots: (Option<usize>, u32),
    ) -> Start {
        let mut in_flight: Vec<InFlight> = Vec::new();
        let mut last = 0..0;
        // What is not being sent any more needs nothing.
        let unheard = self.unheard.iter().filter(|_| self.is_sending());
        for sent in unheard {
            let left_s = sent.end_ms.div_ceil(1000);
            let arrives_s = left_s.saturating_add(light.at(left_s));
            match in_flight.last_mut() {
                Some(run) if last.contains(&sent.pass) => {
                    run.places.push(sent.place);
                    run.pass_frames = run.pass_frames.max(sent.place.saturating_add(1));
                    run.arrives_s = arrives_s;
                    continue;
                }
                _ => {}
            }
            let contact = Contact::of(passes, sent.pass, link);
            in_flight.push(InFlight {
                places: vec![sent.place],
                // Of a contact that is over nothing more comes behind.
                pass_frames: match (slots.0, &contact) {
                    (Some(place), Some(contact)) if contact.places.contains(&place) => slots.1,
                    _ => sent.place.saturating_add(1),
                },
                lost: contact.as_ref().map_or(link.lost_pass, |c| c.lost),
                pass_start_s: contact.as_ref().map_or(left_s, |c| c.start_s),
                pass_end_s: contact.as_ref().map_or(left_s, |c| c.end_s),
                arrives_s,
            });
            last = contact.map_or(sent.pass..sent.pass + 1, |c| c.places);
        }
        Start {
            needed: if self.is_sending() { self.needed } else { 0 },
            in_flight,
            next: self.next.min(MAX_SYMBOLS),
        }
    }
}
