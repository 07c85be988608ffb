//! A serial NOR flash chip on a mocked bus: the commands of the W25Q32JV's data sheet (rev. G, section 8) that its
//! driver uses, with write enable, busy and pages that wrap.

use std::ops::Range;

use embedded_hal::spi::{self, ErrorKind, Operation};

const PAGE: usize = 256;
const SECTOR: usize = 4096;
/// Status reads for which the chip is busy behind a program or an erase.
const BUSY: u8 = 3;

/// The chip.
pub struct Chip {
    /// Its cells.
    pub cells: Vec<u8>,
    /// The bus fails from the next transaction on.
    pub is_dead: bool,
    /// Erases so far.
    pub erases: u32,
    /// Addresses that take no program and no erase: what is asked for there is dropped without a word.
    pub locked: Vec<Range<usize>>,
    may_write: bool,
    busy: u8,
}

/// The bus does not answer.
#[derive(Clone, Copy, Debug)]
pub struct BusError;

impl spi::Error for BusError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

impl Chip {
    /// A chip with these cells.
    pub fn new(cells: Vec<u8>) -> Self {
        Self {
            cells,
            is_dead: false,
            erases: 0,
            locked: Vec::new(),
            may_write: false,
            busy: 0,
        }
    }

    /// One selection of the chip: what it hears, and where its answer begins to be taken.
    fn select(&mut self, heard: &[u8], answer: &mut [u8]) {
        let address = |bytes: &[u8]| {
            let high = usize::from(bytes[1]) << 16;
            high | usize::from(bytes[2]) << 8 | usize::from(bytes[3])
        };
        if self.busy > 0 && heard[0] != 0x05 {
            return;
        }
        match heard[0] {
            0x05 => {
                self.busy = self.busy.saturating_sub(1);
                answer.fill(u8::from(self.busy > 0) | u8::from(self.may_write) << 1);
            }
            0x06 => self.may_write = true,
            0x03 => {
                let from = address(heard);
                answer.copy_from_slice(&self.cells[from..from + answer.len()]);
            }
            0x02 if self.may_write => {
                let at = address(heard);
                if self.is_locked(at) {
                    return self.done();
                }
                for (place, byte) in heard[4..].iter().enumerate() {
                    let within = (at + place) % PAGE;
                    self.cells[at / PAGE * PAGE + within] &= byte;
                }
                self.done();
            }
            0x20 if self.may_write => {
                let sector = address(heard) / SECTOR * SECTOR;
                if self.is_locked(sector) {
                    return self.done();
                }
                self.cells[sector..sector + SECTOR].fill(0xff);
                self.erases += 1;
                self.done();
            }
            _ => {}
        }
    }

    fn is_locked(&self, address: usize) -> bool {
        self.locked.iter().any(|range| range.contains(&address))
    }

    const fn done(&mut self) {
        self.may_write = false;
        self.busy = BUSY;
    }

    /// One transaction of the bus.
    pub fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), BusError> {
        if self.is_dead {
            return Err(BusError);
        }
        let mut heard = Vec::new();
        for operation in operations {
            match operation {
                Operation::Write(bytes) => heard.extend_from_slice(bytes),
                Operation::Read(bytes) => self.select(&heard, bytes),
                // Command and answer in one: the answer begins behind the command.
                Operation::TransferInPlace(bytes) => {
                    let (command, answer) = bytes.split_at_mut(1);
                    self.select(command, answer);
                    heard.clear();
                    return Ok(());
                }
                _ => return Err(BusError),
            }
        }
        if heard[0] != 0x03 {
            self.select(&heard, &mut []);
        }
        Ok(())
    }
}
