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
fn an_alarm_of_earliness_alone_ends_once_a_later_report_says_the_same() {
    let mission = Mission::with_bundle("early-at");
    mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    hear(&mission, 9, "2026-12-01T06:02:00Z", done);
    let shown = mission.ok("status --at 2026-12-01T07:00:00Z").out;
    assert!(shown.starts_with("ALARM: report 9 claims"), "{shown}");
    assert!(shown.contains("--redate --at INSTANT"), "{shown}");
    // One that says less, or that light does not allow either, ends nothing; nor does one that contradicts it.
    let failed = |r: &mut Report| {
        done(r);
        r.bundle = verdict(1, Stage::Failed);
    };
    for (sequence, at, change) in [
        (10, "2026-12-02T00:00:00Z", done as fn(&mut Report)),
        (11, "2026-12-04T00:00:00Z", |_| {}),
        (12, "2026-12-04T00:00:00Z", failed),
    ] {
        let heard = hear(&mission, sequence, at, change);
        let claim = &heard["claims"][0];
        assert!(claim["verdict_report"].is_number(), "{sequence}: {heard}");
    }
    let at = "2026-12-04T00:10:00Z";
    let heard = hear(&mission, 13, at, done);
    assert_eq!(heard["claims"], json!([]), "{heard}");
    let ended: Vec<_> = [9, 10].iter().map(|n| json!(n)).collect();
    let caught_up = status(&mission, at)["caught_up"].clone();
    let reports: Vec<_> = caught_up
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["report"].clone())
        .collect();
    assert_eq!(reports, ended, "{caught_up}");
    // Whoever holds the link key may have guessed it: so it is told, as a note.
    let shown = mission.ok(&format!("status --at {at}")).out;
    assert!(
        shown.starts_with("note: report 9, taken in 2026-12-01T06:02:00Z"),
        "{shown}"
    );
    assert!(!shown.contains("ALARM: report 9"), "{shown}");
}

#[test]
fn a_number_that_was_never_sent_from_here_ends_by_no_later_report() {
    let mission = Mission::with_bundle("early-unsent-claim");
    mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    for sequence in [9, 10] {
        let heard = hear(&mission, sequence, "2026-12-04T00:00:00Z", carried_out);
        assert_eq!(heard["claims"][0]["next_why"], "not sent", "{heard}");
        assert_eq!(heard["caught_up"], json!([]), "{heard}");
    }
}

#[test]
fn an_instant_that_was_wrong_is_mended_by_taking_the_file_in_again() {
    let mission = Mission::with_bundle("early-redate");
    mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    hear(&mission, 9, "2026-12-01T06:02:00Z", done);
    let at = "2026-12-04T00:00:00Z";
    // Taken in again without a word nothing changes: a recording must not quieten an alarm.
    let again = mission.ok(&format!("ingest 9.bin --json --at {at}")).json();
    assert_eq!(
        (&again["duplicates"], &again["claims"][0]["next"]),
        (&json!(1), &json!(2))
    );
    mission.fails("ingest 9.bin --redate", 2, "no instant is named");
    let dry = mission
        .ok(&format!("ingest 9.bin --redate --dry-run --json --at {at}"))
        .json();
    assert_eq!(dry["redated"], json!([9]));
    assert_eq!(status(&mission, at)["claims"][0]["next"], 2);
    let said = mission.ok(&format!("ingest 9.bin --redate --at {at}")).out;
    assert!(
        said.contains("report 9: taken in 2026-12-04T00:00:00Z, not 2026-12-01T06:02:00Z"),
        "{said}"
    );
    let shown = status(&mission, at);
    assert_eq!(
        (&shown["claims"], &shown["caught_up"]),
        (&json!([]), &json!([])),
        "{shown}"
    );
    assert_eq!(shown["heard_at_s"], 1_796_342_400);
    assert_eq!(
        became(&mission, "bundle", at),
        ("[1,7] completion: success".into(), true)
    );
    let none = mission.ok(&format!("ingest 9.bin --redate --at {at}")).err;
    assert!(none.contains("none is dated anew"), "{none}");
    mission.ok("ledger verify");
}

#[test]
fn an_instant_in_the_future_is_warned_of_never_believed_and_mended() {
    let mission = Mission::with_bundle("early-year");
    mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    let idle = |r: &mut Report| r.time_s = 1_796_040_000;
    fs::write(mission.path("r.bin"), report(&mission, 9, idle)).unwrap();
    // A slip in the year.
    let said = mission.ok("ingest r.bin --at 2027-12-01T12:00:00Z").err;
    assert!(
        said.contains("left at 2026-11-30T12:00:00Z by the onboard clock, 365.1 d before"),
        "{said}"
    );
    // At the right instant all frames of the first passes are on their way, and the report is a light time old.
    let at = "2026-12-01T13:00:00Z";
    let ran = mission.ok(&format!("status --json --at {at}"));
    assert_eq!(ran.json()["age_s"], 22 * 3600, "{}", ran.out);
    assert!(
        ran.err
            .contains("stands in the ledger as taken in 2027-12-01T12:00:00Z"),
        "{}",
        ran.err
    );
    let in_flight = |mission: &Mission| {
        let plan = mission.ok(&format!("plan bundles/1.ldb --json --at {at}"));
        plan.json()["objects"][0]["in_flight"].clone()
    };
    let planned = mission.ok(&format!("plan bundles/1.ldb --at {at}")).err;
    assert!(planned.contains("stands in the ledger"), "{planned}");
    // The instant of another verb is that of its own file.
    let elsewhere = mission.ok("ingest r.bin --at 2026-12-01T11:00:00Z").err;
    assert!(!elsewhere.contains("stands in the ledger"), "{elsewhere}");
    let found = in_flight(&mission);
    assert!(found.as_u64().unwrap() > 0, "{found}");
    let said = mission.ok("ingest r.bin --redate --at 2026-12-01T12:00:00Z");
    assert!(said.out.contains("1 known already"), "{}", said.out);
    let ran = mission.ok(&format!("status --json --at {at}"));
    assert_eq!(ran.json()["age_s"], 23 * 3600);
    assert!(!ran.err.contains("stands in the ledger"), "{}", ran.err);
    assert_eq!(in_flight(&mission), found);
    mission.ok("ledger verify");
}

#[test]
fn an_instant_decades_ahead_is_refused_before_anything_is_written() {
    let mission = Mission::with_bundle("early-far");
    mission.states_twin();
    let before = mission.ok("ledger log").out;
    let files = mission.files();
    for line in [
        "status",
        "command hold",
        "plan bundles/1.ldb",
        "keygen flight eve",
    ] {
        let line = format!("{line} --at 9999-12-31T23:59:59Z");
        let said = mission.fails(&line, 2, "field `--at`");
        assert!(said.contains("more than 20 years beyond"), "{said}");
        assert!(said.contains("hint: check the year"), "{said}");
    }
    assert_eq!(
        (mission.ok("ledger log").out, mission.files()),
        (before, files)
    );
    // What may be meant is not.
    mission.ok("status --at 2045-01-01T00:00:00Z");
    mission.edit("mission.toml", "beacon = \"6h\"", "beacon = \"1s\"");
    mission.fails("status", 3, "must be from 1 min to 136 years");
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
