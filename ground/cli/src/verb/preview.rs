//! What a draft costs and what the twin makes of it, before anybody signs it: shared by the verbs that draft.

use std::path::Path;
use std::slice::from_ref;

use lightday_station::cut::cut;
use lightday_station::object::UplinkObject;
use lightday_station::plan::{Plan, Start};
use lightday_trust::KeySet;
use lightday_wire::Action;
use lightday_wire::dump::{self, DumpRange};
use serde_json::{Value, json};

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;
use crate::mission::artifact::Artifact;
use crate::mission::causes::Causes;
use crate::mission::forecast::Coming;
use crate::mission::twin::Hands;
use crate::mission::{Mission, epochs, stand_in};
use crate::out;
use crate::time::{show_duration, show_instant};
use crate::verb::asked::{Asked, line};
use crate::verb::{describe, plan, sendable, sending};

/// What to do about a draft that the twin would not carry out.
const REMEDY: &str = "mend what it names, and draft it anew, before anybody signs";

/// What is known of a draft beforehand.
struct Preview {
    object: UplinkObject,
    /// The plan, or why there is none.
    planned: std::result::Result<Plan, String>,
    /// Why no booked pass hears what it brings down.
    unheard: Option<String>,
    /// Packets that come down for it, where more than a report does.
    dump: Option<DumpRange>,
    asked: Asked,
    /// What to do about what the twin would not carry out.
    remedy: String,
}

/// What is known beforehand of a draft: what will be sent, how long it takes, and what the twin expects. Nothing of it is
/// an error of the draft: what cannot be said is named with its reason. `None` before there is a key set: nobody knows
/// the signatures then.
///
/// # Errors
/// The key set makes no sense, or the ledger cannot be read; the document cannot be cut into symbols.
fn of(
    artifact: &Artifact,
    mission: &Mission,
    ledger: &Ledger,
    global: &Global,
) -> Result<Option<Preview>> {
    let Some(keys) = mission.key_set_if_any()? else {
        return Ok(None);
    };
    let object = object(artifact, &keys, mission)?;
    let start = Start::fresh(&object);
    let planned = plan::make(mission, (from_ref(&object), from_ref(&start)), None, global);
    let planned = planned.map_err(|e| match e.kind {
        Kind::Plan => "no pass is booked".to_owned(),
        _ => e.to_string(),
    });
    let arrives_s = planned.as_ref().ok().and_then(earliest_s);
    let sent_s = match arrives_s {
        Some(arrives_s) => mission.light_time().leaves_by(arrives_s),
        None => global.now_s(),
    };
    let coming = Coming {
        frames: source_frames(&object, mission, sent_s),
        object: object.clone(),
        epoch: epochs::leads_to(artifact).map_or_else(|| epochs::latest(ledger), Ok)?,
        is_whole: true,
    };
    let epoch = std::iter::once(coming.epoch);
    Ok(Some(Preview {
        remedy: sending::remedy(ledger, epoch, REMEDY)?,
        asked: Asked::about(mission, ledger, from_ref(&coming), Hands::StandIn),
        unheard: match planned.as_ref().ok().and_then(|p| p.objects.first()) {
            Some(object) => plan::reply::unheard(artifact, object, (mission, 0))?,
            None => None,
        },
        planned,
        object,
        dump: dumped(artifact),
    }))
}

/// How a draft is shown.
#[derive(Clone, Copy)]
pub struct How {
    /// Nothing of it was written.
    pub dry_run: bool,
    /// As one JSON object.
    pub json: bool,
}

/// Shows a draft: its file, what it says, what is known of it beforehand, and what comes next.
///
/// # Errors
/// The key set makes no sense, or the ledger cannot be read.
pub fn show(
    artifact: &Artifact,
    file: &Path,
    (mission, ledger, global): (&Mission, &Ledger, &Global),
    how: How,
) -> Result<()> {
    let preview = match of(artifact, mission, ledger, global) {
        // What cannot go up at all is no error of the draft.
        Err(e) if e.kind == Kind::Refused => Err(e.to_string()),
        preview => Ok(preview?),
    };
    let causes = Causes::of(mission, ledger)?;
    let doubts = sendable::doubts_of_draft((ledger, &causes), artifact)?;
    if how.json {
        sendable::tell(&doubts);
        let preview = match preview {
            Ok(preview) => preview.map_or(Value::Null, |p| p.to_json(mission)),
            Err(why) => json!({ "error": why }),
        };
        return out::json(&json!({
            "file": file.display().to_string(), "dry_run": how.dry_run,
            "says": describe::says(artifact), "preview": preview, "warnings": doubts,
        }));
    }
    out::result(&format!("{}\n", file.display()))?;
    describe::artifact(artifact).iter().for_each(out::message);
    sendable::tell(&doubts);
    match preview {
        Ok(Some(preview)) => preview.tell(mission),
        Ok(None) => {}
        Err(why) => line("to send", &format!("unknown: {why}")),
    }
    match how.dry_run {
        true => Ok(()),
        false => describe::say_next(artifact, file, mission),
    }
}

