//! passes.csv: when the antenna is ours, how likely it fails us, and how far the vehicle is then.
//!
//! ```text
//! start,end,station,rate_bps,lost,light_time
//! 2026-12-01T06:00:00Z,2026-12-01T14:00:00Z,Malargue,,0.02,79210s
//! ```
//! The first row names the columns, in any order; start and end have to be there. A cell that is empty stands for
//! what mission.toml says; at the end of a row it may be left out. Lines that are empty or begin with `#` are skipped,
//! quotes and a byte order mark are read as spreadsheets write them. Passes are in order and never overlap.

use std::path::Path;

use csv::StringRecord;
use lightday_station::light_time::{LightTime, SECONDS_A_LIGHT_SECOND, is_possible};

use crate::atomic;
use crate::error::{Error, Result};
use crate::ledger::LightRow;
use crate::time;

use super::config::Outage;
use super::units::{Ppm, ppm};

pub use lightday_station::link::Pass;

/// The first row of the file, with all columns that there are.
pub const HEADER: &str = "start,end,station,rate_bps,lost,light_time";
/// The columns.
const COLUMNS: [&str; 6] = ["start", "end", "station", "rate_bps", "lost", "light_time"];
/// The columns that have to be there: the first ones.
const NEEDED: usize = 2;

/// By how much a light time may differ from that of mission.toml: a planet is at most eight times as far away as at its
/// nearest, and a wrong unit is off by sixty.
const FARTHER: u64 = 10;

/// Reads the passes of a mission whose mission.toml states this light time.
///
/// # Errors
/// Names line and column.
pub fn load_beside(path: &Path, light_time_s: u64) -> Result<Vec<Pass>> {
    read(path, Some(light_time_s))
}

/// Reads passes, of whatever link.
///
/// # Errors
/// Names line and column.
pub fn load(path: &Path) -> Result<Vec<Pass>> {
    read(path, None)
}

fn read(path: &Path, link_s: Option<u64>) -> Result<Vec<Pass>> {
    let rows = rows(path)?;
    let Some((heading, rows)) = rows.split_first() else {
        return Err(Error::input(path, "no rows").hint(format!("begin with `{HEADER}`")));
    };
    let columns = columns(path, heading)?;
    let mut passes: Vec<Pass> = Vec::new();
    let mut light = None;
    for row in rows {
        let row = Row::new(path, &columns, row)?;
        let pass = row.pass()?;
        if passes.last() == Some(&pass) {
            return Err(row
                .bad("start", "the same pass as in the row above it")
                .hint("take one of the two rows out"));
        }
        if passes.last().is_some_and(|p| pass.start_s < p.end_s) {
            return Err(row.bad("start", "the pass begins before the one above it ends").hint("sort the rows by start, and cut overlapping passes of two antennas into one after the other"));
        }
        let now = pass.light_time();
        if light
            .zip(now)
            .is_some_and(|(from, to)| !is_possible(from, to))
        {
            let what = format!(
                "the light time changes by more than a second in {SECONDS_A_LIGHT_SECOND} s since the row that states one before"
            );
            return Err(row
                .bad("light_time", &what)
                .hint("nothing flies so fast: mend its unit, such as 22h, 1320min or 79200s"));
        }
        if let Some(((_, now_s), link_s)) = now.zip(link_s) {
            row.is_of_link(now_s, link_s)?;
        }
        light = now.or(light);
        passes.push(pass);
    }
    Ok(passes)
}

/// The light time that a row states, as the ledger keeps it.
pub fn stated(pass: &Pass) -> Option<LightRow> {
    pass.light_time_s.map(|light_time_s| LightRow {
        start_s: pass.start_s,
        end_s: pass.end_s,
        light_time_s,
    })
}

