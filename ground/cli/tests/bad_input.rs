//! Truncated, oversized, bit-flipped and hostile files: the right exit code, a message that names the file and
//! the next step, no panic, nothing left behind.

mod common;

use std::fs;
use std::path::PathBuf;

use common::{Dir, Mission, START, run};

/// Runs a verb on a damaged file: it must fail as expected and leave nothing behind.
fn refuses(mission: &Mission, line: &str, codes: &[i32], file: &str) {
    let before = mission.files();
    let ran = mission.run(line);
    assert!(
        codes.contains(&ran.code),
        "{line}: exit {}\n{}{}",
        ran.code,
        ran.out,
        ran.err
    );
    assert!(
        ran.err.contains(file),
        "{line}: {} is not named in {}",
        file,
        ran.err
    );
    assert!(
        ran.err.contains("hint:"),
        "{line}: no next step in {}",
        ran.err
    );
    assert_eq!(mission.files(), before, "{line} left something behind");
}

/// What can happen to a file on its way.
fn damaged(good: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut all = vec![("empty".to_owned(), Vec::new())];
    for cut in [1, 7, 8, 9, 14, good.len() / 2, good.len() - 1] {
        all.push((
            format!("cut at {cut}"),
            good[..cut.min(good.len() - 1)].to_vec(),
        ));
    }
    for at in (0..good.len()).step_by((good.len() / 12).max(1)) {
        let mut flipped = good.to_vec();
        flipped[at] ^= 0x10;
        all.push((format!("flip at {at}"), flipped));
    }
    all.push(("oversized".to_owned(), [good, &[0; 4096]].concat()));
    all
}

#[test]
fn damaged_bundles_and_documents() {
    let mission = Mission::with_bundle("bad-bundle");
    mission.ok("command boot-golden");
    let (bundle, command) = (
        fs::read(mission.path("bundles/1.ldb")).unwrap(),
        fs::read(mission.path("documents/cmd-1.ldd")).unwrap(),
    );
    for (good, name) in [(bundle, "x.ldb"), (command, "x.ldd")] {
        for (what, bytes) in damaged(&good) {
            fs::write(mission.path(name), &bytes).unwrap();
            for line in ["verify", "sign --key keys/release-bob.key", "plan"] {
                let line = format!("{line} {name} --at {START}");
                refuses(&mission, &line, &[3], name);
            }
            if what != "empty"
                && !what.contains("flip at 0")
                && !what.contains("cut at 1")
                && !what.contains("cut at 7")
            {
                refuses(&mission, &format!("inspect {name}"), &[3], name);
            }
        }
    }
}

#[test]
fn damaged_signatures() {
    let mission = Mission::with_bundle("bad-sig");
    let name = "bundles/1.ldb.release-bob.sig";
    let good = fs::read_to_string(mission.path(name)).unwrap();
    let signature = good.lines().find(|l| l.starts_with("signature")).unwrap();
    let flipped = signature.replacen("= \"", "= \"0", 1);
    let other: String = signature
        .chars()
        .map(|c| if c == '3' { '4' } else { c })
        .collect();
    for (bad, codes) in [
        (String::new(), [3]),
        (good[..good.len() / 2].to_owned(), [3]),
        (good.replace(signature, &flipped), [3]),
        (good.replace(signature, &other), [4]),
        (good.replace("number = 1", "number = 2"), [4]),
        (good.replace("release", "pilot"), [3]),
        (good.replace("kind", "kindd"), [3]),
    ] {
        assert_ne!(bad, good);
        fs::write(mission.path(name), bad).unwrap();
        refuses(&mission, "verify bundles/1.ldb", &codes, name);
        refuses(
            &mission,
            &format!("uplink bundles/1.ldb --at {START}"),
            &codes,
            name,
        );
        // `inspect` shows what is there and judges nothing.
        mission.ok("inspect bundles/1.ldb");
    }
}

