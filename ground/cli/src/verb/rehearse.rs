//! `lightday rehearse`: the bundle flown in the simulator, many times, as evidence.

use std::path::{Path, PathBuf};

use lightday_sim::demo;
use lightday_sim::ending::Ending;
use lightday_sim::link::Loss;
use lightday_sim::outcome::Outcome;
use lightday_sim::scenario::{Images, Prepared, Scenario, ScenarioError, Schedule};
use lightday_sim::time::Span;
use lightday_sim::trace::Keep;
use lightday_station::bundle::{BuildOptions, Bundle};
use lightday_station::profile::Profile;
use lightday_trust::digest::sha256;
use lightday_wire::{Digest, RevertCause};
use serde_json::{Value, json};

use crate::Global;
use crate::atomic::refuse_existing;
use crate::error::{Error, Kind, Result};
use crate::mission::artifact::Artifact;
use crate::mission::recover::Files;
use crate::mission::{Mission, Pass, evidence, images, units};
use crate::out;
use crate::time::show_instant;

/// Fly a bundle in the simulator, for many seeds, and write down what came of it as evidence.
///
/// The manifest and payload of this very bundle fly over the mission's link, with its losses and passes, to the
/// real loader and the real agent; signers and keys are simulated. Each seed flies the scenarios that must end
/// well: a healthy image must be confirmed, one that crashes at boot or is deaf must be reverted. The evidence
/// file (JSON) and its root go into an authorization.
///
/// Example:
///   lightday rehearse bundles/7.ldb --base app-1.0.0.elf --seeds 100
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The bundle (.ldb).
    file: PathBuf,
    /// The image that the vehicle runs now; the base, where the bundle has one.
    #[arg(long, value_name = "FILE")]
    base: PathBuf,
    /// The golden image; by default the base stands in for it.
    #[arg(long, value_name = "FILE")]
    golden: Option<PathBuf>,
    /// How many seeds to fly.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// The evidence file to write; by default evidence/N.json.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Tell the story of each flight, on standard error.
    #[arg(long)]
    story: bool,
    /// Fly, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// What flies, and how it has to end.
const MUST: [(&str, Ending); 3] = [
    ("healthy", Ending::Confirmed),
    (
        "crashes-at-boot",
        Ending::Reverted(RevertCause::TriesExhausted),
    ),
    ("deaf", Ending::Reverted(RevertCause::LeaseExpired)),
];

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    let Artifact::Bundle(bundle) = Artifact::load(&args.file)? else {
        return Err(Error::new(Kind::Usage, "not a bundle")
            .file(&args.file)
            .hint("give a .ldb file"));
    };
    Artifact::Bundle(bundle.clone()).check_target(&args.file, &mission)?;
    let path = match &args.out {
        Some(path) => path.clone(),
        None => mission.path(format!("evidence/{}.json", bundle.number())),
    };
    let images = flown_images(args, &mission, &bundle)?;
    if !args.dry_run {
        refuse_existing(&path)
            .map_err(|e| e.hint("write this evidence elsewhere with --out FILE"))?;
    }
    let mut flights = Vec::new();
    for (name, ending) in MUST {
        let scenario = scenario(name, &images, &mission, &bundle, global)?;
        flights.extend(
            fly(args, scenario, &bundle)?
                .into_iter()
                .map(|o| (o, ending)),
        );
    }
    let failed: Vec<&Outcome> = flights
        .iter()
        .filter(|(o, e)| !ends(o, *e))
        .map(|(o, _)| o)
        .collect();
    let report = report(args, &mission, &bundle, &images, &flights, failed.len());
    let mut bytes = serde_json::to_vec_pretty(&report)
        .map_err(|e| Error::new(Kind::Internal, format!("cannot write the evidence: {e}")))?;
    bytes.push(b'\n');
    let (digest, root) = (sha256(&bytes), evidence::root(vec![sha256(&bytes)]));
    if !args.dry_run {
        write(
            &mission,
            &bundle,
            &path,
            &bytes,
            &digest,
            failed.len(),
            global,
        )?;
    }
    let summary = json!({
        "bundle": bundle.number().get(), "seeds": args.seeds, "flights": flights.len(), "failed": failed.len(),
        "file": path.display().to_string(), "sha256": digest.to_string(), "root": root.to_string(),
    });
    if args.json {
        out::json(&summary)?;
    } else {
        out::result(&format!(
            "{} flights of bundle {}, {} not as they should\nevidence {}\nroot {root}\n",
            flights.len(),
            bundle.number(),
            failed.len(),
            path.display()
        ))?;
    }
    match failed.first() {
        None => {
            if !args.dry_run {
                out::message(format_args!(
                    "Next: lightday authorize {} --evidence {}",
                    bundle.number(),
                    path.display()
                ));
            }
            Ok(())
        }
        Some(first) => Err(Error::new(Kind::Outcome, format!("{} of {} flights did not end as they should; the first: {first}", failed.len(), flights.len()))
            .file(&args.file)
            .hint(format!("fly it again with --first-seed {} --seeds 1 --story; longer leases, more tries or more passes may mend it", first.seed))),
    }
}

