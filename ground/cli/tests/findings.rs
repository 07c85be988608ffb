//! What the command line promises beyond the common way: refusals, warnings, exit codes, and the next step.

mod common;

use std::fs;

use common::{Dir, Mission, START, run, run_args};

#[test]
fn so_many_frames_or_an_error() {
    let mission = Mission::with_bundle("frames-n");
    let plan = mission
        .ok(&format!("plan bundles/1.ldb --json --at {START}"))
        .json();
    let most = plan["frames"].as_u64().unwrap();
    let more = format!("uplink bundles/1.ldb --at {START} --frames {}", most + 1);
    let error = mission.fails(&more, 6, "field `frames`");
    assert!(
        error.contains(&format!("--frames {most} is the most")),
        "{error}"
    );
    mission.fails(
        &format!("uplink bundles/1.ldb --at {START} --frames 0"),
        2,
        "--frames",
    );
    let one = mission.ok(&format!("uplink bundles/1.ldb --at {START} --frames 1"));
    assert!(one.err.contains("1 frame, symbol 0, from"), "{}", one.err);
    assert_eq!(
        mission.ok("inspect uplink/1.frames --json").json()["frames"],
        1
    );
    assert!(
        mission
            .ok("inspect uplink/1.frames")
            .out
            .contains("1 frame of")
    );
}

#[test]
fn an_uplink_has_sound_names_and_objects() {
    let mission = Mission::with_bundle("uplink-args");
    let before = mission.files();
    for verb in ["uplink", "plan"] {
        let twice = format!("{verb} bundles/1.ldb bundles/1.ldb --at {START}");
        mission.fails(&twice, 2, "bundle 1 is named twice");
    }
    let csv = format!("uplink bundles/1.ldb --out frames.csv --at {START}");
    mission.fails(&csv, 2, "frames.csv");
    let missing = format!("uplink bundles/1.ldb --out no/such/x.frames --at {START}");
    mission.fails(&missing, 8, "no/such/x.frames");
    for p in ["0", "1", "1.5", "nan", "x"] {
        let line = format!("plan bundles/1.ldb --probability {p} --at {START}");
        mission.fails(&line, 2, "above 0 and below 1");
    }
    mission.fails("plan bundles/1.ldb --at 253402300800", 2, "year 9999");
    assert_eq!(mission.files(), before);
}

#[test]
fn two_uplinks_at_once_never_share_symbols_or_names() {
    let mission = Mission::with_bundle("uplinks-at-once");
    let line = format!("uplink bundles/1.ldb --frames 3 --at {START}");
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| mission.run(&line))).collect();
        let ended = runs.into_iter().map(|r| r.join().unwrap());
        ended
            .map(|ran| {
                assert!(matches!(ran.code, 0 | 7), "{}: {}", ran.code, ran.err);
                ran.code
            })
            .collect()
    });
    let status = mission.ok(&format!("status --json --at {START}")).json();
    let sent = status["sent"].as_array().unwrap();
    let written = codes.iter().filter(|c| **c == 0).count();
    let files: std::collections::BTreeSet<_> =
        sent.iter().map(|s| s["file"].as_str().unwrap()).collect();
    assert_eq!(files.len(), written);
    for file in files {
        assert!(mission.path(file).is_file(), "{file}");
    }
    let mut next = 0;
    for run in sent {
        assert_eq!(run["first"], next);
        next += run["count"].as_u64().unwrap();
    }
}

#[test]
fn who_signed_is_what_the_key_set_says() {
    let mission = Mission::with_bundle("names");
    let sig = mission.path("bundles/1.ldb.release-bob.sig");
    let good = fs::read_to_string(&sig).unwrap();
    for (from, to) in [("\"bob\"", "\"ann\""), ("\"release\"", "\"flight\"")] {
        fs::write(&sig, good.replacen(from, to, 1)).unwrap();
        for line in ["verify bundles/1.ldb", "uplink bundles/1.ldb"] {
            let error = mission.fails(&format!("{line} --at {START}"), 4, "release bob");
            assert!(error.contains(to.trim_matches('"')), "{error}");
        }
        let shown = mission.ok("inspect bundles/1.ldb").out;
        assert!(
            shown.contains("but the key is that of release bob"),
            "{shown}"
        );
    }
    // The same signature under two names counts, and shows, once.
    fs::write(&sig, &good).unwrap();
    fs::write(mission.path("bundles/1.ldb.copy.sig"), &good).unwrap();
    let verified = mission.ok("verify bundles/1.ldb --json").json();
    assert_eq!(verified["signers"], serde_json::json!(["release bob"]));
    mission.fails(
        "sign bundles/1.ldb --key keys/release-bob.key --out again.sig",
        8,
        "already signed by this key",
    );
}

