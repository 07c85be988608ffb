//! Which answers and dumps are the vehicle's to a command of ours: whether light allows them, and whether they are to the
//! command that has the number now.

mod common;

use std::fs;

use common::reading::{
    LATER, digest, ingest, mission, number, said, send, send_at, shows, slot, status, ways,
};
use common::{Mission, START, packet, report, seal_answer, seal_part};
use lightday_trust::digest::sha256;
use lightday_wire::dump::{DumpRange, Part};
use lightday_wire::{Digest, SlotState};
use serde_json::json;

#[test]
fn what_comes_before_light_allows_is_kept_and_not_believed() {
    for way in ways("slot-b") {
        let mission = mission("answers-early");
        ingest(&mission, &shows(&mission, (7, 1, Some("old.bin"))), START);
        send(&mission, &way.line);
        let sent = (way.sends)(&mission, &slot(&mission, "old.bin"));
        // First frame on the 1st at 06:00, 22 h there and 22 h back, an hour for clocks.
        let text = said(&mission, &sent, "2026-12-03T00:59:59Z");
        for says in [
            "ALARM: a",
            "of command 1",
            "light allows none before 2026-12-03T01:00:00Z",
            "It is kept, and not believed",
            "take the file in again",
        ] {
            let says = match way.listed {
                "answers" if says == "of command 1" => "an answer to command 1",
                _ => says,
            };
            assert!(text.contains(says), "{says}: {text}");
        }
        let told = status(&mission);
        assert_eq!(told[way.listed], json!([]));
        assert_eq!(told["strangers"], json!([1]));
        assert_eq!(told["strange"].as_array().unwrap().len(), 1, "{told}");
        assert_eq!(told["strange"][0]["code"], "too early");
        assert!(mission.ok("status").out.starts_with("ALARM: a"));
        // A guess keeps the vehicle's own answer from nobody.
        let heard = ingest(&mission, &sent, "2026-12-03T01:00:00Z");
        assert_eq!(heard[way.listed][0]["agrees"], true, "{heard}");
        assert_eq!(heard["strangers"], json!([1]));
        assert_eq!(heard["disputed"], json!([]));
        mission.ok("ledger verify");
    }
}

#[test]
fn a_light_time_that_is_stated_anew_takes_no_answer_back() {
    let mission = mission("answers-light");
    ingest(&mission, &shows(&mission, (7, 1, Some("old.bin"))), START);
    send(&mission, "region-digest slot-b");
    let old = slot(&mission, "old.bin");
    // The vehicle goes on, and mission.toml states 30 h one day.
    mission.edit(
        "mission.toml",
        "light_time = \"22h\"",
        "light_time = \"30h\"",
    );
    ingest(&mission, &digest(&mission, &old), "2026-12-03T02:00:00Z");
    let counted = shows(&mission, (8, 2, Some("old.bin")));
    ingest(&mission, &counted, "2026-12-03T02:10:00Z");
    mission.edit(
        "mission.toml",
        "light_time = \"30h\"",
        "light_time = \"60h\"",
    );
    let told = status(&mission);
    assert_eq!(told["answers"][0]["agrees"], true, "{told}");
    assert_eq!(told["strange"], json!([]));
}

/// The alarm says: mend the light time, and take the file in again. That has to do.
#[test]
fn a_light_time_that_was_stated_too_long_can_be_mended() {
    for way in ways("slot-b") {
        let mission = mission("answers-mended");
        let light = |hours: &str| format!("light_time = \"{hours}\"");
        mission.edit("mission.toml", &light("22h"), &light("23h"));
        ingest(&mission, &shows(&mission, (7, 1, Some("old.bin"))), START);
        send(&mission, &way.line);
        let sent = (way.sends)(&mission, &slot(&mission, "old.bin"));
        let early = ingest(&mission, &sent, "2026-12-03T02:00:00Z");
        assert_eq!(early["strange"][0]["code"], "too early", "{early}");
        mission.edit("mission.toml", &light("23h"), &light("22h"));
        let heard = ingest(&mission, &sent, "2026-12-03T02:00:00Z");
        assert_eq!(heard[way.listed][0]["agrees"], true, "{heard}");
    }
}

