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
mod tests {
    use super::*;

    fn read(rows: &str) -> Result<Vec<Pass>> {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("lightday-passes-{}-{n}.csv", std::process::id()));
        std::fs::write(&path, rows).unwrap();
        let passes = load(&path);
        std::fs::remove_file(path).unwrap();
        passes
    }

    #[test]
    fn passes_are_read_with_comments_and_blank_lines() {
        let passes = read("# ours\n\nstart,end,station,rate_bps\n100,200,A,50\n# more\n2026-12-01T06:00:00Z, 2026-12-01T14:00:00Z ,B,\n").unwrap();
        assert_eq!(passes.len(), 2);
        assert_eq!(
            (passes[0].rate_bps, passes[1].end_s - passes[1].start_s),
            (Some(50), 8 * 3600)
        );
        assert_eq!((passes[0].lost, passes[0].light_time_s), (None, None));
    }

    #[test]
    fn what_a_spreadsheet_writes_is_read() {
        let passes = read(
            "\u{feff}\"start\",\"end\",station\r\n100,\"200\",\"Goldstone, 70 m\"\r\n\r\n300,400,\r\n",
        );
        let passes = passes.unwrap();
        assert_eq!(
            (passes.len(), passes[0].station.as_str()),
            (2, "Goldstone, 70 m")
        );
        let error = read("start,end,station\n1,2,\"A,,0.9\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains(":2: a quote is not closed"), "{error}");
        let error = read("start;end\n1;2\n").unwrap_err().to_string();
        assert!(
            error.contains(":1: field `heading`: `start;end` is no column"),
            "{error}"
        );
    }

    #[test]
    fn the_first_row_names_the_columns_in_any_order() {
        let passes =
            read("light_time,end,start,lost\n22h,200,100,0.25\n,400,300,\n79201s,20000,10000,0\n")
                .unwrap();
        let light: Vec<_> = passes.iter().map(|p| p.light_time_s).collect();
        assert_eq!(light, [Some(79_200), None, Some(79_201)]);
        let lost: Vec<_> = passes.iter().map(|p| p.lost).collect();
        assert_eq!(lost, [Some(0.25), None, Some(0.0)]);
        assert_eq!((passes[0].start_s, passes[0].end_s), (100, 200));
    }

    #[test]
    fn each_error_names_its_line_and_column() {
        let h = "start,end,station,rate_bps";
        for (rows, says) in [
            (String::new(), "no rows"),
            (
                "1,2,A,\n".to_owned(),
                ":1: field `heading`: `1` is no column",
            ),
            ("start,start\n".to_owned(), "`start` is there twice"),
            ("start,lost\n".to_owned(), "there is no column `end`"),
            (
                format!("{h}\n1,2,A,,5\n"),
                ":2: field `row`: 5 cells for 4 columns",
            ),
            (format!("{h}\n\nx,2,A,\n"), ":3: field `start`"),
            (
                format!("{h}\n1,,A,\n"),
                ":2: field `end`: the cell is empty",
            ),
            (
                format!("{h}\n2,1,A,\n"),
                ":2: field `end`: the pass ends before",
            ),
            (
                format!("{h}\n1,5,A,\n4,9,B,\n"),
                ":3: field `start`: the pass begins before",
            ),
            (format!("{h}\n1,5,A,-1\n"), ":2: field `rate_bps`"),
            ("start,end,lost\n1,5,1\n".to_owned(), ":2: field `lost`"),
            (
                "start,end,light_time\n1,5,22\n".to_owned(),
                ":2: field `light_time`",
            ),
            (
                "start,end,light_time\n1,5,22h\n1000,2000,400000d\n".to_owned(),
                ":3: field `light_time`: must be at most 1000 years",
            ),
            (
                "start,end,light_time\n1,5,22h\n1000,2000,22min\n".to_owned(),
                ":3: field `light_time`: the light time changes by more",
            ),
        ] {
            let error = read(&rows).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn times_that_overlap_are_one() {
        let times = [(40, 50), (0, 10), (5, 20), (20, 25), (41, 42)];
        assert_eq!(joined(times.into_iter()), [(0, 25), (40, 50)]);
        assert_eq!(joined(core::iter::empty()), []);
    }

    #[test]
    fn of_rows_that_are_gone_the_ledger_is_asked_unless_one_that_is_there_denies_it() {
        let pass = |start_s, light_time_s| Pass {
            start_s,
            end_s: start_s + 100,
            light_time_s,
            ..Pass::default()
        };
        let row = |start_s, light_time_s| LightRow {
            start_s,
            end_s: start_s + 100,
            light_time_s,
        };
        let booked = [pass(20_000, Some(500)), pass(30_000, None)];
        for (kept, now_s, is_taken) in [
            (row(10_000, 450), 25_000, true),
            // It was booked no more before it began.
            (row(26_000, 510), 25_000, false),
            // Its row was moved, or states nothing any more.
            (row(19_950, 500), 25_000, false),
            (row(30_050, 510), 40_000, false),
            // It was a mistake: nothing flies so fast.
            (row(10_000, 5), 25_000, false),
            (row(25_000, 79_200), 26_000, false),
        ] {
            let all = with_kept(&booked, &[kept], now_s);
            assert_eq!(all.len() == 3, is_taken, "{kept:?}");
            assert!(all.is_sorted_by_key(|pass| pass.start_s));
        }
    }

    #[test]
    fn an_outage_cuts_what_it_covers() {
        let pass = |start_s, end_s| Pass {
            start_s,
            end_s,
            ..Pass::default()
        };
        let outage = |start_s, end_s| Outage {
            start_s,
            end_s,
            why: String::new(),
        };
        let passes = [pass(0, 10), pass(20, 30), pass(40, 50)];
        let left = |outages: &[Outage]| -> Vec<(u64, u64)> {
            let left = without(&passes, outages, &LightTime::from(0));
            left.iter().map(|p| (p.start_s, p.end_s)).collect()
        };
        assert_eq!(left(&[outage(5, 45)]), [(0, 5), (45, 50)]);
        assert_eq!(left(&[outage(10, 40)]), [(0, 10), (40, 50)]);
        assert_eq!(
            left(&[outage(22, 24), outage(0, 3)]),
            [(3, 10), (20, 22), (24, 30), (40, 50)]
        );
    }
}
