//! What is written for later passes is no wall: an abort, a command, an authorization goes in between, and what was
//! written is taken back in the same decision.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use common::{Mission, START, report};
use lightday_wire::{ObjectNumber, Stage, Verdict};
use serde_json::Value;

/// Behind the first pass.
const LATER: &str = "2026-12-01T16:00:00Z";

/// A mission with two bundles of some sixty symbols, and passes of ten minutes, each of which half of one fills.
fn mission(name: &str) -> Mission {
    let mission = Mission::new(name);
    for n in 1..=2 {
        mission.ok(&format!("build new.bin --version 1.{n}.0 --full"));
        mission.ok(&format!("sign bundles/{n}.ldb --key keys/release-bob.key"));
    }
    let passes: String = (1..=9)
        .map(|d| format!("2026-12-0{d}T06:00:00Z,2026-12-0{d}T06:09:50Z,Malargue,\n"))
        .collect();
    fs::write(
        mission.path("passes.csv"),
        format!("start,end,station,rate_bps\n{passes}"),
    )
    .unwrap();
    mission
}

/// Drafts and signs a command.
fn command(mission: &Mission, what: &str) {
    mission.ok(&format!("command {what}"));
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
}

/// When an object is on board at the earliest by a plan, and what else the verb says.
fn earliest(mission: &Mission, line: &str) -> (u64, String) {
    let ran = mission.ok(&format!("plan {line} --json"));
    let plan = ran.json();
    (plan["objects"][0]["earliest_s"].as_u64().unwrap(), ran.err)
}

/// The runs that status lists.
fn sent(mission: &Mission) -> Vec<Value> {
    let status = mission.ok(&format!("status --json --at {START}")).json();
    status["sent"].as_array().unwrap().clone()
}

/// The symbols of bundle 1 that went, or were not transmitted, in the order of the ledger.
fn symbols(mission: &Mission, went: bool) -> Vec<u64> {
    let of = |s: &Value| {
        let first = s["first"].as_u64().unwrap();
        first..first + s["count"].as_u64().unwrap()
    };
    let all = sent(mission).into_iter();
    let ours = all.filter(|s| s["kind"] == "bundle" && s["number"] == 1);
    let ours = ours.filter(|s| s["unsent_s"].is_null() == went);
    ours.flat_map(|s| of(&s)).collect()
}

/// The frames of a file: what the schedule says of each, its millisecond, and its bytes.
fn frames(mission: &Mission, file: &str) -> Vec<(String, u64, Vec<u8>)> {
    let bytes = fs::read(mission.path(file)).unwrap();
    let schedule = fs::read_to_string(mission.path(file).with_extension("csv")).unwrap();
    let mut rest = bytes.as_slice();
    let frame = |row: &str| {
        let cells: Vec<&str> = row.split(',').collect();
        let (len, behind) = rest.split_first_chunk::<2>().unwrap();
        let (frame, behind) = behind.split_at(u16::from_be_bytes(*len).into());
        rest = behind;
        let name = cells[2..5].join(" ");
        (name, cells[1].parse().unwrap(), frame.to_vec())
    };
    schedule.lines().skip(1).map(frame).collect()
}

fn uplinks(mission: &Mission) -> usize {
    let log = mission.ok("ledger log --json").json();
    let all = log["decisions"].as_array().unwrap().iter();
    all.filter(|d| d["verb"] == "uplink").count()
}

