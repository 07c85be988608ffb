//! Where objects stand: what of them went up, what of that is on its way, and what the vehicle said it still needs.
//!
//! ```text
//! ledger: what went up, in which passes --+
//! passes.csv -----------------------------+--> start of each object --> plan
//! the latest report ----------------------+
//! ```
//! Of a pass that is over the ledger keeps what passes.csv said of it: rows of the past may be taken out there, and
//! certificates stay what they were. Where the row is still there, it has the say: people may know better by now.

use std::collections::BTreeMap;

use lightday_station::light_time::LightTime;
use lightday_station::link::LinkModel;
use lightday_station::object::UplinkObject;
use lightday_station::pass::Contact;
use lightday_station::plan::{InFlight, Start};
use lightday_station::tracker::{Alarm, Proven};
use lightday_wire::report::Report;
use lightday_wire::{Epoch, ObjectKind, Stage};
use serde_json::{Value, json};

use super::config::Outage;
use super::{Mission, Pass, reports};
use crate::error::Result;
use crate::ledger::{Ledger, SentRow};

/// What the ledger knows of everything that went up.
#[derive(Debug)]
pub struct Underway {
    /// All that uplinks wrote.
    pub sent: Vec<SentRow>,
    /// The latest report that proved itself.
    pub last: Option<Proven>,
    /// A vehicle that lost its record said so.
    pub alarm: Option<Alarm>,
    /// Those of passes.csv.
    passes: Vec<Pass>,
    outages: Vec<Outage>,
    /// As the passes state it, those that the ledger alone knows among them.
    light: LightTime,
    link: LinkModel,
    now_s: u64,
}

impl Underway {
    /// Reads the ledger and the passes.
    ///
    /// # Errors
    /// One of them makes no sense, or a report does not prove itself any more.
    pub fn read(mission: &Mission, ledger: &Ledger, now_s: u64) -> Result<Self> {
        let (last, alarm) = match ledger.reports()?.is_empty() {
            true => (None, None),
            false => {
                let tracker = reports::tracker(mission, ledger, &mission.held_link_keys()?)?;
                (reports::last(&tracker, mission), tracker.alarm().copied())
            }
        };
        let (sent, passes) = (ledger.sent()?, mission.passes()?);
        let link = mission.config.link_model();
        Ok(Self {
            light: mission.light_time().clone(),
            sent,
            last,
            alarm,
            passes,
            outages: mission.config.outages.clone(),
            link,
            now_s,
        })
    }

    /// What the ledger keeps of the contacts of some runs, each once: for machines.
    pub fn passes_of(&self, runs: &[SentRow]) -> Value {
        let contacts = Contact::all(&self.passes, &self.link);
        let kept = contacts.iter().filter_map(|contact| {
            let own = self.passes.get(contact.places.clone())?;
            let is_used = own
                .iter()
                .any(|pass| runs.iter().any(|run| is_within(run, pass)));
            is_used.then(|| {
                json!({
                    "start_s": contact.start_s, "end_s": contact.end_s, "lost": contact.lost,
                    "light_time_s": own.first().and_then(|pass| pass.light_time_s),
                    "one_way_s": self.light.at(contact.start_s),
                })
            })
        });
        kept.collect()
    }

    /// The latest report, as far as it has a say: what was said in an epoch that is left has none in the next, since
    /// whoever stole the key may have said it.
    pub fn heard(&self, epoch: Epoch) -> Option<&Proven> {
        self.last.as_ref().filter(|last| last.epoch >= epoch)
    }

