//! Reports and answers that are forged under a stolen link key: the ground is told, and is not led.

mod common;

use std::fs;

use common::{Mission, START, report};
use lightday_station::link_keys::HeldKeys;
use lightday_trust::Direction;
use lightday_trust::digest::sha256;
use lightday_wire::answer::{self, Answer};
use lightday_wire::report::ReportFrame;
use lightday_wire::{Digest, Epoch, ObjectNumber, SlotState, Stage, VehicleId, canon};

fn number(n: u32) -> ObjectNumber {
    ObjectNumber::new(n).unwrap()
}

fn answer(mission: &Mission, command: u32, digest: u8) -> Vec<u8> {
    answer_under(
        mission,
        ("keys/link-0.key", Epoch::FIRST),
        (command, digest),
    )
}

fn answer_under(
    mission: &Mission,
    (key, epoch): (&str, Epoch),
    (command, digest): (u32, u8),
) -> Vec<u8> {
    let text = fs::read_to_string(mission.path(key)).unwrap();
    let keys = HeldKeys::from_text(&text).unwrap();
    let key = keys.frame_key(VehicleId(1), Direction::Down, epoch);
    let answer = Answer {
        command: number(command),
        digest: Digest([digest; 32]),
    };
    let mut body = [0; 64];
    let body = canon::encode(&answer, &mut body).unwrap();
    let mut bytes = vec![0; answer::ANSWER_LEN];
    assert_eq!(
        key.unwrap().seal_answer(body, &mut bytes),
        Some(answer::ANSWER_LEN)
    );
    let mut packet = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    packet.extend(bytes);
    packet
}

/// The same report under another link epoch.
fn under(mission: &Mission, epoch: u8, frame: &[u8]) -> Vec<u8> {
    let text = fs::read_to_string(mission.path("keys/link.key")).unwrap();
    let keys = HeldKeys::from_text(&text).unwrap();
    let epoch = Epoch::new(epoch).unwrap();
    let key = keys.frame_key(VehicleId(1), Direction::Down, epoch);
    let body = ReportFrame::parse(frame).unwrap().body;
    let mut bytes = vec![0; frame.len()];
    assert_eq!(
        key.unwrap().seal_report(body, &mut bytes),
        Some(frame.len())
    );
    bytes
}

#[test]
fn a_forged_report_takes_no_number_and_blocks_no_command() {
    let mission = Mission::with_bundle("forged-numbers");
    let forged = report(&mission, 9, |r| {
        r.next = [number(0xff_ffff); 4];
        r.command.number = number(77);
    });
    fs::write(mission.path("forged.bin"), forged).unwrap();
    let said = mission.ok("ingest forged.bin").out;
    for says in ["command 16777215 comes next", "verdict on command 77"] {
        assert!(said.contains(says), "{said}");
    }
    let status = mission.ok("status").out;
    assert!(status.starts_with("ALARM"), "{status}");
    // A later report takes the alarm from nobody.
    fs::write(mission.path("later.bin"), report(&mission, 10, |_| {})).unwrap();
    let said = mission.ok("ingest later.bin").out;
    assert!(said.starts_with("ALARM"), "{said}");
    mission.fails("ingest later.bin --accept-numbers 9", 5, "accept-numbers");
    let twin = report(&mission, 9, |r| r.next[0] = number(40));
    fs::write(mission.path("twin.bin"), twin).unwrap();
    mission.ok("ingest twin.bin");
    mission.fails("ingest later.bin --accept-numbers 9", 5, "two reports");
    mission.fails(
        "ingest later.bin --accept-numbers 8",
        2,
        "no report 8 of the latest link epoch",
    );
    // The way out has the number that follows ours, and goes up.
    mission.ok("command epoch-switch 1");
    mission.ok("sign documents/cmd-1.ldd --key keys/root-ann.key");
    mission.ok("keygen link-epoch 1 --from keys/link.key");
    mission.ok(&format!("uplink documents/cmd-1.ldd --at {START}"));
    mission.ok("build new.bin --version 1.2.0 --full");
    assert!(mission.path("bundles/2.ldb").exists());
}

