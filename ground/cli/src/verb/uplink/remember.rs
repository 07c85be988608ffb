//! What an uplink leaves behind: its files, and the decision that remembers them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::ledger::{Cut, Ledger, SentRow, places_shortened};
use crate::mission::Mission;
use crate::mission::artifact::kind_name;
use crate::mission::recover::Files;
use crate::verb::frames::{Keyed, Written};
use crate::verb::unsent;

/// What the ledger's decision, and machines, are told of a run.
pub fn run_json(run: &SentRow) -> Value {
    json!({
        "kind": kind_name(run.kind), "number": run.number.get(), "first": run.first, "count": run.count,
        "epoch": run.epoch, "places": places_shortened(&run.places),
    })
}

/// The files to write: the frames, and the schedule beside them.
///
/// # Errors
/// A name is taken, is one for both, or lies in no directory.
pub fn names(
    out: Option<&Path>,
    mission: &Mission,
    sent: &[SentRow],
) -> Result<(PathBuf, PathBuf)> {
    let path = out.map_or_else(|| fresh_path(mission, sent), Path::to_path_buf);
    let schedule = path.with_extension("csv");
    if schedule == path {
        return Err(Error::new(
            Kind::Usage,
            "this is the name of the schedule that lies beside the frames",
        )
        .file(&path)
        .hint("name the frames otherwise, such as --out FILE.frames"));
    }
    // A name of our own choice was free a moment ago; if another uplink took it since, the step says so.
    if out.is_some() {
        crate::atomic::refuse_unplaceable(&path)?;
        crate::atomic::refuse_existing(&schedule)?;
        if had(mission, sent, &path) {
            return Err(
                Error::new(Kind::Refused, "an earlier uplink wrote frames under this name")
                    .file(&path)
                    .hint("choose another name with --out FILE: what `--unsent` says of a name is said of one uplink"),
            );
        }
    }
    Ok((path, schedule))
}

/// The name of the next file of frames: one that no uplink had, even if its file is gone.
fn fresh_path(mission: &Mission, sent: &[SentRow]) -> PathBuf {
    let named = |n: u32| mission.path(format!("uplink/{n}.frames"));
    (1..)
        .map(named)
        .find(|p| !had(mission, sent, p) && !p.exists() && !p.with_extension("csv").exists())
        .unwrap_or_else(|| named(0))
}

/// Whether an earlier uplink wrote frames under this name, even if the file is gone.
fn had(mission: &Mission, sent: &[SentRow], path: &Path) -> bool {
    let file = mission.relative(path);
    sent.iter().any(|s| s.file == file)
}

/// What this uplink was planned upon.
pub struct Before<'a> {
    /// Decisions of uplinks that the ledger knew.
    pub known: usize,
    /// Names that were free: of the frames, and of the schedule.
    pub names: [&'a Path; 2],
    /// What lies aside and gets these names.
    pub files: &'a Files,
    /// The passes that its runs are in.
    pub passes: Value,
    /// The light times that passes.csv states and the ledger does not have yet.
    pub light_times: Value,
    /// What is taken back for it.
    pub cuts: &'a [Cut],
    /// Whether it goes on until the report.
    pub until_report: bool,
}

/// Remembers what was written, unless another uplink came between.
///
/// # Errors
/// Another one did; the ledger's.
pub fn remember(
    ledger: &mut Ledger,
    (mission, global): (&Mission, &Global),
    before: &Before<'_>,
    (written, certificate): (&Written, &Value),
    keyed: &[Keyed],
) -> Result<()> {
    let file = mission.relative(before.names[0]);
    let sha256 = lightday_trust::digest::sha256(&written.bytes).to_string();
    let objects: Vec<_> = written.runs.iter().map(run_json).collect();
    let mut what = json!({
        "file": file, "sha256": sha256, "objects": objects, "certificate": certificate,
        "passes": before.passes, "light_times": before.light_times,
    });
    if before.until_report {
        what["until_report"] = json!(true);
    }
    if !before.cuts.is_empty() {
        what["instead"] = json!(before.cuts);
    }
    ledger.step(&global.actor(), "uplink", |step| {
        // Another uplink that came between would have the same symbols in the same file.
        let taken = |p: &&Path| p.symlink_metadata().is_ok();
        if step.uplinks()? != before.known || before.names.iter().any(taken) {
            return Err(unsent::came_between(before.names[0]));
        }
        before.files.keep(step)?;
        // Signatures that were made elsewhere are seen here for the first time.
        for signature in keyed.iter().flat_map(|k| &k.ready.signatures) {
            step.add_signature(signature)?;
        }
        for run in &written.runs {
            step.add_sent(&SentRow {
                file: file.clone(),
                ..run.clone()
            })?;
        }
        Ok(((), what))
    })
}
