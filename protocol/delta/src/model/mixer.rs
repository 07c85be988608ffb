//! Mixing of logits by a weight set that learns online (gated linear network of one layer).
//!
//! Weights are `i16` in 1/8192, at most 4 in size, in sets of which context selects one or two. Those of two
//! sets add up: the second, which fewer contexts share, learns what is common sooner.

use super::random::Random;
use super::tables::{LOGIT_MAX, squash};

/// Bytes of a weight.
pub(crate) const WEIGHT: usize = 2;

/// Most inputs of a mixer.
pub(crate) const MAX_INPUTS: usize = 32;

/// How fast a mixer learns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// What is added at the start, falling with the number of decisions.
    pub start: u32,
    /// What stays.
    pub floor: u32,
}

/// Gives each set of weights this start.
pub(crate) fn clear(weights: &mut [u8], start: &[i16]) {
    let start = start.iter().cycle();
    for (weight, start) in weights.chunks_exact_mut(WEIGHT).zip(start) {
        weight.copy_from_slice(&start.to_le_bytes());
    }
}

/// A mixer over bytes that the caller lends.
pub(crate) struct Mixer<'a> {
    weights: &'a mut [u8],
    inputs: usize,
    pace: Pace,
    decisions: u32,
}

impl<'a> Mixer<'a> {
    /// A mixer of `inputs` inputs over `weights` that has learned from so many decisions.
    pub(crate) fn resume(weights: &'a mut [u8], inputs: usize, pace: Pace, decisions: u32) -> Self {
        Self {
            weights,
            inputs,
            pace,
            decisions,
        }
    }

    /// How many decisions it has learned from.
    pub(crate) const fn decisions(&self) -> u32 {
        self.decisions
    }

    fn set(&self, set: usize) -> &[u8] {
        let size = self.inputs * WEIGHT;
        let all = self.weights.get(set * size..).unwrap_or_default();
        all.get(..size).unwrap_or_default()
    }

    /// The logit of a 1, in 1/256: the sum over these sets.
    pub(crate) fn mix(&self, sets: &[usize], inputs: &[i32]) -> i32 {
        let mut sum = 0_i64;
        for set in sets {
            let (weights, _) = self.set(*set).as_chunks::<WEIGHT>();
            for (weight, x) in weights.iter().zip(inputs) {
                sum += i64::from(i16::from_le_bytes(*weight)) * i64::from(*x);
            }
        }
        (sum >> 13).clamp(-i64::from(LOGIT_MAX), i64::from(LOGIT_MAX)) as i32
    }

    /// Moves the weights of `set` so that the mixture would have been closer to `bit`.
    pub(crate) fn learn(&mut self, set: usize, inputs: &[i32], error: i32, random: &mut Random) {
        let rate = self.rate();
        let size = self.inputs * WEIGHT;
        let all = self.weights.get_mut(set * size..).unwrap_or_default();
        let (weights, _) = all
            .get_mut(..size)
            .unwrap_or_default()
            .as_chunks_mut::<WEIGHT>();
        for (weight, x) in weights.iter_mut().zip(inputs) {
            // Input in 1/256, error in 1/65536, rate in 1/1024: the weight in 1/8192 moves by this over 2^21.
            let step = i64::from(*x) * i64::from(error) * i64::from(rate);
            let step = (step + (i64::from(random.next()) << 5)) >> 21;
            let moved = i64::from(i16::from_le_bytes(*weight)).saturating_add(step);
            let moved = moved.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16;
            *weight = moved.to_le_bytes();
        }
    }

    /// Counts a decision.
    pub(crate) fn count(&mut self) {
        self.decisions = self.decisions.saturating_add(1);
    }

    fn rate(&self) -> u32 {
        self.pace.floor + self.pace.start * 64 / (64 + self.decisions / 16)
    }
}

/// The coder's probability of a logit, kept away from certainty.
pub(crate) fn probability(logit: i32) -> u32 {
    squash(logit).clamp(2, 65534)
}
