//! What if it has to be done by an instant: what the booked passes reach until then, and what would do.
//!
//! Never books anything. Each answer is one of the [planner](crate::plan), asked again with other passes or with a
//! shorter object.
//!
//! ```text
//!            booked        free      booked                    on board by then
//!  now ──┤##########├──────────────┤######|####├─────────────────────┤
//!         as it is      more of it        └ the last bit that arrives by then leaves here
//! ```

use crate::link::{LinkModel, Pass};
use crate::object::UplinkObject;
use crate::plan::{Plan, PlanError, Start, on_its_way, plan_from};
use lightday_wire::ObjectKind;

/// Passes that are tried beside the booked ones, at the most.
const MOST_PASSES: usize = 256;
/// Length of a pass that could be booked beside, in seconds.
pub const PASS_S: u64 = 8 * 3600;
/// Seconds from the end of one such pass, or of a booked one, to the next: what adjoins a pass is lost with it.
pub const APART_S: u64 = 16 * 3600;
/// How long beforehand a pass is booked, in seconds, where nobody states it.
pub const LEAD_S: u64 = 3600;
/// The shortest pass that can be had, in seconds, where nobody states it.
pub const SHORTEST_S: u64 = 600;

/// A question: is it done by then?
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What goes up.
    pub objects: &'a [UplinkObject],
    /// Where each of them stands.
    pub starts: &'a [Start],
    /// Passes that are booked and free, in order.
    pub passes: &'a [Pass],
    /// The link.
    pub link: &'a LinkModel,
    /// The chance with which each object has to be complete on board.
    pub target: f64,
    /// From when on an antenna that is not booked yet could be had, in Unix seconds.
    pub from_s: u64,
    /// Seconds of the shortest pass that could be had.
    pub shortest_s: u64,
    /// When all has to be on board, in Unix seconds.
    pub by_s: u64,
    /// When no antenna can be had, whatever is booked: outages, and what sends already, in order and apart.
    pub blocked: &'a [(u64, u64)],
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The last instant at which a bit can leave to be there in time, in Unix seconds.
    pub leaves_by_s: u64,
    /// The plan in what of the booked passes arrives in time; without any pass if what is on its way does by itself.
    /// `None` if nothing of either does. What is on its way counts if all that goes up of it in a pass is there by then.
    pub plan: Option<Plan>,
    /// Passes that would do if they were booked beside these, each no longer than it is used, or the shortest one; `None` if one of
    /// [`PASS_S`] every day does not suffice. Empty if nothing is lacking.
    pub more_passes: Option<Vec<Pass>>,
    /// The least chance of all objects with such a pass every day.
    pub most: f64,
    /// Bytes of the longest bundle instead of the first one that would do in the booked passes; `None` if nothing is
    /// lacking, or none would.
    pub longest: Option<u32>,
}

impl Answer {
    /// Whether the booked passes do.
    #[must_use]
    pub fn is_yes(&self) -> bool {
        self.plan.as_ref().is_some_and(Plan::is_enough)
    }
}

/// Answers a question.
///
/// # Errors
/// [`PlanError`]; never for want of passes.
pub fn answer(question: &Question<'_>) -> Result<Answer, PlanError> {
    let light = question.link.light_time(question.passes);
    let leaves_by_s = light.leaves_by(question.by_s);
    let booked = until(question.passes, leaves_by_s);
    let starts: Vec<Start> = question
        .starts
        .iter()
        .map(|s| s.by(question.by_s))
        .collect();
    let question = &Question {
        starts: &starts,
        ..*question
    };
    let plan = match booked.is_empty() {
        true => Some(on_its_way(
            question.objects,
            question.starts,
            question.link,
            question.target,
        ))
        .filter(Plan::is_enough),
        false => Some(question.plan(&booked)?),
    };
    let (more_passes, most, longest) = match plan.as_ref().filter(|p| p.is_enough()) {
        Some(plan) => (Some(Vec::new()), plan.least(), None),
        None => {
            let (more, most) = more(question, &booked, leaves_by_s)?;
            (more, most, longest(question, &booked)?)
        }
    };
    Ok(Answer {
        leaves_by_s,
        plan,
        more_passes,
        most,
        longest,
    })
}

impl Question<'_> {
    fn plan(&self, passes: &[Pass]) -> Result<Plan, PlanError> {
        plan_from(self.objects, self.starts, passes, self.link, self.target)
    }
}

