//! The house rules that a machine can keep, each as a plain function from text to violations.
//!
//! | module | rule |
//! |---|---|
//! | [`size`] | no file above 600 lines, no function above 80 |
//! | [`banned`] | nothing left to do, no debug prints, no ignored tests |
//! | [`floors`] | imports point down only; what every crate must declare |
//! | [`links`] | links resolve, and every page of `docs/` is reached from `README.md` |
//! | [`text`] | no trailing whitespace, no paths of one machine |
//!
//! The checkers never read the disk: [`Sources`] does, once. So each is shown able to fail by its own unit tests.

pub mod banned;
pub mod floors;
pub mod links;
pub mod size;
pub mod text;

mod sources;
mod tokens;

use std::fmt;

pub use sources::{Source, Sources, SourcesError};

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Path in the repository.
    pub path: String,
    /// Line, counted from 1; 0 where the whole file is meant.
    pub line: usize,
    /// What is wrong, and what the rule says.
    pub what: String,
}

impl Violation {
    /// A violation at a line of a file.
    pub fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}
