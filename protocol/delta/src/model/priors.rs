//! What the control stream starts with: how likely each of its bits is to be 1, in 1/256.
//!
//! A small patch is over before adaptive bits that start even have learned anything. Those of gaps, lengths, recency
//! and skips, and the flags of the map, are what the maps of nineteen of the benchmark's pairs came to (all but
//! the eight smallest, for which they matter most), each pair with the same say. Those of the header and of the
//! number of segments are set by hand: for addresses that end with many zeros, and for images of 4 KiB to 1 MiB.
//! They were made once, and are part of the format.

use super::{header, segments};

/// Nodes of the tree of a number's length.
pub(crate) const NODES: usize = 31;

/// Where the adaptive bits of numbers and flags start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Priors {
    /// For each number, the nodes of its tree, the root first.
    pub trees: &'static [[u8; NODES]],
    /// The flags.
    pub flags: &'static [u8],
}

/// Those of header and map.
pub(crate) const CONTROL: Priors = Priors {
    trees: &TREES,
    flags: &FLAGS,
};

const TREES: [[u8; NODES]; header::NUMBERS + segments::NUMBERS] = [
    // Header: zeros that an address ends with.
    [
        35, 20, 128, 185, 128, 128, 128, 217, 11, 128, 128, 128, 128, 128, 128, 128, 233, 20, 85,
        128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
    ],
    // Header: the rest of an address.
    [
        56, 72, 85, 50, 128, 64, 128, 31, 128, 128, 128, 128, 128, 128, 128, 18, 128, 128, 128,
        128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
    ],
    // Header: where regions begin.
    [
        101, 158, 60, 205, 128, 98, 128, 128, 128, 128, 128, 128, 51, 128, 128, 128, 128, 128, 128,
        128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
    ],
    // Header: lengths of spans and of RAM.
    [
        66, 211, 60, 196, 128, 39, 128, 128, 217, 128, 128, 23, 128, 128, 128, 128, 128, 128, 233,
        128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
    ],
    // Map: how many segments.
    [
        8, 108, 128, 155, 43, 128, 128, 197, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
        128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
    ],
    // Map: gaps.
    [
        8, 8, 128, 66, 41, 128, 128, 151, 44, 46, 98, 128, 128, 128, 128, 167, 117, 85, 60, 56, 79,
        98, 128, 128, 128, 128, 128, 128, 128, 128, 128,
    ],
    // Map: lengths.
    [
        8, 35, 86, 201, 33, 86, 128, 248, 87, 61, 78, 86, 128, 128, 128, 171, 224, 119, 94, 93, 94,
        86, 108, 114, 128, 128, 128, 128, 128, 128, 128,
    ],
    // Map: recency.
    [
        8, 8, 128, 8, 128, 128, 128, 92, 128, 128, 128, 128, 128, 128, 128, 113, 120, 128, 128,
        128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
    ],
    // Map: skips.
    [
        9, 99, 18, 142, 90, 18, 128, 181, 119, 118, 119, 19, 128, 128, 128, 247, 126, 119, 123,
        117, 119, 126, 84, 54, 65, 128, 128, 128, 128, 128, 128,
    ],
];

const FLAGS: [u8; header::FLAGS + segments::FLAGS] = [
    230, 218, 20, 102, 128, 13, 51, 64, 64, 120, 64, 128, 218, 13, 128, 128, 167, 168, 141, 148,
    62, 29, 26, 14, 41, 53, 32, 20, 57, 43, 63, 128, 94, 128, 190, 128, 128, 128, 128, 128, 128,
    128, 128, 128, 128, 128, 128, 128,
];
