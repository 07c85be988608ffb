//! `lightday uplink`: frames to a file, remembered in the ledger.

mod remember;
mod warnings;

use std::path::{Path, PathBuf};

use lightday_station::object::{MAX_SYMBOLS, UplinkObject};
use lightday_station::plan::{ObjectPlan, Plan, Start};
use lightday_trust::FrameKey;
use lightday_wire::{Epoch, ObjectKind};
use serde_json::json;

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::ledger::{Ledger, SentRow};
use crate::mission::Mission;
use crate::mission::artifact::{Artifact, kind_name};
use crate::mission::causes::Causes;
use crate::mission::recover::Files;
use crate::mission::underway::Underway;
use crate::mission::{epochs, instants};
use crate::out;
use crate::time::{parse_instant, show_instant};
use crate::verb::asked::Asked;
use crate::verb::between::Between;
use crate::verb::frames::{self, Keyed};
use crate::verb::plan::{self, Ready};
use crate::verb::{base, describe, sendable, sending, taken, unsent};

use self::remember::{Before, names, remember, run_json};

/// Write the frames of an uplink to a file, and remember them as sent.
///
/// The file holds the frames in the order of the plan, each behind its length (2 B, most significant first);
/// beside it lies a schedule (.csv) with the instant of each frame. Run it again for the same object and it
/// writes fresh parity: any K frames will do, whichever were lost. It then counts what the vehicle said that it still
/// needs, and what is on its way: if that is likely enough to do, nothing more goes up. --afresh counts neither, for
/// when nobody knows what of it was transmitted.
///
/// The ledger keeps the certificate: how likely each object is complete once these frames are there, with what is on
/// its way and what the vehicle said it has; with --frames, that of those frames alone. It keeps the passes, too: rows of
/// passes.csv that are over may be taken out.
///
/// The twin says what it expects of them: the verdict on each object, when, and what the report then says otherwise
/// (`twin` in --json). Of a plan that is cut short it hears what goes up.
///
/// If frames of such a file were not transmitted (a pass was cancelled, the transmitter failed), or will not be (the
/// sending pauses, or ends), --unsent says so: of all of it, or with --from and --until of what is planned to begin from
/// that instant on and before that one. The next uplink plans as if these had never been, the twin does not expect them,
/// and their symbols go up again. If a pass broke off amid its frames and nobody knows where, do not say so: run the
/// uplink again with --afresh, which brings fresh parity.
///
/// --until-report fills the passes behind the plan with fresh parity, up to the instant at which the report of it is here,
/// if it is not lost: whatever gets lost, the vehicle does not wait for an uplink that waits for a report. When the report is there,
/// --unsent FILE --from takes back what is left of it.
///
/// --between sends something in between what is written for later: all that is planned to begin from now on (and the
/// lead of mission.toml) is taken back, and laid anew in one file with these by priority, commands first. What is done
/// or given up by then is not sent any more. The messages name the files that may not go up from then on.
///
/// Examples:
///   lightday uplink bundles/7.ldb documents/auth-7.ldd
///   lightday uplink bundles/7.ldb --frames 40 --at 2026-12-03T06:00:00Z
///   lightday uplink --between documents/cmd-4.ldd
///   lightday uplink --unsent uplink/3.frames --from 2026-12-04T06:00Z --until 2026-12-05T06:00Z
#[derive(Clone, clap::Args)]
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
    /// Send as if nothing of it had arrived, whatever went up before and whatever a report says that it needs.
    #[arg(long)]
    afresh: bool,
    /// Behind the plan send fresh parity, in every pass until the report of it is here, if none is lost.
    #[arg(long, conflicts_with = "frames")]
    until_report: bool,
    /// Take back what is written for later, and lay it anew with these in between.
    #[arg(long, conflicts_with_all = ["frames", "afresh"])]
    between: bool,
    /// Remember that no frame of this file, which an earlier uplink wrote, was or will be transmitted.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["files", "frames", "probability", "epoch", "out", "best_effort", "afresh", "until_report", "between"])]
    unsent: Option<PathBuf>,
    /// With --unsent: of the frames that are planned to begin at this instant, or later.
    #[arg(long, value_name = "INSTANT", requires = "unsent", conflicts_with = "files", value_parser = parse_instant)]
    from: Option<u64>,
    /// With --unsent --from: and before this one.
    #[arg(long, value_name = "INSTANT", requires = "from", conflicts_with = "files", value_parser = parse_instant)]
    until: Option<u64>,
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
    let mut ledger = mission.ledger(global)?;
    instants::doubt_reports(&ledger, global.now_s())?;
    if let Some(file) = &args.unsent {
        let how = unsent::How {
            from_s: args.from,
            until_s: args.until,
            dry_run: args.dry_run,
            json: args.json,
        };
        return unsent::run(file, how, &mission, &mut ledger, global);
    }
    let known = ledger.uplinks()?;
    if !args.between {
        return send(args, (&mission, None), (ledger, known), global);
    }
    let between = Between::find(&mission, &args.files, global)?;
    let all = Args {
        files: between.files.clone(),
        until_report: args.until_report || between.until_report,
        ..args.clone()
    };
    ledger.as_if(global.now_s(), &between.cuts);
    send(
        &all,
        (&between.mission, Some(&between)),
        (ledger, known),
        global,
    )
}

