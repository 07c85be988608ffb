//! `lightday ingest`: reports from the downlink, into the ledger.

mod heard;
mod show;

use std::path::PathBuf;

use lightday_station::tracker::Proven;
use serde_json::{Value, json};

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::ledger::{AnswerRow, Ledger, Redated, ReportRow};
use crate::mission::answers::{self, Odd};
use crate::mission::causes::Causes;
use crate::mission::claims::{self, CaughtUp, Claim};
use crate::mission::regions::{self, Known};
use crate::mission::times::Times;
use crate::mission::{Mission, dumps, packets, reports};
use crate::out;
use crate::time::{DAY_S, show_duration, show_instant};

use heard::{Heard, hear, unknown_answers};
use show::{doubt_onboard_clock, refusals, show};

/// Take in reports, answers and parts of dumps from a file.
///
/// The file holds packets behind their lengths (2 B each, most significant first), or bare reports of 95 B. Of a dump
/// it says which parts are here, from whichever files they came (`lightday dump` writes its bytes).
/// Of a file that was cut short the whole packets are taken in, and the cut is named.
/// What does not prove itself under the link keys is named and left out; what does is kept for good. An answer that
/// cannot be the vehicle's is kept and not believed: its command was never transmitted, or light allows none yet. So
/// name the instant with --at if the file is older than today. What a report claims of numbers that were never sent from here, or before light allows it, is named first and changes nothing; it stands until
/// somebody accepts it, or until the next link epoch; what came too early, until a later report that light allows says the same. Taking in the same file twice does no harm. What is new and of a link epoch that was left is counted apart from what is
/// known already, and not kept. A vehicle that lost its record is named first, until it is heard under a later
/// link epoch; so are two that speak as one vehicle.
///
/// Examples:
///   lightday ingest downlink/2026-12-03.bin
///   lightday ingest reports.bin --at 2026-12-03T09:00:00Z  (when they were heard)
///   lightday ingest reports.bin --redate --at 2026-12-03T09:00:00Z  (they were taken in under a wrong instant)
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The file.
    file: PathBuf,
    /// Take over the numbers of a report that is known already, where they are higher than any sent from here:
    /// the ledger is an old backup, and what it lacks is lost. Never if the link key may be stolen.
    #[arg(long, value_name = "SEQUENCE")]
    accept_numbers: Option<u32>,
    /// The reports of this file that are known already came at the instant of --at: the one that the ledger has is wrong.
    /// Never to quieten an alarm: a forged report comes when it comes.
    #[arg(long)]
    redate: bool,
    /// Say what the reports prove, and remember nothing.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    let bytes = crate::atomic::read(&args.file, 64 << 20)?;
    let packets::Cut { packets, tail } = packets::whole(&args.file, &bytes);
    if packets.is_empty() {
        if let Some(tail) = tail {
            return Err(tail);
        }
        return Err(Error::input(&args.file, "the file is empty")
            .hint("give a file of packets behind their lengths, or of bare reports"));
    }
    let keys = mission.link_keys()?;
    let mut ledger = mission.ledger(global)?;
    let mut tracker = reports::tracker(&mission, &ledger, &keys)?;
    let before = tracker.last().map(|p| p.report);
    let now_s = global.now_s();
    let kept = heard::kept(&ledger)?;
    let mut heard = hear(&mut tracker, &keys, &packets, (now_s, &kept));
    let times = Times::read(&mission, &ledger, &[])?;
    unknown_answers(&mut heard, &ledger, &times, now_s)?;
    let redated = mended(args, global, &packets, &ledger)?;
    let accepted = match args.accept_numbers {
        Some(sequence) => acceptable(sequence, &times, &ledger)?,
        None => Vec::new(),
    };
    let is_news = !(accepted.is_empty() && heard.is_empty() && redated.is_empty());
    let news = News {
        reports: heard.reports(now_s, claims::behind_sent(&ledger)?),
        answers: heard.answer_rows(now_s),
    };
    if !args.dry_run && is_news {
        let light_times = mission.light_times_to_keep(&ledger)?;
        let said = Said {
            accepted: &accepted,
            redated: &redated,
        };
        remember(&mut ledger, global, (&heard, light_times), &news, &said)?;
        if !redated.is_empty() {
            tracker = reports::tracker(&mission, &ledger, &keys)?;
        }
    }
    // What is remembered is the ledger's from here on.
    let news = if args.dry_run { news } else { News::default() };
    let times = Times::read(&mission, &ledger, &news.reports)?;
    let alarms = news.alarms(&times, &ledger, tracker.last())?;
    let known = Known::new(&mission, &ledger);
    let digests = heard.digests();
    let digests = digests.map(|(answer, epoch)| (answer, now_s, epoch));
    let held = regions::hold(&known, &times, digests)?;
    let mut dumps = dumps::all(&times, &ledger, &news.answers)?;
    dumps.retain(|dump| heard.has_part_of(dump.command));
    let dumps = dumps::hold(&known, &times, dumps)?;
    show(
        args,
        (&heard, &redated),
        before,
        (&tracker, &alarms),
        (&held, &dumps),
    )?;
    one_instant(heard.span_s(), now_s);
    doubt_onboard_clock(&heard);
    refusals(args, &heard, tail)?;
    if !args.json {
        out::message("Next: lightday status");
    }
    Ok(())
}

