//! Other programs: run, asked for their version, and what machine this is.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;

/// Runs a command to its end and returns what it said on its standard output.
///
/// # Errors
/// It cannot be started, or fails: its last lines on standard error.
pub fn run(command: &mut Command) -> Result<String> {
    Ok(both(command)?.0)
}

/// As [`run`], with what it said on standard error too.
///
/// # Errors
/// As [`run`].
pub fn both(command: &mut Command) -> Result<(String, String)> {
    // Its name alone: what is said here ends up in the page.
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or_default();
    let program = program.to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        let lines: Vec<&str> = said.lines().collect();
        let last = lines[lines.len().saturating_sub(5)..].join("\n");
        return Err(format!("{program} ended with {}: {last}", output.status).into());
    }
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), said))
}

/// Versions of everything that was measured or measured with, and the machine.
pub fn versions(requirements: &str) -> Vec<(String, String)> {
    let line_of = |program: &str, argument: &str| {
        let (out, said) = both(Command::new(program).arg(argument)).ok()?;
        let line = out.lines().chain(said.lines()).next()?;
        let word = line.split([' ', ',', '*', '-', '(', ';']).find(|word| {
            word.trim_start_matches('v').starts_with(char::is_numeric) && word.contains('.')
        })?;
        Some(word.trim_start_matches('v').to_owned())
    };
    let mut found = Vec::new();
    for (program, argument) in [
        ("rustc", "--version"),
        ("xdelta3", "-V"),
        ("zstd", "-V"),
        ("valgrind", "--version"),
        ("python3", "--version"),
    ] {
        let version = match program {
            "valgrind" => run(Command::new(program).arg(argument))
                .ok()
                .map(|line| line.trim().trim_start_matches("valgrind-").to_owned()),
            _ => line_of(program, argument),
        };
        found.push((program.to_owned(), version.unwrap_or("missing".to_owned())));
    }
    for package in ["bsdiff4", "detools", "hdiffpatch"] {
        let pinned = requirements
            .lines()
            .filter_map(|line| line.split_once("=="))
            .find(|(name, _)| *name == package);
        found.push((
            package.to_owned(),
            pinned.map_or("missing".to_owned(), |(_, version)| version.to_owned()),
        ));
    }
    found
}

/// The CPU's name and how many cores this process may use.
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("an unnamed CPU", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{name}, {cores} cores")
}
