//! A sending that is given up, replaced, interrupted or goes on from an older ledger: no symbol twice while there is a
//! fresh one, and no number for two things.

mod common;

use std::collections::BTreeSet;
use std::fs;

use common::{Mission, START, report};
use lightday_wire::{ObjectNumber, Stage, Verdict};
use serde_json::Value;

/// A mission with two bundles of some symbols each.
fn mission(name: &str) -> Mission {
    let mission = Mission::new(name);
    for version in ["1.1.0", "1.2.0"] {
        mission.ok(&format!("build new.bin --version {version} --full"));
    }
    for n in 1..=2 {
        mission.ok(&format!("sign bundles/{n}.ldb --key keys/release-bob.key"));
    }
    mission
}

/// Drafts, signs and sends a command; returns the name of its file of frames.
fn command(mission: &Mission, n: u32, what: &str, at: &str) -> String {
    mission.ok(&format!("command {what}"));
    mission.ok(&format!(
        "sign documents/cmd-{n}.ldd --key keys/flight-dan.key"
    ));
    let ran = mission.ok(&format!("uplink documents/cmd-{n}.ldd --at {at} --json"));
    ran.json()["file"].as_str().unwrap().to_owned()
}

/// The symbols of bundle 1 that each uplink sent, in order.
fn symbols(mission: &Mission) -> Vec<u64> {
    let status = mission.ok(&format!("status --json --at {START}")).json();
    let sent = status["sent"].as_array().unwrap().iter();
    let ours = sent.filter(|s| s["kind"] == "bundle" && s["number"] == 1);
    let of = |s: &Value| {
        let first = s["first"].as_u64().unwrap();
        first..first + s["count"].as_u64().unwrap()
    };
    ours.flat_map(of).collect()
}

#[test]
fn a_bundle_that_was_given_up_goes_up_no_more() {
    let mission = mission("sending-abort");
    mission.ok(&format!("uplink bundles/1.ldb --frames 3 --at {START}"));
    mission.ok("command abort bundle 1");
    // A draft gives nothing up, and nor does what is only signed.
    mission.ok(&format!("uplink bundles/1.ldb --frames 1 --at {START}"));
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    mission.ok(&format!(
        "uplink documents/cmd-1.ldd --at {START} --out abort.frames"
    ));
    let error = mission.fails(
        &format!("uplink bundles/1.ldb --at {START}"),
        5,
        "field `number`: bundle 1 was given up: command 1, which was sent, aborts it",
    );
    assert!(error.contains("--unsent"), "{error}");
    // The newer one takes its place.
    mission.ok(&format!("uplink bundles/2.ldb --frames 3 --at {START}"));
    // The pass was cancelled, and nothing was given up.
    mission.ok("uplink --unsent abort.frames");
    mission.ok(&format!("uplink bundles/1.ldb --frames 1 --at {START}"));
    assert_eq!(symbols(&mission), [0, 1, 2, 3, 4]);
}

#[test]
fn a_sending_pauses_for_others_and_goes_on_with_fresh_symbols() {
    let mission = mission("sending-pause");
    mission.ok(&format!("uplink bundles/1.ldb --frames 20 --at {START}"));
    // The other bundle, a command and two days come between.
    mission.ok(&format!("uplink bundles/2.ldb --frames 10 --at {START}"));
    command(&mission, 1, "report-request", START);
    mission.ok("uplink bundles/1.ldb --best-effort --at 2026-12-03T07:00:00Z");
    let sent = symbols(&mission);
    let distinct: BTreeSet<_> = sent.iter().collect();
    assert_eq!(distinct.len(), sent.len(), "no symbol twice: {sent:?}");
    assert!(sent.len() > 60 && sent.is_sorted(), "{sent:?}");
}

/// The certificate of the latest uplink.
fn certificate(mission: &Mission) -> Value {
    let log = mission.ok("ledger log --json").json();
    let last = log["decisions"].as_array().unwrap().last().unwrap();
    let what: Value = serde_json::from_str(last["what"].as_str().unwrap()).unwrap();
    what["certificate"][0].clone()
}

