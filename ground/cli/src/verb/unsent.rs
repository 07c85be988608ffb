//! `lightday uplink --unsent`: frames that were written and never transmitted, or will not be.
//!
//! ```text
//! uplink                     sent + decision { file, sha256, objects }          planned as sent, expected by the twin
//! uplink --unsent            decision { unsent, sha256, objects }               planned as if `file` had never been
//! uplink --unsent --from T   decision { unsent, from_s, until_s, sha256,        planned as if `file` had ended before
//!        [--until U]                    objects: [indices, times] }             T, and gone on at U
//! ```
//! Takes nothing out of the ledger, and is never taken back. Whoever says it in error costs frames, never an
//! object: the same index brings the same symbol, which the vehicle may hear twice.

use std::fs::canonicalize;
use std::path::Path;

use serde_json::json;

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::ledger::{Cut, Ledger, Piece, SentRow, UplinkRow};
use crate::mission::{Mission, passes};
use crate::out;
use crate::time::show_instant;
use crate::verb::describe;
use crate::verb::pieces::{self, Time};

/// Longest file of frames.
const MAX_LEN: u64 = 1 << 30;

/// How to say it.
#[derive(Clone, Copy)]
pub struct How {
    /// Of frames that begin at this instant, Unix seconds, or later; `None`: of all.
    pub from_s: Option<u64>,
    /// And before this one, Unix seconds; `None`: to the end.
    pub until_s: Option<u64>,
    /// Remember nothing.
    pub dry_run: bool,
    /// One JSON object.
    pub json: bool,
}

/// Remembers that no frame of a file, or of a part of it, was transmitted.
///
/// # Errors
/// No uplink wrote the file, it was changed since, or this was said of it before. Nothing of it lies in the part, or it
/// lies over several passes that have begun, and no part is named.
pub fn run(
    path: &Path,
    how: How,
    mission: &Mission,
    ledger: &mut Ledger,
    global: &Global,
) -> Result<()> {
    let (sent, before) = (ledger.sent()?, ledger.uplinks()?);
    let file = name_of(path, mission, &sent);
    let runs: Vec<&SentRow> = sent.iter().filter(|s| s.file == file).collect();
    let found = found(path)?;
    let told = |uplink: Option<&UplinkRow>| check(path, uplink, found.as_deref());
    let uplink = ledger.uplink_of(&file)?;
    told(uplink.as_ref())?;
    let cut = cut(path, &file, &runs, how, global)?;
    let remembered = |sha256: Option<String>| {
        let mut what = json!(cut);
        what["sha256"] = json!(sha256);
        what
    };
    if !how.dry_run {
        ledger.step(&global.actor(), "uplink", |step| {
            // Looked at within the step: of two who say it at once, one is told that it was said.
            let uplink = step.uplink_of(&file)?;
            told(uplink.as_ref())?;
            if step.uplinks()? != before {
                return Err(came_between(path));
            }
            Ok(((), remembered(uplink.map(|u| u.sha256))))
        })?;
    }
    if how.json {
        let mut value = json!(cut);
        value["dry_run"] = json!(how.dry_run);
        return out::json(&value);
    }
    let when = match how.from_s {
        None => String::new(),
        Some(_) => format!(", {}", time_text(&cut)),
    };
    out::result(&format!("{}{when}: not transmitted\n", path.display()))?;
    let mut again = Vec::new();
    for piece in &cut.objects {
        out::message(format_args!(
            "{} {}: {}, {}, may go up again",
            piece.kind,
            piece.number,
            describe::count(piece.count.into(), "frame"),
            describe::range(piece.first, piece.count, "symbol"),
        ));
        if let Some(run) = runs.iter().find(|r| piece.is_of(r.kind, r.number)) {
            let object = ledger.object(run.kind, run.number)?;
            again.extend(object.map(|o| mission.path(o.file).display().to_string()));
        }
    }
    again.dedup();
    if !how.dry_run && !again.is_empty() {
        out::message(format_args!("Next: lightday uplink {}", again.join(" ")));
    }
    Ok(())
}

/// Another decision of an uplink came between.
pub fn came_between(path: &Path) -> Error {
    Error::new(
        Kind::Ledger,
        "another uplink was remembered meanwhile; nothing was written",
    )
    .file(path)
    .hint("repeat the command: it sees what the other did")
}

