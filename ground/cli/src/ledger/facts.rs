//! Facts: objects, signatures, what was sent, reports, and the next numbers.

use lightday_wire::{ObjectKind, ObjectNumber, Role};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Ledger, Step};
use crate::error::{Error, Kind, Result};

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

/// A run of symbols of an object that was written for the uplink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRow {
    /// The object's kind.
    pub kind: ObjectKind,
    /// The object's number.
    pub number: ObjectNumber,
    /// SHA-256 of the object's bytes before padding, signatures included.
    pub object: [u8; 32],
    /// The link epoch.
    pub epoch: u8,
    /// Source symbols of the object.
    pub k: u16,
    /// Bytes of a symbol.
    pub symbol_len: u16,
    /// First index.
    pub first: u32,
    /// Number of indices from there on.
    pub count: u32,
    /// Planned instant of the first bit, Unix seconds.
    pub starts_s: u64,
    /// Planned instant of the last bit, Unix seconds.
    pub ends_s: u64,
    /// The file of frames.
    pub file: String,
    /// When it was said that none of them was transmitted, Unix seconds.
    pub unsent_s: Option<u64>,
}

impl SentRow {
    /// Whether the symbols left the antenna as planned, as far as the ground knows.
    pub const fn went(&self) -> bool {
        self.unsent_s.is_none()
    }
}

/// An uplink as its decision tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UplinkRow {
    /// SHA-256 of the file of frames, in hexadecimal.
    pub sha256: String,
    /// When it was said that none of its frames was transmitted, Unix seconds.
    pub unsent_s: Option<u64>,
}

/// The files whose frames were never transmitted, with the instant at which that was said. It is a decision
/// and nothing else: the run stays in `sent` as it was written, and the chain keeps who took it back.
const UNSENT: &str =
    "SELECT json_extract(what, '$.unsent') AS file, min(at_s) AS at_s FROM decisions
     WHERE verb = 'uplink' AND json_extract(what, '$.unsent') IS NOT NULL GROUP BY 1";

/// A report as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRow {
    /// When it arrived, Unix seconds.
    pub received_s: u64,
    /// Its sequence number.
    pub sequence: u32,
    /// All of its bytes.
    pub frame: Vec<u8>,
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A column that must hold a value that `convert` knows.
fn column<T>(
    row: &Row<'_>,
    at: usize,
    convert: impl FnOnce(i64) -> Option<T>,
) -> rusqlite::Result<T> {
    let value: i64 = row.get(at)?;
    convert(value).ok_or(rusqlite::Error::IntegralValueOutOfRange(at, value))
}

fn kind(value: i64) -> Option<ObjectKind> {
    ObjectKind::from_code(u8::try_from(value).ok()?)
}

fn number(value: i64) -> Option<ObjectNumber> {
    ObjectNumber::new(u32::try_from(value).ok()?)
}

fn unsigned<T: TryFrom<i64>>(value: i64) -> Option<T> {
    T::try_from(value).ok()
}

