//! Releases of the board's firmware that are frozen: what a vehicle of that release has in flash on the day of its
//! launch, and what the ground needs to command it. Kept in `onboard/firmware/releases/N/`:
//!
//! ```text
//! flash.zst      both dies, one behind the other: loader, provision, key sets, floors, golden, slot A
//! mission/       mission.toml and all keys, the secret ones too: they are good for this one vehicle of the bench
//! release.json   of which commit it is, how long its image is, and the SHA-256 of each file
//! ```
//! This module packs and opens them; [`crate::freeze`] says when one may be made, [`crate::qemu`] flies them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::run::{self, Failure};

/// Where the facts of a release stand.
const FACTS: &str = "release.json";
const FLASH: &str = "flash.zst";
const MISSION: &str = "mission";
/// The two dies.
const BANKS: [&str; 2] = ["bank0.bin", "bank1.bin"];
const DIE_LEN: usize = 32 << 20;
/// Where slot A begins (`onboard/firmware/board/src/map.rs`).
const SLOT_A: usize = 6 * (256 << 10);
/// Both dies lie in the window, so that an image that is there three times is kept once.
const WINDOW_LOG: u32 = 26;
/// The slowest level that needs no more memory than the window: it is frozen once.
const LEVEL: i32 = 19;

/// The directory of all frozen releases, from the repository's root.
pub const RELEASES: &str = "onboard/firmware/releases";

/// A frozen release.
#[derive(Debug)]
pub struct Frozen {
    /// Which one, counted from 1.
    pub number: u32,
    dir: PathBuf,
    facts: Value,
}

/// What is to be frozen.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a> {
    /// The commit that it was built from.
    pub commit: &'a str,
    /// The release's version, as in `Cargo.toml`.
    pub version: &'a str,
    /// The directory with the two flash files.
    pub board: &'a Path,
    /// The files of the mission that are kept, as paths within `mission`.
    pub files: &'a [String],
    /// The mission directory.
    pub mission: &'a Path,
    /// Bytes of the image in slot A and in golden.
    pub image_len: usize,
}

