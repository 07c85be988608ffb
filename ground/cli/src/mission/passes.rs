//! passes.csv: when the antenna is ours.
//!
//! ```text
//! start,end,station,rate_bps
//! 2026-12-01T06:00:00Z,2026-12-01T14:00:00Z,Malargue,
//! ```
//! Lines that are empty or begin with `#` are skipped. Passes are in order and never overlap.

use std::path::Path;

use crate::atomic;
use crate::error::{Error, Result};
use crate::time;

pub use lightday_station::link::Pass;

/// The first line of the file.
pub const HEADER: &str = "start,end,station,rate_bps";

/// Reads the passes of a mission.
///
/// # Errors
/// Names line and column.
pub fn load(path: &Path) -> Result<Vec<Pass>> {
    let text = atomic::read_text(path)?;
    let bad =
        |line: usize, field: &str, what: String| Error::input(path, what).line(line).field(field);
    let mut lines = text.lines().enumerate().map(|(n, l)| (n + 1, l.trim()));
    let is_row = |l: &str| !l.is_empty() && !l.starts_with('#');
    match lines.find(|(_, l)| is_row(l)) {
        Some((_, HEADER)) => {}
        Some((n, _)) => {
            return Err(Error::input(path, "the first row names the columns")
                .line(n)
                .hint(format!("write `{HEADER}`")));
        }
        None => return Err(Error::input(path, "no rows").hint(format!("begin with `{HEADER}`"))),
    }
    let mut passes: Vec<Pass> = Vec::new();
    for (n, row) in lines.filter(|(_, l)| is_row(l)) {
        let cells: Vec<&str> = row.split(',').map(str::trim).collect();
        let [start, end, station, rate] = cells[..] else {
            return Err(
                bad(n, "row", format!("{} columns instead of 4", cells.len()))
                    .hint(format!("the columns are {HEADER}")),
            );
        };
        let instant = |field, cell| {
            time::parse_instant(cell).map_err(|what| bad(n, field, what).hint("mend this row"))
        };
        let (start_s, end_s) = (instant("start", start)?, instant("end", end)?);
        if start_s >= end_s {
            return Err(bad(n, "end", "the pass ends before it begins".to_owned())
                .hint("swap start and end, or mend the date"));
        }
        if passes.last().is_some_and(|p| start_s < p.end_s) {
            return Err(bad(n, "start", "the pass begins before the one above it ends".to_owned()).hint("sort the rows by start, and cut overlapping passes of two antennas into one after the other"));
        }
        let rate_bps = match rate {
            "" => None,
            rate => Some(rate.parse().ok().filter(|r| *r > 0).ok_or_else(|| {
                bad(n, "rate_bps", format!("`{rate}` is no rate"))
                    .hint("write bit/s as a whole number, or leave it empty for link.rate_up_bps")
            })?),
        };
        passes.push(Pass {
            start_s,
            end_s,
            station: station.to_owned(),
            rate_bps,
        });
    }
    Ok(passes)
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
    }

    #[test]
    fn each_error_names_its_line_and_column() {
        let h = HEADER;
        for (rows, says) in [
            (String::new(), "no rows"),
            ("1,2,A,\n".to_owned(), ":1: the first row names"),
            (format!("{h}\n1,2,A\n"), ":2: field `row`: 3 columns"),
            (format!("{h}\n\nx,2,A,\n"), ":3: field `start`"),
            (
                format!("{h}\n2,1,A,\n"),
                ":2: field `end`: the pass ends before",
            ),
            (
                format!("{h}\n1,5,A,\n4,9,B,\n"),
                ":3: field `start`: the pass begins before",
            ),
            (format!("{h}\n1,5,A,-1\n"), ":2: field `rate_bps`"),
        ] {
            let error = read(&rows).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
