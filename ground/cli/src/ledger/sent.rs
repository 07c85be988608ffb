//! What was written for the uplink, and what of it never left the antenna.

use std::collections::BTreeMap;

use lightday_wire::{ObjectKind, ObjectNumber};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::facts::{column, kind, number, signed, unsigned};
use super::places;
use super::{Ledger, Step};
use crate::error::Result;

/// The pass of a run, as passes.csv and mission.toml had it when the run was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PassRow {
    /// First second, Unix seconds.
    pub start_s: u64,
    /// The second behind the last one, Unix seconds.
    pub end_s: u64,
    /// Chance that the whole pass is lost.
    pub lost: f64,
    /// Seconds one way as it begins, if its row stated them.
    pub light_time_s: Option<u64>,
    /// Seconds one way as it begins, as mission.toml and all rows had it.
    pub one_way_s: u64,
}

/// A run of symbols of an object that was written for the uplink.
#[derive(Clone, Debug, PartialEq)]
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
    /// Its pass; `None` of a run that a lightday wrote which did not keep it. Read only: it is kept with the decision.
    pub pass: Option<PassRow>,
    /// The slot of each symbol's frame among all those of its file in its contact, from 0 on: kept with the decision, too.
    /// Empty of a run that a lightday wrote which did not keep them.
    pub places: Vec<u32>,
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
    /// When it was said that none of all its frames was transmitted, Unix seconds.
    pub unsent_s: Option<u64>,
}

/// The files of which not one frame was transmitted, with the instant at which that was said. It is a decision
/// and nothing else: the run stays in `sent` as it was written, and the chain keeps who took it back. What was said of
/// a part of a file: [`cuts`](super::cuts).
const UNSENT: &str =
    "SELECT CAST(json_extract(what, '$.unsent') AS TEXT) AS file, min(at_s) AS at_s FROM decisions
     WHERE verb = 'uplink' AND json_extract(what, '$.unsent') IS NOT NULL
         AND json_extract(what, '$.from_s') IS NULL GROUP BY 1";

/// The passes of each file of frames, out of the decision that wrote it; none where it has no `passes`. A decision
/// takes what is new without another schema, so that no ledger has to be changed to be read. With the type of
/// `sent.file` SQLite joins by an index of its own making; without, it looks at all decisions for each run.
const PASSES: &str =
    "SELECT CAST(json_extract(d.what, '$.file') AS TEXT) AS file, json_extract(p.value, '$.start_s') AS start_s,
            json_extract(p.value, '$.end_s') AS end_s, json_extract(p.value, '$.lost') AS lost,
            json_extract(p.value, '$.light_time_s') AS light_time_s, json_extract(p.value, '$.one_way_s') AS one_way_s
     FROM decisions d, json_each(d.what, '$.passes') p
     WHERE d.verb = 'uplink' AND json_extract(d.what, '$.file') IS NOT NULL";

/// The places of each run of a file of frames, in the order in which both were written.
const PLACES: &str =
    "SELECT json_extract(d.what, '$.file'), json_extract(o.value, '$.places') FROM decisions d, json_each(d.what, '$.objects') o
     WHERE d.verb = 'uplink' AND json_extract(d.what, '$.file') IS NOT NULL ORDER BY d.seq, o.key";

/// An instant that may be missing.
fn instant(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<u64>> {
    let value: Option<i64> = row.get(at)?;
    value.map(|_| column(row, at, unsigned)).transpose()
}

/// The pass of a run that is read, from column 11 on.
fn pass(row: &Row<'_>) -> rusqlite::Result<Option<PassRow>> {
    let ends = instant(row, 11)?.zip(instant(row, 12)?);
    let Some(((start_s, end_s), one_way_s)) = ends.zip(instant(row, 15)?) else {
        return Ok(None);
    };
    Ok(Some(PassRow {
        start_s,
        end_s,
        lost: row.get(13)?,
        light_time_s: instant(row, 14)?,
        one_way_s,
    }))
}

impl Step<'_> {
    /// Remembers a run of symbols that was written for the uplink.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
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

    /// The uplink that wrote this file of frames, if one did.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn uplink_of(&self, file: &str) -> Result<Option<UplinkRow>> {
        uplink_of(&self.transaction, file).map_err(self.wrap())
    }
}

impl Ledger {
    /// As [`Step::uplink_of`].
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn uplink_of(&self, file: &str) -> Result<Option<UplinkRow>> {
        uplink_of(&self.connection, file).map_err(self.wrap())
    }

    /// Everything that was written for the uplink, in that order, with what was never transmitted of it: a run of which
    /// a part went is in its parts.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn sent(&self) -> Result<Vec<SentRow>> {
        let sql = format!(
            "SELECT s.kind, s.number, s.epoch, s.k, s.symbol_len, s.first, s.count, s.starts_s, s.ends_s, s.file, s.object,
                    p.start_s, p.end_s, p.lost, p.light_time_s, p.one_way_s
             FROM sent s LEFT JOIN ({PASSES}) p ON p.file = s.file AND p.start_s <= s.starts_s AND s.starts_s < p.end_s
             ORDER BY s.id"
        );
        let mut rows = self.rows(&sql, |r| {
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
                unsent_s: None,
                pass: pass(r)?,
                places: Vec::new(),
            })
        })?;
        let kept: Vec<(String, Option<String>)> =
            self.rows(PLACES, |r| Ok((r.get(0)?, r.get(1)?)))?;
        let mut by_file: BTreeMap<&str, Vec<Option<&str>>> = BTreeMap::new();
        for (file, short) in kept.iter().rev() {
            by_file.entry(file).or_default().push(short.as_deref());
        }
        for run in &mut rows {
            let short = by_file.get_mut(run.file.as_str()).and_then(Vec::pop);
            let places = short
                .flatten()
                .and_then(|short| places::all(short, run.count));
            run.places = places.unwrap_or_default();
        }
        let mut cuts = self.cuts()?;
        cuts.extend(self.as_if.iter().cloned());
        Ok(super::cuts::apply(rows, &cuts))
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
