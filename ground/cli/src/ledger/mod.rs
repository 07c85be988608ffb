//! The mission's ledger: one SQLite file with everything that the ground knows.
//!
//! Each verb that changes something is one [`step`](Ledger::step): one transaction that ends with one
//! decision in the hash chain. A step that fails, or a power cut in its middle, leaves the ledger as it
//! was. The ledger never forgets, never hands out a number twice and never judges a signature.
//!
//! ```text
//! decision n:  seq | at | who | verb | what | state | prev = digest of n-1 | digest = SHA-256(all of it)
//! ```
//! The triggers keep honest programs from changing the past; the chain shows where a dishonest one did, and
//! the state, a digest of all facts, that none changed without a decision.

mod chain;
mod cuts;
mod facts;
mod files;
mod light;
mod numbers;
mod places;
mod redated;
mod sent;
mod state;
#[cfg(test)]
mod step_tests;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Row, Transaction, TransactionBehavior};

use crate::error::{Error, Kind, Result};

pub use chain::Chain;
pub use cuts::{Cut, Piece};
pub use facts::{AnswerRow, BundleRow, ObjectRow, ReportRow, SignatureRow};
pub use files::{LinkPrints, Unnamed};
pub use light::LightRow;
pub use places::shortened as places_shortened;
pub use redated::Redated;
pub use sent::{SentRow, UplinkRow};

/// The version of the schema that this program writes.
const SCHEMA: i64 = 3;
/// "LDay": what `file` and `PRAGMA application_id` say about the file.
const APPLICATION: i64 = 0x4c44_6179;
/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(5);

/// The open ledger of a mission.
pub struct Ledger {
    path: PathBuf,
    connection: Connection,
    /// What a verb is about to say of frames that were not transmitted, and when.
    as_if: Vec<(u64, Cut)>,
}

/// Who acts, when, through which verb.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The person, as the ledger remembers them.
    pub who: String,
    /// Unix seconds.
    pub at_s: u64,
}

/// One transaction. Facts are added through it; it ends with a decision.
pub struct Step<'l> {
    transaction: Transaction<'l>,
    path: &'l Path,
    at_s: u64,
}

impl Ledger {
    /// Makes a new ledger.
    ///
    /// # Errors
    /// [`Kind::Ledger`]; the file must not exist.
    pub fn create(path: &Path) -> Result<Self> {
        crate::atomic::refuse_existing(path)?;
        let wrap = |e| explain(path, &e);
        let mut connection = Connection::open(path).map_err(wrap)?;
        let transaction = connection.transaction().map_err(wrap)?;
        transaction
            .execute_batch(include_str!("schema.sql"))
            .map_err(wrap)?;
        transaction
            .pragma_update(None, "application_id", APPLICATION)
            .map_err(wrap)?;
        transaction
            .pragma_update(None, "user_version", SCHEMA)
            .map_err(wrap)?;
        transaction.commit().map_err(wrap)?;
        drop(connection);
        Self::open(path)
    }

