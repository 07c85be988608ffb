//! `lightday plan`: what an uplink costs and when it will be known, before a bit is sent.

mod free;
mod lay;
pub mod reply;
mod show;
mod target;
mod timeline;
mod trial;

use std::path::{Path, PathBuf};

use lightday_station::cut::cut;
use lightday_station::fits::fits;
use lightday_station::object::{ObjectError, UplinkObject};
use lightday_station::plan::{Plan, Start};
use lightday_trust::KeySet;
use lightday_trust::digest::sha256;
use lightday_wire::Epoch;
use serde_json::json;

use crate::Global;
use crate::atomic::{self, Access};
use crate::error::{Error, Kind, Result};
use crate::ledger::SignatureRow;
use crate::mission::artifact::{self, Artifact, kind_name};
use crate::mission::causes::Causes;
use crate::mission::keys::bad_key;
use crate::mission::underway::Underway;
use crate::mission::{self, Mission, epochs};
use crate::out;
use crate::time::parse_instant;
use crate::verb::asked::Asked;
use crate::verb::between::Between;
use crate::verb::sendable::{self, Doubts};
use crate::verb::sending::{self, Going};
use crate::verb::taken;

use self::free::{already_sent, free};
pub use self::lay::{enough, make, part, until_report};
pub use self::show::{certificate, to_json};
pub use self::trial::check;

/// Say what an uplink costs and how likely it succeeds, before anything is sent.
///
/// Shows bytes by kind (payload, envelope, headers, tags, parity), frames, passes with their times, hours of
/// antenna, and when each object is complete on board and the ground can know: at the earliest (no frame is
/// lost), in 50, 90 and 99 % of all cases, and with the last planned frame, behind which it is as likely as the
/// plan says; `-` where no booked pass can hear it. That chance is the certificate: it holds without any feedback,
/// and is computed exactly under the losses of mission.toml and passes.csv. Signatures that are still missing are
/// counted as if they were there. What went up before counts with its own losses, as far as the latest report cannot
/// know of it, and so does what that report says that the vehicle still needs.
///
/// The twin says what it expects of it: the verdict on each object, when by this plan, and what the report then says
/// otherwise (`twin` in --json).
///
/// It warns of what `lightday uplink` refuses: what a command gave up that was sent, or an abort beside what it gives up;
/// of what an abort gives up beside what it names; and of a command whose answer no pass hears (`warnings` in --json). What
/// the vehicle takes no more, such as what a report calls complete on board, is an error here as there.
///
/// With --json, `enough` and `done` say whether the passes suffice, and the exit code does not.
///
/// With an authorization it is an error if it is on board with the probability that is asked for, which is with the
/// last frame, only after its window closes; p99 and the earliest instant are said beside it. And it is one if an outage
/// or a gap in the passes lets the lease of the trial end before a Confirm can be heard, whenever between the earliest
/// instant and the last frame it is activated.
///
/// --between plans as uplink --between sends: what is written for later is taken back and laid anew, with these in between.
///
/// --target says whether all is on board by an instant, and what would do if not: passes to be booked, or a smaller
/// patch. --svg draws passes, frames and milestones.
///
/// Examples:
///   lightday plan bundles/7.ldb
///   lightday plan bundles/7.ldb --target 2026-12-24T00:00Z --svg plan.svg
///   lightday plan bundles/7.ldb documents/auth-7.ldd --probability 0.999 --json
#[derive(Clone, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// What to send (.ldb, .ldd), all in the same passes.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// How sure it must be that no feedback is needed; by default plan.probability of mission.toml.
    #[arg(long, value_name = "P", value_parser = probability)]
    probability: Option<f64>,
    /// Say whether all is on board by this instant, and what would do if not.
    #[arg(long, value_name = "INSTANT", value_parser = parse_instant)]
    target: Option<u64>,
    /// Draw the timeline into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// As if what is written for later were taken back, and laid anew with these in between.
    #[arg(long)]
    between: bool,
    /// With fresh parity in every pass until the report of it is here, if none is lost.
    #[arg(long, conflicts_with = "target")]
    until_report: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Reads a probability that a plan can reach.
