//! Boot and agent on a serial NOR flash: the driver `w25q32jv` over `embedded-hal` 1.0, on a mocked bus. What
//! `docs/INTEGRATION.md` shows of it is this file's [`SpiNor`].

#[path = "spi_nor/chip.rs"]
mod chip;

use chip::{Chip, Tied};
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use lightday_agent::{Agent, Config, Now, Platform};
use lightday_boot::{Elapsed, Supervisor as _, load};
use lightday_sim::vehicle::SimSupervisor;
use lightday_station::object::UplinkObject;
use lightday_tests::bench_ground::Ground;
use lightday_tests::bench_vehicle::{BenchApplication, BenchOf, image};
use lightday_wire::{Location, ResetCause, SlotId, SlotState, TagLen};
use w25q32jv::{Error, W25q32jv};

type Driver<'c> = W25q32jv<&'c mut Chip, Tied, Tied>;
type FlightAgent = Agent<512, 4096, Vec<u8>>;

/// Bytes of the chip.
const CAPACITY: usize = 4 << 20;
const PAGE: usize = 256;

/// The driver behind the trait of boot and agent. Its own erase panics where the bus fails; this one says so.
struct SpiNor<'c>(Driver<'c>);

/// Why the chip did not do what it was asked.
#[derive(Debug)]
struct Failed(NorFlashErrorKind);

impl NorFlashError for Failed {
    fn kind(&self) -> NorFlashErrorKind {
        self.0
    }
}

impl<S: core::fmt::Debug, P: core::fmt::Debug> From<Error<S, P>> for Failed {
    fn from(error: Error<S, P>) -> Self {
        Self(error.kind())
    }
}

impl ErrorType for SpiNor<'_> {
    type Error = Failed;
}

impl ReadNorFlash for SpiNor<'_> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failed> {
        Ok(W25q32jv::read(&mut self.0, offset, bytes)?)
    }

    fn capacity(&self) -> usize {
        CAPACITY
    }
}

impl NorFlash for SpiNor<'_> {
    // A page is programmed once: what a granule of boot and agent is.
    const WRITE_SIZE: usize = PAGE;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Failed> {
        let sectors = from / 4096..to / 4096;
        for sector in sectors {
            self.0.erase_sector(sector)?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failed> {
        Ok(self.0.write_blocking(offset, bytes)?)
    }
}

/// A vehicle whose flash is the chip.
struct Vehicle<'c> {
    flash: SpiNor<'c>,
    config: Config,
    supervisor: SimSupervisor,
    application: BenchApplication,
    now_ms: u64,
}

impl Vehicle<'_> {
    fn now(&self) -> Now {
        Now {
            elapsed: Elapsed(self.now_ms),
            time_s: Some(1_900_000_000),
        }
    }

    /// Runs the loader, and starts the agent of what it chose.
    fn boot(&mut self) -> (Location, FlightAgent) {
        let (map, identity) = (self.config.map, self.config.identity);
        let boot = load(&mut self.flash, &map, identity, &mut self.supervisor).unwrap();
        let now = self.now();
        let config = self.config.clone();
        let mut platform = Platform {
            flash: &mut self.flash,
            supervisor: &mut self.supervisor,
            application: &mut self.application,
        };
        let agent = FlightAgent::start(config, Vec::new(), boot.location, now, &mut platform);
        (boot.location, agent.unwrap())
    }

    /// Steps until nothing is due.
    fn settle(&mut self, agent: &mut FlightAgent) {
        let mut packet = [0; 128];
        while agent.poll_timeout() <= Elapsed(self.now_ms) && !self.supervisor.is_reset_requested()
        {
            let now = self.now();
            let mut platform = Platform {
                flash: &mut self.flash,
                supervisor: &mut self.supervisor,
                application: &mut self.application,
            };
            agent.handle_timeout(now, &mut platform);
            let _ = agent.poll_transmit(now, &mut packet);
            self.now_ms += 1;
            self.supervisor.advance(Elapsed(self.now_ms));
            self.supervisor.kick();
        }
    }

    fn deliver(&mut self, agent: &mut FlightAgent, ground: &Ground, object: &UplinkObject) {
        let epoch = lightday_wire::Epoch::new(ground.epoch).unwrap();
        let (vehicle, up) = (self.config.identity.vehicle, lightday_trust::Direction::Up);
        let key = self.config.link_keys.frame_key(vehicle, up, epoch);
        for index in 0..object.k() {
            let frame = object.frame(index, &key, TagLen::Eight).unwrap();
            agent.handle_frame(self.now(), &frame);
            self.settle(agent);
        }
    }

    fn reset(&mut self) -> (Location, FlightAgent) {
        assert!(self.supervisor.is_reset_requested());
        self.supervisor.reset(ResetCause::Software);
        self.boot()
    }
}