    /// Opens a ledger to write to it.
    ///
    /// # Errors
    /// [`Kind::Ledger`]: missing, not a ledger, newer than this program, damaged.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// Opens a ledger to read it only.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_to_read(path: &Path) -> Result<Self> {
        let mut journal = path.as_os_str().to_owned();
        journal.push("-journal");
        if Path::new(&journal).exists() {
            // A run that was cut off may have left a step that must be rolled back first, which is writing.
            let _ = Self::open(path);
        }
        Self::open_with(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    fn open_with(path: &Path, flags: OpenFlags) -> Result<Self> {
        if !path.is_file() {
            return Err(Error::new(Kind::Ledger, "there is no ledger here")
                .file(path)
                .hint("restore it from its backup; `lightday new DIR` makes a new mission with an empty one"));
        }
        let wrap = |e| explain(path, &e);
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(wrap)?;
        connection.busy_timeout(BUSY).map_err(wrap)?;
        connection
            .pragma_update(None, "foreign_keys", true)
            .map_err(wrap)?;
        let pragma = |name: &str| connection.pragma_query_value(None, name, |r| r.get::<_, i64>(0));
        let application = pragma("application_id").map_err(wrap)?;
        let version = pragma("user_version").map_err(wrap)?;
        if application != APPLICATION {
            let is_empty = std::fs::metadata(path).is_ok_and(|file| file.len() == 0);
            let what = if is_empty {
                "an empty file: what was in the ledger is gone"
            } else {
                "an SQLite file, but not a ledger of lightday"
            };
            return Err(Error::new(Kind::Ledger, what)
                .file(path)
                .hint("restore ledger.sqlite from its backup"));
        }
        if version > SCHEMA {
            let what =
                format!("written by a newer lightday: schema {version}, this one knows {SCHEMA}");
            return Err(Error::new(Kind::Ledger, what).file(path).hint(
                "use the newer lightday; it can read what this one wrote, not the other way round",
            ));
        }
        if version < SCHEMA {
            let what = format!(
                "written before the first release: schema {version}, this lightday knows {SCHEMA}"
            );
            return Err(Error::new(Kind::Ledger, what).file(path).hint(
                "go on with the lightday that wrote it, or begin a new mission with `lightday new DIR`",
            ));
        }
        let ledger = Self {
            path: path.to_path_buf(),
            connection,
            as_if: Vec::new(),
        };
        match state::damaged_schema(&ledger.connection).map_err(wrap)? {
            Some(what) => Err(ledger.broken(what)),
            None => Ok(ledger),
        }
    }

    /// Runs one step: `work` adds facts and returns its value with what was decided, in JSON. All or
    /// nothing is kept. The facts are held against the last decision first.
    ///
    /// # Errors
    /// Those of `work`, and [`Kind::Ledger`], also where a fact was changed without a decision.
    pub fn step<T>(
        &mut self,
        actor: &Actor,
        verb: &str,
        work: impl FnOnce(&Step<'_>) -> Result<(T, serde_json::Value)>,
    ) -> Result<T> {
        let Self {
            path, connection, ..
        } = self;
        let wrap = |e| explain(path, &e);
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(wrap)?;
        // Whoever changed a row past the triggers must not have the next decision vouch for it.
        if let Some(what) = chain::unlike_last(&transaction).map_err(wrap)? {
            return Err(chain::broken(path, what));
        }
        let step = Step {
            transaction,
            path,
            at_s: actor.at_s,
        };
        let (value, what) = work(&step)?;
        chain::append(&step.transaction, actor, verb, &what.to_string()).map_err(wrap)?;
        step.transaction.commit().map_err(wrap)?;
        crate::atomic::note(path);
        Ok(value)
    }

    /// All rows of a query without parameters.
    fn rows<T>(
        &self,
        sql: &str,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let all = || -> rusqlite::Result<Vec<T>> {
            self.connection.prepare(sql)?.query_map([], read)?.collect()
        };
        all().map_err(self.wrap())
    }

    fn wrap(&self) -> impl Fn(rusqlite::Error) -> Error + use<'_> {
        |e| explain(&self.path, &e)
    }
}

impl Step<'_> {
    fn wrap(&self) -> impl Fn(rusqlite::Error) -> Error + use<'_> {
        |e| explain(self.path, &e)
    }
}

/// What SQLite says, with the next step.
fn explain(path: &Path, error: &rusqlite::Error) -> Error {
    let code = error.sqlite_error_code();
    let (what, hint) = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            "another program is writing to the ledger".to_owned(),
            "wait until it is done, then repeat the command: nothing was written",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => (
            "the ledger cannot be written to".to_owned(),
            "check who owns ledger.sqlite and its directory, and that the disk is not mounted read-only",
        ),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => (
            format!("the ledger is damaged ({error})"),
            "keep the damaged file, restore ledger.sqlite from its backup, then run `lightday ledger verify` and `lightday ingest` with all reports since",
        ),
        Some(ErrorCode::DiskFull) => (
            "the disk is full".to_owned(),
            "make room, then repeat the command: nothing was written",
        ),
        Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure) => (
            format!("the ledger cannot be read ({error})"),
            "check the path, its permissions and the disk",
        ),
        _ => (
            format!("the ledger refuses: {error}"),
            "run `lightday ledger verify`",
        ),
    };
    Error::new(Kind::Ledger, what).file(path).hint(hint)
}
