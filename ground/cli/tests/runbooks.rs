//! The handbook, `docs/OPERATIONS.md`, rehearsed: each of its blocks is run word for word, by the real program with
//! real keys, against the real loader and agent in flight. What the page says that the vehicle proves, it has to prove.

mod common;
#[path = "runbooks/craft.rs"]
mod craft;
#[path = "runbooks/page.rs"]
mod page;

use std::fs;
use std::path::Path;

use common::Dir;
use craft::{Craft, LIGHT_S, Launching};
use lightday_station::link_keys::HeldKeys;
use lightday_trust::Direction;
use lightday_wire::{
    Epoch, FrameHeader, Location, ObjectKind, ObjectNumber, SlotId, TagLen, VehicleId,
};
use page::{Operator, block};

/// 2026-11-01, when the vehicle was launched.
const LAUNCHED_S: u64 = 1_793_491_200;
/// 2026-12-01, 00:00.
const START_S: u64 = 1_796_083_200;

/// Version `n` of the application.
fn image(n: u8) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..12_000u32).map(|i| (i * i / 7 % 251) as u8).collect();
    let at = 1000 * usize::from(n);
    bytes[at..at + 8].copy_from_slice(&[n, 7, n, 9, n, 11, n, 13]);
    bytes
}

fn run(root: &Path, line: &str) {
    let ran = common::run(root, line);
    assert_eq!(ran.code, 0, "{line}\n{}{}", ran.out, ran.err);
}

/// A mission whose roles hold the keys that the page names.
fn mission(root: &Path, id: (u32, u32)) {
    run(root, "new .");
    let path = root.join("mission.toml");
    let mut text = fs::read_to_string(&path).unwrap();
    for (from, to) in [
        ("slot_size = \"512KiB\"", "slot_size = \"16KiB\"".to_owned()),
        ("\nid = 1", format!("\nid = {}", id.0)),
        ("\nclass = 1", format!("\nclass = {}", id.1)),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, &to, 1);
    }
    text.push_str(
        "[twin]\nlaunched = \"2026-11-01T00:00:00Z\"\ngolden = \"app-1.0.0.bin\"\ngolden_version = \"1.0.0\"\n\
         first = \"app-1.0.0.bin\"\nfirst_version = \"1.0.0\"\n",
    );
    fs::write(path, text).unwrap();
    let mut passes = fs::read_to_string(root.join("passes.csv")).unwrap();
    for (month, days) in [("2026-12", 31), ("2027-01", 31)] {
        for day in 1..=days {
            passes.push_str(&format!(
                "{month}-{day:02}T06:00:00Z,{month}-{day:02}T14:00:00Z,Malargue,\n"
            ));
        }
    }
    fs::write(root.join("passes.csv"), passes).unwrap();
    for (name, n) in [("1.0.0", 0), ("1.1.0", 1), ("1.2.0", 2), ("1.2.1", 3)] {
        fs::write(root.join(format!("app-{name}.bin")), image(n)).unwrap();
    }
}

/// Its keys, in the hands of those whom the page names; the sixteen link keys lie in the vault.
fn keys(root: &Path) {
    for key in [
        "root ann",
        "root rolf",
        "root ria",
        "release bob",
        "release bea",
        "release ben",
        "verification cleo",
        "flight dan",
        "flight dora",
        "flight dirk",
        "link",
    ] {
        run(root, &format!("keygen {key}"));
    }
    run(
        root,
        "keygen keyset --threshold root=2 --threshold release=2 --threshold flight=2",
    );
}

/// A vehicle of the mission, as it was launched; from then on the vault has the link keys.
fn launched(root: &Path, id: (u32, u32)) -> Craft {
    let golden = image(0);
    let what = Launching {
        id,
        at_s: LAUNCHED_S,
        image: (&golden, "1.0.0"),
    };
    let craft = Craft::launch(root, what);
    fs::create_dir(root.join("vault")).unwrap();
    fs::rename(root.join("keys/link.key"), root.join("vault/link.key")).unwrap();
    craft
}

/// A mission that has flown the normal update.
fn updated(dir: &Dir) -> Operator<'_> {
    mission(&dir.0, (1, 1));
    keys(&dir.0);
    let craft = launched(&dir.0, (1, 1));
    let mut operator = Operator::new(&dir.0, craft, START_S);
    operator.follow("The normal update");
    operator
}