#[test]
fn a_forged_report_holds_no_epoch_switch_up() {
    let mission = Mission::with_bundle("forged-within");
    mission.ok("command epoch-switch 1");
    mission.ok("sign documents/cmd-1.ldd --key keys/root-ann.key");
    mission.ok("keygen link-epoch 1 --from keys/link.key");
    // A number that was given out, and never sent: the vehicle cannot have it.
    let forged = report(&mission, 9, |r| r.next[2] = number(2));
    fs::write(mission.path("forged.bin"), forged).unwrap();
    let said = mission.ok("ingest forged.bin").out;
    assert!(said.contains("report 9 claims that command 2"), "{said}");
    mission.ok(&format!("uplink documents/cmd-1.ldd --at {START}"));
}

#[test]
fn an_alarm_stands_whatever_is_made_and_sent_after_it() {
    let mission = Mission::with_bundle("forged-stands");
    let forged = report(&mission, 9, |r| {
        r.next[2] = number(3);
        r.command.number = number(2);
    });
    fs::write(mission.path("forged.bin"), forged).unwrap();
    let first = mission.ok("ingest forged.bin --json").json()["claims"].clone();
    assert_eq!(first[0]["next"], 3);
    let claims = || mission.ok("status --json").json()["claims"].clone();
    for n in [1, 2] {
        mission.ok("command report-request");
        assert_eq!(claims(), first);
        mission.ok(&format!(
            "sign documents/cmd-{n}.ldd --key keys/flight-dan.key"
        ));
        mission.ok(&format!("uplink documents/cmd-{n}.ldd --at {START}"));
        // What the vehicle itself says of it is true.
        let honest = report(&mission, 9 + n, |r| r.next[2] = number(n + 1));
        fs::write(mission.path("honest.bin"), honest).unwrap();
        mission.ok("ingest honest.bin --at 2026-12-04T00:00:00Z");
        assert_eq!(claims(), first);
    }
    mission.ok("ingest forged.bin --accept-numbers 9");
    assert_eq!(claims(), serde_json::json!([]));
    mission.ok("ledger verify");
}

/// Whoever had the key of an epoch that was left named any number and any image under it: altered flash is called so
/// all the same.
#[test]
fn a_forged_report_of_a_left_epoch_has_no_say_about_later_commands() {
    let mission = Mission::with_bundle("forged-left");
    mission.states_twin();
    let shows = |sequence, next, image: [u8; 4]| {
        report(&mission, sequence, |r| {
            r.next[2] = number(next);
            r.slots[1].state = SlotState::Confirmed;
            r.slots[1].digest = image;
        })
    };
    let ingest = |bytes: Vec<u8>, at: &str| {
        fs::write(mission.path("heard.bin"), bytes).unwrap();
        mission.ok(&format!("ingest heard.bin --at {at}"));
    };
    ingest(shows(9, 60_000, [0xee; 4]), START);
    mission.ok("command epoch-switch 1");
    mission.ok("sign documents/cmd-1.ldd --key keys/root-ann.key");
    mission.ok("keygen link-epoch 1 --from keys/link.key");
    mission.ok(&format!("uplink documents/cmd-1.ldd --at {START}"));
    let Digest(old) = sha256(&fs::read(mission.path("old.bin")).unwrap());
    let old = [old[0], old[1], old[2], old[3]];
    ingest(
        under(&mission, 1, &shows(20, 2, old)),
        "2026-12-03T03:00:00Z",
    );
    mission.ok("command region-digest slot-b --len 4096");
    mission.ok("sign documents/cmd-2.ldd --key keys/flight-dan.key");
    mission.ok("uplink documents/cmd-2.ldd --probability 0.99 --at 2026-12-03T06:00:00Z");
    let key = ("keys/link.key", Epoch::new(1).unwrap());
    ingest(
        answer_under(&mission, key, (2, 0x5a)),
        "2026-12-06T06:00:00Z",
    );
    let told = mission.ok("status --json").json();
    assert_eq!(told["answers"][0]["agrees"], false, "{told}");
}

