//! What no vehicle takes is not drafted: the length of a document with all signatures that it needs.

mod common;

use std::fs;

use common::Mission;

/// A mission whose key set asks for so many signatures.
fn mission_with(name: &str, keys: &[&str], thresholds: &str) -> Mission {
    let mission = Mission::new(name);
    for key in keys {
        mission.ok(&format!("keygen {key}"));
    }
    fs::remove_file(mission.path("keys/keyset.toml")).unwrap();
    fs::remove_file(mission.path("keys/keyset-1.bin")).unwrap();
    mission.ok(&format!("keygen keyset --replace {thresholds}"));
    mission
}

#[test]
fn an_authorization_that_no_vehicle_takes_is_not_drafted() {
    let mission = mission_with(
        "authorization-length",
        &[
            "verification fay",
            "verification gil",
            "flight gus",
            "flight hal",
        ],
        "--threshold verification=3 --threshold flight=3",
    );
    mission.any_evidence();
    mission.ok("build new.bin --version 1.1.0 --full");
    let root = "00".repeat(32);
    let window = "--opens 2026-12-10T00:00:00Z --closes 2026-12-12T00:00:00Z";
    let at = common::START;
    let line = format!("authorize 1 --evidence-root {root} {window} --at {at}");
    let before = mission.files();
    for line in [line.clone(), format!("{line} --dry-run")] {
        let error = mission.fails(&line, 5, "field `thresholds`");
        for part in ["6 signatures", "448 B", "keyset.toml", "fewer signatures"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
    assert_eq!(mission.files(), before, "nor is a number taken");
}

#[test]
fn an_authorization_of_five_signatures_is_drafted_with_all_that_it_may_say() {
    let mission = mission_with(
        "authorization-length-fits",
        &["verification fay", "flight gus", "flight hal"],
        "--threshold verification=2 --threshold flight=3",
    );
    mission.any_evidence();
    mission.ok("build new.bin --version 1.1.0 --full");
    let root = "00".repeat(32);
    let window = "--opens 2026-12-10T00:00:00Z --closes 2026-12-12T00:00:00Z";
    let expires = "--expires 2026-12-12T00:00:00Z";
    let at = common::START;
    mission.ok(&format!(
        "authorize 1 --evidence-root {root} {window} {expires} --at {at}"
    ));
}

#[test]
fn a_key_set_that_no_vehicle_keeps_is_not_drafted() {
    let roots = ["root r1", "root r2", "root r3"];
    let others: Vec<String> = (0..9).map(|n| format!("release s{n}")).collect();
    let keys: Vec<&str> = roots
        .into_iter()
        .chain(others.iter().map(String::as_str))
        .collect();
    let mission = mission_with("key-set-length", &keys, "--threshold root=4");
    let before = mission.files();
    let error = mission.fails(
        "keygen successor --threshold root=4",
        5,
        "field `thresholds`",
    );
    for part in ["8 signatures", "1008 B", "keyset.toml", "fewer signatures"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(mission.files(), before);
    mission.ok("keygen successor --threshold root=2 --lower");
}

#[test]
fn a_number_that_was_never_given_out_is_told_with_its_field() {
    let mission = Mission::new("unknown-numbers");
    for (line, needle) in [
        ("command abort bundle 5", "field `number`: number 5"),
        (
            "command confirm 9",
            "field `image`: the ledger knows no bundle 9",
        ),
        (
            "command rollback 9",
            "field `image`: the ledger knows no bundle 9",
        ),
    ] {
        mission.fails(line, 2, needle);
    }
}
