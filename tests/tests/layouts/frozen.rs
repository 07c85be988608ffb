//! The file of frozen states: one zstd stream of states, each a line of JSON and behind it the whole flash.
//!
//! ```text
//! {"name":"on trial", "elapsed_ms":.., "cause":.., .., "said":[{..}, {..}], "flash_bytes":N}\n  N bytes  ...
//! ```
//! What the vehicle said stands there as the bytes that it is on the wire and in flash, in hexadecimal digits.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use lightday_agent::Health;
use lightday_boot::floors::{self, Floor};
use lightday_boot::{Elapsed, Record, keys, loader};
use lightday_wire::{Location, Report, ResetCause, canon};

use crate::setting::{Bench, in_flight};
use serde_json::{Value, json};

/// The states lie in one window, so that what they share is kept once.
const WINDOW_LOG: u32 = 24;
const LEVEL: i32 = 19;

/// What is seen of a vehicle at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// What runs.
    pub running: Location,
    /// Its record, as it stands in flash.
    pub record: Vec<u8>,
    /// The body of its latest report.
    pub report: Vec<u8>,
    /// Symbols that the bundle in reception still needs.
    pub needed: u16,
    /// Security counter, key set and epoch, as floors.
    pub floors: [u32; 3],
    /// What the papers of each slot prove, whatever the record says.
    pub proven: [Proven; 2],
}

/// What the papers of a slot prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proven {
    /// That its image may be tried; be home; and that it was confirmed once.
    pub may: [bool; 3],
    /// The newest command that was heard there, the newest Confirm of its image, and the command by which
    /// it confirmed itself.
    pub numbers: [Option<u32>; 3],
}

impl Proven {
    fn of(bench: &Bench) -> [Self; 2] {
        let (map, flash) = (bench.map(), &mut bench.flash.peeking());
        let keys = keys::load(flash, map, bench.record().key_set);
        let facts = loader::slot_facts(flash, map, bench.config.identity, &keys);
        facts.map(|facts| Self {
            may: [
                facts.may_be_tried(),
                facts.may_be_home(),
                facts.was_confirmed(),
            ],
            numbers: [facts.heard, facts.confirmed, facts.self_confirmed]
                .map(|number| number.map(|n| n.get())),
        })
    }

    fn to_json(self) -> Value {
        json!({ "may": self.may, "numbers": self.numbers })
    }

    fn from_json(value: &Value) -> Self {
        let number = |value: &Value| value.as_u64().map(|n| u32::try_from(n).unwrap());
        Self {
            may: [0, 1, 2].map(|place| value["may"][place].as_bool().unwrap()),
            numbers: [0, 1, 2].map(|place| number(&value["numbers"][place])),
        }
    }
}

/// A vehicle as it lay there, and what the first release said when it was switched on.
#[derive(Clone, Debug)]
pub struct State {
    /// What it had lived through.
    pub name: String,
    /// The supervisor's counter.
    pub elapsed: Elapsed,
    /// Why the processor is reset next.
    pub cause: ResetCause,
    /// Whether onboard time is known.
    pub knows_time: bool,
    /// Whether the application's interlock lets an image be activated.
    pub may_activate: bool,
    /// How the application feels.
    pub health: Health,
    /// The whole flash.
    pub flash: Vec<u8>,
    /// What was seen at rest behind the reset; then, where the ground could command it, behind `BootGolden`.
    pub said: Vec<Said>,
}

const HEALTH: [Health; 3] = [Health::Starting, Health::Healthy, Health::Failing];

impl State {
    /// A vehicle as it is now, whatever it is about to do.
    pub fn of(name: &str, bench: &Bench) -> Self {
        let all = 0..u32::try_from(embedded_storage::nor_flash::ReadNorFlash::capacity(
            &bench.flash.peeking(),
        ))
        .unwrap();
        Self {
            name: name.to_owned(),
            elapsed: bench.now().elapsed,
            cause: ResetCause::PowerOn,
            knows_time: bench.knows_time,
            may_activate: bench.application.may_activate,
            health: bench.application.health,
            flash: bench.flash.peek(all).unwrap().to_vec(),
            said: Vec::new(),
        }
    }

    /// A vehicle that knows nothing but this flash, switched on, and at rest.
    pub fn take_up(&self) -> Bench {
        let mut bench = in_flight(&self.flash, self.elapsed);
        bench.knows_time = self.knows_time;
        bench.application.may_activate = self.may_activate;
        bench.application.health = self.health;
        bench.reset(self.cause);
        bench.settle();
        bench
    }

