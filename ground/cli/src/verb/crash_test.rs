//! `lightday crash-test`: the power fails everywhere, and every bit flips.

use std::time::Instant;

use lightday_sim::crash::{
    self, CrashError, Cut, Finding, Flip, Forms, GEOMETRIES, Geometry, Progress, Replay, SCENES,
    Scene, Settings, Slip, Tally,
};
use lightday_sim::scenario::Images;
use serde_json::json;

use crate::error::{Error, Kind, Result};
use crate::out;

/// Golden.
const GOLDEN: &[u8] = include_bytes!("../../../../tests/fixtures/orbiter-thumb-v1.bin");
/// What the vehicle is launched with.
const OLD: &[u8] = include_bytes!("../../../../tests/fixtures/orbiter-thumb-v2.bin");
/// What is brought.
const NEW: &[u8] = include_bytes!("../../../../tests/fixtures/orbiter-thumb-v3.bin");

/// Cut the power at every operation of the flash, in every scene of a vehicle's life, and flip every bit it keeps.
///
/// The real loader and the real agent live through each scene once without a fault; then once for each operation
/// of the flash and each form of a cut: not done; torn (one of its bits done, a random subset, or all but one); and
/// done but unstable (each read differs, or one in 16). Of the kinds of torn and unstable the seed draws one for each
/// operation; with --forms all each is lived. Each
/// life has to reach the scene's goals, and after each event the invariants are checked: something verified can
/// boot, nothing unverified ran, golden is untouched, trials end, no counter moves before confirm, no number goes
/// down, no report tells a success that is not so. With --depth 2, where the first cut met the boot, record and
/// commit path, the power fails a second time at every such operation until the vehicle is at rest again, and at one
/// in --one-in of all others of the life; with --depth 3 a third time, sampled. Besides, every bit that the vehicle
/// keeps flips where a scene begins; on parts with ECC each structure cannot be read as a whole; and with the power
/// on, every operation is skipped or refused once, and from every operation on no erase works, its block is dead,
/// some operations in a row are refused, a run of addresses reads as something else, or a bit is stuck.
///
/// The exit code is 0 only if nothing was found. What is found comes with the command that replays it.
///
/// Examples:
///   lightday crash-test
///   lightday crash-test --depth 2 --geometry 8x2048 --scene update --json
///   lightday crash-test --geometry 4x4096 --scene update --ecc off --cuts 37:torn
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Most power cuts in one life; 0: none.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=3))]
    depth: u8,
    /// Which forms of torn and unstable: one of each drawn for each operation, or all.
    #[arg(long, value_enum, default_value_t = Which::Drawn)]
    forms: Which,
    /// Of the third cuts, and of second ones beside the commit path, explore one in so many.
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    one_in: u64,
    /// Bytes that the flash programs at once, and erases at once; by default 4x4096, 8x2048, 16x8192 and 256x4096.
    #[arg(long, value_name = "GxE", value_delimiter = ',', value_parser = geometry)]
    geometry: Vec<Geometry>,
    /// Scenes, by name; by default all of them.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = scene)]
    scene: Vec<&'static Scene>,
    /// Parts whose torn words fault on read, parts whose do not, or both.
    #[arg(long, value_enum, default_value_t = Ecc::Both)]
    ecc: Ecc,
    /// Do not flip bits, nor make structures unreadable.
    #[arg(long)]
    no_flips: bool,
    /// Do not let the flash fail while the power is on.
    #[arg(long)]
    no_faults: bool,
    /// Pairs of bits to flip besides, at each place where bits are flipped.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pairs: usize,
    /// The seed of chance: how much of a torn operation is done, which bits it leaves, what is sampled.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Live one life with these cuts, and tell it.
    #[arg(
        long,
        value_name = "OPERATION:FORM",
        value_delimiter = ',',
        conflicts_with = "bits"
    )]
    cuts: Vec<Cut>,
    /// Live one life with these bits flipped, and tell it.
    #[arg(long, value_name = "ADDRESS.BIT", value_delimiter = ',')]
    bits: Vec<Flip>,
    /// Live one life on parts with ECC where nothing can be read of the structure that begins here, and tell it.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["bits", "cuts"], value_parser = address)]
    unreadable: Option<u32>,
    /// Live one life with this fault of the flash, and tell it.
    #[arg(long, value_name = "OPERATION:KIND", conflicts_with_all = ["bits", "cuts", "unreadable"])]
    fault: Option<Slip>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Which parts.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Ecc {
    /// Torn words fault on read.
    On,
    /// They read as something.
    Off,
    /// Both kinds.
    Both,
}

