//! A mission on a disk that takes nothing: each verb that writes says so with the remedy, and leaves all as it was.
#![cfg(unix)]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Mission, START, report};

/// Whoever has no rights of root: permissions bind nobody else than him.
const NOBODY: u32 = 65_534;

/// A copy of a mission where everybody can get at it, and the binary beside it.
struct Shut {
    dir: PathBuf,
    is_root: bool,
}

impl Shut {
    fn of(mission: &Mission, name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("lightday-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let shut = Self {
            is_root: fs::metadata(&dir).unwrap().uid() == 0,
            dir,
        };
        fs::copy(env!("CARGO_BIN_EXE_lightday"), shut.dir.join("lightday")).unwrap();
        copy(mission.root(), &shut.mission());
        for path in shut.paths() {
            if shut.is_root {
                chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        shut
    }

    fn mission(&self) -> PathBuf {
        self.dir.join("mission")
    }

    /// Everything from the directory of the copy down.
    fn paths(&self) -> Vec<PathBuf> {
        let (mut all, mut at) = (vec![self.dir.clone()], 0);
        while at < all.len() {
            if all[at].is_dir() {
                let inside = fs::read_dir(&all[at]).unwrap();
                all.extend(inside.map(|entry| entry.unwrap().path()));
            }
            at += 1;
        }
        all
    }

    /// What lies in the mission, by name.
    fn content(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = self.paths().into_iter().filter(|path| path.is_file());
        files
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    }

    /// Takes the right to write away, or gives it back.
    fn set(&self, paths: &[PathBuf], may_write: bool) {
        for path in paths {
            let mode = fs::metadata(path).unwrap().mode() & 0o7555;
            let mode = if may_write { mode | 0o200 } else { mode };
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
    }

    /// Runs a verb as somebody who is not root.
    fn run(&self, line: &str) -> (Option<i32>, String) {
        let mut command = Command::new(self.dir.join("lightday"));
        command.args(line.split_whitespace());
        command.current_dir(self.mission());
        command.env_remove("LIGHTDAY_MISSION").env("USER", "ada");
        if self.is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), said)
    }

    /// Each verb that writes fails with one of these codes and says what to do, and nothing is another than it was.
    fn holds(&self, what: &str, codes: &[i32]) {
        for line in [
            "ingest report.bin".to_owned(),
            "command report-request".to_owned(),
            "build new.bin --version 1.2.0 --full".to_owned(),
            format!("uplink bundles/1.ldb --at {START}"),
        ] {
            let before = self.content();
            let (code, said) = self.run(&line);
            assert!(
                code.is_some_and(|code| codes.contains(&code)),
                "{what}: {line}: {code:?}\n{said}"
            );
            assert!(
                said.contains("hint:"),
                "{what}: {line}: no next step in {said}"
            );
            assert!(!said.contains("panicked"), "{what}: {line}: {said}");
            assert!(
                self.content() == before,
                "{what}: {line}: something was written"
            );
        }
    }
}

impl Drop for Shut {
    fn drop(&mut self) {
        self.set(&self.paths(), true);
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Copies what lies in a directory, directories with nothing in them as well.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|e| (e.path(), e.file_name())).unwrap();
        match path.is_dir() {
            true => copy(&path, &to.join(name)),
            false => fs::copy(&path, to.join(name)).map(|_| ()).unwrap(),
        }
    }
}

fn mission(name: &str) -> Mission {
    let mission = Mission::with_bundle(name);
    fs::write(mission.path("report.bin"), report(&mission, 1, |_| ())).unwrap();
    mission
}

/// The ledger and what SQLite keeps beside it.
fn ledger(mission: &Path) -> Vec<PathBuf> {
    let names = ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"];
    let files = names.map(|name| mission.join(name));
    files.into_iter().filter(|path| path.is_file()).collect()
}

#[test]
fn a_ledger_that_is_read_only_is_named_with_the_remedy_and_nothing_is_written() {
    let shut = Shut::of(&mission("read-only-ledger"), "read-only-ledger");
    let ledger = ledger(&shut.mission());
    assert!(!ledger.is_empty());
    shut.set(&ledger, false);
    shut.holds("the ledger", &[7]);
    shut.set(&ledger, true);
    let (code, said) = shut.run("command report-request");
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_mission_on_a_read_only_disk_says_so_and_nothing_is_half_written() {
    let shut = Shut::of(&mission("read-only-disk"), "read-only-disk");
    let all = shut.paths();
    shut.set(&all, false);
    shut.holds("the disk", &[7, 8]);
    shut.set(&all, true);
    let (code, said) = shut.run("ingest report.bin");
    assert_eq!(code, Some(0), "{said}");
}
