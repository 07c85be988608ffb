//! What the ledger knows of the time of what comes down: when light allows a report or an answer at the earliest, and
//! between which reports the flash was read for an answer.
//!
//! ```text
//! first frame leaves --- light ---> the command is carried out --- light ---> answer
//!                     reports that do not count it | reports that count it
//! ```
//! An answer carries no time, but the number of its command, and a report the number of the command that comes next. The
//! vehicle raises that before it does anything, so that a report tells on which side of a command it was made, whenever
//! either of the two was heard.
//!
//! Never judges what an answer says.

use lightday_station::light_time::LightTime;
use lightday_station::tracker::Proven;
use lightday_wire::report::{Report, ReportFrame};
use lightday_wire::{Epoch, ObjectKind, ObjectNumber, canon};

use crate::error::Result;
use crate::ledger::{Ledger, ReportRow, SentRow};

use super::Mission;
use crate::time::{show_duration, show_instant};

pub use lightday_station::light_time::SLACK_S;

/// What came before light allows it, in words: there and back behind `what`.
#[must_use]
pub fn too_early(came_s: u64, earliest_s: u64, what: &str) -> String {
    format!(
        "it came {}, and light allows none before {}: there and back behind {what}, less {} for clocks",
        show_instant(came_s),
        show_instant(earliest_s),
        show_duration(SLACK_S as f64)
    )
}

/// When what was sent can have had an effect, and what was heard.
#[derive(Clone, Debug)]
pub struct Times {
    light: LightTime,
    sent: Vec<SentRow>,
    /// Without the alarms of a vehicle that lost its record, which have no place in the order.
    reports: Vec<Proven>,
}

/// The reports on both sides of a reading of flash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Around<'t> {
    /// The last one before.
    pub before: Option<&'t Report>,
    /// The first one behind.
    pub behind: Option<&'t Report>,
}

