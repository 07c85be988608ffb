//! Files of the downlink that were cut short: what is whole is taken in, and the cut is named.

mod common;

use std::fs;

use common::{Mission, packet, report};

#[test]
fn of_a_file_that_was_cut_short_the_whole_packets_are_taken_in() {
    let mission = Mission::with_bundle("cut");
    let (good, later) = (report(&mission, 5, |_| {}), report(&mission, 6, |_| {}));
    let framed = [packet(&good), packet(&later)].concat();
    fs::write(mission.path("framed.bin"), &framed[..framed.len() - 40]).unwrap();
    let said = mission.fails(
        "ingest framed.bin",
        3,
        "framed.bin: field `packet 2 at byte 97`",
    );
    assert!(
        said.contains("the packet is cut short: 55 B of 95 B"),
        "{said}"
    );
    let proven = || mission.ok("status --json").json()["proven"]["report"].clone();
    assert_eq!(proven(), "5");
    // The same without lengths.
    let bare = [good, later].concat();
    fs::write(mission.path("bare.bin"), &bare[..95 + 60]).unwrap();
    let said = mission.fails(
        "ingest bare.bin",
        3,
        "bare.bin: field `packet 2 at byte 95`",
    );
    assert!(
        said.contains("a bare report is cut short: 60 B of 95 B"),
        "{said}"
    );
    // Of nothing but a cut nothing is taken in.
    fs::write(mission.path("rest.bin"), &bare[95..95 + 60]).unwrap();
    let said = mission.fails("ingest rest.bin", 3, "rest.bin: field `packet 1 at byte 0`");
    assert!(said.contains("60 B of 95 B"), "{said}");
    fs::write(mission.path("whole.bin"), bare).unwrap();
    mission.ok("ingest whole.bin");
    assert_eq!(proven(), "6");
    mission.ok("ledger verify");
}

#[test]
fn a_forged_packet_before_the_cut_is_named_too() {
    let mission = Mission::with_bundle("cut-forged");
    let mut forged = report(&mission, 5, |_| {});
    forged[40] ^= 1;
    let file = [
        packet(&forged),
        packet(&report(&mission, 6, |_| {})),
        vec![0],
    ]
    .concat();
    fs::write(mission.path("mixed.bin"), file).unwrap();
    let said = mission.fails("ingest mixed.bin", 4, "field `packet 1`");
    assert!(said.contains("the length is cut short"), "{said}");
    let status = mission.ok("status --json").json();
    assert_eq!(status["proven"]["report"], "6");
}