/// What is said, of these runs of a file.
fn cut(path: &Path, file: &str, runs: &[&SentRow], how: How, global: &Global) -> Result<Cut> {
    let left = || runs.iter().copied().filter(|run| run.went());
    let Some(from_s) = how.from_s else {
        one_pass(path, &left().collect::<Vec<_>>(), global.now_s())?;
        return Ok(Cut {
            unsent: file.to_owned(),
            from_s: None,
            until_s: None,
            objects: left().map(Piece::of).collect(),
        });
    };
    let until_s = how.until_s.unwrap_or(u64::MAX);
    let cut = Cut {
        unsent: file.to_owned(),
        from_s: Some(from_s),
        until_s: how.until_s,
        objects: pieces::within(left(), Time { from_s, until_s }, path)?,
    };
    if cut.objects.is_empty() {
        let what = format!(
            "{}: no frame of it is planned then that was not taken back before",
            time_text(&cut)
        );
        let times = left().map(|r| (r.starts_s, r.ends_s));
        let times: Vec<String> = passes::joined(times)
            .into_iter()
            .map(|(from_s, to_s)| format!("{} to {}", show_instant(from_s), show_instant(to_s)))
            .collect();
        let hint = match times.is_empty() {
            true => "nothing is left to say of this file".to_owned(),
            false => format!("its frames are planned from {}", times.join(", and from ")),
        };
        return Err(Error::new(Kind::Refused, what)
            .file(path)
            .field("from")
            .hint(hint));
    }
    Ok(cut)
}

fn time_text(cut: &Cut) -> String {
    let from = show_instant(cut.from_s.unwrap_or_default());
    match cut.until_s {
        None => format!("from {from} on"),
        Some(until_s) => format!("from {from} until {}", show_instant(until_s)),
    }
}

/// Refuses to call a file not transmitted of which passes are over, where it lies in several: one that was cancelled says
/// nothing of the others.
fn one_pass(path: &Path, runs: &[&SentRow], now_s: u64) -> Result<()> {
    let begin_s = |run: &&SentRow| run.pass.map_or(run.starts_s, |pass| pass.start_s);
    let mut begins: Vec<u64> = runs.iter().map(begin_s).collect();
    begins.sort_unstable();
    begins.dedup();
    let begun = begins.iter().filter(|s| **s <= now_s).count();
    let Some(first_s) = begins.first().filter(|_| begins.len() > 1 && begun > 0) else {
        return Ok(());
    };
    let what = format!(
        "its frames lie in {} passes, of which {begun} began by {}",
        begins.len(),
        show_instant(now_s)
    );
    let all: Vec<String> = begins.iter().map(|s| show_instant(*s)).collect();
    Err(Error::new(Kind::Refused, what).file(path).field("unsent").hint(format!(
        "say of what time: --from the begin of the pass that was cancelled, --until the begin of the next one that was not ({}); `--from {}` says that nothing of it was transmitted",
        all.join(", "),
        show_instant(*first_s)
    )))
}

/// The file as the ledger names it, whichever way leads to it.
fn name_of(path: &Path, mission: &Mission, sent: &[SentRow]) -> String {
    let name = mission.relative(path);
    if sent.iter().any(|s| s.file == name) {
        return name;
    }
    let real = canonicalize(path).ok().zip(canonicalize(&mission.dir).ok());
    let within = real.and_then(|(p, d)| p.strip_prefix(d).ok().map(Path::to_path_buf));
    within.map_or(name, |p| p.to_string_lossy().replace('\\', "/"))
}

/// The digest of the file, if it is there: whoever threw it away may say that it was never transmitted.
fn found(path: &Path) -> Result<Option<String>> {
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let bytes = crate::atomic::read(path, MAX_LEN)?;
    Ok(Some(lightday_trust::digest::sha256(&bytes).to_string()))
}

/// Refuses what was never written, is another file by now, or was said before.
fn check(path: &Path, uplink: Option<&UplinkRow>, found: Option<&str>) -> Result<()> {
    let refused = |what: String, hint: &str| {
        Err(Error::new(Kind::Refused, what)
            .file(path)
            .field("unsent")
            .hint(hint))
    };
    let Some(uplink) = uplink else {
        return refused(
            "no uplink wrote frames under this name".to_owned(),
            "`lightday status` lists the files that uplinks of this mission wrote",
        );
    };
    if let Some(at_s) = uplink.unsent_s {
        return refused(
            format!(
                "that it was not transmitted was said before, {}",
                show_instant(at_s)
            ),
            "nothing is left to say; `lightday uplink` with the objects writes their frames again",
        );
    }
    if found.is_some_and(|found| found != uplink.sha256) {
        return refused(
            "this is not what the uplink wrote under this name".to_owned(),
            "give the file of frames as it was written; `lightday inspect FILE` shows what this one holds",
        );
    }
    Ok(())
}
