//! The pages that name tests are held against the tests: `docs/LESSONS.md`, `docs/THREATS.md`, `docs/OPERATIONS.md`. No line without
//! a test, and no test of theirs without a line. The costs of `docs/THREATS.md` are computed here, too.

use std::collections::BTreeSet;
use std::path::Path;

use lightday_tests::tidy::Sources;

/// The tests of which every one is a lesson.
const LESSONS: [&str; 4] = [
    "tests/tests/lessons/boot.rs",
    "tests/tests/lessons/torn.rs",
    "tests/tests/lessons/transfer.rs",
    "sim/tests/history.rs",
];

/// The tests of which every one is a threat. The page names many that stand elsewhere beside them.
const THREATS: [&str; 7] = [
    "tests/tests/threats/jamming.rs",
    "tests/tests/threats/keyless.rs",
    "tests/tests/threats/link_key.rs",
    "tests/tests/threats/restored.rs",
    "tests/tests/threats/signer.rs",
    "ground/cli/tests/restored.rs",
    "sim/tests/jamming.rs",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the tests of a source.
fn tests(source: &str) -> BTreeSet<String> {
    let name = |line: &str| {
        Some(
            line.trim()
                .strip_prefix("fn ")?
                .split_once('(')?
                .0
                .to_owned(),
        )
    };
    let lines: Vec<&str> = source.lines().collect();
    let tests = lines.windows(2).filter(|pair| pair[0].trim() == "#[test]");
    tests.filter_map(|pair| name(pair[1])).collect()
}

/// The names of the tests of these files.
fn tests_of(files: &[&str]) -> BTreeSet<String> {
    files.iter().flat_map(|file| tests(&read(file))).collect()
}

/// The names of all tests of the repository.
fn all_tests() -> BTreeSet<String> {
    let sources = Sources::read(root()).unwrap_or_else(|error| panic!("{error}"));
    sources
        .rust()
        .flat_map(|source| tests(&source.text))
        .collect()
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

/// What the page names, of which each has to be in `known`; each of `owed` has to be named.
#[track_caller]
fn held(path: &str, known: &BTreeSet<String>, owed: &BTreeSet<String>) -> Vec<String> {
    assert!(owed.len() > 20, "{owed:?}");
    let named = named(&read(path));
    let page: BTreeSet<String> = named.iter().cloned().collect();
    let untested: Vec<_> = page.difference(known).collect();
    assert!(untested.is_empty(), "{path}: no such test: {untested:?}");
    let untold: Vec<_> = owed.difference(&page).collect();
    assert!(untold.is_empty(), "no line in {path}: {untold:?}");
    named
}

#[test]
fn every_lesson_has_its_test_and_every_test_its_lesson() {
    let lessons = tests_of(&LESSONS);
    let named = held("docs/LESSONS.md", &lessons, &lessons);
    assert_eq!(named.len(), lessons.len(), "a test is named twice");
}

/// The names of the bugs that are put into a copy of the onboard code, in their order.
fn seeded() -> Vec<String> {
    let source = read("xtask/src/seeded/bugs.rs");
    let names = source.split("name: \"").skip(1);
    let names = names.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()));
    names.collect()
}

#[test]
fn every_bug_that_a_lesson_names_is_the_one_that_is_seeded() {
    let (page, seeded) = (read("docs/LESSONS.md"), seeded());
    assert!(seeded.len() >= 12, "{seeded:?}");
    let mut told = BTreeSet::new();
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
        match cells[..] {
            [number, name] if number.parse::<usize>().is_ok() => {
                let place = number.parse::<usize>().unwrap() - 1;
                assert_eq!(seeded.get(place).map(String::as_str), Some(name), "{row}");
                assert!(told.insert(number.to_owned()), "twice: {row}");
            }
            _ => {}
        }
    }
    let rows = page
        .lines()
        .filter(|l| l.starts_with("| ") && l.ends_with("` |"));
    let bugs = rows.map(|row| {
        row.trim_end_matches([' ', '|'])
            .rsplit(" | ")
            .nth(1)
            .unwrap()
    });
    let named: BTreeSet<String> = bugs
        .filter(|bugs| *bugs != "-")
        .flat_map(|bugs| bugs.split(", ").map(str::to_owned))
        .collect();
    assert!(named.len() > 5, "{named:?}");
    assert_eq!(named, told, "what stands in the rows, and what is told of");
}

#[test]
fn every_threat_has_its_tests_and_every_test_its_threat() {
    held("docs/THREATS.md", &all_tests(), &tests_of(&THREATS));
}

#[test]
fn every_section_of_the_handbook_names_a_test_that_is_there() {
    let (named, known) = (named(&read("docs/OPERATIONS.md")), all_tests());
    assert!(named.len() >= 10, "{named:?}");
    let unknown: Vec<_> = named.iter().filter(|name| !known.contains(*name)).collect();
    assert!(unknown.is_empty(), "no such test: {unknown:?}");
}

/// The rows of the tables with four columns: attack, defence, cost, tests.
fn threats(page: &str) -> Vec<Vec<String>> {
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let cells = rows.map(|row| {
        let cells = row.trim_matches(['|', ' ']).split(" | ");
        cells.map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    });
    cells.filter(|cells| cells.len() == 4).collect()
}

