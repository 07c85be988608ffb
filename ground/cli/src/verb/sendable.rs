//! Whether a file may go up: it is what its number was given to, no other than before, and not given up.

use std::path::{Path, PathBuf};

use lightday_station::object::UplinkObject;
use lightday_trust::digest::sha256;
use lightday_wire::{Action, ObjectKind};

use crate::atomic;
use crate::error::{Error, Kind, Result};
use crate::ledger::{Ledger, SentRow};
use crate::mission::artifact::{Artifact, kind_name};
use crate::mission::claims::action_of;
use crate::verb::plan::Ready;

/// Refuses what must not go up.
///
/// # Errors
/// [`Kind::Refused`]; the file system's, the ledger's.
pub fn check(ledger: &Ledger, sent: &[SentRow], ready: &Ready, file: &Path) -> Result<()> {
    made_here(ledger, &ready.object, file)?;
    same_as_before(sent, ready, file)?;
    not_aborted(ledger, sent, &ready.object, file)
}

/// Refuses an abort beside what it gives up: of two that go up in the same passes, one would be for nothing.
///
/// # Errors
/// [`Kind::Refused`]; a file cannot be read.
pub fn apart(ready: &[Ready], files: &[PathBuf]) -> Result<()> {
    for file in files {
        let Artifact::Command(draft) = Artifact::load(file)? else {
            continue;
        };
        let Action::Abort { kind, number } = draft.document().action else {
            continue;
        };
        let objects = ready.iter().map(|r| &r.object).zip(files);
        let mut given_up = objects.filter(|(o, _)| o.kind() == kind && o.number() <= number);
        if let Some((object, beside)) = given_up.next() {
            let what = format!(
                "{} {} is given up by command {} ({})",
                kind_name(kind),
                object.number(),
                draft.context().number,
                file.display()
            );
            return Err(Error::new(Kind::Refused, what)
                .file(beside)
                .field("number")
                .hint("send the abort with what takes its place, or without anything"));
        }
    }
    Ok(())
}

/// Refuses a file that is not the one that the ledger gave the number to: a number must never mean two things.
fn made_here(ledger: &Ledger, object: &UplinkObject, file: &Path) -> Result<()> {
    let (kind, number) = (object.kind(), object.number());
    let bytes = atomic::read(file, 80 << 20)?;
    let found = sha256(&bytes).0;
    let what = match ledger.object(kind, number)? {
        Some(known) if known.sha256 == found => return Ok(()),
        Some(known) => format!(
            "{} {number} of the ledger is {}, with another digest",
            kind_name(kind),
            known.file
        ),
        None => format!("the ledger knows no {} {number}", kind_name(kind)),
    };
    Err(Error::new(Kind::Refused, what)
        .file(file)
        .hint("send the file that was made in this mission, or restore the ledger that knows it"))
}

/// Refuses an object whose bytes changed since its first symbols went up: any two of its symbols would belong
/// to two objects, and the vehicle would solve for neither.
fn same_as_before(sent: &[SentRow], ready: &Ready, file: &Path) -> Result<()> {
    let (kind, number) = (ready.object.kind(), ready.object.number());
    let before = sent.iter().find(|s| (s.kind, s.number) == (kind, number));
    if before.is_none_or(|s| s.object == ready.digest) {
        return Ok(());
    }
    let what = format!(
        "{} {number} was sent with other signatures",
        kind_name(kind)
    );
    Err(Error::new(Kind::Refused, what)
        .file(file)
        .field("signatures")
        .hint(
            "take the .sig files away that came since, or abort it and build it under a new number",
        ))
}

/// Refuses what a command gave up that was sent: the vehicle takes no number up to the aborted one any more.
fn not_aborted(
    ledger: &Ledger,
    sent: &[SentRow],
    object: &UplinkObject,
    file: &Path,
) -> Result<()> {
    let commands = sent
        .iter()
        .filter(|s| s.went() && s.kind == ObjectKind::Command);
    let aborted = commands.map(|s| s.number).find(|command| {
        matches!(action_of(*command, ledger), Some(Action::Abort { kind, number })
            if kind == object.kind() && object.number() <= number)
    });
    let Some(command) = aborted else {
        return Ok(());
    };
    let what = format!(
        "{} {} was given up: command {command}, which was sent, aborts it",
        kind_name(object.kind()),
        object.number()
    );
    Err(Error::new(Kind::Refused, what).file(file).field("number").hint(
        "make it anew, under a new number; if the command was never transmitted, say so first with `lightday uplink --unsent FILE`",
    ))
}
