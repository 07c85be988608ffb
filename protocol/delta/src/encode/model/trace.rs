//! Where the bits of a patch went: the patch is decoded once more, and every bit is charged to its part
//! and to the byte of the new image that it was spent on.
//!
//! Never judges a patch: whoever asks has decoded it before. The costs are the information of the bits,
//! -log2 of the probability that each had; together they are the payload less its front bytes, up to the
//! rounding at its end.
//!
//! ```text
//!   payload --> PatchReader --bit, p--> Walk (as in the decoder)
//!                    '--- -log2 p ---> Trace
//! ```

use crate::model::begin;
use crate::model::coder::{Coder, Part, PatchReader};
use crate::model::header::{FRONT, Header};
use crate::model::isa::Isa;
use crate::model::model_ram;
use crate::model::old::Old;
use crate::model::walk::Walk;
use crate::{DecodeError, Lengths, SliceIo};
use std::vec;
use std::vec::Vec;

/// What a patch spends its bits on.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The instruction set that it is made for.
    pub isa: Isa,
    /// Offset in the new image of every segment that is copied from the old one, rising.
    pub segments: Vec<u32>,
    /// Bits by part: header, map, flags, misses, literals. The two front bytes are not in it.
    pub bits: [f64; 5],
    /// Bits spent on flags, misses and literals at each byte of the new image: at the first byte of
    /// the instruction or word that they are spent on. Header and map are not in it.
    pub at: [Vec<f32>; 3],
}

impl Trace {
    /// Bits spent at one byte of the new image, header and map excluded; 0 outside.
    #[must_use]
    pub fn bits_at(&self, offset: usize) -> f64 {
        let of_part = |part: &Vec<f32>| f64::from(part.get(offset).copied().unwrap_or(0.0));
        self.at.iter().map(of_part).sum()
    }
}

/// The instruction set that a payload with these first bytes is made for.
///
/// # Errors
/// As [`model_ram`].
pub fn model_isa(front: &[u8]) -> Result<Isa, DecodeError> {
    model_ram(front)?;
    let first = front.first().ok_or(DecodeError::Truncated)?;
    Isa::from_code(first & 15).ok_or(DecodeError::Malformed)
}

/// Meters the payload of a patch from `old` to `new`.
///
/// # Errors
/// What the decoder says of the payload; [`DecodeError::Malformed`] if it becomes another image.
pub fn trace(old: &[u8], new: &[u8], payload: &[u8]) -> Result<Trace, DecodeError> {
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| DecodeError::TooLong);
    let lengths = Lengths {
        patch: len(payload)?,
        base: len(old)?,
        new: len(new)?,
    };
    let isa = model_isa(payload)?;
    let mut header = Header::plain(lengths.base, lengths.new);
    header.isa = isa;
    let size = model_ram(payload)? as usize;
    let mut io = SliceIo {
        patch: payload,
        base: old,
        new: &[],
    };
    let mut reading = Old::new(&mut io, lengths.base, isa.big_endian());
    let mut ram = Vec::new();
    // The patch says how much: memory that is not there is no reason to abort.
    ram.try_reserve_exact(size)
        .map_err(|_| DecodeError::RamTooSmall)?;
    ram.resize(size, 0);
    let mut meter = Metering {
        reader: PatchReader::new(FRONT, lengths.patch),
        part: Part::Header,
        place: 0,
        trace: Trace {
            isa,
            segments: Vec::new(),
            bits: [0.0; 5],
            at: [(); 3].map(|()| vec![0.0; new.len()]),
        },
    };
    let mut state = begin(&mut meter, &mut reading, &mut ram, lengths, header, &[])?;
    let mut walk = Walk::resume(&mut state, &mut ram);
    meter.trace.segments = walk.segments().map(|segment| segment.new).collect();
    while walk.at() < lengths.new {
        let from = walk.at();
        walk.step(&mut meter, &mut reading)?;
        let same = (from..walk.at()).all(|at| new.get(at as usize) == Some(&walk.recent(at)));
        if !same {
            return Err(DecodeError::Malformed);
        }
    }
    meter.reader.finish()?;
    Ok(meter.trace)
}

/// The decoder's end, with a meter.
struct Metering {
    reader: PatchReader,
    part: Part,
    /// Offset in the new image that the bits are spent on.
    place: u32,
    trace: Trace,
}

impl Coder for Metering {
    fn bit(&mut self, old: &mut Old<'_>, p: u32, _: bool) -> Result<bool, DecodeError> {
        let bit = self.reader.bit(old, p, false)?;
        let p = f64::from(if bit { p } else { 65536 - p }) / 65536.0;
        let cost = -p.log2();
        let part = self.part as usize;
        if let Some(sum) = self.trace.bits.get_mut(part) {
            *sum += cost;
        }
        let places = part
            .checked_sub(2)
            .and_then(|part| self.trace.at.get_mut(part));
        if let Some(place) = places.and_then(|places| places.get_mut(self.place as usize)) {
            *place += cost as f32;
        }
        Ok(bit)
    }

    fn part(&mut self, part: Part, at: u32) {
        self.part = part;
        self.place = at;
    }

    fn truth(&self, _: u32) -> u8 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{ModelOptions, model};

    fn images() -> (Vec<u8>, Vec<u8>) {
        let old: Vec<u8> = (0..6000_u32)
            .map(|i| (i.wrapping_mul(i) / 7 % 251) as u8)
            .collect();
        let mut new = old.clone();
        new.splice(3000..3004, *b"something else");
        new[5000] ^= 1;
        (old, new)
    }

    #[test]
    fn the_bits_make_up_the_payload_and_lie_where_the_images_differ() {
        let (old, new) = images();
        let patch = model(&old, &new, &ModelOptions::new(16 << 10)).unwrap();
        let trace = trace(&old, &new, &patch.payload).unwrap();
        let bytes = trace.bits.iter().sum::<f64>() / 8.0 + f64::from(FRONT);
        assert!((bytes - patch.payload.len() as f64).abs() < 4.0, "{bytes}");
        assert!(!trace.segments.is_empty());
        for (part, at) in trace.bits.iter().skip(2).zip(&trace.at) {
            let sum: f64 = at.iter().map(|bits| f64::from(*bits)).sum();
            assert!((sum - part).abs() < 0.01 * part + 0.1, "{sum} {part}");
        }
        let spent = |range: core::ops::Range<usize>| -> f64 {
            range.map(|at| trace.bits_at(at)).sum::<f64>()
        };
        assert!(spent(2990..3020) > 20.0 && spent(4990..5004) > 2.0);
        assert!(spent(100..2900) < 8.0);
    }

    #[test]
    fn what_the_decoder_refuses_is_refused() {
        let (old, new) = images();
        let patch = model(&old, &new, &ModelOptions::new(16 << 10)).unwrap();
        assert_eq!(
            trace(&old, &new, &patch.payload[..1]).unwrap_err(),
            DecodeError::Truncated
        );
        assert!(trace(&old, &old, &patch.payload).is_err());
        assert!(model_isa(&[0xFF, 0]).is_err());
        assert_eq!(
            model_isa(&patch.payload),
            Ok(trace(&old, &new, &patch.payload).unwrap().isa)
        );
    }
}
