//! `lightday demo`: five whole missions in the simulator, on two real firmware images.

use lightday_sim::demo::{self, Act};
use lightday_sim::scenario::Images;
use lightday_sim::time::Span;
use serde_json::json;

use crate::error::{Error, Kind, Result};
use crate::out;

/// What flies.
const OLD: &[u8] = include_bytes!("../../../../tests/fixtures/orbiter-thumb-v2.bin");
/// What is brought.
const NEW: &[u8] = include_bytes!("../../../../tests/fixtures/orbiter-thumb-v3.bin");

/// Fly the demonstration: five acts at 100 bit/s and 44 h of round trip, in virtual time.
///
/// A healthy update over 10 % bursty loss and a lost pass; an image that crashes at boot; an image that is
/// healthy but deaf; a forged and a replayed bundle; a commanded rollback. The real station, the real loader and
/// the real agent fly; only the world around them is simulated. The exit code is 0 only if every act ended as
/// it should. One seed always gives the same bytes.
///
/// Examples:
///   lightday demo
///   lightday demo --seed 7 --json
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The seed of chance: losses, noise.
    #[arg(long, default_value_t = demo::SEED)]
    seed: u64,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<()> {
    let spinner = out::spinner("flying five missions");
    let acts = demo::play(&Images::new(OLD, OLD, NEW), args.seed);
    spinner.finish_and_clear();
    let acts = acts.map_err(|e| Error::new(Kind::Internal, e))?;
    if args.json {
        let acts: Vec<_> = acts.iter().map(to_json).collect();
        out::json(&json!({ "seed": args.seed, "acts": acts }))?;
    } else {
        let mut text = String::new();
        for (place, act) in acts.iter().enumerate() {
            text.push_str(&format!("Act {}. {act}\n\n", place + 1));
        }
        text.push_str(&demo::table(&acts));
        out::result(&text)?;
    }
    match acts.iter().find(|act| !act.is_as_it_should) {
        None => Ok(()),
        Some(act) => Err(Error::new(
            Kind::Outcome,
            format!("\"{}\" did not end as it should: {}", act.name, act.mission),
        )
        .hint(format!(
            "repeat it with `lightday demo --seed {}`, and report it",
            args.seed
        ))),
    }
}

fn to_json(act: &Act) -> serde_json::Value {
    let hours = |span: Option<Span>| span.map(|s| s.ms() as f64 / 3_600_000.0);
    json!({
        "name": act.name,
        "outcome": act.outcome,
        "as_it_should": act.is_as_it_should,
        "image_bytes": act.image_bytes,
        "payload_bytes": act.payload_bytes,
        "bundle_bytes": act.bundle_bytes,
        "frames_sent": act.frames_sent,
        "frames_needed": act.frames_needed,
        "hours_to_verified": hours(act.to_verified),
        "hours_to_known_on_ground": hours(act.to_known_on_ground),
        "trace": act.mission.digest.to_string(),
    })
}
