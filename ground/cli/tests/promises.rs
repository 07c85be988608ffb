//! What a plan promises beyond the frames: when the ground knows, what an outage takes, whose answer is heard, and what
//! would do.

mod common;

use std::fs;

use common::{Mission, START};

const BOTH: &str = "bundles/1.ldb documents/auth-1.ldd";

/// A mission with a signed bundle and its authorization, without passes that get lost.
fn mission(name: &str) -> Mission {
    let mission = Mission::with_bundle(name);
    mission.any_evidence();
    mission.edit("mission.toml", "passes = 0.05", "passes = 0.0");
    // What is planned amid a pass leaves at once.
    mission.edit("mission.toml", "lead = \"10min\"\n", "");
    let root = "00".repeat(32);
    mission.ok(&format!("authorize 1 --evidence-root {root} --at {START}"));
    for key in ["verification-cleo", "flight-dan"] {
        mission.ok(&format!("sign documents/auth-1.ldd --key keys/{key}.key"));
    }
    mission
}

/// A pass each day from the first of December on, between these hours.
fn daily(mission: &Mission, days: u64, from: &str, to: &str) {
    let row = |day| format!("2026-12-{day:02}T{from}:00Z,2026-12-{day:02}T{to}:00Z,Malargue\n");
    let rows: String = (1..=days).map(row).collect();
    fs::write(
        mission.path("passes.csv"),
        format!("start,end,station\n{rows}"),
    )
    .unwrap();
}

#[test]
fn a_pass_that_is_shorter_than_the_beacon_promises_nothing_to_the_ground() {
    let mission = mission("promises-beacon");
    daily(&mission, 12, "06:00", "07:00");
    let plan = format!("plan bundles/1.ldb --at {START} --json");
    let object = |beacon: &str| {
        let plan = mission.ok(&plan).json();
        assert!(!plan["objects"][0]["p99_s"].is_null(), "{beacon}");
        plan["objects"][0].clone()
    };
    // The third of December, 06:00:08: if a beacon leaves at just the right second.
    let third_s = 1_796_277_608;
    let six_hours = object("6h");
    assert_eq!(six_hours["known_earliest_s"], third_s);
    for never in ["known_p50_s", "known_p90_s", "known_p99_s", "known_s"] {
        assert!(six_hours[never].is_null(), "{never}: {six_hours}");
    }
    // Nobody may ever hear that the image on trial is healthy.
    let both = format!("plan {BOTH} --at {START}");
    let error = mission.fails(&both, 5, "field `trial.lease`");
    assert!(error.contains("a beacon every 6"), "{error}");
    mission.edit("mission.toml", "beacon = \"6h\"", "beacon = \"30min\"");
    mission.ok(&both);
    let half = object("30min");
    let p50_s = half["known_p50_s"].as_u64().unwrap();
    let p99_s = half["known_p99_s"].as_u64().unwrap();
    assert!((third_s + 800..third_s + 1100).contains(&p50_s), "{half}");
    assert!(p50_s < p99_s, "{half}");
    assert_eq!(half["known_s"], third_s + 1799);
}

#[test]
fn an_outage_within_a_pass_makes_it_no_surer() {
    let mission = mission("promises-outage");
    mission.edit("mission.toml", "passes = 0.0", "passes = 0.2");
    daily(&mission, 1, "06:00", "14:00");
    let chance = || {
        let plan = mission
            .ok(&format!("plan bundles/1.ldb --at {START} --json"))
            .json();
        plan["objects"][0]["probability"].as_f64().unwrap()
    };
    let whole = chance();
    assert!((0.79..=0.8).contains(&whole), "{whole}");
    let toml = fs::read_to_string(mission.path("mission.toml")).unwrap();
    let outage = "[[outages]]\nstart = \"2026-12-01T06:00:30Z\"\nend = \"2026-12-01T09:00:00Z\"\nwhy = \"wind\"\n";
    fs::write(mission.path("mission.toml"), format!("{toml}\n{outage}")).unwrap();
    let cut = chance();
    assert!((0.79..=0.8).contains(&cut), "{cut}");
    // Nor do two rows of one station, which adjoin.
    fs::write(mission.path("mission.toml"), toml).unwrap();
    let rows =
        "2026-12-01T06:00:00Z,2026-12-01T06:00:30Z,A\n2026-12-01T06:00:30Z,2026-12-01T14:00:00Z,";
    let with = |station: &str| {
        let text = format!("start,end,station\n{rows}{station}\n");
        fs::write(mission.path("passes.csv"), text).unwrap();
        chance()
    };
    let adjoining = with("A");
    assert!((0.79..=0.8).contains(&adjoining), "{adjoining}");
    assert!(with("B") > 0.9);
}

