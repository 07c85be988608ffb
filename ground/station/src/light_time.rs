//! The light time: how long a bit is on its way, now and then.
//!
//! ```text
//!  22 h ........__......--  stated at the begin of passes; evenly in between, the same before the first
//!  21 h __......            and behind the last
//!       | pass |    | pass |
//! ```

use serde::{Deserialize, Serialize};

use crate::pass::Pass;

/// Longest light time, so that sums of times cannot overflow: 1,000 years.
pub(crate) const LIGHT_TIME_MAX_S: u64 = 1000 * 366 * 86_400;
/// The light time changes by at most one second in so many: a hundredth of the speed of light.
pub const SECONDS_A_LIGHT_SECOND: u64 = 100;

/// Seconds that what the vehicle sends may come before light allows it by our figures: for clocks, and because the light
/// time that is stated for a whole year is not that of the day. The orbit of the Earth alone moves it by eight minutes to
/// either side, and by twice that for there and back.
pub const SLACK_S: u64 = 3600;

/// Seconds one way, by the instant on the ground.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LightTime {
    /// Where nothing is stated.
    otherwise_s: u64,
    /// Instants, and the light time then, in order.
    stated: Vec<(u64, u64)>,
}

impl From<u64> for LightTime {
    /// One that never changes.
    fn from(otherwise_s: u64) -> Self {
        Self {
            otherwise_s,
            stated: Vec::new(),
        }
    }
}

impl LightTime {
    /// What `passes` state, in order; `otherwise_s` if none does.
    #[must_use]
    pub fn of(passes: &[Pass], otherwise_s: u64) -> Self {
        let stated = passes.iter().filter_map(Pass::light_time);
        Self {
            otherwise_s,
            stated: stated.collect(),
        }
    }

    /// Seconds one way for what leaves one end at this instant.
    #[must_use]
    pub fn at(&self, at_s: u64) -> u64 {
        let place = self.stated.partition_point(|(from_s, _)| *from_s <= at_s);
        let before = place
            .checked_sub(1)
            .and_then(|place| self.stated.get(place));
        match (before, self.stated.get(place)) {
            (Some(before), Some(behind)) => between(*before, *behind, at_s),
            (Some((_, light_s)), None) | (None, Some((_, light_s))) => *light_s,
            (None, None) => self.otherwise_s,
        }
    }

    /// The last instant at which something leaves the ground that is there by `there_s`. The light time changes by far
    /// less than a second in a second, so that the second guess is good to a second or two.
    #[must_use]
    pub fn leaves_by(&self, there_s: u64) -> u64 {
        let guess_s = there_s.saturating_sub(self.at(there_s));
        let mut leaves_s = there_s.saturating_sub(self.at(guess_s));
        while leaves_s > 0 && leaves_s.saturating_add(self.at(leaves_s)) > there_s {
            leaves_s -= 1;
        }
        leaves_s
    }
}

/// The light time between two instants at which it is known, to the second.
fn between((from_s, from): (u64, u64), (to_s, to): (u64, u64), at_s: u64) -> u64 {
    let span = u128::from(to_s.saturating_sub(from_s).max(1));
    let gone = u128::from(at_s.saturating_sub(from_s));
    let part = u128::from(to.abs_diff(from)) * gone / span;
    let part = u64::try_from(part).unwrap_or(u64::MAX);
    if to >= from {
        from.saturating_add(part)
    } else {
        from.saturating_sub(part)
    }
}

/// Whether the light time can change so from one instant to another: each with the light time then, to the second.
#[must_use]
pub const fn is_possible(from: (u64, u64), to: (u64, u64)) -> bool {
    let change_s = to.1.abs_diff(from.1).saturating_sub(1);
    change_s.saturating_mul(SECONDS_A_LIGHT_SECOND) <= to.0.abs_diff(from.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_changes_evenly_between_the_passes_that_state_it() {
        let pass = |start_s, light_time_s| Pass {
            start_s,
            end_s: start_s + 100,
            light_time_s,
            ..Pass::default()
        };
        let passes = [
            pass(10_000, Some(500)),
            pass(15_000, None),
            pass(20_000, Some(600)),
            pass(40_000, Some(560)),
        ];
        let light = LightTime::of(&passes, 7);
        for (at_s, light_s) in [
            (0, 500),
            (10_000, 500),
            (10_099, 500), // nearly a second more, rounded down
            (10_100, 501), // in mid-pass
            (15_000, 550),
            (20_000, 600),
            (30_000, 580),
            (90_000, 560),
        ] {
            assert_eq!(light.at(at_s), light_s, "{at_s}");
        }
        assert_eq!(LightTime::of(&passes[1..2], 7).at(15_000), 7);
        assert_eq!(LightTime::from(7).at(0), 7);
    }
}