#[test]
fn an_abort_goes_up_in_the_next_pass_and_what_it_gives_up_goes_up_no_more() {
    let mission = mission("between-abort");
    mission.ok(&format!("uplink bundles/1.ldb --best-effort --at {START}"));
    let last_s = sent(&mission).last().unwrap()["ends_s"].as_u64().unwrap();
    assert!(last_s > 1_796_288_400, "over several passes: {last_s}");
    command(&mission, "abort bundle 1");
    let plan = format!("documents/cmd-1.ldd --at {LATER}");
    let (behind_s, said) = earliest(&mission, &plan);
    assert!(behind_s > last_s, "behind the bundle: {behind_s}");
    assert!(said.contains("`--between`"), "{said}");
    let (between_s, said) = earliest(&mission, &format!("--between {plan}"));
    assert!(
        said.contains("not sent any more: bundle 1: a command gives it up"),
        "{said}"
    );

    let (before, known) = (sent(&mission), uplinks(&mission));
    let ran = mission.ok(&format!("uplink --between {plan}"));
    for says in [
        "taken back: uplink/1.frames from 2026-12-01T16:10:00Z on: bundle 1, symbols ",
        "not sent any more: bundle 1: a command gives it up",
    ] {
        assert!(ran.err.contains(says), "no `{says}` in {}", ran.err);
    }
    assert_eq!(uplinks(&mission), known + 1, "one decision");
    let up = frames(&mission, "uplink/2.frames");
    assert!(up.iter().all(|(name, ..)| name.starts_with("command 1 ")));
    // 2 December, 06:00, in the second pass; and so the plan had it.
    assert_eq!(up[0].1, 1_796_191_200_000);
    assert!(between_s < up[0].1 / 1000 + 79_200 + 60, "{between_s}");
    // Nothing is taken out: the same symbols at the same times, and some of them never went.
    let after = sent(&mission);
    let told = |rows: &[Value], field: &str| -> Vec<Value> {
        rows.iter()
            .filter(|r| r["kind"] == "bundle")
            .map(|r| r[field].clone())
            .collect()
    };
    for field in ["first", "count", "starts_s", "ends_s", "file"] {
        assert_eq!(told(&before, field), told(&after, field), "{field}");
    }
    let went = after
        .iter()
        .filter(|r| r["kind"] == "bundle" && r["unsent_s"].is_null());
    assert_eq!(went.count(), 1, "the first pass is over");
    // The second pass is the abort's: nothing of what is left is planned beside it.
    let again = mission.ok(&format!("uplink bundles/2.ldb --frames 1 --at {LATER}"));
    assert!(again.err.contains("2026-12-02T06:00:"), "{}", again.err);
    mission.ok("ledger verify");
}

#[test]
fn a_command_goes_up_between_and_the_bundle_goes_on_with_the_same_symbols() {
    let mission = mission("between-command");
    mission.ok(&format!("uplink bundles/1.ldb --best-effort --at {START}"));
    let (first, all) = (frames(&mission, "uplink/1.frames"), symbols(&mission, true));
    command(&mission, "report-request");
    let line = format!("uplink --between documents/cmd-1.ldd --best-effort --at {LATER}");
    let dry = mission.ok(&format!("{line} --dry-run --json")).json();
    assert_eq!(symbols(&mission, true), all, "a dry run says nothing");
    let done = mission.ok(&format!("{line} --json")).json();
    for field in ["objects", "certificate", "instead"] {
        assert_eq!(dry[field], done[field], "{field}");
    }
    let up = frames(&mission, "uplink/2.frames");
    assert!(up[0].0.starts_with("command 1 "), "{}", up[0].0);
    assert!(up[1].0.starts_with("bundle 1 "), "{}", up[1].0);
    // An index keeps its content, and none goes up twice while a fresh one exists.
    let old: BTreeMap<_, _> = first.iter().map(|(name, _, bytes)| (name, bytes)).collect();
    let same = up
        .iter()
        .filter_map(|(name, _, bytes)| Some((*old.get(name)?, bytes)));
    let same: Vec<_> = same.collect();
    assert!(same.len() > 30 && same.iter().all(|(old, new)| old == new));
    let went = symbols(&mission, true);
    let distinct: BTreeSet<_> = went.iter().copied().collect();
    assert_eq!(distinct.len(), went.len(), "no symbol twice: {went:?}");
    assert!(went.iter().copied().eq(0..went.len() as u64), "{went:?}");
    // What went counts as on its way, what was taken back does not.
    let gone = first
        .iter()
        .filter(|(_, ms, _)| *ms < 1_796_140_800_000)
        .count();
    let bundle = &done["certificate"][1];
    assert_eq!(
        (&bundle["kind"], &bundle["in_flight"]),
        (&"bundle".into(), &gone.into())
    );
    assert_eq!(
        bundle["frames"].as_u64().unwrap() as usize,
        went.len() - gone
    );
    // Two files never have the antenna at once.
    let mut times: Vec<_> = sent(&mission)
        .into_iter()
        .filter(|r| r["unsent_s"].is_null())
        .collect();
    times.retain(|r| r["kind"] == "bundle");
    let span = |r: &Value| {
        (
            r["starts_s"].as_u64().unwrap(),
            r["ends_s"].as_u64().unwrap(),
        )
    };
    assert!(
        times.windows(2).all(|w| span(&w[0]).1 <= span(&w[1]).0),
        "{times:?}"
    );
    mission.ok("ledger verify");
}