#[test]
fn a_command_whose_answer_no_pass_hears_is_told_with_the_hours_that_do() {
    let mission = mission("promises-answer");
    daily(&mission, 4, "06:00", "14:00");
    let warned = |ran: &str, what: &str| {
        for part in [
            what,
            "at 2026-12-03T05:00:",
            "no pass is booked that hears it",
            "what goes up from 2026-12-01T10:01:00Z to 2026-12-01T14:00:00Z",
        ] {
            assert!(ran.contains(part), "no `{part}` in:\n{ran}");
        }
    };
    for (line, what) in [
        (
            "region-digest slot-a --len 64",
            "the digest comes down once",
        ),
        (
            "report-request",
            "the report that it asks for comes down once",
        ),
    ] {
        let dry = format!("command {line} --dry-run --at");
        warned(
            &mission.ok(&format!("{dry} 2026-12-01T09:00:00Z")).err,
            what,
        );
        let heard = mission.ok(&format!("{dry} 2026-12-01T11:00:00Z")).err;
        assert!(!heard.contains("comes down once"), "{heard}");
    }
    // A dump goes down eight times, of which a pass hears one.
    let dump = "command dump slot-a --offset 0 --len 64 --dry-run --at 2026-12-01T09:00:00Z";
    assert!(
        !mission
            .ok(dump)
            .err
            .contains("no pass is booked that hears")
    );
    mission.ok("command region-digest slot-a --len 64");
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    for verb in ["plan", "uplink"] {
        let at = |hour: u32| format!("{verb} documents/cmd-1.ldd --at 2026-12-01T{hour:02}:00:00Z");
        let line = match verb {
            "plan" => at(9),
            _ => format!("{} --dry-run", at(9)),
        };
        warned(&mission.ok(&line).err, "the digest comes down once");
        let told = mission.ok(&format!("{line} --json")).json()["warnings"].to_string();
        warned(&told, "the digest comes down once");
    }
    // Who sends what can be sent hears of it, too.
    let best = "uplink documents/cmd-1.ldd --best-effort --at 2026-12-01T09:00:00Z";
    warned(&mission.ok(best).err, "the digest comes down once");
    // Behind that pass no hour of the past is advised.
    let more = "plan documents/cmd-1.ldd --probability 0.99999 --at 2026-12-01T15:00:00Z";
    let more = mission.ok(more).err;
    assert!(
        more.contains("what goes up from 2026-12-02T10:01:00Z"),
        "{more}"
    );
}

#[test]
fn a_plan_by_an_instant_says_when_the_ground_knows_as_any_plan_does() {
    let mission = mission("promises-known");
    daily(&mission, 6, "06:00", "14:00");
    let object = |by: &str| {
        let plan = mission.ok(&format!("plan bundles/1.ldb --at {START} --json {by}"));
        plan.json()["objects"][0].clone()
    };
    // All of it leaves in the first pass; what comes down is heard in those behind it.
    let (any, by_then) = (object(""), object("--target 2026-12-02T13:00:00Z"));
    for known in ["known_earliest_s", "known_p50_s", "known_p99_s", "known_s"] {
        assert!(any[known].is_u64(), "{known}: {any}");
        assert_eq!(any[known], by_then[known], "{known}");
    }
}

#[test]
fn what_would_do_is_what_can_be_booked_and_holds() {
    let mission = mission("promises-target");
    fs::write(mission.path("passes.csv"), "start,end\n").unwrap();
    mission.edit(
        "mission.toml",
        "booking_lead = \"1h\"",
        "booking_lead = \"56d\"",
    );
    mission.edit(
        "mission.toml",
        "shortest_pass = \"10min\"",
        "shortest_pass = \"1h\"",
    );
    let plan = |by: &str| format!("plan bundles/1.ldb --at {START} --target {by}");
    let line = format!("{} --json", plan("2027-03-01T00:00:00Z"));
    let more = mission.ok(&line).json()["target_instant"]["more_passes"].clone();
    let start_s = 1_795_996_800 + 56 * 86_400;
    assert_eq!(
        more,
        serde_json::json!([{ "start_s": start_s, "end_s": start_s + 3600 }])
    );
    // Without a booked pass nothing is reached, whatever one is content with.
    mission.edit(
        "mission.toml",
        "booking_lead = \"56d\"",
        "booking_lead = \"1h\"",
    );
    mission.edit("mission.toml", "passes = 0.0", "passes = 0.3");
    let error = mission.fails(&plan("2026-12-01T12:00:00Z"), 6, "it cannot be done by");
    assert!(
        error.contains("content with --probability 0.69, and to book a pass of 8")
            || error.contains("content with --probability 0.70, and to book a pass of 8"),
        "{error}"
    );
    assert!(
        !error.contains("0.69, and to send") && !error.contains("0.70, and to send"),
        "{error}"
    );
}
