//! Memory dumps on the ground: parts in any order, twice, forged and missing; what is written of them, and when.

mod common;

use std::fs;

use common::{Mission, START, report};
use lightday_station::link_keys::HeldKeys;
use lightday_trust::Direction;
use lightday_trust::digest::sha256;
use lightday_wire::answer::{ANSWER_LEN, Answer};
use lightday_wire::dump::{BODY_LEN, DUMP_LEN, DumpRange, Part};
use lightday_wire::{Digest, Epoch, ObjectNumber, SlotState, VehicleId, canon};
use serde_json::json;

/// What the commands of these tests ask for: three parts, of 64, 64 and 22 B.
const ASKED: (u32, u16) = (100, 150);

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

/// A packet as it lies in a file.
fn behind_its_len(packet: &[u8]) -> Vec<u8> {
    let mut file = u16::try_from(packet.len()).unwrap().to_be_bytes().to_vec();
    file.extend(packet);
    file
}

/// A vehicle, and the link epoch under which it seals.
type Sealer = (u32, u8);
const OURS: Sealer = (1, 0);

fn seal(mission: &Mission, (vehicle, epoch): Sealer, part: &Part) -> Vec<u8> {
    let text = fs::read_to_string(mission.path("keys/link.key")).unwrap();
    let keys = HeldKeys::from_text(&text).unwrap();
    let epoch = Epoch::new(epoch).unwrap();
    let key = keys.frame_key(VehicleId(vehicle), Direction::Down, epoch);
    let mut body = [0; BODY_LEN];
    let body = canon::encode(part, &mut body).unwrap();
    let mut packet = vec![0; DUMP_LEN];
    assert_eq!(key.unwrap().seal_part(body, &mut packet), Some(DUMP_LEN));
    packet
}

/// Part `n` of what `command` asked for, out of the bytes of the whole region.
fn part(command: u32, n: u8, region: &[u8]) -> Part {
    let range = DumpRange::new(ASKED.0, ASKED.1).unwrap();
    let (from, len) = range.part(n).unwrap();
    let start = ASKED.0 as usize + usize::from(from);
    let read = &region[start..start + usize::from(len)];
    Part::new(number(command), range, n, Some(read)).unwrap()
}

fn ingest(mission: &Mission, packets: &[Vec<u8>]) -> common::Ran {
    let file: Vec<u8> = packets.iter().flat_map(|p| behind_its_len(p)).collect();
    fs::write(mission.path("heard.bin"), file).unwrap();
    mission.run("ingest heard.bin --at 2026-12-04T00:00:00Z")
}

fn heard(mission: &Mission, packets: &[Vec<u8>]) -> String {
    let ran = ingest(mission, packets);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    ran.out
}

/// A mission that knows both images, whose vehicle reported the new one in slot B; command 1 asked for a dump of it.
fn asked(name: &str) -> (Mission, Vec<u8>) {
    let mission = Mission::with_bundle(name);
    mission.states_twin();
    let mut slot = fs::read(mission.path("new.bin")).unwrap();
    let Digest(image) = sha256(&slot);
    let shown = report(&mission, 7, |r| {
        r.slots[1].state = SlotState::Verified;
        r.slots[1].digest.copy_from_slice(&image[..4]);
    });
    heard(&mission, &[shown]);
    let (offset, len) = ASKED;
    let line = format!("command dump slot-b --offset {offset} --len {len}");
    send(&mission, &line, 1);
    slot.resize(16 << 10, 0xff);
    (mission, slot)
}

fn dumps(mission: &Mission) -> serde_json::Value {
    mission.ok("status --json").json()["dumps"].clone()
}

