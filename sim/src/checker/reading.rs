//! What the flash says, read by a decoder of the checker's own, from `docs/SPEC.md` alone: the boot record at the offsets
//! of its table, its three copies, and the floors. It shares no line with the code that flies, but for the types that hold
//! what was read and the codes of one byte.
//!
//! ```text
//! copy 0  | cell | cell | .. |     a cell of 512 B: "LD" kind 1 sequence (4) len (2) 0 (2) CRC-32 (4) data
//! copy 1  | cell | cell | .. |     of each copy the whole cell of the highest sequence, of the three the highest;
//! copy 2  | cell | cell | .. |     behind it nothing but torn cells: the bitwise majority of the last ones first
//! ```

use lightday_boot::record::{HomeCode, SlotRecord, Trial};
use lightday_boot::{Elapsed, MemoryMap, Record, Region};
use lightday_wire::report::Verdict;
use lightday_wire::{
    Digest, Epoch, Location, ObjectNumber, Refusal, ResetCause, RevertCause, SlotId, SlotState,
    Stage, Version,
};

use crate::flash::SimFlash;

/// Bytes of a cell of the record.
const CELL: usize = 512;
/// Bytes of a cell before its data.
const HEADER: usize = 16;
/// Bytes of the record.
const RECORD: usize = 312;

/// Words of the epoch's floor.
const EPOCHS: usize = 16;
/// Words of the key set's floor.
const KEY_SETS: usize = 64;
/// Zero bits that make a word a step.
const STEP: u32 = 4;
/// Words that are no step, and are counted across.
const ACROSS: usize = 2;

/// What a cell holds: its sequence and a record, nothing, or what proves nothing.
enum Cell {
    Whole(u32, Box<Record>),
    Blank,
    Torn,
}

/// The newest record of a copy.
struct Newest {
    sequence: u32,
    record: Box<Record>,
    /// Whether a torn cell lies behind it.
    is_followed: bool,
}

/// The record that the flash holds; `None` if it is lost.
pub(super) fn record<const W: usize, const E: usize>(
    flash: &SimFlash<W, E>,
    map: &MemoryMap,
) -> Option<Record> {
    let copies = map.record.map(|copy| bytes(flash, copy));
    let found = copies.iter().filter_map(|copy| newest(copy));
    let mut best: Option<Newest> = None;
    for found in found {
        match &mut best {
            Some(best) if found.sequence < best.sequence => {}
            // One copy where it is the last will do.
            Some(best) if found.sequence == best.sequence => {
                best.is_followed &= found.is_followed;
            }
            _ => best = Some(found),
        }
    }
    let is_sure = best.as_ref().is_some_and(|best| !best.is_followed);
    let least = best.as_ref().map_or(0, |best| best.sequence);
    let voted = if is_sure { None } else { majority(&copies) };
    let voted = voted.filter(|(sequence, _)| *sequence >= least);
    let voted = voted.map(|(_, record)| record);
    voted.or(best.map(|best| best.record)).map(|record| *record)
}

/// Whether a copy of the record holds one, and reads the same each time.
pub(super) fn is_stable<const W: usize, const E: usize>(
    flash: &SimFlash<W, E>,
    map: &MemoryMap,
) -> bool {
    let mut copies = map.record.iter();
    copies.any(|copy| {
        flash.is_stable(copy.start..copy.end()) && newest(bytes(flash, *copy)).is_some()
    })
}

/// The floors: epoch, key set, security counter.
pub(super) fn floors<const W: usize, const E: usize>(
    flash: &SimFlash<W, E>,
    region: Region,
) -> [u32; 3] {
    let words: Vec<bool> = bytes(flash, region).chunks_exact(W).map(is_step).collect();
    let (epochs, others) = words.split_at(EPOCHS.min(words.len()));
    let (key_sets, security) = others.split_at(KEY_SETS.min(others.len()));
    [epochs, key_sets, security].map(count)
}