impl Times {
    /// Of all that the ledger knows, and of reports that were `heard` just now.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn read(mission: &Mission, ledger: &Ledger, heard: &[ReportRow]) -> Result<Self> {
        let light = mission.light_time().clone();
        let mut rows = ledger.reports()?;
        rows.extend_from_slice(heard);
        let reports: Vec<Proven> = rows.iter().filter_map(|row| proven(row, &light)).collect();
        Ok(Self {
            sent: ledger.sent()?,
            reports: reports.into_iter().filter(|p| !p.is_alarm()).collect(),
            light,
        })
    }

    /// All runs of an object's symbols, whether or not they were transmitted.
    fn runs_of(&self, kind: ObjectKind, number: ObjectNumber) -> impl Iterator<Item = &SentRow> {
        let runs = self.sent.iter();
        runs.filter(move |s| (s.kind, s.number) == (kind, number))
    }

    /// The same of a command.
    pub fn runs(&self, command: ObjectNumber) -> impl Iterator<Item = &SentRow> {
        self.runs_of(ObjectKind::Command, command)
    }

    /// When a frame of a run that leaves at `leaves_s` is on board, and when the vehicle's answer to it is here. The
    /// light time is what the ledger kept of the run's own day, or what is stated by now: the shorter one, since either
    /// may be a mistake that was mended.
    fn by_frame_s(&self, run: &SentRow, leaves_s: u64) -> (u64, u64) {
        let kept_s = run.pass.map_or(u64::MAX, |pass| pass.one_way_s);
        let behind_s = |at_s: u64| at_s.saturating_add(self.light.at(at_s).min(kept_s));
        let there_s = behind_s(leaves_s);
        (there_s, behind_s(there_s))
    }

    /// The same of its first frame.
    fn there_and_back_s(&self, run: &SentRow) -> (u64, u64) {
        self.by_frame_s(run, run.starts_s)
    }

    /// Source symbols of an object; 0 where none of them was written for the uplink.
    #[must_use]
    pub fn k(&self, kind: ObjectKind, number: ObjectNumber) -> u32 {
        let k = self.runs_of(kind, number).map(|run| u32::from(run.k));
        k.max().unwrap_or(0)
    }

    /// The first instant at which a report can be here that tells of so many symbols of an object, less [`SLACK_S`];
    /// `None` if fewer were written for the uplink. Each run leaves at an even pace. Frames that are said never to have
    /// been transmitted count: whoever says that may err.
    #[must_use]
    pub fn told_s(&self, kind: ObjectKind, number: ObjectNumber, symbols: u32) -> Option<u64> {
        let mut runs: Vec<&SentRow> = self.runs_of(kind, number).collect();
        runs.sort_by_key(|run| run.starts_s);
        let (mut lacks, mut told_s) = (symbols.max(1), None::<u64>);
        for run in runs {
            // A later run may go up on a day of a shorter light time.
            let of = lacks.min(run.count).saturating_sub(1);
            let last_s = run.ends_s.saturating_sub(run.starts_s);
            let leaves_s = run.starts_s + last_s * u64::from(of) / u64::from(run.count.max(1));
            let back_s = self.by_frame_s(run, leaves_s).1.saturating_sub(SLACK_S);
            told_s = Some(told_s.map_or(back_s, |s| s.max(back_s)));
            lacks = lacks.saturating_sub(run.count);
            if lacks == 0 {
                return told_s;
            }
        }
        None
    }

    /// When the first answer to any of these runs can be here, less [`SLACK_S`].
    fn back_s<'a>(&self, runs: impl Iterator<Item = &'a SentRow>) -> Option<u64> {
        let back_s = runs.map(|run| self.there_and_back_s(run).1).min()?;
        Some(back_s.saturating_sub(SLACK_S))
    }

    /// The first link epoch under which frames of a command were transmitted; none before the first.
    #[must_use]
    pub fn epoch_of(&self, command: ObjectNumber) -> Option<Epoch> {
        let went = self.runs(command).filter(|run| run.went());
        went.map(|run| run.epoch).min().and_then(Epoch::new)
    }

    /// The latest link epoch of all reports; the first one before any.
    #[must_use]
    pub fn latest_epoch(&self) -> Epoch {
        let epochs = self.reports.iter().map(|p| p.epoch);
        epochs.max().unwrap_or_default()
    }

    /// The first instant at which the answer to a command can be here, less [`SLACK_S`]; `None` if no frame of the
    /// command was transmitted.
    #[must_use]
    pub fn earliest_s(&self, command: ObjectNumber) -> Option<u64> {
        self.back_s(self.runs(command).filter(|run| run.went()))
    }

    /// The report that came before the vehicle can have heard of a command, and counts its number all the same: an
    /// answer under that number is another command's. That is so where the ledger is an old backup, and gave the number
    /// out a second time (`a_number_that_a_restored_ledger_gave_out_twice_answers_for_no_other_region`). Frames that are
    /// said never to have been transmitted count here: whoever says that may err. Reports of other link epochs than the
    /// command's have no say: of one that was left, somebody else may have made them.
    #[must_use]
    pub fn used_before(&self, command: ObjectNumber) -> Option<u32> {
        let back_s = self.back_s(self.runs(command))?;
        let is_before = |p: &&Proven| {
            let is_of_epoch = self.runs(command).any(|run| run.epoch == p.epoch.get());
            is_of_epoch && p.received_s < back_s && counts(&p.report, command)
        };
        self.reports
            .iter()
            .find(is_before)
            .map(|p| p.report.sequence)
    }

    /// The reports between which a command was carried out whose answer came at `came_s`.
    ///
    /// One that does not count the command was made before it. If it came behind the answer all the same, and its clock
    /// does not say that it is older, it contradicts the answer: then the order in which the two came is all that is
    /// left. Reports of a link epoch that was left when the command was sent are never behind it: somebody else may have
    /// made them, with any numbers.
    #[must_use]
    pub fn around(&self, command: ObjectNumber, came_s: u64) -> Around<'_> {
        let there_s = self.runs(command).map(|run| self.there_and_back_s(run).0);
        let there_s = there_s.min().unwrap_or(0);
        let is_before = |p: &Proven| {
            let clock_s = u64::from(p.report.time_s);
            let is_older = clock_s != 0 && clock_s < there_s;
            !counts(&p.report, command) && (p.received_s <= came_s || is_older)
        };
        let epoch = self.runs(command).map(|run| run.epoch).min().unwrap_or(0);
        let (mut before, mut behind) = (None::<&Proven>, None::<&Proven>);
        for proven in &self.reports {
            if is_before(proven) {
                if before.is_none_or(|other| proven.is_newer_than(other)) {
                    before = Some(proven);
                }
            } else if proven.epoch.get() >= epoch
                && behind.is_none_or(|other| other.is_newer_than(proven))
            {
                behind = Some(proven);
            }
        }
        Around {
            before: before.map(|p| &p.report),
            behind: behind.map(|p| &p.report),
        }
    }
}

/// Whether a report was made behind the command, by the number that it says comes next.
fn counts(report: &Report, command: ObjectNumber) -> bool {
    let next = ObjectKind::Command
        .uplink_index()
        .and_then(|i| report.next.get(i));
    next.is_some_and(|next| command < *next)
}

/// What the ledger keeps has proved itself when it was taken in.
fn proven(row: &ReportRow, light: &LightTime) -> Option<Proven> {
    let frame = ReportFrame::parse(&row.frame).ok()?;
    Some(Proven {
        report: canon::decode(frame.body).ok()?,
        epoch: frame.epoch,
        received_s: row.received_s,
        sent_s: row.received_s.saturating_sub(light.at(row.received_s)),
        missed: 0,
    })
}
