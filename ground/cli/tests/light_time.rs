//! The light time of the past: rows of passes.csv that are over may be taken out, and nothing that was heard, sent or
//! expected gets another date by it.

mod common;

use std::fs;

use common::{Mission, START, packet, report};
use serde_json::Value;

/// Behind three passes that state a light time, and before the last one.
const NOW: &str = "2026-12-03T20:00:00Z";

/// A mission with a twin whose vehicle goes away, some of whose bundle went up in the first pass, and that was heard in
/// the third.
fn mission(name: &str) -> Mission {
    let mission = Mission::with_bundle(name);
    mission.states_twin();
    for (day, light_s) in [(1, 79_300), (2, 80_000), (3, 80_800)] {
        let row = format!("2026-12-0{day}T14:00:00Z,Malargue,");
        mission.edit(
            "passes.csv",
            &format!("{row}\n"),
            &format!("{row},,{light_s}s\n"),
        );
    }
    mission.ok(&format!("uplink bundles/1.ldb --frames 2 --at {START}"));
    let heard = report(&mission, 7, |r| r.time_s = 0);
    fs::write(mission.path("heard.bin"), packet(&heard)).unwrap();
    mission.ok("ingest heard.bin --at 2026-12-03T07:00:00Z");
    mission
}

/// All that the mission knows and expects.
fn told(mission: &Mission) -> [Value; 2] {
    let status = mission.ok(&format!("status --json --at {NOW}")).json();
    let plan = mission
        .ok(&format!("plan bundles/1.ldb --json --at {NOW}"))
        .json();
    [status, plan]
}

/// Takes rows out that begin on these days.
fn prune(mission: &Mission, days: &[u32]) {
    let path = mission.path("passes.csv");
    let rows = fs::read_to_string(&path).unwrap();
    let is_over = |row: &&str| {
        days.iter()
            .any(|day| row.starts_with(&format!("2026-12-0{day}T06")))
    };
    let left: Vec<&str> = rows.lines().filter(|row| !is_over(row)).collect();
    assert_eq!(left.len() + days.len(), rows.lines().count());
    fs::write(path, left.join("\n") + "\n").unwrap();
}

#[test]
fn rows_of_the_past_may_be_taken_out_and_nothing_changes() {
    for days in [&[1][..], &[2], &[1, 2], &[1, 2, 3]] {
        let mission = mission("light-pruned");
        let before = told(&mission);
        // A light time before 07:00, as it was on that morning: nothing of mission.toml.
        let left_s = before[0]["proven_at_s"].as_u64().unwrap();
        assert!(
            (1_796_281_200 - 80_900..1_796_281_200 - 80_700).contains(&left_s),
            "{left_s}"
        );
        prune(&mission, days);
        assert_eq!(told(&mission), before, "{days:?}");
        mission.ok("ledger verify");
    }
}

#[test]
fn a_row_that_is_there_has_the_say_and_is_kept_anew_once() {
    let mission = mission("light-mended");
    let before = told(&mission);
    mission.edit("passes.csv", ",,80800s", ",,80700s");
    let mended = told(&mission);
    assert_ne!(mended[0]["proven_at_s"], before[0]["proven_at_s"]);
    // It is kept with the next decision, and no other.
    let heard = report(&mission, 8, |r| r.time_s = 0);
    fs::write(mission.path("heard.bin"), packet(&heard)).unwrap();
    mission.ok("ingest heard.bin --at 2026-12-03T08:00:00Z");
    let log = mission.ok("ledger log --json").json();
    let last = log["decisions"].as_array().unwrap().last().unwrap();
    let what: Value = serde_json::from_str(last["what"].as_str().unwrap()).unwrap();
    assert_eq!(what["light_times"].as_array().unwrap().len(), 1, "{what}");
    let mended = told(&mission);
    prune(&mission, &[1, 2, 3]);
    assert_eq!(told(&mission), mended);
}
