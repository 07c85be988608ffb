//! What of a file of frames is said not to be transmitted, cut out of the runs that the ledger keeps.
//!
//! ```text
//! uplink                         sent, row by row               | 0 ............ 39 | 40 .......... 79 |
//! uplink --unsent --from T       decision { unsent, from_s,     |        went       | 40..54 | 55..79  |
//!                                objects: [bundle 1, 55 + 25] } |                            never went
//! uplink --between               the same within `instead` of the uplink that takes its place
//! ```
//! A decision more, never a row less: the row stays as it was written, and whoever reads it gets its parts.

use std::ops::Range;

use lightday_wire::{ObjectKind, ObjectNumber};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::facts::{column, unsigned};
use super::sent::SentRow;
use super::{Ledger, Step};
use crate::error::{Error, Kind, Result};
use crate::mission::artifact::kind_name;

/// Symbols of an object that were written and never transmitted. Consecutive ones of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The object's kind, in words.
    pub kind: String,
    /// The object's number.
    pub number: u32,
    /// First index.
    pub first: u32,
    /// Number of indices from there on.
    pub count: u32,
    /// The link epoch.
    pub epoch: u8,
    /// Planned instant of the first of them, Unix seconds; what came before it is over then.
    pub starts_s: u64,
    /// When the frame of the run that comes before them is over, Unix seconds, where that is sooner than they begin: those of
    /// other objects lie between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_s: Option<u64>,
    /// Planned instant at which the last of them is over, Unix seconds; what comes behind it begins then.
    pub ends_s: u64,
}

impl Piece {
    /// All of a run.
    pub fn of(run: &SentRow) -> Self {
        Self {
            kind: kind_name(run.kind).to_owned(),
            number: run.number.get(),
            first: run.first,
            count: run.count,
            epoch: run.epoch,
            starts_s: run.starts_s,
            before_s: None,
            ends_s: run.ends_s,
        }
    }

    /// Whether it is of this object.
    pub fn is_of(&self, kind: ObjectKind, number: ObjectNumber) -> bool {
        self.kind == kind_name(kind) && self.number == number.get()
    }
}

/// What a decision says of a file of frames: that it, or these pieces of it, were never transmitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The file.
    pub unsent: String,
    /// From which instant on, Unix seconds; `None`: all of it.
    #[serde(default)]
    pub from_s: Option<u64>,
    /// Up to which instant, Unix seconds; `None`: up to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_s: Option<u64>,
    /// The pieces. Of a cut of all of it they have no say: it is the file that was not transmitted.
    #[serde(default)]
    pub objects: Vec<Piece>,
}

/// What a decision of an uplink says of files that others wrote before.
#[derive(Deserialize)]
struct Instead {
    #[serde(default)]
    instead: Vec<Cut>,
}

