//! The agent looks at its record once a day: what was wiped or damaged while the vehicle flies is whole again
//! before a reset asks for it.

use embedded_storage::nor_flash::NorFlash as _;
use lightday_boot::Record;
use lightday_boot::store::{RecordStore, Stored};
use lightday_tests::bench_vehicle::Bench;
use lightday_wire::report::flags;
use lightday_wire::{Location, ResetCause, SlotId, SlotState};

const DAY_S: u64 = 86_400;

/// A vehicle that has been healthy for so long that its resets are forgotten: nothing is left to commit.
fn at_rest() -> Bench {
    let mut bench = Bench::launch();
    bench.wait_s(2 * 3600);
    bench
}

fn stored(bench: &mut Bench) -> Option<Stored> {
    let store = RecordStore::new(bench.map().record);
    store.load(&mut bench.flash.peeking())
}

fn wipe(bench: &mut Bench, copies: impl IntoIterator<Item = usize>) {
    for copy in copies {
        let region = bench.map().record[copy];
        bench.flash.erase(region.start, region.end()).unwrap();
    }
}

fn is_whole(bench: &mut Bench) -> bool {
    let known: Record = bench.record().clone();
    stored(bench).is_some_and(|stored| stored.in_step && stored.record == known)
}

#[test]
fn a_record_that_is_wiped_in_flight_is_written_again_within_a_day() {
    let mut bench = Bench::launch();
    bench.update(2, 2);
    bench.wait_s(2 * 3600);
    wipe(&mut bench, 0..3);
    assert_eq!(stored(&mut bench), None);
    bench.costs.clear();
    bench.wait_s(DAY_S + 60);
    assert!(is_whole(&mut bench));
    // One step, and it is a commit (docs/SPEC.md, "Steps").
    let commits: Vec<_> = bench.costs.iter().filter(|cost| cost.is_commit).collect();
    assert!(matches!(commits[..], [cost] if cost.programs <= 3 && cost.erases <= 3));
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    assert_eq!(bench.running(), Location::Slot(SlotId::B));
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
    assert_eq!(bench.report().flags & flags::RECORD_LOST, 0);
}

#[test]
fn a_copy_that_lags_is_brought_up_to_the_others_within_a_day() {
    for copy in 0..3 {
        let mut bench = at_rest();
        wipe(&mut bench, [copy]);
        assert!(!is_whole(&mut bench));
        bench.wait_s(DAY_S + 60);
        assert!(is_whole(&mut bench), "copy {copy}");
    }
}

#[test]
fn a_record_that_is_whole_is_looked_at_and_not_written() {
    let mut bench = at_rest();
    let before = bench.writes();
    bench.wait_s(9 * DAY_S);
    assert_eq!(bench.writes(), before);
}

#[test]
fn a_vehicle_that_lost_its_record_goes_on_to_write_nothing() {
    let mut bench = Bench::launch();
    wipe(&mut bench, 0..3);
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    assert_eq!(bench.running(), Location::Golden);
    let before = bench.writes();
    bench.wait_s(3 * DAY_S);
    assert_eq!((bench.writes(), stored(&mut bench)), (before, None));
}
