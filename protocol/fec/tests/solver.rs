//! Resources, bad input and failing memory.

mod support;

use std::mem::size_of;

use lightday_fec::{
    BlockShape, EncodeError, Progress, ShapeError, SolveError, Solver, StepError, TORN, encode,
};
use proptest::prelude::*;
use support::{Flash, Injected, assert_solves, block, log};

fn shape(k: u16, symbol_len: u16) -> BlockShape {
    BlockShape::new(k, symbol_len).unwrap()
}

#[test]
fn nothing_lost_needs_no_accumulator_and_everything_lost_is_solved() {
    let shape = shape(40, 16);
    let block = block(shape, 1);
    let sources: Vec<u16> = (0..40).rev().collect();
    assert_solves(
        shape,
        8,
        &block,
        &sources,
        Solver::required_work(shape, 0, 8),
    );
    let parity: Vec<u16> = (40..80).collect();
    for strip in [8, 16] {
        assert_solves(
            shape,
            8,
            &block,
            &parity,
            Solver::required_work(shape, 40, strip),
        );
    }
    assert_solves(shape, 8, &block, &parity, 5 + 2 * 8);
}

#[test]
fn the_largest_blocks_are_solved() {
    let shape = shape(65_000, 2);
    let block = block(shape, 2);
    let lost = [0, 1, 255, 256, 32_768, 64_999];
    let mut received: Vec<u16> = (0..65_000).filter(|index| !lost.contains(index)).collect();
    received.extend([65_000, 65_534, 65_001, 65_280, 65_279, 65_100]);
    assert_solves(
        shape,
        2,
        &block,
        &received,
        Solver::required_work(shape, 6, 2),
    );
    let most = BlockShape::new(65_535, 2).unwrap();
    let sources: Vec<u16> = (0..65_535).collect();
    assert_solves(most, 1, &support::block(most, 3), &sources, 8192 + 2);
}

#[test]
fn a_lost_symbol_costs_less_than_24_bytes() {
    for (k, per_lost_max) in [(100, 11), (1000, 10), (5243, 10), (10_000, 10)] {
        let shape = shape(k, 200);
        for lost in [k / 10, k / 2, k] {
            let work = Solver::required_work(shape, lost, 8);
            assert!(
                work <= per_lost_max * usize::from(lost),
                "k {k}, lost {lost}: {work} B"
            );
        }
    }
    assert!(size_of::<Solver>() <= 48, "{} B", size_of::<Solver>());
}

#[test]
fn the_strip_is_as_wide_as_the_work_ram_allows() {
    let shape = shape(100, 200);
    let received: Vec<u16> = (10..110).collect();
    for (work, strip, group_len, passes) in [
        (13 + 11 * 200, 200, 10, 1),
        (13 + 11 * 200 - 1, 192, 10, 2),
        (13 + 11 * 24, 24, 10, 9),
        (13 + 11 * 8, 8, 10, 25),
        (13 + 11 * 8 - 1, 8, 9, 50),
        (13 + 2 * 8, 8, 1, 250),
    ] {
        let solver = Solver::new(shape, 8, &received, &mut vec![0; work]).unwrap();
        let found = (solver.strip(), solver.group_len(), solver.passes());
        assert_eq!(found, (strip, group_len, passes), "in {work} B");
    }
    let error = Solver::new(shape, 8, &received, &mut [0; 13 + 2 * 8 - 1]).unwrap_err();
    assert_eq!(
        error,
        SolveError::WorkTooSmall {
            required: 13 + 2 * 8
        }
    );
    let error = Solver::new(shape, 8, &received, &mut []).unwrap_err();
    assert_eq!(
        error,
        SolveError::WorkTooSmall {
            required: 13 + 2 * 8
        }
    );
}

#[test]
fn shapes_granules_and_lengths_that_cannot_be_are_refused() {
    assert_eq!(BlockShape::new(0, 2), Err(ShapeError::NoSymbols));
    assert_eq!(BlockShape::new(1, 0), Err(ShapeError::SymbolLen(0)));
    assert_eq!(BlockShape::new(1, 7), Err(ShapeError::SymbolLen(7)));
    let shape = shape(2, 12);
    for granule in [0, 5, 8, 24] {
        let error = Solver::new(shape, granule, &[0, 1], &mut [0; 64]).unwrap_err();
        assert_eq!(error, SolveError::Granule, "granule {granule}");
    }
    let mut out = [0; 12];
    assert_eq!(
        encode(shape, &[0; 23], 0, &mut out),
        Err(EncodeError::BlockLen)
    );
    assert_eq!(
        encode(shape, &[0; 24], 0, &mut out[1..]),
        Err(EncodeError::SymbolLen)
    );
    assert_eq!(
        encode(shape, &[0; 24], TORN, &mut out),
        Err(EncodeError::Index)
    );
}

