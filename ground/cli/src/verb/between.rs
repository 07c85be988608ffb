//! `--between`: what is written for later is taken back, and laid anew with something in between.
//!
//! ```text
//! uplink/1.frames   B B B B B B B B | B B B B B B B B | B B B B        written days ago
//! uplink/2.frames               now : C B B B C B B B | B B B B B B    from here on in its place: by priority
//! ```
//! Never takes back what may have left the antenna: from now on, and `plan.lead` of mission.toml. Objects whose frames
//! are taken back go up anew, but for those that the vehicle takes no more, and those that a command gives up.

use std::path::PathBuf;

use lightday_wire::{Action, Epoch, ObjectKind, ObjectNumber};
use serde_json::{Value, json};

use crate::Global;
use crate::error::Result;
use crate::ledger::{Cut, Ledger, Piece, SentRow};
use crate::mission::artifact::{Artifact, kind_name};
use crate::mission::causes::Causes;
use crate::mission::claims::action_of;
use crate::mission::underway::Underway;
use crate::mission::{Mission, epochs};
use crate::out;
use crate::time::show_instant;
use crate::verb::describe;
use crate::verb::pieces::{self, Time};

/// What is taken back, and what goes up in its place.
pub struct Between {
    /// The mission as if it had been taken back.
    pub mission: Mission,
    /// What is taken back, file by file.
    pub cuts: Vec<Cut>,
    /// What goes up: what is to come between, and what was taken back.
    pub files: Vec<PathBuf>,
    /// Whether something of that was to go up until the report of it is here.
    pub until_report: bool,
    /// What is to come between, as people named it.
    named: Vec<PathBuf>,
    /// How it went up before, of what was taken back.
    before: Vec<(Name, Epoch)>,
}

type Name = (ObjectKind, ObjectNumber);

impl Between {
    /// Finds what is to be taken back for these files.
    ///
    /// # Errors
    /// A file cannot be read; the ledger's.
    pub fn find(mission: &Mission, files: &[PathBuf], global: &Global) -> Result<Self> {
        let ledger = mission.ledger_to_read()?;
        let lead_s = mission.config.plan.lead_s();
        let cuts = cuts(
            mission,
            &ledger.sent()?,
            global.now_s().saturating_add(lead_s),
        );
        let mission = mission.as_if_taken_back(global.now_s(), cuts.clone());
        let ledger = mission.ledger_to_read()?;
        let underway = Underway::read(&mission, &ledger, global.now_s())?;
        let named = named(files)?;
        let causes = Causes::of(&mission, &ledger)?;
        let again = again(&ledger, (&underway, &causes), &cuts, &named)?;
        let mut all: Vec<(Name, PathBuf)> = named
            .iter()
            .zip(files)
            .map(|((name, _), file)| (*name, file.clone()))
            .collect();
        for (name, _) in &again {
            let object = ledger.object(name.0, name.1)?;
            all.extend(object.map(|object| (*name, mission.path(object.file))));
        }
        let until_report = until_report(&ledger, &cuts, all.iter().map(|(name, _)| *name))?;
        // Of bundles the first goes first, and each takes the one before it for its base.
        if !again.is_empty() {
            all.sort_by_key(|((kind, number), _)| match kind {
                ObjectKind::Bundle => number.get(),
                _ => 0,
            });
        }
        Ok(Self {
            cuts,
            files: all.into_iter().map(|(_, file)| file).collect(),
            until_report,
            named: files.to_vec(),
            before: again,
            mission,
        })
    }

    /// The epoch in which an object goes up that was to go up in `latest`: none that it had left before.
    pub fn epoch(&self, kind: ObjectKind, number: ObjectNumber, latest: Epoch) -> Epoch {
        let before = self.before.iter().find(|(name, _)| *name == (kind, number));
        before.map_or(latest, |(_, epoch)| latest.max(*epoch))
    }

    /// The files that are to come between.
    pub fn named(&self) -> &[PathBuf] {
        &self.named
    }

    /// Whether it goes up because it was taken back.
    pub fn is_again(&self, kind: ObjectKind, number: ObjectNumber) -> bool {
        self.before.iter().any(|(name, _)| *name == (kind, number))
    }

    /// What people have to do about it, or would have to.
    pub fn tell(&self, dry_run: bool) {
        let (taken, may) = match dry_run {
            true => ("would be taken back", "might"),
            false => ("taken back", "may"),
        };
        if self.until_report {
            out::message(
                "note: what is taken back was to go up until the report of it is here, and so is what is laid anew",
            );
        }
        for cut in &self.cuts {
            let pieces: Vec<String> = cut.objects.iter().map(piece_text).collect();
            out::message(format_args!(
                "{taken}: {} from {} on: {}; nothing of it {may} go up from then on",
                cut.unsent,
                show_instant(cut.from_s.unwrap_or_default()),
                pieces.join(", ")
            ));
        }
    }

    /// For machines.
    pub fn to_json(&self) -> Value {
        json!(self.cuts)
    }
}

