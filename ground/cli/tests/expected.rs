//! What the twin expects of what is to go up, before it does: of plans and uplinks as of drafts, in words and in JSON.

mod common;

use std::fs;

use common::{Mission, START};
use serde_json::{Value, json};

/// A mission with a twin that was launched with `old.bin`, a signed bundle of it and its authorization.
fn mission(name: &str) -> Mission {
    let mission = Mission::with_bundle(name);
    mission.states_twin();
    mission.any_evidence();
    fs::write(mission.path("evidence/1.json"), "x").unwrap();
    mission.ok("authorize 1 --evidence evidence/1.json");
    mission
}

fn sign(mission: &Mission) {
    for key in ["verification-cleo", "flight-dan"] {
        mission.ok(&format!("sign documents/auth-1.ldd --key keys/{key}.key"));
    }
}

const BOTH: &str = "bundles/1.ldb documents/auth-1.ldd";

/// What a fact becomes.
fn change<'a>(twin: &'a Value, fact: &str) -> &'a str {
    let mut changes = twin["changes"].as_array().unwrap().iter();
    let found = changes.find(|c| c["fact"] == fact);
    found.unwrap_or_else(|| panic!("no {fact}: {twin}"))["after"]
        .as_str()
        .unwrap()
}

#[test]
fn an_uplink_says_what_the_twin_expects_and_the_twin_then_has_it() {
    let mission = mission("expected-uplink");
    sign(&mission);
    let before = mission.files();
    let dry = format!("uplink {BOTH} --at {START} --dry-run");
    let said = mission.ok(&dry).err;
    for words in [
        "bundle 1: [1,7] completion: success; on board at 2026-12-02T04:",
        "authorization 1: [1,7] completion: success; on board at 2026-12-02T04:",
        ", known here by 2026-12-03T12:00:07Z",
        "A -> B",
        "empty -> trial 1.1.0",
    ] {
        assert!(said.contains(words), "no `{words}` in:\n{said}");
    }
    assert!(!said.contains("warning: by the twin"), "{said}");
    let twin = mission.ok(&format!("{dry} --json")).json()["twin"].clone();
    assert_eq!(mission.files(), before, "nothing is written");
    let plan = mission
        .ok(&format!("plan {BOTH} --at {START} --json"))
        .json();
    // Whoever plans is told the same, in words and in JSON.
    assert_eq!(plan["twin"], twin);
    let planned = mission.ok(&format!("plan {BOTH} --at {START}")).err;
    assert!(planned.contains("empty -> trial 1.1.0"), "{planned}");
    for (verdict, object) in twin["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .zip(plan["objects"].as_array().unwrap())
    {
        for field in ["kind", "number"] {
            assert_eq!(verdict[field], object[field]);
        }
        assert_eq!(
            (&verdict["stage"], &verdict["reason"], &verdict["whole"]),
            (&json!("done"), &json!("none"), &json!(true)),
            "{twin}"
        );
        let (at_s, whole_s) = (
            &verdict["on_board_s"],
            object["earliest_s"].as_u64().unwrap(),
        );
        // It takes minutes from the last symbol that is needed to the trial.
        assert!(
            (whole_s..whole_s + 900).contains(&at_s.as_u64().unwrap()),
            "{twin}"
        );
        assert!(verdict["known_s"].as_u64() > at_s.as_u64(), "{twin}");
    }
    // What goes up is what it was asked about: later it is in the state that it said.
    mission.ok(&format!("uplink {BOTH} --at {START}"));
    let status = mission.ok("status --json --at 2026-12-02T12:00:00Z").json();
    for fact in ["running", "slot B", "trial"] {
        let is = status["expected"][fact].as_str().unwrap();
        let said = change(&twin, fact);
        // Hours of the lease go by.
        let words = |text: &str| text.split(" h, ").last().unwrap().to_owned();
        assert_eq!(words(is), words(said), "{fact}");
    }
}

/// What is sent a second time was done by what went up first.
#[test]
fn what_the_twin_has_already_is_no_effect_of_what_goes_up_again() {
    let mission = mission("expected-again");
    sign(&mission);
    mission.ok(&format!("uplink {BOTH} --at {START}"));
    let again = format!("uplink {BOTH} --afresh --dry-run --at 2026-12-02T12:00:00Z");
    let said = mission.ok(&again).err;
    let already = "bundle 1: [1,7] completion: success, already: by what went up before";
    assert!(said.contains(already), "{said}");
    let twin = mission.ok(&format!("{again} --json")).json()["twin"].clone();
    assert!(twin["verdicts"][0]["on_board_s"].is_null(), "{twin}");
}

#[test]
fn stand_ins_sign_what_nobody_has_signed_yet() {
    let mission = mission("expected-unsigned");
    let plan = format!("plan {BOTH} --at {START} --json");
    let unsigned = mission.ok(&plan).json();
    sign(&mission);
    let signed = mission.ok(&plan).json();
    assert_eq!(unsigned["twin"]["verdicts"], signed["twin"]["verdicts"]);
    assert_eq!(change(&unsigned["twin"], "running"), "B");
    assert_eq!(unsigned["objects"], signed["objects"]);
}

#[test]
fn what_the_twin_would_not_take_is_warned_of_before_it_is_sent() {
    let mission = mission("expected-base");
    // Its base is nowhere on board.
    let mut other = fs::read(mission.path("new.bin")).unwrap();
    other[100..104].copy_from_slice(b"else");
    fs::write(mission.path("other.bin"), other).unwrap();
    mission.ok("build new.bin --version 1.2.0 --base other.bin --base-version 1.1.5");
    mission.ok("sign bundles/2.ldb --key keys/release-bob.key");
    let uplink = format!("uplink bundles/2.ldb --at {START} --dry-run");
    let twin = mission.ok(&format!("{uplink} --json")).json()["twin"].clone();
    let verdict = &twin["verdicts"][0];
    assert_eq!(verdict["reason"], "unknown base", "{twin}");
    assert_ne!(verdict["stage"], "done");
    let said = mission.ok(&uplink).err;
    assert!(said.contains("unknown base"), "{said}");
    // It waits for that, for ever.
    assert_eq!(verdict["in_vain"], true, "{twin}");
    assert!(verdict["on_board_s"].is_null(), "{twin}");
    assert!(verdict["verdict_s"].is_u64(), "{twin}");
    assert!(
        said.contains("by the twin bundle 2 would not be done")
            && said.contains("no image on board is its base")
            && !said.contains("on board at"),
        "{said}"
    );
    // An image that may only go to the slot that runs is refused by its envelope.
    mission.ok("build new.bin --version 1.3.0 --full --slot a");
    mission.ok("sign bundles/3.ldb --key keys/release-bob.key");
    let uplink = format!("uplink bundles/3.ldb --at {START} --best-effort --dry-run");
    let twin = mission.ok(&format!("{uplink} --json")).json()["twin"].clone();
    let verdict = &twin["verdicts"][0];
    assert_eq!(
        (&verdict["stage"], &verdict["in_vain"]),
        (&json!("refused"), &json!(true)),
        "{twin}"
    );
    let said = mission.ok(&uplink).err;
    assert!(
        said.contains("warning: by the twin bundle 3 would not be done"),
        "{said}"
    );
}

#[test]
fn frames_that_do_not_complete_it_are_said_not_to() {
    let mission = mission("expected-part");
    let uplink = format!("uplink bundles/1.ldb --at {START} --dry-run --frames 1");
    let ran = mission.ok(&format!("{uplink} --json")).json();
    let verdict = &ran["twin"]["verdicts"][0];
    assert_eq!(
        (&verdict["whole"], &verdict["in_vain"]),
        (&json!(false), &json!(false)),
        "{ran}"
    );
    assert_eq!(ran["certificate"][0]["probability"], 0.0, "{ran}");
    let said = mission.ok(&uplink).err;
    assert!(said.contains("what goes up does not complete it"), "{said}");
}

#[test]
fn drafts_tell_the_same_in_json() {
    let mission = mission("expected-drafts");
    sign(&mission);
    mission.ok(&format!("uplink {BOTH} --at {START}"));
    let at = "--dry-run --at 2026-12-02T12:00:00Z";
    let files = mission.files();
    let confirm = mission.ok(&format!("command confirm 1 --json {at}")).json();
    assert!(
        confirm["file"]
            .as_str()
            .unwrap()
            .ends_with("documents/cmd-1.ldd")
    );
    assert!(
        confirm["says"]["action"]
            .as_str()
            .unwrap()
            .starts_with("confirm image ")
    );
    let preview = &confirm["preview"];
    assert_eq!(preview["plan"]["objects"][0]["kind"], "command");
    let twin = &preview["twin"];
    assert_eq!(twin["verdicts"][0]["verdict"], "[1,7] completion: success");
    assert!(
        change(twin, "slot B").starts_with("confirmed 1.1.0"),
        "{twin}"
    );
    assert_eq!(preview["comes_down"], Value::Null);
    let refused = mission
        .ok(&format!("command confirm old.bin --json {at}"))
        .json();
    let verdict = &refused["preview"]["twin"]["verdicts"][0];
    assert_eq!(
        (&verdict["reason"], &verdict["in_vain"]),
        (&json!("unknown image"), &json!(true))
    );
    let dump = format!("command dump slot-b --len 256 --json {at}");
    let dump = mission.ok(&dump).json()["preview"].clone();
    assert_eq!(dump["comes_down"]["packets"], 4, "{dump}");
    assert!(
        dump["twin"]["answer"]
            .as_str()
            .unwrap()
            .starts_with("4 parts, 256 B")
    );
    for line in ["authorize 1 --evidence evidence/1.json", "keygen successor"] {
        let json = mission.ok(&format!("{line} --json {at}")).json();
        assert_eq!(json["dry_run"], true);
        assert!(
            json["preview"]["twin"]["verdicts"][0]["verdict"].is_string(),
            "{json}"
        );
    }
    assert_eq!(mission.files(), files);
}

#[test]
fn where_the_twin_cannot_be_asked_it_is_said_and_nothing_is_kept_from_anybody() {
    let mission = Mission::with_bundle("expected-none");
    let uplink = format!("uplink bundles/1.ldb --at {START} --dry-run");
    let json = |mission: &Mission| mission.ok(&format!("{uplink} --json")).json()["twin"].clone();
    assert_eq!(json(&mission), Value::Null);
    let said = mission.ok(&uplink).err;
    assert!(
        said.contains("[twin] of mission.toml states none"),
        "{said}"
    );
    mission.states_twin();
    fs::remove_file(mission.path("old.bin")).unwrap();
    let error = json(&mission)["error"].as_str().unwrap().to_owned();
    assert!(error.contains("old.bin"), "{error}");
    let said = mission
        .ok(&format!("uplink bundles/1.ldb --at {START}"))
        .err;
    assert!(
        said.contains("cannot be asked") && said.contains("Next: transmit"),
        "{said}"
    );
}
