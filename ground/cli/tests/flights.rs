//! The verbs that fly: the demonstration, rehearsals, and the twin in the status.

mod common;

use std::fs;

use common::{Dir, Mission, START, report, run};
use lightday_wire::{ObjectNumber, Refusal, Stage, Verdict};

#[test]
fn the_demonstration_ends_as_it_should_and_twice_alike() {
    let dir = Dir::new("demo");
    let json = run(&dir.0, "demo --json");
    assert_eq!(json.code, 0, "{}", json.err);
    let acts = json.json()["acts"].as_array().unwrap().clone();
    assert_eq!(acts.len(), 5);
    for act in &acts {
        assert_eq!(act["as_it_should"], true, "{act}");
        assert!(
            act["name"].is_string() && act["outcome"].is_string(),
            "{act}"
        );
        for field in [
            "image_bytes",
            "payload_bytes",
            "bundle_bytes",
            "frames_sent",
            "frames_needed",
        ] {
            assert!(act[field].as_u64().unwrap() > 0, "{field}: {act}");
        }
        for field in ["hours_to_verified", "hours_to_known_on_ground"] {
            assert!(act[field].as_f64().unwrap() > 22.0, "{field}: {act}");
        }
    }
    assert_eq!(run(&dir.0, "demo --json").out, json.out);
    let story = run(&dir.0, "demo");
    assert!(story.code == 0 && story.out.contains("Act 5.") && story.out.contains("Day 1 "));
    assert!(story.out.contains("payload B"), "a table ends it");
    assert_eq!(
        fs::read_dir(&dir.0).unwrap().count(),
        0,
        "the demonstration writes nothing"
    );
}

#[test]
fn a_rehearsal_is_the_evidence_that_the_policy_asks_for() {
    let mission = Mission::with_bundle("rehearse");
    fs::write(mission.path("notes.txt"), "it will be fine").unwrap();
    let authorize = |file: &str| format!("authorize 1 --evidence {file} --at {START}");
    mission.fails(&authorize("notes.txt"), 5, "policy.require_rehearsal");
    let rehearse = format!("rehearse bundles/1.ldb --base old.bin --seeds 2 --at {START}");
    mission.ok(&format!("{rehearse} --dry-run"));
    let summary = mission.ok(&format!("{rehearse} --json")).json();
    assert_eq!(
        (&summary["flights"], &summary["failed"]),
        (&6.into(), &0.into())
    );
    let evidence: serde_json::Value =
        serde_json::from_slice(&fs::read(mission.path("evidence/1.json")).unwrap()).unwrap();
    assert_eq!(evidence["flights"].as_array().unwrap().len(), 6);
    mission.ok(&authorize("evidence/1.json"));
    let root = &mission.ok("inspect documents/auth-1.ldd --json").json()["says"]["evidence_root"];
    assert_eq!(root, &summary["root"]);
    mission.ok("verify documents/auth-1.ldd --unsigned --evidence evidence/1.json");
    mission.fails(
        "verify documents/auth-1.ldd --unsigned --evidence notes.txt",
        3,
        "notes.txt",
    );
    // The same seeds give the same evidence, byte for byte.
    let again = mission
        .ok(&format!("{rehearse} --out again.json --json"))
        .json();
    assert_eq!(again["sha256"], summary["sha256"]);
    mission.fails(&rehearse, 8, "evidence/1.json");
    mission.fails(
        &format!("rehearse bundles/1.ldb --base new.bin --out x.json --at {START}"),
        3,
        "new.bin",
    );
}

#[test]
fn a_rehearsal_that_fails_is_no_evidence() {
    let mission = Mission::new("fails");
    // A lease of 45 h is over before the ground has heard of the trial and answered in its next pass.
    mission.edit("mission.toml", "lease = \"7d\"", "lease = \"45h\"");
    mission.ok("build new.bin --version 1.1.0 --base old.bin --base-version 1.0.0");
    let rehearse = format!("rehearse bundles/1.ldb --base old.bin --seeds 1 --at {START}");
    let message = mission.fails(&rehearse, 9, "did not end as they should");
    assert!(
        message.contains("hint:") && message.contains("--story"),
        "{message}"
    );
    mission.fails(
        &format!("authorize 1 --evidence evidence/1.json --at {START}"),
        5,
        "policy.require_rehearsal",
    );
}

/// A mission with a twin, whose bundle and authorization go up from 2026-12-01 06:00 on.
fn with_twin(name: &str) -> Mission {
    let mission = Mission::with_bundle(name);
    mission.states_twin();
    mission.authorizes();
    mission.ok(&format!(
        "uplink bundles/1.ldb documents/auth-1.ldd --at {START}"
    ));
    mission
}

