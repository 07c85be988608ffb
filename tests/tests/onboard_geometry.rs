//! The whole way on flashes of other geometries than the bench's own: granules from 1 to 256 B, erase blocks
//! from 256 B to 64 KiB.

use lightday_tests::bench_vehicle::{BenchOf, image};
use lightday_wire::{Action, Location, ResetCause, SlotId, SlotState};

fn updates_twice<const WRITE: usize, const ERASE: usize>() {
    let mut bench = BenchOf::<WRITE, ERASE>::launch();
    for (seed, slot) in [(2, SlotId::B), (3, SlotId::A)] {
        let built = bench.ground.bundle(&image(seed, 7001), seed);
        let k = built.object.k();
        // Every second source symbol is lost, and there are resets in between.
        bench.deliver(&built.object, (0..k).filter(|i| i % 2 == 0));
        bench.wait_s(3 * 3600);
        let needed = bench.agent().symbols_needed();
        bench.reset(ResetCause::PowerOn);
        bench.settle();
        assert_eq!(bench.agent().symbols_needed(), needed, "{WRITE} {ERASE}");
        bench.deliver(&built.object, (k..).take(needed.into()));
        assert_eq!(bench.state(slot), SlotState::Verified, "{WRITE} {ERASE}");
        assert_eq!(bench.slot_digest(slot, 7001), built.image.digest);
        let authorization = bench.ground.authorization(&built);
        bench.deliver_all(&authorization);
        assert_eq!(bench.running(), Location::Slot(slot), "{WRITE} {ERASE}");
        bench.command(Action::Confirm {
            image: built.image.digest,
        });
        assert_eq!(bench.state(slot), SlotState::Confirmed, "{WRITE} {ERASE}");
    }
    let stats = bench.flash.stats();
    assert_eq!((stats.programmed_twice, stats.protected), (0, 0));
}

#[test]
fn nor_flash_of_one_byte_granules_and_small_blocks() {
    updates_twice::<1, 256>();
}

#[test]
fn serial_nor_flash() {
    updates_twice::<4, 4096>();
}

#[test]
fn flash_of_microcontrollers() {
    updates_twice::<8, 2048>();
    updates_twice::<16, 8192>();
    updates_twice::<32, 2048>();
}

#[test]
fn flash_of_whole_pages_and_large_blocks() {
    updates_twice::<256, 65_536>();
}
