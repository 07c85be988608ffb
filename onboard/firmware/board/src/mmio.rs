//! Registers of devices. The only place that makes a pointer of a number.

/// Reads a byte register.
///
/// # Safety
/// `address` is a readable byte of a device that this program may use.
#[must_use]
pub unsafe fn read_u8(address: usize) -> u8 {
    // SAFETY: the caller's promise.
    unsafe { (address as *const u8).read_volatile() }
}

/// Writes a byte register.
///
/// # Safety
/// `address` is a writable byte of a device that this program may use.
pub unsafe fn write_u8(address: usize, value: u8) {
    // SAFETY: the caller's promise.
    unsafe { (address as *mut u8).write_volatile(value) }
}

/// Reads a word.
///
/// # Safety
/// `address` is a multiple of four, and readable.
#[must_use]
pub unsafe fn read_u32(address: usize) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { (address as *const u32).read_volatile() }
}

/// Writes a word.
///
/// # Safety
/// `address` is a multiple of four, and what is written there is what the device is to be told.
pub unsafe fn write_u32(address: usize, value: u32) {
    // SAFETY: the caller's promise.
    unsafe { (address as *mut u32).write_volatile(value) }
}

/// Reads bytes of memory that others change: flash between two commands.
///
/// # Safety
/// `len` of `buf` bytes from `address` on are readable.
pub unsafe fn read_bytes(address: usize, buf: &mut [u8]) {
    let lead = address
        .next_multiple_of(4)
        .wrapping_sub(address)
        .min(buf.len());
    let (head, rest) = buf.split_at_mut(lead);
    let (words, tail) = rest.as_chunks_mut::<4>();
    let mut at = address;
    for byte in head {
        // SAFETY: one of the caller's readable bytes.
        *byte = unsafe { read_u8(at) };
        at = at.wrapping_add(1);
    }
    for word in words {
        // SAFETY: four of the caller's readable bytes, aligned.
        *word = unsafe { read_u32(at) }.to_le_bytes();
        at = at.wrapping_add(4);
    }
    for byte in tail {
        // SAFETY: one of the caller's readable bytes.
        *byte = unsafe { read_u8(at) };
        at = at.wrapping_add(1);
    }
}
