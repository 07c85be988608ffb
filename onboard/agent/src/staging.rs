//! The staging log: the symbols of the bundle in reception, as they arrived, in flash. What was received is
//! known by scanning the log; nothing that only RAM knows is needed after a reset.
//!
//! ```text
//! first erase block   cells of 256 B, the newest names the object:
//!                     epoch (1 B) | number (3) | K (2) | symbol length (2); all zero: none
//! all others          symbol cells, one behind the other, straddling erase blocks:
//!
//!  0       2       4         8               8+symbol_len    cell_len
//!  +-------+-------+---------+----- ... -----+--- 0xff ------+
//!  | index |   0   | CRC-32  | symbol        | padding       |
//!  +-------+-------+---------+----- ... -----+---------------+
//! ```
//! The CRC covers the sequence of the naming cell, number, K, symbol length, index and symbol, so that a
//! cell left over from another object is no cell of this one. An erase block is erased when the log
//! first reaches it: one erase and one program for a frame at the most, while the flash does as it is told. A cell
//! that was torn is marked in the list and passed over. So is one that passed the scan and could not be read to
//! solve: cells that a power cut left unstable read well now and then, and another symbol takes its place. So are
//! all cells of an erase block that takes no erase ([`room`]); where it is the first, names move on ([`names`]).

use embedded_storage::nor_flash::NorFlash;
use heapless::Vec;
use lightday_boot::{FlashError, Region, flash};
use lightday_fec::{BlockShape, TORN};
use lightday_wire::frame::MAX_SYMBOL_LEN;
use lightday_wire::{Epoch, ObjectNumber};

use self::cells::checksum;
use self::names::Place;
use self::room::Run;

mod cells;
mod names;
mod room;
mod scan;

const CELL_HEADER: usize = 8;
/// A symbol cell with the padding of the largest granule.
const MAX_SYMBOL_CELL: usize = CELL_HEADER + MAX_SYMBOL_LEN + 256;
/// How often a symbol is read before it counts as lost.
const READS: u8 = 3;
/// Cells that are remembered as unstable: power cuts that hit the log since the last reset are fewer.
const MAX_UNSTABLE: usize = 8;
/// How often an erase block is tried before it counts as dead.
const TRIES: u8 = 3;
/// Runs of dead erase blocks that are told apart.
const MAX_DEAD: usize = 16;

/// The object in reception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The epoch whose key let its symbols in: those of an older one are not believed any more.
    pub(crate) epoch: Epoch,
    pub(crate) number: ObjectNumber,
    pub(crate) shape: BlockShape,
    /// Sequence of the naming cell.
    generation: u32,
}

/// The staging area and what is known of it; `N` is the most symbols that the log can hold.
#[derive(Debug)]
pub(crate) struct Staging<const N: usize> {
    log: Region,
    block: Region,
    granule: u32,
    erase: u32,
    named: Option<Named>,
    /// The newest naming cell's sequence, also of an object that is forgotten.
    generation: u32,
    /// The index of each logged symbol in order of arrival, or [`TORN`].
    order: Vec<u16, N>,
    /// Positions of cells that passed a scan and could not be read to solve.
    unstable: Vec<u16, MAX_UNSTABLE>,
    /// Where names stand.
    place: Place,
    /// Erase blocks of the log that took no erase, or no program, since the reset or the latest second look.
    dead: Vec<Run, MAX_DEAD>,
    /// How often in a row the erase block that the log has reached took no erase, or no program.
    failures: u8,
    /// Whether a second look at dead blocks was taken, and no symbol was logged since.
    has_looked: bool,
    /// Whether a second look has found them dead as well: they are believed until the reset.
    is_settled: bool,
    /// Offset in the symbol area up to which it was erased for this object, or passed over.
    erased_to: u32,
    /// Whether the log was scanned since the reset.
    scanned: Option<u32>,
    /// Whether the log still names an object that was dropped.
    is_closing: bool,
}

/// What a step of the log came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logged {
    /// An erase was needed first: call again.
    Again,
    /// It is in the log.
    Done,
    /// There is too little room left: torn cells, or dead erase blocks, used the margin up.
    Full,
}

impl<const N: usize> Staging<N> {
    pub(crate) fn new<F: NorFlash>(log: Region, block: Region) -> Self {
        Self {
            log,
            block,
            granule: u32::try_from(F::WRITE_SIZE).unwrap_or(u32::MAX).max(1),
            erase: flash::erase_size::<F>().max(1),
            named: None,
            generation: 0,
            order: Vec::new(),
            unstable: Vec::new(),
            place: Place::default(),
            dead: Vec::new(),
            failures: 0,
            has_looked: false,
            is_settled: false,
            erased_to: 0,
            scanned: Some(0),
            is_closing: false,
        }
    }

    /// The object in reception.
    pub(crate) const fn named(&self) -> Option<Named> {
        self.named
    }

    /// The indices of the logged symbols, by position.
    pub(crate) fn order(&self) -> &[u16] {
        &self.order
    }

    /// Distinct symbols received.
    pub(crate) fn received(&self) -> usize {
        self.order.iter().filter(|index| **index != TORN).count()
    }

