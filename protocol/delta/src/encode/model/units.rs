//! An image cut into its units, with operands, and all fields of instructions, blanked for comparing.

use crate::SliceIo;
use crate::model::header::Header;
use crate::model::isa::{Isa, Place, Reference, Unit, words};
use crate::model::old::Old;
use crate::model::predict::{self, MAX_UNIT};
use std::vec;
use std::vec::Vec;

/// Targets that stand for none: the first that the operand can hold.
const BLANKS: [u64; 4] = [4, 0, 16, 256];

/// An image, unit by unit.
pub(crate) struct Units {
    /// The units in order: offset, and what it is.
    pub units: Vec<(u32, Unit)>,
    /// For every byte, the number of its unit.
    pub of: Vec<u32>,
    /// The image with the operands that refer to addresses blanked.
    pub blanked: Vec<u8>,
    /// The same with the registers and numbers of instructions blanked too.
    pub operations: Vec<u8>,
}

impl Units {
    /// Cuts `image`, which `header` describes as the old one.
    pub(crate) fn new(header: &Header, image: &[u8]) -> Self {
        let len = header.old.len();
        let mut io = SliceIo {
            patch: &[],
            base: image,
            new: &[],
        };
        let mut old = Old::new(&mut io, len, header.isa.big_endian());
        let mut units = Vec::new();
        let mut of = Vec::with_capacity(image.len());
        let mut blanked = image.to_vec();
        let mut operations = image.to_vec();
        let mut at = 0;
        while at < len {
            let unit = predict::unit(header, &mut old, at, len - at);
            of.extend(vec![units.len() as u32; usize::from(unit.len)]);
            let place = at as usize..at as usize + usize::from(unit.len);
            if let Some(reference) = unit.reference {
                blank(header, &reference, &mut blanked[place.clone()]);
            }
            let bytes = &mut operations[place.clone()];
            bytes.copy_from_slice(&blanked[place]);
            if !words::is_data(unit.class) {
                blank_fields(header.isa, bytes);
            }
            units.push((at, unit));
            at += u32::from(unit.len);
        }
        Self {
            units,
            of,
            blanked,
            operations,
        }
    }

    /// The unit that begins at `offset`.
    pub(crate) fn starting(&self, offset: usize) -> Option<&Unit> {
        let (start, unit) = self.units.get(*self.of.get(offset)? as usize)?;
        (*start as usize == offset).then_some(unit)
    }
}

fn blank(header: &Header, reference: &Reference, bytes: &mut [u8]) {
    let place = Place {
        address: 0,
        partner: 0,
    };
    for target in BLANKS {
        if header.isa.write(reference.form, bytes, place, target) {
            return;
        }
    }
}

/// Leaves of an instruction no more than its operation.
fn blank_fields(isa: Isa, bytes: &mut [u8]) {
    let len = bytes.len();
    let mut unit = [0; MAX_UNIT];
    unit[..len].copy_from_slice(bytes);
    if let Some(instruction) = isa.instruction(unit, len) {
        let mask = isa.fields(instruction, len).mask();
        bytes.copy_from_slice(&isa.bytes(instruction & !mask, len)[..len]);
    }
}