    /// The runs of an object that were transmitted. An index means the same content for the life of an object, so
    /// that the indices of those that never were may go up again.
    pub fn runs<'a>(&'a self, object: &UplinkObject) -> impl Iterator<Item = &'a SentRow> {
        let of = (object.kind(), object.number());
        let runs = self.sent.iter();
        runs.filter(move |s| s.went() && (s.kind, s.number) == of)
    }

    /// The first symbol behind all that were sent: later uplinks bring fresh parity.
    fn next(&self, object: &UplinkObject) -> u32 {
        let ends = self.runs(object).map(|s| s.first + s.count);
        ends.max().unwrap_or(0)
    }

    /// An object as if nothing of it had arrived; no symbol goes up a second time.
    pub fn afresh(&self, object: &UplinkObject) -> Start {
        Start {
            next: self.next(object),
            ..Start::fresh(object)
        }
    }

    /// Where an object stands whose frames go up in `epoch`.
    pub fn start(&self, object: &UplinkObject, epoch: Epoch) -> Start {
        let heard = self.heard(epoch);
        let mut runs: Vec<&SentRow> = self.runs(object).collect();
        runs.sort_by_key(|run| run.starts_s);
        let (mut in_flight, mut arrived) = (Vec::<InFlight>::new(), 0);
        for run in runs {
            let left = heard.map_or(run.count, |last| self.unheard(run, last.sent_s));
            arrived += run.count - left;
            // A frame of another epoch is not opened.
            if left == 0 || run.epoch != epoch.get() {
                continue;
            }
            let arrives_s = self.arrives(run.ends_s);
            let (lost, pass_start_s, pass_end_s) = self.pass(run);
            let (places, pass_frames) = self.places(run, left, (pass_start_s, pass_end_s));
            let places = self.open(run, places);
            // What nobody can hear is not on its way.
            let Some(last_place) = places.last().filter(|_| lost < 1.0) else {
                continue;
            };
            let pass_frames = pass_frames.max(last_place.saturating_add(1));
            match in_flight.last_mut() {
                // Of another uplink, in the same pass.
                Some(last) if run.starts_s < last.pass_end_s => {
                    last.places.extend(places);
                    last.pass_frames = last.pass_frames.max(pass_frames);
                    last.arrives_s = last.arrives_s.max(arrives_s);
                }
                _ => in_flight.push(InFlight {
                    places,
                    pass_frames,
                    lost,
                    pass_start_s,
                    pass_end_s,
                    arrives_s,
                }),
            }
        }
        Start {
            needed: needed(object, heard.map(|last| &last.report), arrived),
            in_flight,
            next: self.next(object),
        }
    }

    /// The places of the last `left` frames of a run in its contact, and how many slots of that are over. What the antenna
    /// was silent for between two uplinks counts as nothing, and frames whose places were not kept as neighbours.
    fn places(&self, run: &SentRow, left: u32, (start_s, end_s): (u64, u64)) -> (Vec<u32>, u32) {
        let in_pass = |s: &&SentRow| s.went() && start_s <= s.starts_s && s.starts_s < end_s;
        let in_pass = || self.sent.iter().filter(in_pass);
        // A run without places stands behind those of its file before it.
        let first = |s: &SentRow| {
            let of_file = in_pass().filter(|o| o.file == s.file && o.starts_s < s.starts_s);
            of_file.map(|o| o.count).sum::<u32>()
        };
        // Slots that a file takes: it may be silent between two passes.
        let mut files: BTreeMap<&str, (u64, u32)> = BTreeMap::new();
        for s in in_pass() {
            let end = match s.places.last() {
                Some(last) => last.saturating_add(1),
                None => first(s).saturating_add(s.count),
            };
            let file = files.entry(&s.file).or_insert((s.starts_s, 0));
            *file = (file.0.min(s.starts_s), file.1.max(end));
        }
        let slots = |is_meant: &dyn Fn(&str, u64) -> bool| {
            let meant = files.iter().filter(|(file, (s, _))| is_meant(file, *s));
            meant.fold(0_u32, |sum, (_, (_, slots))| sum.saturating_add(*slots))
        };
        let before = slots(&|file, starts_s| file != run.file && starts_s < run.starts_s);
        let places: Vec<u32> = match run.places.is_empty() {
            false => run
                .places
                .iter()
                .map(|p| before.saturating_add(*p))
                .collect(),
            true => (first(run)..)
                .take(run.count as usize)
                .map(|p| before.saturating_add(p))
                .collect(),
        };
        let heard = places.len().saturating_sub(left as usize);
        (places[heard..].to_vec(), slots(&|_, _| true))
    }

    fn arrives(&self, left_s: u64) -> u64 {
        left_s.saturating_add(self.light.at(left_s))
    }

    /// Frames of a run that had not arrived when a report left. They went up at an even pace; what is in doubt counts
    /// as arrived or lost, so that rather too much is sent than too little.
    fn unheard(&self, run: &SentRow, report_s: u64) -> u32 {
        let (from_s, to_s) = (self.arrives(run.starts_s), self.arrives(run.ends_s));
        let left_s = to_s.saturating_sub(report_s.max(from_s));
        let of_s = to_s.saturating_sub(from_s).max(1);
        u32::try_from(u64::from(run.count) * left_s / of_s).unwrap_or(run.count)
    }

    /// The chance that the contact of a run is lost, and when it begins and ends. Of one that is over and that passes.csv
    /// names no more, what it said when the run was written, or else what the mission assumes; one that is still to
    /// come and is booked no more brings nothing, nor does one that an outage took.
    fn pass(&self, run: &SentRow) -> (f64, u64, u64) {
        let place = self.passes.iter().position(|pass| is_across(run, pass));
        if let Some(contact) = place.and_then(|at| Contact::of(&self.passes, at, &self.link)) {
            return (contact.lost, contact.start_s, contact.end_s);
        }
        let is_out = |o: &Outage| o.start_s <= run.starts_s && run.starts_s < o.end_s;
        let is_lost = run.starts_s >= self.now_s || self.outages.iter().any(is_out);
        match run.pass {
            _ if is_lost => (1.0, run.starts_s, run.ends_s),
            Some(pass) => (pass.lost, pass.start_s, pass.end_s),
            None => (self.link.lost_pass, run.starts_s, run.ends_s),
        }
    }

    /// Those of the last frames of a run, by their places, that go up while a pass is open, at an even pace: an outage, or a
    /// shorter row, may have come after the run. Of a run whose pass passes.csv names no more, [`Self::pass`] says it.
    fn open(&self, run: &SentRow, places: Vec<u32>) -> Vec<u32> {
        let across = self.passes.iter().filter(|pass| is_across(run, pass));
        let across: Vec<&Pass> = across.collect();
        if across.is_empty() {
            return places;
        }
        let (first, count) = (
            (run.count as usize).saturating_sub(places.len()),
            u64::from(run.count.max(1)),
        );
        let for_s = run.ends_s.saturating_sub(run.starts_s);
        let at_s = |frame: usize| run.starts_s + for_s * frame as u64 / count;
        let is_open = |frame: usize| {
            let mut across = across.iter();
            across.any(|p| p.start_s <= at_s(frame) && at_s(frame + 1) <= p.end_s)
        };
        let frames = (first..).zip(places);
        frames
            .filter_map(|(frame, place)| is_open(frame).then_some(place))
            .collect()
    }
}

/// Whether a part of a run lies in a pass.
fn is_across(run: &SentRow, pass: &Pass) -> bool {
    pass.start_s < run.ends_s && run.starts_s < pass.end_s
}

fn is_within(run: &SentRow, pass: &Pass) -> bool {
    pass.start_s <= run.starts_s && run.starts_s < pass.end_s
}

/// Symbols that the vehicle still needs, of an object of which so many frames had arrived or were lost.
fn needed(object: &UplinkObject, report: Option<&Report>, arrived: u32) -> u32 {
    let k = u32::from(object.k());
    let Some(report) = report else {
        return k;
    };
    let is_it = object.kind() == ObjectKind::Bundle
        && report.bundle.number == object.number()
        && matches!(
            report.bundle.stage,
            Stage::Receiving | Stage::Accepted | Stage::Started
        );
    // A forgery in reception under our number may need fewer than ours does: no more is there than was sent.
    let missing = k.saturating_sub(arrived);
    match is_it {
        true => u32::from(report.symbols_needed).clamp(missing, k),
        false => k,
    }
}

#[cfg(test)]
#[path = "underway_tests.rs"]
mod tests;
