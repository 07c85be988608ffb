//! Append-only logs of cells: the one form in which small things rest in flash.
//!
//! A log is a region of cells of one length. A cell is programmed once, in one go, and never again until
//! its region is erased; a torn cell is passed over. Nothing here ever erases by itself.
//!
//! ```text
//!  0      2      3      4          8      10     12         16            16+len     cell_len
//!  +------+------+------+----------+------+------+----------+---- ... ----+-- 0xff --+
//!  | "LD" | kind | ver. | sequence | len  |  0   | CRC-32   | data        | padding  |
//!  +------+------+------+----------+------+------+----------+---- ... ----+----------+
//! ```
//! Integers are big-endian; the CRC-32 (ISO-HDLC) covers bytes 0..12 and the data.

use crc::{CRC_32_ISO_HDLC, Crc};
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

use crate::flash::{self, FlashError, Region};

/// How often a cell is read that does not read as whole: cells of flash may read badly once in some reads.
const READINGS: usize = 3;
/// How many blank cells an append tries: a cut may leave one that reads blank and takes no program.
const ATTEMPTS: usize = 4;
/// Bytes before a cell's data.
pub const HEADER_LEN: usize = 16;
/// The longest cell.
pub const MAX_CELL: usize = 1024;
/// Bytes of a cell that holds the boot record.
pub const RECORD_CELL: u32 = 512;
/// Bytes of a cell that holds a signed document in a trailer.
pub const DOCUMENT_CELL: u32 = 512;
/// Bytes of a cell that holds a signed document that waits: authorizations and key sets.
pub const PENDING_CELL: u32 = 1024;
/// Cells that a log of signed documents uses at the most, whatever its region has room for: each costs its signatures
/// whenever the log is read, in one step of the agent, and whoever writes flash could fill it.
pub const MAX_DOCUMENTS: u32 = 16;
/// Bytes of a cell that holds a key set.
pub const KEY_SET_CELL: u32 = 1024;

const MAGIC: [u8; 2] = *b"LD";
const FORMAT: u8 = 1;
/// The CRC of everything that rests in flash.
pub const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'b> {
    /// Erased.
    Blank,
    /// Torn, flipped or unreadable: passed over.
    Torn,
    /// Whole.
    Valid {
        /// What the data is.
        kind: u8,
        /// Which of its kind is newer.
        sequence: u32,
        /// The data.
        data: &'b [u8],
    },
}

/// Why a cell was not appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CellError {
    /// No blank cell is left.
    Full,
    /// The data is longer than a cell.
    TooLong,
    /// The flash failed.
    Flash(FlashError),
}

impl From<FlashError> for CellError {
    fn from(error: FlashError) -> Self {
        Self::Flash(error)
    }
}

/// A buffer for one cell.
pub type CellBuffer = [u8; MAX_CELL];

/// A log of cells of one length in a region.
#[derive(Clone, Copy, Debug)]
pub struct CellLog {
    region: Region,
    cell_len: u32,
    most: u32,
}

impl CellLog {
    /// The log of cells of `cell_len` bytes (at most [`MAX_CELL`]) in `region`.
    #[must_use]
    pub const fn new(region: Region, cell_len: u32) -> Self {
        Self {
            region,
            cell_len,
            most: u32::MAX,
        }
    }

    /// The log of signed documents in `region`: of its cells, the first [`MAX_DOCUMENTS`].
    #[must_use]
    pub const fn of_documents(region: Region, cell_len: u32) -> Self {
        Self {
            region,
            cell_len,
            most: MAX_DOCUMENTS,
        }
    }

    /// How many cells there are.
    #[must_use]
    pub const fn cells(&self) -> u32 {
        match self.region.len.checked_div(self.cell_len) {
            Some(cells) if cells < self.most => cells,
            Some(_) => self.most,
            None => 0,
        }
    }