#[test]
fn numbers_that_commands_make_true_are_no_claims() {
    let mission = Mission::with_bundle("burnt");
    let heard = |sequence: u32, bundle: u32| {
        let bytes = report(&mission, sequence, |r| {
            r.bundle.number = number(bundle);
            r.next = [bundle + 1, 1, 2, 1].map(number);
        });
        fs::write(mission.path("r.bin"), bytes).unwrap();
        mission
            .ok("ingest r.bin --json --at 2026-12-04T00:00:00Z")
            .json()["claims"]
            .clone()
    };
    // Frames of an abort burn a bundle that was never sent; whoever says that they never left may err.
    mission.ok("command abort bundle 1");
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    mission.ok(&format!("uplink documents/cmd-1.ldd --at {START}"));
    mission.ok(&format!("uplink --unsent uplink/1.frames --at {START}"));
    assert_eq!(heard(1, 1), serde_json::json!([]));
    assert_eq!(heard(2, 2)[0]["verdict"], 2);
}

#[test]
fn alarms_end_with_the_link_epoch_and_a_resync_brings_its_own_numbers() {
    let mission = Mission::with_bundle("next-epoch");
    let forged = report(&mission, 9, |r| r.next[1] = number(40));
    fs::write(mission.path("forged.bin"), forged).unwrap();
    fs::write(mission.path("strange.bin"), answer(&mission, 7, 5)).unwrap();
    mission.ok("ingest forged.bin");
    mission.ok("ingest strange.bin");
    // Bundle 1 is made, not sent, and the resynchronisation passes it.
    mission.ok("command resync 1");
    mission.ok("sign documents/cmd-1.ldd --key keys/root-ann.key");
    mission.ok("keygen link-epoch 1 --from keys/link.key");
    mission.ok(&format!("uplink documents/cmd-1.ldd --at {START}"));
    let heard = |sequence: u32, bundle: u32| {
        let bytes = report(&mission, sequence, |r| {
            r.command.number = number(1);
            r.next = [bundle, 1, 2, 1].map(number);
        });
        fs::write(mission.path("r.bin"), under(&mission, 1, &bytes)).unwrap();
        let at = "--at 2026-12-04T00:00:00Z";
        let dry = mission
            .ok(&format!("ingest r.bin --dry-run --json {at}"))
            .json();
        let told = mission.ok(&format!("ingest r.bin --json {at}")).json();
        let alarms = |of: &serde_json::Value| (of["claims"].clone(), of["strangers"].clone());
        assert_eq!(alarms(&dry), alarms(&told));
        alarms(&told)
    };
    let none = serde_json::json!([]);
    assert_eq!(heard(1, 2), (none.clone(), none));
    assert_eq!(heard(2, 3).0[0]["next"], 3);
}

#[test]
fn a_number_that_has_a_verdict_alone_is_taken_over_too() {
    let mission = Mission::with_bundle("accepted-verdict");
    let heard = report(&mission, 9, |r| {
        r.bundle.number = number(2);
        r.bundle.stage = Stage::Receiving;
        r.symbols_needed = 3;
    });
    fs::write(mission.path("r.bin"), heard).unwrap();
    let said = mission.ok("ingest r.bin").out;
    assert!(said.contains("verdict on bundle 2"), "{said}");
    let said = mission.ok("ingest r.bin --accept-numbers 9").out;
    assert!(!said.contains("ALARM"), "{said}");
    let again = mission.ok("ingest r.bin --accept-numbers 9").err;
    assert!(again.contains("none is taken over"), "{again}");
    mission.ok("build new.bin --version 1.2.0 --full");
    assert!(mission.path("bundles/3.ldb").exists());
    let far = report(&mission, 10, |r| r.bundle.number = number(70_000));
    fs::write(mission.path("far.bin"), far).unwrap();
    mission.ok("ingest far.bin");
    mission.fails("ingest far.bin --accept-numbers 10", 5, "number 70001");
}

