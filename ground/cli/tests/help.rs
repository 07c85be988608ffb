//! Every verb explains itself, and the command line behaves in a pipe.

mod common;

use std::fs;
use std::process::{Command, Stdio};

use common::{Dir, Mission, run};

const VERBS: [&str; 29] = [
    "new",
    "keygen",
    "build",
    "import",
    "sign",
    "authorize",
    "command",
    "delta",
    "delta make",
    "delta apply",
    "delta inspect",
    "delta explain",
    "inspect",
    "verify",
    "plan",
    "uplink",
    "link",
    "ingest",
    "status",
    "dump",
    "rehearse",
    "demo",
    "crash-test",
    "study",
    "study delivery",
    "ledger",
    "ledger verify",
    "completions",
    "man",
];

#[test]
fn every_verb_has_an_example() {
    let dir = Dir::new("help");
    let all = run(&dir.0, "--help");
    assert_eq!(all.code, 0);
    for code in 0..=9 {
        assert!(
            all.out.contains(&format!("\n  {code}  ")),
            "exit code {code}"
        );
    }
    for verb in VERBS {
        let help = run(&dir.0, &format!("{verb} --help"));
        assert_eq!(help.code, 0, "{verb}");
        assert!(help.out.contains("Example"), "{verb}");
        assert!(help.out.contains(&format!("lightday {verb}")), "{verb}");
        let first = verb.split(' ').next().unwrap();
        assert!(
            all.out.contains(&format!("\n  {first} ")),
            "{verb} is not in the list"
        );
    }
    // And the list above is complete.
    let listed = all
        .out
        .lines()
        .skip_while(|l| *l != "Commands:")
        .skip(1)
        .take_while(|l| !l.is_empty());
    for line in listed.filter(|l| !l.starts_with("   ")) {
        let verb = line.split_whitespace().next().unwrap();
        assert!(
            verb == "help" || VERBS.contains(&verb),
            "{verb} is missing in this test"
        );
    }
}

#[test]
fn help_fits_the_terminal_and_breaks_lines_only_there() {
    let dir = Dir::new("help-width");
    for verb in VERBS {
        for width in [80, 100] {
            let output = Command::new(env!("CARGO_BIN_EXE_lightday"))
                .args(verb.split(' ').chain(["--help"]))
                .env("COLUMNS", width.to_string())
                .current_dir(&dir.0)
                .output()
                .unwrap();
            let help = String::from_utf8(output.stdout).unwrap();
            for line in help.lines() {
                assert!(line.chars().count() <= width, "{verb}, {width}: {line}");
            }
            // What the verb does, in paragraphs: a line ends where its next word has no room.
            let about: Vec<&str> = help
                .lines()
                .take_while(|l| !l.starts_with("Usage:"))
                .collect();
            for pair in about.windows(2) {
                let prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
                if prose(pair[0]) && prose(pair[1]) {
                    let next = pair[1].split(' ').next().unwrap().chars().count();
                    let had_room = pair[0].chars().count() + 1 + next <= width;
                    assert!(!had_room, "{verb}, {width}: {pair:?}");
                }
            }
        }
    }
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    let dir = Dir::new("usage");
    for line in [
        "",
        "fly",
        "build",
        "build x.bin --version 1.2",
        "sign x",
        "--at yesterday status",
        "keygen pilot eve",
    ] {
        let ran = run(&dir.0, line);
        assert_eq!(ran.code, 2, "{line}: {}", ran.err);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{line}");
    }
}

#[test]
fn completions_are_written_for_every_shell() {
    let dir = Dir::new("completions");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = run(&dir.0, &format!("completions {shell}"));
        assert!(ran.code == 0 && ran.out.contains("lightday"), "{shell}");
    }
}

#[test]
fn every_verb_has_a_manual_page_and_none_is_replaced_unasked() {
    let dir = Dir::new("man");
    let names = |dir: &std::path::Path| -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    let planned = run(&dir.0, "man share/man1 --dry-run");
    assert!(planned.code == 0 && names(&dir.0).is_empty());
    let written = run(&dir.0, "man share/man1");
    assert_eq!((written.code, &written.out), (0, &planned.out));
    let man1 = dir.0.join("share/man1");
    // Neither a file aside nor a page of clap's own `help` is left.
    assert!(
        names(&man1)
            .iter()
            .all(|n| n.ends_with(".1") && !n.contains("help"))
    );
    for verb in VERBS {
        let name = format!("lightday-{}.1", verb.replace(' ', "-"));
        let page = fs::read_to_string(man1.join(&name)).unwrap();
        assert!(page.contains(".TH") && page.contains("Example"), "{name}");
    }
    let first = fs::read_to_string(man1.join("lightday.1")).unwrap();
    assert!(first.contains("lightday\\-uplink(1)"), "{first}");
    fs::write(man1.join("lightday.1"), "mine").unwrap();
    let again = run(&dir.0, "man share/man1");
    assert!(
        again.code == 8 && again.err.contains("lightday.1"),
        "{}",
        again.err
    );
    assert_eq!(fs::read(man1.join("lightday.1")).unwrap(), b"mine");
    assert_eq!(run(&dir.0, "man share/man1 --replace").code, 0);
    assert_eq!(fs::read_to_string(man1.join("lightday.1")).unwrap(), first);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mission = Mission::with_bundle("pipe");
    for line in [
        "inspect bundles/1.ldb",
        "ledger log --json",
        "completions bash",
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lightday"))
            .args(line.split(' '))
            .current_dir(mission.root())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}");
        assert!(
            output.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
