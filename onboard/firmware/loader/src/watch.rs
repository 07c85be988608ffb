//! The watchdog while the loader runs: it has to come to its jump in time.

use core::sync::atomic::{AtomicU32, Ordering};

use lightday_wire::ResetCause;

use crate::{clock, monitor};

/// Seconds that the loader may take, on a busy host too.
const PATIENCE_S: u32 = 60;

static TICKS: AtomicU32 = AtomicU32::new(0);

/// Counts a tick that interrupted the loader.
pub fn tick() {
    let ticks = TICKS.load(Ordering::Relaxed).saturating_add(1);
    TICKS.store(ticks, Ordering::Relaxed);
    if ticks >= PATIENCE_S * clock::TICKS_A_SECOND {
        monitor::give_up(ResetCause::Watchdog);
    }
    clock::arm_tick();
}
