//! When the ground knows: a report has to leave the vehicle behind what it tells of, and a contact has to hear it.
//!
//! The vehicle reports on every change, once, and where nothing happens a beacon after the report before. Each report
//! begins the beacon anew, also one of a change that no plan foresees: a reset, or the end of the work on a bundle. So
//! the beacon's phase counts as unknown, any as likely as any other, and as lasting.
//!
//! ```text
//!  on board     complete x .  .b  .  .  .b  .  .  .b  .  .  .b      x  report of the change      b  beacon
//!  ground                  |#### lost ####|        |##########|     what contact a report falls into, or into none
//! ```
//! Never draws: the distribution is computed contact by contact, over phases that lie evenly. A contact that is lost hears
//! nothing, and of one that a frame came up in it is known that it is not.

use lightday_wire::HEADER_LEN;
use lightday_wire::report::REPORT_LEN;

use crate::light_time::LightTime;
use crate::link::{LinkModel, Pass};
use crate::pass::Contact;

/// Phases of the beacon that are looked at, at the most.
const PHASES: u64 = 360;
/// Chance that is not worth another report.
const NEGLIGIBLE: f64 = 1e-12;

/// An object is complete on board with a frame of a contact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Completion {
    /// When, in Unix seconds on board.
    pub at_s: u64,
    /// The chance of just that.
    pub chance: f64,
    /// When the contact of that frame begins and ends.
    pub contact_s: (u64, u64),
}

/// Who listens.
pub(crate) struct Ears<'a> {
    passes: &'a [Pass],
    light: &'a LightTime,
    contacts: Vec<Contact>,
    /// Between which seconds on board a report leaves that a pass hears all of, by the pass.
    hears: Vec<(u64, u64)>,
    air_s: u64,
    beacon_s: u64,
    /// The chance of a report to be lost in a pass that is not.
    miss: f64,
}

/// Chance that waits for a beacon in a contact: from when on, how much.
type Joins = Vec<(u64, f64)>;

impl<'a> Ears<'a> {
    pub(crate) fn new(passes: &'a [Pass], light: &'a LightTime, link: &LinkModel) -> Self {
        let air_s = air_s(link);
        Self {
            passes,
            light,
            contacts: Contact::all(passes, link),
            hears: passes
                .iter()
                .map(|pass| hears(pass, light, air_s))
                .collect(),
            air_s,
            beacon_s: link.beacon_s.max(1),
            miss: miss(link),
        }
    }

    /// When the ground knows of an object with these chances to be complete: with each of some chances, in order of
    /// theirs; `None`: not in these passes.
    pub(crate) fn known<const N: usize>(
        &self,
        completions: &[Completion],
        chances: [f64; N],
    ) -> [Option<u64>; N] {
        let mut known = self.curve(completions);
        known.sort_unstable_by_key(|(at_s, _)| *at_s);
        let (mut sum, mut known) = (0.0, known.into_iter().peekable());
        let mut last_s = None;
        chances.map(|chance| {
            while sum < chance - 1e-9 {
                let (at_s, more) = known.next()?;
                (sum, last_s) = (sum + more, Some(at_s));
            }
            last_s
        })
    }

