//! Runs the built binary in directories of its own.
#![allow(dead_code)] // each test file uses its part

pub mod page;
pub mod planned;
pub mod reading;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use lightday_station::link_keys::HeldKeys;
use lightday_trust::Direction;
use lightday_wire::answer::{self, Answer};
use lightday_wire::dump::{self, Part};
use lightday_wire::report::{self, Report, RunningCode, SlotReport};
use lightday_wire::{
    Digest, Epoch, Location, ObjectNumber, Refusal, ResetCause, RevertCause, SlotId, SlotState,
    VehicleId, Verdict, canon,
};

/// An instant before all passes of [`Mission::new`].
pub const START: &str = "2026-11-30T00:00:00Z";

/// A directory that is removed when the test succeeds.
pub struct Dir(pub PathBuf);

impl Dir {
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{name}-{}-{n}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// What a run printed, and its exit code.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    fn of(output: &Output, line: &str) -> Self {
        let ran = Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        };
        for text in [&ran.out, &ran.err] {
            assert!(
                !text.contains("panicked") && !text.contains("RUST_BACKTRACE"),
                "{line}: {text}"
            );
            assert!(!text.contains('\x1b'), "no colours off a terminal: {line}");
        }
        ran
    }

    /// The result as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.out))
    }
}

/// Runs `lightday` with the words of `line` in `dir`.
pub fn run(dir: &Path, line: &str) -> Ran {
    run_args(dir, &line.split_whitespace().collect::<Vec<_>>())
}

/// As [`run`], with arguments that may hold spaces.
pub fn run_args(dir: &Path, args: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_lightday"))
        .args(args)
        .current_dir(dir)
        .env_remove("LIGHTDAY_MISSION")
        .env("USER", "ada")
        .output()
        .unwrap();
    Ran::of(&output, &args.join(" "))
}

/// A mission with keys of all roles, link keys, a key set, three passes and two images.
pub struct Mission {
    dir: Dir,
}

impl Mission {
    pub fn new(name: &str) -> Self {
        let mission = Self {
            dir: Dir::new(name),
        };
        mission.ok("new .");
        mission.edit(
            "mission.toml",
            "slot_size = \"512KiB\"",
            "slot_size = \"16KiB\"",
        );
        let mut passes = fs::read_to_string(mission.path("passes.csv")).unwrap();
        for day in 1..=4 {
            passes.push_str(&format!(
                "2026-12-0{day}T06:00:00Z,2026-12-0{day}T14:00:00Z,Malargue,\n"
            ));
        }
        fs::write(mission.path("passes.csv"), passes).unwrap();
        for key in [
            "root ann",
            "release bob",
            "verification cleo",
            "flight dan",
            "link",
            "keyset",
        ] {
            mission.ok(&format!("keygen {key}"));
        }
        let old: Vec<u8> = (0..12_000u32).map(|i| (i * i / 7 % 251) as u8).collect();
        let mut new = old.clone();
        new.splice(4000..4010, *b"the new version of it all");
        fs::write(mission.path("old.bin"), old).unwrap();
        fs::write(mission.path("new.bin"), new).unwrap();
        mission
    }

    /// A mission whose bundle 1 is built and signed.
    pub fn with_bundle(name: &str) -> Self {
        let mission = Self::new(name);
        mission.ok("build new.bin --version 1.1.0 --base old.bin --base-version 1.0.0");
        mission.ok("sign bundles/1.ldb --key keys/release-bob.key");
        mission
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.0.join(relative)
    }

    pub fn root(&self) -> &Path {
        &self.dir.0
    }

    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    /// States a twin that was launched with `old.bin` in golden and slot A.
    pub fn states_twin(&self) {
        let path = self.path("mission.toml");
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str(
            "[twin]\nlaunched = \"2026-11-01T00:00:00Z\"\ngolden = \"old.bin\"\ngolden_version = \"0.9.0\"\n\
             first = \"old.bin\"\nfirst_version = \"1.0.0\"\n",
        );
        fs::write(path, text).unwrap();
    }

    /// Takes any file for evidence, where a test is not about rehearsals.
    pub fn any_evidence(&self) {
        self.edit(
            "mission.toml",
            "require_rehearsal = true",
            "require_rehearsal = false",
        );
    }

    /// Authorizes bundle 1, whatever its evidence is, with all signatures.
    pub fn authorizes(&self) {
        self.any_evidence();
        fs::write(self.path("evidence/1.json"), "x").unwrap();
        self.ok("authorize 1 --evidence evidence/1.json");
        for key in ["verification-cleo", "flight-dan"] {
            self.ok(&format!("sign documents/auth-1.ldd --key keys/{key}.key"));
        }
    }

    /// Runs a verb.
    pub fn run(&self, line: &str) -> Ran {
        run(self.root(), line)
    }

