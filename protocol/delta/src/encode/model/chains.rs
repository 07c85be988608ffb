//! Where in the old image a window of bytes stands: sorted lists by hash.

use std::vec;
use std::vec::Vec;

/// The positions of all windows of one length.
pub(crate) struct Chains {
    window: usize,
    bits: u32,
    /// Where each hash's positions begin.
    starts: Vec<u32>,
    positions: Vec<u32>,
}

impl Chains {
    /// Indexes the windows of `window` bytes of `image`.
    pub(crate) fn new(image: &[u8], window: usize) -> Self {
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
            window,
            bits,
            starts,
            positions,
        }
    }

    /// Up to `most` positions of `image` where the window of `new` at `at` stands, nearest to `wanted` first.
    pub(crate) fn nearest(
        &self,
        image: &[u8],
        new: &[u8],
        at: usize,
        wanted: i64,
        most: usize,
        found: &mut Vec<u32>,
    ) {
        let Some(window) = new.get(at..at + self.window) else {
            return;
        };
        let hash = hash(window, self.bits);
        let list = &self.positions[self.starts[hash] as usize..self.starts[hash + 1] as usize];
        let middle = list.partition_point(|p| i64::from(*p) < wanted);
        let (mut left, mut right) = (middle, middle);
        let mut taken = 0;
        let mut looked = 0;
        while taken < most && looked < most * 4 && (left > 0 || right < list.len()) {
            let below = left.checked_sub(1).map(|i| list[i]);
            let above = list.get(right).copied();
            let take_below = match (below, above) {
                (Some(b), Some(a)) => wanted - i64::from(b) <= i64::from(a) - wanted,
                (Some(_), None) => true,
                _ => false,
            };
            let position = if take_below {
                left -= 1;
                list[left]
            } else {
                right += 1;
                list[right - 1]
            };
            looked += 1;
            let start = position as usize;
            if image.get(start..start + self.window) == Some(window) {
                found.push(position);
                taken += 1;
            }
        }
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
