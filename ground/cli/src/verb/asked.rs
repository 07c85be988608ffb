//! What the twin expects of what is to go up, for people and in JSON: shared by the verbs that draft, plan and send.
//!
//! Never an error of the verb: where the twin cannot be asked, that is said with its reason.

use lightday_station::facts::facts;
use lightday_station::{keys, stages};
use lightday_trust::digest::sha256;
use lightday_wire::dump::Part;
use lightday_wire::{ObjectKind, ObjectNumber, Refusal, Stage};
use serde_json::{Value, json};

use crate::ledger::Ledger;
use crate::mission::Mission;
use crate::mission::answers::Reply;
use crate::mission::artifact::kind_name;
use crate::mission::forecast::{self, Coming, Forecast, Outcome};
use crate::mission::twin::Hands;
use crate::out;
use crate::time::show_instant;
use crate::verb::describe;

/// Facts that change with every report, and decide nothing.
const ALWAYS_NEW: [&str; 5] = [
    "report",
    "last reset",
    "state digest",
    "frames refused",
    "next numbers",
];

/// What came of asking the twin.
#[derive(Debug)]
pub enum Asked {
    /// It expects this.
    Expects(Box<Forecast>),
    /// mission.toml states none, or it is not launched by then.
    NoTwin,
    /// It cannot be asked, for this reason.
    Cannot(String),
}

/// A fact of the report that changes.
struct Change {
    name: &'static str,
    was: Option<String>,
    is: String,
}

impl Asked {
    /// Asks the twin about what is to go up.
    pub fn about(mission: &Mission, ledger: &Ledger, coming: &[Coming], hands: Hands) -> Self {
        let spinner = out::spinner("the twin is asked");
        let asked = forecast::ask(mission, ledger, coming, hands);
        spinner.finish_and_clear();
        match asked {
            Ok(Some(forecast)) => Self::Expects(Box::new(forecast)),
            Ok(None) => Self::NoTwin,
            Err(e) => Self::Cannot(e.to_string()),
        }
    }

    /// Whether by the twin what goes up of an object leads nowhere.
    pub fn is_in_vain(&self, kind: ObjectKind, number: ObjectNumber) -> bool {
        let is_it = |o: &&Outcome| (o.kind, o.number) == (kind, number);
        match self {
            Self::Expects(forecast) => forecast.outcomes.iter().find(is_it).is_some_and(is_in_vain),
            _ => false,
        }
    }

    /// Whether that is so of any of them.
    pub fn is_any_in_vain(&self) -> bool {
        match self {
            Self::Expects(forecast) => forecast.outcomes.iter().any(is_in_vain),
            _ => false,
        }
    }

    /// Says it in lines; `remedy` is what to do about what the twin would not do.
    pub fn tell(&self, remedy: &str) {
        match self {
            Self::Expects(forecast) => tell(forecast, remedy),
            Self::NoTwin => line(
                "the twin",
                "is not there: [twin] of mission.toml states none, or it is launched later",
            ),
            Self::Cannot(why) => line("the twin", &format!("cannot be asked: {why}")),
        }
    }

    /// The same in JSON: null where there is no twin, `error` where it cannot be asked.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Expects(forecast) => to_json(forecast),
            Self::NoTwin => Value::Null,
            Self::Cannot(why) => json!({ "error": why }),
        }
    }
}

/// One line of what a verb says beside its result.
pub fn line(name: &str, value: &str) {
    out::message(describe::line(name, &Value::from(value)));
}

/// The verdict on an object, in words.
fn verdict(outcome: &Outcome) -> String {
    match (outcome.verdict.stage, outcome.is_whole) {
        (Stage::Idle, true) => "no verdict: it does not hear this, or takes it for old".to_owned(),
        (Stage::Idle | Stage::Receiving, false) if !says_why(outcome) => {
            "none yet: what goes up does not complete it".to_owned()
        }
        _ => stages::text(outcome.verdict),
    }
}

fn says_why(outcome: &Outcome) -> bool {
    outcome.verdict.refusal != Refusal::None
}

/// Whether what goes up of it leads nowhere: it is refused, fails, waits for what does not come, or is whole and goes no
/// further.
fn is_in_vain(outcome: &Outcome) -> bool {
    match outcome.verdict.stage {
        Stage::Idle | Stage::Receiving => outcome.is_whole || says_why(outcome),
        Stage::Refused | Stage::Failed => true,
        Stage::Accepted => outcome.kind == ObjectKind::Bundle && says_why(outcome),
        Stage::Started | Stage::Done => false,
    }
}

/// What may be behind a verdict, where its words alone do not lead to it.
const fn cause(outcome: &Outcome) -> Option<&'static str> {
    match (outcome.kind, outcome.verdict.refusal) {
        (ObjectKind::Bundle, Refusal::SignatureBad) => Some(
            "the signatures cover the version and the size of the base too: build it anew with the `--base-version` that the image on board has, or mend [twin] of mission.toml, if that is wrong",
        ),
        (ObjectKind::Bundle, Refusal::UnknownBase) => Some(
            "no image on board is its base: build it on one that is, or with --full, or send what brings the base first",
        ),
        (ObjectKind::Bundle, Refusal::SlotBusy) => {
            Some("the slot that it needs is taken: it waits until the trial there has ended")
        }
        _ => None,
    }
}

