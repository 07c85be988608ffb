//! docs/JSON.md has every field that a verb prints in JSON, and none besides.

mod common;

use std::collections::BTreeSet;
use std::fs;

use common::page::Page;
use common::reading::{LATER, dump_line, number, parts, send_at, shows_by};
use common::{Dir, Mission, START, packet, report, run, seal_answer};
use lightday_trust::digest::sha256;
use lightday_wire::Digest;
use lightday_wire::report::flags;
use serde_json::Value;

/// Behind all passes of a mission.
const BY: &str = "--target 2026-12-10T00:00:00Z";

fn json(mission: &Mission, line: &str) -> Value {
    mission.ok(&format!("{line} --json")).json()
}

/// A mission with a bundle, a twin, and no policy.
fn mission(name: &str) -> Mission {
    let mission = Mission::with_bundle(name);
    mission.states_twin();
    mission.any_evidence();
    mission
}

#[test]
fn what_comes_before_the_sending_is_on_the_page() {
    let page = Page::read();
    let fresh = Mission::new("json-build");
    let built = "build new.bin --version 1.1.0 --base old.bin --base-version 1.0.0 --dry-run";
    page.holds("build", &[json(&fresh, built)], &[]);

    let mission = mission("json-before");
    // A pass beside does if none is lost as a whole.
    mission.edit("mission.toml", "passes = 0.05", "passes = 0.0");
    let rehearsed = format!("rehearse bundles/1.ldb --base old.bin --seeds 1 --at {START}");
    page.holds("rehearse", &[json(&mission, &rehearsed)], &[]);
    page.holds("verify", &[json(&mission, "verify bundles/1.ldb")], &[]);
    let root = "00".repeat(32);
    let drafts = [
        format!("authorize 1 --evidence-root {root} --at {START}"),
        format!("command {} --at {START}", dump_line("slot-b")),
        format!("keygen successor --at {START}"),
        format!("command boot-golden --dry-run --at {START}"),
    ];
    let drafts = drafts.map(|line| json(&mission, &line));
    page.holds("draft", &drafts, &[]);
    let documents = [
        "bundles/1.ldb",
        "documents/auth-1.ldd",
        "documents/cmd-1.ldd",
        "documents/keyset-1.ldd",
    ];
    let documents = documents.map(|file| json(&mission, &format!("inspect {file}")));
    page.holds("inspect", &documents, &[]);

    let plan = format!("plan bundles/1.ldb --at {START}");
    page.holds("plan", &[json(&mission, &plan)], &[]);
    let soon = "--target 2026-12-02T04:00:20Z";
    let asked = [soon, BY].map(|by| json(&mission, &format!("{plan} {by}")));
    page.holds("plan-by-an-instant", &asked, &[]);
    let sent = json(&mission, &format!("uplink bundles/1.ldb --at {START}"));
    page.holds(
        "inspect-frames",
        &[json(&mission, "inspect uplink/1.frames")],
        &[],
    );
    let unsent = format!("uplink --unsent uplink/1.frames --at {START}");
    let part = "--from 2026-12-01T06:00:10Z --until 2026-12-01T06:00:20Z";
    let unsent = [format!("{unsent} {part}"), unsent].map(|line| json(&mission, &line));
    // Nothing else goes up between the frames of the bundle.
    page.holds("uplink-unsent", &unsent, &["objects[].before_s"]);
    page.holds("ledger-log", &[json(&mission, "ledger log")], &[]);
    page.holds("ledger-verify", &[json(&mission, "ledger verify")], &[]);
    // A command goes in between what is written again.
    mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    let between = format!("uplink documents/cmd-1.ldd --between --at {START}");
    let between = json(&mission, &between);
    page.holds(
        "uplink",
        &[sent, between],
        &["instead[].objects[].before_s"],
    );
    let backup = fs::read(mission.path("ledger.sqlite")).unwrap();
    mission.ok("command report-request");
    fs::write(mission.path("ledger.sqlite"), backup).unwrap();
    page.holds("ledger-skip", &[json(&mission, "ledger skip")], &[]);
}

