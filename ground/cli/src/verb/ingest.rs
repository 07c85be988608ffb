//! `lightday ingest`: reports from the downlink, into the ledger.

use std::path::PathBuf;

use lightday_station::facts::facts;
use lightday_station::keys::to_hex;
use lightday_station::link_keys::HeldKeys;
use lightday_station::tracker::{Proven, TrackError, Tracker};
use lightday_wire::{ObjectKind, Report};
use serde_json::{Value, json};

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::ledger::ReportRow;
use crate::mission::{Mission, packets, reports};
use crate::out;
use crate::verb::describe;

/// Take in reports from a file.
///
/// The file holds packets behind their lengths (2 B each, most significant first), or bare reports of 95 B.
/// What does not prove itself under the link keys is named and left out; what does is kept for good, and the
/// numbers that it shows as used are never used again. Taking in the same file twice does no harm. A vehicle
/// that lost its record is named first, until it is heard under a later link epoch.
///
/// Examples:
///   lightday ingest downlink/2026-12-03.bin
///   lightday ingest reports.bin --at 2026-12-03T09:00:00Z    (when they were heard)
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The file.
    file: PathBuf,
    /// Say what the reports prove, and remember nothing.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// What a file of packets came to.
#[derive(Default)]
struct Heard {
    proven: Vec<(Proven, Vec<u8>)>,
    answers: Vec<Value>,
    duplicates: usize,
    refused: Vec<(usize, TrackError)>,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    let bytes = crate::atomic::read(&args.file, 64 << 20)?;
    let packets = packets::split(&args.file, &bytes)?;
    if packets.is_empty() {
        return Err(Error::input(&args.file, "the file is empty")
            .hint("give a file of packets behind their lengths, or of bare reports"));
    }
    let keys = mission.link_keys()?;
    let mut ledger = mission.ledger()?;
    let mut tracker = reports::tracker(&mission, &ledger, &keys)?;
    let before = tracker.last().map(|p| p.report);
    let heard = hear(&mut tracker, &keys, &packets, global.now_s());
    let is_empty = heard.proven.is_empty() && heard.answers.is_empty();
    if !args.dry_run && !is_empty {
        let sequences: Vec<u32> = heard
            .proven
            .iter()
            .map(|(p, _)| p.report.sequence)
            .collect();
        let what = json!({ "reports": sequences, "answers": heard.answers, "refused": heard.refused.len() });
        ledger.step(&global.actor(), "ingest", |step| {
            for (proven, frame) in &heard.proven {
                step.add_report(&ReportRow {
                    received_s: proven.received_s,
                    sequence: proven.report.sequence,
                    frame: frame.clone(),
                })?;
                // A ground that was restored from a backup reuses no number.
                for (kind, next) in ObjectKind::UPLINK.iter().zip(proven.report.next) {
                    step.raise_number(*kind, next)?;
                }
            }
            Ok(((), what))
        })?;
    }
    show(args, &heard, before, &tracker)?;
    refusals(args, &heard)?;
    if !args.json {
        out::message("Next: lightday status");
    }
    Ok(())
}

fn hear(tracker: &mut Tracker, keys: &HeldKeys, packets: &[&[u8]], received_s: u64) -> Heard {
    let mut heard = Heard::default();
    for (place, packet) in packets.iter().enumerate() {
        match tracker.receive(keys, packet, received_s) {
            Ok(proven) => heard.proven.push((proven, packet.to_vec())),
            Err(
                TrackError::OldSequence { .. }
                | TrackError::OldEpoch { .. }
                | TrackError::KnownAlarm { .. },
            ) => heard.duplicates += 1,
            Err(TrackError::NotAReport(error)) => match tracker.open_answer(keys, packet) {
                Ok(answer) => heard.answers.push(json!({
                    "command": answer.command.get(), "digest": to_hex(&answer.digest.0),
                })),
                Err(TrackError::NotAReport(_)) => {
                    heard
                        .refused
                        .push((place + 1, TrackError::NotAReport(error)));
                }
                Err(error) => heard.refused.push((place + 1, error)),
            },
            Err(error) => heard.refused.push((place + 1, error)),
        }
    }
    heard
}

fn show(args: &Args, heard: &Heard, before: Option<Report>, tracker: &Tracker) -> Result<()> {
    let sequences: Vec<u32> = heard
        .proven
        .iter()
        .map(|(p, _)| p.report.sequence)
        .collect();
    let before = before.map(|r| facts(&r)).unwrap_or_default();
    let now = tracker.last().map(|p| facts(&p.report));
    let now = now.unwrap_or_default();
    let is_news =
        |name: &str, value: &str| !before.iter().any(|f| f.name == name && f.value == value);
    let news: Vec<_> = now.iter().filter(|f| is_news(f.name, &f.value)).collect();
    if args.json {
        return out::json(&json!({
            "alarm": tracker.alarm().map(reports::alarm_json),
            "reports": sequences, "answers": heard.answers, "duplicates": heard.duplicates,
            "refused": heard.refused.iter().map(|(place, e)| json!({ "packet": place, "why": e.to_string() })).collect::<Vec<_>>(),
            "news": news.iter().map(|f| json!({ "name": f.name, "value": f.value })).collect::<Vec<_>>(),
        }));
    }
    let mut text = tracker.alarm().map(reports::alarm_text).unwrap_or_default();
    text += &format!(
        "{}, {} known already, {}\n",
        describe::count(sequences.len() as u64, "new report"),
        heard.duplicates,
        describe::count(heard.answers.len() as u64, "answer")
    );
    for answer in &heard.answers {
        text.push_str(&format!(
            "  answer to command {}: {}\n",
            answer["command"],
            answer["digest"].as_str().unwrap_or_default()
        ));
    }
    for fact in news {
        text.push_str(&format!("  {:<18}{}\n", fact.name, fact.value));
    }
    out::result(&text)
}

/// The first packet that was refused decides the exit code; all are named.
fn refusals(args: &Args, heard: &Heard) -> Result<()> {
    let Some((place, first)) = heard.refused.first() else {
        return Ok(());
    };
    for (place, error) in heard.refused.iter().skip(1) {
        out::message(format_args!(
            "{}: packet {place}: {error}",
            args.file.display()
        ));
    }
    let kind = match first {
        TrackError::Forged(_) => Kind::Trust,
        _ => Kind::Input,
    };
    Err(Error::new(kind, first)
        .file(&args.file)
        .field(format!("packet {place}"))
        .hint(first.hint()))
}
