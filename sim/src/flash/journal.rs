//! What the flash was asked to do, kept so that it can be done again elsewhere, or half.

use embedded_storage::nor_flash::NorFlash;

use super::{FlashError, SimFlash, address};

/// An operation, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// One program.
    Program {
        /// Where its first byte goes.
        address: u32,
        /// What is programmed.
        bytes: Vec<u8>,
    },
    /// The erase of one block.
    Erase {
        /// The block's first byte.
        address: u32,
    },
}

impl Operation {
    /// Where its first byte lies.
    #[must_use]
    pub const fn address(&self) -> u32 {
        match self {
            Self::Program { address, .. } | Self::Erase { address } => *address,
        }
    }

    /// Whether it programs more than one granule of so many bytes.
    #[must_use]
    pub const fn is_of_several(&self, granule: usize) -> bool {
        match self {
            Self::Program { bytes, .. } => bytes.len() > granule,
            Self::Erase { .. } => false,
        }
    }
}

impl<const WRITE: usize, const ERASE: usize> SimFlash<WRITE, ERASE> {
    /// Keeps the operations that begin from now on, for [`Self::take_journal`].
    pub fn keep_journal(&mut self) {
        self.journal = Some(Vec::new());
    }

    /// The operations that began since [`Self::keep_journal`]; keeps no more.
    pub fn take_journal(&mut self) -> Vec<Operation> {
        self.journal.take().unwrap_or_default()
    }

    /// Does an operation that was done elsewhere.
    ///
    /// # Errors
    /// Those of the flash; [`FlashError::PowerLost`] where a cut was planned for it.
    pub fn redo(&mut self, operation: &Operation) -> Result<(), FlashError> {
        match operation {
            Operation::Program { address, bytes } => self.write(*address, bytes),
            Operation::Erase { address } => {
                let end = *address + u32::try_from(ERASE).unwrap_or(u32::MAX);
                self.erase(*address, end)
            }
        }
    }

    pub(super) fn note_program(&mut self, start: u32, bytes: &[u8]) {
        if let Some(journal) = &mut self.journal {
            journal.push(Operation::Program {
                address: start,
                bytes: bytes.to_vec(),
            });
        }
    }

    pub(super) fn note_erase(&mut self, block: usize) {
        if let Some(journal) = &mut self.journal {
            journal.push(Operation::Erase {
                address: address(block * ERASE),
            });
        }
    }
}
