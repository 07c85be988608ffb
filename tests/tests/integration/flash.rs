//! The board of `docs/INTEGRATION.md`, 1: the driver `w25q32jv` behind the trait of boot and agent. The page quotes all that
//! stands below these lines.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use w25q32jv::{CAPACITY, Error, PAGE_SIZE, SECTOR_SIZE, W25q32jv};

use crate::hardware::{Pin, PinError, Spi, SpiError};

/// A chip of 4 MiB, each page of which is programmed once: that is a granule of boot and agent.
pub struct SpiNor(pub W25q32jv<Spi, Pin, Pin>);

impl ErrorType for SpiNor {
    type Error = Error<SpiError, PinError>;
}

impl ReadNorFlash for SpiNor {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        CAPACITY as usize
    }
}

impl NorFlash for SpiNor {
    const WRITE_SIZE: usize = PAGE_SIZE as usize;
    const ERASE_SIZE: usize = SECTOR_SIZE as usize;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        // Not by the driver's own `NorFlash`, which panics where the bus fails.
        (from / SECTOR_SIZE..to / SECTOR_SIZE).try_for_each(|sector| self.0.erase_sector(sector))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.write_blocking(offset, bytes)
    }
}
