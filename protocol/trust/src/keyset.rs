//! The key set: which keys answer for what. Versioned; version N + 1 is signed by the root thresholds
//! of N and of N + 1.

use heapless::Vec;
use lightday_wire::{Authority, ClassId, Document, ObjectKind, ObjectNumber, Role};
use serde::{Deserialize, Serialize};

/// Most keys of a key set, over all roles.
pub const MAX_KEYS: usize = 16;

/// A key and its one role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleKey {
    /// What it may sign.
    pub role: Role,
    /// The ed25519 public key.
    pub key: [u8; 32],
}

/// A key set as it is sent and stored. Decoding gives no valid key set: [`KeySet::check`] does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySet {
    /// Goes up by one.
    pub version: u16,
    /// How many keys of each role must sign, in the order root, release, verification, flight.
    pub thresholds: [u8; 4],
    /// All keys.
    pub keys: Vec<RoleKey, MAX_KEYS>,
}

/// What a key set binds without sending it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySetContext {
    /// The class of vehicles that share this key set.
    pub class: ClassId,
    /// The number of the object that carries it.
    pub number: ObjectNumber,
}

impl Document for KeySet {
    const DOMAIN: &'static [u8] = b"lightday key set v1";
    const KIND: ObjectKind = ObjectKind::KeySet;
    type Context = KeySetContext;

    fn authority(&self) -> Authority {
        Authority::of(Role::Root)
    }
}

/// Why a key set makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySetError {
    /// A role's threshold is zero.
    NoThreshold(Role),
    /// A role has fewer keys than its threshold.
    TooFewKeys(Role),
    /// A key stands there twice; roles have disjoint keys.
    KeyTwice,
}

impl core::fmt::Display for KeySetError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoThreshold(role) => write!(f, "the threshold of {role:?} is zero"),
            Self::TooFewKeys(role) => write!(f, "{role:?} has fewer keys than its threshold"),
            Self::KeyTwice => f.write_str("a key stands in the key set twice"),
        }
    }
}

impl core::error::Error for KeySetError {}

impl KeySet {
    /// The threshold of a role.
    #[must_use]
    pub fn threshold(&self, role: Role) -> usize {
        let [root, release, verification, flight] = self.thresholds;
        usize::from(match role {
            Role::Root => root,
            Role::Release => release,
            Role::Verification => verification,
            Role::Flight => flight,
        })
    }

    /// Whether every role can act and no key has two roles.
    ///
    /// # Errors
    /// [`KeySetError`] names the role.
    pub fn check(&self) -> Result<(), KeySetError> {
        for role in Role::ALL.iter().copied() {
            let keys = self.keys.iter().filter(|k| k.role == role).count();
            match self.threshold(role) {
                0 => return Err(KeySetError::NoThreshold(role)),
                threshold if keys < threshold => return Err(KeySetError::TooFewKeys(role)),
                _ => {}
            }
        }
        let mut keys = self.keys.iter();
        while let Some(key) = keys.next() {
            if keys.clone().any(|other| other.key == key.key) {
                return Err(KeySetError::KeyTwice);
            }
        }
        Ok(())
    }
}
