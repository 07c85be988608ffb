//! The ground: a mission directory, and the real `lightday` for all that is done in it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::firmware;
use crate::run::{self, Failure, cargo};

use super::machine::Machine;

/// What the mission of a new repository is changed to, so that it is the board's: times in seconds, and small symbols,
/// so that a bundle has many.
const CHANGES: [(&str, &str); 13] = [
    ("name = \"orbiter\"", "name = \"board\""),
    ("arch = \"arm\"", "arch = \"riscv32\""),
    ("load_address = 0x20000000", "load_address = 0x80100000"),
    ("program_granule = 8", "program_granule = 4"),
    ("erase_block = \"4KiB\"", "erase_block = \"256KiB\""),
    ("tries = 3", "tries = 2"),
    ("health_deadline = \"10min\"", "health_deadline = \"20s\""),
    ("lease = \"7d\"", "lease = \"30s\""),
    ("rate_up_bps = 100", "rate_up_bps = 2000"),
    ("light_time = \"22h\"", "light_time = \"1s\""),
    ("symbol_len_max = 200", "symbol_len_max = 64"),
    ("passes = 0.05", "passes = 0.0"),
    // A rehearsal flies applications that take minutes to become healthy: longer than this lease.
    ("require_rehearsal = true", "require_rehearsal = false"),
];

/// The link is this many times faster on the bench.
const SPEED: &str = "50";
/// How long it listens behind the last frame.
const SETTLE: &str = "1s";
/// Who signs what, besides root.
const SIGNERS: [&str; 4] = ["root ann", "release bob", "verification cleo", "flight dan"];

/// The key set that a vehicle is launched with, in the mission directory.
pub const KEY_SET: &str = "keys/keyset-1.bin";

/// Facts of a report by name, as `lightday status` words them.
pub type Facts = BTreeMap<String, String>;

/// A mission and the program that acts in it.
pub struct Ground {
    lightday: PathBuf,
    dir: PathBuf,
    heard: Cell<u32>,
}

/// Builds `lightday` and says where it lies.
///
/// # Errors
/// It does not build.
pub fn lightday() -> Result<PathBuf, Failure> {
    let mut build = cargo();
    build.args(["build", "--quiet", "--release", "-p", "lightday"]);
    run::check(build)?;
    Ok(run::target_dir().join("release/lightday"))
}

/// The names of the key files in a directory, private and public ones, in their order; the key set is none.
///
/// # Errors
/// The directory cannot be read.
pub fn key_files(dir: &Path) -> Result<Vec<String>, Failure> {
    let entries = fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names
        .filter(|name| name.ends_with(".key") || name.ends_with(".pub"))
        .collect();
    names.sort();
    Ok(names)
}

impl Ground {
    /// Makes a mission in `dir`, with all keys.
    ///
    /// # Errors
    /// A verb fails.
    pub fn new(lightday: &Path, dir: &Path) -> Result<Self, Failure> {
        let mut new = Command::new(lightday);
        new.arg("new").arg(dir).stdin(Stdio::null());
        said(new)?;
        let ground = Self::open(lightday, dir);
        ground.edit("mission.toml", &CHANGES)?;
        ground.pass()?;
        for signer in SIGNERS.into_iter().chain(["link", "keyset"]) {
            ground.run(&format!("keygen {signer}"))?;
        }
        Ok(ground)
    }

    /// Makes a mission in `dir` for a vehicle that flies already: with its mission.toml and its keys, all of them as
    /// files in `known` and `known/keys`. The key set has to come out as the one that the vehicle was launched with.
    ///
    /// # Errors
    /// A verb fails, or the same keys make another set.
    pub fn take_over(lightday: &Path, dir: &Path, known: &Path) -> Result<Self, Failure> {
        let mut new = Command::new(lightday);
        new.arg("new").arg(dir).stdin(Stdio::null());
        said(new)?;
        let copy = |name: &str| {
            let copied = fs::copy(known.join(name), dir.join(name));
            copied
                .map(drop)
                .map_err(|error| Failure(format!("{name} of a frozen mission: {error}")))
        };
        copy("mission.toml")?;
        for name in key_files(&known.join("keys"))? {
            copy(&format!("keys/{name}"))?;
        }
        let ground = Self::open(lightday, dir);
        ground.pass()?;
        // Takes the link keys that lie there into the ledger.
        ground.run("keygen link")?;
        ground.run("keygen keyset")?;
        let set = |dir: &Path| {
            let path = dir.join(KEY_SET);
            fs::read(&path).map_err(|error| Failure(format!("{}: {error}", path.display())))
        };
        match set(dir)? == set(known)? {
            true => Ok(ground),
            false => Err(Failure(
                "the frozen keys make another key set than the frozen vehicle has".to_owned(),
            )),
        }
    }