impl Ledger {
    /// Everything that was said not to be transmitted, with the Unix second of each saying, in that order.
    pub(super) fn cuts(&self) -> Result<Vec<(u64, Cut)>> {
        let sql = "SELECT at_s, what, json_extract(what, '$.unsent') IS NOT NULL FROM decisions
             WHERE verb = 'uplink' AND (json_extract(what, '$.unsent') IS NOT NULL
                 OR json_extract(what, '$.instead') IS NOT NULL) ORDER BY seq";
        let read = |row: &rusqlite::Row<'_>| {
            Ok((
                column(row, 0, unsigned)?,
                row.get::<_, String>(1)?,
                row.get::<_, bool>(2)?,
            ))
        };
        let mut cuts = Vec::new();
        for (at_s, what, is_unsent) in self.rows(sql, read)? {
            let said = match is_unsent {
                true => serde_json::from_str::<Unsent>(&what).and_then(Unsent::cut),
                false => serde_json::from_str::<Instead>(&what).map(|i| i.instead),
            };
            let said = said.map_err(|e| {
                let what = format!(
                    "a decision about frames that were not transmitted makes no sense ({e})"
                );
                Error::new(Kind::Ledger, what)
                    .file(&self.path)
                    .hint("run `lightday ledger verify`; a newer lightday may have written it")
            })?;
            cuts.extend(said.into_iter().map(|cut| (at_s, cut)));
        }
        Ok(cuts)
    }

    /// As [`Step::uplinks`].
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn uplinks(&self) -> Result<usize> {
        uplinks(&self.connection).map_err(self.wrap())
    }

    /// Whether the uplink that wrote this file of frames was asked to go on until the report.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn is_until_report(&self, file: &str) -> Result<bool> {
        let sql = "SELECT count(*) FROM decisions WHERE verb = 'uplink' AND json_extract(what, '$.file') = ?1
             AND json_extract(what, '$.until_report')";
        let found: u64 = self
            .connection
            .query_row(sql, [file], |r| column(r, 0, unsigned))
            .map_err(self.wrap())?;
        Ok(found > 0)
    }

    /// From here on `sent` reads as if this had been said at this Unix second already: what a verb is about to say.
    pub fn as_if(&mut self, at_s: u64, cuts: &[Cut]) {
        self.as_if
            .extend(cuts.iter().map(|cut| (at_s, cut.clone())));
    }
}

impl Step<'_> {
    /// How many decisions of uplinks were remembered so far: what was written, and what was said not to be transmitted.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn uplinks(&self) -> Result<usize> {
        uplinks(&self.transaction).map_err(self.wrap())
    }
}

fn uplinks(connection: &Connection) -> rusqlite::Result<usize> {
    let sql = "SELECT count(*) FROM decisions WHERE verb = 'uplink'";
    connection.query_row(sql, [], |r| column(r, 0, unsigned))
}

/// A decision of `uplink --unsent`. Those of all of a file were written before pieces were, with other words in
/// `objects`.
#[derive(Deserialize)]
struct Unsent {
    unsent: String,
    #[serde(default)]
    from_s: Option<u64>,
    #[serde(default)]
    until_s: Option<u64>,
    #[serde(default)]
    objects: serde_json::Value,
}

impl Unsent {
    fn cut(self) -> serde_json::Result<Vec<Cut>> {
        let objects = match self.from_s {
            None => Vec::new(),
            Some(_) => serde_json::from_value(self.objects)?,
        };
        Ok(vec![Cut {
            unsent: self.unsent,
            from_s: self.from_s,
            until_s: self.until_s,
            objects,
        }])
    }
}

/// Runs as they were written, and what was said of them in this order: what went, and what never did.
pub(super) fn apply(mut rows: Vec<SentRow>, cuts: &[(u64, Cut)]) -> Vec<SentRow> {
    for (at_s, cut) in cuts {
        let is_whole = cut.from_s.is_none();
        let parts = rows.into_iter().flat_map(|row| {
            if !row.went() || row.file != cut.unsent {
                return vec![row];
            }
            match is_whole {
                true => vec![unsent(row, *at_s)],
                false => without(row, &cut.objects, *at_s),
            }
        });
        rows = parts.collect();
    }
    rows
}

fn unsent(row: SentRow, at_s: u64) -> SentRow {
    SentRow {
        unsent_s: Some(at_s),
        ..row
    }
}

/// The parts of a run, in the order of their indices: what went before the piece that did not, that piece, and what went
/// behind it.
fn without(row: SentRow, pieces: &[Piece], at_s: u64) -> Vec<SentRow> {
    let end = row.first.saturating_add(row.count);
    let cut = pieces.iter().filter(|p| p.is_of(row.kind, row.number));
    let mut found = cut.map(|p| {
        let range = p.first.max(row.first)..p.first.saturating_add(p.count).min(end);
        (p, range)
    });
    let Some((piece, range)) = found.find(|(_, range)| !range.is_empty()) else {
        return vec![row];
    };
    let within = |s: u64| s.clamp(row.starts_s, row.ends_s.max(row.starts_s));
    // The last frame before the piece may end in the second in which that begins.
    let part = |range: Range<u32>, starts_s: u64, ends_s: u64| SentRow {
        first: range.start,
        count: range.end - range.start,
        starts_s: within(starts_s),
        ends_s: within(ends_s),
        places: places_of(&row, range.clone()),
        ..row.clone()
    };
    let mut parts = Vec::new();
    if row.first < range.start {
        parts.push(part(
            row.first..range.start,
            row.starts_s,
            piece.before_s.unwrap_or(piece.starts_s + 1),
        ));
    }
    let gone = part(range.clone(), piece.starts_s, piece.ends_s);
    parts.push(unsent(gone, at_s));
    if range.end < end {
        parts.push(part(range.end..end, piece.ends_s, row.ends_s));
    }
    parts
}