#[test]
fn an_answer_to_what_was_never_transmitted_is_not_believed() {
    for way in ways("slot-b") {
        let mission = mission("answers-unsent");
        let sent = (way.sends)(&mission, &slot(&mission, "old.bin"));
        ingest(&mission, &shows(&mission, (7, 1, Some("old.bin"))), START);
        // A draft.
        mission.ok(&format!("command {}", way.line));
        let drafted = ingest(&mission, &sent, LATER);
        assert_eq!(drafted["strange"][0]["code"], "not sent", "{drafted}");
        // Written, believed, and then said never to have left.
        mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
        mission.ok(&format!("uplink documents/cmd-1.ldd --at {START}"));
        let heard = ingest(&mission, &sent, LATER);
        assert_eq!(heard[way.listed][0]["agrees"], true, "{heard}");
        mission.ok(&format!(
            "uplink --unsent uplink/1.frames --from 2026-12-01T06:00:00Z --at {LATER}"
        ));
        let told = status(&mission);
        assert_eq!(told[way.listed], json!([]), "{told}");
        assert_eq!(told["strange"][0]["code"], "not transmitted");
        let shown = mission.ok("status").out;
        assert!(
            shown.contains(&format!("was transmitted, as was said {LATER}")),
            "{shown}"
        );
        if way.listed == "dumps" {
            mission.fails("dump 1 out.bin", 3, "nothing of a dump of command 1");
            assert!(!mission.path("out.bin").exists());
        }
        // The same again is no news; that it is strange now is kept once.
        ingest(&mission, &sent, LATER);
        let decisions = mission.ok("ledger verify").out;
        let again = ingest(&mission, &sent, LATER);
        assert_eq!(again[way.listed], json!([]));
        assert_eq!(mission.ok("ledger verify").out, decisions);
    }
}

/// Puts a ledger in place of the mission's, and returns that one.
fn put(mission: &Mission, ledger: &[u8]) -> Vec<u8> {
    let before = fs::read(mission.path("ledger.sqlite")).unwrap();
    fs::write(mission.path("ledger.sqlite"), ledger).unwrap();
    for aside in ["ledger.sqlite-wal", "ledger.sqlite-shm"] {
        let _ = fs::remove_file(mission.path(aside));
    }
    before
}

#[test]
fn an_answer_that_an_old_ledger_does_not_know_is_kept_and_a_later_one_believes_it() {
    for way in ways("slot-b") {
        let mission = mission("answers-restored");
        ingest(&mission, &shows(&mission, (7, 1, Some("old.bin"))), START);
        let backup = fs::read(mission.path("ledger.sqlite")).unwrap();
        send(&mission, &way.line);
        let later = put(&mission, &backup);
        let sent = (way.sends)(&mission, &slot(&mission, "old.bin"));
        let text = said(&mission, &sent, LATER);
        for says in [
            "the ledger has no such command",
            "old backup",
            "restore a later one",
        ] {
            assert!(text.contains(says), "{says}: {text}");
        }
        assert_eq!(status(&mission)["strange"][0]["code"], "not made");
        put(&mission, &later);
        let heard = ingest(&mission, &sent, LATER);
        assert_eq!(heard[way.listed][0]["agrees"], true, "{heard}");
        assert_eq!(heard["strangers"], json!([]));
    }
}

