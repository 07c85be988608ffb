//! What outlives a reset, in a page of RAM that the start never clears: why the monitor reset the processor, and the
//! latest instant. After power-on the page holds anything, which the checks tell: then it was power-on.

use lightday_boot::Elapsed;
use lightday_firmware_board::map::{MONITOR_RAM, RAM_LEN};
use lightday_firmware_board::mmio;
use lightday_wire::ResetCause;

/// The last page of the monitor's RAM, as the linker script leaves it.
const PAGE: usize = MONITOR_RAM + RAM_LEN - 4096;
const MAGIC: u32 = 0x4c44_5253;

fn word(n: usize) -> u32 {
    // SAFETY: a word of the page, which nothing else uses.
    unsafe { mmio::read_u32(PAGE + 4 * n) }
}

fn set_word(n: usize, value: u32) {
    // SAFETY: a word of the page, which nothing else uses.
    unsafe { mmio::write_u32(PAGE + 4 * n, value) }
}

fn check(code: u32, low: u32, high: u32) -> u32 {
    MAGIC ^ code.rotate_left(7) ^ low.rotate_left(13) ^ high.rotate_left(19)
}

/// Keeps why the processor is about to be reset, and when.
pub fn keep(cause: ResetCause, elapsed: Elapsed) {
    let code = u32::from(cause.code());
    let (low, high) = ((elapsed.0 & 0xffff_ffff) as u32, (elapsed.0 >> 32) as u32);
    for (n, value) in [MAGIC, code, low, high, check(code, low, high)]
        .into_iter()
        .enumerate()
    {
        set_word(n, value);
    }
}

/// What was kept, once: a reset that nobody kept the cause of must not find the one before.
pub fn take() -> (ResetCause, Elapsed) {
    let (magic, code, low, high, sum) = (word(0), word(1), word(2), word(3), word(4));
    set_word(0, 0);
    if magic != MAGIC || sum != check(code, low, high) {
        return (ResetCause::PowerOn, Elapsed(0));
    }
    let cause = u8::try_from(code).ok().and_then(ResetCause::from_code);
    let elapsed = Elapsed(u64::from(high) << 32 | u64::from(low));
    (cause.unwrap_or(ResetCause::Unknown), elapsed)
}