#[test]
fn a_sending_in_two_parts_has_the_certificate_of_one() {
    let mission = mission("sending-parts");
    let number = |of: &Value, field: &str| of[field].as_f64().unwrap();
    let whole = &mission
        .ok(&format!("plan bundles/1.ldb --at {START} --json"))
        .json()["objects"][0];
    let frames = number(whole, "frames");
    mission.ok(&format!("uplink bundles/1.ldb --frames 20 --at {START}"));
    let left = &mission
        .ok(&format!("plan bundles/1.ldb --at {START} --json"))
        .json()["objects"][0];
    assert_eq!(
        (&left["in_flight"], &left["needed"]),
        (&20.into(), &whole["k"])
    );
    mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    let kept = certificate(&mission);
    // The rest of the first pass is lost with its begin: all as if it had gone up in one.
    assert_eq!(number(&kept, "frames"), frames - 20.0, "{kept}");
    let apart = number(&kept, "probability") - number(whole, "probability");
    assert!(apart.abs() < 1e-9, "{apart}");
    assert_eq!(
        (&kept["in_flight"], &kept["probability"]),
        (&20.into(), &left["probability"])
    );
    assert!(
        (0.999..1.0).contains(&number(&kept, "probability")),
        "{kept}"
    );
    assert_eq!(
        symbols(&mission).len() as f64,
        20.0 + number(&kept, "frames")
    );

    // It does now, for plans as for uplinks; whoever wants to be surer, or knows more, sends more.
    let error = mission.fails(
        &format!("uplink bundles/1.ldb --at {START}"),
        5,
        "bundle 1: ",
    );
    assert!(
        error.contains("on their way") && error.contains("--afresh"),
        "{error}"
    );
    let surer = format!("uplink bundles/1.ldb --probability 0.99999 --at {START} --dry-run");
    mission.ok(&surer);
    // Nor does one that is booked no more, or that an outage takes.
    let mission_toml = fs::read_to_string(mission.path("mission.toml")).unwrap();
    let outage = "\n[[outages]]\nstart = \"2026-12-02T00:00:00Z\"\nend = \"2026-12-04T00:00:00Z\"\nwhy = \"works\"\n";
    fs::write(mission.path("mission.toml"), mission_toml.clone() + outage).unwrap();
    mission.ok(&format!(
        "uplink bundles/1.ldb --best-effort --at {START} --dry-run"
    ));
    fs::write(mission.path("mission.toml"), mission_toml).unwrap();
    // A pass of which it is known that nobody sent anything brings nothing: a fourth one has to.
    mission.edit(
        "passes.csv",
        "2026-12-01T14:00:00Z,Malargue,\n",
        "2026-12-01T14:00:00Z,Malargue,,0.99\n",
    );
    let more = mission
        .ok(&format!(
            "uplink bundles/1.ldb --at {START} --dry-run --json"
        ))
        .json();
    let counts = more["objects"].as_array().unwrap().iter();
    let sum: u64 = counts.map(|run| run["count"].as_u64().unwrap()).sum();
    assert!((54..183).contains(&sum), "{more}");
}

#[test]
fn what_went_up_between_others_keeps_its_certificate() {
    let mission = mission("sending-between");
    // Neighbours are lost together, and frames that others lie between less often.
    mission.edit("mission.toml", "mean_burst = 1.0", "mean_burst = 10.0");
    mission.ok("command report-request");
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    let all = format!("bundles/1.ldb documents/cmd-1.ldd --at {START} --json");
    let sent = mission.ok(&format!("uplink {all}")).json();
    let places = |of: usize| sent["objects"][of]["places"].to_string();
    assert!(places(1).starts_with("[[0,"), "{sent}");
    assert!(places(0).starts_with("[[1,7,1],[9,7,1],"), "{sent}");
    let left = mission.ok(&format!("plan {all}")).json();
    for (kept, left) in certificates(&sent, &left) {
        assert_eq!(
            (&left["in_flight"], &left["frames"]),
            (&kept["frames"], &0.into())
        );
        let chance = |of: &Value| of["probability"].as_f64().unwrap();
        let apart = chance(left) - chance(kept);
        assert!(apart.abs() < 1e-9, "{apart}: {kept} {left}");
    }
    // What goes up in the rest of the pass is behind all of them.
    let surer = all.replace("--at", "--probability 0.99999 --at");
    let more = mission.ok(&format!("uplink {surer}")).json();
    let left = mission.ok(&format!("plan {surer}")).json();
    for (kept, left) in certificates(&more, &left) {
        let chance = |of: &Value| of["probability"].as_f64().unwrap();
        let apart = chance(left) - chance(kept);
        assert!(apart.abs() < 1e-9, "{apart}: {kept} {left}");
    }
}

