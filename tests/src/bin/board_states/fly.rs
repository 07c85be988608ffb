//! The ground of a vehicle that took a state up: it hears what it reports, commands it, and hears again.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lightday_station::link_keys::HeldKeys;
use lightday_trust::{Direction, LinkKeys};
use lightday_wire::report::{ReportFrame, flags};
use lightday_wire::serial::{self, Channel, Receiver};
use lightday_wire::{VehicleId, canon};
use serde_json::json;

use crate::read;
use crate::state::{Look, State};

/// Longest wait for a report that agrees, on a busy host too.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long the emulator may take to listen.
const LISTENS: Duration = Duration::from_secs(20);
/// Between two sendings of a command.
const AGAIN: Duration = Duration::from_secs(5);
/// Between two frames, and two looks at the line.
const PAUSE: Duration = Duration::from_millis(40);

/// Which vehicle took up which state.
#[derive(clap::Args)]
pub struct Args {
    /// The state, as `make` wrote it.
    state: PathBuf,
    /// The mission directory of the frozen release.
    #[arg(long)]
    mission: PathBuf,
    /// Who the vehicle is.
    #[arg(long, default_value_t = 1)]
    vehicle: u32,
    /// Its UART, a socket.
    #[arg(long)]
    uart: PathBuf,
    /// It has to report a lost record, and not what was expected.
    #[arg(long)]
    canary: bool,
}

/// Holds what is heard against what was expected.
///
/// # Errors
/// The vehicle says something else, or nothing; what it said last.
pub fn run(args: &Args) -> Result<String, String> {
    let state = serde_json::from_slice(&read(&args.state)?).map_err(|error| error.to_string())?;
    let state = State::from_json(&state);
    let (name, before, command, behind) =
        state.ok_or_else(|| format!("{}: no state", args.state.display()))?;
    let mut line = Line::open(args)?;
    let told = |why: String| format!("{name}: {why}");
    if args.canary {
        let lost = line.lost_record().map_err(told)?;
        return match lost.agrees(&before) {
            true => Err(told("a lost record passed for the expected one".to_owned())),
            false => Ok(json!({ "running": ["Golden"], "texts": line.texts }).to_string()),
        };
    }
    line.until(&before, &[]).map_err(told)?;
    line.until(&behind, &command).map_err(told)?;
    let running = [&before, &behind].map(|look| format!("{:?}", look.report.running.0));
    Ok(json!({ "running": running, "texts": line.texts }).to_string())
}

/// The UART's other end.
struct Line {
    stream: UnixStream,
    receiver: Receiver,
    keys: LinkKeys,
    vehicle: VehicleId,
    texts: Vec<String>,
    last: Option<Look>,
}

impl Line {
    fn open(args: &Args) -> Result<Self, String> {
        let vault = read(&args.mission.join("keys/link.key"))?;
        let vault = String::from_utf8(vault).map_err(|error| error.to_string())?;
        let keys = HeldKeys::from_text(&vault).map_err(|error| error.to_string())?;
        let failed = |error: std::io::Error| format!("{}: {error}", args.uart.display());
        let stream = connected(&args.uart).map_err(failed)?;
        stream.set_read_timeout(Some(PAUSE)).map_err(failed)?;
        Ok(Self {
            stream,
            receiver: Receiver::new(),
            keys: keys.padded(),
            vehicle: VehicleId(args.vehicle),
            texts: Vec::new(),
            last: None,
        })
    }

    /// Sends frames, again and again, until a report agrees.
    fn until(&mut self, expected: &Look, frames: &[Vec<u8>]) -> Result<(), String> {
        let begun = Instant::now();
        let mut sent: Option<Instant> = None;
        self.last = None;
        loop {
            if sent.is_none_or(|at| at.elapsed() > AGAIN) {
                self.send(frames)?;
                sent = Some(Instant::now());
            }
            self.hear()?;
            if self.last.as_ref().is_some_and(|last| last.agrees(expected)) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!(
                    "expected {expected:#?}\n--- heard ---\n{:#?}\n{:#?}",
                    self.last, self.texts
                ));
            }
        }
    }

    /// Listens until a lost record is reported.
    fn lost_record(&mut self) -> Result<Look, String> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            self.hear()?;
            let last = self.last.clone();
            let lost = last.filter(|look| look.report.flags & flags::RECORD_LOST != 0);
            if let Some(look) = lost {
                return Ok(look);
            }
        }
        Err(format!("no record is lost: {:#?}", self.last))
    }

    fn send(&mut self, frames: &[Vec<u8>]) -> Result<(), String> {
        for frame in frames {
            let mut packet = [0; serial::MAX_ENCODED];
            let len = serial::encode(Channel::Packet, frame, &mut packet);
            let packet = &packet[..len.ok_or("a frame is too long")?];
            let sent = self.stream.write_all(packet);
            sent.map_err(|error| format!("the line: {error}"))?;
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Takes in what came meanwhile.
    fn hear(&mut self) -> Result<(), String> {
        use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
        let mut bytes = [0; 512];
        let len = match self.stream.read(&mut bytes) {
            Ok(0) => return Err(format!("the board is off: {:#?}", self.texts)),
            Ok(len) => len,
            Err(error) if matches!(error.kind(), Interrupted | TimedOut | WouldBlock) => 0,
            Err(error) => return Err(format!("the line: {error}")),
        };
        for byte in &bytes[..len] {
            match self.receiver.push(*byte) {
                Some((Channel::Text, text)) => {
                    let text = String::from_utf8_lossy(text).into_owned();
                    self.texts.push(text);
                }
                Some((Channel::Packet, packet)) => {
                    if let Some(look) = opened(&self.keys, self.vehicle, packet) {
                        self.last = Some(look);
                    }
                }
                None => {}
            }
        }
        Ok(())
    }
}

/// The socket, as soon as the emulator listens.
fn connected(path: &Path) -> std::io::Result<UnixStream> {
    let begun = Instant::now();
    loop {
        match UnixStream::connect(path) {
            Err(_) if begun.elapsed() < LISTENS => std::thread::sleep(PAUSE),
            done => return done,
        }
    }
}

/// A report that is the vehicle's.
fn opened(keys: &LinkKeys, vehicle: VehicleId, packet: &[u8]) -> Option<Look> {
    let frame = ReportFrame::parse(packet).ok()?;
    let key = keys.frame_key(vehicle, Direction::Down, frame.epoch);
    let report = canon::decode(key.open_report(&frame).ok()?).ok()?;
    Some(Look {
        epoch: frame.epoch,
        report,
    })
}