/// An instant that may be missing.
fn instant(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<u64>> {
    let value: Option<i64> = row.get(at)?;
    value.map(|_| column(row, at, unsigned)).transpose()
}

impl Step<'_> {
    /// Takes the next number of a kind. No other step ever gets it, even if this object is never sent.
    ///
    /// # Errors
    /// [`Kind::Ledger`], also if all 2^24 numbers are used.
    pub fn take_number(&self, kind: ObjectKind) -> Result<ObjectNumber> {
        let taken = self.transaction.query_row(
            "UPDATE numbers SET next = next + 1 WHERE kind = ?1 RETURNING next - 1",
            [kind.code()],
            |r| column(r, 0, number),
        );
        taken.map_err(|e| match e.sqlite_error_code() {
            // The schema's bound on `next`.
            Some(rusqlite::ErrorCode::ConstraintViolation) => {
                Error::new(Kind::Ledger, format!("all numbers of {kind:?} are used"))
                    .file(self.path)
            }
            _ => self.wrap()(e),
        })
    }

    /// Takes the next number of a kind, which must be `expected`: a document was drafted with it.
    ///
    /// # Errors
    /// As [`Self::take_number`], and [`Kind::Ledger`] if another program took it meanwhile.
    pub fn expect_number(&self, kind: ObjectKind, expected: ObjectNumber) -> Result<()> {
        if self.take_number(kind)? == expected {
            return Ok(());
        }
        let what = format!("another program took number {expected} meanwhile");
        Err(Error::new(Kind::Ledger, what)
            .file(self.path)
            .hint("repeat the command: nothing was written"))
    }

    /// Raises the next number of a kind to at least `next`; never lowers it. Returns whether it rose.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn raise_number(&self, kind: ObjectKind, next: ObjectNumber) -> Result<bool> {
        let changed = self
            .transaction
            .execute(
                "UPDATE numbers SET next = ?2 WHERE kind = ?1 AND next < ?2",
                params![kind.code(), next.get()],
            )
            .map_err(self.wrap())?;
        Ok(changed > 0)
    }

    /// Remembers an object and the bytes of its file.
    ///
    /// # Errors
    /// [`Kind::Ledger`], also if the number is taken.
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
    /// [`Kind::Ledger`].
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
    /// [`Kind::Ledger`].
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
    /// [`Kind::Ledger`].
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

    /// Remembers a run of symbols that was written for the uplink.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn add_sent(&self, row: &SentRow) -> Result<()> {
        self.transaction
            .execute(
                "INSERT INTO sent (kind, number, epoch, k, symbol_len, first, count, starts_s, ends_s, file, object)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                params![
                    row.kind.code(),
                    row.number.get(),
                    row.epoch,
                    row.k,
                    row.symbol_len,
                    row.first,
                    row.count,
                    signed(row.starts_s),
                    signed(row.ends_s),
                    row.file,
                    row.object
                ],
            )
            .map_err(self.wrap())?;
        Ok(())
    }

    /// How many runs of symbols were remembered so far.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn sent_runs(&self) -> Result<usize> {
        self.transaction
            .query_row("SELECT count(*) FROM sent", [], |r| column(r, 0, unsigned))
            .map_err(self.wrap())
    }

    /// The uplink that wrote this file of frames, if one did.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn uplink_of(&self, file: &str) -> Result<Option<UplinkRow>> {
        uplink_of(&self.transaction, file).map_err(self.wrap())
    }

    /// Remembers a report; returns `false` if the very same bytes are known already.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn add_report(&self, row: &ReportRow) -> Result<bool> {
        let changed = self
            .transaction
            .execute(
                "INSERT OR IGNORE INTO reports (received_s, sequence, frame) VALUES (?1, ?2, ?3)",
                params![signed(row.received_s), row.sequence, row.frame],
            )
            .map_err(self.wrap())?;
        Ok(changed > 0)
    }
}

/// The answer to a region-digest command, as it arrived, authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerRow {
    /// When it was heard, in Unix seconds.
    pub received_s: u64,
    /// The command's number.
    pub command: ObjectNumber,
    /// All its bytes.
    pub frame: Vec<u8>,
}

impl Step<'_> {
    /// Remembers an answer; returns `false` if the very same bytes are known already.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn add_answer(&self, row: &AnswerRow) -> Result<bool> {
        let changed = self
            .transaction
            .execute(
                "INSERT OR IGNORE INTO answers (received_s, command, frame) VALUES (?1, ?2, ?3)",
                params![signed(row.received_s), row.command.get(), row.frame],
            )
            .map_err(self.wrap())?;
        Ok(changed > 0)
    }
}

/// The number that has none behind it.
const LAST_NUMBER: i64 = (1 << 24) - 1;

impl Ledger {
    /// As [`Step::uplink_of`].
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn uplink_of(&self, file: &str) -> Result<Option<UplinkRow>> {
        uplink_of(&self.connection, file).map_err(self.wrap())
    }

