//! A patch with a given head and alignment: written, or only measured.

use crate::model::begin;
use crate::model::coder::{Coder, Meter, PatchWriter};
use crate::model::header::{Header, VERSION, ram_of};
use crate::model::map::Segment;
use crate::model::old::Old;
use crate::model::walk::Walk;
use crate::{DecodeError, Lengths, SliceIo};
use std::vec;
use std::vec::Vec;

/// Runs the whole patch through a coder.
fn run<C: Coder>(
    coder: &mut C,
    header: &Header,
    segments: &[Segment],
    (old, new): (&[u8], &[u8]),
    code: u8,
) -> Result<(), DecodeError> {
    let lengths = Lengths {
        patch: 0,
        base: old.len() as u32,
        new: new.len() as u32,
    };
    let mut io = SliceIo {
        patch: &[],
        base: old,
        new: &[],
    };
    let mut ram = vec![0; ram_of(code).unwrap_or(0) as usize];
    let mut old = Old::new(&mut io, lengths.base, header.isa.big_endian());
    let header = header.clone();
    let mut state = begin(coder, &mut old, &mut ram, lengths, header, segments)?;
    let mut walk = Walk::resume(&mut state, &mut ram);
    while walk.at() < lengths.new {
        walk.step(coder, &mut old)?;
    }
    Ok(())
}

/// Writes the patch for the RAM of this code.
pub(crate) fn write(
    header: &Header,
    segments: &[Segment],
    old: &[u8],
    new: &[u8],
    code: u8,
) -> Result<Vec<u8>, DecodeError> {
    let front = vec![VERSION << 4 | header.isa as u8, code];
    let mut writer = PatchWriter::new(new, front);
    run(&mut writer, header, segments, (old, new), code)?;
    Ok(writer.finish())
}

/// What the patch costs in bits, by what they are spent on.
pub(crate) fn measure(
    header: &Header,
    segments: &[Segment],
    old: &[u8],
    new: &[u8],
    code: u8,
) -> Result<[f64; 5], DecodeError> {
    let mut meter = Meter::new(new);
    run(&mut meter, header, segments, (old, new), code)?;
    Ok(meter.bits)
}
