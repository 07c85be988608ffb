//! What a report claims of numbers that had never been sent from here when it came, or before light allows it.
//!
//! An honest vehicle shows no such number, unless this ledger is an old backup. Whoever stole the link key
//! shows any: a number that was raised to it could never be lowered again, and no object that follows would
//! be heard. So a claim changes nothing, and whatever is made or sent after it does not make it true: it
//! stands until people accept it, or until the vehicle is heard under the next link epoch. What only came too early
//! ends by itself once a later report says the same and light allows it.

use lightday_wire::report::ReportFrame;
use lightday_wire::{Action, Epoch, ObjectKind, ObjectNumber, Report, Verdict, canon};
use serde_json::{Value, json};

mod early;

use crate::error::Result;
use crate::ledger::{Ledger, ReportRow};

use super::artifact::{Artifact, kind_name};
use super::causes::{Causes, Early, effects};
pub use early::{CaughtUp, caught_up, caught_up_json, caught_up_text};

/// Numbers above ours that people may take over: what a vehicle whose next is still ours hears of those behind it.
pub const MOST_ACCEPTED: u32 = (1 << 16) - 1;

/// A number, and who says it. Of two claims the one of the higher number is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    /// The number.
    pub number: ObjectNumber,
    /// The sequence of the report.
    pub report: u32,
    /// Of what had been sent when it came: why light does not allow it.
    pub early: Option<Early>,
}

impl Said {
    /// For machines.
    const fn why(&self) -> &'static str {
        match self.early {
            None => "not sent",
            Some(Early {
                earliest_s: None, ..
            }) => "too few symbols",
            Some(_) => "too early",
        }
    }
}

/// Numbers of reports that are higher than any sent from here, or that are said before light allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Of what.
    pub kind: ObjectKind,
    /// The number that the vehicle would take next, or none where the claim is a verdict.
    pub next: Option<Said>,
    /// The number that a verdict is about; another report may have it.
    pub verdict: Option<Said>,
}

impl Claim {
    /// The first number that the vehicle would still take if all of this were true: what has a verdict is
    /// used up as well.
    #[must_use]
    pub fn first_free(&self) -> ObjectNumber {
        let next = self.next.map(|said| said.number);
        let behind = self.verdict.map(|said| said.number.next());
        next.max(behind).unwrap_or_default()
    }

    /// The report that says the highest number.
    #[must_use]
    pub fn report(&self) -> u32 {
        self.next.max(self.verdict).map_or(0, |said| said.report)
    }
}

/// Of each kind the first number behind all that were sent, or that people took over from a report.
///
/// Frames that are said never to have been transmitted count: whoever says that may be wrong. What a command
/// makes of other numbers counts, too: an abort burns all up to its own, sent or not, and a resynchronisation
/// brings all next numbers anew.
///
/// # Errors
/// The ledger cannot be read.
pub fn behind_sent(ledger: &Ledger) -> Result<[ObjectNumber; 4]> {
    let mut behind = accepted(ledger)?;
    for effect in effects(ledger)? {
        raise(&mut behind, effect.kind, effect.next);
    }
    Ok(behind)
}

/// Of each kind the first number behind all that people took over from a report.
///
/// # Errors
/// The ledger cannot be read.
pub fn accepted(ledger: &Ledger) -> Result<[ObjectNumber; 4]> {
    // What a vehicle takes first after its launch.
    let mut behind = [ObjectNumber::default().next(); 4];
    for (kind, next) in ledger.accepted_numbers()? {
        raise(&mut behind, kind, next);
    }
    Ok(behind)
}

fn raise(behind: &mut [ObjectNumber; 4], kind: ObjectKind, to: ObjectNumber) {
    if let Some(next) = kind.uplink_index().and_then(|i| behind.get_mut(i)) {
        *next = (*next).max(to);
    }
}

/// What a command of ours does; none if the ledger does not have it.
#[must_use]
pub fn action_of(command: ObjectNumber, ledger: &Ledger) -> Option<Action> {
    let bytes = ledger.object_bytes(ObjectKind::Command, command).ok()?;
    match Artifact::parse(&bytes).ok()? {
        Artifact::Command(draft) => Some(draft.document().action),
        _ => None,
    }
}

/// The claims of all reports of the latest link epoch, of each kind the highest: of those that the ledger has,
/// and of those that were `heard` just now. Without those of earliness alone that a later report caught up with.
///
/// # Errors
/// The ledger cannot be read.
pub fn claims(causes: &Causes, ledger: &Ledger, heard: &[ReportRow]) -> Result<Vec<Claim>> {
    let rows = latest_epoch(ledger, heard)?;
    let mut claims: Vec<Claim> = Vec::new();
    for row in &rows {
        for mut claim in of_row(row, causes) {
            early::end(&mut claim, row, &rows, causes);
            if claim.next.is_none() && claim.verdict.is_none() {
                continue;
            }
            match claims.iter_mut().find(|c| c.kind == claim.kind) {
                Some(known) => {
                    known.next = known.next.max(claim.next);
                    known.verdict = known.verdict.max(claim.verdict);
                }
                None => claims.push(claim),
            }
        }
    }
    Ok(claims)
}

