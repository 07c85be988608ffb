//! The steps of the one test command: their order, their names and the report.

use std::time::Instant;

use crate::run::{self, Failure, cargo};
use crate::{crash, firmware, fuzz, golden, no_std, qemu, repro, seeded, unit};

/// One check. Its name is its verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Formatting.
    Fmt,
    /// Lints.
    Clippy,
    /// Documentation.
    Doc,
    /// `core` alone.
    NoStd,
    /// Tests.
    Unit,
    /// Examples in the documentation.
    Doctest,
    /// The golden patches on other processors.
    Golden,
    /// The demonstration twice.
    Repro,
    /// Every power cut, every bit.
    Crash,
    /// The crash test, held against seeded bugs.
    Seeded,
    /// The firmware of the RISC-V board builds.
    Firmware,
    /// The firmware on an emulated board.
    Qemu(qemu::Options),
    /// Fuzz targets, so many seconds each.
    Fuzz {
        /// Seconds for each target.
        seconds: u32,
    },
}

/// How a step ended that did not fail.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything that it checks holds; the note stands in the summary.
    Passed(String),
    /// What was checked holds, and something was left out, which the last line of the summary says.
    Partly {
        /// As of what passed.
        note: String,
        /// What this machine could not check, and what brings it.
        left_out: String,
    },
    /// It could not be run on this machine.
    Skipped {
        /// Why, and what brings it.
        why: String,
        /// Whether CI goes on without it.
        may_in_ci: bool,
    },
}

impl Outcome {
    /// Passed, with nothing to add.
    pub fn passed() -> Self {
        Self::Passed(String::new())
    }
}

impl Step {
    /// Every step, the cheap ones first.
    pub const ALL: [Self; 13] = [
        Self::Fmt,
        Self::Clippy,
        Self::Doc,
        Self::NoStd,
        Self::Unit,
        Self::Doctest,
        Self::Golden,
        Self::Repro,
        Self::Crash,
        Self::Seeded,
        Self::Firmware,
        Self::Qemu(qemu::Options::DEFAULT),
        Self::Fuzz {
            seconds: fuzz::DEFAULT_SECONDS,
        },
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Clippy => "clippy",
            Self::Doc => "doc",
            Self::NoStd => "no-std",
            Self::Unit => "unit",
            Self::Doctest => "doctest",
            Self::Golden => "golden",
            Self::Repro => "repro",
            Self::Crash => "crash",
            Self::Seeded => "seeded",
            Self::Firmware => "firmware",
            Self::Qemu(_) => "qemu",
            Self::Fuzz { .. } => "fuzz",
        }
    }

    /// The one command that repeats this step.
    fn command(self) -> String {
        match self {
            Self::Fuzz { seconds } if seconds != fuzz::DEFAULT_SECONDS => {
                format!("cargo xtask fuzz --seconds {seconds}")
            }
            Self::Qemu(options) => options.command(),
            step => format!("cargo xtask {}", step.name()),
        }
    }

    fn run(self) -> Result<Outcome, Failure> {
        match self {
            Self::Fmt => fmt(),
            Self::Clippy => clippy(),
            Self::Doc => doc(),
            Self::NoStd => no_std::run(),
            Self::Unit => unit::run(),
            Self::Doctest => doctest(),
            Self::Golden => golden::run(),
            Self::Repro => repro::run(),
            Self::Crash => crash::run(),
            Self::Seeded => seeded::run(&[]),
            Self::Firmware => firmware::run(),
            Self::Qemu(options) => qemu::run(options),
            Self::Fuzz { seconds } => fuzz::run(seconds),
        }
    }
}

/// One step and its time.
///
/// # Errors
/// Names the step and the command that repeats it.
pub fn run_one(step: Step) -> Result<(), Failure> {
    timed(step).map(drop)
}

/// All of `steps` in order, up to the first failure; then a table.
///
/// # Errors
/// As [`run_one`].
pub fn run_all(steps: &[Step]) -> Result<(), Failure> {
    let started = Instant::now();
    let mut table = Vec::new();
    let mut unchecked = Vec::new();
    for &step in steps {
        let done = timed(step)?;
        unchecked.extend(done.unchecked);
        table.push(done.row);
    }
    println!(
        "\nxtask: {} steps in {:.1} s",
        steps.len(),
        started.elapsed().as_secs_f64()
    );
    for row in table {
        println!("{row}");
    }
    println!("{}", last_line(&unchecked));
    Ok(())
}

/// How a step ended, for the summary.
struct Done {
    /// Its row in the table.
    row: String,
    /// What it did not check, and what brings that.
    unchecked: Option<String>,
}

/// What nobody should overlook.
fn last_line(unchecked: &[String]) -> String {
    match unchecked {
        [] => "xtask: everything was checked".to_owned(),
        all => format!("xtask: NOT CHECKED: {}", all.join("; ")),
    }
}

/// Whether this runs in CI, as the variable says that every CI sets: there nothing is skipped that need not be.
fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !["", "0", "false"].map(Into::into).contains(&value))
}

fn timed(step: Step) -> Result<Done, Failure> {
    println!("==> {}", step.name());
    let started = Instant::now();
    let result = step.run();
    let seconds = started.elapsed().as_secs_f64();
    let done = result.and_then(|outcome| summed_up(step, seconds, outcome, is_ci()));
    let done = done.map_err(|failure| report_failure(step, seconds, &failure))?;
    println!("<== {}", done.row);
    Ok(done)
}

