//! Coding of the map: gap, displacement and length of every segment.
//!
//! The displacement is told by what it has to do with earlier segments: the same as the last one's
//! (bytes were replaced), the old copy goes on where it stopped (bytes were inserted), the same as one
//! of some segments ago, a continuation of one of these, or else by how far the old copy skips.

use super::coder::Coder;
use super::ints::Ints;
use super::map::{Map, Segment};
use super::old::Old;
use crate::{DecodeError, Lengths};

/// Number models: count, gap, length, recency, skip.
pub(crate) const NUMBERS: usize = 5;
/// Flags.
pub(crate) const FLAGS: usize = 32;

/// Earlier segments that a displacement may be told by.
const RECENT: usize = 16;

/// Which models the map takes: those behind the header's.
pub(crate) struct Coding {
    /// First number model.
    pub numbers: usize,
    /// First flag.
    pub flags: usize,
}

const COUNT: usize = 0;
const GAP: usize = 1;
const LENGTH: usize = 2;
const RECENCY: usize = 3;
const SKIP: usize = 4;

const HAS_GAP: usize = 0;
const SAME: usize = 4;
const CONTINUES: usize = 8;
const OF_RECENT: usize = 12;
const ENDS: usize = 14;
const SIGN: usize = 16;
const TO_END: usize = 18;

/// The last segments, newest first.
#[derive(Clone, Copy, Debug)]
struct Recent {
    segments: [Segment; RECENT],
}

impl Recent {
    const fn new() -> Self {
        let none = Segment {
            new: 0,
            old: 0,
            len: 0,
        };
        Self {
            segments: [none; RECENT],
        }
    }

    fn push(&mut self, segment: Segment) {
        self.segments.rotate_right(1);
        if let Some(first) = self.segments.first_mut() {
            *first = segment;
        }
    }

    fn get(&self, age: usize) -> Segment {
        self.segments.get(age).copied().unwrap_or_default()
    }

    /// Age of the segment, newer ones first, for which `told` gives `old`.
    fn age(&self, old: u32, told: impl Fn(Segment) -> u32) -> Option<usize> {
        (1..RECENT).find(|age| told(self.get(*age)) == old)
    }
}

impl Coding {
    /// Codes the whole map: the segments of `actual` when encoding, what the patch says when decoding,
    /// into `map`. Says how many there are.
    ///
    /// # Errors
    /// What the coder says; [`DecodeError::RamTooSmall`] if the map does not fit,
    /// [`DecodeError::OutsideBase`] and [`DecodeError::TooLong`] for segments outside the images.
    pub(crate) fn code<C: Coder>(
        &self,
        coder: &mut C,
        ints: &mut Ints<'_>,
        old: &mut Old<'_>,
        lengths: Lengths,
        actual: &[Segment],
        map: &mut Map<'_>,
    ) -> Result<(), DecodeError> {
        let count = u32::try_from(actual.len()).unwrap_or(u32::MAX);
        let count = ints.number(coder, old, self.numbers + COUNT, count)?;
        let mut recent = Recent::new();
        let mut kind = 0;
        for number in 0..count {
            let wanted = actual.get(number as usize).copied().unwrap_or_default();
            let segment = self.segment(
                coder,
                ints,
                old,
                &recent,
                (&mut kind, map.last(), wanted),
                (number + 1 == count, lengths),
            )?;
            if segment.len == 0 {
                return Err(DecodeError::Malformed);
            }
            if segment.old > lengths.base || segment.len > lengths.base - segment.old {
                return Err(DecodeError::OutsideBase);
            }
            if segment.new > lengths.new || segment.len > lengths.new - segment.new {
                return Err(DecodeError::TooLong);
            }
            map.push(segment)?;
            recent.push(segment);
        }
        Ok(())
    }

    fn segment<C: Coder>(
        &self,
        coder: &mut C,
        ints: &mut Ints<'_>,
        old: &mut Old<'_>,
        recent: &Recent,
        (kind, last, wanted): (&mut usize, Segment, Segment),
        (is_last, lengths): (bool, Lengths),
    ) -> Result<Segment, DecodeError> {
        let gap = wanted.new.wrapping_sub(last.end());
        let has_gap = ints.flag(coder, old, self.flags + HAS_GAP + *kind, gap != 0)?;
        let gap = if has_gap {
            let less = gap.wrapping_sub(1);
            let less = ints.number(coder, old, self.numbers + GAP, less)?;
            less.wrapping_add(1)
        } else {
            0
        };
        let new = last.end().wrapping_add(gap);
        let start = self.start(coder, ints, old, recent, (kind, last, gap, wanted.old))?;
        let rest = lengths
            .new
            .saturating_sub(new)
            .min(lengths.base.saturating_sub(start));
        let to_end = is_last && ints.flag(coder, old, self.flags + TO_END, wanted.len == rest)?;
        let len = if to_end {
            rest
        } else {
            let less = wanted.len.wrapping_sub(1);
            let less = ints.number(coder, old, self.numbers + LENGTH, less)?;
            less.wrapping_add(1)
        };
        Ok(Segment {
            new,
            old: start,
            len,
        })
    }

    /// Where in the old image the segment begins.
    fn start<C: Coder>(
        &self,
        coder: &mut C,
        ints: &mut Ints<'_>,
        old: &mut Old<'_>,
        recent: &Recent,
        (kind, last, gap, wanted): (&mut usize, Segment, u32, u32),
    ) -> Result<u32, DecodeError> {
        let end = last.old_end();
        let new = last.end().wrapping_add(gap);
        let before = *kind;
        if gap != 0 {
            let same = end.wrapping_add(gap);
            if ints.flag(coder, old, self.flags + SAME + before, wanted == same)? {
                *kind = 0;
                return Ok(same);
            }
            if ints.flag(coder, old, self.flags + CONTINUES + before, wanted == end)? {
                *kind = 1;
                return Ok(end);
            }
        }
        let shifted = |s: Segment| new.wrapping_add(s.old.wrapping_sub(s.new));
        let by_shift = recent.age(wanted, shifted);
        let by_end = recent.age(wanted, Segment::old_end);
        let near = by_shift.is_some() || by_end.is_some();
        if ints.flag(
            coder,
            old,
            self.flags + OF_RECENT + usize::from(gap != 0),
            near,
        )? {
            *kind = 2;
            let ends = by_shift.is_none();
            let ends = ints.flag(coder, old, self.flags + ENDS, ends)?;
            let age = if ends { by_end } else { by_shift };
            let age = age.map_or(0, |age| age as u32 - 1);
            let age = ints.number(coder, old, self.numbers + RECENCY, age)?;
            let told = recent.get((age as usize).saturating_add(1));
            return Ok(if ends { told.old_end() } else { shifted(told) });
        }
        *kind = 3;
        let skip = wanted.wrapping_sub(end).cast_signed();
        let skip = ints.signed(coder, old, self.numbers + SKIP, self.flags + SIGN, skip)?;
        Ok(end.wrapping_add_signed(skip))
    }
}
