//! What a unit teaches once it is known.

use super::Walk;
use crate::model::isa::{Reference, words};
use crate::model::layout::RECENT;
use crate::model::map::Segment;
use crate::model::names;
use crate::model::old::Old;
use crate::model::predict::{MAX_UNIT, Prediction, number_of, quality};

impl Walk<'_> {
    /// Learns from a unit that lies in a segment.
    pub(super) fn learn(
        &mut self,
        old: &mut Old<'_>,
        segment: Segment,
        prediction: &Prediction,
        actual: &[u8; MAX_UNIT],
    ) {
        let len = usize::from(prediction.unit.len);
        if !words::is_data(prediction.unit.class) {
            let isa = self.state.header.isa;
            names::learn(self.names, isa, (prediction.new, *actual), len);
        }
        if let Some(reference) = prediction.unit.reference {
            self.learn_target(old, segment, (prediction, reference), actual);
        } else if actual.get(..len) != prediction.new.get(..len) {
            self.learn_plain(prediction, actual);
        }
    }

    /// Learns what a plain unit was replaced by, and its number if that is all that has changed.
    fn learn_plain(&mut self, prediction: &Prediction, actual: &[u8; MAX_UNIT]) {
        let len = usize::from(prediction.unit.len);
        if len != 2 && len != 4 {
            return;
        }
        let [a, b, c, d, ..] = prediction.old;
        let [e, f, g, h, ..] = *actual;
        let (from, to) = ([a, b, c, d], [e, f, g, h]);
        self.units
            .learn(u32::from_le_bytes(from), u32::from_le_bytes(to));
        let isa = self.state.header.isa;
        if let Some(number) = number_of(isa, prediction)
            && let Some(new) = isa.instruction(*actual, len)
            && (number.instruction ^ new) & !number.mask == 0
        {
            self.numbers.learn(number.key(), new & number.mask);
        }
    }

    /// Learns where the unit's target really has gone.
    fn learn_target(
        &mut self,
        old: &mut Old<'_>,
        segment: Segment,
        (prediction, reference): (&Prediction, Reference),
        actual: &[u8; MAX_UNIT],
    ) {
        let new = prediction.new.get(..usize::from(prediction.unit.len));
        if new == actual.get(..usize::from(prediction.unit.len))
            && prediction.quality != quality::RAM_NEAR
        {
            return;
        }
        let mut place = prediction.place;
        let mut partner = 0;
        // A partner's instruction is read at its new place, if that is among the recent bytes.
        if !(words::FIRST..=words::LAST).contains(&reference.form)
            && let Some(offset) = reference.partner
            && let Some(at) = segment.forward(offset)
            && at < self.state.at
            && self.state.at.wrapping_sub(at) as usize <= RECENT
        {
            let bytes = [0, 1, 2, 3].map(|n| self.recent(at.wrapping_add(n)));
            partner = if old.big_endian() {
                u32::from_be_bytes(bytes)
            } else {
                u32::from_le_bytes(bytes)
            };
            place.partner = self.state.header.new.address(at);
        }
        let len = usize::from(prediction.unit.len);
        let unit = actual.get(..len).unwrap_or_default();
        let isa = self.state.header.isa;
        let Some(target) = isa.target(reference.form, unit, place, partner) else {
            return;
        };
        match self.state.header.old.offset(reference.target) {
            Some(from) => {
                if let Some(to) = self.state.header.new.offset(target) {
                    self.code.learn(from, to);
                }
            }
            None => {
                let start = u64::from(self.state.header.ram_start) << 8;
                let len = u64::from(self.state.header.ram_len) << 8;
                if target.wrapping_sub(start) < len {
                    let from = reference.target.wrapping_sub(start) as u32;
                    self.ram.learn(from, target.wrapping_sub(start) as u32);
                }
            }
        }
    }
}