    /// Runs a verb that has to succeed.
    pub fn ok(&self, line: &str) -> Ran {
        let ran = self.run(line);
        assert_eq!(ran.code, 0, "{line}\n{}{}", ran.out, ran.err);
        ran
    }

    /// Runs a verb that has to fail with this code, and names `needle`; returns the message.
    pub fn fails(&self, line: &str, code: i32, needle: &str) -> String {
        let ran = self.run(line);
        assert_eq!(ran.code, code, "{line}\n{}{}", ran.out, ran.err);
        assert!(
            ran.err.contains(needle),
            "{line}: no `{needle}` in {}",
            ran.err
        );
        ran.err
    }

    /// All files of the mission by name, so that tests can tell what was left behind.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut dirs = vec![self.root().to_path_buf()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files.sort();
        files
    }
}

/// A report of vehicle 1 under link epoch 0, as the vehicle would seal it.
pub fn report(mission: &Mission, sequence: u32, change: impl FnOnce(&mut Report)) -> Vec<u8> {
    report_in(mission, 0, sequence, change)
}

/// The same under any link epoch.
pub fn report_in(
    mission: &Mission,
    epoch: u8,
    sequence: u32,
    change: impl FnOnce(&mut Report),
) -> Vec<u8> {
    let slot = SlotReport {
        state: SlotState::Empty,
        version: "0.0.0".parse().unwrap(),
        digest: [0; 4],
    };
    let mut report = Report {
        sequence,
        time_s: 1_796_200_000,
        running: RunningCode(Location::Slot(SlotId::A)),
        slots: [slot; 2],
        golden: [1, 2, 3, 4],
        bundle: Verdict::IDLE,
        symbols_needed: 0,
        authorization: Verdict::IDLE,
        command: Verdict::IDLE,
        next: [ObjectNumber::new(1).unwrap(); 4],
        reset_cause: ResetCause::PowerOn,
        resets: 1,
        tries_left: 0,
        environment_left: 0,
        lease_left_h: 0xffff,
        revert_cause: RevertCause::None,
        reverted: ObjectNumber::default(),
        key_set: 1,
        security_counter: 0,
        hold: Refusal::None,
        frames_refused: 0,
        flags: 0,
        state_digest: [9; 8],
    };
    change(&mut report);
    let key = down_key(mission, epoch);
    let mut body = [0; 128];
    let body = canon::encode(&report, &mut body).unwrap();
    let mut frame = vec![0; report::REPORT_LEN];
    assert_eq!(key.seal_report(body, &mut frame), Some(report::REPORT_LEN));
    frame
}

/// A packet as it lies in a file, behind its length.
pub fn packet(bytes: &[u8]) -> Vec<u8> {
    let mut file = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    file.extend(bytes);
    file
}

/// The key of vehicle 1's downlink under a link epoch.
fn down_key(mission: &Mission, epoch: u8) -> lightday_trust::FrameKey {
    let text = fs::read_to_string(mission.path("keys/link.key")).unwrap();
    let keys = HeldKeys::from_text(&text).unwrap();
    let epoch = Epoch::new(epoch).unwrap();
    let key = keys.frame_key(VehicleId(1), Direction::Down, epoch);
    key.unwrap()
}

/// An answer of vehicle 1 under link epoch 0, as the vehicle would seal it.
pub fn seal_answer(mission: &Mission, command: u32, digest: Digest) -> Vec<u8> {
    seal_answer_in(mission, 0, command, digest)
}

/// The same under any link epoch.
pub fn seal_answer_in(mission: &Mission, epoch: u8, command: u32, digest: Digest) -> Vec<u8> {
    let command = ObjectNumber::new(command).unwrap();
    let mut body = [0; answer::BODY_LEN];
    let body = canon::encode(&Answer { command, digest }, &mut body).unwrap();
    let mut bytes = vec![0; answer::ANSWER_LEN];
    let len = down_key(mission, epoch).seal_answer(body, &mut bytes);
    assert_eq!(len, Some(answer::ANSWER_LEN));
    bytes
}

/// A part of a dump of vehicle 1 under link epoch 0, as the vehicle would seal it.
pub fn seal_part(mission: &Mission, part: &Part) -> Vec<u8> {
    seal_part_in(mission, 0, part)
}

/// The same under any link epoch.
pub fn seal_part_in(mission: &Mission, epoch: u8, part: &Part) -> Vec<u8> {
    let mut body = [0; dump::BODY_LEN];
    let body = canon::encode(part, &mut body).unwrap();
    let mut bytes = vec![0; dump::DUMP_LEN];
    let len = down_key(mission, epoch).seal_part(body, &mut bytes);
    assert_eq!(len, Some(dump::DUMP_LEN));
    bytes
}