/// All frozen releases, the first one first.
///
/// # Errors
/// One cannot be read.
pub fn all() -> Result<Vec<Frozen>, Failure> {
    let dir = run::root().join(RELEASES);
    let Ok(entries) = fs::read_dir(&dir) else {
        return Ok(Vec::new());
    };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let mut numbers: Vec<u32> = names.filter_map(|name| name.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(Frozen::open).collect()
}

impl Frozen {
    fn open(number: u32) -> Result<Self, Failure> {
        let dir = run::root().join(RELEASES).join(number.to_string());
        let facts = serde_json::from_slice(&read(&dir.join(FACTS))?)
            .map_err(|error| format!("{FACTS} of frozen release {number}: {error}"))?;
        Ok(Self { number, dir, facts })
    }

    /// The version that it was, or is to be, released as.
    pub fn version(&self) -> &str {
        self.facts["version"].as_str().unwrap_or_default()
    }

    /// The commit that it was built from.
    pub fn commit(&self) -> &str {
        self.facts["commit"].as_str().unwrap_or_default()
    }

    /// The directory with its mission.toml and keys.
    pub fn mission(&self) -> PathBuf {
        self.dir.join(MISSION)
    }

    /// Holds every file against its SHA-256, none missing and none too many.
    ///
    /// # Errors
    /// One is not what was frozen.
    pub fn check(&self) -> Result<(), Failure> {
        let known = self.facts["sha256"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let mut found = Map::new();
        for name in files(&self.dir)?.into_iter().filter(|name| name != FACTS) {
            let digest = digest(&read(&self.dir.join(&name))?);
            found.insert(name, Value::from(digest));
        }
        match found == known {
            true => Ok(()),
            false => Err(Failure(format!(
                "frozen release {} is not what was frozen: {FACTS} says {known:#?}, it is {found:#?}",
                self.number
            ))),
        }
    }

    /// Writes its two flash files into a directory, and the bytes of its image as `first.bin`; gives the path of that.
    ///
    /// # Errors
    /// The flash does not unpack.
    pub fn unpack(&self, to: &Path) -> Result<PathBuf, Failure> {
        let failed = |error: std::io::Error| Failure(format!("{FLASH}: {error}"));
        fs::create_dir_all(to).map_err(failed)?;
        let packed = read(&self.dir.join(FLASH))?;
        let mut decoder = zstd::Decoder::new(packed.as_slice()).map_err(failed)?;
        decoder.window_log_max(WINDOW_LOG).map_err(failed)?;
        let mut flash = Vec::with_capacity(2 * DIE_LEN);
        decoder.read_to_end(&mut flash).map_err(failed)?;
        if flash.len() != 2 * DIE_LEN {
            return Err(Failure(format!("{FLASH} holds {} B", flash.len())));
        }
        for (name, die) in BANKS.iter().zip(flash.chunks(DIE_LEN)) {
            fs::write(to.join(name), die).map_err(failed)?;
        }
        let len = self.facts["image_bytes"].as_u64();
        let len = len.and_then(|len| usize::try_from(len).ok());
        let image = len.and_then(|len| flash.get(SLOT_A..SLOT_A + len));
        let image = image.ok_or_else(|| format!("{FACTS}: image_bytes is {len:?}"))?;
        let path = to.join("first.bin");
        fs::write(&path, image).map_err(failed)?;
        Ok(path)
    }
}

/// Freezes a release under a number; what was frozen under it before is replaced.
///
/// # Errors
/// A file cannot be read or written.
pub fn freeze(number: u32, made: Made<'_>) -> Result<Frozen, Failure> {
    let dir = run::root().join(RELEASES).join(number.to_string());
    let failed = |error: std::io::Error| Failure(format!("{}: {error}", dir.display()));
    if dir.exists() {
        fs::remove_dir_all(&dir).map_err(failed)?;
    }
    fs::create_dir_all(dir.join(MISSION)).map_err(failed)?;
    let [first, second] = BANKS.map(|name| read(&made.board.join(name)));
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL).map_err(failed)?;
    encoder.window_log(WINDOW_LOG).map_err(failed)?;
    encoder.long_distance_matching(true).map_err(failed)?;
    encoder.write_all(&first?).map_err(failed)?;
    encoder.write_all(&second?).map_err(failed)?;
    let packed = encoder.finish().map_err(failed)?;
    fs::write(dir.join(FLASH), packed).map_err(failed)?;
    for name in made.files {
        let to = dir.join(MISSION).join(name);
        let parent = to.parent().unwrap_or(&dir);
        fs::create_dir_all(parent).map_err(failed)?;
        fs::write(&to, read(&made.mission.join(name))?).map_err(failed)?;
    }
    let mut digests = Map::new();
    for name in files(&dir)? {
        let digest = digest(&read(&dir.join(&name))?);
        digests.insert(name, Value::from(digest));
    }
    let facts = json!({
        "version": made.version,
        "commit": made.commit,
        "image_bytes": made.image_len,
        "sha256": digests,
    });
    let text = format!("{facts:#}\n");
    fs::write(dir.join(FACTS), text).map_err(failed)?;
    Frozen::open(number)
}

/// All files below a directory, as paths within it, sorted.
fn files(dir: &Path) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    let mut ahead = vec![PathBuf::new()];
    while let Some(at) = ahead.pop() {
        let here = dir.join(&at);
        let entries =
            fs::read_dir(&here).map_err(|error| format!("{}: {error}", here.display()))?;
        for entry in entries.flatten() {
            let name = at.join(entry.file_name());
            if entry.path().is_dir() {
                ahead.push(name);
            } else {
                found.push(name.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure(format!("{}: {error}", path.display())))
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frozen_release_is_what_was_frozen() {
        let releases = all().unwrap();
        assert!(!releases.is_empty(), "the first release is frozen");
        for (place, release) in (1..).zip(&releases) {
            assert_eq!(release.number, place, "they are counted from 1");
            release.check().unwrap();
        }
    }

    #[test]
    fn the_digest_is_that_of_sha256sum() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(&[]), empty);
    }
}