#[test]
fn every_threat_has_defence_cost_and_test() {
    let page = read("docs/THREATS.md");
    let rows = threats(&page);
    assert!(rows.len() > 40, "{}", rows.len());
    for row in &rows {
        assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        let says = |word: &str| row[2].contains(word);
        let words: Vec<&str> = row[2].split_whitespace().collect();
        // A number of hours, and not "as many h as it takes".
        let hours = words.windows(2).any(|pair| {
            let unit = pair[1].trim_end_matches([';', ',']);
            unit == "h" && pair[0].starts_with(|c: char| c.is_ascii_digit())
        });
        assert!(
            row[0] == "attack" || hours || says("nothing is sent") || says("no end"),
            "no cost in hours: {row:?}"
        );
    }
    for list in [&TUF[..], &UPTANE[..], &SUIT[..], &OURS[..]] {
        for attack in list {
            let is_there = rows.iter().any(|row| row[0].starts_with(attack));
            assert!(is_there, "no line for {attack}");
        }
    }
}

/// The Update Framework, "Attacks and weaknesses".
const TUF: [&str; 10] = [
    "arbitrary installation",
    "endless data",
    "extraneous dependencies",
    "fast-forward",
    "indefinite freeze",
    "malicious mirror",
    "mix-and-match",
    "rollback",
    "key compromise",
    "wrong software",
];

/// What Uptane adds.
const UPTANE: [&str; 7] = [
    "eavesdrop",
    "drop request",
    "slow retrieval",
    "partial bundle",
    "repository denial of service",
    "replay of version reports",
    "time fast-forward",
];

/// SUIT, RFC 9124, section 4.2.
const SUIT: [&str; 18] = [
    "IMG.EXPIRED ",
    "IMG.EXPIRED.OFFLINE",
    "IMG.INCOMPATIBLE",
    "IMG.FORMAT",
    "IMG.LOCATION",
    "IMG.REPLACE",
    "IMG.NON_AUTH",
    "IMG.DISCLOSURE",
    "IMG.EXTRA",
    "NET.REDIRECT",
    "NET.ONPATH",
    "UPD.WRONG_PRECURSOR",
    "UPD.UNAPPROVED",
    "MFST.OVERRIDE",
    "MFST.EXPOSURE",
    "MFST.MODIFICATION",
    "MFST.TOCTOU",
    "KEY.EXPOSURE",
];

/// Our own.
const OURS: [&str; 5] = [
    "pre-recorded uplink",
    "right content to the wrong address",
    "half-applied set",
    "an image that is deaf",
    "pollution of coded blocks",
];

/// Seconds of `bytes` at 100 bit/s.
fn seconds(bytes: f64) -> f64 {
    bytes * 8.0 / 100.0
}

/// The quantities of the page's first table, in hours, by the formulas that stand beside them there.
fn costs() -> Vec<(&'static str, f64)> {
    // Header and tag of 16 B around a symbol of 2 B at least, of 200 B in a new mission.
    let (least, usual) = (seconds(18.0) / 3600.0, seconds(216.0) / 3600.0);
    let lease_h = 7.0 * 24.0;
    vec![
        ("the shortest frame", least),
        ("a frame of a new mission", usual),
        ("a report", seconds(95.0) / 3600.0),
        ("a part of a dump", seconds(83.0) / 3600.0),
        ("a tag of 64 bit, on average", least * 2f64.powi(63)),
        ("a tag of 48 bit, on average", least * 2f64.powi(47)),
        ("a bundle of 100 kB", (100_000f64 / 200.0).ceil() * usual),
        ("a day's passes", 8.0),
        ("all that went up in ten years", 10.0 * 365.25 * 24.0),
        ("16 receptions of one frame each", 16.0 * usual),
        (
            "wearing a block out, were it not for the 16",
            100_000.0 * 3.0 * usual,
        ),
        ("a lease", lease_h),
        ("a trial that hears one command", 2.0 * lease_h),
        ("the command-loss timer", 3.0 * lease_h),
        ("the same in passes of 8 h a day", 3.0 * lease_h / 3.0),
    ]
}

fn shown(hours: f64) -> String {
    match hours {
        h if h >= 1e5 => format!("{h:.1e}"),
        h if h >= 10.0 => format!("{h:.0}"),
        h if h >= 0.1 => format!("{h:.2}"),
        h => format!("{h:.4}"),
    }
}

#[test]
fn the_costs_of_the_threats_are_what_their_formulas_come_to() {
    let page = read("docs/THREATS.md");
    let mut known = BTreeSet::from(["0".to_owned()]);
    for (what, hours) in costs() {
        let shown = shown(hours);
        let row = page.lines().find(|l| l.starts_with(&format!("| {what} |")));
        let row = row.unwrap_or_else(|| panic!("no row for {what}: {shown} h"));
        assert!(row.ends_with(&format!("| {shown} |")), "{row}: {shown}");
        known.insert(shown);
    }
    for row in threats(&page) {
        let words: Vec<&str> = row[2].split_whitespace().collect();
        let hours = words.windows(2).filter(|pair| pair[1].starts_with('h'));
        for pair in hours.filter(|pair| pair[0].starts_with(|c: char| c.is_ascii_digit())) {
            assert!(known.contains(pair[0]), "whence are {} h? {row:?}", pair[0]);
        }
    }
}
