//! What a plan says: frames, bytes, chances and instants. Holds them, never computes them: that does the
//! [planner](crate::plan).

use crate::known::Completion;
use core::fmt;
use lightday_wire::{ObjectKind, ObjectNumber};
use serde::{Deserialize, Serialize};

use crate::link::{LinkError, Pass};

/// Why there is no plan. Too few passes are no error: the plan then says what they reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// Nothing to send.
    NoObjects,
    /// No pass to send it in.
    NoPasses,
    /// A pass ends before it begins, or begins before the one before it ends.
    PassOrder {
        /// Its place in the list, from 0.
        pass: usize,
    },
    /// The probability asked for is not between 0 and 1.
    Target,
    /// A number of the link makes no sense.
    Link(LinkError),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoObjects => f.write_str("there is nothing to send"),
            Self::NoPasses => f.write_str("there is no pass to send it in"),
            Self::PassOrder { pass } => write!(
                f,
                "pass {}: it ends before it begins, or begins before the previous one ends",
                pass + 1
            ),
            Self::Target => f.write_str("the probability is not above 0 and below 1"),
            Self::Link(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PlanError {}

impl PlanError {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NoObjects => "build and sign a bundle or a command first",
            Self::NoPasses => "add passes to passes.csv",
            Self::PassOrder { .. } => "sort passes.csv by start and remove overlaps",
            Self::Target => "give a probability such as 0.999",
            Self::Link(error) => error.hint(),
        }
    }
}

/// Bytes on the air by kind; they sum up to what is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// Payloads of bundles.
    pub payload: u64,
    /// Envelopes.
    pub envelope: u64,
    /// Zeros behind the last byte of objects.
    pub padding: u64,
    /// Parity symbols.
    pub parity: u64,
    /// Headers of frames.
    pub headers: u64,
    /// MACs of frames.
    pub tags: u64,
    /// What packets and frames of the link add.
    pub encapsulation: u64,
}

impl Bytes {
    /// All together.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.payload
            + self.envelope
            + self.padding
            + self.parity
            + self.headers
            + self.tags
            + self.encapsulation
    }
}

/// The chances for which a plan says when an object is complete.
pub const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

/// One object of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectPlan {
    /// What it is.
    pub kind: ObjectKind,
    /// Its number.
    pub number: ObjectNumber,
    /// Source symbols.
    pub k: u16,
    /// Bytes of a symbol.
    pub symbol_len: u16,
    /// Symbols that the vehicle needed when it was last heard: all of them, if it was not.
    pub needed: u32,
    /// Frames that were sent before and that it had not received by then.
    pub in_flight: u32,
    /// Frames of this plan, parity included.
    pub frames: u32,
    /// Frames by pass, in the order of the passes.
    pub frames_by_pass: Vec<u32>,
    /// Chance that it is complete on board without any feedback.
    pub probability: f64,
    /// Whether that is what was asked for.
    pub enough: bool,
    /// When it is complete on board if nothing is lost, in Unix seconds there.
    pub earliest_s: Option<u64>,
    /// When it is complete on board with the chances of [`QUANTILES`]; `None`: not by this plan. What frames in flight
    /// reach by themselves counts from the last of their pass.
    pub quantiles_s: [Option<u64>; 3],
    /// When its last frame, planned or in flight, has arrived.
    pub planned_s: Option<u64>,
    /// When a report of `earliest_s` can be on the ground: light time later, in a booked pass, by a beacon of just the
    /// right phase.
    pub known_earliest_s: Option<u64>,
    /// When the ground knows that it is complete, with the chances of [`QUANTILES`]: passes and reports may be lost, and
    /// the vehicle's beacon may be of any phase. `None`: not by these passes.
    pub known_quantiles_s: [Option<u64>; 3],
    /// When a report of `planned_s` is on the ground at the latest, if neither it nor its pass is lost. `None`: that takes a
    /// beacon of the right phase.
    pub known_s: Option<u64>,
    /// When it is complete with which chance.
    #[serde(skip)]
    pub(crate) completions: Vec<Completion>,
}

/// One pass of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PassPlan {
    /// The pass.
    pub pass: Pass,
    /// Frames sent in it.
    pub frames: u32,
    /// Bytes on the air.
    pub bytes: u64,
    /// Milliseconds of it in which we send.
    pub air_time_ms: u64,
}

/// One frame of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFrame {
    /// When it begins, in Unix milliseconds on the ground.
    pub start_ms: u64,
    /// Which object, by its place in the plan.
    pub object: u16,
    /// Which symbol.
    pub index: u16,
    /// Its slot in its [contact](crate::pass::Contact), from the first one on that the plan fills: each frame takes one,
    /// and what the antenna is silent for between two passes takes as many as would fit into it.
    pub slot: u32,
}

/// What will be sent when, what it costs and how likely it succeeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Objects in the order given.
    pub objects: Vec<ObjectPlan>,
    /// All passes given, also those without frames.
    pub passes: Vec<PassPlan>,
    /// All frames in the order of sending.
    pub frames: Vec<PlannedFrame>,
    /// Bytes on the air.
    pub bytes: Bytes,
    /// The probability that was asked for, of each object.
    pub target: f64,
}

impl Plan {
    /// Hours of antenna in which we send.
    #[must_use]
    pub fn antenna_h(&self) -> f64 {
        let ms: u64 = self.passes.iter().map(|p| p.air_time_ms).sum();
        ms as f64 / 3_600_000.0
    }

    /// The least chance of all objects; 1 without any.
    #[must_use]
    pub fn least(&self) -> f64 {
        self.objects
            .iter()
            .map(|o| o.probability)
            .fold(1.0, f64::min)
    }

    /// The place of the pass that a frame of it goes up in.
    #[must_use]
    pub fn pass_of(&self, frame: &PlannedFrame) -> Option<usize> {
        let begun = |p: &&PassPlan| p.pass.start_s <= frame.start_ms / 1000;
        self.passes.iter().filter(begun).count().checked_sub(1)
    }

    /// Whether the passes suffice for every object.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.objects.iter().all(|object| object.enough)
    }
}
