//! What of a report light allows: each number and each verdict has a cause, an object that went up, and cannot be here
//! before that is on board and the word of it is back.
//!
//! ```text
//! frames leave --- light ---> the vehicle raises a number, has a verdict --- light ---> report
//! bundle: one frame may raise its number (it is refused early), all K make it done. All else takes all K.
//! ```
//! An abort passes all numbers up to its own, and a resynchronisation sets all anew: these are causes, too. What comes
//! before its cause is kept, and not believed. Whoever says that frames were never transmitted may err, so that they
//! count here all the same.

use std::collections::BTreeSet;

use lightday_wire::report::Report;
use lightday_wire::{Action, ObjectKind, ObjectNumber, Stage, Verdict};

use super::Mission;
use super::claims::{self, action_of};
use super::times::{self, Times};
use crate::error::Result;
use crate::ledger::Ledger;

/// What an object that was sent can make of the numbers of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Numbers of this kind.
    pub kind: ObjectKind,
    /// The number that can come next by it.
    pub next: ObjectNumber,
    /// The object that does it.
    pub by: (ObjectKind, ObjectNumber),
}

impl Effect {
    /// Whether it is the object's own number that is passed.
    fn is_own(&self) -> bool {
        self.by.0 == self.kind && self.by.1.next() == self.next
    }
}

/// Of all objects of which symbols were written for the uplink, what they can make of the numbers on board.
///
/// # Errors
/// The ledger cannot be read.
pub fn effects(ledger: &Ledger) -> Result<Vec<Effect>> {
    let sent = ledger.sent()?;
    let objects: BTreeSet<_> = sent.iter().map(|s| (s.kind.code(), s.number)).collect();
    let mut effects = Vec::new();
    for (code, number) in objects {
        let Some(kind) = ObjectKind::from_code(code) else {
            continue;
        };
        let by = (kind, number);
        let mut add = |kind, next| effects.push(Effect { kind, next, by });
        add(kind, number.next());
        let command = Some(number).filter(|_| kind == ObjectKind::Command);
        match command.and_then(|number| action_of(number, ledger)) {
            Some(Action::Abort { kind, number }) => add(kind, number.next()),
            Some(Action::Resync { next, .. }) => {
                for (kind, next) in ObjectKind::UPLINK.iter().zip(next) {
                    add(*kind, next);
                }
            }
            _ => {}
        }
    }
    Ok(effects)
}

/// Why light does not allow what a report says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Early {
    /// When it came, in Unix seconds.
    pub came_s: u64,
    /// When it can have come at the earliest; `None`: fewer symbols went up than it takes.
    pub earliest_s: Option<u64>,
}

impl Early {
    /// In words, behind what the report says.
    #[must_use]
    pub fn text(&self) -> String {
        match self.earliest_s {
            Some(earliest_s) => {
                times::too_early(self.came_s, earliest_s, "the frames that it takes")
            }
            None => "fewer of its symbols went up than that takes".to_owned(),
        }
    }
}

/// An effect, with the instants from which a report can tell of it.
#[derive(Clone, Copy, Debug)]
struct Dated {
    effect: Effect,
    /// Of the first symbol.
    first_s: u64,
    /// Of all K; `None` if fewer were written.
    whole_s: Option<u64>,
}

impl Dated {
    /// When the number can be passed. A bundle is refused early by its first frames, under a signature that holds.
    fn passes_s(&self) -> Option<u64> {
        match self.effect.is_own() && self.effect.kind == ObjectKind::Bundle {
            true => Some(self.first_s),
            false => self.whole_s,
        }
    }

    /// When it can bring a verdict of this stage about.
    fn brings_s(&self, stage: Stage) -> Option<u64> {
        let is_early = matches!(stage, Stage::Receiving | Stage::Accepted | Stage::Refused);
        match self.effect.kind == ObjectKind::Bundle && self.effect.is_own() && is_early {
            true => Some(self.first_s),
            false => self.whole_s,
        }
    }
}

/// The causes of all that reports can say, with their instants.
#[derive(Clone, Debug)]
pub struct Causes {
    dated: Vec<Dated>,
    /// Of each kind what people took over: it needs no cause from here.
    accepted: [ObjectNumber; 4],
}