#[test]
fn parts_come_in_any_order_and_more_than_once_and_the_dump_is_written_when_all_are_there() {
    let (mission, slot) = asked("dump-order");
    let sealed = |n| seal(&mission, OURS, &part(1, n, &slot));
    assert_eq!(dumps(&mission), json!([]));
    mission.fails("dump 1 out.bin", 3, "nothing of a dump of command 1");
    let first = heard(&mission, &[sealed(2), sealed(2)]);
    assert!(first.contains("1 known already"), "{first}");
    assert!(first.contains("dump of command 1: 1 of 3 parts"), "{first}");
    assert!(
        first.contains("128 bytes from byte 100: not here yet"),
        "{first}"
    );
    // What is here is held against the image already.
    assert!(first.contains("as expected: image"), "{first}");
    let second = heard(&mission, &[sealed(2), sealed(0)]);
    assert!(second.contains("2 of 3 parts"), "{second}");
    let gap = "64 bytes from byte 164: not here yet";
    assert!(second.contains(gap), "{second}");
    let refused = mission.fails("dump 1 out.bin", 5, gap);
    assert!(refused.contains("--gaps"), "{refused}");
    assert!(!mission.path("out.bin").exists());
    mission.ok("dump 1 gaps.bin --gaps");
    let mut gaps = slot[100..250].to_vec();
    gaps[64..128].fill(0);
    assert_eq!(fs::read(mission.path("gaps.bin")).unwrap(), gaps);
    let last = heard(&mission, &[sealed(1), sealed(0)]);
    assert!(last.contains("3 of 3 parts"), "{last}");
    assert!(last.contains("as expected: image"), "{last}");
    let digest = sha256(&slot[100..250]).to_string();
    assert!(last.contains(&digest), "{last}");
    mission.ok("dump 1 out.bin --dry-run");
    assert!(!mission.path("out.bin").exists());
    let said = mission.ok("dump 1 out.bin --json").json();
    assert_eq!(
        (&said["whole"], &said["agrees"]),
        (&true.into(), &true.into())
    );
    assert_eq!(said["sha256"], digest);
    assert_eq!(fs::read(mission.path("out.bin")).unwrap(), &slot[100..250]);
    // No file is replaced.
    mission.fails("dump 1 out.bin", 8, "exists");
    assert_eq!(dumps(&mission)[0], said);
    let shown = mission.ok("status").out;
    assert!(shown.contains("dump of command 1: 3 of 3 parts"), "{shown}");
    mission.ok("ledger verify");
}

#[test]
fn a_dry_run_counts_the_parts_and_keeps_none() {
    let (mission, slot) = asked("dump-dry");
    let file: Vec<u8> = (0..3)
        .flat_map(|n| behind_its_len(&seal(&mission, OURS, &part(1, n, &slot))))
        .collect();
    fs::write(mission.path("heard.bin"), file).unwrap();
    let said = mission
        .ok("ingest heard.bin --dry-run --json --at 2026-12-04T00:00:00Z")
        .json();
    assert_eq!(said["dumps"][0]["parts_here"], 3, "{said}");
    assert_eq!(dumps(&mission), json!([]));
}

#[test]
fn the_first_byte_that_differs_is_named() {
    let (mission, mut slot) = asked("dump-differs");
    let expected = slot[177];
    slot[177] ^= 0x40;
    slot[200] ^= 1;
    let all: Vec<_> = (0..3)
        .map(|n| seal(&mission, OURS, &part(1, n, &slot)))
        .collect();
    let said = heard(&mission, &all);
    let differs = format!(
        "DIFFERS from byte 177 on: {expected:02x} was expected, {:02x} came",
        slot[177]
    );
    assert!(said.contains(&differs), "{said}");
    let dump = &dumps(&mission)[0];
    assert_eq!(
        (&dump["agrees"], &dump["differs_at"]),
        (&false.into(), &177.into())
    );
    // It is what lies there, and is written as it is.
    mission.ok("dump 1 out.bin");
    assert_eq!(fs::read(mission.path("out.bin")).unwrap(), &slot[100..250]);
}

#[test]
fn what_the_flash_did_not_give_is_a_gap_for_good() {
    let (mission, slot) = asked("dump-unread");
    let range = DumpRange::new(ASKED.0, ASKED.1).unwrap();
    let unread = Part::new(number(1), range, 1, None).unwrap();
    let sealed = [
        seal(&mission, OURS, &part(1, 0, &slot)),
        seal(&mission, OURS, &unread),
        seal(&mission, OURS, &part(1, 2, &slot)),
    ];
    let said = heard(&mission, &sealed);
    assert!(said.contains("3 of 3 parts"), "{said}");
    let gap = "64 bytes from byte 164: the flash could not be read";
    assert!(said.contains(gap), "{said}");
    assert!(said.contains("as expected"), "{said}");
    mission.fails("dump 1 out.bin", 5, gap);
    let dump = &dumps(&mission)[0];
    assert_eq!(dump["whole"], false);
    assert_eq!(
        dump["gaps"],
        json!([{ "offset": 164, "bytes": 64, "unreadable": true }])
    );
}

