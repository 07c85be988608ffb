//! A record that a later release wrote, read by this agent, this loader and golden: in every state of a slot it
//! is read as far as this release knows it, or not believed at all.

use lightday_boot::Record;
use lightday_boot::cells::{CellLog, HEADER_LEN, RECORD_CELL};
use lightday_boot::store::RecordStore;
use lightday_tests::bench_ground::{Built, number};
use lightday_tests::bench_vehicle::{Bench, image};
use lightday_wire::report::flags;
use lightday_wire::{
    Action, Location, ObjectKind, Refusal, ResetCause, RevertCause, SlotId, SlotState, Stage,
    TagLen, canon,
};

use crate::ways::later_form;

/// Bytes of the record of this release (docs/SPEC.md).
const LEN: usize = 312;
/// The kind of its cell.
const KIND: u8 = 1;
/// No code of any table has this value.
const UNKNOWN: u8 = 0xc7;

/// A vehicle whose slot B is in this state.
fn in_state(state: SlotState) -> Bench {
    let mut bench = Bench::launch();
    match state {
        SlotState::Patching => {
            let built = bench.ground.bundle(&image(2, 3000), 2);
            let key = bench.uplink(0);
            for index in 0..built.object.k() {
                bench.hear(&built.object.frame(index, &key, TagLen::Eight).unwrap());
                while bench.agent().poll_timeout() <= bench.now().elapsed {
                    bench.step();
                    if bench.state(SlotId::B) == SlotState::Patching {
                        return bench;
                    }
                }
            }
        }
        SlotState::Verified => drop(bench.stage(2, 2)),
        SlotState::Armed => {
            bench.command(Action::Hold { held: true });
            bench.try_out(2, 2);
        }
        SlotState::Trial => drop(bench.try_out(2, 2)),
        SlotState::Confirmed => drop(bench.update(2, 2)),
        SlotState::Reverted => {
            bench.try_out(2, 2);
            (0..3).for_each(|_| bench.reset(ResetCause::Fault));
        }
        SlotState::Failed => {
            let built = bench.stage(2, 2);
            bench.command(Action::Abort {
                kind: ObjectKind::Bundle,
                number: built.number,
            });
        }
        _ => {}
    }
    bench.settle();
    bench
}

/// Every state that a slot can be in.
fn states() -> impl Iterator<Item = SlotState> {
    let all = SlotState::ALL.iter().copied();
    all.filter(|state| *state != SlotState::Golden)
}

/// The bundle after the one that B has or had, of which golden and every slot may have a part.
fn next_bundle(bench: &Bench) -> Built {
    bench
        .ground
        .bundle_numbered(number(2), &image(5, 2000), 5, None, |_| {})
}

/// Two vehicles that have lived alike, golden running if that is asked for, with three symbols of a bundle in
/// their staging logs where they take them.
fn twins(state: SlotState, is_golden: bool) -> [Bench; 2] {
    [(); 2].map(|()| {
        let mut bench = in_state(state);
        assert_eq!(bench.state(SlotId::B), state);
        if is_golden {
            bench.command(Action::BootGolden);
            assert_eq!(bench.running(), Location::Golden, "{state:?}");
        }
        if state != SlotState::Patching {
            let next = next_bundle(&bench);
            bench.deliver(&next.object, 0..3);
        }
        bench
    })
}

/// The record as a later release would have written it: of layout 2, with fields behind those of this one, and
/// changed as asked. Where `is_alone`, no other record is left in the three copies.
fn write_later(bench: &mut Bench, is_alone: bool, change: impl FnOnce(&mut [u8])) {
    let regions = bench.map().record;
    let stored = RecordStore::new(regions).load(&mut bench.flash.peeking());
    let stored = stored.expect("a record");
    let mut buffer = [0; 512];
    let known = canon::encode(&stored.record, &mut buffer).unwrap().to_vec();
    assert_eq!(known.len(), LEN);
    let mut bytes = [known, vec![0x5a; 40]].concat();
    bytes[0] = 2;
    change(&mut bytes);
    for region in regions {
        let log = CellLog::new(region, RECORD_CELL);
        if is_alone {
            log.erase(&mut bench.flash).unwrap();
        }
        let sequence = stored.sequence + 1;
        log.append(&mut bench.flash, KIND, sequence, &bytes)
            .unwrap();
    }
}

fn stored(bench: &Bench) -> Option<Record> {
    let stored = RecordStore::new(bench.map().record).load(&mut bench.flash.peeking());
    stored.map(|stored| stored.record)
}

#[test]
fn fields_that_a_later_layout_appends_change_nothing_in_any_state() {
    for state in states() {
        for is_golden in [false, true] {
            let [mut same, mut later] = twins(state, is_golden);
            write_later(&mut later, true, |_| ());
            let told = format!("{state:?}, golden {is_golden}");
            for bench in [&mut same, &mut later] {
                bench.reset(ResetCause::PowerOn);
            }
            assert_eq!(later.running(), same.running(), "{told}");
            assert_eq!(later.record(), same.record(), "{told}");
            for bench in [&mut same, &mut later] {
                bench.settle();
            }
            let needed = same.agent().symbols_needed();
            assert_eq!(later.agent().symbols_needed(), needed, "{told}");
            // And they go on alike.
            for bench in [&mut same, &mut later] {
                let next = next_bundle(bench);
                bench.deliver(&next.object, 3..next.object.k() + 3);
                bench.command(Action::ReportRequest);
            }
            assert_eq!(later.record(), same.record(), "{told}");
            assert_eq!(later.running(), same.running(), "{told}");
            assert_eq!(later.report(), same.report(), "{told}");
        }
    }
}

