//! The whole ground flow with the built binary: from an empty directory to frames and reports.

mod common;

use std::fs;

use common::{Dir, Mission, START, report, run};
use lightday_station::link_keys::HeldKeys;
use lightday_trust::Direction;
use lightday_wire::{Epoch, Frame, TagLen, VehicleId};

fn packets(file: &[u8]) -> Vec<&[u8]> {
    let mut packets = Vec::new();
    let mut rest = file;
    while let Some((len, behind)) = rest.split_first_chunk() {
        let (packet, behind) = behind.split_at(usize::from(u16::from_be_bytes(*len)));
        packets.push(packet);
        rest = behind;
    }
    packets
}

#[test]
fn from_an_empty_directory_to_a_signed_bundle() {
    let mission = Mission::new("bundle");
    let built = mission
        .ok("build new.bin --version 1.1.0 --base old.bin --base-version 1.0.0 --json")
        .json();
    assert_eq!(
        (&built["number"], &built["codec"]),
        (&1.into(), &"model".into())
    );
    assert!(built["payload_bytes"].as_u64().unwrap() < 400, "{built}");

    mission.fails("verify bundles/1.ldb", 4, "1 of release");
    mission.ok("verify bundles/1.ldb --unsigned");
    mission.ok("sign bundles/1.ldb --key keys/release-bob.key");
    let verified = mission
        .ok("verify bundles/1.ldb --base old.bin --image new.bin --json")
        .json();
    assert_eq!(
        (&verified["complete"], &verified["payload_decoded"]),
        (&true.into(), &true.into())
    );

    let shown = mission.ok("inspect bundles/1.ldb --json").json();
    let bytes = |rows: &str, key: &str, name: &str| {
        let rows = shown[rows].as_array().unwrap();
        let row = rows.iter().find(|row| row[key] == name);
        row.unwrap()["bytes"].as_u64().unwrap()
    };
    let fields = shown["fields"].as_array().unwrap();
    let all: u64 = fields.iter().map(|f| f["bytes"].as_u64().unwrap()).sum();
    let envelope = bytes("totals", "total", "envelope");
    let payload = bytes("fields", "field", "payload");
    assert!(envelope <= 384);
    assert_eq!(all, envelope + payload);
    assert_eq!(bytes("totals", "total", "object"), all);

    mission.ok("ledger verify");
}

/// Each milestone stands in a row of its own, with its instants on board and on the ground.
fn milestones(shown: &str, object: &serde_json::Value) {
    let utc = |s: &serde_json::Value| {
        // No booked pass can hear of the last frame.
        let Some(s) = s.as_u64() else {
            return "-".to_owned();
        };
        let s = s - 1_796_083_200;
        let (day, s) = (s / 86_400, s % 86_400);
        let (h, min, s) = (s / 3600, s / 60 % 60, s % 60);
        format!("2026-12-{:02}T{h:02}:{min:02}:{s:02}Z", day + 1)
    };
    for (label, on_board, known) in [
        (
            "earliest: no frame is lost",
            "earliest_s",
            "known_earliest_s",
        ),
        ("p50: half of all cases", "p50_s", "known_p50_s"),
        ("p90", "p90_s", "known_p90_s"),
        ("p99", "p99_s", "known_p99_s"),
        ("planned: the last frame, 0.99", "planned_s", "known_s"),
    ] {
        let row = shown.lines().find(|l| l.contains(label));
        let row = row.unwrap_or_else(|| panic!("{label}: {shown}"));
        let cells: Vec<&str> = row.split("  ").map(str::trim).collect();
        let cells: Vec<&str> = cells.into_iter().filter(|c| !c.is_empty()).collect();
        assert_eq!(
            cells[2..],
            [utc(&object[on_board]), utc(&object[known])],
            "{row}"
        );
    }
}

