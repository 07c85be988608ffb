//! `lightday new`: a mission directory with everything commented.

use std::fs;
use std::path::{Path, PathBuf};

use crate::atomic::{self, Access};
use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;
use crate::mission;
use crate::out;

/// Make a new mission directory.
///
/// It holds mission.toml (vehicle, memory, link, trial, policy), passes.csv, keys/, an empty ledger, a
/// README and a CI file, all commented. A directory that holds anything is never touched.
///
/// Example:
///   lightday new orbiter && cd orbiter && $EDITOR mission.toml
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The directory; it must not exist, or be empty.
    dir: PathBuf,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

const DIRS: [&str; 6] = [
    "keys",
    "bundles",
    "documents",
    "uplink",
    "evidence",
    ".github/workflows",
];

const FILES: [(&str, &str); 6] = [
    ("mission.toml", mission::MISSION_TOML),
    ("passes.csv", mission::PASSES_CSV),
    ("README.md", mission::README_MD),
    (".gitignore", mission::GITIGNORE),
    ("keys/.gitignore", mission::KEYS_GITIGNORE),
    (".github/workflows/lightday.yml", mission::CI_YML),
];

/// Runs the verb.
pub fn run(args: &Args) -> Result<()> {
    let dir = &args.dir;
    refuse_occupied(dir)?;
    let mut listing = String::new();
    for name in FILES.iter().map(|(name, _)| *name).chain(["ledger.sqlite"]) {
        listing.push_str(&format!("{}\n", dir.join(name).display()));
    }
    if args.dry_run {
        return out::result(&listing);
    }
    make(dir)?;
    out::result(&listing)?;
    if dir.as_path() != Path::new(".") {
        out::message(format_args!("Next: cd {}", dir.display()));
    }
    out::message(
        "Next: set mission.toml and passes.csv, then make keys with `lightday keygen`; README.md shows the way.",
    );
    Ok(())
}

/// Makes the mission: a new directory is filled aside and takes its name in one step; one that is there, and
/// empty, is filled as it is.
fn make(dir: &Path) -> Result<()> {
    let parent = dir.parent().filter(|p| !p.as_os_str().is_empty());
    let (Some(name), false) = (dir.file_name(), dir.exists()) else {
        return fill(dir)
            .inspect_err(|_| clear(dir))
            .map_err(|e| of(dir, e));
    };
    let parent = parent.unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|e| Error::io(parent, &e))?;
    sweep(parent);
    let aside = parent.join(format!(
        ".{}.{}.new",
        name.to_string_lossy(),
        std::process::id()
    ));
    let made = fill(&aside).and_then(|()| {
        // Fails if somebody made it meanwhile and put something in.
        fs::rename(&aside, dir).map_err(|e| Error::io(dir, &e))
    });
    made.map_err(|e| {
        let _ = fs::remove_dir_all(&aside);
        of(dir, e)
    })?;
    atomic::note(dir);
    Ok(())
}

/// The same error, of the mission: the file that failed is gone by now.
fn of(dir: &Path, error: Error) -> Error {
    match error.kind {
        Kind::Io | Kind::Ledger => error.at(dir).hint(
            "the mission could not be made and nothing of it is left: check the disk and its room, then repeat the command",
        ),
        _ => error,
    }
}

/// Removes directories that killed runs left aside, `.NAME.PROCESS.new`.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|n| {
            let (_, process) = n
                .strip_prefix('.')?
                .strip_suffix(".new")?
                .rsplit_once('.')?;
            process.parse().ok()
        });
        if process.is_some_and(atomic::is_gone) && entry.path().join("mission.toml").is_file() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn fill(dir: &Path) -> Result<()> {
    for sub in DIRS {
        let sub = dir.join(sub);
        fs::create_dir_all(&sub).map_err(|e| Error::io(&sub, &e))?;
    }
    for (name, text) in FILES {
        atomic::create(&dir.join(name), text.as_bytes(), Access::Public)?;
    }
    Ledger::create(&dir.join("ledger.sqlite")).map(drop)
}

/// Leaves nothing of a mission that could not be made. The directory was empty, so all in it is ours.
fn clear(dir: &Path) {
    for sub in DIRS {
        let top = sub.split('/').next().unwrap_or(sub);
        let _ = fs::remove_dir_all(dir.join(top));
    }
    let ledger = ["ledger.sqlite", "ledger.sqlite-journal"];
    for name in FILES.iter().map(|(name, _)| *name).chain(ledger) {
        let _ = fs::remove_file(dir.join(name));
    }
}

fn refuse_occupied(dir: &Path) -> Result<()> {
    let occupied = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_some(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => false,
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => {
            return Err(Error::io(dir, &e)
                .hint("a file has this name, or one above it: name a new directory"));
        }
        Err(e) => return Err(Error::io(dir, &e)),
    };
    if occupied {
        return Err(Error::new(Kind::Refused, "the directory is not empty")
            .file(dir)
            .hint("name a new directory: `lightday new` never touches what is there"));
    }
    Ok(())
}