/// The rows of passes.csv, and those before `now_s` of which the ledger alone knows the light time. A row that is there
/// has the say: of its own time, and where no vehicle flies so fast as to fit both, since then one of the two is a
/// mistake that was mended.
pub fn with_kept(booked: &[Pass], kept: &[LightRow], now_s: u64) -> Vec<Pass> {
    let goes_with = |row: &&LightRow| {
        let light = (row.start_s, row.light_time_s);
        let mut stated = booked.iter().filter_map(Pass::light_time);
        row.start_s < now_s
            && !booked.iter().any(|p| row.overlaps(p.start_s, p.end_s))
            && stated.all(|other| is_possible(light.min(other), light.max(other)))
    };
    let gone = kept.iter().filter(goes_with).map(|row| Pass {
        start_s: row.start_s,
        end_s: row.end_s,
        light_time_s: Some(row.light_time_s),
        ..Pass::default()
    });
    let mut all: Vec<Pass> = booked.iter().cloned().chain(gone).collect();
    all.sort_by_key(|pass| pass.start_s);
    all
}

/// What outages leave of passes.
pub fn without(passes: &[Pass], outages: &[Outage], light: &LightTime) -> Vec<Pass> {
    let mut left = passes.to_vec();
    for outage in outages {
        left = left
            .iter()
            .flat_map(|pass| around(pass, outage, light))
            .collect();
    }
    left
}

/// Times in order, joined where they overlap or adjoin.
pub fn joined(times: impl Iterator<Item = (u64, u64)>) -> Vec<(u64, u64)> {
    let mut all: Vec<(u64, u64)> = times.collect();
    all.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (start_s, end_s) in all {
        match joined.last_mut().filter(|last| start_s <= last.1) {
            Some(last) => last.1 = last.1.max(end_s),
            None => joined.push((start_s, end_s)),
        }
    }
    joined
}

/// What an outage leaves of a pass: a part before it, and one behind.
fn around(pass: &Pass, outage: &Outage, light: &LightTime) -> impl Iterator<Item = Pass> + use<> {
    let before = Pass {
        end_s: pass.end_s.min(outage.start_s),
        ..pass.clone()
    };
    let behind = pass.starting_at(pass.start_s.max(outage.end_s), light);
    [before, behind]
        .into_iter()
        .filter(|part| part.start_s < part.end_s)
}

/// A row, by its line in the file, from 1.
struct Cells {
    line: usize,
    cells: StringRecord,
}

/// The rows that are no comments. Each is a line, so that an error can name it.
fn rows(path: &Path) -> Result<Vec<Cells>> {
    let text = atomic::read_text(path)?;
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let lines = (1..).zip(lines);
    let rows = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    rows.map(|(line, text)| {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        if text.matches('"').count() % 2 != 0 {
            return Err(Error::input(path, "a quote is not closed")
                .line(line)
                .hint("close it, or take it out: a row is one line"));
        }
        let mut cells = StringRecord::new();
        reader
            .read_record(&mut cells)
            .map_err(|e| Error::input(path, e).line(line).hint("mend this row"))?;
        Ok(Cells { line, cells })
    })
    .collect()
}

/// The columns that a heading names, by their place in [`COLUMNS`].
fn columns(path: &Path, heading: &Cells) -> Result<Vec<usize>> {
    let bad = |what: String| {
        Error::input(path, what)
            .line(heading.line)
            .field("heading")
            .hint(format!(
                "name the columns in the first row, apart by commas, such as `{HEADER}`"
            ))
    };
    let mut columns = Vec::new();
    for name in &heading.cells {
        let Some(column) = COLUMNS.iter().position(|c| *c == name) else {
            return Err(bad(format!("`{name}` is no column")));
        };
        if columns.contains(&column) {
            return Err(bad(format!("`{name}` is there twice")));
        }
        columns.push(column);
    }
    match (0..NEEDED).find(|needed| !columns.contains(needed)) {
        Some(missing) => Err(bad(format!("there is no column `{}`", COLUMNS[missing]))),
        None => Ok(columns),
    }
}

/// One row, cell by cell.
struct Row<'a> {
    path: &'a Path,
    line: usize,
    /// As [`COLUMNS`]; empty where there is none.
    cells: [&'a str; COLUMNS.len()],
}

