//! The board of `docs/INTEGRATION.md`: every line that the page shows, on a mocked bus. It leaves the factory with golden
//! alone, takes an update in over its radio, boots it on trial, and keeps it.

#[path = "integration/chip.rs"]
mod chip;
#[path = "integration/flash.rs"]
mod flash;
#[path = "integration/flight.rs"]
mod flight;
#[path = "integration/hardware.rs"]
mod hardware;
#[path = "integration/loader.rs"]
mod loader;
#[path = "integration/map.rs"]
mod map;
#[path = "integration/page.rs"]
mod page;
#[path = "integration/supervisor.rs"]
mod supervisor;

use embedded_storage::nor_flash::{NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use flash::SpiNor;
use flight::{Board, Checks, Flight};
use hardware::{Guard, Pin, Radio, Spi, Wires};
use lightday_boot::store::RecordStore;
use lightday_boot::{Elapsed, Record, SlotRecord, Supervisor};
use lightday_sim::vehicle::factory::{Papered, Signer, Terms, fill};
use lightday_station::object::UplinkObject;
use lightday_station::signed::Drafted;
use lightday_tests::bench_ground::{Ground, launch_manifest};
use lightday_tests::bench_staff::Staff;
use lightday_tests::bench_vehicle::{describe, image};
use lightday_trust::digest::sha256;
use lightday_trust::{Direction, LinkKey, LinkKeys};
use lightday_wire::report::ReportFrame;
use lightday_wire::{
    Action, Epoch, Location, Report, ResetCause, SlotId, SlotState, TagLen, canon,
};
use map::{IDENTITY, LOAD_ADDRESS, MAP};
use supervisor::External;
use w25q32jv::W25q32jv;

/// Bytes of the RAM that images run in.
const RAM: usize = 128 << 10;
/// Bytes of the RAM of decoders.
const DECODER_RAM: usize = 16 << 10;

/// Whose papers the factory writes.
struct Papers<'s>(&'s Staff);

impl Signer for Papers<'_> {
    fn envelope<T: Drafted>(&self, context: T::Context, document: T) -> Vec<u8> {
        self.0.envelope(context, document)
    }
}

fn spi_nor(wires: &Wires) -> SpiNor {
    SpiNor(W25q32jv::new(Spi(wires.clone()), Pin, Pin).unwrap())
}

fn link_keys() -> LinkKeys {
    LinkKeys(std::array::from_fn(|epoch| LinkKey([epoch as u8 + 1; 32])))
}

/// A board as it leaves the factory, with golden alone, and its ground. The factory writes through the board's own driver.
fn board() -> (Wires, Ground) {
    let wires = Wires::new(w25q32jv::CAPACITY as usize);
    let mut ground = Ground::new(Staff::with_release(1, 1, 1, 1, 2));
    ground.granule = SpiNor::WRITE_SIZE as u16;
    let golden = image(9, 4000);
    let described = describe(&golden, 1);
    let terms = Terms {
        load_address: LOAD_ADDRESS,
        trial: launch_manifest(described).trial,
    };
    let papers = Papers(&ground.staff);
    let golden = Papered::new(&golden, described, IDENTITY, terms, &papers);
    let mut flash = spi_nor(&wires);
    let keys = ground.staff.key_set();
    fill(&mut flash, &MAP, (&[], keys), &golden, &golden).unwrap();
    // The factory's usual vehicle has a first image in A besides. This one has not.
    let alone = Record::at_launch([SlotRecord::EMPTY; 2], Location::Golden, keys.version);
    let store = RecordStore::new(MAP.record);
    store.save(&mut flash, 1, &alone).unwrap();
    (wires, ground)
}

/// The processor, from a reset on: loader, jump, application.
fn boot(wires: &Wires) -> (Location, Vec<u8>, Flight) {
    let (mut flash, mut guard) = (spi_nor(wires), External(Guard::new(wires.clone())));
    let mut ram = vec![0xa5; RAM];
    let location = loader::choose(&mut flash, &mut guard, &mut ram).unwrap();
    let board = Board {
        flash,
        guard,
        radio: Radio(wires.clone()),
        checks: Checks {
            passed: Some(true),
            is_quiet: true,
        },
    };
    let lent = Box::leak(Box::new([0; DECODER_RAM]));
    let flight = Flight::start(board, location, link_keys(), lent).unwrap();
    (location, ram, flight)
}

/// Turns until the radio is empty and nothing is due, or the processor is to be reset; each turn takes a millisecond.
fn fly(wires: &Wires, flight: &mut Flight) {
    for _ in 0..200_000 {
        flight.turn();
        let machine = wires.0.borrow();
        let now = machine.guard.elapsed();
        if machine.guard.is_reset_requested()
            || (machine.up.is_empty() && flight.agent.poll_timeout() > now)
        {
            return;
        }
        let (line, _) = machine.guard.reset_line(Some(Elapsed(0)));
        assert!(line > now, "the guard resets the processor at {line:?}");
        drop(machine);
        wires.wind(Elapsed(now.0 + 1));
    }
    panic!("the application never comes to rest");
}

