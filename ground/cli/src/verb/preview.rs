//! What a draft costs and what the twin makes of it, before anybody signs it: shared by the verbs that draft.

use std::slice::from_ref;

use lightday_station::cut::cut;
use lightday_station::facts::facts;
use lightday_station::object::UplinkObject;
use lightday_station::plan::{Plan, Start};
use lightday_station::{keys, stages};
use lightday_trust::KeySet;
use lightday_trust::digest::sha256;
use lightday_wire::dump::{self, DumpRange, Part};
use lightday_wire::{Action, ObjectKind, Stage};

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;
use crate::mission::answers::Reply;
use crate::mission::artifact::Artifact;
use crate::mission::forecast::{self, Coming, Forecast};
use crate::mission::{Mission, epochs, stand_in};
use crate::out;
use crate::time::{show_duration, show_instant};
use crate::verb::{describe, plan};

/// Facts that change with every report, and decide nothing.
const ALWAYS_NEW: [&str; 5] = [
    "report",
    "last reset",
    "state digest",
    "frames refused",
    "next numbers",
];

/// Says what will be sent, how long it takes, and what the twin expects. Nothing of it is an error of the draft: what
/// cannot be said is named with its reason. Before there is a key set nobody knows the signatures, and nothing is said.
///
/// # Errors
/// The key set makes no sense, or the ledger cannot be read.
pub fn say(artifact: &Artifact, mission: &Mission, ledger: &Ledger, global: &Global) -> Result<()> {
    let Some(keys) = mission.key_set_if_any()? else {
        return Ok(());
    };
    let object = match object(artifact, &keys, mission) {
        Ok(object) => object,
        Err(e) => {
            line("to send", &format!("unknown: {e}"));
            return Ok(());
        }
    };
    let start = Start::fresh(&object);
    let planned = plan::make(mission, (from_ref(&object), from_ref(&start)), None, global);
    let (arrives_s, note) = match &planned {
        Ok(plan) => {
            costs(plan, &object, mission).iter().for_each(out::message);
            let earliest_s = plan.objects.first().and_then(|o| o.earliest_s);
            (earliest_s, "no pass has room for it".to_owned())
        }
        Err(e) if e.kind == Kind::Plan => (None, "no pass is booked".to_owned()),
        Err(e) => (None, e.to_string()),
    };
    if planned.is_err() {
        let frames = describe::count(object.k().into(), "frame");
        let len = object.frame_len(mission.profile.link.tag_len);
        line("to send", &format!("{frames} of {len} B at least"));
    }
    comes_down(artifact, mission);
    let sent_s = match arrives_s {
        Some(arrives_s) => mission.light_time.leaves_by(arrives_s),
        None => {
            line(
                "on board",
                &format!("unknown: {note}; passes.csv names the passes"),
            );
            global.now_s()
        }
    };
    let coming = Coming {
        artifact,
        keys: &keys,
        object: &object,
        epoch: epochs::leads_to(artifact).map_or_else(|| epochs::latest(ledger), Ok)?,
        sent_s,
    };
    let spinner = out::spinner("the twin is asked");
    let asked = forecast::ask(mission, ledger, coming);
    spinner.finish_and_clear();
    match asked {
        Ok(Some(forecast)) => twin(&forecast, artifact),
        Ok(None) => line(
            "the twin",
            "is not there: [twin] of mission.toml states none",
        ),
        Err(e) => line("the twin", &format!("cannot be asked: {e}")),
    }
    Ok(())
}

fn line(name: &str, value: &str) {
    out::message(describe::line(name, &serde_json::Value::from(value)));
}

/// The object as it will go up, with stand-ins for the signatures that are still missing.
fn object(artifact: &Artifact, keys: &KeySet, mission: &Mission) -> Result<UplinkObject> {
    let bytes = stand_in::signed(artifact, keys)?.object_bytes();
    let (kind, number) = (artifact.kind(), artifact.number());
    let link = mission.config.link_model();
    cut(kind, number, &bytes, &mission.profile, &link)
        .map_err(|e| Error::new(Kind::Refused, e).hint(e.hint()))
}