fn is_step(word: &[u8]) -> bool {
    word.iter().map(|byte| byte.count_zeros()).sum::<u32>() >= STEP
}

/// Words up to the last step.
fn count(words: &[bool]) -> u32 {
    let mut steps = 0;
    for (place, is_step) in words.iter().enumerate() {
        if place > steps + ACROSS {
            break;
        }
        if *is_step {
            steps = place + 1;
        }
    }
    u32::try_from(steps).unwrap_or(u32::MAX)
}

fn bytes<const W: usize, const E: usize>(flash: &SimFlash<W, E>, region: Region) -> &[u8] {
    flash.peek(region.start..region.end()).unwrap_or(&[])
}

fn newest(copy: &[u8]) -> Option<Newest> {
    let mut newest: Option<Newest> = None;
    for cell in copy.chunks_exact(CELL) {
        match (read(cell), &mut newest) {
            (Cell::Blank, _) | (Cell::Torn, None) => {}
            (Cell::Torn, Some(newest)) => newest.is_followed = true,
            (Cell::Whole(sequence, _), Some(newest)) if sequence < newest.sequence => {
                newest.is_followed = true;
            }
            (Cell::Whole(sequence, record), newest) => {
                *newest = Some(Newest {
                    sequence,
                    record,
                    is_followed: false,
                });
            }
        }
    }
    newest
}

fn read(cell: &[u8]) -> Cell {
    if cell.iter().all(|byte| *byte == 0xff) {
        return Cell::Blank;
    }
    whole(cell).map_or(Cell::Torn, |(sequence, record)| {
        Cell::Whole(sequence, Box::new(record))
    })
}

fn whole(cell: &[u8]) -> Option<(u32, Record)> {
    let is_ours = cell.starts_with(b"LD\x01\x01");
    let len = usize::from(u16::from_be_bytes(at(cell, 8)?));
    let data = cell.get(HEADER..HEADER + len)?;
    let crc = u32::from_be_bytes(at(cell, 12)?);
    if !is_ours || crc32(&[&cell[..12], data]) != crc {
        return None;
    }
    Some((u32::from_be_bytes(at(cell, 4)?), decode(data)?))
}

/// CRC-32 as in zlib, by its definition: the remainder modulo the reflected polynomial.
fn crc32(parts: &[&[u8]]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let mut rest = index as u32;
            let mut bit = 0;
            while bit < 8 {
                rest = (rest >> 1) ^ (0xedb8_8320 * (rest & 1));
                bit += 1;
            }
            table[index] = rest;
            index += 1;
        }
        table
    };
    let all = parts.iter().flat_map(|part| part.iter());
    !all.fold(u32::MAX, |rest, byte| {
        (rest >> 8) ^ TABLE[usize::from(rest.to_le_bytes()[0] ^ byte)]
    })
}

/// The bitwise majority of the copies' last cells, or of those before the last.
fn majority(copies: &[&[u8]; 3]) -> Option<(u32, Box<Record>)> {
    // A copy that a cut put ahead is the exception: none first, then one, then two, then all.
    const BACK: [[usize; 3]; 8] = [
        [1, 1, 1],
        [2, 1, 1],
        [1, 2, 1],
        [1, 1, 2],
        [2, 2, 1],
        [2, 1, 2],
        [1, 2, 2],
        [2, 2, 2],
    ];
    const ERASED: [u8; CELL] = [0xff; CELL];
    let used = |copy: &[u8]| {
        let is_used = |cell: &[u8]| cell.iter().any(|byte| *byte != 0xff);
        copy.chunks_exact(CELL)
            .rposition(is_used)
            .map_or(0, |p| p + 1)
    };
    BACK.into_iter().find_map(|back| {
        let mut of = copies.iter().zip(back).map(|(copy, back)| {
            let place = used(copy).checked_sub(back);
            place
                .and_then(|place| copy.chunks_exact(CELL).nth(place))
                .unwrap_or(&ERASED)
        });
        let (x, y, z) = (of.next()?, of.next()?, of.next()?);
        let bits = x.iter().zip(y).zip(z);
        let voted: Vec<u8> = bits.map(|((x, y), z)| x & y | x & z | y & z).collect();
        whole(&voted).map(|(sequence, record)| (sequence, Box::new(record)))
    })
}