/// The frames of an object wait in the radio.
fn send(wires: &Wires, object: &UplinkObject) {
    let epoch = Epoch::new(0).unwrap();
    let key = link_keys().frame_key(IDENTITY.vehicle, Direction::Up, epoch);
    let frames = (0..object.k()).map(|index| object.frame(index, &key, TagLen::Eight).unwrap());
    wires.0.borrow_mut().up.extend(frames);
}

/// The latest report.
fn report(wires: &Wires) -> Report {
    let machine = wires.0.borrow();
    let frame = ReportFrame::parse(machine.down.last().unwrap()).unwrap();
    let key = link_keys().frame_key(IDENTITY.vehicle, Direction::Down, frame.epoch);
    canon::decode(key.open_report(&frame).unwrap()).unwrap()
}

/// The application asked for a reset; gives what boots then.
fn reset(wires: &Wires) -> (Location, Vec<u8>, Flight) {
    assert!(wires.0.borrow().guard.is_reset_requested());
    wires.reset(ResetCause::Software);
    boot(wires)
}

#[test]
fn golden_boots_takes_a_bundle_in_boots_it_on_trial_and_keeps_it() {
    let (wires, mut ground) = board();
    let (location, ram, mut flight) = boot(&wires);
    assert_eq!(location, Location::Golden);
    assert_eq!(ram[..4000], image(9, 4000));
    fly(&wires, &mut flight);
    assert_eq!(report(&wires).running.0, Location::Golden);

    let bytes = image(2, 9000);
    let built = ground.bundle_with(&bytes, 2, None, |m| m.load_address = LOAD_ADDRESS);
    send(&wires, &built.object);
    fly(&wires, &mut flight);
    assert_eq!(report(&wires).slots[0].state, SlotState::Verified);
    send(&wires, &ground.authorization(&built));
    fly(&wires, &mut flight);

    let (location, ram, mut flight) = reset(&wires);
    assert_eq!(location, Location::Slot(SlotId::A));
    assert_eq!(ram[..bytes.len()], bytes, "what is entered is the image");
    assert!(ram[bytes.len()..].iter().all(|byte| *byte == 0));
    fly(&wires, &mut flight);
    assert_eq!(report(&wires).slots[0].state, SlotState::Trial);
    let lease = wires.0.borrow().guard.deadline().unwrap();
    assert!(lease < Elapsed::NEVER, "a trial has a deadline");
    flight.board.guard.set_deadline(Elapsed::NEVER, false);
    assert_eq!(wires.0.borrow().guard.deadline(), Some(lease), "latched");

    let action = Action::Confirm {
        image: sha256(&bytes),
    };
    send(&wires, &ground.command(action));
    fly(&wires, &mut flight);
    let (location, _, mut flight) = reset(&wires);
    assert_eq!(location, Location::Slot(SlotId::A));
    fly(&wires, &mut flight);
    assert_eq!(report(&wires).slots[0].state, SlotState::Confirmed);
    assert_eq!(report(&wires).running.0, Location::Slot(SlotId::A));
}

#[test]
fn what_the_loader_locked_takes_no_erase_and_no_program_before_the_next_reset() {
    let (wires, _) = board();
    let (_, _, mut flight) = boot(&wires);
    let cells = |wires: &Wires| wires.0.borrow().chip.cells.clone();
    let before = cells(&wires);
    for region in MAP.locked() {
        let flash = &mut flight.board.flash;
        flash.erase(region.start, region.end()).unwrap();
        flash.write(region.start, &[0; 256]).unwrap();
    }
    assert!(before == cells(&wires), "the guard keeps what is locked");
    let [record, ..] = MAP.record;
    flight.board.flash.write(record.start, &[0; 256]).unwrap();
    assert!(before != cells(&wires), "and nothing else");
}

#[test]
fn a_bus_that_fails_is_an_error_and_no_panic() {
    let wires = Wires::new(w25q32jv::CAPACITY as usize);
    let mut flash = spi_nor(&wires);
    wires.0.borrow_mut().chip.is_dead = true;
    let other = Err(NorFlashErrorKind::Other);
    let read = flash.read(0, &mut [0; 4]).map_err(|error| error.kind());
    let write = flash.write(0, &[0; 256]).map_err(|error| error.kind());
    let erase = flash.erase(0, 8192).map_err(|error| error.kind());
    assert_eq!([read, write, erase], [other; 3]);
}

#[test]
fn a_chip_with_nothing_on_it_boots_nothing() {
    let wires = Wires::new(w25q32jv::CAPACITY as usize);
    let mut guard = External(Guard::new(wires.clone()));
    let mut ram = vec![0xa5; RAM];
    assert_eq!(
        loader::choose(&mut spi_nor(&wires), &mut guard, &mut ram),
        None
    );
}