/// The reports of the latest link epoch, of the ledger and `heard` just now.
///
/// # Errors
/// The ledger cannot be read.
pub fn latest_epoch(ledger: &Ledger, heard: &[ReportRow]) -> Result<Vec<ReportRow>> {
    let mut rows = ledger.reports()?;
    rows.extend_from_slice(heard);
    let latest = epoch(&rows);
    rows.retain(|row| epoch(std::slice::from_ref(row)) == latest);
    Ok(rows)
}

/// The latest link epoch of reports; none where there are none.
#[must_use]
pub fn epoch(rows: &[ReportRow]) -> Option<Epoch> {
    let epochs = rows.iter().map(|row| ReportFrame::parse(&row.frame));
    epochs.filter_map(|f| f.ok().map(|f| f.epoch)).max()
}

fn report_of(row: &ReportRow) -> Option<Report> {
    let frame = ReportFrame::parse(&row.frame).ok()?;
    canon::decode(frame.body).ok()
}

/// The verdict of a report on an object of a kind; none of key sets.
const fn verdict_of(report: &Report, kind: ObjectKind) -> Option<Verdict> {
    match kind {
        ObjectKind::Bundle => Some(report.bundle),
        ObjectKind::Authorization => Some(report.authorization),
        ObjectKind::Command => Some(report.command),
        _ => None,
    }
}

/// The claims of one report that nobody accepted yet. It proved itself when it was taken in.
#[must_use]
pub fn of_row(row: &ReportRow, causes: &Causes) -> Vec<Claim> {
    let Some(report) = report_of(row) else {
        return Vec::new();
    };
    let mut claims = Vec::new();
    let numbers = report.next.into_iter().zip(row.behind_sent);
    let numbers = numbers.zip(causes.accepted());
    for (kind, ((next, sent), accepted)) in ObjectKind::UPLINK.into_iter().zip(numbers) {
        let verdict = verdict_of(&report, kind);
        let said = |number, early| Said {
            number,
            report: row.sequence,
            early,
        };
        let next = Some(next).filter(|next| next > accepted);
        let next = next.and_then(|next| match next > sent {
            true => Some(said(next, None)),
            false => causes
                .early_next(kind, next, row.received_s)
                .map(|early| said(next, Some(early))),
        });
        let verdict = verdict.filter(|verdict| verdict.number >= *accepted);
        let verdict = verdict.and_then(|verdict| match verdict.number >= sent {
            true => Some(said(verdict.number, None)),
            false => causes
                .early_verdict(kind, verdict, row.received_s)
                .map(|early| said(verdict.number, Some(early))),
        });
        if next.is_some() || verdict.is_some() {
            claims.push(Claim {
                kind,
                next,
                verdict,
            });
        }
    }
    claims
}

/// Claims in words, to be said before all else; nothing where there are none.
#[must_use]
pub fn text(claims: &[Claim]) -> String {
    let mut text = String::new();
    for claim in claims {
        let kind = kind_name(claim.kind);
        if let Some(Said {
            number,
            report,
            early,
        }) = claim.next
        {
            let why = early.map_or_else(
                || "the one before it had not been sent from here".to_owned(),
                |early| format!("{}. It is kept, and not believed", early.text()),
            );
            text.push_str(&format!(
                "ALARM: report {report} claims that {kind} {number} comes next; {why}.\n"
            ));
        }
        if let Some(Said {
            number,
            report,
            early,
        }) = claim.verdict
        {
            let why = early.map_or_else(
                || ", which had not been sent from here".to_owned(),
                |early| format!("; {}. It is kept, and not believed", early.text()),
            );
            text.push_str(&format!(
                "ALARM: report {report} has a verdict on {kind} {number}{why}.\n"
            ));
        }
    }
    if !text.is_empty() {
        text.push_str(
            "  Somebody else speaks or sends under a stolen link key: then go on to the next link epoch (lightday command epoch-switch).\n  Or this ledger is an old backup: then restore a later one, or take the numbers of a report over with lightday ingest FILE --accept-numbers SEQUENCE.\n",
        );
        let said = claims.iter().flat_map(|claim| [claim.next, claim.verdict]);
        if said.flatten().any(|said| said.early.is_some()) {
            text.push_str(
                "  Or a clock, --at, or the light time of mission.toml or passes.csv is wrong, or the frames went up before their plan: then mend that. A light time that is mended counts at once. The instant of a report is mended by lightday ingest FILE --redate --at INSTANT; and a later report that light allows and that says the same ends this alarm.\n",
            );
        }
        text.push('\n');
    }
    text
}

/// The same for machines.
#[must_use]
pub fn to_json(claims: &[Claim]) -> Value {
    let number = |said: Option<Said>| said.map(|s| s.number.get());
    let report = |said: Option<Said>| said.map(|s| s.report);
    let why = |said: Option<Said>| said.map(|s| s.why());
    claims
        .iter()
        .map(|claim| {
            json!({
                "kind": kind_name(claim.kind),
                "next": number(claim.next), "next_report": report(claim.next), "next_why": why(claim.next),
                "verdict": number(claim.verdict), "verdict_report": report(claim.verdict),
                "verdict_why": why(claim.verdict),
            })
        })
        .collect()
}