/// The vehicle of the bench as it leaves the factory, its cells moved to a chip.
fn vehicle(chip: &mut Chip) -> (Vehicle<'_>, Ground) {
    let bench = BenchOf::<PAGE, 4096>::launch();
    let launched = bench.flash.peek(0..bench.flash.capacity() as u32).unwrap();
    chip.cells[..launched.len()].copy_from_slice(launched);
    let vehicle = Vehicle {
        flash: SpiNor(W25q32jv::new(chip, Tied, Tied).unwrap()),
        config: bench.config.clone(),
        supervisor: SimSupervisor::new(Elapsed(0), 60_000),
        application: bench.application.clone(),
        now_ms: 0,
    };
    (vehicle, bench.ground)
}

#[test]
fn an_update_from_the_first_symbol_to_confirm_on_a_serial_nor_flash() {
    let mut chip = Chip::new(vec![0xff; CAPACITY]);
    let (mut vehicle, mut ground) = vehicle(&mut chip);
    vehicle.config.map.check(&vehicle.flash).unwrap();
    let (home, mut agent) = vehicle.boot();
    assert_eq!(home, Location::Slot(SlotId::A));
    vehicle.settle(&mut agent);
    let built = ground.bundle(&image(2, 9000), 2);
    vehicle.deliver(&mut agent, &ground, &built.object);
    assert_eq!(agent.record().slot(SlotId::B).state, SlotState::Verified);
    let authorization = ground.authorization(&built);
    vehicle.deliver(&mut agent, &ground, &authorization);
    let (tried, mut agent) = vehicle.reset();
    assert_eq!(tried, Location::Slot(SlotId::B));
    vehicle.settle(&mut agent);
    let confirm = ground.command(lightday_wire::Action::Confirm {
        image: built.image.digest,
    });
    vehicle.deliver(&mut agent, &ground, &confirm);
    let (kept, agent) = vehicle.reset();
    assert_eq!(kept, Location::Slot(SlotId::B));
    assert_eq!(agent.record().slot(SlotId::B).state, SlotState::Confirmed);
    assert_eq!(agent.record().home.0, kept);
    drop((vehicle, agent));
    assert!(chip.erases > 10);
}

#[test]
fn a_bus_that_fails_is_an_error_and_no_panic() {
    let mut chip = Chip::new(vec![0; CAPACITY]);
    chip.is_dead = true;
    let mut flash = SpiNor(W25q32jv::new(&mut chip, Tied, Tied).unwrap());
    let kind = |failed: Failed| failed.kind();
    assert_eq!(
        flash.read(0, &mut [0; 4]).map_err(kind),
        Err(NorFlashErrorKind::Other)
    );
    assert_eq!(
        flash.write(0, &[0; 256]).map_err(kind),
        Err(NorFlashErrorKind::Other)
    );
    assert_eq!(
        flash.erase(0, 8192).map_err(kind),
        Err(NorFlashErrorKind::Other)
    );
}
