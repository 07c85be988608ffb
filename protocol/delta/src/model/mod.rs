//! `model`: patches of aligned, translated and context-mixed images, for links that are slow and
//! processors that are not.
//!
//! ```text
//!   patch --> header --> map: which runs of the new image come from where in the old one
//!        \--> unit by unit: old unit, operands encoded again for the new place = prediction
//!                           flag "as predicted"? else flags and bytes, else literals
//! ```
//!
//! | file | what |
//! |---|---|
//! | `header`, `space` | instruction set, addresses, contents of the old image |
//! | `segments`, `ints`, `priors`, `map` | the map: coding, and lookup in RAM |
//! | `isa` | units, and the addresses that they refer to |
//! | `predict`, `learn`, `names` | the prediction of a unit |
//! | `contexts`, `net`, `slots`, `mixer`, `tables`, `random` | probabilities |
//! | `coder` | bits |
//! | `walk`, `layout`, `old` | from unit to unit, in the RAM lent |
//!
//! Integers alone, no allocation, no `unsafe`; the same on every processor. The walk is written once
//! over a [`coder::Coder`] and runs in encoder and decoder alike. It never checks a digest: that is the
//! caller's business before the first byte and after the last.
//!
//! A decoder holds all tables in the bytes that it is lent, [`model_ram`] says how many; beside them a
//! [`ModelState`] of some hundred bytes. A patch is bounded: the map takes at most one segment for three
//! bytes of RAM, a unit at most two flags for itself and one for each byte, a byte eight decisions.

pub(crate) mod coder;
pub(crate) mod contexts;
pub(crate) mod header;
mod history;
pub(crate) mod ints;
pub mod isa;
pub(crate) mod layout;
pub(crate) mod learn;
pub(crate) mod map;
pub(crate) mod mixer;
pub(crate) mod names;
pub(crate) mod net;
pub(crate) mod old;
pub(crate) mod predict;
pub(crate) mod priors;
pub(crate) mod random;
pub(crate) mod segments;
pub(crate) mod slots;
pub(crate) mod space;
pub(crate) mod tables;
pub(crate) mod walk;

use crate::{DecodeError, Decoder, Lengths, PatchIo};
use coder::{Coder, Part, PatchReader};
use header::{Header, VERSION, code_of, ram_of};
use ints::Ints;
pub use isa::Isa;
use layout::{CONTROL, Layout};
use map::{Map, Segment};
use old::Old;
use segments::Coding;
use walk::{State, Walk};

/// The RAM in bytes that the decoder needs for a patch with these first bytes: two of them say it.
///
/// # Errors
/// [`DecodeError::Truncated`] for fewer than two bytes, [`DecodeError::Malformed`] for those of no
/// patch, [`DecodeError::UnknownIsa`] for an instruction set that this build leaves out.
pub fn model_ram(front: &[u8]) -> Result<u32, DecodeError> {
    let &[first, code, ..] = front else {
        return Err(DecodeError::Truncated);
    };
    if first >> 4 != VERSION {
        return Err(DecodeError::Malformed);
    }
    let isa = Isa::from_code(first & 15).ok_or(DecodeError::Malformed)?;
    if !isa.is_known() {
        return Err(DecodeError::UnknownIsa);
    }
    ram_of(code).ok_or(DecodeError::Malformed)
}

/// Bytes of RAM that the decoder needs for patches made for `budget` bytes: the greatest size no larger
/// that the format can name. `None` below 512.
///
/// A firmware sets aside as much, and no patch for its profile asks for more:
///
/// ```
/// use lightday_delta::model_ram_within;
///
/// const RAM: usize = match model_ram_within(50_000) {
///     Some(size) => size as usize,
///     None => panic!("no patch decodes in so little"),
/// };
/// static DECODER_RAM: [u8; RAM] = [0; RAM];
/// assert_eq!(DECODER_RAM.len(), 49_152);
/// ```
#[must_use]
pub const fn model_ram_within(budget: u32) -> Option<u32> {
    match code_of(budget) {
        Some(code) => ram_of(code),
        None => None,
    }
}

/// Bytes that one call hands out at most: what is kept of the new image, less one unit.
const STRIDE: usize = layout::RECENT - predict::MAX_UNIT;

/// The models of the map behind those of the header.
const MAP: Coding = Coding {
    numbers: header::NUMBERS,
    flags: header::FLAGS,
};

/// Codes header and map, and makes ready for the walk over `ram`, which is as long as the tables are
/// laid out for.
pub(crate) fn begin<C: Coder>(
    coder: &mut C,
    old: &mut Old<'_>,
    ram: &mut [u8],
    lengths: Lengths,
    mut header: Header,
    segments: &[Segment],
) -> Result<State, DecodeError> {
    let room = Layout::of(ram.len() as u32).fixed();
    let (fixed, rest) = ram
        .split_at_mut_checked(room)
        .ok_or(DecodeError::RamTooSmall)?;
    let control = fixed.get_mut(..CONTROL).unwrap_or_default();
    let mut ints = Ints::new(control, priors::CONTROL);
    coder.part(Part::Header, 0);
    header.code(coder, &mut ints, old)?;
    coder.part(Part::Map, 0);
    let mut map = Map::new(rest);
    MAP.code(coder, &mut ints, old, lengths, segments, &mut map)?;
    let size = map.size();
    Ok(State::new(header, size, ram))
}

