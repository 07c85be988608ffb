//! `lightday status`: what the vehicle last proved, how old that is, and what was sent since.

use std::path::Path;

use lightday_station::facts::{Fact, facts};
use lightday_station::keyset::NamedKey;
use lightday_station::tracker::{Proven, Tracker};
use lightday_trust::KeySet;
use lightday_wire::{Epoch, ObjectKind};
use serde_json::{Value, json};

use crate::Global;
use crate::error::Result;
use crate::ledger::{Ledger, SentRow};
use crate::mission::answers::Reply;
use crate::mission::artifact::{self, Artifact, kind_name};
use crate::mission::causes::Causes;
use crate::mission::regions::{self, Held, Known};
use crate::mission::strange::Stranger;
use crate::mission::times::Times;
use crate::mission::twin::{self, Agreement, Expected};
use crate::mission::verdicts::{self, Became};
use crate::mission::{Mission, answers, claims, dumps, instants, reports};
use crate::out::{self, Table};
use crate::time::{show_duration, show_instant};
use crate::verb::{describe, sendable};

/// Show what the vehicle last proved, with its age, and what the twin expects it to know now.
///
/// What was proved is at least as old as the light time and the time since the report was taken in. Whatever was
/// sent later than that cannot show in it yet. Beside the instant at which the ledger took the report in stands
/// that of the vehicle's own clock, which the report carries. The twin (`[twin]` of mission.toml) lives through
/// all that was sent as if no frame got lost: what it expects is a hope with a date, never a proof. The report's
/// state digest is held against that of the twin as it was when the report left.
///
/// Examples:
///   lightday status
///   lightday status --json
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    let ledger = mission.ledger_to_read()?;
    let now_s = global.now_s();
    instants::doubt_reports(&ledger, now_s)?;
    let tracker = match ledger.reports()?.is_empty() {
        true => Tracker::new(mission.profile.vehicle, mission.light_time().clone()),
        false => reports::tracker(&mission, &ledger, &mission.held_link_keys()?)?,
    };
    let (last, alarm) = (reports::last(&tracker, &mission), tracker.alarm().copied());
    let times = Times::read(&mission, &ledger, &[])?;
    let causes = Causes::read(&times, &ledger)?;
    let claims = claims::claims(&causes, &ledger, &[])?;
    let caught_up = claims::caught_up(&causes, &ledger, &[])?;
    let became_of = verdicts::all(&causes, &ledger)?;
    let odd = answers::odd(&times, &ledger, &[], &[])?;
    let proven = last.map(|p| facts(&p.report)).unwrap_or_default();
    let believed = |p: Proven| causes.believed(&p.report, p.received_s);
    let doubted = last.map(|p| reports::doubted(&p.report, &believed(p)));
    let doubted = doubted.unwrap_or_default();
    let sent = ledger.sent()?;
    let spinner = out::spinner("the twin lives through the mission");
    let expected = twin::expected(&mission, &ledger, last.as_ref(), now_s);
    spinner.finish_and_clear();
    let expected = expected?;
    let expected = expected.as_ref();
    let hoped = expected.map(|e| facts(&e.report)).unwrap_or_default();
    let (held, dumps) = answered(&mission, &ledger, &times)?;
    if args.json {
        let mut value = to_json(&mission, &ledger, last.as_ref(), &proven, &sent, now_s)?;
        value["alarm"] = json!(alarm.as_ref().map(reports::alarm_json));
        value["not_believed"] = json!(doubted);
        value["claims"] = claims::to_json(&claims);
        value["caught_up"] = claims::caught_up_json(&caught_up);
        value["strangers"] = json!(odd.strange_commands());
        value["strange"] = json!(
            odd.strangers
                .iter()
                .map(Stranger::to_json)
                .collect::<Vec<_>>()
        );
        value["disputed"] = json!(answers::numbers(&odd.disputed));
        value["contradiction"] = reports::contradiction_json(&tracker);
        value["expected"] = reports::by_name(&hoped);
        value["expected_at_s"] = json!(expected.map(|e| e.at_s));
        value["state"] = state_json(expected);
        value["verdicts"] = verdicts::to_json(&became_of);
        value["answers"] = json!(held.iter().map(Held::to_json).collect::<Vec<_>>());
        value["dumps"] = json!(dumps.iter().map(dumps::Held::to_json).collect::<Vec<_>>());
        return out::json(&value);
    }
    let mut text = alarm.as_ref().map(reports::alarm_text).unwrap_or_default();
    text.push_str(&reports::contradiction_text(&tracker));
    text.push_str(&claims::text(&claims));
    text.push_str(&answers::text(&odd));
    text.push_str(&claims::caught_up_text(&caught_up));
    text.push_str(&heading(&mission, last.as_ref(), now_s));
    text.push_str(&columns(
        &reports::marked(&proven, &doubted),
        &hoped,
        expected,
    ));
    text.push_str(&state_text(expected));
    text.push_str(&became(&became_of));
    held.iter().for_each(|held| text.push_str(&held.text()));
    dumps.iter().for_each(|dump| text.push_str(&dump.text()));
    text.push_str(&bundles(&ledger)?);
    text.push_str(&unsigned(&mission, &ledger, (&sent, &became_of))?);
    text.push_str(&uplinks(&mission, &sent, last.as_ref(), now_s));
    out::result(&text)
}

