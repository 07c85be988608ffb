//! Whether a trial can be heard of, and confirmed, before its lease ends.
//!
//! Nothing is lost in this reckoning: it tells what cannot be, never what will be.
//!
//! ```text
//!  on board   activation ── healthy ── report            Confirm heard   lease ends
//!                 |------------|---------\                 /------------------|
//!  ground                                 \__ pass: heard, Confirm sent
//! ```

use crate::link::{LinkModel, Pass};
use crate::object::UplinkObject;
use crate::plan::{known, on_air_ms};

/// A trial that is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// When the image is activated at the earliest, in Unix seconds on board.
    pub from_s: u64,
    /// And at the latest.
    pub to_s: u64,
    /// Seconds until it has said that it is healthy.
    pub health_s: u32,
    /// Seconds of its lease.
    pub lease_s: u32,
}

/// What becomes of a trial if nothing is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// When it is activated, in Unix seconds.
    pub activated_s: u64,
    /// When the report that it is healthy is on the ground, in a booked pass.
    pub known_s: Option<u64>,
    /// When the Confirm is on board that answers it.
    pub confirmed_s: Option<u64>,
    /// When its lease ends.
    pub ends_s: u64,
}

impl Course {
    /// Whether the Confirm is heard before the lease ends.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.confirmed_s.is_some_and(|s| s <= self.ends_s)
    }

    /// Seconds from the Confirm to the lease's end; below 0 if it comes too late, `None` if it never comes.
    fn spare_s(&self) -> Option<i64> {
        let (ends, confirmed) = (i64::try_from(self.ends_s), i64::try_from(self.confirmed_s?));
        Some(ends.unwrap_or(i64::MAX) - confirmed.unwrap_or(i64::MAX))
    }
}

/// The worst course of all instants at which the trial may begin.
#[must_use]
pub fn worst(trial: &Trial, confirm: &UplinkObject, passes: &[Pass], link: &LinkModel) -> Course {
    let instants = instants(trial, confirm, passes, link);
    let courses = instants.map(|at_s| course(trial, at_s, confirm, passes, link));
    let first = course(trial, trial.from_s, confirm, passes, link);
    courses.fold(first, |worst, next| {
        match next.spare_s() < worst.spare_s() {
            true => next,
            false => worst,
        }
    })
}

/// What becomes of it with an antenna that is always ours: if that is too late, no pass is to blame but the lease.
#[must_use]
pub fn at_best(trial: &Trial, confirm: &UplinkObject, link: &LinkModel) -> Course {
    let always = Pass {
        start_s: trial.from_s,
        end_s: u64::MAX / 2000,
        ..Pass::default()
    };
    course(trial, trial.from_s, confirm, &[always], link)
}

/// Where it matters: a report, or its answer, that just misses the end of a pass has to wait for the next one.
fn instants(
    trial: &Trial,
    confirm: &UplinkObject,
    passes: &[Pass],
    link: &LinkModel,
) -> impl Iterator<Item = u64> {
    let light = link.light_time(passes);
    let (from_s, to_s) = (trial.from_s, trial.to_s.max(trial.from_s));
    let health_s = u64::from(trial.health_s);
    let missed: Vec<u64> = passes
        .iter()
        .flat_map(|pass| {
            let answer_s = on_air_ms(confirm, pass, link).div_ceil(1000);
            let back_s = light.at(pass.end_s) + health_s;
            // A light time that changes by a second or so over itself, and rounding, stay within a few seconds.
            [0, answer_s].map(|more_s| pass.end_s.saturating_sub(back_s + more_s))
        })
        .collect();
    let near = missed
        .into_iter()
        .flat_map(|at_s| [at_s, at_s.saturating_add(60)])
        .filter(move |at_s| (from_s..=to_s).contains(at_s));
    near.chain([to_s])
}