#[test]
fn damaged_keys() {
    let mission = Mission::new("bad-keys");
    mission.ok("build new.bin --version 1.1.0 --full");
    let good = fs::read_to_string(mission.path("keys/release-bob.key")).unwrap();
    let longer = format!("{good}{}", "x".repeat(2 << 20));
    for bad in [
        String::new(),
        good[..good.len() / 2].to_owned(),
        good.replace("release", "pilot"),
        good.replace("name: bob\n", ""),
        longer,
        good.replace("MC4", "MC5"),
    ] {
        fs::write(mission.path("x.key"), bad).unwrap();
        refuses(&mission, "sign bundles/1.ldb --key x.key", &[3], "x.key");
    }
    fs::write(mission.path("x.key"), [0xff; 64]).unwrap();
    refuses(&mission, "sign bundles/1.ldb --key x.key", &[3], "x.key");
    // A secret never shows in a message.
    let secret = good.lines().find(|l| l.starts_with("MC4")).unwrap();
    assert!(
        !mission
            .run("sign bundles/1.ldb --key x.key")
            .err
            .contains(secret)
    );

    // A key of the right role that the key set does not know.
    let elsewhere = Dir::new("stranger");
    assert_eq!(run(&elsewhere.0, "keygen release eve --out .").code, 0);
    let stranger = elsewhere.0.join("release-eve.key");
    refuses(
        &mission,
        &format!("sign bundles/1.ldb --key {}", stranger.display()),
        &[4],
        "release-eve.key",
    );

    mission.ok("sign bundles/1.ldb --key keys/release-bob.key");
    let link = fs::read_to_string(mission.path("keys/link.key")).unwrap();
    for bad in [
        String::new(),
        link[..link.len() - 5].to_owned(),
        link.replace("\n3 ", "\n33 "),
        link.replace("\n3 ", "\n2 "),
    ] {
        for file in ["link-0.key", "link.key"] {
            let path = mission.path("keys").join(file);
            let good = fs::read(&path).unwrap();
            fs::write(&path, &bad).unwrap();
            let line = format!("uplink bundles/1.ldb --at {START}");
            refuses(&mission, &line, &[3], file);
            fs::write(&path, good).unwrap();
        }
    }
    for file in ["link-0.key", "link.key"] {
        fs::remove_file(mission.path("keys").join(file)).unwrap();
    }
    let line = format!("uplink bundles/1.ldb --at {START}");
    refuses(&mission, &line, &[3], "link-0.key");
    let set = fs::read_to_string(mission.path("keys/keyset.toml")).unwrap();
    for bad in [
        String::new(),
        set.replace("release", "pilot"),
        set.replace("root = 1", "root = 2"),
        set.replace("version", "versio"),
    ] {
        fs::write(mission.path("keys/keyset.toml"), bad).unwrap();
        refuses(&mission, "verify bundles/1.ldb", &[3], "keyset.toml");
    }
    fs::write(
        mission.path("keys/keyset.toml"),
        set.replace("root = 1", "root = 2"),
    )
    .unwrap();
    mission.fails("verify bundles/1.ldb", 3, "root has fewer keys");
}

#[test]
fn no_key_is_ever_overwritten() {
    let mission = Mission::new("keep-keys");
    let keys: Vec<(PathBuf, Vec<u8>)> = mission
        .files()
        .into_iter()
        .map(|f| (f.clone(), fs::read(f).unwrap()))
        .collect();
    for what in ["release bob", "link", "keyset"] {
        mission.fails(&format!("keygen {what}"), 8, "never overwritten");
    }
    mission.fails("new .", 5, "not empty");
    mission.fails("keygen flight ../eve", 2, "field `name`");
    for (path, bytes) in keys {
        assert_eq!(fs::read(&path).unwrap(), bytes, "{}", path.display());
    }
    #[cfg(unix)]
    for name in ["release-bob.key", "link.key", "link-0.key"] {
        use std::os::unix::fs::PermissionsExt as _;
        let path = mission.path("keys").join(name);
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600,
            "{name}"
        );
    }
}

#[test]
fn damaged_missions() {
    let mission = Mission::with_bundle("bad-mission");
    let good = fs::read_to_string(mission.path("mission.toml")).unwrap();
    let plan = format!("plan bundles/1.ldb --at {START}");
    for (from, to, names) in [
        (
            "slot_size = \"16KiB\"",
            "slot_size = \"16 apples\"",
            "field `memory.slot_size`",
        ),
        ("lease = \"7d\"", "lease = 7", "field `trial.lease`"),
        ("[link]", "[lnk]", "`lnk`"),
        (
            "rate_up_bps = 100",
            "rate_up_bps = 0",
            "field `link.rate_up_bps`",
        ),
        ("frames = 0.05", "frames = 1.5", "field `loss.frames`"),
        ("format = 1", "format = 9", "field `format`"),
        ("format = 1", "", "`format`"),
    ] {
        fs::write(mission.path("mission.toml"), good.replacen(from, to, 1)).unwrap();
        refuses(&mission, &plan, &[3], "mission.toml:");
        mission.fails(&plan, 3, names);
    }
    let end = good.find("require_window").unwrap();
    for cut in (0..end).step_by(150) {
        fs::write(mission.path("mission.toml"), &good.as_bytes()[..cut]).unwrap();
        refuses(&mission, &plan, &[3], "mission.toml");
    }
    fs::write(mission.path("mission.toml"), [0xff, 0xfe, 0]).unwrap();
    refuses(&mission, &plan, &[3], "mission.toml:1");
    fs::write(mission.path("mission.toml"), &good).unwrap();

    let passes = fs::read_to_string(mission.path("passes.csv")).unwrap();
    fs::write(
        mission.path("passes.csv"),
        passes.replacen("-02T14", "-02T25", 1),
    )
    .unwrap();
    refuses(&mission, &plan, &[3], "passes.csv:");
    fs::write(mission.path("passes.csv"), passes).unwrap();
    refuses(
        &mission,
        "plan bundles/1.ldb --at 2027-01-01T00:00:00Z",
        &[6],
        "passes.csv",
    );
    mission.fails(
        &format!("plan bundles/1.ldb --probability 1.5 --at {START}"),
        2,
        "probability",
    );
    let elsewhere = Dir::new("nowhere");
    let ran = run(std::env::temp_dir().as_path(), "status");
    assert!(
        ran.code == 3 && ran.err.contains("lightday new DIR"),
        "{}",
        ran.err
    );
    let ran = run(&elsewhere.0, "--mission nowhere status");
    assert!(
        ran.code == 3 && ran.err.contains("nowhere/mission.toml"),
        "{}",
        ran.err
    );
}

