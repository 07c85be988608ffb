//! Three copies of the record. Written one after the other, each read back before the next: at no moment
//! are two of them invalid. The first copy that lands is the commit.
//!
//! ```text
//! copy 0   | N-2 | N-1 | N | ff | ff |     each save appends a cell; a full copy is erased first
//! copy 1   | N-2 | N-1 | N | ff | ff |     copies that lag are written before those that hold the newest
//! copy 2   | N-2 | N-1 | N | ff | ff |
//! ```
//! Reading takes the highest sequence with a valid CRC. Where the last cell of every copy is broken, the
//! bitwise majority of the three is tried before an older record is believed; if nothing is whole, the
//! record is lost, and golden boots.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use lightday_wire::canon;

use crate::cells::{self, Cell, CellBuffer, CellError, CellLog, MAX_CELL, RECORD_CELL};
use crate::flash::{self, FlashError, Region};
use crate::record::Record;

const KIND: u8 = 1;
/// Bytes that are read at once for the majority: a read fault costs so many of one copy.
const SLICE: usize = 16;

/// The record's three copies.
#[derive(Clone, Copy, Debug)]
pub struct RecordStore {
    copies: [CellLog; 3],
    regions: [Region; 3],
}

/// A record with the sequence of its cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Counts the commits.
    pub sequence: u32,
    /// The record.
    pub record: Record,
    /// Whether all three copies say the same.
    pub in_step: bool,
}

/// The newest record of one copy.
struct Newest {
    sequence: u32,
    record: Record,
    /// Whether no broken cell follows it.
    is_last: bool,
}

impl RecordStore {
    /// The copies in these regions.
    #[must_use]
    pub const fn new(regions: [Region; 3]) -> Self {
        let [a, b, c] = regions;
        let copies = [
            CellLog::new(a, RECORD_CELL),
            CellLog::new(b, RECORD_CELL),
            CellLog::new(c, RECORD_CELL),
        ];
        Self { copies, regions }
    }

    /// Reads the record; `None` if it is lost.
    pub fn load<F: ReadNorFlash>(&self, flash: &mut F) -> Option<Stored> {
        let mut newest: Option<Newest> = None;
        let mut in_step = true;
        for copy in self.copies {
            let Some(found) = newest_in(copy, flash) else {
                in_step = false;
                continue;
            };
            in_step &= found.is_last;
            match &mut newest {
                Some(best) if found.sequence > best.sequence => {
                    in_step = false;
                    newest = Some(found);
                }
                Some(best) => {
                    in_step &= found.sequence == best.sequence && found.record == best.record;
                    best.is_last |= found.is_last && found.sequence == best.sequence;
                }
                None => newest = Some(found),
            }
        }
        if let Some(Newest {
            sequence,
            record,
            is_last: true,
        }) = newest
        {
            return Some(Stored {
                sequence,
                record,
                in_step,
            });
        }
        // Behind the newest whole record there was a newer one, in every copy that holds it.
        let older = newest.map(|newest| (newest.sequence, newest.record));
        let voted = self.majority(flash);
        let is_newer = |voted: &(u32, Record)| older.as_ref().is_none_or(|old| voted.0 >= old.0);
        let (sequence, record) = voted.filter(is_newer).or(older)?;
        Some(Stored {
            sequence,
            record,
            in_step: false,
        })
    }

    /// Commits `record` under a sequence above `sequence` and above all that is stored; returns it.
    /// A `sequence` of 0 says that nothing stored counts: each copy is erased before it is written.
    ///
    /// The last copy of the newest record is never erased before the new one has landed elsewhere: flash that
    /// takes erases and no programs leaves the vehicle with the record that it had. Nor is the last of three in which
    /// nothing is whole: reads may fail for the moment, and it may hold the record.
    ///
    /// # Errors
    /// [`FlashError`] if not one copy could be written. One that could is a commit.
    pub fn save<F: NorFlash>(
        &self,
        flash: &mut F,
        sequence: u32,
        record: &Record,
    ) -> Result<u32, FlashError> {
        let is_anew = sequence == 0;
        let mut buffer = [0u8; MAX_CELL];
        let bytes = canon::encode(record, &mut buffer).map_err(|_| FlashError::OutOfRange)?;
        let held = self
            .copies
            .map(|copy| newest_in(copy, flash).map(|newest| newest.sequence));
        let newest = held.into_iter().max().flatten();
        let sequence = sequence.max(newest.unwrap_or(0)).saturating_add(1);
        let holds_newest = |held: Option<u32>| held.is_some() && held == newest;
        let mut unknown = held.into_iter().filter(Option::is_none).count();
        let mut holders = held.into_iter().filter(|held| holds_newest(*held)).count();
        let mut result = Err(FlashError::Fault);
        // A copy that alone holds the newest record is written last, when another one has landed.
        for is_newest in [false, true] {
            for (copy, held) in self.copies.into_iter().zip(held) {
                if holds_newest(held) != is_newest {
                    continue;
                }
                let is_last = match held {
                    Some(_) => is_newest && holders <= 1,
                    None => newest.is_none() && unknown <= 1,
                };
                let erasing = match held {
                    _ if is_anew => Erasing::First,
                    _ if is_last && result.is_err() => Erasing::Never,
                    // An erase may have been cut off: what reads blank may not be.
                    None => Erasing::First,
                    Some(_) => Erasing::IfNeeded,
                };
                let written = write(copy, flash, sequence, bytes, erasing);
                unknown = unknown.saturating_sub(usize::from(held.is_none()));
                if is_newest && written.is_err() {
                    holders = holders.saturating_sub(1);
                }
                result = result.or(written);
            }
        }
        result.map(|()| sequence)
    }

