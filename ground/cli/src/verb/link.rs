//! `lightday link`: frames to a vehicle on the bench, and what it answers into a file.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use lightday_wire::serial::{self, Channel, Receiver};
use serde_json::json;

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::mission::{Mission, packets};
use crate::out;
use crate::time::parse_duration_ms;
use crate::verb::describe::count;
use crate::verb::line::{Address, Line};

/// Longest file of frames: 65,535 of the longest, for each of some objects.
const MAX_FRAMES_LEN: u64 = 1 << 30;

/// Speak with a vehicle on the bench, over a serial line.
///
/// Sends the frames of files that `lightday uplink` wrote, each as long after the one before as it takes on the
/// link (link.rate_up_bps, link.encapsulation), --speed times faster; passes are not waited for. What comes down
/// goes to a file for `lightday ingest`, packet by packet; lines of text of the vehicle are shown as messages.
/// The ledger is not changed: `uplink` remembers what is sent.
/// By the ledger the frames leave in their passes: take what comes down in with `ingest --at`, an instant behind pass
/// and light time, or answers and verdicts are called too early.
///
/// On the line each packet is stuffed by COBS and stands between zero bytes (docs/SPEC.md, "Serial lines").
///
/// Examples:
///   lightday link uplink/1.frames --uart unix:vehicle.sock \
///       --heard heard/1.packets --speed 100
///   lightday link --uart /dev/ttyUSB0 --baud 9600 \
///       --heard heard/2.packets --listen 10min
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Files of frames, in the order in which they are sent; none: listen alone.
    frames: Vec<PathBuf>,
    /// The line: unix:PATH, tcp:HOST:PORT, or the path of a serial device.
    #[arg(long, value_name = "LINE")]
    uart: Address,
    /// Where to write what comes down. A file that exists is never overwritten.
    #[arg(long, value_name = "FILE")]
    heard: PathBuf,
    /// How many times faster than the link.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    speed: u32,
    /// How long to listen behind the last frame, in time of the bench. A line that is closed early may take frames
    /// along that its other end has not read yet.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration_ms)]
    listen: u64,
    /// Listen no longer than until N packets came down behind the last frame.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    packets: Option<u32>,
    /// Bit/s of a serial device; a socket has none.
    #[arg(long, value_name = "BAUD", default_value_t = 115_200)]
    baud: u32,
    /// Say what would be sent, send nothing and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// What went up and came down.
#[derive(Default)]
struct Tally {
    frames: usize,
    packets: u32,
    texts: u32,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    let link = &mission.profile.link;
    let files: Vec<(&Path, Vec<u8>)> = args
        .frames
        .iter()
        .map(|path| Ok((path.as_path(), crate::atomic::read(path, MAX_FRAMES_LEN)?)))
        .collect::<Result<_>>()?;
    let mut frames = Vec::new();
    for (path, bytes) in &files {
        frames.extend(packets::split(path, bytes)?);
    }
    let air_time = |frame: &[u8]| {
        let bits = 8 * (frame.len() as u64 + u64::from(link.encapsulation));
        let rate = u64::from(link.rate_up_bps.max(1)).saturating_mul(args.speed.into());
        Duration::from_micros((bits * 1_000_000).div_ceil(rate))
    };
    let whole: Duration = frames.iter().map(|frame| air_time(frame)).sum();
    if args.dry_run {
        let text = format!(
            "{} in {:.1} s to {}\n",
            count(frames.len() as u64, "frame"),
            whole.as_secs_f64(),
            args.uart
        );
        return out::result(&text);
    }
    let mut session = Session::open(args, frames.len())?;
    let begun = Instant::now();
    let bar = out::progress(frames.len() as u64, "frames");
    let mut due = begun;
    for frame in &frames {
        // The next frame begins when this one's last bit is out.
        session.send(frame)?;
        due += air_time(frame);
        session.listen(due, None)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let until = Instant::now() + Duration::from_millis(args.listen);
    session.listen(until, args.packets)?;
    report(args, &session.tally, begun.elapsed())
}

fn report(args: &Args, tally: &Tally, took: Duration) -> Result<()> {
    let file = args.heard.display().to_string();
    if args.json {
        return out::json(&json!({
            "frames": tally.frames, "packets": tally.packets, "texts": tally.texts,
            "heard": file, "seconds": took.as_secs_f64(),
        }));
    }
    out::result(&format!(
        "{} up, {} down in {:.1} s\n{file}\n",
        count(tally.frames as u64, "frame"),
        count(tally.packets.into(), "packet"),
        took.as_secs_f64()
    ))?;
    if tally.packets > 0 {
        out::message(format_args!("Next: lightday ingest {file}"));
    } else {
        out::message("The vehicle said nothing: is it switched on, and is this its line?");
    }
    Ok(())
}

/// The open line, and the file of what it brings.
struct Session<'a> {
    args: &'a Args,
    line: Line,
    receiver: Receiver,
    file: std::fs::File,
    tally: Tally,
    /// Frames that there are to send.
    all: usize,
    /// Packets that had come down when the last frame was sent.
    before: u32,
}

