//! The alignment of the new image to the old one: Viterbi over displacements.
//!
//! At every byte of the new image some displacements (old offset less new offset) are alive, each with
//! the least cost in bits at which it can be reached, and beside them the state of literal bytes.
//! Costs say what the model will roughly ask for; with a map from an iteration before, operands are
//! compared as the decoder will predict them.

use super::costs::Costs;
use super::pair::{Known, OPERATIONS, Pair, WINDOWS};
use super::votes::ALL;
use crate::model::isa::fields::REGISTERS;
use crate::model::isa::{Place, words};
use crate::model::map::Segment;
use crate::model::names;
use crate::model::predict::MAX_UNIT;
use std::boxed::Box;
use std::vec::Vec;

/// How a state was reached: the segment or the run of literals that it began with, and the one before.
#[derive(Clone, Copy)]
struct Node {
    parent: u32,
    new: u32,
    /// `None` for literals.
    displacement: Option<i64>,
}

/// A displacement that is alive.
#[derive(Clone)]
struct State {
    displacement: i64,
    cost: u64,
    node: u32,
    /// The predicted bytes of the unit at hand, and where it ends in the new image.
    predicted: [u8; MAX_UNIT],
    start: u32,
    end: u32,
    /// What registers are called here, where any is not called as before. A new state knows no names, though the
    /// decoder's outlive a jump, and one that is reached anew keeps those of the way before: most names end with
    /// their function.
    names: Option<Box<[u8; REGISTERS]>>,
}

const NO_NODE: u32 = u32::MAX;

struct Literal {
    cost: u64,
    node: u32,
    /// Displacement of the segment before.
    displacement: i64,
}

struct Viterbi<'p, 'a> {
    pair: &'p Pair<'a>,
    costs: Costs,
    known: Option<&'p Known>,
    nodes: Vec<Node>,
    states: Vec<State>,
    literal: Literal,
    found: Vec<u32>,
    next_vote: usize,
}

/// Aligns the images, by what is known from an alignment before if there was one.
pub(crate) fn align(pair: &Pair<'_>, costs: Costs, known: Option<&Known>) -> Vec<Segment> {
    let mut viterbi = Viterbi {
        pair,
        costs,
        known,
        nodes: Vec::new(),
        states: Vec::new(),
        literal: Literal {
            cost: 0,
            node: NO_NODE,
            displacement: 0,
        },
        found: Vec::new(),
        next_vote: 0,
    };
    for at in 0..pair.new.len() {
        viterbi.step(at);
    }
    viterbi.trace()
}

impl Viterbi<'_, '_> {
    fn step(&mut self, at: usize) {
        self.propose(at);
        self.vote(at);
        self.advance(at);
    }

    /// Lets the displacement that references ask for come alive, and lets the others pay.
    fn vote(&mut self, at: usize) {
        let votes = self.known.map_or(&self.pair.told, |known| &known.votes);
        let Some(vote) = votes.get(self.next_vote).copied() else {
            return;
        };
        if vote.new as usize != at {
            return;
        }
        self.next_vote += 1;
        let (cost, node, displacement) = self.best();
        let switch = self.switch(vote.displacement, displacement);
        self.reach(at, vote.displacement, cost + switch, node);
        let price = u64::from(self.costs.vote * vote.count.min(ALL));
        for state in &mut self.states {
            if state.displacement != vote.displacement {
                state.cost += price;
            }
        }
        self.literal.cost += price;
    }

    /// The cost of a jump from one displacement to another.
    fn switch(&self, to: i64, from: i64) -> u64 {
        let jump = to.abs_diff(from);
        let bits = u64::from(u64::BITS - jump.leading_zeros());
        u64::from(self.costs.switch) + u64::from(self.costs.switch_bit) * bits
    }

    /// The cheapest state: its cost, its node and its displacement.
    fn best(&self) -> (u64, u32, i64) {
        let literal = (
            self.literal.cost,
            self.literal.node,
            self.literal.displacement,
        );
        let states = self.states.iter().map(|s| (s.cost, s.node, s.displacement));
        states
            .chain([literal])
            .min_by_key(|s| s.0)
            .unwrap_or(literal)
    }