fn heading(mission: &Mission, last: Option<&Proven>, now_s: u64) -> String {
    let name = &mission.config.vehicle.name;
    let light_s = mission.light_time().at(now_s);
    let light = show_duration(light_s as f64);
    let Some(proven) = last else {
        return format!("{name}: nothing heard yet. Light time {light} one way.\n");
    };
    let old = show_duration(proven.age_s(now_s) as f64);
    let age = match age_light_times(light_s, proven, now_s) {
        Some(times) => format!("{old} at least: {times:.2} light times of {light} one way"),
        None => format!("{old} at least"),
    };
    let lease = match mission.profile.lease {
        lightday_station::profile::Lease::Cooperative => {
            "The lease is cooperative: no supervisor holds it.\n"
        }
        _ => "",
    };
    // A report may lie in a file for days before it is taken in: the light time bounds when it left, no more.
    format!(
        "{name}: report {} is the last that proved itself.\n  \
           taken in     {}, as the ledger keeps it\n  \
           left         {} at the latest: one light time ({light}) before it was taken in\n  \
           onboard      {}\n  \
           age          {age}\n  \
           link epoch   {}: {} are left after it\n{lease}",
        proven.report.sequence,
        show_instant(proven.received_s),
        show_instant(proven.sent_s),
        onboard_text(proven),
        proven.epoch.get(),
        epochs_left(proven),
    )
}

/// Link epochs that are left after the one of a report.
const fn epochs_left(proven: &Proven) -> usize {
    Epoch::COUNT - 1 - proven.epoch.get() as usize
}

/// The age of what was proven, in light times; none where light takes no time.
fn age_light_times(light_s: u64, proven: &Proven, now_s: u64) -> Option<f64> {
    (light_s > 0).then(|| proven.age_s(now_s) as f64 / light_s as f64)
}

/// The onboard time that a report carries; 0 on the wire stands for none.
fn onboard_clock(proven: &Proven) -> Option<u64> {
    Some(proven.report.time_s.into()).filter(|at_s| *at_s != 0)
}

fn onboard_text(proven: &Proven) -> String {
    let (Some(clock_s), Some(ahead_s)) = (onboard_clock(proven), proven.clock_ahead_s()) else {
        return "unknown: the vehicle does not know the time".to_owned();
    };
    let by = show_duration(ahead_s.unsigned_abs() as f64);
    let beside = match ahead_s {
        0 => "just that instant".to_owned(),
        1.. => format!(
            "{by} after that: it is fast, or the report was taken in under too early an instant"
        ),
        _ => format!("{by} before that: the report was taken in late, or the clock is slow"),
    };
    format!(
        "{} by the vehicle's own clock, {beside}",
        show_instant(clock_s)
    )
}

/// What was proven, and what is expected now.
fn columns(proven: &[Fact], hoped: &[Fact], expected: Option<&Expected>) -> String {
    let value = |facts: &[Fact], at: usize| {
        facts
            .get(at)
            .map_or_else(|| "-".to_owned(), |f| f.value.clone())
    };
    let names = if proven.is_empty() { hoped } else { proven };
    if names.is_empty() {
        return String::new();
    }
    let Some(expected) = expected else {
        let mut table = Table::headed(["", "last proven"]);
        for fact in proven {
            table.row([fact.name.to_owned(), fact.value.clone()]);
        }
        return format!("\n{table}");
    };
    let mut table = Table::headed(["", "last proven", "expected now (twin)"]);
    for (at, fact) in names.iter().enumerate() {
        table.row([fact.name.to_owned(), value(proven, at), value(hoped, at)]);
    }
    format!(
        "\n{table}The twin last reported {}.\n",
        show_instant(expected.at_s)
    )
}