/// Which forms of a cut.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Which {
    /// Not done, one kind of torn, one kind of unstable.
    Drawn,
    /// Not done, four kinds of torn, two kinds of unstable.
    All,
}

fn geometry(text: &str) -> std::result::Result<Geometry, String> {
    let known = || GEOMETRIES.map(|(write, erase)| format!("{write}x{erase}"));
    let place = known().iter().position(|name| name == text);
    let place = place.ok_or_else(|| format!("there are {}", known().join(", ")))?;
    Ok(GEOMETRIES[place])
}

fn address(text: &str) -> std::result::Result<u32, String> {
    let hex = text
        .strip_prefix("0x")
        .map(|hex| u32::from_str_radix(hex, 16));
    hex.and_then(std::result::Result::ok)
        .ok_or_else(|| format!("`{text}` is no address; one looks like 0x1f40"))
}

fn scene(text: &str) -> std::result::Result<&'static Scene, String> {
    Scene::named(text)
        .ok_or_else(|| format!("there are {}", SCENES.map(|scene| scene.name).join(", ")))
}

impl Args {
    /// The one life that is asked for.
    fn replay(&self) -> Option<Replay<'_>> {
        if let Some(slip) = self.fault {
            return Some(Replay::Slip(slip));
        }
        if let Some(address) = self.unreadable {
            return Some(Replay::Unreadable(address));
        }
        match (self.cuts.is_empty(), self.bits.is_empty()) {
            (false, _) => Some(Replay::Cuts(&self.cuts)),
            (_, false) => Some(Replay::Flips(&self.bits)),
            _ => None,
        }
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings {
            depth: self.depth.into(),
            forms: match self.forms {
                Which::Drawn => Forms::Drawn,
                Which::All => Forms::All,
            },
            one_in: self.one_in,
            flips: !self.no_flips,
            slips: !self.no_faults,
            pairs: self.pairs,
            seed: self.seed,
            ecc: match self.ecc {
                Ecc::On => vec![true],
                Ecc::Off => vec![false],
                Ecc::Both => vec![false, true],
            },
            ..Settings::default()
        };
        if !self.geometry.is_empty() {
            settings.geometries.clone_from(&self.geometry);
        }
        if !self.scene.is_empty() {
            settings.scenes.clone_from(&self.scene);
        }
        settings
    }
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<()> {
    let images = Images::new(GOLDEN, OLD, NEW);
    let settings = args.settings();
    if let Some(what) = args.replay() {
        return replay(args, &images, &settings, what);
    }
    let started = Instant::now();
    let parts = settings.geometries.len() * settings.scenes.len() * settings.ecc.len();
    let bar = out::progress(parts as u64, "scenes");
    let mut scenes = Vec::new();
    let tally = crash::run(&images, &settings, &mut |progress| {
        bar.inc(1);
        scenes.push(progress.clone());
    });
    bar.finish_and_clear();
    let tally = tally.map_err(refused)?;
    let seconds = started.elapsed().as_secs_f64();
    if args.json {
        out::json(&to_json(&tally, &scenes, args.seed, seconds))?;
    } else {
        out::result(&to_text(&tally, &scenes, args.seed, seconds))?;
    }
    verdict(&tally.findings, args.seed)
}

fn refused(error: CrashError) -> Error {
    Error::new(Kind::Outcome, error)
        .hint("without any fault the vehicle does not come to its goal: report it")
}

fn verdict(findings: &[Finding], seed: u64) -> Result<()> {
    match findings.first() {
        None => Ok(()),
        Some(first) => Err(Error::new(
            Kind::Outcome,
            format!(
                "{} violations; the first: {}",
                findings.len(),
                first.violation
            ),
        )
        .hint(format!("repeat it with `{}`", command(first, seed)))),
    }
}

