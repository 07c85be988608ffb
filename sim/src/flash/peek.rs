//! A look at the cells that nobody notices: no counter moves, no fault strikes, nothing can be written.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

use super::{FlashError, SimFlash};

/// A flash as a checker sees it: for reading with the same code that flies.
#[derive(Clone, Copy, Debug)]
pub struct Peek<'f, const WRITE: usize, const ERASE: usize>(&'f SimFlash<WRITE, ERASE>);

impl<const WRITE: usize, const ERASE: usize> SimFlash<WRITE, ERASE> {
    /// A look at the cells that nobody notices.
    #[must_use]
    pub const fn peeking(&self) -> Peek<'_, WRITE, ERASE> {
        Peek(self)
    }
}

impl<const WRITE: usize, const ERASE: usize> ErrorType for Peek<'_, WRITE, ERASE> {
    type Error = FlashError;
}

impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for Peek<'_, WRITE, ERASE> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let len = u32::try_from(bytes.len()).map_err(|_| FlashError::OutOfBounds)?;
        let end = offset.checked_add(len).ok_or(FlashError::OutOfBounds)?;
        let cells = self.0.peek(offset..end).ok_or(FlashError::OutOfBounds)?;
        bytes.copy_from_slice(cells);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl<const WRITE: usize, const ERASE: usize> NorFlash for Peek<'_, WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    /// Refused: a look changes nothing.
    fn erase(&mut self, from: u32, _to: u32) -> Result<(), FlashError> {
        Err(FlashError::Protected(from))
    }

    /// Refused: a look changes nothing.
    fn write(&mut self, offset: u32, _bytes: &[u8]) -> Result<(), FlashError> {
        Err(FlashError::Protected(offset))
    }
}
