//! Erase blocks of the staging area that take no erase and no program any more: they are passed over as long as room
//! remains, and where none does the ground is told. Against a plain model: a cell is usable if it reaches into no
//! dead block.

use lightday_boot::cells::CRC;
use lightday_sim::flash::{CutForm, Fault};
use lightday_station::object::UplinkObject;
use lightday_tests::bench_ground::number;
use lightday_tests::bench_vehicle::{Bench, BenchOf, image};
use lightday_wire::report::flags;
use lightday_wire::{
    FrameHeader, ObjectKind, Refusal, ResetCause, SlotId, SlotState, Stage, TagLen,
};
use proptest::prelude::*;

/// Small blocks, so that there are twelve of them.
type Small = BenchOf<8, 2048>;
const ERASE: u32 = 2048;
/// Erase blocks of the staging log: names, then symbols.
const BLOCKS: usize = 12;
/// How often a block is tried before it counts as dead (docs/SPEC.md).
const TRIES: u32 = 3;
/// After so long a second look is taken at what failed.
const DAY_S: u64 = 86_400;

/// Lets these blocks of the log take no erase and no program from now on, counted from its start.
fn kill(bench: &mut Small, dead: &[usize]) {
    let now = bench.flash.operations();
    for block in dead {
        let address = bench.map().staging.start + u32::try_from(*block).unwrap() * ERASE;
        bench.flash.fail_at(now, Fault::DeadBlock { address });
    }
}

/// How often each block of the log was to be erased, done or not.
fn wear(bench: &Small) -> Vec<u32> {
    let first = usize::try_from(bench.map().staging.start / ERASE).unwrap();
    let erases = bench.flash.wear().iter().zip(bench.flash.failed_erases());
    let erases = erases.map(|(done, failed)| done + failed);
    erases.skip(first).take(BLOCKS).collect()
}

/// The model: how many symbols there is room for; `None`: nothing can be named.
fn room(object: &UplinkObject, dead: &[usize]) -> Option<usize> {
    let names = (0..2).find(|block| !dead.contains(block))?;
    let cell = (usize::from(object.symbol_len()) + 8).next_multiple_of(8);
    let erase = usize::try_from(ERASE).unwrap();
    let (start, end) = ((names + 1) * erase, BLOCKS * erase);
    let cells = (start..=end - cell).step_by(cell);
    let is_usable = |at: &usize| (at / erase..=(at + cell - 1) / erase).all(|b| !dead.contains(&b));
    Some(cells.filter(is_usable).count())
}

fn ends(bench: &Small) -> (Stage, Refusal) {
    let bundle = bench.report().bundle;
    (bundle.stage, bundle.refusal)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// With a reset in between, after so many frames.
    #[test]
    fn whatever_is_dead_frames_do_as_long_as_there_is_room(
        dead in prop::collection::btree_set(0..BLOCKS, 0..10),
        reset_after in 0u16..90,
    ) {
        let dead: Vec<usize> = dead.into_iter().collect();
        let mut bench = Small::launch();
        let built = bench.ground.bundle(&image(2, 9000), 2);
        let k = built.object.k();
        kill(&mut bench, &dead);
        let reset_after = reset_after.min(k - 1);
        bench.deliver(&built.object, 0..reset_after);
        let needed = bench.agent().symbols_needed();
        let before = bench.flash.operations();
        bench.reset(ResetCause::PowerOn);
        bench.settle();
        // What was there is there, and nothing was erased or written to find it.
        prop_assert_eq!(bench.agent().symbols_needed(), needed);
        let log = bench.map().staging;
        prop_assert!(!bench.flash.changed_since(before, log.start..log.end()));
        let room = room(&built.object, &dead);
        // Each try of a dead block costs a frame; names have two of them.
        let spare = u16::try_from(dead.len()).unwrap() * TRIES as u16;
        if room.is_some_and(|room| room >= usize::from(k)) {
            bench.deliver(&built.object, reset_after..k);
            let needed = bench.agent().symbols_needed();
            prop_assert!(needed <= 2 * spare, "{} more of {:?}", needed, dead);
            for index in k..k + 3 * spare {
                bench.deliver(&built.object, [index]);
            }
            prop_assert_eq!(bench.state(SlotId::B), SlotState::Verified, "{:?}", dead);
        } else {
            // Told at once where nothing can be named, days later where symbols are there.
            let why = if room.is_none() { Refusal::FlashFault } else { Refusal::StagingTooSmall };
            for day in 0..5 {
                let fresh = day * 200..day * 200 + k + spare;
                bench.deliver(&built.object, fresh.clone());
                // Whatever is sent now wears nothing out.
                let worn = wear(&bench);
                let operations = bench.flash.operations();
                bench.deliver(&built.object, fresh);
                prop_assert_eq!(bench.flash.operations(), operations);
                prop_assert_eq!(&wear(&bench), &worn);
                if ends(&bench) == (Stage::Refused, why) {
                    break;
                }
                prop_assert_ne!(bench.report().bundle.stage, Stage::Refused);
                bench.wait_s(DAY_S);
            }
            prop_assert_eq!(ends(&bench), (Stage::Refused, why), "{:?}", dead);
        }
        // Dead blocks are tried so often for each boot and second look; one that works may have been opened once before the reset,
        // with nothing in it yet.
        for (block, erases) in wear(&bench).into_iter().enumerate() {
            let most = if dead.contains(&block) { 4 * TRIES } else { 4 };
            prop_assert!(erases <= most, "block {} of {:?}: {} erases", block, dead, erases);
        }
        prop_assert_eq!(bench.flash.stats().programmed_twice, 0);
    }
}

