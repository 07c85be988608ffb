//! What was heard, for people and machines, and what was refused.

use lightday_station::facts::{Fact, facts};
use lightday_station::tracker::{Proven, TrackError, Tracker};
use lightday_wire::Report;
use serde_json::json;

use crate::error::{Error, Kind, Result};
use crate::ledger::Redated;
use crate::mission::regions::Held;
use crate::mission::strange::Stranger;
use crate::mission::{answers, claims, dumps, reports};
use crate::out;
use crate::time::{DAY_S, show_duration, show_instant};
use crate::verb::describe;

use super::heard::{Heard, Refused};
use super::{Alarms, Args};

pub(super) fn show(
    args: &Args,
    (heard, redated): (&Heard, &[Redated]),
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
            "not_believed": alarms.doubted,
            "claims": claims::to_json(&alarms.claims),
            "caught_up": claims::caught_up_json(&alarms.caught_up),
            "redated": redated.iter().map(|r| r.report).collect::<Vec<_>>(),
            "contradiction": reports::contradiction_json(tracker),
            "reports": sequences, "older": heard.older.iter().map(|(s, _)| s).collect::<Vec<_>>(),
            "answers": held.iter().map(Held::to_json).collect::<Vec<_>>(),
            "dumps": dumps.iter().map(dumps::Held::to_json).collect::<Vec<_>>(), "duplicates": heard.duplicates,
            "left_epochs": heard.left_epochs,
            "strangers": alarms.odd.strange_commands(),
            "strange": alarms.odd.strangers.iter().map(Stranger::to_json).collect::<Vec<_>>(), "disputed": answers::numbers(&alarms.odd.disputed),
            "refused": heard.refused.iter().map(|r| json!({ "packet": r.place, "what": r.what, "why": r.text() })).collect::<Vec<_>>(),
            "news": news.iter().map(|f| json!({ "name": f.name, "value": f.value })).collect::<Vec<_>>(),
        }));
    }
    let mut text = tracker.alarm().map(reports::alarm_text).unwrap_or_default();
    text += &reports::contradiction_text(tracker);
    text += &claims::text(&alarms.claims);
    text += &answers::text(&alarms.odd);
    text += &claims::caught_up_text(&alarms.caught_up);
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
    if let Some(last) = heard.left_epochs.iter().max() {
        text += &format!(
            "  {} of link epochs that were left, up to {last}: whoever stole their keys may have made them. Not kept\n",
            describe::count(heard.left_epochs.len() as u64, "packet")
        );
    }
    for one in redated {
        text += &format!(
            "  report {}: taken in {}, not {}\n",
            one.report,
            show_instant(one.received_s),
            show_instant(one.was_s)
        );
    }
    held.iter().for_each(|held| text.push_str(&held.text()));
    dumps.iter().for_each(|dump| text.push_str(&dump.text()));
    let news: Vec<Fact> = news.into_iter().cloned().collect();
    for fact in reports::marked(&news, &alarms.doubted) {
        text.push_str(&format!("  {:<18}{}\n", fact.name, fact.value));
    }
    out::result(&text)
}

/// Warns of new reports whose onboard clock lies beyond the instant at which they were taken in: deadlines and windows
/// on board go by it.
pub(super) fn doubt_onboard_clock(heard: &Heard) {
    let ahead = |p: &&Proven| u64::from(p.report.time_s) > p.received_s;
    let mut proven = heard.proven.iter().map(|(proven, _)| proven);
    if let Some(proven) = proven.rfind(ahead) {
        out::message(format_args!(
            "warning: report {} has {} for the onboard clock, which is after the instant at which it was taken in ({}): the clock on board is wrong, or this computer's or --at is. Activation windows and deadlines go by it; `lightday status` shows it",
            proven.report.sequence,
            show_instant(proven.report.time_s.into()),
            show_instant(proven.received_s)
        ));
    }
    doubt_late(heard);
}

/// Warns where the onboard clock says that even the latest new report is much older than light makes it: whatever went up
/// meanwhile counts as heard by the vehicle.
fn doubt_late(heard: &Heard) {
    let proven = heard.proven.iter().map(|(proven, _)| proven);
    let Some(latest) = proven.max_by_key(|p| p.report.time_s) else {
        return;
    };
    let late_s = latest.clock_ahead_s().map_or(0, |ahead_s| -ahead_s);
    if late_s > 0 && late_s.unsigned_abs() > DAY_S {
        out::message(format_args!(
            "warning: report {} left at {} by the onboard clock, {} before a report that comes at {}: it was taken in late, or the year or day of --at or of this computer's clock is wrong, or the clock on board is slow. What went up since counts as heard on board. If the instant is wrong, mend it: lightday ingest FILE --redate --at INSTANT",
            latest.report.sequence,
            show_instant(latest.report.time_s.into()),
            show_duration(late_s as f64),
            show_instant(latest.received_s)
        ));
    }
}

/// The first packet that was refused decides the exit code; all are named, and so is what the file was cut in.
pub(super) fn refusals(args: &Args, heard: &Heard, tail: Option<Error>) -> Result<()> {
    let Some(first) = heard.refused.first() else {
        return tail.map_or(Ok(()), Err);
    };
    if let Some(tail) = tail {
        out::message(tail);
    }
    let kind = match first.error {
        TrackError::Forged(_) => Kind::Trust,
        _ => Kind::Input,
    };
    let error = |refused: &Refused| {
        Error::new(kind, refused.text())
            .file(&args.file)
            .field(format!("packet {}", refused.place))
            .hint(refused.error.hint())
    };
    for refused in heard.refused.iter().skip(1) {
        out::message(error(refused));
    }
    Err(error(first))
}
