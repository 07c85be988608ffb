//! Regions of flash, and the three operations on them. Reads may fail (a torn word on an ECC part faults)
//! and every program is read back: success is never assumed.
//!
//! Drivers whose reads are coarser than one byte (`READ_SIZE > 1`) need a wrapper that widens reads.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

/// A range of flash. Both ends are multiples of the erase block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Byte address of its first byte.
    pub start: u32,
    /// Bytes.
    pub len: u32,
}

impl Region {
    /// The byte address behind the region; saturates.
    #[must_use]
    pub const fn end(self) -> u32 {
        self.start.saturating_add(self.len)
    }

    /// The part of `len` bytes from `offset` on, if it lies within.
    #[must_use]
    pub const fn part(self, offset: u32, len: u32) -> Option<Self> {
        match offset.checked_add(len) {
            Some(end) if end <= self.len => match self.start.checked_add(offset) {
                Some(start) => Some(Self { start, len }),
                None => None,
            },
            _ => None,
        }
    }
}

/// Why a flash operation did not happen as asked. The hardware is to blame, or our own bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlashError {
    /// The driver reported a fault.
    Fault,
    /// The range lies outside its region, or is not aligned.
    OutOfRange,
    /// What was programmed reads back as something else.
    ReadBack,
}

impl core::fmt::Display for FlashError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Fault => "the flash reported a fault",
            Self::OutOfRange => "the range lies outside its region",
            Self::ReadBack => "the flash reads back other bytes than were programmed",
        })
    }
}

impl core::error::Error for FlashError {}

/// Bytes that are compared at once when a program is read back.
const CHUNK: usize = 64;

/// Reads `buf.len()` bytes at `offset` of `region`.
///
/// # Errors
/// [`FlashError::OutOfRange`], [`FlashError::Fault`].
pub fn read<F: ReadNorFlash>(
    flash: &mut F,
    region: Region,
    offset: u32,
    buf: &mut [u8],
) -> Result<(), FlashError> {
    let at = locate(region, offset, buf.len())?;
    flash.read(at, buf).map_err(|_| FlashError::Fault)
}

/// Programs `data` at `offset` of `region` and reads it back. Offset and length are multiples of the
/// program granule, and the range is erased.
///
/// # Errors
/// [`FlashError`].
pub fn program<F: NorFlash>(
    flash: &mut F,
    region: Region,
    offset: u32,
    data: &[u8],
) -> Result<(), FlashError> {
    let at = locate(region, offset, data.len())?;
    flash.write(at, data).map_err(|_| FlashError::Fault)?;
    let mut back = [0u8; CHUNK];
    let mut at = at;
    for chunk in data.chunks(CHUNK) {
        let back = back.get_mut(..chunk.len()).ok_or(FlashError::OutOfRange)?;
        flash.read(at, back).map_err(|_| FlashError::Fault)?;
        if back != chunk {
            return Err(FlashError::ReadBack);
        }
        at = at.saturating_add(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
    }
    Ok(())
}

/// Erases the erase block of `region` that begins at `offset`, and reads back that it is blank: what an erase that
/// did nothing leaves behind would be believed beside what is written next.
///
/// # Errors
/// [`FlashError`].
pub fn erase_block<F: NorFlash>(
    flash: &mut F,
    region: Region,
    offset: u32,
) -> Result<(), FlashError> {
    let at = locate(region, offset, F::ERASE_SIZE)?;
    let end = at
        .checked_add(erase_size::<F>())
        .ok_or(FlashError::OutOfRange)?;
    flash.erase(at, end).map_err(|_| FlashError::Fault)?;
    let mut at = at;
    let mut back = [0u8; CHUNK];
    while at < end {
        let len = usize::try_from(end.saturating_sub(at)).unwrap_or(CHUNK);
        let back = back
            .get_mut(..len.min(CHUNK))
            .ok_or(FlashError::OutOfRange)?;
        flash.read(at, back).map_err(|_| FlashError::Fault)?;
        if back.iter().any(|byte| *byte != 0xff) {
            return Err(FlashError::ReadBack);
        }
        at = at.saturating_add(u32::try_from(back.len()).unwrap_or(u32::MAX));
    }
    Ok(())
}

/// The erase block in bytes.
#[must_use]
pub fn erase_size<F: NorFlash>() -> u32 {
    u32::try_from(F::ERASE_SIZE).unwrap_or(u32::MAX)
}

fn locate(region: Region, offset: u32, len: usize) -> Result<u32, FlashError> {
    let len = u32::try_from(len).map_err(|_| FlashError::OutOfRange)?;
    region
        .part(offset, len)
        .map(|part| part.start)
        .ok_or(FlashError::OutOfRange)
}