#[test]
fn a_dead_block_costs_three_frames_and_three_erases_once_and_the_report_tells() {
    let mut bench = Small::launch();
    kill(&mut bench, &[2]);
    let built = bench.ground.bundle(&image(2, 9000), 2);
    let k = built.object.k();
    bench.deliver(&built.object, 0..40);
    assert_eq!(bench.agent().symbols_needed(), k - 37);
    assert_eq!(wear(&bench)[..5], [0, 1, TRIES, 1, 1]);
    assert_ne!(bench.beacon().flags & flags::STAGING_WORN, 0);
    bench.deliver(&built.object, 40..k + 3);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    // The next one passes it over without a try.
    let next = bench.ground.bundle(&image(3, 9000), 3);
    bench.deliver_all(&next.object);
    assert_eq!(bench.agent().symbols_needed(), 0);
    assert_eq!(wear(&bench)[..5], [0, 2, TRIES, 2, 2]);
}

/// Operations of the flash from the first frame to the verified image, where nothing is cut.
fn operations(dead: &[usize]) -> u64 {
    let mut bench = Small::launch();
    let built = bench.ground.bundle(&image(2, 3500), 2);
    kill(&mut bench, dead);
    let before = bench.flash.operations();
    let more = 2 * TRIES as u16 * u16::try_from(dead.len()).unwrap();
    bench.deliver(&built.object, 0..built.object.k() + more);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    bench.flash.operations() - before
}

#[test]
fn a_cut_at_every_operation_beside_dead_blocks_leaves_an_update_that_ends_well() {
    for dead in [&[0, 2][..], &[1, 3], &[2]] {
        let mut cuts = 0;
        for form in [CutForm::NotDone, CutForm::Partial(1), CutForm::Unstable(2)] {
            for op in 0..operations(dead) {
                let mut bench = Small::launch();
                let built = bench.ground.bundle(&image(2, 3500), 2);
                kill(&mut bench, dead);
                let k = built.object.k();
                bench.flash.cut_at(bench.flash.operations() + op, form);
                let more = 2 * TRIES as u16 * u16::try_from(dead.len()).unwrap();
                bench.deliver(&built.object, 0..k + more);
                if bench.flash.is_powered() {
                    // What fails in a dead block is not cut.
                    continue;
                }
                while !bench.settle_through_cuts() {}
                // Fresh parity as long as it is wanted: a cut may have cost any of them.
                bench.deliver(&built.object, 0..k);
                let needed = bench.agent().symbols_needed();
                bench.deliver(&built.object, k..k + needed + 4 * TRIES as u16);
                let told = format!("{dead:?}, {form:?} at operation {op}");
                assert_eq!(bench.state(SlotId::B), SlotState::Verified, "{told}");
                assert_eq!(bench.flash.stats().programmed_twice, 0, "{told}");
                cuts += 1;
            }
        }
        assert!(cuts > 150, "{cuts}");
    }
}

