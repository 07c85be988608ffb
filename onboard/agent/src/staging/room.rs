//! What room there is: how many symbols the log holds, and what becomes of an erase block that takes no erase.
//!
//! ```text
//! erase blocks   |    2     |  3, dead  |    4     |
//! cells          | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15 |     10 to 13 reach into the dead one: torn in the list
//! ```
//! A block is tried a few times, once for each frame; then its cells are torn and the log goes on behind it. So it does
//! where programs fail as often in a row. The scan after a reset comes to the same list, as it finds nothing whole
//! there. Which blocks are dead is not kept in flash: the first reception behind a reset tries them anew, and no block
//! that works is erased for it. Nor is it believed for ever: where dead blocks leave too little room, they are tried
//! once more after a day, as a fault of the whole chip looks the same while it lasts.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::{FlashError, flash};
use lightday_fec::{BlockShape, TORN};
use lightday_wire::Refusal;
use lightday_wire::frame::MAX_SYMBOL_LEN;

use super::{Staging, TRIES};

/// Dead erase blocks side by side, counted from the start of the log: of a chip a part dies at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    first: u32,
    end: u32,
}

impl Run {
    const fn holds(self, block: u32) -> bool {
        self.first <= block && block < self.end
    }
}

impl<const N: usize> Staging<N> {
    /// How many symbols of this shape the log and the list hold, dead blocks or not.
    pub(super) fn capacity(&self, shape: BlockShape) -> usize {
        let cells = self.symbols().len.checked_div(self.cell_len(shape));
        let cells = usize::try_from(cells.unwrap_or(0)).unwrap_or(usize::MAX);
        cells.min(N)
    }

    /// How many cells from a position on reach into no block that is known to be dead.
    pub(super) fn usable(&self, shape: BlockShape, from: usize) -> usize {
        let capacity = self.capacity(shape);
        let mut usable = capacity.saturating_sub(from);
        let (mut counted_to, mut behind) = (from, 0);
        // In the order in which they lie, so that a cell between two of them counts once.
        while let Some(run) = self.next_run(behind) {
            let (first, end) = self.cells_in(shape, run);
            let end = end.min(capacity);
            usable = usable.saturating_sub(end.saturating_sub(first.max(counted_to)));
            counted_to = counted_to.max(end);
            behind = run.end;
        }
        usable
    }

    /// The first run of dead blocks from this block on.
    fn next_run(&self, from: u32) -> Option<Run> {
        let behind = self.dead.iter().filter(|run| run.first >= from);
        behind.min_by_key(|run| run.first).copied()
    }

    /// The first cell that reaches into these erase blocks, and the first behind them.
    fn cells_in(&self, shape: BlockShape, run: Run) -> (usize, usize) {
        let names = self.symbols().start.saturating_sub(self.log.start);
        let offset = |block: u32| block.saturating_mul(self.erase).saturating_sub(names);
        let cell_len = self.cell_len(shape).max(1);
        let cell = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        let first = offset(run.first).checked_div(cell_len).unwrap_or(0);
        let end = offset(run.end).div_ceil(cell_len);
        (cell(first), cell(end))
    }

    /// Whether an object of this shape fits log, list and block, as far as is known of dead blocks; and whether it
    /// could be named.
    pub(crate) fn check(&self, shape: BlockShape) -> Result<(), Refusal> {
        if !u32::from(shape.symbol_len()).is_multiple_of(self.granule) {
            return Err(Refusal::ShapeConflict);
        }
        if self.is_nameless() {
            return Err(Refusal::FlashFault);
        }
        let fits = self.usable(shape, 0) >= usize::from(shape.k())
            && shape.block_len() <= self.block.len
            && usize::from(shape.symbol_len()) <= MAX_SYMBOL_LEN;
        if fits {
            Ok(())
        } else {
            Err(Refusal::StagingTooSmall)
        }
    }

    /// Whether erase blocks failed since the reset: there is less room than the memory map says.
    pub(crate) fn is_worn(&self) -> bool {
        !self.dead.is_empty() || self.place.at != 0 || self.is_nameless()
    }

