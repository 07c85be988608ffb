//! `lightday import`: what it refuses. What it is for flies in `runbooks.rs`.

mod common;

use std::fs;

use common::Mission;

/// A mission of the same holders, as another vehicle of the class.
fn sister(of: &Mission, name: &str) -> Mission {
    let mission = Mission::new(name);
    for file in ["keyset.toml", "keyset-1.bin"] {
        fs::remove_file(mission.path(&format!("keys/{file}"))).unwrap();
    }
    for file in fs::read_dir(of.path("keys")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".pub") {
            fs::copy(&path, mission.path(&format!("keys/{name}"))).unwrap();
        }
    }
    mission.edit("mission.toml", "\nid = 1", "\nid = 2");
    mission.ok("keygen keyset --replace");
    mission
}

/// The bundle of a mission, as another one names it.
fn bundle(of: &Mission, n: u32) -> String {
    of.path(&format!("bundles/{n}.ldb")).display().to_string()
}

const BUILD: &str = "build new.bin --version 1.1.0 --base old.bin --base-version 1.0.0";

#[test]
fn a_bundle_of_the_class_is_taken_over_byte_for_byte_with_its_number() {
    let first = Mission::with_bundle("import-first");
    first.ok(&format!("{BUILD} --class"));
    let second = sister(&first, "import-second");
    let import = format!("import {}", bundle(&first, 2));
    // Nobody has signed it.
    second.fails(&import, 4, "2.ldb");
    first.ok("sign bundles/2.ldb --key keys/release-bob.key");
    let before = second.files();
    second.ok(&format!("{import} --dry-run"));
    assert_eq!(second.files(), before);
    second.ok(&import);
    for file in ["2.ldb", "2.ldb.release-bob.sig"] {
        let read = |m: &Mission| fs::read(m.path(&format!("bundles/{file}"))).unwrap();
        assert_eq!(read(&first), read(&second), "{file}");
    }
    second.ok("verify bundles/2.ldb --base old.bin --image new.bin");
    second.ok("ledger verify");
    // Number 1 is given up, 2 is taken.
    let next = &second.ok("status --json").json()["next_numbers"]["bundle"];
    assert_eq!(next, 3);
    second.fails(&import, 5, "was given out here already");
    second.ok("uplink bundles/2.ldb --at 2026-11-30T00:00:00Z");
}

#[test]
fn what_is_not_for_this_vehicle_is_not_taken_over() {
    let first = Mission::with_bundle("import-bound");
    let second = sister(&first, "import-other");
    second.fails(
        &format!("import {}", bundle(&first, 1)),
        5,
        "is for vehicle 1",
    );
    // Bound to this very vehicle, it was built here.
    first.fails("import bundles/1.ldb", 5, "is bound to one vehicle");
    first.ok(&format!("{BUILD} --class"));
    first.ok("sign bundles/2.ldb --key keys/release-bob.key");
    second.edit("mission.toml", "\nclass = 1", "\nclass = 9");
    second.fails(
        &format!("import {}", bundle(&first, 2)),
        5,
        "is for class 1",
    );
    // Another key set: its signatures are nobody's here.
    let stranger = Mission::new("import-stranger");
    stranger.fails(&format!("import {}", bundle(&first, 2)), 4, "sig");
    first.ok("command report-request");
    let document = first.path("documents/cmd-1.ldd").display().to_string();
    second.fails(&format!("import {document}"), 2, "not a bundle");
}

#[test]
fn what_was_built_for_another_profile_is_not_taken_over() {
    let first = Mission::with_bundle("import-profile");
    first.ok(&format!("{BUILD} --class"));
    first.ok("sign bundles/2.ldb --key keys/release-bob.key");
    let second = sister(&first, "import-small");
    let import = format!("import {}", bundle(&first, 2));
    let toml = fs::read_to_string(second.path("mission.toml")).unwrap();
    for (from, to, field) in [
        (
            "slot_size = \"16KiB\"",
            "slot_size = \"8KiB\"",
            "memory.slot_size",
        ),
        (
            "load_address = 0x20000000",
            "load_address = 0x30000000",
            "memory.load_address",
        ),
        (
            "codecs = [\"store\", \"model\"]",
            "codecs = [\"store\"]",
            "decoder.codecs",
        ),
        ("ram = \"64KiB\"", "ram = \"16KiB\"", "decoder.ram"),
        ("component = 0", "component = 1", "vehicle.component"),
    ] {
        second.edit("mission.toml", from, to);
        second.fails(&import, 5, &format!("field `{field}`"));
        fs::write(second.path("mission.toml"), &toml).unwrap();
    }
    assert_eq!(
        second.ok("status --json").json()["next_numbers"]["bundle"],
        1
    );
    second.ok(&import);
}
