//! The flight application of the RISC-V board: the update agent in its loop, frames from the UART, reports to it.
//!
//! It runs in user mode and owns 1 MiB of RAM and the UART; flash it may read. Everything else it asks of the monitor.
//! Which version it is, and what is wrong with it, is decided when it is built (see its features).

#![no_std]
#![no_main]

mod health;
mod misbehave;
mod monitor;
mod stack;
mod start;

use core::cell::UnsafeCell;
use core::panic::PanicInfo;

use lightday_agent::{Agent, Config, Now, Platform};
use lightday_boot::Supervisor as _;
use lightday_firmware_board::map::{APPLICATION_RAM, MAP};
use lightday_firmware_board::provision::Provision;
use lightday_firmware_board::text;
use lightday_firmware_board::uart::{MAX_SENT, Uart};
use lightday_wire::serial::{Channel, Receiver};
use lightday_wire::{Location, SlotId};

use crate::health::Flight;
use crate::misbehave::misbehave;
use crate::monitor::{Flash, Monitor};

/// What it says that it is.
pub const NAME: &str = if cfg!(feature = "crash") {
    "flight 2, which crashes"
} else if cfg!(feature = "hang") {
    "flight 2, which hangs"
} else if cfg!(feature = "deaf") {
    "flight 2, which is deaf"
} else if cfg!(feature = "agentless") {
    "flight 2, without an agent"
} else if cfg!(feature = "vandal") {
    "flight 2, a vandal"
} else if cfg!(feature = "v2") {
    "flight 2"
} else {
    "flight 1"
};

/// Most symbols of one bundle.
const SYMBOLS: usize = 1024;
/// RAM of the solver.
const WORK_RAM: usize = 16 << 10;
/// RAM of the decoder of patches.
const DECODER_RAM: usize = 64 << 10;
/// Steps of the agent behind a frame, so that the next frame finds it done: an erase and a program at most, and what
/// a verdict takes.
const STEPS_A_FRAME: usize = 4;
/// Bytes that are heard before the watchdog is kicked again: a flood must not keep from it. Longer than a frame.
const BYTES_A_TURN: usize = 4096;
/// Looks at the UART without a byte before the application sleeps until the next tick.
const IDLE_LOOKS: u32 = 2000;

type FlightAgent = Agent<SYMBOLS, WORK_RAM, &'static mut [u8]>;

/// The RAM that decoders work in: lent, as an agent that held it would carry it along wherever it is moved.
struct Lent(UnsafeCell<[u8; DECODER_RAM]>);

// SAFETY: there is one core and no interrupt of the application's own; `application` lends it once.
unsafe impl Sync for Lent {}

static DECODER: Lent = Lent(UnsafeCell::new([0; DECODER_RAM]));

/// Goes on behind the first instructions; `code` is what the loader booted this as.
#[unsafe(no_mangle)]
extern "C" fn application(code: u32) -> ! {
    // SAFETY: the UART is the application's, and this is its only one.
    let mut uart = unsafe { Uart::new() };
    let running = match code {
        0 => Location::Slot(SlotId::A),
        1 => Location::Slot(SlotId::B),
        _ => Location::Golden,
    };
    text::say(&mut uart, format_args!("{NAME} from {running:?}"));
    misbehave(&mut uart);
    let mut flash = Flash;
    let mut application = Flight::examine(&mut uart, &mut flash);
    if !application.is_well() {
        text::say(&mut uart, format_args!("{NAME} is not well"));
    }
    let mut platform = Platform {
        flash: &mut flash,
        supervisor: &mut Monitor,
        application: &mut application,
    };
    let Some(config) = configuration(platform.flash) else {
        stop(&mut uart, "there is no provision");
    };
    let now = now();
    // SAFETY: this is the only time; nobody else has it.
    let decoder_ram: &'static mut [u8] = unsafe { &mut *DECODER.0.get() };
    match FlightAgent::start(config, decoder_ram, running, now, &mut platform) {
        Ok(agent) => fly(agent, &mut uart, &mut platform),
        Err(_) => stop(&mut uart, "the agent does not start"),
    }
}

