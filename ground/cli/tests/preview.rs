//! What a draft says before anybody signs it: what will be sent, how long that takes, and what the twin makes of it.

mod common;

use std::fs;

use common::{Mission, START};

/// A mission with a twin that was launched with `old.bin` in golden and slot A.
fn with_twin(name: &str) -> Mission {
    let mission = Mission::with_bundle(name);
    mission.states_twin();
    mission.any_evidence();
    fs::write(mission.path("evidence/1.json"), "x").unwrap();
    mission
}

/// The same, whose bundle and authorization went up: an hour later its twin has the new image on trial in B.
fn on_trial(name: &str) -> Mission {
    let mission = with_twin(name);
    mission.ok("authorize 1 --evidence evidence/1.json");
    for key in ["verification-cleo", "flight-dan"] {
        mission.ok(&format!("sign documents/auth-1.ldd --key keys/{key}.key"));
    }
    mission.ok(&format!(
        "uplink bundles/1.ldb documents/auth-1.ldd --at {START}"
    ));
    mission
}

const LATER: &str = "2026-12-02T12:00:00Z";

/// What a verb says of a draft that it does not write.
fn says(mission: &Mission, line: &str, at: &str) -> String {
    let before = mission.files();
    let said = mission.ok(&format!("{line} --dry-run --at {at}")).err;
    assert_eq!(mission.files(), before, "{line}: nothing is written");
    said
}

#[track_caller]
fn has(said: &str, all: &[&str]) {
    for one in all {
        assert!(said.contains(one), "no `{one}` in:\n{said}");
    }
}

#[test]
fn the_twin_says_what_comes_of_each_command() {
    let mission = on_trial("preview-commands");
    let confirm = says(&mission, "command confirm 1", LATER);
    has(
        &confirm,
        &[
            "[1,7] completion: success",
            "trial 1.1.0",
            "-> confirmed 1.1.0",
        ],
    );
    for (line, expected) in [
        (
            "command confirm old.bin",
            "[1,2] acceptance: failure, unknown image",
        ),
        (
            "command rollback old.bin",
            "[1,2] acceptance: failure, slot busy",
        ),
        ("command report-request", "[1,7] completion: success"),
        ("command abort bundle 1", "B -> A"),
        ("command boot-golden", "B -> golden"),
        ("command hold", "held, healthy"),
        ("command resync 3", "[1,2] acceptance: failure"),
        ("command epoch-switch 3", "[1,7] completion: success"),
        ("command region-digest slot-b --len 99999 --offset 0", ""),
    ] {
        let ran = mission.run(&format!("{line} --dry-run --at {LATER}"));
        if expected.is_empty() {
            // The ground knows the slot's length itself.
            assert_eq!(ran.code, 5, "{}", ran.err);
            continue;
        }
        assert_eq!(ran.code, 0, "{line}: {}", ran.err);
        has(&ran.err, &[expected]);
    }
    // Of a vehicle that nothing was sent to it expects another answer.
    let early = says(&with_twin("preview-early"), "command confirm 1", LATER);
    has(&early, &["[1,2] acceptance: failure, unknown image"]);
}

#[test]
fn a_region_digest_is_answered_by_the_twin_with_what_lies_there() {
    let mission = on_trial("preview-digest");
    let len = fs::read(mission.path("new.bin")).unwrap().len();
    let line = format!("command region-digest slot-b --len {len}");
    let image = mission.ok("inspect bundles/1.ldb --json").json()["says"]["image"].clone();
    has(
        &says(&mission, &line, LATER),
        &["[1,7] completion: success", image.as_str().unwrap()],
    );
}

#[test]
fn what_it_costs_is_what_the_plan_of_the_signed_document_says() {
    let mission = on_trial("preview-costs");
    let said = mission.ok(&format!("command confirm 1 --at {LATER}")).err;
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    let plan = mission
        .ok(&format!("plan documents/cmd-1.ldd --json --at {LATER}"))
        .json();
    let number = |value: &serde_json::Value| value.as_u64().unwrap().to_string();
    let frames = format!("{} frames", number(&plan["frames"]));
    let bytes = format!("; {} B,", number(&plan["bytes_total"]));
    let any = format!("any {} will do", number(&plan["objects"][0]["k"]));
    has(&said, &[&frames, &bytes, &any, "on board", "known here"]);
    let human = mission
        .ok(&format!("plan documents/cmd-1.ldd --at {LATER}"))
        .out;
    let earliest = human.lines().find(|l| l.contains("earliest")).unwrap();
    for instant in earliest.split_whitespace().filter(|w| w.starts_with("20")) {
        assert!(said.contains(instant), "{instant}: {said}");
    }
}

#[test]
fn authorizations_and_key_sets_are_forecast_too() {
    let mission = with_twin("preview-others");
    // The bundle is not there yet: the authorization waits for it.
    let authorize = "authorize 1 --evidence evidence/1.json";
    has(&says(&mission, authorize, START), &["[1,3] start: success"]);
    let mission = on_trial("preview-trial");
    let again = says(&mission, authorize, LATER);
    has(&again, &["the twin expects"]);
    // An image is on trial: the vehicle changes no keys.
    let successor = says(&mission, "keygen successor", LATER);
    has(
        &successor,
        &["the twin expects", "[1,2] acceptance: failure"],
    );
    assert!(
        !successor.contains("key set             1 -> 2"),
        "{successor}"
    );
}

#[test]
fn what_cannot_be_said_is_named_and_stops_no_draft() {
    let mission = Mission::with_bundle("preview-without");
    let said = says(&mission, "command report-request", START);
    has(&said, &["[twin] of mission.toml states none", "to send"]);
    let late = says(&mission, "command report-request", "2027-06-01T00:00:00Z");
    has(&late, &["no pass is booked"]);
    let mission = on_trial("preview-gone");
    fs::remove_file(mission.path("old.bin")).unwrap();
    let said = mission
        .ok(&format!("command report-request --at {LATER}"))
        .err;
    has(&said, &["cannot be asked", "old.bin"]);
    assert!(mission.path("documents/cmd-1.ldd").is_file());
}
