//! The next key set asks for no fewer signatures than the one in force, unless people say so.

mod common;

use std::fs;

use common::Mission;

/// Two of three of root and of flight, one of one of the others.
fn mission(name: &str) -> Mission {
    let mission = Mission::new(name);
    for key in ["root rolf", "root ria", "flight dora", "flight dirk"] {
        mission.ok(&format!("keygen {key}"));
    }
    for file in ["keys/keyset.toml", "keys/keyset-1.bin"] {
        fs::remove_file(mission.path(file)).unwrap();
    }
    mission.ok("keygen keyset --replace --threshold root=2 --threshold flight=2");
    mission
}

/// The thresholds of the draft, as it says them.
fn thresholds(mission: &Mission, line: &str) -> Vec<String> {
    let drafted = mission.ok(&format!("{line} --json")).json();
    let said = drafted["says"]["thresholds"].as_array().unwrap();
    said.iter()
        .map(|t| t.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_successor_keeps_the_thresholds_of_the_set_in_force() {
    let mission = mission("successor-keeps");
    mission.ok("keygen flight dana");
    fs::remove_file(mission.path("keys/flight-dan.pub")).unwrap();
    assert_eq!(
        thresholds(&mission, "keygen successor"),
        [
            "root 2 of 3",
            "release 1 of 1",
            "verification 1 of 1",
            "flight 2 of 3"
        ]
    );
    // What is stated goes up without a question, and the others stay.
    assert_eq!(
        thresholds(&mission, "keygen successor --threshold flight=3 --dry-run"),
        [
            "root 2 of 3",
            "release 1 of 1",
            "verification 1 of 1",
            "flight 3 of 3"
        ]
    );
}

#[test]
fn a_threshold_goes_down_only_where_people_say_so_and_signers_see_it() {
    let mission = mission("successor-lower");
    let before = mission.files();
    let error = mission.fails(
        "keygen successor --threshold flight=1",
        5,
        "flight 2 of 3 -> 1 of 3",
    );
    assert!(
        error.contains("--lower") && !error.contains("root 2"),
        "{error}"
    );
    assert_eq!(mission.files(), before, "nor is a number taken");

    let said = mission
        .ok("keygen successor --threshold flight=1 --lower")
        .err;
    assert!(said.contains("flight 2 of 3 -> 1 of 3"), "{said}");
    let line = "sign documents/keyset-1.ldd --key keys/root-ann.key";
    let said = mission.ok(line).err;
    for part in ["root 2 of 3, release 1 of 1", "flight 2 of 3 -> 1 of 3"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_role_that_lost_keys_below_its_threshold_is_named() {
    let mission = mission("successor-few");
    for name in ["dan", "dora"] {
        fs::remove_file(mission.path(&format!("keys/flight-{name}.pub"))).unwrap();
    }
    let error = mission.fails("keygen successor", 3, "flight has fewer keys");
    assert!(
        error.contains("keygen ROLE NAME") && error.contains("--lower"),
        "{error}"
    );
    mission.ok("keygen successor --threshold flight=1 --lower");
}

/// One of one of root signs for both sets at once: one person has to.
#[test]
fn a_kept_root_key_is_asked_for_once() {
    let mission = Mission::new("successor-once");
    let said = mission.ok("keygen successor").err;
    assert!(said.contains("still to sign: 1 of root"), "{said}");
    let status = mission.ok("status").out;
    assert!(status.contains("1 of root"), "{status}");
    let said = mission
        .ok("sign documents/keyset-1.ldd --key keys/root-ann.key")
        .err;
    assert!(said.contains("all signatures are there"), "{said}");
}
