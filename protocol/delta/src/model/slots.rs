//! Tables of adaptive probabilities, hashed by context, of 3 bytes a slot.
//!
//! ```text
//!   15            4 3      0   7        0
//!   | probability  | count | | check     |
//! ```
//!
//! The probability that a 1 follows is in 1/4096; the count says on a scale of 16 steps how often the
//! context was seen; the check tells contexts apart that hash to the same bucket. A bucket has two
//! slots; the less used one makes room.

use super::random::Random;
use super::tables::stretch;

/// Bytes of a slot.
pub(crate) const SLOT: usize = 3;

/// How many sightings each step of the count stands for, as the chance in 1/65536 to take the step.
const STEP: [u32; 16] = [
    65536, 65536, 65536, 65536, 65536, 65536, 32768, 32768, 32768, 16384, 16384, 16384, 8192, 8192,
    8192, 0,
];

/// 65536 / (n + 1.2) for the sightings that each step of the count stands for.
const RATE: [u32; 16] = [
    54613, 29789, 20480, 15604, 12603, 10570, 9102, 7124, 5851, 4965, 3810, 3091, 2601, 1986, 1591,
    1332,
];

/// Confidence in a probability, by its count, in 1/256.
const CONFIDENCE: [i32; 16] = [
    0, 200, 215, 226, 236, 244, 250, 256, 256, 256, 256, 256, 256, 256, 256, 256,
];

/// Makes every slot one of which nothing is known.
pub(crate) fn clear(bytes: &mut [u8]) {
    for slot in bytes.chunks_exact_mut(SLOT) {
        slot.copy_from_slice(&EMPTY);
    }
}

/// A table of slots over bytes that the caller lends.
pub(crate) struct Slots<'a> {
    bytes: &'a mut [u8],
    buckets: u32,
    /// Highest step of a count: the higher, the longer the memory.
    limit: u8,
}

/// Where a context's slot lies in the table.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Index(u32);

impl<'a> Slots<'a> {
    /// A table over `bytes`, as an earlier one left them.
    pub(crate) fn resume(bytes: &'a mut [u8], limit: u8) -> Self {
        let buckets = (bytes.len() / SLOT / 2) as u32;
        Self {
            bytes,
            buckets,
            limit,
        }
    }

    /// Finds the slot of a context, or makes one.
    pub(crate) fn find(&mut self, hash: u32) -> Index {
        let bucket = ((u64::from(hash) * u64::from(self.buckets)) >> 32) as u32;
        let check = (hash & 0xFF) as u8;
        let first = bucket * 2 * SLOT as u32;
        let mut counts = [0; 2];
        for (way, count) in counts.iter_mut().enumerate() {
            let at = first + (way * SLOT) as u32;
            let [low, _, found] = self.load(Index(at));
            if found == check {
                return Index(at);
            }
            *count = low & 15;
        }
        let way = u32::from(counts[1] < counts[0]);
        let at = Index(first + way * SLOT as u32);
        self.store(at, [EMPTY[0], EMPTY[1], check]);
        at
    }

    fn load(&self, Index(at): Index) -> [u8; SLOT] {
        let slot = self.bytes.get(at as usize..).and_then(<[u8]>::first_chunk);
        slot.copied().unwrap_or(EMPTY)
    }

    fn store(&mut self, Index(at): Index, slot: [u8; SLOT]) {
        let place = self.bytes.get_mut(at as usize..);
        if let Some(place) = place.and_then(<[u8]>::first_chunk_mut) {
            *place = slot;
        }
    }

    /// The two inputs that a slot gives the mixer: its logit and its probability's distance from one
    /// half, both weighed by its confidence.
    pub(crate) fn inputs(&self, at: Index) -> [i32; 2] {
        let [low, high, _] = self.load(at);
        let word = u32::from(low) | u32::from(high) << 8;
        let (p, count) = (word >> 4, (word & 15) as usize);
        if count == 0 {
            return [0, 0];
        }
        let confidence = CONFIDENCE.get(count).copied().unwrap_or(256);
        let logit = stretch(p) * confidence;
        let offset = (p.cast_signed() - 2048) * confidence;
        [logit >> 8, offset >> 10]
    }

    /// Moves the slot's probability towards `bit`.
    pub(crate) fn update(&mut self, at: Index, bit: bool, random: &mut Random) {
        let [low, high, check] = self.load(at);
        let word = u32::from(low) | u32::from(high) << 8;
        let (p, count) = (word >> 4, word & 15);
        let rate = RATE.get(count as usize).copied().unwrap_or(0);
        let target = if bit { 4096 } else { 0 };
        let noise = random.next();
        let delta = ((target - p.cast_signed()) * rate.cast_signed() + noise.cast_signed()) >> 16;
        let p = (p.cast_signed() + delta).clamp(1, 4095).cast_unsigned();
        let chance = STEP.get(count as usize).copied().unwrap_or(0);
        let grows = count < u32::from(self.limit) && (chance == 65536 || random.next() < chance);
        let word = p << 4 | (count + u32::from(grows));
        let [low, high, ..] = word.to_le_bytes();
        self.store(at, [low, high, check]);
    }
}

/// A slot that nothing is known of: one half, count 0.
const EMPTY: [u8; SLOT] = [0x00, 0x80, 0];
