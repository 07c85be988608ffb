//! Past reports against a ledger that was restored from a backup, or lost: who owns the antenna can play them, and
//! moves no number and no state by that. docs/THREATS.md, "Freshness".

mod common;

use std::fs;

use common::{Mission, START, report};
use lightday_wire::ObjectNumber;
use serde_json::Value;

fn number(n: u32) -> ObjectNumber {
    ObjectNumber::new(n).unwrap()
}

/// Signs and sends command `n`.
fn send_command(mission: &Mission, n: u32) {
    mission.ok("command report-request");
    mission.ok(&format!(
        "sign documents/cmd-{n}.ldd --key keys/flight-dan.key"
    ));
    mission.ok(&format!("uplink documents/cmd-{n}.ldd --at {START}"));
}

/// The vehicle reports that it took the commands below `next`.
fn heard(mission: &Mission, sequence: u32, next: u32) {
    let bytes = report(mission, sequence, |r| r.next[2] = number(next));
    fs::write(mission.path(&format!("{sequence}.bin")), bytes).unwrap();
    mission.ok(&format!("ingest {sequence}.bin --at 2026-12-04T00:00:00Z"));
}

/// A mission of which two commands went up and four reports were heard, whose ledger is put back to before the
/// last command, or to before anything was sent.
fn put_back(name: &str, is_lost: bool) -> Mission {
    let mission = Mission::with_bundle(name);
    let (ledger, backup) = (mission.path("ledger.sqlite"), mission.path("backup"));
    if is_lost {
        fs::copy(&ledger, &backup).unwrap();
    }
    heard(&mission, 1, 1);
    send_command(&mission, 1);
    heard(&mission, 2, 2);
    heard(&mission, 3, 2);
    if !is_lost {
        fs::copy(&ledger, &backup).unwrap();
    }
    send_command(&mission, 2);
    heard(&mission, 4, 3);
    for n in 1..=2 {
        if is_lost || n == 2 {
            fs::remove_file(mission.path(&format!("documents/cmd-{n}.ldd"))).unwrap();
        }
    }
    fs::copy(&backup, &ledger).unwrap();
    for aside in ["ledger.sqlite-wal", "ledger.sqlite-shm"] {
        let _ = fs::remove_file(mission.path(aside));
    }
    mission
}

fn status(mission: &Mission) -> Value {
    mission.ok("status --json --at 2026-12-04T01:00:00Z").json()
}

fn next_command(mission: &Mission) -> Value {
    status(mission)["next_numbers"]["command"].clone()
}

#[test]
fn past_reports_do_nothing_to_a_ledger_that_was_restored() {
    let mission = put_back("restored", false);
    let before = status(&mission);
    assert_eq!(before["next_numbers"]["command"], 2);
    for _ in 0..2 {
        for past in [3, 1, 2] {
            let ran = mission.ok(&format!("ingest {past}.bin --json")).json();
            assert_eq!(ran["duplicates"], 1, "{ran}");
        }
        assert_eq!(status(&mission), before);
    }
}

#[test]
fn past_reports_raise_no_number_of_a_ledger_that_lost_them_and_hide_nothing() {
    for is_lost in [false, true] {
        let mission = put_back("restored-lost", is_lost);
        let next = next_command(&mission);
        // One that it does not know is true, and says more than was ever sent from here.
        let said = mission.ok("ingest 4.bin").out;
        assert!(said.starts_with("ALARM"), "{said}");
        assert!(said.contains("command 3 comes next"), "{said}");
        assert_eq!(next_command(&mission), next);
        // Those before it neither take its place nor its alarm.
        let proven = status(&mission)["proven"].clone();
        for past in [1, 3, 2, 1] {
            mission.ok(&format!("ingest {past}.bin"));
            assert_eq!(status(&mission)["proven"], proven, "{past}");
            assert_eq!(next_command(&mission), next, "{past}");
            assert!(mission.ok("status").out.starts_with("ALARM"), "{past}");
        }
        // People say that the ledger is an old backup: no number that was used is used again.
        mission.ok("ingest 4.bin --accept-numbers 4");
        assert_eq!(next_command(&mission), 3);
        send_command(&mission, 3);
        for past in [1, 2, 3, 4] {
            mission.ok(&format!("ingest {past}.bin"));
        }
        assert_eq!(next_command(&mission), 4);
        assert_eq!(status(&mission)["claims"], serde_json::json!([]));
        mission.ok("ledger verify");
    }
}