/// What to do where the vehicle is in another state than the twin.
const DIFFERS: &str = "what was sent may have been lost, or gone up later than planned: see \"symbols needed\" \
and send more with `lightday uplink`. Of a file that was never transmitted, say so with `lightday uplink \
--unsent FILE`. If all of it arrived, somebody else commands the vehicle, or its record is \
damaged: ask for another report with `lightday command report-request`, and send nothing that builds on the \
expected state until the two agree";

/// Whether the vehicle was in the state that the twin expected when the report left, in words.
fn state_text(expected: Option<&Expected>) -> String {
    match expected.map(|e| &e.agreement) {
        None | Some(Agreement::NotCompared) => String::new(),
        Some(Agreement::Agrees) => {
            "State digest: agrees with the twin as it was when the report left.\n".to_owned()
        }
        Some(Agreement::Differs { facts }) => {
            let what = match facts.is_empty() {
                true => "in what a report does not show".to_owned(),
                false => format!("in {}", facts.join(", ")),
            };
            format!(
                "State digest: differs from the twin's as it was when the report left, {what}.\n  What to do: {DIFFERS}.\n"
            )
        }
    }
}

/// The same for machines.
fn state_json(expected: Option<&Expected>) -> Value {
    match expected.map(|e| &e.agreement) {
        None | Some(Agreement::NotCompared) => {
            json!({ "twin": "not compared", "differs_in": [], "hint": null })
        }
        Some(Agreement::Agrees) => json!({ "twin": "agrees", "differs_in": [], "hint": null }),
        Some(Agreement::Differs { facts }) => {
            json!({ "twin": "differs", "differs_in": facts, "hint": DIFFERS })
        }
    }
}

/// What became of what went up, in the words of PUS service 1.
fn became(all: &[Became]) -> String {
    let mut table = Table::headed(["verdict on", "PUS service 1", "by"]);
    let told = all.iter().filter(|b| b.verdict.is_some() || b.is_used);
    let mut any = false;
    for b in told {
        let (verdict, by) = verdicts::text(b);
        table.row([format!("{} {}", kind_name(b.kind), b.number), verdict, by]);
        any = true;
    }
    if any {
        format!("\n{table}")
    } else {
        String::new()
    }
}

/// The answers to region-digest commands of ours and the dumps, each held against what should have lain there when the
/// flash was read.
fn answered(
    mission: &Mission,
    ledger: &Ledger,
    times: &Times,
) -> Result<(Vec<Held>, Vec<dumps::Held>)> {
    let replies = answers::believed(times, ledger, &[])?;
    let digests = replies.iter().filter_map(|one| match one.reply {
        Reply::Digest(answer) => Some((answer, one.came_s, one.epoch)),
        Reply::Part(_) => None,
    });
    let known = Known::new(mission, ledger);
    let held = regions::hold(&known, times, digests)?;
    let dumps = dumps::hold(&known, times, dumps::all(times, ledger, &[])?)?;
    Ok((held, dumps))
}

fn bundles(ledger: &Ledger) -> Result<String> {
    let bundles = ledger.bundles()?;
    if bundles.is_empty() {
        return Ok(String::new());
    }
    let mut table = Table::headed(["bundle", "version", "image"]);
    for b in bundles {
        let image = lightday_wire::Digest(b.image).prefix().to_string();
        table.row([b.number.to_string(), b.version, image]);
    }
    Ok(format!("\n{table}"))
}

/// Objects of which nothing was transmitted, and what signatures they still lack, or why they go up no more.
fn unsigned(
    mission: &Mission,
    ledger: &Ledger,
    (sent, became): (&[SentRow], &[Became]),
) -> Result<String> {
    let Some(keys) = mission.key_set_if_any()? else {
        return Ok(String::new());
    };
    let names = artifact::names(mission)?;
    let mut table = Table::headed(["not sent yet", "still to sign", "file"]);
    let mut any = false;
    for object in ledger.objects()? {
        let same = |s: &&SentRow| s.went() && (s.kind, s.number) == (object.kind, object.number);
        if sent.iter().any(|s| same(&s)) {
            continue;
        }
        any = true;
        let of = (object.kind, object.number);
        let is_used = became.iter().any(|b| (b.kind, b.number) == of && b.is_used);
        let file = mission.path(&object.file);
        let given_up = sendable::aborted_by(ledger, sent, of)
            .map(|command| format!("nothing: it is given up by command {command}"))
            .or_else(|| is_used.then(|| "nothing: its number is used up".to_owned()));
        let lacks = match given_up {
            Some(why) => why,
            None => lacks(&keys, &names, &file),
        };
        table.row([
            format!("{} {}", kind_name(object.kind), object.number),
            lacks,
            object.file,
        ]);
    }
    Ok(if any {
        format!("\n{table}")
    } else {
        String::new()
    })
}