#[test]
fn an_alarm_names_the_report_that_says_the_number() {
    let mission = Mission::with_bundle("forged-report");
    let high = report(&mission, 7, |r| r.next[0] = number(5000));
    let low = report(&mission, 8, |r| {
        r.next[0] = number(12);
        r.bundle.number = number(11);
    });
    fs::write(mission.path("two.bin"), [high, low].concat()).unwrap();
    let said = mission.ok("ingest two.bin").out;
    for says in [
        "report 7 claims that bundle 5000",
        "report 8 has a verdict on bundle 11",
    ] {
        assert!(said.contains(says), "{says}: {said}");
    }
    let status = mission.ok("status --json").json();
    let claim = &status["claims"][0];
    assert_eq!(
        (&claim["next_report"], &claim["verdict_report"]),
        (&7.into(), &8.into())
    );
}

#[test]
fn a_dry_run_names_the_claims_of_what_it_hears() {
    let mission = Mission::with_bundle("forged-dry");
    let forged = report(&mission, 9, |r| r.next = [number(0xff_ffff); 4]);
    fs::write(mission.path("forged.bin"), forged).unwrap();
    let alarms = |line: &str| {
        let said = mission.ok(line).out;
        said.lines().filter(|l| l.starts_with("ALARM")).count()
    };
    assert_eq!(alarms("ingest forged.bin --dry-run"), 4);
    assert_eq!(alarms("status"), 0);
    assert_eq!(alarms("ingest forged.bin"), 4);
    assert_eq!(alarms("ingest forged.bin --dry-run"), 4);
}

#[test]
fn numbers_that_are_used_up_are_said_to_be() {
    let mission = Mission::with_bundle("last-number");
    let sql = "UPDATE numbers SET next = 16777215 WHERE kind = 3";
    let ledger = rusqlite::Connection::open(mission.path("ledger.sqlite")).unwrap();
    ledger.execute(sql, []).unwrap();
    drop(ledger);
    let said = mission.fails("command report-request", 7, "ledger.sqlite");
    assert!(said.contains("all numbers of Command are used"), "{said}");
    // Nobody needs a number to look. The ledger was changed past its triggers: nothing is built on it.
    fs::write(mission.path("r.bin"), report(&mission, 3, |_| {})).unwrap();
    mission.ok("ingest r.bin --dry-run");
    mission.fails("ingest r.bin", 7, "changed without a decision");
    mission.ok("status");
}

#[test]
fn a_forgery_far_ahead_is_told_by_what_comes_after_it() {
    let mission = Mission::with_bundle("forged-sequence");
    let hear = |sequence: u32, day: u32| {
        let name = format!("{sequence}.bin");
        // The clock of the forgery stands still.
        let days = if sequence > 0xff_ffff { 0 } else { day };
        let bytes = report(&mission, sequence, |r| {
            r.time_s = 1_796_200_000 + 86_400 * days
        });
        fs::write(mission.path(&name), bytes).unwrap();
        let at = format!("--at 2026-12-{day:02}T00:00:00Z");
        mission.ok(&format!("ingest {name} --json {at}")).json()
    };
    hear(65_538, 3);
    hear(0x7fff_0000, 4);
    let heard = hear(65_539, 6);
    assert_eq!(heard["older"], serde_json::json!([65_539]));
    assert_eq!(heard["contradiction"]["report"], 65_539);
    // It is kept, and still told when nothing new is heard.
    let again = mission.ok("ingest 65539.bin --json").json();
    assert_eq!(
        (&again["older"], &again["duplicates"]),
        (&serde_json::json!([]), &1.into())
    );
    let status = mission.ok("status --at 2026-12-07T00:00:00Z").out;
    assert!(status.starts_with("ALARM: two speak"), "{status}");
    mission.ok("ledger verify");
}

