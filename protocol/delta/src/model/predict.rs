//! The prediction of a unit: the old unit with its operand encoded again for the new place.

use super::header::Header;
use super::isa::{Content, Isa, Place, Reference, Scope, Unit, words};
use super::learn::Learned;
use super::map::{Sealed, Segment};
use super::names;
use super::net::hash;
use super::old::Old;

/// How a prediction came about: a context.
pub(crate) mod quality {
    /// The unit refers to nothing.
    pub(crate) const PLAIN: u32 = 0;
    /// The target lies in the same segment.
    pub(crate) const SAME: u32 = 1;
    /// The target lies in another segment.
    pub(crate) const MAPPED: u32 = 2;
    /// The target lies in no segment, but was learned.
    pub(crate) const LEARNED: u32 = 3;
    /// The target lies in no segment: its neighbours say where it has gone.
    pub(crate) const NEAR: u32 = 4;
    /// The target lies in RAM and was learned.
    pub(crate) const RAM: u32 = 5;
    /// The target lies in RAM: its neighbours say where it has gone.
    pub(crate) const RAM_NEAR: u32 = 6;
    /// The operand cannot hold the target.
    pub(crate) const UNREACHABLE: u32 = 7;
}

/// Most bytes of a unit.
pub(crate) const MAX_UNIT: usize = 8;

/// A unit of the old image and what it is expected to be in the new one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prediction {
    pub unit: Unit,
    /// The old bytes.
    pub old: [u8; MAX_UNIT],
    /// The expected new bytes.
    pub new: [u8; MAX_UNIT],
    /// One of [`quality`].
    pub quality: u32,
    /// Where the unit and its partner stand in the new image.
    pub place: Place,
    /// What it is if not as expected: by what was learned.
    pub other: Option<[u8; MAX_UNIT]>,
}

/// What predictions rest on.
pub(crate) struct Sources<'a, 'm> {
    pub header: &'a Header,
    pub map: &'a Sealed<'m>,
    pub code: &'a Learned<'m>,
    pub ram: &'a Learned<'m>,
    pub units: &'a Learned<'m>,
    pub numbers: &'a Learned<'m>,
    pub names: &'a [u8],
}

/// The unit at `at` of the old image, of at most `room` bytes.
pub(crate) fn unit(header: &Header, old: &mut Old<'_>, at: u32, room: u32) -> Unit {
    let span = header.spans.at(at);
    let mut scope = Scope {
        old,
        space: &header.old,
        ram_start: u64::from(header.ram_start) << 8,
        ram_len: u64::from(header.ram_len) << 8,
    };
    let unit = match span.content {
        Content::Code => header.isa.read(&mut scope, at),
        content => words::read_as(
            &mut scope,
            content,
            header.isa.pointer_len(),
            span.offset,
            at,
        ),
    };
    match unit {
        Some(unit) if u32::from(unit.len) <= room => unit,
        Some(unit) => Unit {
            len: room.min(4) as u8,
            class: unit.class,
            reference: None,
        },
        None => Unit {
            len: 1,
            class: words::BYTE,
            reference: None,
        },
    }
}

/// The number in a plain instruction.
pub(crate) struct Number {
    /// The old instruction.
    pub instruction: u32,
    /// The number's bits.
    pub mask: u32,
}

impl Number {
    /// What it is learned under: the same for all instructions that keep this number in these bits.
    pub(crate) fn key(&self) -> u32 {
        hash(&[self.instruction & self.mask, self.mask])
    }
}

/// The number in a unit, if that is a plain instruction with one.
pub(crate) fn number_of(isa: Isa, prediction: &Prediction) -> Option<Number> {
    if words::is_data(prediction.unit.class) {
        return None;
    }
    let len = usize::from(prediction.unit.len);
    let instruction = isa.instruction(prediction.old, len)?;
    let mask = isa.fields(instruction, len).number;
    (mask != 0).then_some(Number { instruction, mask })
}

impl Sources<'_, '_> {
    /// The prediction for the byte at `at` of the new image, which lies in `segment`.
    pub(crate) fn predict(&self, old: &mut Old<'_>, segment: Segment, at: u32) -> Prediction {
        let from = segment.old.wrapping_add(at.wrapping_sub(segment.new));
        let unit = unit(self.header, old, from, segment.end().wrapping_sub(at));
        let mut bytes = [0; MAX_UNIT];
        for (place, number) in bytes.iter_mut().zip(0..u32::from(unit.len)) {
            *place = old.byte(from.wrapping_add(number)).unwrap_or(0);
        }
        let address = self.header.new.address(at);
        let mut prediction = Prediction {
            unit,
            old: bytes,
            new: bytes,
            quality: quality::PLAIN,
            place: Place {
                address,
                partner: address,
            },
            other: None,
        };
        let other = match unit.reference {
            Some(reference) => {
                let learned = self.translate(&mut prediction, segment, &reference);
                self.renamed(&prediction).or(learned)
            }
            None => self
                .renamed(&prediction)
                .or_else(|| self.replaced(&prediction))
                .or_else(|| self.renumbered(&prediction)),
        };
        prediction.other = other.filter(|other| *other != prediction.new);
        prediction
    }