    /// Reads cell `index`, and again where it reads as neither whole nor blank: it is whole if one reading is. Else, and
    /// where every reading faults, it is torn.
    pub fn read<'b, F: ReadNorFlash>(
        &self,
        flash: &mut F,
        index: u32,
        buffer: &'b mut CellBuffer,
    ) -> Cell<'b> {
        let Some(cell) = buffer.get_mut(..self.cell_len as usize) else {
            return Cell::Torn;
        };
        let Some(at) = index.checked_mul(self.cell_len) else {
            return Cell::Torn;
        };
        for reading in 0..READINGS {
            let is_read = flash::read(flash, self.region, at, cell).is_ok();
            match parse(cell) {
                Cell::Valid { .. } if is_read => break,
                // Blank the second time alone: something was programmed there.
                Cell::Blank if is_read && reading == 0 => return Cell::Blank,
                _ if reading + 1 == READINGS => return Cell::Torn,
                _ => {}
            }
        }
        parse(cell)
    }

    /// Calls `each` with kind, sequence and data of every valid cell, oldest first.
    pub fn for_each<F: ReadNorFlash>(&self, flash: &mut F, mut each: impl FnMut(u8, u32, &[u8])) {
        let mut buffer = [0u8; MAX_CELL];
        for index in 0..self.cells() {
            if let Cell::Valid {
                kind,
                sequence,
                data,
            } = self.read(flash, index, &mut buffer)
            {
                each(kind, sequence, data);
            }
        }
    }

    /// How many cells can still be appended: those behind the last that is not blank.
    pub fn free<F: ReadNorFlash>(&self, flash: &mut F) -> u32 {
        let mut buffer = [0u8; MAX_CELL];
        let cells = self.cells();
        let used = (0..cells)
            .rev()
            .find(|i| self.read(flash, *i, &mut buffer) != Cell::Blank);
        match used {
            Some(last) => cells.saturating_sub(last).saturating_sub(1),
            None => cells,
        }
    }

    /// Programs a cell behind the last that is not blank, and reads it back.
    ///
    /// # Errors
    /// [`CellError`]. A cell that fails is used up and the next is taken, a few times.
    pub fn append<F: NorFlash>(
        &self,
        flash: &mut F,
        kind: u8,
        sequence: u32,
        data: &[u8],
    ) -> Result<(), CellError> {
        let mut buffer = [0xffu8; MAX_CELL];
        let cell = buffer
            .get_mut(..self.cell_len as usize)
            .ok_or(CellError::TooLong)?;
        let used = write(cell, kind, sequence, data).ok_or(CellError::TooLong)?;
        // Only whole granules are programmed; the padding behind stays erased.
        let granules = used.next_multiple_of(F::WRITE_SIZE.max(1)).min(cell.len());
        let bytes = cell.get(..granules).ok_or(CellError::TooLong)?;
        let first = self.cells().saturating_sub(self.free(flash));
        let mut result = Err(CellError::Full);
        for index in (first..self.cells()).take(ATTEMPTS) {
            let at = index.checked_mul(self.cell_len).ok_or(CellError::Full)?;
            result = flash::program(flash, self.region, at, bytes).map_err(CellError::Flash);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// Erases the whole region.
    ///
    /// # Errors
    /// [`FlashError`].
    pub fn erase<F: NorFlash>(&self, flash: &mut F) -> Result<(), FlashError> {
        let mut at = 0u32;
        while at < self.region.len {
            flash::erase_block(flash, self.region, at)?;
            at = at.saturating_add(flash::erase_size::<F>().max(1));
        }
        Ok(())
    }
}

/// Writes header and data to the front of `cell`; returns the bytes used.
fn write(cell: &mut [u8], kind: u8, sequence: u32, data: &[u8]) -> Option<usize> {
    let len = u16::try_from(data.len()).ok()?;
    let used = HEADER_LEN.checked_add(data.len())?;
    let cell = cell.get_mut(..used)?;
    let (header, body) = cell.split_at_mut_checked(HEADER_LEN)?;
    // Of one length, as `used` says; not every compiler sees it, and the copy of slices would bring a panic.
    body.iter_mut().zip(data).for_each(|(to, from)| *to = *from);
    let (covered, crc) = header.split_at_mut_checked(12)?;
    let fields = [
        &MAGIC[..],
        &[kind, FORMAT],
        &sequence.to_be_bytes(),
        &len.to_be_bytes(),
        &[0, 0],
    ];
    covered
        .iter_mut()
        .zip(fields.into_iter().flatten())
        .for_each(|(to, from)| *to = *from);
    crc.copy_from_slice(&checksum(covered, data).to_be_bytes());
    Some(used)
}

fn checksum(covered: &[u8], data: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    digest.update(covered);
    digest.update(data);
    digest.finalize()
}

/// Reads a whole cell.
pub(crate) fn parse(cell: &[u8]) -> Cell<'_> {
    match valid(cell) {
        Some((kind, sequence, data)) => Cell::Valid {
            kind,
            sequence,
            data,
        },
        None if cell.iter().all(|b| *b == 0xff) => Cell::Blank,
        None => Cell::Torn,
    }
}

fn valid(cell: &[u8]) -> Option<(u8, u32, &[u8])> {
    let (header, body) = cell.split_first_chunk::<HEADER_LEN>()?;
    let [
        m0,
        m1,
        kind,
        format,
        s0,
        s1,
        s2,
        s3,
        l0,
        l1,
        _,
        _,
        c0,
        c1,
        c2,
        c3,
    ] = *header;
    let data = body.get(..usize::from(u16::from_be_bytes([l0, l1])))?;
    let crc = u32::from_be_bytes([c0, c1, c2, c3]);
    let is_whole =
        [m0, m1] == MAGIC && format == FORMAT && checksum(header.get(..12)?, data) == crc;
    is_whole.then_some((kind, u32::from_be_bytes([s0, s1, s2, s3]), data))
}