    fn header(&self) -> Value {
        let health = HEALTH.iter().position(|health| *health == self.health);
        json!({
            "name": self.name,
            "elapsed_ms": self.elapsed.0,
            "cause": self.cause.code(),
            "knows_time": self.knows_time,
            "may_activate": self.may_activate,
            "health": health,
            "said": self.said.iter().map(Said::to_json).collect::<Vec<_>>(),
            "flash_bytes": self.flash.len(),
        })
    }

    fn from_header(value: &Value, flash: &[u8]) -> Self {
        let said = value["said"].as_array().unwrap();
        let cause = u8::try_from(value["cause"].as_u64().unwrap()).unwrap();
        Self {
            name: value["name"].as_str().unwrap().to_owned(),
            elapsed: Elapsed(value["elapsed_ms"].as_u64().unwrap()),
            cause: ResetCause::from_code(cause).unwrap(),
            knows_time: value["knows_time"].as_bool().unwrap(),
            may_activate: value["may_activate"].as_bool().unwrap(),
            health: HEALTH[usize::try_from(value["health"].as_u64().unwrap()).unwrap()],
            flash: flash.to_vec(),
            said: said.iter().map(Said::from_json).collect(),
        }
    }
}

impl Said {
    /// What is seen of a vehicle now.
    pub fn of(bench: &Bench) -> Self {
        let mut buffer = [0; 512];
        let record = canon::encode(bench.record(), &mut buffer).unwrap().to_vec();
        let report = canon::encode(bench.report(), &mut buffer).unwrap().to_vec();
        let region = bench.map().floors;
        Self {
            running: bench.running(),
            record,
            report,
            needed: bench.agent().symbols_needed(),
            floors: [Floor::Security, Floor::KeySet, Floor::Epoch]
                .map(|floor| floors::value(&mut bench.flash.peeking(), region, floor)),
            proven: Proven::of(bench),
        }
    }

    /// Its record.
    pub fn record(&self) -> Record {
        Record::decode(&self.record).unwrap()
    }

    /// Its report.
    pub fn report(&self) -> Report {
        canon::decode(&self.report).unwrap()
    }

    /// Both in words, for a person who has to find out what differs.
    pub fn words(&self) -> String {
        format!(
            "{:?}, {} symbols needed, floors {:?}, {:?}\n{:#?}\n{:#?}",
            self.running,
            self.needed,
            self.floors,
            self.proven,
            self.record(),
            self.report()
        )
    }

    fn to_json(&self) -> Value {
        let running = Location::ALL.iter().position(|at| *at == self.running);
        json!({
            "running": running,
            "record": hex(&self.record),
            "report": hex(&self.report),
            "needed": self.needed,
            "floors": self.floors,
            "proven": self.proven.map(Proven::to_json),
        })
    }

    fn from_json(value: &Value) -> Self {
        let number = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
        let floors = [0, 1, 2].map(|place| number(&value["floors"][place]));
        Self {
            running: Location::ALL[usize::try_from(number(&value["running"])).unwrap()],
            record: bytes(value["record"].as_str().unwrap()),
            report: bytes(value["report"].as_str().unwrap()),
            needed: u16::try_from(number(&value["needed"])).unwrap(),
            floors,
            proven: [0, 1].map(|place| Proven::from_json(&value["proven"][place])),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).unwrap();
        u8::from_str_radix(pair, 16).unwrap()
    });
    digits.collect()
}

/// Where the states of the first release lie.
pub fn path() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/layouts/states_1.zst"
    ))
}

/// All states of the file.
pub fn read() -> Vec<State> {
    let packed = std::fs::read(path()).unwrap();
    let mut decoder = zstd::Decoder::new(packed.as_slice()).unwrap();
    decoder.window_log_max(WINDOW_LOG).unwrap();
    let mut all = Vec::new();
    decoder.read_to_end(&mut all).unwrap();
    let mut rest = all.as_slice();
    let mut states = Vec::new();
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
        let header: Value = serde_json::from_slice(&rest[..end]).unwrap();
        let len = usize::try_from(header["flash_bytes"].as_u64().unwrap()).unwrap();
        let (flash, behind) = rest[end + 1..].split_at(len);
        states.push(State::from_header(&header, flash));
        rest = behind;
    }
    states
}

/// Writes the file anew.
pub fn write(states: &[State]) {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL).unwrap();
    encoder.window_log(WINDOW_LOG).unwrap();
    encoder.long_distance_matching(true).unwrap();
    for state in states {
        writeln!(encoder, "{}", state.header()).unwrap();
        encoder.write_all(&state.flash).unwrap();
    }
    std::fs::write(path(), encoder.finish().unwrap()).unwrap();
}