    /// Lets displacements at which the bytes ahead recur come alive.
    fn propose(&mut self, at: usize) {
        let (cost, node, displacement) = self.best();
        let wanted = at.cast_signed() as i64 + displacement;
        self.found.clear();
        let mut found = core::mem::take(&mut self.found);
        for (chains, (_, most)) in self.pair.chains.iter().zip(WINDOWS) {
            chains.nearest(at, wanted, most, &mut found);
        }
        let operations = &self.pair.operations;
        operations.nearest(at, wanted, OPERATIONS.1, &mut found);
        for position in &found {
            let d = i64::from(*position) - at.cast_signed() as i64;
            let mut reached = cost + self.switch(d, displacement);
            let mut from = node;
            if self.literal.displacement == d {
                let resumed = self.literal.cost + u64::from(self.costs.resume);
                if resumed < reached {
                    reached = resumed;
                    from = self.literal.node;
                }
            }
            self.reach(at, d, reached, from);
        }
        self.found = found;
    }

    fn reach(&mut self, at: usize, d: i64, cost: u64, from: u32) {
        let known = self.states.iter().position(|s| s.displacement == d);
        if let Some(known) = known
            && self.states[known].cost <= cost
        {
            return;
        }
        let node = self.nodes.len() as u32;
        self.nodes.push(Node {
            parent: from,
            new: at as u32,
            displacement: Some(d),
        });
        if let Some(known) = known {
            self.states[known].cost = cost;
            self.states[known].node = node;
            return;
        }
        let state = State {
            displacement: d,
            cost,
            node,
            predicted: [0; MAX_UNIT],
            start: 0,
            end: 0,
            names: None,
        };
        if self.states.len() < self.costs.alive {
            self.states.push(state);
        } else if let Some(worst) = self.states.iter_mut().max_by_key(|s| s.cost)
            && worst.cost > cost
        {
            *worst = state;
        }
    }

    /// Takes every state over the byte at `at`.
    fn advance(&mut self, at: usize) {
        let (cheapest, node, displacement) = self.best();
        // Literals: go on, or begin after the cheapest copy.
        let begun = cheapest + u64::from(self.costs.literal_start);
        if begun < self.literal.cost || at == 0 {
            let parent = node;
            self.literal = Literal {
                cost: begun,
                node: self.nodes.len() as u32,
                displacement,
            };
            self.nodes.push(Node {
                parent,
                new: at as u32,
                displacement: None,
            });
        }
        self.literal.cost += u64::from(self.costs.literal);
        let mut states = core::mem::take(&mut self.states);
        for state in &mut states {
            state.cost += self.byte_cost(state, at);
        }
        let hopeless = self
            .literal
            .cost
            .min(states.iter().map(|s| s.cost).min().unwrap_or(u64::MAX))
            + u64::from(self.costs.switch)
            + u64::from(self.costs.switch_bit) * 24;
        let old_len = self.pair.old.len().cast_signed() as i64;
        let next = at.cast_signed() as i64 + 1;
        states.retain(|s| {
            let position = next + s.displacement;
            s.cost <= hopeless && position >= 0 && position <= old_len
        });
        self.states = states;
    }

    /// What the byte at `at` costs in this state.
    fn byte_cost(&self, state: &mut State, at: usize) -> u64 {
        let from = at.cast_signed() as i64 + state.displacement;
        let Ok(from) = usize::try_from(from) else {
            return u64::MAX / 4;
        };
        let Some(old) = self.pair.old.get(from).copied() else {
            return u64::MAX / 4;
        };
        let at32 = at as u32;
        let mut extra = 0;
        if at32 >= state.end || at32 < state.start {
            self.predict(state, at, from);
            // Names are as good as the predictions that they are read from.
            if self.known.is_some() && state.start == at32 {
                extra = self.rename(state, at, from);
            }
        }
        let expected = if at32 < state.end {
            state.predicted[at - state.start as usize]
        } else {
            old
        };
        let new = self.pair.new[at];
        let same_operation =
            self.pair.old_units.operations[from] == self.pair.new_units.operations[at];
        let same_blanked = self.pair.old_units.blanked[from] == self.pair.new_units.blanked[at];
        let cost = if expected == new {
            self.costs.hit
        } else if same_blanked {
            // Without a map nobody knows: most operands will be right.
            if self.known.is_some() {
                self.costs.operand
            } else {
                self.costs.hit * 8
            }
        } else if same_operation {
            self.costs.field
        } else {
            self.costs.miss
        };
        u64::from(cost) + extra
    }

