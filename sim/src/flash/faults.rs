//! What goes wrong in a flash beside power cuts, each from an operation on that is named beforehand.
//!
//! ```text
//! once    Skipped    reports success and did nothing        Refused    reports an error and did nothing
//!         Garbled    a run of addresses reads as something else (SEFI): once, and for good
//! a while Outage     no block takes a program or an erase, for so many operations
//! since   DeadBlock  a block takes no program and no erase  NoErase    erase works nowhere (the charge pump)
//!         Stuck      bits of a byte read as they like       Unreadable reads of a range fault, each so often
//! ```

use std::ops::Range;

use super::{FlashError, SimFlash, address};
use crate::rng::Rng;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operation reports success and did nothing.
    Skipped,
    /// The operation reports an error and did nothing.
    Refused,
    /// Every byte of a range becomes another one, drawn from the seed.
    Garbled {
        /// The bytes.
        range: Range<u32>,
        /// What draws them.
        seed: u64,
    },
    /// So many operations report an error and do nothing, whatever they reach: a chip that is upset or starved, and
    /// recovers.
    Outage {
        /// How many.
        operations: u64,
    },
    /// The block that holds this address takes no program and no erase any more.
    DeadBlock {
        /// The address.
        address: u32,
    },
    /// No block takes an erase any more.
    NoErase,
    /// Bits of one byte read as these, whatever is written.
    Stuck {
        /// The byte.
        address: u32,
        /// The bits that are stuck.
        mask: u8,
        /// What they read as.
        value: u8,
    },
    /// Of the reads that touch a range, one in so many faults.
    Unreadable {
        /// The bytes.
        range: Range<u32>,
        /// One in so many; 1: each.
        one_in: u64,
    },
}

/// A fault, and the operation from which on it holds.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    from: u64,
    fault: Fault,
}

impl<const WRITE: usize, const ERASE: usize> SimFlash<WRITE, ERASE> {
    /// Lets this go wrong at the operation of this number, or from it on.
    pub fn fail_at(&mut self, operation: u64, fault: Fault) {
        self.faults.push(Planned {
            from: operation,
            fault,
        });
    }

    /// Lets faults that change what reads begin while an application runs alone, never between the loader's look at an
    /// image's digest and its jump: what changes there runs as it is, a limit of any loader that runs images in place.
    pub fn spare_boots(&mut self) {
        self.spares_boots = true;
    }

    /// Puts faults off that are due and must not begin yet.
    fn put_off(&mut self) {
        if !self.spares_boots || !self.locked.is_empty() {
            return;
        }
        // One that is due at the next operation would hold already for what is read behind this one.
        let now = self.operations;
        for planned in &mut self.faults {
            let changes = matches!(planned.fault, Fault::Garbled { .. } | Fault::Stuck { .. });
            if changes && (now..now + 2).contains(&planned.from) {
                planned.from = now + 2;
            }
        }
    }

    fn holding(&self) -> impl Iterator<Item = &Fault> {
        let now = self.operations;
        let holding = self
            .faults
            .iter()
            .filter(move |planned| planned.from <= now);
        holding.map(|planned| &planned.fault)
    }

    /// What becomes of the operation at hand, which is not counted yet: `None` where nothing is wrong with it.
    pub(super) fn spoilt(
        &mut self,
        block: usize,
        is_erase: bool,
    ) -> Option<Result<(), FlashError>> {
        if self.faults.is_empty() {
            return None;
        }
        self.put_off();
        self.garble();
        let now = self.operations;
        let lasts = |planned: &Planned| match planned.fault {
            Fault::Outage { operations } => now < planned.from.saturating_add(operations),
            _ => true,
        };
        self.faults.retain(lasts);
        let dead = self.holding().any(|fault| match fault {
            Fault::Outage { .. } => true,
            Fault::DeadBlock { address } => *address as usize / ERASE == block,
            Fault::NoErase => is_erase,
            _ => false,
        });
        let failed = Err(FlashError::Worn(address(block * ERASE)));
        if dead {
            self.operations += 1;
            return Some(failed);
        }
        let once = self.faults.iter().position(|planned| {
            planned.from == now && matches!(planned.fault, Fault::Skipped | Fault::Refused)
        })?;
        self.operations += 1;
        match self.faults.swap_remove(once).fault {
            Fault::Skipped => Some(Ok(())),
            _ => Some(failed),
        }
    }

    /// Garbles what is due.
    fn garble(&mut self) {
        let now = self.operations;
        let is_due = |planned: &Planned| {
            planned.from <= now && matches!(planned.fault, Fault::Garbled { .. })
        };
        while let Some(due) = self.faults.iter().position(is_due) {
            let Fault::Garbled { range, seed } = self.faults.swap_remove(due).fault else {
                return;
            };
            let mut rng = Rng::new(seed);
            let range = range.start as usize..(range.end as usize).min(self.bytes.len());
            for byte in range.clone() {
                // Never the byte that was there.
                self.bytes[byte] ^= rng.next_u8().max(1);
                self.changed[byte / ERASE] = now + 1;
            }
        }
    }

    /// What the faults make of a read.
    pub(super) fn misread(&self, range: &Range<usize>, buf: &mut [u8]) -> Result<(), FlashError> {
        for fault in self.holding() {
            match fault {
                Fault::Stuck {
                    address,
                    mask,
                    value,
                } => {
                    let place = (*address as usize).checked_sub(range.start);
                    if let Some(byte) = place.and_then(|place| buf.get_mut(place)) {
                        *byte = *byte & !mask | value & mask;
                    }
                }
                Fault::Unreadable { range: bad, one_in } => {
                    let touches =
                        (bad.start as usize) < range.end && range.start < bad.end as usize;
                    if touches && self.stats.reads.is_multiple_of((*one_in).max(1)) {
                        return Err(FlashError::Uncorrectable(bad.start));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
