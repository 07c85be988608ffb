//! How far an object is while its frames are laid into passes: what is on its way, what is planned so far, and whether
//! this pass should carry more of it.
//!
//! ```text
//!            pass 1           pass 2           pass 3
//! in flight  #####            ####             ###        each counts with the pass that it goes up in,
//! planned         ++++            +++                     and the frames planned for that pass behind it
//!                 └ so far ┘  └--------- later ---------┘  later ones count when more is asked for
//! ```

use std::collections::VecDeque;

use crate::chance::Reception;
use crate::costs::{ObjectPlan, QUANTILES};
use crate::known::Completion;
use crate::link::{Chain, LinkModel};
use crate::object::{MAX_SYMBOLS, UplinkObject};
use crate::pass::Contact;
use crate::start::{InFlight, Start};

/// When enough of an object is likely there in a pass: decides when its frames stop.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    reception: Reception,
    chain: Chain,
    /// What is on its way and not counted yet, in the order of sending.
    later: VecDeque<InFlight>,
    at_begin: f64,
    /// Success some frames ago, and the frames since.
    mark: f64,
    since_mark: u32,
    flat: bool,
    /// The slot in this contact of the last frame of the object, and how many of them were over before the plan's own.
    last_slot: Option<u32>,
    places_taken: u32,
    /// The chance in a pass that is heard, at which it carries no more.
    goal: f64,
    needed: u32,
    /// Frames that count so far.
    sent: u32,
    /// The first symbol of this plan, and the next one.
    pub(crate) first: u32,
    pub(crate) next: u32,
    /// The chance so far, and when the contact begins and ends in which frames are counted.
    reached: f64,
    contact_s: (u64, u64),
}

impl Progress {
    pub(crate) fn new(object: &UplinkObject, start: &Start, link: &LinkModel, goal: f64) -> Self {
        let chain = link.chain(object.symbol_len());
        Self {
            reception: Reception::new(start.needed, chain),
            chain,
            later: start.in_flight.iter().cloned().collect(),
            at_begin: 0.0,
            mark: 0.0,
            since_mark: 0,
            flat: false,
            last_slot: None,
            places_taken: 0,
            goal,
            needed: start.needed,
            sent: 0,
            first: start.next,
            next: start.next,
            reached: 0.0,
            contact_s: (0, 0),
        }
    }

    /// Begins a contact. What is in flight since before, or in this very contact, may bring the object to milestones of
    /// `plan`.
    pub(crate) fn begin_pass(&mut self, contact: &Contact, plan: &mut ObjectPlan) {
        while let Some(run) = self.next_in_flight(|run| run.pass_end_s <= contact.start_s) {
            self.count_pass(run, plan);
        }
        self.contact_s = (contact.start_s, contact.end_s);
        self.reception.begin_pass(contact.lost);
        (self.last_slot, self.places_taken) = (None, 0);
        while let Some(run) = self.next_in_flight(|run| run.pass_start_s < contact.end_s) {
            self.places_taken = self.places_taken.max(run.pass_frames);
            self.count(&run, plan);
        }
        self.reception.then_come(&self.later_tail());
        self.at_begin = self.reception.hope_if_heard();
        (self.mark, self.since_mark, self.flat) = (self.at_begin, 0, false);
    }

    /// Ends the contact.
    pub(crate) fn end_pass(&mut self) {
        self.reception.end_pass();
    }

    /// Counts what is in flight in passes behind all others, and says how likely the object is complete in the end.
    pub(crate) fn end(&mut self, plan: &mut ObjectPlan) -> f64 {
        while let Some(run) = self.next_in_flight(|_| true) {
            self.count_pass(run, plan);
        }
        self.reception.success()
    }

    fn next_in_flight(&mut self, is_due: impl Fn(&InFlight) -> bool) -> Option<InFlight> {
        match self.later.front() {
            Some(run) if is_due(run) => self.later.pop_front(),
            _ => None,
        }
    }

    fn count_pass(&mut self, run: InFlight, plan: &mut ObjectPlan) {
        self.contact_s = (run.pass_start_s, run.pass_end_s);
        self.reception.begin_pass(run.lost);
        self.last_slot = None;
        self.count(&run, plan);
        self.reception.end_pass();
    }

    fn count(&mut self, run: &InFlight, plan: &mut ObjectPlan) {
        for slot in &run.places {
            self.reception.frame(stride(&mut self.last_slot, *slot));
        }
        self.sent += run.frames();
        self.note(plan, run.arrives_s);
    }

    /// The chance that so many frames, and more, arrive of those that are counted later, by their number.
    fn later_tail(&self) -> Vec<f64> {
        let frames: u32 = self.later.iter().map(InFlight::frames).sum();
        let mut arrivals = Reception::new(frames + 1, self.chain);
        for run in &self.later {
            arrivals.begin_pass(run.lost);
            let mut last = None;
            for slot in &run.places {
                arrivals.frame(stride(&mut last, *slot));
            }
            arrivals.end_pass();
        }
        arrivals.tail()
    }

    /// Plans one frame: in this slot of the contact, counted from the first one that the plan fills.
    pub(crate) fn frame(&mut self, slot: u32, k: u16) {
        let slot = self.places_taken.saturating_add(slot);
        self.reception.frame(stride(&mut self.last_slot, slot));
        self.sent += 1;
        self.next += 1;
        self.since_mark += 1;
        if self.since_mark >= 16 + u32::from(k) / 32 {
            let now = self.reception.hope_if_heard();
            // Over the hill: this pass has done most of what it can, and more frames hardly help.
            let risen = now - self.at_begin > (1.0 - self.at_begin) / 2.0;
            self.flat = risen && now - self.mark < (1.0 - now) / 100.0;
            (self.mark, self.since_mark) = (now, 0);
        }
    }

    /// Whether the pass should carry one frame more.
    pub(crate) fn wants(&self, target: f64, is_last_pass: bool) -> bool {
        self.next < MAX_SYMBOLS
            && self.reception.hope() < target
            && self.reception.hope_if_heard() < self.goal
            && (is_last_pass || !self.flat)
    }

    /// Notes what is reached once a frame has arrived.
    pub(crate) fn note(&mut self, plan: &mut ObjectPlan, arrives_s: u64) {
        plan.planned_s = plan.planned_s.max(Some(arrives_s));
        if self.sent >= self.needed {
            plan.earliest_s.get_or_insert(arrives_s);
        }
        let chance = self.reception.success();
        if chance > self.reached {
            plan.completions.push(Completion {
                at_s: arrives_s,
                chance: chance - self.reached,
                contact_s: self.contact_s,
            });
            self.reached = chance;
        }
        for (at_s, quantile) in plan.quantiles_s.iter_mut().zip(QUANTILES) {
            if chance >= quantile {
                at_s.get_or_insert(arrives_s);
            }
        }
    }
}

/// How many frames one in this slot is behind the last one of its object, which it takes the place of.
fn stride(last: &mut Option<u32>, slot: u32) -> u32 {
    let before = last.replace(slot);
    before.map_or(1, |before| slot.saturating_sub(before).max(1))
}
