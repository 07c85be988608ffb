//! The solver against the encoder, and against Gaussian elimination, on random blocks.

mod support;

use lightday_fec::{BlockShape, Solver, TORN, div, inv, mul};
use proptest::prelude::*;
use proptest::sample::Index;
use support::{Flash, assert_solves, block, bytes, least_work};

/// Solves the K equations that the received symbols are, by elimination of the lost sources.
fn eliminate(k: u16, received: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let word = |symbol: &[u8], at: usize| u16::from_be_bytes([symbol[2 * at], symbol[2 * at + 1]]);
    let words = received[0].1.len() / 2;
    let mut sources = vec![None; usize::from(k)];
    for (index, symbol) in received.iter().filter(|(index, _)| *index < k) {
        sources[usize::from(*index)] = Some((0..words).map(|at| word(symbol, at)).collect());
    }
    let unknown: Vec<u16> = (0..k)
        .filter(|j| sources[usize::from(*j)].is_none())
        .collect();
    // One row for each parity symbol: coefficients of the unknown sources, then the right sides.
    let mut rows: Vec<Vec<u16>> = Vec::new();
    for (index, symbol) in received
        .iter()
        .filter(|(index, _)| *index >= k)
        .take(unknown.len())
    {
        let mut row: Vec<u16> = unknown.iter().map(|j| inv(index ^ j)).collect();
        for at in 0..words {
            let known = (0..k)
                .zip(&sources)
                .fold(0, |sum, (j, source): (_, &Option<Vec<u16>>)| {
                    sum ^ source
                        .as_ref()
                        .map_or(0, |source| mul(inv(index ^ j), source[at]))
                });
            row.push(word(symbol, at) ^ known);
        }
        rows.push(row);
    }
    for column in 0..unknown.len() {
        let pivot = (column..rows.len())
            .find(|row| rows[*row][column] != 0)
            .expect("MDS");
        rows.swap(column, pivot);
        let pivot = rows[column].clone();
        for (_, row) in rows
            .iter_mut()
            .enumerate()
            .filter(|(row, _)| *row != column)
        {
            let factor = div(row[column], pivot[column]);
            row.iter_mut()
                .zip(&pivot)
                .for_each(|(cell, pivot)| *cell ^= mul(factor, *pivot));
        }
    }
    for (at, j) in unknown.iter().enumerate() {
        let right = &rows[at][unknown.len()..];
        sources[usize::from(*j)] =
            Some(right.iter().map(|cell| div(*cell, rows[at][at])).collect());
    }
    sources
        .into_iter()
        .flatten()
        .flatten()
        .flat_map(u16::to_be_bytes)
        .collect()
}

/// `count` distinct indices below 65,535: a random part of the sources, the rest parity, shuffled,
/// with torn entries in between.
fn received() -> impl Strategy<Value = (u16, Vec<u16>)> {
    (1u16..=300, 0u32..=100, 1u16..=2000, any::<bool>()).prop_flat_map(|(k, loss, span, far)| {
        let base = if far { u16::MAX - 2 * k - span } else { k };
        let sources = prop::collection::vec(0u32..100, usize::from(k)).prop_map(move |draws| {
            (0..k)
                .zip(draws)
                .filter(|(_, draw)| *draw >= loss)
                .map(|(j, _)| j)
                .collect::<Vec<_>>()
        });
        let parity: Vec<u16> = (base.max(k)..base.max(k) + k + span).collect();
        (
            Just(k),
            sources,
            Just(parity).prop_shuffle(),
            0usize..5,
            0usize..5,
        )
            .prop_flat_map(|(k, sources, parity, surplus, torn)| {
                let lost = usize::from(k) - sources.len();
                let mut list = sources;
                list.extend(parity.iter().take(lost + surplus));
                list.extend(std::iter::repeat_n(TORN, torn));
                (Just(k), Just(list).prop_shuffle())
            })
    })
}

/// Granule and symbol length: a multiple of the granule, even.
fn lengths() -> impl Strategy<Value = (u16, u16)> {
    (1u16..=64, 1u16..=6)
        .prop_map(|(granule, units)| (granule, Solver::least_strip(granule) * units))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_encoded_is_solved_in_any_ram(
        (k, received) in received(),
        (granule, symbol_len) in lengths(),
        room: Index,
        seed: u64,
    ) {
        let shape = BlockShape::new(k, symbol_len).unwrap();
        let lost = support::lost(shape, &received);
        let least = least_work(shape, lost, granule);
        let most = Solver::required_work(shape, lost, symbol_len) + 7;
        let work_len = least + room.index(most - least + 1);
        assert_solves(shape, granule, &block(shape, seed), &received, work_len);
    }

    #[test]
    fn any_symbols_solve_to_what_elimination_finds(
        (k, received) in received(),
        words in 1u16..=3,
        seed: u64,
    ) {
        // The code is MDS: whatever K symbols hold, one block has them.
        let shape = BlockShape::new(k.min(120), 2 * words).unwrap();
        let k = shape.k();
        let lost = usize::from(support::lost(shape, &received));
        let parity = received.iter().filter(|index| **index >= k && **index != TORN);
        prop_assume!(parity.count() >= lost);
        let symbol = |(at, index): (usize, &u16)| match *index {
            TORN => Vec::new(),
            _ => bytes(seed.wrapping_add(at as u64), usize::from(shape.symbol_len())),
        };
        let log: Vec<Vec<u8>> = received.iter().enumerate().map(symbol).collect();
        let present: Vec<(u16, Vec<u8>)> =
            received.iter().copied().zip(log.iter().cloned()).filter(|(i, _)| *i != TORN).collect();

        let mut flash = Flash::new(shape, 2, log);
        let mut work = vec![0; Solver::required_work(shape, lost as u16, 2)];
        let mut solver = Solver::new(shape, 2, &received, &mut work).unwrap();
        solver.run(&received, &mut work, &mut flash).unwrap();
        prop_assert_eq!(flash.block, eliminate(k, &present));
    }

    #[test]
    fn one_flipped_bit_in_a_symbol_that_is_used_changes_the_block(
        (k, received) in received(),
        hit: Index,
        bit in 0u8..8,
    ) {
        let shape = BlockShape::new(k, 8).unwrap();
        let block = block(shape, u64::from(bit));
        let mut log = support::log(shape, &block, &received);
        let mut parity_left = support::lost(shape, &received);
        let mut used = Vec::new();
        for (position, index) in received.iter().enumerate() {
            let parity = *index >= k && *index != TORN;
            if *index < k || (parity && parity_left > 0) {
                used.push(position);
                parity_left -= u16::from(parity);
            }
        }
        let symbol = &mut log[used[hit.index(used.len())]];
        symbol[hit.index(8)] ^= 1 << bit;
        let mut flash = Flash::new(shape, 8, log);
        let mut work = vec![0; Solver::required_work(shape, k, 8)];
        let mut solver = Solver::new(shape, 8, &received, &mut work).unwrap();
        solver.run(&received, &mut work, &mut flash).unwrap();
        prop_assert_ne!(flash.block, block);
    }
}
