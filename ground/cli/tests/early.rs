//! Reports that light does not allow yet: they are told, kept, and not believed. Honest ones raise no alarm.

mod common;

use std::fs;

use common::{Mission, START, report};
use lightday_wire::{ObjectNumber, Refusal, Report, Stage, Verdict};
use serde_json::{Value, json};

fn number(n: u32) -> ObjectNumber {
    ObjectNumber::new(n).unwrap()
}

fn verdict(n: u32, stage: Stage) -> Verdict {
    Verdict {
        number: number(n),
        stage,
        refusal: Refusal::None,
    }
}

/// Bundle 1 is done.
fn done(report: &mut Report) {
    report.bundle = verdict(1, Stage::Done);
    report.next[0] = number(2);
}

/// Command 1 is done.
fn carried_out(report: &mut Report) {
    report.command = verdict(1, Stage::Done);
    report.next[2] = number(2);
}

/// What `ingest` says of a report that comes at an instant.
fn hear(mission: &Mission, sequence: u32, at: &str, change: impl FnOnce(&mut Report)) -> Value {
    let name = format!("{sequence}.bin");
    fs::write(mission.path(&name), report(mission, sequence, change)).unwrap();
    mission
        .ok(&format!("ingest {name} --json --at {at}"))
        .json()
}

fn status(mission: &Mission, at: &str) -> Value {
    mission.ok(&format!("status --json --at {at}")).json()
}

/// What `status` says became of an object.
fn became(mission: &Mission, kind: &str, at: &str) -> (String, bool) {
    let status = status(mission, at);
    let all = status["verdicts"].as_array().unwrap().clone();
    let one = all.iter().find(|v| v["kind"] == kind && v["number"] == 1);
    let one = one.unwrap();
    (
        one["verdict"].as_str().unwrap().to_owned(),
        one["used_up"] == true,
    )
}

fn send_command(mission: &Mission, line: &str) {
    mission.ok(line);
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    mission.ok(&format!("uplink documents/cmd-1.ldd --at {START}"));
}

#[test]
fn a_verdict_before_light_allows_it_is_told_and_not_believed() {
    // Two minutes after the first frame left; and two days before it does, on a computer whose clock is behind.
    for at in ["2026-12-01T06:02:00Z", "2026-11-28T12:00:00Z"] {
        let mission = Mission::with_bundle("early");
        mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
        let heard = hear(&mission, 9, at, done);
        let claim = &heard["claims"][0];
        assert_eq!(
            (&claim["next"], &claim["next_why"]),
            (&json!(2), &json!("too early")),
            "{heard}"
        );
        assert_eq!(claim["verdict_why"], "too early");
        // Facts that light does not allow stand beside what is believed, and are told apart.
        let facts = ["bundle", "next numbers"];
        assert_eq!(heard["not_believed"], json!(facts), "{heard}");
        assert_eq!(status(&mission, at)["not_believed"], json!(facts));
        let shown = mission.ok(&format!("status --at {at}")).out;
        let line = |name: &str| shown.lines().find(|l| l.starts_with(name)).unwrap();
        assert!(
            line("bundle  ").contains("1 done (not believed)"),
            "{shown}"
        );
        assert!(line("next numbers").contains("(not believed)"), "{shown}");
        assert!(!line("running").contains("not believed"), "{shown}");
        assert!(
            shown.starts_with("ALARM: report 9 claims that bundle 2 comes next; it came "),
            "{shown}"
        );
        assert!(
            shown.contains("light allows none before 2026-12-03T01:00:"),
            "{shown}"
        );
        let (became, is_used) = became(&mission, "bundle", at);
        assert_eq!((became.as_str(), is_used), ("not reported", false));
        // It ends no sending.
        let more = "uplink bundles/1.ldb --afresh --at 2026-12-01T15:00:00Z";
        let more = mission.ok(more).err;
        assert!(more.contains("light does not allow that report"), "{more}");
        let dry = "uplink bundles/1.ldb --afresh --dry-run --json --at 2026-12-01T15:00:00Z";
        let warnings = mission.ok(dry).json()["warnings"].to_string();
        assert!(
            warnings.contains("light does not allow that report"),
            "{warnings}"
        );
        mission.ok("ledger verify");
    }
}

