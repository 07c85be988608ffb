//! What a raw image is, found out from its bytes: instruction set, load address, end of code, RAM.
//!
//! Guesses, not facts: a wrong one makes a patch larger, never wrong, because the patch says what was
//! assumed.

use crate::SliceIo;
use crate::model::header::{Header, Spans};
use crate::model::isa::{Content, Isa, Place, words};
use crate::model::old::Old;
use crate::model::predict;
use crate::model::space::Space;
use std::collections::BTreeMap;
use std::vec::Vec;

/// Returns that have to stand close together to be taken for code.
const CLUSTER: usize = 8;

/// Bytes within which they have to.
const REACH: usize = 4096;

/// Most pointers, and most places that pointers point to, that vote for a load address.
const VOTERS: usize = 3000;

/// Load addresses are multiples of this.
const BASE_STEP: u64 = 128;

/// Votes that a load address needs.
const LEAST_VOTES: u32 = 12;

fn half(image: &[u8], at: usize) -> u16 {
    let bytes = image.get(at..).and_then(<[u8]>::first_chunk);
    bytes.map_or(0, |b| u16::from_le_bytes(*b))
}

fn word(image: &[u8], at: usize) -> u32 {
    let bytes = image.get(at..).and_then(<[u8]>::first_chunk);
    bytes.map_or(0, |b| u32::from_le_bytes(*b))
}

/// Whether a return from a function stands at `at`, and its length.
fn returns(isa: Isa, image: &[u8], at: usize) -> Option<usize> {
    match isa {
        // BX LR; POP {..., PC}; LDMIA SP!, {..., PC}.
        Isa::Thumb => match half(image, at) {
            0x4770 => Some(2),
            pop if pop & 0xFF00 == 0xBD00 => Some(2),
            0xE8BD if half(image, at + 2) & 0x8000 != 0 => Some(4),
            _ => None,
        },
        // C.JR ra; RET.
        Isa::Riscv32 | Isa::Riscv64 => match half(image, at) {
            0x8082 => Some(2),
            0x8067 if half(image, at + 2) == 0 => Some(4),
            _ => None,
        },
        // RET, RETL, and the delay slot.
        Isa::Sparc => {
            matches!(word(image, at).swap_bytes(), 0x81C7_E008 | 0x81C3_E008).then_some(8)
        }
        // RET.
        Isa::Aarch64 => (word(image, at) == 0xD65F_03C0).then_some(4),
        Isa::WordsLe | Isa::WordsBe => None,
    }
}

fn all_returns(isa: Isa, image: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let places = (0..image.len()).step_by(isa.granule() as usize);
    places.filter_map(move |at| returns(isa, image, at).map(|len| (at, len)))
}

/// The instruction set of an image, by what its functions end with.
pub(crate) fn isa(image: &[u8]) -> Isa {
    let count = |isa| all_returns(isa, image).count();
    // One halfword in 256 looks like POP {..., PC} by chance, where there is no code: only what is
    // well beyond that counts.
    let by_chance = image.len() / 2 / 256;
    let by_chance = by_chance + 5 * by_chance.isqrt();
    let scores = [
        (count(Isa::Thumb).saturating_sub(by_chance), Isa::Thumb),
        (count(Isa::Riscv32), Isa::Riscv32),
        (count(Isa::Sparc), Isa::Sparc),
        (count(Isa::Aarch64), Isa::Aarch64),
    ];
    let best = scores.into_iter().max_by_key(|s| s.0);
    let (score, isa) = best.unwrap_or((0, Isa::WordsLe));
    if score < 3 + image.len() / 16384 {
        return by_order(image);
    }
    match isa {
        Isa::Riscv32 => {
            // C.LWSP ra or C.LDSP ra: how a function gets its return address back.
            let loads = |code| {
                let halves = (0..image.len()).step_by(2);
                halves
                    .filter(|at| half(image, *at) & 0xEF83 == code)
                    .count()
            };
            if loads(0x6082) > loads(0x4082) {
                Isa::Riscv64
            } else {
                Isa::Riscv32
            }
        }
        isa => isa,
    }
}

/// Words of the byte order in which more of them are small.
fn by_order(image: &[u8]) -> Isa {
    let (words, _) = image.as_chunks::<4>();
    let small = |value: u32| value != 0 && value < 1 << 16;
    let little = words
        .iter()
        .filter(|w| small(u32::from_le_bytes(**w)))
        .count();
    let big = words
        .iter()
        .filter(|w| small(u32::from_be_bytes(**w)))
        .count();
    if big > little * 2 {
        Isa::WordsBe
    } else {
        Isa::WordsLe
    }
}

/// Where the code of `image` ends: behind the last of several returns that stand close together.
pub(crate) fn code_end(isa: Isa, image: &[u8]) -> usize {
    let mut last = [usize::MAX; CLUSTER];
    let mut end = 0;
    for (at, _) in all_returns(isa, image) {
        last.rotate_left(1);
        if let Some(newest) = last.last_mut() {
            *newest = at;
        }
        if last[0] < at && at - last[0] < REACH {
            end = at + 8;
        }
    }
    // A literal pool may follow the last function: as code or as words, it is read alike.
    end.next_multiple_of(4).min(image.len() / 4 * 4)
}

/// An image as the old one, all of it code, with RAM everywhere: every operand is an address.
fn permissive(isa: Isa, image: &[u8]) -> Header {
    let len = image.len() as u32;
    let mut header = Header::plain(len, len);
    header.isa = isa;
    header.old = Space::flat(len, 1 << 40);
    header.spans = Spans::all(Content::Code);
    header.ram_len = 1 << 24;
    header
}

