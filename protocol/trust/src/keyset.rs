//! The key set: which keys answer for what. Versioned; version N + 1 is signed by the root thresholds
//! of N and of N + 1.

use heapless::Vec;
use lightday_wire::{
    Authority, ClassId, Document, KeyIndex, MAX_SIGNATURES, ObjectKind, ObjectNumber, Role,
};
use serde::{Deserialize, Serialize};

use crate::ed25519;

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
    /// The bytes are no point of the curve, one of small order, or a second spelling of one: nothing
    /// that such a key signs would be accepted.
    BadKey(KeyIndex),
    /// The thresholds ask for more signatures than an envelope can carry.
    TooManySignatures,
}

impl core::fmt::Display for KeySetError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoThreshold(role) => write!(f, "the threshold of {role:?} is zero"),
            Self::TooFewKeys(role) => write!(f, "{role:?} has fewer keys than its threshold"),
            Self::KeyTwice => f.write_str("a key stands in the key set twice"),
            Self::BadKey(key) => write!(f, "key {} is no sound ed25519 public key", key.0),
            Self::TooManySignatures => {
                write!(
                    f,
                    "the thresholds need more than {MAX_SIGNATURES} signatures"
                )
            }
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
    /// [`KeySetError`] names the role or the key.
    pub fn check(&self) -> Result<(), KeySetError> {
        for role in Role::ALL.iter().copied() {
            let keys = self.keys.iter().filter(|k| k.role == role).count();
            match self.threshold(role) {
                0 => return Err(KeySetError::NoThreshold(role)),
                threshold if keys < threshold => return Err(KeySetError::TooFewKeys(role)),
                _ => {}
            }
        }
        if !self.fits_an_envelope() {
            return Err(KeySetError::TooManySignatures);
        }
        if let Some((index, _)) = (0u8..)
            .zip(&self.keys)
            .find(|(_, k)| !ed25519::is_sound(&k.key))
        {
            return Err(KeySetError::BadKey(KeyIndex(index)));
        }
        let mut keys = self.keys.iter();
        while let Some(key) = keys.next() {
            if keys.clone().any(|other| other.key == key.key) {
                return Err(KeySetError::KeyTwice);
            }
        }
        Ok(())
    }

    /// Whether one envelope holds the signatures that any document may need: those of three roles on a
    /// load-and-go manifest, and the roots of two sets on a successor that asks for as many again.
    fn fits_an_envelope(&self) -> bool {
        let [root, release, verification, flight] = self.thresholds.map(usize::from);
        let manifest = release.saturating_add(verification).saturating_add(flight);
        root.saturating_mul(2) <= MAX_SIGNATURES && manifest <= MAX_SIGNATURES
    }
}