impl<'a> Session<'a> {
    fn open(args: &'a Args, all: usize) -> Result<Self> {
        crate::atomic::refuse_existing(&args.heard)?;
        let line = Line::open(&args.uart, args.baud)?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&args.heard);
        let file = file.map_err(|e| Error::write(&args.heard, &e))?;
        Ok(Self {
            args,
            line,
            receiver: Receiver::new(),
            file,
            tally: Tally::default(),
            all,
            before: 0,
        })
    }

    fn send(&mut self, frame: &[u8]) -> Result<()> {
        let mut stuffed = [0; serial::MAX_ENCODED];
        let len = serial::encode(Channel::Packet, frame, &mut stuffed)
            .ok_or_else(|| Error::new(Kind::Internal, "a frame is longer than any"))?;
        let sent = self.line.send(stuffed.get(..len).unwrap_or_default());
        sent.map_err(|e| self.lost(&e))?;
        self.tally.frames += 1;
        self.before = self.tally.packets;
        Ok(())
    }

    /// Takes what comes until an instant, or until so many packets came behind the last frame.
    fn listen(&mut self, until: Instant, packets: Option<u32>) -> Result<()> {
        let enough = packets.map(|n| self.before.saturating_add(n));
        while enough.is_none_or(|n| self.tally.packets < n) {
            let left = until.saturating_duration_since(Instant::now());
            match self.line.heard.recv_timeout(left) {
                Ok(Ok(bytes)) => self.take(&bytes)?,
                Ok(Err(error)) => return Err(self.lost(&error)),
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::new(Kind::Internal, "nobody reads the line"));
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        for byte in bytes {
            match self.receiver.push(*byte) {
                Some((Channel::Packet, packet)) => {
                    let mut framed = Vec::new();
                    packets::push(&mut framed, packet);
                    // Written at once: whatever ends this run, what was heard is kept.
                    let written = self
                        .file
                        .write_all(&framed)
                        .and_then(|()| self.file.flush());
                    written.map_err(|e| Error::write(&self.args.heard, &e))?;
                    self.tally.packets += 1;
                }
                Some((Channel::Text, text)) => {
                    let text = String::from_utf8_lossy(text);
                    // Whatever it says, it moves no cursor of ours.
                    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
                    out::message(format_args!("vehicle: {plain}"));
                    self.tally.texts += 1;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// The other end is gone.
    fn lost(&self, error: &std::io::Error) -> Error {
        let what = match error.kind() {
            std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::BrokenPipe => {
                "the line was closed at its other end".to_owned()
            }
            _ => error.to_string(),
        };
        let (sent, heard) = (self.tally.frames, self.args.heard.display());
        Error::new(Kind::Io, format!("{what}, after {sent} of {}", count(self.all as u64, "frame")))
            .field(format!("uart {}", self.args.uart))
            .hint(format!(
                "what was heard until then is in {heard}; once the vehicle is back, send the frames again: it passes over those that it has"
            ))
    }
}
