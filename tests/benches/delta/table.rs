//! The pairs: `tests/peers/pairs.toml` read, and the images brought together.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Places, Result, tools};

/// A pair of images that are at hand.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Its name in the tables.
    pub name: String,
    /// It counts for the targets; else it is held out.
    pub issue: bool,
    /// What it is, and where it is from.
    pub source: String,
    /// Instruction set, as in the table.
    pub isa: String,
    /// Load address of both images, if a user knows it.
    pub base: Option<u64>,
    /// The old image.
    pub old: PathBuf,
    /// The new image.
    pub new: PathBuf,
    /// Length of the new image.
    pub bytes: u64,
}

/// The pairs at hand whose name contains `filter`, and a line for each that cannot be had.
///
/// # Errors
/// The table is broken or a fixture is missing.
pub fn gather(places: &Places, filter: &str) -> Result<(Vec<Pair>, Vec<String>)> {
    let text = std::fs::read_to_string(places.peers.join("pairs.toml"))?;
    let table: toml::Table = text.parse()?;
    let rows = table
        .get("pair")
        .and_then(toml::Value::as_array)
        .ok_or("pairs.toml has no pairs")?;
    let dir = places.work.join("pairs");
    std::fs::create_dir_all(&dir)?;
    let mut said = fetch(places, "fetch_microbit.py", &dir);
    said.extend(fetch(places, "fetch_pairs.py", &dir));
    let (mut pairs, mut skipped) = (Vec::new(), Vec::new());
    for row in rows {
        let pair = pair_of(row, places, &dir)?;
        if !pair.name.contains(filter) {
            continue;
        }
        if pair.old.is_file() && pair.new.is_file() {
            let bytes = std::fs::metadata(&pair.new)?.len();
            pairs.push(Pair { bytes, ..pair });
        } else {
            let why = said.iter().find(|line| line.starts_with(&pair.name));
            let why = why.map_or("not fetched", |line| {
                line[pair.name.len()..].trim_start_matches([':', ' '])
            });
            skipped.push(format!("{} ({}): {why}", pair.name, pair.source));
        }
    }
    Ok((pairs, skipped))
}

/// Runs a fetching script, which leaves out what it cannot get, and returns its complaints.
fn fetch(places: &Places, script: &str, dir: &Path) -> Vec<String> {
    eprintln!("fetching: tests/peers/{script}");
    let mut command = Command::new("python3");
    command.arg(places.peers.join(script)).arg(dir);
    match command.output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            eprint!("{said}");
            said.lines().map(str::to_owned).collect()
        }
        Err(error) => {
            let line = format!("cannot run python3: {error}");
            eprintln!("{line}");
            vec![line]
        }
    }
}

fn pair_of(row: &toml::Value, places: &Places, dir: &Path) -> Result<Pair> {
    let text = |key: &str| row.get(key).and_then(toml::Value::as_str);
    let name = text("name").ok_or("a pair has no name")?.to_owned();
    let stem: String = name
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' => c,
            _ => '_',
        })
        .collect();
    let side = |which: &str| -> Result<(PathBuf, String)> {
        let side = row
            .get(which)
            .ok_or_else(|| format!("{name} has no {which}"))?;
        let text = |key: &str| side.get(key).and_then(toml::Value::as_str);
        if let Some(file) = text("fixture") {
            return Ok((places.fixtures.join(file), String::new()));
        }
        if let Some(version) = text("microbit") {
            let file = format!("microbit-{version}.bin");
            return Ok((dir.join(file), format!("PyPI `uflash` {version}")));
        }
        let package = match (text("pypi"), text("npm")) {
            (Some(package), _) => format!("PyPI `{package}`"),
            (_, Some(package)) => format!("npm `{package}`"),
            _ => return Err(format!("{name}: {which} comes from nowhere").into()),
        };
        let version = text("version").unwrap_or_default();
        let file = format!("{stem}-{which}.bin");
        Ok((dir.join(file), format!("{package} {version}")))
    };
    let ((old, old_from), (new, new_from)) = (side("old")?, side("new")?);
    let to = new_from.rsplit(' ').next().unwrap_or_default();
    let what = text("what").map_or(String::new(), |what| format!("; {what}"));
    let source = match old_from.as_str() {
        "" => "fixture".to_owned(),
        from => format!("{from} to {to}{what}"),
    };
    Ok(Pair {
        issue: row.get("issue").and_then(toml::Value::as_bool) == Some(true),
        isa: text("isa")
            .ok_or_else(|| format!("{name} has no isa"))?
            .to_owned(),
        base: row
            .get("base")
            .and_then(toml::Value::as_integer)
            .map(i64::cast_unsigned),
        name,
        source,
        old,
        new,
        bytes: 0,
    })
}

/// A virtual environment with the peers' packages in it, made if it is not there.
///
/// # Errors
/// Says what to install.
pub fn venv(places: &Places) -> Result<PathBuf> {
    let dir = places.work.join("venv");
    let python = dir.join("bin/python");
    let wanted = std::fs::read_to_string(places.peers.join("requirements.txt"))?;
    let done = dir.join("installed.txt");
    if std::fs::read_to_string(&done).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    eprintln!("installing the peers of tests/peers/requirements.txt");
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(&dir);
    tools::run(&mut make)
        .map_err(|why| format!("{why}\ninstall with: sudo apt-get install python3-venv"))?;
    let mut install = Command::new(&python);
    install
        .args(["-m", "pip", "install", "-q", "-r"])
        .arg(places.peers.join("requirements.txt"));
    tools::run(&mut install)
        .map_err(|why| format!("{why}\nthe peers need pip, a package index and a C compiler"))?;
    std::fs::write(done, wanted)?;
    Ok(python)
}