#[test]
fn parts_that_do_not_prove_themselves_are_named_and_left_out() {
    let (mission, slot) = asked("dump-forged");
    let good = seal(&mission, OURS, &part(1, 0, &slot));
    let mut flipped = good.clone();
    flipped[30] ^= 1;
    let other = seal(&mission, (2, 0), &part(1, 0, &slot));
    for (packet, code, why) in [
        (flipped, 4, "packet 1"),
        (other, 4, "packet 1"),
        (good[..82].to_vec(), 3, "a part of a dump 83"),
        (good[..1].to_vec(), 3, "a part of a dump 83"),
        ([&good[..], &[0]].concat(), 3, "a part of a dump 83"),
    ] {
        let ran = ingest(&mission, &[packet]);
        assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
        assert!(ran.err.contains(why), "{}", ran.err);
        assert_eq!(dumps(&mission), json!([]));
    }
    // Nor is anything of an epoch that was left.
    let text = fs::read_to_string(mission.path("keys/link.key")).unwrap();
    let keys = HeldKeys::from_text(&text).unwrap();
    let key = keys.frame_key(VehicleId(1), Direction::Down, Epoch::new(1).unwrap());
    let frame = report(&mission, 8, |_| {});
    let body = &frame[1..frame.len() - 8];
    let mut later = vec![0; frame.len()];
    assert!(key.unwrap().seal_report(body, &mut later).is_some());
    fs::copy(mission.path("keys/link.key"), mission.path("vault.key")).unwrap();
    mission.ok("keygen link-epoch 1 --from vault.key");
    heard(&mission, &[later]);
    let old = heard(&mission, &[good]);
    assert!(old.contains("0 known already, 0 answers"), "{old}");
    let left = "1 packet of link epochs that were left, up to 0";
    assert!(old.contains(left), "{old}");
    assert_eq!(dumps(&mission), json!([]));
    heard(&mission, &[seal(&mission, (1, 1), &part(1, 0, &slot))]);
    assert_eq!(dumps(&mission)[0]["parts_here"], 1);
    mission.ok("ledger verify");
}

#[test]
fn parts_that_are_not_what_was_asked_for_are_an_alarm() {
    let (mission, slot) = asked("dump-strange");
    send(&mission, "command region-digest slot-b --len 4096", 2);
    mission.ok("command dump slot-b --len 64");
    let wider = DumpRange::new(ASKED.0, ASKED.1 + 1).unwrap();
    let longer = Part::new(number(1), wider, 2, Some(&slot[228..251])).unwrap();
    let beside = Part {
        offset: 101,
        ..part(1, 0, &slot)
    };
    let beyond = Part {
        part: 3,
        ..part(1, 2, &slot)
    };
    let digest = || {
        let text = fs::read_to_string(mission.path("keys/link.key")).unwrap();
        let keys = HeldKeys::from_text(&text).unwrap();
        let key = keys.frame_key(VehicleId(1), Direction::Down, Epoch::default());
        let (command, digest) = (number(1), Digest([5; 32]));
        let mut body = [0; 64];
        let body = canon::encode(&Answer { command, digest }, &mut body).unwrap();
        let mut packet = vec![0; ANSWER_LEN];
        assert!(key.unwrap().seal_answer(body, &mut packet).is_some());
        packet
    };
    let of_a_digest = part(2, 0, &slot);
    let not_sent = part(3, 0, &slot);
    let unknown = part(4, 0, &slot);
    let (of_dump, asks_for_none) = ("part of a dump, of", "the command does not ask for it");
    for (packet, alarm, why) in [
        (seal(&mission, OURS, &longer), (of_dump, 1), asks_for_none),
        (seal(&mission, OURS, &beside), (of_dump, 1), asks_for_none),
        (seal(&mission, OURS, &beyond), (of_dump, 1), asks_for_none),
        (digest(), ("n answer to", 1), asks_for_none),
        (
            seal(&mission, OURS, &of_a_digest),
            (of_dump, 2),
            asks_for_none,
        ),
        (
            seal(&mission, OURS, &not_sent),
            (of_dump, 3),
            "the command had not been sent",
        ),
        (
            seal(&mission, OURS, &unknown),
            (of_dump, 4),
            "the ledger has no such command",
        ),
    ] {
        let said = heard(&mission, std::slice::from_ref(&packet));
        let (what, command) = alarm;
        let alarm = format!("{what} command {command}: {why}.");
        assert!(said.contains(&alarm), "{said}");
        // The same again is no news.
        assert!(heard(&mission, &[packet]).contains("1 known already"));
    }
    let status = mission.ok("status --json").json();
    assert_eq!(status["strangers"], json!([1, 2, 3, 4]));
    assert_eq!(
        (&status["dumps"], &status["answers"]),
        (&json!([]), &json!([]))
    );
    // A guess keeps the vehicle's own parts from nobody.
    let all: Vec<_> = (0..3)
        .map(|n| seal(&mission, OURS, &part(1, n, &slot)))
        .collect();
    assert!(heard(&mission, &all).contains("3 of 3 parts"));
    assert_eq!(mission.ok("status --json").json()["disputed"], json!([]));
    mission.ok("ledger verify");
}

