//! Runs that end in their middle, and files that have no end: nothing is lost, nothing hangs, messages are true.
#![cfg(target_os = "linux")]

mod common;

use std::fs::{self, File};
use std::process::{Command, Stdio};

use common::{Dir, Mission, START, run, run_args};

#[test]
fn pipes_devices_and_directories_are_refused() {
    let mission = Mission::with_bundle("irregular");
    let made = Command::new("mkfifo").arg(mission.path("pipe")).status();
    assert!(made.unwrap().success());
    for file in ["pipe", "/dev/zero", "keys"] {
        for line in [
            "inspect FILE",
            "verify FILE",
            "verify bundles/1.ldb --image FILE",
            "ingest FILE",
            "sign bundles/1.ldb --key FILE --out x.sig",
            "plan FILE",
            "uplink FILE",
            "build FILE --version 1.2.0 --full",
            "build new.bin --version 1.2.0 --full --text FILE",
            "authorize 1 --evidence FILE",
        ] {
            mission.fails(&line.replace("FILE", file), 3, file);
        }
    }
    for file in ["mission.toml", "passes.csv", "keys/link.key"] {
        let kept = fs::read(mission.path(file)).unwrap();
        fs::remove_file(mission.path(file)).unwrap();
        let made = Command::new("mkfifo").arg(mission.path(file)).status();
        assert!(made.unwrap().success());
        mission.fails(&format!("uplink bundles/1.ldb --at {START}"), 3, file);
        fs::remove_file(mission.path(file)).unwrap();
        fs::write(mission.path(file), kept).unwrap();
    }
}

#[test]
fn a_full_standard_output_says_what_was_written() {
    let mission = Mission::new("mute");
    let mute = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_lightday"))
            .args(args)
            .current_dir(mission.root())
            .stdout(Stdio::from(File::create("/dev/full").unwrap()))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(8));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = mute(&["build", "new.bin", "--version", "1.1.0", "--full"]);
    assert!(said.contains("do not repeat"), "{said}");
    assert!(
        said.contains("ledger.sqlite") && said.contains("bundles/1.ldb"),
        "{said}"
    );
    assert!(mission.path("bundles/1.ldb").exists());
    let said = mute(&["status"]);
    assert!(said.contains("nothing was written"), "{said}");
    let said = mute(&["new", "fresh"]);
    assert!(said.contains("fresh"), "{said}");
}

#[test]
fn a_name_cannot_forge_the_log() {
    let mission = Mission::new("by");
    let long = "x".repeat(65);
    for name in ["eve\nadmin", "\x1b[2Jeve", "\u{202e}eve", "", &long] {
        let ran = run_args(mission.root(), &["command", "boot-golden", "--by", name]);
        assert_eq!(ran.code, 2, "{name:?}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_lightday"))
        .args(["command", "boot-golden"])
        .current_dir(mission.root())
        .env_remove("USER")
        .env_remove("LOGNAME")
        .env_remove("USERNAME")
        .status();
    assert!(output.unwrap().success());
    let log = mission.ok("ledger log").out;
    assert!(log.contains("uid "), "{log}");
}

/// Works on the ledger of a mission past the program.
fn sql(mission: &Mission, statements: &str) {
    rusqlite::Connection::open(mission.path("ledger.sqlite"))
        .unwrap()
        .execute_batch(statements)
        .unwrap();
}

#[test]
fn a_document_that_was_committed_and_never_named_comes_back() {
    let mission = Mission::with_bundle("renamed");
    mission.ok("command boot-golden");
    for file in ["bundles/1.ldb", "documents/cmd-1.ldd"] {
        // As a kill between commit and rename leaves it.
        let bytes = fs::read(mission.path(file)).unwrap();
        let (dir, name) = file.split_once('/').unwrap();
        let aside = mission.path(&format!("{dir}/.{name}.4194999.0.tmp"));
        fs::rename(mission.path(file), &aside).unwrap();
        let said = mission.ok("ledger verify").err;
        assert!(said.contains(file) && said.contains("again"), "{said}");
        assert_eq!(fs::read(mission.path(file)).unwrap(), bytes);
        assert!(!aside.exists(), "the file aside stayed");
    }
    fs::remove_dir_all(mission.path("documents")).unwrap();
    mission.ok("verify documents/cmd-1.ldd --unsigned");
    assert_eq!(mission.ok("status").err, "");
}

