//! Passes (contact windows): when an antenna on the ground is pointed at the vehicle, in ground time.
//!
//! A lost pass is in the plan and carries nothing, in either direction.

use crate::rng::Rng;
use crate::time::{MissionTime, Span};
use lightday_station::pass::ADJOINS_S;

/// One contact window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// When it begins.
    pub begins: MissionTime,
    /// When it ends; not within it any more.
    pub ends: MissionTime,
    /// Whether it is booked and does not happen.
    pub lost: bool,
}

impl Pass {
    /// A pass that happens.
    #[must_use]
    pub const fn new(begins: MissionTime, ends: MissionTime) -> Self {
        Self {
            begins,
            ends,
            lost: false,
        }
    }
}

/// All passes of a mission, in order, without overlaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passes(Vec<Pass>);

impl Passes {
    /// These passes, put in order.
    #[must_use]
    pub fn new(mut passes: Vec<Pass>) -> Self {
        passes.sort_by_key(|pass| pass.begins);
        Self(passes)
    }

    /// An antenna that never leaves the vehicle.
    #[must_use]
    pub fn always() -> Self {
        Self(vec![Pass::new(MissionTime::START, MissionTime::NEVER)])
    }

    /// One pass of a length in each period, `count` times, from `first` on.
    #[must_use]
    pub fn regular(first: MissionTime, length: Span, period: Span, count: u64) -> Self {
        let pass = |n| {
            let begins = first + Span::from_ms(period.ms().saturating_mul(n));
            Pass::new(begins, begins + length)
        };
        Self((0..count).map(pass).collect())
    }

    /// Loses each contact with a probability of `loss_ppm`: passes of which each follows the one before within an hour
    /// are lost together, as the planner takes it.
    #[must_use]
    pub fn losing(mut self, loss_ppm: u32, rng: &mut Rng) -> Self {
        let (mut until, mut is_lost) = (None, false);
        for pass in &mut self.0 {
            if until
                .is_none_or(|until: MissionTime| until + Span::from_secs(ADJOINS_S) < pass.begins)
            {
                is_lost = rng.chance(loss_ppm);
            }
            pass.lost |= is_lost;
            until = Some(pass.ends);
        }
        self
    }

    /// Loses the pass of this place, counted from 0, if there is one.
    #[must_use]
    pub fn without(mut self, place: usize) -> Self {
        if let Some(pass) = self.0.get_mut(place) {
            pass.lost = true;
        }
        self
    }

    /// All passes as booked, lost or not.
    #[must_use]
    pub fn as_slice(&self) -> &[Pass] {
        &self.0
    }

    /// The pass as booked that holds at `t`, or else the next one.
    #[must_use]
    pub fn at_or_after(&self, t: MissionTime) -> Option<&Pass> {
        self.0.get(self.0.partition_point(|pass| pass.ends <= t))
    }

    /// Whether all of what is on air from `from` to `to` is heard.
    #[must_use]
    pub fn hears(&self, from: MissionTime, to: MissionTime) -> bool {
        self.at_or_after(from)
            .is_some_and(|pass| !pass.lost && pass.begins <= from && to <= pass.ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(h: u64) -> MissionTime {
        MissionTime::START + Span::from_hours(h)
    }

    #[test]
    fn a_lost_pass_is_booked_and_carries_nothing() {
        let daily = Passes::regular(hour(2), Span::from_hours(8), Span::from_hours(24), 3);
        assert!(daily.hears(hour(2), hour(10)));
        assert!(!daily.hears(hour(1), hour(3)));
        assert!(!daily.hears(hour(9), hour(11)));
        assert!(!daily.hears(hour(12), hour(13)));
        assert_eq!(daily.at_or_after(hour(10)).unwrap().begins, hour(26));
        assert_eq!(daily.at_or_after(hour(27)).unwrap().begins, hour(26));
        assert_eq!(daily.at_or_after(hour(58)), None);
        let without = daily.clone().without(1);
        assert!(!without.hears(hour(27), hour(28)));
        assert_eq!(without.at_or_after(hour(11)).unwrap().begins, hour(26));
        assert_eq!(
            daily
                .losing(1_000_000, &mut Rng::new(1))
                .0
                .iter()
                .filter(|p| p.lost)
                .count(),
            3
        );
    }

    #[test]
    fn passes_that_adjoin_are_lost_together() {
        let halves = |n: u64| {
            let begins = hour(24 * (n / 2) + 4 * (n % 2));
            Pass::new(begins, begins + Span::from_hours(4 - n % 2))
        };
        let many = Passes::new((0..20_000).map(halves).collect());
        let lost = many.losing(50_000, &mut Rng::new(9));
        let pairs = lost.as_slice().chunks(2);
        assert!(pairs.clone().all(|pair| pair[0].lost == pair[1].lost));
        let lost = pairs.filter(|pair| pair[0].lost).count();
        assert!((430..570).contains(&lost), "{lost}");
    }

    #[test]
    fn passes_are_lost_as_often_as_they_should() {
        let many = Passes::regular(hour(0), Span::from_hours(1), Span::from_hours(3), 20_000);
        let lost = many.losing(50_000, &mut Rng::new(9));
        let lost = lost.as_slice().iter().filter(|p| p.lost).count();
        assert!((900..1_100).contains(&lost), "{lost}");
    }
}
