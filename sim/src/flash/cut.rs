//! What a power cut leaves behind of the operation that it hits.
//!
//! ```text
//! NotDone    nothing happened
//! Barely     program: one bit of its first granule cleared     erase: one of the block's bits set
//! Partial    program: some granules done, a random subset of the bits of the next one cleared
//!            erase:   a random subset of the block's bits set
//! Scattered  program: of each of its granules all, nothing, or a random subset of the bits, as controllers leave it
//!            that program several at once; one granule, and an erase: as Partial
//! Nearly     program: all done but one bit of its last granule  erase: all of the block's bits set but one
//! Unstable   done, but bits that changed read at random until the block is erased again
//! Flickers   the same in one read of some; the others read well
//! ```
//! On ECC parts the granules that are half done fault on read, and those that read at random fault half the time. A
//! granule that is half done or unstable counts as programmed, and so does a block: only an erase heals it.

use std::collections::BTreeSet;
use std::ops::Range;

use super::SimFlash;
use crate::rng::Rng;

/// How far the operation got that a power cut hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutForm {
    /// Nothing of it was done.
    NotDone,
    /// One of its bits, drawn from this seed.
    Barely(u64),
    /// A random subset of its bits, drawn from this seed.
    Partial(u64),
    /// Of a program of several granules any of them, drawn from this seed; else as [`Self::Partial`].
    Scattered(u64),
    /// All of its bits but one, drawn from this seed.
    Nearly(u64),
    /// All of it, but the bits that it changed read differently each time, drawn from this seed.
    Unstable(u64),
    /// The same in one read of [`FLICKERS_ONE_IN`], drawn from this seed.
    Flickers(u64),
}

/// Of the reads of cells that flicker, one in so many reads something else.
pub const FLICKERS_ONE_IN: u64 = 16;

/// Cells that read at random until they are erased.
#[derive(Clone, Debug)]
pub(super) struct Unstable {
    start: usize,
    /// The bits that are not to be relied on.
    mask: Vec<u8>,
    seed: u64,
    /// Of its reads, one in so many is disturbed.
    one_in: u64,
}

impl Unstable {
    /// Disturbs what a read of `range` gave; `read` counts the reads, so that two reads differ. Where words of so
    /// many bytes have ECC, half of those that are disturbed fault instead: the first byte of the first such.
    pub(super) fn disturb(
        &self,
        read: u64,
        range: &Range<usize>,
        ecc: Option<usize>,
        buf: &mut [u8],
    ) -> Option<usize> {
        if !self.overlaps(range) {
            return None;
        }
        let mut rng = Rng::new(self.seed ^ read.rotate_left(32));
        if self.one_in > 1 && rng.below(self.one_in) != 0 {
            return None;
        }
        let mut disturbed = BTreeSet::new();
        for (at, mask) in (self.start..).zip(&self.mask) {
            let noise = rng.next_u8() & mask;
            let place = at.checked_sub(range.start);
            if let Some(byte) = place.and_then(|place| buf.get_mut(place)) {
                *byte ^= noise;
                if let Some(word) = ecc.filter(|_| noise != 0) {
                    disturbed.insert(at / word * word);
                }
            }
        }
        disturbed.into_iter().find(|_| rng.below(2) == 0)
    }

    /// Whether any of them lies in `range`.
    pub(super) fn overlaps(&self, range: &Range<usize>) -> bool {
        self.start < range.end && range.start < self.start + self.mask.len()
    }
}

impl<const WRITE: usize, const ERASE: usize> SimFlash<WRITE, ERASE> {
    /// Leaves what the cut of a program operation leaves.
    pub(super) fn cut_program(&mut self, range: &Range<usize>, bytes: &[u8], form: CutForm) {
        let granules = (bytes.len() / WRITE) as u64;
        let (mut rng, done) = match form {
            CutForm::NotDone => return,
            CutForm::Unstable(seed) | CutForm::Flickers(seed) => {
                let mask = bytes.iter().map(|byte| !byte).collect();
                self.bytes[range.clone()].copy_from_slice(bytes);
                self.mark_programmed(range.clone(), true);
                self.leave_unstable(range.start, mask, seed, form);
                return;
            }
            CutForm::Scattered(seed) if granules > 1 => {
                self.scatter(range.start, bytes, seed);
                return;
            }
            CutForm::Barely(seed) => (Rng::new(seed), 0),
            CutForm::Partial(seed) | CutForm::Scattered(seed) => {
                let mut rng = Rng::new(seed);
                let done = rng.below(granules);
                (rng, done)
            }
            CutForm::Nearly(seed) => (Rng::new(seed), granules - 1),
        };
        let done = usize::try_from(done).unwrap_or(0) * WRITE;
        let torn = range.start + done..range.start + done + WRITE;
        self.bytes[range.start..torn.start].copy_from_slice(&bytes[..done]);
        let cells = &mut self.bytes[torn.clone()];
        let wanted = &bytes[done..done + WRITE];
        let odd = match form {
            CutForm::Partial(_) | CutForm::Scattered(_) => None,
            _ => odd_bit(&mut rng, wanted.iter().map(|byte| !byte)),
        };
        for (place, (cell, byte)) in cells.iter_mut().zip(wanted).enumerate() {
            let odd = odd.map_or(0, |(at, bit)| if at == place { bit } else { 0 });
            *cell &= match form {
                CutForm::Barely(_) => !odd,
                CutForm::Nearly(_) => byte | odd,
                _ => byte | rng.next_u8(),
            };
        }
        self.mark_programmed(range.start..torn.end, true);
        self.tear(&torn);
    }

