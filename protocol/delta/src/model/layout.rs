//! Where everything lies in the RAM that the caller lends.
//!
//! ```text
//!   | recent bytes | classes | learned code, RAM, units | weights | map | flag slots | byte slots | index |
//!   '------------ the control models of header and map lie here first -----'
//! ```

use super::isa::CLASSES;
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

/// Weight sets of the flags: a class each, and the bytes of a missed unit.
pub(crate) const FLAG_SETS: usize = CLASSES + 8;

/// Weight sets of the bytes: eight bits in four modes.
pub(crate) const BYTE_SETS: usize = 64;

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
        let (flags, bytes, pairs) = match ram {
            0..0x8000 => (6, 4, 64),
            0x8000..0x2_0000 => (8, 6, 128),
            _ => (11, 9, 256),
        };
        Self {
            flags: Shape {
                contexts: flags,
                pace: Pace {
                    start: 10,
                    floor: 8,
                },
                limit: 12,
            },
            bytes: Shape {
                contexts: bytes,
                pace: Pace {
                    start: 12,
                    floor: 12,
                },
                limit: 13,
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
            + (self.code_pairs + self.ram_pairs + self.code_pairs) * PAIR
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
    pub code: &'a mut [u8],
    pub ram: &'a mut [u8],
    pub units: &'a mut [u8],
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
        let (code, fixed) = split(fixed, layout.code_pairs * PAIR);
        let (ram, fixed) = split(fixed, layout.ram_pairs * PAIR);
        let (units, fixed) = split(fixed, layout.code_pairs * PAIR);
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
            code,
            ram,
            units,
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
