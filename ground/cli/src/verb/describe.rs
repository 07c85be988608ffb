//! What a document says, for people and in JSON. Shared by the verbs that show documents.

use std::fmt;
use std::path::Path;

use lightday_station::keys::role_name;
use lightday_station::plan::Plan;
use lightday_station::profile::{Link, codec_name};
use lightday_trust::KeySet;
use lightday_wire::{Action, Activation, Location, ObjectKind, Region, Role, SlotChoice};
use serde_json::{Value, json};

use crate::error::Result;
use crate::ledger::SentRow;
use crate::mission::Mission;
use crate::mission::artifact::{Artifact, kind_name, show_target};
use crate::time;

/// What a document says, line by line.
pub fn artifact(artifact: &Artifact) -> Vec<String> {
    match says(artifact) {
        Value::Object(fields) => fields.iter().map(|(key, value)| line(key, value)).collect(),
        other => vec![other.to_string()],
    }
}

/// One field for people.
pub fn line(key: &str, value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".to_owned(),
        Value::Array(items) => items
            .iter()
            .map(|i| i.as_str().map_or_else(|| i.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    };
    format!("{:<18}{text}", key.replace('_', " "))
}

/// What a document says, in JSON.
pub fn says(artifact: &Artifact) -> Value {
    let mut value = match artifact {
        Artifact::Bundle(bundle) => {
            let m = bundle.manifest();
            json!({
                "target": show_target(bundle.context().target),
                "component": m.component.0,
                "slot": match m.slot { SlotChoice::Inactive => "inactive".to_owned(), SlotChoice::Only(s) => s.to_string() },
                "load_address": format!("{:#x}", m.load_address),
                "version": m.image.version.to_string(),
                "image": m.image.digest.to_string(),
                "image_bytes": m.image.size,
                "base": bundle.context().base.map(|b| b.digest.to_string()),
                "base_version": bundle.context().base.map(|b| b.version.to_string()),
                "codec": codec_name(m.payload.codec),
                "decoder_ram": m.payload.ram,
                "payload": m.payload.digest.to_string(),
                "payload_bytes": m.payload.size,
                "security_counter": m.security_counter,
                "activation": match m.activation { Activation::OnAuthorization => "on authorization", Activation::LoadAndGo => "load and go" },
                "trial_tries": m.trial.tries,
                "trial_health": time::show_duration(f64::from(m.trial.health_deadline_s)),
                "trial_lease": time::show_duration(f64::from(m.trial.lease_s)),
                "self_confirm": m.trial.self_confirm,
                "evidence_root": m.evidence_root.map(|d| d.to_string()),
                "text": m.text_digest.map(|d| d.to_string()),
            })
        }
        Artifact::Authorization(draft) => {
            let a = draft.document();
            json!({
                "vehicle": draft.context().vehicle.0,
                "arms_bundle": a.bundle.get(),
                "image": a.image.to_string(),
                "opens": a.window.map(|w| time::show_instant(w.opens_s)),
                "closes": a.window.map(|w| time::show_instant(w.closes_s)),
                "expires": a.expires_s.map(time::show_instant),
                "evidence_root": a.evidence_root.to_string(),
            })
        }
        Artifact::Command(draft) => json!({
            "vehicle": draft.context().vehicle.0,
            "action": action(&draft.document().action),
        }),
        Artifact::KeySet(draft) => json!({
            "class": draft.context().class.0,
            "version": draft.document().version,
            "thresholds": thresholds(draft.document()).iter().map(Threshold::to_string).collect::<Vec<_>>(),
            "keys": draft.document().keys.len(),
        }),
    };
    value["document"] = json!(kind_name(artifact.kind()));
    value["number"] = json!(artifact.number().get());
    let roles: Vec<&str> = artifact.authority().roles().map(role_name).collect();
    value["signed_by"] = json!(roles);
    value
}

/// How many keys of a role must sign, and how many there are.
pub struct Threshold {
    role: Role,
    /// Keys that must sign.
    pub needed: usize,
    keys: usize,
}

impl Threshold {
    /// "2 of 3".
    pub fn ratio(&self) -> String {
        format!("{} of {}", self.needed, self.keys)
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", role_name(self.role), self.ratio())
    }
}

/// The thresholds of a key set, in the order of the roles.
pub fn thresholds(set: &KeySet) -> Vec<Threshold> {
    let of = |role: &Role| Threshold {
        role: *role,
        needed: set.threshold(*role),
        keys: set.keys.iter().filter(|key| key.role == *role).count(),
    };
    Role::ALL.iter().map(of).collect()
}

/// Of a key set, where it asks for other signatures than the set in force, or has another number of keys; nothing of
/// other documents.
pub fn changed_thresholds(artifact: &Artifact, in_force: &KeySet) -> Vec<String> {
    let Artifact::KeySet(draft) = artifact else {
        return Vec::new();
    };
    let both = thresholds(in_force)
        .into_iter()
        .zip(thresholds(draft.document()));
    both.filter(|(now, then)| now.ratio() != then.ratio())
        .map(|(now, then)| line("changes", &json!(format!("{now} -> {}", then.ratio()))))
        .collect()
}

/// A command for people.
pub fn action(action: &Action) -> String {
    match action {
        Action::Confirm { image } => format!("confirm image {image}"),
        Action::Abort { kind, number } => format!("abort {} {number}", kind_name(*kind)),
        Action::Rollback { image } => format!("roll back to image {image}"),
        Action::BootGolden => "boot golden and stay there".to_owned(),
        Action::ReportRequest => "send a report now".to_owned(),
        Action::RegionDigest {
            region,
            offset,
            len,
        } => {
            format!(
                "report the digest of {len} bytes from byte {offset} of {}",
                self::region(*region)
            )
        }
        Action::MemoryDump {
            region,
            offset,
            len,
        } => format!(
            "dump {len} bytes from byte {offset} of {}",
            self::region(*region)
        ),
        Action::EpochSwitch { epoch } => format!("switch to link epoch {}", epoch.get()),
        Action::Resync { epoch, next } => {
            let next: Vec<String> = ObjectKind::UPLINK
                .iter()
                .zip(next)
                .map(|(kind, n)| format!("{} {n}", kind_name(*kind)))
                .collect();
            format!(
                "resynchronise under link epoch {}; next numbers: {}",
                epoch.get(),
                next.join(", ")
            )
        }
        Action::Hold { held: true } => "hold activation".to_owned(),
        Action::Hold { held: false } => "release the hold of activation".to_owned(),
        _ => "a command that this lightday does not know".to_owned(),
    }
}

/// A part of the flash for people, as `lightday command region-digest` calls it.
pub fn region(region: Region) -> String {
    match region {
        Region::Image(Location::Slot(slot)) => format!("the image of slot {slot}"),
        Region::Image(Location::Golden) => "the golden image".to_owned(),
        Region::Trailer(slot) => format!("the trailer of slot {slot}"),
        Region::Record(copy) => format!("copy {copy} of the boot record"),
        Region::Floors => "the floors".to_owned(),
        Region::Staging => "the staging area".to_owned(),
    }
}

/// "1 frame", "2 frames".
pub fn count(n: u64, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {what}{plural}")
}

/// "symbol 5", "symbols 5 to 7".
pub fn range(first: u32, n: u32, what: &str) -> String {
    match n {
        0 | 1 => format!("{what} {first}"),
        _ => format!("{what}s {first} to {}", first.saturating_add(n - 1)),
    }
}

/// At which rates a plan sends: that of each pass, or the link's.
pub fn rates(plan: &Plan, link: &Link) -> String {
    let used = plan.passes.iter().filter(|p| p.frames > 0);
    let rates = used.map(|p| p.pass.rate_bps.unwrap_or(link.rate_up_bps));
    match (rates.clone().min(), rates.max()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most} bit/s"),
        (least, _) => format!("{} bit/s", least.unwrap_or(link.rate_up_bps)),
    }
}

