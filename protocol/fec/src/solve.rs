//! The solver: bounded, restartable steps over symbols that lie in flash. See the crate's page for
//! the mathematics.
//!
//! ```text
//!          +------+  all received   +------+  all symbols  +------+  last group,
//! new ---> | Copy |  sources copied | Fold |    folded     | Emit |  last strip    Done
//!          |      | --------------> |      | ------------> |      | -------------->
//!          +------+                 +------+ <------------ +------+                 ^
//!              |                        next group or strip                         |
//!              +-----------------------------  L = 0  ------------------------------+
//!
//! work RAM:  | lost set: K bits | input strip | accumulator 0 | accumulator 1 | ... |
//! ```
//!
//! - *Copy*: a strip of a received source symbol goes from the log to the block area.
//! - *Fold*: the strip of one received symbol is added, with its coefficients, to the accumulators
//!   of the group.
//! - *Emit*: one accumulator is scaled and written to the block area.

use core::fmt;

use crate::field::{div, inv, mul};
use crate::received::{SolveError, choose_parity, is_parity, mark_lost, next_entry};
use crate::row::{mul_add, mul_row};
use crate::{BlockShape, TORN, lost};

/// Where symbols come from and where the block goes: two areas of flash, or two arrays.
pub trait SymbolIo {
    /// What the memory answers when it fails.
    type Error;

    /// Reads `buf.len()` bytes from byte `offset` on of the symbol logged at `position` (order of
    /// arrival).
    ///
    /// # Errors
    /// Whatever the memory says; the solver hands it on and can repeat the step.
    fn read_symbol(
        &mut self,
        position: u16,
        offset: u16,
        buf: &mut [u8],
    ) -> Result<(), Self::Error>;

    /// Writes `strip` at byte `offset` of source symbol `index` of the block area.
    ///
    /// Offset and length are multiples of the program granule. In one solve every byte of the block
    /// area is written once, so the area must be erased before [`Solver::new`].
    ///
    /// # Errors
    /// Whatever the memory says; the solver hands it on. Whether the same strip may be programmed
    /// again is the memory's to know: where it may not, erase the block area and begin anew.
    fn write_block(&mut self, index: u16, offset: u16, strip: &[u8]) -> Result<(), Self::Error>;
}

/// Why a step failed. The solver stands where it stood before the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepError<E> {
    /// The memory failed.
    Io(E),
    /// List or work RAM have another length than [`Solver::new`] saw: an error of the caller.
    Misuse,
}

impl<E: fmt::Display> fmt::Display for StepError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "memory: {error}"),
            Self::Misuse => f.write_str("list or work RAM changed between two steps"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for StepError<E> {}

/// What is left after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// More steps are needed.
    Working,
    /// The whole block has been written; further steps do nothing.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// `position`: the next entry to look at; `offset`: where in its symbol the next strip begins.
    Copy {
        position: u16,
        offset: u16,
    },
    /// `offset`: of the strip; `first`: least lost index of the group; `position`: the next entry
    /// to look at.
    Fold {
        offset: u16,
        first: u16,
        position: u16,
    },
    /// `index`: the lost symbol to write; `slot`: its accumulator.
    Emit {
        offset: u16,
        index: u16,
        slot: u16,
    },
    Done,
}

/// Rebuilds a block from any K of its symbols.
///
/// It holds no borrow: list, work RAM and memory are lent to each [`Solver::step`], and must be the
/// same ones that [`Solver::new`] saw (another list or altered work RAM yields a wrong block, never
/// a panic). Nothing of it needs to survive a reset: erase the block area and begin anew.
///
/// A list entry is the symbol's index, or [`TORN`] for a log entry to be ignored. Parity beyond
/// what is needed is ignored, and what was logged first is used.
#[derive(Clone, Debug)]
pub struct Solver {
    shape: BlockShape,
    work_len: usize,
    entries: u16,
    lost: u16,
    /// Positions of the first parity symbol used, and after the last one used.
    parity_start: u16,
    parity_end: u16,
    copy_strip: u16,
    strip: u16,
    group_len: u16,
    phase: Phase,
}