#[test]
fn a_restored_ledger_skips_the_numbers_whose_files_lie_there() {
    let mission = Mission::with_bundle("restored-skip");
    let whole = fs::read(mission.path("ledger.sqlite")).unwrap();
    mission.ok("command report-request");
    mission.ok("command report-request");
    mission.ok("build new.bin --version 1.2.0 --full");
    mission.ok("keygen successor");
    fs::write(mission.path("ledger.sqlite"), &whole).unwrap();
    for name in ["cmd-7 (copy).ldd", "cmd-07.ldd", "cmd-x.ldd", "notes.txt"] {
        fs::write(mission.path(&format!("documents/{name}")), name).unwrap();
    }
    let files = mission.files();
    for line in ["command hold", "build new.bin --version 1.2.0 --full"] {
        let said = mission.fails(line, 7, "this ledger never gave its number out");
        assert!(said.contains("`lightday ledger skip`"), "{said}");
    }
    let dry = mission.ok("ledger skip --dry-run").out;
    assert!(dry.contains("next command would be 3, not 1"), "{dry}");
    assert_eq!(next_command(&mission), 1);
    let skipped = mission.ok("ledger skip --json").json();
    let kept = &skipped["skipped"];
    let all: Vec<_> = kept
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["file"].clone())
        .collect();
    let names = [
        "bundles/2.ldb",
        "documents/cmd-1.ldd",
        "documents/cmd-2.ldd",
        "documents/keyset-1.ldd",
    ];
    assert_eq!(all, names);
    let sha256 = lightday_trust::digest::sha256(&fs::read(mission.path(names[0])).unwrap());
    assert_eq!(kept[0]["sha256"], sha256.to_string());
    assert_eq!(skipped["next_numbers"]["command"], 3);
    assert_eq!(mission.files(), files, "the files stay");
    let log = mission.ok("ledger log --json").json();
    let last = log["decisions"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["verb"], "ledger skip");
    assert!(last["what"].as_str().unwrap().contains(names[3]), "{last}");
    // All goes on, under numbers that nothing had.
    mission.ok("command hold");
    mission.ok("build new.bin --version 1.2.0 --full");
    mission.ok("keygen successor");
    for file in [
        "documents/cmd-3.ldd",
        "bundles/3.ldb",
        "documents/keyset-2.ldd",
    ] {
        assert!(mission.path(file).is_file(), "{file}");
    }
    let none = mission.ok("ledger skip").out;
    assert!(none.starts_with("No file lies here"), "{none}");
    mission.ok("ledger verify");
    // It makes nothing true that a report claims of them.
    let bytes = report(&mission, 1, |r| r.next[2] = number(3));
    fs::write(mission.path("1.bin"), bytes).unwrap();
    let said = mission.ok("ingest 1.bin").out;
    assert!(said.starts_with("ALARM"), "{said}");
}

#[test]
fn a_number_that_no_mission_reached_is_not_skipped_to() {
    let mission = Mission::with_bundle("restored-far");
    let far = mission.path("documents/cmd-16000000.ldd");
    fs::write(&far, b"x").unwrap();
    mission.fails("ledger skip", 5, "more than 65535 above 1");
    assert_eq!(next_command(&mission), 1);
    fs::remove_file(&far).unwrap();
    mission.ok("command hold");
}
