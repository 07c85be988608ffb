//! What a stolen link key costs: neither the way on, nor the sight of what the vehicle says.

mod common;

use std::fs;

use common::{Mission, START, report};
use lightday_wire::ObjectNumber;

fn number(n: u32) -> ObjectNumber {
    ObjectNumber::new(n).unwrap()
}

/// A signed switch to epoch 1, whose key is here.
fn with_switch(name: &str) -> Mission {
    let mission = Mission::with_bundle(name);
    mission.ok("command epoch-switch 1");
    mission.ok("sign documents/cmd-1.ldd --key keys/root-ann.key");
    mission.ok("keygen link-epoch 1 --from keys/link.key");
    mission
}

fn ingest(mission: &Mission, name: &str, bytes: Vec<u8>, at: &str) {
    fs::write(mission.path(name), bytes).unwrap();
    mission.ok(&format!("ingest {name} {at}"));
}

#[test]
fn what_an_old_epoch_says_holds_nothing_up_in_the_next() {
    let mission = with_switch("stolen-next");
    mission.ok(&format!("uplink bundles/1.ldb --frames 2 --at {START}"));
    let forged = report(&mission, 9, |r| r.next[0] = number(2));
    // Not before light allows it: that would not be believed.
    ingest(&mission, "forged.bin", forged, "--at 2026-12-04T00:00:00Z");
    mission.fails(
        &format!("uplink bundles/1.ldb --at {START}"),
        5,
        "does not take bundle 1",
    );
    mission.ok(&format!("uplink documents/cmd-1.ldd --at {START}"));
    mission.ok(&format!("uplink bundles/1.ldb --epoch 1 --at {START}"));
}

#[test]
fn what_never_went_up_is_sent_whatever_a_report_says() {
    let mission = Mission::with_bundle("stolen-unsent");
    let forged = report(&mission, 9, |r| r.next[0] = number(2));
    ingest(&mission, "forged.bin", forged, "");
    let ran = mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    assert!(
        ran.err.contains("nothing of it ever went up"),
        "{}",
        ran.err
    );
}

#[test]
fn a_key_that_is_taken_away_stops_neither_sight_nor_switch() {
    let mission = with_switch("stolen-away");
    ingest(&mission, "1.bin", report(&mission, 9, |_| {}), "");
    let before = mission.ok("status").out;
    for name in ["keys/link.key", "keys/link-0.key"] {
        fs::remove_file(mission.path(name)).unwrap();
    }
    assert_eq!(mission.ok("status").out, before);
    mission.fails("ingest 1.bin", 3, "not held here");
    mission.ok(&format!("uplink documents/cmd-1.ldd --at {START}"));
    // With no key at all there is still something to look at.
    fs::remove_file(mission.path("keys/link-1.key")).unwrap();
    mission.ok("status");
    mission.ok("command report-request");
}

#[test]
fn where_two_speak_both_are_shown() {
    let mission = Mission::with_bundle("stolen-two");
    let clock = |r: &mut lightday_wire::Report, s: u32| r.time_s = 1_796_200_000 + s;
    let forged = report(&mission, 0x4000_0000, |r| clock(r, 0));
    ingest(&mission, "forged.bin", forged, "--at 2026-12-03T00:00:00Z");
    let genuine = report(&mission, 65_538, |r| {
        clock(r, 86_400);
        r.symbols_needed = 77;
    });
    ingest(&mission, "true.bin", genuine, "--at 2026-12-04T00:00:00Z");
    let status = mission.ok("status --at 2026-12-05T00:00:00Z").out;
    assert!(status.starts_with("ALARM: two speak"), "{status}");
    for says in [
        "Below stands what report 1073741824 says",
        "report 65538, says",
        "symbols needed    77",
    ] {
        assert!(status.contains(says), "{says}: {status}");
    }
    let shown = mission.ok("inspect true.bin").out;
    assert!(
        shown.contains("report 65538 of link epoch 0, authentic"),
        "{shown}"
    );
    let json = mission.ok("inspect true.bin --json").json();
    assert_eq!(json["reports"][0]["says"]["symbols needed"], "77");
    let mut damaged = fs::read(mission.path("true.bin")).unwrap();
    damaged[9] ^= 1;
    fs::write(mission.path("damaged.bin"), damaged).unwrap();
    let shown = mission.ok("inspect damaged.bin").out;
    assert!(
        shown.contains("proves nothing") && !shown.contains("authentic"),
        "{shown}"
    );
}

#[test]
fn a_report_that_lay_in_a_file_shows_nothing_for_sure() {
    let mission = Mission::with_bundle("stolen-late");
    mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    // Its clock says 28 November; it is taken in weeks later.
    let old = report(&mission, 9, |r| r.time_s = 1_795_860_000);
    ingest(&mission, "old.bin", old, "--at 2026-12-30T00:00:00Z");
    let status = mission.ok("status --at 2026-12-30T00:00:00Z").out;
    assert!(
        status.contains("perhaps: not by the vehicle's clock"),
        "{status}"
    );
}
