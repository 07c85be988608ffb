//! The tracked files of the repository, read once.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One tracked text file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Path in the repository, with `/`.
    pub path: String,
    /// What it holds.
    pub text: String,
}

impl Source {
    /// A file made up for a test.
    pub fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }
}

/// Every tracked file: the text of those that are text, the path of all.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Files of valid UTF-8 without a NUL byte, sorted by path.
    pub texts: Vec<Source>,
    /// Paths of all tracked files, binary ones too.
    pub paths: BTreeSet<String>,
}

/// Why the repository could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum SourcesError {
    /// `git ls-files` could not be started or failed: what it said.
    Git(String),
    /// A tracked file could not be read.
    Read(PathBuf, io::Error),
}

impl fmt::Display for SourcesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Git(said) => write!(f, "the tidy test asks git for the tracked files: {said}"),
            Self::Read(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for SourcesError {}

impl Sources {
    /// Made up from texts, for a test.
    pub fn of(texts: Vec<Source>) -> Self {
        let paths = texts.iter().map(|source| source.path.clone()).collect();
        Self { texts, paths }
    }

    /// Reads every file that git tracks under `root`. A tracked file that is deleted in the working tree is left out.
    ///
    /// # Errors
    /// git is missing or refuses, or a file cannot be read.
    pub fn read(root: &Path) -> Result<Self, SourcesError> {
        let mut sources = Self::default();
        for path in tracked(root)? {
            let full = root.join(&path);
            if !full.is_file() {
                continue;
            }
            let bytes = fs::read(&full).map_err(|error| SourcesError::Read(full, error))?;
            sources.paths.insert(path.clone());
            if let Some(text) = String::from_utf8(bytes)
                .ok()
                .filter(|text| !text.contains('\0'))
            {
                sources.texts.push(Source { path, text });
            }
        }
        sources.texts.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(sources)
    }

    /// The Rust files.
    pub fn rust(&self) -> impl Iterator<Item = &Source> {
        self.texts
            .iter()
            .filter(|source| source.path.ends_with(".rs"))
    }

    /// The Markdown files.
    pub fn markdown(&self) -> impl Iterator<Item = &Source> {
        self.texts
            .iter()
            .filter(|source| source.path.ends_with(".md"))
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts
            .iter()
            .find(|source| source.path == path)
            .map(|source| source.text.as_str())
    }
}

fn tracked(root: &Path) -> Result<Vec<String>, SourcesError> {
    let output = Command::new("git")
        // A checkout that belongs to another user, as in a container, is read all the same.
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .current_dir(root)
        .output()
        .map_err(|error| SourcesError::Git(error.to_string()))?;
    if !output.status.success() {
        return Err(SourcesError::Git(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect())
}
