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
use crate::plan::{Plan, PlanError, plan};

/// Passes that are tried beside the booked ones, at the most.
const MOST_PASSES: usize = 256;

/// A question: is it done by then?
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What goes up.
    pub objects: &'a [UplinkObject],
    /// Passes that are booked and free, in order.
    pub passes: &'a [Pass],
    /// The link.
    pub link: &'a LinkModel,
    /// The chance with which each object has to be complete on board.
    pub target: f64,
    /// When the antenna could be had, in Unix seconds.
    pub from_s: u64,
    /// When all has to be on board, in Unix seconds.
    pub by_s: u64,
    /// Length of a pass that could be booked beside, in seconds.
    pub pass_s: u64,
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The last instant at which a bit can leave to be there in time, in Unix seconds.
    pub leaves_by_s: u64,
    /// The plan in what of the booked passes arrives in time; `None` if nothing of them does.
    pub plan: Option<Plan>,
    /// Passes to be booked beside these, each no longer than it is used; `None` if no antenna in the world suffices.
    /// Empty if nothing is lacking.
    pub more_passes: Option<Vec<Pass>>,
    /// Bytes of the longest first object that would do in the booked passes; `None` if nothing is lacking, or none
    /// would.
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
    let plan = match booked.is_empty() {
        true => None,
        false => Some(question.plan(&booked)?),
    };
    let is_yes = plan.as_ref().is_some_and(Plan::is_enough);
    let (more_passes, longest) = match is_yes {
        true => (Some(Vec::new()), None),
        false => (
            more(question, &booked, leaves_by_s)?,
            longest(question, &booked)?,
        ),
    };
    Ok(Answer {
        leaves_by_s,
        plan,
        more_passes,
        longest,
    })
}

impl Question<'_> {
    fn plan(&self, passes: &[Pass]) -> Result<Plan, PlanError> {
        plan(self.objects, passes, self.link, self.target)
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

/// The first passes between the booked ones that would do, if any do.
fn more(
    question: &Question<'_>,
    booked: &[Pass],
    end_s: u64,
) -> Result<Option<Vec<Pass>>, PlanError> {
    let free = free(question, booked, end_s);
    let with = |count: usize| {
        let beside = free.iter().take(count);
        let mut all: Vec<Pass> = booked.iter().chain(beside).cloned().collect();
        all.sort_by_key(|pass| pass.start_s);
        all
    };
    if free.is_empty() || !question.plan(&with(free.len()))?.is_enough() {
        return Ok(None);
    }
    // The fewest that do: more passes never do less.
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
        end_s: p.pass.start_s + p.air_time_ms.div_ceil(1000),
        ..p.pass.clone()
    });
    Ok(Some(new.collect()))
}

/// Passes for which there is room beside the booked ones, in order.
fn free(question: &Question<'_>, booked: &[Pass], end_s: u64) -> Vec<Pass> {
    let mut free = Vec::new();
    let mut at_s = question.from_s;
    let ends = booked.iter().map(|pass| (pass.start_s, pass.end_s));
    for (gap_end_s, next_s) in ends.chain([(end_s, end_s)]) {
        while at_s < gap_end_s && free.len() < MOST_PASSES {
            let ends_s = gap_end_s.min(at_s.saturating_add(question.pass_s.max(1)));
            free.push(Pass {
                start_s: at_s,
                end_s: ends_s,
                ..Pass::default()
            });
            at_s = ends_s;
        }
        at_s = at_s.max(next_s);
    }
    free
}

/// Bytes of the longest first object with which the booked passes do.
fn longest(question: &Question<'_>, booked: &[Pass]) -> Result<Option<u32>, PlanError> {
    let Some(first) = question.objects.first().filter(|_| !booked.is_empty()) else {
        return Ok(None);
    };
    let mut objects = question.objects.to_vec();
    let mut does = |symbols: u16| -> Result<bool, PlanError> {
        let bytes = vec![0; usize::from(symbols) * usize::from(first.symbol_len())];
        let shorter = UplinkObject::new(first.kind(), first.number(), &bytes, first.symbol_len());
        let (Ok(shorter), Some(place)) = (shorter, objects.first_mut()) else {
            return Ok(false);
        };
        *place = shorter;
        Ok(plan(&objects, booked, question.link, question.target)?.is_enough())
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
    Ok((enough > 0).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Loss;
    use crate::link::tests::model;
    use lightday_wire::{ObjectKind, ObjectNumber};

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

    fn ask(passes: &[Pass], by_s: u64, lost_pass: f64) -> Answer {
        let mut link = model(Loss::Random { p: 0.0 });
        link.lost_pass = lost_pass;
        let question = Question {
            objects: &bundle(),
            passes,
            link: &link,
            target: 0.99,
            from_s: DAY,
            by_s,
            pass_s: 3600,
        };
        answer(&question).unwrap()
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
        assert_eq!(no.more_passes, None, "the antenna was ours all the time");
    }

    #[test]
    fn more_passes_are_as_few_and_as_short_as_they_can_be() {
        let passes = [pass(2 * DAY, 2 * DAY + 600)];
        let answer = ask(&passes, 3 * DAY + LIGHT, 0.0);
        let more = answer.more_passes.as_ref().unwrap();
        assert_eq!((more.len(), more[0].start_s), (1, DAY));
        assert!(more[0].end_s <= DAY + 1792, "{more:?}");
        // Each pass is lost with 0.2: three of them have it with 0.992.
        let answer = ask(&[pass(DAY, DAY + 1800)], 3 * DAY + LIGHT, 0.2);
        assert_eq!(answer.more_passes.unwrap().len(), 2);
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
