//! An application that is the agent in its loop and nothing else, on a board of registers.

#![no_std]
#![no_main]

mod registers;

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use lightday_agent::{Agent, Application, Config, Health, Now, Platform};
use lightday_boot::Supervisor as _;
use lightday_trust::{LinkKey, LinkKeys};
use lightday_wire::{Location, SlotId, TagLen};
use registers::{External, Flash, MAP, identity, peek, poke};

/// 1,000 symbols and a margin, and what the solver works in: as the board of `onboard/firmware`.
type Flight = Agent<1064, 16384, &'static mut [u8]>;

/// Where the agent lies: RAM that the linker counts.
struct Place(UnsafeCell<MaybeUninit<Flight>>);

// SAFETY: one core, no interrupt: `_start` alone takes it.
unsafe impl Sync for Place {}

static AGENT: Place = Place(UnsafeCell::new(MaybeUninit::uninit()));

/// Frames and reports lie in memory of devices, as far as the linker is concerned.
fn lent(address: usize, len: usize) -> &'static mut [u8] {
    // SAFETY: no program: it is linked and never run.
    unsafe { core::slice::from_raw_parts_mut(address as *mut u8, len) }
}

struct Asked;

impl Application for Asked {
    fn health(&mut self) -> Health {
        match peek(20) {
            0 => Health::Starting,
            1 => Health::Healthy,
            _ => Health::Failing,
        }
    }

    fn may_activate(&mut self) -> bool {
        peek(21) != 0
    }
}

fn now() -> Now {
    Now {
        elapsed: External.elapsed(),
        time_s: (peek(22) != 0).then(|| u64::from(peek(23))),
    }
}

fn config() -> Config {
    let key = || LinkKey(core::array::from_fn(|_| peek(24) as u8));
    let address = || (peek(26) != 0).then(|| u64::from(peek(27)));
    Config {
        identity: identity(),
        map: MAP,
        link_keys: LinkKeys(core::array::from_fn(|_| key())),
        tag_len: if peek(25) == 6 { TagLen::Six } else { TagLen::Eight },
        load_addresses: [address(), address()],
        decoder_heap: 0,
        command_loss_s: u64::from(peek(28)),
        beacon_s: u64::from(peek(29)),
    }
}

/// The loop: kick, hear, step, say.
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let running = match peek(30) {
        0 => Location::Slot(SlotId::A),
        1 => Location::Slot(SlotId::B),
        _ => Location::Golden,
    };
    let platform = &mut Platform {
        flash: &mut Flash,
        supervisor: &mut External,
        application: &mut Asked,
    };
    let decoder_ram = lent(0x3000_0000, peek(31) as usize);
    // SAFETY: taken once.
    let place = unsafe { &mut *AGENT.0.get() };
    let Ok(agent) = Flight::start(config(), decoder_ram, running, now(), platform) else {
        loop {
            poke(14, 1);
        }
    };
    let agent = place.write(agent);
    loop {
        platform.supervisor.kick();
        if peek(32) != 0 {
            agent.handle_frame(now(), lent(0x3100_0000, peek(33) as usize));
        }
        if agent.poll_timeout() <= now().elapsed {
            agent.handle_timeout(now(), platform);
        }
        if let Some(len) = agent.poll_transmit(now(), lent(0x3200_0000, peek(34) as usize)) {
            poke(35, len as u32);
        }
    }
}