#[test]
fn the_twin_expects_what_was_sent_and_nothing_before_it_arrives() {
    let mission = with_twin("twin");
    let status = |at: &str| mission.ok(&format!("status --json --at {at}")).json();
    // Sent on the 1st at 06:00: on its way for 22 h.
    let before = status("2026-12-02T03:00:00Z");
    assert_eq!(before["expected"]["bundle"], "none yet");
    assert_eq!(before["expected"]["running"], "A");
    let after = status("2026-12-02T12:00:00Z");
    assert_eq!(after["expected"]["bundle"], "1 done", "{after}");
    assert_eq!(after["expected"]["running"], "B");
    // Nothing of that is proven.
    assert_eq!(after["proven"], serde_json::json!({}));
    assert_eq!(after["state"]["twin"], "not compared");
    let shown = mission.ok("status --at 2026-12-02T12:00:00Z").out;
    assert!(shown.contains("expected now (twin)"), "{shown}");
    // A stolen link key may be taken away from this machine: the twin needs none of the vehicle's.
    for name in ["keys/link.key", "keys/link-0.key"] {
        fs::remove_file(mission.path(name)).unwrap();
    }
    assert_eq!(status("2026-12-02T12:00:00Z"), after);
    // Frames that never left the antenna are not expected.
    mission.ok(
        "uplink --unsent uplink/1.frames --from 2026-12-01T06:00:00Z --at 2026-12-02T12:00:00Z",
    );
    let unsent = status("2026-12-02T12:00:00Z");
    assert_eq!(unsent["expected"]["bundle"], "none yet", "{unsent}");
    assert_eq!(unsent["expected"]["running"], "A");
    mission.edit(
        "mission.toml",
        "golden = \"old.bin\"",
        "golden = \"gone.bin\"",
    );
    mission.fails("status --at 2026-12-02T12:00:00Z", 3, "gone.bin");
}

#[test]
fn the_state_digest_is_held_against_the_twin_as_it_was_then() {
    let mission = with_twin("agreement");
    let status = |at: &str| mission.ok(&format!("status --json --at {at}")).json();
    let digest = |at: &str| {
        let hex = status(at)["expected"]["state digest"]
            .as_str()
            .unwrap()
            .to_owned();
        let byte = |n: usize| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap();
        core::array::from_fn::<u8, 8, _>(byte)
    };
    let (before, after) = (
        digest("2026-12-02T03:00:00Z"),
        digest("2026-12-02T12:00:00Z"),
    );
    assert_ne!(before, after);
    let hear_of = |clock_s: u32, sequence: u32, state: [u8; 8], at: &str| {
        let bytes = report(&mission, sequence, |r| {
            r.state_digest = state;
            r.time_s = clock_s;
            r.bundle = Verdict {
                number: ObjectNumber::new(1).unwrap(),
                stage: Stage::Receiving,
                refusal: Refusal::None,
            };
        });
        fs::write(mission.path("heard.bin"), bytes).unwrap();
        mission.ok(&format!("ingest heard.bin --at {at}"));
        status(at)["state"].clone()
    };
    // A vehicle without a clock: the light time alone tells when it left.
    let hear = |sequence, state, at: &str| hear_of(0, sequence, state, at);
    // Heard on the 3rd at 01:00, it left on the 2nd at 03:00: nothing had arrived, whatever is there now.
    let early = hear(1, before, "2026-12-03T01:00:00Z");
    assert_eq!(early["twin"], "agrees", "{early}");
    let shown = mission.ok("status --at 2026-12-03T01:00:00Z").out;
    assert!(shown.contains("State digest: agrees"), "{shown}");
    // A report of noon that still has that state missed something.
    let lost = hear(2, before, "2026-12-03T10:00:00Z");
    assert_eq!(lost["twin"], "differs");
    assert!(lost["hint"].as_str().unwrap().contains("lightday uplink"));
    let facts = lost["differs_in"].as_array().unwrap();
    assert!(facts.contains(&"bundle".into()), "{lost}");
    let shown = mission.ok("status --at 2026-12-03T10:00:00Z").out;
    assert!(
        shown.contains("State digest: differs") && shown.contains("What to do: "),
        "{shown}"
    );
    let arrived = hear(3, after, "2026-12-03T10:10:00Z");
    assert_eq!(arrived["twin"], "agrees", "{arrived}");
    // A clock that is behind says that the report may have left then: it agrees, or nobody can tell.
    let clock_s = 1_796_180_400; // 2 December, 03:00
    let late = hear_of(clock_s, 4, before, "2026-12-05T00:00:00Z");
    assert_eq!(late["twin"], "agrees", "{late}");
    let late = hear_of(clock_s, 5, [9; 8], "2026-12-05T01:00:00Z");
    assert_eq!(late["twin"], "not compared", "{late}");
}
