//! Every loss pattern of every small block.

mod support;

use lightday_fec::{BlockShape, SolveError, Solver};
use support::{assert_solves, block, least_work};

const SYMBOL_LEN: u16 = 12;

/// Calls `check` with every subset of the `k + r` symbols of every small block.
fn for_every_subset(check: impl Fn(BlockShape, Vec<u16>)) {
    for k in 1..=6u16 {
        for r in 0..=4u16 {
            let shape = BlockShape::new(k, SYMBOL_LEN).unwrap();
            for subset in 0..1u32 << (k + r) {
                check(
                    shape,
                    (0..k + r)
                        .filter(|index| subset >> index & 1 == 1)
                        .collect(),
                );
            }
        }
    }
}

#[test]
fn any_k_symbols_rebuild_the_block_and_more_do_no_harm() {
    for_every_subset(|shape, mut received| {
        if received.len() < usize::from(shape.k()) {
            return;
        }
        let block = block(shape, received.len() as u64);
        let lost = support::lost(shape, &received);
        for reversed in [false, true] {
            if reversed {
                received.reverse();
            }
            let roomy = Solver::required_work(shape, lost, SYMBOL_LEN);
            assert_solves(shape, 4, &block, &received, roomy);
            assert_solves(shape, 4, &block, &received, least_work(shape, lost, 4));
        }
    });
}

#[test]
fn fewer_than_k_symbols_are_refused_with_the_number_missing() {
    for_every_subset(|shape, received| {
        if received.len() < usize::from(shape.k()) {
            let missing = shape.k() - received.len() as u16;
            let error = Solver::new(shape, 4, &received, &mut [0; 1024]).unwrap_err();
            assert_eq!(error, SolveError::TooFew { missing });
        }
    });
}