    /// Symbols still needed; 0 where nothing is in reception.
    pub(crate) fn needed(&self) -> u16 {
        let k = self.named.map_or(0, |named| usize::from(named.shape.k()));
        u16::try_from(k.saturating_sub(self.received())).unwrap_or(u16::MAX)
    }

    /// Whether enough symbols are there to solve.
    pub(crate) fn is_complete(&self) -> bool {
        self.named.is_some() && self.needed() == 0
    }

    /// Whether a symbol would be new.
    pub(crate) fn is_new(&self, index: u16) -> bool {
        index != TORN && !self.order.contains(&index)
    }

    /// Drops the object in reception for good: a reset must not take it up again, so the log is closed
    /// in a step of its own.
    pub(crate) fn drop_named(&mut self) {
        self.is_closing |= self.named.is_some();
        self.forget();
    }

    /// Whether the log has to be closed.
    pub(crate) const fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Forgets the object in reception. Its cells stay until another object needs their place.
    pub(crate) fn forget(&mut self) {
        self.named = None;
        self.order.clear();
        self.erased_to = 0;
        self.failures = 0;
        self.has_looked = false;
    }

    /// The part of the log that holds symbols.
    fn symbols(&self) -> Region {
        let names = self.place.at.saturating_add(self.erase);
        Region {
            start: self.log.start.saturating_add(names),
            len: self.log.len.saturating_sub(names),
        }
    }

    fn cell_len(&self, shape: BlockShape) -> u32 {
        let bytes = u32::from(shape.symbol_len()).saturating_add(CELL_HEADER as u32);
        bytes
            .checked_next_multiple_of(self.granule)
            .unwrap_or(u32::MAX)
    }

    /// Logs a symbol behind the last one: erases one block, or programs the cell, or passes over a block that
    /// takes no erase. What fails is not tried again for this symbol: a fault of the chip may last, and pass.
    pub(crate) fn log<F: NorFlash>(
        &mut self,
        flash: &mut F,
        index: u16,
        symbol: &[u8],
    ) -> Result<Logged, FlashError> {
        let named = self.named.ok_or(FlashError::OutOfRange)?;
        // Where there is too little room nothing is worn any further, and the ground hears of it at once.
        if self.usable(named.shape, self.order.len()) < usize::from(self.needed().max(1)) {
            self.is_settled |= self.has_looked;
            return Ok(Logged::Full);
        }
        let (start, end) = self.extent(named.shape, self.order.len())?;
        if end > self.erased_to {
            self.open_block(flash, named.shape)?;
            return Ok(Logged::Again);
        }
        let mut buffer = [0xffu8; MAX_SYMBOL_CELL];
        let len = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        let cell = buffer.get_mut(..len).ok_or(FlashError::OutOfRange)?;
        let crc = checksum(named, index, symbol).to_be_bytes();
        let head = index.to_be_bytes().into_iter().chain([0, 0]).chain(crc);
        cell.iter_mut()
            .zip(head.chain(symbol.iter().copied()))
            .for_each(|(to, from)| *to = from);
        let programmed = flash::program(flash, self.symbols(), start, cell);
        let position = self.order.len();
        self.unstable.retain(|old| usize::from(*old) != position);
        // A cell that failed is used up all the same: it must not be programmed again.
        let entry = if programmed.is_ok() { index } else { TORN };
        self.order.push(entry).map_err(|_| FlashError::OutOfRange)?;
        self.note(programmed.is_ok(), named.shape, start);
        self.has_looked &= programmed.is_err();
        programmed.map(|()| Logged::Done)
    }

    /// Offsets of the first byte of a cell and of the byte behind it.
    fn extent(&self, shape: BlockShape, position: usize) -> Result<(u32, u32), FlashError> {
        let cell_len = self.cell_len(shape);
        let position = u32::try_from(position).map_err(|_| FlashError::OutOfRange)?;
        let start = position
            .checked_mul(cell_len)
            .ok_or(FlashError::OutOfRange)?;
        let end = start.checked_add(cell_len).ok_or(FlashError::OutOfRange)?;
        if end > self.symbols().len {
            Err(FlashError::OutOfRange)
        } else {
            Ok((start, end))
        }
    }

    /// Relies no longer on the symbol at a position, which could not be read: the next scan passes it over. A reset
    /// forgets that, and the symbol is tried once more. Beyond [`MAX_UNSTABLE`] of them nothing is remembered, and
    /// the attempts run out.
    pub(crate) fn pass_over(&mut self, position: u16) {
        let _ = self.unstable.push(position);
    }

    /// Reads part of the symbol at a position, more than once if need be.
    pub(crate) fn read_symbol<F: NorFlash>(
        &self,
        flash: &mut F,
        position: u16,
        offset: u16,
        buf: &mut [u8],
    ) -> Result<(), FlashError> {
        let named = self.named.ok_or(FlashError::OutOfRange)?;
        let (start, _) = self.extent(named.shape, usize::from(position))?;
        let at = start
            .saturating_add(CELL_HEADER as u32)
            .saturating_add(u32::from(offset));
        let mut read = Err(FlashError::OutOfRange);
        for _ in 0..READS {
            read = flash::read(flash, self.symbols(), at, buf);
            if read.is_ok() {
                break;
            }
        }
        read
    }
}
