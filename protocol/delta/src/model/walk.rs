//! The walk along the new image, unit by unit: written once, run by encoder and decoder.

mod learn;
mod missed;

use super::coder::{Coder, Part};
use super::contexts::{Setting, word_of};
use super::header::Header;
use super::history::History;
use super::isa::{CLASSES, Isa, words};
use super::layout::{CLASS, FLAG_SETS, Layout, Parts, RECENT};
use super::learn::{Fill, Learned};
use super::map::{Cursor, Sealed, Segment, Size};
use super::net::Net;
use super::old::Old;
use super::predict::{MAX_UNIT, Prediction, Sources};
use super::random::Random;
use super::{mixer, slots};
use crate::DecodeError;

/// What is kept of a walk between two calls, beside the bytes of RAM.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub header: Header,
    /// How large the map is: it follows the fixed part of RAM.
    map: Size,
    cursor: Cursor,
    /// The segment at `at`, or the next one.
    segment: Option<Segment>,
    random: Random,
    code: Fill,
    ram: Fill,
    units: Fill,
    numbers: Fill,
    flag_decisions: u32,
    byte_decisions: u32,
    /// Offset in the new image of the next unit.
    at: u32,
    pub(super) history: History,
    /// Whether the last units were as predicted, newest in the lowest bit.
    pub(super) hits: u32,
    /// Units since the last miss.
    pub(super) run: u32,
    pub(super) last_unit: u32,
}

/// A walk on its way.
pub(crate) struct Walk<'a> {
    pub(super) state: &'a mut State,
    map: Sealed<'a>,
    code: Learned<'a>,
    ram: Learned<'a>,
    /// Plain units that were replaced by others.
    units: Learned<'a>,
    /// Numbers of plain instructions that were replaced by others.
    numbers: Learned<'a>,
    /// New names of registers.
    names: &'a mut [u8],
    flags: Net<'a>,
    bytes: Net<'a>,
    recent: &'a mut [u8],
    pub(super) classes: &'a mut [u8],
}

impl State {
    /// A walk at the start of the image, over RAM that holds a map of this size.
    pub(crate) fn new(header: Header, map: Size, ram: &mut [u8]) -> Self {
        let layout = Layout::of(ram.len() as u32);
        let parts = Parts::of(ram, map);
        for part in [
            parts.recent,
            parts.classes,
            parts.code,
            parts.ram,
            parts.units,
            parts.numbers,
            parts.names,
        ] {
            part.fill(0);
        }
        mixer::clear(parts.flag_weights, layout.flags.start);
        mixer::clear(parts.byte_weights, layout.bytes.start);
        slots::clear(parts.flag_slots);
        slots::clear(parts.byte_slots);
        let mut cursor = Cursor::default();
        let segment = Sealed::new(parts.varints, parts.index, map).next(&mut cursor);
        Self {
            header,
            map,
            cursor,
            segment,
            random: Random::new(),
            code: Fill::default(),
            ram: Fill::default(),
            units: Fill::default(),
            numbers: Fill::default(),
            flag_decisions: 0,
            byte_decisions: 0,
            at: 0,
            history: History::default(),
            hits: 0,
            run: 0,
            last_unit: 0,
        }
    }
}

impl<'a> Walk<'a> {
    /// Goes on where `state` is, over the RAM as it was left.
    pub(crate) fn resume(state: &'a mut State, ram: &'a mut [u8]) -> Self {
        let layout = Layout::of(ram.len() as u32);
        let parts = Parts::of(ram, state.map);
        Self {
            map: Sealed::new(parts.varints, parts.index, state.map),
            code: Learned::resume(parts.code, state.code),
            ram: Learned::resume(parts.ram, state.ram),
            units: Learned::resume(parts.units, state.units),
            numbers: Learned::resume(parts.numbers, state.numbers),
            names: parts.names,
            flags: Net::resume(
                parts.flag_weights,
                parts.flag_slots,
                layout.flags,
                state.flag_decisions,
            ),
            bytes: Net::resume(
                parts.byte_weights,
                parts.byte_slots,
                layout.bytes,
                state.byte_decisions,
            ),
            recent: parts.recent,
            classes: parts.classes,
            state,
        }
    }

