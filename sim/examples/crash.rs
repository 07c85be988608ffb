//! Explores one scene of the crash test, and ends with 0 if nothing was found:
//! `cargo run -p lightday-sim --example crash -- trial 8x2048 [ecc] [flips [sampled]] [faults]`.

use std::process::ExitCode;

use lightday_sim::crash::{self, GEOMETRIES, Scene, Settings};
use lightday_sim::scenario::Images;

const GOLDEN: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v1.bin");
const OLD: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v2.bin");
const NEW: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v3.bin");

/// Of the bits, one in so many where a sample is enough; in no step with bytes.
const SAMPLED: usize = 17;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| args.iter().any(|arg| arg == word);
    let scene = args.first().and_then(|name| Scene::named(name));
    let name = |geometry: &(usize, usize)| format!("{}x{}", geometry.0, geometry.1);
    let geometry = GEOMETRIES.into_iter().find(|known| has(&name(known)));
    let (Some(scene), Some(geometry)) = (scene, geometry) else {
        eprintln!("usage: crash SCENE GEOMETRY [ecc] [flips [sampled]] [faults]");
        return ExitCode::from(2);
    };
    let settings = Settings {
        geometries: vec![geometry],
        ecc: vec![has("ecc")],
        scenes: vec![scene],
        flips: has("flips"),
        bits_one_in: if has("sampled") { SAMPLED } else { 1 },
        depth: usize::from(!has("flips") && !has("faults")),
        slips: has("faults"),
        most_findings: 1,
        ..Settings::default()
    };
    match crash::run(&Images::new(GOLDEN, OLD, NEW), &settings, &mut |_| ()) {
        Ok(tally) => match tally.findings.first() {
            None => ExitCode::SUCCESS,
            Some(first) => {
                println!("{}", first.violation);
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}
