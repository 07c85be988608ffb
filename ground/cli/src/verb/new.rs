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
    let existed = dir.exists();
    fill(dir).inspect_err(|_| clear(dir, existed))?;
    out::result(&listing)?;
    out::message(
        "Next: set mission.toml and passes.csv, then make keys with `lightday keygen`; README.md shows the way.",
    );
    Ok(())
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
fn clear(dir: &Path, existed: bool) {
    for sub in DIRS {
        let top = sub.split('/').next().unwrap_or(sub);
        let _ = fs::remove_dir_all(dir.join(top));
    }
    for name in FILES.iter().map(|(name, _)| *name).chain(["ledger.sqlite"]) {
        let _ = fs::remove_file(dir.join(name));
    }
    if !existed {
        let _ = fs::remove_dir(dir);
    }
}

fn refuse_occupied(dir: &Path) -> Result<()> {
    let occupied = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_some(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => false,
        Err(e) => return Err(Error::io(dir, &e)),
    };
    if occupied {
        return Err(Error::new(Kind::Refused, "the directory is not empty")
            .file(dir)
            .hint("name a new directory: `lightday new` never touches what is there"));
    }
    Ok(())
}