/// The certificate of each object of an uplink, and what a plan says of it.
fn certificates<'a>(
    sent: &'a Value,
    plan: &'a Value,
) -> impl Iterator<Item = (&'a Value, &'a Value)> {
    let kept = sent["certificate"].as_array().unwrap().iter();
    kept.zip(plan["objects"].as_array().unwrap())
}

#[test]
fn what_is_on_its_way_is_said_to_do_by_an_instant() {
    let mission = mission("sending-target");
    mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    let by = |at: &str, by: &str| format!("plan bundles/1.ldb --at {at} --target {by}");
    let said = mission.ok(&by(START, "2026-12-10T00:00:00Z")).out;
    let sent = symbols(&mission).len();
    for words in [
        "By 2026-12-10T00:00:00Z: yes. bundle 1 is on board with 0.999".to_owned(),
        format!("nothing more has to go up, {sent} frames of it went up already.\n"),
    ] {
        assert!(said.contains(&words), "no `{words}` in:\n{said}");
    }
    // Nor when no pass is left.
    let late = mission
        .ok(&by("2026-12-04T15:00:00Z", "2026-12-10T00:00:00Z"))
        .out;
    assert!(late.contains("nothing more has to go up"), "{late}");
    // What arrives later does nothing by then.
    mission.fails(
        &by(START, "2026-12-02T04:00:20Z"),
        6,
        "2026-12-02T04:00:20Z",
    );
}

#[test]
fn an_abort_never_goes_up_beside_what_it_gives_up() {
    let mission = mission("sending-beside");
    mission.ok(&format!("uplink bundles/1.ldb --frames 3 --at {START}"));
    mission.ok("command abort bundle 1");
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    let error = mission.fails(
        &format!("uplink documents/cmd-1.ldd bundles/1.ldb --at {START}"),
        5,
        "bundles/1.ldb: field `number`: bundle 1 is given up by command 1",
    );
    assert!(error.contains("documents/cmd-1.ldd"), "{error}");
    // Its replacement does, in one call.
    mission.ok(&format!(
        "uplink documents/cmd-1.ldd bundles/2.ldb --at {START}"
    ));
}

/// What `uplink` refuses, and what an abort gives up beside what it names, is said by all that comes before.
#[test]
fn a_mistaken_abort_is_warned_of_by_drafts_and_plans() {
    let mission = mission("sending-mistaken");
    mission.any_evidence();
    mission.ok(&format!("uplink bundles/1.ldb --frames 3 --at {START}"));
    // Bundle 1 is on its way: nobody meant it.
    let also = "to abort bundle 2 gives bundle 1 up as well";
    let warned = |line: &str, what: &str| {
        let ran = mission.ok(line);
        let in_json = mission.ok(&format!("{line} --json"));
        assert!(
            ran.err.contains(&format!("warning: {what}")),
            "{line}: {}",
            ran.err
        );
        let warnings = in_json.json()["warnings"].clone();
        assert!(
            warnings[0].as_str().is_some_and(|w| w.starts_with(what)),
            "{line}: {warnings}"
        );
    };
    warned("command abort bundle 2 --dry-run", also);
    mission.ok("command abort bundle 2");
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    warned(&format!("plan documents/cmd-1.ldd --at {START}"), also);
    let target = "--target 2026-12-10T00:00:00Z";
    warned(
        &format!("plan documents/cmd-1.ldd --at {START} {target}"),
        also,
    );
    let beside = "`lightday uplink` refuses this: bundles/1.ldb: field `number`: bundle 1 is given up by command 1";
    warned(
        &format!("plan documents/cmd-1.ldd bundles/1.ldb --at {START}"),
        beside,
    );
    let ran = mission.ok(&format!("uplink documents/cmd-1.ldd --at {START}"));
    assert!(ran.err.contains(also), "{}", ran.err);
    let was = "`lightday uplink` refuses this: bundles/1.ldb: field `number`: bundle 1 was given up: command 1, which was sent, aborts it";
    warned(&format!("plan bundles/1.ldb --at {START}"), was);
    let root = "00".repeat(32);
    let arms = format!("authorize 1 --evidence-root {root} --dry-run --at {START}");
    warned(
        &arms,
        "bundle 1 was given up: command 1, which was sent, aborts it",
    );
    // What names all that it gives up, or what is given up already, is nobody's mistake.
    for line in [
        "command abort bundle 1 --dry-run --json",
        "command abort bundle 2 --dry-run --json",
        "command report-request --dry-run --json",
    ] {
        assert_eq!(
            mission.ok(line).json()["warnings"],
            serde_json::json!([]),
            "{line}"
        );
    }
}

