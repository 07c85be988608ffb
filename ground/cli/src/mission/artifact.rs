//! A signed file of the mission, whatever it holds, with the signatures that lie beside it.
//!
//! ```text
//! bundles/7.ldb                   the document, never changed after it was built
//! bundles/7.ldb.release-bob.sig   one signature: TOML with kind, number, name, role, key, signature
//! ```
//! Signatures stay detached, one file each, so that signers never meet and the document's digest never
//! changes; every verb that needs them collects what lies beside the file. Nothing here judges a
//! signature: `lightday-trust` does, through the station.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lightday_station::bundle::Bundle;
use lightday_station::container::{self, FileError};
use lightday_station::document::Draft;
use lightday_station::keys::{
    DetachedSignature, SigningKey, from_hex, role_from_name, role_name, to_hex,
};
use lightday_station::keyset::NamedKey;
use lightday_station::signed::{Field, SignError};
use lightday_trust::{KeySet, TrustError};
use lightday_wire::{
    Authority, Authorization, Command, Document as _, ObjectKind, ObjectNumber, Role, Target,
};
use serde::{Deserialize, Serialize};

use crate::atomic;
use crate::error::{Error, Kind, Result};
use crate::ledger::SignatureRow;

use super::Mission;

/// Longest file of ours: a bundle of an image of 64 MiB.
pub const MAX_FILE_LEN: u64 = 80 << 20;

/// A document in its file.
// One lives at a time: its size does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug)]
pub enum Artifact {
    /// `.ldb`.
    Bundle(Bundle),
    /// `auth-N.ldd`.
    Authorization(Draft<Authorization>),
    /// `cmd-N.ldd`.
    Command(Draft<Command>),
    /// `keyset-N.ldd`.
    KeySet(Draft<KeySet>),
}

/// Calls what all signed documents have in common.
macro_rules! each {
    ($artifact:expr, $signed:ident => $call:expr) => {
        match $artifact {
            Artifact::Bundle($signed) => $call,
            Artifact::Authorization($signed) => $call,
            Artifact::Command($signed) => $call,
            Artifact::KeySet($signed) => $call,
        }
    };
}

/// A signature that lies beside a document.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureFile {
    /// What was signed.
    pub kind: String,
    /// Its number.
    pub number: u32,
    /// Who signed.
    pub name: String,
    /// In which role.
    pub role: String,
    /// The public key, hexadecimal.
    pub key: String,
    /// R and S (RFC 8032), hexadecimal.
    pub signature: String,
}

/// An error in a file of ours.
pub fn bad_file(path: &Path, error: &FileError) -> Error {
    Error::input(path, error).hint(error.hint())
}

/// An error of the verifier.
pub fn untrusted(path: &Path, error: &TrustError) -> Error {
    let hint = match error {
        TrustError::BelowThreshold(_) => {
            "collect the missing signatures with `lightday sign`, and put the .sig files beside the file"
        }
        TrustError::BadSignature(_) => {
            "sign the file as it is now; it was changed, or the signature is of another file"
        }
        TrustError::UnknownKey(_) | TrustError::WrongRole(_) => {
            "sign with a key of the mission's key set whose role signs this"
        }
        _ => "build the document again",
    };
    Error::new(Kind::Trust, roles_in_words(error))
        .file(path)
        .hint(hint)
}

/// What an error says, with the roles written as everywhere else.
pub fn roles_in_words(error: &impl std::fmt::Display) -> String {
    let mut text = error.to_string();
    for role in Role::ALL {
        text = text.replace(&format!("{role:?}"), role_name(*role));
    }
    text
}

/// The name of a kind, as files and people have it.
pub const fn kind_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Bundle => "bundle",
        ObjectKind::Authorization => "authorization",
        ObjectKind::Command => "command",
        ObjectKind::KeySet => "key set",
        ObjectKind::Report => "report",
        ObjectKind::Answer => "answer",
        ObjectKind::Dump => "part of a dump",
    }
}

impl Artifact {
    /// Reads a file, without the signatures that lie beside it.
    ///
    /// # Errors
    /// The file is missing, damaged, or none of ours.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = atomic::read(path, MAX_FILE_LEN)?;
        Self::parse(&bytes).map_err(|e| bad_file(path, &e))
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn parse(bytes: &[u8]) -> std::result::Result<Self, FileError> {
        match container::kind_of(bytes) {
            Some(ObjectKind::Authorization) => Draft::parse(bytes).map(Self::Authorization),
            Some(ObjectKind::Command) => Draft::parse(bytes).map(Self::Command),
            Some(ObjectKind::KeySet) => Draft::parse(bytes).map(Self::KeySet),
            Some(
                ObjectKind::Bundle | ObjectKind::Report | ObjectKind::Answer | ObjectKind::Dump,
            )
            | None => Bundle::parse(bytes).map(Self::Bundle),
        }
    }