fn earliest_s(plan: &Plan) -> Option<u64> {
    plan.objects.first().and_then(|o| o.earliest_s)
}

impl Preview {
    fn tell(&self, mission: &Mission) {
        let link = &mission.profile.link;
        match &self.planned {
            Ok(plan) => costs(plan, &self.object, mission)
                .iter()
                .for_each(|(name, value)| line(name, value)),
            Err(_) => {
                let frames = describe::count(self.object.k().into(), "frame");
                let len = self.object.frame_len(link.tag_len);
                line("to send", &format!("{frames} of {len} B at least"));
            }
        }
        if let Some(range) = self.dump {
            line("comes down", &comes_down(range, mission));
        }
        let why = match &self.planned {
            Ok(plan) if earliest_s(plan).is_some() => None,
            Ok(_) => Some("no pass has room for it"),
            Err(why) => Some(why.as_str()),
        };
        if let Some(why) = why {
            line(
                "on board",
                &format!("unknown: {why}; passes.csv names the passes"),
            );
        }
        if let Some(why) = &self.unheard {
            line("warning", why);
        }
        self.asked.tell(&self.remedy);
    }

    /// `plan` as of `lightday plan --json`, `comes_down` of a dump, and what the `twin` expects.
    fn to_json(&self, mission: &Mission) -> Value {
        let down = self.dump.map(|range| {
            let parts = u64::from(range.parts());
            json!({ "packets": parts, "bytes": parts * dump::DUMP_LEN as u64, "rounds": dump::ROUNDS })
        });
        json!({
            "k": self.object.k(),
            "frame_bytes": self.object.frame_len(mission.profile.link.tag_len),
            "plan": self.planned.as_ref().ok().map(plan::to_json),
            "comes_down": down,
            "unheard": self.unheard,
            "twin": self.asked.to_json(),
        })
    }
}

/// The source frames, the last of which ends at `sent_s`: in Unix milliseconds, with their symbols.
fn source_frames(object: &UplinkObject, mission: &Mission, sent_s: u64) -> Vec<(u64, u16)> {
    let link = &mission.profile.link;
    let air_ms = object.frame_len(link.tag_len) as u64 * 8000 / u64::from(link.rate_up_bps.max(1));
    let frame = |index: u16| {
        let behind = u64::from(object.k() - 1 - index);
        ((sent_s * 1000).saturating_sub(behind * air_ms), index)
    };
    (0..object.k()).map(frame).collect()
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
fn costs(plan: &Plan, object: &UplinkObject, mission: &Mission) -> Vec<(&'static str, String)> {
    let link = &mission.profile.link;
    let instant = |s: Option<u64>| s.map_or_else(|| "no booked pass".to_owned(), show_instant);
    let Some(planned) = plan.objects.first() else {
        return Vec::new();
    };
    let air = show_duration(plan.antenna_h() * 3600.0);
    vec![
        (
            "to send",
            format!(
                "{} of {} B, of which any {} will do; {} B, {air} on the air at {}",
                describe::count(planned.frames.into(), "frame"),
                object.frame_len(link.tag_len),
                planned.k,
                plan.bytes.total(),
                describe::rates(plan, link)
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
    ]
}

/// What a dump brings down; `None` of everything else: nothing else is longer than a report.
fn dumped(artifact: &Artifact) -> Option<DumpRange> {
    let Artifact::Command(draft) = artifact else {
        return None;
    };
    match draft.document().action {
        Action::MemoryDump { offset, len, .. } => DumpRange::new(offset, len),
        _ => None,
    }
}

/// What comes down for a dump, and how long that takes.
fn comes_down(range: DumpRange, mission: &Mission) -> String {
    let rate = mission.profile.link.rate_down_bps.max(1);
    let bytes = u64::from(range.parts()) * dump::DUMP_LEN as u64;
    let air = |rounds: u8| show_duration((bytes * 8 * u64::from(rounds)) as f64 / f64::from(rate));
    format!(
        "{} of {} B; {bytes} B, {} on the air at {rate} bit/s; {} times, every {}: {} in all",
        describe::count(range.parts().into(), "packet"),
        dump::DUMP_LEN,
        air(1),
        dump::ROUNDS,
        show_duration(dump::ROUND_S as f64),
        air(dump::ROUNDS)
    )
}
