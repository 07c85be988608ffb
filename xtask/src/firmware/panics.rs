//! Where the linked firmware can panic. No place is in our own crates; those of dependencies are argued in
//! `docs/FIRMWARE.md`, place by place, and this holds the page against the binaries.
//!
//! Loader and flight application are linked once more, with a panic handler that names the place: then every place that
//! the linker kept stands in the binary, as the name of a source file and a line. The firmware that flies names none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::run::{self, Failure};

use super::{Bare, TARGET, build_dir, elf};

/// The page, and the section of it that argues.
const PAGE: &str = "docs/FIRMWARE.md";
const SECTION: &str = "## No panic of ours";
/// What stands for the lines of a file that is named by no place.
const NO_LINE: &str = "-";

/// Source files, with the lines at which they can panic.
type Places = BTreeMap<String, BTreeSet<u32>>;

/// Builds, looks, prints the places of dependencies, and holds them against the page; gives their number.
///
/// # Errors
/// It does not build, one of our crates can panic, or the page argues other places than there are.
pub fn check() -> Result<String, Failure> {
    let bare = Bare::find()?;
    let mut all = Places::new();
    for name in ["loader", "flight"] {
        let found = link(&bare, name)?;
        println!("    places of {name} that can panic, none of them ours:");
        for (file, lines) in found {
            println!("      {file} {}", listed(&lines));
            all.entry(file).or_default().extend(lines);
        }
    }
    let page = fs::read_to_string(run::root().join(PAGE))
        .map_err(|error| format!("cannot read {PAGE}: {error}"))?;
    let argued = argued(&page);
    let differences = match bare.is_pinned() {
        true => differences(&all, &argued),
        false => unargued_files(&all, &argued),
    };
    if !differences.is_empty() {
        return Err(Failure(format!(
            "{PAGE}, \"No panic of ours\":\n  {}",
            differences.join("\n  ")
        )));
    }
    let places: usize = all.values().map(BTreeSet::len).sum();
    let held = match bare.is_pinned() {
        true => "each argued",
        false => "their files argued (their lines are those of the pinned compiler alone)",
    };
    Ok(format!(
        "no panic of ours, {places} places in {} files of dependencies, {held}",
        all.len()
    ))
}

/// Links a program that names its places, and finds them.
fn link(bare: &Bare, name: &str) -> Result<Places, Failure> {
    let mut command = bare.build();
    command.arg("-p").arg(format!("lightday-firmware-{name}"));
    command.args(["--features", "tell-panics"]);
    run::check(command)?;
    let path = build_dir().join(TARGET).join("release").join(name);
    let bytes =
        fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let parts = elf::loaded(&bytes).ok_or_else(|| format!("{} is no ELF file", path.display()))?;
    let mut found = Places::new();
    for (path, lines) in places(&parts) {
        let Some(file) = foreign(&path) else {
            return Err(Failure(format!(
                "{name} can panic in {path} {}: take the place out, or prove to the compiler that it is never reached",
                listed(&lines)
            )));
        };
        found.entry(file).or_default().extend(lines);
    }
    // The panic handler's own text would be gone, too: this finds nothing any more.
    if found.values().all(BTreeSet::is_empty) {
        return Err(Failure(format!(
            "no place of {name} can panic, not even one of `core`: they are not in the binary as they should be"
        )));
    }
    Ok(found)
}

/// Every Rust file that is named in a program, with the lines of its places: a place is address and length of the
/// file's name, a line, and a column, of a word each.
fn places(parts: &[(u32, &[u8])]) -> Places {
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |n, b| n << 8 | u32::from(*b));
    let words = parts
        .iter()
        .map(|(_, part)| part.chunks_exact(4).map(word).collect::<Vec<u32>>());
    let words: Vec<Vec<u32>> = words.collect();
    let mut found = Places::new();
    for (start, bytes) in parts {
        for (end, name) in names(bytes) {
            let end = start.wrapping_add(u32::try_from(end).unwrap_or(u32::MAX));
            // What stands before the name may look like a part of it.
            let longest = u32::try_from(name.len()).unwrap_or(0);
            let is_place =
                |w: &&[u32]| w[0].wrapping_add(w[1]) == end && (4..=longest).contains(&w[1]);
            let places = words.iter().flat_map(|words| words.windows(4));
            let lines = places.filter(is_place).map(|place| place[2]);
            found.entry(name).or_default().extend(lines);
        }
    }
    found
}