/// What `lightday plan` says of it, in short.
fn costs(plan: &Plan, object: &UplinkObject, mission: &Mission) -> Vec<String> {
    let link = &mission.profile.link;
    let instant = |s: Option<u64>| s.map_or_else(|| "no booked pass".to_owned(), show_instant);
    let Some(planned) = plan.objects.first() else {
        return Vec::new();
    };
    let air = show_duration(plan.antenna_h() * 3600.0);
    let rows = [
        (
            "to send",
            format!(
                "{} of {} B, of which any {} will do; {} B, {air} on the air at {} bit/s",
                describe::count(planned.frames.into(), "frame"),
                object.frame_len(link.tag_len),
                planned.k,
                plan.bytes.total(),
                link.rate_up_bps
            ),
        ),
        (
            "on board",
            format!(
                "{} at the earliest, {} in 99 % of all cases",
                instant(planned.earliest_s),
                instant(planned.quantiles_s[2])
            ),
        ),
        (
            "known here",
            format!(
                "{} at the earliest, {} in 99 % of all cases",
                instant(planned.known_earliest_s),
                instant(planned.known_quantiles_s[2])
            ),
        ),
    ];
    rows.iter()
        .map(|(name, value)| describe::line(name, &serde_json::Value::from(value.as_str())))
        .collect()
}

/// What comes down for a dump, and how long that takes: nothing else is longer than a report.
fn comes_down(artifact: &Artifact, mission: &Mission) {
    let Artifact::Command(draft) = artifact else {
        return;
    };
    let Action::MemoryDump { offset, len, .. } = draft.document().action else {
        return;
    };
    let Some(range) = DumpRange::new(offset, len) else {
        return;
    };
    let rate = mission.profile.link.rate_down_bps.max(1);
    let bytes = u64::from(range.parts()) * dump::DUMP_LEN as u64;
    let air = |rounds: u8| show_duration((bytes * 8 * u64::from(rounds)) as f64 / f64::from(rate));
    let value = format!(
        "{} of {} B; {bytes} B, {} on the air at {rate} bit/s; {} times, every {}: {} in all",
        describe::count(range.parts().into(), "packet"),
        dump::DUMP_LEN,
        air(1),
        dump::ROUNDS,
        show_duration(dump::ROUND_S as f64),
        air(dump::ROUNDS)
    );
    line("comes down", &value);
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

/// What the twin expects.
fn twin(forecast: &Forecast, artifact: &Artifact) {
    let verdict = match forecast.verdict.stage {
        Stage::Idle => "no verdict: it does not hear this, or takes it for old".to_owned(),
        _ => stages::text(forecast.verdict),
    };
    line("the twin expects", &verdict);
    if matches!(
        forecast.verdict.stage,
        Stage::Idle | Stage::Refused | Stage::Failed
    ) {
        out::message(
            "warning: by the twin this would not be done: mend what it names, and draft it anew, before anybody signs",
        );
    }
    if let Some(answer) = answer(&forecast.replies) {
        line("its answer", &answer);
    }
    let own = match artifact.kind() {
        ObjectKind::Authorization => "authorization",
        ObjectKind::Command => "command",
        _ => "",
    };
    let before = forecast.before.map(|r| facts(&r)).unwrap_or_default();
    let mut changes = 0;
    for fact in facts(&forecast.after) {
        let was = before.iter().find(|f| f.name == fact.name);
        let is_news = was.is_none_or(|f| f.value != fact.value);
        if is_news && fact.name != own && !ALWAYS_NEW.contains(&fact.name) {
            let was = was.map_or("unknown", |f| f.value.as_str());
            line(
                &format!("  {}", fact.name),
                &format!("{was} -> {}", fact.value),
            );
            changes += 1;
        }
    }
    if changes == 0 {
        line("  and then", "nothing else changes");
    }
    out::message(
        "  (a forecast of the real agent, as if all that was sent had arrived; `lightday status` says whether the last report agrees)",
    );
}
