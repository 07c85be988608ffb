//! Files that a step makes: their bytes are committed with it, so that a run that is cut off between the
//! commit and the naming loses nothing.
//!
//! ```text
//! write aside -> commit (facts, decision, bytes) -> name -> settle (forget the bytes of `unnamed`)
//!                      a cut here: the next verb names the file from the ledger
//! ```
//! The bytes of objects stay for good: a bundle or document whose file is missing is written again.

use lightday_wire::{ObjectKind, ObjectNumber};
use rusqlite::{OptionalExtension as _, params};

use super::{Ledger, Step};
use crate::error::Result;

/// Fingerprints of the sixteen link keys, 8 B an epoch.
pub type LinkPrints = [u8; 128];

/// A file that may not have its name yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unnamed {
    /// Its name, relative to the mission directory.
    pub file: String,
    /// All of it.
    pub bytes: Vec<u8>,
    /// Whether it takes the place of a file of that name.
    pub replaces: bool,
}

impl Step<'_> {
    /// Keeps the bytes of a file until it has its name.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn add_unnamed(&self, file: &str, bytes: &[u8], replaces: bool) -> Result<()> {
        self.transaction
            .execute(
                "INSERT OR REPLACE INTO unnamed (file, bytes, replaces) VALUES (?1, ?2, ?3)",
                params![file, bytes, replaces],
            )
            .map_err(self.wrap())?;
        Ok(())
    }

    /// Remembers the digest of a key set.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn add_key_set(&self, version: u16, sha256: &[u8; 32]) -> Result<()> {
        self.transaction
            .execute(
                "INSERT INTO key_sets (version, sha256) VALUES (?1, ?2)",
                params![version, sha256],
            )
            .map_err(self.wrap())?;
        Ok(())
    }

    /// Remembers the fingerprints of the link keys.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn add_link_keys(&self, fingerprints: &LinkPrints) -> Result<()> {
        self.transaction
            .execute(
                "INSERT INTO link_keys (fingerprints) VALUES (?1)",
                [fingerprints],
            )
            .map_err(self.wrap())?;
        Ok(())
    }
}

impl Ledger {
    /// The files of the last steps that may not have their names yet.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn unnamed(&self) -> Result<Vec<Unnamed>> {
        self.rows(
            "SELECT file, bytes, replaces FROM unnamed ORDER BY file",
            |r| {
                Ok(Unnamed {
                    file: r.get(0)?,
                    bytes: r.get(1)?,
                    replaces: r.get(2)?,
                })
            },
        )
    }

    /// Forgets the bytes of a file that has its name.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn settle(&self, file: &str) -> Result<()> {
        self.connection
            .execute("DELETE FROM unnamed WHERE file = ?1", [file])
            .map_err(self.wrap())?;
        Ok(())
    }

    /// The bytes of an object's file as it was made.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn object_bytes(&self, of: ObjectKind, n: ObjectNumber) -> Result<Vec<u8>> {
        self.connection
            .query_row(
                "SELECT bytes FROM objects WHERE kind = ?1 AND number = ?2",
                [u32::from(of.code()), n.get()],
                |r| r.get(0),
            )
            .map_err(self.wrap())
    }

    /// The digests of all key sets that the vehicle had, by version.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn key_sets(&self) -> Result<Vec<(u16, [u8; 32])>> {
        self.rows(
            "SELECT version, sha256 FROM key_sets
             WHERE id IN (SELECT max(id) FROM key_sets GROUP BY version) ORDER BY version",
            |r| Ok((r.get(0)?, r.get(1)?)),
        )
    }

    /// The fingerprints of the link keys, if they were made.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn link_keys(&self) -> Result<Option<LinkPrints>> {
        self.connection
            .query_row(
                "SELECT fingerprints FROM link_keys ORDER BY id DESC LIMIT 1",
                [],
                |r| r.get(0),
            )
            .optional()
            .map_err(self.wrap())
    }
}