    /// Predicts the instruction at hand by the names of its registers if that is right and nothing else was, at
    /// a price, and learns the names.
    fn rename(&self, state: &mut State, at: usize, from: usize) -> u64 {
        let unit = self.pair.old_units.starting(from);
        let Some(unit) = unit.filter(|unit| !words::is_data(unit.class)) else {
            return 0;
        };
        let len = usize::from(unit.len);
        let Some(new) = self.pair.new.get(at..at + len) else {
            return 0;
        };
        // As predicted, by the names of before: nothing is learned that is not known.
        if state.names.is_none() && state.predicted[..len] == *new {
            return 0;
        }
        let isa = self.pair.header.isa;
        let mut actual = [0; MAX_UNIT];
        actual[..len].copy_from_slice(new);
        let mut expected = [0; MAX_UNIT];
        expected[..len].copy_from_slice(&state.predicted[..len]);
        let mut extra = 0;
        let mut known = state
            .names
            .take()
            .unwrap_or_else(|| Box::new([0; REGISTERS]));
        if expected != actual && names::renamed(&known[..], isa, expected, len) == actual {
            state.predicted = actual;
            extra = u64::from(self.costs.renamed);
        }
        names::learn(&mut known[..], isa, (expected, actual), len);
        state.names = Some(known).filter(|known| **known != [0; REGISTERS]);
        extra
    }

    /// Predicts the unit that begins at `from` of the old image, if one does.
    fn predict(&self, state: &mut State, at: usize, from: usize) {
        let Some(unit) = self.pair.old_units.starting(from) else {
            return;
        };
        let len = usize::from(unit.len);
        let Some(bytes) = self.pair.old.get(from..from + len) else {
            return;
        };
        state.predicted[..len].copy_from_slice(bytes);
        state.start = at as u32;
        state.end = (at + len) as u32;
        let Some(reference) = unit.reference else {
            return;
        };
        let Some(known) = self.known else {
            return;
        };
        let number = self.pair.old_units.of[from] as usize;
        let Some((mapped, partner)) = known.targets[number] else {
            return;
        };
        let header = self.pair.header;
        let address = header.new.address(at as u32);
        // As in the same segment, or as by the map: whichever is right.
        let near = header.old.offset(reference.target).map(|offset| {
            let to = (i64::from(offset) - state.displacement) as u32;
            header.new.address(to)
        });
        let near_partner = reference.partner.map_or(address, |offset| {
            let to = (i64::from(offset) - state.displacement) as u32;
            header.new.address(to)
        });
        let new = self.pair.new.get(at..at + len);
        let choices = [
            (Some(mapped), near_partner),
            (near, near_partner),
            (Some(mapped), partner),
        ];
        for (target, partner) in choices {
            let Some(target) = target else { continue };
            let mut unit = [0; MAX_UNIT];
            unit[..len].copy_from_slice(bytes);
            let place = Place { address, partner };
            if header
                .isa
                .write(reference.form, &mut unit[..len], place, target)
            {
                state.predicted = unit;
                if Some(&unit[..len]) == new {
                    return;
                }
            }
        }
    }

    /// The segments of the cheapest way.
    fn trace(&self) -> Vec<Segment> {
        let mut segments = Vec::new();
        let mut end = self.pair.new.len() as u32;
        let mut node = self.best().1;
        while let Some(&Node {
            parent,
            new,
            displacement,
        }) = self.nodes.get(node as usize)
        {
            if let Some(d) = displacement
                && new < end
            {
                segments.push(Segment {
                    new,
                    old: (i64::from(new) + d) as u32,
                    len: end - new,
                });
            }
            end = new;
            node = parent;
        }
        segments.reverse();
        joined(segments)
    }
}

/// Joins segments that follow each other in both images.
fn joined(segments: Vec<Segment>) -> Vec<Segment> {
    let mut joined: Vec<Segment> = Vec::with_capacity(segments.len());
    for segment in segments {
        match joined.last_mut() {
            Some(last) if last.end() == segment.new && last.old_end() == segment.old => {
                last.len += segment.len;
            }
            _ => joined.push(segment),
        }
    }
    joined
}
