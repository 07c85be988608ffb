//! The files of keys/. A private key is read into memory that is zeroed, and never printed.
//!
//! ```text
//! ROLE-NAME.key  a private key, mode 0600: PKCS#8 PEM behind two lines with role and name
//! ROLE-NAME.pub  its public half: TOML with name, role and key
//! link.key       the sixteen link keys, mode 0600
//! keyset.toml    the key set that the vehicle has now; keyset-N.bin the same as the vehicle stores it
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use lightday_station::keys::{self, KeyError, SigningKey};
use lightday_station::keyset::{KeySetFile, NamedKey};
use lightday_trust::{KeySet, LinkKeys};
use zeroize::Zeroizing;

use super::Mission;
use crate::atomic;
use crate::error::{Error, Kind, Result};

/// An error in a key file.
pub fn bad_key(path: &Path, error: &KeyError) -> Error {
    let located = Error::input(path, error).hint(error.hint());
    match error {
        KeyError::LinkLine { line, .. } | KeyError::LinkTwice { line } => located.line(*line),
        KeyError::Role(_) => located.field("role"),
        KeyError::Name => located.field("name"),
        _ => located,
    }
}

/// Reads a private key.
///
/// # Errors
/// The file is missing or no key.
pub fn signing_key(path: &Path) -> Result<SigningKey> {
    let text = Zeroizing::new(atomic::read_text(path)?);
    warn_if_open(path);
    SigningKey::from_pem(&text).map_err(|e| bad_key(path, &e))
}

/// Reads a public key.
///
/// # Errors
/// The file is missing or no public key.
pub fn public_key(path: &Path) -> Result<NamedKey> {
    let text = atomic::read_text(path)?;
    toml::from_str(&text).map_err(|e| {
        Error::input(path, e.message())
            .hint("a public key has three lines, name, role and key, as `lightday keygen` writes them; ask its holder to send it again")
    })
}

impl Mission {
    /// The key set that the vehicle has now.
    ///
    /// # Errors
    /// It is missing or makes no sense.
    pub fn key_set(&self) -> Result<KeySetFile> {
        let path = self.path("keys/keyset.toml");
        if !path.exists() {
            return Err(Error::input(&path, "there is no key set yet")
                .hint("make keys with `lightday keygen ROLE NAME`, then the set with `lightday keygen keyset`"));
        }
        KeySetFile::parse(&atomic::read_text(&path)?).map_err(|e| bad_key(&path, &e))
    }

    /// Every key set that the vehicle had, the oldest first.
    ///
    /// # Errors
    /// As [`Self::key_set`].
    pub fn key_sets(&self) -> Result<Vec<KeySet>> {
        let now = self.key_set()?;
        let mut sets = Vec::new();
        for version in 1..now.version {
            let path = self.path(format!("keys/keyset-{version}.toml"));
            let text = atomic::read_text(&path)?;
            let set = KeySetFile::parse(&text).and_then(|f| f.key_set());
            sets.push(set.map_err(|e| bad_key(&path, &e))?);
        }
        let set = now
            .key_set()
            .map_err(|e| bad_key(&self.path("keys/keyset.toml"), &e))?;
        sets.push(set);
        Ok(sets)
    }

    /// The link keys.
    ///
    /// # Errors
    /// They are missing or make no sense.
    pub fn link_keys(&self) -> Result<LinkKeys> {
        let path = self.path("keys/link.key");
        if !path.exists() {
            return Err(Error::input(&path, "there are no link keys here")
                .hint("`lightday keygen link` makes them once, before launch; afterwards restore them from their backup"));
        }
        let text = Zeroizing::new(atomic::read_text(&path)?);
        warn_if_open(&path);
        keys::link_keys_from_text(&text).map_err(|e| bad_key(&path, &e))
    }

    /// All public keys of keys/, by file name.
    ///
    /// # Errors
    /// One of them makes no sense.
    pub fn public_keys(&self) -> Result<Vec<(PathBuf, NamedKey)>> {
        let dir = self.path("keys");
        let entries = fs::read_dir(&dir).map_err(|e| Error::io(&dir, &e))?;
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(|e| Error::io(&dir, &e))?.path();
            if path.extension().is_some_and(|e| e == "pub") {
                paths.push(path);
            }
        }
        paths.sort();
        paths
            .into_iter()
            .map(|p| Ok((p.clone(), public_key(&p)?)))
            .collect()
    }
}

/// Tells when others than the owner may read a secret.
fn warn_if_open(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let open = fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0);
        if open {
            crate::out::message(format_args!(
                "warning: {}: others than its owner may read this secret; run `chmod 600` on it",
                path.display()
            ));
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Random bytes from the operating system.
///
/// # Errors
/// The system has none.
pub fn entropy<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|e| Error::new(Kind::Io, format!("no random bytes from the system: {e}")))?;
    Ok(bytes)
}