/// What of the passes is over by an instant.
fn until(passes: &[Pass], end_s: u64) -> Vec<Pass> {
    let cut = passes.iter().map(|pass| Pass {
        end_s: pass.end_s.min(end_s),
        ..pass.clone()
    });
    cut.filter(|pass| pass.start_s < pass.end_s).collect()
}

/// Passes between the booked ones that would do, if any do, and the chance with all that could be booked.
fn more(
    question: &Question<'_>,
    booked: &[Pass],
    end_s: u64,
) -> Result<(Option<Vec<Pass>>, f64), PlanError> {
    let free = free(question, booked, end_s);
    let with = |count: usize| {
        let beside = free.iter().take(count);
        let mut all: Vec<Pass> = booked.iter().chain(beside).cloned().collect();
        all.sort_by_key(|pass| pass.start_s);
        all
    };
    if with(free.len()).is_empty() {
        return Ok((None, 0.0));
    }
    let all = question.plan(&with(free.len()))?;
    if !all.is_enough() {
        return Ok((None, all.least()));
    }
    // The first few of them: with more passes the chance never falls.
    let (mut too_few, mut enough) = (0, free.len());
    while enough - too_few > 1 {
        let middle = too_few.midpoint(enough);
        match question.plan(&with(middle))?.is_enough() {
            true => enough = middle,
            false => too_few = middle,
        }
    }
    let plan = question.plan(&with(enough))?;
    let beside = free.get(..enough).unwrap_or_default();
    let is_new = |pass: &Pass| beside.iter().any(|free| free.start_s == pass.start_s);
    let used = plan.passes.iter().filter(|p| p.frames > 0);
    let new = used.filter(|p| is_new(&p.pass)).map(|p| Pass {
        end_s: (p.pass.start_s + p.air_time_ms.div_ceil(1000).max(question.shortest_s))
            .min(p.pass.end_s),
        ..p.pass.clone()
    });
    Ok((Some(new.collect()), all.least()))
}

/// Passes that could be booked: one a day, apart from the booked ones and from what is blocked.
fn free(question: &Question<'_>, booked: &[Pass], end_s: u64) -> Vec<Pass> {
    let near = |p: &Pass| {
        let from_s = p.start_s.saturating_sub(APART_S);
        (from_s, p.end_s.saturating_add(APART_S))
    };
    let mut taken: Vec<(u64, u64)> = booked.iter().map(near).collect();
    taken.extend_from_slice(question.blocked);
    taken.sort_unstable();
    let mut free = Vec::new();
    let mut at_s = question.from_s;
    for (from_s, to_s) in taken.into_iter().chain([(end_s, u64::MAX)]) {
        let gap_end_s = from_s.min(end_s);
        while at_s.saturating_add(question.shortest_s.max(1)) <= gap_end_s
            && free.len() < MOST_PASSES
        {
            let ends_s = gap_end_s.min(at_s.saturating_add(PASS_S));
            free.push(Pass {
                start_s: at_s,
                end_s: ends_s,
                ..Pass::default()
            });
            at_s = ends_s.saturating_add(APART_S);
        }
        at_s = at_s.max(to_s);
    }
    free
}

