//! The map: which runs of the new image come from where in the old one.
//!
//! It is sent before the bytes and kept whole, so that every old address can be mapped to its new
//! one, forward references included. In RAM a segment takes about five bytes: varints of the gap
//! before it, its length and the change of its displacement. Every [`BLOCK`] segments an entry of the
//! index, which grows from the other end, says what old offsets they cover, so that a lookup decodes
//! one or two blocks.

use crate::DecodeError;

/// A run of the new image that is aligned with a run of the old one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Offset in the new image.
    pub new: u32,
    /// Offset in the old image.
    pub old: u32,
    /// Length in bytes.
    pub len: u32,
}

impl Segment {
    /// Offset in the new image of the first byte behind the segment.
    pub(crate) const fn end(self) -> u32 {
        self.new.wrapping_add(self.len)
    }

    /// Offset in the old image of the first byte behind the segment.
    pub(crate) const fn old_end(self) -> u32 {
        self.old.wrapping_add(self.len)
    }

    /// Where the segment brings the byte at `old`, if it covers it.
    pub(crate) const fn forward(self, old: u32) -> Option<u32> {
        let within = old.wrapping_sub(self.old);
        if within < self.len {
            Some(self.new.wrapping_add(within))
        } else {
            None
        }
    }
}

/// Segments to an entry of the index.
const BLOCK: u32 = 16;

/// Bytes of an entry of the index.
const ENTRY: usize = 20;

/// What the index says of a block.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// Where its varints begin.
    at: u32,
    /// End in new and old image of the segment before the block.
    new_end: u32,
    displacement: u32,
    /// Old offsets that its segments cover, from the least to behind the greatest.
    least: u32,
    end: u32,
}

impl Entry {
    fn to_bytes(self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        let fields = [
            self.at,
            self.new_end,
            self.displacement,
            self.least,
            self.end,
        ];
        for (place, field) in bytes.chunks_exact_mut(4).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8; ENTRY]) -> Self {
        let (words, _) = bytes.as_chunks::<4>();
        let mut words = words.iter().map(|w| u32::from_le_bytes(*w));
        let mut next = || words.next().unwrap_or(0);
        Self {
            at: next(),
            new_end: next(),
            displacement: next(),
            least: next(),
            end: next(),
        }
    }
}

/// The map over bytes that the caller lends.
pub(crate) struct Map<'a> {
    bytes: &'a mut [u8],
    /// Bytes of varints at the front.
    used: usize,
    count: u32,
    last: Segment,
}

/// A walk along the segments.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor {
    at: usize,
    number: u32,
    new_end: u32,
    displacement: u32,
}

impl<'a> Map<'a> {
    /// An empty map.
    pub(crate) fn new(bytes: &'a mut [u8]) -> Self {
        Self {
            bytes,
            used: 0,
            count: 0,
            last: Segment::default(),
        }
    }

    /// The last segment pushed.
    pub(crate) const fn last(&self) -> Segment {
        self.last
    }

    fn index_len(&self) -> usize {
        index_len(self.count)
    }

    /// How large it has become.
    pub(crate) const fn size(&self) -> Size {
        Size {
            used: self.used as u32,
            count: self.count,
        }
    }

    /// Adds a segment behind the last one; its `new` must not lie before the last one's end.
    ///
    /// # Errors
    /// [`DecodeError::RamTooSmall`] if it does not fit, [`DecodeError::Malformed`] if it is out of order.
    pub(crate) fn push(&mut self, segment: Segment) -> Result<(), DecodeError> {
        let gap = segment.new.checked_sub(self.last.end());
        let gap = gap.ok_or(DecodeError::Malformed)?;
        let displacement = segment.old.wrapping_sub(segment.new);
        let before = self.last.old.wrapping_sub(self.last.new);
        if self.count.is_multiple_of(BLOCK) {
            let entry = Entry {
                at: self.used as u32,
                new_end: self.last.end(),
                displacement: before,
                least: segment.old,
                end: segment.old_end(),
            };
            self.count += 1;
            let at = self.bytes.len().checked_sub(self.index_len());
            self.count -= 1;
            self.put_entry(at, entry)?;
        } else {
            let at = self.bytes.len().checked_sub(self.index_len());
            let mut entry = at
                .and_then(|at| self.bytes.get(at..)?.first_chunk())
                .map(Entry::from_bytes)
                .ok_or(DecodeError::RamTooSmall)?;
            entry.least = entry.least.min(segment.old);
            entry.end = entry.end.max(segment.old_end());
            self.put_entry(at, entry)?;
        }
        let change = displacement.wrapping_sub(before).cast_signed();
        self.put(gap)?;
        self.put(segment.len)?;
        self.put((change << 1 ^ change >> 31).cast_unsigned())?;
        self.count += 1;
        self.last = segment;
        // The varints must not run into the index.
        if self.used + self.index_len() > self.bytes.len() {
            return Err(DecodeError::RamTooSmall);
        }
        Ok(())
    }

    fn put_entry(&mut self, at: Option<usize>, entry: Entry) -> Result<(), DecodeError> {
        let at = at.filter(|at| *at >= self.used);
        let place = at.and_then(|at| self.bytes.get_mut(at..)?.first_chunk_mut());
        *place.ok_or(DecodeError::RamTooSmall)? = entry.to_bytes();
        Ok(())
    }

