//! Passes (contact windows): when an antenna is ours, how likely it fails us, and how far the vehicle is then.
//!
//! Never an observation: what a pass states stands in for what the [link model](crate::link::LinkModel) assumes.
//!
//! ```text
//!  row of passes.csv    |########..####|      |#####|#########|        ..  an outage
//!  passes               |########| |###|      |#####|#########|            of one row; of one station, adjoining
//!  lost together        '--------------'      '---------------'
//! ```

use core::ops::Range;

use serde::{Deserialize, Serialize};

use crate::light_time::{LIGHT_TIME_MAX_S, LightTime, is_possible};
use crate::link::{LinkError, LinkModel};

/// The last second of the year 9999, so that sums of times and milliseconds cannot overflow.
const LATEST_S: u64 = 253_402_300_799;

/// Seconds between two passes of one station, up to which they are one contact: what loses the one loses the other.
pub const ADJOINS_S: u64 = 3600;

/// A contact window of one station, in Unix seconds on the ground.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pass {
    /// First second.
    pub start_s: u64,
    /// The second behind the last one.
    pub end_s: u64,
    /// Bit/s up in this pass, where it differs from the link's.
    #[serde(default)]
    pub rate_bps: Option<u32>,
    /// The ground station, for people.
    #[serde(default)]
    pub station: String,
    /// Chance that the whole pass is lost, where it differs from the link's.
    #[serde(default)]
    pub lost: Option<f64>,
    /// Seconds one way as it begins; `None`: what the passes around it say, or else the link.
    #[serde(default)]
    pub light_time_s: Option<u64>,
    /// When the booked pass begins of which this is a part, in Unix seconds, where an outage, or what was sent already,
    /// took its begin away.
    #[serde(default)]
    pub part_of_s: Option<u64>,
}

impl Pass {
    /// Whether its numbers can be computed with, whatever the passes around it are.
    ///
    /// # Errors
    /// The number that makes no sense, as `passes: NAME`.
    pub fn check(&self) -> Result<(), LinkError> {
        check_fields(self)
    }

    /// When it begins, and the light time that it states for then.
    #[must_use]
    pub fn light_time(&self) -> Option<(u64, u64)> {
        self.light_time_s.map(|light_s| (self.start_s, light_s))
    }

    /// When it was booked to begin.
    const fn booked_s(&self) -> u64 {
        match self.part_of_s {
            Some(start_s) => start_s,
            None => self.start_s,
        }
    }

    /// Whether the pass behind it is lost if it is: a part of the same booked one, or one of the same station that
    /// follows within [`ADJOINS_S`].
    fn is_one_with(&self, next: &Self) -> bool {
        let adjoins = next.start_s.saturating_sub(self.end_s) <= ADJOINS_S;
        self.station == next.station && (adjoins || self.booked_s() == next.booked_s())
    }

    /// What is left of it from an instant on, with the light time then: that of the begin is of the past.
    #[must_use]
    pub fn starting_at(&self, start_s: u64, light: &LightTime) -> Self {
        Self {
            start_s,
            light_time_s: Some(light.at(start_s)),
            part_of_s: match start_s == self.start_s {
                true => self.part_of_s,
                false => Some(self.booked_s()),
            },
            ..self.clone()
        }
    }
}

/// A contact: passes that are lost together or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// Its passes, by their places.
    pub places: Range<usize>,
    /// When the first one begins, in Unix seconds.
    pub start_s: u64,
    /// When the last one ends.
    pub end_s: u64,
    /// The chance that it is lost: the highest that one of them has.
    pub lost: f64,
}

impl Contact {
    /// The contact that the pass of a place is of, among passes in order; `None`: there is no such pass.
    #[must_use]
    pub fn of(passes: &[Pass], place: usize, link: &LinkModel) -> Option<Self> {
        let is_one = |at: usize| matches!((passes.get(at), passes.get(at + 1)), (Some(a), Some(b)) if a.is_one_with(b));
        let (mut first, mut last) = (place, place);
        while first > 0 && is_one(first - 1) {
            first -= 1;
        }
        while is_one(last) {
            last += 1;
        }
        let own = passes.get(first..=last)?;
        Some(Self {
            places: first..last + 1,
            start_s: own.first()?.start_s,
            end_s: own.last()?.end_s,
            lost: own.iter().map(|pass| link.lost(pass)).fold(0.0, f64::max),
        })
    }

    /// All contacts of passes in order.
    #[must_use]
    pub fn all(passes: &[Pass], link: &LinkModel) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        while let Some(next) = Self::of(passes, all.last().map_or(0, |c| c.places.end), link) {
            all.push(next);
        }
        all
    }
}

