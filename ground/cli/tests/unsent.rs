//! Frames that were written and never transmitted: said once, and planned as if they had not been.

mod common;

use std::fs;

use common::{Mission, START, report};
use lightday_wire::{ObjectNumber, Refusal, Stage, Verdict};
use serde_json::Value;

/// The runs that `status` lists, and what it says in words.
fn status(mission: &Mission, at: &str) -> (Vec<Value>, String) {
    let json = mission.ok(&format!("status --json --at {at}")).json();
    let words = mission.ok(&format!("status --at {at}")).out;
    (json["sent"].as_array().unwrap().clone(), words)
}

#[test]
fn frames_that_never_left_go_up_again() {
    let mission = Mission::with_bundle("unsent");
    mission.ok(&format!("uplink bundles/1.ldb --frames 4 --at {START}"));
    let first = fs::read(mission.path("uplink/1.frames")).unwrap();
    let at = "2026-12-01T15:00:00Z";
    let said = mission.ok(&format!("uplink --unsent uplink/1.frames --at {at}"));
    assert!(said.out.contains("uplink/1.frames"), "{}", said.out);
    assert!(said.err.contains("bundle 1: 4 frames"), "{}", said.err);
    assert!(
        said.err.contains("Next: lightday uplink ") && said.err.contains("/bundles/1.ldb\n"),
        "{}",
        said.err
    );

    let (sent, words) = status(&mission, at);
    assert_eq!(sent[0]["seen"], "never: not transmitted");
    assert_eq!(sent[0]["unsent_s"], 1_796_137_200);
    for says in ["never: not transmitted", "uplink/1.frames", "not sent yet"] {
        assert!(words.contains(says), "{says}: {words}");
    }

    // The antenna is free as before, and the same symbols are the same bytes.
    mission.ok(&format!("uplink bundles/1.ldb --frames 4 --at {START}"));
    assert_eq!(fs::read(mission.path("uplink/2.frames")).unwrap(), first);
    let (again, _) = status(&mission, START);
    for field in ["first", "count", "starts_s", "ends_s"] {
        assert_eq!(again[0][field], again[1][field], "{field}");
    }
    assert_eq!(again[1]["unsent_s"], Value::Null);
    mission.ok("ledger verify");
}

#[test]
fn it_is_said_once_of_one_file_that_an_uplink_wrote() {
    let mission = Mission::with_bundle("unsent-once");
    let unsent = "uplink --unsent uplink/1.frames";
    let error = mission.fails(unsent, 5, "uplink/1.frames");
    assert!(error.contains("no uplink wrote"), "{error}");
    mission.ok(&format!("uplink bundles/1.ldb --frames 4 --at {START}"));
    for other in [
        "bundles/1.ldb",
        "--frames 4",
        "--probability 0.9",
        "--epoch 0",
        "--out x.frames",
        "--best-effort",
    ] {
        mission.fails(&format!("{unsent} {other}"), 2, "cannot be used with");
    }
    mission.fails("uplink", 2, "FILES");

    let decisions = || mission.ok("ledger log --json").out;
    let before = (mission.files(), decisions());
    let dry = mission.ok(&format!("{unsent} --dry-run --json --at {START}"));
    assert_eq!((mission.files(), decisions()), before);
    let told = mission.ok(&format!("{unsent} --json --at {START}"));
    assert_eq!(told.json()["objects"], dry.json()["objects"]);
    assert_eq!(
        (&dry.json()["dry_run"], &told.json()["dry_run"]),
        (&true.into(), &false.into())
    );
    assert_eq!(told.json()["unsent"], "uplink/1.frames");
    assert_eq!(told.json()["objects"][0]["count"], 4);
    assert_ne!(decisions(), before.1);

    let after = decisions();
    for again in [unsent, "uplink --unsent ./uplink/1.frames --dry-run"] {
        let error = mission.fails(again, 5, "uplink/1.frames");
        assert!(error.contains("said before"), "{error}");
    }
    assert_eq!(decisions(), after);
    mission.ok("ledger verify");
}

#[test]
fn a_name_stands_for_one_uplink() {
    let mission = Mission::with_bundle("unsent-names");
    let line = format!("uplink bundles/1.ldb --frames 2 --out pass.frames --at {START}");
    mission.ok(&line);
    let path = mission.path("pass.frames");
    let good = fs::read(&path).unwrap();
    let mut changed = good.clone();
    changed[9] ^= 1;
    fs::write(&path, &changed).unwrap();
    let error = mission.fails("uplink --unsent pass.frames", 5, "pass.frames");
    assert!(error.contains("not what the uplink wrote"), "{error}");
    // A file that is gone was written all the same.
    fs::remove_file(&path).unwrap();
    fs::remove_file(mission.path("pass.csv")).unwrap();
    mission.ok(&format!("uplink --unsent pass.frames --at {START}"));
    // Frames under the old name would be taken for those that never left.
    let error = mission.fails(&line, 5, "pass.frames");
    assert!(error.contains("--out FILE"), "{error}");
    mission.ok(&format!("uplink bundles/1.ldb --frames 2 --at {START}"));
}

#[test]
fn many_who_say_it_at_once_say_it_once() {
    let mission = Mission::with_bundle("unsent-at-once");
    mission.ok(&format!("uplink bundles/1.ldb --frames 2 --at {START}"));
    let line = format!("uplink --unsent uplink/1.frames --at {START}");
    let mut codes: Vec<i32> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| mission.run(&line))).collect();
        runs.into_iter().map(|r| r.join().unwrap().code).collect()
    });
    codes.sort_unstable();
    assert_eq!(codes, [0, 5, 5, 5]);
    mission.ok("ledger verify");
}

#[test]
fn what_never_left_is_counted_among_the_missing() {
    let mission = Mission::new("unsent-missing");
    mission.ok("build new.bin --version 1.1.0 --full");
    mission.ok("sign bundles/1.ldb --key keys/release-bob.key");
    mission.ok(&format!("uplink bundles/1.ldb --frames 10 --at {START}"));
    mission.ok(&format!("uplink bundles/1.ldb --frames 10 --at {START}"));
    let receiving = report(&mission, 1, |r| {
        r.bundle = Verdict {
            number: ObjectNumber::new(1).unwrap(),
            stage: Stage::Receiving,
            refusal: Refusal::None,
        };
        r.symbols_needed = 1;
    });
    fs::write(mission.path("report.bin"), receiving).unwrap();
    let at = "2026-12-02T00:00:00Z";
    mission.ok(&format!("ingest report.bin --at {at}"));
    let planned = || {
        let dry = mission.ok(&format!("uplink bundles/1.ldb --dry-run --json --at {at}"));
        let runs = dry.json()["objects"].as_array().unwrap().clone();
        runs.iter()
            .map(|r| r["count"].as_u64().unwrap())
            .sum::<u64>()
    };
    let all_left = planned();
    mission.ok("uplink --unsent uplink/1.frames");
    // Ten of the symbols before the next one never left: no reception can have them.
    assert!(planned() > all_left, "{} frames", planned());
}