#[test]
fn from_a_signed_bundle_to_frames() {
    let mission = Mission::with_bundle("frames");
    mission.any_evidence();
    fs::write(mission.path("evidence/1.json"), "all is well").unwrap();
    mission.ok("authorize 1 --evidence evidence/1.json");
    mission.fails(
        &format!("uplink documents/auth-1.ldd --at {START}"),
        4,
        "documents/auth-1.ldd",
    );
    mission.ok("sign documents/auth-1.ldd --key keys/verification-cleo.key");
    mission.ok("sign documents/auth-1.ldd --key keys/flight-dan.key");

    let plan = mission
        .ok(&format!(
            "plan bundles/1.ldb documents/auth-1.ldd --json --at {START}"
        ))
        .json();
    let by_kind: u64 = plan["bytes"]
        .as_object()
        .unwrap()
        .values()
        .map(|v| v.as_u64().unwrap())
        .sum();
    assert_eq!(by_kind, plan["bytes_total"].as_u64().unwrap());
    assert!(
        plan["objects"][0]["known_earliest_s"].as_u64().is_some(),
        "{plan}"
    );

    let shown = mission.ok(&format!("plan bundles/1.ldb --at {START}")).out;
    let of = mission.ok(&format!("plan bundles/1.ldb --json --at {START}"));
    milestones(&shown, &of.json()["objects"][0]);

    mission.ok(&format!(
        "uplink bundles/1.ldb documents/auth-1.ldd --at {START}"
    ));
    let file = fs::read(mission.path("uplink/1.frames")).unwrap();
    let frames = packets(&file);
    assert_eq!(frames.len() as u64, plan["frames"].as_u64().unwrap());
    assert_eq!(
        frames.iter().map(|f| f.len() as u64).sum::<u64>(),
        plan["bytes_total"].as_u64().unwrap()
    );
    let text = fs::read_to_string(mission.path("keys/link.key")).unwrap();
    let keys = HeldKeys::from_text(&text).unwrap();
    let key = keys.frame_key(VehicleId(1), Direction::Up, Epoch::default());
    let key = key.unwrap();
    for frame in &frames {
        key.open_frame(Frame::parse(frame, TagLen::Eight).unwrap())
            .unwrap();
    }
    let schedule = fs::read_to_string(mission.path("uplink/1.csv")).unwrap();
    assert_eq!(schedule.lines().count(), frames.len() + 1);
    assert_eq!(
        mission.ok("inspect uplink/1.frames --json").json()["frames"],
        frames.len()
    );
    mission.ok("ledger verify");
}

#[test]
fn a_second_uplink_brings_fresh_parity_while_the_antenna_is_free() {
    let mission = Mission::with_bundle("parity");
    mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    // What is on its way will likely do: more of it is sent to whoever says that it does not.
    let error = mission.fails(
        &format!("uplink bundles/1.ldb --frames 4 --at {START}"),
        5,
        "bundle 1: ",
    );
    assert!(error.contains("complete with 0.99"), "{error}");
    mission.ok(&format!(
        "uplink bundles/1.ldb --afresh --frames 4 --at {START}"
    ));
    let status = mission.ok(&format!("status --json --at {START}")).json();
    let sent = status["sent"].as_array().unwrap();
    let (last, before) = sent.split_last().unwrap();
    let end = |s: &serde_json::Value| s["first"].as_u64().unwrap() + s["count"].as_u64().unwrap();
    assert_eq!(last["first"].as_u64(), before.iter().map(end).max());
    let same_pass = before
        .iter()
        .find(|s| s["starts_s"].as_u64() < last["starts_s"].as_u64())
        .unwrap();
    assert!(last["starts_s"].as_u64() >= same_pass["ends_s"].as_u64());
    assert_eq!(sent[0]["seen"], "not sent yet");
}

#[test]
fn an_object_that_was_sent_never_changes() {
    let mission = Mission::new("change");
    mission.ok("keygen flight eve");
    fs::remove_file(mission.path("keys/keyset.toml")).unwrap();
    fs::remove_file(mission.path("keys/keyset-1.bin")).unwrap();
    mission.fails("keygen keyset", 5, "--replace");
    mission.ok("keygen keyset --replace");
    mission.ok("build new.bin --version 1.1.0 --full");
    mission.ok("sign bundles/1.ldb --key keys/release-bob.key");
    mission.ok("command boot-golden");
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    mission.ok(&format!("uplink documents/cmd-1.ldd --at {START}"));
    // A second flight key signs after the first symbols went up.
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-eve.key");
    mission.fails(
        &format!("uplink documents/cmd-1.ldd --at {START}"),
        5,
        "documents/cmd-1.ldd: field `signatures`",
    );
    fs::remove_file(mission.path("documents/cmd-1.ldd.flight-eve.sig")).unwrap();
    mission.ok(&format!("uplink documents/cmd-1.ldd --afresh --at {START}"));
}

#[test]
fn commands_are_drafted_signed_and_named_by_bundle_digest_or_file() {
    let mission = Mission::with_bundle("commands");
    mission.ok("command confirm 1");
    mission.ok("command rollback old.bin");
    for what in [
        "abort bundle 1",
        "boot-golden",
        "report-request",
        "region-digest slot-a --len 64",
        "epoch-switch 1",
        "resync 2",
        "hold",
        "hold --release",
    ] {
        mission.ok(&format!("command {what}"));
    }
    let says = |n: u32| {
        mission
            .ok(&format!("inspect documents/cmd-{n}.ldd --json"))
            .json()["says"]["action"]
            .to_string()
    };
    assert!(says(1).contains("confirm image"));
    assert!(says(2).contains("roll back"));
    assert!(says(8).contains("command 9"), "{}", says(8));
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    mission.ok("verify documents/cmd-1.ldd");
    mission.ok("sign documents/cmd-7.ldd --key keys/root-ann.key");
    mission.ok(&format!("uplink documents/cmd-7.ldd --at {START}"));
    // A switch of the epoch travels under the new epoch's own key.
    assert_eq!(
        mission.ok("inspect uplink/1.frames --json").json()["objects"][0]["epoch"],
        1
    );
    mission.fails(
        "sign documents/cmd-7.ldd --key keys/flight-dan.key",
        4,
        "flight-dan.key: field `role`",
    );
    mission.fails("command confirm 99", 2, "no bundle 99");
    mission.fails("command abort bundle 99", 2, "never given out");
    mission.fails("command epoch-switch 16", 2, "field `epoch`");
}

