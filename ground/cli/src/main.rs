//! `lightday`: software updates for a vehicle one light-day away, from the command line.
//!
//! This program never decides anything about bytes: it reads files, calls `lightday-station` and
//! `lightday-sim`, and writes files and the ledger. Logic that could be tested without a file system
//! does not belong here.
//!
//! ```text
//! main     parses, dispatches, sets the exit code
//! verb/    one file a verb
//! mission/ the mission directory: mission.toml, passes.csv, keys
//! ledger/  ledger.sqlite: what is known, decisions hash-chained
//! help     how the verbs explain themselves fits the terminal
//! atomic   files that are whole or not there; error: what, where, next step; out: results and messages
//! ```
#![forbid(unsafe_code)]

mod atomic;
mod error;
mod help;
mod ledger;
mod mission;
mod out;
mod svg;
mod time;
mod verb;

use std::alloc::System;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use peakmem_alloc::{INSTRUMENTED_SYSTEM, PeakMemAlloc};

use crate::ledger::Actor;

/// Counts what the heap holds, for `study`: two additions for each allocation.
#[global_allocator]
static HEAP: &PeakMemAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Build, prove, send and follow software updates for a vehicle one light-day away.
///
/// A mission is a directory: mission.toml (vehicle, link, policy), passes.csv, keys/, bundles/, documents/,
/// and the ledger with everything that is known. `lightday new DIR` makes one.
#[derive(Parser)]
#[command(name = "lightday", version, after_help = error::EXIT_CODES, max_term_width = 100, propagate_version = true)]
struct Args {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: verb::Verb,
}

/// What every verb takes.
#[derive(clap::Args, Clone, Debug)]
pub struct Global {
    /// The mission directory; by default the nearest one upwards that has a mission.toml.
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        value_name = "DIR",
        env = "LIGHTDAY_MISSION"
    )]
    mission: Option<PathBuf>,
    /// Who acts, as the ledger remembers it; by default the user's name.
    #[arg(long, global = true, help_heading = "Global options", value_name = "NAME", value_parser = person)]
    by: Option<String>,
    /// Act as if it were this instant (2026-11-23T16:00:00Z or Unix seconds); by default the clock.
    #[arg(long, global = true, help_heading = "Global options", value_name = "INSTANT", value_parser = time::parse_instant)]
    at: Option<u64>,
}

impl Global {
    /// The instant at which this verb acts, in Unix seconds: one for all that it does.
    fn now_s(&self) -> u64 {
        static NOW_S: OnceLock<u64> = OnceLock::new();
        self.at.unwrap_or_else(|| *NOW_S.get_or_init(time::now_s))
    }

    /// Who acts, and when.
    fn actor(&self) -> Actor {
        let user = || {
            ["USER", "LOGNAME", "USERNAME"]
                .iter()
                .find_map(|v| person(&std::env::var(v).ok()?).ok())
        };
        Actor {
            who: self.by.clone().or_else(user).unwrap_or_else(uid),
            at_s: self.now_s(),
        }
    }
}

/// A name that can stand in the ledger and on a terminal.
fn person(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("a name is wanted".to_owned());
    }
    if text.chars().count() > 64 {
        return Err("at most 64 characters".to_owned());
    }
    // Line feeds and terminal sequences would forge lines of `ledger log`.
    if text.chars().any(|c| c.is_control() || is_bidi(c)) {
        return Err("no control characters".to_owned());
    }
    Ok(text.to_owned())
}

/// Characters that turn the order of the others around (Unicode 16, 23.2).
const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}')
}

/// Who acts where no variable says so.
fn uid() -> String {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        // The owner of this very process.
        if let Ok(own) = std::fs::metadata("/proc/self") {
            return format!("uid {}", own.uid());
        }
    }
    "unknown".to_owned()
}

fn main() -> ExitCode {
    let matches = help::flowing(Args::command()).get_matches();
    let args = match Args::from_arg_matches(&matches) {
        Ok(args) => args,
        Err(e) => e.exit(),
    };
    match args.verb.run(&args.global) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => out::failure(&error),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Args::command().debug_assert();
    }
}
