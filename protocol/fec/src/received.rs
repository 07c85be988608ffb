//! The list of received symbols: what is lost, which parity replaces it, and what is wrong with it.
//!
//! ```text
//! position   0   1   2   3     4   5   6
//!          +---+---+---+------+---+---+---+
//! index    | 0 | 2 | 7 | TORN | 3 | 9 | 8 |     K = 4: source 1 is lost, parity 7 replaces it
//!          +---+---+---+------+---+---+---+
//! ```

use core::fmt;

use crate::{TORN, lost};

/// Why a solve cannot begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SolveError {
    /// The granule is zero, or the symbol length is not a multiple of it.
    Granule,
    /// The list has more than 65,535 entries: positions are 16 bits wide.
    TooManyEntries,
    /// The entry at `position` repeats the index of another one: mark it [`TORN`] and try again.
    Duplicate {
        /// Position of the second of the two.
        position: u16,
    },
    /// Fewer than K symbols: at least so many more are needed.
    TooFew {
        /// Symbols still needed.
        missing: u16,
    },
    /// The work RAM is below the least that this block needs.
    WorkTooSmall {
        /// The least, in bytes: see [`crate::Solver::required_work`].
        required: usize,
    },
}

impl fmt::Display for SolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granule => {
                f.write_str("the symbol length is not a multiple of the program granule")
            }
            Self::TooManyEntries => f.write_str("more than 65535 logged symbols"),
            Self::Duplicate { position } => {
                write!(f, "the symbol logged at {position} is there twice")
            }
            Self::TooFew { missing } => write!(f, "{missing} more symbols are needed"),
            Self::WorkTooSmall { required } => {
                write!(f, "at least {required} B of work RAM are needed")
            }
        }
    }
}

impl core::error::Error for SolveError {}

/// Whether `index` is that of a parity symbol.
pub(crate) const fn is_parity(k: u16, index: u16) -> bool {
    index >= k && index != TORN
}

/// The first entry from `position` on for which `wanted(position, index)`.
pub(crate) fn next_entry(
    received: &[u16],
    position: u16,
    wanted: impl Fn(u16, u16) -> bool,
) -> Option<(u16, u16)> {
    let rest = received.get(usize::from(position)..)?;
    (position..=u16::MAX)
        .zip(rest.iter().copied())
        .find(|(position, index)| wanted(*position, *index))
}

/// Fills the lost set and counts it.
pub(crate) fn mark_lost(set: &mut [u8], k: u16, received: &[u16]) -> Result<u16, SolveError> {
    lost::mark_all(set, k);
    let mut lost = k;
    for (position, index) in (0..=u16::MAX).zip(received.iter().copied()) {
        if index < k {
            if !lost::take(set, index) {
                return Err(SolveError::Duplicate { position });
            }
            lost = lost.saturating_sub(1);
        }
    }
    Ok(lost)
}

/// The positions of the first, and after the last, of the first `lost` parity symbols; all of them
/// distinct.
pub(crate) fn choose_parity(k: u16, lost: u16, received: &[u16]) -> Result<(u16, u16), SolveError> {
    let parity = || {
        (0..=u16::MAX)
            .zip(received.iter().copied())
            .filter(|(_, index)| is_parity(k, *index))
    };
    let chosen = || parity().take(usize::from(lost));
    let (mut count, mut start, mut end, mut highest) = (0u16, 0u16, 0u16, k);
    for (position, index) in chosen() {
        if count == 0 {
            start = position;
        }
        count = count.saturating_add(1);
        end = position.saturating_add(1);
        highest = highest.max(index);
    }
    if count < lost {
        return Err(SolveError::TooFew {
            missing: lost.saturating_sub(count),
        });
    }
    // Indices are looked for in windows, so that a bitmap of constant size finds every duplicate.
    for window in (k..=highest).step_by(WINDOW) {
        let mut seen = [0u8; WINDOW / 8];
        for (position, index) in chosen() {
            let Some(at) = index.checked_sub(window) else {
                continue;
            };
            if let Some(byte) = seen.get_mut(usize::from(at / 8)) {
                let bit = 1 << (at % 8);
                if *byte & bit != 0 {
                    return Err(SolveError::Duplicate { position });
                }
                *byte |= bit;
            }
        }
    }
    Ok((start, end))
}

/// Parity indices that one pass of the search for duplicates covers.
const WINDOW: usize = 2048;
