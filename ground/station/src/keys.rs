//! Key files: private signing keys (PEM).
//!
//! Never draws a random number (32 random bytes are passed in), never verifies a signature (that is
//! `lightday-trust`), never prints a secret: errors name the field and the remedy, not the bytes.
//!
//! ```text
//! role: release                          explanatory text before the boundary (RFC 7468, 5.2)
//! name: alice
//! -----BEGIN PRIVATE KEY-----            PKCS#8 v1 (RFC 8410): openssl reads it
//! MC4CAQAwBQYDK2VwBCIEI...
//! -----END PRIVATE KEY-----
//! ```
//!
//! ```
//! use lightday_station::keys::SigningKey;
//! use lightday_wire::Role;
//!
//! let key = SigningKey::generate(Role::Release, "alice", [7; 32]);
//! let read = SigningKey::from_pem(&key.to_pem()?)?;
//! assert_eq!((read.role(), read.name()), (Role::Release, "alice"));
//! assert_eq!(read.public(), key.public());
//! # Ok::<(), lightday_station::keys::KeyError>(())
//! ```

use core::fmt;
use ed25519_dalek::Signer;
use ed25519_dalek::pkcs8::spki::EncodePublicKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes};
use lightday_wire::Role;
use zeroize::{Zeroize, Zeroizing};

/// Why a key file cannot be used. Never holds bytes of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The PEM block is missing, cut short or not an ed25519 private key.
    Pem,
    /// A line that the file needs before its PEM block is missing.
    Missing(&'static str),
    /// The role is none of the four.
    Role(String),
    /// A name is empty, or has other characters than letters, digits, `-`, `_` and `.`.
    Name,
    /// A line of a link key file is not `EPOCH HEX`.
    LinkLine {
        /// Line in the file, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A link key file holds no key.
    LinkEmpty,
    /// A link key file has two keys for an epoch, or the same key for two.
    LinkTwice {
        /// Line in the file, from 1.
        line: usize,
    },
    /// The key set file is not the TOML that it has to be; the text is the parser's.
    KeySetText(String),
    /// A field of the key set file is wrong.
    KeySetField {
        /// The field.
        field: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The keys and thresholds make no sense together.
    KeySet(lightday_trust::KeySetError),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem => f.write_str("the PEM block is not a whole ed25519 private key (PKCS#8)"),
            Self::Missing(field) => write!(f, "the line \"{field}: ...\" is missing"),
            Self::Role(role) => write!(f, "role: \"{role}\" is no role"),
            Self::Name => f.write_str("name: empty, too long, or not letters, digits, - _ ."),
            Self::LinkLine { line, what } => write!(f, "line {line}: {what}"),
            Self::LinkEmpty => f.write_str("there is no link key in the file"),
            Self::LinkTwice { line } => {
                write!(f, "line {line}: this epoch or key stands there twice")
            }
            Self::KeySetText(text) => write!(f, "the key set file is not as expected: {text}"),
            Self::KeySetField { field, what } => write!(f, "{field}: {what}"),
            Self::KeySet(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for KeyError {}

impl KeyError {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Pem => "restore the key file from its backup; a lost key is replaced by root",
            Self::Missing(_) | Self::Role(_) | Self::Name => {
                "put \"role: ROLE\" and \"name: NAME\" before the PEM block; \
                 roles: root, release, verification, flight"
            }
            Self::LinkLine { .. } | Self::LinkEmpty | Self::LinkTwice { .. } => {
                "restore the link key file: lines of \"EPOCH 64-HEX-DIGITS\", epochs 0 to 15"
            }
            Self::KeySetText(_) | Self::KeySetField { .. } | Self::KeySet(_) => {
                "correct the key set file: `version`, `[thresholds]` of all four roles, and a `[[keys]]` with \
                name, role and key for each key; or restore it from git"
            }
        }
    }
}

/// The lower-case name of a role.
#[must_use]
pub const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Root => "root",
        Role::Release => "release",
        Role::Verification => "verification",
        Role::Flight => "flight",
    }
}

/// The role of a name.
///
/// # Errors
/// [`KeyError::Role`].
pub fn role_from_name(name: &str) -> Result<Role, KeyError> {
    let mut all = Role::ALL.iter().copied();
    all.find(|role| role_name(*role) == name)
        .ok_or_else(|| KeyError::Role(name.chars().take(32).collect()))
}

/// Whether a name may stand in files: it becomes part of file names.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 64 && !name.starts_with('.') && name.chars().all(allowed)
}

/// A signature of one key over one message, apart from what it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetachedSignature {
    /// The public key.
    pub public: [u8; 32],
    /// R and S (RFC 8032).
    pub bytes: [u8; 64],
}