/// A probability below 1 that never reads as certainty: rounded down, with as many nines as it has.
pub fn probability(p: f64) -> String {
    if p >= 1.0 - 1e-12 {
        return "> 0.999999999".to_owned();
    }
    if p > 0.0 && p < 1e-6 {
        return format!("{p:.1e}");
    }
    // Six digits, or so many that the last one is not a nine of rounding.
    let digits = (6..12)
        .find(|d| (1.0 - p) * 10f64.powi(*d) >= 0.999)
        .unwrap_or(12);
    let scale = 10f64.powi(digits);
    let places = usize::try_from(digits).unwrap_or(12);
    format!("{:.places$}", (p * scale + 1e-6).floor() / scale)
}

/// The second from which a run is said to go up: whole seconds around two that follow each other within one would overlap.
pub fn begins_s(run: &SentRow, all: &[SentRow]) -> u64 {
    let ends_here = |other: &SentRow| {
        other.starts_s < run.starts_s
            && other.ends_s == run.starts_s + 1
            && run.ends_s > other.ends_s
    };
    run.starts_s + u64::from(all.iter().any(ends_here))
}

/// What comes next for a document with the signatures that it has.
pub fn next_of(artifact: &Artifact, file: &Path, keys: &KeySet) -> String {
    let shown = file.display();
    match (still_to_sign(artifact, keys), artifact) {
        (Some(missing), _) => {
            format!("Next: lightday sign {shown} --key KEY; still to sign: {missing}")
        }
        (None, Artifact::Bundle(bundle)) => format!(
            "Next: all signatures are there: lightday plan {shown}, lightday uplink {shown}; and lightday rehearse {shown} \
             for the evidence that `lightday authorize {}` takes",
            bundle.number()
        ),
        (None, _) => format!("Next: all signatures are there: lightday uplink {shown}"),
    }
}

/// Says what comes next for a document that was just drafted; nothing where there is no key set yet.
///
/// # Errors
/// The key set makes no sense.
pub fn say_next(artifact: &Artifact, file: &Path, mission: &Mission) -> Result<()> {
    if let Some(keys) = mission.key_set_if_any()? {
        crate::out::message(next_of(artifact, file, &keys));
    }
    Ok(())
}

/// What is still to be signed, in words; `None` if nothing is.
pub fn still_to_sign(artifact: &Artifact, keys: &KeySet) -> Option<String> {
    let missing: Vec<String> = artifact
        .missing_keys(keys)
        .iter()
        .map(|(role, n)| format!("{n} of {}", role_name(*role)))
        .collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_never_reads_as_certainty() {
        for (p, text) in [
            (0.5, "0.500000"),
            (0.999, "0.999000"),
            (0.999_999_6, "0.9999996"),
            (0.999_999_999, "0.999999999"),
            (1.0, "> 0.999999999"),
        ] {
            assert_eq!(probability(p), text, "{p}");
        }
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!(count(1, "frame"), "1 frame");
        assert_eq!(count(0, "frame"), "0 frames");
        assert_eq!(range(5, 1, "symbol"), "symbol 5");
        assert_eq!(range(5, 3, "symbol"), "symbols 5 to 7");
    }
}
