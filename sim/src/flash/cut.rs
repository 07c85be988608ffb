//! What a power cut leaves behind of the operation that it hits.
//!
//! ```text
//! NotDone    nothing happened
//! Partial    program: some granules done, a random subset of the bits of the next one cleared
//!            erase:   a random subset of the block's bits set
//! Unstable   done, but bits that changed read at random until the block is erased again
//! ```
//! On ECC parts the granules of a partial operation fault on read. A partial or unstable granule counts
//! as programmed: only an erase heals it.

use std::ops::Range;

use super::SimFlash;
use crate::rng::Rng;

/// How far the operation got that a power cut hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutForm {
    /// Nothing of it was done.
    NotDone,
    /// A random subset of its bits, drawn from this seed.
    Partial(u64),
    /// All of it, but the bits that it changed read differently each time, drawn from this seed.
    Unstable(u64),
}

/// Cells that read at random until they are erased.
#[derive(Clone, Debug)]
pub(super) struct Unstable {
    start: usize,
    /// The bits that are not to be relied on.
    mask: Vec<u8>,
    seed: u64,
}

impl Unstable {
    /// Disturbs what a read of `range` gave; `read` counts the reads, so that two reads differ.
    pub(super) fn disturb(&self, read: u64, range: &Range<usize>, buf: &mut [u8]) {
        let mut rng = Rng::new(self.seed ^ read.rotate_left(32));
        for (at, mask) in (self.start..).zip(&self.mask) {
            let noise = rng.next_u8() & mask;
            let place = at.checked_sub(range.start);
            if let Some(byte) = place.and_then(|place| buf.get_mut(place)) {
                *byte ^= noise;
            }
        }
    }

    fn overlaps(&self, range: &Range<usize>) -> bool {
        self.start < range.end && range.start < self.start + self.mask.len()
    }
}

impl<const WRITE: usize, const ERASE: usize> SimFlash<WRITE, ERASE> {
    /// Leaves what the cut of a program operation leaves.
    pub(super) fn cut_program(&mut self, range: &Range<usize>, bytes: &[u8], form: CutForm) {
        match form {
            CutForm::NotDone => {}
            CutForm::Partial(seed) => {
                let mut rng = Rng::new(seed);
                let granules = (bytes.len() / WRITE) as u64;
                let done = usize::try_from(rng.below(granules)).unwrap_or(0) * WRITE;
                let torn = range.start + done..range.start + done + WRITE;
                self.bytes[range.start..torn.start].copy_from_slice(&bytes[..done]);
                for (cell, byte) in self.bytes[torn.clone()].iter_mut().zip(&bytes[done..]) {
                    *cell &= byte | rng.next_u8();
                }
                self.mark_programmed(range.start..torn.end, true);
                self.tear(&torn);
            }
            CutForm::Unstable(seed) => {
                let mask = bytes.iter().map(|byte| !byte).collect();
                self.bytes[range.clone()].copy_from_slice(bytes);
                self.mark_programmed(range.clone(), true);
                self.unstable.push(Unstable {
                    start: range.start,
                    mask,
                    seed,
                });
            }
        }
    }

    /// Leaves what the cut of the erase of one block leaves.
    pub(super) fn cut_erase(&mut self, range: &Range<usize>, form: CutForm) {
        match form {
            CutForm::NotDone => {}
            CutForm::Partial(seed) => {
                let mut rng = Rng::new(seed);
                for cell in &mut self.bytes[range.clone()] {
                    *cell |= rng.next_u8();
                }
                self.mark_programmed(range.clone(), true);
                // What an earlier cut left unstable stays so: only a whole erase heals.
                self.tear(range);
            }
            CutForm::Unstable(seed) => {
                let cells = &mut self.bytes[range.clone()];
                let mask = cells.iter().map(|cell| !cell).collect();
                cells.fill(0xff);
                self.mark_programmed(range.clone(), true);
                self.torn
                    .retain(|granule| !range.contains(&(granule * WRITE)));
                self.unstable.push(Unstable {
                    start: range.start,
                    mask,
                    seed,
                });
            }
        }
    }

    /// Forgets what was torn and unstable in `range`: whole erase blocks.
    pub(super) fn heal(&mut self, range: &Range<usize>) {
        self.torn
            .retain(|granule| !range.contains(&(granule * WRITE)));
        self.unstable.retain(|unstable| !unstable.overlaps(range));
    }

    fn tear(&mut self, range: &Range<usize>) {
        if self.ecc {
            self.torn.extend(range.start / WRITE..range.end / WRITE);
        }
    }
}