/// Bytes of the longest bundle, in the place of the first one, with which the booked passes do.
fn longest(question: &Question<'_>, booked: &[Pass]) -> Result<Option<u32>, PlanError> {
    let mut objects = question.objects.to_vec();
    let mut starts = question.starts.to_vec();
    let bundle = objects.iter().position(|o| o.kind() == ObjectKind::Bundle);
    let Some(place) = bundle.filter(|_| !booked.is_empty()) else {
        return Ok(None);
    };
    let Some(first) = question.objects.get(place) else {
        return Ok(None);
    };
    let mut does = |symbols: u16| -> Result<bool, PlanError> {
        let bytes = vec![0; usize::from(symbols) * usize::from(first.symbol_len())];
        let shorter = UplinkObject::new(first.kind(), first.number(), &bytes, first.symbol_len());
        let (Ok(shorter), Some(object), Some(start)) =
            (shorter, objects.get_mut(place), starts.get_mut(place))
        else {
            return Ok(false);
        };
        // It would be another bundle, of which nothing was sent.
        (*start, *object) = (Start::fresh(&shorter), shorter);
        Ok(plan_from(&objects, &starts, booked, question.link, question.target)?.is_enough())
    };
    let (mut enough, mut too_long) = (0, first.k());
    while too_long - enough > 1 {
        let middle = enough.midpoint(too_long);
        match does(middle)? {
            true => enough = middle,
            false => too_long = middle,
        }
    }
    let bytes = u32::from(enough) * u32::from(first.symbol_len());
    // No patch is shorter than the envelope about it.
    Ok(Some(bytes).filter(|bytes| *bytes > first.envelope_len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Loss;
    use crate::link::tests::model;
    use crate::plan::InFlight;
    use lightday_wire::ObjectNumber;

    const DAY: u64 = 86_400;
    /// 22 h.
    const LIGHT: u64 = 79_200;

    /// 100 symbols of 200 B: 1,792 s on a clear link.
    fn bundle() -> [UplinkObject; 1] {
        let number = ObjectNumber::new(1).unwrap();
        [UplinkObject::new(ObjectKind::Bundle, number, &[1; 20_000], 200).unwrap()]
    }

    fn pass(start_s: u64, end_s: u64) -> Pass {
        Pass {
            start_s,
            end_s,
            ..Pass::default()
        }
    }

    fn ask_with(passes: &[Pass], by_s: u64, lost_pass: f64, blocked: &[(u64, u64)]) -> Answer {
        let mut link = model(Loss::Random { p: 0.0 });
        link.lost_pass = lost_pass;
        let objects = bundle();
        let question = Question {
            objects: &objects,
            starts: &objects.each_ref().map(Start::fresh),
            passes,
            link: &link,
            target: 0.99,
            from_s: DAY + LEAD_S,
            shortest_s: SHORTEST_S,
            by_s,
            blocked,
        };
        answer(&question).unwrap()
    }

    fn ask(passes: &[Pass], by_s: u64, lost_pass: f64) -> Answer {
        ask_with(passes, by_s, lost_pass, &[])
    }

    #[test]
    fn what_arrives_in_time_counts_and_nothing_else() {
        let passes = [pass(DAY, DAY + 3600)];
        // The last frame leaves at 1,792 s.
        let yes = ask(&passes, DAY + 1792 + LIGHT, 0.0);
        assert!(yes.is_yes());
        assert_eq!((yes.leaves_by_s, yes.longest), (DAY + 1792, None));
        assert_eq!(yes.more_passes, Some(vec![]));
        let no = ask(&passes, DAY + 1791 + LIGHT, 0.0);
        assert!(!no.is_yes());
        // One symbol less, of which the last second would have been.
        assert_eq!(no.longest, Some(99 * 200));
        assert_eq!((no.more_passes, no.most), (None, 0.0));
    }

    #[test]
    fn passes_that_would_do_are_apart_and_no_longer_than_they_are_used() {
        let passes = [pass(4 * DAY, 4 * DAY + 600)];
        let answer = ask(&passes, 5 * DAY + LIGHT, 0.0);
        let more = answer.more_passes.unwrap();
        assert_eq!((more.len(), more[0].start_s), (1, DAY + 3600));
        assert!(more[0].end_s <= DAY + 3600 + 1792, "{more:?}");
        // Each pass is lost with 0.2: three of them have it with 0.992; what adjoins one is no other.
        let booked = [pass(DAY, DAY + 1800)];
        let answer = ask(&booked, 4 * DAY + LIGHT, 0.2);
        let more = answer.more_passes.unwrap();
        assert_eq!(more.len(), 2);
        let all: Vec<&Pass> = booked.iter().chain(&more).collect();
        assert!(
            all.windows(2).all(|w| w[0].end_s + APART_S <= w[1].start_s),
            "{all:?}"
        );
        // One is all that there is time for: 0.8 each.
        let answer = ask(&booked, 2 * DAY + LIGHT, 0.2);
        assert_eq!(answer.more_passes, None);
        assert!((answer.most - 0.96).abs() < 1e-9, "{}", answer.most);
    }

    #[test]
    fn a_pass_is_booked_as_long_beforehand_and_as_long_as_one_can_be_had() {
        let link = model(Loss::Random { p: 0.0 });
        let objects = bundle();
        let ask = |from_s, shortest_s| {
            let question = Question {
                objects: &objects,
                starts: &objects.each_ref().map(Start::fresh),
                passes: &[],
                link: &link,
                target: 0.99,
                from_s,
                shortest_s,
                by_s: 60 * DAY + LIGHT,
                blocked: &[],
            };
            answer(&question).unwrap().more_passes.unwrap()
        };
        let booked = |from_s, shortest_s| {
            let more = ask(from_s, shortest_s);
            assert_eq!(more.len(), 1, "{more:?}");
            (more[0].start_s, more[0].end_s)
        };
        assert_eq!(booked(DAY, 60), (DAY, DAY + 1792));
        assert_eq!(booked(56 * DAY, 3600), (56 * DAY, 56 * DAY + 3600));
    }

    #[test]
    fn nothing_is_booked_where_there_is_no_link() {
        let blocked = [(DAY, 5 * DAY), (6 * DAY, 7 * DAY)];
        let answer = ask_with(&[], 5 * DAY + 600 + LIGHT, 0.0, &blocked);
        assert_eq!(answer.more_passes, None);
        let answer = ask_with(&[], 9 * DAY + LIGHT, 0.2, &blocked);
        let more = answer.more_passes.unwrap();
        let free = |p: &Pass| {
            blocked
                .iter()
                .all(|(from, to)| p.end_s <= *from || p.start_s >= *to)
        };
        assert!(more.len() == 3 && more.iter().all(free), "{more:?}");
    }

    #[test]
    fn who_books_what_was_said_has_it_in_time() {
        for (count, lost, days) in [(0, 0.0, 3), (0, 0.1, 6), (1, 0.2, 8), (2, 0.3, 9)] {
            let booked: Vec<Pass> = (0..count)
                .map(|n| pass((3 * n + 1) * DAY, (3 * n + 1) * DAY + 900))
                .collect();
            let by_s = days * DAY + LIGHT;
            let answer = ask(&booked, by_s, lost);
            let mut passes: Vec<Pass> = booked
                .into_iter()
                .chain(answer.more_passes.unwrap())
                .collect();
            passes.sort_by_key(|p| p.start_s);
            assert!(ask(&passes, by_s, lost).is_yes(), "{count} {lost} {days}");
        }
    }

    #[test]
    fn what_is_on_its_way_counts_once_all_of_it_is_there() {
        let link = model(Loss::Random { p: 0.0 });
        let objects = bundle();
        let arrives_s = DAY + 1792 + LIGHT;
        let starts = [Start {
            needed: 100,
            in_flight: vec![InFlight {
                places: (0..100).collect(),
                pass_frames: 100,
                lost: 0.0,
                pass_start_s: DAY,
                pass_end_s: DAY + 3600,
                arrives_s,
            }],
            next: 100,
        }];
        let by = |passes: &[Pass], by_s| {
            let question = Question {
                objects: &objects,
                starts: &starts,
                passes,
                link: &link,
                target: 0.99,
                from_s: DAY + 1792 + LEAD_S,
                shortest_s: SHORTEST_S,
                by_s,
                blocked: &[],
            };
            answer(&question).unwrap()
        };
        // With a pass that is still free, and with none.
        for passes in [&[pass(DAY + 1792, DAY + 1800)][..], &[]] {
            let yes = by(passes, arrives_s);
            assert!(yes.is_yes(), "{yes:?}");
            assert_eq!(yes.plan.unwrap().frames, []);
            assert!(!by(passes, arrives_s - 1).is_yes());
        }
    }

    #[test]
    fn nothing_is_faster_than_light() {
        let answer = ask(&[pass(DAY, 2 * DAY)], DAY + LIGHT - 1, 0.0);
        assert_eq!(answer.leaves_by_s, DAY - 1);
        assert_eq!(
            (answer.plan, answer.more_passes, answer.longest),
            (None, None, None)
        );
    }

    #[test]
    fn a_light_time_that_grows_takes_its_share() {
        let early = Pass {
            light_time_s: Some(1000),
            ..pass(DAY, DAY + 3600)
        };
        let late = Pass {
            light_time_s: Some(1864),
            ..pass(2 * DAY, 2 * DAY + 3600)
        };
        // A hundredth of a second each second: by twice a day and 1,000 s.
        let answer = ask(&[early, late], DAY + 43_200 + 1432, 0.0);
        assert_eq!(answer.leaves_by_s, DAY + 43_200);
    }
}