/// The addresses that pairs of instructions make, which are the same wherever these stand.
fn made_addresses(isa: Isa, image: &[u8]) -> Vec<u64> {
    let header = permissive(isa, image);
    let mut io = SliceIo {
        patch: &[],
        base: image,
        new: &[],
    };
    let mut old = Old::new(&mut io, header.old.len(), isa.big_endian());
    let mut made = Vec::new();
    let mut at = 0;
    while at < header.old.len() {
        let unit = predict::unit(&header, &mut old, at, header.old.len() - at);
        if let Some(reference) = unit.reference
            && reference.form < words::FIRST
        {
            let written = |address| {
                let mut bytes = [0; 8];
                let place = Place {
                    address,
                    partner: address,
                };
                let done = isa.write(reference.form, &mut bytes, place, reference.target);
                done.then_some(bytes)
            };
            if written(0).is_some() && written(0) == written(1 << 20) {
                made.push(reference.target);
            }
        }
        at += u32::from(unit.len);
    }
    made
}

/// The words of an image that may be pointers.
fn pointers(isa: Isa, image: &[u8]) -> Vec<u64> {
    let size = usize::from(isa.pointer_len());
    let numbers = image.chunks_exact(size).map(|bytes| {
        let mut number = 0_u64;
        for place in 0..size {
            let byte = if isa.big_endian() {
                bytes[place]
            } else {
                bytes[size - 1 - place]
            };
            number = number << 8 | u64::from(byte);
        }
        number
    });
    // Pointers into one image share their upper half.
    let mut pages: BTreeMap<u64, usize> = BTreeMap::new();
    let numbers: Vec<u64> = numbers.filter(|n| *n >= 0x100).collect();
    for number in &numbers {
        *pages.entry(number >> 16).or_default() += 1;
    }
    let mut counts: Vec<_> = pages.iter().map(|(page, count)| (*count, *page)).collect();
    counts.sort_unstable_by_key(|c| core::cmp::Reverse(*c));
    counts.truncate(48);
    let common: Vec<u64> = counts.into_iter().map(|c| c.1).collect();
    let is_common = |n: &u64| common.contains(&(n >> 16));
    numbers.into_iter().filter(is_common).collect()
}

/// Where pointers may point to: what follows a return, and strings behind a zero.
fn anchors(isa: Isa, image: &[u8]) -> Vec<u64> {
    let starts = all_returns(isa, image).map(|(at, len)| (at + len) as u64);
    let mut anchors: Vec<u64> = starts.collect();
    let text = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    for (at, bytes) in image.windows(6).enumerate() {
        if bytes[0] == 0 && bytes[1..].iter().all(text) {
            anchors.push(at as u64 + 1);
        }
    }
    anchors
}

fn sample(mut all: Vec<u64>) -> Vec<u64> {
    all.sort_unstable();
    all.dedup();
    let step = all.len().div_ceil(VOTERS).max(1);
    all.into_iter().step_by(step).collect()
}

/// The load address on which most pointers and places that they may point to agree.
pub(crate) fn base(isa: Isa, image: &[u8]) -> Option<u64> {
    let mut from = pointers(isa, image);
    if isa == Isa::Thumb {
        // Pointers to functions have their lowest bit set.
        from.iter_mut().for_each(|p| *p &= !1);
    }
    from.extend(made_addresses(isa, image));
    let (from, to) = (sample(from), sample(anchors(isa, image)));
    let mut votes: BTreeMap<u64, u32> = BTreeMap::new();
    for pointer in &from {
        for anchor in &to {
            if let Some(base) = pointer.checked_sub(*anchor)
                && base.is_multiple_of(BASE_STEP)
            {
                *votes.entry(base).or_default() += 1;
            }
        }
    }
    let best = votes
        .iter()
        .max_by_key(|(base, count)| (**count, core::cmp::Reverse(**base)));
    best.filter(|(_, count)| **count >= LEAST_VOTES)
        .map(|(base, _)| *base)
}

/// The RAM that variables lie in: the 1 MiB of addresses outside the image that code makes most often.
pub(crate) fn ram(isa: Isa, image: &[u8], base: u64) -> (u64, u64) {
    let mut all = made_addresses(isa, image);
    if isa == Isa::Thumb {
        // Cortex-M has its SRAM there; addresses stand in literals.
        let (words, _) = image.as_chunks::<4>();
        let words = words.iter().map(|w| u64::from(u32::from_le_bytes(*w)));
        all.extend(words.filter(|w| matches!(w >> 20, 0x100 | 0x200 | 0x240 | 0x300)));
    }
    let mut windows: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for address in all {
        let outside = address.wrapping_sub(base) >= image.len() as u64;
        if outside && (1 << 16..0xFFF0_0000).contains(&address) {
            windows.entry(address >> 20).or_default().push(address);
        }
    }
    let best = windows.values().max_by_key(|w| w.len());
    match best {
        Some(addresses) if addresses.len() >= 8 => {
            let least = addresses.iter().min().copied().unwrap_or(0) >> 8 << 8;
            let most = addresses.iter().max().copied().unwrap_or(0);
            // Room for variables that only the new image has.
            (least, ((most - least) / 4096 + 2) * 4096)
        }
        _ => (0, 0),
    }
}
