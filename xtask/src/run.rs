//! Starting child processes: always from the repository's root, never with an open standard input in a check.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Why a step failed, in words for the person who must mend it.
#[derive(Debug)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self(why)
    }
}

/// The repository's root: the parent of this crate.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Where builds go: `CARGO_TARGET_DIR`, else `target` in the root.
pub fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// The cargo that started us, in the repository's root.
pub fn cargo() -> Command {
    in_root(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Any program, in the repository's root.
pub fn in_root(program: impl Into<OsString>) -> Command {
    let mut command = Command::new(program.into());
    command.current_dir(root());
    command
}

/// A program of another toolchain: rustup's proxy chooses it, and nothing of ours leaks into it.
pub fn nightly(program: &str) -> Command {
    let mut command = in_root("rustup");
    command.args(["run", "nightly", program]);
    // `cargo run` put our own toolchain's libraries first.
    command
        .env_remove("LD_LIBRARY_PATH")
        .env_remove("CARGO")
        .env_remove("RUSTC");
    command
}

/// Runs a command whose output belongs on the terminal.
///
/// # Errors
/// The command cannot be started, or ends with anything but success.
pub fn status(mut command: Command) -> Result<(), Failure> {
    let status = command
        .status()
        .map_err(|error| cannot_start(&command, &error))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure(format!(
            "`{}` ended with {status}",
            shown(&command)
        )))
    }
}

/// Runs a check: as [`status`], with standard input closed.
///
/// # Errors
/// As [`status`].
pub fn check(mut command: Command) -> Result<(), Failure> {
    command.stdin(Stdio::null());
    status(command)
}

/// Runs a command and keeps all of its output, whatever its exit code.
///
/// # Errors
/// The command cannot be started.
pub fn capture(mut command: Command) -> Result<Output, Failure> {
    command.stdin(Stdio::null());
    command
        .output()
        .map_err(|error| cannot_start(&command, &error))
}

/// The trimmed standard output of a command that succeeds; `None` when it fails or does not exist.
pub fn answer(command: Command) -> Option<String> {
    let output = capture(command)
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Which of a child's two streams to read along with.
#[derive(Clone, Copy)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// Runs a check, passes one of its streams on line by line and gives those lines back; the other goes to the terminal.
///
/// # Errors
/// As [`status`], with the lines read so far lost: they stand on the terminal.
pub fn check_reading(mut command: Command, stream: Stream) -> Result<Vec<String>, Failure> {
    command.stdin(Stdio::null());
    match stream {
        Stream::Stdout => command.stdout(Stdio::piped()),
        Stream::Stderr => command.stderr(Stdio::piped()),
    };
    let mut child = command
        .spawn()
        .map_err(|error| cannot_start(&command, &error))?;
    let lines = match stream {
        Stream::Stdout => child.stdout.take().map(|pipe| pass_on(pipe, io::stdout())),
        Stream::Stderr => child.stderr.take().map(|pipe| pass_on(pipe, io::stderr())),
    };
    let status = child
        .wait()
        .map_err(|error| cannot_start(&command, &error))?;
    if !status.success() {
        return Err(Failure(format!(
            "`{}` ended with {status}",
            shown(&command)
        )));
    }
    Ok(lines.unwrap_or_default())
}

fn pass_on(from: impl io::Read, mut to: impl Write) -> Vec<String> {
    let mut lines = Vec::new();
    for line in BufReader::new(from).split(b'\n') {
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(&line).into_owned();
        // A closed terminal must not stop the reading: the child would block on a full pipe.
        let _ = writeln!(to, "{line}");
        lines.push(line);
    }
    lines
}

fn cannot_start(command: &Command, error: &io::Error) -> Failure {
    Failure(format!("cannot run `{}`: {error}", shown(command)))
}

/// The command as one would type it, without its path.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    let mut text = program.to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}
