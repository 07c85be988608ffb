//! Time: the real-time clock as the elapsed-time counter, the core's timer for watchdog and tick. The application
//! reaches neither.
//!
//! The clock is the host's. It goes on while the machine is off, as the counter must; QEMU rounds it down to a whole
//! second at each start, so that across a power cut it may fall back by less than one. Within one power-on it never
//! does: the latest instant is kept in RAM, which survives resets.

use lightday_boot::Elapsed;
use lightday_firmware_board::map::{CLINT_BASE, RTC_BASE, TIMER_HZ};
use lightday_firmware_board::mmio;

const RTC_LOW: usize = RTC_BASE;
const RTC_HIGH: usize = RTC_BASE + 4;
const COMPARE: usize = CLINT_BASE + 0x4000;
const TIMER: usize = CLINT_BASE + 0xbff8;
/// How often a second watchdog and deadline are looked at.
pub const TICKS_A_SECOND: u32 = 200;
const TICK: u64 = TIMER_HZ / TICKS_A_SECOND as u64;

/// The real-time clock in milliseconds.
pub fn rtc() -> Elapsed {
    // SAFETY: registers of the clock, which is ours; reading the lower half latches the upper one.
    let (low, high) = unsafe { (mmio::read_u32(RTC_LOW), mmio::read_u32(RTC_HIGH)) };
    Elapsed((u64::from(high) << 32 | u64::from(low)) / 1_000_000)
}

/// The core's timer.
pub fn ticks() -> u64 {
    loop {
        // SAFETY: registers of the timer, which is ours.
        let (high, low, again) = unsafe {
            (
                mmio::read_u32(TIMER + 4),
                mmio::read_u32(TIMER),
                mmio::read_u32(TIMER + 4),
            )
        };
        if high == again {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

/// Has the timer interrupt at the next tick.
pub fn arm_tick() {
    let at = ticks().wrapping_add(TICK);
    // SAFETY: registers of the timer, which is ours; the upper half is out of reach while the lower one changes.
    unsafe {
        mmio::write_u32(COMPARE + 4, u32::MAX);
        mmio::write_u32(COMPARE, (at & 0xffff_ffff) as u32);
        mmio::write_u32(COMPARE + 4, (at >> 32) as u32);
    }
}

/// Lets the tick interrupt: the loader from here on, and then the application, whatever it does.
pub fn enable_tick() {
    arm_tick();
    // SAFETY: the trap handler is set and its stack is in `mscratch`.
    unsafe { core::arch::asm!("csrw mie, {timer}", "csrsi mstatus, 8", timer = in(reg) 0x80) }
}

/// Sleeps until an interrupt is pending.
pub fn wait() {
    // SAFETY: the tick is enabled, so that the wait ends.
    unsafe { core::arch::asm!("wfi") }
}