    /// Writes the operand anew. Hands out the unit as what was learned of its target has it, if anything was.
    fn translate(
        &self,
        prediction: &mut Prediction,
        segment: Segment,
        reference: &Reference,
    ) -> Option<[u8; MAX_UNIT]> {
        let header = self.header;
        if let Some(partner) = reference.partner {
            let (offset, _) = self.moved(partner, segment);
            prediction.place.partner = header.new.address(offset);
        }
        let (target, quality) = match header.old.offset(reference.target) {
            Some(offset) => {
                let (offset, quality) = self.moved(offset, segment);
                (header.new.address(offset), quality)
            }
            None => self.moved_in_ram(reference.target),
        };
        let before = prediction.new;
        let len = usize::from(prediction.unit.len);
        let unit = prediction.new.get_mut(..len).unwrap_or_default();
        let isa = header.isa;
        prediction.quality = if isa.write(reference.form, unit, prediction.place, target) {
            quality
        } else {
            quality::UNREACHABLE
        };
        let offset = header.old.offset(reference.target)?;
        let target = header.new.address(self.code.exact(offset)?);
        let mut other = before;
        let unit = other.get_mut(..len)?;
        isa.write(reference.form, unit, prediction.place, target)
            .then_some(other)
    }

    /// The unit with its registers as they are called now; nothing if that changes nothing.
    fn renamed(&self, prediction: &Prediction) -> Option<[u8; MAX_UNIT]> {
        let (bytes, len) = (prediction.new, usize::from(prediction.unit.len));
        if words::is_data(prediction.unit.class) {
            return None;
        }
        let other = names::renamed(self.names, self.header.isa, bytes, len);
        (other != bytes).then_some(other)
    }

    /// What the plain unit was replaced by when it last was not as expected.
    fn replaced(&self, prediction: &Prediction) -> Option<[u8; MAX_UNIT]> {
        let len = usize::from(prediction.unit.len);
        if len != 2 && len != 4 {
            return None;
        }
        let [a, b, c, d, ..] = prediction.old;
        let new = self.units.exact(u32::from_le_bytes([a, b, c, d]))?;
        let mut other = prediction.new;
        let place = other.get_mut(..len)?;
        place
            .iter_mut()
            .zip(new.to_le_bytes())
            .for_each(|(to, from)| *to = from);
        Some(other)
    }

    /// The plain instruction with what its number was last replaced by.
    fn renumbered(&self, prediction: &Prediction) -> Option<[u8; MAX_UNIT]> {
        let isa = self.header.isa;
        let number = number_of(isa, prediction)?;
        let new = self.numbers.exact(number.key())?;
        let changed = number.instruction & !number.mask | new;
        Some(isa.bytes(changed, usize::from(prediction.unit.len)))
    }

    /// Where the byte at `offset` of the old image has gone.
    fn moved(&self, offset: u32, segment: Segment) -> (u32, u32) {
        if let Some(new) = segment.forward(offset) {
            return (new, quality::SAME);
        }
        let found = self.map.find(offset);
        if let Some((segment, true)) = found {
            let new = segment.forward(offset).unwrap_or(offset);
            return (new, quality::MAPPED);
        }
        if let Some(new) = self.code.exact(offset) {
            return (new, quality::LEARNED);
        }
        let near = found.map_or(segment, |found| found.0);
        let shift = near.new.wrapping_sub(near.old);
        (offset.wrapping_add(shift), quality::NEAR)
    }

    fn moved_in_ram(&self, target: u64) -> (u64, u32) {
        let start = u64::from(self.header.ram_start) << 8;
        let within = target.wrapping_sub(start) as u32;
        match self.ram.nearest(within) {
            Some((new, exact)) => {
                let quality = if exact {
                    quality::RAM
                } else {
                    quality::RAM_NEAR
                };
                (start.wrapping_add(u64::from(new)), quality)
            }
            None => (target, quality::RAM_NEAR),
        }
    }
}
