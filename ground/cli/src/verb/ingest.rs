//! `lightday ingest`: reports from the downlink, into the ledger.

use std::path::PathBuf;

use lightday_station::facts::facts;
use lightday_station::keys::to_hex;
use lightday_station::link_keys::HeldKeys;
use lightday_station::tracker::{Proven, TrackError, Tracker};
use lightday_wire::answer::Answer;
use lightday_wire::{ObjectKind, ObjectNumber, Report};
use serde_json::{Value, json};

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::ledger::{AnswerRow, Ledger, ReportRow, SentRow};
use crate::mission::answers::{self, Odd, Reply};
use crate::mission::claims::{self, Claim};
use crate::mission::dumps;
use crate::mission::regions::{self, Held, Known};
use crate::mission::{Mission, packets, reports};
use crate::out;
use crate::verb::describe;

/// Take in reports from a file.
///
/// The file holds packets behind their lengths (2 B each, most significant first), or bare reports of 95 B. Of a dump
/// it says which parts are here, from whichever files they came (`lightday dump` writes its bytes).
/// What does not prove itself under the link keys is named and left out; what does is kept for good, and
/// what it claims of numbers that were never sent from here is named first and changes nothing; it stands until
/// somebody accepts it, or until the next link epoch. Taking in the same file twice does no harm. A vehicle that lost its record is named first, until it is heard under a later
/// link epoch; so are two that speak as one vehicle.
///
/// Examples:
///   lightday ingest downlink/2026-12-03.bin
///   lightday ingest reports.bin --at 2026-12-03T09:00:00Z  (when they were heard)
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The file.
    file: PathBuf,
    /// Take over the numbers of a report that is known already, where they are higher than any sent from here:
    /// the ledger is an old backup, and what it lacks is lost. Never if the link key may be stolen.
    #[arg(long, value_name = "SEQUENCE")]
    accept_numbers: Option<u32>,
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
    /// Authentic, never heard before, and older than another.
    older: Vec<(u32, Vec<u8>)>,
    answers: Vec<(Reply, Vec<u8>)>,
    duplicates: usize,
    /// Commands that have another answer to the same already.
    disputed: Vec<ObjectNumber>,
    /// Answers to commands that were never sent, or that do not ask for them.
    strangers: Vec<(ObjectNumber, Vec<u8>)>,
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
    let now_s = global.now_s();
    let mut heard = hear(&mut tracker, &keys, &packets, now_s);
    unknown_answers(&mut heard, &ledger)?;
    let accepted = match args.accept_numbers {
        Some(sequence) => acceptable(sequence, &ledger)?,
        None => Vec::new(),
    };
    let is_news = !(accepted.is_empty() && heard.is_empty());
    let news = News {
        reports: heard.reports(now_s, claims::behind_sent(&ledger)?),
        answers: heard.answer_rows(now_s),
    };
    let alarms = if args.dry_run {
        news.alarms(&ledger)?
    } else {
        if is_news {
            remember(&mut ledger, global, &heard, &news, &accepted)?;
        }
        News::default().alarms(&ledger)?
    };
    let last = tracker.last().map(|p| p.report);
    let known = Known::new(&mission, &ledger);
    let held = regions::hold(&known, heard.digests(), last.as_ref())?;
    let mut dumps = dumps::all(&ledger, &news.answers)?;
    dumps.retain(|dump| heard.has_part_of(dump.command));
    let dumps = dumps::hold(&known, dumps, last.as_ref())?;
    show(args, &heard, before, (&tracker, &alarms), (&held, &dumps))?;
    refusals(args, &heard)?;
    if !args.json {
        out::message("Next: lightday status");
    }
    Ok(())
}

/// What is new of it, as the ledger keeps it.
#[derive(Default)]
struct News {
    reports: Vec<ReportRow>,
    answers: Vec<AnswerRow>,
}

impl News {
    /// The alarms that stand, of the ledger and of this.
    fn alarms(&self, ledger: &Ledger) -> Result<Alarms> {
        Ok(Alarms {
            claims: claims::claims(ledger, &self.reports)?,
            odd: answers::odd(ledger, &self.answers, &self.reports)?,
        })
    }
}

/// What stands until the next link epoch.
struct Alarms {
    claims: Vec<Claim>,
    odd: Odd,
}

impl Heard {
    fn is_empty(&self) -> bool {
        self.proven.is_empty()
            && self.answers.is_empty()
            && self.older.is_empty()
            && self.strangers.is_empty()
    }