#[test]
fn what_is_saved_from_a_later_record_claims_no_more_than_this_release_knows() {
    for state in states() {
        let [_, mut bench] = twins(state, false);
        write_later(&mut bench, true, |_| ());
        bench.reset(ResetCause::PowerOn);
        bench.settle();
        assert_eq!(stored(&bench).as_ref(), Some(bench.record()), "{state:?}");
        for region in bench.map().record {
            // The loader's commit, behind the one of the later release.
            let at = region.start + RECORD_CELL;
            let cell = bench.flash.peek(at..at + RECORD_CELL).unwrap();
            assert_eq!(cell[8..10], [1, 56], "{state:?}: {LEN} bytes");
            assert_eq!(cell[HEADER_LEN], 1, "{state:?}: layout 1");
        }
    }
}

/// Where each code of the record stands (docs/SPEC.md, boot record).
const CODES: [(&str, usize); 8] = [
    ("home", 1),
    ("slots[0].state", 2),
    ("slots[1].state", 50),
    ("trial.give_up", 125),
    ("verdicts, stage", 141),
    ("verdicts, refusal", 142),
    ("revert_cause", 286),
    ("reset_cause", 292),
];

#[test]
fn a_record_with_a_code_that_this_release_does_not_know_is_lost_and_golden_boots() {
    for (field, at) in CODES {
        for state in states() {
            let [_, mut bench] = twins(state, false);
            write_later(&mut bench, true, |bytes| bytes[at] = UNKNOWN);
            let told = format!("{field}, {state:?}");
            let before = bench.writes();
            bench.reset(ResetCause::PowerOn);
            bench.settle();
            assert_eq!(bench.running(), Location::Golden, "{told}");
            assert_ne!(bench.report().flags & flags::RECORD_LOST, 0, "{told}");
            // Nothing is written over what a later release may still read.
            assert_eq!(bench.writes(), before, "{told}");
        }
    }
}

#[test]
fn behind_a_commit_that_cannot_be_read_the_one_before_it_counts() {
    for (field, at) in CODES {
        for state in states() {
            let [mut same, mut later] = twins(state, false);
            let is_full = |bench: &mut Bench| {
                let log = CellLog::new(bench.map().record[0], RECORD_CELL);
                log.free(&mut bench.flash) < 2
            };
            if is_full(&mut later) {
                for bench in [&mut same, &mut later] {
                    (0..2).for_each(|_| bench.reset(ResetCause::PowerOn));
                }
            }
            write_later(&mut later, false, |bytes| bytes[at] = UNKNOWN);
            for bench in [&mut same, &mut later] {
                bench.reset(ResetCause::PowerOn);
                bench.settle();
            }
            let told = format!("{field}, {state:?}");
            assert_eq!(later.running(), same.running(), "{told}");
            assert_eq!(later.record(), same.record(), "{told}");
        }
    }
}

#[test]
fn cells_of_a_later_form_are_a_lost_record_and_are_left_alone() {
    for state in states() {
        let [_, mut bench] = twins(state, false);
        for region in bench.map().record {
            for cell in (region.start..region.end()).step_by(RECORD_CELL as usize) {
                later_form(&mut bench, cell);
            }
        }
        let before = bench.writes();
        bench.reset(ResetCause::PowerOn);
        bench.settle();
        assert_eq!(bench.running(), Location::Golden, "{state:?}");
        assert_ne!(bench.report().flags & flags::RECORD_LOST, 0, "{state:?}");
        assert_eq!(bench.writes(), before, "{state:?}");
    }
}

/// A code that is new in a later release must not stand in the first 312 B of its record: the loader and golden
/// of this one would find the record lost. It goes behind them, and the nearest of these stands in its place.
/// Whoever adds a code of these kinds reads this first, and adds to none of these lists.
#[test]
fn the_codes_that_a_record_may_hold_are_those_of_the_first_release() {
    let codes = |all: Vec<u8>, last: u8, first: u8| {
        let frozen: Vec<u8> = (first..=last).collect();
        assert_eq!(all, frozen);
    };
    codes(Stage::ALL.iter().map(|c| c.code()).collect(), 6, 0);
    codes(Refusal::ALL.iter().map(|c| c.code()).collect(), 39, 0);
    codes(ResetCause::ALL.iter().map(|c| c.code()).collect(), 7, 0);
    codes(RevertCause::ALL.iter().map(|c| c.code()).collect(), 11, 0);
    let states: Vec<u8> = SlotState::ALL.iter().map(|c| c.code()).collect();
    assert_eq!(
        states,
        [0x0f, 0x33, 0x3c, 0x55, 0x5a, 0x66, 0x69, 0x96, 0x99]
    );
}