/// The key of epoch 0 as the thief has it.
fn stolen(operator: &Operator<'_>) -> lightday_trust::FrameKey {
    let text = fs::read_to_string(operator.root.join("vault/link.key")).unwrap();
    let keys = HeldKeys::from_text(&text).unwrap();
    keys.frame_key(VehicleId(1), Direction::Up, Epoch::default())
        .unwrap()
}

/// A frame that he seals: some symbol of a bundle of K symbols, with what he likes in it.
fn forged(key: &lightday_trust::FrameKey, number: u32, k: u16, index: u16, len: usize) -> Vec<u8> {
    let header = FrameHeader {
        kind: ObjectKind::Bundle,
        epoch: Epoch::default(),
        number: ObjectNumber::new(number).unwrap(),
        k,
        index,
    };
    let mut frame = vec![0; 8 + len + 8];
    let sealed = key.seal_frame(header, &vec![0x5a; len], TagLen::Eight, &mut frame);
    assert_eq!(sealed, Some(frame.len()));
    frame
}

#[test]
fn the_normal_update_is_flown_as_the_page_has_it() {
    let dir = Dir::new("ops-normal");
    let mut operator = updated(&dir);
    assert!(operator.verbs > 20 && operator.facts >= 6);
    assert_eq!(operator.craft.running(), Some(Location::Slot(SlotId::B)));
    assert_eq!(operator.craft.slot(SlotId::B, 12_000), image(1));
    assert_eq!(operator.twin(), "agrees");
}

#[test]
fn lost_link_key_is_rehearsed_as_the_page_has_it() {
    let dir = Dir::new("ops-link-key");
    let mut operator = updated(&dir);
    let key = stolen(&operator);
    // He occupies the reception of the next bundle.
    operator
        .craft
        .expect(operator.now_s * 1000, &forged(&key, 2, 9, 0, 200));
    operator.follow("Runbook: lost link key");
    // From now on he is not listened to: nothing is written, nothing is received.
    let before = operator.craft.flash_stats();
    for n in 0..20u32 {
        let at_ms = (operator.now_s + u64::from(n)) * 1000;
        operator
            .craft
            .expect(at_ms, &forged(&key, 2 + n, 9, 0, 200));
    }
    operator.craft.advance(operator.now_s + LIGHT_S + 60);
    let after = operator.craft.flash_stats();
    assert_eq!(
        (before.programs, before.erases),
        (after.programs, after.erases)
    );
    assert_eq!(operator.proven("symbols needed"), "0");
    // Nor is his word on the ground: the key that he has is held here no more.
    assert_eq!(operator.twin(), "agrees");
    operator.ok("command report-request");
}

#[test]
fn lost_signer_is_rehearsed_as_the_page_has_it() {
    let dir = Dir::new("ops-signer");
    let mut operator = updated(&dir);
    operator.follow("Runbook: lost signer");
    assert_eq!(operator.twin(), "agrees");
    // Home is proven under the set in force: the next change of keys is taken, too.
    operator.ok("keygen successor");
    for root in ["ria", "rolf"] {
        operator.ok(&format!(
            "sign documents/keyset-2.ldd --key keys/root-{root}.key"
        ));
    }
    operator.ok("uplink documents/keyset-2.ldd");
    operator.ok("ingest downlink/third.bin");
    assert_eq!(operator.proven("key set"), "3");
}

#[test]
fn lost_release_threshold_is_rehearsed_as_the_page_has_it() {
    let dir = Dir::new("ops-release");
    let mut operator = updated(&dir);
    operator.follow("Runbook: lost release threshold");
    assert_eq!(operator.craft.slot(SlotId::A, 12_000), image(2));
    assert_eq!(operator.twin(), "agrees");
}

#[test]
fn compromised_epoch_is_rehearsed_as_the_page_has_it() {
    let dir = Dir::new("ops-epoch");
    let mut operator = updated(&dir);
    operator.ok("build app-1.2.0.bin --version 1.2.0 --base app-1.1.0.bin --base-version 1.1.0");
    for key in ["bob", "bea"] {
        operator.ok(&format!("sign bundles/2.ldb --key keys/release-{key}.key"));
    }
    // He forges symbols of it in an hour of each pass, more of them than we send.
    let plan = operator.ok("plan bundles/2.ldb --json").json();
    let field = |name: &str| plan["objects"][0][name].as_u64().unwrap();
    let (k, len) = (field("k") as u16, field("symbol_bytes") as usize);
    let key = stolen(&operator);
    let first_s = operator.now_s / 86_400 * 86_400 + 6 * 3600;
    for n in 0..6 * 360u32 {
        let pass_s = (first_s + u64::from(n / 360) * 86_400).max(operator.now_s);
        let at_s = pass_s + u64::from(n % 360) * 10;
        let index = 40_000 + u16::try_from(n).unwrap();
        operator
            .craft
            .expect(at_s * 1000, &forged(&key, 2, k, index, len));
    }
    operator.follow("Runbook: compromised epoch");
    assert_eq!(operator.craft.slot(SlotId::A, 12_000), image(2));
}

