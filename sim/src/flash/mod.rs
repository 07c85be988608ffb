//! A NOR flash that behaves as the worst of them: a program only clears bits, a second program of a
//! granule without an erase is an error, power may be cut in the middle of any operation, and whatever else fails in
//! flash can be made to fail ([`Fault`]).
//!
//! It never repairs anything and never hides an error. Reads cost a copy: whole missions run by the
//! hundreds each minute.
//!
//! ```text
//!            program (once)                cut: partial          cut: unstable
//!  ff ff ff ------------> 12 34 56    ff -> 12 or f6 or ...    reads differ until erased
//!     ^                      |
//!     +------- erase --------+         an erase block at a time; write-protected ranges refuse both
//! ```
//!
//! An *operation* is one `write` call, or one erase block of an `erase` call. Operations are numbered
//! from 0; [`SimFlash::cut_at`] names the one that the power does not survive ([`CutForm`]).

mod cut;
mod faults;
mod journal;
mod peek;

use std::collections::BTreeSet;
use std::ops::Range;

use embedded_storage::nor_flash::{
    self, ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

use self::cut::Unstable;
pub use self::cut::{CutForm, FLICKERS_ONE_IN};
pub use self::faults::Fault;
use self::faults::Planned;
pub use self::journal::Operation;
pub use self::peek::Peek;

/// Why the flash refused or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlashError {
    /// The caller's bug: not aligned to the granule or the erase block.
    NotAligned,
    /// The caller's bug: outside the device.
    OutOfBounds,
    /// The caller's bug: the granule at this address was programmed since its last erase.
    AlreadyProgrammed(u32),
    /// The range is write-protected.
    Protected(u32),
    /// Power is off.
    PowerLost,
    /// What lies at this address cannot be read: on ECC parts a granule that is torn or unstable.
    Uncorrectable(u32),
    /// The erase block at this address took no program, or no erase.
    Worn(u32),
}

impl std::fmt::Display for FlashError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAligned => f.write_str("not aligned to the flash's granule or erase block"),
            Self::OutOfBounds => f.write_str("outside the flash"),
            Self::AlreadyProgrammed(at) => {
                write!(f, "the granule at {at:#x} was programmed already")
            }
            Self::Protected(at) => write!(f, "the flash at {at:#x} is write-protected"),
            Self::PowerLost => f.write_str("power is off"),
            Self::Uncorrectable(at) => write!(f, "uncorrectable ECC error at {at:#x}"),
            Self::Worn(at) => write!(f, "the block at {at:#x} failed"),
        }
    }
}

impl std::error::Error for FlashError {}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            _ => NorFlashErrorKind::Other,
        }
    }
}

impl From<NorFlashErrorKind> for FlashError {
    fn from(kind: NorFlashErrorKind) -> Self {
        match kind {
            NorFlashErrorKind::NotAligned => Self::NotAligned,
            _ => Self::OutOfBounds,
        }
    }
}

/// What the flash was asked to do so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlashStats {
    /// Read calls.
    pub reads: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Program operations.
    pub programs: u64,
    /// Bytes programmed.
    pub programmed_bytes: u64,
    /// Erase blocks erased.
    pub erases: u64,
    /// Programs and erases refused by write protection.
    pub protected: u64,
    /// Programs refused since a granule was programmed already.
    pub programmed_twice: u64,
}

#[derive(Clone, Copy, Debug)]
struct PlannedCut {
    at: u64,
    form: CutForm,
}

/// A simulated NOR flash with program granules of `WRITE` bytes and erase blocks of `ERASE` bytes.
#[derive(Clone, Debug)]
pub struct SimFlash<const WRITE: usize, const ERASE: usize> {
    bytes: Vec<u8>,
    /// One bit for each granule: programmed since its last erase.
    programmed: Vec<u64>,
    /// Granules that fault on read, on ECC parts.
    torn: BTreeSet<usize>,
    unstable: Vec<Unstable>,
    protected: Vec<Range<usize>>,
    /// What is write-protected until the next reset.
    locked: Vec<Range<usize>>,
    wear: Vec<u32>,
    failed_erases: Vec<u32>,
    /// For each erase block, the count of operations when it was changed last.
    changed: Vec<u64>,
    ecc: bool,
    powered: bool,
    operations: u64,
    planned: Option<PlannedCut>,
    journal: Option<Vec<Operation>>,
    faults: Vec<Planned>,
    /// Whether faults that change what reads wait for an application to run.
    spares_boots: bool,
    stats: FlashStats,
}

impl<const WRITE: usize, const ERASE: usize> SimFlash<WRITE, ERASE> {
    const GEOMETRY: () = assert!(
        WRITE > 0 && ERASE.is_multiple_of(WRITE),
        "an erase block holds whole granules"
    );