#[test]
fn answers_are_taken_once_and_to_commands_that_were_made() {
    let mission = Mission::with_bundle("forged-answers");
    mission.ok("command region-digest slot-a --len 4096");
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    mission.ok(&format!("uplink documents/cmd-1.ldd --at {START}"));
    fs::write(mission.path("ours.bin"), answer(&mission, 1, 5)).unwrap();
    fs::write(mission.path("strange.bin"), answer(&mission, 8, 5)).unwrap();
    // Two antennas hear the same: that is no forgery.
    let twice = [answer(&mission, 1, 5), answer(&mission, 1, 5)].concat();
    fs::write(mission.path("twice.bin"), twice).unwrap();
    let heard = mission
        .ok("ingest twice.bin --json --at 2026-12-04T00:00:00Z")
        .json();
    assert_eq!(heard["answers"].as_array().unwrap().len(), 1, "{heard}");
    assert_eq!(heard["answers"][0]["command"], 1);
    assert_eq!(
        (&heard["disputed"], &heard["duplicates"]),
        (&serde_json::json!([]), &1.into())
    );
    let again = mission
        .ok("ingest ours.bin --json --at 2026-12-04T00:00:00Z")
        .json();
    assert_eq!(
        (&again["answers"], &again["duplicates"]),
        (&serde_json::json!([]), &1.into())
    );
    // Of a command that asks for no digest there is no answer.
    mission.ok("command report-request");
    mission.ok("sign documents/cmd-2.ldd --key keys/flight-dan.key");
    mission.ok(&format!("uplink documents/cmd-2.ldd --at {START}"));
    fs::write(mission.path("other.bin"), answer(&mission, 2, 5)).unwrap();
    let other = mission
        .ok("ingest other.bin --json --at 2026-12-04T00:00:00Z")
        .json();
    assert_eq!(other["strangers"], serde_json::json!([2]));
    // One command has one answer.
    fs::write(mission.path("second.bin"), answer(&mission, 1, 6)).unwrap();
    let second = mission
        .ok("ingest second.bin --json --at 2026-12-04T00:00:00Z")
        .json();
    assert_eq!(second["disputed"], serde_json::json!([1]));
    let strange = mission
        .ok("ingest strange.bin --json --at 2026-12-04T00:00:00Z")
        .json();
    assert_eq!(
        (&strange["answers"], &strange["strangers"]),
        (&serde_json::json!([]), &serde_json::json!([2, 8]))
    );
    mission.ok("ledger verify");
}

#[test]
fn odd_answers_are_kept_and_shown_until_the_next_link_epoch() {
    let mission = Mission::with_bundle("odd-answers");
    let strange = [answer(&mission, 1, 5), answer(&mission, 1, 5)].concat();
    fs::write(mission.path("strange.bin"), strange).unwrap();
    let dry = mission.ok("ingest strange.bin --dry-run --json").json();
    assert_eq!(dry["strangers"], serde_json::json!([1]));
    let status = || mission.ok("status --json").json();
    assert_eq!(status()["strangers"], serde_json::json!([]));
    let first = mission
        .ok("ingest strange.bin --json --at 2026-12-04T00:00:00Z")
        .json();
    assert_eq!(first["duplicates"], 1);
    // The same file again is no news, and nothing is written; the alarm stands.
    let decisions = mission.ok("ledger verify").out;
    let again = mission
        .ok("ingest strange.bin --json --at 2026-12-04T00:00:00Z")
        .json();
    assert_eq!(
        (&again["duplicates"], &again["strangers"]),
        (&2.into(), &serde_json::json!([1]))
    );
    assert_eq!(mission.ok("ledger verify").out, decisions);
    let said = mission.ok("status").out;
    assert!(said.starts_with("ALARM: an answer to command 1"), "{said}");
    // A guess keeps the vehicle's own answer from nobody.
    mission.ok("command region-digest slot-a --len 4096");
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    mission.ok(&format!("uplink documents/cmd-1.ldd --at {START}"));
    let ours = mission
        .ok("ingest strange.bin --json --at 2026-12-04T00:00:00Z")
        .json();
    assert_eq!(
        (&ours["answers"][0]["command"], &ours["disputed"]),
        (&1.into(), &serde_json::json!([]))
    );
    fs::write(mission.path("second.bin"), answer(&mission, 1, 6)).unwrap();
    mission.ok("ingest second.bin --at 2026-12-04T00:00:00Z");
    assert_eq!(status()["disputed"], serde_json::json!([1]));
    assert_eq!(status()["strangers"], serde_json::json!([1]));
    mission.ok("ledger verify");
}