    /// Instants, and the chance that the first report of it is here just then.
    fn curve(&self, completions: &[Completion]) -> Vec<(u64, f64)> {
        let mut known = Vec::new();
        let mut waits: Vec<(f64, Joins, f64)> = vec![(0.0, Vec::new(), 0.0); self.contacts.len()];
        for completion in completions {
            let heard_s = completion
                .at_s
                .saturating_add(self.light.at(completion.at_s));
            let place = self.contacts.partition_point(|c| c.end_s <= heard_s);
            let (Some(contact), Some((before, joins, behind))) =
                (self.contacts.get(place), waits.get_mut(place))
            else {
                continue;
            };
            if heard_s < contact.start_s {
                *before += completion.chance;
                continue;
            }
            let (from_s, to_s) = completion.contact_s;
            let is_same = from_s < contact.end_s && contact.start_s < to_s;
            let heard = if is_same { 1.0 } else { 1.0 - contact.lost };
            let known_s = heard_s.saturating_add(self.air_s);
            let own = self.passes.get(contact.places.clone()).unwrap_or_default();
            let is_open = own
                .iter()
                .any(|p| p.start_s <= heard_s && known_s <= p.end_s);
            let missed = if is_open { self.miss } else { 1.0 };
            known.push((known_s, completion.chance * heard * (1.0 - missed)));
            joins.push((known_s, completion.chance * heard * missed));
            *behind += completion.chance * (1.0 - heard);
        }
        for (_, joins, _) in &mut waits {
            joins.sort_unstable_by_key(|(at_s, _)| *at_s);
        }
        let phases = self.beacon_s.min(PHASES);
        for phase in 0..phases {
            let phase_s = (2 * phase + 1) * self.beacon_s / (2 * phases);
            self.in_phase((phase_s, 1.0 / phases as f64), &waits, &mut known);
        }
        known
    }

    /// What beacons of one phase, which has this share, tell.
    fn in_phase(
        &self,
        (phase_s, share): (u64, f64),
        waits: &[(f64, Joins, f64)],
        known: &mut Vec<(u64, f64)>,
    ) {
        let mut waiting = 0.0;
        for (contact, (before, joins, behind)) in self.contacts.iter().zip(waits) {
            waiting += before;
            let (mut heard, lost) = (waiting * (1.0 - contact.lost), waiting * contact.lost);
            let mut joins = joins.iter().peekable();
            for place in contact.places.clone() {
                let Some((from_s, to_s)) = self.hears.get(place).copied() else {
                    continue;
                };
                let mut sent_s =
                    from_s + (phase_s + self.beacon_s - from_s % self.beacon_s) % self.beacon_s;
                while sent_s <= to_s && (heard > NEGLIGIBLE || joins.peek().is_some()) {
                    let here_s = sent_s + self.light.at(sent_s) + self.air_s;
                    while let Some((_, more)) = joins.next_if(|(from_s, _)| *from_s <= here_s) {
                        heard += more;
                    }
                    known.push((here_s, heard * (1.0 - self.miss) * share));
                    heard *= self.miss;
                    sent_s += self.beacon_s;
                }
            }
            waiting = heard + lost + joins.map(|(_, more)| more).sum::<f64>() + behind;
        }
    }
}

/// When a report sent at `sent_s` on board, or one like it, is complete on the ground at the earliest: in or at the
/// begin of a pass, by a beacon of just the right phase. `None`: no pass of these hears it.
#[must_use]
pub fn known_by(sent_s: u64, passes: &[Pass], light: &LightTime, link: &LinkModel) -> Option<u64> {
    let air_s = air_s(link);
    let heard_s = sent_s.saturating_add(light.at(sent_s));
    let over = passes.partition_point(|pass| pass.end_s <= heard_s);
    let mut left = passes.iter().skip(over);
    let pass = left.find(|p| heard_s.max(p.start_s) + air_s <= p.end_s)?;
    Some(heard_s.max(pass.start_s) + air_s)
}

