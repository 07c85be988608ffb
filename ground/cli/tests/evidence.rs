//! Evidence: what a new mission asks for, and whether given files are what was signed.

mod common;

use std::fs;

use common::{Mission, START};
use lightday_trust::Digester;
use lightday_trust::digest::sha256;

/// The root over some files (docs/SPEC.md, "Evidence root").
fn root(files: &[&[u8]]) -> String {
    let mut digests: Vec<_> = files.iter().map(|f| sha256(f)).collect();
    digests.sort_unstable();
    let mut digester = Digester::separated(b"lightday evidence v1");
    digests.iter().for_each(|d| digester.update(&d.0));
    digester.finish().to_string()
}

#[test]
fn a_new_mission_authorizes_nothing_that_was_not_rehearsed() {
    let mission = Mission::with_bundle("rehearsed");
    fs::write(mission.path("notes.txt"), "it will be fine").unwrap();
    let authorize = format!("authorize 1 --evidence notes.txt --at {START}");
    let error = mission.fails(&authorize, 5, "policy.require_rehearsal");
    assert!(error.contains("lightday rehearse bundles/1.ldb"), "{error}");
    let root = format!("authorize 1 --evidence-root {} --at {START}", root(&[b"x"]));
    mission.fails(&root, 5, "policy.require_rehearsal");
    mission.any_evidence();
    mission.ok(&authorize);
}

#[test]
fn an_authorization_is_held_against_its_evidence() {
    let mission = Mission::with_bundle("evidence");
    mission.any_evidence();
    for (file, text) in [("a.json", "all is well"), ("b.pdf", "I saw it")] {
        fs::write(mission.path(file), text).unwrap();
    }
    mission.ok(&format!(
        "authorize 1 --evidence a.json --evidence b.pdf --at {START}"
    ));
    let verify = "verify documents/auth-1.ldd --unsigned";
    // Any order, as `authorize` takes them.
    let held = mission
        .ok(&format!(
            "{verify} --evidence b.pdf --evidence a.json --json"
        ))
        .json();
    assert_eq!(held["evidence_holds"], true);
    assert_eq!(held["evidence_root"], root(&[b"all is well", b"I saw it"]));
    let said = mission.ok(&format!("{verify} --evidence a.json --evidence b.pdf"));
    assert!(
        said.out.contains("2 files are the evidence"),
        "{}",
        said.out
    );
    let unasked = mission.ok(&format!("{verify} --json")).json();
    assert_eq!(unasked["evidence_holds"], serde_json::Value::Null);
    assert_eq!(unasked["evidence_root"], held["evidence_root"]);

    // One file of two, another file, one bit.
    fs::write(mission.path("c.txt"), "else").unwrap();
    fs::write(mission.path("flipped.json"), "all is wfll").unwrap();
    for files in [
        "--evidence a.json",
        "--evidence a.json --evidence c.txt",
        "--evidence flipped.json --evidence b.pdf",
        "--evidence a.json --evidence b.pdf --evidence c.txt",
    ] {
        let error = mission.fails(&format!("{verify} {files}"), 3, "field `evidence_root`");
        for part in ["documents/auth-1.ldd", "hint:", "ledger log"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
    // The file that differs is named, as far as the ledger knows what was given.
    let error = mission.fails(
        &format!("{verify} --evidence flipped.json --evidence b.pdf"),
        3,
        "flipped.json",
    );
    assert!(!error.contains("b.pdf"), "{error}");
    mission.fails(&format!("{verify} --evidence gone.json"), 3, "gone.json");
}

#[test]
fn a_load_and_go_bundle_is_held_against_its_evidence() {
    let mission = Mission::new("evidence-load-and-go");
    fs::write(mission.path("good.json"), "all is well").unwrap();
    fs::write(mission.path("flipped.json"), "all is wfll").unwrap();
    mission.ok(&format!(
        "build new.bin --version 1.1.0 --full --load-and-go --evidence-root {}",
        root(&[b"all is well"])
    ));
    let verify = "verify bundles/1.ldb --unsigned --evidence";
    let held = mission.ok(&format!("{verify} good.json --json")).json();
    assert_eq!(held["evidence_holds"], true);
    for file in ["flipped.json", "new.bin"] {
        mission.fails(
            &format!("{verify} {file}"),
            3,
            "bundles/1.ldb: field `evidence_root`",
        );
    }
    // What states no root has none to be held against.
    mission.ok("build new.bin --version 1.2.0 --full");
    mission.ok("command boot-golden");
    for file in ["bundles/2.ldb", "documents/cmd-1.ldd"] {
        let line = format!("verify {file} --unsigned --evidence good.json");
        let error = mission.fails(&line, 2, "field `evidence`");
        assert!(error.contains(file), "{error}");
    }
}