#[test]
fn abort_and_replace_is_flown_as_the_page_has_it() {
    let dir = Dir::new("ops-abort");
    let mut operator = updated(&dir);
    operator.follow("Runbook: abort and replace");
    assert_eq!(operator.craft.slot(SlotId::A, 12_000), image(3));
    assert_eq!(operator.twin(), "agrees");
}

#[test]
fn an_abort_in_mid_upload_is_flown_as_the_page_has_it() {
    let dir = Dir::new("ops-mid-upload");
    let mut operator = updated(&dir);
    operator.follow("Runbook: abort in mid-upload");
    // The twin heard every frame of the first pass, had the image installed, and took it out again.
    assert_eq!(operator.twin(), "differs");
    // The passes that were full of it are free, and the number behind it is taken.
    operator.ok("build app-1.2.1.bin --version 1.2.1 --base app-1.1.0.bin --base-version 1.1.0");
    for key in ["bob", "ben"] {
        operator.ok(&format!("sign bundles/3.ldb --key keys/release-{key}.key"));
    }
    operator.ok("uplink bundles/3.ldb");
    operator.ok("ingest downlink/third.bin");
    assert_eq!(operator.proven("bundle"), "3 done");
    assert_eq!(operator.craft.slot(SlotId::A, 12_000), image(3));
}

#[test]
fn a_cancelled_pass_is_flown_as_the_page_has_it() {
    let dir = Dir::new("ops-cancelled");
    let mut operator = updated(&dir);
    operator.follow("Runbook: a cancelled pass");
    assert_eq!(operator.craft.slot(SlotId::A, 12_000), image(2));
    assert_eq!(operator.twin(), "agrees");
}

#[test]
fn pause_and_resume_are_flown_as_the_page_has_it() {
    let dir = Dir::new("ops-pause");
    let mut operator = updated(&dir);
    operator.follow("Runbook: pause and resume");
    assert_eq!(operator.craft.slot(SlotId::A, 12_000), image(2));
    assert_eq!(operator.twin(), "agrees");
}

#[test]
fn rollback_is_flown_as_the_page_has_it() {
    let dir = Dir::new("ops-rollback");
    let mut operator = updated(&dir);
    operator.follow("Runbook: rollback");
    assert_eq!(operator.craft.running(), Some(Location::Slot(SlotId::A)));
    assert_eq!(operator.twin(), "agrees");
}

#[test]
fn golden_and_the_way_back_are_flown_as_the_page_has_it() {
    let dir = Dir::new("ops-golden");
    let mut operator = updated(&dir);
    operator.follow("Runbook: golden and the way back");
    assert_eq!(operator.craft.running(), Some(Location::Slot(SlotId::B)));
    assert_eq!(operator.twin(), "agrees");
}

#[test]
fn lost_record_is_flown_as_the_page_has_it() {
    let dir = Dir::new("ops-record");
    let mut operator = updated(&dir);
    // The craft has lived up to two days longer than the ground has heard of.
    let lost_s = operator.now_s + 2 * 86_400;
    operator.craft.lose_record(lost_s);
    operator.now_s = lost_s + LIGHT_S;
    operator.follow("Runbook: lost record");
    assert_eq!(operator.craft.running(), Some(Location::Slot(SlotId::B)));
    assert_eq!(operator.craft.slot(SlotId::B, 12_000), image(1));
    // Its numbers are right: another command is taken under the number that comes next.
    operator.ok("command report-request");
    for key in ["dan", "dirk"] {
        operator.ok(&format!(
            "sign documents/cmd-5.ldd --key keys/flight-{key}.key"
        ));
    }
    operator.ok("uplink documents/cmd-5.ldd");
    operator.ok("ingest downlink/fifth.bin");
    assert_eq!(operator.proven("command"), "5 done");
}

#[test]
fn a_region_is_digested_as_the_page_has_it() {
    let dir = Dir::new("ops-digest");
    let mut operator = updated(&dir);
    operator.follow("Looking at the flash");
    let status = operator.ok("status --json").json();
    assert_eq!(status["answers"][0]["agrees"], true, "{status}");
}

