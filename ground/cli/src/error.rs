//! One error for the whole program: what is wrong, where (file, line, field), and the next step.
//!
//! Never printed from below `main`: verbs return it, `main` writes it to standard error and turns its
//! [`Kind`] into the exit code.
//!
//! ```text
//! error: bundles/7.ldb: field `payload.digest`: the payload does not have this digest
//!   hint: the file was damaged: copy it again, or build it anew with `lightday build`
//! ```

use std::fmt;
use std::path::{Path, PathBuf};

/// Whose fault it is. Each kind has an exit code of its own; codes are never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A fault of this program.
    Internal = 1,
    /// The command line makes no sense. clap uses the same code.
    Usage = 2,
    /// An input file is damaged, of another format, or missing.
    Input = 3,
    /// A signature or a key does not hold.
    Trust = 4,
    /// The mission's policy, or the profile, forbids it.
    Refused = 5,
    /// No plan meets the demand.
    Plan = 6,
    /// The ledger is locked, read-only, newer, damaged or tampered with.
    Ledger = 7,
    /// The file system failed.
    Io = 8,
    /// A rehearsal or the demonstration did not end as it should.
    Outcome = 9,
}

/// The table of exit codes as `lightday --help` ends with it.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  internal error: a fault of this program
  2  usage: the command line makes no sense
  3  input: a file is missing, damaged, of another format, or not the one that is meant
  4  trust: a signature or a key does not hold
  5  refused: the mission's policy or the vehicle's profile forbids it
  6  plan: no plan meets the demand
  7  ledger: locked, read-only, newer, damaged or tampered with, or another command came between
  8  file system: cannot read or write; a file of that name exists and is never overwritten
  9  outcome: a rehearsal or the demonstration did not end as it should

Results go to standard output, messages to standard error.
Environment: LIGHTDAY_MISSION (mission directory), NO_COLOR.";

/// What is wrong, where, and what to do next.
#[derive(Debug)]
pub struct Error {
    /// Whose fault, and the exit code.
    pub kind: Kind,
    what: String,
    file: Option<PathBuf>,
    line: Option<usize>,
    field: Option<String>,
    hint: Option<String>,
}

/// The result of everything that can fail here.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of a kind, with nothing but words.
    pub fn new(kind: Kind, what: impl fmt::Display) -> Self {
        Self {
            kind,
            what: what.to_string(),
            file: None,
            line: None,
            field: None,
            hint: None,
        }
    }

    /// A bad input file.
    pub fn input(file: &Path, what: impl fmt::Display) -> Self {
        Self::new(Kind::Input, what).file(file)
    }

    /// The file system failed on `file`.
    pub fn io(file: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as E;
        let hint = match error.kind() {
            E::NotFound => "check the path",
            E::PermissionDenied => "check who owns the file and its permissions",
            E::StorageFull => "make room on the disk, then repeat the command: nothing was written",
            E::AlreadyExists => "choose another name, or move the old file away",
            E::IsADirectory | E::NotADirectory => "check the path: a file is wanted here",
            _ => "check the disk, then repeat the command",
        };
        let kind = match error.kind() {
            E::NotFound | E::IsADirectory | E::NotADirectory => Kind::Input,
            _ => Kind::Io,
        };
        Self::new(kind, error).file(file).hint(hint)
    }

    /// `file` could not be written, whatever the reason: no input is at fault.
    pub fn write(file: &Path, error: &std::io::Error) -> Self {
        let mut failed = Self::io(file, error);
        failed.kind = Kind::Io;
        if error.kind() == std::io::ErrorKind::NotFound {
            failed = failed.hint("make the directory first, or name another one");
        }
        failed
    }

    /// In which file.
    #[must_use]
    pub fn file(mut self, file: &Path) -> Self {
        self.file.get_or_insert_with(|| file.to_path_buf());
        self
    }

    /// In this file rather than in the one that it named.
    #[must_use]
    pub fn at(mut self, file: &Path) -> Self {
        self.file = Some(file.to_path_buf());
        self
    }

    /// In which line, counted from 1.
    #[must_use]
    pub fn line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// In which field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}", file.display())?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
            }
            f.write_str(": ")?;
        }
        if let Some(field) = &self.field {
            write!(f, "field `{field}`: ")?;
        }
        f.write_str(self.what.trim_end())?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_file_line_field_and_the_next_step() {
        let error = Error::input(Path::new("mission.toml"), "not a duration")
            .line(12)
            .field("trial.lease")
            .hint("write 7d or 44h");
        assert_eq!(
            error.to_string(),
            "mission.toml:12: field `trial.lease`: not a duration\n  hint: write 7d or 44h"
        );
    }

    #[test]
    fn the_table_lists_every_exit_code() {
        for kind in [
            Kind::Internal,
            Kind::Usage,
            Kind::Input,
            Kind::Trust,
            Kind::Refused,
            Kind::Plan,
            Kind::Ledger,
            Kind::Io,
            Kind::Outcome,
        ] {
            assert!(
                EXIT_CODES.contains(&format!("\n  {}  ", kind as u8)),
                "{kind:?}"
            );
        }
    }
}
