//! How deep the stacks ever were since the reset. The first instructions paint both; from below, the first word that is
//! painted no more is as far as one came.

use lightday_firmware_board::mmio;

/// What the start paints; see `start`.
const PAINT: u32 = 0x5aa5_c33c;

unsafe extern "C" {
    static __stack_end: u32;
    static __stack: u32;
    static __trap_stack: u32;
}

/// Bytes of the loader's own stack.
pub fn of_loader() -> u32 {
    used(&raw const __stack_end as usize, &raw const __stack as usize)
}

/// Bytes of the stack that traps run on.
pub fn of_monitor() -> u32 {
    used(
        &raw const __stack as usize,
        &raw const __trap_stack as usize,
    )
}

fn used(from: usize, to: usize) -> u32 {
    let painted = (from..to).step_by(4).take_while(|at| {
        // SAFETY: an aligned word of a stack, which is the loader's own RAM.
        unsafe { mmio::read_u32(*at) == PAINT }
    });
    let bytes = to.saturating_sub(from);
    bytes.saturating_sub(4 * painted.count()) as u32
}