/// When the ground knows at the latest what the vehicle first reports at `sent_s` on board, if no pass and no report is
/// lost: by that report, where a pass hears it, or else by a beacon, whatever its phase. `None`: there are phases
/// of which no pass of these hears a beacon.
#[must_use]
pub fn surely_known_by(
    sent_s: u64,
    passes: &[Pass],
    light: &LightTime,
    link: &LinkModel,
) -> Option<u64> {
    let (air_s, beacon_s) = (air_s(link), link.beacon_s.max(1));
    let heard_s = sent_s.saturating_add(light.at(sent_s));
    let here_s = heard_s.saturating_add(air_s);
    let over = passes.partition_point(|pass| pass.end_s <= heard_s);
    let left = passes.get(over..).unwrap_or_default();
    if left
        .first()
        .is_some_and(|p| p.start_s <= heard_s && here_s <= p.end_s)
    {
        return Some(here_s);
    }
    // Phases of which no beacon was heard so far: seconds behind `origin_s`, modulo the beacon.
    let (mut unheard, mut origin_s) = (vec![(0, beacon_s)], 0);
    for pass in left {
        let (from_s, to_s) = hears(pass, light, air_s);
        let from_s = from_s.max(sent_s);
        if to_s < from_s {
            continue;
        }
        let back_s = (from_s - origin_s) % beacon_s;
        unheard = turned(&unheard, beacon_s - back_s, beacon_s);
        origin_s = from_s;
        let last = unheard.iter().map(|(_, end)| *end).max().unwrap_or(1);
        let open_s = to_s - from_s + 1;
        unheard = unheard
            .iter()
            .map(|(start, end)| (open_s.max(*start), *end))
            .collect();
        unheard.retain(|(start, end)| start < end);
        if unheard.is_empty() {
            let sent_s = from_s + last - 1;
            return Some(sent_s + light.at(sent_s) + air_s);
        }
    }
    None
}

/// Intervals of a circle, turned by so much.
fn turned(all: &[(u64, u64)], by: u64, circle: u64) -> Vec<(u64, u64)> {
    let mut turned = Vec::new();
    for (start, end) in all {
        let (from, len) = ((start + by) % circle, end - start);
        let to = from + len;
        turned.push((from, to.min(circle)));
        if to > circle {
            turned.push((0, to - circle));
        }
    }
    turned
}

/// Seconds of a report on the air.
fn air_s(link: &LinkModel) -> u64 {
    (REPORT_LEN as u64 * 8).div_ceil(u64::from(link.rate_down_bps.max(1)))
}

/// The chance of a report to be lost by itself: as that of a frame as long as it is.
fn miss(link: &LinkModel) -> f64 {
    let of_frame = HEADER_LEN + link.tag_len.get();
    let chain =
        link.chain(u16::try_from(REPORT_LEN - of_frame.min(REPORT_LEN)).unwrap_or(u16::MAX));
    let [good, bad] = chain.lost;
    (1.0 - chain.bad) * good + chain.bad * bad
}