#[test]
fn a_number_that_a_restored_ledger_gave_out_twice_answers_for_no_other_region() {
    for (way, again) in ways("slot-b").into_iter().zip(ways("slot-a")) {
        let mission = mission("answers-twice");
        let Digest(old) = sha256(&fs::read(mission.path("old.bin")).unwrap());
        let backup = fs::read(mission.path("ledger.sqlite")).unwrap();
        send(&mission, &way.line);
        // The whole mission directory is an older one: neither ledger nor files know the command.
        put(&mission, &backup);
        for file in mission.files() {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let dir = file.parent().unwrap().file_name().unwrap();
            if dir == "uplink" || name.starts_with("cmd-1") {
                fs::remove_file(&file).unwrap();
            }
        }
        send_at(&mission, &again.line, 1, "2026-12-02T05:00:00Z");
        // What the vehicle says of the first of the two, before the second is there.
        let counts = |sequence| {
            let shown = report(&mission, sequence, |r| {
                r.time_s = 0;
                r.next[2] = number(2);
                r.slots[0].state = SlotState::Confirmed;
                r.slots[0].digest.copy_from_slice(&old[..4]);
            });
            packet(&shown)
        };
        ingest(&mission, &counts(8), "2026-12-03T02:30:00Z");
        let sent = (way.sends)(&mission, &slot(&mission, "new.bin"));
        let text = said(&mission, &sent, "2026-12-05T00:00:00Z");
        let says = "not compared: report 8 came before the vehicle can have heard of command 1";
        assert!(text.contains(says), "{text}");
        assert!(!text.contains("DIFFERS"), "{text}");
        let held = status(&mission)[way.listed][0].clone();
        assert!(held["agrees"].is_null(), "{held}");
        if way.listed == "dumps" {
            let refused = mission.fails("dump 1 out.bin", 5, "may not be the one");
            assert!(refused.contains("report 8"), "{refused}");
            assert!(!mission.path("out.bin").exists());
        }
        // A report that left when the second one was there says nothing of the kind.
        let mission = self::mission("answers-once");
        send_at(&mission, &again.line, 1, "2026-12-02T05:00:00Z");
        let shown = report(&mission, 8, |r| {
            r.time_s = 0;
            r.next[2] = number(2);
            r.slots[0].state = SlotState::Confirmed;
            r.slots[0].digest.copy_from_slice(&old[..4]);
        });
        ingest(&mission, &packet(&shown), "2026-12-04T02:30:00Z");
        let sent = (again.sends)(&mission, &slot(&mission, "old.bin"));
        let heard = ingest(&mission, &sent, "2026-12-05T00:00:00Z");
        assert_eq!(heard[again.listed][0]["agrees"], true, "{heard}");
    }
}

#[test]
fn what_is_refused_is_named_with_its_file_its_place_and_the_next_step() {
    let mission = mission("answers-refused");
    let flipped = |mut bytes: Vec<u8>| {
        *bytes.last_mut().unwrap() ^= 1;
        packet(&bytes)
    };
    let range = DumpRange::new(0, 64).unwrap();
    let part = Part::new(number(1), range, 0, Some(&[7; 64])).unwrap();
    let part = seal_part(&mission, &part);
    let file = [
        flipped(report(&mission, 7, |_| {})),
        flipped(seal_answer(&mission, 1, Digest([5; 32]))),
        flipped(part.clone()),
        packet(&part[..82]),
        packet(&[0x17; 95]),
    ]
    .concat();
    fs::write(mission.path("heard.bin"), file).unwrap();
    let ran = mission.run("ingest heard.bin --json");
    assert_eq!(ran.code, 4, "{}", ran.err);
    let refused = ran.json()["refused"].clone();
    let verifies = "the tag does not verify under the link key of epoch 0";
    let why = [
        format!("a report: {verifies}"),
        format!("an answer: {verifies}"),
        format!("a part of a dump: {verifies}"),
        "a part of a dump of 82 B: a report is 95 bytes long, an answer 44, a part of a dump 83"
            .to_owned(),
        "a packet of 95 B: the first byte is that of no report, answer or part of a dump"
            .to_owned(),
    ];
    for (n, why) in (1usize..).zip(&why) {
        assert_eq!(refused[n - 1]["why"], **why);
        let line = format!("heard.bin: field `packet {n}`: {why}\n  hint: ");
        assert!(ran.err.contains(&line), "{line}: {}", ran.err);
    }
}
