//! One seed reproduces a run bit for bit: the demonstration flown twice must print the same bytes.

use std::fs;

use crate::run::{self, Failure, cargo};
use crate::steps::Outcome;

/// Flies `lightday demo --json` twice and compares.
///
/// # Errors
/// The demonstration failed, printed nothing, or printed two different things; both are kept in `target/repro`.
pub fn run() -> Result<Outcome, Failure> {
    let mut build = cargo();
    build.args(["build", "--release", "-p", "lightday"]);
    run::check(build)?;
    let first = fly()?;
    let second = fly()?;
    let Some(at) = first_difference(&first, &second) else {
        return Ok(Outcome::Passed(format!(
            "two runs, {} B alike",
            first.len()
        )));
    };
    let dir = run::target_dir().join("repro");
    fs::create_dir_all(&dir)
        .and_then(|()| fs::write(dir.join("first.json"), &first))
        .and_then(|()| fs::write(dir.join("second.json"), &second))
        .map_err(|error| {
            format!(
                "the runs differ at byte {at}, and {} cannot be written: {error}",
                dir.display()
            )
        })?;
    Err(Failure(format!(
        "the runs differ at byte {at}: compare first.json and second.json in {}",
        dir.display()
    )))
}

fn fly() -> Result<Vec<u8>, Failure> {
    let mut command = cargo();
    command.args([
        "run",
        "--quiet",
        "--release",
        "-p",
        "lightday",
        "--",
        "demo",
        "--json",
    ]);
    let shown = run::shown(&command);
    let output = run::capture(command)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure(format!(
            "`{shown}` ended with {}:\n{}",
            output.status,
            said.trim_end()
        )));
    }
    if output.stdout.is_empty() {
        return Err(Failure(format!("`{shown}` printed nothing")));
    }
    Ok(output.stdout)
}

/// Where two byte strings part; a prefix parts from the longer one at its own end.
fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    if a == b {
        return None;
    }
    Some(
        a.iter()
            .zip(b)
            .position(|(x, y)| x != y)
            .unwrap_or(a.len().min(b.len())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_located() {
        assert_eq!(first_difference(b"same", b"same"), None);
        assert_eq!(first_difference(b"same", b"sane"), Some(2));
        assert_eq!(first_difference(b"same", b"same again"), Some(4));
    }
}
