//! The hash chain of decisions.

use std::path::Path;

use lightday_trust::Digester;
use lightday_wire::Digest;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;

use super::{Actor, Ledger, state};
use crate::error::{Error, Kind, Result};

const DOMAIN: &[u8] = b"lightday ledger v1";

/// One decision as the ledger remembers it.
#[derive(Clone, Debug, Serialize)]
pub struct Decision {
    /// Its place in the chain, from 1.
    pub seq: i64,
    /// Unix seconds.
    pub at_s: i64,
    /// Who decided.
    pub who: String,
    /// Through which verb.
    pub verb: String,
    /// What, in JSON.
    pub what: String,
    #[serde(skip)]
    state: [u8; 32],
    #[serde(skip)]
    prev: [u8; 32],
    #[serde(skip)]
    digest: [u8; 32],
}

impl Decision {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            at_s: row.get(1)?,
            who: row.get(2)?,
            verb: row.get(3)?,
            what: row.get(4)?,
            state: row.get(5)?,
            prev: row.get(6)?,
            digest: row.get(7)?,
        })
    }

    fn compute(&self) -> [u8; 32] {
        let mut digester = Digester::separated(DOMAIN);
        digester.update(&self.prev);
        digester.update(&self.seq.to_be_bytes());
        digester.update(&self.at_s.to_be_bytes());
        for text in [&self.who, &self.verb, &self.what] {
            digester.update(&(text.len() as u64).to_be_bytes());
            digester.update(text.as_bytes());
        }
        digester.update(&self.state);
        digester.finish().0
    }
}

/// A chain that was walked from its first decision to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// How many decisions.
    pub decisions: i64,
    /// The digest of the last one; zero if there is none.
    pub head: Digest,
}

fn head(connection: &Connection) -> rusqlite::Result<(i64, [u8; 32])> {
    connection.query_row("SELECT seq, digest FROM head", [], |r| {
        Ok((r.get(0)?, r.get(1)?))
    })
}

/// Says what is wrong with the end of the chain or with the facts, if they are not what the last decision left behind: a
/// step that is built on them would vouch for them. Decisions before the last one are not read: [`Ledger::verify`] does.
pub(super) fn unlike_last(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT seq, at_s, who, verb, what, state, prev, digest FROM decisions ORDER BY seq DESC LIMIT 1";
    let last = connection.query_row(sql, [], Decision::read).optional()?;
    let end = last.as_ref().map_or((0, [0; 32]), |d| (d.seq, d.digest));
    if end != head(connection)? {
        return Ok(Some(format!(
            "the chain was cut off behind decision {}",
            end.0
        )));
    }
    if let Some(last) = last.as_ref().filter(|d| d.digest != d.compute()) {
        let Decision { seq, verb, .. } = last;
        return Ok(Some(format!(
            "decision {seq} (`{verb}`) was changed after it was made"
        )));
    }
    state::changed(connection, last.map(|d| d.state))
}

/// A ledger that does not hold.
pub(super) fn broken(path: &Path, what: String) -> Error {
    Error::new(Kind::Ledger, what).file(path).hint(
        "keep this file as evidence, restore ledger.sqlite from its backup, and compare the two",
    )
}

/// Appends a decision within a transaction.
pub(super) fn append(
    transaction: &Transaction<'_>,
    actor: &Actor,
    verb: &str,
    what: &str,
) -> rusqlite::Result<()> {
    let (seq, prev) = head(transaction)?;
    let mut decision = Decision {
        seq: seq + 1,
        at_s: i64::try_from(actor.at_s).unwrap_or(i64::MAX),
        who: actor.who.clone(),
        verb: verb.to_owned(),
        what: what.to_owned(),
        state: state::note(transaction)?,
        prev,
        digest: [0; 32],
    };
    decision.digest = decision.compute();
    let Decision {
        seq,
        at_s,
        who,
        verb,
        what,
        state,
        prev,
        digest,
    } = decision;
    transaction.execute(
        "INSERT INTO decisions (seq, at_s, who, verb, what, state, prev, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![seq, at_s, who, verb, what, state, prev, digest],
    )?;
    transaction.execute(
        "UPDATE head SET seq = ?1, digest = ?2",
        params![seq, digest],
    )?;
    Ok(())
}

impl Ledger {
    /// All decisions, the oldest first.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn decisions(&self) -> Result<Vec<Decision>> {
        self.rows(
            "SELECT seq, at_s, who, verb, what, state, prev, digest FROM decisions ORDER BY seq",
            Decision::read,
        )
    }

    /// Whether some decision has this digest, in hexadecimal.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn has_digest(&self, digest: &str) -> Result<bool> {
        let known = |d: &Decision| Digest(d.digest).to_string().eq_ignore_ascii_case(digest);
        Ok(self.decisions()?.iter().any(known))
    }

    /// Checks the file itself, walks the chain from the first decision to the head, and holds all facts against
    /// the state behind the last decision.
    ///
    /// # Errors
    /// [`Kind::Ledger`] names the first decision, or the table, that does not hold.
    pub fn verify(&self) -> Result<Chain> {
        let check: String = self
            .connection
            .query_row("PRAGMA integrity_check(1)", [], |r| r.get(0))
            .map_err(self.wrap())?;
        if check != "ok" {
            return Err(self.broken(format!("the file is damaged: {check}")));
        }
        let (mut seq, mut prev, mut last) = (0i64, [0u8; 32], None);
        for decision in self.decisions()? {
            if decision.seq != seq + 1 {
                return Err(self.broken(format!("decision {} is missing", seq + 1)));
            }
            if decision.prev != prev || decision.digest != decision.compute() {
                return Err(self.broken(format!(
                    "decision {} (`{}`) was changed after it was made",
                    decision.seq, decision.verb
                )));
            }
            (seq, prev) = (decision.seq, decision.digest);
            last = Some(decision.state);
        }
        if (seq, prev) != head(&self.connection).map_err(self.wrap())? {
            return Err(self.broken(format!("the chain was cut off behind decision {seq}")));
        }
        if let Some(what) = state::changed(&self.connection, last).map_err(self.wrap())? {
            return Err(self.broken(what));
        }
        Ok(Chain {
            decisions: seq,
            head: Digest(prev),
        })
    }

    pub(super) fn broken(&self, what: String) -> Error {
        broken(&self.path, what)
    }

    /// When the last decision was taken, in Unix seconds; none before the first.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn last_decision_s(&self) -> Result<Option<u64>> {
        let sql = "SELECT at_s FROM decisions ORDER BY seq DESC LIMIT 1";
        let at_s: Option<i64> = self
            .connection
            .query_row(sql, [], |r| r.get(0))
            .optional()
            .map_err(self.wrap())?;
        Ok(at_s.map(|at_s| u64::try_from(at_s).unwrap_or(0)))
    }
}
