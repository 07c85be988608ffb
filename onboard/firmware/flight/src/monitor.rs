//! The monitor as the application sees it: a supervisor and a flash that can be asked, and refuse.

use core::arch::asm;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_read,
};
use lightday_boot::{Elapsed, Supervisor};
use lightday_firmware_board::call::{Call, MAX_PROGRAM, Status};
use lightday_firmware_board::map::{ERASE_LEN, FLASH_BASE, FLASH_LEN, WORD_LEN};
use lightday_firmware_board::mmio;
use lightday_wire::ResetCause;

/// Asks the monitor; gives the status and a value.
fn ask(call: Call, arguments: [u32; 3]) -> (Status, u64) {
    let [a0, a1, a2] = arguments;
    let (status, low, high): (u32, u32, u32);
    // SAFETY: the monitor keeps all registers but these, and reads no memory but what `Flash::write` lends it.
    unsafe {
        asm!(
            "ecall",
            in("a7") call as u32,
            inlateout("a0") a0 => status,
            inlateout("a1") a1 => low,
            inlateout("a2") a2 => high,
        );
    }
    (Status::of(status), u64::from(high) << 32 | u64::from(low))
}

/// Sleeps until the next tick.
pub fn wait() {
    let _ = ask(Call::Wait, [0; 3]);
}

/// The supervisor behind the call.
#[derive(Debug)]
pub struct Monitor;

impl Supervisor for Monitor {
    fn reset_cause(&self) -> ResetCause {
        let (_, code) = ask(Call::ResetCause, [0; 3]);
        let code = u8::try_from(code).ok().and_then(ResetCause::from_code);
        code.unwrap_or(ResetCause::Unknown)
    }

    fn elapsed(&self) -> Elapsed {
        Elapsed(ask(Call::Elapsed, [0; 3]).1)
    }

    fn set_deadline(&mut self, deadline: Elapsed, latch: bool) {
        let halves = [(deadline.0 & 0xffff_ffff) as u32, (deadline.0 >> 32) as u32];
        let _ = ask(Call::SetDeadline, [halves[0], halves[1], u32::from(latch)]);
    }

    fn lock(&mut self) {
        // The loader locked before the jump, and nothing opens it.
    }

    fn kick(&mut self) {
        let _ = ask(Call::Kick, [0; 3]);
    }

    fn request_reset(&mut self) {
        let _ = ask(Call::RequestReset, [0; 3]);
    }

    fn is_cooperative(&self) -> bool {
        false
    }
}

/// Why the flash did not do as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlashError {
    /// Outside the flash, or not aligned.
    Range(NorFlashErrorKind),
    /// What the monitor said.
    Refused(Status),
}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Range(kind) => *kind,
            Self::Refused(_) => NorFlashErrorKind::Other,
        }
    }
}

/// The flash: read in place, written by the monitor.
#[derive(Debug)]
pub struct Flash;

fn done(status: Status) -> Result<(), FlashError> {
    match status {
        Status::Done => Ok(()),
        refused => Err(FlashError::Refused(refused)),
    }
}

impl ErrorType for Flash {
    type Error = FlashError;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        check_read(self, offset, bytes.len()).map_err(FlashError::Range)?;
        // SAFETY: the range lies within the flash, which the application may read, and which is in its reading mode
        // whenever the monitor does not run.
        unsafe { mmio::read_bytes(FLASH_BASE + offset as usize, bytes) }
        Ok(())
    }

    fn capacity(&self) -> usize {
        FLASH_LEN as usize
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = WORD_LEN as usize;
    const ERASE_SIZE: usize = ERASE_LEN as usize;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        for at in (from..to).step_by(ERASE_LEN as usize) {
            done(ask(Call::Erase, [at, 0, 0]).0)?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let mut at = offset;
        for part in bytes.chunks(MAX_PROGRAM as usize) {
            let len = part.len() as u32;
            done(ask(Call::Program, [at, part.as_ptr() as u32, len]).0)?;
            at = at.wrapping_add(len);
        }
        Ok(())
    }
}