/// Sends what is named, upon a ledger that knows so many uplinks.
fn send(
    args: &Args,
    (mission, between): (&Mission, Option<&Between>),
    (mut ledger, known): (Ledger, usize),
    global: &Global,
) -> Result<()> {
    let ready = args
        .files
        .iter()
        .map(|f| plan::object(f, mission, true))
        .collect::<Result<Vec<_>>>()?;
    let prepared = prepare(args, (mission, between), &ledger, &ready, global)?;
    let going = sending::Going::all(&ready, &args.files, &prepared.epochs);
    let asked = sending::ask(mission, &ledger, &prepared.plan, &going);
    let keys = frame_keys(mission, &prepared.epochs)?;
    let keyed: Vec<Keyed> = ready
        .into_iter()
        .zip(keys)
        .map(|(ready, key)| Keyed { ready, key })
        .collect();
    let sent = &prepared.underway.sent;
    let (path, schedule) = names(args.out.as_deref(), mission, sent)?;
    let written = frames::write(&prepared.plan, &keyed, mission)?;
    let certificate = plan::certificate(&prepared.plan, &asked);
    if !args.dry_run {
        let mut files = Files::new();
        // Whether the names are free still is seen in the step, where nobody comes between.
        files.aside(mission, &path, &written.bytes, false)?;
        files.aside(mission, &schedule, written.schedule.as_bytes(), false)?;
        let before = Before {
            known,
            names: [&path, &schedule],
            files: &files,
            passes: prepared.underway.passes_of(&written.runs),
            light_times: mission.light_times_to_keep(&ledger)?,
            cuts: between.map_or(&[], |b| &b.cuts),
            until_report: args.until_report,
        };
        remember(
            &mut ledger,
            (mission, global),
            &before,
            (&written, &certificate),
            &keyed,
        )?;
        files.name(&ledger)?;
    }
    if args.json {
        return out::json(&json!({
            "file": path.display().to_string(),
            "schedule": schedule.display().to_string(),
            "objects": written.runs.iter().map(run_json).collect::<Vec<_>>(),
            "certificate": certificate,
            "instead": between.map(Between::to_json),
            "twin": asked.to_json(),
            "warnings": prepared.warnings,
            "dry_run": args.dry_run,
        }));
    }
    if let Some(between) = between {
        between.tell(args.dry_run);
    }
    let remedy = sending::remedy(&ledger, prepared.epochs.into_iter(), sending::REMEDY)?;
    tell(
        &written.runs,
        (&path, &schedule),
        (&asked, &remedy),
        args.dry_run,
    )
}

/// What goes up, and upon what that was planned.
struct Prepared {
    /// Where the objects stood, with the runs that the ledger knew.
    underway: Underway,
    /// The link epoch of each object's frames.
    epochs: Vec<Epoch>,
    /// All frames of it go up.
    plan: Plan,
    /// What speaks against it, in words; it was said.
    warnings: Vec<String>,
}

/// Plans what goes up, unless something speaks against it.
fn prepare(
    args: &Args,
    (mission, between): (&Mission, Option<&Between>),
    ledger: &Ledger,
    ready: &[Ready],
    global: &Global,
) -> Result<Prepared> {
    let objects: Vec<UplinkObject> = ready.iter().map(|r| r.object.clone()).collect();
    plan::distinct(&objects, &args.files)?;
    let underway = Underway::read(mission, ledger, global.now_s())?;
    for (ready, file) in ready.iter().zip(&args.files) {
        sendable::check(ledger, &underway.sent, ready, file)?;
    }
    sendable::apart(ready, &args.files)?;
    let causes = Causes::of(mission, ledger)?;
    let mut warnings = sendable::doubts(Some((ledger, &causes)), ready, &args.files)?.said;
    let epochs = epochs(args, ledger, ready, between)?;
    if let Some(alarm) = &underway.alarm {
        warnings.extend(warnings::lost_record(alarm, &args.files)?);
    }
    for ((object, file), epoch) in objects.iter().zip(&args.files).zip(&epochs) {
        let known = (ledger, &underway, &causes);
        warnings.extend(taken::still(object, file, known, *epoch)?);
    }
    let starts = starts(args, &underway, (&objects, &epochs))?;
    let report = underway
        .last
        .as_ref()
        .map(|p| causes.believed(&p.report, p.received_s));
    let known = base::Known {
        ledger,
        sent: &underway.sent,
        causes: &causes,
        report,
    };
    warnings.extend(base::doubts(&known, &args.files)?);
    sendable::tell(&warnings);
    let make = if args.until_report {
        plan::until_report
    } else {
        plan::make
    };
    let planned = make(mission, (&objects, &starts), args.probability, global)?;
    let unheard = plan::reply::doubts(&args.files, mission, &planned)?;
    sendable::tell(&unheard);
    warnings.extend(unheard);
    if !args.best_effort {
        // Whoever asks for so many frames knows that they may not be enough.
        if args.frames.is_none() {
            let short = plan::enough(&planned, between)?;
            sendable::tell(&short);
            warnings.extend(short);
        }
        plan::check(&args.files, mission, &planned)?;
    }
    nothing_lacks(&planned, &args.files)?;
    let frames = frames::count(&planned, args.frames)?;
    if frames == 0 {
        return Err(Error::new(Kind::Plan, "not a single frame fits the passes")
            .hint("add passes to passes.csv"));
    }
    let plan = match frames == planned.frames.len() {
        true => planned,
        false => {
            let of = (objects.as_slice(), starts.as_slice());
            plan::part(mission, of, args.probability, frames, global)?
        }
    };
    Ok(Prepared {
        underway,
        epochs,
        plan,
        warnings,
    })
}