#[test]
fn frames_that_were_committed_and_never_named_come_back() {
    let mission = Mission::with_bundle("frames-cut");
    mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    let frames = fs::read(mission.path("uplink/1.frames")).unwrap();
    let hex: String = frames.iter().map(|b| format!("{b:02x}")).collect();
    fs::remove_file(mission.path("uplink/1.frames")).unwrap();
    sql(
        &mission,
        &format!("INSERT INTO unnamed VALUES ('uplink/1.frames', x'{hex}', 0)"),
    );
    mission.ok("ledger verify");
    assert_eq!(fs::read(mission.path("uplink/1.frames")).unwrap(), frames);
    // Once named it is the operator's: it may be deleted, and its name is not given again.
    fs::remove_file(mission.path("uplink/1.frames")).unwrap();
    fs::remove_file(mission.path("uplink/1.csv")).unwrap();
    let out = mission
        .ok(&format!("uplink bundles/1.ldb --afresh --at {START}"))
        .out;
    assert!(out.contains("uplink/2.frames"), "{out}");
    assert!(!mission.path("uplink/1.frames").exists());
    // A tampered ledger writes nothing outside of the mission, and nothing over what is there.
    sql(
        &mission,
        "INSERT INTO unnamed VALUES ('../escaped', x'00', 1), ('old.bin', x'00', 0)",
    );
    let kept = fs::read(mission.path("old.bin")).unwrap();
    mission.ok("status");
    assert!(!mission.path("../escaped").exists());
    assert_eq!(fs::read(mission.path("old.bin")).unwrap(), kept);
}

#[test]
fn a_key_that_lost_its_public_half_gets_it_back() {
    let mission = Mission::new("halves");
    let public = mission.path("keys/release-bob.pub");
    let kept = fs::read(&public).unwrap();
    fs::remove_file(&public).unwrap();
    fs::write(mission.path("keys/.release-bob.pub.4194999.0.tmp"), "x").unwrap();
    fs::write(mission.path("keys/.root-eve.key.4194999.0.tmp"), "secret").unwrap();
    mission.ok("keygen release bob --dry-run");
    assert!(!public.exists());
    mission.ok("keygen release bob");
    assert_eq!(fs::read(&public).unwrap(), kept);
    assert!(
        mission
            .files()
            .iter()
            .all(|f| f.extension().is_none_or(|e| e != "tmp"))
    );
    mission.fails("keygen release bob", 8, "never overwritten");
    // A private key that is elsewhere is not replaced by another.
    fs::remove_file(mission.path("keys/release-bob.key")).unwrap();
    mission.fails("keygen release bob", 8, "never overwritten");
    // A name that does not fit its content.
    fs::copy(
        mission.path("keys/flight-dan.key"),
        mission.path("keys/flight-eve.key"),
    )
    .unwrap();
    mission.fails("keygen flight eve", 5, "flight dan");
}

#[test]
fn the_key_set_is_anchored_in_the_ledger() {
    let mission = Mission::with_bundle("anchor");
    let good = fs::read_to_string(mission.path("keys/keyset.toml")).unwrap();
    // An intruder who is a root of their own making.
    let other = Mission::new("anchor-other");
    let stranger = fs::read_to_string(other.path("keys/keyset.toml")).unwrap();
    let lines = [
        "verify bundles/1.ldb".to_owned(),
        format!("plan bundles/1.ldb --at {START}"),
        format!("uplink bundles/1.ldb --at {START}"),
        "ledger verify".to_owned(),
    ];
    fs::write(mission.path("keys/keyset.toml"), stranger).unwrap();
    for line in &lines {
        let said = mission.fails(line, 4, "keyset.toml");
        assert!(said.contains("the ledger knows version 1 with"), "{said}");
    }
    // Lost files of the very same set come back by the same command, others never once something was sent.
    for file in ["keys/keyset.toml", "keys/keyset-1.bin"] {
        fs::remove_file(mission.path(file)).unwrap();
    }
    mission.ok("keygen keyset");
    assert_eq!(
        fs::read_to_string(mission.path("keys/keyset.toml")).unwrap(),
        good
    );
    mission.ok(&lines[2]);
    mission.ok("keygen flight eve");
    for file in ["keys/keyset.toml", "keys/keyset-1.bin"] {
        fs::remove_file(mission.path(file)).unwrap();
    }
    mission.fails("keygen keyset --replace", 5, "in use");
    fs::write(mission.path("keys/keyset.toml"), &good).unwrap();
    fs::copy(
        other.path("keys/keyset-1.bin"),
        mission.path("keys/keyset-1.bin"),
    )
    .unwrap();
    for line in &lines {
        mission.fails(line, 4, "keyset-1.bin");
    }
}