/// Names of Rust files in a binary, and where each ends.
fn names(bytes: &[u8]) -> Vec<(usize, String)> {
    let is_path = |b: u8| b.is_ascii_alphanumeric() || b"/._-+\\:".contains(&b);
    let mut found = Vec::new();
    for (end, _) in bytes.windows(3).enumerate().filter(|(_, w)| *w == b".rs") {
        let before = bytes.get(..end).unwrap_or_default();
        let len = before.iter().rev().take_while(|b| is_path(**b)).count();
        // Strings stand one behind the other: a second file begins where the first one ended.
        let text = String::from_utf8_lossy(&before[before.len() - len..]).into_owned();
        let name = text.rsplit(".rs").next().unwrap_or_default();
        if name.contains("src") {
            found.push((end + 3, format!("{name}.rs")));
        }
    }
    found
}

/// The file as others know it, if it is not one of ours: `core/src/...`, or package and path, without a version.
fn foreign(path: &str) -> Option<String> {
    if let Some((_, file)) = path.split_once("/library/") {
        return Some(file.to_owned());
    }
    let (_, behind) = path.split_once("/registry/src/")?;
    let (_, file) = behind.split_once('/')?;
    let (package, file) = file.split_once('/')?;
    let is_version = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    let end = package
        .match_indices('-')
        .find(|(at, _)| is_version(&package[at + 1..]))
        .map_or(package.len(), |(at, _)| at);
    Some(format!("{}/{file}", &package[..end]))
}

/// What the page argues: the rows of its section begin with a file in backticks and its lines.
fn argued(page: &str) -> Places {
    let section = page.split_once(SECTION).map_or("", |(_, behind)| behind);
    let section = section
        .split_once("\n## ")
        .map_or(section, |(before, _)| before);
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let file = cells.next()?.strip_suffix('`')?.to_owned();
        let lines = cells.next()?;
        let lines = lines.split(", ").filter(|line| *line != NO_LINE);
        Some((file, lines.map(str::parse).collect::<Result<_, _>>().ok()?))
    };
    section.lines().filter_map(row).collect()
}

/// What the page does not argue, and what it argues that is no more, each with what to do.
fn differences(all: &Places, argued: &Places) -> Vec<String> {
    let behind = |one: &Places, other: &Places| -> Vec<String> {
        let without = |(file, lines): (&String, &BTreeSet<u32>)| {
            let known = other.get(file);
            let is_new = |line: &&u32| known.is_none_or(|known| !known.contains(line));
            let lines: BTreeSet<u32> = lines.iter().filter(is_new).copied().collect();
            (!lines.is_empty() || known.is_none()).then(|| format!("{file} {}", listed(&lines)))
        };
        one.iter().filter_map(without).collect()
    };
    let new = behind(all, argued).into_iter().map(|place| {
        format!("not argued: {place}; read it, and add its line with the reason why it is not reached, or take it out")
    });
    let gone = behind(argued, all)
        .into_iter()
        .map(|place| format!("argued, and no more in the binaries: {place}; take its line out"));
    new.chain(gone).collect()
}

/// Files that the page does not name: another compiler has other lines, and may need fewer places.
fn unargued_files(all: &Places, argued: &Places) -> Vec<String> {
    let new = all.keys().filter(|file| !argued.contains_key(*file));
    new.map(|file| {
        format!("not argued: {file}; its places were not there with the pinned compiler")
    })
    .collect()
}