#[test]
fn a_block_that_dies_while_it_is_written_costs_three_frames() {
    let mut bench = Small::launch();
    let built = bench.ground.bundle(&image(2, 9000), 2);
    let k = built.object.k();
    bench.deliver(&built.object, 0..20);
    // The twentieth lies in the second block of symbols.
    kill(&mut bench, &[2]);
    bench.deliver(&built.object, 20..k);
    assert_eq!(bench.agent().symbols_needed(), 3);
    bench.deliver(&built.object, k..k + 3);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}

#[test]
fn an_erase_that_fails_once_costs_one_frame() {
    for fault in [Fault::Skipped, Fault::Refused] {
        let mut bench = Small::launch();
        let built = bench.ground.bundle(&image(2, 3500), 2);
        bench.deliver_all(&built.object);
        assert_eq!(bench.state(SlotId::B), SlotState::Verified);
        // The next one erases what this one left.
        let next = bench.ground.bundle(&image(3, 3500), 3);
        let authorization = bench.ground.authorization(&built);
        bench.deliver_all(&authorization);
        let name = bench.flash.operations();
        bench.flash.fail_at(name + 1, fault);
        bench.deliver(&next.object, 0..2);
        assert_eq!(bench.agent().symbols_needed(), next.object.k() - 1);
        assert_eq!(wear(&bench)[1], 3);
        assert_eq!(bench.report().flags & flags::STAGING_WORN, 0);
    }
}

#[test]
fn names_move_on_from_a_dead_block_and_are_found_again() {
    let mut bench = Small::launch();
    let first = bench.ground.bundle(&image(2, 9000), 2);
    bench.deliver(&first.object, 0..30);
    kill(&mut bench, &[0]);
    // What was in reception still is; what follows it is named elsewhere.
    bench.deliver(&first.object, 30..first.object.k());
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    let authorization = bench.ground.authorization(&first);
    bench.deliver_all(&authorization);
    let next = bench.ground.bundle(&image(3, 9000), 3);
    // Its first frames find the first block dead.
    bench.deliver(&next.object, 50..53);
    bench.deliver(&next.object, 0..50);
    for _ in 0..2 {
        bench.wait_s(2 * 3600);
        bench.reset(ResetCause::PowerOn);
        bench.settle();
        assert_eq!(bench.agent().symbols_needed(), next.object.k() - 50);
        assert_ne!(bench.beacon().flags & flags::STAGING_WORN, 0);
    }
    assert!(wear(&bench)[0] <= TRIES);
}

#[test]
fn where_nothing_can_be_named_the_ground_is_told_and_nothing_wears() {
    let mut bench = Small::launch();
    kill(&mut bench, &[0, 1]);
    let built = bench.ground.bundle(&image(2, 3500), 2);
    bench.deliver(&built.object, 0..6);
    assert_eq!(ends(&bench), (Stage::Refused, Refusal::FlashFault));
    let (operations, reports) = (bench.flash.operations(), bench.reports.len());
    bench.deliver_all(&built.object);
    assert_eq!(bench.flash.operations(), operations);
    assert_eq!(bench.reports.len(), reports, "each frame is answered");
    assert!(wear(&bench).iter().all(|erases| *erases <= TRIES));
    assert_ne!(bench.beacon().flags & flags::STAGING_WORN, 0);
}

/// Nothing takes a program or an erase from now on, for so many operations.
fn fail(bench: &mut Small, operations: u64) {
    let now = bench.flash.operations();
    bench.flash.fail_at(now, Fault::Outage { operations });
}

