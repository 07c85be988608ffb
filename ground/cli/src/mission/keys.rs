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

use lightday_station::keys::{self, KeyError, SigningKey, to_hex};
use lightday_station::keyset::{KeySetFile, NamedKey};
use lightday_trust::{Digester, KeySet, LinkKeys};
use lightday_wire::{Digest, canon};
use zeroize::Zeroizing;

use super::Mission;
use super::artifact::roles_in_words;
use crate::atomic;
use crate::error::{Error, Kind, Result};

/// An error in a key file.
pub fn bad_key(path: &Path, error: &KeyError) -> Error {
    let located = Error::input(path, roles_in_words(error)).hint(error.hint());
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

/// Reads link keys.
///
/// # Errors
/// The file is missing or makes no sense.
pub fn read_link_keys(path: &Path) -> Result<LinkKeys> {
    let text = Zeroizing::new(atomic::read_text(path)?);
    warn_if_open(path);
    keys::link_keys_from_text(&text).map_err(|e| bad_key(path, &e))
}

/// What the ledger remembers of link keys: enough to tell others from them, nothing to make them of.
///
/// ```text
/// first 16 B of SHA-256( "lightday link keys v1" || 0 || sixteen keys of 32 B )
/// ```
pub fn fingerprint(keys: &LinkKeys) -> [u8; 16] {
    let mut digester = Digester::separated(b"lightday link keys v1");
    keys.0.iter().for_each(|key| digester.update(&key.0));
    let digest = digester.finish().0;
    std::array::from_fn(|i| digest.get(i).copied().unwrap_or(0))
}

/// SHA-256 of a key set's canonical bytes: what anchors it in the ledger.
///
/// # Errors
/// [`Kind::Internal`] if it has no canonical bytes.
pub fn key_set_digest(set: &KeySet) -> Result<Digest> {
    let mut buffer = [0; canon::MAX_LEN];
    canon::encode(set, &mut buffer)
        .map(lightday_trust::digest::sha256)
        .map_err(|e| Error::new(Kind::Internal, format!("cannot encode the key set: {e}")))
}

/// Refuses a key set that is not the one that the ledger knows.
fn anchored(path: &Path, set: &KeySet, known: Option<(u16, Digest)>) -> Result<()> {
    let found = key_set_digest(set)?;
    let what = match known {
        Some((version, digest)) if (version, digest) == (set.version, found) => return Ok(()),
        Some((version, digest)) => format!(
            "not the key set of this mission: version {} with digest {found}, the ledger knows version {version} with {digest}",
            set.version
        ),
        None => format!("the ledger knows no key set {}", set.version),
    };
    Err(Error::new(Kind::Trust, what)
        .file(path)
        .hint("restore the file from git or its backup; a key set changes through `lightday keygen successor` and `adopt` only"))
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
        let read = |path: &Path| -> Result<(KeySetFile, KeySet)> {
            let file =
                KeySetFile::parse(&atomic::read_text(path)?).map_err(|e| bad_key(path, &e))?;
            let set = file.key_set().map_err(|e| bad_key(path, &e))?;
            Ok((file, set))
        };
        let (file, set) = read(&path)?;
        if self.path("ledger.sqlite").is_file() {
            let known = self.ledger_to_read()?.key_sets()?;
            let latest = known
                .last()
                .map(|(version, digest)| (*version, Digest(*digest)));
            anchored(&path, &set, latest)?;
            let bin = self.path(format!("keys/keyset-{}.bin", set.version));
            if bin.symlink_metadata().is_ok() {
                self.launched_with(&bin, set.version)?;
            }
        }
        Ok(file)
    }

    /// Reads a key set as the vehicle stores it, and holds it against the ledger.
    ///
    /// # Errors
    /// It is missing, or not the one that the ledger knows.
    pub fn launched_with(&self, path: &Path, version: u16) -> Result<KeySet> {
        let bytes = atomic::read(path, canon::MAX_LEN as u64)?;
        let set: KeySet = canon::decode(&bytes).map_err(|e| {
            Error::input(path, e)
                .hint("restore the file from git: `lightday keygen keyset` wrote it before launch")
        })?;
        set.check()
            .map_err(|e| bad_key(path, &KeyError::KeySet(e)))?;
        let known = self.ledger_to_read()?.key_sets()?;
        let known = known.into_iter().find(|(v, _)| *v == version);
        anchored(path, &set, known.map(|(v, d)| (v, Digest(d))))?;
        Ok(set)
    }

    /// Every key set that the vehicle had, the oldest first.
    ///
    /// # Errors
    /// As [`Self::key_set`].
    pub fn key_sets(&self) -> Result<Vec<KeySet>> {
        let now = self.key_set()?;
        let known = self.ledger_to_read()?.key_sets()?;
        let mut sets = Vec::new();
        for version in 1..now.version {
            let path = self.path(format!("keys/keyset-{version}.toml"));
            let text = atomic::read_text(&path)?;
            let set = KeySetFile::parse(&text).and_then(|f| f.key_set());
            let set = set.map_err(|e| bad_key(&path, &e))?;
            let known = known.iter().find(|(v, _)| *v == version);
            anchored(&path, &set, known.map(|(v, d)| (*v, Digest(*d))))?;
            sets.push(set);
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
    /// They are missing, make no sense, or are not those that the ledger knows.
    pub fn link_keys(&self) -> Result<LinkKeys> {
        let path = self.path("keys/link.key");
        if !path.exists() {
            return Err(Error::input(&path, "there are no link keys here")
                .hint("`lightday keygen link` makes them once, before launch; afterwards restore them from their backup"));
        }
        let keys = read_link_keys(&path)?;
        let found = fingerprint(&keys);
        let what = match self.ledger_to_read()?.link_keys()? {
            Some(known) if known == found => return Ok(keys),
            Some(known) => format!(
                "not the link keys of this mission: fingerprint {}, the ledger knows {}",
                to_hex(&found),
                to_hex(&known)
            ),
            None => {
                return Err(Error::new(Kind::Trust, "the ledger does not know these link keys")
                    .file(&path)
                    .hint("`lightday keygen link` makes it remember them, if they are this mission's"));
            }
        };
        Err(Error::new(Kind::Trust, what)
            .file(&path)
            .hint("restore the file from its backup: no other keys reach the vehicle"))
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
