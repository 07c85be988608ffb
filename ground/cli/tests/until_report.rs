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