/// A file of everything that can be heard: what is true, what is strange, what contradicts itself, what is damaged.
fn heard(mission: &Mission) -> Vec<u8> {
    let slot = common::reading::slot(mission, "old.bin");
    // One part of the two: the other one is a gap.
    let both = parts(mission, &slot);
    let shown = |says, clock_s| packet(&shows_by(mission, says, clock_s));
    let mut damaged = report(mission, 12, |_| {});
    *damaged.last_mut().unwrap() ^= 1;
    let lost = report(mission, 13, |r| {
        (r.time_s, r.flags) = (0, flags::RECORD_LOST);
    });
    [
        shown((7, 1, Some("old.bin")), 1_796_000_000),
        shown((9, 3, Some("old.bin")), 1_796_200_000),
        // Its sequence is older, its clock later; it claims numbers.
        packet(&report(mission, 8, |r| {
            (r.time_s, r.next[0]) = (1_796_300_000, number(40));
        })),
        both[..both.len() / 2].to_vec(),
        packet(&seal_answer(mission, 2, sha256(&slot))),
        packet(&seal_answer(mission, 9, Digest([5; 32]))),
        packet(&damaged),
        packet(&lost),
    ]
    .concat()
}

#[test]
fn what_comes_behind_the_sending_is_on_the_page() {
    let page = Page::read();
    let mission = mission("json-behind");
    send_at(&mission, &dump_line("slot-b"), 1, START);
    send_at(&mission, "region-digest slot-b --len 16384", 2, START);
    let file = heard(&mission);
    fs::write(mission.path("heard.bin"), file).unwrap();
    let ran = mission.run(&format!("ingest heard.bin --json --at {LATER}"));
    assert_eq!(ran.code, 4, "a packet is damaged: {}", ran.err);
    // No report of these came early only.
    let none = ["caught_up[].by", "caught_up[].came_s", "caught_up[].report"];
    page.holds("ingest", &[ran.json()], &none);
    page.holds(
        "status",
        &[json(&mission, &format!("status --at {LATER}"))],
        &none,
    );
    let dumped = json(&mission, "dump 1 out.bin --gaps --dry-run");
    page.holds("dump", &[dumped], &[]);
    let mut packets = packet(&report(&mission, 7, |_| {}));
    let mut damaged = report(&mission, 12, |_| {});
    *damaged.last_mut().unwrap() ^= 1;
    packets.extend(packet(&damaged));
    fs::write(mission.path("reports.bin"), packets).unwrap();
    page.holds(
        "inspect-reports",
        &[json(&mission, "inspect reports.bin")],
        &[],
    );
}

#[test]
fn what_is_simulated_is_on_the_page() {
    let page = Page::read();
    let dir = Dir::new("json-simulated");
    let of = |line: &str| {
        let ran = run(&dir.0, line);
        assert_eq!(ran.code, 0, "{line}: {}", ran.err);
        ran.json()
    };
    page.holds("demo", &[of("demo --json")], &[]);
    let one = "crash-test --geometry 4x4096 --scene update --ecc off";
    let all = of(&format!("{one} --depth 0 --no-flips --no-faults --json"));
    // There is none, or the crash test would fail.
    let none = ["violations[].violation", "violations[].replay"];
    page.holds("crash-test", &[all], &none);
    let life = of(&format!("{one} --cuts 37:torn --json"));
    page.holds("crash-test-one-life", &[life], &[]);
}

/// The verbs under a command line, by the help of the program itself.
fn verbs(dir: &Dir, of: &str) -> Vec<String> {
    let help = run(&dir.0, &format!("{of} --help")).out;
    let listed = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let lines = listed.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(|name| format!("{of} {name}").trim().to_owned())
        .collect()
}

#[test]
fn every_verb_with_json_has_its_section() {
    let page = Page::read();
    let sections: BTreeSet<&str> = page.sections().collect();
    let dir = Dir::new("json-verbs");
    let mut with_json = 0;
    let mut left = verbs(&dir, "");
    assert!(left.len() > 20, "{left:?}");
    while let Some(verb) = left.pop() {
        let below = verbs(&dir, &verb);
        let is_draft = ["command", "authorize", "keygen successor"].contains(&verb.as_str());
        if !below.is_empty() && !is_draft {
            left.extend(below);
            continue;
        }
        if run(&dir.0, &format!("{verb} --help"))
            .out
            .contains("--json")
        {
            let section = if is_draft {
                "draft".to_owned()
            } else {
                verb.replace(' ', "-")
            };
            assert!(
                sections.contains(section.as_str()),
                "docs/JSON.md has no section for `lightday {verb}`"
            );
            with_json += 1;
        }
    }
    assert!(with_json > 20, "{with_json}");
}