#[test]
fn a_base_that_is_not_used_is_said() {
    let dir = Dir::new("bases");
    assert_eq!(run(&dir.0, "new m").code, 0);
    let m = dir.0.join("m");
    let old: Vec<u8> = (0..9_000u32).map(|i| (i * i / 7 % 251) as u8).collect();
    let mut new = old.clone();
    new[70] ^= 1;
    fs::write(m.join("app-1.0.0.elf"), &old).unwrap();
    fs::write(m.join("app-1.1.0.elf"), &new).unwrap();
    // The first example of the help, as it stands, in a new mission.
    let help = run(&m, "build --help").out;
    let mut lines = help.lines().skip_while(|l| !l.contains("lightday build"));
    let mut example = lines.next().unwrap().to_owned();
    while let Some(begin) = example.strip_suffix('\\') {
        example = format!("{begin}{}", lines.next().unwrap());
    }
    let words: Vec<&str> = example.split_whitespace().skip(1).collect();
    let built = run_args(&m, &words);
    assert_eq!(built.code, 0, "{}", built.err);
    assert!(built.out.contains("model"), "{}", built.out);
    assert!(!built.err.contains("note:"), "{}", built.err);

    let text = fs::read_to_string(m.join("mission.toml")).unwrap();
    let store = text.replacen("codecs = [\"store\", \"model\"]", "codecs = [\"store\"]", 1);
    assert_ne!(text, store);
    fs::write(m.join("mission.toml"), store).unwrap();
    let built = run_args(&m, &words);
    assert_eq!(built.code, 0, "{}", built.err);
    for says in [
        "the base is not used",
        "store makes 9000 B",
        "decoder.codecs",
        "brings this very image already",
    ] {
        assert!(built.err.contains(says), "{says}: {}", built.err);
    }
}

#[test]
fn builds_that_are_hardly_meant() {
    let mission = Mission::with_bundle("build-warns");
    let older = mission.ok("build new.bin --version 0.9.0 --base old.bin --base-version 1.0.0");
    assert!(
        older.err.contains("0.9.0 is not above 1.0.0"),
        "{}",
        older.err
    );
    assert!(
        older.err.contains("bundle 1 brings this very image"),
        "{}",
        older.err
    );
    mission.fails(
        "build old.bin --version 1.1.0 --base old.bin --base-version 1.0.0",
        5,
        "field `base`",
    );
    // What `build` counts is what `plan` counts, although nobody has signed yet.
    for (line, n) in [("--full", 3), ("--base old.bin --base-version 1.0.0", 4)] {
        let built = mission
            .ok(&format!("build new.bin --version 1.2.0 --json {line}"))
            .json();
        let plan = mission
            .ok(&format!("plan bundles/{n}.ldb --json --at {START}"))
            .json();
        assert_eq!(built["symbols"], plan["objects"][0]["k"], "{line}");
        assert_eq!(
            built["symbol_bytes"], plan["objects"][0]["symbol_bytes"],
            "{line}"
        );
    }
}

