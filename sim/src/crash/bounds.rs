//! How much a life may cost beyond the one in which nothing fails: resets, and erases of one block.

use super::rig::Rig;
use crate::checker::Violation;

/// Resets that a life may have beyond those of the life in which nothing fails, for each event. A cut costs one; the
/// rest is what a life does twice then, a trial with all its tries among them.
const RESETS_PER_EVENT: u32 = 6;
/// Erases of one block beyond those of the life in which nothing fails, for each event.
const ERASES_PER_EVENT: u32 = 4;

/// Both, where something fails for good: every try of the ground, and of the vehicle, meets it again.
const FOR_GOOD: u32 = 16;

/// What a life took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Resets of the processor.
    pub resets: u32,
    /// Most erases of one block.
    pub wear: u32,
}

impl Cost {
    /// What it took so far.
    pub fn of<const W: usize, const E: usize>(rig: &Rig<'_, W, E>) -> Self {
        let wear = rig.vehicle.flash().wear().iter().copied();
        Self {
            resets: rig.vehicle.supervisor().resets(),
            wear: wear.max().unwrap_or(0),
        }
    }

    /// Whether a life of this cost is too dear, where so many things failed and `nominal` is what it takes if none does.
    pub fn beyond(self, nominal: Self, events: u32) -> Vec<Violation> {
        let resets = RESETS_PER_EVENT.saturating_mul(events);
        self.exceeds(nominal, resets, ERASES_PER_EVENT.saturating_mul(events))
    }

    /// The same where one thing failed for good.
    pub fn beyond_for_good(self, nominal: Self) -> Vec<Violation> {
        self.exceeds(nominal, FOR_GOOD, FOR_GOOD)
    }

    fn exceeds(self, nominal: Self, resets: u32, erases: u32) -> Vec<Violation> {
        let mut found = Vec::new();
        if self.resets > nominal.resets.saturating_add(resets) {
            found.push(Violation::TooManyResets(self.resets));
        }
        if self.wear > nominal.wear.saturating_add(erases) {
            found.push(Violation::TooMuchWear(self.wear));
        }
        found
    }
}
