//! The tests: with cargo-nextest where it is installed, else with `cargo test`.
//!
//! The runner's closing line is repeated in the summary, so that a log's end says how many tests ran.

use crate::run::{self, Failure, Stream, cargo};
use crate::steps::Outcome;

/// Runs every unit, property and requirements test of the workspace.
///
/// # Errors
/// A test failed, nothing compiled, or no test ran at all.
pub fn run() -> Result<Outcome, Failure> {
    let mut probe = cargo();
    probe.args(["nextest", "--version"]);
    let closing = if run::answer(probe).is_some() {
        let mut command = cargo();
        command.args([
            "nextest",
            "run",
            "--workspace",
            "--no-fail-fast",
            "--status-level",
            "slow",
        ]);
        closing_of_nextest(&run::check_reading(command, Stream::Stderr)?)
    } else {
        let mut command = cargo();
        command.args([
            "test",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
            "--no-fail-fast",
        ]);
        closing_of_libtest(&run::check_reading(command, Stream::Stdout)?)
    };
    closing
        .map(Outcome::Passed)
        .ok_or_else(|| Failure("the test runner gave no closing line".to_owned()))
}

/// The line `Summary [ 1.2s] 34 tests run: 34 passed, 0 skipped`.
fn closing_of_nextest(lines: &[String]) -> Option<String> {
    let line = lines
        .iter()
        .rev()
        .find(|line| line.trim_start().starts_with("Summary ["))?;
    Some(line.trim().to_owned())
}

/// One line for all test binaries: `test result: ok. 34 passed; 0 failed; 0 ignored`.
fn closing_of_libtest(lines: &[String]) -> Option<String> {
    let mut sums = [0_u64; 3];
    let mut found = false;
    for line in lines {
        let Some(rest) = line.strip_prefix("test result: ok. ") else {
            continue;
        };
        found = true;
        for (sum, (field, word)) in sums
            .iter_mut()
            .zip(rest.split("; ").zip(["passed", "failed", "ignored"]))
        {
            *sum += field
                .strip_suffix(word)
                .and_then(|count| count.trim().parse::<u64>().ok())
                .unwrap_or(0);
        }
    }
    let [passed, failed, ignored] = sums;
    found.then(|| format!("test result: ok. {passed} passed; {failed} failed; {ignored} ignored"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn libtest_lines_add_up() {
        let log = "test a ... ok\n\
            test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
            test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 1.00s\n";
        assert_eq!(
            closing_of_libtest(&lines(log)).as_deref(),
            Some("test result: ok. 42 passed; 0 failed; 1 ignored")
        );
    }

    #[test]
    fn nextest_summary_is_found_among_later_lines() {
        let log = "  PASS x\n     Summary [   0.031s] 12 tests run: 12 passed, 0 skipped\nnote\n";
        assert_eq!(
            closing_of_nextest(&lines(log)).as_deref(),
            Some("Summary [   0.031s] 12 tests run: 12 passed, 0 skipped")
        );
    }

    #[test]
    fn a_log_without_a_closing_line_is_not_a_pass() {
        assert_eq!(closing_of_libtest(&lines("running\n")), None);
        assert_eq!(closing_of_nextest(&lines("running\n")), None);
    }
}
