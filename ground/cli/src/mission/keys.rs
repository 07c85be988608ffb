//! The files of keys/. A private key is read into memory that is zeroed, and never printed.
//!
//! ```text
//! ROLE-NAME.key  a private key, mode 0600: PKCS#8 PEM behind two lines with role and name
//! ROLE-NAME.pub  its public half: TOML with name, role and key
//! link.key       the sixteen link keys, mode 0600: for the vehicle, then for the vault
//! link-N.key     the link key of epoch N alone, mode 0600: what a machine needs that sends and hears
//! keyset.toml    the key set that the vehicle has now; keyset-N.bin the same as the vehicle stores it
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use lightday_station::keys::{KeyError, SigningKey, to_hex};
use lightday_station::keyset::{KeySetFile, NamedKey};
use lightday_station::link_keys::{Fingerprint, HeldKeys};
use lightday_trust::{Direction, FrameKey, KeySet};
use lightday_wire::{Digest, Epoch, canon};
use zeroize::Zeroizing;

use super::Mission;
use super::artifact::roles_in_words;
use crate::atomic;
use crate::error::{Error, Kind, Result};
use crate::ledger::LinkPrints;

/// The file of all sixteen link keys.
pub const LINK_VAULT: &str = "keys/link.key";

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

/// Reads a file of link keys.
///
/// # Errors
/// The file is missing or makes no sense.
pub fn read_link_keys(path: &Path) -> Result<HeldKeys> {
    let text = Zeroizing::new(atomic::read_text(path)?);
    warn_if_open(path);
    HeldKeys::from_text(&text).map_err(|e| bad_key(path, &e))
}

/// The name of the file with an epoch's link key alone.
pub fn link_file(epoch: Epoch) -> String {
    format!("keys/link-{}.key", epoch.get())
}

/// What the ledger remembers of all sixteen link keys: enough to tell others from them, nothing to make them
/// of. The fingerprints by epoch.
///
/// # Errors
/// One is missing.
pub fn fingerprints(path: &Path, keys: &HeldKeys) -> Result<LinkPrints> {
    let mut prints = [0; PRINT_LEN * Epoch::COUNT];
    for (epoch, place) in (0..).zip(prints.chunks_exact_mut(PRINT_LEN)) {
        let print = Epoch::new(epoch).and_then(|epoch| keys.fingerprint(epoch));
        let print = print.ok_or_else(|| {
            Error::input(path, format!("the key of epoch {epoch} is missing"))
                .hint("restore the file from its backup: sixteen lines, epochs 0 to 15")
        })?;
        place.copy_from_slice(&print);
    }
    Ok(prints)
}

const PRINT_LEN: usize = size_of::<Fingerprint>();

/// Refuses link keys of another mission.
fn same_link_keys(path: &Path, keys: &HeldKeys, known: &LinkPrints) -> Result<()> {
    for epoch in keys.epochs() {
        let known = known.chunks_exact(PRINT_LEN).nth(epoch.get().into());
        let found = keys.fingerprint(epoch);
        if found.as_ref().map(Fingerprint::as_slice) == known {
            continue;
        }
        let what = format!(
            "not the link key of this mission for epoch {}: fingerprint {}, the ledger knows {}",
            epoch.get(),
            to_hex(&found.unwrap_or_default()),
            to_hex(known.unwrap_or_default())
        );
        return Err(Error::new(Kind::Trust, what)
            .file(path)
            .hint("restore the file from its backup: no other keys reach the vehicle"));
    }
    Ok(())
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

    /// The key set that the vehicle has now, where there is one already.
    ///
    /// # Errors
    /// As [`Self::key_set`].
    pub fn key_set_if_any(&self) -> Result<Option<KeySet>> {
        let path = self.path("keys/keyset.toml");
        if !path.exists() {
            return Ok(None);
        }
        let keys = self.key_set()?.key_set();
        keys.map(Some).map_err(|e| bad_key(&path, &e))
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

    /// The link keys that this machine holds, at least one.
    ///
    /// # Errors
    /// There are none; and as [`Self::held_link_keys`].
    pub fn link_keys(&self) -> Result<HeldKeys> {
        let held = self.held_link_keys()?;
        if held.epochs().next().is_none() {
            return Err(Error::input(&self.path("keys/link-0.key"), "there are no link keys here")
                .hint("`lightday keygen link` makes them once, before launch; afterwards `lightday keygen link-epoch N --from FILE` takes that of an epoch from the vault"));
        }
        Ok(held)
    }

    /// The link keys that this machine holds: of `link-N.key` for each epoch, and of `link.key` while it has not
    /// gone to the vault.
    ///
    /// # Errors
    /// They make no sense, or are not those that the ledger knows.
    pub fn held_link_keys(&self) -> Result<HeldKeys> {
        let mut names: Vec<String> = (0..).map_while(Epoch::new).map(link_file).collect();
        names.push(LINK_VAULT.to_owned());
        let mut held = HeldKeys::default();
        for path in names.iter().map(|name| self.path(name)) {
            if path.symlink_metadata().is_ok() {
                held.extend(self.known_link_keys(&path)?);
            }
        }
        Ok(held)
    }

    /// Reads a file of link keys, which the ledger must know.
    ///
    /// # Errors
    /// As [`Self::held_link_keys`].
    pub fn known_link_keys(&self, path: &Path) -> Result<HeldKeys> {
        let keys = read_link_keys(path)?;
        let known = self.ledger_to_read()?.link_keys()?.ok_or_else(|| {
            Error::new(Kind::Trust, "the ledger does not know these link keys")
                .file(path)
                .hint("`lightday keygen link` makes it remember them, if they are this mission's")
        })?;
        same_link_keys(path, &keys, &known)?;
        Ok(keys)
    }

    /// The key of an epoch that is to be sent in.
    ///
    /// # Errors
    /// It is not held.
    pub fn uplink_key(&self, keys: &HeldKeys, epoch: Epoch) -> Result<FrameKey> {
        let key = keys.frame_key(self.profile.vehicle, Direction::Up, epoch);
        key.ok_or_else(|| {
            let n = epoch.get();
            Error::input(
                &self.path(link_file(epoch)),
                format!("the link key of epoch {n} is not held here"),
            )
            .hint(format!(
                "take it from the vault: lightday keygen link-epoch {n} --from FILE"
            ))
        })
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

/// Whether nothing was said of this file yet: a verb may read it more than once.
#[cfg(unix)]
fn told_first(path: &Path) -> bool {
    static TOLD: std::sync::Mutex<Vec<PathBuf>> = std::sync::Mutex::new(Vec::new());
    let Ok(mut told) = TOLD.lock() else {
        return true;
    };
    let is_new = !told.iter().any(|known| known == path);
    if is_new {
        told.push(path.to_path_buf());
    }
    is_new
}

/// Tells when others than the owner may read a secret.
fn warn_if_open(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let open = fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0);
        if open && told_first(path) {
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
