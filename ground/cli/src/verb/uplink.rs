//! `lightday uplink`: frames to a file, remembered in the ledger.

use std::path::{Path, PathBuf};

use lightday_station::object::UplinkObject;
use lightday_station::plan::Plan;
use lightday_station::tracker::{Alarm, Proven};
use lightday_trust::FrameKey;
use lightday_wire::{Action, Epoch, ObjectKind, ObjectNumber, Report, Stage};
use serde_json::{Value, json};

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::ledger::{Ledger, SentRow};
use crate::mission::Mission;
use crate::mission::artifact::{Artifact, kind_name};
use crate::mission::recover::Files;
use crate::mission::{epochs, reports};
use crate::out;
use crate::time::show_instant;
use crate::verb::frames::{self, Going, Written};
use crate::verb::plan::{self, Ready};
use crate::verb::{describe, sendable, unsent};

/// Write the frames of an uplink to a file, and remember them as sent.
///
/// The file holds the frames in the order of the plan, each behind its length (2 B, most significant first);
/// beside it lies a schedule (.csv) with the instant of each frame. Run it again for the same object and it
/// writes fresh parity: any K frames will do, whichever were lost.
///
/// The ledger keeps the certificate: how likely these frames alone complete each object, whatever went up before.
///
/// If not one frame of such a file was transmitted (the pass was cancelled, the transmitter failed), --unsent
/// says so: the next uplink plans as if that file had never been, and the twin does not expect it. If some of
/// it went up, do not say so: run the uplink again, which brings fresh parity.
///
/// Examples:
///   lightday uplink bundles/7.ldb documents/auth-7.ldd
///   lightday uplink bundles/7.ldb --frames 40 --at 2026-12-03T06:00:00Z
///   lightday uplink --unsent uplink/3.frames
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// What to send (.ldb, .ldd), fully signed.
    #[arg(required_unless_present = "unsent")]
    files: Vec<PathBuf>,
    /// Only the first N frames of the plan.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    frames: Option<u32>,
    /// How sure it must be that no feedback is needed; by default plan.probability of mission.toml.
    #[arg(long, value_name = "P", value_parser = plan::probability)]
    probability: Option<f64>,
    /// The link epoch; by default that of the latest report.
    #[arg(long, value_name = "EPOCH")]
    epoch: Option<u8>,
    /// The file to write; by default uplink/N.frames.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Send although the passes do not reach the probability, or what it brings would miss its window or its lease.
    #[arg(long)]
    best_effort: bool,
    /// Remember that no frame of this file, which an earlier uplink wrote, was transmitted.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["files", "frames", "probability", "epoch", "out", "best_effort"])]
    unsent: Option<PathBuf>,
    /// Say what would be written, write nothing and remember nothing.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    let mut ledger = mission.ledger()?;
    if let Some(file) = &args.unsent {
        let how = unsent::How {
            dry_run: args.dry_run,
            json: args.json,
        };
        return unsent::run(file, how, &mission, &mut ledger, global);
    }
    let ready = args
        .files
        .iter()
        .map(|f| plan::object(f, &mission, true))
        .collect::<Result<Vec<_>>>()?;
    let objects: Vec<UplinkObject> = ready.iter().map(|r| r.object.clone()).collect();
    plan::distinct(&objects, &args.files)?;
    let sent = ledger.sent()?;
    for (ready, file) in ready.iter().zip(&args.files) {
        sendable::check(&ledger, &sent, ready, file)?;
    }
    let epochs = epochs(args, &ledger, &ready)?;
    let stand_ins = stand_ins(args, &mission, &ledger, (&ready, &epochs, &sent))?;
    let planned = plan::make(&mission, &stand_ins, args.probability, global)?;
    if !args.best_effort {
        // Whoever asks for so many frames knows that they may not be enough.
        if args.frames.is_none() {
            plan::enough(&planned)?;
        }
        plan::check(&args.files, &mission, &planned)?;
    }
    let frames = frames::cut(&planned, args.frames)?;
    if frames.is_empty() {
        return Err(Error::new(Kind::Plan, "not a single frame fits the passes")
            .hint("add passes to passes.csv"));
    }
    let keys = frame_keys(&mission, &epochs)?;
    let going: Vec<Going> = ready
        .into_iter()
        .zip(keys)
        .map(|(ready, key)| Going {
            offset: next_index(&sent, &ready.object),
            ready,
            key,
        })
        .collect();
    let (path, schedule) = names(args.out.as_deref(), &mission, &sent)?;
    let written = frames::write(&planned, &frames, &going, &mission)?;
    if !args.dry_run {
        let mut files = Files::new();
        // Whether the names are free still is seen in the step, where nobody comes between.
        files.aside(&mission, &path, &written.bytes, false)?;
        files.aside(&mission, &schedule, written.schedule.as_bytes(), false)?;
        let before = Before {
            sent: sent.len(),
            names: [&path, &schedule],
            files: &files,
        };
        let certificate = certificate(&planned, frames.len());
        remember(
            &mut ledger,
            (&mission, global),
            &before,
            (&written, &certificate),
            &going,
        )?;
        files.name(&ledger)?;
    }
    if args.json {
        return out::json(&json!({
            "file": path.display().to_string(),
            "schedule": schedule.display().to_string(),
            "objects": written.runs.iter().map(run_json).collect::<Vec<_>>(),
            "dry_run": args.dry_run,
        }));
    }
    tell(&written.runs, &path, &schedule, args.dry_run)
}