#[test]
fn flash_is_dumped_as_the_page_has_it() {
    let dir = Dir::new("ops-dump");
    let mut operator = updated(&dir);
    operator.follow("Dumping flash");
    let written = fs::read(dir.0.join("slot-b-900.bin")).unwrap();
    assert_eq!(written, image(1)[900..1156]);
    let status = operator.ok("status --json").json();
    assert_eq!(status["dumps"][0]["agrees"], true, "{status}");
    assert_eq!(operator.twin(), "agrees");
}

#[test]
fn a_dump_whose_first_pass_is_lost_comes_down_in_a_later_one() {
    let dir = Dir::new("ops-dump-lost");
    let mut operator = updated(&dir);
    operator.ok("command dump slot-b --offset 900 --len 256");
    for key in ["dan", "dirk"] {
        operator.ok(&format!(
            "sign documents/cmd-2.ldd --key keys/flight-{key}.key"
        ));
    }
    operator.ok("uplink documents/cmd-2.ldd");
    operator.lose_a_day();
    operator.ok("ingest downlink/later.bin");
    operator.ok("ingest downlink/last.bin");
    operator.ok("dump 2 slot-b-900.bin");
    let written = fs::read(dir.0.join("slot-b-900.bin")).unwrap();
    assert_eq!(written, image(1)[900..1156]);
}

#[test]
fn the_testbed_flies_the_identical_bytes_first() {
    let dir = Dir::new("ops-testbed");
    let (testbed, voyager) = (dir.0.join("testbed"), dir.0.join("voyager"));
    for (root, id) in [(&testbed, 2), (&voyager, 1)] {
        fs::create_dir(root).unwrap();
        mission(root, (id, 1));
    }
    keys(&testbed);
    // The same holders, and link keys of its own.
    for file in fs::read_dir(testbed.join("keys")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".pub") || name.ends_with(".key") && !name.starts_with("link") {
            fs::copy(&path, voyager.join("keys").join(name)).unwrap();
        }
    }
    run(&voyager, "keygen link");
    run(
        &voyager,
        "keygen keyset --threshold root=2 --threshold release=2 --threshold flight=2",
    );
    let heading = "The testbed first";
    let mut first = Operator::new(&testbed, launched(&testbed, (2, 1)), START_S);
    first.follow_as(heading, Some("testbed"));
    let mut second = Operator::new(&voyager, launched(&voyager, (1, 1)), first.now_s);
    second.follow_as(heading, Some("voyager"));
    let bundle = |root: &Path| fs::read(root.join("bundles/1.ldb")).unwrap();
    assert_eq!(bundle(&testbed), bundle(&voyager));
    for craft in [&first.craft, &second.craft] {
        assert_eq!(craft.running(), Some(Location::Slot(SlotId::B)));
        assert_eq!(craft.slot(SlotId::B, 12_000), image(1));
    }
    // What armed the one arms not the other.
    let other = second.lightday(&["uplink", "../testbed/documents/auth-1.ldd"]);
    assert_ne!(other.code, 0);
    assert!(other.err.contains("is for vehicle 2"), "{}", other.err);
}

/// The sections whose heading says so.
fn runbooks(page: &str) -> Vec<&str> {
    let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
    headings.filter(|h| h.starts_with("Runbook: ")).collect()
}

#[test]
fn every_runbook_has_its_test_in_the_table_of_the_page() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/OPERATIONS.md");
    let page = fs::read_to_string(path).unwrap();
    let ours = include_str!("runbooks.rs");
    assert!(runbooks(&page).len() >= 8);
    for heading in runbooks(&page) {
        let row = format!("| {heading} | `");
        let test = page.lines().find_map(|line| line.strip_prefix(&row));
        let test = test.unwrap_or_else(|| panic!("no test in the table: {heading}"));
        // Its own test is the first one of its row.
        let name = test.split('`').next().unwrap_or_default();
        // Those with commands to run are run here.
        let has_block = page
            .split("\n## ")
            .any(|s| s.lines().next() == Some(heading) && s.contains("```sh"));
        let is_here = ours.contains(&format!("fn {name}()"));
        assert_eq!(has_block, is_here, "{heading}: {name}");
        if has_block {
            assert!(
                ours.contains(&format!("follow(\"{heading}\")")),
                "{heading}"
            );
            assert!(
                block(heading, None)
                    .iter()
                    .any(|l| l.starts_with("# proven: "))
            );
        }
    }
}