/// The loop: kick, hear, step, say.
fn fly(
    mut agent: FlightAgent,
    uart: &mut Uart,
    platform: &mut Platform<'_, Flash, Monitor, Flight>,
) -> ! {
    let mut receiver = Receiver::new();
    let mut packet = [0; MAX_SENT];
    let mut idle = 0u32;
    loop {
        platform.supervisor.kick();
        let mut is_busy = false;
        for _ in 0..BYTES_A_TURN {
            let Some(byte) = uart.receive() else { break };
            idle = 0;
            let heard = receiver.push(byte);
            let Some((Channel::Packet, frame)) = heard.filter(|_| !cfg!(feature = "deaf")) else {
                continue;
            };
            agent.handle_frame(now(), frame);
            for _ in 0..STEPS_A_FRAME {
                platform.supervisor.kick();
                step(&mut agent, platform);
            }
            is_busy = true;
            break;
        }
        is_busy |= step(&mut agent, platform);
        if let Some(len) = agent.poll_transmit(now(), &mut packet) {
            uart.send(Channel::Packet, packet.get(..len).unwrap_or_default());
            tell(&agent, uart);
        }
        idle = if is_busy { 0 } else { idle.saturating_add(1) };
        if idle > IDLE_LOOKS {
            monitor::wait();
        }
    }
}

/// Tells people how it is, beside each report.
fn tell(agent: &FlightAgent, uart: &mut Uart) {
    let stack = stack::deepest();
    if cfg!(feature = "v2") {
        // What the next version does that the first did not.
        let (resets, needed) = (agent.record().resets, agent.symbols_needed());
        let line = format_args!(
            "{NAME}: {stack} B of stack used, {resets} resets, {needed} symbols needed"
        );
        text::say(uart, line);
    } else {
        text::say(uart, format_args!("{NAME}: {stack} B of stack used"));
    }
}

/// One step of the agent, if one is due.
fn step(agent: &mut FlightAgent, platform: &mut Platform<'_, Flash, Monitor, Flight>) -> bool {
    let now = now();
    let is_due = agent.poll_timeout() <= now.elapsed;
    if is_due {
        agent.handle_timeout(now, platform);
    }
    is_due
}

/// The present. The counter of this board is the host's clock, so that it is the date too.
fn now() -> Now {
    let elapsed = Monitor.elapsed();
    Now {
        elapsed,
        time_s: Some(elapsed.0 / 1000),
    }
}

/// What the agent is told.
fn configuration(flash: &mut Flash) -> Option<Config> {
    let provision = Provision::load(flash)?;
    Some(Config {
        identity: provision.identity,
        map: MAP,
        link_keys: provision.link_keys,
        tag_len: provision.tag_len,
        load_addresses: [Some(APPLICATION_RAM as u64); 2],
        decoder_heap: 0,
        command_loss_s: u64::from(provision.command_loss_s),
        beacon_s: u64::from(provision.beacon_s),
    })
}

/// Nothing can be done but to begin anew.
fn stop(uart: &mut Uart, why: &str) -> ! {
    text::say(uart, format_args!("{NAME}: {why}"));
    fault()
}

/// A fault, of which the monitor makes a reset.
pub fn fault() -> ! {
    loop {
        // SAFETY: an instruction that is none.
        unsafe { core::arch::asm!("unimp") }
    }
}

/// None of our own code panics; where a dependency does, the monitor begins anew.
#[panic_handler]
fn panic(why: &PanicInfo<'_>) -> ! {
    if cfg!(feature = "tell-panics")
        && let Some(place) = why.location()
    {
        // SAFETY: what had the UART does not run any more.
        let mut uart = unsafe { Uart::new() };
        text::say(&mut uart, format_args!("{NAME}: panic at {place}"));
    }
    fault()
}
