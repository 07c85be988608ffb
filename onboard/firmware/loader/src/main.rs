//! The loader of the RISC-V board, and the supervisor that it stays as.
//!
//! It runs in machine mode: decides by `lightday-boot` what boots, copies it to RAM, checks it there, and enters it in
//! user mode. From then on only traps bring it back. It never receives a frame, and never writes an image.
//!
//! ```text
//! start (flash) -> boot (RAM) -> lightday_boot::load -> copy, digest -> protection -> application, user mode
//!                     ^                                                     |  ^
//!                     +----- reset <- watchdog, deadline, fault, request <- trap
//! ```

#![no_std]
#![no_main]

mod cfi;
mod clock;
mod kept;
mod machine;
mod monitor;
mod pmp;
mod stack;
mod start;
mod trap;
mod watch;

use core::arch::asm;
use core::panic::PanicInfo;

use lightday_boot::{Boot, RETRY_S, Supervisor as _, flash, load};
use lightday_firmware_board::map::{APPLICATION_RAM, MAP, RAM_LEN};
use lightday_firmware_board::provision::Provision;
use lightday_firmware_board::text::{self, Line};
use lightday_firmware_board::uart::Uart;
use lightday_trust::digest::sha256;
use lightday_wire::{Location, ResetCause, SlotId};

use crate::machine::Machine;

/// How long the loader rests before it tries again.
const REST_TICKS: u64 = RETRY_S * clock::TICKS_A_SECOND as u64;

/// Goes on behind the first instructions.
#[unsafe(no_mangle)]
extern "C" fn boot() -> ! {
    machine::begin();
    clock::enable_tick();
    match machine::with(choose) {
        Ok(location) => {
            pmp::open_application();
            start::enter(code(location))
        }
        Err(why) => {
            machine::with(|machine| Line::of("loader: ").text(why).send(&mut machine.uart));
            // Reads may get better. Whatever was found wanting, the next look is no sooner than this.
            for _ in 0..REST_TICKS {
                clock::wait();
            }
            machine::with(|machine| machine.monitor.reset(ResetCause::Unknown))
        }
    }
}

/// Decides what boots and brings it to RAM.
fn choose(machine: &mut Machine) -> Result<Location, &'static str> {
    let Machine {
        flash,
        uart,
        monitor,
    } = machine;
    Line::of("loader: reset by ")
        .text(name_of(monitor.reset_cause()))
        .send(uart);
    let provision =
        Provision::load(flash).ok_or("no provision: this flash came from no factory")?;
    MAP.check(flash)
        .map_err(|_| "the memory map does not suit the flash")?;
    let boot = load(flash, &MAP, provision.identity, monitor)
        .map_err(|_| "nothing on board may run and has its digest")?;
    let version = copy(flash, &boot)?;
    let from = match boot.location {
        Location::Slot(SlotId::A) => "A",
        Location::Slot(SlotId::B) => "B",
        Location::Golden => "golden",
    };
    Line::of("loader: ")
        .number(version.major.into())
        .text(".")
        .number(version.minor.into())
        .text(".")
        .number(version.patch.into())
        .text(" from ")
        .text(from)
        .text(", ")
        .number(stack::of_loader())
        .text(" B of stack used")
        .send(uart);
    monitor.kick();
    if !monitor.is_locked() {
        return Err("nothing is locked");
    }
    Ok(boot.location)
}

/// Copies the image to RAM, and holds it against its digest there: what runs is what was signed.
fn copy(flash: &mut cfi::Cfi, boot: &Boot) -> Result<lightday_wire::Version, &'static str> {
    let image = boot.installed.ok_or("the image has no papers")?.image;
    // SAFETY: the application's RAM; nothing runs there yet.
    let ram = unsafe { core::slice::from_raw_parts_mut(APPLICATION_RAM as *mut u8, RAM_LEN) };
    // Nothing of what ran before is left to what runs next.
    ram.fill(0);
    let place = ram
        .get_mut(..image.size as usize)
        .ok_or("the image is longer than RAM")?;
    flash::read(flash, boot.region, 0, place).map_err(|_| "the image cannot be read")?;
    if sha256(place) != image.digest {
        return Err("the image in RAM has another digest");
    }
    Ok(image.version)
}

/// A reset's cause, for people.
const fn name_of(cause: ResetCause) -> &'static str {
    match cause {
        ResetCause::Unknown => "something unknown",
        ResetCause::PowerOn => "power on",
        ResetCause::BrownOut => "brown-out",
        ResetCause::Upset => "upset",
        ResetCause::Watchdog => "watchdog",
        ResetCause::Software => "software",
        ResetCause::Deadline => "deadline",
        ResetCause::Fault => "fault",
    }
}

/// What tells the application what it was booted as.
const fn code(location: Location) -> u32 {
    match location {
        Location::Slot(SlotId::A) => 0,
        Location::Slot(SlotId::B) => 1,
        Location::Golden => 2,
    }
}

/// None of our own code panics; where a dependency does, the board begins anew, and the loader counts it.
#[panic_handler]
fn panic(why: &PanicInfo<'_>) -> ! {
    // SAFETY: nothing may interrupt what ends here.
    unsafe { asm!("csrw mie, zero") }
    if cfg!(feature = "tell-panics")
        && let Some(place) = why.location()
    {
        // SAFETY: what had the UART does not run any more.
        let mut uart = unsafe { Uart::new() };
        text::say(&mut uart, format_args!("loader: panic at {place}"));
    }
    monitor::fault()
}