    /// The bitwise majority of the copies' last cells, or of those before: a copy may be one cell ahead.
    fn majority<F: ReadNorFlash>(&self, flash: &mut F) -> Option<(u32, Record)> {
        const BACK: [[u32; 3]; 8] = [
            [1, 1, 1],
            [2, 1, 1],
            [1, 2, 1],
            [1, 1, 2],
            [2, 2, 1],
            [2, 1, 2],
            [1, 2, 2],
            [2, 2, 2],
        ];
        let used = self
            .copies
            .map(|copy| copy.cells().saturating_sub(copy.free(flash)));
        let mut buffers = [[0u8; RECORD_CELL as usize]; 3];
        for back in BACK {
            for (place, buffer) in buffers.iter_mut().enumerate() {
                let index = used.get(place).copied().unwrap_or(0);
                let index = index.checked_sub(back.get(place).copied().unwrap_or(0));
                let region = self.regions.get(place).copied();
                read_sliced(flash, region.zip(index), buffer);
            }
            let [x, y, z] = &mut buffers;
            for (p, (q, r)) in x.iter_mut().zip(y.iter().zip(z.iter())) {
                *p = (*p & q) | (*p & r) | (q & r);
            }
            if let Some(found) = record_of(cells::parse(x)) {
                return Some(found);
            }
        }
        None
    }
}

/// Reads a cell slice by slice; what cannot be read is taken for erased.
fn read_sliced<F: ReadNorFlash>(
    flash: &mut F,
    cell: Option<(Region, u32)>,
    buffer: &mut [u8; RECORD_CELL as usize],
) {
    buffer.fill(0xff);
    let Some((region, index)) = cell else { return };
    let mut at = index.saturating_mul(RECORD_CELL);
    for slice in buffer.chunks_mut(SLICE) {
        if flash::read(flash, region, at, slice).is_err() {
            slice.fill(0xff);
        }
        at = at.saturating_add(u32::try_from(slice.len()).unwrap_or(u32::MAX));
    }
}

/// Sequence and record of a cell that holds one.
fn record_of(cell: Cell<'_>) -> Option<(u32, Record)> {
    match cell {
        Cell::Valid {
            kind: KIND,
            sequence,
            data,
        } => Some((sequence, Record::decode(data).ok()?)),
        _ => None,
    }
}

fn newest_in<F: ReadNorFlash>(copy: CellLog, flash: &mut F) -> Option<Newest> {
    let mut buffer: CellBuffer = [0; MAX_CELL];
    let mut newest: Option<Newest> = None;
    for index in 0..copy.cells() {
        let cell = copy.read(flash, index, &mut buffer);
        let is_blank = cell == Cell::Blank;
        match record_of(cell) {
            // Of two with one sequence the later cell was written by whoever could not read the other.
            Some((sequence, record)) if newest.as_ref().is_none_or(|n| sequence >= n.sequence) => {
                newest = Some(Newest {
                    sequence,
                    record,
                    is_last: true,
                });
            }
            _ if is_blank => {}
            _ => {
                if let Some(newest) = &mut newest {
                    newest.is_last = false;
                }
            }
        }
    }
    newest
}

/// When a copy is erased.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Erasing {
    /// Before it is written: nothing in it counts.
    First,
    /// Where it is full or takes no program.
    IfNeeded,
    /// Not at all: nothing else holds what it does.
    Never,
}

fn write<F: NorFlash>(
    copy: CellLog,
    flash: &mut F,
    sequence: u32,
    bytes: &[u8],
    erasing: Erasing,
) -> Result<(), FlashError> {
    if erasing != Erasing::First {
        match copy.append(flash, KIND, sequence, bytes) {
            Ok(()) => return Ok(()),
            Err(CellError::TooLong) => return Err(FlashError::OutOfRange),
            Err(CellError::Full) if erasing == Erasing::Never => return Err(FlashError::Fault),
            Err(CellError::Flash(error)) if erasing == Erasing::Never => return Err(error),
            Err(CellError::Full | CellError::Flash(_)) => {}
        }
    }
    copy.erase(flash)?;
    match copy.append(flash, KIND, sequence, bytes) {
        Ok(()) => Ok(()),
        Err(CellError::Flash(error)) => Err(error),
        Err(_) => Err(FlashError::OutOfRange),
    }
}
