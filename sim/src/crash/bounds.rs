//! How much a life may cost: resets, and erases of each block by itself. A sum over all blocks, or the most worn of
//! them, would hide one that is erased for nothing again and again.
//!
//! ```text
//! nothing fails    no block more often than MOST_NOMINAL
//! so many events   each block as often as it is where nothing fails, and ERASES_PER_EVENT more for each
//! for good         each block as often as it is where nothing fails, and FOR_GOOD more, and one for each whole day;
//!                  tried in vain no more than FAILED_FOR_GOOD times
//! staging log      tried in vain no more than TRIES times for each boot, and as often again for each whole day
//! ```
//! An erase that power cuts off counts as one.

use lightday_boot::Region;

use super::rig::Rig;
use super::scene::PATIENCE;
use crate::checker::Violation;
use crate::time::{MissionTime, Span};

/// Resets that a life may have beyond those of the life in which nothing fails, for each event. A cut costs one; the
/// rest is what a life does twice then, a trial with all its tries among them.
const RESETS_PER_EVENT: u32 = 6;
/// Erases of a block beyond those of it in the life in which nothing fails, for each event.
const ERASES_PER_EVENT: u32 = 4;
/// Erases of a block in a life in which nothing fails.
const MOST_NOMINAL: u32 = 4;

/// Both, where something fails for good: every try of the ground, and of the vehicle, meets it again.
const FOR_GOOD: u32 = 16;
/// Erases of a block that fail: eight attempts to solve and patch, each time that the ground sends the bundle, and
/// some for the record.
const FAILED_FOR_GOOD: u32 = 8 * PATIENCE + 16;
/// How often a block of the staging log is tried before it is passed over until the next reset, or second look: that is
/// a day later.
const TRIES: u32 = 3;

/// What a life took.
#[derive(Clone, Debug)]
pub(super) struct Cost {
    /// Resets of the processor.
    pub resets: u32,
    /// Whole days that it lasted.
    days: u32,
    /// Erases, block by block.
    wear: Vec<u32>,
    /// Erases that failed, block by block.
    failed: Vec<u32>,
    /// Bytes of a block.
    erase: u32,
}

/// A block that was erased too often, or most often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Worn {
    address: u32,
    erases: u32,
    beyond: u32,
}

impl Cost {
    /// What it took so far.
    pub fn of<const W: usize, const E: usize>(rig: &Rig<'_, W, E>) -> Self {
        Self {
            resets: rig.vehicle.supervisor().resets(),
            days: u32::try_from(
                rig.now().since(MissionTime::START).ms() / Span::from_hours(24).ms(),
            )
            .unwrap_or(u32::MAX),
            wear: rig.vehicle.flash().wear().to_vec(),
            failed: rig.vehicle.flash().failed_erases().to_vec(),
            erase: u32::try_from(E).unwrap_or(u32::MAX),
        }
    }

    /// Most erases of one block.
    pub fn most_wear(&self) -> u32 {
        self.wear.iter().copied().max().unwrap_or(0)
    }

    /// Most erases of one block beyond those of the same block in the life in which nothing fails.
    pub fn most_beyond(&self, nominal: &Self) -> u32 {
        self.worst(nominal).map_or(0, |worst| worst.beyond)
    }

    /// Whether a life in which nothing fails is too dear.
    pub fn beyond_nominal(&self) -> Vec<Violation> {
        let unworn = Self {
            wear: vec![0; self.wear.len()],
            ..self.clone()
        };
        self.exceeds(&unworn, 0, MOST_NOMINAL)
    }

    /// Whether a life of this cost is too dear, where so many things failed and `nominal` is what it takes if none does.
    pub fn beyond(&self, nominal: &Self, events: u32) -> Vec<Violation> {
        let resets = RESETS_PER_EVENT.saturating_mul(events);
        self.exceeds(nominal, resets, ERASES_PER_EVENT.saturating_mul(events))
    }

    /// The same where one thing failed for good.
    pub fn beyond_for_good(&self, nominal: &Self) -> Vec<Violation> {
        // Once a day the vehicle looks after its record, and meets it again.
        let erases = FOR_GOOD.saturating_add(self.days);
        let mut found = self.exceeds(nominal, FOR_GOOD, erases);
        found.extend(self.fails(|_| true, FAILED_FOR_GOOD));
        found
    }