/// Whoever asks for an instant is told what the twin expects, as by every plan.
#[test]
fn a_plan_by_an_instant_asks_the_twin() {
    let mission = Mission::with_bundle("sending-twin");
    mission.states_twin();
    let line = format!("plan bundles/1.ldb --at {START}");
    let target = "--target 2026-12-10T00:00:00Z";
    let plain = mission.ok(&format!("{line} --json")).json();
    let asked = mission.ok(&format!("{line} {target} --json")).json();
    assert_eq!(plain["twin"]["verdicts"][0]["stage"], "done", "{plain}");
    assert_eq!(asked["twin"], plain["twin"]);
    let said = mission.ok(&format!("{line} {target}")).err;
    assert!(said.contains("the twin expects"), "{said}");
    assert!(said.contains("[1,7] completion: success"), "{said}");
    // Where nothing can go up there is nothing to ask about.
    let never = mission
        .run(&format!("{line} --target 2026-11-30T01:00Z --json"))
        .json();
    assert!(never["twin"].is_null(), "{never}");
}

#[test]
fn a_pass_that_is_over_counts_the_same_when_its_row_is_taken_out() {
    let mission = mission("sending-pruned");
    let row = "2026-12-01T06:00:00Z,2026-12-01T14:00:00Z,Malargue,";
    let odd = "2026-12-01T06:00:00Z,2026-12-01T14:00:00Z,Malargue,,0.4,79300s";
    mission.edit("passes.csv", &format!("{row}\n"), &format!("{odd}\n"));
    let second = "2026-12-02T14:00:00Z,Malargue,";
    mission.edit("passes.csv", second, &format!("{second},,79400s"));
    mission.ok(&format!("uplink bundles/1.ldb --frames 44 --at {START}"));
    let planned = || {
        let plan = mission.ok("plan bundles/1.ldb --at 2026-12-01T20:00:00Z --json");
        plan.json()["objects"].clone()
    };
    let before = planned();
    assert_eq!(before[0]["in_flight"], 44, "{before}");
    mission.edit("passes.csv", &format!("{odd}\n"), "");
    assert_eq!(planned(), before);
    // While the row is there it has the say: people may know by now that the pass was lost.
    let next = "2026-12-02T06:00:00Z,";
    let lost = row.to_owned() + ",0.99,79300s\n" + next;
    mission.edit("passes.csv", next, &lost);
    assert_ne!(planned(), before);
    mission.ok("ledger verify");
}

/// An antenna turns out to have been dead: what it sent does not count as on its way.
#[test]
fn an_outage_that_is_entered_for_a_pass_of_the_past_loses_its_frames() {
    let mission = mission("sending-outage");
    mission.ok(&format!("uplink bundles/1.ldb --frames 44 --at {START}"));
    let planned = || {
        let plan = mission.ok("plan bundles/1.ldb --at 2026-12-01T20:00:00Z --json");
        plan.json()["objects"][0].clone()
    };
    let before = planned();
    let outage = "[[outages]]\nstart = \"2026-12-01T00:00:00Z\"\nend = \"2026-12-01T16:00:00Z\"\nwhy = \"dead transmitter\"\n";
    let toml = fs::read_to_string(mission.path("mission.toml")).unwrap();
    fs::write(mission.path("mission.toml"), format!("{toml}\n{outage}")).unwrap();
    let after = planned();
    let frames = |object: &serde_json::Value| object["frames"].as_u64().unwrap();
    assert!(frames(&after) >= frames(&before) + 44, "{before}\n{after}");
}

