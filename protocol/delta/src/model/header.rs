//! The head of a patch: what the decoder has to know before the map.
//!
//! ```text
//!   0                        1                     2
//!   | version 4 | isa 4      | RAM: e 5 | m 3      | arithmetic-coded: addresses, spans, map, bytes
//! ```
//!
//! The RAM is (8 + m) << (e + 6) bytes: what the tables are laid out for. Addresses and spans follow
//! under the adaptive models of [`Ints`].

use super::coder::Coder;
use super::ints::Ints;
use super::isa::{Content, Isa};
use super::old::Old;
use super::space::{MAX_REGIONS, Region, Space};
use crate::DecodeError;

/// The version of the format.
pub(crate) const VERSION: u8 = 1;

/// Bytes in front of the arithmetic-coded part.
pub(crate) const FRONT: u32 = 2;

/// Most spans of one image.
pub(crate) const MAX_SPANS: usize = 16;

/// Number models: addresses' zeros, addresses' rest, regions, span lengths.
pub(crate) const NUMBERS: usize = 4;
const ZEROS: usize = 0;
const REST: usize = 1;
const OFFSETS: usize = 2;
const LENGTHS: usize = 3;

/// Flags: the new base is the old one, RAM is known, more regions, more spans, content.
pub(crate) const FLAGS: usize = 16;
const SAME_BASE: usize = 0;
const HAS_RAM: usize = 1;
const MORE_REGIONS: usize = 2;
const MORE_SPANS: usize = 3;
const CONTENT: usize = 4;
const NOT_ZERO: usize = 12;

/// A run of the old image of one content, to the start of the next span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Offset of its first byte.
    pub offset: u32,
    /// How it is to be read.
    pub content: Content,
}

/// The spans of the old image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spans {
    spans: [Span; MAX_SPANS],
    count: usize,
}

impl Spans {
    /// One span of this content.
    pub(crate) const fn all(content: Content) -> Self {
        Self {
            spans: [Span { offset: 0, content }; MAX_SPANS],
            count: 1,
        }
    }

    /// Adds a span behind the last one. Says no if there is no room or the order is wrong.
    pub(crate) fn push(&mut self, span: Span) -> bool {
        let after = self.list().last().is_some_and(|s| s.offset < span.offset);
        match self.spans.get_mut(self.count) {
            Some(free) if after => {
                *free = span;
                self.count += 1;
                true
            }
            _ => false,
        }
    }

    /// The spans.
    pub(crate) fn list(&self) -> &[Span] {
        self.spans.get(..self.count).unwrap_or_default()
    }

    /// The span that holds the byte at `offset`.
    pub(crate) fn at(&self, offset: u32) -> Span {
        let found = self.list().iter().rev().find(|s| s.offset <= offset);
        found.copied().unwrap_or(Span {
            offset: 0,
            content: Content::Opaque,
        })
    }
}

/// The head of a patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The instruction set.
    pub isa: Isa,
    /// Addresses of the old image.
    pub old: Space,
    /// Addresses of the new image.
    pub new: Space,
    /// Contents of the old image.
    pub spans: Spans,
    /// First address of RAM, in units of 256 bytes.
    pub ram_start: u32,
    /// Length of RAM, in units of 256 bytes; 0 if there is none.
    pub ram_len: u32,
}

/// The RAM in bytes that a code in the patch's head stands for; nothing if it is beyond 2^31.
pub(crate) const fn ram_of(code: u8) -> Option<u32> {
    let exponent = (code >> 3) as u32 + 6;
    if exponent > 27 {
        return None;
    }
    Some((8 + (code & 7) as u32) << exponent)
}

/// The code of the largest RAM that is no larger than `ram` bytes; nothing below 512 B.
pub(crate) const fn code_of(ram: u32) -> Option<u8> {
    let mut code = u8::MAX;
    loop {
        if let Some(size) = ram_of(code)
            && size <= ram
        {
            return Some(code);
        }
        match code.checked_sub(1) {
            Some(next) => code = next,
            None => return None,
        }
    }
}

impl Header {
    /// A head for flat images at address 0, all of it words.
    pub(crate) fn plain(old_len: u32, new_len: u32) -> Self {
        Self {
            isa: Isa::WordsLe,
            old: Space::flat(old_len, 0),
            new: Space::flat(new_len, 0),
            spans: Spans::all(Content::Words),
            ram_start: 0,
            ram_len: 0,
        }
    }

