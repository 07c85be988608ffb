//! The contexts: what flags and bytes are predicted from, best first. A network takes as many of the
//! front as its RAM allows.

use super::isa::words;
use super::layout::{BYTE_CONTEXTS, CLASS, FLAG_CONTEXTS};
use super::map::Segment;
use super::net::hash;
use super::predict::{MAX_UNIT, Prediction};
use super::walk::Walk;

/// What one unit is coded under.
pub(crate) struct Setting<'p> {
    pub prediction: &'p Prediction,
    pub segment: Segment,
    pub at: u32,
    pub following: u32,
    pub before: u32,
}

impl Walk<'_> {
    /// The contexts of a flag: of the whole unit for part 0, else of the byte number part - 1.
    pub(super) fn flag_hashes(
        &self,
        setting: &Setting<'_>,
        part: u32,
        hits: u32,
        so_far: [u8; MAX_UNIT],
    ) -> [u32; FLAG_CONTEXTS] {
        let prediction = setting.prediction;
        let unit = &prediction.unit;
        let class = u32::from(unit.class);
        let kind = class << 4 | part;
        let expected = match part {
            0 => word_of(prediction.new),
            _ => {
                let index = self.order(part as usize - 1, usize::from(unit.len));
                u32::from(prediction.new.get(index).copied().unwrap_or(0))
            }
        };
        let whole = word_of(prediction.old);
        // A byte that stands alone is told by what stands before it.
        let known = match unit.len {
            1 => setting.before,
            _ => word_of(so_far),
        };
        let of_class = self
            .classes
            .get(usize::from(unit.class) * CLASS)
            .copied()
            .unwrap_or(0);
        let to_start = log2(setting.at.wrapping_sub(setting.segment.new));
        let to_end = log2(setting.segment.end().wrapping_sub(setting.at));
        let target = unit.reference.map_or(0, |r| r.target as u32);
        let around = if words::is_data(unit.class) {
            hash(&[43, self.state.history.differences & 0xFF_FFFF, part, hits])
        } else {
            hash(&[36, to_start.min(8) << 8 | to_end.min(8), part, hits])
        };
        let coded = self.state.history.coded as u32;
        let quality = prediction.quality;
        let other = u32::from(prediction.other.is_some());
        [
            hash(&[32, kind, quality, hits << 1 | other, log2(self.state.run)]),
            hash(&[33, kind, u32::from(of_class), quality]),
            hash(&[34, kind, expected]),
            hash(&[35, whole, part, hits, known]),
            around,
            hash(&[37, self.state.hits & 0xFFF, part]),
            hash(&[38, target, part, quality]),
            hash(&[39, self.state.last_unit, whole, part]),
            hash(&[40, expected, setting.following, part]),
            hash(&[41, expected, coded & 0xFFFF, part]),
            hash(&[42, setting.before, whole, part]),
        ]
    }

    /// The contexts of a byte that is not as predicted: number `number` of its unit, of which `so_far`
    /// is known.
    pub(super) fn miss_hashes(
        &self,
        setting: &Setting<'_>,
        number: usize,
        expected: u8,
        so_far: [u8; MAX_UNIT],
    ) -> [u32; BYTE_CONTEXTS] {
        let unit = &setting.prediction.unit;
        let class = usize::from(unit.class);
        let kind = u32::from(unit.class) << 4 | number as u32;
        let e = u32::from(expected);
        let coded = self.state.history.coded as u32;
        let fix = self.classes.get(class * CLASS + 1).copied().unwrap_or(0);
        let target = unit.reference.map_or(0, |r| r.target as u32);
        if words::is_data(unit.class) {
            let [differences, changes] =
                [self.state.history.differences, self.state.history.changes];
            return [
                hash(&[0, e, kind]),
                hash(&[9, changes & 0xFF, differences & 0xFF, number as u32]),
                hash(&[2, word_of(so_far), word_of(setting.prediction.old), kind]),
                hash(&[3, u32::from(fix), kind]),
                hash(&[10, changes & 0xFFFF, differences & 0xFFFF]),
                hash(&[6, e, coded & 0xFF, number as u32]),
                hash(&[11, setting.before, e, number as u32]),
                hash(&[4, kind]),
                hash(&[12, changes & 0xFF_FFFF, target, number as u32]),
            ];
        }
        [
            hash(&[0, e, kind]),
            hash(&[1, coded & 0xFF, kind & 0xF]),
            hash(&[2, word_of(so_far), word_of(setting.prediction.old), kind]),
            hash(&[3, u32::from(expected.wrapping_add(fix)), kind]),
            hash(&[4, kind]),
            hash(&[5, coded & 0xFFFF]),
            hash(&[6, e, coded & 0xFF, number as u32]),
            hash(&[7, coded & 0xFF_FFFF]),
            hash(&[8, target, number as u32]),
        ]
    }

    /// The contexts of a literal byte.
    pub(super) fn literal_hashes(&self) -> [u32; BYTE_CONTEXTS] {
        let history = &self.state.history;
        let coded = history.coded as u32;
        let phase = u32::from(history.phase);
        let [last, before] = history.operations.map(u32::from);
        [
            hash(&[16, phase]),
            hash(&[17, coded & 0xFF, phase]),
            hash(&[18, coded & 0xFFFF]),
            hash(&[19, history.so_far, phase, last]),
            hash(&[20, coded & 0xFF_FFFF]),
            hash(&[21, coded >> 8 & 0xFF, phase]),
            hash(&[22, history.so_far, phase, last, before]),
            hash(&[23, coded]),
            hash(&[24, coded >> 8 & 0xFFFF, phase]),
        ]
    }
}

/// The first four bytes of a unit as a number.
pub(super) fn word_of(bytes: [u8; MAX_UNIT]) -> u32 {
    let [a, b, c, d, e, f, g, h] = bytes;
    u32::from_le_bytes([a, b, c, d]) ^ u32::from_le_bytes([e, f, g, h]).rotate_left(7)
}

/// Bits that the number takes.
fn log2(number: u32) -> u32 {
    u32::BITS - number.leading_zeros()
}