#[test]
fn a_report_that_it_is_done_frees_the_passes_to_come() {
    let mission = mission("between-done");
    mission.ok(&format!("uplink bundles/1.ldb --best-effort --at {START}"));
    let number = |n| ObjectNumber::new(n).unwrap();
    let done = report(&mission, 1, |r| {
        r.bundle = Verdict {
            number: number(1),
            stage: Stage::Done,
            ..Verdict::IDLE
        };
        r.next[0] = number(2);
    });
    fs::write(mission.path("done.bin"), done).unwrap();
    let at = "2026-12-04T03:00:00Z";
    mission.ok(&format!("ingest done.bin --at {at}"));
    let line = format!("bundles/2.ldb --best-effort --at {at}");
    let behind = mission.ok(&format!("uplink {line} --dry-run")).err;
    assert!(behind.contains("`--between`"), "{behind}");
    let ran = mission.ok(&format!("uplink --between {line}"));
    let says = "not sent any more: bundle 1: the vehicle takes it no more";
    assert!(ran.err.contains(says), "{}", ran.err);
    let up = frames(&mission, "uplink/2.frames");
    assert!(up.iter().all(|(name, ..)| name.starts_with("bundle 2 ")));
    assert_eq!(up[0].1, 1_796_364_000_000, "4 December, 06:00");
    mission.ok("ledger verify");
}

/// Regression: a report that light does not allow ended the bundle that was laid anew.
#[test]
fn a_report_that_light_does_not_allow_takes_nothing_from_what_is_laid_anew() {
    let mission = mission("between-early");
    mission.ok(&format!("uplink bundles/1.ldb --best-effort --at {START}"));
    let number = |n| ObjectNumber::new(n).unwrap();
    let early = report(&mission, 1, |r| {
        r.bundle = Verdict {
            number: number(1),
            stage: Stage::Done,
            ..Verdict::IDLE
        };
        r.next[0] = number(2);
    });
    fs::write(mission.path("early.bin"), early).unwrap();
    mission.ok("ingest early.bin --at 2026-12-01T06:05:00Z");
    command(&mission, "report-request");
    let line = "documents/cmd-1.ldd --between --best-effort";
    let plan = mission.ok("plan documents/cmd-1.ldd --between --at 2026-12-01T16:00:00Z");
    let next = "Next: lightday uplink --between documents/cmd-1.ldd\n";
    assert!(plan.err.contains(next), "{}", plan.err);
    let ran = mission.ok(&format!("uplink {line} --at {LATER}"));
    assert!(!ran.err.contains("takes it no more"), "{}", ran.err);
    let up = frames(&mission, "uplink/2.frames");
    let bundle = up.iter().filter(|(name, ..)| name.starts_with("bundle 1 "));
    assert!(bundle.count() > 20, "{}", ran.err);
    mission.ok("ledger verify");
}

#[test]
fn a_pass_that_is_under_way_is_cut_amid_its_frames() {
    let mission = mission("between-amid");
    mission.edit("mission.toml", "lead = \"10min\"", "lead = \"1min\"");
    mission.ok(&format!("uplink bundles/1.ldb --best-effort --at {START}"));
    command(&mission, "report-request");
    let line = "uplink --between documents/cmd-1.ldd --best-effort --at 2026-12-01T06:02:00Z";
    // The schedule alone tells which frames are meant; without it the pass that is under way is left as it is.
    let schedule = fs::read(mission.path("uplink/1.csv")).unwrap();
    fs::remove_file(mission.path("uplink/1.csv")).unwrap();
    let dry = mission.ok(&format!("{line} --dry-run"));
    assert!(
        dry.err
            .contains("the pass that is under way is left as it is"),
        "{}",
        dry.err
    );
    assert!(
        dry.err.contains("command 1: ") && dry.err.contains("2026-12-02T06:00:00Z"),
        "{}",
        dry.err
    );
    fs::write(mission.path("uplink/1.csv"), schedule).unwrap();
    mission.ok(line);
    let cut_ms = 1_796_104_980_000; // 06:03
    let first = frames(&mission, "uplink/1.frames");
    let gone: Vec<_> = first.iter().filter(|f| f.1 < cut_ms).collect();
    let up = frames(&mission, "uplink/2.frames");
    let over_ms = gone.last().unwrap().1 + gone.last().unwrap().2.len() as u64 * 80;
    assert!(
        up[0].1 >= over_ms && up[0].1 < over_ms + 2000,
        "{over_ms} {}",
        up[0].1
    );
    assert_eq!(up[0].0, "command 1 0");
    let fresh = format!("bundle 1 {}", gone.len());
    assert_eq!(up[1].0, fresh);
    let went = symbols(&mission, true);
    assert!(went.iter().copied().eq(0..went.len() as u64), "{went:?}");
    mission.ok("ledger verify");
}