pub fn probability(text: &str) -> std::result::Result<f64, String> {
    let p = text.parse::<f64>().ok().filter(|p| *p > 0.0 && *p < 1.0);
    p.ok_or_else(|| {
        format!("`{text}` is not above 0 and below 1: write such as 0.999; nothing is certain on a lossy link")
    })
}

/// Refuses an object that is named twice: its symbols would be sent twice.
pub fn distinct(objects: &[UplinkObject], files: &[PathBuf]) -> Result<()> {
    for (place, (object, file)) in objects.iter().zip(files).enumerate() {
        let same = |o: &&UplinkObject| (o.kind(), o.number()) == (object.kind(), object.number());
        if objects.iter().take(place).any(|o| same(&o)) {
            let what = format!(
                "{} {} is named twice",
                kind_name(object.kind()),
                object.number()
            );
            return Err(Error::new(Kind::Usage, what).file(file).hint(
                "name each object once; --frames and --probability decide how much of it goes up",
            ));
        }
    }
    Ok(())
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    if !args.between || !mission.path("ledger.sqlite").is_file() {
        return run_with(args, (&mission, None), global);
    }
    let between = Between::find(&mission, &args.files, global)?;
    let all = Args {
        files: between.files.clone(),
        until_report: args.until_report || between.until_report,
        ..args.clone()
    };
    between.tell(true);
    run_with(&all, (&between.mission, Some(&between)), global)
}

fn run_with(
    args: &Args,
    (mission, between): (&Mission, Option<&Between>),
    global: &Global,
) -> Result<()> {
    args.svg
        .iter()
        .try_for_each(|path| atomic::refuse_unplaceable(path))?;
    let ready = args
        .files
        .iter()
        .map(|f| object(f, mission, false))
        .collect::<Result<Vec<_>>>()?;
    let objects: Vec<UplinkObject> = ready.iter().map(|r| r.object.clone()).collect();
    distinct(&objects, &args.files)?;
    if mission.path("ledger.sqlite").is_file() {
        let ledger = mission.ledger_to_read()?;
        mission::doubt_clock(&ledger, global)?;
        mission::instants::doubt_reports(&ledger, global.now_s())?;
    }
    let Stands {
        starts,
        epochs,
        doubts: old,
    } = stands(args, (mission, between), &objects, global)?;
    let Doubts {
        said: mut doubts,
        is_refused,
    } = doubts(mission, &ready, &args.files)?;
    doubts.extend(old);
    let going = Going::all(&ready, &args.files, &epochs);
    if let Some(by_s) = args.target {
        let of = (objects.as_slice(), starts.as_slice());
        return by_then(args, mission, of, (&going, doubts), (by_s, global));
    }
    let make = if args.until_report {
        until_report
    } else {
        make
    };
    let plan = make(mission, (&objects, &starts), args.probability, global)?;
    draw(args, &plan, mission)?;
    let asked = twin(mission, &plan, &going);
    doubts.extend(reply::doubts(&args.files, mission, &plan)?);
    sendable::tell(&doubts);
    if args.json {
        let mut value = to_json(&plan);
        value["twin"] = asked.as_ref().map_or(json!(null), Asked::to_json);
        value["warnings"] = json!(doubts);
        out::json(&value)?;
        return check(&args.files, mission, &plan);
    }
    show::show(&plan, mission)?;
    if let Some(asked) = &asked {
        let epochs = epochs.into_iter();
        asked.tell(&sending::remedy(
            &mission.ledger_to_read()?,
            epochs,
            sending::REMEDY,
        )?);
    }
    sendable::tell(&enough(&plan, between)?);
    check(&args.files, mission, &plan)?;
    if plan.frames.is_empty() {
        out::message("Nothing is to be sent: wait for the next report");
        return Ok(());
    }
    if is_refused || asked.as_ref().is_some_and(Asked::is_any_in_vain) {
        out::message("Next: mend what the warnings name, and plan again");
        return Ok(());
    }
    out::message(format_args!(
        "Next: lightday uplink {}",
        next(args, between)
    ));
    Ok(())
}