/// The reports of this file that the ledger has under another instant, if people say that it is wrong.
fn mended(
    args: &Args,
    global: &Global,
    packets: &[&[u8]],
    ledger: &Ledger,
) -> Result<Vec<Redated>> {
    if !args.redate {
        return Ok(Vec::new());
    }
    let Some(at_s) = global.at else {
        return Err(Error::new(Kind::Usage, "no instant is named")
            .field("redate")
            .hint("say when the reports were heard with --at, such as --at 2026-12-03T09:00:00Z"));
    };
    let mut rows = ledger.reports()?;
    rows.retain(|row| packets.contains(&row.frame.as_slice()));
    let redated: Vec<_> = rows
        .iter()
        .filter_map(|row| Redated::of(row, at_s))
        .collect();
    if redated.is_empty() {
        out::message(
            "no report of this file is in the ledger under another instant: none is dated anew",
        );
    }
    Ok(redated)
}

/// Says of a file of several days that it is dated as a whole.
fn one_instant(span_s: u64, now_s: u64) {
    if span_s > DAY_S {
        out::message(format_args!(
            "note: by the onboard clock the reports of this file left {} apart, and all are taken in as of {}; what came on \
             one day is best taken in by itself, with --at",
            show_duration(span_s as f64),
            show_instant(now_s)
        ));
    }
}

/// What is new of it, as the ledger keeps it.
#[derive(Default)]
struct News {
    reports: Vec<ReportRow>,
    answers: Vec<AnswerRow>,
}

impl News {
    /// The alarms that stand, of the ledger and of this.
    fn alarms(&self, times: &Times, ledger: &Ledger, last: Option<&Proven>) -> Result<Alarms> {
        let causes = Causes::read(times, ledger)?;
        let believed = |p: &Proven| causes.believed(&p.report, p.received_s);
        let doubted = last.map(|p| reports::doubted(&p.report, &believed(p)));
        Ok(Alarms {
            doubted: doubted.unwrap_or_default(),
            claims: claims::claims(&causes, ledger, &self.reports)?,
            caught_up: claims::caught_up(&causes, ledger, &self.reports)?,
            odd: answers::odd(times, ledger, &self.answers, &self.reports)?,
        })
    }
}

/// What stands until the next link epoch.
struct Alarms {
    /// Facts of the latest report that are not believed.
    doubted: Vec<&'static str>,
    claims: Vec<Claim>,
    /// Claims of earliness that ended.
    caught_up: Vec<CaughtUp>,
    odd: Odd,
}

/// What people say beside the file.
struct Said<'a> {
    /// Numbers that they take over.
    accepted: &'a [Claim],
    /// Instants that they mend.
    redated: &'a [Redated],
}

/// One step of the ledger: what was heard, the light times of then, and what people say.
fn remember(
    ledger: &mut Ledger,
    global: &Global,
    (heard, light_times): (&Heard, Value),
    news: &News,
    said: &Said<'_>,
) -> Result<()> {
    let sequences: Vec<u32> = heard
        .proven
        .iter()
        .map(|(p, _)| p.report.sequence)
        .collect();
    let older: Vec<u32> = heard.older.iter().map(|(sequence, _)| *sequence).collect();
    let strangers: Vec<u32> = heard.strangers.iter().map(|(of, _)| of.get()).collect();
    let mut what = json!({
        "reports": sequences, "older": older, "answers": heard.answers(), "refused": heard.refused.len(),
        "left_epochs": heard.left_epochs, "strangers": strangers, "disputed": answers::numbers(&heard.disputed),
        "accepted_numbers": claims::to_json(said.accepted), "light_times": light_times,
    });
    if !said.redated.is_empty() {
        what["redated"] = said.redated.iter().map(Redated::to_json).collect();
    }
    ledger.step(&global.actor(), "ingest", |step| {
        for row in &news.reports {
            step.add_report(row)?;
        }
        for row in &news.answers {
            step.add_answer(row)?;
        }
        for claim in said.accepted {
            step.accept_number(claim.kind, claim.first_free(), claim.report())?;
        }
        Ok(((), what))
    })
}

/// The claims of a report that the ledger has, for people to accept.
fn acceptable(sequence: u32, times: &Times, ledger: &Ledger) -> Result<Vec<Claim>> {
    let mut rows = claims::latest_epoch(ledger, &[])?;
    rows.retain(|row| row.sequence == sequence);
    let claims = match rows.as_slice() {
        [row] => claims::of_row(row, &Causes::read(times, ledger)?),
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
        if next.get().saturating_sub(ours) > claims::MOST_ACCEPTED {
            let what = format!(
                "number {next} is more than {} above {ours}, the next of ours",
                claims::MOST_ACCEPTED
            );
            return Err(Error::new(Kind::Refused, what)
                .field("accept-numbers")
                .hint("no mission sent as many: the report is forged; go on to the next link epoch (lightday command epoch-switch)"));
        }
    }
    Ok(claims)
}
