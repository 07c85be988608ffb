//! What a vendor's crate brings on a real board, mocked: a bus with the chip, a guard with its registers, a radio with its
//! two queues. All handles are of one machine, which a test winds on, resets and looks into.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::rc::Rc;

use embedded_hal::digital::{self, OutputPin};
use embedded_hal::spi::{self, Operation, SpiDevice};
use lightday_boot::{Elapsed, Supervisor};
use lightday_sim::vehicle::SimSupervisor;
use lightday_wire::ResetCause;

use crate::chip::{BusError, Chip};

/// Why a transaction of the bus failed.
pub type SpiError = BusError;
/// Why a pin was not set.
pub type PinError = Infallible;

/// Milliseconds after which the guard resets a processor that does not kick.
const WATCHDOG_MS: u64 = 5000;

/// The machine.
pub struct Machine {
    /// The flash chip.
    pub chip: Chip,
    /// What the guard does.
    pub guard: SimSupervisor,
    /// Frames that wait in the radio.
    pub up: VecDeque<Vec<u8>>,
    /// What the radio sent.
    pub down: Vec<Vec<u8>>,
}

/// The test's own handle.
#[derive(Clone)]
pub struct Wires(pub Rc<RefCell<Machine>>);

impl Wires {
    /// A machine whose chip has these bytes and is erased.
    pub fn new(capacity: usize) -> Self {
        Self(Rc::new(RefCell::new(Machine {
            chip: Chip::new(vec![0xff; capacity]),
            guard: SimSupervisor::new(Elapsed(0), WATCHDOG_MS),
            up: VecDeque::new(),
            down: Vec::new(),
        })))
    }

    /// Time passes.
    pub fn wind(&self, to: Elapsed) {
        self.0.borrow_mut().guard.advance(to);
    }

    /// The processor is reset, and the write protection opens.
    pub fn reset(&self, cause: ResetCause) {
        let mut machine = self.0.borrow_mut();
        machine.guard.reset(cause);
        machine.chip.locked.clear();
    }
}

/// The bus, with the chip selected in each transaction.
pub struct Spi(pub Wires);

impl spi::ErrorType for Spi {
    type Error = SpiError;
}

impl SpiDevice for Spi {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), SpiError> {
        self.0.0.borrow_mut().chip.transaction(operations)
    }
}

/// A pin that goes nowhere: hold and write protect are tied on the board.
pub struct Pin;

impl digital::ErrorType for Pin {
    type Error = PinError;
}

impl OutputPin for Pin {
    fn set_low(&mut self) -> Result<(), PinError> {
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), PinError> {
        Ok(())
    }
}

/// The guard's registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// Why it reset the processor.
    Cause,
    /// Milliseconds.
    Counter,
    /// When it resets; ignored while it is latched.
    Deadline,
    /// 1: the deadline is latched.
    Latch,
    /// First byte (upper half) and the byte behind the last of what the chip takes no program and no erase in.
    Lock,
    /// Any write kicks the watchdog.
    Kick,
    /// Any write resets the processor.
    Reset,
}

/// The guard.
pub struct Guard {
    wires: Wires,
    /// The deadline that stands in its register, and is taken with the latch.
    deadline: u64,
}

impl Guard {
    /// Of this machine.
    pub const fn new(wires: Wires) -> Self {
        Self { wires, deadline: 0 }
    }

    /// Reads a register.
    pub fn read(&self, register: Register) -> u64 {
        let machine = self.wires.0.borrow();
        match register {
            Register::Cause => match machine.guard.reset_cause() {
                ResetCause::PowerOn => 1,
                ResetCause::BrownOut => 2,
                ResetCause::Watchdog => 3,
                ResetCause::Deadline => 4,
                ResetCause::Software => 5,
                _ => 0,
            },
            Register::Counter => machine.guard.elapsed().0,
            _ => 0,
        }
    }

    /// Writes a register.
    pub fn write(&mut self, register: Register, value: u64) {
        let mut machine = self.wires.0.borrow_mut();
        match register {
            Register::Deadline => self.deadline = value,
            Register::Latch => {
                let deadline = Elapsed(self.deadline);
                machine.guard.set_deadline(deadline, value == 1);
            }
            Register::Lock => {
                let range = (value >> 32) as usize..(value & 0xffff_ffff) as usize;
                machine.chip.locked.push(range);
                machine.guard.lock();
            }
            Register::Kick => machine.guard.kick(),
            Register::Reset => machine.guard.request_reset(),
            Register::Cause | Register::Counter => {}
        }
    }
}

/// The radio.
pub struct Radio(pub Wires);

impl Radio {
    /// Takes the frame that waits longest, if it fits.
    pub fn receive(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let frame = self.0.0.borrow_mut().up.pop_front()?;
        buffer.get_mut(..frame.len())?.copy_from_slice(&frame);
        Some(frame.len())
    }

    /// Sends a packet.
    pub fn send(&mut self, packet: &[u8]) {
        self.0.0.borrow_mut().down.push(packet.to_vec());
    }
}
