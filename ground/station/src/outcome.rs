//! What a report says about an object that went up. Never knows what was sent: whether a verdict can be
//! about ours is the [session](crate::session)'s to judge.
//!
//! | the latest verdict of its kind | its number is still accepted | it was passed |
//! |---|---|---|
//! | refused, failed | nobody signed for it, or its symbols were polluted | signed, and final |
//! | receiving, accepted | a bundle is on its way, a command is carried out | received |
//! | started | K symbols of a bundle are there, ours or not; a command is carried out | received |
//! | done | received | received |
//! | about another number | not heard of | past; of a key set: received |
//!
//! A bundle is started once it is complete under an envelope that holds. The envelope is ours; whether its
//! payload is shows at the digest, and then the number is passed. So until then it is not over.

use lightday_wire::report::Report;
use lightday_wire::{ObjectKind, ObjectNumber, Refusal, Stage, Verdict};
use serde::{Deserialize, Serialize};

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Not known to be complete on board.
    Sending,
    /// Complete on board and not refused.
    Received,
    /// The vehicle refused it.
    Refused(Refusal),
    /// The vehicle began and failed.
    Failed(Refusal),
    /// The vehicle does not accept its number any more: another object took its place.
    Past,
    /// The ground gave it up.
    Cancelled,
}

/// The latest verdict of a kind; key sets have none in a report.
pub(crate) const fn verdict(report: &Report, kind: ObjectKind) -> Option<Verdict> {
    match kind {
        ObjectKind::Bundle => Some(report.bundle),
        ObjectKind::Authorization => Some(report.authorization),
        ObjectKind::Command => Some(report.command),
        _ => None,
    }
}

/// Whether the vehicle does not accept a number any more.
pub(crate) fn is_past(report: &Report, kind: ObjectKind, number: ObjectNumber) -> bool {
    let place = kind.uplink_index().unwrap_or_default();
    report.next.get(place).is_some_and(|next| number < *next)
}

/// What a report says about an object.
pub(crate) fn outcome(report: &Report, kind: ObjectKind, number: ObjectNumber) -> Outcome {
    let is_bundle = kind == ObjectKind::Bundle;
    let is_past = is_past(report, kind, number);
    match verdict(report, kind).filter(|v| v.number == number) {
        Some(v) => match v.stage {
            Stage::Refused => Outcome::Refused(v.refusal),
            Stage::Failed => Outcome::Failed(v.refusal),
            Stage::Done => Outcome::Received,
            // The verdict on a bundle's envelope: the payload is still coming, or nobody knows yet whose it is.
            Stage::Accepted | Stage::Started if !is_bundle => Outcome::Received,
            _ if is_past => Outcome::Received,
            _ => Outcome::Sending,
        },
        None if !is_past => Outcome::Sending,
        // Key sets have no verdict: their number says all.
        None if kind == ObjectKind::KeySet => Outcome::Received,
        None => Outcome::Past,
    }
}
