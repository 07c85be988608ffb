//! What runs that were cut off left undone: finished at the start of the next verb, or thrown away.
//!
//! ```text
//! .NAME.PROCESS.ATTEMPT.tmp of a dead run   removed: its step was never committed, or its bytes are in the ledger
//! a row of `unnamed`                        its file gets its name now
//! an object without its file                written again from the ledger
//! ```
//! Never replaces a file that somebody else put there, never writes outside of the mission, never decides
//! anything: only what a committed step had already decided is done.

use std::path::{Component, Path};

use super::Mission;
use crate::atomic::{self, Access, Pending};
use crate::error::{Error, Kind, Result};
use crate::ledger::{Ledger, Step, Unnamed};
use crate::out;

/// Where files of ours may lie aside.
const DIRS: [&str; 6] = ["", "keys", "bundles", "documents", "uplink", "evidence"];

/// Files of one step: aside before it is committed, in the ledger with it, named behind it.
pub struct Files {
    pending: Vec<(Pending, Unnamed)>,
}

impl Files {
    /// No files yet.
    pub const fn new() -> Self {
        Self {
            pending: Vec::new(),
        }
    }

    /// Writes a file aside that will be new, or that `replaces` the one of its name.
    ///
    /// # Errors
    /// Its name is taken, or the file system's.
    pub fn add(
        &mut self,
        mission: &Mission,
        path: &Path,
        bytes: &[u8],
        replaces: bool,
    ) -> Result<()> {
        if !replaces {
            atomic::refuse_existing(path)?;
        }
        self.aside(mission, path, bytes, replaces)
    }

    /// As [`Self::add`], for a step that looks itself whether the name of a new file is free.
    ///
    /// # Errors
    /// The file system's.
    pub fn aside(
        &mut self,
        mission: &Mission,
        path: &Path,
        bytes: &[u8],
        replaces: bool,
    ) -> Result<()> {
        let pending = Pending::write(path, bytes, Access::Public)?;
        let file = mission.relative(path);
        // A file that leaves the mission is kept under uplink/ if its own name was never given.
        let within = inside(Path::new(&file));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let unnamed = Unnamed {
            file: if within {
                file
            } else {
                format!("uplink/{name}")
            },
            bytes: bytes.to_vec(),
            replaces,
        };
        self.pending.push((pending, unnamed));
        Ok(())
    }

    /// Commits the bytes with the step.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn keep(&self, step: &Step<'_>) -> Result<()> {
        let mut all = self.pending.iter();
        all.try_for_each(|(_, u)| step.add_unnamed(&u.file, &u.bytes, u.replaces))
    }

    /// Names the files, behind the step. One that cannot be named is named by the next verb.
    ///
    /// # Errors
    /// The file system's.
    pub fn name(self, ledger: &Ledger) -> Result<()> {
        for (pending, unnamed) in self.pending {
            match unnamed.replaces {
                true => pending.replace().map_err(kept)?,
                false => name_kept(pending, &unnamed.bytes)?,
            }
            match ledger.settle(&unnamed.file) {
                // The step is done, and the file has its name: whoever finds the ledger busy now must not be
                // told to repeat the command. The next verb settles it.
                Err(_) if !unnamed.replaces => {}
                settled => settled?,
            }
        }
        Ok(())
    }
}

/// Refuses to write an object whose file is there already, though this ledger never gave its number out: it went up
/// perhaps, and a number never means two things.
///
/// # Errors
/// [`Kind::Ledger`].
pub fn refuse_second(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(Error::new(Kind::Ledger, "is there already, and this ledger never gave its number out")
        .file(path)
        .hint("the ledger is older than the file: put the newest backup back, or skip all numbers whose files lie here with `lightday ledger skip`, and those that a report shows with `lightday ingest FILE --accept-numbers REPORT`. Do not move the file away: its number may be used up on board"))
}

/// Names a new file whose bytes the ledger keeps.
///
/// # Errors
/// Another file took the name meanwhile, or the file system's.
pub fn name_kept(pending: Pending, bytes: &[u8]) -> Result<()> {
    let path = pending.path().to_path_buf();
    match pending.create() {
        // Another run found it in the ledger meanwhile, and named it.
        Err(_) if has(&path, bytes) => Ok(()),
        named => named.map_err(kept),
    }
}

fn has(path: &Path, bytes: &[u8]) -> bool {
    atomic::read(path, bytes.len() as u64).is_ok_and(|found| found == bytes)
}

/// An error of naming a file that the ledger keeps.
fn kept(error: Error) -> Error {
    error.hint(
        "the step is done and the ledger keeps the file: mend this, and the next command writes it",
    )
}

impl Mission {
    /// Finishes what runs that were cut off left undone. What cannot be finished now is said, and tried again
    /// by the next verb; a ledger that cannot be read is left to the verbs that need it.
    pub(super) fn recover(&self) {
        DIRS.iter().for_each(|dir| atomic::sweep(&self.path(dir)));
        if !self.path("ledger.sqlite").is_file() {
            return;
        }
        let Ok(ledger) = self.ledger_to_read() else {
            return;
        };
        if let Err(error) = self.name_again(&ledger) {
            out::message(format_args!("warning: {error}"));
        }
    }

    fn name_again(&self, ledger: &Ledger) -> Result<()> {
        let unnamed = ledger.unnamed()?;
        if !unnamed.is_empty() {
            let ledger = Ledger::open(&self.path("ledger.sqlite"))?;
            for file in unnamed {
                self.give(&file)?;
                ledger.settle(&file.file)?;
            }
        }
        for object in ledger.objects()? {
            let path = self.path(&object.file);
            if path.symlink_metadata().is_err() {
                let bytes = ledger.object_bytes(object.kind, object.number)?;
                if lightday_trust::digest::sha256(&bytes).0 != object.sha256 {
                    return Err(damaged(&path));
                }
                self.give(&Unnamed {
                    file: object.file,
                    bytes,
                    replaces: false,
                })?;
            }
        }
        Ok(())
    }

    /// Gives a file its name, if it does not have it.
    fn give(&self, file: &Unnamed) -> Result<()> {
        let path = self.path(&file.file);
        if !inside(Path::new(&file.file)) {
            return Err(damaged(&path));
        }
        if has(&path, &file.bytes) {
            return Ok(());
        }
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).map_err(|e| Error::io(dir, &e))?;
        }
        let pending = Pending::write(&path, &file.bytes, Access::Public)?;
        match file.replaces {
            true => pending.replace()?,
            false => pending.create()?,
        }
        out::message(format_args!(
            "{}: was missing, written again from the ledger",
            path.display()
        ));
        Ok(())
    }
}

fn damaged(path: &Path) -> Error {
    Error::new(Kind::Ledger, "the ledger's copy of this file does not hold")
        .file(path)
        .hint("run `lightday ledger verify`; restore ledger.sqlite from its backup")
}

/// Whether a path leads downwards only.
fn inside(path: &Path) -> bool {
    let down = |c: Component<'_>| matches!(c, Component::Normal(_));
    path.components().next().is_some() && path.components().all(down)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_lead_downwards_are_inside() {
        for (path, is_inside) in [
            ("uplink/1.frames", true),
            ("x", true),
            ("", false),
            ("../x", false),
            ("a/../../x", false),
            ("/etc/passwd", false),
            (".", false),
        ] {
            assert_eq!(inside(Path::new(path)), is_inside, "{path}");
        }
    }
}
