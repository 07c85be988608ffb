//! An outage, or a pass that is cut, after the frames in it were written: what it takes is on its way no more, what it
//! leaves is, and the antenna stays taken for that.

mod common;

use std::fs;

use common::{Mission, START};
use serde_json::Value;

/// Of the first pass, in which some sixty frames go up in twenty minutes.
const FIRST: u64 = 1_796_104_800;

/// A mission whose bundle is written for three passes.
fn mission(name: &str) -> Mission {
    let mission = Mission::new(name);
    mission.ok("build new.bin --version 1.1.0 --full");
    mission.ok("sign bundles/1.ldb --key keys/release-bob.key");
    mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    mission
}

/// What is planned of the bundle with an outage between two times of the first of December.
fn with(mission: &Mission, outage: Option<(&str, &str)>) -> Value {
    let path = mission.path("mission.toml");
    let before = fs::read_to_string(&path).unwrap();
    if let Some((start, end)) = outage {
        let outage = format!(
            "\n[[outages]]\nstart = \"2026-12-01T{start}:00Z\"\nend = \"2026-12-01T{end}:00Z\"\nwhy = \"wind\"\n"
        );
        fs::write(&path, before.clone() + &outage).unwrap();
    }
    let plan = mission.ok(&format!("plan bundles/1.ldb --at {START} --json"));
    fs::write(&path, before).unwrap();
    plan.json()["objects"][0].clone()
}

fn number(of: &Value, field: &str) -> u64 {
    of[field].as_u64().unwrap()
}

#[test]
fn frames_that_an_outage_takes_are_on_their_way_no_more() {
    let mission = mission("outages-taken");
    let all = number(&with(&mission, None), "in_flight");
    // A frame takes 17.28 s; one that is cut off at either end is lost as well.
    for (start, end, least, most) in [
        ("06:05", "06:10", 17, 20),
        ("06:00", "06:05", 17, 19),
        ("06:15", "14:00", 12, 14),
        ("05:00", "14:00", 64, 64),
        ("06:19", "14:00", 0, 0),
    ] {
        let left = with(&mission, Some((start, end)));
        let taken = all - number(&left, "in_flight");
        assert!(
            (least..=most).contains(&taken),
            "{start} to {end}: {taken} of {all}"
        );
        assert_eq!(number(&left, "frames") == 0, taken == 0, "{left}");
    }
    // The same where the row of the pass is cut.
    mission.edit(
        "passes.csv",
        "\n2026-12-01T06:00:00Z,2026-12-01T14:00:00Z",
        "\n2026-12-01T06:00:00Z,2026-12-01T06:15:00Z",
    );
    let taken = all - number(&with(&mission, None), "in_flight");
    assert!((12..=14).contains(&taken), "{taken}");
}

#[test]
fn what_an_outage_leaves_of_a_pass_is_taken_as_long_as_its_frames_go_on() {
    let mission = mission("outages-busy");
    let path = mission.path("mission.toml");
    let toml = fs::read_to_string(&path).unwrap();
    let outage = "\n[[outages]]\nstart = \"2026-12-01T06:05:00Z\"\nend = \"2026-12-01T06:10:00Z\"\nwhy = \"wind\"\n";
    fs::write(&path, toml + outage).unwrap();
    mission.ok("command report-request");
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    mission.ok(&format!("uplink documents/cmd-1.ldd --at {START}"));
    let status = mission.ok(&format!("status --json --at {START}")).json();
    let runs = status["sent"].as_array().unwrap();
    let of = |kind: &str| {
        let mut of = runs.iter().filter(|run| run["kind"] == kind);
        of.next().unwrap().clone()
    };
    let (bundle, command) = (of("bundle"), of("command"));
    assert_eq!(bundle["starts_s"], FIRST);
    assert!(
        number(&command, "starts_s") >= number(&bundle, "ends_s"),
        "{command} within {bundle}"
    );
}