    fn reports(&self, received_s: u64, behind_sent: [ObjectNumber; 4]) -> Vec<ReportRow> {
        let proven = self.proven.iter().map(|(p, f)| (p.report.sequence, f));
        let older = self.older.iter().map(|(sequence, f)| (*sequence, f));
        let rows = proven.chain(older).map(|(sequence, frame)| ReportRow {
            received_s,
            sequence,
            frame: frame.clone(),
            behind_sent,
        });
        rows.collect()
    }

    fn answer_rows(&self, received_s: u64) -> Vec<AnswerRow> {
        let ours = self
            .answers
            .iter()
            .map(|(reply, f)| (reply.command(), f, false));
        let strange = self.strangers.iter().map(|(of, f)| (*of, f, true));
        let rows = ours
            .chain(strange)
            .map(|(of, frame, is_strange)| AnswerRow {
                received_s,
                command: of,
                frame: frame.clone(),
                is_strange,
            });
        rows.collect()
    }

    fn answers(&self) -> Vec<Value> {
        let one = |(reply, _): &(Reply, Vec<u8>)| match reply {
            Reply::Digest(answer) => {
                json!({ "command": answer.command.get(), "digest": to_hex(&answer.digest.0) })
            }
            Reply::Part(part) => json!({ "command": part.command.get(), "part": part.part }),
        };
        self.answers.iter().map(one).collect()
    }

    fn digests(&self) -> impl Iterator<Item = Answer> {
        self.answers.iter().filter_map(|(reply, _)| match reply {
            Reply::Digest(answer) => Some(*answer),
            Reply::Part(_) => None,
        })
    }

    fn parts(&self) -> usize {
        self.answers.len() - self.digests().count()
    }

    fn has_part_of(&self, command: ObjectNumber) -> bool {
        let is_one = |(reply, _): &(Reply, Vec<u8>)| matches!(reply, Reply::Part(part) if part.command == command);
        self.answers.iter().any(is_one)
    }
}

/// One step of the ledger: what was heard, and the numbers that people accept.
fn remember(
    ledger: &mut Ledger,
    global: &Global,
    heard: &Heard,
    news: &News,
    accepted: &[Claim],
) -> Result<()> {
    let sequences: Vec<u32> = heard
        .proven
        .iter()
        .map(|(p, _)| p.report.sequence)
        .collect();
    let older: Vec<u32> = heard.older.iter().map(|(sequence, _)| *sequence).collect();
    let strangers: Vec<u32> = heard.strangers.iter().map(|(of, _)| of.get()).collect();
    let what = json!({
        "reports": sequences, "older": older, "answers": heard.answers(), "refused": heard.refused.len(),
        "strangers": strangers, "disputed": answers::numbers(&heard.disputed),
        "accepted_numbers": claims::to_json(accepted),
    });
    ledger.step(&global.actor(), "ingest", |step| {
        for row in &news.reports {
            step.add_report(row)?;
        }
        for row in &news.answers {
            step.add_answer(row)?;
        }
        for claim in accepted {
            step.accept_number(claim.kind, claim.first_free(), claim.report())?;
        }
        Ok(((), what))
    })
}

/// Numbers above ours that people may accept: what a vehicle whose next is still ours hears of those behind it.
const MOST_ACCEPTED: u32 = (1 << 16) - 1;

/// The claims of a report that the ledger has, for people to accept.
fn acceptable(sequence: u32, ledger: &Ledger) -> Result<Vec<Claim>> {
    let mut rows = claims::latest_epoch(ledger, &[])?;
    rows.retain(|row| row.sequence == sequence);
    let claims = match rows.as_slice() {
        [row] => claims::of_row(row, ledger)?,
        [] => {
            let what = format!("no report {sequence} of the latest link epoch was taken in");
            return Err(Error::new(Kind::Usage, what)
                .field("accept-numbers")
                .hint("take the reports in first; the alarm then names what they claim"));
        }
        // One vehicle gives no sequence twice.
        _ => {
            let what = format!("two reports have the sequence {sequence}: one of them is forged");
            return Err(Error::new(Kind::Refused, what)
                .field("accept-numbers")
                .hint("go on to the next link epoch (lightday command epoch-switch)"));
        }
    };
    if claims.is_empty() {
        out::message(format_args!(
            "report {sequence} has no number beyond those that were sent from here: none is taken over"
        ));
    }
    for claim in &claims {
        let ours = ledger.next_number(claim.kind)?.get();
        let next = claim.first_free();
        if next.get().saturating_sub(ours) > MOST_ACCEPTED {
            let what = format!(
                "number {next} is more than {MOST_ACCEPTED} above {ours}, the next of ours"
            );
            return Err(Error::new(Kind::Refused, what)
                .field("accept-numbers")
                .hint("no mission sent as many: the report is forged; go on to the next link epoch (lightday command epoch-switch)"));
        }
    }
    Ok(claims)
}