#[test]
fn signers_need_no_mission_and_never_meet() {
    let mission = Mission::new("signers");
    mission.ok("build new.bin --version 1.1.0 --full");
    let elsewhere = Dir::new("elsewhere");
    fs::copy(mission.path("bundles/1.ldb"), elsewhere.0.join("1.ldb")).unwrap();
    fs::rename(
        mission.path("keys/release-bob.key"),
        elsewhere.0.join("bob.key"),
    )
    .unwrap();
    assert_eq!(run(&elsewhere.0, "sign 1.ldb --key bob.key").code, 0);
    let name = "1.ldb.release-bob.sig";
    fs::copy(elsewhere.0.join(name), mission.path("bundles").join(name)).unwrap();
    mission.ok("verify bundles/1.ldb");
    // The document itself is never changed by a signature.
    assert_eq!(
        fs::read(elsewhere.0.join("1.ldb")).unwrap(),
        fs::read(mission.path("bundles/1.ldb")).unwrap()
    );
}

#[test]
fn dry_runs_write_nothing() {
    let mission = Mission::with_bundle("dry");
    mission.any_evidence();
    mission.ok("build old.bin --version 1.1.1 --full");
    fs::write(mission.path("evidence/1.json"), "x").unwrap();
    let before: Vec<_> = mission
        .files()
        .into_iter()
        .map(|f| (fs::read(&f).unwrap(), f))
        .collect();
    for line in [
        "sign bundles/2.ldb --key keys/release-bob.key --dry-run",
        "new other --dry-run",
        "keygen flight eve --dry-run",
        "build new.bin --version 1.2.0 --full --dry-run",
        "authorize 1 --evidence evidence/1.json --dry-run",
        "command boot-golden --dry-run",
        &format!("uplink bundles/1.ldb --dry-run --at {START}"),
    ] {
        mission.ok(line);
    }
    let after: Vec<_> = mission
        .files()
        .into_iter()
        .map(|f| (fs::read(&f).unwrap(), f))
        .collect();
    assert!(before == after);
}

#[test]
fn policy_is_enforced() {
    let mission = Mission::with_bundle("policy");
    mission.any_evidence();
    fs::write(mission.path("evidence/1.json"), "x").unwrap();
    mission.edit(
        "mission.toml",
        "require_window = false",
        "require_window = true",
    );
    let authorize = "authorize 1 --evidence evidence/1.json";
    mission.fails(
        &format!("{authorize} --at {START}"),
        5,
        "policy.require_window",
    );
    let window = "--opens 2026-12-09T00:00:00Z --closes 2026-12-10T00:00:00Z";
    mission.ok(&format!("{authorize} {window} --at {START}"));
    mission.fails(
        &format!("{authorize} {window} --at 2026-12-09T03:00:00Z"),
        5,
        "before the vehicle can hear",
    );
    mission.edit(
        "mission.toml",
        "require_rehearsal = false",
        "require_rehearsal = true",
    );
    mission.fails(
        &format!("{authorize} {window} --at {START}"),
        5,
        "policy.require_rehearsal",
    );
}

#[test]
fn a_new_key_set_is_signed_by_both_and_used_when_the_vehicle_has_it() {
    let mission = Mission::with_bundle("rotation");
    mission.ok("keygen flight eve");
    mission.ok("keygen successor");
    mission.fails("verify documents/keyset-1.ldd", 4, "of root");
    mission.ok("sign documents/keyset-1.ldd --key keys/root-ann.key");
    mission.ok("verify documents/keyset-1.ldd");
    mission.ok(&format!("uplink documents/keyset-1.ldd --at {START}"));
    // Until the vehicle proves it, the new key signs nothing.
    mission.ok("command boot-golden");
    mission.fails(
        "sign documents/cmd-1.ldd --key keys/flight-eve.key",
        4,
        "flight-eve.key",
    );
    mission.fails("keygen adopt 1", 5, "nothing was heard yet");
    fs::write(
        mission.path("reports.bin"),
        report(&mission, 1, |r| r.key_set = 2),
    )
    .unwrap();
    mission.ok("ingest reports.bin");
    mission.ok("keygen adopt 1");
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-eve.key");
    mission.ok("verify documents/cmd-1.ldd");
    // What the old set signed still verifies where its keys were kept.
    mission.ok("verify bundles/1.ldb");
}
