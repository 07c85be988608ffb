//! The crash test as CI runs it: every power cut everywhere; every form of a cut, every second cut, every fault and every
//! bit on one kind of flash; and a swarm of missions.

use std::time::Instant;

use crate::run::{self, Failure, cargo};
use crate::steps::Outcome;

/// What is explored: a name for the terminal, and the options of `lightday crash-test`.
const RUNS: [(&str, &str); 6] = [
    ("every cut", "--no-flips --no-faults"),
    (
        "every form of a cut",
        "--no-flips --no-faults --forms all --geometry 8x2048",
    ),
    (
        "every second cut",
        "--no-flips --no-faults --depth 2 --geometry 8x2048 --ecc on",
    ),
    (
        "every fault",
        "--no-flips --depth 0 --geometry 8x2048 --ecc off",
    ),
    (
        "every structure unreadable",
        "--no-faults --depth 0 --ecc on",
    ),
    (
        "every bit",
        "--no-faults --depth 0 --geometry 8x2048 --ecc off --scene trial --pairs 400",
    ),
];

/// Missions of the swarm.
const MISSIONS: u32 = 2000;

/// Explores.
///
/// # Errors
/// Something was found; it comes with the command that replays it.
pub fn run() -> Result<Outcome, Failure> {
    for (name, options) in RUNS {
        println!("    {name}");
        let mut command = cargo();
        command.args([
            "run",
            "--quiet",
            "--release",
            "-p",
            "lightday",
            "--",
            "crash-test",
        ]);
        command.args(options.split(' '));
        let started = Instant::now();
        run::check(command)?;
        println!("    {:.0} s", started.elapsed().as_secs_f64());
    }
    println!("    {MISSIONS} missions");
    let mut swarm = cargo();
    swarm.args([
        "test",
        "--quiet",
        "--release",
        "-p",
        "lightday-sim",
        "--test",
        "swarm",
    ]);
    swarm.args(["--", "--nocapture"]);
    swarm.env("LIGHTDAY_SWARM", MISSIONS.to_string());
    run::check(swarm)?;
    Ok(Outcome::passed())
}
