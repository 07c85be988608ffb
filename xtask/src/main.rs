//! `cargo xtask`: the only script language of this repository.
//!
//! It runs cargo (and, where a check needs it, rustup) and imports none of our crates, so that it still builds when
//! they do not. But for `freeze` it never edits a tracked file: `fmt` only checks, fuzzing leaves the committed corpus
//! as it is.
//!
//! ```text
//! cargo xtask test = fmt -> clippy -> doc -> no-std -> unit -> doctest -> golden -> repro -> crash -> seeded ->
//!                    firmware -> qemu -> fuzz
//! ```
//!
//! Each step is a verb of its own. A failure names its step and the one command that repeats it.
#![forbid(unsafe_code)]

mod crash;
mod firmware;
mod freeze;
mod fuzz;
mod golden;
mod no_std;
mod qemu;
mod release;
mod repro;
mod run;
mod seeded;
mod size_probe;
mod sizes;
mod steps;
mod unit;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use run::{Failure, cargo};
use steps::Step;

/// Builds, tests and demonstrates Lightday.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Fly the demonstration: `cargo run --release -p lightday -- demo [ARGS]`.
    Demo {
        /// Passed on to `lightday demo`, for example `--json`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run every check, in order. This is what CI runs.
    Test,
    /// Check the formatting.
    Fmt,
    /// Lint every target of the workspace; a warning is an error.
    Clippy,
    /// Build the documentation; a warning is an error.
    Doc,
    /// Prove that the protocol and onboard crates need `core` alone.
    NoStd,
    /// Run the unit, property and requirements tests.
    Unit,
    /// Run the examples in the documentation.
    Doctest,
    /// Decode the golden patches on emulated processors of three kinds.
    Golden,
    /// Fly the demonstration twice and compare the bytes.
    Repro,
    /// Cut the power at every operation of the flash, and flip every bit.
    Crash,
    /// Put bugs into a copy of the onboard code: the crash test has to find each.
    Seeded {
        /// Look for these alone, by number, counted from 1 in `xtask/src/seeded/bugs.rs`.
        bugs: Vec<usize>,
    },
    /// Build the firmware of the RISC-V board.
    Firmware,
    /// Fly the firmware on an emulated board: updates, bad versions, frozen releases, power cuts.
    Qemu(qemu::Options),
    /// Freeze the present firmware and layouts as a release that later ones are held against.
    Freeze,
    /// Link loader and agent for two targets, by feature, and print what they take of flash and RAM.
    Sizes,
    /// Fuzz every parser (needs the nightly toolchain and cargo-fuzz).
    Fuzz {
        /// Seconds for each target.
        #[arg(long, default_value_t = fuzz::DEFAULT_SECONDS)]
        seconds: u32,
    },
    /// Run a benchmark.
    Bench {
        /// Which one.
        what: Bench,
        /// Passed on to the benchmark.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Bench {
    /// The erasure code: throughput, memory and the table beside `raptorq`.
    Fec,
    /// Patches: sizes beside the established delta tools, and what they cost.
    Delta,
    /// The simulator: whole missions a minute.
    Sim,
}

fn main() -> ExitCode {
    let done = match Args::parse().verb {
        Verb::Demo { args } => demo(&args),
        Verb::Test => steps::run_all(&Step::ALL),
        Verb::Fmt => steps::run_one(Step::Fmt),
        Verb::Clippy => steps::run_one(Step::Clippy),
        Verb::Doc => steps::run_one(Step::Doc),
        Verb::NoStd => steps::run_one(Step::NoStd),
        Verb::Unit => steps::run_one(Step::Unit),
        Verb::Doctest => steps::run_one(Step::Doctest),
        Verb::Golden => steps::run_one(Step::Golden),
        Verb::Repro => steps::run_one(Step::Repro),
        Verb::Crash => steps::run_one(Step::Crash),
        Verb::Seeded { bugs } if bugs.is_empty() => steps::run_one(Step::Seeded),
        Verb::Seeded { bugs } => seeded::run(&bugs).map(drop),
        Verb::Firmware => steps::run_one(Step::Firmware),
        Verb::Qemu(options) => steps::run_one(Step::Qemu(options)),
        Verb::Freeze => freeze::run(),
        Verb::Sizes => sizes::run(),
        Verb::Fuzz { seconds } => steps::run_one(Step::Fuzz { seconds }),
        Verb::Bench { what, args } => bench(what, &args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn demo(args: &[String]) -> Result<(), Failure> {
    let mut command = cargo();
    command
        .args([
            "run",
            "--quiet",
            "--release",
            "-p",
            "lightday",
            "--",
            "demo",
        ])
        .args(args);
    run::status(command)
}

fn bench(what: Bench, args: &[String]) -> Result<(), Failure> {
    let (package, name) = match what {
        Bench::Fec => ("lightday-fec", "throughput"),
        Bench::Delta => ("lightday-tests", "delta"),
        Bench::Sim => ("lightday-sim", "missions"),
    };
    if matches!(what, Bench::Delta) {
        size_probe::build()?;
    }
    let mut command = cargo();
    command
        .args(["bench", "-p", package, "--bench", name, "--"])
        .args(args);
    run::status(command)
}
