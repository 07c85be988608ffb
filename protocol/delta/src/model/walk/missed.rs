//! Units that are not as predicted, down to the bits of their bytes.

use super::Walk;
use crate::DecodeError;
use crate::model::coder::{Coder, Part};
use crate::model::contexts::Setting;
use crate::model::isa::{CLASSES, words};
use crate::model::layout::{BYTE_CONTEXTS, BYTE_MODES, CLASS, FLAG_SETS};
use crate::model::net::hash;
use crate::model::old::Old;
use crate::model::predict::MAX_UNIT;

impl Walk<'_> {
    /// Codes the bytes of a unit that is not as predicted.
    pub(super) fn missed<C: Coder>(
        &mut self,
        coder: &mut C,
        old: &mut Old<'_>,
        setting: &Setting<'_>,
        actual: [u8; MAX_UNIT],
    ) -> Result<[u8; MAX_UNIT], DecodeError> {
        let prediction = setting.prediction;
        let len = usize::from(prediction.unit.len);
        let mut bytes = [0; MAX_UNIT];
        let mut hits = 0_u32;
        for number in 0..len {
            let index = self.order(number, len);
            let expected = prediction.new.get(index).copied().unwrap_or(0);
            let byte = actual.get(index).copied().unwrap_or(0);
            // The last byte cannot be as predicted if all before it were.
            let forced = number + 1 == len && hits.count_ones() as usize == number;
            coder.part(Part::Flags, self.state.at);
            let hit = !forced && {
                let part = number as u32 + 1;
                let hashes = self.flag_hashes(setting, part, hits, bytes);
                let set = CLASSES + number.min(FLAG_SETS - CLASSES - 2);
                self.flags.bit(
                    coder,
                    old,
                    &mut self.state.random,
                    (&hashes, &[set]),
                    byte == expected,
                )?
            };
            let byte = if hit {
                expected
            } else {
                self.miss(coder, old, setting, (number, expected, bytes), byte)?
            };
            hits |= u32::from(hit) << number;
            if let Some(place) = bytes.get_mut(index) {
                *place = byte;
            }
            self.heard(prediction, index, byte);
        }
        Ok(bytes)
    }

    /// Codes a byte that differs from `expected`.
    fn miss<C: Coder>(
        &mut self,
        coder: &mut C,
        old: &mut Old<'_>,
        setting: &Setting<'_>,
        (number, expected, so_far): (usize, u8, [u8; MAX_UNIT]),
        actual: u8,
    ) -> Result<u8, DecodeError> {
        let contexts = self.miss_hashes(setting, number, expected, so_far);
        let class = usize::from(setting.prediction.unit.class);
        coder.part(Part::Misses, self.state.at);
        // Fields of data that move do so by like amounts, whatever they hold and wherever they stand.
        let origin = if words::is_data(setting.prediction.unit.class) {
            expected
        } else {
            0
        };
        let coded = actual.wrapping_sub(origin);
        let not = expected.wrapping_sub(origin);
        let coded = self.byte(coder, old, &contexts, number.min(3), coded, Some(not))?;
        let byte = coded.wrapping_add(origin);
        if let Some(place) = self.classes.get_mut(class * CLASS + 1) {
            *place = byte.wrapping_sub(expected);
        }
        Ok(byte)
    }

    /// Codes a byte, bit by bit from the top; `not` is a byte that it cannot be.
    pub(super) fn byte<C: Coder>(
        &mut self,
        coder: &mut C,
        old: &mut Old<'_>,
        contexts: &[u32; BYTE_CONTEXTS],
        mode: usize,
        actual: u8,
        not: Option<u8>,
    ) -> Result<u8, DecodeError> {
        // The second weight set knows of bits no more than the half of the byte before.
        let last = self.state.history.coded as usize & 0xFF;
        let second = BYTE_MODES + (last >> 4) + (mode & 4) * 4;
        let mut node = 1_u32;
        for depth in (0..8).rev() {
            let bit = actual >> depth & 1 == 1;
            // The seven bits before told all but what it cannot be.
            let known = not.filter(|not| depth == 0 && node == 0x80 | u32::from(*not) >> 1);
            let bit = match known {
                Some(not) => not & 1 == 0,
                None => {
                    let mut hashes = [0; BYTE_CONTEXTS];
                    let used = self.bytes.contexts();
                    for (to, from) in hashes.iter_mut().zip(contexts).take(used) {
                        *to = hash(&[*from, node]);
                    }
                    let set = (mode * 8 + depth) % BYTE_MODES;
                    self.bytes.bit(
                        coder,
                        old,
                        &mut self.state.random,
                        (&hashes, &[set, second]),
                        bit,
                    )?
                }
            };
            node = node << 1 | u32::from(bit);
        }
        Ok(node as u8)
    }
}
