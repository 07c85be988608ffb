//! What a document says, for people and in JSON. Shared by the verbs that show documents.

use lightday_station::keys::role_name;
use lightday_station::profile::codec_name;
use lightday_wire::{Action, Activation, ObjectKind, SlotChoice};
use serde_json::{Value, json};

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
            "thresholds": draft.document().thresholds,
            "keys": draft.document().keys.len(),
        }),
    };
    value["document"] = json!(kind_name(artifact.kind()));
    value["number"] = json!(artifact.number().get());
    let roles: Vec<&str> = artifact.authority().roles().map(role_name).collect();
    value["signed_by"] = json!(roles);
    value
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
            format!("report the digest of {len} bytes from {offset:#x} of {region:?}")
        }
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
        other => format!("{other:?}"),
    }
}
