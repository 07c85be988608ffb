//! Facts: objects, signatures, reports and answers.

use lightday_wire::{ObjectKind, ObjectNumber, Role};
use rusqlite::{OptionalExtension as _, Row, params};

use super::redated::frame_digest;
use super::{Ledger, Step};
use crate::error::Result;

/// An object that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRow {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its number.
    pub number: ObjectNumber,
    /// Its file, relative to the mission directory.
    pub file: String,
    /// SHA-256 of the file as it was made.
    pub sha256: [u8; 32],
    /// When it was made, Unix seconds.
    pub made_s: u64,
}

/// What a bundle brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleRow {
    /// Its number.
    pub number: ObjectNumber,
    /// The image's digest.
    pub image: [u8; 32],
    /// The image's version.
    pub version: String,
    /// The image's security counter.
    pub security_counter: u32,
}

/// A signature of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureRow {
    /// The object's kind.
    pub kind: ObjectKind,
    /// The object's number.
    pub number: ObjectNumber,
    /// The public key.
    pub key: [u8; 32],
    /// The key's name.
    pub name: String,
    /// The key's role.
    pub role: Role,
    /// R and S (RFC 8032).
    pub signature: [u8; 64],
}

/// A report as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRow {
    /// When it arrived, Unix seconds.
    pub received_s: u64,
    /// Its sequence number.
    pub sequence: u32,
    /// All of its bytes.
    pub frame: Vec<u8>,
    /// Of each kind the first number behind all that had been sent when it arrived. What is sent later makes
    /// nothing true that it says.
    pub behind_sent: [ObjectNumber; 4],
}

pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A column that must hold a value that `convert` knows.
pub(super) fn column<T>(
    row: &Row<'_>,
    at: usize,
    convert: impl FnOnce(i64) -> Option<T>,
) -> rusqlite::Result<T> {
    let value: i64 = row.get(at)?;
    convert(value).ok_or(rusqlite::Error::IntegralValueOutOfRange(at, value))
}

pub(super) fn kind(value: i64) -> Option<ObjectKind> {
    ObjectKind::from_code(u8::try_from(value).ok()?)
}

pub(super) fn number(value: i64) -> Option<ObjectNumber> {
    ObjectNumber::new(u32::try_from(value).ok()?)
}

pub(super) fn unsigned<T: TryFrom<i64>>(value: i64) -> Option<T> {
    T::try_from(value).ok()
}

impl Step<'_> {
    /// Remembers an object and the bytes of its file.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger), also if the number is taken.
    pub fn add_object(&self, object: &ObjectRow, bytes: &[u8]) -> Result<()> {
        self.transaction
            .execute(
                "INSERT INTO objects (kind, number, file, sha256, made_s, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    object.kind.code(),
                    object.number.get(),
                    object.file,
                    object.sha256,
                    signed(object.made_s),
                    bytes
                ],
            )
            .map_err(self.wrap())?;
        Ok(())
    }

    /// Remembers what a bundle brings.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn add_bundle(
        &self,
        number: ObjectNumber,
        manifest: &lightday_wire::Manifest,
        base: Option<[u8; 32]>,
    ) -> Result<()> {
        self.transaction
            .execute(
                "INSERT INTO bundles (number, image, image_size, version, base, payload_size, codec, security)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    number.get(),
                    manifest.image.digest.0,
                    manifest.image.size,
                    manifest.image.version.to_string(),
                    base,
                    manifest.payload.size,
                    manifest.payload.codec.code(),
                    manifest.security_counter
                ],
            )
            .map_err(self.wrap())?;
        Ok(())
    }

    /// Remembers what a document says, in JSON.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn add_document(&self, kind: ObjectKind, number: ObjectNumber, says: &str) -> Result<()> {
        self.transaction
            .execute(
                "INSERT INTO documents (kind, number, says) VALUES (?1, ?2, ?3)",
                params![kind.code(), number.get(), says],
            )
            .map_err(self.wrap())?;
        Ok(())
    }

    /// Remembers a signature; one that is known already is left as it is.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn add_signature(&self, row: &SignatureRow) -> Result<()> {
        self.transaction
            .execute(
                "INSERT OR IGNORE INTO signatures (kind, number, key, name, role, signature, seen_s)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    row.kind.code(),
                    row.number.get(),
                    row.key,
                    row.name,
                    row.role.code(),
                    row.signature,
                    signed(self.at_s)
                ],
            )
            .map_err(self.wrap())?;
        Ok(())
    }

    /// Remembers a report; returns `false` if the very same bytes are known already.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn add_report(&self, row: &ReportRow) -> Result<bool> {
        let changed = self
            .transaction
            .execute(
                "INSERT OR IGNORE INTO reports (received_s, sequence, frame, bundle, authorization, command, key_set)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    signed(row.received_s),
                    row.sequence,
                    row.frame,
                    row.behind_sent[0].get(),
                    row.behind_sent[1].get(),
                    row.behind_sent[2].get(),
                    row.behind_sent[3].get()
                ],
            )
            .map_err(self.wrap())?;
        Ok(changed > 0)
    }
}