fn course(
    trial: &Trial,
    activated_s: u64,
    confirm: &UplinkObject,
    passes: &[Pass],
    link: &LinkModel,
) -> Course {
    let healthy_s = activated_s.saturating_add(trial.health_s.into());
    let known_s = known(healthy_s, passes, link);
    let confirmed_s = known_s.and_then(|known_s| answered(known_s, confirm, passes, link));
    Course {
        activated_s,
        known_s,
        confirmed_s,
        ends_s: activated_s.saturating_add(trial.lease_s.into()),
    }
}

/// When the last source symbol of an object is on board that is sent from an instant on, in one pass.
fn answered(from_s: u64, object: &UplinkObject, passes: &[Pass], link: &LinkModel) -> Option<u64> {
    passes.iter().find_map(|pass| {
        let starts_s = pass.start_s.max(from_s);
        let left_s = starts_s + on_air_ms(object, pass, link).div_ceil(1000);
        let arrives_s = left_s + link.light_time(passes).at(left_s);
        (left_s <= pass.end_s).then_some(arrives_s)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Loss;
    use crate::link::tests::model;
    use lightday_wire::{ObjectKind, ObjectNumber};

    const HOUR: u64 = 3600;

    fn confirm() -> UplinkObject {
        let number = ObjectNumber::new(1).unwrap();
        UplinkObject::new(ObjectKind::Command, number, &[0; 120], 120).unwrap()
    }

    fn pass(start_h: u64, end_h: u64) -> Pass {
        Pass {
            start_s: start_h * HOUR,
            end_s: end_h * HOUR,
            ..Pass::default()
        }
    }

    fn trial(from_h: u64, to_h: u64, lease_h: u32) -> Trial {
        Trial {
            from_s: from_h * HOUR,
            to_s: to_h * HOUR,
            health_s: 600,
            lease_s: lease_h * 3600,
        }
    }

    fn ask(trial: &Trial, passes: &[Pass]) -> Course {
        let link = model(Loss::Random { p: 0.3 });
        worst(trial, &confirm(), passes, &link)
    }

    #[test]
    fn a_confirm_takes_the_report_and_the_way_back() {
        // Light takes 22 h: activated at 10 h, heard at 32 h 10 min and 8 s, answered by a frame of 144 B, back at 54 h.
        let course = ask(&trial(10, 10, 48), &[pass(30, 40)]);
        assert_eq!(course.known_s, Some(32 * HOUR + 608));
        assert_eq!(course.confirmed_s, Some(54 * HOUR + 608 + 12));
        assert!(course.is_confirmed());
        assert!(!ask(&trial(10, 10, 44), &[pass(30, 40)]).is_confirmed());
    }

    #[test]
    fn a_lease_that_no_antenna_can_save_is_told_from_a_gap() {
        let link = model(Loss::Random { p: 0.0 });
        let best = |lease_h| at_best(&trial(10, 10, lease_h), &confirm(), &link);
        assert!(best(48).is_confirmed() && !best(44).is_confirmed());
        assert_eq!(best(44).confirmed_s, Some(54 * HOUR + 608 + 12));
    }

    #[test]
    fn the_worst_instant_is_the_one_that_just_misses_a_pass() {
        // Passes of 10 h each 24 h; then a conjunction of ten days.
        let passes = [pass(30, 40), pass(54, 64), pass(300, 310)];
        assert!(ask(&trial(8, 17, 72), &passes).is_confirmed());
        // Activated between 17 and 18 h, it is heard in the second pass; until 41 h that has room.
        assert!(ask(&trial(8, 41, 72), &passes).is_confirmed());
        let late = ask(&trial(8, 42, 72), &passes);
        assert!(!late.is_confirmed());
        // The report is heard, and its answer misses the end of the pass.
        assert!(late.known_s < Some(64 * HOUR) && late.confirmed_s > Some(300 * HOUR));
        assert!(late.activated_s > 41 * HOUR && late.activated_s <= 42 * HOUR);
        // As narrow as it gets: all but the last seconds of that hour are in time.
        let narrow = ask(&trial(41, 41, 72), &passes);
        assert!(narrow.is_confirmed(), "{narrow:?}");
        assert_eq!(ask(&trial(8, 42, 72), &passes[..2]).confirmed_s, None);
    }
}
