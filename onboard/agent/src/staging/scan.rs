//! The scan of the log after a reset, and before a solve: what was received is what can be read.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::flash;
use lightday_fec::TORN;

use super::cells::valid_index;
use super::{CELL_HEADER, MAX_SYMBOL_CELL, Staging};

impl<const N: usize> Staging<N> {
    /// Whether the log still has to be scanned after a reset.
    pub(crate) const fn is_scanning(&self) -> bool {
        self.scanned.is_some()
    }

    /// One step of the scan after a reset, or of the re-check before a solve: the naming cell, then a
    /// few symbol cells at a time. Takes up again what was in reception.
    pub(crate) fn scan_step<F: NorFlash>(&mut self, flash: &mut F) {
        const CELLS_A_STEP: u32 = 16;
        match self.scanned {
            None => {}
            Some(0) => {
                self.forget();
                self.find_name(flash);
                self.scanned = self.named.map(|_| 1);
            }
            Some(next) => {
                let first = next.saturating_sub(1);
                for position in first..first.saturating_add(CELLS_A_STEP) {
                    if !self.scan_cell(flash, position) {
                        self.finish_scan(flash);
                        self.scanned = None;
                        return;
                    }
                }
                self.scanned = Some(next.saturating_add(CELLS_A_STEP));
            }
        }
    }

    /// Has the log scanned anew: every symbol is checked once more before it is used.
    pub(crate) const fn rescan(&mut self) {
        self.scanned = Some(0);
    }

    /// Takes up again what flash names, as after a reset: a log that was to be closed is judged again.
    pub(crate) const fn reload(&mut self) {
        self.is_closing = false;
        self.rescan();
    }

    /// Looks at one symbol cell; false behind the last.
    fn scan_cell<F: NorFlash>(&mut self, flash: &mut F, position: u32) -> bool {
        let Some(named) = self.named else {
            return false;
        };
        let at = usize::try_from(position).unwrap_or(usize::MAX);
        let Ok((start, end)) = self.extent(named.shape, at) else {
            return false;
        };
        if at >= self.capacity(named.shape) {
            return false;
        }
        let mut buffer = [0u8; MAX_SYMBOL_CELL];
        let len = CELL_HEADER.saturating_add(usize::from(named.shape.symbol_len()));
        let Some(cell) = buffer.get_mut(..len) else {
            return false;
        };
        let is_unstable = |old: &u16| u32::from(*old) == position;
        if self.unstable.iter().any(is_unstable) {
            return true;
        }
        let read = flash::read(flash, self.symbols(), start, cell);
        let index = read.ok().and_then(|()| valid_index(named, cell));
        let Some(index) = index.filter(|index| self.is_new(*index)) else {
            return true;
        };
        // Everything between the last valid cell and this one was torn.
        while self.order.len() < at {
            if self.order.push(TORN).is_err() {
                return false;
            }
        }
        self.erased_to = self.block_end(end);
        self.order.push(index).is_ok()
    }

    /// Behind the last valid cell: cells that were begun are torn, the first blank one is free.
    pub(super) fn finish_scan<F: NorFlash>(&mut self, flash: &mut F) {
        let Some(named) = self.named else { return };
        while let Ok((start, end)) = self.extent(named.shape, self.order.len()) {
            let end = end.min(self.erased_to);
            if start >= end || self.is_blank(flash, start, end) {
                return;
            }
            if self.order.push(TORN).is_err() {
                return;
            }
        }
    }

    fn is_blank<F: NorFlash>(&self, flash: &mut F, start: u32, end: u32) -> bool {
        let mut buffer = [0u8; MAX_SYMBOL_CELL];
        let len = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        let Some(bytes) = buffer.get_mut(..len) else {
            return false;
        };
        flash::read(flash, self.symbols(), start, bytes).is_ok() && bytes.iter().all(|b| *b == 0xff)
    }
}