/// The answer to a region-digest command, or a part of a dump, as it arrived, authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerRow {
    /// When it was heard, in Unix seconds.
    pub received_s: u64,
    /// The command's number.
    pub command: ObjectNumber,
    /// All its bytes.
    pub frame: Vec<u8>,
    /// Whether it could not be the vehicle's when it was heard: the command had not been sent, or does not ask for it,
    /// or light allowed no answer yet.
    pub is_strange: bool,
}

impl Step<'_> {
    /// Remembers an answer; returns `false` if the very same bytes are known already.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn add_answer(&self, row: &AnswerRow) -> Result<bool> {
        let changed = self
            .transaction
            .execute(
                "INSERT OR IGNORE INTO answers (received_s, command, frame, strange) VALUES (?1, ?2, ?3, ?4)",
                params![
                    signed(row.received_s),
                    row.command.get(),
                    row.frame,
                    row.is_strange
                ],
            )
            .map_err(self.wrap())?;
        Ok(changed > 0)
    }
}

impl Ledger {
    /// All answers in the order in which they were taken in.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn answers(&self) -> Result<Vec<AnswerRow>> {
        let sql = "SELECT received_s, command, frame, strange FROM answers ORDER BY id";
        self.rows(sql, |r| {
            Ok(AnswerRow {
                received_s: column(r, 0, unsigned)?,
                command: column(r, 1, number)?,
                frame: r.get(2)?,
                is_strange: r.get(3)?,
            })
        })
    }

    /// An object, if it was made.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn object(&self, of: ObjectKind, n: ObjectNumber) -> Result<Option<ObjectRow>> {
        self.connection
            .query_row(
                "SELECT kind, number, file, sha256, made_s FROM objects WHERE kind = ?1 AND number = ?2",
                [u32::from(of.code()), n.get()],
                object_row,
            )
            .optional()
            .map_err(self.wrap())
    }

    /// What a bundle brings, if it was built here.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn bundle(&self, of: ObjectNumber) -> Result<Option<BundleRow>> {
        Ok(self.bundles()?.into_iter().find(|b| b.number == of))
    }

    /// All bundles by number.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn bundles(&self) -> Result<Vec<BundleRow>> {
        self.rows(
            "SELECT number, image, version, security FROM bundles ORDER BY number",
            |r| {
                Ok(BundleRow {
                    number: column(r, 0, number)?,
                    image: r.get(1)?,
                    version: r.get(2)?,
                    security_counter: r.get(3)?,
                })
            },
        )
    }

    /// All objects by kind and number.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn objects(&self) -> Result<Vec<ObjectRow>> {
        self.rows(
            "SELECT kind, number, file, sha256, made_s FROM objects ORDER BY kind, number",
            object_row,
        )
    }

    /// All reports in the order in which they were taken in, each with the instant that was said of it last.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn reports(&self) -> Result<Vec<ReportRow>> {
        let redated = self.redated()?;
        let sql = "SELECT received_s, sequence, frame, bundle, authorization, command, key_set FROM reports ORDER BY id";
        self.rows(sql, |r| {
            let frame: Vec<u8> = r.get(2)?;
            let said_s = match redated.is_empty() {
                true => None,
                false => redated.get(&frame_digest(&frame)).copied(),
            };
            let received_s = said_s.map_or_else(|| column(r, 0, unsigned), Ok)?;
            Ok(ReportRow {
                received_s,
                sequence: r.get(1)?,
                frame,
                behind_sent: [
                    column(r, 3, number)?,
                    column(r, 4, number)?,
                    column(r, 5, number)?,
                    column(r, 6, number)?,
                ],
            })
        })
    }
}

fn object_row(row: &Row<'_>) -> rusqlite::Result<ObjectRow> {
    Ok(ObjectRow {
        kind: column(row, 0, kind)?,
        number: column(row, 1, number)?,
        file: row.get(2)?,
        sha256: row.get(3)?,
        made_s: column(row, 4, unsigned)?,
    })
}