    /// One pass, from an hour ago until a week from now.
    fn pass(&self) -> Result<(), Failure> {
        let now_s = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |t| t.as_secs());
        let passes = format!(
            "start,end,station,rate_bps\n{},{},Bench,\n",
            now_s.saturating_sub(3600),
            now_s + 7 * 86_400
        );
        fs::write(self.dir.join("passes.csv"), passes)
            .map_err(|error| Failure(format!("passes.csv: {error}")))
    }

    /// The mission that is in `dir` already.
    pub fn open(lightday: &Path, dir: &Path) -> Self {
        Self {
            lightday: lightday.to_path_buf(),
            dir: dir.to_path_buf(),
            heard: Cell::new(0),
        }
    }

    fn edit(&self, file: &str, changes: &[(&str, &str)]) -> Result<(), Failure> {
        let path = self.dir.join(file);
        let mut text = fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
        for (from, to) in changes {
            if !text.contains(from) {
                return Err(Failure(format!(
                    "{file} of a new mission no longer has `{from}`"
                )));
            }
            text = text.replacen(from, to, 1);
        }
        fs::write(&path, text).map_err(|error| Failure(format!("{file}: {error}")))
    }

    /// Runs a verb; gives what it wrote to standard output.
    ///
    /// # Errors
    /// It fails; what it said.
    pub fn run(&self, line: &str) -> Result<String, Failure> {
        self.run_args(&line.split_whitespace().collect::<Vec<_>>())
    }

    fn run_args(&self, args: &[&str]) -> Result<String, Failure> {
        let (out, _) = said(self.command(args))?;
        Ok(out)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.lightday);
        command
            .args(args)
            .current_dir(&self.dir)
            .stdin(Stdio::null());
        command.env_remove("LIGHTDAY_MISSION");
        command
    }

    /// Makes the flash files of a vehicle that runs `first`, in `to`.
    ///
    /// # Errors
    /// The factory refuses.
    pub fn make_flash(&self, first: &Path, to: &Path) -> Result<(), Failure> {
        fs::create_dir_all(to).map_err(|error| format!("{}: {error}", to.display()))?;
        let mut factory = Command::new(firmware::factory());
        factory
            .arg("--mission")
            .arg(&self.dir)
            .arg("--loader")
            .arg(firmware::loader());
        for name in ["golden", "first"] {
            factory
                .arg(format!("--{name}"))
                .arg(first)
                .args([format!("--{name}-version"), "1.0.0".to_owned()]);
        }
        factory
            .args(["--beacon-s", "2", "--command-loss-s", "3600", "--out"])
            .arg(to)
            .stdin(Stdio::null());
        said(factory).map(drop)
    }

    /// Builds bundle 1, version 2.0.0, from `base`, has it signed and authorized, and writes the frames of both.
    ///
    /// # Errors
    /// A verb fails.
    pub fn prepare(&self, image: &Path, base: &Path) -> Result<PathBuf, Failure> {
        self.bundle(1, (image, "2.0.0"), (base, "1.0.0"))?;
        let papers = self.authorize(1, image)?;
        self.uplink(&format!("bundles/1.ldb {papers}"))
    }

    /// Builds the bundle of this number, which is the next one, from a base, and has release sign it; image and base
    /// each with its version.
    ///
    /// # Errors
    /// A verb fails.
    pub fn bundle(
        &self,
        number: u32,
        image: (&Path, &str),
        base: (&Path, &str),
    ) -> Result<(), Failure> {
        let [path, from] = [image.0, base.0].map(|path| path.display().to_string());
        self.run_args(&[
            "build",
            &path,
            "--version",
            image.1,
            "--base",
            &from,
            "--base-version",
            base.1,
        ])?;
        self.run(&format!(
            "sign bundles/{number}.ldb --key keys/release-bob.key"
        ))
        .map(drop)
    }

    /// Has the image of a bundle authorized, for the first time or anew; gives the file of the papers.
    ///
    /// # Errors
    /// A verb fails.
    pub fn authorize(&self, bundle: u32, image: &Path) -> Result<String, Failure> {
        // On the bench the image itself is all the evidence that there is.
        let (bundle, image) = (bundle.to_string(), image.display().to_string());
        let drafted = self.run_args(&["authorize", &bundle, "--evidence", &image])?;
        let file = drafted.lines().next().unwrap_or_default().to_owned();
        for key in ["keys/verification-cleo.key", "keys/flight-dan.key"] {
            self.run_args(&["sign", &file, "--key", key])?;
        }
        Ok(file)
    }

    /// Has the image of bundle 1 armed anew, and writes the frames.
    ///
    /// # Errors
    /// A verb fails.
    pub fn rearm(&self, image: &Path) -> Result<PathBuf, Failure> {
        let papers = self.authorize(1, image)?;
        self.uplink(&papers)
    }

    /// Drafts a command, has it signed, and writes its frames.
    ///
    /// # Errors
    /// A verb fails.
    pub fn order(&self, command: &[&str]) -> Result<PathBuf, Failure> {
        let drafted = self.run_args(&[&["command"], command].concat())?;
        let file = drafted.lines().next().unwrap_or_default().to_owned();
        self.run_args(&["sign", &file, "--key", "keys/flight-dan.key"])?;
        self.uplink(&file)
    }

    /// Writes the frames of signed files, separated by spaces, with options of `lightday uplink` among them; gives the
    /// file of the frames.
    ///
    /// # Errors
    /// A verb fails.
    pub fn uplink(&self, files: &str) -> Result<PathBuf, Failure> {
        let made = self.run(&format!("uplink {files} --json"))?;
        let value: Value =
            serde_json::from_str(&made).map_err(|error| format!("uplink --json: {error}"))?;
        let file = value["file"].as_str().unwrap_or_default();
        match file.is_empty() {
            true => Err(Failure(format!("uplink --json names no file: {made}"))),
            false => Ok(self.dir.join(file)),
        }
    }

    /// Sends frames; where there are none, listens until a packet comes or `listen_s` are over. Takes in what came. Gives the lines of
    /// text of the vehicle; nothing where the machine was off before the end.
    ///
    /// # Errors
    /// `link` fails on a machine that is on, or what came was no report.
    pub fn link(
        &self,
        machine: &Machine,
        frames: &[PathBuf],
        listen_s: u32,
    ) -> Result<Option<Vec<String>>, Failure> {
        let n = self.heard.get() + 1;
        self.heard.set(n);
        let file = format!("heard-{n}.packets");
        let _ = fs::remove_file(self.dir.join(&file));
        let mut command = self.command(&["link"]);
        command
            .args(frames)
            .args(["--uart", machine.uart(), "--heard", &file, "--speed", SPEED]);
        command.arg("--json");
        if frames.is_empty() {
            command.args(["--listen", &format!("{listen_s}s"), "--packets", "1"]);
        } else {
            // A socket that is closed takes along what its other end has not read yet.
            command.args(["--listen", SETTLE]);
        }
        let linked = said(command);
        // What was heard before a cut counts too.
        let heard = fs::metadata(self.dir.join(&file)).map_or(0, |file| file.len());
        if heard > 0 {
            self.run(&format!("ingest {file}"))?;
        }
        let _ = fs::remove_file(self.dir.join(&file));
        match linked {
            Ok((_, messages)) => {
                let texts = messages
                    .lines()
                    .filter_map(|line| line.strip_prefix("vehicle: "));
                Ok(Some(texts.map(str::to_owned).collect()))
            }
            Err(_) if !machine.is_on() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// What the vehicle last proved; nothing before its first report.
    ///
    /// # Errors
    /// `status` fails, or raises an alarm.
    pub fn facts(&self) -> Result<Facts, Failure> {
        let status = self.run("status --json")?;
        let value: Value =
            serde_json::from_str(&status).map_err(|error| format!("status --json: {error}"))?;
        for alarm in ["alarm", "contradiction"] {
            if !value[alarm].is_null() {
                return Err(Failure(format!(
                    "status raises an alarm, {alarm}: {}",
                    value[alarm]
                )));
            }
        }
        let proven = value["proven"].as_object().into_iter().flatten();
        Ok(proven
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect())
    }
}

/// Runs a program; gives standard output and standard error.
fn said(command: Command) -> Result<(String, String), Failure> {
    let shown = run::shown(&command);
    let output = run::capture(command)?;
    let (out, messages) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    match output.status.success() {
        true => Ok((out, messages)),
        false => Err(Failure(format!(
            "`{shown}` ended with {}:\n{}",
            output.status,
            messages.trim_end()
        ))),
    }
}
