//! The way from one key set to the next: drafted here, signed by root, adopted when the vehicle has it.
//!
//! ```text
//! keys/*.pub -> documents/keyset-N.ldd -> root of both sets signs -> uplink -> report shows the version -> adopt
//! ```
//! The ground never verifies by a key set that the vehicle has not proved to have.

use lightday_station::document::Draft;
use lightday_station::keyset::KeySetFile;
use lightday_trust::KeySet;
use lightday_trust::keyset::KeySetContext;
use lightday_wire::{ObjectKind, ObjectNumber, Role};
use serde_json::json;

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::mission::artifact::{Artifact, names, untrusted};
use crate::mission::keys::{bad_key, key_set_digest};
use crate::mission::recover::Files;
use crate::mission::{Mission, drafts, reports};
use crate::out;
use crate::verb::{describe, keygen, preview};

/// Drafts the next key set, with the thresholds of the one in force, but for those that are stated.
///
/// # Errors
/// There is no key set yet, the public keys make none, or a threshold would go down without `may_lower`.
pub fn draft(
    thresholds: &[(Role, u8)],
    may_lower: bool,
    how: preview::How,
    global: &Global,
) -> Result<()> {
    let mission = Mission::open(global)?;
    let current = mission.key_set()?;
    let version = current
        .version
        .checked_add(1)
        .ok_or_else(|| Error::new(Kind::Refused, "all versions of the key set are used"))?;
    let mut file = KeySetFile::new(version);
    file.thresholds = current.thresholds;
    let (_, next) = keygen::assemble(&mission, file, thresholds).map_err(|e| {
        e.hint(
            "make the keys that are missing with `lightday keygen ROLE NAME`, collect the .pub files in keys/; or let fewer sign, \
             with --threshold ROLE=N --lower",
        )
    })?;
    let in_force = current
        .key_set()
        .map_err(|e| bad_key(&mission.path("keys/keyset.toml"), &e))?;
    if !may_lower {
        lowers_nothing(&in_force, &next)?;
    }
    let mut ledger = mission.ledger(global)?;
    let number = ledger.free_number(ObjectKind::KeySet)?;
    let context = KeySetContext {
        class: mission.profile.class,
        number,
    };
    let draft = Draft::new(context, next).ok_or_else(drafts::too_long)?;
    let hint = "take public keys out of keys/, or ask for fewer signatures of root";
    drafts::check_len(&draft, drafts::MAX_KEY_SET_LEN, &mission, hint)?;
    let bytes = draft.to_bytes();
    let artifact = Artifact::KeySet(draft);
    let says = describe::says(&artifact);
    let draft = drafts::Draft {
        kind: ObjectKind::KeySet,
        number,
        bytes,
        says,
    };
    if !how.dry_run {
        draft.write(&mission, &mut ledger, "keygen successor", global)?;
    }
    let file = draft.path(&mission);
    describe::changed_thresholds(&artifact, &in_force)
        .iter()
        .for_each(out::message);
    preview::show(&artifact, &file, (&mission, &ledger, global), how)
}

/// Refuses a set of which fewer keys of a role have to sign than of the one in force: whoever stole one key more
/// would do, and a threshold that was left out by mistake must not come to that.
fn lowers_nothing(in_force: &KeySet, next: &KeySet) -> Result<()> {
    let lower = describe::thresholds(in_force)
        .into_iter()
        .zip(describe::thresholds(next))
        .filter(|(now, then)| then.needed < now.needed)
        .map(|(now, then)| format!("{now} -> {}", then.ratio()))
        .collect::<Vec<_>>();
    if lower.is_empty() {
        return Ok(());
    }
    let what = format!("fewer keys would have to sign: {}", lower.join(", "));
    Err(Error::new(Kind::Refused, what).field("--threshold").hint(
        "leave the threshold as it is; if it is meant to go down, add --lower, and tell those of root who sign it",
    ))
}

/// Puts a successor in the place of the key set, once the vehicle has proved that it did the same.
///
/// # Errors
/// It is not signed by both sets, or no report shows its version.
pub fn adopt(number: u32, dry_run: bool, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    let current = mission.key_set()?;
    let keys = current
        .key_set()
        .map_err(|e| bad_key(&mission.path("keys/keyset.toml"), &e))?;
    let mut ledger = mission.ledger(global)?;
    let known = match ObjectNumber::new(number) {
        Some(n) => ledger.object(ObjectKind::KeySet, n)?,
        None => None,
    };
    let known = known.ok_or_else(|| {
        Error::new(Kind::Usage, format!("the ledger knows no key set {number}"))
            .hint("draft it with `lightday keygen successor`")
    })?;
    let path = mission.path(known.file);
    let (artifact, _) = Artifact::load_signed(&path, &keys, &names(&mission)?)?;
    artifact.verify(&keys).map_err(|e| untrusted(&path, &e))?;
    let Artifact::KeySet(draft) = artifact else {
        return Err(Error::new(Kind::Input, "not a key set").file(&path));
    };
    let next = draft.document();
    let tracker = reports::tracker(&mission, &ledger, &mission.held_link_keys()?)?;
    let proven = tracker.last().map(|p| p.report.key_set);
    if proven != Some(next.version) {
        let has = proven.map_or_else(
            || "nothing was heard yet".to_owned(),
            |v| format!("the last report shows version {v}"),
        );
        return Err(Error::new(
            Kind::Refused,
            format!("the vehicle has not proved key set {}: {has}", next.version),
        )
        .file(&path)
        .hint("send it with `lightday uplink`, then `lightday ingest` the report"));
    }
    let mut file = KeySetFile::new(next.version);
    let named = mission.public_keys()?.into_iter().map(|(_, key)| key);
    let mut named: Vec<_> = named.chain(current.keys.clone()).collect();
    for key in &next.keys {
        let hex = lightday_station::keys::to_hex(&key.key);
        let place = named.iter().position(|n| n.key == hex).ok_or_else(|| {
            Error::new(
                Kind::Input,
                format!("nobody in keys/ has the public key {hex}"),
            )
            .file(&mission.path("keys"))
            .hint("put the .pub file of that key back")
        })?;
        file.keys.push(named.swap_remove(place));
    }
    let [root, release, verification, flight] = next.thresholds;
    file.thresholds = lightday_station::keyset::Thresholds {
        root,
        release,
        verification,
        flight,
    };
    let (old, new) = (
        mission.path(format!("keys/keyset-{}.toml", current.version)),
        mission.path("keys/keyset.toml"),
    );
    if !dry_run {
        let digest = key_set_digest(next)?;
        let mut files = Files::new();
        files.add(&mission, &old, current.to_toml().as_bytes(), false)?;
        files.add(&mission, &new, file.to_toml().as_bytes(), true)?;
        let what =
            json!({ "version": next.version, "number": number, "sha256": digest.to_string() });
        ledger.step(&global.actor(), "keygen adopt", |step| {
            step.add_key_set(next.version, &digest.0)?;
            files.keep(step)?;
            Ok(((), what))
        })?;
        files.name(&ledger)?;
    }
    out::result(&format!("{}\n{}\n", new.display(), old.display()))?;
    out::message("Next: commit keys/; from now on sign with the keys of this set");
    Ok(())
}