    /// Reads a file and takes every signature that lies beside it.
    ///
    /// # Errors
    /// As [`Self::load`]; a signature file makes no sense, or its signature does not hold.
    pub fn load_signed(
        path: &Path,
        keys: &KeySet,
        names: &[NamedKey],
    ) -> Result<(Self, Vec<SignatureRow>)> {
        let mut artifact = Self::load(path)?;
        let rows = artifact.take_signatures(path, keys, names)?;
        Ok((artifact, rows))
    }

    /// Takes every signature that lies beside the file that it was read from.
    ///
    /// # Errors
    /// A signature file makes no sense, or its signature does not hold.
    pub fn take_signatures(
        &mut self,
        path: &Path,
        keys: &KeySet,
        names: &[NamedKey],
    ) -> Result<Vec<SignatureRow>> {
        let mut rows = Vec::new();
        for file in signature_files(path)? {
            let row = self.take_signature(&file, keys, names)?;
            // One key that signed in two files signed once.
            if rows.iter().all(|r: &SignatureRow| r.key != row.key) {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// Takes the signature of one file. Who signed is what `names` say of the key: the file's own words only
    /// have to agree with them.
    ///
    /// # Errors
    /// The file makes no sense, or its signature does not hold.
    pub fn take_signature(
        &mut self,
        file: &Path,
        keys: &KeySet,
        names: &[NamedKey],
    ) -> Result<SignatureRow> {
        let text = atomic::read_text(file)?;
        let bad = |field: &str, what: &str| {
            Error::input(file, what)
                .field(field)
                .hint("ask the signer to run `lightday sign` again")
        };
        let read: SignatureFile = toml::from_str(&text).map_err(|e| {
            Error::input(file, e.message()).hint("ask the signer to run `lightday sign` again")
        })?;
        let public = from_hex(&read.key).ok_or_else(|| bad("key", "not 64 hexadecimal digits"))?;
        let bytes = from_hex(&read.signature)
            .ok_or_else(|| bad("signature", "not 128 hexadecimal digits"))?;
        let role = role_from_name(&read.role).map_err(|e| bad("role", &e.to_string()))?;
        if (read.kind.as_str(), read.number) != (kind_name(self.kind()), self.number().get()) {
            let what = format!(
                "signs {} {}, not {} {}",
                read.kind,
                read.number,
                kind_name(self.kind()),
                self.number()
            );
            return Err(Error::new(Kind::Trust, what)
                .file(file)
                .hint("move the signature beside the file that it is of"));
        }
        let name = holder(&read, role, names).map_err(|e| e.file(file))?;
        let signature = DetachedSignature { public, bytes };
        match each!(self, s => s.add_signature(keys, &signature)) {
            Ok(_) | Err(SignError::Duplicate) => {}
            Err(e) => {
                return Err(Error::new(Kind::Trust, roles_in_words(&e))
                    .file(file)
                    .hint(e.hint()));
            }
        }
        Ok(SignatureRow {
            kind: self.kind(),
            number: self.number(),
            key: public,
            name,
            role,
            signature: bytes,
        })
    }

    /// What it is.
    pub const fn kind(&self) -> ObjectKind {
        match self {
            Self::Bundle(_) => ObjectKind::Bundle,
            Self::Authorization(_) => ObjectKind::Authorization,
            Self::Command(_) => ObjectKind::Command,
            Self::KeySet(_) => ObjectKind::KeySet,
        }
    }

    /// Its object number.
    pub fn number(&self) -> ObjectNumber {
        each!(self, s => s.number())
    }

    /// Which roles must sign it.
    pub fn authority(&self) -> Authority {
        each!(self, s => s.document().authority())
    }

    /// The roles that still have to sign, and how many keys of each: people, where [`Self::missing`] counts signatures.
    pub fn missing_keys(&self, keys: &KeySet) -> Vec<(Role, usize)> {
        each!(self, s => s.missing_keys(keys))
    }

    /// The roles that still have to sign, and how many signatures of each lack.
    pub fn missing(&self, keys: &KeySet) -> Vec<(Role, usize)> {
        each!(self, s => s.missing(keys))
    }

    /// Whether the vehicle would believe it.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn verify(&self, keys: &KeySet) -> std::result::Result<(), TrustError> {
        each!(self, s => s.verify(keys))
    }

    /// The bytes that go up, before padding.
    pub fn object_bytes(&self) -> Vec<u8> {
        each!(self, s => s.object_bytes())
    }

    /// The envelope's bytes by field.
    pub fn fields(&self) -> Vec<Field> {
        each!(self, s => s.fields())
    }

    /// Signs it with one key; what comes out is the file that lies beside it.
    pub fn sign(&self, key: &SigningKey) -> SignatureFile {
        let signature = key.sign(&each!(self, s => s.signing_message()));
        SignatureFile {
            kind: kind_name(self.kind()).to_owned(),
            number: self.number().get(),
            name: key.name().to_owned(),
            role: role_name(key.role()).to_owned(),
            key: to_hex(&signature.public),
            signature: to_hex(&signature.bytes),
        }
    }

    /// Refuses a document that is for another vehicle than the mission's.
    ///
    /// # Errors
    /// [`Kind::Refused`].
    pub fn check_target(&self, path: &Path, mission: &Mission) -> Result<()> {
        let profile = &mission.profile;
        let target = match self {
            Self::Bundle(b) => b.context().target,
            Self::Authorization(d) => Target::Vehicle(d.context().vehicle),
            Self::Command(d) => Target::Vehicle(d.context().vehicle),
            Self::KeySet(d) => Target::Class(d.context().class),
        };
        let ours = match target {
            Target::Vehicle(v) => v == profile.vehicle,
            Target::Class(c) => c == profile.class,
        };
        if ours {
            return Ok(());
        }
        let what = format!(
            "is for {}, this mission flies vehicle {} of class {}",
            show_target(target),
            profile.vehicle.0,
            profile.class.0
        );
        Err(Error::new(Kind::Refused, what)
            .file(path)
            .field("target")
            .hint("use the mission that it was built in, or build it here"))
    }
}

/// The name of a signature's key, from `names`; a signature that says otherwise is refused.
fn holder(read: &SignatureFile, role: Role, names: &[NamedKey]) -> Result<String> {
    let Some(known) = names.iter().find(|n| n.key.eq_ignore_ascii_case(&read.key)) else {
        // A key that no list names, such as a new one of a successor: its digits are its name.
        return Ok(format!("key {}", read.key.get(..8).unwrap_or(&read.key)));
    };
    if (known.name.as_str(), known.role.as_str()) == (read.name.as_str(), role_name(role)) {
        return Ok(known.name.clone());
    }
    let what = format!(
        "says {} {}, but the key is that of {} {}",
        read.role, read.name, known.role, known.name
    );
    Err(Error::new(Kind::Trust, what)
        .field("name")
        .hint("the file was changed after it was signed: ask the holder of the key to sign again"))
}

/// Who holds which key: the key set, then the public keys that wait for their key set.
///
/// # Errors
/// There is no key set, or it makes no sense.
pub fn names(mission: &Mission) -> Result<Vec<NamedKey>> {
    let mut names = mission.key_set()?.keys;
    for (_, key) in mission.public_keys().unwrap_or_default() {
        if names.iter().all(|n| n.key != key.key) {
            names.push(key);
        }
    }
    Ok(names)
}

/// A target for people.
pub fn show_target(target: Target) -> String {
    match target {
        Target::Vehicle(v) => format!("vehicle {}", v.0),
        Target::Class(c) => format!("class {}", c.0),
    }
}

/// The file of a signature by `key` beside `path`.
pub fn signature_path(path: &Path, key: &SigningKey) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}-{}.sig", role_name(key.role()), key.name()));
    PathBuf::from(name)
}

/// All signature files beside `path`, by name.
///
/// # Errors
/// The directory cannot be read.
pub fn signature_files(path: &Path) -> Result<Vec<PathBuf>> {
    let dir = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut prefix = path
        .file_name()
        .map_or_else(OsString::new, ToOwned::to_owned);
    prefix.push(".");
    let prefix = prefix.to_string_lossy().into_owned();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|e| Error::io(dir, &e))? {
        let entry = entry.map_err(|e| Error::io(dir, &e))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(&prefix) && name.ends_with(".sig") {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}
