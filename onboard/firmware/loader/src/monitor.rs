//! The supervisor: watchdog, deadline, lock, reset. The loader asks it directly, the application by call.
//!
//! It never believes the application: ranges are held against the flash, the locked regions and the application's own
//! RAM; a latched deadline stands until the next reset; no call moves the clock.
//!
//! ```text
//! tick ----> deadline over? ------> reset (deadline)
//!      \---> last kick too old? --> reset (watchdog)
//! trap that is no call ----------> reset (fault)
//! ```

use lightday_boot::{Elapsed, Supervisor};
use lightday_firmware_board::map::{TEST_DEVICE, TIMER_HZ, WATCHDOG_MS};
use lightday_firmware_board::mmio;
use lightday_wire::ResetCause;

use crate::{clock, kept};

const WATCHDOG_TICKS: u64 = WATCHDOG_MS * (TIMER_HZ / 1000);
/// What the test device takes for a reset of the whole board.
const RESET: u32 = 0x7777;

/// The supervisor's state, from one reset to the next.
#[derive(Debug)]
pub struct Monitor {
    cause: ResetCause,
    /// The latest instant: the counter never goes back.
    latest: Elapsed,
    deadline: Elapsed,
    is_latched: bool,
    is_locked: bool,
    /// The timer at the last kick.
    kicked: u64,
}

impl Monitor {
    /// Begins after a reset: finds out why.
    pub fn begin() -> Self {
        let (cause, latest) = kept::take();
        Self {
            cause,
            latest: latest.max(clock::rtc()),
            deadline: Elapsed::NEVER,
            is_latched: false,
            is_locked: false,
            kicked: clock::ticks(),
        }
    }

    /// Looks at deadline and watchdog.
    pub fn tick(&mut self) {
        let now = self.now();
        if now >= self.deadline {
            self.reset(ResetCause::Deadline);
        }
        if clock::ticks().saturating_sub(self.kicked) >= WATCHDOG_TICKS {
            self.reset(ResetCause::Watchdog);
        }
        clock::arm_tick();
    }

    /// The counter, brought up to now.
    pub fn now(&mut self) -> Elapsed {
        self.latest = self.latest.max(clock::rtc());
        self.latest
    }

    /// Whether the loader locked what no application may write: it must not jump before.
    pub const fn is_locked(&self) -> bool {
        self.is_locked
    }

    /// Resets the board.
    pub fn reset(&mut self, cause: ResetCause) -> ! {
        kept::keep(cause, self.latest);
        reset_board()
    }
}

/// Resets the board: processor and devices begin anew, RAM stays.
fn reset_board() -> ! {
    // SAFETY: the test device is ours; the write resets everything.
    unsafe { mmio::write_u32(TEST_DEVICE, RESET) }
    loop {
        core::hint::spin_loop();
    }
}

/// Resets the board where the loader itself failed: nothing of the machine is believed.
pub fn give_up(cause: ResetCause) -> ! {
    kept::keep(cause, clock::rtc());
    reset_board()
}

/// The same after a fault.
pub fn fault() -> ! {
    give_up(ResetCause::Fault)
}

impl Supervisor for Monitor {
    fn reset_cause(&self) -> ResetCause {
        self.cause
    }

    fn elapsed(&self) -> Elapsed {
        self.latest.max(clock::rtc())
    }

    fn set_deadline(&mut self, deadline: Elapsed, latch: bool) {
        if !self.is_latched {
            self.deadline = deadline;
            self.is_latched = latch;
        }
    }

    fn lock(&mut self) {
        self.is_locked = true;
    }

    fn kick(&mut self) {
        self.kicked = clock::ticks();
    }

    fn request_reset(&mut self) {
        self.reset(ResetCause::Software)
    }

    fn is_cooperative(&self) -> bool {
        false
    }
}
