//! Whether a trial can be heard of, and confirmed, before its lease ends.
//!
//! Nothing is lost in this reckoning, and the vehicle's beacon is of the worst phase: it tells what cannot be relied on,
//! never what will be. An image that may confirm itself
//! needs no report: any signed command that it hears does.
//!
//! ```text
//!  on board   activation ── healthy ── report            Confirm heard   lease ends
//!                 |------------|---------\                 /------------------|
//!  ground                                 \__ pass: heard, Confirm sent
//! ```

use crate::known::surely_known_by;
use crate::light_time::LightTime;
use crate::link::{LinkModel, Pass};
use crate::object::UplinkObject;
use crate::plan::on_air_ms;

/// The end of time for an antenna that is always ours: milliseconds of it still have room in 64 bit.
const NEVER_S: u64 = u64::MAX / 2000;

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
    /// Whether a signed command that it hears confirms it, without any report.
    pub self_confirm: bool,
}

/// What becomes of a trial if nothing is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// When it is activated, in Unix seconds.
    pub activated_s: u64,
    /// From when on the ground can send what confirms it: a report that it is healthy is there by then, in a booked pass,
    /// whatever the phase of the vehicle's beacon.
    pub known_s: Option<u64>,
    /// When that is on board.
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

/// What a trial is held against.
#[derive(Clone, Copy, Debug)]
pub struct Reckoning<'a> {
    /// A Confirm, as it will go up.
    pub confirm: &'a UplinkObject,
    /// The link.
    pub link: &'a LinkModel,
    /// The light time, whatever the passes are.
    pub light: &'a LightTime,
}

