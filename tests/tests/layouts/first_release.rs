//! The flash of a vehicle of the first release in the middle of its life, as bytes. Never regenerated silently:
//! vehicles in flight hold such bytes. A release that writes others has to read these as well, and gets a
//! file of its own beside this one.

use embedded_storage::nor_flash::NorFlash as _;
use lightday_boot::Region;
use lightday_boot::floors::{Floor, value};
use lightday_tests::bench_ground::Built;
use lightday_tests::bench_launch::Outfit;
use lightday_tests::bench_vehicle::{Bench, image};
use lightday_wire::report::flags;
use lightday_wire::{
    Action, Epoch, Location, ObjectKind, Refusal, ResetCause, SlotId, SlotState, Stage,
};

use crate::states::is_to_freeze;

const BYTES: &str = include_str!("release_1.hex");
/// Bytes of a line of it.
const ROW: usize = 32;
/// Symbols of the bundle in reception that have arrived.
const RECEIVED: u16 = 3;

/// A bench whose first image is short.
fn launch() -> Bench {
    Bench::launch_with(Outfit {
        first: image(1, 600),
        ..Outfit::default()
    })
}

/// The vehicle whose flash the file holds. B was confirmed and raised the counter; the epoch was switched; A
/// holds a verified image that nobody has authorized; of the bundle after it three symbols are there, and its
/// authorization waits; activation is held.
fn mid_life() -> (Bench, Built) {
    let mut bench = launch();
    let counter = |m: &mut lightday_wire::Manifest| m.security_counter = 2;
    let first = bench.ground.bundle_with(&image(2, 500), 2, None, counter);
    bench.deliver_all(&first.object);
    let authorization = bench.ground.authorization(&first);
    bench.deliver_all(&authorization);
    bench.command(Action::Confirm {
        image: first.image.digest,
    });
    bench.ground.epoch = 1;
    bench.command(Action::EpochSwitch {
        epoch: Epoch::new(1).unwrap(),
    });
    let verified = bench.ground.bundle_with(&image(3, 400), 3, None, counter);
    bench.deliver_all(&verified.object);
    let next = bench.ground.bundle_with(&image(4, 700), 4, None, counter);
    bench.deliver(&next.object, 0..RECEIVED);
    let authorization = bench.ground.authorization(&next);
    bench.deliver_all(&authorization);
    bench.command(Action::Hold { held: true });
    (bench, next)
}

/// Everything that rests in flash but images, which are no layout, and the block area, which is scratch.
fn structures(bench: &Bench) -> Vec<(&'static str, Region)> {
    let map = bench.map();
    vec![
        ("record, first copy", map.record[0]),
        ("record, second copy", map.record[1]),
        ("record, third copy", map.record[2]),
        ("floors", map.floors),
        ("key sets, even versions", map.key_sets[0]),
        ("key sets, odd versions", map.key_sets[1]),
        ("pending documents", map.pending),
        ("trailer of A", map.slots[0].trailer),
        ("trailer of B", map.slots[1].trailer),
        ("trailer of golden, first copy", map.golden[0].trailer),
        ("trailer of golden, second copy", map.golden[1].trailer),
        ("staging", map.staging),
    ]
}

/// The rows that are not erased, as the file has them.
fn rows(bench: &Bench) -> String {
    let mut text = String::new();
    for (name, region) in structures(bench) {
        text.push_str(&format!("# {name}\n"));
        let bytes = bench.flash.peek(region.start..region.end()).unwrap();
        for (at, row) in (region.start..).step_by(ROW).zip(bytes.chunks(ROW)) {
            if row.iter().any(|byte| *byte != 0xff) {
                let hex: String = row.iter().map(|byte| format!("{byte:02x}")).collect();
                text.push_str(&format!("{at:05x} {hex}\n"));
            }
        }
    }
    text
}

/// What the file says behind its first lines, which say what it is.
fn file() -> &'static str {
    let at = BYTES.find("# record").expect("it begins with the record");
    &BYTES[at..]
}