#[test]
fn frames_of_an_epoch_that_is_left_are_not_counted() {
    let mission = mission("sending-epoch");
    mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    let again = format!("uplink bundles/1.ldb --at {START} --dry-run --json");
    mission.fails(&again, 5, "bundle 1: ");
    let other = mission.ok(&format!("{again} --epoch 1")).json();
    assert!(other["objects"][0]["count"].as_u64() > Some(1), "{other}");
}

#[test]
fn what_was_sent_after_a_report_left_is_counted_and_only_what_lacks_is_sent() {
    let mission = mission("sending-late");
    mission.ok(&format!("uplink bundles/1.ldb --frames 40 --at {START}"));
    let k = mission
        .ok(&format!("plan bundles/1.ldb --at {START} --json"))
        .json()["objects"][0]["k"]
        .as_u64()
        .unwrap();
    let heard = report(&mission, 5, |r| {
        r.bundle = Verdict {
            number: ObjectNumber::new(1).unwrap(),
            stage: Stage::Receiving,
            ..Verdict::IDLE
        };
        r.symbols_needed = u16::try_from(k).unwrap() - 36;
    });
    fs::write(mission.path("5.bin"), heard).unwrap();
    mission.ok("ingest 5.bin --at 2026-12-03T04:30:00Z");
    let dry = "uplink bundles/1.ldb --at 2026-12-03T05:00:00Z --probability 0.5 --dry-run --json";
    let run = &mission.ok(dry).json()["objects"][0];
    assert_eq!(run["first"], 40, "fresh symbols");
    let count = run["count"].as_u64().unwrap();
    assert!(
        (k - 36..k - 30 + 10).contains(&count),
        "{count} for {} that lack",
        k - 36
    );
}

#[test]
fn a_ledger_from_before_a_number_was_given_out_never_gives_it_out_again() {
    let mission = mission("sending-restored");
    let backup = fs::read(mission.path("ledger.sqlite")).unwrap();
    mission.ok("build old.bin --version 1.3.0 --full");
    mission.ok("sign bundles/3.ldb --key keys/release-bob.key");
    mission.ok(&format!("uplink bundles/3.ldb --frames 5 --at {START}"));
    command(&mission, 1, "report-request", START);
    fs::write(mission.path("ledger.sqlite"), backup).unwrap();
    for aside in ["ledger.sqlite-wal", "ledger.sqlite-shm"] {
        let _ = fs::remove_file(mission.path(aside));
    }
    let files = mission.files();
    for (line, file) in [
        ("build new.bin --version 1.4.0 --full", "bundles/3.ldb"),
        ("command boot-golden", "documents/cmd-1.ldd"),
    ] {
        let error = mission.fails(line, 7, &format!("{file}: is there already"));
        assert!(error.contains("--accept-numbers"), "{error}");
    }
    // What this ledger does not know never goes up from it.
    mission.fails(
        &format!("uplink bundles/3.ldb --at {START}"),
        5,
        "the ledger knows no bundle 3",
    );
    assert_eq!(mission.files(), files);
    // The vehicle says what it has seen, and people say that the ledger is the one that is wrong.
    let heard = report(&mission, 9, |r| {
        r.next = [1, 1, 2, 1].map(|n| ObjectNumber::new(n).unwrap());
        r.bundle = Verdict {
            number: ObjectNumber::new(3).unwrap(),
            stage: Stage::Receiving,
            ..Verdict::IDLE
        };
    });
    fs::write(mission.path("9.bin"), heard).unwrap();
    let said = mission.ok("ingest 9.bin").out;
    assert!(said.starts_with("ALARM"), "{said}");
    mission.ok("ingest 9.bin --accept-numbers 9");
    let built = mission.ok("build new.bin --version 1.4.0 --full").out;
    assert!(built.contains("bundles/4.ldb"), "{built}");
    mission.ok("command boot-golden");
    assert!(mission.path("documents/cmd-2.ldd").exists());
}
