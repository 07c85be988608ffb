//! A file of frames over several passes, of which one is cancelled, or from one of which on nothing goes up: said of that
//! time alone.

mod common;

use std::fs;

use common::{Mission, START};
use serde_json::Value;

const FILE: &str = "uplink/1.frames";

/// A bundle of some sixty symbols that is written for several passes of ten minutes.
fn mission(name: &str) -> Mission {
    let mission = Mission::new(name);
    mission.ok("build new.bin --version 1.1.0 --full");
    mission.ok("sign bundles/1.ldb --key keys/release-bob.key");
    let passes: String = (1..=9)
        .map(|d| format!("2026-12-0{d}T06:00:00Z,2026-12-0{d}T06:10:00Z,Malargue,\n"))
        .collect();
    let passes = format!("start,end,station,rate_bps\n{passes}");
    fs::write(mission.path("passes.csv"), passes).unwrap();
    mission.ok(&format!("uplink bundles/1.ldb --best-effort --at {START}"));
    mission
}

/// First symbol, count, begin, and whether it went, of all that was written.
fn runs(mission: &Mission) -> Vec<(u64, u64, u64, bool)> {
    let status = mission.ok(&format!("status --json --at {START}")).json();
    let number = |s: &Value, field: &str| s[field].as_u64().unwrap();
    let run = |s: &Value| {
        let went = s["unsent_s"].is_null();
        (
            number(s, "first"),
            number(s, "count"),
            number(s, "starts_s"),
            went,
        )
    };
    status["sent"].as_array().unwrap().iter().map(run).collect()
}

fn in_flight(mission: &Mission, at: &str) -> u64 {
    let plan = mission
        .ok(&format!("plan bundles/1.ldb --json --at {at}"))
        .json();
    plan["objects"][0]["in_flight"].as_u64().unwrap()
}

#[test]
fn a_cancelled_pass_of_several_is_said_by_its_time() {
    let mission = mission("paused-cancelled");
    let written = runs(&mission);
    assert!(written.len() > 3, "{written:?}");
    let late = "2026-12-03T15:00:00Z";
    // Three passes are over: that none of their frames left is not said by the way.
    let error = mission.fails(
        &format!("uplink --unsent {FILE} --dry-run --at {late}"),
        5,
        FILE,
    );
    for says in [
        "of which 3 began",
        "--from the begin of the pass",
        "2026-12-02T06:00:00Z",
        "--until",
    ] {
        assert!(error.contains(says), "no `{says}` in {error}");
    }
    let second = "--from 2026-12-02T06:00:00Z --until 2026-12-03T06:00:00Z";
    let line = format!("uplink --unsent {FILE} {second} --at {late}");
    let before = in_flight(&mission, late);
    let dry = mission.ok(&format!("{line} --dry-run --json")).json();
    assert_eq!(runs(&mission), written);
    let said = mission.ok(&line);
    assert!(
        said.out
            .contains("from 2026-12-02T06:00:00Z until 2026-12-03T06:00:00Z: not transmitted"),
        "{}",
        said.out
    );
    assert!(
        said.err.contains("Next: lightday uplink ") && said.err.contains("bundles/1.ldb"),
        "{}",
        said.err
    );
    let after = runs(&mission);
    for (place, (was, is)) in written.iter().zip(&after).enumerate() {
        assert_eq!((was.0, was.1, was.2), (is.0, is.1, is.2));
        assert_eq!(is.3, place != 1, "{after:?}");
    }
    assert_eq!(dry["objects"][0]["first"], written[1].0);
    assert_eq!(in_flight(&mission, late), before - written[1].1);
    let error = mission.fails(&line, 5, "not taken back before");
    assert!(error.contains("2026-12-01T06:00:00Z to"), "{error}");
    // The symbols behind it went, or will: fresh ones follow those.
    mission.ok(&format!("uplink bundles/1.ldb --best-effort --at {late}"));
    let last = *written.last().unwrap();
    assert_eq!(runs(&mission)[written.len()].0, last.0 + last.1);
    mission.ok("ledger verify");
}