    /// Codes all but the first two bytes: what `self` holds when encoding, into `self` when decoding.
    ///
    /// # Errors
    /// What the coder says; [`DecodeError::Malformed`] for regions and spans that cannot be.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        ints: &mut Ints<'_>,
        old: &mut Old<'_>,
    ) -> Result<(), DecodeError> {
        let first = address(coder, ints, old, self.old.address(0))?;
        let new_first = self.new.address(0);
        let same = ints.flag(coder, old, SAME_BASE, new_first == self.old.address(0))?;
        let new_first = if same {
            first
        } else {
            address(coder, ints, old, new_first)?
        };
        self.old = space(coder, ints, old, &self.old, first)?;
        self.new = space(coder, ints, old, &self.new, new_first)?;
        if ints.flag(coder, old, HAS_RAM, self.ram_len != 0)? {
            self.ram_start = address(coder, ints, old, u64::from(self.ram_start))? as u32;
            self.ram_len = ints.number(coder, old, LENGTHS, self.ram_len)?;
        } else {
            self.ram_len = 0;
        }
        self.spans = spans(coder, ints, old, &self.spans)?;
        Ok(())
    }
}

/// An address: a flag for 0, else how many zeros it ends with, and the rest in two parts.
fn address<C: Coder>(
    coder: &mut C,
    ints: &mut Ints<'_>,
    old: &mut Old<'_>,
    value: u64,
) -> Result<u64, DecodeError> {
    if !ints.flag(coder, old, NOT_ZERO, value != 0)? {
        return Ok(0);
    }
    let zeros = ints.number(coder, old, ZEROS, value.trailing_zeros() & 63)? & 63;
    let rest = value >> zeros >> 1;
    let low = ints.number(coder, old, REST, (rest & 0x7FFF_FFFF) as u32)?;
    let more = ints.flag(coder, old, NOT_ZERO + 1, rest >> 31 != 0)?;
    let high = if more {
        ints.number(coder, old, REST, (rest >> 31 & 0x7FFF_FFFF) as u32)?
    } else {
        0
    };
    let rest = u64::from(high) << 31 | u64::from(low);
    Ok((rest << 1 | 1) << zeros)
}

fn space<C: Coder>(
    coder: &mut C,
    ints: &mut Ints<'_>,
    old: &mut Old<'_>,
    actual: &Space,
    first: u64,
) -> Result<Space, DecodeError> {
    let mut space = Space::flat(actual.len(), first);
    let mut last = Region {
        offset: 0,
        address: first,
    };
    for number in 1..=MAX_REGIONS {
        let next = actual.regions().get(number);
        if !ints.flag(coder, old, MORE_REGIONS, next.is_some())? {
            return Ok(space);
        }
        let next = next.copied().unwrap_or_default();
        let offset = ints.number(coder, old, OFFSETS, next.offset.wrapping_sub(last.offset))?;
        let offset = last.offset.wrapping_add(offset);
        let straight = last
            .address
            .wrapping_add(u64::from(offset.wrapping_sub(last.offset)));
        let jump = address(coder, ints, old, next.address.wrapping_sub(straight))?;
        last = Region {
            offset,
            address: straight.wrapping_add(jump),
        };
        if !space.push(last) {
            break;
        }
    }
    Err(DecodeError::Malformed)
}

fn spans<C: Coder>(
    coder: &mut C,
    ints: &mut Ints<'_>,
    old: &mut Old<'_>,
    actual: &Spans,
) -> Result<Spans, DecodeError> {
    let mut list = actual.list().iter();
    let first = list.next().map_or(Content::Opaque, |s| s.content);
    let mut spans = Spans::all(content(coder, ints, old, first)?);
    let mut last = 0_u32;
    for _ in 0..MAX_SPANS {
        let next = list.next();
        if !ints.flag(coder, old, MORE_SPANS, next.is_some())? {
            return Ok(spans);
        }
        let (offset, kind) = next.map_or((0, Content::Opaque), |s| (s.offset, s.content));
        // Spans begin at words.
        let words = ints.number(coder, old, LENGTHS, offset.wrapping_sub(last) / 4)?;
        last = last.wrapping_add(words.wrapping_mul(4));
        let span = Span {
            offset: last,
            content: content(coder, ints, old, kind)?,
        };
        if !spans.push(span) {
            break;
        }
    }
    Err(DecodeError::Malformed)
}

fn content<C: Coder>(
    coder: &mut C,
    ints: &mut Ints<'_>,
    old: &mut Old<'_>,
    actual: Content,
) -> Result<Content, DecodeError> {
    let mut node = 1;
    for depth in (0..3).rev() {
        let bit = ints.flag(coder, old, CONTENT + node, actual as u32 >> depth & 1 == 1)?;
        node = node * 2 + usize::from(bit);
    }
    Content::from_code(node as u32 - 8).ok_or(DecodeError::Malformed)
}