/// Some bytes of fixed length at an offset.
fn at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk::<N>().copied()
}

fn number(bytes: &[u8], offset: usize) -> Option<ObjectNumber> {
    Some(ObjectNumber::from_be_bytes(at(bytes, offset)?))
}

fn flag(bytes: &[u8], offset: usize) -> Option<bool> {
    match bytes.get(offset)? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn instant(bytes: &[u8], offset: usize) -> Option<Elapsed> {
    Some(Elapsed(u64::from_be_bytes(at(bytes, offset)?)))
}

fn word(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_be_bytes(at(bytes, offset)?))
}

fn half(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_be_bytes(at(bytes, offset)?))
}

/// The record's fields, each at its offset.
fn decode(data: &[u8]) -> Option<Record> {
    let data = data.get(..RECORD)?;
    if data[0] < 1 {
        return None;
    }
    let slots = [slot(data, 2)?, slot(data, 50)?];
    let on_trial = |slot: &&SlotRecord| slot.state == SlotState::Trial;
    let is_golden = |slot: &SlotRecord| slot.state == SlotState::Golden;
    if slots.iter().filter(on_trial).count() > 1 || slots.iter().any(is_golden) {
        return None;
    }
    Some(Record {
        format: 1,
        home: HomeCode(match data[1] {
            0x33 => Location::Slot(SlotId::A),
            0x3c => Location::Slot(SlotId::B),
            0x99 => Location::Golden,
            _ => return None,
        }),
        slots,
        trial: trial(data)?,
        next: each(|place| number(data, 126 + 3 * place))?,
        verdicts: each(|place| verdict(data, 138 + 5 * place))?,
        barred: each(|place| Some(Digest(at(data, 158 + 32 * place)?)))?,
        revert_cause: RevertCause::from_code(data[286])?,
        reverted: number(data, 287)?,
        resets: half(data, 290)?,
        reset_cause: ResetCause::from_code(data[292])?,
        crashes: data[293],
        environment: data[294],
        patch_attempts: data[295],
        held: flag(data, 296)?,
        command_loss: instant(data, 297)?,
        epoch: Epoch::new(data[305])?,
        key_set: half(data, 306)?,
        security_counter: word(data, 308)?,
    })
}

fn slot(data: &[u8], offset: usize) -> Option<SlotRecord> {
    Some(SlotRecord {
        state: SlotState::from_code(data[offset])?,
        bundle: number(data, offset + 1)?,
        image: Digest(at(data, offset + 4)?),
        size: word(data, offset + 36)?,
        version: Version {
            major: data[offset + 40],
            minor: data[offset + 41],
            patch: half(data, offset + 42)?,
        },
        security_counter: word(data, offset + 44)?,
    })
}

fn trial(data: &[u8]) -> Option<Trial> {
    Some(Trial {
        started: flag(data, 98)?,
        tries_left: data[99],
        environment_left: data[100],
        command_floor: number(data, 101)?,
        lease_s: word(data, 104)?,
        deadline: instant(data, 108)?,
        health_deadline: instant(data, 116)?,
        healthy: flag(data, 124)?,
        give_up: RevertCause::from_code(data[125])?,
    })
}

fn verdict(data: &[u8], offset: usize) -> Option<Verdict> {
    Some(Verdict {
        number: number(data, offset)?,
        stage: Stage::from_code(data[offset + 3])?,
        refusal: Refusal::from_code(data[offset + 4])?,
    })
}

/// Four of them.
fn each<T>(read: impl Fn(usize) -> Option<T>) -> Option<[T; 4]> {
    Some([read(0)?, read(1)?, read(2)?, read(3)?])
}

#[cfg(test)]
mod tests;