#[test]
fn a_sending_pauses_and_goes_on_with_the_symbols_that_never_went() {
    let mission = mission("paused");
    let written = runs(&mission);
    let frames = fs::read(mission.path(FILE)).unwrap();
    // Before its second pass; what is to come may be taken back without a word of the first.
    let at = "2026-12-01T15:00:00Z";
    mission.ok(&format!(
        "uplink --unsent {FILE} --from 2026-12-02T00:00:00Z --at {at}"
    ));
    assert_eq!(in_flight(&mission, at), written[0].1);
    let status = mission.ok(&format!("status --at {at}")).out;
    assert!(status.contains("never: not transmitted"), "{status}");
    // A week later.
    mission.ok("uplink bundles/1.ldb --best-effort --at 2026-12-05T15:00:00Z");
    let resumed = runs(&mission)[written.len()];
    assert_eq!((resumed.0, resumed.3), (written[0].1, true));
    // The same index is the same bytes.
    let again = fs::read(mission.path("uplink/2.frames")).unwrap();
    let one = 2 + usize::from(u16::from_be_bytes([again[0], again[1]]));
    assert!(frames.windows(one).any(|w| w == &again[..one]));
    // The rest of the first file was taken back: what is left of it is said as a whole.
    mission.ok(&format!("uplink --unsent {FILE} --at {at}"));
    assert!(runs(&mission)[..written.len()].iter().all(|run| !run.3));
    mission.fails(
        &format!("uplink --unsent {FILE} --from 2026-12-01T00:00:00Z --at {at}"),
        5,
        "said before",
    );
    mission.ok("ledger verify");
}

#[test]
fn an_instant_amid_a_pass_needs_the_schedule_that_the_uplink_wrote() {
    let mission = mission("paused-amid");
    let written = runs(&mission);
    let line = format!(
        "uplink --unsent {FILE} --from 2026-12-01T06:03:00Z --until 2026-12-01T06:04:00Z --at {START}"
    );
    let path = mission.path("uplink/1.csv");
    let schedule = fs::read_to_string(&path).unwrap();
    let short: Vec<&str> = schedule.lines().take(20).collect();
    for other in [
        short.join("\n"),
        schedule.replace(",bundle,1,", ",bundle,2,"),
        schedule.replace("179610", "179611"),
    ] {
        fs::write(&path, other).unwrap();
        let error = mission.fails(&line, 3, "uplink/1.csv: this is not the schedule");
        assert!(error.contains("name the begin of a pass"), "{error}");
    }
    fs::write(&path, &schedule).unwrap();
    mission.ok(&line);
    let planned = schedule
        .lines()
        .skip(1)
        .map(|row| row.split(',').nth(1).unwrap().parse::<u64>().unwrap());
    let meant = planned.filter(|ms| (1_796_104_980_000..1_796_105_040_000).contains(ms));
    let after = runs(&mission);
    let cut: Vec<_> = after.iter().filter(|run| !run.3).collect();
    assert_eq!(
        (cut.len(), cut[0].1),
        (1, meant.count() as u64),
        "{after:?}"
    );
    assert_eq!(
        after.len(),
        written.len() + 2,
        "what went before it, and behind it"
    );
    assert_eq!(
        after.iter().map(|r| r.1).sum::<u64>(),
        written.iter().map(|r| r.1).sum::<u64>()
    );
    // --from and --until belong to --unsent.
    let with = "cannot be used with";
    mission.fails(&format!("uplink bundles/1.ldb --from {START}"), 2, with);
    mission.fails(&format!("uplink bundles/1.ldb --until {START}"), 2, with);
    mission.fails(
        &format!("uplink --unsent {FILE} --until {START}"),
        2,
        "--from",
    );
}