/// The places of these indices of a run; none where the run has none.
fn places_of(row: &SentRow, indices: Range<u32>) -> Vec<u32> {
    let from = (indices.start - row.first) as usize;
    let places = row.places.get(from..from + indices.len());
    places.map_or_else(Vec::new, <[u32]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: u32, count: u32, (starts_s, ends_s): (u64, u64)) -> SentRow {
        SentRow {
            kind: ObjectKind::Bundle,
            number: ObjectNumber::new(1).unwrap(),
            object: [3; 32],
            epoch: 0,
            k: 9,
            symbol_len: 64,
            first,
            count,
            starts_s,
            ends_s,
            file: "a".to_owned(),
            unsent_s: None,
            pass: None,
            places: Vec::new(),
        }
    }

    fn cut(file: &str, from_s: Option<u64>, objects: Vec<Piece>) -> Cut {
        Cut {
            unsent: file.to_owned(),
            from_s,
            until_s: None,
            objects,
        }
    }

    fn parts(rows: &[SentRow]) -> Vec<(u32, u32, u64, u64, bool)> {
        let part = |r: &SentRow| (r.first, r.count, r.starts_s, r.ends_s, r.went());
        rows.iter().map(part).collect()
    }

    #[test]
    fn a_piece_is_cut_out_of_its_run_and_out_of_no_other() {
        let rows = vec![run(0, 40, (100, 200)), run(40, 40, (300, 400))];
        let piece = Piece::of(&run(55, 10, (340, 365)));
        let other = Piece {
            number: 2,
            ..piece.clone()
        };
        let left = apply(
            rows.clone(),
            &[(7, cut("a", Some(340), vec![other, piece.clone()]))],
        );
        assert_eq!(
            parts(&left),
            [
                (0, 40, 100, 200, true),
                (40, 15, 300, 341, true),
                (55, 10, 340, 365, false),
                (65, 15, 365, 400, true)
            ]
        );
        assert_eq!(left[2].unsent_s, Some(7));
        assert_eq!(
            apply(rows.clone(), &[(7, cut("b", Some(340), vec![piece]))]),
            rows
        );
    }

    #[test]
    fn a_second_cut_takes_what_the_first_one_left_and_what_was_said_stays_said() {
        let rows = vec![run(0, 40, (100, 200))];
        let late = cut("a", Some(150), vec![Piece::of(&run(20, 20, (150, 200)))]);
        let early = cut("a", Some(125), vec![Piece::of(&run(10, 10, (125, 150)))]);
        let left = apply(rows.clone(), &[(7, late.clone()), (8, early)]);
        assert_eq!(
            parts(&left),
            [
                (0, 10, 100, 126, true),
                (10, 10, 125, 150, false),
                (20, 20, 150, 200, false)
            ]
        );
        let when: Vec<_> = left.iter().map(|r| r.unsent_s).collect();
        assert_eq!(when, [None, Some(8), Some(7)]);
        // All of it: what was still thought to have gone.
        let all = apply(rows, &[(7, late), (9, cut("a", None, Vec::new()))]);
        let when: Vec<_> = all.iter().map(|r| r.unsent_s).collect();
        assert_eq!(when, [Some(9), Some(7)]);
    }
}