#[test]
fn a_list_that_cannot_be_is_refused() {
    let shape = shape(3, 2);
    let refused = |list: &[u16]| Solver::new(shape, 2, list, &mut [0; 64]).unwrap_err();
    assert_eq!(refused(&[]), SolveError::TooFew { missing: 3 });
    assert_eq!(
        refused(&[TORN, 0, 9, TORN]),
        SolveError::TooFew { missing: 1 }
    );
    assert_eq!(
        refused(&[0, 1, 0, 2]),
        SolveError::Duplicate { position: 2 }
    );
    assert_eq!(
        refused(&[9, 5000, 5000, 9]),
        SolveError::Duplicate { position: 2 }
    );
    assert_eq!(
        refused(&[60_000, 1, 60_000]),
        SolveError::Duplicate { position: 2 }
    );
    assert_eq!(refused(&vec![TORN; 65_536]), SolveError::TooManyEntries);
    // Parity that is not used may repeat.
    assert!(Solver::new(shape, 2, &[0, 1, 7, 7], &mut [0; 64]).is_ok());
}

#[test]
fn another_list_or_work_ram_in_mid_solve_is_refused() {
    let shape = shape(3, 2);
    let received = [0, 3, 4];
    let mut flash = Flash::new(shape, 2, log(shape, &block(shape, 4), &received));
    let mut work = [0; 16];
    let mut solver = Solver::new(shape, 2, &received, &mut work).unwrap();
    assert_eq!(
        solver.step(&received[1..], &mut work, &mut flash),
        Err(StepError::Misuse)
    );
    assert_eq!(
        solver.step(&received, &mut work[1..], &mut flash),
        Err(StepError::Misuse)
    );
    assert_eq!(
        solver.step(&received, &mut work, &mut flash),
        Ok(Progress::Working)
    );
    assert_eq!(solver.run(&received, &mut work, &mut flash), Ok(()));
    assert_eq!(
        solver.step(&received, &mut work, &mut flash),
        Ok(Progress::Done)
    );
    flash.assert_written_once();
}

#[test]
fn a_failed_step_can_be_repeated() {
    let shape = shape(20, 24);
    let block = block(shape, 5);
    let received: Vec<u16> = (5..25).collect();
    for work_len in [3 + 2 * 8, 3 + 6 * 8, 3 + 6 * 24] {
        let mut flash = Flash::new(shape, 8, log(shape, &block, &received));
        flash.fail_every = 3;
        let mut work = vec![0; work_len];
        let mut solver = Solver::new(shape, 8, &received, &mut work).unwrap();
        let mut failures = 0;
        loop {
            match solver.step(&received, &mut work, &mut flash) {
                Ok(Progress::Working) => {}
                Ok(Progress::Done) => break,
                Err(error) => {
                    assert_eq!(error, StepError::Io(Injected));
                    failures += 1;
                }
            }
        }
        assert!(failures > 0 && flash.block == block);
        flash.assert_written_once();
    }
}

#[test]
fn a_solve_begins_anew_after_a_reset_at_any_step() {
    let shape = shape(9, 8);
    let block = block(shape, 6);
    let received = [9, 1, 2, 10, 4, TORN, 5, 6, 7, 8];
    for steps in 0.. {
        let mut flash = Flash::new(shape, 4, log(shape, &block, &received));
        let mut work = [0; 2 + 2 * 4];
        let mut solver = Solver::new(shape, 4, &received, &mut work).unwrap();
        let mut done = false;
        for _ in 0..steps {
            done = solver.step(&received, &mut work, &mut flash) == Ok(Progress::Done);
        }
        if done {
            break;
        }
        // RAM is lost, the block area is erased, the log is still there.
        let mut flash = Flash::new(shape, 4, flash.log);
        work.fill(0x3C);
        let mut solver = Solver::new(shape, 4, &received, &mut work).unwrap();
        solver.run(&received, &mut work, &mut flash).unwrap();
        assert_eq!(flash.block, block);
    }
}

/// A memory that answers everything: for lists that no log would yield.
struct Anything;

impl lightday_fec::SymbolIo for Anything {
    type Error = Injected;
    fn read_symbol(&mut self, _: u16, _: u16, buf: &mut [u8]) -> Result<(), Injected> {
        buf.fill(0x77);
        Ok(())
    }
    fn write_block(&mut self, _: u16, _: u16, _: &[u8]) -> Result<(), Injected> {
        Ok(())
    }
}

proptest! {
    #[test]
    fn no_list_makes_it_panic_or_run_for_ever(
        k in 1u16..40,
        units in 1u16..5,
        granule in 0u16..9,
        list in prop::collection::vec(prop_oneof![0u16..60, 65_500u16..=65_535], 0..80),
        other in prop::collection::vec(any::<u16>(), 80),
        garbage in any::<u8>(),
        switch_at in 0u32..100,
        work_len in 0usize..400,
    ) {
        let Ok(shape) = BlockShape::new(k, Solver::least_strip(granule) * units) else {
            return Ok(());
        };
        let mut work = vec![0; work_len];
        let Ok(mut solver) = Solver::new(shape, granule, &list, &mut work) else {
            return Ok(());
        };
        let mut list = list;
        // Every pass reads each entry at most once, and every lost strip is written once.
        let strips = u32::from(shape.symbol_len()) * (u32::from(k) + 8);
        let steps_max = strips * (list.len() as u32 + 4) + 1000;
        for step in 0.. {
            prop_assert!(step < steps_max);
            if step == switch_at {
                // Against the contract: another list, and other bytes in the work RAM.
                let len = list.len();
                list.copy_from_slice(&other[..len]);
                work.fill(garbage);
            }
            if solver.step(&list, &mut work, &mut Anything).unwrap() == Progress::Done {
                break;
            }
        }
    }
}
