//! The key set as people write and read it: TOML with names, from which the signed document is made.
//!
//! ```text
//! version = 1
//! class = 1                    <- not here: the class stands in the profile
//! ```
//! The order of the keys is their index in signatures. Names never leave the ground.
//!
//! ```
//! use lightday_station::keyset::KeySetFile;
//! # use lightday_station::keys::SigningKey;
//! # use lightday_wire::Role;
//! # let mut file = KeySetFile::new(1);
//! # for (n, role) in Role::ALL.iter().enumerate() {
//! #     file.add(&SigningKey::generate(*role, &format!("key{n}"), [n as u8; 32]));
//! # }
//! let text = file.to_toml();
//! let file = KeySetFile::parse(&text)?;
//! let key_set = file.key_set()?;
//! assert_eq!((key_set.version, key_set.keys.len()), (1, 4));
//! # Ok::<(), lightday_station::keys::KeyError>(())
//! ```

use lightday_trust::{KeySet, MAX_KEYS, RoleKey};
use lightday_wire::{KeyIndex, Role};
use serde::{Deserialize, Serialize};

use crate::keys::{KeyError, SigningKey, from_hex, is_name, role_from_name, role_name, to_hex};

/// How many keys of each role must sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Changes of keys and epochs.
    pub root: u8,
    /// Manifests.
    pub release: u8,
    /// Evidence.
    pub verification: u8,
    /// Authorizations and commands.
    pub flight: u8,
}

/// A public key with its holder's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedKey {
    /// The holder's name.
    pub name: String,
    /// The name of the role.
    pub role: String,
    /// The ed25519 public key, 64 hexadecimal digits.
    pub key: String,
}

/// A key set with the names of its holders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySetFile {
    /// Goes up by one.
    pub version: u16,
    /// How many keys of each role must sign.
    pub thresholds: Thresholds,
    /// All keys; the place of a key is its index.
    #[serde(default)]
    pub keys: Vec<NamedKey>,
}

impl KeySetFile {
    /// A key set without keys and with thresholds of one.
    #[must_use]
    pub const fn new(version: u16) -> Self {
        Self {
            version,
            thresholds: Thresholds {
                root: 1,
                release: 1,
                verification: 1,
                flight: 1,
            },
            keys: Vec::new(),
        }
    }

    /// Appends the public half of a key.
    pub fn add(&mut self, key: &SigningKey) {
        self.keys.push(NamedKey {
            name: key.name().into(),
            role: role_name(key.role()).into(),
            key: to_hex(&key.public()),
        });
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`KeyError`] names the field.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let file: Self = toml::from_str(text).map_err(|e| KeyError::KeySetText(e.to_string()))?;
        file.key_set()?;
        Ok(file)
    }

    /// Writes the file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::from(
            "# Public keys and the thresholds of their roles. The order of the keys is their index.\n",
        );
        // Plain strings and numbers: there is no value here that TOML cannot say.
        text.push_str(&toml::to_string(self).unwrap_or_default());
        text
    }

    /// The document that is signed and sent.
    ///
    /// # Errors
    /// [`KeyError::KeySetField`] or [`KeyError::KeySet`].
    pub fn key_set(&self) -> Result<KeySet, KeyError> {
        let mut keys = heapless::Vec::new();
        for (place, key) in self.keys.iter().enumerate() {
            let wrong = |field: &str, what| KeyError::KeySetField {
                field: format!("keys[{place}].{field}"),
                what,
            };
            if !is_name(&key.name) {
                return Err(wrong("name", "letters, digits, - _ . only"));
            }
            if self.keys.iter().take(place).any(|k| k.name == key.name) {
                return Err(wrong("name", "another key has this name"));
            }
            let role = role_from_name(&key.role)
                .map_err(|_| wrong("role", "is one of root, release, verification, flight"))?;
            let public = from_hex(&key.key).ok_or(wrong("key", "is 64 hexadecimal digits"))?;
            keys.push(RoleKey { role, key: public })
                .map_err(|_| KeyError::KeySetField {
                    field: "keys".into(),
                    what: "a key set has at most 16 keys",
                })?;
        }
        let t = self.thresholds;
        let key_set = KeySet {
            version: self.version,
            thresholds: [t.root, t.release, t.verification, t.flight],
            keys,
        };
        key_set.check().map_err(KeyError::KeySet)?;
        Ok(key_set)
    }

    /// The name of the key at an index.
    #[must_use]
    pub fn name_of(&self, index: KeyIndex) -> Option<&str> {
        self.keys
            .get(usize::from(index.0 & !KeyIndex::NEW_SET))
            .map(|key| key.name.as_str())
    }

    /// The names of the holders of a role.
    pub fn holders(&self, role: Role) -> impl Iterator<Item = &str> {
        self.keys
            .iter()
            .filter(move |key| key.role == role_name(role))
            .map(|key| key.name.as_str())
    }
}

const _: () = assert!(MAX_KEYS == 16, "an error text names it");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file() -> KeySetFile {
        let mut file = KeySetFile::new(3);
        for (n, role) in (0u8..).zip(Role::ALL.iter().chain(Role::ALL)) {
            file.add(&SigningKey::generate(*role, &format!("k{n}"), [n; 32]));
        }
        file.thresholds.flight = 2;
        file
    }

    #[test]
    fn a_key_set_survives_its_file() {
        assert_eq!(KeySetFile::parse(&file().to_toml()).unwrap(), file());
        assert_eq!(file().name_of(KeyIndex(3)), Some("k3"));
        assert_eq!(
            file().holders(Role::Flight).collect::<Vec<_>>(),
            ["k3", "k7"]
        );
    }

    #[test]
    fn faults_are_named() {
        let fails = |change: fn(&mut KeySetFile)| {
            let mut file = file();
            change(&mut file);
            KeySetFile::parse(&file.to_toml()).unwrap_err().to_string()
        };
        assert!(fails(|f| f.keys[2].role = "pilot".into()).starts_with("keys[2].role"));
        assert!(fails(|f| f.keys[1].key.truncate(63)).starts_with("keys[1].key"));
        assert!(fails(|f| f.keys[1].name = "k0".into()).starts_with("keys[1].name"));
        assert!(fails(|f| f.thresholds.root = 3).contains("Root"));
        assert!(fails(|f| f.keys[4].key = f.keys[0].key.clone()).contains("twice"));
        let error = KeySetFile::parse("version = 1\nthreshold = 2").unwrap_err();
        assert!(error.to_string().contains("threshold"));
    }

    proptest! {
        #[test]
        fn flipped_files_never_panic(at in any::<prop::sample::Index>(), byte in 0u8..128) {
            let mut bytes = file().to_toml().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = KeySetFile::parse(core::str::from_utf8(&bytes).unwrap());
            let _ = KeySetFile::parse(core::str::from_utf8(&bytes[..at]).unwrap());
        }
    }
}
