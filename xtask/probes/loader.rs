//! A loader on a board of registers: `lightday-boot` from reset to jump, all that a vehicle's loader has of ours.

#![no_std]
#![no_main]

mod registers;

use lightday_boot::flash;
use lightday_wire::{Location, SlotId};
use registers::{External, Flash, MAP, identity, poke};

/// Decides what boots, copies it to where it runs, holds it against its digest there and jumps.
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let booted = lightday_boot::load(&mut Flash, &MAP, identity(), &mut External);
    if let Ok(boot) = booted
        && let Some(installed) = boot.installed
    {
        // SAFETY: no program: it is linked and never run.
        let ram = unsafe { core::slice::from_raw_parts_mut(0x3000_0000 as *mut u8, 1 << 20) };
        if let Some(place) = ram.get_mut(..installed.image.size as usize)
            && flash::read(&mut Flash, boot.region, 0, place).is_ok()
            && lightday_trust::digest::sha256(place) == installed.image.digest
        {
            let code = match boot.location {
                Location::Slot(SlotId::A) => 0,
                Location::Slot(SlotId::B) => 1,
                Location::Golden => 2,
            };
            poke(16, code);
        }
    }
    loop {
        poke(14, 1);
    }
}