    /// Erases the block behind the last that was; one that has failed before is passed over.
    pub(super) fn open_block<F: NorFlash>(
        &mut self,
        flash: &mut F,
        shape: BlockShape,
    ) -> Result<(), FlashError> {
        let at = self.erased_to;
        if self.is_dead(self.block_at(at)) {
            self.pass_over_block(shape, at);
            return Ok(());
        }
        let erased = flash::erase_block(flash, self.symbols(), at);
        if erased.is_ok() {
            self.erased_to = at.saturating_add(self.erase);
        }
        self.note(erased.is_ok(), shape, at);
        erased
    }

    /// Whether a second look may find more room: what is missing is missing because of failed blocks.
    pub(crate) fn may_recover(&self) -> bool {
        (!self.dead.is_empty() && !self.is_settled) || self.is_nameless()
    }

    /// The second look: forgets which blocks failed, so that frames try them anew, once each. What was received stays as
    /// it is; behind its last symbol the log goes on as after a scan, in the first cell that is blank.
    pub(crate) fn look_again<F: NorFlash>(&mut self, flash: &mut F) {
        self.forget_failed_places();
        if self.is_settled {
            return;
        }
        self.failures = 0;
        let Some(named) = self.named else {
            return self.dead.clear();
        };
        self.has_looked = true;
        self.failures = self.tried_before();
        while self.order.last() == Some(&TORN) {
            self.order.pop();
        }
        let last = self.order.len().checked_sub(1);
        let last = last.and_then(|last| self.extent(named.shape, last).ok());
        self.erased_to = last.map_or(0, |(_, end)| self.block_end(end));
        // What lies before it is not tried in this reception: it is as dead as it was.
        let next = self.block_at(self.erased_to);
        self.dead.retain(|run| run.first < next);
        for run in &mut self.dead {
            run.end = run.end.min(next);
        }
        self.finish_scan(flash);
    }

    /// How many tries of the next block count as failed before the first: behind a second look one is enough.
    const fn tried_before(&self) -> u8 {
        if self.has_looked {
            TRIES.saturating_sub(1)
        } else {
            0
        }
    }

    /// Notes how an erase or a program at an offset went. A block that fails a few times in a row is dead.
    pub(super) fn note(&mut self, is_good: bool, shape: BlockShape, at: u32) {
        if is_good {
            self.failures = 0;
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= TRIES {
            self.note_dead(self.block_at(at));
            self.pass_over_block(shape, at);
        }
    }

    fn is_dead(&self, block: u32) -> bool {
        self.dead.iter().any(|run| run.holds(block))
    }

    /// Remembers a dead block. Where there are too many runs, those between the run before it and the block are taken
    /// for dead with it: until then the log has less room than it could have, and no block is tried again.
    fn note_dead(&mut self, block: u32) {
        if self.is_dead(block) {
            return;
        }
        let end = block.saturating_add(1);
        let is_full = self.dead.is_full();
        let runs = self.dead.iter_mut();
        let before = runs
            .filter(|run| run.end <= block)
            .max_by_key(|run| run.end);
        match before {
            Some(run) if is_full || run.end == block => run.end = end,
            _ => {
                let _ = self.dead.push(Run { first: block, end });
            }
        }
    }

    /// The erase block, counted from the start of the log, in which this offset lies.
    fn block_at(&self, at: u32) -> u32 {
        let start = self.symbols().start.saturating_add(at);
        let offset = start.saturating_sub(self.log.start);
        offset.checked_div(self.erase).unwrap_or(0)
    }

    /// The end of the erase block in which what ends at this offset ends.
    pub(super) const fn block_end(&self, offset: u32) -> u32 {
        match offset.checked_next_multiple_of(self.erase) {
            Some(end) => end,
            None => u32::MAX,
        }
    }

    /// Goes on behind the block in which this offset lies: what is left of its cells is torn.
    fn pass_over_block(&mut self, shape: BlockShape, at: u32) {
        self.failures = self.tried_before();
        let end = self.block_end(at.saturating_add(1));
        self.erased_to = self.erased_to.max(end);
        let reaches = |(start, _): (u32, u32)| start < end;
        while self.extent(shape, self.order.len()).is_ok_and(reaches) {
            if self.order.push(TORN).is_err() {
                return;
            }
        }
    }
}
