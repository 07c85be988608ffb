//! A predictor of bits: hashed contexts into slots, their logits into a mixer.

use super::coder::Coder;
use super::layout::FLAG_CONTEXTS;
use super::mixer::{MAX_INPUTS, Mixer, Pace, WEIGHT, probability};
use super::old::Old;
use super::random::Random;
use super::slots::{Index, Slots};
use crate::DecodeError;

/// Most contexts of a network.
const MAX_CONTEXTS: usize = FLAG_CONTEXTS;

/// Inputs of the mixer beside two a context: the constant one.
const EXTRA: usize = 1;

/// The constant input.
const BIAS: i32 = 256;

/// Bytes of weights of a network with so many contexts and weight sets.
pub(crate) const fn weights_len(contexts: usize, sets: usize) -> usize {
    (contexts * 2 + EXTRA) * sets * WEIGHT
}

/// What tells two networks apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Contexts that are looked at: the first so many of those offered.
    pub contexts: usize,
    /// How fast the mixer learns.
    pub pace: Pace,
    /// Highest step of a slot's count.
    pub limit: u8,
    /// The weights that each set of the mixer starts with.
    pub start: &'static [i16],
}

/// A network over bytes that the caller lends.
pub(crate) struct Net<'a> {
    slots: Slots<'a>,
    mixer: Mixer<'a>,
    contexts: usize,
}

impl<'a> Net<'a> {
    /// A network as an earlier one left these bytes, after so many decisions.
    pub(crate) fn resume(
        weights: &'a mut [u8],
        slots: &'a mut [u8],
        shape: Shape,
        decisions: u32,
    ) -> Self {
        Self {
            slots: Slots::resume(slots, shape.limit),
            mixer: Mixer::resume(weights, shape.contexts * 2 + EXTRA, shape.pace, decisions),
            contexts: shape.contexts,
        }
    }

    /// How many decisions it has learned from.
    pub(crate) const fn decisions(&self) -> u32 {
        self.mixer.decisions()
    }

    /// Contexts that it looks at.
    pub(crate) const fn contexts(&self) -> usize {
        self.contexts
    }

    /// Codes a bit under the contexts with these hashes, mixed by the weights of `sets`, and learns it.
    pub(crate) fn bit<C: Coder>(
        &mut self,
        coder: &mut C,
        old: &mut Old<'_>,
        random: &mut Random,
        (hashes, sets): (&[u32], &[usize]),
        bit: bool,
    ) -> Result<bool, DecodeError> {
        let mut found = [Index::default(); MAX_CONTEXTS];
        let mut inputs = [0_i32; MAX_INPUTS];
        let hashes = hashes.get(..self.contexts).unwrap_or(hashes);
        let (pairs, _) = inputs.as_chunks_mut::<2>();
        for ((hash, index), pair) in hashes.iter().zip(&mut found).zip(pairs) {
            *index = self.slots.find(*hash);
            *pair = self.slots.inputs(*index);
        }
        if let Some(bias) = inputs.get_mut(hashes.len() * 2) {
            *bias = BIAS;
        }
        let logit = self.mixer.mix(sets, &inputs);
        let p = probability(logit);
        let bit = coder.bit(old, p, bit)?;
        let error = (i32::from(bit) << 16) - p.cast_signed();
        for set in sets {
            self.mixer.learn(*set, &inputs, error, random);
        }
        self.mixer.count();
        for (index, _) in found.iter().zip(hashes) {
            self.slots.update(*index, bit, random);
        }
        Ok(bit)
    }
}

/// Mixes numbers into a hash, of which every bit depends on every bit before (Murmur's finaliser).
pub(crate) fn hash(parts: &[u32]) -> u32 {
    let mut hash = 0x9E37_79B9_u32;
    for part in parts {
        hash = (hash ^ part).wrapping_mul(0x85EB_CA6B);
        hash ^= hash >> 15;
    }
    hash = hash.wrapping_mul(0xC2B2_AE35);
    hash ^ hash >> 16
}
