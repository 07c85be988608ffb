//! How deep the stack ever was. The loader leaves zeros behind the image, so that the first word that is none, from
//! below, is as far as the stack came: at least so deep, as what lies deepest may be zero itself.

unsafe extern "C" {
    static __bss_end: u32;
    static __stack: u32;
}

/// Bytes of stack that were used since the boot, at least.
pub fn deepest() -> usize {
    let (from, to) = (&raw const __bss_end as usize, &raw const __stack as usize);
    let untouched = (from..to).step_by(4).take_while(|at| {
        // SAFETY: an aligned word of the application's own RAM, between its variables and the top of its stack.
        unsafe { lightday_firmware_board::mmio::read_u32(*at) == 0 }
    });
    to.saturating_sub(from)
        .saturating_sub(4 * untouched.count())
}
