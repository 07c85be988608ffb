//! Houses with one thing wrong, each of which the table has to name.

use super::*;
use crate::tidy::Source;

/// A workspace of all packages, `name` with `extra` in its manifest and `root` as its root file.
fn house(name: &str, extra: &str, root: &str) -> Sources {
    let mut texts = Vec::new();
    let members: Vec<String> = RULES
        .iter()
        .map(|rule| format!("\"{}\"", rule.name))
        .collect();
    texts.push(Source::new(
        "Cargo.toml",
        &format!("[workspace]\nmembers = [{}]\n", members.join(", ")),
    ));
    for rule in RULES {
        let lints = if extra.contains("[lints]") && rule.name == name {
            ""
        } else {
            "[lints]\nworkspace = true\n"
        };
        let mut manifest = format!("[package]\nname = \"{}\"\n{lints}", rule.name);
        let mut text = "#![no_std]\n#![forbid(unsafe_code)]\n";
        if rule.name == name {
            manifest.push_str(extra);
            text = root;
        }
        texts.push(Source::new(&format!("{}/Cargo.toml", rule.name), &manifest));
        texts.push(Source::new(&format!("{}/src/lib.rs", rule.name), text));
    }
    Sources::of(texts)
}

const GOOD: &str = "#![no_std]\n#![forbid(unsafe_code)]\n";

fn violations(name: &str, extra: &str) -> usize {
    check(&house(name, extra, GOOD)).len()
}

#[test]
fn imports_downward_pass() {
    assert_eq!(
        violations(
            "lightday-agent",
            "[dependencies]\nlightday-boot.workspace = true\nserde = \"1\"\n"
        ),
        0
    );
    assert_eq!(
        violations(
            "lightday-sim",
            "[dependencies]\nlightday-agent = \"0\"\nlightday-station = \"0\"\n"
        ),
        0
    );
}

#[test]
fn of_the_firmware_the_tests_alone_import_the_board() {
    let import = |name, what: &str| {
        let extra = format!("[dependencies]\n{what}.workspace = true\n");
        violations(name, &extra)
    };
    assert_eq!(import("lightday-tests", "lightday-firmware-board"), 0);
    assert_eq!(import("lightday-tests", "lightday-firmware-factory"), 1);
    assert_eq!(import("lightday-sim", "lightday-firmware-board"), 1);
}

#[test]
fn imports_upward_and_of_siblings_fail() {
    assert_eq!(
        violations(
            "lightday-wire",
            "[dependencies]\nlightday-trust.workspace = true\n"
        ),
        1
    );
    assert_eq!(
        violations(
            "lightday-wire",
            "[dependencies]\nlightday-fec.workspace = true\n"
        ),
        1
    );
    assert_eq!(
        violations(
            "lightday-agent",
            "[dependencies]\nlightday-station.workspace = true\n"
        ),
        1
    );
}

#[test]
fn every_table_and_renaming_counts() {
    assert_eq!(
        violations(
            "lightday-wire",
            "[dev-dependencies]\nlightday-sim.workspace = true\n"
        ),
        1
    );
    assert_eq!(
        violations(
            "lightday-wire",
            "[build-dependencies]\nlightday-sim.workspace = true\n"
        ),
        1
    );
    assert_eq!(
        violations(
            "lightday-wire",
            "[target.'cfg(unix)'.dependencies]\nlightday-sim = \"0\"\n"
        ),
        1
    );
    assert_eq!(
        violations(
            "lightday-wire",
            "[dependencies]\nx = { package = \"lightday-sim\", path = \"..\" }\n"
        ),
        1
    );
}

#[test]
fn a_crate_may_name_itself() {
    let itself = "[dev-dependencies]\nlightday-delta = { path = \".\", features = [\"encode\"] }\n";
    assert_eq!(violations("lightday-delta", itself), 0);
}

#[test]
fn the_station_never_imports_what_flies() {
    assert_eq!(
        violations(
            "lightday-station",
            "[dependencies]\nlightday-boot.workspace = true\n"
        ),
        1
    );
    assert_eq!(
        violations(
            "lightday-station",
            "[dependencies]\nlightday-trust.workspace = true\n"
        ),
        0
    );
}

#[test]
fn xtask_stands_beside_the_house() {
    assert_eq!(
        violations("xtask", "[dependencies]\nlightday-wire.workspace = true\n"),
        1
    );
    assert_eq!(
        violations("lightday-tests", "[dependencies]\nxtask.workspace = true\n"),
        1
    );
}

#[test]
fn lints_are_inherited() {
    assert_eq!(
        violations("lightday-wire", "[lints]\nworkspace = false\n"),
        1
    );
}

#[test]
fn roots_declare_what_they_must() {
    assert_eq!(
        check(&house("lightday-wire", "", "#![forbid(unsafe_code)]\n")).len(),
        1
    );
    assert_eq!(
        check(&house(
            "lightday-wire",
            "",
            "#![cfg_attr(not(test), no_std)]\n"
        ))
        .len(),
        2
    );
    assert_eq!(
        check(&house("lightday-station", "", "#![forbid(unsafe_code)]\n")).len(),
        0
    );
    assert_eq!(
        check(&house("lightday-station", "", "//! Nothing.\n")).len(),
        1
    );
}

#[test]
fn a_member_without_a_floor_and_a_floor_without_a_member_fail() {
    let mut texts = house("", "", GOOD).texts;
    texts[0].text = texts[0].text.replace("\"xtask\"", "\"other\"");
    texts.push(Source::new(
        "other/Cargo.toml",
        "[package]\nname = \"other\"\n",
    ));
    assert_eq!(check(&Sources::of(texts)).len(), 2);
}

#[test]
fn the_loader_never_links_the_agent() {
    let house = |extra: &str| {
        let manifests = FIRMWARE.map(|(dir, name, _)| {
            let mut manifest = format!("[package]\nname = \"{name}\"\n[lints]\nworkspace = true\n");
            if dir == "loader" {
                manifest.push_str(extra);
            }
            Source::new(&format!("onboard/firmware/{dir}/Cargo.toml"), &manifest)
        });
        firmware(&Sources::of(manifests.to_vec())).len()
    };
    assert_eq!(house("[dependencies]\nlightday-boot.workspace = true\n"), 0);
    assert_eq!(
        house("[dependencies]\nlightday-agent.workspace = true\n"),
        1
    );
    assert_eq!(house("[build-dependencies]\nlightday = \"0\"\n"), 1);
    assert_eq!(firmware(&Sources::of(Vec::new())).len(), FIRMWARE.len());
}
