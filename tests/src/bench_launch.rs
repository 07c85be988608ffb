//! The bench on the day of its launch: a vehicle as a test wants it, booted and at rest.
//!
//! Nothing here moves: what the vehicle does stands in [`crate::bench_vehicle`].

use lightday_agent::{Config, Health};
use lightday_boot::Elapsed;
use lightday_sim::flash::SimFlash;
use lightday_sim::vehicle::{Layout, LayoutSizes, SimSupervisor};
use lightday_trust::{LinkKey, LinkKeys};
use lightday_wire::TagLen;

use crate::bench_factory::{IDENTITY, factory, first_image, flown_flash, image};
use crate::bench_ground::Ground;
use crate::bench_staff::Staff;
use crate::bench_vehicle::{BEACON_S, BenchApplication, BenchOf, COMMAND_LOSS_S, EPOCH_S};

/// What the supervisor's watchdog waits for.
const WATCHDOG_MS: u64 = 60_000;

/// What a vehicle of the bench is launched with.
#[derive(Clone, Debug)]
pub struct Outfit {
    /// The image in slot A.
    pub first: Vec<u8>,
    /// Bytes of each slot.
    pub slot: u32,
    /// Bytes of RAM for decoders.
    pub decoder_ram: usize,
    /// How many of verification and of flight must sign.
    pub signers: (u8, u8),
    /// How many of release must sign.
    pub release: u8,
}

impl Default for Outfit {
    fn default() -> Self {
        Self {
            first: first_image(),
            slot: 16_384,
            decoder_ram: 0,
            signers: (1, 2),
            release: 1,
        }
    }
}

impl<const WRITE: usize, const ERASE: usize> BenchOf<WRITE, ERASE> {
    /// A vehicle as it is launched, running slot A, and settled.
    #[must_use]
    pub fn launch() -> Self {
        Self::launch_with(Outfit::default())
    }

    /// The same with an outfit of the test's choice.
    ///
    /// # Panics
    /// If the geometry is none of ours, or the image does not fit.
    #[must_use]
    pub fn launch_with(outfit: Outfit) -> Self {
        let mut bench = Self::assemble(&outfit, None, Elapsed(0));
        bench.boot();
        bench.settle();
        bench
    }

    /// A vehicle that has lived already, of the default outfit, switched off: all that it has are these bytes of flash,
    /// and the supervisor's counter. What reads as erased may be programmed.
    ///
    /// # Panics
    /// If the bytes are not as long as the flash.
    #[must_use]
    pub fn in_flight(flash: &[u8], elapsed: Elapsed) -> Self {
        Self::assemble(&Outfit::default(), Some(flash), elapsed)
    }

    /// Not booted yet; with the flash that the factory makes, or with these bytes in it.
    fn assemble(outfit: &Outfit, flown: Option<&[u8]>, elapsed: Elapsed) -> Self {
        let sizes = LayoutSizes {
            slot: outfit.slot,
            staging: 24_576.max(2 * u32::try_from(ERASE).expect("small")),
            block: 16_384,
        };
        let geometry = [WRITE, ERASE].map(|len| u32::try_from(len).expect("small"));
        let layout = Layout::new(geometry[0], geometry[1], sizes);
        let (verification, flight) = outfit.signers;
        let mut ground = Ground::new(Staff::with_release(
            1,
            1,
            outfit.release,
            verification,
            flight,
        ));
        ground.granule = u16::try_from(WRITE.max(2)).expect("small");
        let link_keys = LinkKeys(std::array::from_fn(|epoch| LinkKey([epoch as u8 + 1; 32])));
        let config = Config {
            identity: IDENTITY,
            map: layout.map,
            link_keys,
            tag_len: TagLen::Eight,
            load_addresses: [Some(0); 2],
            decoder_heap: 0,
            command_loss_s: COMMAND_LOSS_S,
            beacon_s: BEACON_S,
        };
        let flash = match flown {
            None => factory(&layout, &ground.staff, &outfit.first),
            Some(bytes) => flown_flash(&layout, bytes),
        };
        let mut bench = Self::with(flash, config, ground, elapsed);
        bench.decoder_ram = outfit.decoder_ram;
        bench
    }

    /// Any vehicle, switched off: one that was not launched on the bench, of another map, other keys and other people.
    /// `flash` is all that it has, from its first byte on, in whole erase blocks.
    ///
    /// # Panics
    /// If `flash` is not a whole number of erase blocks.
    #[must_use]
    pub fn of_another(config: Config, ground: Ground, flash: &[u8], elapsed: Elapsed) -> Self {
        let layout = Layout {
            map: config.map,
            blocks: flash.len() / ERASE,
        };
        let flash = flown_flash(&layout, flash);
        Self::with(flash, config, ground, elapsed)
    }

    fn with(
        flash: SimFlash<WRITE, ERASE>,
        config: Config,
        ground: Ground,
        elapsed: Elapsed,
    ) -> Self {
        Self {
            flash,
            config,
            decoder_ram: 0,
            supervisor: SimSupervisor::new(elapsed, WATCHDOG_MS),
            application: BenchApplication {
                health: Health::Healthy,
                may_activate: true,
            },
            knows_time: true,
            epoch_s: EPOCH_S,
            image,
            ground,
            reports: Vec::new(),
            answers: Vec::new(),
            parts: Vec::new(),
            boots: Vec::new(),
            costs: Vec::new(),
            agent: None,
            now_ms: elapsed.0,
        }
    }
}
