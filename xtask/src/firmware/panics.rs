//! Where the linked firmware can panic. No place is in our own crates; those of dependencies are listed.
//!
//! Loader and flight application are linked once more, with a panic handler that names the place: then the name of the
//! source file of every place that the linker kept stands in the binary. The firmware that flies names none.

use std::collections::BTreeSet;
use std::fs;

use crate::run::{self, Failure};

use super::{Bare, TARGET, build_dir, elf};

/// Builds, looks, and prints the places of dependencies; gives their number.
///
/// # Errors
/// It does not build, or one of our crates can panic.
pub fn check() -> Result<String, Failure> {
    let bare = Bare::find()?;
    let mut all = BTreeSet::new();
    for name in ["loader", "flight"] {
        let mut command = bare.build();
        command.arg("-p").arg(format!("lightday-firmware-{name}"));
        command.args(["--features", "tell-panics"]);
        run::check(command)?;
        let path = build_dir().join(TARGET).join("release").join(name);
        let bytes =
            fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let parts =
            elf::loaded(&bytes).ok_or_else(|| format!("{} is no ELF file", path.display()))?;
        let files: BTreeSet<String> = parts.into_iter().flat_map(sources).collect();
        println!("    files of {name} that can panic, none of them ours:");
        for file in &files {
            let Some(theirs) = foreign(file) else {
                return Err(Failure(format!(
                    "{name} can panic in {file}: take the place out, or prove to the compiler that it is never reached"
                )));
            };
            println!("      {theirs}");
            all.insert(theirs.to_owned());
        }
    }
    match all.is_empty() {
        // The panic handler's own text would be gone, too: this finds nothing any more.
        true => Err(Failure(
            "no file can panic, not even one of `core`: the names are not in the binary".to_owned(),
        )),
        false => Ok(format!(
            "no panic of ours, {} files of dependencies have one",
            all.len()
        )),
    }
}

/// Names of Rust files in a binary.
fn sources(bytes: &[u8]) -> Vec<String> {
    let is_path = |b: u8| b.is_ascii_alphanumeric() || b"/._-+\\:".contains(&b);
    let mut found = Vec::new();
    for (end, _) in bytes.windows(3).enumerate().filter(|(_, w)| *w == b".rs") {
        let before = bytes.get(..end).unwrap_or_default();
        let len = before.iter().rev().take_while(|b| is_path(**b)).count();
        // Strings stand one behind the other: a second file begins where the first one ended.
        let text = String::from_utf8_lossy(&before[before.len() - len..]).into_owned();
        let name = text.rsplit(".rs").next().unwrap_or_default();
        if name.contains("src") {
            found.push(format!("{name}.rs"));
        }
    }
    found
}

/// The file as others know it, if it is not one of ours: `core/...`, or package, version and path.
fn foreign(path: &str) -> Option<&str> {
    if let Some((_, file)) = path.split_once("/library/") {
        return Some(file);
    }
    let (_, behind) = path.split_once("/registry/src/")?;
    behind.split_once('/').map(|(_, file)| file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_and_ours_are_told_from_others() {
        let bytes = b"\0\x01/a/registry/src/index-1/sha2-0.1/src/x.rs/rustc/abc/library/core/src/y.rsboard/src/map.rs\0";
        let files = sources(bytes);
        assert_eq!(files.len(), 3);
        assert_eq!(foreign(&files[0]), Some("sha2-0.1/src/x.rs"));
        assert_eq!(foreign(&files[1]), Some("core/src/y.rs"));
        assert_eq!(files[2], "board/src/map.rs");
        assert_eq!(foreign(&files[2]), None);
        assert_eq!(foreign("../../protocol/wire/src/frame.rs"), None);
    }
}