fn ends(outcome: &Outcome, ending: Ending) -> bool {
    outcome.on_board == ending && outcome.on_ground == ending && outcome.violations.is_empty()
}

fn flown_images(args: &Args, mission: &Mission, bundle: &Bundle) -> Result<Images> {
    let options = mission.profile.image_options();
    let base = images::load(&args.base, &options)?;
    if let Some(signed) = bundle.context().base
        && signed.digest != base.digest()
    {
        return Err(Error::new(
            Kind::Input,
            format!("not the base of this bundle, which is {}", signed.digest),
        )
        .file(&args.base)
        .field("base.digest")
        .hint("give the image with this SHA-256"));
    }
    let golden = match &args.golden {
        Some(path) => images::load(path, &options)?,
        None => base.clone(),
    };
    let new = bundle.decode(&base.bytes).map_err(|e| {
        Error::new(Kind::Input, e)
            .file(&args.file)
            .field("payload")
            .hint(e.hint())
    })?;
    Ok(Images::new(&golden.bytes, &base.bytes, &new))
}

fn scenario(
    name: &str,
    images: &Images,
    mission: &Mission,
    bundle: &Bundle,
    global: &Global,
) -> Result<Scenario> {
    let mut scenario = demo::scenario(name, images.clone()).ok_or_else(|| {
        Error::new(
            Kind::Internal,
            format!("the simulator has no scenario {name}"),
        )
    })?;
    scenario.profile = mission.profile.clone();
    scenario.loss = loss(mission);
    scenario.bit_error_ppb = (mission.config.loss.bit_errors * 1e9) as u32;
    scenario.options = options(bundle, &mission.profile);
    let booked = mission.passes()?;
    scenario.profile.link.light_time_s = mission.light_time().at(global.now_s());
    scenario.lost_pass_ppm = lost(&booked, mission);
    if let Some(schedule) = schedule(&booked, global.now_s()) {
        scenario.schedule = schedule;
    }
    scenario.length = length(&scenario, bundle);
    Ok(scenario)
}

/// Long enough for the upload with its parity, the trial to run out its lease, and the ground to hear of
/// it; not so long that the vehicle believes itself forgotten, since nobody sends anything afterwards.
fn length(scenario: &Scenario, bundle: &Bundle) -> Span {
    let (link, schedule) = (&scenario.profile.link, &scenario.schedule);
    let bits = 8 * bundle.object_bytes().len() as u64;
    let sending_s = 2 * bits / u64::from(link.rate_up_bps.max(1));
    let passes = sending_s / schedule.length.secs().max(1) + 4;
    let lease_s = u64::from(bundle.manifest().trial.lease_s);
    let waiting_s = schedule.first.secs() + passes * schedule.period.secs();
    Span::from_secs(waiting_s + lease_s + 2 * link.light_time_s)
}

fn loss(mission: &Mission) -> Loss {
    let loss = &mission.config.loss;
    match loss.frames.0 {
        0 => Loss::None,
        loss_ppm if loss.mean_burst > 1.0 => Loss::bursts(loss_ppm, loss.mean_burst.round() as u32),
        loss_ppm => Loss::Random { loss_ppm },
    }
}

/// What the bundle was built with, so that the simulator builds the same manifest.
fn options(bundle: &Bundle, profile: &Profile) -> BuildOptions {
    let manifest = bundle.manifest();
    let mut options = BuildOptions::new(bundle.number(), manifest.image.version);
    if let Some(base) = bundle.context().base {
        options.base_version = base.version;
    }
    options.security_counter = manifest.security_counter;
    options.class_bound = manifest.class_bound;
    options.activation = manifest.activation;
    options.trial = Some(manifest.trial);
    options.evidence_root = manifest.evidence_root;
    options.text = bundle.text().map(str::to_owned);
    options.full = manifest.base.is_none() && profile.decoder.codecs.len() > 1;
    options
}

/// The chance of a pass to be lost, on average over those that are booked.
fn lost(booked: &[Pass], mission: &Mission) -> u32 {
    let link = mission.config.link_model();
    let sum: f64 = booked.iter().map(|pass| link.lost(pass)).sum();
    match booked.len() {
        0 => mission.config.loss.passes.0,
        n => units::ppm(sum / n as f64).map_or(0, |p| p.0),
    }
}

/// Passes of the mean length at the mean distance of those that are booked; `None` if fewer than two are.
fn schedule(booked: &[Pass], now_s: u64) -> Option<Schedule> {
    let ahead: Vec<&Pass> = booked.iter().filter(|p| p.end_s > now_s).collect();
    let (first, last) = (ahead.first()?, ahead.last()?);
    let gaps = u64::try_from(ahead.len())
        .ok()?
        .checked_sub(1)
        .filter(|n| *n > 0)?;
    let on_air: u64 = ahead.iter().map(|p| p.end_s - p.start_s).sum();
    Some(Schedule {
        first: Span::from_secs(first.start_s.saturating_sub(now_s).min(86_400)),
        length: Span::from_secs(on_air / (gaps + 1)),
        period: Span::from_secs((last.start_s - first.start_s) / gaps),
    })
}

