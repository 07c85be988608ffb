//! What the factory takes from a mission directory. It only reads, and it never prints a key.

use std::fs;
use std::path::Path;

use lightday_boot::Identity;
use lightday_sim::vehicle::factory::Signer;
use lightday_station::document::Draft;
use lightday_station::keys::SigningKey;
use lightday_station::link_keys::HeldKeys;
use lightday_station::signed::Drafted;
use lightday_trust::{KeySet, LinkKeys};
use lightday_wire::{ClassId, ComponentId, Epoch, TagLen, TrialPolicy, VehicleId, canon};
use serde::Deserialize;

/// The first images are installed by hand and never tried by a policy of mission.toml: one of the factory's own.
const TRIES: u8 = 3;

/// What of mission.toml the vehicle is told.
#[derive(Deserialize)]
struct File {
    vehicle: Vehicle,
    link: Link,
    trial: Trial,
}

#[derive(Deserialize)]
struct Vehicle {
    id: u32,
    class: u32,
    component: u8,
}

#[derive(Deserialize)]
struct Link {
    tag_len: u8,
}

#[derive(Deserialize)]
struct Trial {
    lease: String,
    health_deadline: String,
}

/// Who may sign, and under which key set.
pub struct Staff {
    keys: Vec<SigningKey>,
    set: KeySet,
}

/// What the factory takes from a mission.
pub struct Mission {
    /// Who the vehicle is.
    pub identity: Identity,
    /// Bytes of a frame's tag.
    pub tag_len: TagLen,
    /// The policy of trials.
    pub trial: TrialPolicy,
    /// The key set that the vehicle is launched with.
    pub keys: KeySet,
    /// The sixteen link keys.
    pub link_keys: LinkKeys,
    /// Who signs.
    pub staff: Staff,
}

impl Mission {
    /// Reads a mission directory.
    pub fn open(dir: &Path) -> Result<Self, String> {
        let file: File = toml::from_str(&read_text(&dir.join("mission.toml"))?)
            .map_err(|e| format!("mission.toml: {e}"))?;
        let set = dir.join("keys/keyset-1.bin");
        let bytes = fs::read(&set)
            .map_err(|e| format!("{}: {e}; `lightday keygen keyset` makes it", set.display()))?;
        let keys: KeySet = canon::decode(&bytes).map_err(|e| format!("{}: {e}", set.display()))?;
        let vault = dir.join("keys/link.key");
        let held = HeldKeys::from_text(&read_text(&vault)?)
            .map_err(|e| format!("{}: {e}", vault.display()))?;
        if held.epochs().count() != Epoch::COUNT {
            return Err(format!(
                "{}: holds not all sixteen link keys",
                vault.display()
            ));
        }
        let staff = Staff {
            keys: private_keys(&dir.join("keys"))?,
            set: keys.clone(),
        };
        staff.check()?;
        Ok(Self {
            identity: Identity {
                vehicle: VehicleId(file.vehicle.id),
                class: ClassId(file.vehicle.class),
                component: ComponentId(file.vehicle.component),
            },
            tag_len: match file.link.tag_len {
                6 => TagLen::Six,
                8 => TagLen::Eight,
                other => return Err(format!("link.tag_len: {other}; tags have 6 or 8 bytes")),
            },
            trial: TrialPolicy {
                tries: TRIES,
                health_deadline_s: seconds("trial.health_deadline", &file.trial.health_deadline)?,
                lease_s: seconds("trial.lease", &file.trial.lease)?,
                self_confirm: false,
            },
            keys,
            link_keys: held.padded(),
            staff,
        })
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// A duration as mission.toml writes it, of one unit.
fn seconds(field: &str, text: &str) -> Result<u32, String> {
    let at = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let unit_s = match unit {
        "s" => 1,
        "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => {
            return Err(format!(
                "{field}: `{text}`; write a number and s, min, h or d"
            ));
        }
    };
    let number: Option<u32> = number.parse().ok();
    let seconds = number.and_then(|n| n.checked_mul(unit_s));
    seconds.ok_or_else(|| format!("{field}: `{text}` is no duration"))
}

/// The private keys of a directory that are those of a signer; the link keys are not.
fn private_keys(dir: &Path) -> Result<Vec<SigningKey>, String> {
    let entries = fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut keys = Vec::new();
    for path in paths {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.ends_with(".key") && !name.starts_with("link") {
            let key = SigningKey::from_pem(&read_text(&path)?);
            keys.push(key.map_err(|e| format!("{}: {e}", path.display()))?);
        }
    }
    Ok(keys)
}

impl Staff {
    /// Whether there are as many keys of each role as the papers of an image ask for.
    fn check(&self) -> Result<(), String> {
        use lightday_wire::Role;
        for role in [Role::Release, Role::Verification, Role::Flight] {
            let known = |key: &&SigningKey| {
                key.role() == role && self.set.keys.iter().any(|k| k.key == key.public())
            };
            let (have, want) = (
                self.keys.iter().filter(known).count(),
                self.set.threshold(role),
            );
            if have < want {
                return Err(format!(
                    "keys/: {have} private keys of {role:?}, the key set asks for {want}"
                ));
            }
        }
        Ok(())
    }
}

impl Signer for Staff {
    fn envelope<T: Drafted>(&self, context: T::Context, document: T) -> Vec<u8> {
        let Some(mut draft) = Draft::new(context, document) else {
            return Vec::new();
        };
        let message = draft.signing_message();
        for (role, count) in draft.missing(&self.set) {
            let signers = self.keys.iter().filter(|key| key.role() == role);
            let mut left = count;
            for key in signers {
                // A key that the set does not know is not taken, and the next one is asked.
                if left > 0 && draft.add_signature(&self.set, &key.sign(&message)).is_ok() {
                    left -= 1;
                }
            }
        }
        draft.envelope_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_unit() {
        assert_eq!(seconds("x", "90s"), Ok(90));
        assert_eq!(seconds("x", "7d"), Ok(604_800));
        assert!(seconds("x", "7 apples").is_err() && seconds("x", "").is_err());
    }
}
