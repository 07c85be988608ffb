//! Reports that proved themselves, their order, and which two of them cannot be of one vehicle.

use lightday_wire::Epoch;
use lightday_wire::report::{Report, flags};
use serde::{Deserialize, Serialize};

/// A report that proved itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// What it says.
    pub report: Report,
    /// The link epoch that it came in.
    pub epoch: Epoch,
    /// When it was heard, in Unix seconds on the ground.
    pub received_s: u64,
    /// When it was sent, by the ground's clock: light time before.
    pub sent_s: u64,
    /// Reports that were missed before it, at least: after a reset those of the life before are unknown.
    pub missed: u32,
}

impl Proven {
    /// Seconds since the vehicle was in this state.
    #[must_use]
    pub const fn age_s(&self, now_s: u64) -> u64 {
        now_s.saturating_sub(self.sent_s)
    }

    /// Seconds by which the vehicle's clock is ahead of ours; `None` if it knows no time.
    #[must_use]
    pub fn clock_ahead_s(&self) -> Option<i64> {
        let there = i64::from(self.report.time_s);
        let here = i64::try_from(self.sent_s).ok()?;
        (there != 0).then(|| there - here)
    }

    /// When it left the vehicle, at the earliest and at the latest: it may have lain in a file before it was taken
    /// in, so that a clock on board that is behind may be right.
    #[must_use]
    pub fn left_s(&self) -> (u64, u64) {
        let clock_s = u64::from(self.report.time_s);
        match clock_s {
            0 => (self.sent_s, self.sent_s),
            _ => (clock_s.min(self.sent_s), self.sent_s),
        }
    }

    /// Whether it was made after another one, by link epoch and sequence; of an alarm neither tells.
    #[must_use]
    pub fn is_newer_than(&self, other: &Self) -> bool {
        match self.epoch == other.epoch {
            true => is_newer(self.report.sequence, other.report.sequence),
            false => self.epoch > other.epoch,
        }
    }

    /// Whether it says that the record was lost.
    #[must_use]
    pub const fn is_alarm(&self) -> bool {
        self.report.flags & flags::RECORD_LOST != 0
    }
}

/// The vehicle said that its record was lost, and no report of a later epoch has come since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// The latest report that said so.
    pub proven: Proven,
    /// A report of the same epoch was heard later that has its record: one of the two is a recording, or
    /// the record could be read again.
    pub denied: bool,
}

/// Seconds within which two reports may overtake each other on the ground, and a clock on board be ahead.
pub const OVERTAKING_S: u64 = 86_400;

/// What of a report tells whether another one may follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Heard {
    pub(super) sequence: u32,
    time_s: u32,
    sent_s: u64,
    received_s: u64,
}

impl Heard {
    pub(super) const fn of(proven: &Proven) -> Self {
        Self {
            sequence: proven.report.sequence,
            time_s: proven.report.time_s,
            sent_s: proven.sent_s,
            received_s: proven.received_s,
        }
    }

    /// Whether one vehicle cannot have sent both this one and `older`, which was heard after it and has a lower
    /// sequence. The clock on board tells, unless there is none or it is ahead of what can be.
    pub(super) const fn contradicts(&self, older: &Self) -> bool {
        let has_clock = self.time_s != 0 && older.time_s != 0;
        if has_clock && self.time_s as u64 <= self.sent_s.saturating_add(OVERTAKING_S) {
            return older.time_s > self.time_s;
        }
        older.received_s >= self.received_s.saturating_add(OVERTAKING_S)
    }
}

/// Whether a sequence is newer than another, as serial numbers (RFC 1982, 3.2).
pub(super) const fn is_newer(found: u32, before: u32) -> bool {
    let ahead = found.wrapping_sub(before);
    ahead != 0 && ahead < 1 << 31
}

/// Reports between two, at least: each life after a reset counts from zero in the lower half.
pub(super) const fn missed(found: u32, before: u32) -> u32 {
    if found >> 16 == before >> 16 {
        found.saturating_sub(before).saturating_sub(1)
    } else {
        found & 0xffff
    }
}
