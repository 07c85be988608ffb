//! `uplink --until-report`: fresh parity behind the plan, in every pass until a report can say that it is enough.

mod common;

use std::collections::BTreeSet;

use common::{Mission, START};
use serde_json::Value;

/// Everything that was planned for one object.
fn plan(mission: &Mission, options: &str) -> Value {
    let ran = mission.ok(&format!("plan bundles/1.ldb --at {START} --json {options}"));
    ran.json()["objects"][0].clone()
}

#[test]
fn fresh_parity_goes_up_in_every_pass_until_the_report_can_be_here() {
    let mission = Mission::with_bundle("until-report");
    for day in 5..=9 {
        let row = "2026-12-04T06:00:00Z,2026-12-04T14:00:00Z,Malargue,\n";
        let next = row.replace("12-04", &format!("12-0{day}"));
        let path = mission.path("passes.csv");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(row));
        std::fs::write(path, text + &next).unwrap();
    }
    let (planned, until) = (plan(&mission, ""), plan(&mission, "--until-report"));
    let frames = |plan: &Value| -> Vec<u64> {
        let all = plan["frames_by_pass"].as_array().unwrap().iter();
        all.map(|n| n.as_u64().unwrap()).collect()
    };
    let (asked, filled) = (frames(&planned), frames(&until));
    let known_s = planned["known_s"].as_u64().unwrap();
    let last = asked.iter().rposition(|n| *n > 0).unwrap();
    assert_eq!(
        asked[..=last],
        filled[..=last],
        "the plan itself is as it was"
    );
    for (place, n) in filled.iter().enumerate().skip(last + 1) {
        // Passes of 8 h, a day apart; a frame of the bundle takes less than half a minute.
        let begins_s = 1_796_104_800 + 86_400 * place as u64;
        let least = known_s.saturating_sub(begins_s).min(8 * 3600) / 30;
        assert!(*n >= least, "pass {place}: {filled:?}");
        assert!(known_s > begins_s || *n == 0, "pass {place}: {filled:?}");
    }
    assert!(filled[last + 1] > 900, "a pass is full: {filled:?}");
    // What the plan promises for its own frames stands; the chance is that of all.
    for instant in ["earliest_s", "p50_s", "p99_s", "planned_s", "known_s"] {
        assert_eq!(planned[instant], until[instant], "{instant}");
    }
    let chance = |plan: &Value| plan["probability"].as_f64().unwrap();
    assert!(chance(&until) > chance(&planned), "{until}");

    let told = mission
        .ok(&format!(
            "uplink bundles/1.ldb --until-report --at {START} --json"
        ))
        .json();
    assert_eq!(told["certificate"][0]["probability"], until["probability"]);
    let status = mission.ok(&format!("status --json --at {START}")).json();
    let runs = status["sent"].as_array().unwrap();
    let indices = runs.iter().flat_map(|run| {
        let first = run["first"].as_u64().unwrap();
        first..first + run["count"].as_u64().unwrap()
    });
    let indices: Vec<u64> = indices.collect();
    assert_eq!(indices.iter().collect::<BTreeSet<_>>().len(), indices.len());
    assert_eq!(indices.len() as u64, filled.iter().sum::<u64>());
    // The report came: what is left of it does not go up.
    mission.ok(&format!(
        "uplink --unsent uplink/1.frames --from 2026-12-03T06:00:00Z --at {START}"
    ));
    mission.fails(
        &format!("uplink bundles/1.ldb --until-report --frames 3 --at {START}"),
        2,
        "cannot be used with",
    );
}

/// Frames of each object that a file of the ledger has and that were not taken back.
fn frames_of(mission: &Mission, file: &str, kind: &str) -> u64 {
    let status = mission.ok(&format!("status --json --at {START}")).json();
    let runs = status["sent"].as_array().unwrap().iter();
    let ours = runs
        .filter(|run| run["file"] == file && run["kind"] == kind && run["unsent_s"] == Value::Null);
    ours.map(|run| run["count"].as_u64().unwrap()).sum()
}

#[test]
fn what_is_laid_anew_goes_on_until_its_report_as_it_did() {
    let mission = Mission::with_bundle("until-between");
    mission.ok(&format!("uplink bundles/1.ldb --until-report --at {START}"));
    let before = frames_of(&mission, "uplink/1.frames", "bundle");
    assert!(before > 900, "a pass is full: {before}");
    mission.ok("command boot-golden");
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    let between = format!("uplink --between documents/cmd-1.ldd --at {START}");
    let says = "was to go up until the report of it is here, and so is what is laid anew";
    let dry = mission.ok(&format!("{between} --dry-run")).err;
    assert!(dry.contains(says), "{dry}");
    assert!(
        dry.contains("would be taken back: uplink/1.frames"),
        "{dry}"
    );
    let plan = mission.ok(&format!(
        "plan --between documents/cmd-1.ldd --at {START} --json"
    ));
    assert!(plan.err.contains("would be taken back: "), "{}", plan.err);
    let said = mission.ok(&between).err;
    assert!(said.contains("\ntaken back: uplink/1.frames"), "{said}");
    let after = frames_of(&mission, "uplink/2.frames", "bundle");
    // The command, which is due in every eighth frame, goes on as well.
    let share = |frames: u64| frames * 8 / 7 + 20;
    assert!(share(after) > before, "{before} before, {after} laid anew");
    let planned = &plan.json()["objects"];
    let bundle = planned
        .as_array()
        .unwrap()
        .iter()
        .find(|o| o["kind"] == "bundle");
    assert_eq!(bundle.unwrap()["frames"], after, "{planned}");
    // A second one knows it, too.
    let again = mission.ok(&format!(
        "uplink --between documents/cmd-1.ldd --at {START}"
    ));
    assert!(again.err.contains(says), "{}", again.err);
    assert!(share(frames_of(&mission, "uplink/3.frames", "bundle")) > before);
    // Where the bundle is given up, nothing goes on for its sake.
    mission.ok("command abort bundle 1");
    mission.ok("sign documents/cmd-2.ldd --key keys/flight-dan.key");
    mission.ok(&format!(
        "uplink --between documents/cmd-2.ldd --at {START}"
    ));
    assert_eq!(frames_of(&mission, "uplink/4.frames", "bundle"), 0);
}
