//! What a trap comes to: a tick, a call of the application, or a fault that ends in a reset.

use core::arch::asm;

use embedded_storage::nor_flash::NorFlash as _;
use lightday_boot::{Elapsed, Region, Supervisor as _};
use lightday_firmware_board::call::{Call, MAX_PROGRAM, Status};
use lightday_firmware_board::map::{APPLICATION_RAM, ERASE_LEN, RAM_LEN, locked};
use lightday_firmware_board::text::Line;
use lightday_wire::ResetCause;

use crate::cfi::{Cfi, CfiError};
use crate::clock;
use crate::machine::{self, Machine};
use crate::start::Frame;
use crate::{monitor, stack, watch};

const TICK: u32 = 0x8000_0007;
const CALL: u32 = 8;
/// Bits of `mstatus`: the mode that was interrupted.
const PREVIOUS_MODE: u32 = 0x1800;

/// Acts on a trap. Called by the assembly of `start`, with interrupts off.
#[unsafe(no_mangle)]
extern "C" fn trap(frame: &mut Frame) {
    let (cause, at, value, status): (u32, u32, u32, u32);
    // SAFETY: reads what the trap left in these registers.
    unsafe {
        asm!(
            "csrr {cause}, mcause", "csrr {at}, mepc", "csrr {value}, mtval", "csrr {status}, mstatus",
            cause = out(reg) cause, at = out(reg) at, value = out(reg) value, status = out(reg) status,
        );
    }
    if status & PREVIOUS_MODE != 0 {
        // The loader itself was interrupted, and has the machine.
        return if cause == TICK {
            watch::tick()
        } else {
            monitor::fault()
        };
    }
    if cause == TICK {
        return machine::with(|machine| machine.monitor.tick());
    }
    if cause == CALL {
        // SAFETY: goes on behind the call.
        unsafe { asm!("csrw mepc, {next}", next = in(reg) at.wrapping_add(4)) }
        return machine::with(|machine| call(machine, frame));
    }
    machine::with(|machine| {
        Line::of("monitor: fault ")
            .number(cause)
            .text(" at ")
            .hex(at)
            .text(", value ")
            .hex(value)
            .text(", ")
            .number(stack::of_monitor())
            .text(" B of stack used: reset")
            .send(&mut machine.uart);
        machine.monitor.reset(ResetCause::Fault)
    })
}

/// Carries out a call.
fn call(machine: &mut Machine, frame: &mut Frame) {
    let (a0, a1, a2) = (frame.argument(0), frame.argument(1), frame.argument(2));
    let monitor = &mut machine.monitor;
    let (status, value) = match Call::of(frame.number()) {
        Some(Call::Program) => (program(&mut machine.flash, a0, a1, a2), 0),
        Some(Call::Erase) => (erase(&mut machine.flash, a0), 0),
        Some(Call::Kick) => {
            monitor.kick();
            (Status::Done, 0)
        }
        Some(Call::SetDeadline) => {
            monitor.set_deadline(Elapsed(u64::from(a1) << 32 | u64::from(a0)), a2 != 0);
            (Status::Done, 0)
        }
        Some(Call::Elapsed) => (Status::Done, monitor.now().0),
        Some(Call::ResetCause) => (Status::Done, u64::from(monitor.reset_cause().code())),
        Some(Call::RequestReset) => monitor.reset(ResetCause::Software),
        Some(Call::Wait) => {
            clock::wait();
            (Status::Done, 0)
        }
        None => (Status::Unknown, 0),
    };
    frame.answer(status as u32, value);
}

/// Programs bytes of the application's RAM, unless the range is locked.
fn program(flash: &mut Cfi, to: u32, from: u32, len: u32) -> Status {
    let ram = APPLICATION_RAM as u64..(APPLICATION_RAM + RAM_LEN) as u64;
    let end = u64::from(from) + u64::from(len);
    if len > MAX_PROGRAM || !ram.contains(&u64::from(from)) || end > ram.end {
        return Status::Range;
    }
    if is_locked(to, len) {
        return Status::Locked;
    }
    // SAFETY: the range lies within the application's RAM, which does not run while we do.
    let bytes = unsafe { core::slice::from_raw_parts(from as *const u8, len as usize) };
    status(flash.write(to, bytes))
}

fn erase(flash: &mut Cfi, at: u32) -> Status {
    let Some(end) = at.checked_add(ERASE_LEN) else {
        return Status::Range;
    };
    if is_locked(at, ERASE_LEN) {
        return Status::Locked;
    }
    status(flash.erase(at, end))
}

/// Whether a range touches what is locked. The application runs behind the lock, so that it always stands.
fn is_locked(at: u32, len: u32) -> bool {
    let end = at.saturating_add(len);
    locked().any(|region: Region| region.start < end && at < region.end())
}

const fn status(result: Result<(), CfiError>) -> Status {
    match result {
        Ok(()) => Status::Done,
        Err(CfiError::Range(_)) => Status::Range,
        Err(_) => Status::Fault,
    }
}