    /// The segments of the map, in order.
    #[cfg(feature = "encode")]
    pub(crate) fn segments(&self) -> impl Iterator<Item = Segment> + '_ {
        let mut cursor = Cursor::default();
        core::iter::from_fn(move || self.map.next(&mut cursor))
    }

    /// Keeps in the state what is not in RAM.
    pub(crate) fn suspend(self) {
        self.state.code = self.code.fill();
        self.state.ram = self.ram.fill();
        self.state.units = self.units.fill();
        self.state.numbers = self.numbers.fill();
        self.state.flag_decisions = self.flags.decisions();
        self.state.byte_decisions = self.bytes.decisions();
    }

    /// Offset in the new image of the next unit.
    pub(crate) const fn at(&self) -> u32 {
        self.state.at
    }

    /// A byte of the last [`RECENT`] coded.
    pub(crate) fn recent(&self, at: u32) -> u8 {
        self.recent.get(at as usize % RECENT).copied().unwrap_or(0)
    }

    /// Codes the next unit; nothing happens at the end of the image.
    ///
    /// # Errors
    /// What the coder says, and what reading the old image says.
    pub(crate) fn step<C: Coder>(
        &mut self,
        coder: &mut C,
        old: &mut Old<'_>,
    ) -> Result<(), DecodeError> {
        while let Some(segment) = self.state.segment
            && segment.end() <= self.state.at
        {
            self.state.segment = self.map.next(&mut self.state.cursor);
        }
        let end = self.state.header.new.len();
        if self.state.at >= end {
            return Ok(());
        }
        match self.state.segment {
            Some(segment) if segment.new <= self.state.at => self.copy(coder, old, segment)?,
            Some(segment) => self.literal(coder, old, segment.new)?,
            None => self.literal(coder, old, end)?,
        }
        old.check()?;
        Ok(())
    }

    /// Codes a unit that lies in a segment.
    fn copy<C: Coder>(
        &mut self,
        coder: &mut C,
        old: &mut Old<'_>,
        segment: Segment,
    ) -> Result<(), DecodeError> {
        let sources = Sources {
            header: &self.state.header,
            map: &self.map,
            code: &self.code,
            ram: &self.ram,
            units: &self.units,
            numbers: &self.numbers,
            names: self.names,
        };
        let prediction = sources.predict(old, segment, self.state.at);
        let len = usize::from(prediction.unit.len);
        let from = segment
            .old
            .wrapping_add(self.state.at.wrapping_sub(segment.new));
        let behind = from.wrapping_add(len as u32);
        let setting = Setting {
            prediction: &prediction,
            segment,
            at: self.state.at,
            following: near(old, behind),
            before: near(old, from.wrapping_sub(2)),
        };
        let mut actual = [0; MAX_UNIT];
        for (number, byte) in actual.iter_mut().take(len).enumerate() {
            *byte = coder.truth(self.state.at.wrapping_add(number as u32));
        }
        let hit = actual.get(..len) == prediction.new.get(..len);
        let set = usize::from(prediction.unit.class) % CLASSES;
        coder.part(Part::Flags, self.state.at);
        let hashes = self.flag_hashes(&setting, 0, 0, [0; MAX_UNIT]);
        self.state.history.start(0);
        let hit = self
            .flags
            .bit(coder, old, &mut self.state.random, (&hashes, &[set]), hit)?;
        let mut by_other = false;
        if hit {
            actual = prediction.new;
        } else if let Some(other) = prediction.other {
            let same = actual.get(..len) == other.get(..len);
            let hashes = self.flag_hashes(&setting, 9, 0, [0; MAX_UNIT]);
            let set = FLAG_SETS - 1;
            let same =
                self.flags
                    .bit(coder, old, &mut self.state.random, (&hashes, &[set]), same)?;
            by_other = same;
            actual = if same {
                other
            } else {
                self.missed(coder, old, &setting, actual)?
            };
        } else {
            actual = self.missed(coder, old, &setting, actual)?;
        }
        self.after_unit(&prediction, hit, by_other, &actual);
        for byte in actual.iter().take(len) {
            self.push(*byte);
        }
        self.learn(old, segment, &prediction, &actual);
        Ok(())
    }

    /// Codes the bytes of a unit that lies in no segment; `end` is the end of the gap.
    fn literal<C: Coder>(
        &mut self,
        coder: &mut C,
        old: &mut Old<'_>,
        end: u32,
    ) -> Result<(), DecodeError> {
        let granule = self.state.header.isa.granule();
        let address = self.state.header.new.address(self.state.at) as u32;
        let whole = address.is_multiple_of(granule) && end.wrapping_sub(self.state.at) >= granule;
        let len = if whole { granule as usize } else { 1 };
        if !whole {
            self.state.history.start(address as u8 & 3);
        } else if granule == 4 {
            self.state.history.start(0);
        }
        let mut bytes = [0; MAX_UNIT];
        coder.part(Part::Literals, self.state.at);
        for number in 0..len {
            let index = self.order(number, len);
            let at = self.state.at.wrapping_add(index as u32);
            let contexts = self.literal_hashes();
            let mode = 4 + usize::from(self.state.history.phase);
            let byte = self.byte(coder, old, &contexts, mode, coder.truth(at), None)?;
            self.state.history.push(self.state.header.isa, byte);
            if let Some(place) = bytes.get_mut(index) {
                *place = byte;
            }
        }
        for byte in bytes.iter().take(len) {
            self.push(*byte);
        }
        Ok(())
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.recent.get_mut(self.state.at as usize % RECENT) {
            *place = byte;
        }
        self.state.at = self.state.at.wrapping_add(1);
    }

    /// The index in a unit of the byte that is coded as number `number`.
    pub(super) fn order(&self, number: usize, len: usize) -> usize {
        match self.state.header.isa {
            Isa::Thumb if len.is_multiple_of(2) => number ^ 1,
            Isa::Aarch64 if len == 4 => number ^ 3,
            _ => number,
        }
    }

    fn after_unit(
        &mut self,
        prediction: &Prediction,
        hit: bool,
        by_other: bool,
        actual: &[u8; MAX_UNIT],
    ) {
        let class = usize::from(prediction.unit.class);
        if let Some(history) = self.classes.get_mut(class * CLASS) {
            *history = *history << 1 | u8::from(hit);
        }
        self.state.hits = self.state.hits << 1 | u32::from(hit);
        self.state.run = if hit {
            self.state.run.saturating_add(1)
        } else {
            0
        };
        self.state.last_unit = word_of(*actual);
        if hit || by_other {
            let len = usize::from(prediction.unit.len);
            for number in 0..len {
                let index = self.order(number, len);
                let byte = actual.get(index).copied().unwrap_or(0);
                self.heard(prediction, index, byte);
            }
        }
        self.state.history.start(0);
    }

    /// Byte `index` of a unit is known.
    fn heard(&mut self, prediction: &Prediction, index: usize, byte: u8) {
        self.state.history.push(self.state.header.isa, byte);
        if words::is_data(prediction.unit.class) {
            let expected = prediction.new.get(index).copied().unwrap_or(0);
            self.state.history.differ(byte.wrapping_sub(expected));
        }
    }
}

/// Two bytes of the old image, 0 outside of it.
fn near(old: &mut Old<'_>, at: u32) -> u32 {
    old.half(at).map_or(0, u32::from)
}