    /// All answers to a command.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn answers(&self, command: ObjectNumber) -> Result<Vec<Vec<u8>>> {
        let all = self.rows("SELECT command, frame FROM answers ORDER BY id", |r| {
            Ok((column(r, 0, number)?, r.get(1)?))
        })?;
        Ok(all
            .into_iter()
            .filter_map(|(of, frame)| (of == command).then_some(frame))
            .collect())
    }

    /// The next number of a kind, without taking it: behind all that were given out. The last of all, which no
    /// vehicle takes since none is behind it, says that they are used up.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn next_number(&self, of: ObjectKind) -> Result<ObjectNumber> {
        self.connection
            .query_row(
                "SELECT next FROM numbers WHERE kind = ?1",
                [of.code()],
                |r| column(r, 0, |next: i64| number(next.min(LAST_NUMBER))),
            )
            .map_err(self.wrap())
    }

    /// The next number of a kind, to draft an object with it.
    ///
    /// # Errors
    /// [`Kind::Ledger`], also if all numbers are used up.
    pub fn free_number(&self, of: ObjectKind) -> Result<ObjectNumber> {
        let next = self.next_number(of)?;
        if i64::from(next.get()) < LAST_NUMBER {
            return Ok(next);
        }
        Err(Error::new(Kind::Ledger, format!("all numbers of {of:?} are used"))
            .file(&self.path)
            .hint("`lightday ledger log` shows who took them; restore ledger.sqlite from the backup before that, then ingest the reports since"))
    }

    /// An object, if it was made.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
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
    /// [`Kind::Ledger`].
    pub fn bundle(&self, of: ObjectNumber) -> Result<Option<BundleRow>> {
        Ok(self.bundles()?.into_iter().find(|b| b.number == of))
    }

    /// All bundles by number.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
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
    /// [`Kind::Ledger`].
    pub fn objects(&self) -> Result<Vec<ObjectRow>> {
        self.rows(
            "SELECT kind, number, file, sha256, made_s FROM objects ORDER BY kind, number",
            object_row,
        )
    }

    /// Everything that was written for the uplink, in that order, with what was never transmitted of it.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn sent(&self) -> Result<Vec<SentRow>> {
        let sql = format!(
            "SELECT kind, number, epoch, k, symbol_len, first, count, starts_s, ends_s, s.file, object, u.at_s
             FROM sent s LEFT JOIN ({UNSENT}) u ON u.file = s.file ORDER BY id"
        );
        self.rows(&sql, |r| {
            Ok(SentRow {
                kind: column(r, 0, kind)?,
                number: column(r, 1, number)?,
                epoch: r.get(2)?,
                k: r.get(3)?,
                symbol_len: r.get(4)?,
                first: r.get(5)?,
                count: r.get(6)?,
                starts_s: column(r, 7, unsigned)?,
                ends_s: column(r, 8, unsigned)?,
                file: r.get(9)?,
                object: r.get(10)?,
                unsent_s: instant(r, 11)?,
            })
        })
    }

    /// All reports in the order in which they were taken in.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn reports(&self) -> Result<Vec<ReportRow>> {
        let sql = "SELECT received_s, sequence, frame FROM reports ORDER BY id";
        self.rows(sql, |r| {
            Ok(ReportRow {
                received_s: column(r, 0, unsigned)?,
                sequence: r.get(1)?,
                frame: r.get(2)?,
            })
        })
    }
}

fn uplink_of(connection: &Connection, file: &str) -> rusqlite::Result<Option<UplinkRow>> {
    let sql = format!(
        "SELECT json_extract(d.what, '$.sha256'), u.at_s FROM decisions d
         LEFT JOIN ({UNSENT}) u ON u.file = ?1
         WHERE d.verb = 'uplink' AND json_extract(d.what, '$.file') = ?1 ORDER BY d.seq DESC LIMIT 1"
    );
    let read = |row: &Row<'_>| {
        Ok(UplinkRow {
            sha256: row.get(0)?,
            unsent_s: instant(row, 1)?,
        })
    };
    connection.query_row(&sql, [file], read).optional()
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