/// The certificate of a plan of which so many frames go up: of a part of it nothing is promised.
fn certificate(planned: &Plan, frames: usize) -> Value {
    json!((frames == planned.frames.len()).then(|| plan::certificate(planned)))
}

/// What the ledger's decision, and machines, are told of a run.
pub fn run_json(run: &SentRow) -> Value {
    json!({
        "kind": kind_name(run.kind), "number": run.number.get(), "first": run.first, "count": run.count,
        "epoch": run.epoch,
    })
}

/// The files to write: the frames, and the schedule beside them.
fn names(out: Option<&Path>, mission: &Mission, sent: &[SentRow]) -> Result<(PathBuf, PathBuf)> {
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
        crate::atomic::refuse_existing(&path)?;
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

/// Names the files, and what they hold.
fn tell(runs: &[SentRow], path: &Path, schedule: &Path, dry_run: bool) -> Result<()> {
    out::result(&format!("{}\n{}\n", path.display(), schedule.display()))?;
    for run in runs {
        out::message(format_args!(
            "{} {}: {}, {}, from {} to {}",
            kind_name(run.kind),
            run.number,
            describe::count(run.count.into(), "frame"),
            describe::range(run.first, run.count, "symbol"),
            show_instant(run.starts_s),
            show_instant(run.ends_s)
        ));
    }
    if !dry_run {
        out::message(format_args!(
            "Next: transmit {}; then `lightday ingest FILE` with what comes down, and `lightday status`",
            path.display()
        ));
    }
    Ok(())
}

/// The runs of an object that were transmitted. An index means the same content for the life of an object, so
/// that the indices of those that never were may go up again.
fn ours<'a>(sent: &'a [SentRow], object: &UplinkObject) -> impl Iterator<Item = &'a SentRow> {
    let of = (object.kind(), object.number());
    sent.iter()
        .filter(move |s| s.went() && (s.kind, s.number) == of)
}

/// The first symbol behind all that were sent: later uplinks bring fresh parity.
fn next_index(sent: &[SentRow], object: &UplinkObject) -> u32 {
    let ends = ours(sent, object).map(|s| s.first + s.count);
    ends.max().unwrap_or(0)
}

/// How many symbols went up. Runs that never did leave gaps, so that it may be fewer than the next index.
fn went_up(sent: &[SentRow], object: &UplinkObject) -> u32 {
    ours(sent, object).map(|s| s.count).sum()
}

/// The latest report that proved itself.
fn latest_report(mission: &Mission, ledger: &Ledger) -> Result<(Option<Proven>, Option<Alarm>)> {
    if ledger.reports()?.is_empty() {
        return Ok((None, None));
    }
    let tracker = reports::tracker(mission, ledger, &mission.link_keys()?)?;
    Ok((tracker.last().copied(), tracker.alarm().copied()))
}

/// A vehicle that lost its record hears nothing but a resynchronisation: whatever else goes up is lost.
fn warn_of_alarm(alarm: &Alarm, files: &[PathBuf]) -> Result<()> {
    for file in files {
        let leads_out = match Artifact::load(file)? {
            Artifact::Command(draft) => {
                matches!(draft.document().action, Action::Resync { .. })
            }
            _ => false,
        };
        if !leads_out {
            out::message(format_args!(
                "warning: {}: the vehicle said that it lost its record; it hears nothing but a resynchronisation.\n{}",
                file.display(),
                reports::alarm_text(alarm).trim_end()
            ));
            break;
        }
    }
    Ok(())
}

/// What stands in the plan for each object.
fn stand_ins(
    args: &Args,
    mission: &Mission,
    ledger: &Ledger,
    (ready, epochs, sent): (&[Ready], &[Epoch], &[SentRow]),
) -> Result<Vec<UplinkObject>> {
    let (last, alarm) = latest_report(mission, ledger)?;
    if let Some(alarm) = alarm {
        warn_of_alarm(&alarm, &args.files)?;
    }
    let objects = ready.iter().zip(&args.files).zip(epochs);
    let objects = objects.map(|((r, file), epoch)| {
        let ours = ledger.next_number(r.object.kind())?;
        let sent = went_up(sent, &r.object);
        // What was said in an epoch that is left has no say in the next: whoever stole the key may have said it.
        let last = last.as_ref().filter(|last| last.epoch >= *epoch);
        what_is_needed(&r.object, file, last.map(|l| &l.report), (sent, ours))
    });
    objects.collect()
}