    fn put(&mut self, mut value: u32) -> Result<(), DecodeError> {
        loop {
            let more = value > 0x7F;
            let place = self.bytes.get_mut(self.used);
            *place.ok_or(DecodeError::RamTooSmall)? = (value & 0x7F) as u8 | u8::from(more) << 7;
            self.used += 1;
            value >>= 7;
            if !more {
                return Ok(());
            }
        }
    }
}

/// How large a complete map is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    used: u32,
    count: u32,
}

impl Size {
    /// Bytes of the varints at the front.
    pub(crate) const fn varints(self) -> usize {
        self.used as usize
    }

    /// Bytes of the index at the end.
    pub(crate) fn index(self) -> usize {
        index_len(self.count)
    }
}

fn index_len(count: u32) -> usize {
    count.div_ceil(BLOCK) as usize * ENTRY
}

/// The complete map.
pub(crate) struct Sealed<'a> {
    varints: &'a [u8],
    index: &'a [u8],
    count: u32,
}

impl<'a> Sealed<'a> {
    /// The map of this size, whose varints and index these are.
    pub(crate) fn new(varints: &'a [u8], index: &'a [u8], size: Size) -> Self {
        Self {
            varints,
            index,
            count: size.count,
        }
    }
}

impl Sealed<'_> {
    /// The next segment of a walk.
    pub(crate) fn next(&self, cursor: &mut Cursor) -> Option<Segment> {
        if cursor.number >= self.count {
            return None;
        }
        let gap = self.varint(&mut cursor.at)?;
        let len = self.varint(&mut cursor.at)?;
        let change = self.varint(&mut cursor.at)?;
        let change = (change >> 1) ^ (change & 1).wrapping_neg();
        cursor.displacement = cursor.displacement.wrapping_add(change);
        let new = cursor.new_end.wrapping_add(gap);
        let segment = Segment {
            new,
            old: new.wrapping_add(cursor.displacement),
            len,
        };
        cursor.new_end = segment.end();
        cursor.number += 1;
        Some(segment)
    }

    fn varint(&self, at: &mut usize) -> Option<u32> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let byte = *self.varints.get(*at)?;
            *at += 1;
            value |= u32::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                break;
            }
        }
        Some(value)
    }

    fn entry(&self, block: u32) -> Option<Entry> {
        let end = self.index.len().checked_sub(block as usize * ENTRY)?;
        let bytes = self.index.get(..end)?.last_chunk()?;
        Some(Entry::from_bytes(bytes))
    }

    fn block(&self, block: u32, entry: &Entry) -> impl Iterator<Item = Segment> + '_ {
        let mut cursor = Cursor {
            at: entry.at as usize,
            number: block * BLOCK,
            new_end: entry.new_end,
            displacement: entry.displacement,
        };
        (0..BLOCK).map_while(move |_| self.next(&mut cursor))
    }

    /// The first segment that covers the old offset; without one, that whose old end is nearest
    /// below it. Beside it, whether it covers.
    pub(crate) fn find(&self, old: u32) -> Option<(Segment, bool)> {
        let mut below: Option<Segment> = None;
        for number in 0..self.count.div_ceil(BLOCK) {
            let entry = self.entry(number)?;
            let nearest = below.map_or(0, Segment::old_end);
            if old < entry.least || entry.end <= nearest {
                continue;
            }
            for segment in self.block(number, &entry) {
                if segment.forward(old).is_some() {
                    return Some((segment, true));
                }
                let end = segment.old_end();
                if end <= old && below.is_none_or(|b| end > b.old_end()) {
                    below = Some(segment);
                }
            }
        }
        below.map(|segment| (segment, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    proptest! {
        /// The map against a list of its segments.
        #[test]
        fn the_map_is_its_list(
            shapes in proptest::collection::vec((0_u32..300, 0_u32..100_000, 1_u32..2000), 0..100),
            probes in proptest::collection::vec(0_u32..110_000, 50),
        ) {
            let mut bytes = vec![0; 4096];
            let mut map = Map::new(&mut bytes);
            let mut list: Vec<Segment> = Vec::new();
            for (gap, old, len) in shapes {
                let new = list.last().map_or(0, |s: &Segment| s.end()) + gap;
                list.push(Segment { new, old, len });
                map.push(Segment { new, old, len }).unwrap();
            }
            let size = map.size();
            let (varints, index) = (size.varints(), bytes.len() - size.index());
            let sealed = Sealed::new(&bytes[..varints], &bytes[index..], size);
            let mut cursor = Cursor::default();
            let walked: Vec<_> = core::iter::from_fn(|| sealed.next(&mut cursor)).collect();
            prop_assert_eq!(&walked, &list);
            for probe in probes {
                let found = sealed.find(probe);
                if let Some(hit) = list.iter().find(|s| s.forward(probe).is_some()) {
                    prop_assert_eq!(found, Some((*hit, true)));
                } else {
                    let end = list.iter().map(|s| s.old_end()).filter(|e| *e <= probe).max();
                    prop_assert_eq!(found.map(|(s, hit)| (s.old_end(), hit)), end.map(|e| (e, false)));
                }
            }
        }

        #[test]
        fn too_little_room_is_said(room in 0_usize..200) {
            let mut bytes = vec![0; room];
            let mut map = Map::new(&mut bytes);
            let mut new = 0;
            let refused = (0..100).find_map(|i| {
                new += i * 40;
                map.push(Segment { new, old: i * 7919, len: 30 }).err()
            });
            prop_assert_eq!(refused, Some(DecodeError::RamTooSmall));
        }
    }
}
