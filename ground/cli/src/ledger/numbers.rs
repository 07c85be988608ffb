//! The next number of each kind: given out once, never taken back, never lowered.

use lightday_wire::{ObjectKind, ObjectNumber};
use rusqlite::params;

use super::facts::{column, kind, number};
use super::{Ledger, Step};
use crate::error::{Error, Kind, Result};

/// The number that has none behind it.
const LAST_NUMBER: i64 = (1 << 24) - 1;

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
}

impl Step<'_> {
    /// Takes over that all numbers of a kind below `next` may be used up on board: a report says so, and people
    /// believe it. None of them is given out from here on.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn accept_number(&self, kind: ObjectKind, next: ObjectNumber, report: u32) -> Result<()> {
        self.raise_number(kind, next)?;
        self.transaction
            .execute(
                "INSERT INTO accepted (kind, next, report) VALUES (?1, ?2, ?3)",
                params![kind.code(), next.get(), report],
            )
            .map_err(self.wrap())?;
        Ok(())
    }
}

impl Ledger {
    /// What people took over from reports, in that order: of each the kind, and the first number behind.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn accepted_numbers(&self) -> Result<Vec<(ObjectKind, ObjectNumber)>> {
        self.rows("SELECT kind, next FROM accepted ORDER BY id", |r| {
            Ok((column(r, 0, kind)?, column(r, 1, number)?))
        })
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
}
