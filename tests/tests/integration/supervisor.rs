//! The board of `docs/INTEGRATION.md`, 2: a guard beside the processor, which has registers. The page quotes all
//! that stands below these lines.

use lightday_boot::{Elapsed, Supervisor};
use lightday_wire::ResetCause;

use crate::hardware::{Guard, Register};
use crate::map::MAP;

/// The guard: a chip with a counter and a battery, which holds the reset line and the flash's write protection.
pub struct External(pub Guard);

impl Supervisor for External {
    fn reset_cause(&self) -> ResetCause {
        match self.0.read(Register::Cause) {
            1 => ResetCause::PowerOn,
            2 => ResetCause::BrownOut,
            3 => ResetCause::Watchdog,
            4 => ResetCause::Deadline,
            5 => ResetCause::Software,
            _ => ResetCause::Unknown,
        }
    }

    fn elapsed(&self) -> Elapsed {
        Elapsed(self.0.read(Register::Counter))
    }

    fn set_deadline(&mut self, deadline: Elapsed, latch: bool) {
        // While a latched one stands, the guard takes neither.
        self.0.write(Register::Deadline, deadline.0);
        self.0.write(Register::Latch, latch.into());
    }

    fn lock(&mut self) {
        for region in MAP.locked() {
            let range = u64::from(region.start) << 32 | u64::from(region.end());
            self.0.write(Register::Lock, range);
        }
    }

    fn kick(&mut self) {
        self.0.write(Register::Kick, 1);
    }

    fn request_reset(&mut self) {
        self.0.write(Register::Reset, 1);
    }

    fn is_cooperative(&self) -> bool {
        false
    }
}