/// Loads the bytes of the file into a vehicle that knows nothing of them.
fn loaded() -> Bench {
    let mut bench = launch();
    bench.ground.next = [4, 3, 4, 1];
    bench.ground.epoch = 1;
    bench.flash.unlock();
    for (_, region) in structures(&bench) {
        // Golden takes no erase; its rows are written over.
        let _ = bench.flash.erase(region.start, region.end());
    }
    for line in file().lines().filter(|line| !line.starts_with('#')) {
        let (at, hex) = line.split_once(' ').expect("an address and bytes");
        let byte = |pair: &[u8]| {
            let digits = std::str::from_utf8(pair).unwrap();
            u8::from_str_radix(digits, 16).unwrap()
        };
        let bytes: Vec<u8> = hex.as_bytes().chunks(2).map(byte).collect();
        let at = u32::from_str_radix(at, 16).unwrap();
        // Granule by granule: what is erased must stay free to be programmed.
        for (at, granule) in (at..).step_by(8).zip(bytes.chunks(8)) {
            if granule.iter().any(|byte| *byte != 0xff) {
                bench.flash.factory_load(at, granule);
            }
        }
    }
    let slots = bench.map().slots.map(|slot| slot.image.start);
    bench.flash.factory_load(slots[0], &image(3, 400));
    bench.flash.factory_load(slots[1], &image(2, 500));
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    bench
}

/// Makes the file anew where `LIGHTDAY_FREEZE` is set, as the frozen states are.
#[test]
fn the_flash_of_the_first_release_is_what_this_one_writes() {
    let (bench, _) = mid_life();
    let rows = rows(&bench);
    if is_to_freeze() {
        let head = &BYTES[..BYTES.len() - file().len()];
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/layouts/release_1.hex");
        return std::fs::write(path, format!("{head}{rows}")).unwrap();
    }
    if rows != file() {
        let differs = rows
            .lines()
            .zip(file().lines())
            .find(|(new, old)| new != old);
        panic!("other bytes than vehicles in flight hold, from {differs:?} on");
    }
}

#[test]
fn a_vehicle_of_the_first_release_is_taken_up_where_it_was() {
    let bench = loaded();
    let record = bench.record().clone();
    assert_eq!(bench.running(), Location::Slot(SlotId::B));
    assert_eq!(
        [SlotId::A, SlotId::B].map(|slot| bench.state(slot)),
        [SlotState::Verified, SlotState::Confirmed]
    );
    let numbers = record.next.map(|number| number.get());
    assert_eq!(numbers, [3, 3, 4, 1]);
    let all = (record.security_counter, record.key_set, record.epoch.get());
    assert_eq!(all, (2, 1, 1));
    let floors = bench.map().floors;
    let floor = |floor| value(&mut bench.flash.peeking(), floors, floor);
    assert_eq!(
        [Floor::Security, Floor::KeySet, Floor::Epoch].map(floor),
        [2, 1, 1]
    );
    let report = *bench.report();
    assert_ne!(report.flags & flags::HELD, 0);
    assert_eq!(report.bundle.number.get(), 3);
    assert_eq!(report.authorization.stage, Stage::Started);
}

#[test]
fn what_the_first_release_had_begun_goes_on_to_its_end() {
    let (_, next) = mid_life();
    for is_golden in [false, true] {
        let mut bench = loaded();
        let k = next.object.k();
        if is_golden {
            // Golden is of the first release for ever, and has to go on with what others left.
            bench.command(Action::BootGolden);
            assert_eq!(bench.running(), Location::Golden);
        }
        assert_eq!(bench.agent().symbols_needed(), k - RECEIVED);
        bench.deliver(&next.object, RECEIVED..k);
        let slot = SlotId::A;
        assert_eq!(bench.slot_digest(slot, 700), next.image.digest);
        if is_golden {
            // What waited was forgotten with the command; nothing runs without new papers.
            assert_eq!(bench.state(slot), SlotState::Verified);
            continue;
        }
        assert_eq!(bench.state(slot), SlotState::Armed);
        assert_eq!(bench.report().hold, Refusal::Interlock);
        bench.command(Action::Hold { held: false });
        assert_eq!(bench.running(), Location::Slot(slot));
        bench.command(Action::Confirm {
            image: next.image.digest,
        });
        assert_eq!(bench.state(slot), SlotState::Confirmed);
        assert_eq!(
            bench.record().verdict(ObjectKind::Command).stage,
            Stage::Done
        );
    }
}
