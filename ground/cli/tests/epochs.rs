//! What was heard of a link epoch that was left: told apart from what is known, and never held against what went up
//! under a later one.

mod common;

use std::fs;

use common::reading::{
    LATER, digest_in, ingest, mission, number, other, said, send, shows, slot, status, ways,
};
use common::{Mission, START, packet, report, report_in};
use lightday_trust::digest::sha256;
use lightday_wire::Digest;
use lightday_wire::SlotState;
use serde_json::{Value, json};

/// A report of link epoch 1 that shows `image` in both slots, and the command that comes next.
fn of_epoch_1(mission: &Mission, next: u32, image: &str) -> Vec<u8> {
    let Digest(digest) = sha256(&fs::read(mission.path(image)).unwrap());
    let shown = report_in(mission, 1, 1, |r| {
        r.time_s = 0;
        r.next[2] = number(next);
        for slot in &mut r.slots {
            slot.state = SlotState::Confirmed;
            slot.digest.copy_from_slice(&digest[..4]);
        }
    });
    packet(&shown)
}

#[test]
fn what_is_of_a_left_epoch_is_counted_apart_from_what_is_known() {
    let mission = mission("epochs-counted");
    send(&mission, "region-digest slot-b");
    let known = shows(&mission, (7, 1, Some("old.bin")));
    ingest(&mission, &known, START);
    let old = slot(&mission, "old.bin");
    let answer = digest_in(&mission, 0, &old);
    ingest(&mission, &answer, LATER);
    let before = status(&mission)["answers"][0].clone();
    assert_eq!(
        (&before["epoch"], &before["left_epoch"]),
        (&json!(0), &json!(false))
    );
    ingest(&mission, &of_epoch_1(&mission, 2, "old.bin"), LATER);
    // Two that are known, two of whoever has the old key, and one of each kind again.
    let file = [
        known,
        answer,
        packet(&report(&mission, 8, |_| {})),
        digest_in(&mission, 0, &other()),
    ]
    .concat();
    let decisions = mission.ok("ledger verify").out;
    let heard = ingest(&mission, &file, LATER);
    assert_eq!(heard["duplicates"], 2, "{heard}");
    assert_eq!(heard["left_epochs"], json!([0, 0]), "{heard}");
    assert_eq!(heard["disputed"], json!([]));
    let text = said(&mission, &file, LATER);
    assert!(text.contains("2 known already, "), "{text}");
    let says = "2 packets of link epochs that were left, up to 0: whoever stole their keys may have made them. Not kept";
    assert!(text.contains(says), "{text}");
    assert_eq!(mission.ok("ledger verify").out, decisions);
    // What was taken in before the switch is still shown, as of then.
    let held = status(&mission)["answers"][0].clone();
    assert_eq!(
        (&held["epoch"], &held["left_epoch"]),
        (&json!(0), &json!(true))
    );
    assert_eq!(held["agrees"], true, "{held}");
    let shown = mission.ok("status").out;
    assert!(
        shown.contains("under link epoch 0, which was left since"),
        "{shown}"
    );
}

/// Removes what an older mission directory does not have of its first command.
fn forget_command(mission: &Mission, backup: &[u8]) {
    fs::write(mission.path("ledger.sqlite"), backup).unwrap();
    for file in mission.files() {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let dir = file.parent().unwrap().file_name().unwrap();
        if dir == "uplink" || name.starts_with("cmd-1") || name.starts_with("ledger.sqlite-") {
            fs::remove_file(&file).unwrap();
        }
    }
}

#[test]
fn an_answer_of_a_left_epoch_is_to_no_command_that_went_up_under_a_later_one() {
    for (way, again) in ways("slot-b").into_iter().zip(ways("slot-a")) {
        let mission = mission("epochs-number");
        let backup = fs::read(mission.path("ledger.sqlite")).unwrap();
        send(&mission, &way.line);
        // The older ledger gives the number out again, behind the switch.
        forget_command(&mission, &backup);
        mission.ok(&format!("command {}", again.line));
        mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
        mission.ok(&format!(
            "uplink documents/cmd-1.ldd --epoch 1 --at {START}"
        ));
        ingest(&mission, &shows(&mission, (7, 1, Some("old.bin"))), START);
        let first = (way.sends_in)(&mission, 0, &slot(&mission, "new.bin"));
        let text = said(&mission, &first, LATER);
        let says =
            "it is of link epoch 0, and every frame of the command went up under a later one";
        assert!(text.starts_with("ALARM: ") && text.contains(says), "{text}");
        assert!(!text.contains("DIFFERS"), "{text}");
        let told = status(&mission);
        assert_eq!(told[way.listed], json!([]), "{told}");
        assert_eq!(told["strange"][0]["code"], "left epoch", "{told}");
        // The one that is to it is no second answer.
        ingest(&mission, &of_epoch_1(&mission, 2, "old.bin"), LATER);
        let own = (again.sends_in)(&mission, 1, &slot(&mission, "old.bin"));
        let heard = ingest(&mission, &own, LATER);
        assert_eq!(heard["disputed"], json!([]), "{heard}");
        let held = &status(&mission)[again.listed][0];
        assert_eq!(
            (&held["epoch"], &held["disputed"]),
            (
                &json!(1),
                &if again.listed == "dumps" {
                    json!(false)
                } else {
                    Value::Null
                }
            )
        );
        mission.ok("ledger verify");
    }
}

#[test]
fn of_two_answers_that_of_the_later_epoch_has_the_say() {
    for way in ways("slot-b") {
        for in_one_file in [false, true] {
            let mission = mission("epochs-two");
            ingest(&mission, &shows(&mission, (7, 1, Some("old.bin"))), START);
            send(&mission, &way.line);
            // Not heard of, it goes up again behind the switch.
            mission.ok(&format!(
                "uplink documents/cmd-1.ldd --epoch 1 --afresh --at {START}"
            ));
            let forged = (way.sends_in)(&mission, 0, &other());
            let own = (way.sends_in)(&mission, 1, &slot(&mission, "old.bin"));
            let heard = if in_one_file {
                ingest(&mission, &[forged, own].concat(), LATER)
            } else {
                ingest(&mission, &forged, LATER);
                ingest(&mission, &own, LATER)
            };
            assert_eq!(heard["disputed"], json!([]), "{heard}");
            for told in [heard, status(&mission)] {
                let held = told[way.listed].as_array().unwrap();
                assert_eq!(held.len(), 1, "{told}");
                assert_eq!(
                    (&held[0]["agrees"], &held[0]["epoch"]),
                    (&json!(true), &json!(1)),
                    "{told}"
                );
            }
            assert_eq!(status(&mission)["disputed"], json!([]));
            // Two of one epoch are a dispute still.
            let second = (way.sends_in)(&mission, 1, &other());
            let heard = ingest(&mission, &second, LATER);
            assert_eq!(heard["disputed"], json!([1]), "{heard}");
        }
    }
}
