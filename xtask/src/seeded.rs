//! The crash test, tested: bugs are put into a copy of the onboard code, and each has to be found.
//!
//! All of them are built at once, asleep; an environment variable wakes one. The copy lies in the build directory;
//! what flies never sees any of it. A bug whose line is not found in the sources any more fails the step, so that the
//! list keeps in step with the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{self, Failure};
use crate::steps::Outcome;

mod bugs;

use bugs::{BUGS, Bug, Edit};

/// Wakes a bug of the copy, by its number.
const WAKES: &str = "LIGHTDAY_SEEDED_BUG";

/// What is copied of the repository.
const COPIED: [&str; 9] = [
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "protocol",
    "onboard",
    "ground",
    "sim",
    "tests",
    "xtask",
];

/// What the copy's boot crate gets, and what the bugs ask.
const ASKED: &str = "
/// Bugs that sleep until they are called.
pub mod seeded {
    extern crate std;

    /// Whether the bug of this number is awake.
    #[must_use]
    pub fn is(number: usize) -> bool {
        static AWAKE: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
        let named = || std::env::var(\"LIGHTDAY_SEEDED_BUG\").ok()?.parse().ok();
        *AWAKE.get_or_init(|| named().unwrap_or(0)) == number
    }
}
";

/// Builds the copy and looks for the bugs of these numbers, or for every one where none is named.
///
/// # Errors
/// A bug that is not found, something is found where none is awake, or there is no bug of a number.
pub fn run(wanted: &[usize]) -> Result<Outcome, Failure> {
    if let Some(unknown) = wanted.iter().find(|n| !(1..=BUGS.len()).contains(n)) {
        return Err(Failure(format!(
            "no bug {unknown}; there are 1 to {}",
            BUGS.len()
        )));
    }
    let numbered = (1..).zip(&BUGS);
    let bugs: Vec<(usize, &Bug)> = numbered
        .filter(|(number, _)| wanted.is_empty() || wanted.contains(number))
        .collect();
    let copy = run::target_dir().join("seeded");
    plant(&copy)?;
    let binary = build(&copy)?;
    let scenes: BTreeSet<&[&str]> = bugs.iter().map(|(_, bug)| bug.scene).collect();
    for scene in &scenes {
        // All bits take minutes, and are the step before's: here a sample says that the copy is sound.
        let sampled = [*scene, &["sampled"]].concat();
        let said = explore(&binary, 0, &sampled)?;
        println!(
            "    without a bug, {}: {}",
            scene.join(" "),
            said.as_deref().unwrap_or("nothing")
        );
        if let Some(said) = said {
            return Err(Failure(format!(
                "found without a bug by {}: {said}",
                scene.join(" ")
            )));
        }
    }
    for (number, bug) in &bugs {
        let said = explore(&binary, *number, bug.scene)?;
        let Some(said) = said else {
            return Err(Failure(format!(
                "bug {number} is not found by {}: {}",
                bug.scene.join(" "),
                bug.name
            )));
        };
        println!("    {number:>2} {}: {said}", bug.name);
    }
    Ok(Outcome::Passed(format!(
        "{} bugs, each found; without them nothing in their {} scenes",
        bugs.len(),
        scenes.len()
    )))
}

/// Copies the sources, and puts every bug into them.
fn plant(copy: &Path) -> Result<(), Failure> {
    for name in COPIED {
        copy_all(&run::root().join(name), &copy.join(name))?;
    }
    for (number, bug) in (1..).zip(&BUGS) {
        for edit in bug.edits {
            put(copy, number, edit).map_err(|why| format!("bug {number} ({}): {why}", bug.name))?;
        }
    }
    let boot = copy.join("onboard/boot/src/lib.rs");
    let text = read(&boot)?;
    write(&boot, &(text + ASKED))
}

fn put(copy: &Path, number: usize, edit: &Edit) -> Result<(), Failure> {
    let path = copy.join(edit.file);
    let text = read(&path)?;
    if text.matches(edit.line).count() != 1 {
        return Err(Failure(format!(
            "{} has not once: {}",
            edit.file, edit.line
        )));
    }
    let place = match edit.file.starts_with("onboard/boot") {
        true => "crate",
        false => "lightday_boot",
    };
    let asleep = edit
        .instead
        .replace("BUG", &format!("{place}::seeded::is({number})"));
    write(&path, &text.replace(edit.line, &asleep))
}

fn build(copy: &Path) -> Result<PathBuf, Failure> {
    let mut build = run::cargo();
    build.current_dir(copy);
    build.args([
        "build",
        "--locked",
        "-p",
        "lightday-sim",
        "--example",
        "crash",
    ]);
    // Apart from the repository's own: cargo tells crates by where they lie in their workspace, and would take one
    // for the other.
    build.env("CARGO_TARGET_DIR", copy.join("target"));
    run::check(build)?;
    Ok(copy.join("target/debug/examples/crash"))
}

/// What the crash test says of a scene with a bug awake, 0 for none; `None` if it finds nothing.
fn explore(binary: &Path, number: usize, scene: &[&str]) -> Result<Option<String>, Failure> {
    let mut command = run::in_root(binary);
    command.args(scene).env(WAKES, number.to_string());
    let output = run::capture(command)?;
    match output.status.code() {
        Some(0) => Ok(None),
        Some(1) => Ok(Some(
            String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )),
        _ => Err(Failure(format!(
            "bug {number}: the crash test ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ))),
    }
}

fn copy_all(from: &Path, to: &Path) -> Result<(), Failure> {
    let fails = |error: std::io::Error| Failure(format!("cannot copy {}: {error}", from.display()));
    if !from.is_dir() {
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(fails)?;
        }
        return fs::copy(from, to).map(drop).map_err(fails);
    }
    for entry in fs::read_dir(from).map_err(fails)? {
        let name = entry.map_err(fails)?.file_name();
        if name != "target" {
            copy_all(&from.join(&name), &to.join(&name))?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure(format!("cannot read {}: {error}", path.display())))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text)
        .map_err(|error| Failure(format!("cannot write {}: {error}", path.display())))
}