/// The first and the last second on board at which a report leaves that a pass hears all of; none where the last is
/// before the first.
fn hears(pass: &Pass, light: &LightTime, air_s: u64) -> (u64, u64) {
    let first_s = light.leaves_by(pass.start_s);
    let is_early = first_s + light.at(first_s) < pass.start_s;
    (
        first_s + u64::from(is_early),
        light.leaves_by(pass.end_s.saturating_sub(air_s)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Loss;
    use crate::link::tests::model;
    use proptest::prelude::*;

    const HOUR: u64 = 3600;
    const DAY: u64 = 24 * HOUR;
    /// As of the link.
    const LIGHT: u64 = 22 * HOUR;

    fn daily(days: u64, hours: u64) -> Vec<Pass> {
        let pass = |day| Pass {
            start_s: 10 * DAY + day * DAY,
            end_s: 10 * DAY + day * DAY + hours * HOUR,
            ..Pass::default()
        };
        (0..days).map(pass).collect()
    }

    fn at(at_s: u64, chance: f64) -> Completion {
        Completion {
            at_s,
            chance,
            contact_s: (0, 1),
        }
    }

    fn known(completions: &[Completion], passes: &[Pass], link: &LinkModel) -> [Option<u64>; 3] {
        let light = LightTime::from(link.light_time_s);
        Ears::new(passes, &light, link).known(completions, [0.5, 0.9, 0.99])
    }

    #[test]
    fn a_pass_that_is_shorter_than_the_beacon_hears_some_phases_alone() {
        let link = model(Loss::Random { p: 0.0 });
        let light = LightTime::from(LIGHT);
        let done = [at(9 * DAY, 1.0)];
        // One hour a day, and a beacon every six: five phases of six never fall into it.
        assert_eq!(known(&done, &daily(9, 1), &link), [None; 3]);
        assert_eq!(surely_known_by(9 * DAY, &daily(9, 1), &light, &link), None);
        assert_eq!(
            known_by(9 * DAY, &daily(9, 1), &light, &link),
            Some(10 * DAY + 8)
        );
        // In eight hours each does, half of them within three.
        let [p50, p90, p99] = known(&done, &daily(9, 8), &link).map(|s| s.unwrap() - 10 * DAY);
        assert!(
            p50.abs_diff(3 * HOUR) < 120 && p90.abs_diff(6 * HOUR * 9 / 10) < 120,
            "{p50} {p90}"
        );
        assert!(p99 > 5 * HOUR && p99 < 6 * HOUR + 8, "{p99}");
        let surely = surely_known_by(9 * DAY, &daily(9, 8), &light, &link);
        assert_eq!(surely, Some(10 * DAY + 6 * HOUR - 1 + 8));
        // The report of the change itself needs no beacon.
        let heard_s = 10 * DAY + 600;
        let [p50, ..] = known(&[at(heard_s - LIGHT, 1.0)], &daily(9, 1), &link);
        assert_eq!(p50, Some(heard_s + 8));
        assert_eq!(
            surely_known_by(heard_s - LIGHT, &daily(9, 1), &light, &link),
            p50
        );
    }

    #[test]
    fn a_pass_that_is_lost_tells_nothing_but_in_the_contact_that_brought_it() {
        let mut link = model(Loss::Random { p: 0.0 });
        link.lost_pass = 0.3;
        let done = [at(9 * DAY, 0.7)];
        let hour = |s: Option<u64>| s.map(|s| (s - 10 * DAY) / HOUR);
        // 0.7 * 0.7 = 0.49: half of all cases take another day, and nine of ten never come.
        assert_eq!(
            known(&done, &daily(9, 8), &link).map(hour),
            [Some(24), None, None]
        );
        // Up and down within one contact, which is not lost then.
        link.light_time_s = 60;
        let own = Completion {
            contact_s: (10 * DAY, 10 * DAY + 8 * HOUR),
            ..at(10 * DAY + 2 * HOUR, 0.7)
        };
        assert_eq!(
            known(&[own], &daily(1, 8), &link),
            [Some(10 * DAY + 2 * HOUR + 68), None, None]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Phase by phase, the second at which the last one of them is heard.
        #[test]
        fn what_is_surely_known_is_known_in_every_phase(
            sent_h in 0u64..60, beacon_s in 60u64..900, starts in prop::collection::vec((60u64..7200, 30u64..900), 1..6),
        ) {
            let mut link = model(Loss::Random { p: 0.0 });
            (link.beacon_s, link.light_time_s) = (beacon_s, 1000);
            let light = LightTime::from(1000);
            let (mut passes, mut free_s) = (Vec::new(), 2000);
            for (gap, len) in starts {
                passes.push(Pass { start_s: free_s + gap, end_s: free_s + gap + len, ..Pass::default() });
                free_s += gap + len;
            }
            let sent_s = sent_h * 600;
            let air_s = 8;
            let hears = |sent_s: u64| {
                let heard_s = sent_s + 1000;
                passes.iter().any(|p| p.start_s <= heard_s && heard_s + air_s <= p.end_s)
            };
            let first = |phase: u64| {
                let own = (sent_s..free_s).find(|s| s % beacon_s == phase && hears(*s));
                own.map(|s| s + 1000 + air_s)
            };
            let expected = match hears(sent_s) {
                true => Some(sent_s + 1000 + air_s),
                false => (0..beacon_s).map(first).try_fold(0, |last, s| Some(s?.max(last))),
            };
            prop_assert_eq!(surely_known_by(sent_s, &passes, &light, &link), expected);
        }
    }
}