fn name(outcome: &Outcome) -> String {
    format!("{} {}", kind_name(outcome.kind), outcome.number)
}

fn tell(forecast: &Forecast, remedy: &str) {
    let is_one = forecast.outcomes.len() == 1;
    let mut heading = "the twin expects";
    for outcome in &forecast.outcomes {
        let mut text = verdict(outcome);
        if !is_one {
            text = format!("{}: {text}", name(outcome));
        }
        if let Some(at_s) = outcome.at_s {
            // Of the worst phase of its beacon.
            let known = outcome.known_s.map_or_else(
                || "for sure in no booked pass".to_owned(),
                |s| format!("by {}", show_instant(s)),
            );
            let what = if is_in_vain(outcome) {
                "said"
            } else {
                "on board"
            };
            text.push_str(&format!(
                "; {what} at {}, known here {known}",
                show_instant(at_s)
            ));
        } else if !matches!(outcome.verdict.stage, Stage::Idle | Stage::Receiving) {
            text.push_str(", already: by what went up before");
        }
        line(heading, &text);
        heading = "";
    }
    for outcome in forecast.outcomes.iter().filter(|o| is_in_vain(o)) {
        let cause = cause(outcome).map_or_else(String::new, |cause| format!(" ({cause})"));
        out::message(format_args!(
            "warning: by the twin {} would not be done: {remedy}{cause}",
            name(outcome)
        ));
    }
    if let Some(answer) = answer(&forecast.replies) {
        line("its answer", &answer);
    }
    let changes = changes(forecast);
    for change in &changes {
        let was = change.was.as_deref().unwrap_or("unknown");
        line(
            &format!("  {}", change.name),
            &format!("{was} -> {}", change.is),
        );
    }
    if changes.is_empty() {
        line("  and then", "nothing else changes");
    }
    out::message(
        "  (a forecast of the real agent, as if all that was sent had arrived; `lightday status` says whether the last report agrees)",
    );
}

/// What the report says otherwise than before, but for what always is otherwise, and the verdicts themselves.
fn changes(forecast: &Forecast) -> Vec<Change> {
    let own = |name: &str| {
        let mut kinds = forecast.outcomes.iter().map(|o| o.kind);
        kinds.any(|kind| kind != ObjectKind::KeySet && kind_name(kind) == name)
    };
    let before = forecast.before.map(|r| facts(&r)).unwrap_or_default();
    let mut changes = Vec::new();
    for fact in facts(&forecast.after) {
        let was = before.iter().find(|f| f.name == fact.name);
        let is_news = was.is_none_or(|f| f.value != fact.value);
        if is_news && !own(fact.name) && !ALWAYS_NEW.contains(&fact.name) {
            changes.push(Change {
                name: fact.name,
                was: was.map(|f| f.value.clone()),
                is: fact.value,
            });
        }
    }
    changes
}

/// What the twin replies, in short.
fn answer(replies: &[Reply]) -> Option<String> {
    let part = |reply: &Reply| match reply {
        Reply::Digest(_) => None,
        Reply::Part(part) => Some(*part),
    };
    match replies.last()? {
        Reply::Digest(answer) => Some(keys::to_hex(&answer.digest.0)),
        Reply::Part(_) => {
            let parts: Vec<Part> = replies.iter().filter_map(part).collect();
            let read: Vec<u8> = parts
                .iter()
                .filter_map(Part::bytes)
                .flatten()
                .copied()
                .collect();
            let count = describe::count(parts.len() as u64, "part");
            Some(format!(
                "{count}, {} B, SHA-256 {}",
                read.len(),
                sha256(&read)
            ))
        }
    }
}

fn to_json(forecast: &Forecast) -> Value {
    let verdicts = forecast.outcomes.iter().map(|o| {
        json!({
            "kind": kind_name(o.kind), "number": o.number.get(), "whole": o.is_whole,
            "stage": lightday_station::facts::words(&o.verdict.stage),
            "reason": lightday_station::facts::words(&o.verdict.refusal),
            "verdict": verdict(o), "in_vain": is_in_vain(o), "verdict_s": o.at_s,
            "on_board_s": o.at_s.filter(|_| !is_in_vain(o)), "known_s": o.known_s,
        })
    });
    let changes = changes(forecast);
    let changes = changes
        .iter()
        .map(|c| json!({ "fact": c.name, "before": c.was, "after": c.is }));
    json!({
        "verdicts": verdicts.collect::<Vec<_>>(),
        "changes": changes.collect::<Vec<_>>(),
        "answer": answer(&forecast.replies),
        "reported_s": forecast.after_s,
    })
}
