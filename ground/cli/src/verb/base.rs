//! Whether the base of a delta can be on board when the delta is there.
//!
//! The latest report shows it, or a bundle brings it that went up, or goes up in front, and was not given up. All else is
//! warned of, and sent: the vehicle waits for a base, and people may know better.

use std::path::PathBuf;

use lightday_station::bundle::Bundle;
use lightday_wire::{Digest, DigestPrefix, ObjectKind, ObjectNumber, Report, SlotState, Stage};

use crate::error::Result;
use crate::ledger::{BundleRow, Ledger, SentRow};
use crate::mission::artifact::Artifact;
use crate::mission::causes::Causes;
use crate::mission::verdicts::{self, Became};
use crate::verb::sendable;

/// What is known of what may be on board.
pub struct Known<'a> {
    /// The ledger.
    pub ledger: &'a Ledger,
    /// What went up.
    pub sent: &'a [SentRow],
    /// What light allows of reports.
    pub causes: &'a Causes,
    /// The latest report.
    pub report: Option<Report>,
}

/// What is to be said of each bundle whose base nothing brings; the files go up in their order.
///
/// # Errors
/// The ledger or a file cannot be read.
pub fn doubts(known: &Known<'_>, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut doubts = Vec::new();
    let mut before: Vec<ObjectNumber> = Vec::new();
    let bundles = known.ledger.bundles()?;
    let became = verdicts::all(known.causes, known.ledger)?;
    for file in files {
        let Artifact::Bundle(bundle) = Artifact::load(file)? else {
            continue;
        };
        if let Some(why) = lacks(known, &bundle, (&bundles, &became), &before) {
            doubts.push(format!(
                "{}: bundle {} is a delta, and {why}: build it against what is on board, or with --full",
                file.display(),
                bundle.number()
            ));
        }
        before.push(bundle.number());
    }
    Ok(doubts)
}

/// Why the base of a bundle is not there; `None` where it is, is to come, or nobody knows.
fn lacks(
    known: &Known<'_>,
    bundle: &Bundle,
    (bundles, became): (&[BundleRow], &[Became]),
    before: &[ObjectNumber],
) -> Option<String> {
    let base = bundle.manifest().base?;
    if known.report.is_some_and(|report| shows(&report, base)) {
        return None;
    }
    let brings = |b: &&BundleRow| Digest(b.image).prefix() == base && b.number != bundle.number();
    let mut why = None;
    for brings in bundles.iter().filter(brings) {
        why = Some(comes_not(known, brings.number, became, before)?);
    }
    let told =
        |report: Report| format!("report {} shows its base nowhere on board", report.sequence);
    why.or_else(|| known.report.map(told))
}

/// Why a bundle does not bring its image any more; `None` if it does.
fn comes_not(
    known: &Known<'_>,
    number: ObjectNumber,
    became: &[Became],
    before: &[ObjectNumber],
) -> Option<String> {
    let text = |what: String| Some(format!("bundle {number}, which brings its base, {what}"));
    let aborted = sendable::aborted_by(known.ledger, known.sent, (ObjectKind::Bundle, number));
    if let Some(command) = aborted {
        return text(format!("is given up by command {command}"));
    }
    let of = |b: &&Became| (b.kind, b.number) == (ObjectKind::Bundle, number);
    let verdict = became.iter().find(of).and_then(|b| b.verdict);
    match verdict.map(|(verdict, report)| (verdict.stage, report)) {
        Some((Stage::Refused | Stage::Failed, report)) => {
            return text(format!("was not installed, says report {report}"));
        }
        Some((Stage::Done, _)) => {
            let last = known.report.map_or(0, |last| last.sequence);
            return text(format!(
                "was installed, and report {last} shows its image no more"
            ));
        }
        _ => {}
    }
    let went = |s: &&SentRow| s.went() && (s.kind, s.number) == (ObjectKind::Bundle, number);
    if before.contains(&number) || known.sent.iter().any(|s| went(&s)) {
        return None;
    }
    text("never went up".to_owned())
}

/// Whether a report shows an image that begins so.
fn shows(report: &Report, base: DigestPrefix) -> bool {
    let is_base = |digest: &[u8; 4]| base.short() == *digest;
    let slots = report.slots.iter();
    let mut lying = slots.filter(|s| {
        !matches!(
            s.state,
            SlotState::Empty | SlotState::Patching | SlotState::Failed
        )
    });
    is_base(&report.golden) || lying.any(|s| is_base(&s.digest))
}