impl Reckoning<'_> {
    /// The worst course of all instants at which the trial may begin.
    #[must_use]
    pub fn worst(&self, trial: &Trial, passes: &[Pass]) -> Course {
        let first = self.course(trial, trial.from_s, passes);
        let courses = self.instants(trial, passes);
        let courses = courses.map(|at_s| self.course(trial, at_s, passes));
        courses.fold(first, |worst, next| {
            match next.spare_s() < worst.spare_s() {
                true => next,
                false => worst,
            }
        })
    }

    /// The same with an antenna that is always ours, but for these times, in order: if that is too late, no pass is to
    /// blame.
    #[must_use]
    pub fn worst_without(&self, trial: &Trial, blocked: &[(u64, u64)]) -> Course {
        let begins = [trial.from_s.saturating_sub(self.light.at(trial.from_s))];
        let begins = begins
            .into_iter()
            .chain(blocked.iter().map(|(_, end_s)| *end_s));
        let ends = blocked.iter().map(|(start_s, _)| *start_s).chain([NEVER_S]);
        let open = begins.zip(ends).map(|(start_s, end_s)| Pass {
            start_s,
            end_s,
            ..Pass::default()
        });
        let open: Vec<Pass> = open.filter(|pass| pass.start_s < pass.end_s).collect();
        self.worst(trial, &open)
    }

    /// Where it matters: a report, or its answer, that just misses the end of a pass has to wait for the next one.
    fn instants(&self, trial: &Trial, passes: &[Pass]) -> impl Iterator<Item = u64> {
        let (from_s, to_s) = (trial.from_s, trial.to_s.max(trial.from_s));
        let health_s = u64::from(trial.health_s);
        let missed: Vec<u64> = passes
            .iter()
            .flat_map(|pass| {
                let answer_s = on_air_ms(self.confirm, pass, self.link).div_ceil(1000);
                let back_s = self.light.at(pass.end_s) + health_s;
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

    fn course(&self, trial: &Trial, activated_s: u64, passes: &[Pass]) -> Course {
        let healthy_s = activated_s.saturating_add(trial.health_s.into());
        let known_s = match trial.self_confirm {
            // What leaves then is heard by the image on trial.
            true => Some(activated_s.saturating_sub(self.light.at(activated_s))),
            false => surely_known_by(healthy_s, passes, self.light, self.link),
        };
        Course {
            activated_s,
            known_s,
            confirmed_s: known_s.and_then(|known_s| self.answered(known_s, passes)),
            ends_s: activated_s.saturating_add(trial.lease_s.into()),
        }
    }

    /// When the last source symbol of a Confirm is on board that is sent from an instant on, in one pass.
    fn answered(&self, from_s: u64, passes: &[Pass]) -> Option<u64> {
        let over = passes.partition_point(|pass| pass.end_s <= from_s);
        passes.iter().skip(over).find_map(|pass| {
            let starts_s = pass.start_s.max(from_s);
            let left_s = starts_s + on_air_ms(self.confirm, pass, self.link).div_ceil(1000);
            let arrives_s = left_s + self.light.at(left_s);
            (left_s <= pass.end_s).then_some(arrives_s)
        })
    }
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
            self_confirm: false,
        }
    }

    /// What a question is asked with.
    fn reckon<T>(ask: impl FnOnce(&Reckoning<'_>) -> T) -> T {
        let link = model(Loss::Random { p: 0.3 });
        let light = LightTime::from(link.light_time_s);
        ask(&Reckoning {
            confirm: &confirm(),
            link: &link,
            light: &light,
        })
    }

    fn ask(trial: &Trial, passes: &[Pass]) -> Course {
        reckon(|with| with.worst(trial, passes))
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
        let best = |lease_h, blocked: &[(u64, u64)]| {
            reckon(|with| with.worst_without(&trial(10, 10, lease_h), blocked))
        };
        assert!(best(48, &[]).is_confirmed() && !best(44, &[]).is_confirmed());
        assert_eq!(best(44, &[]).confirmed_s, Some(54 * HOUR + 608 + 12));
        // Ten minutes without a link are no conjunction; ten days are.
        let minutes = [(31 * HOUR, 31 * HOUR + 600)];
        assert!(best(48, &minutes).is_confirmed());
        assert!(!best(48, &[(30 * HOUR, 270 * HOUR)]).is_confirmed());
    }

    #[test]
    fn an_image_that_confirms_itself_has_to_hear_a_command_in_its_lease() {
        let own = |lease_h| Trial {
            self_confirm: true,
            ..trial(40, 40, lease_h)
        };
        // Sent at 30 h it is heard at 52 h, and no report is waited for.
        let passes = [pass(30, 31), pass(300, 310)];
        let course = ask(&own(24), &passes);
        assert_eq!(course.confirmed_s, Some(52 * HOUR + 12));
        assert!(course.is_confirmed() && !ask(&own(11), &passes).is_confirmed());
        assert!(!ask(&own(24), &passes[1..]).is_confirmed());
    }

    #[test]
    fn the_worst_instant_is_the_one_that_just_misses_a_pass() {
        // Passes of 10 h each 24 h; then a conjunction of ten days.
        let passes = [pass(30, 40), pass(54, 64), pass(300, 310)];
        assert!(ask(&trial(8, 17, 72), &passes).is_confirmed());
        // Activated between 17 and 18 h, it is heard in the second pass; until 41 h that has room.
        assert!(ask(&trial(8, 41, 72), &passes).is_confirmed());
        let late = Trial {
            to_s: 41 * HOUR + 2990,
            ..trial(8, 41, 72)
        };
        let late = ask(&late, &passes);
        assert!(!late.is_confirmed());
        // The report is heard, and its answer misses the end of the pass.
        assert!(late.known_s < Some(64 * HOUR) && late.confirmed_s > Some(300 * HOUR));
        assert!(late.activated_s > 41 * HOUR && late.activated_s <= 42 * HOUR);
        // Or the report itself does, and waits for a beacon in the next one, of the worst phase.
        let later = ask(&trial(8, 42, 72), &passes);
        assert_eq!(later.known_s, Some(306 * HOUR - 1 + 8));
        assert!(later.activated_s > 41 * HOUR && later.activated_s <= 42 * HOUR);
        // As narrow as it gets: all but the last seconds of that hour are in time.
        let narrow = ask(&trial(41, 41, 72), &passes);
        assert!(narrow.is_confirmed(), "{narrow:?}");
        assert_eq!(ask(&trial(8, 42, 72), &passes[..2]).confirmed_s, None);
    }
}
