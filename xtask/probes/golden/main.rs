//! Decodes every golden patch on a bare processor, and says of each whether it made the right image.
//!
//! ```text
//! ok words-le
//! WRONG thumb
//! golden: 18 of 19
//! ```

#![no_std]
#![no_main]
#![cfg_attr(target_arch = "sparc", feature(asm_experimental_arch))]

mod board;
#[path = "@GOLDEN@"]
mod golden;

use core::fmt::{self, Write as _};

use golden::{GOLDEN, Golden};
use lightday_delta::{Decoder as _, Lengths, ModelDecoder, SliceIo};

/// The most that a golden patch asks for.
const RAM: usize = 256 << 10;
/// More than the longest golden image.
const IMAGE: usize = 32 << 10;

static mut TABLES: [u8; RAM] = [0; RAM];
static mut NEW: [u8; IMAGE] = [0; IMAGE];

struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(board::put);
        Ok(())
    }
}

/// What the board's start calls, with a stack.
#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    // SAFETY: one core, no interrupt, and this runs once.
    let (ram, new) = unsafe { (&mut *(&raw mut TABLES), &mut *(&raw mut NEW)) };
    let mut right = 0;
    for golden in &GOLDEN {
        let is_right = decodes(golden, ram, new);
        right += usize::from(is_right);
        let verdict = if is_right { "ok" } else { "WRONG" };
        let _ = writeln!(Console, "{verdict} {}", golden.name);
    }
    let _ = writeln!(Console, "golden: {right} of {}", GOLDEN.len());
    board::end()
}

fn decodes(golden: &Golden, ram: &mut [u8], new: &mut [u8]) -> bool {
    let Some(ram) = ram.get_mut(..golden.ram as usize) else {
        return false;
    };
    // Whatever lay in RAM before must not matter.
    ram.fill(0xA5);
    let lengths = Lengths {
        patch: golden.patch.len() as u32,
        base: golden.old.len() as u32,
        new: golden.new.len() as u32,
    };
    let mut decoder = ModelDecoder::new(lengths, ram);
    let mut len = 0;
    loop {
        let (done, rest) = new.split_at_mut(len);
        let mut io = SliceIo {
            patch: golden.patch,
            base: golden.old,
            new: done,
        };
        match decoder.produce(&mut io, rest) {
            Ok(0) => break,
            Ok(count) => len += count,
            Err(_) => return false,
        }
    }
    new.get(..len) == Some(golden.new)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ = writeln!(Console, "PANIC {info}");
    board::end()
}
