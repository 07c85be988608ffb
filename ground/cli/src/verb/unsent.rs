//! `lightday uplink --unsent`: frames that were written and never transmitted.
//!
//! ```text
//! uplink             sent + decision { file, sha256, objects }     planned as sent, expected by the twin
//! uplink --unsent    decision { unsent, sha256, objects }          planned as if `file` had never been
//! ```
//! Takes nothing out of the ledger, and is never taken back. Whoever says it in error costs frames, never an
//! object: the same index brings the same symbol, which the vehicle may hear twice.

use std::fs::canonicalize;
use std::path::Path;

use serde_json::json;

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::ledger::{Ledger, SentRow, UplinkRow};
use crate::mission::Mission;
use crate::mission::artifact::kind_name;
use crate::out;
use crate::time::show_instant;
use crate::verb::{describe, uplink};

/// Longest file of frames.
const MAX_LEN: u64 = 1 << 30;

/// How to say it.
#[derive(Clone, Copy)]
pub struct How {
    /// Remember nothing.
    pub dry_run: bool,
    /// One JSON object.
    pub json: bool,
}

/// Remembers that no frame of a file was transmitted.
///
/// # Errors
/// No uplink wrote the file, it was changed since, or this was said of it before.
pub fn run(
    path: &Path,
    how: How,
    mission: &Mission,
    ledger: &mut Ledger,
    global: &Global,
) -> Result<()> {
    let sent = ledger.sent()?;
    let file = name_of(path, mission, &sent);
    let runs: Vec<&SentRow> = sent.iter().filter(|s| s.file == file).collect();
    let objects: Vec<_> = runs.iter().map(|run| uplink::run_json(run)).collect();
    let found = found(path)?;
    let told = |uplink: Option<UplinkRow>| check(path, uplink, found.as_deref());
    match how.dry_run {
        true => told(ledger.uplink_of(&file)?)?,
        false => ledger.step(&global.actor(), "uplink", |step| {
            // Looked at within the step: of two who say it at once, one is told that it was said.
            let uplink = step.uplink_of(&file)?;
            let sha256 = uplink.as_ref().map(|u| u.sha256.clone());
            told(uplink)?;
            Ok((
                (),
                json!({ "unsent": file, "sha256": sha256, "objects": objects }),
            ))
        })?,
    }
    if how.json {
        return out::json(&json!({ "unsent": file, "objects": objects, "dry_run": how.dry_run }));
    }
    out::result(&format!("{}: not transmitted\n", path.display()))?;
    let mut again = Vec::new();
    for run in runs {
        out::message(format_args!(
            "{} {}: {}, {}, may go up again",
            kind_name(run.kind),
            run.number,
            describe::count(run.count.into(), "frame"),
            describe::range(run.first, run.count, "symbol"),
        ));
        let object = ledger.object(run.kind, run.number)?;
        again.extend(object.map(|o| mission.path(o.file).display().to_string()));
    }
    again.dedup();
    if !how.dry_run && !again.is_empty() {
        out::message(format_args!("Next: lightday uplink {}", again.join(" ")));
    }
    Ok(())
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
fn check(path: &Path, uplink: Option<UplinkRow>, found: Option<&str>) -> Result<()> {
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