impl Solver {
    /// The work RAM in bytes for solving `lost` lost symbols without groups, in strips of `strip`
    /// bytes: one bit for each source symbol, one input strip, and one strip for each lost symbol.
    ///
    /// The least that [`Solver::new`] takes is this with `lost` = 1 (0 if none is lost) and `strip`
    /// = [`Solver::least_strip`]; with less than `required_work(shape, lost, least_strip)` the lost
    /// symbols are solved in groups, each of which reads the received symbols again.
    #[must_use]
    pub const fn required_work(shape: BlockShape, lost: u16, strip: u16) -> usize {
        let strips = (lost as usize)
            .saturating_add(1)
            .saturating_mul(strip as usize);
        strips.saturating_add(lost::set_len(shape.k()))
    }

    /// The narrowest strip in bytes: the least common multiple of the program granule and of a
    /// word.
    #[must_use]
    pub const fn least_strip(granule: u16) -> u16 {
        if granule.is_multiple_of(2) {
            granule
        } else {
            granule.saturating_mul(2)
        }
    }

    /// Prepares a solve from the log's list of indices; touches no flash.
    ///
    /// The widest strip is chosen with which all accumulators fit into `work`; where not even the
    /// least strip does, the lost symbols are solved in groups. `granule` is the program granule of
    /// the block area in bytes.
    ///
    /// Bound: the list is read `2 + (highest parity index - k) / 2048` times; 256 B of stack.
    ///
    /// # Errors
    /// [`SolveError`], one kind for each thing that can be wrong with the arguments; `work` may be
    /// altered then.
    pub fn new(
        shape: BlockShape,
        granule: u16,
        received: &[u16],
        work: &mut [u8],
    ) -> Result<Self, SolveError> {
        if granule == 0 || !shape.symbol_len().is_multiple_of(granule) {
            return Err(SolveError::Granule);
        }
        let entries = u16::try_from(received.len()).map_err(|_| SolveError::TooManyEntries)?;
        let unit = Self::least_strip(granule);
        let work_len = work.len();
        let too_small = |lost| SolveError::WorkTooSmall {
            required: Self::required_work(shape, lost, unit),
        };

        let (set, strips) = work
            .split_at_mut_checked(lost::set_len(shape.k()))
            .ok_or(too_small(1))?;
        let lost = mark_lost(set, shape.k(), received)?;
        let (parity_start, parity_end) = choose_parity(shape.k(), lost, received)?;
        if work_len < Self::required_work(shape, lost.min(1), unit) {
            return Err(too_small(lost.min(1)));
        }

        let widest = |bytes: usize| {
            let units = bytes.checked_div(usize::from(unit)).unwrap_or(0);
            u16::try_from(units.saturating_mul(usize::from(unit)))
                .unwrap_or(u16::MAX)
                .min(shape.symbol_len())
        };
        let strip = widest(strips.len() / usize::from(lost).saturating_add(1)).max(unit);
        let accumulators = strips
            .len()
            .checked_div(usize::from(strip))
            .unwrap_or(0)
            .saturating_sub(1);
        Ok(Self {
            shape,
            work_len,
            entries,
            lost,
            parity_start,
            parity_end,
            copy_strip: widest(strips.len()),
            strip,
            group_len: u16::try_from(accumulators).unwrap_or(u16::MAX).min(lost),
            phase: Phase::Copy {
                position: 0,
                offset: 0,
            },
        })
    }

    /// Number of lost source symbols, L.
    #[must_use]
    pub const fn lost(&self) -> u16 {
        self.lost
    }

    /// Bytes of a symbol that one pass over the received symbols solves.
    #[must_use]
    pub const fn strip(&self) -> u16 {
        self.strip
    }

    /// How many lost symbols one pass solves.
    #[must_use]
    pub const fn group_len(&self) -> u16 {
        self.group_len
    }

