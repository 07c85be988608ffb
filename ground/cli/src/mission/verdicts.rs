//! What became of each object, as far as any report said: the furthest stage, in the words of PUS service 1.
//!
//! A report carries one verdict of each kind, that of the latest object. So an older one is known by the report that
//! was sent while it was the latest; where none was heard, by its number alone, which is used up. What light does not
//! allow yet of a report is not believed: it may be about another object of that number.

use lightday_station::stages;
use lightday_wire::report::{Report, ReportFrame, Verdict};
use lightday_wire::{ObjectKind, ObjectNumber, Stage, canon};
use serde_json::{Value, json};

use crate::error::Result;
use crate::ledger::{Ledger, ReportRow};

use super::artifact::kind_name;
use super::causes::Causes;

/// What became of an object that was made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Became {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its number.
    pub number: ObjectNumber,
    /// The furthest verdict, and the report that has it.
    pub verdict: Option<(Verdict, u32)>,
    /// Whether a report says that its number is used up.
    pub is_used: bool,
}

/// All objects that were made here of kinds on which reports carry verdicts, by kind and number.
///
/// # Errors
/// The ledger cannot be read.
pub fn all(causes: &Causes, ledger: &Ledger) -> Result<Vec<Became>> {
    let believed = |row: &ReportRow| Some(causes.believed(&body(row)?, row.received_s));
    let reports: Vec<Report> = ledger.reports()?.iter().filter_map(believed).collect();
    let objects = ledger.objects()?;
    let told = objects.iter().filter(|o| o.kind != ObjectKind::KeySet);
    Ok(told
        .map(|object| became(object.kind, object.number, &reports))
        .collect())
}

/// What the ledger keeps has proved itself when it was taken in.
fn body(row: &ReportRow) -> Option<Report> {
    let frame = ReportFrame::parse(&row.frame).ok()?;
    canon::decode(frame.body).ok()
}

fn became(kind: ObjectKind, number: ObjectNumber, reports: &[Report]) -> Became {
    let mut became = Became {
        kind,
        number,
        verdict: None,
        is_used: false,
    };
    for report in reports {
        let verdict = match kind {
            ObjectKind::Bundle => report.bundle,
            ObjectKind::Authorization => report.authorization,
            _ => report.command,
        };
        let known = became.verdict.map_or(Stage::Idle, |(v, _)| v.stage);
        if verdict.number == number && stages::is_further(verdict.stage, known) {
            became.verdict = Some((verdict, report.sequence));
        }
        let next = kind.uplink_index().and_then(|i| report.next.get(i));
        became.is_used |= next.is_some_and(|next| number < *next);
    }
    became
}

/// In words.
#[must_use]
pub fn text(became: &Became) -> (String, String) {
    match became.verdict {
        Some((verdict, report)) => (stages::text(verdict), format!("report {report}")),
        None if became.is_used => (
            "used up: no report has its verdict".to_owned(),
            "-".to_owned(),
        ),
        None => ("not reported".to_owned(), "-".to_owned()),
    }
}

/// For machines.
#[must_use]
pub fn to_json(all: &[Became]) -> Value {
    let one = |b: &Became| {
        let stage = b.verdict.map(|(v, _)| v.stage);
        json!({
            "kind": kind_name(b.kind), "number": b.number.get(), "verdict": text(b).0,
            "service_1": stage.and_then(stages::service_1),
            "report": b.verdict.map(|(_, report)| report), "used_up": b.is_used,
        })
    };
    all.iter().map(one).collect()
}