/// A private signing key with its role and its holder's name. Zeroed when dropped.
pub struct SigningKey {
    role: Role,
    name: String,
    key: ed25519_dalek::SigningKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {}, ..)", role_name(self.role), self.name)
    }
}

impl SigningKey {
    /// A key of 32 random bytes from the caller.
    #[must_use]
    pub fn generate(role: Role, name: &str, mut random: [u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(&random);
        random.zeroize();
        Self {
            role,
            name: name.into(),
            key,
        }
    }

    /// The role that the file claims; the key set decides.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The holder's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// Signs a message of [`lightday_trust::signing_message`].
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> DetachedSignature {
        DetachedSignature {
            public: self.public(),
            bytes: self.key.sign(message).to_bytes(),
        }
    }

    /// The key file.
    ///
    /// # Errors
    /// [`KeyError::Name`] if the name must not stand in a file.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        if !is_name(&self.name) {
            return Err(KeyError::Name);
        }
        // Version 1, without the public key: every openssl reads it.
        let pair = KeypairBytes {
            secret_key: self.key.to_bytes(),
            public_key: None,
        };
        let pem = pair
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|_| KeyError::Pem)?;
        let (role, name) = (role_name(self.role), &self.name);
        Ok(Zeroizing::new(format!(
            "role: {role}\nname: {name}\n{}",
            pem.as_str()
        )))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let before = text.split("-----BEGIN").next().unwrap_or_default();
        let field = |name: &'static str| {
            let mut lines = before.lines();
            lines
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .map(str::trim)
                .ok_or(KeyError::Missing(name))
        };
        let role = role_from_name(field("role")?)?;
        Self::from_pem_as(text, role, field("name")?)
    }

    /// Reads a plain PKCS#8 file, such as openssl writes, for a role and holder that it does not name.
    ///
    /// # Errors
    /// [`KeyError::Pem`], [`KeyError::Name`].
    pub fn from_pem_as(text: &str, role: Role, name: &str) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Name);
        }
        let start = text.find("-----BEGIN").ok_or(KeyError::Pem)?;
        let block = text.get(start..).ok_or(KeyError::Pem)?;
        // Decoded by the type that also checks a public key that version 2 carries.
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(block).map_err(|_| KeyError::Pem)?;
        Ok(Self {
            role,
            name: name.into(),
            key,
        })
    }

    /// The public key as SubjectPublicKeyInfo (RFC 8410) in PEM, for openssl and others.
    #[must_use]
    pub fn public_pem(&self) -> String {
        // Encoding 32 bytes of a valid key has no way to fail.
        let key = self.key.verifying_key();
        key.to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }
}

/// Writes bytes as lower-case hexadecimal.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Reads exactly `N` bytes from hexadecimal digits; `None` if they are anything else.
#[must_use]
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let digit = |d: u8| (d as char).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(*pair.first()?)? << 4 | digit(*pair.last()?)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> SigningKey {
        SigningKey::generate(Role::Flight, "bob", [9; 32])
    }

    #[test]
    fn a_plain_openssl_key_is_read() {
        // RFC 8410, section 10.3, first example.
        let pem = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                   -----END PRIVATE KEY-----\n";
        let key = SigningKey::from_pem_as(pem, Role::Root, "rfc8410").unwrap();
        assert!(key.to_pem().unwrap().ends_with(pem));
        assert!(
            key.public_pem()
                .contains("MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=")
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", key()), "SigningKey(flight, bob, ..)");
        let error = SigningKey::from_pem(&key().to_pem().unwrap().replace("MC4", "MC5"));
        assert_eq!(error.unwrap_err(), KeyError::Pem);
    }

    #[test]
    fn what_a_key_file_lacks_is_named() {
        let pem = key().to_pem().unwrap();
        let fails =
            |from: &str, to: &str| SigningKey::from_pem(&pem.replace(from, to)).unwrap_err();
        assert_eq!(fails("role: flight\n", ""), KeyError::Missing("role"));
        assert_eq!(fails("flight", "pilot"), KeyError::Role("pilot".into()));
        assert_eq!(fails("bob", "../bob"), KeyError::Name);
        assert_eq!(fails("-----END", ""), KeyError::Pem);
    }

    proptest! {
        #[test]
        fn flipped_key_files_never_panic(at in any::<prop::sample::Index>(), byte in 0u8..128) {
            let pem = key().to_pem().unwrap();
            let mut bytes = pem.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = SigningKey::from_pem(core::str::from_utf8(&bytes).unwrap());
            let _ = SigningKey::from_pem(core::str::from_utf8(&bytes[..at]).unwrap());
        }
    }
}
