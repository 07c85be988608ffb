//! Three copies of the record. Written one after the other, each read back before the next: at no moment
//! are two of them invalid. The first copy that lands is the commit.
//!
//! Reading takes the highest sequence with a valid CRC; if no copy is whole, the bitwise majority of the
//! three newest cells, if that is whole; else the record is lost, and golden boots.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use lightday_wire::canon;

use crate::cells::{self, Cell, CellBuffer, CellError, CellLog, MAX_CELL, RECORD_CELL};
use crate::flash::{self, FlashError, Region};
use crate::record::Record;

const KIND: u8 = 1;

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
        let mut newest: Option<(u32, Record)> = None;
        let mut in_step = true;
        for copy in self.copies {
            let found = newest_in(copy, flash);
            match (&newest, found) {
                (Some((best, _)), Some((sequence, record))) => {
                    in_step &= sequence == *best;
                    if sequence > *best {
                        newest = Some((sequence, record));
                    }
                }
                (None, Some(found)) => newest = Some(found),
                (_, None) => in_step = false,
            }
        }
        match newest {
            Some((sequence, record)) => Some(Stored {
                sequence,
                record,
                in_step,
            }),
            None => self.majority(flash),
        }
    }

    /// Commits `record` under the sequence after `sequence`; returns it.
    ///
    /// # Errors
    /// [`FlashError`] if not one copy could be written. One that could is a commit.
    pub fn save<F: NorFlash>(
        &self,
        flash: &mut F,
        sequence: u32,
        record: &Record,
    ) -> Result<u32, FlashError> {
        let sequence = sequence.saturating_add(1);
        let mut buffer = [0u8; MAX_CELL];
        let bytes = canon::encode(record, &mut buffer).map_err(|_| FlashError::OutOfRange)?;
        let mut last = Err(FlashError::Fault);
        let mut is_committed = false;
        for copy in self.copies {
            last = write(copy, flash, sequence, bytes);
            is_committed |= last.is_ok();
        }
        if is_committed {
            Ok(sequence)
        } else {
            last.map(|()| sequence)
        }
    }

    /// The bitwise majority of the copies' newest cells, cell by cell from the end.
    fn majority<F: ReadNorFlash>(&self, flash: &mut F) -> Option<Stored> {
        let [a, b, c] = self.regions;
        let cells = self.copies.iter().map(CellLog::cells).min().unwrap_or(0);
        let mut buffers = [[0u8; RECORD_CELL as usize]; 3];
        for index in (0..cells).rev() {
            let offset = index.saturating_mul(RECORD_CELL);
            let [x, y, z] = &mut buffers;
            for (region, buffer) in [(a, &mut *x), (b, &mut *y), (c, &mut *z)] {
                if flash::read(flash, region, offset, buffer).is_err() {
                    buffer.fill(0xff);
                }
            }
            for (p, (q, r)) in x.iter_mut().zip(y.iter().zip(z.iter())) {
                *p = (*p & q) | (*p & r) | (q & r);
            }
            if let Cell::Valid {
                kind: KIND,
                sequence,
                data,
            } = cells::parse(x)
                && let Ok(record) = Record::decode(data)
            {
                return Some(Stored {
                    sequence,
                    record,
                    in_step: false,
                });
            }
        }
        None
    }
}

fn newest_in<F: ReadNorFlash>(copy: CellLog, flash: &mut F) -> Option<(u32, Record)> {
    let mut buffer: CellBuffer = [0; MAX_CELL];
    let mut newest = None;
    for index in 0..copy.cells() {
        if let Cell::Valid {
            kind: KIND,
            sequence,
            data,
        } = copy.read(flash, index, &mut buffer)
            && newest.as_ref().is_none_or(|(best, _)| sequence > *best)
            && let Ok(record) = Record::decode(data)
        {
            newest = Some((sequence, record));
        }
    }
    newest
}

fn write<F: NorFlash>(
    copy: CellLog,
    flash: &mut F,
    sequence: u32,
    bytes: &[u8],
) -> Result<(), FlashError> {
    match copy.append(flash, KIND, sequence, bytes) {
        Ok(()) => return Ok(()),
        Err(CellError::Full | CellError::Flash(_)) => copy.erase(flash)?,
        Err(CellError::TooLong) => return Err(FlashError::OutOfRange),
    }
    match copy.append(flash, KIND, sequence, bytes) {
        Ok(()) => Ok(()),
        Err(CellError::Flash(error)) => Err(error),
        Err(_) => Err(FlashError::OutOfRange),
    }
}