/// What `uplink` is asked for to send what was planned.
fn next(args: &Args, between: Option<&Between>) -> String {
    let mut words = Vec::new();
    if args.between {
        words.push("--between".to_owned());
    }
    if args.until_report {
        words.push("--until-report".to_owned());
    }
    let files = between.map_or(args.files.as_slice(), |b| b.named());
    words.extend(files.iter().map(|f| f.display().to_string()));
    words.join(" ")
}

/// What speaks against sending these.
fn doubts(mission: &Mission, ready: &[Ready], files: &[PathBuf]) -> Result<Doubts> {
    if !mission.path("ledger.sqlite").is_file() {
        return sendable::doubts(None, ready, files);
    }
    let ledger = mission.ledger_to_read()?;
    let causes = Causes::of(mission, &ledger)?;
    sendable::doubts(Some((&ledger, &causes)), ready, files)
}

/// What the twin expects; `None` where nothing is to be sent, or where there is no ledger that says what it has heard.
fn twin(mission: &Mission, plan: &Plan, going: &[Going<'_>]) -> Option<Asked> {
    if plan.frames.is_empty() || !mission.path("ledger.sqlite").is_file() {
        return None;
    }
    Some(match mission.ledger_to_read() {
        Ok(ledger) => sending::ask(mission, &ledger, plan, going),
        Err(e) => Asked::Cannot(e.to_string()),
    })
}

/// Where objects stand.
#[derive(Default)]
struct Stands {
    starts: Vec<Start>,
    /// The link epoch of the frames of each.
    epochs: Vec<Epoch>,
    /// Whether the vehicle takes each still, where that is in doubt.
    doubts: Vec<String>,
}

/// Where each object stands; nothing was sent where there is no ledger. It is an error if the vehicle takes one no more.
fn stands(
    args: &Args,
    (mission, between): (&Mission, Option<&Between>),
    objects: &[UplinkObject],
    global: &Global,
) -> Result<Stands> {
    let mut stands = Stands::default();
    if !mission.path("ledger.sqlite").is_file() {
        stands.starts = objects.iter().map(Start::fresh).collect();
        stands.epochs = objects.iter().map(|_| Epoch::default()).collect();
        return Ok(stands);
    }
    let ledger = mission.ledger_to_read()?;
    let underway = Underway::read(mission, &ledger, global.now_s())?;
    let causes = Causes::of(mission, &ledger)?;
    let latest = epochs::latest(&ledger)?;
    for (object, file) in objects.iter().zip(&args.files) {
        let latest = between.map_or(latest, |b| b.epoch(object.kind(), object.number(), latest));
        let epoch = epochs::leads_to(&Artifact::load(file)?).unwrap_or(latest);
        let known = (&ledger, &underway, &causes);
        stands
            .doubts
            .extend(taken::still(object, file, known, epoch)?);
        stands.starts.push(underway.start(object, epoch));
        stands.epochs.push(epoch);
    }
    Ok(stands)
}

/// Draws the timeline where it is asked for.
fn draw(args: &Args, plan: &Plan, mission: &Mission) -> Result<()> {
    let Some(path) = &args.svg else {
        return Ok(());
    };
    atomic::create(
        path,
        timeline::draw(plan, mission).as_bytes(),
        Access::Public,
    )
}

/// Answers whether all is on board by an instant.
fn by_then(
    args: &Args,
    mission: &Mission,
    (objects, starts): (&[UplinkObject], &[Start]),
    (going, mut doubts): (&[Going<'_>], Vec<String>),
    (by_s, global): (u64, &Global),
) -> Result<()> {
    let now_s = global.now_s();
    let passes = free(mission, now_s)?;
    let probability = args.probability.unwrap_or(mission.config.plan.probability);
    let answer = target::ask(
        mission,
        (objects, starts),
        &passes,
        probability,
        (now_s, by_s),
    )?;
    if let Some(plan) = &answer.plan {
        draw(args, plan, mission)?;
        doubts.extend(reply::doubts(&args.files, mission, plan)?);
    }
    sendable::tell(&doubts);
    let asked = answer
        .plan
        .as_ref()
        .and_then(|plan| twin(mission, plan, going));
    if args.json {
        let mut value = answer.plan.as_ref().map_or(json!({}), to_json);
        value["target_instant"] = target::to_json(&answer, by_s);
        value["twin"] = asked.as_ref().map_or(json!(null), Asked::to_json);
        value["warnings"] = json!(doubts);
        out::json(&value)?;
        return answer
            .plan
            .map_or(Ok(()), |plan| check(&args.files, mission, &plan));
    }
    if let Some(plan) = answer.plan.as_ref().filter(|p| !p.frames.is_empty()) {
        show::show(plan, mission)?;
    }
    if let Some(asked) = &asked {
        let epochs = going.iter().map(|g| g.epoch);
        asked.tell(&sending::remedy(
            &mission.ledger_to_read()?,
            epochs,
            sending::REMEDY,
        )?);
    }
    let light_s = mission.light_time().at(now_s);
    target::tell(&answer, objects, by_s, (now_s, light_s, probability))?;
    answer
        .plan
        .map_or(Ok(()), |plan| check(&args.files, mission, &plan))
}

/// An object that can go up.
pub struct Ready {
    /// Its symbols.
    pub object: UplinkObject,
    /// SHA-256 of its bytes before padding.
    pub digest: [u8; 32],
    /// Who signed it.
    pub signatures: Vec<SignatureRow>,
    /// Whether all have whom the key set asks for.
    pub is_signed: bool,
}

/// The object of a file, with the signatures that lie beside it. With `complete`, all that the vehicle
/// demands must be there.
///
/// # Errors
/// The file makes no sense, is for another vehicle, does not go with mission.toml, or lacks signatures.
pub fn object(file: &Path, mission: &Mission, complete: bool) -> Result<Ready> {
    let keys = mission.key_set()?;
    let keys = keys
        .key_set()
        .map_err(|e| bad_key(&mission.path("keys/keyset.toml"), &e))?;
    let (artifact, signatures) = Artifact::load_signed(file, &keys, &artifact::names(mission)?)?;
    artifact.check_target(file, mission)?;
    if let Artifact::Bundle(bundle) = &artifact {
        fits(bundle.manifest(), &mission.profile).map_err(|e| {
            Error::new(Kind::Refused, &e)
                .file(file)
                .field(e.field)
                .hint(e.hint())
        })?;
    }
    let mut bytes = artifact.object_bytes();
    if complete {
        artifact
            .verify(&keys)
            .map_err(|e| crate::mission::artifact::untrusted(file, &e))?;
    } else {
        bytes.resize(bytes.len() + signatures_to_come(&artifact, &keys), 0);
    }
    let (kind, number) = (artifact.kind(), artifact.number());
    // The symbol length is fixed for an object's life: what was sent once decides.
    let sent = already_sent(mission)?;
    let object = match sent.iter().find(|s| (s.kind, s.number) == (kind, number)) {
        Some(sent) => UplinkObject::new(kind, number, &bytes, sent.symbol_len),
        None => cut(
            kind,
            number,
            &bytes,
            &mission.profile,
            &mission.config.link_model(),
        ),
    };
    let object = object.map_err(|e| uncut(file, &e))?;
    Ok(Ready {
        object,
        digest: sha256(&bytes).0,
        signatures,
        is_signed: artifact.missing(&keys).is_empty(),
    })
}

/// The error of an object that cannot be cut into symbols.
pub fn uncut(file: &Path, error: &ObjectError) -> Error {
    let refused = Error::new(Kind::Refused, error)
        .file(file)
        .hint(error.hint());
    match error.field() {
        Some(field) => refused.field(field),
        None => refused,
    }
}

/// Bytes of the signatures that the key set still demands.
fn signatures_to_come(artifact: &Artifact, keys: &KeySet) -> usize {
    let missing: usize = artifact.missing(keys).iter().map(|(_, n)| n).sum();
    missing * lightday_wire::envelope::SIGNATURE_LEN
}
