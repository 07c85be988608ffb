//! Frozen vectors of parity symbols: they fix field, points and byte order for ever.
//!
//! They were computed by an implementation that shares nothing with this crate (schoolbook
//! products, inversion by the power 2^16 - 2). A change here is a change of the protocol: blocks in
//! flight would no longer decode.

use std::fmt::Write;

use lightday_fec::{BlockShape, encode};

/// K, symbol length, index, symbol in hex; byte n of the block is 7 n + 3 (n / 256) + 1.
const VECTORS: [(u16, u16, u16, &str); 15] = [
    (1, 2, 1, "0108"),
    (1, 2, 2, "c304"),
    (1, 2, 65534, "2f1e"),
    (3, 8, 3, "2cdd9a2e6fa67004"),
    (3, 8, 4, "7b7da06c4a230ee2"),
    (3, 8, 5, "98a73bf15d41747d"),
    (3, 8, 300, "e24604b4cfa691c0"),
    (3, 8, 65534, "2cd99cb712dead68"),
    (10, 20, 10, "4007bce6f53503a9b7dd52ee7a6538c36e24fc65"),
    (10, 20, 11, "27813e5a9c25c2b047babce27bdf06029f043a05"),
    (10, 20, 1024, "574a3ceb623c36a238e60c05ea536101918efdd7"),
    (10, 20, 4097, "7495a6e37f832eb1728ca9564bddd61010609b57"),
    (300, 4, 300, "f5b35894"),
    (300, 4, 301, "2bfd9fe6"),
    (300, 4, 43690, "369e466b"),
];

#[test]
fn parity_symbols_equal_the_frozen_vectors() {
    for (k, symbol_len, index, expected) in VECTORS {
        let shape = BlockShape::new(k, symbol_len).unwrap();
        let block: Vec<u8> = (0..shape.block_len())
            .map(|n| (7 * n + 3 * (n / 256) + 1) as u8)
            .collect();
        let mut symbol = vec![0; usize::from(symbol_len)];
        encode(shape, &block, index, &mut symbol).unwrap();
        let hex = symbol.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        assert_eq!(hex, expected, "k {k}, symbol {index}");
    }
}