/// Answers to commands that were never sent are set apart, and those that are known already are counted.
fn unknown_answers(heard: &mut Heard, ledger: &Ledger) -> Result<()> {
    let (sent, known) = (ledger.sent()?, ledger.answers()?);
    for (reply, frame) in std::mem::take(&mut heard.answers) {
        let command = reply.command();
        let is_ours = |row: &SentRow| row.kind == ObjectKind::Command && row.number == command;
        let is_strange =
            !sent.iter().any(is_ours) || !reply.is_to(claims::action_of(command, ledger));
        // The same frame twice is one answer that was heard twice: in this file, or in an earlier one. One that
        // was strange when it came may have been a guess: the vehicle may still give that answer.
        let alike = known.iter().filter(|row| row.is_strange == is_strange);
        let is_known = alike.clone().any(|row| row.frame == frame)
            || heard.answers.iter().any(|(_, other)| *other == frame)
            || heard.strangers.iter().any(|(_, other)| *other == frame);
        if is_known {
            heard.duplicates += 1;
        } else if is_strange {
            heard.strangers.push((command, frame));
        } else {
            let is_second = |other: &Reply| other.is_about_the_same(&reply);
            let has_another = alike
                .filter_map(|row| Reply::read(&row.frame))
                .any(|(_, other)| is_second(&other))
                || heard.answers.iter().any(|(other, _)| is_second(other));
            if has_another {
                heard.disputed.push(command);
            }
            heard.answers.push((reply, frame));
        }
    }
    Ok(())
}

fn hear(tracker: &mut Tracker, keys: &HeldKeys, packets: &[&[u8]], received_s: u64) -> Heard {
    let mut heard = Heard::default();
    for (place, packet) in packets.iter().enumerate() {
        match tracker.receive(keys, packet, received_s) {
            Ok(proven) => heard.proven.push((proven, packet.to_vec())),
            Err(TrackError::OldSequence { found, .. }) => {
                heard.older.push((found, packet.to_vec()))
            }
            Err(e) if e.is_authentic() => heard.duplicates += 1,
            Err(TrackError::NotAReport(error)) => match Reply::open(tracker, keys, packet) {
                Ok(reply) => heard.answers.push((reply, packet.to_vec())),
                Err(e) if e.is_authentic() => heard.duplicates += 1,
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

fn show(
    args: &Args,
    heard: &Heard,
    before: Option<Report>,
    (tracker, alarms): (&Tracker, &Alarms),
    (held, dumps): (&[Held], &[dumps::Held]),
) -> Result<()> {
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
            "claims": claims::to_json(&alarms.claims),
            "contradiction": reports::contradiction_json(tracker),
            "reports": sequences, "older": heard.older.iter().map(|(s, _)| s).collect::<Vec<_>>(),
            "answers": held.iter().map(Held::to_json).collect::<Vec<_>>(),
            "dumps": dumps.iter().map(dumps::Held::to_json).collect::<Vec<_>>(), "duplicates": heard.duplicates,
            "strangers": answers::numbers(&alarms.odd.strangers), "disputed": answers::numbers(&alarms.odd.disputed),
            "refused": heard.refused.iter().map(|(place, e)| json!({ "packet": place, "why": e.to_string() })).collect::<Vec<_>>(),
            "news": news.iter().map(|f| json!({ "name": f.name, "value": f.value })).collect::<Vec<_>>(),
        }));
    }
    let mut text = tracker.alarm().map(reports::alarm_text).unwrap_or_default();
    text += &reports::contradiction_text(tracker);
    text += &claims::text(&alarms.claims);
    text += &answers::text(&alarms.odd);
    text += &format!(
        "{}, {} older than another, {} known already, {}{}\n",
        describe::count(sequences.len() as u64, "new report"),
        heard.older.len(),
        heard.duplicates,
        describe::count(held.len() as u64, "answer"),
        match heard.parts() as u64 {
            0 => String::new(),
            parts => format!(", {} of dumps", describe::count(parts, "part")),
        }
    );
    held.iter().for_each(|held| text.push_str(&held.text()));
    dumps.iter().for_each(|dump| text.push_str(&dump.text()));
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