impl<'a> Row<'a> {
    fn new(path: &'a Path, columns: &[usize], row: &'a Cells) -> Result<Self> {
        let mut cells = [""; COLUMNS.len()];
        for (column, cell) in columns.iter().zip(&row.cells) {
            cells[*column] = cell;
        }
        let found = row.cells.len();
        let row = Self {
            path,
            line: row.line,
            cells,
        };
        if found <= columns.len() {
            return Ok(row);
        }
        let what = format!("{found} cells for {} columns", columns.len());
        Err(row
            .bad("row", &what)
            .hint("the first row names the columns: take a comma out, or name one more"))
    }

    fn bad(&self, field: &str, what: &str) -> Error {
        Error::input(self.path, what).line(self.line).field(field)
    }

    /// Refuses a light time that is of another order than that of mission.toml.
    fn is_of_link(&self, now_s: u64, link_s: u64) -> Result<()> {
        let (near_s, far_s) = (now_s.min(link_s).max(1), now_s.max(link_s));
        if far_s / FARTHER <= near_s {
            return Ok(());
        }
        let what = format!(
            "{} is not of the order of link.light_time of mission.toml, {}",
            time::show_duration(now_s as f64),
            time::show_duration(link_s as f64)
        );
        Err(self.bad("light_time", &what).hint(format!(
            "the two may differ by a factor of {FARTHER}: mend the unit of this cell, such as 22h, 1320min or 79200s, or link.light_time"
        )))
    }

    /// What a cell says; `None` if it is empty.
    fn cell<T>(
        &self,
        column: usize,
        hint: &str,
        parse: impl FnOnce(&str) -> std::result::Result<T, String>,
    ) -> Result<Option<T>> {
        match self.cells[column] {
            "" => Ok(None),
            cell => parse(cell)
                .map(Some)
                .map_err(|what| self.bad(COLUMNS[column], &what).hint(hint)),
        }
    }

    fn instant(&self, column: usize) -> Result<u64> {
        let found = self.cell(column, "mend this row", time::parse_instant)?;
        found.ok_or_else(|| {
            self.bad(COLUMNS[column], "the cell is empty")
                .hint("write an instant, such as 2026-12-01T06:00:00Z")
        })
    }

    fn pass(&self) -> Result<Pass> {
        let (start_s, end_s) = (self.instant(0)?, self.instant(1)?);
        if start_s >= end_s {
            return Err(self
                .bad("end", "the pass ends before it begins")
                .hint("swap start and end, or mend the date"));
        }
        let rate = |cell: &str| {
            let rate = cell.parse().ok().filter(|rate| *rate > 0);
            rate.ok_or_else(|| format!("`{cell}` is no rate"))
        };
        let rate_hint = "write bit/s as a whole number, or leave it empty for link.rate_up_bps";
        let lost = |cell: &str| {
            let share = cell.parse().ok().and_then(ppm);
            share
                .filter(|p| p.probability() < 1.0)
                .ok_or_else(|| format!("`{cell}` is no probability from 0 to 0.999999"))
        };
        let lost_hint = "write the chance that the whole pass is lost, such as 0.05, or leave it empty for loss.passes";
        let light_hint =
            "write the light time one way as the pass begins, such as 79210s, or leave it empty";
        let pass = Pass {
            start_s,
            end_s,
            station: self.cells[2].to_owned(),
            rate_bps: self.cell(3, rate_hint, rate)?,
            lost: self.cell(4, lost_hint, lost)?.map(Ppm::probability),
            light_time_s: self
                .cell(5, light_hint, time::parse_duration_ms)?
                .map(|ms| ms / 1000),
            part_of_s: None,
        };
        pass.check().map_err(|e| {
            let column = e.field.strip_prefix("passes: ").unwrap_or(e.field);
            self.bad(column, &format!("must {}", e.must))
                .hint("mend this cell, or its unit")
        })?;
        Ok(pass)
    }
}

#[cfg(test)]
#[path = "passes_tests.rs"]
mod tests;