#[test]
fn other_link_keys_are_refused() {
    let mission = Mission::with_bundle("link-keys");
    let other = Mission::new("link-keys-other");
    let names = ["keys/link.key", "keys/link-0.key"];
    let good = names.map(|name| fs::read(mission.path(name)).unwrap());
    fs::write(mission.path("r.bin"), [0xf0; 95]).unwrap();
    let uplink = format!("uplink bundles/1.ldb --afresh --at {START}");
    for (name, good) in names.iter().zip(&good) {
        fs::copy(other.path(name), mission.path(name)).unwrap();
        for line in [&uplink, "ingest r.bin", "ledger verify"] {
            let said = mission.fails(line, 4, name);
            assert!(said.contains("fingerprint"), "{said}");
        }
        fs::write(mission.path(name), good).unwrap();
    }
    let remove = || names.map(|name| fs::remove_file(mission.path(name)).unwrap());
    remove();
    mission.fails("keygen link", 5, "--replace");
    mission.ok("keygen link --replace");
    mission.ok(&uplink);
    remove();
    for line in ["keygen link", "keygen link --replace"] {
        mission.fails(line, 5, "backup");
    }
    fs::write(mission.path(names[1]), &good[1]).unwrap();
    mission.fails(&uplink, 4, "fingerprint");
}

#[test]
fn a_machine_that_sends_needs_the_link_key_of_its_epoch_alone() {
    let mission = Mission::with_bundle("link-vault");
    let vault = Dir::new("link-vault-off");
    let away = vault.0.join("link.key");
    fs::rename(mission.path("keys/link.key"), &away).unwrap();
    mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    mission.ok("ledger verify");
    // The way to the next epoch leads through the vault.
    mission.ok("command epoch-switch 1");
    mission.ok("sign documents/cmd-1.ldd --key keys/root-ann.key");
    let switch = format!("uplink documents/cmd-1.ldd --at {START}");
    let said = mission.fails(&switch, 3, "link-1.key");
    assert!(said.contains("keygen link-epoch 1"), "{said}");
    let one = mission.path("keys/link-0.key").display().to_string();
    mission.fails(&format!("keygen link-epoch 1 --from {one}"), 3, "epoch 1");
    let take = format!("keygen link-epoch 1 --from {}", away.display());
    mission.ok(&format!("{take} --dry-run"));
    assert!(!mission.path("keys/link-1.key").exists());
    mission.ok(&take);
    mission.fails(&take, 8, "link-1.key");
    mission.ok(&switch);
    let text = fs::read_to_string(mission.path("keys/link-1.key")).unwrap();
    let lines: Vec<_> = text.lines().filter(|l| !l.starts_with('#')).collect();
    assert_eq!(lines.len(), 1, "{text}");
    assert!(lines[0].starts_with("1 "));
}

#[test]
fn link_keys_that_the_ledger_does_not_know_yet_are_kept() {
    let dir = Dir::new("link-half");
    assert_eq!(run(&dir.0, "new .").code, 0);
    assert_eq!(run(&dir.0, "keygen link").code, 0);
    let key = fs::read(dir.0.join("keys/link.key")).unwrap();
    // As a kill between the naming and the commit leaves it.
    fs::copy(dir.0.join("keys/link.key"), dir.0.join("kept")).unwrap();
    for name in ["ledger.sqlite", "mission.toml"] {
        fs::remove_file(dir.0.join(name)).unwrap();
    }
    assert_eq!(run(&dir.0, "new fresh").code, 0);
    let fresh = dir.0.join("fresh");
    fs::copy(dir.0.join("kept"), fresh.join("keys/link.key")).unwrap();
    let ran = run(&fresh, "keygen link");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(fs::read(fresh.join("keys/link.key")).unwrap(), key);
    assert_eq!(run(&fresh, "keygen link").code, 8);
    assert_eq!(run(&fresh, "ledger verify").code, 0);
}

#[test]
fn a_mission_is_whole_or_not_there() {
    let dir = Dir::new("whole");
    let ran = run(&dir.0, "new a/b/mission");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let names = |p: &std::path::Path| fs::read_dir(p).unwrap().count();
    assert_eq!(names(&dir.0.join("a/b")), 1);
    // What a killed run left aside goes with the next.
    let aside = dir.0.join("a/b/.other.4194999.new");
    fs::create_dir(&aside).unwrap();
    fs::write(aside.join("mission.toml"), "").unwrap();
    assert_eq!(run(&dir.0, "new a/b/other").code, 0);
    assert_eq!(names(&dir.0.join("a/b")), 2);
    assert_eq!(run(&dir.0, "--mission a/b/other ledger verify").code, 0);
}
