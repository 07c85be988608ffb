//! A ledger that cannot be written, and clocks that jump: a clear error, and nothing half-written.

mod common;

use std::fs;
use std::process::Command;

use common::{Mission, START, report};

/// Everything that a verb may have changed: the decisions, and the names of the files.
fn state(mission: &Mission) -> (String, Vec<std::path::PathBuf>) {
    let aside = |p: &std::path::PathBuf| !p.to_string_lossy().contains("ledger.sqlite-");
    let files = mission.files().into_iter().filter(aside).collect();
    (mission.ok("ledger log --json").out, files)
}

#[test]
fn a_ledger_that_another_program_holds_changes_nothing() {
    let mission = Mission::with_bundle("ledger-locked");
    fs::write(mission.path("1.bin"), report(&mission, 1, |_| ())).unwrap();
    let before = state(&mission);
    let other = rusqlite::Connection::open(mission.path("ledger.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for line in ["command report-request", "ingest 1.bin"] {
        let error = mission.fails(line, 7, "ledger.sqlite");
        assert!(error.contains("hint:"), "{error}");
    }
    // Whoever only reads is not held up.
    mission.ok("status");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(state(&mission), before);
    mission.ok("ingest 1.bin");
}

#[test]
fn a_ledger_of_a_newer_release_is_left_alone() {
    let mission = Mission::with_bundle("ledger-newer");
    let before = fs::read(mission.path("ledger.sqlite")).unwrap();
    let other = rusqlite::Connection::open(mission.path("ledger.sqlite")).unwrap();
    other.pragma_update(None, "user_version", 99).unwrap();
    drop(other);
    for line in ["status", "command report-request", "ledger verify"] {
        mission.fails(line, 7, "newer lightday");
    }
    fs::write(mission.path("ledger.sqlite"), before).unwrap();
    mission.ok("ledger verify");
}

/// Runs a verb that cannot make any file longer than so many blocks of 512 B.
#[cfg(unix)]
fn cramped(mission: &Mission, blocks: usize, line: &str) -> (i32, String) {
    let script = format!(
        "trap '' XFSZ; ulimit -f {blocks}; exec {} {line}",
        env!("CARGO_BIN_EXE_lightday")
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(mission.root())
        .env("USER", "ada")
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap_or(-1), err)
}

#[cfg(unix)]
#[test]
fn a_disk_without_room_leaves_nothing_half_written() {
    let mission = Mission::with_bundle("ledger-full");
    fs::write(mission.path("1.bin"), report(&mission, 1, |_| ())).unwrap();
    let lines = [
        "build new.bin --version 1.2.0 --full".to_owned(),
        "command report-request".to_owned(),
        "ingest 1.bin".to_owned(),
        format!("uplink bundles/1.ldb --afresh --at {START}"),
    ];
    for line in lines {
        let mut before = state(&mission);
        let ledger = fs::metadata(mission.path("ledger.sqlite")).unwrap().len() as usize / 512;
        let mut failures = 0;
        for blocks in [0, 1, 8, 24, ledger / 2, ledger.saturating_sub(8), ledger] {
            let (code, err) = cramped(&mission, blocks, &line);
            if code == 0 {
                // It fitted into pages that were free: that is where the next one begins.
                before = state(&mission);
                continue;
            }
            assert!(
                matches!(code, 7 | 8),
                "{line} in {blocks} blocks: {code} {err}"
            );
            assert!(
                err.contains("hint:") && !err.contains("panicked"),
                "{line}: {err}"
            );
            assert_eq!(state(&mission), before, "{line} in {blocks} blocks");
            failures += 1;
        }
        assert!(failures > 0, "{line} was never short of room");
        mission.ok("ledger verify");
        mission.run(&line);
    }
}

#[test]
fn a_clock_before_the_last_decision_is_doubted() {
    let mission = Mission::with_bundle("clock-back");
    mission.ok("command report-request --at 2036-11-30T00:00:00Z");
    let now = mission.run("plan bundles/1.ldb");
    assert!(
        now.err
            .contains("before the last decision of the ledger (2036-11-30T00:00:00Z)"),
        "{}",
        now.err
    );
    assert!(now.err.contains("--at"), "{}", now.err);
    // Whoever names the instant means it.
    let named = mission.ok(&format!("plan bundles/1.ldb --at {START}"));
    assert!(!named.err.contains("last decision"), "{}", named.err);
}

#[test]
fn no_verb_builds_on_a_ledger_that_was_changed_without_a_decision() {
    let mission = Mission::with_bundle("ledger-laundered");
    mission.ok("command report-request");
    fs::write(mission.path("1.bin"), report(&mission, 1, |_| ())).unwrap();
    let whole = fs::read(mission.path("ledger.sqlite")).unwrap();
    // Past the triggers, which are put back: a number that would be given out again, a signature that is gone, the
    // last decision itself, and a chain that is cut short.
    for (trigger, sql) in [
        ("numbers_rise", "UPDATE numbers SET next = 1 WHERE kind = 3"),
        ("signatures_last", "DELETE FROM signatures"),
        (
            "decisions_stay",
            "UPDATE decisions SET who = 'eve' WHERE seq = (SELECT seq FROM head)",
        ),
        (
            "decisions_last",
            "DELETE FROM decisions WHERE seq = (SELECT seq FROM head)",
        ),
    ] {
        fs::write(mission.path("ledger.sqlite"), &whole).unwrap();
        let other = rusqlite::Connection::open(mission.path("ledger.sqlite")).unwrap();
        let made = "SELECT sql FROM sqlite_schema WHERE name = ?1";
        let made: String = other.query_row(made, [trigger], |r| r.get(0)).unwrap();
        other
            .execute_batch(&format!("DROP TRIGGER {trigger}; {sql}; {made};"))
            .unwrap();
        drop(other);
        let files = state(&mission);
        for line in [
            "command hold",
            "ingest 1.bin",
            "keygen successor",
            "build old.bin --version 1.2.0 --full",
        ] {
            let said = mission.fails(line, 7, "ledger.sqlite");
            assert!(said.contains("restore ledger.sqlite"), "{said}");
        }
        mission.fails("ledger verify", 7, "ledger.sqlite");
        assert_eq!(state(&mission), files, "{trigger}");
    }
    // A backup is whole in itself.
    fs::write(mission.path("ledger.sqlite"), &whole).unwrap();
    mission.ok("ledger verify");
    mission.ok("ingest 1.bin");
}
