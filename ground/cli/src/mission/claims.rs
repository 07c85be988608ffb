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

/// A number of a report that is higher than any given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Of what.
    pub kind: ObjectKind,
    /// The number that the vehicle would take next, or none where the claim is a verdict.
    pub next: Option<ObjectNumber>,
    /// The number that a verdict is about.
    pub verdict: Option<ObjectNumber>,
    /// The sequence of the report, of several the last one's.
    pub report: u32,
}

/// The claims of all reports of the latest link epoch, of each kind the highest.
///
/// # Errors
/// The ledger cannot be read.
pub fn claims(ledger: &Ledger) -> Result<Vec<Claim>> {
    let mut claims: Vec<Claim> = Vec::new();
    for row in latest_epoch(ledger)? {
        for claim in of_row(&row, ledger)? {
            match claims.iter_mut().find(|c| c.kind == claim.kind) {
                Some(known) => {
                    known.next = known.next.max(claim.next);
                    known.verdict = known.verdict.max(claim.verdict);
                    known.report = claim.report;
                }
                None => claims.push(claim),
            }
        }
    }
    Ok(claims)
}

/// The reports of the latest link epoch.
///
/// # Errors
/// The ledger cannot be read.
pub fn latest_epoch(ledger: &Ledger) -> Result<Vec<ReportRow>> {
    let mut rows = ledger.reports()?;
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
        let next = Some(next).filter(|next| *next > ours);
        let verdict = verdict.filter(|number| *number >= ours);
        if next.is_some() || verdict.is_some() {
            claims.push(Claim {
                kind,
                next,
                verdict,
                report: row.sequence,
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
        if let Some(next) = claim.next {
            text.push_str(&format!(
                "ALARM: report {} claims that {kind} {} comes next; no number as high was given out here.\n",
                claim.report,
                next.get()
            ));
        }
        if let Some(number) = claim.verdict {
            text.push_str(&format!(
                "ALARM: report {} has a verdict on {kind} {}, which was never made here.\n",
                claim.report,
                number.get()
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
    let number = |n: Option<ObjectNumber>| n.map(ObjectNumber::get);
    claims
        .iter()
        .map(|claim| {
            json!({
                "kind": kind_name(claim.kind), "next": number(claim.next),
                "verdict": number(claim.verdict), "report": claim.report,
            })
        })
        .collect()
}
