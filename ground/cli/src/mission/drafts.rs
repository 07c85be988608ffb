//! Writing a small document: a number from the ledger, a file in documents/, one decision.

use std::path::PathBuf;

use lightday_station::signed::{Drafted, Signed};
use lightday_trust::digest::sha256;
use lightday_wire::envelope::SIGNATURE_LEN;
use lightday_wire::{ObjectKind, ObjectNumber};
use serde_json::Value;

use super::{Mission, recover};
use crate::Global;
use crate::atomic::{Access, Pending};
use crate::error::{Error, Kind, Result};
use crate::ledger::{Ledger, ObjectRow};

/// Bytes of the longest envelope of a key set that a vehicle keeps for its loader.
pub const MAX_KEY_SET_LEN: usize = 1008;

/// A document that is ready to be written.
pub struct Draft {
    /// What it is.
    pub kind: ObjectKind,
    /// The number that it was drafted with.
    pub number: ObjectNumber,
    /// Its file's bytes.
    pub bytes: Vec<u8>,
    /// What it says, in JSON.
    pub says: Value,
}

impl Draft {
    /// Where it is written to.
    pub fn path(&self, mission: &Mission) -> PathBuf {
        let prefix = prefix(self.kind);
        mission.path(format!("documents/{prefix}{}.ldd", self.number))
    }

    /// Takes the number, remembers the document and writes its file.
    ///
    /// # Errors
    /// [`Kind::Ledger`], the file system's.
    pub fn write(
        &self,
        mission: &Mission,
        ledger: &mut Ledger,
        verb: &str,
        global: &Global,
    ) -> Result<()> {
        let path = self.path(mission);
        let pending = Pending::write(&path, &self.bytes, Access::Public)?;
        let row = ObjectRow {
            kind: self.kind,
            number: self.number,
            file: mission.relative(&path),
            sha256: sha256(&self.bytes).0,
            made_s: global.now_s(),
        };
        ledger.step(&global.actor(), verb, |step| {
            step.expect_number(self.kind, self.number)?;
            // Only now: a file of another command that had this number until then says nothing.
            recover::refuse_second(&path)?;
            step.add_object(&row, &self.bytes)?;
            step.add_document(self.kind, self.number, &self.says.to_string())?;
            Ok(((), self.says.clone()))
        })?;
        recover::name_kept(pending, &self.bytes)
    }
}

/// What the name of a document's file begins with; its number follows.
#[must_use]
pub const fn prefix(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Authorization => "auth-",
        ObjectKind::KeySet => "keyset-",
        _ => "cmd-",
    }
}

/// A document that is longer than any may be: no verb drafts one.
pub fn too_long() -> Error {
    Error::new(Kind::Internal, "the document is longer than any may be")
}

/// Refuses a document whose envelope, with all signatures that the key set asks for, is longer than a vehicle
/// takes. Before there is a key set, nobody knows how many those are.
///
/// # Errors
/// [`Kind::Refused`], and those of reading the key set.
pub fn check_len<T: Drafted>(
    document: &Signed<T>,
    limit: usize,
    mission: &Mission,
    hint: &str,
) -> Result<()> {
    let Some(keys) = mission.key_set_if_any()? else {
        return Ok(());
    };
    let missing: usize = document.missing(&keys).iter().map(|(_, n)| n).sum();
    let len = document.envelope_bytes().len() + missing * SIGNATURE_LEN;
    if len <= limit {
        return Ok(());
    }
    let what = format!(
        "the envelope has {len} B with the {missing} signatures that it needs, the vehicle takes {limit} B"
    );
    Err(Error::new(Kind::Refused, what)
        .file(&mission.path("keys/keyset.toml"))
        .field("thresholds")
        .hint(hint))
}