#[test]
fn bad_images() {
    let mission = Mission::new("bad-images");
    let build = "build x.bin --version 1.1.0 --full";
    let mut elf = b"\x7fELF\x01\x01\x01".to_vec();
    elf.resize(40, 0);
    for (bytes, code) in [(Vec::new(), 3), (elf, 3), (vec![1; 17 << 10], 5)] {
        fs::write(mission.path("x.bin"), bytes).unwrap();
        refuses(&mission, build, &[code], "x.bin");
    }
    // A sound executable for another machine.
    fs::copy(env!("CARGO_BIN_EXE_lightday"), mission.path("x.bin")).unwrap();
    refuses(&mission, build, &[5], "x.bin");
    fs::remove_file(mission.path("x.bin")).unwrap();
    refuses(&mission, build, &[3], "x.bin");
    refuses(
        &mission,
        "build new.bin --version 1.1.0 --base old.bin",
        &[2],
        "old.bin",
    );
    // Nothing of all that took a number.
    assert_eq!(
        mission.ok("status --json").json()["next_numbers"]["bundle"],
        1
    );
    mission.ok("build new.bin --version 1.1.0 --base old.bin --base-version 1.0.0");
    mission.ok("sign bundles/1.ldb --key keys/release-bob.key");
    refuses(
        &mission,
        "verify bundles/1.ldb --base new.bin",
        &[3],
        "new.bin",
    );
    refuses(
        &mission,
        "verify bundles/1.ldb --image old.bin",
        &[3],
        "old.bin",
    );
}

#[test]
fn a_document_of_another_mission_is_refused() {
    let ours = Mission::with_bundle("ours");
    let theirs = Mission::new("theirs");
    theirs.edit("mission.toml", "\nid = 1", "\nid = 2");
    theirs.ok("build new.bin --version 1.1.0 --full");
    fs::copy(theirs.path("bundles/1.ldb"), ours.path("theirs.ldb")).unwrap();
    refuses(&ours, "verify theirs.ldb --unsigned", &[5], "theirs.ldb");
    refuses(
        &ours,
        "sign theirs.ldb --key keys/release-bob.key",
        &[5],
        "theirs.ldb",
    );
    // A number must never mean two things.
    ours.edit(
        "mission.toml",
        "codecs = [\"store\", \"model\"]",
        "codecs = [\"store\"]",
    );
    let copy = Mission::new("copy");
    copy.ok("build new.bin --version 9.9.9 --full");
    fs::copy(copy.path("bundles/1.ldb"), ours.path("copy.ldb")).unwrap();
    ours.ok("sign copy.ldb --key keys/release-bob.key");
    refuses(
        &ours,
        &format!("uplink copy.ldb --at {START}"),
        &[5],
        "copy.ldb",
    );
}

#[test]
fn a_bad_ledger() {
    let mission = Mission::with_bundle("bad-ledger");
    let good = fs::read(mission.path("ledger.sqlite")).unwrap();
    for bytes in [
        b"not a ledger, whatever the name says".to_vec(),
        good[..good.len() / 2].to_vec(),
        Vec::new(),
    ] {
        fs::write(mission.path("ledger.sqlite"), bytes).unwrap();
        refuses(
            &mission,
            "build new.bin --version 1.2.0 --full",
            &[7],
            "ledger.sqlite",
        );
        refuses(&mission, "ledger verify", &[7], "ledger.sqlite");
    }
    fs::remove_file(mission.path("ledger.sqlite")).unwrap();
    refuses(&mission, "status", &[7], "ledger.sqlite");
    fs::write(mission.path("ledger.sqlite"), good).unwrap();
    mission.ok("ledger verify");
    fs::write(mission.path("bundles/1.ldb"), "changed").unwrap();
    refuses(&mission, "ledger verify", &[7], "bundles/1.ldb");
    refuses(&mission, "ledger verify --head 00", &[7], "00");
}
