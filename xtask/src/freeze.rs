//! Freezes the present firmware and layouts as a release: `cargo xtask freeze`.
//!
//! ```text
//! the latest frozen release was not released yet --> it is made anew, with the layouts of the first release
//! it was, or there is none                       --> the next number
//! ```
//! A release that was made is never touched again: vehicles in flight hold these bytes. The changelog tells which were:
//! those whose version has a heading of its own.

use std::fs;
use std::path::PathBuf;

use crate::firmware::{self, elf, flight};
use crate::qemu::ground::{self, Ground, KEY_SET, key_files};
use crate::release::{self, Made, RELEASES};
use crate::run::{self, Failure, cargo};

/// What the frozen bytes are made of: nothing of it may be changed and not committed, as a commit names them.
const SOURCES: [&str; 4] = ["protocol", "onboard", "ground", "sim"];

/// The states of the first release.
const STATES: &str = "tests/tests/layouts/states_1.zst";
/// The tests that write them, and the bytes in the midst of a life.
const WRITERS: [&str; 2] = [
    "states::today_s_vehicle_that_lives_the_same_lives_says_the_same",
    "first_release::the_flash_of_the_first_release_is_what_this_one_writes",
];

/// Builds the firmware, makes a vehicle of it as the factory does, and freezes that; then the layouts.
///
/// # Errors
/// Something is not committed, or does not build.
pub fn run() -> Result<(), Failure> {
    let commit = commit()?;
    let number = number()?;
    firmware::build()?;
    let lightday = ground::lightday()?;
    let dir = run::target_dir().join("freeze");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
    let (mission, board) = (dir.join("mission"), dir.join("board"));
    let ground = Ground::new(&lightday, &mission)?;
    ground.make_flash(&flight("v1"), &board)?;
    let keys = key_files(&mission.join("keys"))?;
    let keys = keys.into_iter().map(|name| format!("keys/{name}"));
    let files: Vec<String> = ["mission.toml", KEY_SET]
        .map(str::to_owned)
        .into_iter()
        .chain(keys)
        .collect();
    let made = Made {
        commit: &commit,
        version: env!("CARGO_PKG_VERSION"),
        board: &board,
        files: &files,
        mission: &mission,
        image_len: image_len(&flight("v1"))?,
    };
    let frozen = release::freeze(number, made)?;
    frozen.check()?;
    let _ = fs::remove_dir_all(&dir);
    println!("    {RELEASES}/{number}: {} of {commit}", frozen.version());
    if number == 1 {
        layouts()?;
    }
    println!("    Next: a line in CHANGELOG.md, `cargo xtask qemu --cuts 0`, and a commit");
    Ok(())
}

/// The commit that is checked out, without changes to what is frozen but to the frozen releases themselves.
fn commit() -> Result<String, Failure> {
    let git = |args: &[&str]| {
        let mut command = run::in_root("git");
        command.args(args);
        run::answer(command).ok_or_else(|| Failure(format!("`git {}` failed", args.join(" "))))
    };
    let mut status = vec!["status", "--porcelain", "--"];
    status.extend(SOURCES);
    let besides = format!(":!{RELEASES}");
    status.push(&besides);
    let changed = git(&status)?;
    if !changed.is_empty() {
        return Err(Failure(format!(
            "what is frozen is named by its commit: commit this first\n{changed}"
        )));
    }
    git(&["rev-parse", "HEAD"])
}

/// The number to freeze under.
fn number() -> Result<u32, Failure> {
    let path = run::root().join("CHANGELOG.md");
    let changelog =
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(match release::all()?.last() {
        None => 1,
        Some(latest) if is_released(&changelog, latest.version()) => latest.number + 1,
        Some(latest) => latest.number,
    })
}

/// Whether the changelog has a heading for a version.
fn is_released(changelog: &str, version: &str) -> bool {
    let heading = format!("## [{version}]");
    changelog.lines().any(|line| line.starts_with(&heading))
}

/// Bytes of flash that an image takes: from its lowest address that is loaded to its highest.
fn image_len(path: &PathBuf) -> Result<usize, Failure> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let parts = elf::loaded(&bytes).unwrap_or_default();
    let first = parts.iter().map(|(address, _)| *address as usize).min();
    let last = parts
        .iter()
        .map(|(address, part)| *address as usize + part.len());
    match (first, last.max()) {
        (Some(first), Some(end)) => Ok(end - first),
        _ => Err(Failure(format!("{} loads nothing", path.display()))),
    }
}

/// The layouts of the first release, as `tests/tests/layouts` keeps them.
fn layouts() -> Result<(), Failure> {
    let states = run::root().join(STATES);
    let _ = fs::remove_file(&states);
    let mut command = cargo();
    command.args([
        "test",
        "--quiet",
        "-p",
        "lightday-tests",
        "--test",
        "layouts",
    ]);
    command.args(["--", "--exact"]).args(WRITERS);
    command.env("LIGHTDAY_FREEZE", "1");
    run::check(command)?;
    match states.is_file() {
        true => Ok(()),
        false => Err(Failure(format!("no test has written {STATES}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_with_a_heading_is_never_made_anew() {
        let changelog =
            "# Changelog\n\n## [Unreleased]\n\nsee ## [0.2.0]\n\n## [0.1.0] - 2027-01-01\n";
        assert!(is_released(changelog, "0.1.0"));
        assert!(!is_released(changelog, "0.2.0"));
        assert!(!is_released(changelog, "0.1"));
    }
}