    /// An erased flash of `blocks` erase blocks, powered.
    #[must_use]
    pub fn new(blocks: usize) -> Self {
        let () = Self::GEOMETRY;
        let capacity = blocks * ERASE;
        Self {
            bytes: vec![0xff; capacity],
            programmed: vec![0; (capacity / WRITE).div_ceil(64)],
            torn: BTreeSet::new(),
            unstable: Vec::new(),
            protected: Vec::new(),
            locked: Vec::new(),
            wear: vec![0; blocks],
            failed_erases: vec![0; blocks],
            changed: vec![0; blocks],
            ecc: false,
            powered: true,
            operations: 0,
            planned: None,
            journal: None,
            faults: Vec::new(),
            spares_boots: false,
            stats: FlashStats::default(),
        }
    }

    /// Makes it an ECC part: a torn granule faults on read instead of reading as something.
    #[must_use]
    pub fn with_ecc(mut self) -> Self {
        self.ecc = true;
        self
    }

    /// Write-protects a range of addresses from now on; [`Self::factory_load`] still writes it.
    pub fn protect(&mut self, range: Range<u32>) {
        self.protected
            .push(range.start as usize..range.end as usize);
    }

    /// Write-protects ranges of addresses until [`Self::unlock`]: the block lock that a reset opens.
    pub fn lock(&mut self, ranges: impl IntoIterator<Item = Range<u32>>) {
        let ranges = ranges.into_iter();
        self.locked = ranges.map(|r| r.start as usize..r.end as usize).collect();
    }

    /// Opens the lock, as a reset does.
    pub fn unlock(&mut self) {
        self.locked.clear();
    }

    /// Writes `bytes` as the factory does: beside write protection, power, counters and wear.
    ///
    /// # Panics
    /// If the bytes do not fit: a bug of the scenario.
    pub fn factory_load(&mut self, address: u32, bytes: &[u8]) {
        let start = address as usize;
        let end = start + bytes.len();
        self.bytes[start..end].copy_from_slice(bytes);
        self.mark_programmed(start..end, true);
    }

    /// Forgets what was counted so far: flight begins, with operation 0.
    pub fn clear_counters(&mut self) {
        self.operations = 0;
        self.stats = FlashStats::default();
        self.wear.fill(0);
        self.failed_erases.fill(0);
        self.changed.fill(0);
    }

    /// Cuts the power at the operation of this number, once.
    pub fn cut_at(&mut self, operation: u64, form: CutForm) {
        self.planned = Some(PlannedCut {
            at: operation,
            form,
        });
    }

    /// Switches the power off between two operations.
    pub fn power_off(&mut self) {
        self.powered = false;
    }

    /// Switches the power on again. What a cut tore stays torn.
    pub fn power_on(&mut self) {
        self.powered = true;
    }

    /// Whether the power is on.
    #[must_use]
    pub const fn is_powered(&self) -> bool {
        self.powered
    }

    /// The number that the next operation will have.
    #[must_use]
    pub const fn operations(&self) -> u64 {
        self.operations
    }

    /// What it was asked to do so far.
    #[must_use]
    pub const fn stats(&self) -> FlashStats {
        self.stats
    }

    /// How often each erase block was erased; an erase that power cut off wears, too.
    #[must_use]
    pub fn wear(&self) -> &[u32] {
        &self.wear
    }

    /// How often each erase block was to be erased, and was not, for a [`Fault`].
    #[must_use]
    pub fn failed_erases(&self) -> &[u32] {
        &self.failed_erases
    }

    /// Whether an operation numbered `operation` or later changed anything in `range`.
    #[must_use]
    pub fn changed_since(&self, operation: u64, range: Range<u32>) -> bool {
        let first = range.start as usize / ERASE;
        let end = (range.end as usize).div_ceil(ERASE);
        self.changed
            .get(first..end)
            .is_some_and(|blocks| blocks.iter().any(|at| *at > operation))
    }

    /// The cells as they are, beside power, counters and instability: for checkers, never for flight
    /// code. `None` outside the device.
    #[must_use]
    pub fn peek(&self, range: Range<u32>) -> Option<&[u8]> {
        self.bytes.get(range.start as usize..range.end as usize)
    }

    /// Whether every cell of `range` reads the same each time.
    #[must_use]
    pub fn is_stable(&self, range: Range<u32>) -> bool {
        let range = range.start as usize..range.end as usize;
        !self.unstable.iter().any(|cells| cells.overlaps(&range))
    }

    /// Whether the byte at `address` was programmed since its last erase.
    #[must_use]
    pub fn is_programmed_at(&self, address: u32) -> bool {
        (address as usize) < self.bytes.len() && self.is_programmed(address as usize / WRITE)
    }

    /// Flips one bit, as a particle does. Write protection does not help; addresses outside the device
    /// are ignored.
    pub fn flip(&mut self, address: u32, bit: u8) {
        let operation = self.operations;
        if let Some(byte) = self.bytes.get_mut(address as usize) {
            *byte ^= 1 << (bit & 7);
            self.changed[address as usize / ERASE] = operation + 1;
        }
    }

    /// Erases whole blocks as nothing in flight does: whatever is dead or locked. Counts as one operation.
    pub(crate) fn lose(&mut self, range: Range<u32>) {
        let range = range.start as usize..(range.end as usize).min(self.bytes.len());
        self.operations += 1;
        self.changed[range.start / ERASE..range.end.div_ceil(ERASE)].fill(self.operations);
        self.bytes[range.clone()].fill(0xff);
        self.mark_programmed(range.clone(), false);
        self.heal(&range);
    }