    /// Does of each granule all, nothing or something.
    fn scatter(&mut self, start: usize, bytes: &[u8], seed: u64) {
        let mut rng = Rng::new(seed);
        for (place, wanted) in bytes.chunks(WRITE).enumerate() {
            let at = start + place * WRITE;
            let range = at..at + wanted.len();
            let how = rng.below(3);
            if how == 0 {
                continue;
            }
            for (cell, byte) in self.bytes[range.clone()].iter_mut().zip(wanted) {
                *cell &= byte | if how == 1 { 0 } else { rng.next_u8() };
            }
            self.mark_programmed(range.clone(), true);
            if how != 1 {
                self.tear(&range);
            }
        }
    }

    /// Leaves what the cut of the erase of one block leaves. What an earlier cut left unstable stays so: only a whole
    /// erase heals.
    pub(super) fn cut_erase(&mut self, range: &Range<usize>, form: CutForm) {
        let odd = |cells: &[u8], seed| {
            odd_bit(&mut Rng::new(seed), cells.iter().map(|cell| !cell)).unwrap_or((0, 0))
        };
        let cells = &mut self.bytes[range.clone()];
        match form {
            CutForm::NotDone => return,
            CutForm::Barely(seed) => {
                let (place, bit) = odd(cells, seed);
                cells[place] |= bit;
                self.tear_at(range.start + place);
            }
            CutForm::Partial(seed) | CutForm::Scattered(seed) => {
                let mut rng = Rng::new(seed);
                for cell in cells {
                    *cell |= rng.next_u8();
                }
                self.tear(range);
            }
            CutForm::Nearly(seed) => {
                let (place, bit) = odd(cells, seed);
                cells.fill(0xff);
                cells[place] &= !bit;
                self.mend(range);
                self.tear_at(range.start + place);
            }
            CutForm::Unstable(seed) | CutForm::Flickers(seed) => {
                let mask = cells.iter().map(|cell| !cell).collect();
                cells.fill(0xff);
                self.mend(range);
                self.leave_unstable(range.start, mask, seed, form);
            }
        }
        self.mark_programmed(range.clone(), true);
    }

    fn leave_unstable(&mut self, start: usize, mask: Vec<u8>, seed: u64, form: CutForm) {
        let one_in = match form {
            CutForm::Flickers(_) => FLICKERS_ONE_IN,
            _ => 1,
        };
        self.unstable.push(Unstable {
            start,
            mask,
            seed,
            one_in,
        });
    }

    /// Forgets what was torn and unstable in `range`: whole erase blocks.
    pub(super) fn heal(&mut self, range: &Range<usize>) {
        self.mend(range);
        self.unstable.retain(|unstable| !unstable.overlaps(range));
    }

    /// Forgets what was torn in `range`.
    fn mend(&mut self, range: &Range<usize>) {
        self.torn
            .retain(|granule| !range.contains(&(granule * WRITE)));
    }

    /// Makes the granules of `range` fault on read until they are erased, on ECC parts.
    pub(super) fn tear(&mut self, range: &Range<usize>) {
        if self.ecc {
            self.torn
                .extend(range.start / WRITE..range.end.div_ceil(WRITE));
        }
    }

    /// Makes every granule of `range` fault on read until it is erased, on ECC parts; bytes outside are ignored.
    pub(crate) fn spoil(&mut self, range: Range<u32>) {
        let end = (range.end as usize).min(self.bytes.len());
        let range = (range.start as usize).min(end)..end;
        self.mark_programmed(range.clone(), true);
        self.tear(&range);
    }

    fn tear_at(&mut self, at: usize) {
        self.tear(&(at..at + 1));
    }
}

/// One of the bits that change, as its byte's place and a mask of it; `None` where none does.
fn odd_bit(rng: &mut Rng, changes: impl Iterator<Item = u8>) -> Option<(usize, u8)> {
    let bits = |(place, changed): (usize, u8)| {
        let bits = (0..8).map(|bit| 1 << bit);
        bits.filter(move |bit| changed & bit != 0)
            .map(move |bit| (place, bit))
    };
    let all: Vec<(usize, u8)> = changes.enumerate().flat_map(bits).collect();
    rng.pick(&all).copied()
}
