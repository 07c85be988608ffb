//! Flash that is read by a command: what the vehicle sends of it, and what is said of that.

use std::fs;

use lightday_trust::digest::sha256;
use lightday_wire::dump::{DumpRange, Part};
use lightday_wire::{Digest, ObjectNumber, SlotState};
use serde_json::Value;

use super::{Mission, START, packet, report, seal_answer_in, seal_part_in};

/// Bytes of a slot.
pub const SLOT: usize = 16 << 10;
/// What dumps of these tests ask for: two parts.
pub const ASKED: (u32, u16) = (3_990, 100);
/// Behind all answers to what was sent at [`START`].
pub const LATER: &str = "2026-12-04T00:00:00Z";

pub fn number(n: u32) -> ObjectNumber {
    ObjectNumber::new(n).unwrap()
}

/// Drafts, signs and sends command `n`.
pub fn send_at(mission: &Mission, line: &str, n: u32, at: &str) {
    mission.ok(&format!("command {line}"));
    mission.ok(&format!(
        "sign documents/cmd-{n}.ldd --key keys/flight-dan.key"
    ));
    mission.ok(&format!("uplink documents/cmd-{n}.ldd --at {at}"));
}

pub fn send(mission: &Mission, line: &str) {
    send_at(mission, line, 1, START);
}

/// A mission that knows `old.bin` and `new.bin`.
pub fn mission(name: &str) -> Mission {
    let mission = Mission::with_bundle(name);
    mission.states_twin();
    mission
}

/// The bytes of a slot with an image in it.
pub fn slot(mission: &Mission, image: &str) -> Vec<u8> {
    let mut slot = fs::read(mission.path(image)).unwrap();
    slot.resize(SLOT, 0xff);
    slot
}

/// Some other bytes.
pub fn other() -> Vec<u8> {
    vec![0x5a; SLOT]
}

/// What a report says: its sequence, the number of the command that comes next, the image in slot B.
pub type Says<'a> = (u32, u32, Option<&'a str>);

pub fn shows_by(mission: &Mission, (sequence, next, image): Says<'_>, time_s: u32) -> Vec<u8> {
    report(mission, sequence, |r| {
        r.time_s = time_s;
        r.next[2] = number(next);
        r.slots[1].state = SlotState::Patching;
        if let Some(image) = image {
            let Digest(digest) = sha256(&fs::read(mission.path(image)).unwrap());
            r.slots[1].state = SlotState::Confirmed;
            r.slots[1].digest.copy_from_slice(&digest[..4]);
        }
    })
}

pub fn shows(mission: &Mission, says: Says<'_>) -> Vec<u8> {
    packet(&shows_by(mission, says, 0))
}

pub fn ingest(mission: &Mission, bytes: &[u8], at: &str) -> Value {
    fs::write(mission.path("heard.bin"), bytes).unwrap();
    mission
        .ok(&format!("ingest heard.bin --json --at {at}"))
        .json()
}

pub fn said(mission: &Mission, bytes: &[u8], at: &str) -> String {
    fs::write(mission.path("heard.bin"), bytes).unwrap();
    mission.ok(&format!("ingest heard.bin --at {at}")).out
}

pub fn status(mission: &Mission) -> Value {
    mission.ok("status --json").json()
}

/// The answer of a vehicle that has these bytes in a slot.
pub fn digest(mission: &Mission, slot: &[u8]) -> Vec<u8> {
    digest_in(mission, 0, slot)
}

/// The same under any link epoch.
pub fn digest_in(mission: &Mission, epoch: u8, slot: &[u8]) -> Vec<u8> {
    packet(&seal_answer_in(mission, epoch, 1, sha256(slot)))
}

/// The parts of what [`ASKED`] asks for.
pub fn parts(mission: &Mission, slot: &[u8]) -> Vec<u8> {
    parts_in(mission, 0, slot)
}

/// The same under any link epoch.
pub fn parts_in(mission: &Mission, epoch: u8, slot: &[u8]) -> Vec<u8> {
    let range = DumpRange::new(ASKED.0, ASKED.1).unwrap();
    let all = (0..range.parts()).flat_map(|n| {
        let (from, len) = range.part(n).unwrap();
        let start = ASKED.0 as usize + usize::from(from);
        let read = &slot[start..start + usize::from(len)];
        let part = Part::new(number(1), range, n, Some(read)).unwrap();
        packet(&seal_part_in(mission, epoch, &part))
    });
    all.collect()
}

pub fn dump_line(region: &str) -> String {
    format!("dump {region} --offset {} --len {}", ASKED.0, ASKED.1)
}

/// A way to read flash.
pub struct Way {
    pub line: String,
    /// What the vehicle sends that has these bytes in its slot.
    pub sends: fn(&Mission, &[u8]) -> Vec<u8>,
    /// The same under any link epoch.
    pub sends_in: fn(&Mission, u8, &[u8]) -> Vec<u8>,
    /// Where status and ingest list it.
    pub listed: &'static str,
}

pub fn ways(region: &str) -> [Way; 2] {
    [
        Way {
            line: format!("region-digest {region} --len {SLOT}"),
            sends: digest,
            sends_in: digest_in,
            listed: "answers",
        },
        Way {
            line: dump_line(region),
            sends: parts,
            sends_in: parts_in,
            listed: "dumps",
        },
    ]
}
