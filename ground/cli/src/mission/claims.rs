//! What a report claims of numbers that were never given out here.
//!
//! An honest vehicle shows no such number, unless this ledger is an old backup. Whoever stole the link key
//! shows any: a number that was raised to it could never be lowered again, and no object that follows would
//! be heard. So a claim changes nothing; people accept it, or go on to the next link epoch.

use lightday_wire::report::ReportFrame;
use lightday_wire::{ObjectKind, ObjectNumber, Report, canon};
use serde_json::{Value, json};

use crate::error::Result;
use crate::ledger::{Ledger, ReportRow};

use super::artifact::kind_name;

/// A number, and who says it. Of two claims the one of the higher number is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    /// The number.
    pub number: ObjectNumber,
    /// The sequence of the report.
    pub report: u32,
}

/// Numbers of reports that are higher than any given out.
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
}

/// The claims of all reports of the latest link epoch, of each kind the highest: of those that the ledger has,
/// and of those that were `heard` just now.
///
/// # Errors
/// The ledger cannot be read.
pub fn claims(ledger: &Ledger, heard: &[ReportRow]) -> Result<Vec<Claim>> {
    let mut claims: Vec<Claim> = Vec::new();
    for row in latest_epoch(ledger, heard)? {
        for claim in of_row(&row, ledger)? {
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
    let epoch = |row: &ReportRow| ReportFrame::parse(&row.frame).map(|f| f.epoch).ok();
    let latest = rows.iter().filter_map(epoch).max();
    rows.retain(|row| epoch(row) == latest);
    Ok(rows)
}

/// The claims of one report, which proved itself when it was taken in.
///
/// # Errors
/// The ledger cannot be read.
pub fn of_row(row: &ReportRow, ledger: &Ledger) -> Result<Vec<Claim>> {
    let report: Option<Report> = ReportFrame::parse(&row.frame)
        .ok()
        .and_then(|frame| canon::decode(frame.body).ok());
    let Some(report) = report else {
        return Ok(Vec::new());
    };
    let mut claims = Vec::new();
    for (kind, next) in ObjectKind::UPLINK.iter().copied().zip(report.next) {
        let ours = ledger.next_number(kind)?;
        let verdict = match kind {
            ObjectKind::Bundle => Some(report.bundle.number),
            ObjectKind::Authorization => Some(report.authorization.number),
            ObjectKind::Command => Some(report.command.number),
            _ => None,
        };
        let said = |number| Said {
            number,
            report: row.sequence,
        };
        let next = Some(next).filter(|next| *next > ours).map(said);
        let verdict = verdict.filter(|number| *number >= ours).map(said);
        if next.is_some() || verdict.is_some() {
            claims.push(Claim {
                kind,
                next,
                verdict,
            });
        }
    }
    Ok(claims)
}

/// Claims in words, to be said before all else; nothing where there are none.
#[must_use]
pub fn text(claims: &[Claim]) -> String {
    let mut text = String::new();
    for claim in claims {
        let kind = kind_name(claim.kind);
        if let Some(Said { number, report }) = claim.next {
            text.push_str(&format!(
                "ALARM: report {report} claims that {kind} {number} comes next; no number as high was given out here.\n"
            ));
        }
        if let Some(Said { number, report }) = claim.verdict {
            text.push_str(&format!(
                "ALARM: report {report} has a verdict on {kind} {number}, which was never made here.\n"
            ));
        }
    }
    if !text.is_empty() {
        text.push_str(
            "  Somebody else speaks or sends under a stolen link key: then go on to the next link epoch (lightday command epoch-switch).\n  Or this ledger is an old backup: then restore a later one, or take the numbers of a report over with lightday ingest --accept-numbers SEQUENCE.\n\n",
        );
    }
    text
}

/// The same for machines.
#[must_use]
pub fn to_json(claims: &[Claim]) -> Value {
    let number = |said: Option<Said>| said.map(|s| s.number.get());
    let report = |said: Option<Said>| said.map(|s| s.report);
    claims
        .iter()
        .map(|claim| {
            json!({
                "kind": kind_name(claim.kind),
                "next": number(claim.next), "next_report": report(claim.next),
                "verdict": number(claim.verdict), "verdict_report": report(claim.verdict),
            })
        })
        .collect()
}
