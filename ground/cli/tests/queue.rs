//! Bundles one behind another: bases that nothing brings, certificates of what the vehicle does not take, and objects
//! under a link epoch that is being left.

mod common;

use std::fs;

use common::{Mission, START, report};
use lightday_trust::digest::sha256;
use lightday_wire::{Digest, SlotState};

/// Bundle 1 brings new.bin on old.bin, bundle 2 newer.bin on new.bin; both are signed.
fn two(name: &str) -> Mission {
    let mission = Mission::with_bundle(name);
    let mut newer = fs::read(mission.path("new.bin")).unwrap();
    newer.splice(100..110, *b"a third version of it");
    fs::write(mission.path("newer.bin"), newer).unwrap();
    mission.ok("build newer.bin --version 1.2.0 --base new.bin --base-version 1.1.0");
    mission.ok("sign bundles/2.ldb --key keys/release-bob.key");
    mission
}

/// A report that shows the image of a file in slot A.
fn shows(mission: &Mission, sequence: u32, file: &str) -> Vec<u8> {
    let Digest(image) = sha256(&fs::read(mission.path(file)).unwrap());
    report(mission, sequence, |r| {
        r.slots[0].state = SlotState::Confirmed;
        r.slots[0].digest.copy_from_slice(&image[..4]);
    })
}

#[test]
fn a_base_that_nothing_brings_is_warned_of() {
    let mission = two("queue-base");
    let dry = |files: &str| {
        mission
            .ok(&format!(
                "uplink {files} --dry-run --best-effort --at 2026-11-30T01:00:00Z"
            ))
            .err
    };
    let lacks = "bundle 2 is a delta, and bundle 1, which brings its base,";
    assert!(dry("bundles/2.ldb").contains(&format!("{lacks} never went up")));
    assert!(!dry("bundles/1.ldb bundles/2.ldb").contains("is a delta"));
    mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    assert!(!dry("bundles/2.ldb").contains("is a delta"));
    mission.ok("command abort bundle 1");
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    mission.ok(&format!("uplink documents/cmd-1.ldd --at {START}"));
    let said = dry("bundles/2.ldb");
    assert!(
        said.contains(&format!("{lacks} is given up by command 1")),
        "{said}"
    );
    // What a report shows is there, whoever brought it.
    fs::write(mission.path("r.bin"), shows(&mission, 1, "new.bin")).unwrap();
    mission.ok("ingest r.bin --at 2026-11-30T00:00:00Z");
    let said = dry("bundles/2.ldb");
    assert!(!said.contains("is a delta"), "{said}");
    fs::write(mission.path("r.bin"), shows(&mission, 2, "newer.bin")).unwrap();
    mission.ok("ingest r.bin --at 2026-11-30T00:30:00Z");
    let said = dry("bundles/2.ldb");
    assert!(
        said.contains(&format!("{lacks} is given up by command 1")),
        "{said}"
    );
}

#[test]
fn a_base_of_no_bundle_is_warned_of_once_a_report_shows_what_is_on_board() {
    let mission = Mission::with_bundle("queue-launch");
    let dry = || {
        let line = format!("uplink bundles/1.ldb --dry-run --at {START}");
        mission.ok(&line).err
    };
    assert!(!dry().contains("is a delta"));
    fs::write(mission.path("r.bin"), shows(&mission, 1, "old.bin")).unwrap();
    mission.ok(&format!("ingest r.bin --at {START}"));
    assert!(!dry().contains("is a delta"));
    fs::write(mission.path("r.bin"), shows(&mission, 2, "new.bin")).unwrap();
    mission.ok(&format!("ingest r.bin --at {START}"));
    let said = dry();
    assert!(
        said.contains("report 2 shows its base nowhere on board"),
        "{said}"
    );
}

#[test]
fn there_is_no_certificate_of_what_the_twin_does_not_take() {
    let mission = two("queue-certificate");
    mission.states_twin();
    mission.authorizes();
    let files = "bundles/1.ldb documents/auth-1.ldd";
    let sent = mission
        .ok(&format!("uplink {files} --json --at {START}"))
        .json();
    for one in sent["certificate"].as_array().unwrap() {
        assert!(one["probability"].as_f64().unwrap() > 0.9, "{sent}");
    }
    // While the first is on trial the second waits, and the third is not heard.
    let image = fs::read(mission.path("newer.bin")).unwrap();
    fs::write(
        mission.path("newest.bin"),
        [image, b"and a fourth".to_vec()].concat(),
    )
    .unwrap();
    mission.ok("build newest.bin --version 1.3.0 --base newer.bin --base-version 1.2.0");
    mission.ok("sign bundles/3.ldb --key keys/release-bob.key");
    let files = "bundles/2.ldb bundles/3.ldb";
    let at = "2026-12-03T06:30:00Z";
    let told = mission
        .ok(&format!(
            "uplink {files} --probability 0.9 --json --at {at}"
        ))
        .json();
    let verdicts = told["twin"]["verdicts"].as_array().unwrap();
    let certificates = told["certificate"].as_array().unwrap();
    for (verdict, certificate) in verdicts.iter().zip(certificates) {
        assert_eq!(
            verdict["in_vain"] == true,
            certificate["probability"].is_null(),
            "{told}"
        );
    }
    assert_eq!(verdicts[1]["in_vain"], true, "{told}");
}

#[test]
fn under_an_epoch_that_is_being_left_the_remedy_names_the_next() {
    let mission = Mission::with_bundle("queue-epoch");
    mission.states_twin();
    mission.ok("keygen link-epoch 1 --from keys/link.key");
    mission.ok("command epoch-switch 1");
    mission.ok("sign documents/cmd-1.ldd --key keys/root-ann.key");
    mission.ok(&format!("uplink documents/cmd-1.ldd --at {START}"));
    let said = mission
        .ok(&format!("command report-request --dry-run --at {START}"))
        .err;
    let remedy =
        "it goes up under link epoch 0, which command 1 leaves: uplink it with `--epoch 1`";
    assert!(said.contains(remedy), "{said}");
    // There it is heard.
    mission.ok(&format!("command report-request --at {START}"));
    mission.ok("sign documents/cmd-2.ldd --key keys/flight-dan.key");
    let said = mission
        .ok(&format!(
            "uplink documents/cmd-2.ldd --dry-run --at {START}"
        ))
        .err;
    assert!(said.contains(remedy), "{said}");
    let said = mission
        .ok(&format!(
            "uplink documents/cmd-2.ldd --epoch 1 --dry-run --at {START}"
        ))
        .err;
    assert!(!said.contains("would not be done"), "{said}");
}
