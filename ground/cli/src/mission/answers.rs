//! Answers that cannot all be the vehicle's. Like the claims of reports they are kept, and stand until the
//! vehicle is heard under the next link epoch: an alarm that is told once is lost in a log.

use lightday_wire::{ObjectKind, ObjectNumber, answer};

use crate::error::Result;
use crate::ledger::{AnswerRow, Ledger, ReportRow};

use super::claims;

/// Commands with answers that somebody else gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Odd {
    /// They had not been sent, or ask for no answer.
    pub strangers: Vec<ObjectNumber>,
    /// They have two answers.
    pub disputed: Vec<ObjectNumber>,
}

/// The odd answers of the latest link epoch: of those that the ledger has, and of those `heard` just now, with
/// the `reports` that came with them and may begin an epoch.
///
/// # Errors
/// The ledger cannot be read.
pub fn odd(ledger: &Ledger, heard: &[AnswerRow], reports: &[ReportRow]) -> Result<Odd> {
    let mut rows = ledger.answers()?;
    rows.extend_from_slice(heard);
    let latest = claims::epoch(&ledger.reports()?).max(claims::epoch(reports));
    let epoch = |row: &AnswerRow| answer::parse(&row.frame).map(|frame| frame.epoch).ok();
    rows.retain(|row| epoch(row) >= latest);
    let accepted = claims::accepted(ledger)?;
    let commands = ObjectKind::Command.uplink_index();
    let accepted = commands.and_then(|i| accepted.get(i)).copied();
    let mut odd = Odd::default();
    for (place, row) in rows.iter().enumerate() {
        let command = row.command;
        if row.is_strange {
            // A command that an old backup lacks, as people said.
            let is_lost =
                Some(command) < accepted && ledger.object(ObjectKind::Command, command)?.is_none();
            if !is_lost {
                odd.strangers.push(command);
            }
        } else {
            let is_second = |other: &AnswerRow| !other.is_strange && other.command == command;
            if rows.iter().take(place).any(is_second) {
                odd.disputed.push(command);
            }
        }
    }
    for commands in [&mut odd.strangers, &mut odd.disputed] {
        commands.sort_unstable();
        commands.dedup();
    }
    Ok(odd)
}

/// The numbers of commands for machines.
#[must_use]
pub fn numbers(of: &[ObjectNumber]) -> Vec<u32> {
    of.iter().map(|n| n.get()).collect()
}

/// Odd answers in words, to be said before all else; nothing where there are none.
#[must_use]
pub fn text(odd: &Odd) -> String {
    let mut text = String::new();
    for command in &odd.strangers {
        text.push_str(&format!(
            "ALARM: an answer to command {command}, which had not been sent or asks for none: it is left out.\n"
        ));
    }
    for command in &odd.disputed {
        text.push_str(&format!(
            "ALARM: a second answer to command {command}: one of the two is forged.\n"
        ));
    }
    if !text.is_empty() {
        text.push_str(
            "  Somebody else speaks under a stolen link key: then go on to the next link epoch (lightday command epoch-switch).\n\n",
        );
    }
    text
}
