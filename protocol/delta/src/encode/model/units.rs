//! An image cut into its units, with the operands blanked for comparing.

use crate::SliceIo;
use crate::model::header::Header;
use crate::model::isa::{Place, Reference, Unit};
use crate::model::old::Old;
use crate::model::predict;
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
        let mut at = 0;
        while at < len {
            let unit = predict::unit(header, &mut old, at, len - at);
            of.extend(vec![units.len() as u32; usize::from(unit.len)]);
            if let Some(reference) = unit.reference {
                let end = at as usize + usize::from(unit.len);
                if let Some(bytes) = blanked.get_mut(at as usize..end) {
                    blank(header, &reference, bytes);
                }
            }
            units.push((at, unit));
            at += u32::from(unit.len);
        }
        Self { units, of, blanked }
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
