//! Virtual time, in milliseconds since the mission began. Nobody reads a clock: the world advances it.
//!
//! ```
//! use lightday_sim::time::{MissionTime, Span};
//!
//! let t = MissionTime::START + Span::from_hours(55) + Span::from_secs(125);
//! assert_eq!(t.to_string(), "Day 3 07:02:05");
//! ```

use std::fmt;
use std::ops::{Add, Sub};

/// An instant of the mission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct MissionTime(u64);

/// A length of time, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span(u64);

impl MissionTime {
    /// When the mission begins.
    pub const START: Self = Self(0);
    /// Later than everything.
    pub const NEVER: Self = Self(u64::MAX);

    /// The instant so many milliseconds after the start.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the start.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// Whole seconds since the start.
    #[must_use]
    pub const fn secs(self) -> u64 {
        self.0 / 1000
    }

    /// How long after `earlier`; nothing if it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// So many milliseconds.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// So many seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// So many hours.
    #[must_use]
    pub const fn from_hours(hours: u64) -> Self {
        Self::from_secs(hours.saturating_mul(3600))
    }

    /// So many days.
    #[must_use]
    pub const fn from_days(days: u64) -> Self {
        Self::from_hours(days.saturating_mul(24))
    }

    /// In milliseconds.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// In whole seconds.
    #[must_use]
    pub const fn secs(self) -> u64 {
        self.0 / 1000
    }

    /// In tenths of an hour, rounded up: for tables.
    #[must_use]
    pub const fn deci_hours(self) -> u64 {
        self.0.div_ceil(360_000)
    }
}

impl Add<Span> for MissionTime {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Add for Span {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub<Span> for MissionTime {
    type Output = Self;

    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl fmt::Display for MissionTime {
    /// `Day 3 07:02:05`; the first day is day 1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.secs();
        let (days, secs) = (secs / 86_400 + 1, secs % 86_400);
        let (hours, minutes, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
        write!(f, "Day {days} {hours:02}:{minutes:02}:{secs:02}")
    }
}

impl fmt::Display for Span {
    /// Hours with one decimal: `44.0 h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.deci_hours();
        write!(f, "{}.{} h", tenths / 10, tenths % 10)
    }
}

/// Turns virtual time into onboard and ground time, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// The Unix second at which the mission begins.
    pub start_unix_s: u64,
}

impl Calendar {
    /// The Unix second of an instant.
    #[must_use]
    pub const fn unix_s(self, t: MissionTime) -> u64 {
        self.start_unix_s.saturating_add(t.secs())
    }

    /// The Unix millisecond of an instant.
    #[must_use]
    pub const fn unix_ms(self, t: MissionTime) -> u64 {
        self.start_unix_s
            .saturating_mul(1000)
            .saturating_add(t.ms())
    }

    /// The instant of a Unix millisecond; the start if it lies before.
    #[must_use]
    pub const fn instant_ms(self, unix_ms: u64) -> MissionTime {
        MissionTime(unix_ms.saturating_sub(self.start_unix_s.saturating_mul(1000)))
    }

    /// The instant at which a Unix second begins; the start if it lies before.
    #[must_use]
    pub const fn instant(self, unix_s: u64) -> MissionTime {
        MissionTime(
            unix_s
                .saturating_sub(self.start_unix_s)
                .saturating_mul(1000),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_from_one_and_spans_are_rounded_up() {
        assert_eq!(MissionTime::START.to_string(), "Day 1 00:00:00");
        assert_eq!(
            (MissionTime::START + Span::from_days(2) + Span::from_ms(3_725_999)).to_string(),
            "Day 3 01:02:05"
        );
        assert_eq!(Span::from_hours(44).to_string(), "44.0 h");
        assert_eq!(Span::from_ms(1).to_string(), "0.1 h");
    }

    #[test]
    fn time_saturates_and_the_calendar_goes_both_ways() {
        assert_eq!(MissionTime::NEVER + Span::from_days(1), MissionTime::NEVER);
        assert_eq!(
            MissionTime::START.since(MissionTime::from_ms(5)),
            Span::ZERO
        );
        let calendar = Calendar {
            start_unix_s: 1_800_000_000,
        };
        let t = MissionTime::from_ms(90_000);
        assert_eq!(calendar.unix_s(t), 1_800_000_090);
        assert_eq!(calendar.instant(calendar.unix_s(t)), t);
    }
}
