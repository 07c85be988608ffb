//! `docs/LESSONS.md` and the tests name each other: no lesson without a test, no test without a line.

use std::collections::BTreeSet;
use std::path::Path;

const FILES: [&str; 4] = [
    "tests/tests/lessons/boot.rs",
    "tests/tests/lessons/torn.rs",
    "tests/tests/lessons/transfer.rs",
    "sim/tests/history.rs",
];

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the tests of a source.
fn tests(source: &str) -> BTreeSet<String> {
    let name = |line: &str| Some(line.strip_prefix("fn ")?.split_once("()")?.0.to_owned());
    let lines: Vec<&str> = source.lines().collect();
    let tests = lines.windows(2).filter(|pair| pair[0] == "#[test]");
    tests.filter_map(|pair| name(pair[1])).collect()
}

/// What stands in the last column of the page's tables, name by name.
fn named(page: &str) -> Vec<String> {
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'));
    let last = rows.filter_map(|row| row.trim_end_matches([' ', '|']).rsplit(" | ").next());
    last.flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_lesson_has_its_test_and_every_test_its_lesson() {
    let sources: BTreeSet<String> = FILES.iter().flat_map(|file| tests(&read(file))).collect();
    assert!(sources.len() > 20, "{sources:?}");
    let named = named(&read("docs/LESSONS.md"));
    let page: BTreeSet<String> = named.iter().cloned().collect();
    let untested: Vec<_> = page.difference(&sources).collect();
    assert!(untested.is_empty(), "no such test: {untested:?}");
    let untold: Vec<_> = sources.difference(&page).collect();
    assert!(untold.is_empty(), "no line in docs/LESSONS.md: {untold:?}");
    assert_eq!(named.len(), page.len(), "a test is named twice");
}