/// The decoder's state beside its RAM: small, and without a borrow, so that its owner can keep both
/// apart and lend the RAM to others when no patch is under way.
#[derive(Clone, Debug)]
pub struct ModelState {
    lengths: Lengths,
    handed: u32,
    stage: Stage,
}

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)]
enum Stage {
    /// Nothing is read yet.
    Start,
    /// The map is there, and the walk is on its way; the tables take so many bytes of RAM.
    Walk(State, PatchReader, u32),
    Failed(DecodeError),
}

impl ModelState {
    /// A decoder at the start of the image.
    #[must_use]
    pub const fn new(lengths: Lengths) -> Self {
        Self {
            lengths,
            handed: 0,
            stage: Stage::Start,
        }
    }

    /// As [`Decoder::produce`], with the RAM lent for this call. It has to be the same bytes at every
    /// call, as the last call left them; their number is at least what [`model_ram`] says.
    ///
    /// The first call reads the whole map, at most one segment for every three bytes of RAM; every
    /// call hands out at most 248 bytes. A unit takes at most two flags, and a byte of it at most one flag
    /// and eight decisions.
    ///
    /// # Errors
    /// See [`DecodeError`]. After an error every call returns the same one.
    pub fn produce(
        &mut self,
        ram: &mut [u8],
        io: &mut dyn PatchIo,
        out: &mut [u8],
    ) -> Result<usize, DecodeError> {
        if let Stage::Failed(error) = self.stage {
            return Err(error);
        }
        if out.is_empty() {
            return Err(DecodeError::EmptyOutput);
        }
        self.decode(ram, io, out).inspect_err(|error| {
            self.stage = Stage::Failed(*error);
        })
    }

    fn start(&mut self, ram: &mut [u8], io: &mut dyn PatchIo) -> Result<(), DecodeError> {
        let mut front = [0; header::FRONT as usize];
        if self.lengths.patch < header::FRONT {
            return Err(DecodeError::Truncated);
        }
        io.read_patch(0, &mut front)?;
        let size = model_ram(&front)?;
        let isa = Isa::from_code(front[0] & 15).ok_or(DecodeError::Malformed)?;
        let ram = ram
            .get_mut(..size as usize)
            .ok_or(DecodeError::RamTooSmall)?;
        let mut reader = PatchReader::new(header::FRONT, self.lengths.patch);
        let mut old = Old::new(io, self.lengths.base, isa.big_endian());
        let mut header = Header::plain(self.lengths.base, self.lengths.new);
        header.isa = isa;
        let state = begin(&mut reader, &mut old, ram, self.lengths, header, &[])?;
        self.stage = Stage::Walk(state, reader, size);
        Ok(())
    }

    fn decode(
        &mut self,
        ram: &mut [u8],
        io: &mut dyn PatchIo,
        out: &mut [u8],
    ) -> Result<usize, DecodeError> {
        if matches!(self.stage, Stage::Start) {
            self.start(ram, io)?;
        }
        let Stage::Walk(state, reader, tables) = &mut self.stage else {
            return Err(DecodeError::Malformed);
        };
        let ram = ram
            .get_mut(..*tables as usize)
            .ok_or(DecodeError::RamTooSmall)?;
        let mut old = Old::new(io, self.lengths.base, state.header.isa.big_endian());
        let size = out.len().min(STRIDE) as u32;
        let size = size.min(self.lengths.new.wrapping_sub(self.handed));
        let mut walk = Walk::resume(state, ram);
        while walk.at() < self.handed.wrapping_add(size) {
            walk.step(reader, &mut old)?;
        }
        for (place, number) in out.iter_mut().zip(0..size) {
            *place = walk.recent(self.handed.wrapping_add(number));
        }
        walk.suspend();
        self.handed = self.handed.wrapping_add(size);
        if self.handed == self.lengths.new {
            reader.finish()?;
        }
        Ok(size as usize)
    }
}

/// The decoder: a [`ModelState`] together with its RAM.
pub struct ModelDecoder<'a> {
    state: ModelState,
    ram: &'a mut [u8],
}

impl<'a> ModelDecoder<'a> {
    /// A decoder at the start of the image that works in `ram`.
    #[must_use]
    pub const fn new(lengths: Lengths, ram: &'a mut [u8]) -> Self {
        Self {
            state: ModelState::new(lengths),
            ram,
        }
    }
}

impl Decoder for ModelDecoder<'_> {
    fn produce(&mut self, io: &mut dyn PatchIo, out: &mut [u8]) -> Result<usize, DecodeError> {
        self.state.produce(self.ram, io, out)
    }
}