fn listed(lines: &BTreeSet<u32>) -> String {
    if lines.is_empty() {
        return NO_LINE.to_owned();
    }
    let lines: Vec<String> = lines.iter().map(u32::to_string).collect();
    lines.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_and_ours_are_told_from_others() {
        let bytes = b"\0\x01/a/registry/src/index-1/sha2-0.1/src/x.rs/rustc/abc/library/core/src/y.rsboard/src/map.rs\0";
        let files: Vec<String> = names(bytes).into_iter().map(|(_, name)| name).collect();
        assert_eq!(files.len(), 3);
        assert_eq!(foreign(&files[0]).as_deref(), Some("sha2/src/x.rs"));
        assert_eq!(foreign(&files[1]).as_deref(), Some("core/src/y.rs"));
        assert_eq!(files[2], "board/src/map.rs");
        assert_eq!(foreign(&files[2]), None);
        assert_eq!(foreign("../../protocol/wire/src/frame.rs"), None);
        let hyphens = "/a/registry/src/index-1/curve25519-dalek-5.0.0-pre.1/src/window.rs";
        assert_eq!(
            foreign(hyphens).as_deref(),
            Some("curve25519-dalek/src/window.rs")
        );
    }

    #[test]
    fn places_are_read_from_the_words_that_name_their_file() {
        let name = b"/library/core/src/y.rs";
        // A word before the name reads as a part of it.
        let mut text = b"ab".to_vec();
        text.extend(name);
        let mut table = Vec::new();
        let words: [u32; 10] = [7, 102, 22, 41, 9, 102, 22, 77, 1, 102];
        table.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        let found = places(&[(100, &text), (900, &table)]);
        let lines = BTreeSet::from([41, 77]);
        assert_eq!(
            found,
            Places::from([("ab/library/core/src/y.rs".into(), lines)])
        );
    }

    fn of(places: &[(&str, &[u32])]) -> Places {
        let places = places.iter();
        places
            .map(|(file, lines)| ((*file).to_owned(), lines.iter().copied().collect()))
            .collect()
    }

    #[test]
    fn the_page_is_read_in_its_section_alone() {
        let page = "| `a/src/x.rs` | 1 | no |\n## No panic of ours\n\n| file | lines | why |\n|---|---|---|\n\
            | `b/src/y.rs` | 3, 17 | it is short |\n\n## More\n\n| `c/src/z.rs` | 1 | no |\n";
        assert_eq!(argued(page), of(&[("b/src/y.rs", &[3, 17])]));
    }

    #[test]
    fn a_new_place_and_one_that_is_gone_are_told_with_what_to_do() {
        let there = of(&[("a/src/x.rs", &[1, 2]), ("b/src/y.rs", &[3])]);
        assert_eq!(differences(&there, &there), Vec::<String>::new());
        let page = of(&[("a/src/x.rs", &[2, 9]), ("c/src/z.rs", &[4])]);
        let said = differences(&there, &page);
        let begin = [
            "not argued: a/src/x.rs 1;",
            "not argued: b/src/y.rs 3;",
            "argued, and no more in the binaries: a/src/x.rs 9;",
            "argued, and no more in the binaries: c/src/z.rs 4;",
        ];
        assert_eq!(said.len(), begin.len(), "{said:?}");
        for (said, begin) in said.iter().zip(begin) {
            assert!(said.starts_with(begin), "{said}");
        }
    }

    #[test]
    fn of_another_compiler_a_file_that_is_not_argued_fails_and_its_lines_do_not() {
        let page = of(&[("a/src/x.rs", &[1]), ("c/src/z.rs", &[4])]);
        let there = of(&[("a/src/x.rs", &[2])]);
        assert_eq!(unargued_files(&there, &page), Vec::<String>::new());
        let there = of(&[("a/src/x.rs", &[1]), ("b/src/y.rs", &[3])]);
        let said = unargued_files(&there, &page);
        assert!(said.len() == 1 && said[0].starts_with("not argued: b/src/y.rs;"));
    }
}