/// A step's row, and what it left unchecked.
///
/// # Errors
/// It was skipped, in CI, where it must not be.
fn summed_up(step: Step, seconds: f64, outcome: Outcome, is_ci: bool) -> Result<Done, Failure> {
    let name = step.name();
    let (how, note, unchecked) = match outcome {
        Outcome::Passed(note) => ("ok", note, None),
        Outcome::Partly { note, left_out } => {
            let note = format!("{note}; NOT CHECKED: {left_out}");
            ("partly", note, Some(left_out))
        }
        Outcome::Skipped { why, may_in_ci } if is_ci && !may_in_ci => {
            return Err(Failure(format!("CI skips nothing, and this {why}")));
        }
        Outcome::Skipped { why, .. } => ("skipped", why.clone(), Some(why)),
    };
    let row = format!("{name:<8} {how:<8} {seconds:>7.1} s  {note}");
    Ok(Done {
        row: row.trim_end().to_owned(),
        unchecked: unchecked.map(|what| format!("{name}: {what}")),
    })
}

fn report_failure(step: Step, seconds: f64, failure: &Failure) -> Failure {
    let (name, command) = (step.name(), step.command());
    Failure(format!(
        "step `{name}` failed after {seconds:.1} s: {failure}\n  repeat it with: {command}"
    ))
}

fn fmt() -> Result<Outcome, Failure> {
    let mut workspace = cargo();
    workspace.args(["fmt", "--all", "--", "--check"]);
    run::check(workspace)?;
    // The fuzz targets are a workspace of their own; so is the firmware, which its own step checks.
    let mut fuzz = cargo();
    fuzz.args(["fmt", "--manifest-path", "fuzz/Cargo.toml", "--", "--check"]);
    run::check(fuzz)?;
    Ok(Outcome::passed())
}

fn clippy() -> Result<Outcome, Failure> {
    let mut command = cargo();
    command.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]);
    run::check(command)?;
    // The delta decoder with each instruction set alone, and with none: as a firmware takes it.
    for features in ["", "isa-thumb", "isa-riscv", "isa-sparc", "isa-aarch64"] {
        let mut alone = cargo();
        alone
            .args(["clippy", "--package", "lightday-delta"])
            .args(["--no-default-features", "--features", features])
            .args(["--", "-D", "warnings"]);
        run::check(alone)?;
    }
    Ok(Outcome::passed())
}

fn doc() -> Result<Outcome, Failure> {
    let mut command = cargo();
    command
        .args(["doc", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings");
    run::check(command)?;
    Ok(Outcome::passed())
}

fn doctest() -> Result<Outcome, Failure> {
    let mut command = cargo();
    command.args(["test", "--workspace", "--doc"]);
    run::check(command)?;
    Ok(Outcome::passed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_step_and_the_command_that_repeats_it() {
        let text = report_failure(Step::Clippy, 1.0, &Failure("a warning".to_owned())).to_string();
        assert!(
            text.contains("`clippy`") && text.contains("a warning"),
            "{text}"
        );
        assert!(text.ends_with("cargo xtask clippy"), "{text}");
        let text =
            report_failure(Step::Fuzz { seconds: 5 }, 1.0, &Failure(String::new())).to_string();
        assert!(text.ends_with("cargo xtask fuzz --seconds 5"), "{text}");
    }

    fn skipped(may_in_ci: bool) -> Outcome {
        let why = "needs a thing: install it".to_owned();
        Outcome::Skipped { why, may_in_ci }
    }

    #[test]
    fn in_ci_a_step_that_is_skipped_fails_unless_it_is_excused() {
        let step = Step::Fuzz { seconds: 5 };
        let failure = summed_up(step, 1.0, skipped(false), true).err();
        let text = failure.map(|failure| failure.to_string());
        assert!(text.is_some_and(|text| text.contains("needs a thing")));
        assert!(summed_up(step, 1.0, skipped(true), true).is_ok());
        assert!(summed_up(step, 1.0, skipped(false), false).is_ok());
    }

    #[test]
    fn what_was_not_checked_stands_in_the_last_line() {
        let done = |step, outcome| summed_up(step, 1.0, outcome, false).map(|done| done.unchecked);
        let partly = Outcome::Partly {
            note: "linked".to_owned(),
            left_out: "lints".to_owned(),
        };
        let unchecked: Vec<String> = [
            done(Step::Fmt, Outcome::passed()),
            done(Step::Firmware, partly),
            done(Step::Fuzz { seconds: 5 }, skipped(true)),
        ]
        .into_iter()
        .filter_map(|unchecked| unchecked.ok()?)
        .collect();
        let said = "xtask: NOT CHECKED: firmware: lints; fuzz: needs a thing: install it";
        assert_eq!(last_line(&unchecked), said);
        assert_eq!(last_line(&[]), "xtask: everything was checked");
    }

    #[test]
    fn every_step_has_its_own_name() {
        let names: std::collections::BTreeSet<_> =
            Step::ALL.iter().map(|step| step.name()).collect();
        assert_eq!(names.len(), Step::ALL.len());
    }
}