    /// How often a strip of every one of the K symbols used is read: strips times groups.
    #[must_use]
    pub fn passes(&self) -> u32 {
        let strips = self.shape.symbol_len().div_ceil(self.strip.max(1));
        u32::from(strips) * u32::from(self.lost.div_ceil(self.group_len.max(1)))
    }

    /// One bounded step: copies one strip of a received source symbol, or folds one symbol's strip
    /// into the accumulators, or writes one recovered strip. At most one read and one write of at
    /// most one strip (of one symbol's length while copying).
    ///
    /// Bound of the work, with G = [`Solver::group_len`] and S = [`Solver::strip`]: `2 L + (G + 1)
    /// S / 2` word multiplications, G + 1 inversions, and one reading of the lost set and of the
    /// list.
    ///
    /// # Errors
    /// [`StepError::Io`] hands on the memory's error; the same step can be repeated.
    /// [`StepError::Misuse`] if list or work RAM changed their length.
    pub fn step<I: SymbolIo>(
        &mut self,
        received: &[u16],
        work: &mut [u8],
        io: &mut I,
    ) -> Result<Progress, StepError<I::Error>> {
        if received.len() != usize::from(self.entries) || work.len() != self.work_len {
            return Err(StepError::Misuse);
        }
        let set_len = lost::set_len(self.shape.k());
        let (set, strips) = work
            .split_at_mut_checked(set_len)
            .ok_or(StepError::Misuse)?;
        self.phase = match self.phase {
            Phase::Copy { position, offset } => {
                self.copy(position, offset, received, set, strips, io)?
            }
            Phase::Fold {
                offset,
                first,
                position,
            } => self.fold((offset, first, position), received, set, strips, io)?,
            Phase::Emit {
                offset,
                index,
                slot,
            } => self.emit((offset, index, slot), received, set, strips, io)?,
            Phase::Done => Phase::Done,
        };
        Ok(if self.phase == Phase::Done {
            Progress::Done
        } else {
            Progress::Working
        })
    }

    /// Steps until the block is done: for hosts, where nothing waits in between.
    ///
    /// # Errors
    /// As [`Solver::step`].
    pub fn run<I: SymbolIo>(
        &mut self,
        received: &[u16],
        work: &mut [u8],
        io: &mut I,
    ) -> Result<(), StepError<I::Error>> {
        while self.step(received, work, io)? == Progress::Working {}
        Ok(())
    }

    fn copy<I: SymbolIo>(
        &self,
        position: u16,
        offset: u16,
        received: &[u16],
        set: &[u8],
        strips: &mut [u8],
        io: &mut I,
    ) -> Result<Phase, StepError<I::Error>> {
        let is_source = |_, index| index < self.shape.k();
        let Some((position, index)) = next_entry(received, position, is_source) else {
            return Ok(self.fold_from(0, set, 0));
        };
        let strip = self
            .strip_at(strips, offset, self.copy_strip)
            .ok_or(StepError::Misuse)?;
        io.read_symbol(position, offset, strip)
            .map_err(StepError::Io)?;
        io.write_block(index, offset, strip)
            .map_err(StepError::Io)?;
        let next = offset.saturating_add(self.copy_strip.max(1));
        Ok(if next < self.shape.symbol_len() {
            Phase::Copy {
                position,
                offset: next,
            }
        } else {
            Phase::Copy {
                position: position.saturating_add(1),
                offset: 0,
            }
        })
    }

