//! What became of each object in the words of PUS service 1, and answers held against what should lie in flash.

mod common;

use std::fs;

use common::{Mission, START, packet, report, seal_answer};
use lightday_trust::digest::sha256;
use lightday_wire::{Digest, ObjectNumber, Refusal, SlotState, Stage, Verdict};

fn number(n: u32) -> ObjectNumber {
    ObjectNumber::new(n).unwrap()
}

fn send(mission: &Mission, line: &str, n: u32) {
    mission.ok(line);
    mission.ok(&format!(
        "sign documents/cmd-{n}.ldd --key keys/flight-dan.key"
    ));
    mission.ok(&format!("uplink documents/cmd-{n}.ldd --at {START}"));
}

fn ingest(mission: &Mission, bytes: &[u8]) -> common::Ran {
    fs::write(mission.path("heard.bin"), bytes).unwrap();
    mission.ok("ingest heard.bin --at 2026-12-04T00:00:00Z")
}

#[test]
fn each_command_has_its_verdict_by_the_report_that_was_sent_while_it_was_the_latest() {
    let mission = Mission::with_bundle("verdicts");
    for n in 1..=4 {
        send(&mission, "command report-request", n);
    }
    let verdict = |n: u32, stage, refusal| {
        move |r: &mut lightday_wire::Report| {
            r.next[2] = number(n + 1);
            r.command = Verdict {
                number: number(n),
                stage,
                refusal,
            };
        }
    };
    let started = verdict(1, Stage::Started, Refusal::None);
    let refused = verdict(2, Stage::Refused, Refusal::NoTrial);
    let done = verdict(4, Stage::Done, Refusal::None);
    ingest(&mission, &report(&mission, 1, started));
    ingest(&mission, &report(&mission, 2, refused));
    let before = mission.ok("status").out;
    assert!(!before.contains("command 4  [1"), "{before}");
    ingest(&mission, &report(&mission, 3, done));
    // One that was overtaken takes nothing back.
    ingest(
        &mission,
        &report(&mission, 4, verdict(4, Stage::Started, Refusal::None)),
    );
    let status = mission.ok("status --json").json();
    let all = status["verdicts"].as_array().unwrap();
    let of = |n: u64| {
        let is = |v: &&serde_json::Value| v["kind"] == "command" && v["number"] == n;
        let one = all.iter().find(is).unwrap();
        (
            one["service_1"].clone(),
            one["report"].clone(),
            one["verdict"].clone(),
        )
    };
    assert_eq!(of(1).0, "[1,3] start: success");
    assert_eq!(of(2).2, "[1,2] acceptance: failure, no trial");
    assert_eq!(
        (of(3).0, of(3).2),
        (
            serde_json::Value::Null,
            "used up: no report has its verdict".into()
        )
    );
    assert_eq!(
        (of(4).0, of(4).1),
        ("[1,7] completion: success".into(), 3.into())
    );
    let shown = mission.ok("status").out;
    for says in [
        "PUS service 1",
        "[1,2] acceptance: failure, no trial",
        "used up",
    ] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
    // The bundle was never heard of.
    assert!(!shown.contains("bundle 1         [1"), "{shown}");
}

fn answer(mission: &Mission, command: u32, digest: Digest) -> Vec<u8> {
    packet(&seal_answer(mission, command, digest))
}

/// A mission that knows both images, whose vehicle reported the new one in slot B.
fn asked(name: &str, what: &str) -> Mission {
    let mission = Mission::with_bundle(name);
    mission.states_twin();
    let Digest(image) = sha256(&fs::read(mission.path("new.bin")).unwrap());
    let shown = report(&mission, 7, |r| {
        r.slots[1].state = SlotState::Verified;
        r.slots[1].digest.copy_from_slice(&image[..4]);
    });
    ingest(&mission, &shown);
    send(&mission, &format!("command region-digest {what}"), 1);
    mission
}

#[test]
fn an_answer_is_held_against_the_image_that_the_report_shows_there() {
    let new = |mission: &Mission| fs::read(mission.path("new.bin")).unwrap();
    // The whole slot: the image and erased flash behind it.
    let mission = asked("answer-whole", "slot-b");
    let mut slot = new(&mission);
    slot.resize(16 << 10, 0xff);
    let good = ingest(&mission, &answer(&mission, 1, sha256(&slot))).out;
    assert!(good.contains("as expected: image"), "{good}");
    assert!(
        good.contains("erased flash behind it, by report 7"),
        "{good}"
    );
    let json = mission.ok("status --json").json();
    assert_eq!(json["answers"][0]["agrees"], true, "{json}");
    // A part of it, and one byte of it is not what it should be.
    let mission = asked("answer-part", "slot-b --offset 100 --len 50");
    let part = new(&mission)[100..150].to_vec();
    let mut flipped = part.clone();
    flipped[7] ^= 1;
    let bad = ingest(&mission, &answer(&mission, 1, sha256(&flipped))).out;
    let expected = sha256(&part).to_string();
    assert!(bad.contains("DIFFERS") && bad.contains(&expected), "{bad}");
    let json = mission.ok("status --json").json();
    assert_eq!(json["answers"][0]["agrees"], false, "{json}");
}

#[test]
fn where_nothing_is_expected_that_is_said() {
    for (what, why) in [
        ("staging", "nothing here says what lies in this region"),
        ("slot-a", "shows no whole image there"),
        (
            "golden",
            "the files of the image that stands there by report 7 are not here",
        ),
    ] {
        let mission = asked("answer-unknown", what);
        let said = ingest(&mission, &answer(&mission, 1, Digest([5; 32]))).out;
        assert!(
            said.contains("not compared") && said.contains(why),
            "{said}"
        );
        let json = mission.ok("status --json").json();
        assert!(json["answers"][0]["agrees"].is_null(), "{json}");
    }
}