/// Flies a scenario with the flash geometry of its profile.
fn fly(args: &Args, scenario: Scenario, bundle: &Bundle) -> Result<Vec<Outcome>> {
    let memory = &scenario.profile.memory;
    match (memory.program_granule, memory.erase_block) {
        (4, 4096) => fly_on::<4, 4096>(args, scenario, bundle),
        (8, 4096) => fly_on::<8, 4096>(args, scenario, bundle),
        (8, 2048) => fly_on::<8, 2048>(args, scenario, bundle),
        (4, 0x4_0000) => fly_on::<4, 0x4_0000>(args, scenario, bundle),
        (granule, erase) => Err(Error::new(
            Kind::Refused,
            format!("the simulator has no flash with granules of {granule} B and blocks of {erase} B"),
        )
        .field("memory.program_granule, memory.erase_block")
        .hint("it has 4 B and 4 KiB, 4 B and 256 KiB, 8 B and 4 KiB, 8 B and 2 KiB: rehearse on the nearest in a copy of the mission")),
    }
}

fn fly_on<const W: usize, const E: usize>(
    args: &Args,
    scenario: Scenario,
    bundle: &Bundle,
) -> Result<Vec<Outcome>> {
    let impossible = |e: ScenarioError| {
        Error::new(Kind::Refused, e)
            .file(&args.file)
            .hint("the bundle and mission.toml do not go together: `lightday plan` says more")
    };
    let prepared = Prepared::<W, E>::new(scenario).map_err(impossible)?;
    if prepared.bundle().manifest() != bundle.manifest()
        || prepared.bundle().payload() != bundle.payload()
    {
        return Err(Error::new(Kind::Refused, "the simulator builds another bundle from these images")
            .file(&args.file)
            .hint("mission.toml, or lightday, changed since it was built: build the bundle again, then rehearse it"));
    }
    let bar = out::progress(args.seeds, "flights");
    let outcomes = (args.first_seed..)
        .take(usize::try_from(args.seeds).unwrap_or(usize::MAX))
        .map(|seed| {
            bar.inc(1);
            let keep = if args.story {
                Keep::Headlines
            } else {
                Keep::Digest
            };
            let outcome = prepared.run(seed, keep);
            tell(&outcome);
            outcome
        });
    let outcomes = outcomes.collect();
    bar.finish_and_clear();
    Ok(outcomes)
}

/// The story of a flight, as far as it was kept.
fn tell(outcome: &Outcome) {
    if outcome.timeline.is_empty() {
        return;
    }
    out::message(format_args!("{}, seed {}", outcome.name, outcome.seed));
    for entry in &outcome.timeline {
        out::message(format_args!("  {entry}"));
    }
}

/// The evidence: everything that is needed to fly it again and compare.
fn report(
    args: &Args,
    mission: &Mission,
    bundle: &Bundle,
    images: &Images,
    flights: &[(Outcome, Ending)],
    failed: usize,
) -> Value {
    let manifest = bundle.manifest();
    let flown: Vec<Value> = flights
        .iter()
        .map(|(o, must)| json!({
            "scenario": o.name, "seed": o.seed, "on_board": o.on_board.to_string(), "on_ground": o.on_ground.to_string(),
            "as_it_should": ends(o, *must), "frames_sent": o.frames_sent, "frames_lost": o.frames_lost,
            "hours_to_verified": o.to_verified().map(|s| s.to_string()),
            "hours_to_known": o.to_known().map(|s| s.to_string()),
            "violations": o.violations.len(), "trace": o.digest.to_string(),
        }))
        .collect();
    json!({
        "format": 1,
        "tool": concat!("lightday ", env!("CARGO_PKG_VERSION")),
        "bundle": bundle.number().get(),
        "image": manifest.image.digest.to_string(),
        "payload": manifest.payload.digest.to_string(),
        "base": sha256(&images.old).to_string(),
        "golden": sha256(&images.golden).to_string(),
        "mission": mission.config.vehicle.name,
        "simulated": "signers, keys, application, flash timing; passes at their mean length and distance",
        "first_seed": args.first_seed,
        "seeds": args.seeds,
        "failed": failed,
        "flights": flown,
    })
}

fn write(
    mission: &Mission,
    bundle: &Bundle,
    path: &Path,
    bytes: &[u8],
    digest: &Digest,
    failed: usize,
    global: &Global,
) -> Result<()> {
    let mut files = Files::new();
    files.add(mission, path, bytes, false)?;
    let what = json!({
        "bundle": bundle.number().get(), "evidence": digest.to_string(), "file": mission.relative(path),
        "failed": failed, "at": show_instant(global.now_s()),
    });
    // Only a rehearsal that went well satisfies the policy.
    let verb = if failed == 0 {
        "rehearse"
    } else {
        "rehearse (failed)"
    };
    let mut ledger = mission.ledger(global)?;
    ledger.step(&global.actor(), verb, |step| {
        files.keep(step)?;
        Ok(((), what))
    })?;
    files.name(&ledger)
}
