//! When a report was taken in, what the vehicle's own clock said, and how old what it proves is at least.

mod common;

use std::fs;

use common::{Mission, report};
use serde_json::Value;

/// 2026-12-02T08:26:40Z, as the vehicle tells the time in its reports.
const ONBOARD_S: u64 = 1_796_200_000;

/// A mission that took one report in, with this onboard clock, at this instant.
fn heard(name: &str, time_s: u32, at: &str) -> Mission {
    let mission = Mission::new(name);
    let bytes = report(&mission, 1, |r| r.time_s = time_s);
    fs::write(mission.path("report.bin"), bytes).unwrap();
    mission.ok(&format!("ingest report.bin --at {at}"));
    mission
}

#[test]
fn the_clock_on_board_stands_beside_the_instant_of_the_ledger() {
    let mission = heard("clock", 1_796_200_000, "2026-12-04T00:00:00Z");
    let shown = mission.ok("status --at 2026-12-05T20:00:00Z").out;
    for says in [
        "taken in     2026-12-04T00:00:00Z, as the ledger keeps it",
        "left         2026-12-03T02:00:00Z at the latest: one light time (22.0 h) before it was taken in",
        "onboard      2026-12-02T08:26:40Z by the vehicle's own clock, 17.6 h before that",
        "age          66.0 h at least: 3.00 light times",
    ] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
    let status = mission.ok("status --json --at 2026-12-05T20:00:00Z").json();
    assert_eq!(status["heard_at_s"], 1_796_342_400);
    assert_eq!(status["proven_at_s"], 1_796_342_400 - 79_200);
    assert_eq!(status["onboard_clock_s"], ONBOARD_S);
    assert_eq!(status["onboard_clock_ahead_s"], -63_200);
    assert_eq!(status["age_s"], 66 * 3600);
    assert_eq!(status["age_light_times"], 3.0);
}

#[test]
fn a_file_of_several_days_is_said_to_be_taken_in_as_of_one_instant() {
    let mission = Mission::new("clock-days");
    let clock = |day: u32| u32::try_from(ONBOARD_S).unwrap() + day * 86_400;
    for (first_day, days, heard, is_told) in [(0, 0, 4, false), (0, 1, 4, false), (2, 3, 8, true)] {
        let sequence = 2 * days + 1;
        let mut file = report(&mission, sequence, |r| r.time_s = clock(first_day));
        file.extend(report(&mission, sequence + 1, |r| {
            r.time_s = clock(first_day + days);
        }));
        fs::write(mission.path("days.bin"), file).unwrap();
        let at = format!("2026-12-0{heard}T00:00:00Z");
        let said = mission.ok(&format!("ingest days.bin --at {at}")).err;
        let note = "left 72.0 h apart, and all are taken in as of 2026-12-08T00:00:00Z";
        assert_eq!(said.contains(note), is_told, "{days}: {said}");
        assert_eq!(said.contains("--at"), is_told, "{days}: {said}");
    }
}

#[test]
fn a_clock_that_is_ahead_or_unknown_is_said_to_be() {
    let ahead = heard("clock-ahead", 1_796_200_000, "2026-12-03T06:26:30Z");
    let shown = ahead.ok("status --at 2026-12-04T00:00:00Z").out;
    assert!(
        shown.contains("own clock, 10.0 s after that: it is fast"),
        "{shown}"
    );

    let unknown = heard("clock-unknown", 0, "2026-12-04T00:00:00Z");
    let shown = unknown.ok("status --at 2026-12-04T00:00:00Z").out;
    assert!(
        shown.contains("onboard      unknown: the vehicle does not know the time"),
        "{shown}"
    );
    let status = unknown.ok("status --json --at 2026-12-04T00:00:00Z").json();
    assert_eq!(status["onboard_clock_s"], Value::Null);
    assert_eq!(status["onboard_clock_ahead_s"], Value::Null);
}

#[test]
fn the_instant_of_the_ledger_is_not_that_of_the_command() {
    let mission = heard("clock-ingest", 1_796_200_000, "2026-12-04T00:00:00Z");
    for at in ["2026-12-04T00:00:00Z", "2026-12-20T00:00:00Z"] {
        let status = mission.ok(&format!("status --json --at {at}")).json();
        assert_eq!(status["heard_at_s"], 1_796_342_400, "{at}");
        assert_eq!(status["onboard_clock_s"], ONBOARD_S, "{at}");
    }
    let nothing = Mission::new("clock-nothing");
    let status = nothing.ok("status --json").json();
    for field in [
        "heard_at_s",
        "onboard_clock_s",
        "onboard_clock_ahead_s",
        "age_light_times",
    ] {
        assert_eq!(status[field], Value::Null, "{field}");
    }
}