/// Regression: three tries in a row within one frame took blocks for dead while the whole chip was upset, until the log
/// seemed too small and all of its symbols were dropped.
#[test]
fn an_outage_costs_the_frames_that_meet_it_and_none_of_the_symbols_that_are_there() {
    for length in [1, 3, 6, 12, 24] {
        for before in [1, 20, 33, 45] {
            let mut bench = Small::launch();
            let built = bench.ground.bundle(&image(2, 9000), 2);
            let k = built.object.k();
            bench.deliver(&built.object, 0..before);
            fail(&mut bench, length);
            let told = format!("{length} operations behind {before} frames");
            for day in 0..2 {
                let first = k + day * 100;
                bench.deliver(&built.object, first..first + 100);
                assert_ne!(bench.report().bundle.stage, Stage::Refused, "{told}");
                assert!(bench.agent().symbols_needed() <= k - before, "{told}");
                bench.wait_s(DAY_S);
            }
            assert_eq!(bench.state(SlotId::B), SlotState::Verified, "{told}");
            assert_eq!(bench.flash.stats().programmed_twice, 0, "{told}");
        }
    }
}

#[test]
fn an_outage_at_every_operation_of_a_reception_drops_nothing() {
    let built = Small::launch().ground.bundle(&image(2, 3500), 2);
    let k = built.object.k();
    for op in 0..u64::from(k) {
        let mut bench = Small::launch();
        let built = bench.ground.bundle(&image(2, 3500), 2);
        let now = bench.flash.operations();
        bench
            .flash
            .fail_at(now + op, Fault::Outage { operations: 5 });
        bench.deliver(&built.object, 0..k + 8);
        assert_ne!(
            bench.report().bundle.stage,
            Stage::Refused,
            "operation {op}"
        );
        assert_eq!(
            bench.state(SlotId::B),
            SlotState::Verified,
            "operation {op}"
        );
        assert_eq!(bench.flash.stats().programmed_twice, 0, "operation {op}");
    }
}

/// Regression: where an outage had left names without a place, bundles were refused until the next reset.
#[test]
fn names_are_tried_anew_a_day_after_an_outage() {
    let mut bench = Small::launch();
    let built = bench.ground.bundle(&image(2, 3500), 2);
    let mut dead = Small::launch();
    kill(&mut dead, &[0, 1]);
    let before = dead.flash.operations();
    dead.deliver(&built.object, 0..6);
    fail(&mut bench, dead.flash.operations() - before);
    bench.deliver(&built.object, 0..6);
    assert_eq!(ends(&bench), (Stage::Refused, Refusal::FlashFault));
    bench.wait_s(DAY_S);
    bench.deliver_all(&built.object);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}

/// A frame of a bundle under a sound MAC, with a symbol that the holder of the link key made up.
fn forged(bench: &Bench, k: u16, index: u16, symbol: &[u8]) -> Vec<u8> {
    let header = FrameHeader {
        kind: ObjectKind::Bundle,
        epoch: bench.record().epoch,
        number: number(1),
        k,
        index,
    };
    let mut out = vec![0; symbol.len() + 16];
    let key = bench.uplink(0);
    key.seal_frame(header, symbol, TagLen::Eight, &mut out)
        .unwrap();
    out
}

/// A naming cell of the latest generation, and as much of the symbol as is left.
fn name(symbol_len: usize) -> Vec<u8> {
    let mut cell = vec![b'L', b'D', 0x20, 1, 0xff, 0xff, 0xff, 0xf0, 0, 8, 0, 0];
    let data = [0, 0, 0, 9, 0, 5, 0, 128];
    let crc = CRC.checksum(&[&cell[..], &data].concat());
    cell.extend(crc.to_be_bytes());
    cell.extend(data);
    cell.resize(symbol_len, 0xff);
    cell
}

/// In the second erase block, where a name may stand, a symbol can be so made that it reads as one.
#[test]
fn a_symbol_that_reads_as_a_name_names_nothing() {
    const K: u16 = 40;
    const LEN: usize = 128;
    // Cells of 136 B: the symbol of the sixteenth begins where a cell of names would.
    let place = 15 * (LEN + 8) + 8;
    assert_eq!(place % 256, 0);
    let mut bench = Bench::launch();
    // Without the first there is no early verdict.
    for index in 1..17 {
        let frame = forged(&bench, K, index, &name(LEN));
        bench.hear(&frame);
        bench.settle();
    }
    let at = bench.map().staging.start + 4096 + u32::try_from(place).unwrap();
    let there = bench.flash.peek(at..at + 128).unwrap();
    assert_eq!(there, name(LEN), "it is where a name would be");
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    assert_eq!(bench.beacon().bundle.number, number(1));
    assert_eq!(bench.agent().symbols_needed(), K - 16);
}