/// What stands for the object in the plan: as many symbols as the vehicle said that it still needs. What
/// was on its way when it said so is not counted, so that rather too much is sent than too little.
fn what_is_needed(
    object: &UplinkObject,
    file: &Path,
    last: Option<&Report>,
    (sent, ours): (u32, ObjectNumber),
) -> Result<UplinkObject> {
    let Some(report) = last else {
        return Ok(object.clone());
    };
    let (kind, number) = (object.kind(), object.number());
    let next = kind
        .uplink_index()
        .and_then(|i| report.next.get(i).copied())
        // What was never given out cannot be used up.
        .filter(|next| *next <= ours);
    if next.is_some_and(|next| number < next) && sent == 0 {
        out::message(format_args!(
            "warning: {}: a report says that the vehicle takes {} {number} no more, but nothing of it ever went up. Somebody else speaks as the vehicle, or this ledger is older than another: it is sent all the same.",
            file.display(),
            kind_name(kind)
        ));
        return Ok(object.clone());
    }
    if next.is_some_and(|next| number < next) {
        let what = format!(
            "the vehicle does not take {} {number} any more: it is complete on board, or another took its place",
            kind_name(kind)
        );
        return Err(Error::new(Kind::Refused, what)
            .file(file)
            .field("number")
            .hint("`lightday status` shows what became of it"));
    }
    let receiving = kind == ObjectKind::Bundle
        && report.bundle.number == number
        && report.bundle.stage == Stage::Receiving;
    // A forgery in reception under our number may need fewer than ours does: no more is there than was sent.
    let missing = object
        .k()
        .saturating_sub(u16::try_from(sent).unwrap_or(u16::MAX));
    let needed = report.symbols_needed.max(missing);
    if !receiving || report.symbols_needed == 0 || needed >= object.k() {
        return Ok(object.clone());
    }
    let bytes = vec![0; usize::from(needed) * usize::from(object.symbol_len())];
    UplinkObject::new(kind, number, &bytes, object.symbol_len())
        .map_err(|e| Error::new(Kind::Internal, e).file(file))
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

/// The epoch of each object's frames. A switch of the epoch travels under the new epoch's own key: it leads away
/// from whoever may have forged a report.
fn epochs(args: &Args, ledger: &Ledger, ready: &[Ready]) -> Result<Vec<Epoch>> {
    let epoch = match args.epoch {
        Some(epoch) => Epoch::new(epoch).ok_or_else(|| {
            Error::new(Kind::Usage, format!("{epoch} is no epoch"))
                .field("epoch")
                .hint("epochs are 0 to 15")
        })?,
        None => epochs::latest(ledger)?,
    };
    let epochs = args.files.iter().zip(ready).map(|(file, ready)| {
        let own = match (ready.object.kind(), args.epoch) {
            (ObjectKind::Command, None) => epochs::leads_to(&Artifact::load(file)?),
            _ => None,
        };
        Ok(own.unwrap_or(epoch))
    });
    epochs.collect()
}

/// The uplink key of each object.
fn frame_keys(mission: &Mission, epochs: &[Epoch]) -> Result<Vec<FrameKey>> {
    let link_keys = mission.link_keys()?;
    let keys = epochs.iter().map(|e| mission.uplink_key(&link_keys, *e));
    keys.collect()
}

/// What this uplink was planned upon.
struct Before<'a> {
    /// Runs that the ledger knew.
    sent: usize,
    /// Names that were free: of the frames, and of the schedule.
    names: [&'a Path; 2],
    /// What lies aside and gets these names.
    files: &'a Files,
}

fn remember(
    ledger: &mut Ledger,
    (mission, global): (&Mission, &Global),
    before: &Before<'_>,
    (written, certificate): (&Written, &Value),
    going: &[Going],
) -> Result<()> {
    let file = mission.relative(before.names[0]);
    let sha256 = lightday_trust::digest::sha256(&written.bytes).to_string();
    let objects: Vec<_> = written.runs.iter().map(run_json).collect();
    let what = json!({
        "file": file, "sha256": sha256, "objects": objects, "certificate": certificate,
    });
    ledger.step(&global.actor(), "uplink", |step| {
        // Another uplink that came between would have the same symbols in the same file.
        let taken = |p: &&Path| p.symlink_metadata().is_ok();
        if step.sent_runs()? != before.sent || before.names.iter().any(taken) {
            return Err(Error::new(
                Kind::Ledger,
                "another uplink was remembered meanwhile; nothing was written",
            )
            .file(before.names[0])
            .hint("repeat the command: it brings the symbols behind those of the other"));
        }
        before.files.keep(step)?;
        // Signatures that were made elsewhere are seen here for the first time.
        for signature in going.iter().flat_map(|g| &g.ready.signatures) {
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
