//! The firmware on an emulated board: the real loader, monitor, agent and flash driver on RISC-V, against the real
//! `lightday`, over a UART.
//!
//! ```text
//! lightday build, sign, authorize, uplink --> frames --> lightday link --> UART --> qemu-system-riscv32
//! lightday status <-- lightday ingest <-- packets <-----------'
//! ```
//! Every act says what it checked. One that fails leaves its directory, with mission, flash files and what QEMU said.

mod cuts;
mod frozen;
pub mod ground;
mod machine;
mod states;
mod story;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use crate::firmware;
use crate::run::{self, Failure};
use crate::steps::Outcome;

/// How often CI cuts the power.
pub const DEFAULT_CUTS: u32 = 100;

/// What is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub struct Options {
    /// How often the power is cut, over all missions.
    #[arg(long, default_value_t = DEFAULT_CUTS)]
    pub cuts: u32,
    /// The seed of the moments at which it is.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Machines at a time.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub jobs: u32,
    /// Leave the acts out and cut the power only.
    #[arg(long)]
    pub cuts_only: bool,
    /// Of the acts, fly those of frozen releases only, and cut no power.
    #[arg(long, conflicts_with_all = ["cuts_only", "cuts"])]
    pub frozen_only: bool,
    /// Of these, fly only the one in which a frozen release takes every state up.
    #[arg(long, conflicts_with_all = ["cuts_only", "cuts", "frozen_only"])]
    pub states_only: bool,
}

impl Options {
    /// What CI runs.
    pub const DEFAULT: Self = Self {
        cuts: DEFAULT_CUTS,
        seed: 1,
        jobs: 2,
        cuts_only: false,
        frozen_only: false,
        states_only: false,
    };

    /// The command that runs the same.
    pub fn command(self) -> String {
        let mut line = "cargo xtask qemu".to_owned();
        for (name, value, usual) in [
            ("cuts", u64::from(self.cuts), u64::from(DEFAULT_CUTS)),
            ("seed", self.seed, Self::DEFAULT.seed),
            ("jobs", self.jobs.into(), Self::DEFAULT.jobs.into()),
        ] {
            if value != usual {
                line.push_str(&format!(" --{name} {value}"));
            }
        }
        if self.cuts_only {
            line.push_str(" --cuts-only");
        }
        if self.frozen_only {
            line.push_str(" --frozen-only");
        }
        if self.states_only {
            line.push_str(" --states-only");
        }
        line
    }
}

/// Runs the acts, then cuts the power.
///
/// # Errors
/// QEMU is missing, something does not build, or a check does not hold.
pub fn run(options: Options) -> Result<Outcome, Failure> {
    let begun = Instant::now();
    println!("    {}", machine::version()?);
    firmware::build()?;
    let lightday = ground::lightday()?;
    let dir = fresh()?;
    let kept = |failure: Failure| {
        Failure(format!(
            "{failure}\n  mission, flash files and what was heard: {}",
            dir.display()
        ))
    };
    let mut acts = 0;
    if !options.cuts_only && !options.states_only {
        acts = all_acts(&lightday, &dir, options).map_err(kept)?;
    }
    if !options.cuts_only {
        acts += states::run(&dir, acts + 1, options.jobs).map_err(kept)?;
    }
    let is_part = options.frozen_only || options.states_only;
    let cuts = if is_part { 0 } else { options.cuts };
    let tally = cuts::run(&lightday, &dir, Options { cuts, ..options }).map_err(kept)?;
    let _ = fs::remove_dir_all(&dir);
    let seconds = begun.elapsed().as_secs();
    Ok(Outcome::Passed(format!(
        "{acts} acts, {tally}, seed {}, {seconds} s",
        options.seed
    )))
}

/// The acts of what is built today, and behind them those of frozen releases, whose bundles are built meanwhile.
fn all_acts(lightday: &Path, dir: &Path, options: Options) -> Result<usize, Failure> {
    thread::scope(|scope| {
        let frozen = scope.spawn(|| frozen::prepare(lightday, dir));
        let acts = match options.frozen_only {
            true => 0,
            false => story::run(lightday, dir)?,
        };
        let frozen = frozen.join();
        let frozen = frozen.unwrap_or_else(|_| Err(Failure("a build panicked".to_owned())))?;
        Ok(acts + frozen::run(frozen, acts + 1)?)
    })
}

/// An empty directory for this run.
fn fresh() -> Result<PathBuf, Failure> {
    let dir = run::target_dir()
        .join("qemu")
        .join(format!("run-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_repeats_a_run_says_what_is_unusual_alone() {
        assert_eq!(Options::DEFAULT.command(), "cargo xtask qemu");
        let options = Options {
            cuts: 2000,
            seed: 7,
            cuts_only: true,
            ..Options::DEFAULT
        };
        let line = "cargo xtask qemu --cuts 2000 --seed 7 --cuts-only";
        assert_eq!(options.command(), line);
    }
}