fn command(finding: &Finding, seed: u64) -> String {
    format!("lightday crash-test {} --seed {seed}", finding.replay())
}

fn replay(args: &Args, images: &Images, settings: &Settings, what: Replay<'_>) -> Result<()> {
    let story = crash::replay(images, settings, what).map_err(refused)?;
    if args.json {
        let violations: Vec<_> = story
            .findings
            .iter()
            .map(|f| f.violation.to_string())
            .collect();
        out::json(&json!({ "story": story.lines, "violations": violations }))?;
    } else {
        let mut text = story.lines.join("\n");
        text.push('\n');
        for finding in &story.findings {
            text.push_str(&format!("violation: {}\n", finding.violation));
        }
        out::result(&text)?;
    }
    verdict(&story.findings, args.seed)
}

fn to_text(tally: &Tally, scenes: &[Progress], seed: u64, seconds: f64) -> String {
    let mut text = String::from(
        "geometry   ecc  scene            cuts 1   cuts 2   cuts 3  sampled     bits   pairs  faults   violations\n",
    );
    for part in scenes {
        let tally = &part.tally;
        let [one, two, three] = tally.crash_points;
        text.push_str(&format!(
            "{:<10} {:<4} {:<14} {one:>8} {two:>8} {three:>8} {:>8} {:>8} {:>7} {:>7} {:>12}\n",
            format!("{}x{}", part.geometry.0, part.geometry.1),
            if part.ecc { "on" } else { "off" },
            part.scene,
            tally.sampled,
            tally.flips,
            tally.pairs,
            tally.slips,
            tally.findings.len(),
        ));
    }
    let points: u64 = tally.crash_points.iter().sum();
    text.push_str(&format!(
        "\n{points} crash points and {} sampled, {} bits and {} pairs flipped, {} structures unreadable, {} faults, {} lives, {} violations, {seconds:.0} s\n",
        tally.sampled,
        tally.flips,
        tally.pairs,
        tally.unreadable,
        tally.slips,
        tally.lives,
        tally.findings.len(),
    ));
    text.push_str(&format!(
        "at most {} resets in one life, {} erases of one block, and {} beyond those of the same block where nothing fails\n",
        tally.most_resets, tally.most_wear, tally.most_beyond
    ));
    for finding in &tally.findings {
        text.push_str(&format!(
            "{}: {}\n",
            finding.violation,
            command(finding, seed)
        ));
    }
    text
}

fn to_json(tally: &Tally, scenes: &[Progress], seed: u64, seconds: f64) -> serde_json::Value {
    let violation = |finding: &Finding| {
        json!({
            "violation": finding.violation.to_string(),
            "replay": command(finding, seed),
        })
    };
    let scene = |part: &Progress| {
        json!({
            "geometry": format!("{}x{}", part.geometry.0, part.geometry.1),
            "ecc": part.ecc,
            "scene": part.scene,
            "crash_points": part.tally.crash_points,
            "sampled": part.tally.sampled,
            "flips": part.tally.flips,
            "pairs": part.tally.pairs,
            "unreadable": part.tally.unreadable,
            "faults": part.tally.slips,
            "missions": part.tally.lives,
            "violations": part.tally.findings.len(),
        })
    };
    json!({
        "seed": seed,
        "crash_points": tally.crash_points.iter().sum::<u64>(),
        "crash_points_by_depth": tally.crash_points,
        "sampled": tally.sampled,
        "flips": tally.flips,
        "pairs": tally.pairs,
        "unreadable": tally.unreadable,
        "faults": tally.slips,
        "missions": tally.lives,
        "most_resets": tally.most_resets,
        "most_erases_of_a_block": tally.most_wear,
        "most_erases_of_a_block_beyond_nominal": tally.most_beyond,
        "violations": tally.findings.iter().map(violation).collect::<Vec<_>>(),
        "scenes": scenes.iter().map(scene).collect::<Vec<_>>(),
        "seconds": seconds,
    })
}