/// Why passes make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PassError {
    /// The pass of this place ends before it begins, or begins before the one before it ends.
    Order(usize),
    /// A number of a pass makes no sense.
    Field(LinkError),
}

/// Whether passes are in order, apart, and can be computed with.
pub(crate) fn check(passes: &[Pass]) -> Result<(), PassError> {
    let mut free_s = 0;
    let mut light = None;
    for (place, pass) in passes.iter().enumerate() {
        if pass.end_s <= pass.start_s || pass.start_s < free_s {
            return Err(PassError::Order(place));
        }
        free_s = pass.end_s;
        check_fields(pass).map_err(PassError::Field)?;
        let now = pass.light_time();
        must(
            light
                .zip(now)
                .is_none_or(|(from, to)| is_possible(from, to)),
            "passes: light_time",
            "change by at most a second in 100 s: nothing flies so fast",
        )
        .map_err(PassError::Field)?;
        light = now.or(light);
    }
    Ok(())
}

fn check_fields(pass: &Pass) -> Result<(), LinkError> {
    must(
        pass.end_s <= LATEST_S,
        "passes: end_s",
        "be in Unix seconds, before the year 10000",
    )?;
    must(pass.rate_bps != Some(0), "passes: rate_bps", "be above 0")?;
    must(
        pass.lost.is_none_or(|p| (0.0..1.0).contains(&p)),
        "passes: lost",
        "be from 0 to below 1",
    )?;
    must(
        pass.light_time_s.is_none_or(|s| s <= LIGHT_TIME_MAX_S),
        "passes: light_time",
        "be at most 1000 years",
    )
}

fn must(holds: bool, field: &'static str, must: &'static str) -> Result<(), LinkError> {
    match holds {
        true => Ok(()),
        false => Err(LinkError { field, must }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Loss;
    use crate::link::tests::model;

    fn pass(start_s: u64, light_time_s: Option<u64>) -> Pass {
        Pass {
            start_s,
            end_s: start_s + 100,
            light_time_s,
            ..Pass::default()
        }
    }

    #[test]
    fn parts_of_one_row_and_rows_of_one_station_that_adjoin_are_one_contact() {
        let light = LightTime::from(0);
        let of = |start_s, end_s, station: &str, lost| Pass {
            start_s,
            end_s,
            station: station.into(),
            lost: Some(lost),
            ..Pass::default()
        };
        let row = of(0, 50_000, "A", 0.1);
        let passes = [
            // An outage of more than an hour takes its middle, another part of its end.
            Pass {
                end_s: 10_000,
                ..row.clone()
            },
            Pass {
                end_s: 40_000,
                ..row.starting_at(30_000, &light)
            },
            row.starting_at(49_000, &light).starting_at(49_500, &light),
            of(50_000, 60_000, "B", 0.2),
            of(60_000, 70_000, "B", 0.3),
            of(70_000 + ADJOINS_S, 80_000, "B", 0.0),
            of(80_001 + ADJOINS_S, 90_000, "B", 0.0),
        ];
        let link = model(Loss::Random { p: 0.0 });
        let all = Contact::all(&passes, &link);
        let found: Vec<_> = all.iter().map(|c| (c.places.clone(), c.lost)).collect();
        assert_eq!(found, [(0..3, 0.1), (3..6, 0.3), (6..7, 0.0)]);
        assert_eq!((all[0].start_s, all[0].end_s), (0, 50_000));
        for contact in &all {
            for place in contact.places.clone() {
                assert_eq!(Contact::of(&passes, place, &link).as_ref(), Some(contact));
            }
        }
        assert_eq!(Contact::of(&passes, 7, &link), None);
    }

    #[test]
    fn what_no_pass_can_be_is_named() {
        let field = |passes: &[Pass]| match check(passes) {
            Err(PassError::Field(error)) => error.field,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            check(&[pass(5, None), pass(7, None)]),
            Err(PassError::Order(1))
        );
        // Hours for minutes: the vehicle would be faster than light.
        let jump = [
            pass(0, Some(79_200)),
            pass(86_400, None),
            pass(172_800, Some(1_320)),
        ];
        assert_eq!(field(&jump), "passes: light_time");
        assert_eq!(field(&[pass(0, Some(u64::MAX))]), "passes: light_time");
        for lost in [1.0, -0.1, f64::NAN] {
            let lost = Pass {
                lost: Some(lost),
                ..pass(0, None)
            };
            assert_eq!(field(&[lost]), "passes: lost");
        }
        let slow = Pass {
            rate_bps: Some(0),
            ..pass(0, None)
        };
        assert_eq!(field(&[slow]), "passes: rate_bps");
        let late = Pass {
            end_s: u64::MAX,
            ..pass(0, None)
        };
        assert_eq!(field(&[late]), "passes: end_s");
    }
}
