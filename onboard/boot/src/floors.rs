//! Floors: three numbers that only go up, in a region that is never erased.
//!
//! ```text
//! | epoch: 16 words | key set: 64 words | security counter: all the rest |
//! ```
//! A word is one program granule. A step programs the next word to zero, so that a number is the count of
//! programmed words. A word is programmed when four of its bits or more are zero, in two readings; fewer are
//! a flip, or a step that was cut off, and the word is not programmed again.
//!
//! Words are counted from the first on, across at most two that are not programmed: a torn step may leave
//! a word that takes no second program. A lone word far behind is an upset, not a step, and counts nothing.
//!
//! A word that cannot be read may be a torn step if it alone follows a programmed one; then [`value`] counts
//! it, so that no step programs it again. It proves nothing: only what [`proven`] counts may be saved.
//! Where more cannot be read, the flash fails, not a step, and nothing of it counts.

use embedded_storage::nor_flash::NorFlash;

use crate::flash::{self, FlashError, Region};

/// The three floors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Floor {
    /// The link epoch.
    Epoch,
    /// The version of the key set.
    KeySet,
    /// The security counter.
    Security,
}

const EPOCHS: u32 = 16;
const KEY_SETS: u32 = 64;
const MIN_SECURITY: u32 = 16;
/// Words without a step that the count goes across.
const GAP: u32 = 2;
/// Zero bits that make a word a step.
const STEP_BITS: u32 = 4;
/// Longest granule that a word can be.
const MAX_WORD: usize = 256;

/// The largest security counter that the region can hold; `None` if it is too small for all three.
#[must_use]
pub fn capacity<F: NorFlash>(region: Region) -> Option<u32> {
    let words = region.len.checked_div(word_len::<F>())?;
    words
        .checked_sub(EPOCHS + KEY_SETS)
        .filter(|rest| *rest >= MIN_SECURITY)
}

fn word_len<F: NorFlash>() -> u32 {
    u32::try_from(F::WRITE_SIZE).unwrap_or(u32::MAX).max(1)
}

/// First word and number of words of a floor.
fn extent<F: NorFlash>(region: Region, floor: Floor) -> (u32, u32) {
    match floor {
        Floor::Epoch => (0, EPOCHS),
        Floor::KeySet => (EPOCHS, KEY_SETS),
        Floor::Security => (EPOCHS + KEY_SETS, capacity::<F>(region).unwrap_or(0)),
    }
}

/// What a word reads as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// A step.
    Programmed,
    /// No step, and nothing was ever programmed there.
    Erased,
    /// No step, but not erased either in one of two readings: a flip, or a step that was cut off.
    Touched,
    /// It cannot be read, twice.
    Unreadable,
}

/// The value of a floor, as words prove it that read as programmed.
pub fn proven<F: NorFlash>(flash: &mut F, region: Region, floor: Floor) -> u32 {
    let (first, words) = extent::<F>(region, floor);
    let mut value = 0u32;
    for i in 0..words {
        if i > value.saturating_add(GAP) {
            break;
        }
        if word_at(flash, region, first.saturating_add(i)) == Word::Programmed {
            value = i.saturating_add(1);
        }
    }
    value
}

/// The value of a floor, a torn last step counted. For comparison only: see [`proven`].
pub fn value<F: NorFlash>(flash: &mut F, region: Region, floor: Floor) -> u32 {
    let (first, words) = extent::<F>(region, floor);
    let value = proven(flash, region, floor);
    let mut is_unreadable =
        |i: u32| i < words && word_at(flash, region, first.saturating_add(i)) == Word::Unreadable;
    let is_torn_step = value > 0 && is_unreadable(value) && !is_unreadable(value.saturating_add(1));
    value.saturating_add(u32::from(is_torn_step))
}

fn word_at<F: NorFlash>(flash: &mut F, region: Region, word: u32) -> Word {
    let offset = word.saturating_mul(word_len::<F>());
    let mut zeros = || {
        let mut buffer = [0u8; MAX_WORD];
        let bytes = buffer.get_mut(..F::WRITE_SIZE)?;
        flash::read(flash, region, offset, bytes).ok()?;
        Some(bytes.iter().map(|b| b.count_zeros()).sum::<u32>())
    };
    match (zeros(), zeros()) {
        (None, None) => Word::Unreadable,
        (first, second) => {
            let least = first.into_iter().chain(second).min().unwrap_or(0);
            if least >= STEP_BITS {
                Word::Programmed
            } else if (first, second) == (Some(0), Some(0)) {
                Word::Erased
            } else {
                Word::Touched
            }
        }
    }
}

/// Raises a floor to `target`, word by word; does nothing if it is there already. A `target` beyond the
/// region's capacity raises it as far as it goes. A word that is not erased, or takes no program, is passed over.
///
/// # Errors
/// [`FlashError`] of the last word that failed; what was raised stays raised.
pub fn raise<F: NorFlash>(
    flash: &mut F,
    region: Region,
    floor: Floor,
    target: u32,
) -> Result<(), FlashError> {
    let (first, words) = extent::<F>(region, floor);
    let word = [0u8; MAX_WORD];
    let word = word.get(..F::WRITE_SIZE).ok_or(FlashError::OutOfRange)?;
    let mut result = Ok(());
    let mut failed = 0u32;
    for i in value(flash, region, floor)..target.min(words) {
        let place = first.saturating_add(i);
        let offset = place.saturating_mul(word_len::<F>());
        // What may be a step that was cut off takes no second program.
        let written = match word_at(flash, region, place) {
            Word::Erased => flash::program(flash, region, offset, word),
            Word::Programmed => Ok(()),
            Word::Touched | Word::Unreadable => Err(FlashError::Fault),
        };
        match written {
            Ok(()) => failed = 0,
            Err(error) => {
                result = Err(error);
                failed = failed.saturating_add(1);
            }
        }
        // Beyond the gap no word would be counted: the flash fails, not a word.
        if failed > GAP {
            break;
        }
    }
    result
}