    /// Whether a block of the staging log is tried again and again.
    pub fn beyond_tries(&self, staging: Region) -> Option<Violation> {
        let boots = self.resets.saturating_add(1).saturating_add(self.days);
        let is_log = |address| (staging.start..staging.end()).contains(&address);
        self.fails(is_log, TRIES.saturating_mul(boots))
    }

    /// The block at one of these addresses whose erases failed most often, if that is more often than it may.
    fn fails(&self, is_meant: impl Fn(u32) -> bool, allowed: u32) -> Option<Violation> {
        let blocks = (0u32..).map(|block| block.saturating_mul(self.erase));
        let failed = blocks.zip(&self.failed);
        let meant = failed.filter(|(address, _)| is_meant(*address));
        let (address, erases) = meant.max_by_key(|(_, erases)| **erases)?;
        (*erases > allowed).then_some(Violation::TooMuchWear {
            address,
            erases: *erases,
            allowed,
        })
    }

    /// The block that was erased most often beyond what it is where nothing fails.
    fn worst(&self, nominal: &Self) -> Option<Worn> {
        let blocks = (0u32..).zip(self.wear.iter().zip(&nominal.wear));
        let worn = blocks.map(|(block, (erases, nominal))| Worn {
            address: block.saturating_mul(self.erase),
            erases: *erases,
            beyond: erases.saturating_sub(*nominal),
        });
        worn.max_by_key(|worn| worn.beyond)
    }

    fn exceeds(&self, nominal: &Self, resets: u32, erases: u32) -> Vec<Violation> {
        let mut found = Vec::new();
        if self.resets > nominal.resets.saturating_add(resets) {
            found.push(Violation::TooManyResets(self.resets));
        }
        if let Some(worn) = self.worst(nominal).filter(|worn| worn.beyond > erases) {
            found.push(Violation::TooMuchWear {
                address: worn.address,
                erases: worn.erases,
                allowed: worn
                    .erases
                    .saturating_sub(worn.beyond)
                    .saturating_add(erases),
            });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(wear: &[u32]) -> Cost {
        Cost {
            resets: 0,
            days: 0,
            wear: wear.to_vec(),
            failed: wear.to_vec(),
            erase: 4096,
        }
    }

    #[test]
    fn a_block_that_is_less_worn_than_others_is_bounded_by_itself() {
        let nominal = cost(&[7, 0, 1]);
        assert_eq!(cost(&[7, 4, 5]).beyond(&nominal, 1), []);
        assert_eq!(
            cost(&[7, 5, 1]).beyond(&nominal, 1),
            [Violation::TooMuchWear {
                address: 4096,
                erases: 5,
                allowed: 4,
            }]
        );
        assert_eq!(cost(&[7, 5, 1]).beyond(&nominal, 2), []);
        assert_eq!(cost(&[7, 5, 1]).most_beyond(&nominal), 5);
        assert_eq!(cost(&[7, 5, 1]).most_wear(), 7);
    }

    #[test]
    fn what_wears_a_block_where_nothing_fails_is_no_excuse_for_more() {
        assert_eq!(cost(&[4, 0]).beyond_nominal(), []);
        let allowed = Violation::TooMuchWear {
            address: 4096,
            erases: 5,
            allowed: 4,
        };
        assert_eq!(cost(&[0, 5]).beyond_nominal(), [allowed]);
    }

    #[test]
    fn a_block_of_the_staging_log_is_tried_three_times_for_each_boot_and_day() {
        let staging = Region {
            start: 4096,
            len: 4096,
        };
        let tried = |failed| cost(&[99, failed, 99]).beyond_tries(staging);
        assert_eq!(tried(3), None);
        assert!(tried(4).is_some());
        let tried_for_a_day = |failed| {
            let life = Cost {
                days: 1,
                ..cost(&[99, failed, 99])
            };
            life.beyond_tries(staging)
        };
        assert_eq!(tried_for_a_day(6), None);
        assert!(tried_for_a_day(7).is_some());
    }
}
