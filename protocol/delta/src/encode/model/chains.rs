//! Where the windows of the new image stand in the old one: sorted lists, one for each content.

use core::ops::Range;
use std::vec;
use std::vec::Vec;

/// Where all windows of one length stand in the old image, and which of them each window of the new one is.
pub(crate) struct Chains {
    /// The positions, those of like windows together and by rising place.
    positions: Vec<u32>,
    /// For each position of the old image, where in `positions` it is.
    slots: Vec<u32>,
    /// Where in `positions` each content begins; one more at the end.
    starts: Vec<u32>,
    /// For each position of the new image, its content; [`NONE`] if the old image has no such window.
    contents: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl Chains {
    /// Indexes the windows of `window` bytes of the old image, and looks up those of the new one.
    pub(crate) fn new(old: &[u8], new: &[u8], window: usize) -> Self {
        let buckets = Buckets::new(old, window);
        let (positions, starts, firsts) = buckets.contents(old, window);
        let mut slots = vec![0; positions.len()];
        for (slot, position) in (0..).zip(&positions) {
            slots[*position as usize] = slot;
        }
        let content = |bytes: &[u8]| {
            let hash = hash(bytes, buckets.bits);
            let mut contents = firsts[hash]..firsts[hash + 1];
            let found = contents.find(|content| {
                let first = positions[starts[*content as usize] as usize] as usize;
                old[first..first + window] == *bytes
            });
            found.unwrap_or(NONE)
        };
        Self {
            contents: new.windows(window).map(content).collect(),
            positions,
            slots,
            starts,
        }
    }

    /// Up to `most` positions of the old image where the window of the new one at `at` stands, nearest to
    /// `wanted` first.
    pub(crate) fn nearest(&self, at: usize, wanted: i64, most: usize, found: &mut Vec<u32>) {
        let Some(content) = self.contents.get(at).filter(|content| **content != NONE) else {
            return;
        };
        let content = *content as usize;
        let like = self.starts[content] as usize..self.starts[content + 1] as usize;
        let list = &self.positions[like.clone()];
        let middle = self.rank(like, wanted);
        let (mut left, mut right) = (middle, middle);
        for _ in 0..most.min(list.len()) {
            let below = left.checked_sub(1).map(|i| i64::from(list[i]));
            let above = list.get(right).map(|position| i64::from(*position));
            let take_below = match (below, above) {
                (Some(below), Some(above)) => wanted - below <= above - wanted,
                (below, _) => below.is_some(),
            };
            if take_below {
                left -= 1;
                found.push(list[left]);
            } else {
                found.push(list[right]);
                right += 1;
            }
        }
    }

    /// How many of the positions in these slots lie before `wanted`. Mostly `wanted` is one of them.
    fn rank(&self, like: Range<usize>, wanted: i64) -> usize {
        let slot = usize::try_from(wanted)
            .ok()
            .and_then(|wanted| self.slots.get(wanted))
            .map(|slot| *slot as usize);
        match slot {
            Some(slot) if like.contains(&slot) => slot - like.start,
            _ => self.positions[like].partition_point(|p| i64::from(*p) < wanted),
        }
    }
}

/// The positions of an image's windows, by the hashes of their bytes.
struct Buckets {
    bits: u32,
    /// Where in `positions` those of each hash begin; one more at the end.
    starts: Vec<u32>,
    /// By rising place within a hash.
    positions: Vec<u32>,
}

impl Buckets {
    fn new(image: &[u8], window: usize) -> Self {
        let bits = usize::BITS - image.len().leading_zeros();
        let bits = bits.clamp(8, 22);
        let mut counts = vec![0_u32; (1 << bits) + 1];
        for bytes in image.windows(window) {
            counts[hash(bytes, bits) + 1] += 1;
        }
        for i in 1..counts.len() {
            counts[i] += counts[i - 1];
        }
        let starts = counts.clone();
        let mut positions = vec![0; image.len().saturating_sub(window - 1)];
        for (at, bytes) in image.windows(window).enumerate() {
            let next = &mut counts[hash(bytes, bits)];
            positions[*next as usize] = at as u32;
            *next += 1;
        }
        Self {
            bits,
            starts,
            positions,
        }
    }

    /// The positions, those of like windows together; where each content begins; the first content of each hash.
    fn contents(&self, image: &[u8], window: usize) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
        let bytes = |position: &u32| &image[*position as usize..*position as usize + window];
        let mut positions = self.positions.clone();
        let mut starts = Vec::new();
        let mut firsts = Vec::with_capacity(self.starts.len());
        for ends in self.starts.windows(2) {
            firsts.push(starts.len() as u32);
            let bucket = &mut positions[ends[0] as usize..ends[1] as usize];
            // A stable sort: rising places stay in their order.
            bucket.sort_by(|a, b| bytes(a).cmp(bytes(b)));
            let mut start = ends[0];
            for like in bucket.chunk_by(|a, b| bytes(a) == bytes(b)) {
                starts.push(start);
                start += like.len() as u32;
            }
        }
        firsts.push(starts.len() as u32);
        starts.push(positions.len() as u32);
        (positions, starts, firsts)
    }
}

fn hash(bytes: &[u8], bits: u32) -> usize {
    let mut hash = 0_u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^= hash >> 29;
    }
    (hash.wrapping_mul(0xBF58_476D_1CE4_E5B9) >> (64 - bits)) as usize
}

#[cfg(test)]
mod tests {
    use super::Chains;
    use std::vec::Vec;

    /// As by looking everywhere: nearest first, of two as near the one before.
    #[test]
    fn the_nearest_are_found() {
        let mut random = 1_u32;
        let mut letters = |count: usize| -> Vec<u8> {
            let mut letter = || {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 30) as u8
            };
            (0..count).map(|_| letter()).collect()
        };
        let (old, new) = (letters(500), letters(300));
        for window in [1, 3, 9, 301, 501] {
            let chains = Chains::new(&old, &new, window);
            for at in 0..new.len() {
                for wanted in [-3, 0, 7, 250, 499, 900] {
                    let mut plain: Vec<u32> = (0_u32..)
                        .zip(old.windows(window))
                        .filter(|(_, bytes)| new.get(at..at + window) == Some(*bytes))
                        .map(|(position, _)| position)
                        .collect();
                    plain.sort_by_key(|p| (i64::from(*p).abs_diff(wanted), *p));
                    plain.truncate(4);
                    let mut found = Vec::new();
                    chains.nearest(at, wanted, 4, &mut found);
                    assert_eq!(found, plain, "{window} {at} {wanted}");
                }
            }
        }
    }
}
