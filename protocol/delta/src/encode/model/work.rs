//! How many decisions decoding takes: what the bounds of the specification are held against, by tests and by the
//! fuzzer, with patches that nobody made.
//!
//! ```text
//!   payload --> PatchReader --bit--> Walk (as in the decoder)
//!                    '--- one more ---> Work
//! ```

use super::trace::model_isa;
use crate::model::begin;
use crate::model::coder::{Coder, PatchReader};
use crate::model::header::{FRONT, Header};
use crate::model::map::Segment;
use crate::model::model_ram;
use crate::model::old::Old;
use crate::model::walk::Walk;
use crate::{DecodeError, Lengths, SliceIo};
use std::vec;

/// Most decisions of the header.
const HEADER: u64 = 3000;

/// Most decisions of a segment.
const SEGMENT: u64 = 200;

/// Most flags of a unit as a whole.
const UNIT: u64 = 2;

/// Most decisions of a byte: whether it is as predicted, and eight bits.
const BYTE: u64 = 9;

/// The work of decoding a payload up to its end, or to where it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Decisions of header and map.
    pub front: u64,
    /// The most that `front` may be for a patch that asks for so much RAM.
    pub front_most: u64,
    /// Units decoded: steps of the walk.
    pub units: u64,
    /// Bytes of the new image decoded.
    pub bytes: u64,
    /// Decisions of the units.
    pub walk: u64,
    /// Whether every unit has kept to its bound: it has a byte, and takes no more than two decisions and nine for
    /// each byte.
    pub bounded: bool,
    /// What the decoder says of the payload.
    pub end: Result<(), DecodeError>,
}

impl Work {
    /// Whether the work is within what the specification promises of any payload whatever.
    #[must_use]
    pub const fn is_bounded(&self) -> bool {
        self.bounded
            && self.front <= self.front_most
            && self.units <= self.bytes
            && self.walk <= UNIT * self.units + BYTE * self.bytes
    }
}

/// Decodes any payload over any base, in at most `ram` bytes of RAM, and counts.
#[must_use]
pub fn model_work(old: &[u8], new_len: u32, payload: &[u8], ram: u32) -> Work {
    let mut work = Work {
        front: 0,
        front_most: HEADER,
        units: 0,
        bytes: 0,
        walk: 0,
        bounded: true,
        end: Ok(()),
    };
    work.end = count(old, new_len, payload, ram, &mut work);
    work
}

fn count(
    old: &[u8],
    new_len: u32,
    payload: &[u8],
    ram: u32,
    work: &mut Work,
) -> Result<(), DecodeError> {
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| DecodeError::TooLong);
    let lengths = Lengths {
        patch: len(payload)?,
        base: len(old)?,
        new: new_len,
    };
    let isa = model_isa(payload)?;
    let size = model_ram(payload)?;
    if size > ram {
        return Err(DecodeError::RamTooSmall);
    }
    // One segment more than fits may be read before it is refused.
    work.front_most = HEADER + SEGMENT * (u64::from(size) / 3 + 1);
    let mut header = Header::plain(lengths.base, lengths.new);
    header.isa = isa;
    let mut io = SliceIo {
        patch: payload,
        base: old,
        new: &[],
    };
    let mut reading = Old::new(&mut io, lengths.base, isa.big_endian());
    let mut room = vec![0; size as usize];
    let mut counting = Counting {
        reader: PatchReader::new(FRONT, lengths.patch),
        decisions: 0,
    };
    let none: &[Segment] = &[];
    let begun = begin(
        &mut counting,
        &mut reading,
        &mut room,
        lengths,
        header,
        none,
    );
    work.front = counting.decisions;
    let mut state = begun?;
    let mut walk = Walk::resume(&mut state, &mut room);
    while walk.at() < lengths.new {
        let (from, before) = (walk.at(), counting.decisions);
        let step = walk.step(&mut counting, &mut reading);
        let bytes = u64::from(walk.at() - from);
        let taken = counting.decisions - before;
        work.walk += taken;
        // Of a unit that was refused the bytes are not counted, and what it took is that of eight at most.
        let (bytes_most, units) = if step.is_ok() { (bytes, 1) } else { (8, 0) };
        work.bounded &= taken <= UNIT + BYTE * bytes_most && (bytes > 0 || step.is_err());
        work.bytes += bytes;
        work.units += units;
        if let Err(error) = step {
            work.walk -= taken;
            return Err(error);
        }
    }
    counting.reader.finish()
}

/// The decoder's end, with a count.
struct Counting {
    reader: PatchReader,
    decisions: u64,
}

impl Coder for Counting {
    fn bit(&mut self, old: &mut Old<'_>, p: u32, _: bool) -> Result<bool, DecodeError> {
        self.decisions += 1;
        self.reader.bit(old, p, false)
    }

    fn truth(&self, _: u32) -> u8 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{ModelOptions, model};
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn a_patch_is_counted_to_its_end() {
        let old: Vec<u8> = (0..6000_u32)
            .map(|i| (i.wrapping_mul(i) / 7 % 251) as u8)
            .collect();
        let mut new = old.clone();
        new.splice(3000..3004, *b"something else");
        let patch = model(&old, &new, &ModelOptions::new(160 << 10)).unwrap();
        let work = model_work(&old, new.len() as u32, &patch.payload, patch.ram_needed);
        assert_eq!((work.end, work.bytes), (Ok(()), new.len() as u64));
        assert!(work.is_bounded() && work.units > 0, "{work:?}");
        // A flag for each unit at least, and eight bits for each of the new bytes.
        assert!(work.walk >= work.units + 8 * 10, "{work:?}");
        assert!(work.front > 20 && work.front < 1000, "{work:?}");
        let less = model_work(&old, 1, &patch.payload, patch.ram_needed - 1);
        assert_eq!(less.end, Err(DecodeError::RamTooSmall));
        let over = Work {
            walk: 11 * work.bytes + 1,
            ..work
        };
        assert!(!over.is_bounded());
    }

    proptest! {
        /// Bytes that were never a patch, in each of the three layouts: the work is bounded, and the decoder says
        /// the same.
        #[test]
        fn no_payload_takes_more_work_than_is_promised(
            isa in 0_u8..7,
            ram in prop_oneof![Just(5_u8 << 3), Just(7 << 3), Just(11 << 3)],
            noise in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(255)], 0..400),
            base in proptest::collection::vec(any::<u8>(), 0..3000),
            new in 0_u32..6000,
        ) {
            let payload = [&[0x10 | isa, ram][..], &noise].concat();
            let size = model_ram(&payload).unwrap();
            let work = model_work(&base, new, &payload, size);
            prop_assert!(work.is_bounded(), "{:?}", work);
            let lengths = Lengths { patch: payload.len() as u32, base: base.len() as u32, new };
            let mut room = vec![0; size as usize];
            let mut decoder = crate::ModelDecoder::new(lengths, &mut room);
            let decoded = crate::encode::apply(&mut decoder, &base, &payload, new);
            prop_assert_eq!(decoded.map(|_| ()), work.end);
        }
    }
}