#[test]
fn what_takes_more_symbols_than_can_be_there_is_not_believed() {
    let mission = Mission::with_bundle("early-few");
    mission.ok(&format!("uplink bundles/1.ldb --frames 1 --at {START}"));
    let heard = hear(&mission, 9, "2026-12-04T00:00:00Z", done);
    assert_eq!(
        heard["claims"][0]["verdict_why"], "too few symbols",
        "{heard}"
    );
    let at = "2026-12-04T01:00:00Z";
    assert_eq!(
        became(&mission, "bundle", at),
        ("not reported".into(), false)
    );
    let more = "uplink bundles/1.ldb --probability 0.9";
    let more = mission.ok(&format!("{more} --at {at}")).err;
    assert!(more.contains("it is sent all the same"), "{more}");
    // A bundle is refused early by its first frames, under a signature that holds.
    let mission = Mission::with_bundle("early-refused");
    mission.ok(&format!("uplink bundles/1.ldb --frames 1 --at {START}"));
    let heard = hear(&mission, 9, "2026-12-04T00:00:00Z", |r| {
        done(r);
        r.bundle = Verdict {
            refusal: Refusal::UnknownKey,
            ..verdict(1, Stage::Refused)
        };
    });
    assert_eq!(heard["claims"], json!([]));
    mission.fails(
        &format!("uplink bundles/1.ldb --at {at}"),
        5,
        "does not take bundle 1",
    );
}

#[test]
fn a_number_that_an_old_backup_gave_out_twice_has_not_the_verdict_of_the_first() {
    let mission = Mission::with_bundle("early-twice");
    let backup = fs::read(mission.path("ledger.sqlite")).unwrap();
    send_command(&mission, "command report-request");
    for file in fs::read_dir(mission.path("documents")).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    fs::write(mission.path("ledger.sqlite"), backup).unwrap();
    for aside in ["ledger.sqlite-wal", "ledger.sqlite-shm"] {
        let _ = fs::remove_file(mission.path(aside));
    }
    mission.ok("command boot-golden");
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    mission.ok("uplink documents/cmd-1.ldd --probability 0.9 --at 2026-12-03T03:00:00Z");
    // The vehicle tells of the first, an hour after the second began to leave.
    let at = "2026-12-03T07:00:00Z";
    let heard = hear(&mission, 4, at, carried_out);
    assert_eq!(heard["claims"][0]["next_why"], "too early", "{heard}");
    assert_eq!(
        became(&mission, "command", at),
        ("not reported".into(), false)
    );
    // People say that the ledger is an old backup: the number is used up, by whatever it was.
    mission.ok(&format!("ingest 4.bin --accept-numbers 4 --at {at}"));
    assert_eq!(status(&mission, at)["claims"], json!([]));
    assert_eq!(
        became(&mission, "command", at),
        ("used up: no report has its verdict".into(), true)
    );
}

#[test]
fn what_light_allows_raises_no_alarm() {
    let none = json!([]);
    // In the first second in which the first pass can be heard of, less an hour for clocks; of a resend, too.
    let mission = Mission::with_bundle("early-not");
    mission.ok(&format!("uplink bundles/1.ldb --frames 3 --at {START}"));
    mission.ok("uplink bundles/1.ldb --afresh --at 2026-12-02T04:00:00Z");
    let heard = hear(&mission, 1, "2026-12-03T02:00:00Z", |r| {
        r.bundle = verdict(1, Stage::Receiving);
        r.symbols_needed = 1;
    });
    assert_eq!(heard["claims"], none, "{heard}");
    let heard = hear(&mission, 2, "2026-12-04T04:00:00Z", done);
    assert_eq!(heard["claims"], none, "{heard}");
    let at = "2026-12-04T05:00:00Z";
    assert!(became(&mission, "bundle", at).0.contains("completion"));
    // Frames that are said never to have been transmitted may have been, and an abort gives up what was never sent.
    let mission = Mission::with_bundle("early-unsent");
    send_command(&mission, "command abort bundle 1");
    mission.ok(&format!("uplink --unsent uplink/1.frames --at {START}"));
    let heard = hear(&mission, 1, "2026-12-04T00:00:00Z", |r| {
        carried_out(r);
        r.bundle = verdict(1, Stage::Failed);
        r.next[0] = number(2);
    });
    assert_eq!(heard["claims"], none, "{heard}");
}

