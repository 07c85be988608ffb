//! The driver of the two NOR flash dies: CFI, Intel command set, two 16-bit chips side by side on 32 lines.
//!
//! While a die takes commands it cannot be read or run from; each operation ends with the command that brings it back
//! to reading, whatever came of it. A program only clears bits, as real cells do: QEMU would let it set them too.
//!
//! ```text
//! read array --0x40, word--> status --ready--> (next word) --0xff--> read array --> read back
//!            --0x20, 0xd0--> status --ready--> --0xff--> read array --> read back
//! ```
//! Source: Intel Application Note 646 (Common Flash Interface), Intel StrataFlash 28F datasheet, table of commands.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read,
    check_write,
};
use lightday_firmware_board::map::{
    ERASE_LEN, FLASH_BASE, FLASH_LEN, TIMER_HZ, WATCHDOG_MS, WORD_LEN,
};
use lightday_firmware_board::mmio;

use crate::clock;

/// A command to both chips.
const fn both(command: u32) -> u32 {
    command << 16 | command
}

const PROGRAM: u32 = both(0x40);
const ERASE: u32 = both(0x20);
const CONFIRM: u32 = both(0xd0);
const READ_ARRAY: u32 = both(0xff);
const CLEAR_STATUS: u32 = both(0x50);
const READY: u32 = both(0x80);
/// Erase failed, program failed, voltage low, block locked.
const FAILED: u32 = both(0x3a);
/// Ticks of the timer after which an operation is given up, all words of a program together: longer than an erase
/// takes. Interrupts are off in a call, and neither watchdog nor deadline bites before it ends.
const PATIENCE: u64 = 4 * TIMER_HZ;
const _: () = assert!(PATIENCE < WATCHDOG_MS * (TIMER_HZ / 1000));

/// Why the flash did not do as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CfiError {
    /// Not aligned, or outside the flash.
    Range(NorFlashErrorKind),
    /// The status register says that it failed.
    Failed,
    /// It was never ready again.
    Timeout,
    /// It reads back as something else.
    ReadBack,
}

impl NorFlashError for CfiError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Range(kind) => *kind,
            _ => NorFlashErrorKind::Other,
        }
    }
}

/// Both dies as one flash.
#[derive(Debug)]
pub struct Cfi(());

impl Cfi {
    /// Takes the flash.
    ///
    /// # Safety
    /// The program runs on the board, in machine mode and from RAM, and has no other.
    pub unsafe fn new() -> Self {
        Self(())
    }

    fn command(&mut self, offset: u32, value: u32) {
        // SAFETY: a word of the flash, aligned; nothing runs from flash or reads it until the command is done.
        unsafe { mmio::write_u32(FLASH_BASE + offset as usize, value) }
    }

    fn word(&mut self, offset: u32) -> u32 {
        // SAFETY: a word of the flash, aligned.
        unsafe { mmio::read_u32(FLASH_BASE + offset as usize) }
    }

    /// Waits for both chips, until so long after `since`, and says how it ended. The chips are asked once more when the
    /// time is over: a host that was busy elsewhere is no fault of theirs.
    fn ended(&mut self, offset: u32, since: u64) -> Result<(), CfiError> {
        loop {
            let is_late = clock::ticks().saturating_sub(since) > PATIENCE;
            let status = self.word(offset);
            if status & READY != READY {
                if is_late {
                    return Err(CfiError::Timeout);
                }
                continue;
            }
            if status & FAILED == 0 {
                return Ok(());
            }
            self.command(offset, CLEAR_STATUS);
            return Err(CfiError::Failed);
        }
    }

    fn program_word(&mut self, offset: u32, value: u32, since: u64) -> Result<(), CfiError> {
        self.command(offset, PROGRAM);
        self.command(offset, value);
        self.ended(offset, since)
    }

    /// Programs words that lie on one die.
    fn program(&mut self, offset: u32, bytes: &[u8]) -> Result<(), CfiError> {
        let words = bytes.as_chunks::<4>().0;
        // Cells keep the zeros that they have.
        let (mut at, mut sets_bits) = (offset, false);
        for word in words {
            sets_bits |= self.word(at) & u32::from_le_bytes(*word) != u32::from_le_bytes(*word);
            at = at.wrapping_add(WORD_LEN);
        }
        if sets_bits {
            return Err(CfiError::ReadBack);
        }
        let since = clock::ticks();
        let (mut at, mut result) = (offset, Ok(()));
        for word in words {
            result = self.program_word(at, u32::from_le_bytes(*word), since);
            if result.is_err() {
                break;
            }
            at = at.wrapping_add(WORD_LEN);
        }
        self.command(offset, READ_ARRAY);
        result?;
        let mut at = offset;
        for word in words {
            if self.word(at) != u32::from_le_bytes(*word) {
                return Err(CfiError::ReadBack);
            }
            at = at.wrapping_add(WORD_LEN);
        }
        Ok(())
    }

    fn erase_block(&mut self, offset: u32) -> Result<(), CfiError> {
        let since = clock::ticks();
        self.command(offset, ERASE);
        self.command(offset, CONFIRM);
        let result = self.ended(offset, since);
        self.command(offset, READ_ARRAY);
        result?;
        for at in (offset..offset.wrapping_add(ERASE_LEN)).step_by(WORD_LEN as usize) {
            if self.word(at) != u32::MAX {
                return Err(CfiError::ReadBack);
            }
        }
        Ok(())
    }
}

impl ErrorType for Cfi {
    type Error = CfiError;
}

impl ReadNorFlash for Cfi {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), CfiError> {
        check_read(self, offset, bytes.len()).map_err(CfiError::Range)?;
        // SAFETY: the range lies within the flash, which is in its reading mode between two operations.
        unsafe { mmio::read_bytes(FLASH_BASE + offset as usize, bytes) }
        Ok(())
    }

    fn capacity(&self) -> usize {
        FLASH_LEN as usize
    }
}

impl NorFlash for Cfi {
    const WRITE_SIZE: usize = WORD_LEN as usize;
    const ERASE_SIZE: usize = ERASE_LEN as usize;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), CfiError> {
        check_erase(self, from, to).map_err(CfiError::Range)?;
        for offset in (from..to).step_by(ERASE_LEN as usize) {
            self.erase_block(offset)?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), CfiError> {
        check_write(self, offset, bytes.len()).map_err(CfiError::Range)?;
        // A range that crosses an erase block may cross a die.
        let (mut at, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let room = ERASE_LEN.saturating_sub(at % ERASE_LEN) as usize;
            let (part, behind) = rest.split_at(room.min(rest.len()));
            self.program(at, part)?;
            at = at.wrapping_add(room as u32);
            rest = behind;
        }
        Ok(())
    }
}