/// Names the files, what they hold, and what the twin expects of it.
fn tell(
    runs: &[SentRow],
    (path, schedule): (&Path, &Path),
    (asked, remedy): (&Asked, &str),
    dry_run: bool,
) -> Result<()> {
    out::result(&format!("{}\n{}\n", path.display(), schedule.display()))?;
    for run in runs {
        out::message(format_args!(
            "{} {}: {}, {}, from {} to {}",
            kind_name(run.kind),
            run.number,
            describe::count(run.count.into(), "frame"),
            describe::range(run.first, run.count, "symbol"),
            show_instant(describe::begins_s(run, runs)),
            show_instant(run.ends_s)
        ));
    }
    asked.tell(remedy);
    if !dry_run {
        out::message(format_args!(
            "Next: transmit {}; then `lightday ingest FILE` with what comes down, and `lightday status`",
            path.display()
        ));
    }
    Ok(())
}

/// Where each object stands.
fn starts(
    args: &Args,
    underway: &Underway,
    (objects, epochs): (&[UplinkObject], &[Epoch]),
) -> Result<Vec<Start>> {
    let objects = objects.iter().zip(&args.files).zip(epochs);
    let objects = objects.map(|((object, file), epoch)| {
        let start = match args.afresh {
            true => underway.afresh(object),
            false => underway.start(object, *epoch),
        };
        if start.next >= MAX_SYMBOLS {
            let (kind, number) = (kind_name(object.kind()), object.number());
            let what = format!("{kind} {number} has no symbols left: all {MAX_SYMBOLS} went up");
            return Err(Error::new(Kind::Plan, what)
                .file(file)
                .hint("build it anew, under a new number"));
        }
        Ok(start)
    });
    objects.collect()
}

/// Refuses to send nothing: what is there or on its way is likely enough to do. Says of which objects that is so.
fn nothing_lacks(planned: &Plan, files: &[PathBuf]) -> Result<()> {
    let does = |o: &ObjectPlan| o.enough && o.frames == 0;
    let said = |o: &ObjectPlan| {
        format!(
            "{} {}: {} of it still needed, {} on their way: complete with {} already",
            kind_name(o.kind),
            o.number,
            describe::count(o.needed.into(), "symbol"),
            describe::count(o.in_flight.into(), "frame"),
            describe::probability(o.probability)
        )
    };
    let of = planned.objects.iter().zip(files);
    if let (true, Some((first, file))) = (planned.objects.iter().all(does), of.clone().next()) {
        return Err(Error::new(Kind::Refused, said(first)).file(file).hint("wait for the next report; a higher --probability sends more, and --afresh sends as if nothing of it had arrived"));
    }
    for (object, file) in of.filter(|(o, _)| does(o)) {
        out::message(format_args!("note: {}: {}", file.display(), said(object)));
    }
    Ok(())
}

/// The epoch of each object's frames. A switch of the epoch travels under the new epoch's own key: it leads away
/// from whoever may have forged a report.
fn epochs(
    args: &Args,
    ledger: &Ledger,
    ready: &[Ready],
    between: Option<&Between>,
) -> Result<Vec<Epoch>> {
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
        let (kind, number) = (ready.object.kind(), ready.object.number());
        Ok(own.unwrap_or_else(|| between.map_or(epoch, |b| b.epoch(kind, number, epoch))))
    });
    epochs.collect()
}

/// The uplink key of each object.
fn frame_keys(mission: &Mission, epochs: &[Epoch]) -> Result<Vec<FrameKey>> {
    let link_keys = mission.link_keys()?;
    let keys = epochs.iter().map(|e| mission.uplink_key(&link_keys, *e));
    keys.collect()
}
