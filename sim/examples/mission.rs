//! Flies one mission and prints what happened: `cargo run -p lightday-sim --example mission -- --scenario deaf --seed 7`.
//!
//! `--all` prints every event instead of the story alone.

use std::process::ExitCode;

use lightday_sim::demo;
use lightday_sim::scenario::{Images, Prepared};
use lightday_sim::trace::Keep;

const OLD: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v2.bin");
const NEW: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v3.bin");

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1).map(String::as_str)
    };
    let name = value("--scenario").unwrap_or("healthy");
    let Some(seed) = value("--seed").unwrap_or("1").parse().ok() else {
        eprintln!("--seed takes a number");
        return ExitCode::from(2);
    };
    let Some(scenario) = demo::scenario(name, Images::new(OLD, OLD, NEW)) else {
        eprintln!("no scenario {name}; there are {}", demo::names().join(", "));
        return ExitCode::from(2);
    };
    let keep = if args.iter().any(|arg| arg == "--all") {
        Keep::All
    } else {
        Keep::Headlines
    };
    let outcome = match Prepared::<4, 4096>::new(scenario) {
        Ok(prepared) => prepared.run(seed, keep),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    for entry in &outcome.timeline {
        println!("{entry}");
    }
    println!("{outcome}");
    println!("trace {}, {} events", outcome.digest, outcome.events);
    if outcome.violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
