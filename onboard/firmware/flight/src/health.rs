//! How the application feels: what it can find out about the board that it runs on, once after each boot, and what it
//! sees while it runs.
//!
//! | check | what it finds |
//! |---|---|
//! | RAM | cells that do not keep a pattern, address lines that reach the same cell |
//! | UART | a scratch register that does not keep a byte |
//! | flash | that golden, the last way back, has no copy with its digest; a die that cannot be read |
//! | monitor | an elapsed-time counter that stands still or goes back |

use lightday_agent::{Application, Health};
use lightday_boot::{Elapsed, Supervisor as _, judge, loader};
use lightday_firmware_board::map::MAP;
use lightday_firmware_board::uart::Uart;

use crate::monitor::{Flash, Monitor};

/// Words of RAM that are tried.
const TRIED: usize = 1024;

/// The application as the agent asks it.
#[derive(Debug)]
pub struct Flight {
    is_well: bool,
    latest: Elapsed,
}

impl Flight {
    /// Tries everything out.
    pub fn examine(uart: &mut Uart, flash: &mut Flash) -> Self {
        let latest = Monitor.elapsed();
        let is_well =
            is_ram_well() && uart.is_well() && has_golden(flash) && does_time_pass(latest);
        Self { is_well, latest }
    }

    /// Whether everything was well.
    pub const fn is_well(&self) -> bool {
        self.is_well
    }
}

impl Application for Flight {
    fn health(&mut self) -> Health {
        let now = Monitor.elapsed();
        self.is_well &= now >= self.latest;
        self.latest = now;
        match self.is_well {
            true => Health::Healthy,
            false => Health::Failing,
        }
    }

    fn may_activate(&mut self) -> bool {
        self.is_well
    }
}

/// Writes to each word its own address, then the inverse, and reads all back after each.
fn is_ram_well() -> bool {
    let mut words = [0u32; TRIED];
    let mut holds = |flip: u32| {
        let words = core::hint::black_box(&mut words);
        for word in words.iter_mut() {
            *word = (&raw const *word) as u32 ^ flip;
        }
        let words = core::hint::black_box(words);
        words
            .iter()
            .all(|word| *word == (&raw const *word) as u32 ^ flip)
    };
    holds(0) && holds(u32::MAX)
}

/// Whether a copy of golden has its digest.
fn has_golden(flash: &mut Flash) -> bool {
    MAP.golden.into_iter().any(|copy| {
        let installed = loader::golden_trailer(flash, copy);
        installed.is_some_and(|golden| judge::is_intact(flash, copy.image, &golden.image))
    })
}

/// Whether the counter goes on within a few ticks.
fn does_time_pass(since: Elapsed) -> bool {
    (0..50).any(|_| {
        crate::monitor::wait();
        Monitor.elapsed() > since
    })
}