/// Whether one of these objects is taken back of a file that went on until its report.
fn until_report(
    ledger: &Ledger,
    cuts: &[Cut],
    names: impl Iterator<Item = Name> + Clone,
) -> Result<bool> {
    for cut in cuts {
        let of = |p: &Piece| names.clone().any(|(kind, number)| p.is_of(kind, number));
        if cut.objects.iter().any(of) && ledger.is_until_report(&cut.unsent)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn piece_text(piece: &Piece) -> String {
    format!(
        "{} {}, {}",
        piece.kind,
        piece.number,
        describe::range(piece.first, piece.count, "symbol")
    )
}

/// All frames that begin from an instant on, by their files.
fn cuts(mission: &Mission, sent: &[SentRow], from_s: u64) -> Vec<Cut> {
    let later = || sent.iter().filter(|s| s.went() && s.ends_s > from_s);
    let mut files: Vec<&str> = later().map(|s| s.file.as_str()).collect();
    files.dedup();
    let mut cuts: Vec<Cut> = Vec::new();
    for file in files {
        if cuts.iter().any(|cut| cut.unsent == file) {
            continue;
        }
        let runs = || later().filter(|s| s.file == file);
        let time = Time {
            from_s,
            until_s: u64::MAX,
        };
        let objects = match pieces::within(runs(), time, &mission.path(file)) {
            Ok(objects) => objects,
            // Without its schedule a run goes up as a whole, or not at all.
            Err(e) => {
                out::message(format_args!(
                    "warning: the pass that is under way is left as it is: {e}"
                ));
                runs()
                    .filter(|s| s.starts_s >= from_s)
                    .map(Piece::of)
                    .collect()
            }
        };
        if !objects.is_empty() {
            cuts.push(Cut {
                unsent: file.to_owned(),
                from_s: Some(from_s),
                until_s: None,
                objects,
            });
        }
    }
    cuts
}

/// What the files are, and what they give up.
fn named(files: &[PathBuf]) -> Result<Vec<(Name, Option<Name>)>> {
    let name = |file: &PathBuf| {
        let artifact = Artifact::load(file)?;
        let action = match &artifact {
            Artifact::Command(draft) => Some(draft.document().action),
            _ => None,
        };
        Ok(((artifact.kind(), artifact.number()), gives_up(action)))
    };
    files.iter().map(name).collect()
}

const fn gives_up(action: Option<Action>) -> Option<Name> {
    match action {
        Some(Action::Abort { kind, number }) => Some((kind, number)),
        _ => None,
    }
}

/// What goes up anew, with the epoch of its frames: small objects before bundles, each in the order of its numbers.
fn again(
    ledger: &Ledger,
    (underway, causes): (&Underway, &Causes),
    cuts: &[Cut],
    named: &[(Name, Option<Name>)],
) -> Result<Vec<(Name, Epoch)>> {
    let latest = epochs::latest(ledger)?;
    let mut again: Vec<(Name, Epoch)> = Vec::new();
    for run in &underway.sent {
        let name = (run.kind, run.number);
        let pieces = || {
            cuts.iter()
                .filter(|c| c.unsent == run.file)
                .flat_map(|c| &c.objects)
        };
        let is_back = !run.went() && pieces().any(|p| p.is_of(run.kind, run.number));
        if !is_back || named.iter().any(|(n, _)| *n == name) {
            continue;
        }
        let epoch = Epoch::new(run.epoch).unwrap_or_default();
        match again.iter_mut().find(|(n, _)| *n == name) {
            Some((_, last)) => *last = epoch.max(*last),
            None => again.push((name, epoch)),
        }
    }
    let commands = |rows: &mut dyn Iterator<Item = Name>| -> Vec<Name> {
        let commands = rows.filter(|(kind, _)| *kind == ObjectKind::Command);
        commands
            .filter_map(|(_, n)| gives_up(action_of(n, ledger)))
            .collect()
    };
    let mut given_up: Vec<Name> = named.iter().filter_map(|(_, gives_up)| *gives_up).collect();
    given_up.extend(commands(&mut again.iter().map(|(name, _)| *name)));
    let gone = underway.sent.iter().filter(|s| s.went());
    given_up.extend(commands(&mut gone.map(|s| (s.kind, s.number))));
    again.retain(|((kind, number), epoch)| {
        let why = if given_up.iter().any(|(k, n)| k == kind && number <= n) {
            "a command gives it up"
        } else if is_over((underway, causes), (*kind, *number), latest.max(*epoch)) {
            "the vehicle takes it no more"
        } else {
            return true;
        };
        out::message(format_args!(
            "not sent any more: {} {number}: {why}",
            kind_name(*kind)
        ));
        false
    });
    again.sort_by_key(|((kind, number), _)| (lightday_station::queue::rank(*kind), *number));
    Ok(again)
}

/// Whether a report of that epoch, or of a later one, says that the number is used up, and light allows it.
fn is_over((underway, causes): (&Underway, &Causes), (kind, number): Name, epoch: Epoch) -> bool {
    let next = || {
        let last = underway.heard(epoch)?;
        let believed = causes.believed(&last.report, last.received_s);
        believed.next.get(kind.uplink_index()?).copied()
    };
    next().is_some_and(|next| number < next)
}
