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
    if !has_nightly() {
        return Ok(Outcome::Skipped {
            why: "needs the nightly toolchain: rustup toolchain install nightly --profile minimal"
                .to_owned(),
            may_in_ci: true,
        });
    }
    if let Some(missing) = missing() {
        return Ok(Outcome::Skipped {
            why: format!("needs {missing}"),
            may_in_ci: false,
        });
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

/// Whether there is a compiler for sanitizers: a clean machine may have none, and no network to fetch it.
fn has_nightly() -> bool {
    let mut rustc = run::nightly("rustc");
    rustc.arg("--version");
    run::answer(rustc).is_some()
}

/// What this machine lacks besides, with the command that brings it.
fn missing() -> Option<&'static str> {
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
    let mut build = run::nightly("cargo");
    build.args(["fuzz", "build", "--target-dir"]);
    build.arg(&build_dir).arg(target);
    run::check(build)?;
    let mut fuzz = run::nightly("cargo");
    fuzz.args(["fuzz", "run", "--target-dir"]);
    // libFuzzer writes to the first directory only.
    fuzz.arg(&build_dir).arg(target).arg(&found);
    let corpus = run::root().join("fuzz/corpus").join(target);
    if corpus.is_dir() {
        fuzz.arg(&corpus);
    }
    fuzz.arg("--").arg(format!("-max_total_time={seconds}"));
    fuzz.args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
    let output = run::capture(fuzz)?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        eprintln!("{said}");
        return Err(Failure(format!(
            "fuzz target {target} ended with {}",
            output.status
        )));
    }
    println!("    {target}: {}", executions(&said));
    Ok(())
}

/// How much was tried, from libFuzzer's `stat::number_of_executed_units: 319541`.
fn executions(log: &str) -> String {
    let stat = |name| {
        let line = log
            .lines()
            .find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name));
        line.map_or("?", |rest| rest.trim_start_matches(':').trim())
            .to_owned()
    };
    let (inputs, new) = (stat("number_of_executed_units"), stat("new_units_added"));
    format!("{inputs} inputs, {new} of them new to the corpus, no crash")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statistics_are_read() {
        let log = "#9 DONE\nstat::number_of_executed_units: 319541\nstat::new_units_added:          1791\n";
        assert_eq!(
            executions(log),
            "319541 inputs, 1791 of them new to the corpus, no crash"
        );
        assert!(executions("").starts_with("? inputs"));
    }
}