    fn is_programmed(&self, granule: usize) -> bool {
        self.programmed[granule / 64] >> (granule % 64) & 1 == 1
    }

    fn mark_programmed(&mut self, bytes: Range<usize>, programmed: bool) {
        for granule in bytes.start / WRITE..bytes.end.div_ceil(WRITE) {
            let bit = 1 << (granule % 64);
            let word = &mut self.programmed[granule / 64];
            *word = if programmed {
                *word | bit
            } else {
                *word & !bit
            };
        }
    }

    fn check_protection(&mut self, range: &Range<usize>) -> Result<(), FlashError> {
        let hit = self
            .protected
            .iter()
            .chain(&self.locked)
            .find(|p| p.start < range.end && range.start < p.end);
        if let Some(hit) = hit {
            self.stats.protected += 1;
            return Err(FlashError::Protected(address(range.start.max(hit.start))));
        }
        Ok(())
    }

    /// Counts an operation on `range`; returns the form of the cut if the power does not survive it.
    fn begin(&mut self, range: &Range<usize>) -> Option<CutForm> {
        let number = self.operations;
        self.operations += 1;
        for block in range.start / ERASE..range.end.div_ceil(ERASE) {
            self.changed[block] = self.operations;
        }
        let cut = self.planned.take_if(|planned| planned.at == number)?;
        self.powered = false;
        Some(cut.form)
    }

    fn powered(&self) -> Result<(), FlashError> {
        if self.powered {
            Ok(())
        } else {
            Err(FlashError::PowerLost)
        }
    }

    fn erase_block(&mut self, block: usize) -> Result<(), FlashError> {
        let range = block * ERASE..(block + 1) * ERASE;
        if let Some(spoilt) = self.spoilt(block, true) {
            self.failed_erases[block] += 1;
            return spoilt;
        }
        self.wear[block] += 1;
        self.note_erase(block);
        let cut = self.begin(&range);
        if let Some(form) = cut {
            self.cut_erase(&range, form);
            return Err(FlashError::PowerLost);
        }
        self.bytes[range.clone()].fill(0xff);
        self.mark_programmed(range.clone(), false);
        self.heal(&range);
        self.stats.erases += 1;
        Ok(())
    }

    fn read_faults(&mut self, range: &Range<usize>, buf: &mut [u8]) -> Result<(), FlashError> {
        if let Some(granule) = self.torn.range(range.start / WRITE..).next()
            && granule * WRITE < range.end
        {
            return Err(FlashError::Uncorrectable(address(granule * WRITE)));
        }
        let word = self.ecc.then_some(WRITE);
        for unstable in &self.unstable {
            if let Some(at) = unstable.disturb(self.stats.reads, range, word, buf) {
                return Err(FlashError::Uncorrectable(address(at)));
            }
        }
        Ok(())
    }
}

/// An address as callers see it. Devices are far below 4 GiB.
fn address(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl<const WRITE: usize, const ERASE: usize> ErrorType for SimFlash<WRITE, ERASE> {
    type Error = FlashError;
}

impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for SimFlash<WRITE, ERASE> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.powered()?;
        let range = offset as usize..offset as usize + bytes.len();
        let cells = self
            .bytes
            .get(range.clone())
            .ok_or(FlashError::OutOfBounds)?;
        bytes.copy_from_slice(cells);
        self.stats.reads += 1;
        self.stats.read_bytes += bytes.len() as u64;
        if self.torn.is_empty() && self.unstable.is_empty() && self.faults.is_empty() {
            return Ok(());
        }
        self.read_faults(&range, bytes)?;
        self.misread(&range, bytes)
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const WRITE: usize, const ERASE: usize> NorFlash for SimFlash<WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        self.powered()?;
        nor_flash::check_erase(self, from, to)?;
        self.check_protection(&(from as usize..to as usize))?;
        (from as usize / ERASE..to as usize / ERASE).try_for_each(|block| self.erase_block(block))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.powered()?;
        nor_flash::check_write(self, offset, bytes.len())?;
        let range = offset as usize..offset as usize + bytes.len();
        self.check_protection(&range)?;
        let mut granules = range.start / WRITE..range.end / WRITE;
        if let Some(twice) = granules.find(|granule| self.is_programmed(*granule)) {
            self.stats.programmed_twice += 1;
            return Err(FlashError::AlreadyProgrammed(address(twice * WRITE)));
        }
        if bytes.is_empty() {
            return Ok(());
        }
        if let Some(spoilt) = self.spoilt(range.start / ERASE, false) {
            return spoilt;
        }
        self.note_program(offset, bytes);
        let cut = self.begin(&range);
        if let Some(form) = cut {
            self.cut_program(&range, bytes, form);
            return Err(FlashError::PowerLost);
        }
        self.bytes[range.clone()]
            .iter_mut()
            .zip(bytes)
            .for_each(|(cell, byte)| *cell &= byte);
        self.mark_programmed(range, true);
        self.stats.programs += 1;
        self.stats.programmed_bytes += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