#[test]
fn an_envelope_that_no_vehicle_stores_is_not_built() {
    let mission = Mission::new("envelope-length");
    for key in ["release eve", "verification fay", "flight gus"] {
        mission.ok(&format!("keygen {key}"));
    }
    fs::remove_file(mission.path("keys/keyset.toml")).unwrap();
    fs::remove_file(mission.path("keys/keyset-1.bin")).unwrap();
    mission.ok(
        "keygen keyset --replace --threshold release=2 --threshold verification=2 --threshold flight=2",
    );
    let build = "build new.bin --version 1.1.0 --full";
    let root = "00".repeat(32);
    let before = mission.files();
    let armed = format!("{build} --load-and-go --evidence-root {root}");
    let error = mission.fails(&armed, 5, "field `thresholds`");
    for part in ["6 signatures", "448 B", "--load-and-go"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(mission.files(), before);
    mission.ok(build);
}

#[test]
fn commands_that_the_vehicle_would_refuse() {
    let mission = Mission::with_bundle("command-warns");
    let confirm = mission.ok("command confirm 1");
    assert!(
        confirm.err.contains("warning: no report"),
        "{}",
        confirm.err
    );
    for (line, code, names) in [
        ("slot-a --len 0", 2, "--len"),
        ("slot-a --len 16385", 5, "slot A, which has 16384 B"),
        ("golden --offset 16384", 5, "golden image"),
        ("golden --offset 16000 --len 385", 5, "golden image"),
        ("staging --len 4294967295", 5, "staging area"),
        ("record-0", 2, "field `len`"),
    ] {
        mission.fails(&format!("command region-digest {line}"), code, names);
    }
    mission.ok("command region-digest record-0 --len 512");
    let drafted = mission.ok("command region-digest slot-b --offset 384");
    assert!(
        drafted
            .err
            .contains("16000 bytes from byte 384 of the image of slot B"),
        "{}",
        drafted.err
    );
    mission.any_evidence();
    fs::write(mission.path("evidence/1.json"), "x").unwrap();
    let first = mission.ok("authorize 1 --evidence evidence/1.json");
    assert!(!first.err.contains("warning"), "{}", first.err);
    let second = mission.ok("authorize 1 --evidence evidence/1.json");
    assert!(
        second.err.contains("has authorization 1 already"),
        "{}",
        second.err
    );
}

#[test]
fn files_that_are_not_what_is_asked_for() {
    let mission = Mission::with_bundle("other-files");
    fs::write(mission.path("empty.bin"), "").unwrap();
    mission.fails("ingest empty.bin", 3, "the file is empty");
    for name in [
        "bundles/1.ldb.release-bob.sig",
        "keys/keyset-1.bin",
        "keys/keyset.toml",
        "ledger.sqlite",
    ] {
        mission.fails(
            &format!("inspect {name}"),
            3,
            "not a kind that inspect knows",
        );
    }
    fs::write(mission.path("evidence/1.json"), "x").unwrap();
    // Inputs are looked at before the evidence that is there.
    mission.fails("rehearse bundles/1.ldb --base gone.bin", 3, "gone.bin");
    mission.fails("rehearse bundles/1.ldb --base old.bin", 8, "--out FILE");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = Dir::new("locked");
        let inner = dir.0.join("m");
        assert_eq!(run(&dir.0, "new m").code, 0);
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o000)).unwrap();
        // Whoever is root reads it all the same.
        if fs::read_dir(&inner).is_err() {
            let ran = run(&dir.0, "--mission m status");
            assert_eq!(ran.code, 8, "{}", ran.err);
        }
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn every_verb_says_what_comes_next() {
    let mission = Mission::new("next");
    let next = |line: &str, says: &str| {
        let ran = mission.ok(line);
        assert!(
            ran.err.contains("Next: ") && ran.err.contains(says),
            "{line}: {}",
            ran.err
        );
        assert!(!ran.out.contains("Next: "), "{line}");
    };
    next(
        "build new.bin --version 1.1.0 --base old.bin --base-version 1.0.0",
        "still to sign: 1 of release",
    );
    let dir = Dir::new("next-new");
    let made = run(&dir.0, "new m").err;
    assert!(made.starts_with("Next: cd m\n"), "{made}");
    let astray = run(&std::env::temp_dir(), "keygen root ann");
    assert!(
        astray.code == 3 && astray.err.contains("--out DIR"),
        "{}",
        astray.err
    );
    let status = mission.ok("status").out;
    assert!(
        status.contains("bundle 1") && status.contains("1 of release"),
        "{status}"
    );
    next(
        "sign bundles/1.ldb --key keys/release-bob.key",
        "all signatures are there",
    );
    next("verify bundles/1.ldb", "lightday uplink bundles/1.ldb");
    next(
        &format!("plan bundles/1.ldb --at {START}"),
        "lightday uplink bundles/1.ldb",
    );
    mission.any_evidence();
    fs::write(mission.path("evidence/1.json"), "x").unwrap();
    next(
        "authorize 1 --evidence evidence/1.json",
        "1 of verification, 1 of flight",
    );
    next("command boot-golden", "1 of flight");
    next(
        "sign documents/auth-1.ldd --key keys/flight-dan.key",
        "still to sign: 1 of verification",
    );
    next(
        &format!("uplink bundles/1.ldb --at {START}"),
        "lightday ingest",
    );
    let error = mission.fails(
        "plan bundles/1.ldb --at 2027-01-05T00:00:00Z",
        6,
        "passes.csv",
    );
    assert!(
        error.contains("2027-01-07T06:00:00Z,2027-01-07T14:00:00Z,STATION,"),
        "{error}"
    );
    let help = mission.ok("status --help").out;
    assert!(help.contains("Global options:"), "{help}");
}
