//! The fuzz targets of `fuzz/`, each for a while, from the committed corpus.
//!
//! New inputs go to the build directory, never into the committed corpus: those are added by hand, minimised.

use std::fs;

use crate::run::{self, Failure, in_root};
use crate::steps::Outcome;

/// Seconds for each target unless said otherwise.
pub const DEFAULT_SECONDS: u32 = 30;

/// Fuzzes every target for `seconds`.
///
/// # Errors
/// A target does not build, or finds a crash: cargo-fuzz prints the input and how to replay it.
pub fn run(seconds: u32) -> Result<Outcome, Failure> {
    if let Some(missing) = missing() {
        return Ok(Outcome::Skipped(format!("needs {missing}")));
    }
    let targets = targets()?;
    for target in &targets {
        println!("    {target}, {seconds} s");
        one(target, seconds)?;
    }
    Ok(Outcome::Passed(format!(
        "{} targets, {seconds} s each",
        targets.len()
    )))
}

/// What this machine lacks, with the command that brings it.
fn missing() -> Option<&'static str> {
    let mut rustc = run::nightly("rustc");
    rustc.arg("--version");
    if run::answer(rustc).is_none() {
        return Some("the nightly toolchain: rustup toolchain install nightly --profile minimal");
    }
    let mut cargo_fuzz = run::nightly("cargo");
    cargo_fuzz.args(["fuzz", "--version"]);
    if run::answer(cargo_fuzz).is_none() {
        return Some("cargo-fuzz: cargo install cargo-fuzz --locked");
    }
    let mut cxx = in_root(std::env::var_os("CXX").unwrap_or_else(|| "c++".into()));
    cxx.arg("--version");
    if run::answer(cxx).is_none() {
        return Some("a C++ compiler for libFuzzer, for example g++");
    }
    None
}

fn targets() -> Result<Vec<String>, Failure> {
    let mut list = run::nightly("cargo");
    list.args(["fuzz", "list"]);
    let names = run::answer(list).ok_or_else(|| Failure("`cargo fuzz list` failed".to_owned()))?;
    let names: Vec<String> = names.lines().map(|line| line.trim().to_owned()).collect();
    if names.is_empty() {
        Err(Failure("fuzz/Cargo.toml names no target".to_owned()))
    } else {
        Ok(names)
    }
}

fn one(target: &str, seconds: u32) -> Result<(), Failure> {
    let build_dir = run::target_dir().join("fuzz");
    let found = build_dir.join("found").join(target);
    fs::create_dir_all(&found)
        .map_err(|error| format!("cannot make {}: {error}", found.display()))?;
    let corpus = run::root().join("fuzz/corpus").join(target);
    let mut command = run::nightly("cargo");
    command
        .args(["fuzz", "run", "--target-dir"])
        .arg(&build_dir)
        .arg(target);
    // libFuzzer writes to the first directory only.
    command.arg(&found);
    if corpus.is_dir() {
        command.arg(&corpus);
    }
    command.arg("--").arg(format!("-max_total_time={seconds}"));
    command.args([
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-verbosity=0",
        "-print_final_stats=1",
    ]);
    run::check(command).map_err(|failure| Failure(format!("fuzz target {target}: {failure}")))
}