fn lacks(keys: &KeySet, names: &[NamedKey], file: &Path) -> String {
    match Artifact::load_signed(file, keys, names) {
        Ok((artifact, _)) => describe::still_to_sign(&artifact, keys)
            .unwrap_or_else(|| "nothing: it can go up".to_owned()),
        Err(_) => "unknown: `lightday verify` says why".to_owned(),
    }
}

fn uplinks(mission: &Mission, sent: &[SentRow], last: Option<&Proven>, now_s: u64) -> String {
    if sent.is_empty() {
        return String::new();
    }
    let mut table = Table::headed([
        "sent",
        "frames",
        "symbols",
        "first bit",
        "last bit",
        "seen in the report",
        "file",
    ]);
    for s in sent {
        table.row([
            format!("{} {}", kind_name(s.kind), s.number),
            s.count.to_string(),
            describe::range(s.first, s.count, "symbol"),
            show_instant(describe::begins_s(s, sent)),
            show_instant(s.ends_s),
            seen(mission, s, last, now_s).to_owned(),
            s.file.clone(),
        ]);
    }
    format!("\n{table}")
}

/// Whether the last report can already show what was sent.
fn seen(mission: &Mission, sent: &SentRow, last: Option<&Proven>, now_s: u64) -> &'static str {
    let light_s = mission.light_time().at(sent.ends_s);
    let arrives_s = sent.ends_s.saturating_add(light_s);
    match last {
        _ if !sent.went() => "never: not transmitted",
        _ if now_s < sent.starts_s => "not sent yet",
        _ if now_s < arrives_s => "no: still on its way",
        Some(proven) if proven.left_s().0 >= arrives_s => "yes",
        Some(proven) if proven.sent_s >= arrives_s => "perhaps: not by the vehicle's clock",
        None => "no: nothing heard yet",
        _ => "no: later than the report",
    }
}

fn to_json(
    mission: &Mission,
    ledger: &Ledger,
    last: Option<&Proven>,
    proven: &[Fact],
    sent: &[SentRow],
    now_s: u64,
) -> Result<Value> {
    let mut next = serde_json::Map::new();
    for kind in ObjectKind::UPLINK {
        next.insert(
            kind_name(kind).to_owned(),
            json!(ledger.next_number(kind)?.get()),
        );
    }
    let bundles: Vec<Value> = ledger
        .bundles()?
        .into_iter()
        .map(|b| json!({ "number": b.number.get(), "version": b.version, "image": lightday_wire::Digest(b.image).to_string() }))
        .collect();
    let sent: Vec<Value> = sent
        .iter()
        .map(|s| {
            json!({
                "kind": kind_name(s.kind), "number": s.number.get(), "epoch": s.epoch, "k": s.k,
                "symbol_bytes": s.symbol_len, "first": s.first, "count": s.count,
                "starts_s": s.starts_s, "ends_s": s.ends_s, "file": s.file,
                "unsent_s": s.unsent_s,
                "seen": seen(mission, s, last, now_s),
            })
        })
        .collect();
    Ok(json!({
        "vehicle": mission.config.vehicle.name,
        "now_s": now_s,
        "light_time_s": mission.light_time().at(now_s),
        "proven": reports::by_name(proven),
        "proven_at_s": last.map(|p| p.sent_s),
        "heard_at_s": last.map(|p| p.received_s),
        "onboard_clock_s": last.and_then(onboard_clock),
        "onboard_clock_ahead_s": last.and_then(Proven::clock_ahead_s),
        "link_epoch": last.map(|p| p.epoch.get()),
        "link_epochs_left": last.map(epochs_left),
        "age_s": last.map(|p| p.age_s(now_s)),
        "age_light_times": last
            .and_then(|p| age_light_times(mission.light_time().at(now_s), p, now_s)),
        "bundles": bundles,
        "sent": sent,
        "next_numbers": next,
    }))
}
