//! Claims of earliness alone, which end by themselves: a report that was heard later, and that light allows, says the same.
//!
//! Most of these are honest reports that were taken in under a wrong instant. But whoever stole the link key may have
//! guessed what the vehicle says later: so that each is told as a note for good, and never forgotten.

use lightday_wire::{ObjectKind, Stage, Verdict};
use serde_json::{Value, json};

use crate::error::Result;
use crate::ledger::{Ledger, ReportRow};
use crate::mission::causes::Causes;

use super::{Claim, Said, latest_epoch, of_row, report_of, verdict_of};

/// A report that light did not allow when it came, and one that says the same since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaughtUp {
    /// The sequence of the early one.
    pub report: u32,
    /// When it came, in Unix seconds.
    pub came_s: u64,
    /// The sequence of the one that light allows.
    pub by: u32,
}

/// All claims of the latest link epoch that ended by a later report, one of each early report.
///
/// # Errors
/// The ledger cannot be read.
pub fn caught_up(causes: &Causes, ledger: &Ledger, heard: &[ReportRow]) -> Result<Vec<CaughtUp>> {
    let rows = latest_epoch(ledger, heard)?;
    let mut all: Vec<CaughtUp> = Vec::new();
    for row in &rows {
        for mut claim in of_row(row, causes) {
            let by = end(&mut claim, row, &rows, causes);
            let is_told = all.iter().any(|one| one.report == row.sequence);
            if let Some(by) = by.filter(|_| !is_told) {
                all.push(CaughtUp {
                    report: row.sequence,
                    came_s: row.received_s,
                    by,
                });
            }
        }
    }
    Ok(all)
}

/// Takes out of a claim of `row` what came too early only and is said by a later report that light allows; returns the
/// sequence of such a one.
pub(super) fn end(
    claim: &mut Claim,
    row: &ReportRow,
    rows: &[ReportRow],
    causes: &Causes,
) -> Option<u32> {
    let verdict = report_of(row).and_then(|report| verdict_of(&report, claim.kind));
    let later = |says: &dyn Fn(&ReportRow) -> bool| {
        let mut later = rows
            .iter()
            .filter(|other| other.received_s > row.received_s);
        later.find(|other| says(other)).map(|other| other.sequence)
    };
    let is_early = |said: &Said| said.early.is_some();
    let next = claim.next.filter(is_early);
    let next_by = next.and_then(|said| later(&|other| tells_next(other, claim.kind, said, causes)));
    let verdict = claim.verdict.filter(is_early).and(verdict);
    let verdict_by =
        verdict.and_then(|of| later(&|other| tells_verdict(other, claim.kind, of, causes)));
    claim.next = claim.next.filter(|_| next_by.is_none());
    claim.verdict = claim.verdict.filter(|_| verdict_by.is_none());
    verdict_by.or(next_by)
}

fn claim_of(row: &ReportRow, kind: ObjectKind, causes: &Causes) -> Option<Claim> {
    of_row(row, causes).into_iter().find(|c| c.kind == kind)
}

/// Whether a report says that at least this number comes next, and light allows that.
fn tells_next(row: &ReportRow, kind: ObjectKind, said: Said, causes: &Causes) -> bool {
    let next = report_of(row).and_then(|r| r.next.get(kind.uplink_index()?).copied());
    let is_allowed = claim_of(row, kind, causes).is_none_or(|claim| claim.next.is_none());
    is_allowed && next.is_some_and(|next| next >= said.number)
}

/// Whether a report has this verdict, or one behind a stage that does not last, and light allows that.
fn tells_verdict(row: &ReportRow, kind: ObjectKind, of: Verdict, causes: &Causes) -> bool {
    let found = report_of(row).and_then(|report| verdict_of(&report, kind));
    let is_allowed = claim_of(row, kind, causes).is_none_or(|claim| claim.verdict.is_none());
    let lasts = !matches!(of.stage, Stage::Receiving | Stage::Accepted);
    let is_same = |found: Verdict| found == of || (!lasts && found.number == of.number);
    is_allowed && found.is_some_and(is_same)
}

/// In words, a line for each.
#[must_use]
pub fn caught_up_text(all: &[CaughtUp]) -> String {
    let mut text = String::new();
    for one in all {
        text.push_str(&format!(
            "note: report {}, taken in {}, came before light allows what it says; report {} says the same since. If its instant is wrong, mend it: lightday ingest FILE --redate --at INSTANT. If it is right, somebody else speaks under the link key.\n",
            one.report,
            crate::time::show_instant(one.came_s),
            one.by
        ));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// The same for machines.
#[must_use]
pub fn caught_up_json(all: &[CaughtUp]) -> Value {
    let one = |c: &CaughtUp| json!({ "report": c.report, "came_s": c.came_s, "by": c.by });
    all.iter().map(one).collect()
}
