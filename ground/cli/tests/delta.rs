//! `lightday delta` on two real firmware images, and on what people hand it by mistake.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::page::Page;
use common::{Dir, Mission, Ran, run};

const HINTS: &str = "--isa thumb --old-base 0x08000000 --effort 1";

/// A directory with the two images, `old.bin` and `new.bin`.
struct Bench(Dir);

impl Bench {
    fn new(name: &str) -> Self {
        let bench = Self(Dir::new(name));
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
        for (from, to) in [("v2", "old.bin"), ("v3", "new.bin")] {
            let from = fixtures.join(format!("orbiter-thumb-{from}.bin"));
            fs::copy(from, bench.path(to)).unwrap();
        }
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.0.join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn ok(&self, line: &str) -> Ran {
        let ran = run(&self.0.0, &format!("delta {line}"));
        assert_eq!(ran.code, 0, "{line}\n{}{}", ran.out, ran.err);
        ran
    }

    /// Fails with this code, names file and next step, and leaves nothing behind.
    fn fails(&self, line: &str, code: i32, needles: &[&str]) -> String {
        let before = self.names();
        let ran = run(&self.0.0, &format!("delta {line}"));
        assert_eq!(ran.code, code, "{line}\n{}{}", ran.out, ran.err);
        for needle in needles.iter().chain(&["hint:"]) {
            assert!(
                ran.err.contains(needle),
                "{line}: no `{needle}` in {}",
                ran.err
            );
        }
        assert_eq!(self.names(), before, "{line} left something behind");
        ran.err
    }
}

/// The bytes in the row of a name.
fn bytes_of(rows: &serde_json::Value, key: &str, name: &str) -> f64 {
    let mut rows = rows.as_array().unwrap().iter();
    rows.find(|row| row[key] == name).unwrap()["bytes"]
        .as_f64()
        .unwrap()
}

#[test]
fn a_patch_is_made_applied_inspected_and_explained() {
    let bench = Bench::new("delta");
    let planned = bench.ok(&format!(
        "make old.bin new.bin a.ldp {HINTS} --dry-run --json"
    ));
    assert_eq!(bench.names(), ["new.bin", "old.bin"]);
    let made = bench.ok(&format!("make old.bin new.bin a.ldp {HINTS} --json"));
    assert_eq!(made.out, planned.out);
    let made = made.json();
    let page = Page::read();
    page.holds("delta-make", std::slice::from_ref(&made), &[]);
    let file = bench.read("a.ldp");
    assert_eq!(made["bytes"], file.len());
    assert_eq!(
        (&made["codec"], &made["isa"]),
        (&"model".into(), &"thumb".into())
    );
    assert!(file.len() < 2500, "{}", file.len());
    // Twice the same.
    bench.ok(&format!("make old.bin new.bin b.ldp {HINTS}"));
    assert_eq!(bench.read("b.ldp"), file);

    bench.ok("apply old.bin a.ldp out.bin --dry-run");
    assert!(!bench.path("out.bin").exists());
    let applied = bench
        .ok("apply old.bin a.ldp out.bin --ram 64KiB --json")
        .json();
    assert_eq!(bench.read("out.bin"), bench.read("new.bin"));
    assert_eq!(applied["sha256"], made["new"]["sha256"]);
    page.holds("delta-apply", &[applied], &[]);

    let blind = bench.ok("inspect a.ldp --json").json();
    assert_eq!(
        (&blind["ram"], &blind["new"]["growth"]),
        (&65536.into(), &128.into())
    );
    assert!(blind["new"]["bytes"].is_null());
    let seen = bench.ok("inspect a.ldp --old old.bin --json").json();
    page.holds("delta-inspect", &[blind, seen.clone()], &[]);
    assert_eq!(seen["new"]["bytes"], bench.read("new.bin").len());
    assert!(seen["segments"].as_u64().unwrap() > 1);
    let field = |name: &str| bytes_of(&seen["fields"], "field", name);
    let total = |name: &str| bytes_of(&seen["totals"], "total", name);
    let parts = ["header", "map", "flags", "misses", "literals"].map(field);
    assert!(parts.iter().all(|b| *b > 0.0) && field("header") < 40.0);
    assert!((parts.iter().sum::<f64>() - total("payload")).abs() < 0.5);
    assert_eq!(total("container") + total("payload"), file.len() as f64);
    assert_eq!(total("patch"), file.len() as f64);
    let text = bench.ok("inspect a.ldp --old old.bin").out;
    assert!(
        text.contains("128 B longer") && text.contains("misses"),
        "{text}"
    );

    let explained = bench.ok(&format!("explain old.bin new.bin {HINTS} --limit 5 --json"));
    let explained = explained.json();
    page.holds("delta-explain", std::slice::from_ref(&explained), &[]);
    let regions = explained["regions"].as_array().unwrap();
    assert_eq!(regions.len(), 5);
    let costs: Vec<f64> = regions
        .iter()
        .map(|r| r["cost_bytes"].as_f64().unwrap())
        .collect();
    assert!(costs.is_sorted_by(|a, b| a >= b) && costs[0] > 10.0);
    let sum = ["more_bytes", "header_bytes"].map(|k| explained[k].as_f64().unwrap());
    let rest = explained["as_predicted"]["cost_bytes"].as_f64().unwrap();
    let sum = sum.iter().chain(&costs).sum::<f64>() + rest;
    assert!(
        (sum - explained["payload_bytes"].as_f64().unwrap()).abs() < 1.0,
        "{sum}"
    );
    let text = bench.ok(&format!("explain old.bin new.bin {HINTS}")).out;
    assert!(
        text.contains("more parts (--limit)") && text.contains("= payload"),
        "{text}"
    );
}

#[test]
fn a_heap_brings_a_codec_and_ram_decides() {
    let bench = Bench::new("delta-heap");
    let tried = |line: &str| -> Vec<String> {
        let made = bench.ok(&format!(
            "make old.bin new.bin a.ldp --dry-run --json {line}"
        ));
        let made = made.json();
        let tried = made["tried"].as_array().unwrap().iter();
        let mut tried: Vec<String> = tried
            .map(|t| t["codec"].as_str().unwrap().to_owned())
            .collect();
        tried.sort();
        tried
    };
    assert_eq!(tried(""), ["model", "store"]);
    assert_eq!(
        tried("--heap --ram 1MiB"),
        ["bsdiff-zstd", "model", "store"]
    );
    assert_eq!(tried("--heap --ram 16KiB"), ["model", "store"]);
    // The most that `make` takes is what `inspect` and `apply` take unasked.
    bench.ok(&format!(
        "make old.bin new.bin large.ldp {HINTS} --ram 256MiB"
    ));
    bench.ok("inspect large.ldp --old old.bin");
    bench.fails(
        "inspect large.ldp --old old.bin --ram 255MiB",
        5,
        &["large.ldp", "field `ram`", "--ram"],
    );
    bench.ok("make old.bin new.bin a.ldp --ram 1MiB");
    bench.fails(
        "apply old.bin a.ldp out.bin --ram 64KiB",
        5,
        &["a.ldp", "field `ram`", "--ram"],
    );
}

#[test]
fn the_wrong_images_are_named() {
    let bench = Bench::new("delta-wrong");
    bench.ok(&format!("make old.bin new.bin a.ldp {HINTS}"));
    bench.fails(
        "apply new.bin a.ldp out.bin",
        3,
        &["new.bin", "the new image already", "swapped"],
    );
    let mut other = bench.read("old.bin");
    other[77] ^= 1;
    bench.write("other.bin", &other);
    bench.fails(
        "apply other.bin a.ldp out.bin",
        3,
        &["other.bin", "not the base"],
    );
    bench.fails(
        "inspect a.ldp --old other.bin",
        3,
        &["other.bin", "not the base"],
    );
    bench.fails(
        "apply old.bin new.bin out.bin",
        3,
        &["new.bin", "not a patch file"],
    );
    bench.fails("inspect old.bin", 3, &["old.bin", "not a patch file"]);
    let inspected = run(&bench.0.0, "inspect a.ldp");
    assert!(inspected.code == 3 && inspected.err.contains("lightday delta inspect"));
}

#[test]
fn damaged_patches_leave_nothing_behind() {
    let bench = Bench::new("delta-damaged");
    bench.ok(&format!("make old.bin new.bin a.ldp {HINTS}"));
    let good = bench.read("a.ldp");
    let mut damaged: Vec<(Vec<u8>, i32)> = Vec::new();
    for end in [
        0,
        1,
        2,
        6,
        10,
        11,
        12,
        13,
        14,
        good.len() / 2,
        good.len() - 1,
    ] {
        damaged.push((good[..end].to_vec(), 3));
    }
    for at in [0, 1, 7, 11, 12, 15, good.len() / 3, good.len() - 3] {
        let mut flipped = good.clone();
        flipped[at] ^= 0x40;
        // Byte 12 tells the RAM: more than is allowed.
        damaged.push((flipped, if at == 12 { 5 } else { 3 }));
    }
    // Byte 12 tells the RAM: less than was meant, less than the tables take.
    for ram in [good[12] - 8, 0x18] {
        let mut flipped = good.clone();
        flipped[12] = ram;
        damaged.push((flipped, 3));
    }
    damaged.push(([&good[..], &[0; 100]].concat(), 3));
    damaged.push(([&good[..], b"\n"].concat(), 3));
    for (bytes, code) in damaged {
        bench.write("bad.ldp", &bytes);
        let line = "apply old.bin bad.ldp out.bin --ram 1MiB";
        let error = bench.fails(line, code, &["bad.ldp"]);
        assert!(code == 5 || !error.contains("allow more"), "{error}");
    }
    // More than any patch of ours needs is damage, too; less may be what was meant.
    for (ram, says) in [
        (good[12] + 0x68, "it was damaged"),
        (good[12] + 0x38, "allow more"),
    ] {
        let mut flipped = good.clone();
        flipped[12] = ram;
        bench.write("bad.ldp", &flipped);
        bench.fails(
            "apply old.bin bad.ldp out.bin --ram 1MiB",
            5,
            &["field `ram`", says],
        );
    }
    // The base's digest is the one field whose damage looks like another image.
    let mut flipped = good;
    flipped[4] ^= 1;
    bench.write("bad.ldp", &flipped);
    bench.fails(
        "apply old.bin bad.ldp out.bin",
        3,
        &["old.bin", "not the base"],
    );
}

#[test]
fn bad_command_lines_write_nothing() {
    let bench = Bench::new("delta-usage");
    fs::create_dir(bench.path("dir")).unwrap();
    bench.ok("make old.bin new.bin a.ldp");
    let taken = bench.read("a.ldp");
    bench.fails(
        "make old.bin new.bin new.bin --replace",
        2,
        &["new.bin", "also an input"],
    );
    bench.fails(
        "make old.bin new.bin ./old.bin --replace",
        2,
        &["old.bin", "also an input"],
    );
    bench.fails(
        "apply old.bin a.ldp a.ldp --replace",
        2,
        &["a.ldp", "also an input"],
    );
    bench.fails("make old.bin new.bin a.ldp", 8, &["a.ldp", "--replace"]);
    bench.fails(
        "make old.bin new.bin dir --replace",
        8,
        &["dir", "a directory"],
    );
    bench.fails(
        "make old.bin new.bin nowhere/a.ldp",
        8,
        &["nowhere/a.ldp", "make the directory"],
    );
    bench.fails("make dir new.bin b.ldp", 3, &["dir", "a directory"]);
    bench.fails("make old.bin missing.bin b.ldp", 3, &["missing.bin"]);
    bench.fails("apply old.bin missing.ldp out.bin", 3, &["missing.ldp"]);
    bench.fails("explain old.bin dir", 3, &["dir"]);
    for (option, needle) in [
        ("--ram 4KiB", "8KiB"),
        ("--ram 1024MiB", "256MiB"),
        ("--ram 1GiB", "256MiB"),
        ("--ram lots", "256KiB"),
        ("--isa vax", "thumb"),
        ("--old-base here", "0x08000000"),
        ("--effort 10", "1..=9"),
    ] {
        let ran = run(
            &bench.0.0,
            &format!("delta make old.bin new.bin b.ldp {option}"),
        );
        assert!(
            ran.code == 2 && ran.err.contains(needle),
            "{option}: {}",
            ran.err
        );
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let _socket = std::os::unix::net::UnixListener::bind(bench.path("socket")).unwrap();
        bench.fails(
            "make old.bin new.bin socket --replace",
            8,
            &["socket", "not a regular file"],
        );
        bench.write("secret.bin", b"x");
        let closed = fs::Permissions::from_mode(0o000);
        fs::set_permissions(bench.path("secret.bin"), closed).unwrap();
        // Whoever may read everything can read this too.
        if fs::read(bench.path("secret.bin")).is_err() {
            bench.fails("make secret.bin new.bin b.ldp", 8, &["secret.bin"]);
        }
    }
    assert_eq!(bench.read("a.ldp"), taken);
    bench.ok("make new.bin old.bin a.ldp --replace");
    assert_ne!(bench.read("a.ldp"), taken);
}

/// Of images that share nothing a model's payload may be smaller by less than its head is longer.
#[test]
fn the_smallest_file_is_written() {
    let bench = Bench::new("delta-least");
    let bytes = bench.read("old.bin");
    for len in 0..24 {
        bench.write("tiny.bin", &bytes[5000..5000 + len]);
        let made = bench.ok("make old.bin tiny.bin a.ldp --replace --json --effort 1");
        let made = made.json();
        let tried = made["tried"].as_array().unwrap().iter();
        let least = tried.map(|t| t["file_bytes"].as_u64().unwrap()).min();
        assert_eq!(made["bytes"].as_u64(), least, "{len}");
        assert_eq!(bench.read("a.ldp").len() as u64, least.unwrap());
    }
}

#[test]
fn odd_empty_and_foreign_images_work() {
    let bench = Bench::new("delta-odd");
    bench.write("empty.bin", b"");
    bench.write("odd.bin", &bench.read("new.bin")[..100_001]);
    let riscv =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/orbiter-riscv-v3.bin");
    fs::copy(riscv, bench.path("riscv.bin")).unwrap();
    let mut sizes = Vec::new();
    for (old, new, options) in [
        ("old", "odd", "--isa thumb"),
        ("odd", "old", "--isa riscv --effort 1"),
        ("old", "riscv", "--isa thumb"),
        ("empty", "odd", "--heap --ram 1MiB"),
        ("old", "empty", ""),
        ("empty", "empty", ""),
        ("old", "old", ""),
    ] {
        let line = format!("make {old}.bin {new}.bin a.ldp --replace --json {options}");
        sizes.push(bench.ok(&line).json()["bytes"].as_u64().unwrap());
        bench.ok(&format!("apply {old}.bin a.ldp out.bin --replace"));
        assert_eq!(
            bench.read("out.bin"),
            bench.read(&format!("{new}.bin")),
            "{old} {new}"
        );
        bench.ok(&format!("inspect a.ldp --old {old}.bin"));
    }
    // Another architecture costs far more than another version.
    assert!(sizes[2] > 10 * sizes[0], "{sizes:?}");
    assert!(sizes[4] < 32 && sizes[5] < 32 && sizes[6] < 32, "{sizes:?}");
}

#[test]
fn images_of_64_mib_work_without_the_model() {
    let bench = Bench::new("delta-large");
    let mut large: Vec<u8> = Vec::with_capacity(64 << 20);
    let seed = bench.read("old.bin");
    while large.len() < 64 << 20 {
        large.extend_from_slice(&seed);
    }
    large.truncate(64 << 20);
    bench.write("large.bin", &large);
    large[1 << 20] ^= 1;
    bench.write("larger.bin", &large);
    let ran = bench.ok("make large.bin larger.bin a.ldp --json");
    assert_eq!(
        ran.err.trim(),
        "note: model stands aside: it is not tried on images above 16 MiB"
    );
    assert_eq!(ran.json()["codec"], "store");
    bench.ok("apply large.bin a.ldp out.bin");
    assert!(bench.read("out.bin") == large);
    bench.fails("explain large.bin larger.bin", 5, &["16 MiB"]);
}

#[test]
fn an_elf_file_is_its_flat_image_unless_it_is_taken_raw() {
    let bench = Bench::new("delta-elf");
    // One load segment of 4 B at 0x800, behind a header that names Arm.
    let mut elf = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x28\0\x01\0\0\0".to_vec();
    for n in [0x800_u32, 52, 0, 0] {
        elf.extend(n.to_le_bytes());
    }
    for n in [52_u16, 32, 1, 40, 0, 0] {
        elf.extend(n.to_le_bytes());
    }
    for n in [1_u32, 84, 0x800, 0x800, 4, 4, 5, 4] {
        elf.extend(n.to_le_bytes());
    }
    elf.extend(*b"\x70\x47\x70\x47");
    bench.write("old.elf", &elf);
    let end = elf.len() - 2;
    elf[end] = 0x71;
    bench.write("new.elf", &elf);
    for (option, new) in [("", b"\x70\x47\x71\x47".to_vec()), ("--raw", elf.clone())] {
        bench.ok(&format!("make old.elf new.elf a.ldp --replace {option}"));
        // The patch's digest says which of the two it was made from.
        bench.ok("apply old.elf a.ldp out.bin --replace");
        assert_eq!(bench.read("out.bin"), new);
    }
    bench.ok("explain old.elf new.elf");
    bench.write("broken.elf", &elf[..60]);
    bench.fails("make old.elf broken.elf b.ldp", 3, &["broken.elf", "--raw"]);
}

#[test]
fn build_takes_the_model_where_the_vehicle_decodes_it() {
    let mission = Mission::new("delta-build");
    mission.ok("build new.bin --version 1.1.0 --base old.bin --base-version 1.0.0");
    let shown = mission.ok("inspect bundles/1.ldb").out;
    assert!(
        shown.contains("model") && shown.contains("65536"),
        "{shown}"
    );
    mission.ok("sign bundles/1.ldb --key keys/release-bob.key");
    mission.ok("verify bundles/1.ldb --base old.bin --image new.bin");
    // Without RAM for the model's tables the whole image goes up, and is said to.
    mission.edit("mission.toml", "ram = \"64KiB\"", "ram = \"2KiB\"");
    let ran = mission.ok("build new.bin --version 1.2.0 --base old.bin --base-version 1.0.0");
    assert!(ran.err.contains("the base is not used"), "{}", ran.err);
}
