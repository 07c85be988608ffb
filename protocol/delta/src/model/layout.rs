//! Where everything lies in the RAM that the caller lends.
//!
//! ```text
//!   | recent bytes | classes | names | learned code, RAM, units, numbers | weights |
//!   '--------- the control models of header and map lie here first -------------'
//!   | map | flag slots | byte slots | index |
//! ```

use super::isa::CLASSES;
use super::isa::fields::REGISTERS;
use super::learn::PAIR;
use super::map::Size;
use super::mixer::Pace;
use super::net::{Shape, weights_len};
use super::slots::SLOT;
use super::{header, ints, segments};

/// Bytes of the new image that are kept in RAM.
pub(crate) const RECENT: usize = 256;

/// Bytes kept for each class of unit.
pub(crate) const CLASS: usize = 4;

/// Most contexts of a flag.
pub(crate) const FLAG_CONTEXTS: usize = 11;

/// Most contexts of a byte.
pub(crate) const BYTE_CONTEXTS: usize = 9;

/// Weight sets of the flags: a class each, and the bytes of a missed unit.
pub(crate) const FLAG_SETS: usize = CLASSES + 8;

/// Weight sets of the bytes by bit: eight bits in eight modes, four of missed bytes and four of literals.
pub(crate) const BYTE_MODES: usize = 64;

/// All weight sets of the bytes: behind those by bit, one for each upper half of the byte before, for missed
/// bytes and for literals.
pub(crate) const BYTE_SETS: usize = BYTE_MODES + 32;

/// The weight that flags start with, 0.2; there are weights for the most contexts.
const FLAG_START: [i16; 2 * FLAG_CONTEXTS + 1] = [1638; 2 * FLAG_CONTEXTS + 1];

/// Weights that bytes start with, for four, six and nine contexts: half of what training on 13 pairs came to, since
/// two sets add up. Of each context first that of its logit, then that of its distance from one half; last
/// that of the constant.
const BYTE_START: [&[i16]; 3] = [
    &[1827, 1760, 1482, 1259, 1313, 1227, 1538, 1427, -1222],
    &[
        1398, 1312, 977, 786, 961, 901, 1280, 1201, 1000, 910, 740, 558, -838,
    ],
    &[
        1184, 1114, 765, 534, 743, 695, 954, 912, 658, 595, 549, 333, 954, 1002, 636, 723, 420,
        489, -601,
    ],
];

/// The sizes of all that lies in RAM, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub flags: Shape,
    pub bytes: Shape,
    pub code_pairs: usize,
    pub ram_pairs: usize,
}

impl Layout {
    /// The layout for this many bytes.
    pub(crate) const fn of(ram: u32) -> Self {
        let [small, medium, large] = BYTE_START;
        let (flags, bytes, start, pairs) = match ram {
            0..0x8000 => (6, 4, small, 64),
            0x8000..0x2_0000 => (8, 6, medium, 128),
            _ => (FLAG_CONTEXTS, BYTE_CONTEXTS, large, 256),
        };
        let (flag_start, _) = FLAG_START.split_at(2 * flags + 1);
        Self {
            flags: Shape {
                contexts: flags,
                pace: Pace {
                    start: 10,
                    floor: 8,
                },
                limit: 12,
                start: flag_start,
            },
            bytes: Shape {
                contexts: bytes,
                pace: Pace {
                    start: 12,
                    floor: 12,
                },
                limit: 11,
                start,
            },
            code_pairs: pairs,
            ram_pairs: pairs,
        }
    }

    /// Bytes of the weights of the flags.
    pub(crate) const fn flag_weights(&self) -> usize {
        weights_len(self.flags.contexts, FLAG_SETS)
    }

    /// Bytes of the weights of the bytes.
    pub(crate) const fn byte_weights(&self) -> usize {
        weights_len(self.bytes.contexts, BYTE_SETS)
    }

    /// Bytes of all that is as large for every patch.
    pub(crate) const fn fixed(&self) -> usize {
        let size = RECENT
            + CLASSES * CLASS
            + REGISTERS
            + (3 * self.code_pairs + self.ram_pairs) * PAIR
            + self.flag_weights()
            + self.byte_weights();
        if size > CONTROL { size } else { CONTROL }
    }

    /// Bytes of the slots of the flags, when so many are left for slots.
    pub(crate) const fn flag_slots(left: usize) -> usize {
        left / 3 / (SLOT * 2) * (SLOT * 2)
    }
}

/// The RAM, cut.
pub(crate) struct Parts<'a> {
    pub recent: &'a mut [u8],
    pub classes: &'a mut [u8],
    pub names: &'a mut [u8],
    pub code: &'a mut [u8],
    pub ram: &'a mut [u8],
    pub units: &'a mut [u8],
    pub numbers: &'a mut [u8],
    pub flag_weights: &'a mut [u8],
    pub byte_weights: &'a mut [u8],
    pub varints: &'a mut [u8],
    pub index: &'a mut [u8],
    pub flag_slots: &'a mut [u8],
    pub byte_slots: &'a mut [u8],
}

impl<'a> Parts<'a> {
    /// Cuts RAM that holds a map of this size.
    pub(crate) fn of(ram: &'a mut [u8], map: Size) -> Self {
        let layout = Layout::of(ram.len() as u32);
        let (fixed, rest) = split(ram, layout.fixed());
        let (recent, fixed) = split(fixed, RECENT);
        let (classes, fixed) = split(fixed, CLASSES * CLASS);
        let (names, fixed) = split(fixed, REGISTERS);
        let (code, fixed) = split(fixed, layout.code_pairs * PAIR);
        let (ram, fixed) = split(fixed, layout.ram_pairs * PAIR);
        let (units, fixed) = split(fixed, layout.code_pairs * PAIR);
        let (numbers, fixed) = split(fixed, layout.code_pairs * PAIR);
        let (flag_weights, fixed) = split(fixed, layout.flag_weights());
        let (byte_weights, _) = split(fixed, layout.byte_weights());
        let (varints, rest) = split(rest, map.varints());
        let slots = rest.len().saturating_sub(map.index());
        let (slots, index) = split(rest, slots);
        let share = Layout::flag_slots(slots.len());
        let (flag_slots, byte_slots) = split(slots, share);
        Self {
            recent,
            classes,
            names,
            code,
            ram,
            units,
            numbers,
            flag_weights,
            byte_weights,
            varints,
            index,
            flag_slots,
            byte_slots,
        }
    }
}

fn split(bytes: &mut [u8], at: usize) -> (&mut [u8], &mut [u8]) {
    let at = at.min(bytes.len());
    bytes.split_at_mut(at)
}

/// Bytes of the control models.
pub(crate) const CONTROL: usize = ints::size(
    header::NUMBERS + segments::NUMBERS,
    header::FLAGS + segments::FLAGS,
);
