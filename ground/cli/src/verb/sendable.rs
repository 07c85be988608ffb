//! Whether a file may go up: it is what its number was given to, no other than before, and not given up.

use std::path::{Path, PathBuf};

use lightday_station::object::UplinkObject;
use lightday_trust::digest::sha256;
use lightday_wire::{Action, ObjectKind, ObjectNumber, Stage};

use crate::atomic;
use crate::error::{Error, Kind, Result};
use crate::ledger::{Ledger, SentRow};
use crate::mission::artifact::{Artifact, kind_name};
use crate::mission::causes::Causes;
use crate::mission::claims::action_of;
use crate::mission::verdicts;
use crate::out;
use crate::verb::plan::Ready;

/// What speaks against sending something.
#[derive(Default)]
pub struct Doubts {
    /// In words.
    pub said: Vec<String>,
    /// Whether `lightday uplink` refuses it.
    pub is_refused: bool,
}

/// Refuses what must not go up.
///
/// # Errors
/// [`Kind::Refused`]; the file system's, the ledger's.
pub fn check(ledger: &Ledger, sent: &[SentRow], ready: &Ready, file: &Path) -> Result<()> {
    made_here(ledger, &ready.object, file)?;
    same_as_before(sent, ready, file)?;
    not_aborted(ledger, sent, &ready.object, file)
}

/// What speaks against sending these, in words: all that [`check`] and [`apart`] refuse for an abort, and what an abort
/// among them gives up beside what it names. For those who plan and do not send yet.
///
/// # Errors
/// The ledger or a file cannot be read.
pub fn doubts(
    known: Option<(&Ledger, &Causes)>,
    ready: &[Ready],
    files: &[PathBuf],
) -> Result<Doubts> {
    let mut doubts = Doubts::default();
    let mut refused = |checked: Result<()>| match checked {
        Err(e) if e.kind == Kind::Refused => {
            doubts
                .said
                .push(format!("`lightday uplink` refuses this: {e}"));
            doubts.is_refused = true;
            Ok(())
        }
        checked => checked,
    };
    refused(apart(ready, files))?;
    if let Some((ledger, causes)) = known {
        let sent = ledger.sent()?;
        for (ready, file) in ready.iter().zip(files) {
            refused(not_aborted(ledger, &sent, &ready.object, file))?;
        }
        for file in files {
            let given_up = also_given_up((ledger, causes), &Artifact::load(file)?)?;
            doubts.said.extend(given_up);
        }
    }
    Ok(doubts)
}

/// What speaks against a draft, in words: an abort that gives more up than it names, an authorization of a bundle that
/// was given up.
///
/// # Errors
/// The ledger cannot be read.
pub fn doubts_of_draft(
    (ledger, causes): (&Ledger, &Causes),
    artifact: &Artifact,
) -> Result<Vec<String>> {
    let given_up = also_given_up((ledger, causes), artifact)?;
    let mut doubts: Vec<String> = given_up.into_iter().collect();
    if let Artifact::Authorization(draft) = artifact {
        let bundle = draft.document().bundle;
        let sent = ledger.sent()?;
        if let Some(command) = aborted_by(ledger, &sent, (ObjectKind::Bundle, bundle)) {
            doubts.push(format!(
                "bundle {bundle} was given up: command {command}, which was sent, aborts it. The vehicle arms nothing by this"
            ));
        }
    }
    Ok(doubts)
}

/// What an abort gives up beside what it names: numbers below, of which no report says what became of them.
fn also_given_up(
    (ledger, causes): (&Ledger, &Causes),
    artifact: &Artifact,
) -> Result<Option<String>> {
    let Artifact::Command(draft) = artifact else {
        return Ok(None);
    };
    let Action::Abort { kind, number } = draft.document().action else {
        return Ok(None);
    };
    let all = verdicts::all(causes, ledger)?;
    let open = all.iter().filter(|b| {
        let is_below = b.kind == kind && b.number < number;
        is_below
            && !b.is_used
            && b.verdict
                .is_none_or(|(v, _)| !matches!(v.stage, Stage::Done | Stage::Failed))
    });
    let sent = ledger.sent()?;
    let open = open.filter(|b| aborted_by(ledger, &sent, (kind, b.number)).is_none());
    let open: Vec<String> = open.map(|b| b.number.to_string()).collect();
    if open.is_empty() {
        return Ok(None);
    }
    let kind = kind_name(kind);
    Ok(Some(format!(
        "to abort {kind} {number} gives {kind} {} up as well: the vehicle takes no number up to the aborted one any more",
        open.join(" and ")
    )))
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

/// The command that was sent and gave this object up.
pub fn aborted_by(
    ledger: &Ledger,
    sent: &[SentRow],
    (of, aborted): (ObjectKind, ObjectNumber),
) -> Option<ObjectNumber> {
    let commands = sent
        .iter()
        .filter(|s| s.went() && s.kind == ObjectKind::Command);
    commands.map(|s| s.number).find(|command| {
        matches!(action_of(*command, ledger), Some(Action::Abort { kind, number })
            if kind == of && aborted <= number)
    })
}

/// Refuses what a command gave up that was sent: the vehicle takes no number up to the aborted one any more.
fn not_aborted(
    ledger: &Ledger,
    sent: &[SentRow],
    object: &UplinkObject,
    file: &Path,
) -> Result<()> {
    let of = (object.kind(), object.number());
    let Some(command) = aborted_by(ledger, sent, of) else {
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

/// Says doubts on standard error.
pub fn tell(doubts: &[String]) {
    for doubt in doubts {
        out::message(format_args!("warning: {doubt}"));
    }
}
