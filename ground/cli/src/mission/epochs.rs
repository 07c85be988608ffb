//! Link epochs: under which the vehicle listens, as far as it was heard, and where a command leads it.

use lightday_wire::{Action, Epoch, ObjectKind, ObjectNumber};

use super::artifact::Artifact;
use super::claims::action_of;
use crate::error::Result;
use crate::ledger::Ledger;

/// The epoch of the latest report; 0 before the first one.
///
/// # Errors
/// The ledger cannot be read.
pub fn latest(ledger: &Ledger) -> Result<Epoch> {
    let reports = ledger.reports()?;
    let first = reports.last().and_then(|r| r.frame.first().copied());
    Ok(first.and_then(|b| Epoch::new(b & 0x0f)).unwrap_or_default())
}

/// The epoch that a document leads to, under whose key it goes up; `None` if it stays in the one that is.
#[must_use]
pub fn leads_to(artifact: &Artifact) -> Option<Epoch> {
    let Artifact::Command(draft) = artifact else {
        return None;
    };
    match draft.document().action {
        Action::EpochSwitch { epoch } | Action::Resync { epoch, .. } => Some(epoch),
        _ => None,
    }
}

/// The command that leads away from an epoch and was sent, with the epoch that it leads to; of some the furthest. What
/// goes up under the epoch that is left is not heard behind it.
///
/// # Errors
/// The ledger cannot be read.
pub fn left_by(ledger: &Ledger, epoch: Epoch) -> Result<Option<(ObjectNumber, Epoch)>> {
    let sent = ledger.sent()?;
    let commands = sent
        .iter()
        .filter(|s| s.went() && s.kind == ObjectKind::Command);
    let leads = commands.filter_map(|s| match action_of(s.number, ledger)? {
        Action::EpochSwitch { epoch } | Action::Resync { epoch, .. } => Some((s.number, epoch)),
        _ => None,
    });
    let away = leads.filter(|(_, to)| *to > epoch);
    Ok(away.max_by_key(|(number, to)| (*to, *number)))
}