#[test]
fn a_report_that_was_taken_in_under_a_wrong_instant_ends_its_alarm_as_the_alarm_says() {
    let mission = Mission::with_bundle("early-at");
    mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    hear(&mission, 9, "2026-12-01T06:02:00Z", done);
    // A later one says the same, and is believed; what the first one said stays as it was taken in.
    let at = "2026-12-04T00:00:00Z";
    let heard = hear(&mission, 10, at, done);
    assert_eq!(heard["not_believed"], json!([]), "{heard}");
    assert_eq!(heard["claims"][0]["next_report"], 9, "{heard}");
    let shown = mission.ok(&format!("status --at {at}")).out;
    let says = "lightday ingest FILE --accept-numbers SEQUENCE ends this alarm";
    assert!(shown.contains(says), "{shown}");
    mission.ok(&format!("ingest 9.bin --accept-numbers 9 --at {at}"));
    let shown = status(&mission, at);
    assert_eq!(shown["claims"], json!([]), "{shown}");
    assert_eq!(
        became(&mission, "bundle", at),
        ("[1,7] completion: success".into(), true)
    );
}

#[test]
fn a_light_time_that_is_mended_takes_the_alarm_back() {
    let mission = Mission::with_bundle("early-mended");
    mission.edit(
        "mission.toml",
        "light_time = \"22h\"",
        "light_time = \"30h\"",
    );
    send_command(&mission, "command report-request");
    let at = "2026-12-03T03:00:00Z";
    let heard = hear(&mission, 1, at, carried_out);
    assert_eq!(heard["claims"][0]["next_why"], "too early", "{heard}");
    mission.edit(
        "mission.toml",
        "light_time = \"30h\"",
        "light_time = \"22h\"",
    );
    assert_eq!(status(&mission, at)["claims"], json!([]));
    assert_eq!(
        became(&mission, "command", at),
        ("[1,7] completion: success".into(), true)
    );
    // A longer one of a later year makes nothing false that was true.
    let mission = Mission::with_bundle("early-later");
    send_command(&mission, "command report-request");
    assert_eq!(hear(&mission, 1, at, carried_out)["claims"], json!([]));
    mission.edit(
        "mission.toml",
        "light_time = \"22h\"",
        "light_time = \"40h\"",
    );
    assert_eq!(status(&mission, at)["claims"], json!([]));
}

#[test]
fn every_verb_that_writes_doubts_a_clock_before_the_last_decision() {
    let mission = Mission::with_bundle("early-clock");
    fs::write(mission.path("r.bin"), report(&mission, 1, |_| {})).unwrap();
    let doubts = |line: &str| {
        let said = mission.ok(line).err;
        said.matches("which is before the last decision").count()
    };
    for line in [
        "command report-request",
        "ingest r.bin",
        "build old.bin --version 1.2.0 --full",
        "plan bundles/1.ldb",
    ] {
        mission.ok("command report-request --at 2036-12-01T00:00:00Z");
        assert_eq!(doubts(line), 1, "{line}");
    }
    // What was decided last is of today then.
    mission.ok("command report-request");
    assert_eq!(doubts("command report-request"), 0);
}

#[test]
fn an_onboard_clock_beyond_the_instant_of_reception_is_warned_of_when_it_comes() {
    let mission = Mission::with_bundle("early-future");
    let ingest = |sequence: u32, time_s: u32| {
        let bytes = report(&mission, sequence, |r| r.time_s = time_s);
        fs::write(mission.path("r.bin"), bytes).unwrap();
        mission.ok("ingest r.bin --at 2026-12-04T00:00:00Z").err
    };
    let said = ingest(1, 2_000_000_000);
    assert!(
        said.contains("2033-05-18T03:33:20Z for the onboard clock"),
        "{said}"
    );
    let said = ingest(2, 1_796_200_000);
    assert!(!said.contains("onboard clock"), "{said}");
}