impl Causes {
    /// Of all that the ledger of a mission knows, at the instants that hold now.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn of(mission: &Mission, ledger: &Ledger) -> Result<Self> {
        Self::read(&Times::read(mission, ledger, &[])?, ledger)
    }

    /// Of all that the ledger knows, at these instants.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn read(times: &Times, ledger: &Ledger) -> Result<Self> {
        let dated = effects(ledger)?.into_iter().filter_map(|effect| {
            let (kind, number) = effect.by;
            Some(Dated {
                effect,
                first_s: times.told_s(kind, number, 1)?,
                whole_s: times.told_s(kind, number, times.k(kind, number)),
            })
        });
        Ok(Self {
            dated: dated.collect(),
            accepted: claims::accepted(ledger)?,
        })
    }

    /// Of each kind the first number behind all that people took over.
    #[must_use]
    pub const fn accepted(&self) -> &[ObjectNumber; 4] {
        &self.accepted
    }

    /// Whether people took this number over from a report: somebody used it up, be it that nothing went up from here.
    #[must_use]
    pub fn is_accepted(&self, kind: ObjectKind, number: ObjectNumber) -> bool {
        let place = kind.uplink_index();
        number
            < place
                .and_then(|i| self.accepted.get(i))
                .copied()
                .unwrap_or_default()
    }

    /// Why a report that came at `came_s` cannot say that this number comes next; `None` if it can, or if nothing that
    /// was sent leads there at all.
    #[must_use]
    pub fn early_next(&self, kind: ObjectKind, next: ObjectNumber, came_s: u64) -> Option<Early> {
        let leads = |d: &&Dated| d.effect.kind == kind && d.effect.next >= next;
        let mut causes = self.dated.iter().filter(leads).peekable();
        causes.peek()?;
        early(causes.map(Dated::passes_s), came_s)
    }

    /// The same of a verdict. An abort brings a verdict on what it gives up about.
    #[must_use]
    pub fn early_verdict(&self, kind: ObjectKind, verdict: Verdict, came_s: u64) -> Option<Early> {
        let mut causes = self.causes_of(kind, verdict.number).peekable();
        causes.peek()?;
        early(causes.map(|d| d.brings_s(verdict.stage)), came_s)
    }

    fn causes_of(&self, kind: ObjectKind, number: ObjectNumber) -> impl Iterator<Item = &Dated> {
        self.dated.iter().filter(move |d| {
            let e = &d.effect;
            e.kind == kind && (e.by == (kind, number) || (!e.is_own() && e.next > number))
        })
    }

    /// Whether a verdict is about the object that has its number here. Where people took the number over it may be, if
    /// it came behind the first frame: the ledger lacks what went up behind that. But what came before is about
    /// another object of that number.
    fn believes(&self, kind: ObjectKind, verdict: Verdict, came_s: u64) -> bool {
        let mut causes = self.causes_of(kind, verdict.number).peekable();
        let is_accepted = self.is_accepted(kind, verdict.number);
        if causes.peek().is_none() {
            return is_accepted;
        }
        let first_s = causes.map(|d| d.first_s).min().unwrap_or_default();
        first_s <= came_s && (is_accepted || self.early_verdict(kind, verdict, came_s).is_none())
    }

    /// A report as far as it can be true: verdicts that it cannot have are idle, and numbers go no higher than they can
    /// be by then.
    #[must_use]
    pub fn believed(&self, report: &Report, came_s: u64) -> Report {
        let mut believed = *report;
        for ((kind, next), accepted) in ObjectKind::UPLINK
            .into_iter()
            .zip(&mut believed.next)
            .zip(&self.accepted)
        {
            let by_then = |d: &&Dated| {
                d.effect.kind == kind && d.passes_s().is_some_and(|at_s| at_s <= came_s)
            };
            let can_be = self.dated.iter().filter(by_then).map(|d| d.effect.next);
            *next = (*next).min(can_be.max().unwrap_or_default().max(*accepted));
        }
        let [bundles, authorizations, commands, _] = &mut believed.next;
        for (kind, verdict, next) in [
            (ObjectKind::Bundle, &mut believed.bundle, bundles),
            (
                ObjectKind::Authorization,
                &mut believed.authorization,
                authorizations,
            ),
            (ObjectKind::Command, &mut believed.command, commands),
        ] {
            if !self.believes(kind, *verdict, came_s) {
                // One word with the verdict: who cannot have finished it did not pass it either.
                if !self.is_accepted(kind, verdict.number) {
                    *next = (*next).min(verdict.number);
                }
                *verdict = Verdict::IDLE;
            }
        }
        believed
    }
}

/// Why what has one of these causes cannot have come at `came_s`.
fn early(causes: impl Iterator<Item = Option<u64>>, came_s: u64) -> Option<Early> {
    let earliest_s = causes.flatten().min();
    match earliest_s {
        Some(earliest_s) if earliest_s <= came_s => None,
        _ => Some(Early { came_s, earliest_s }),
    }
}