#[test]
fn a_second_version_of_a_part_is_an_alarm_and_nothing_is_written() {
    let (mission, slot) = asked("dump-disputed");
    let all: Vec<_> = (0..3)
        .map(|n| seal(&mission, OURS, &part(1, n, &slot)))
        .collect();
    heard(&mission, &all);
    let mut forged = slot;
    forged[180] ^= 1;
    let said = heard(&mission, &[seal(&mission, OURS, &part(1, 1, &forged))]);
    assert!(
        said.starts_with("ALARM: a second answer to command 1"),
        "{said}"
    );
    assert!(said.contains("worth nothing"), "{said}");
    for flag in ["", " --gaps"] {
        let refused = mission.fails(&format!("dump 1 out.bin{flag}"), 5, "two vehicles");
        assert!(refused.contains("epoch-switch"), "{refused}");
    }
    assert!(!mission.path("out.bin").exists());
    let status = mission.ok("status --json").json();
    assert_eq!(status["disputed"], json!([1]));
    let dump = &status["dumps"][0];
    assert_eq!(
        (&dump["disputed"], &dump["whole"]),
        (&true.into(), &false.into())
    );
    assert!(dump["agrees"].is_null(), "{dump}");
    mission.ok("ledger verify");
}

#[test]
fn a_draft_says_what_comes_down_and_refuses_what_the_vehicle_would_refuse() {
    let mission = Mission::with_bundle("dump-draft");
    mission.states_twin();
    let line = "command dump slot-a --dry-run --at 2026-11-30T00:00:00Z";
    let whole = mission.ok(line).err;
    for says in [
        "dump 1024 bytes from byte 0 of the image of slot A",
        "16 packets of 83 B; 1328 B,",
        "on the air at 100 bit/s; 8 times",
        "[1,7] completion: success",
        "16 parts, 1024 B, SHA-256",
    ] {
        assert!(whole.contains(says), "{says}: {whole}");
    }
    let old = fs::read(mission.path("old.bin")).unwrap();
    let digest = sha256(&old[..1024]).to_string();
    assert!(whole.contains(&digest), "{whole}");
    // What is left of the slot, where that is less.
    let rest = mission.ok(&format!("{line} --offset {}", (16 << 10) - 100));
    assert!(rest.err.contains("2 parts, 100 B"), "{}", rest.err);
    for (line, code, why) in [
        ("command dump slot-a --len 0", 2, "1..=1024"),
        ("command dump slot-a --len 1025", 2, "1..=1024"),
        (
            "command dump slot-a --offset 16384",
            5,
            "the range ends beyond",
        ),
        (
            "command dump slot-a --offset 16380 --len 5",
            5,
            "the range ends beyond",
        ),
        ("command dump trailer-a", 2, "give --len"),
        ("command dump keys", 2, "invalid value"),
    ] {
        mission.fails(line, code, why);
    }
    // What only the vehicle's map knows is drafted, and the twin says what comes of it.
    let beyond = mission.ok("command dump floors --offset 4000000000 --len 9 --dry-run");
    assert!(
        beyond
            .err
            .contains("[1,2] acceptance: failure, out of range"),
        "{}",
        beyond.err
    );
}
