//! What is signed: a document's domain, its context and its body.
//!
//! A document never says who signed it, and never carries what the vehicle knows already: vehicle id,
//! object number and the base's digest stand in the *context*, which is signed and not sent.
//!
//! ```text
//! signing digest = SHA-256( DOMAIN || 0x00 || context (postcard) || body (postcard) )
//! ed25519 message = SIGNING_TAG || signing digest
//! ```

use serde::{Serialize, de::DeserializeOwned};

use crate::codes::{ObjectKind, Role};

/// What stands before the signing digest in every ed25519 message.
pub const SIGNING_TAG: &[u8; 12] = b"lightday:v1:";

/// The roles whose thresholds must all be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Authority(u8);

impl Authority {
    /// Nobody: a document of this authority is never valid.
    pub const NOBODY: Self = Self(0);

    /// One role.
    #[must_use]
    pub const fn of(role: Role) -> Self {
        Self(1 << role.code())
    }

    /// These roles and one more.
    #[must_use]
    pub const fn and(self, role: Role) -> Self {
        Self(self.0 | 1 << role.code())
    }

    /// Whether the role must sign.
    #[must_use]
    pub const fn needs(self, role: Role) -> bool {
        self.0 & (1 << role.code()) != 0
    }

    /// The roles that must sign.
    pub fn roles(self) -> impl Iterator<Item = Role> {
        Role::ALL
            .iter()
            .copied()
            .filter(move |role| self.needs(*role))
    }
}

/// Something that can be signed.
pub trait Document: Serialize + DeserializeOwned {
    /// Separates this kind of signature from every other.
    const DOMAIN: &'static [u8];
    /// The object that carries it.
    const KIND: ObjectKind;
    /// What is signed and not sent.
    type Context: Serialize;

    /// Which roles must sign this very document.
    fn authority(&self) -> Authority;
}