#[test]
fn what_is_taken_back_twice_is_laid_anew_once() {
    let mission = mission("between-twice");
    mission.ok(&format!("uplink bundles/1.ldb --best-effort --at {START}"));
    command(&mission, "report-request");
    mission.ok(&format!(
        "uplink --between documents/cmd-1.ldd --best-effort --at {LATER}"
    ));
    // A second bundle behind it, and then all of that is laid anew for a second command.
    mission.ok(&format!("uplink bundles/2.ldb --best-effort --at {LATER}"));
    mission.ok("command report-request");
    mission.ok("sign documents/cmd-2.ldd --key keys/flight-dan.key");
    let ran = mission.ok(&format!(
        "uplink --between documents/cmd-2.ldd --best-effort --at {LATER}"
    ));
    for says in [
        "taken back: uplink/2.frames from",
        "taken back: uplink/3.frames from",
    ] {
        assert!(ran.err.contains(says), "no `{says}` in {}", ran.err);
    }
    assert!(
        !ran.err.contains("taken back: uplink/1.frames"),
        "{}",
        ran.err
    );
    let went = symbols(&mission, true);
    assert!(went.iter().copied().eq(0..went.len() as u64), "{went:?}");
    // The first command was not heard either, and goes up again, before the bundles in their order.
    let up = frames(&mission, "uplink/4.frames");
    let mut order: Vec<String> = Vec::new();
    for (name, ..) in &up {
        let name = name.rsplit_once(' ').unwrap().0.to_owned();
        if !order.contains(&name) {
            order.push(name);
        }
    }
    assert_eq!(order[1], "bundle 1", "{order:?}");
    assert!(
        order[0] == "command 2" || order[0] == "command 1",
        "{order:?}"
    );
    assert_eq!(
        order.iter().filter(|n| n.starts_with("command")).count(),
        2,
        "{order:?}"
    );
    mission.ok("ledger verify");
}

#[test]
fn nothing_leaves_before_it_can_be_at_the_antenna() {
    let mission = Mission::with_bundle("between-lead");
    let line = "uplink bundles/1.ldb --frames 1 --at 2026-12-01T07:00:00Z --dry-run";
    let first = |mission: &Mission| mission.ok(line).err;
    assert!(
        first(&mission).contains("from 2026-12-01T07:10:00Z to"),
        "{}",
        first(&mission)
    );
    mission.edit("mission.toml", "lead = \"10min\"", "lead = \"2h\"");
    assert!(
        first(&mission).contains("from 2026-12-01T09:00:00Z to"),
        "{}",
        first(&mission)
    );
    mission.edit("mission.toml", "lead = \"2h\"\n", "");
    assert!(
        first(&mission).contains("from 2026-12-01T07:00:00Z to"),
        "{}",
        first(&mission)
    );
    mission.edit("mission.toml", "[plan]\n", "[plan]\nlead = \"31d\"\n");
    mission.fails(line, 3, "field `plan.lead`");
}

#[test]
fn what_comes_between_amid_a_pass_begins_when_the_frame_on_the_air_is_over() {
    let mission = mission("between-amid");
    mission.edit("mission.toml", "lead = \"10min\"\n", "");
    for n in 1..=2 {
        mission.ok("command report-request");
        mission.ok(&format!(
            "sign documents/cmd-{n}.ldd --key keys/flight-dan.key"
        ));
    }
    // Frames of the command lie eight frames apart.
    let both = "documents/cmd-1.ldd bundles/1.ldb --best-effort";
    mission.ok(&format!("uplink {both} --at {START}"));
    let up = frames(&mission, "uplink/1.frames");
    let from_ms = 1_796_104_920_000;
    let last = up.iter().rposition(|(_, ms, _)| *ms < from_ms).unwrap();
    assert!(up[last].0.starts_with("bundle"), "{}", up[last].0);
    let next = &up[last + 1];
    mission.ok("uplink --between documents/cmd-2.ldd --at 2026-12-01T06:02:00Z --best-effort");
    let first = frames(&mission, "uplink/2.frames")[0].clone();
    assert_eq!(first.0, "command 2 0");
    assert!(
        (next.1..next.1 + 2000).contains(&first.1),
        "{} behind {}",
        first.1,
        next.1
    );
}