    fn fold<I: SymbolIo>(
        &self,
        (offset, first, position): (u16, u16, u16),
        received: &[u16],
        set: &[u8],
        strips: &mut [u8],
        io: &mut I,
    ) -> Result<Phase, StepError<I::Error>> {
        let (input, accumulators) = strips
            .split_at_mut_checked(usize::from(self.strip))
            .ok_or(StepError::Misuse)?;
        if position == 0 {
            accumulators.fill(0);
        }
        let is_used = |position, index| {
            index < self.shape.k() || (index != TORN && position < self.parity_end)
        };
        let Some((position, index)) = next_entry(received, position, is_used) else {
            return Ok(Phase::Emit {
                offset,
                index: first,
                slot: 0,
            });
        };
        let input = self
            .strip_at(input, offset, self.strip)
            .ok_or(StepError::Misuse)?;
        io.read_symbol(position, offset, input)
            .map_err(StepError::Io)?;

        let lost = product(index, lost::members_from(set, 0));
        let parity = product(index, self.parity(received));
        mul_row(div(lost, parity), input);
        let group = accumulators
            .chunks_exact_mut(usize::from(self.strip.max(1)))
            .take(usize::from(self.group_len));
        for (accumulator, lost) in group.zip(lost::members_from(set, first)) {
            mul_add(inv(lost ^ index), input, accumulator);
        }
        Ok(Phase::Fold {
            offset,
            first,
            position: position.saturating_add(1),
        })
    }

    fn emit<I: SymbolIo>(
        &self,
        (offset, index, slot): (u16, u16, u16),
        received: &[u16],
        set: &[u8],
        strips: &mut [u8],
        io: &mut I,
    ) -> Result<Phase, StepError<I::Error>> {
        let (input, accumulators) = strips
            .split_at_mut_checked(usize::from(self.strip))
            .ok_or(StepError::Misuse)?;
        let mut slots = accumulators.chunks_exact(usize::from(self.strip.max(1)));
        let accumulator = slots.nth(usize::from(slot)).ok_or(StepError::Misuse)?;
        let strip = self
            .strip_at(input, offset, self.strip)
            .ok_or(StepError::Misuse)?;
        // Scaled in the input strip, not in place: the step can be repeated if the write fails.
        for (byte, sum) in strip.iter_mut().zip(accumulator) {
            *byte = *sum;
        }
        let parity = product(index, self.parity(received));
        let lost = product(index, lost::members_from(set, 0));
        mul_row(div(parity, lost), strip);
        io.write_block(index, offset, strip)
            .map_err(StepError::Io)?;

        let next_slot = slot.saturating_add(1);
        Ok(
            match lost::members_from(set, index.saturating_add(1)).next() {
                Some(index) if next_slot < self.group_len => Phase::Emit {
                    offset,
                    index,
                    slot: next_slot,
                },
                Some(first) => Phase::Fold {
                    offset,
                    first,
                    position: 0,
                },
                None => self.fold_from(offset.saturating_add(self.strip.max(1)), set, 0),
            },
        )
    }

    /// The phase that solves the strip at `offset` for the lost symbols from `from` on, if both are
    /// there.
    fn fold_from(&self, offset: u16, set: &[u8], from: u16) -> Phase {
        match lost::members_from(set, from).next() {
            Some(first) if offset < self.shape.symbol_len() => Phase::Fold {
                offset,
                first,
                position: 0,
            },
            _ => Phase::Done,
        }
    }

    /// The first bytes of `strips`: as many as the strip at `offset` has.
    fn strip_at<'a>(&self, strips: &'a mut [u8], offset: u16, strip: u16) -> Option<&'a mut [u8]> {
        let len = self.shape.symbol_len().saturating_sub(offset).min(strip);
        strips.get_mut(..usize::from(len))
    }

    /// Indices of the parity symbols used.
    fn parity<'a>(&self, received: &'a [u16]) -> impl Iterator<Item = u16> + use<'a> {
        let k = self.shape.k();
        let entries = received.get(usize::from(self.parity_start)..usize::from(self.parity_end));
        entries
            .unwrap_or_default()
            .iter()
            .copied()
            .filter(move |index| is_parity(k, *index))
    }
}

/// The product of `x + point` over all points but `x` itself.
fn product(x: u16, points: impl Iterator<Item = u16>) -> u16 {
    points.fold(1, |product, point| {
        if point == x {
            product
        } else {
            mul(product, x ^ point)
        }
    })
}
