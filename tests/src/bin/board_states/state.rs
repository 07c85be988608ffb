//! What is kept of a state beside its flash: how it has to be taken up.

use lightday_wire::{Epoch, Report, canon};
use serde_json::{Value, json};

/// A look at a vehicle at rest.
#[derive(Clone, Debug)]
pub struct Look {
    /// The epoch of its link key.
    pub epoch: Epoch,
    /// What it reports.
    pub report: Report,
}

/// A state.
#[derive(Clone, Debug)]
pub struct State {
    /// What it was that the vehicle had lived through.
    pub name: String,
    /// When it is switched on, in seconds of Unix time.
    pub at_s: u64,
    /// What today's loader and agent say of it at rest.
    pub before: Look,
    /// The frames of a command.
    pub command: Vec<Vec<u8>>,
    /// What they say behind it.
    pub behind: Look,
}

impl State {
    /// As it stands in its file.
    pub fn to_json(&self) -> Value {
        let command: Vec<String> = self.command.iter().map(|frame| hex(frame)).collect();
        json!({
            "name": self.name,
            "at": instant(self.at_s),
            "before": self.before.to_json(),
            "command": command,
            "behind": self.behind.to_json(),
        })
    }

    /// What stands in its file: name, first look, frames, second look.
    pub fn from_json(value: &Value) -> Option<(String, Look, Vec<Vec<u8>>, Look)> {
        let frames = value["command"].as_array()?.iter();
        let frames: Option<Vec<_>> = frames.map(|frame| bytes(frame.as_str()?)).collect();
        Some((
            value["name"].as_str()?.to_owned(),
            Look::from_json(&value["before"])?,
            frames?,
            Look::from_json(&value["behind"])?,
        ))
    }
}

impl Look {
    fn to_json(&self) -> Value {
        let mut buffer = [0; 128];
        let report = canon::encode(&self.report, &mut buffer).unwrap_or(&[]);
        json!({ "epoch": self.epoch.get(), "report": hex(report) })
    }

    fn from_json(value: &Value) -> Option<Self> {
        let epoch = u8::try_from(value["epoch"].as_u64()?).ok()?;
        let report = bytes(value["report"].as_str()?)?;
        Some(Self {
            epoch: Epoch::new(epoch)?,
            report: canon::decode(&report).ok()?,
        })
    }

    /// Whether it says the same, but for what counts reports, seconds and noise on the line.
    pub fn agrees(&self, other: &Self) -> bool {
        let timeless = |look: &Self| Report {
            sequence: 0,
            time_s: 0,
            frames_refused: 0,
            lease_left_h: 0,
            ..look.report
        };
        let [a, b] = [self, other].map(|look| look.report.lease_left_h);
        self.epoch == other.epoch && timeless(self) == timeless(other) && a.abs_diff(b) <= 1
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// An instant as QEMU takes it: a date and a time in UTC.
fn instant(unix_s: u64) -> String {
    let (day, s) = (unix_s / 86_400 + 719_468, unix_s % 86_400);
    let (era, doe) = (day / 146_097, day % 146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + u64::from(month <= 2);
    let (h, min, s) = (s / 3600, s / 60 % 60, s % 60);
    let day = doy - (153 * mp + 2) / 5 + 1;
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{min:02}:{s:02}")
}

#[cfg(test)]
mod tests {
    use lightday_wire::report::{RunningCode, flags};
    use lightday_wire::{Location, Stage};

    use super::*;

    /// What a vehicle reported behind its launch.
    const LAUNCHED: [&str; 2] = [
        "00020002713fb309006601000000a8c73c4f0f0000000000000000a8c73c4f000000000000000000000000",
        "00000000000000010000010000010000010100020000ffff000000000001000000001071c832317d3738d1",
    ];

    fn report() -> Report {
        canon::decode(&bytes(&LAUNCHED.concat()).unwrap()).unwrap()
    }

    #[test]
    fn reports_agree_in_all_but_time_and_noise() {
        let look = Look {
            epoch: Epoch::FIRST,
            report: report(),
        };
        let with = |change: fn(&mut Look)| {
            let mut other = look.clone();
            change(&mut other);
            other.agrees(&look)
        };
        assert!(with(|l| l.report.sequence = 9) && with(|l| l.report.time_s = 9));
        assert!(with(|l| l.report.frames_refused = 9) && with(|l| l.report.lease_left_h -= 1));
        assert!(!with(|l| l.report.lease_left_h -= 2));
        assert!(!with(|l| l.epoch = Epoch::new(1).unwrap()));
        assert!(!with(|l| l.report.running = RunningCode(Location::Golden)));
        assert!(!with(|l| l.report.flags = flags::RECORD_LOST));
        assert!(!with(|l| l.report.bundle.stage = Stage::Done));
        assert!(!with(|l| l.report.state_digest[7] ^= 1));
    }

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let report = report();
        let epoch = Epoch::new(3).unwrap();
        let state = State {
            name: "one".to_owned(),
            at_s: 1_900_000_000,
            before: Look { epoch, report },
            command: vec![vec![1, 0xfe], vec![3]],
            behind: Look { epoch, report },
        };
        let (name, before, command, behind) = State::from_json(&state.to_json()).unwrap();
        assert_eq!((name, command), (state.name, state.command));
        assert_eq!((before.report, behind.report), (report, report));
        assert_eq!((before.epoch, behind.epoch), (epoch, epoch));
    }

    #[test]
    fn an_instant_is_that_of_date() {
        assert_eq!(instant(1_900_000_000), "2030-03-17T17:46:40");
        assert_eq!(instant(951_782_400), "2000-02-29T00:00:00");
    }
}
