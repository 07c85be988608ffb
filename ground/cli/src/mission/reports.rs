//! The tracker, fed with every report that the ledger keeps.

use lightday_station::facts::{Fact, facts};
use lightday_station::link_keys::HeldKeys;
use lightday_station::tracker::{Alarm, Proven, TrackError, Tracker};
use lightday_wire::{Epoch, Report};
use serde_json::{Value, json};

use super::Mission;
use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;
use crate::time::show_instant;

/// What the vehicle last proved.
///
/// # Errors
/// A report of the ledger does not prove itself any more: another key, or another vehicle. Where the key of its epoch
/// was taken away from this machine, as a stolen one is, the ledger's own chain vouches for it.
pub fn tracker(mission: &Mission, ledger: &Ledger, keys: &HeldKeys) -> Result<Tracker> {
    let profile = &mission.profile;
    let mut tracker = Tracker::new(profile.vehicle, mission.light_time().clone());
    for row in ledger.reports()? {
        let heard = match tracker.receive(keys, &row.frame, row.received_s) {
            Err(TrackError::KeyMissing(_)) => tracker.recall(&row.frame, row.received_s),
            heard => heard,
        };
        // One that is older than another was kept, too, and has its say as such.
        if let Some(e) = heard.err().filter(|e| !e.is_authentic()) {
            let what = format!("report {} of the ledger: {e}", row.sequence);
            return Err(Error::new(Kind::Trust, what)
                .file(&mission.path("ledger.sqlite"))
                .hint("check keys/link-N.key and vehicle.id of mission.toml: they were others when it was taken in"));
        }
    }
    Ok(tracker)
}

/// The latest report that proved itself. Where the ledger has it as taken in after now, it came by now at the latest: so
/// it left a light time before now, and shows nothing that is sent later.
#[must_use]
pub fn last(tracker: &Tracker, mission: &Mission) -> Option<Proven> {
    let now_s = mission.now_s;
    let latest_s = now_s.saturating_sub(mission.light_time().at(now_s));
    tracker.last().map(|proven| Proven {
        sent_s: proven.sent_s.min(latest_s),
        ..*proven
    })
}

/// A contradiction in words, to be said before all else.
#[must_use]
pub fn contradiction_text(tracker: &Tracker) -> String {
    let Some(odd) = tracker.contradiction() else {
        return String::new();
    };
    let mut text = format!(
        "ALARM: two speak as the vehicle. Report {}, heard {}, cannot have been sent beside those that were heard before it.\n  Somebody else speaks under a stolen link key, or held a recording back: believe none of link epoch {}, and go on to the next (lightday command epoch-switch).\n",
        odd.report.sequence,
        show_instant(odd.received_s),
        odd.epoch.get(),
    );
    // What stands below is of the highest sequence, which anybody can claim.
    let other = tracker.latest_heard();
    if let Some(other) = other.filter(|other| tracker.last() != Some(other)) {
        text.push_str(&format!(
            "  Below stands what report {} says. The one that was heard last, report {}, says:\n",
            tracker.last().map_or(0, |last| last.report.sequence),
            other.report.sequence
        ));
        for fact in facts(&other.report) {
            text.push_str(&format!("    {:<18}{}\n", fact.name, fact.value));
        }
    }
    text.push('\n');
    text
}

/// The same for machines: null where there is none.
#[must_use]
pub fn contradiction_json(tracker: &Tracker) -> Value {
    let told = |older: &Proven| {
        json!({
            "report": older.report.sequence, "heard_s": older.received_s, "says": by_name(&facts(&older.report)),
        })
    };
    json!(tracker.contradiction().map(told))
}

/// The names of the facts of a report that are not believed.
#[must_use]
pub fn doubted(report: &Report, believed: &Report) -> Vec<&'static str> {
    let both = facts(report).into_iter().zip(facts(believed));
    let differ = both.filter(|(said, believed)| said.value != believed.value);
    differ.map(|(said, _)| said.name).collect()
}

/// Facts for people, with a word beside what is not believed.
#[must_use]
pub fn marked(facts: &[Fact], doubted: &[&str]) -> Vec<Fact> {
    let mark = |fact: &Fact| match doubted.contains(&fact.name) {
        true => Fact {
            value: format!("{} (not believed)", fact.value),
            ..fact.clone()
        },
        false => fact.clone(),
    };
    facts.iter().map(mark).collect()
}

/// Facts in JSON, each under its name.
#[must_use]
pub fn by_name(facts: &[Fact]) -> Value {
    let facts = facts.iter();
    facts.map(|f| (f.name.to_owned(), json!(f.value))).collect()
}

/// The command that leads out of a lost record; none once the last link epoch is used up.
fn way_out(alarm: &Alarm) -> Option<String> {
    let next = Epoch::new(alarm.proven.epoch.get().saturating_add(1))?;
    Some(format!("lightday command resync {}", next.get()))
}

/// A lost record in words, to be said before all else.
#[must_use]
pub fn alarm_text(alarm: &Alarm) -> String {
    let proven = &alarm.proven;
    let mut text = format!(
        "ALARM: the vehicle lost its record. Report {} of link epoch {}, heard {}, says so.\n",
        proven.report.sequence,
        proven.epoch.get(),
        show_instant(proven.received_s)
    );
    let shown = ["running", "command", "key set", "last reset"];
    for fact in facts(&proven.report) {
        if shown.contains(&fact.name) {
            text.push_str(&format!("  {:<18}{}\n", fact.name, fact.value));
        }
    }
    if alarm.denied {
        text.push_str(
            "A report that was heard later has its record: one of the two is a recording, or the record could be read again. Hear another report before anything is resynchronised.\n",
        );
    }
    match way_out(alarm) {
        Some(command) => text.push_str(&format!(
            "Golden runs and accepts nothing but a resynchronisation: {command}\n\n"
        )),
        None => text.push_str("Golden runs, and no link epoch is left to resynchronise under.\n\n"),
    }
    text
}

/// The same for machines.
#[must_use]
pub fn alarm_json(alarm: &Alarm) -> Value {
    json!({
        "report": alarm.proven.report.sequence,
        "epoch": alarm.proven.epoch.get(),
        "sent_s": alarm.proven.sent_s,
        "heard_s": alarm.proven.received_s,
        "denied": alarm.denied,
        "hint": way_out(alarm),
    })
}
