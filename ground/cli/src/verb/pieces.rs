//! Which symbols of a file of frames were planned for some time: what is said of that time is said of these.
//!
//! The ledger keeps runs, one of each object and pass. What lies in a run's middle only the schedule tells, the .csv
//! beside the frames.

use std::path::Path;

use csv::{ReaderBuilder, StringRecord};

use crate::atomic;
use crate::error::{Error, Kind, Result};
use crate::ledger::{Piece, SentRow};
use crate::mission::artifact::kind_name;

/// Seconds, from the first one to the one behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// First second, Unix seconds.
    pub from_s: u64,
    /// The second behind the last one, Unix seconds.
    pub until_s: u64,
}

impl Time {
    const fn has(self, at_s: u64) -> bool {
        self.from_s <= at_s && at_s < self.until_s
    }
}

/// How a run lies to some time.
enum Lies {
    Outside,
    Within,
    Across,
}

/// Frames belong to the second in which they begin.
fn lies(run: &SentRow, time: Time) -> Lies {
    if run.ends_s <= time.from_s || time.until_s <= run.starts_s {
        Lies::Outside
    } else if time.has(run.starts_s) && run.ends_s <= time.until_s {
        Lies::Within
    } else {
        Lies::Across
    }
}

/// What of these runs of one file begins within some time.
///
/// # Errors
/// [`Kind::Input`] where the time begins or ends amid a run, and the schedule does not tell which of its frames are meant.
pub fn within<'a>(
    runs: impl Iterator<Item = &'a SentRow>,
    time: Time,
    frames: &Path,
) -> Result<Vec<Piece>> {
    let mut schedule = None;
    let mut pieces = Vec::new();
    for run in runs {
        match lies(run, time) {
            Lies::Outside => {}
            Lies::Within => pieces.push(Piece::of(run)),
            Lies::Across => {
                let planned = match &mut schedule {
                    Some(planned) => planned,
                    none => none.insert(Schedule::read(&frames.with_extension("csv"))?),
                };
                pieces.extend(planned.piece(run, time, frames)?);
            }
        }
    }
    Ok(pieces)
}

/// Kind, number, index and the millisecond of the first bit of each frame.
struct Schedule(Vec<(String, u32, u32, u64)>);

impl Schedule {
    fn read(path: &Path) -> Result<Self> {
        let text = atomic::read_text(path).map_err(|e| e.hint(REMEDY))?;
        let mut reader = ReaderBuilder::new().from_reader(text.as_bytes());
        let row = |row: StringRecord| {
            let number = |at: usize| row.get(at)?.parse::<u64>().ok();
            let small = |at: usize| u32::try_from(number(at)?).ok();
            Some((row.get(2)?.to_owned(), small(3)?, small(4)?, number(1)?))
        };
        let rows = reader.records().map(|record| record.ok().and_then(row));
        let rows = rows.collect::<Option<Vec<_>>>();
        rows.map(Self).ok_or_else(|| other(path))
    }

    /// What of a run begins within the time.
    fn piece(&self, run: &SentRow, time: Time, frames: &Path) -> Result<Option<Piece>> {
        let of = |(kind, number, index, _): &&(String, u32, u32, u64)| {
            let end = run.first.saturating_add(run.count);
            kind == kind_name(run.kind)
                && *number == run.number.get()
                && (run.first..end).contains(index)
        };
        let planned: Vec<_> = self.0.iter().filter(of).collect();
        let begins = planned.first().map(|(.., ms)| ms / 1000);
        let is_whole = u32::try_from(planned.len()).is_ok_and(|n| n == run.count);
        let in_order = (run.first..).zip(&planned).all(|(i, frame)| i == frame.2);
        if !(is_whole && in_order && begins == Some(run.starts_s)) {
            return Err(other(&frames.with_extension("csv")));
        }
        let mut meant = planned.iter().filter(|(.., ms)| time.has(ms / 1000));
        let Some((_, _, first, starts_ms)) = meant.next() else {
            return Ok(None);
        };
        let count = 1 + u32::try_from(meant.count()).unwrap_or(u32::MAX);
        let behind = planned
            .iter()
            .find(|(.., index, _)| *index == first + count);
        // What is next in the file begins when that frame is over.
        let last_ms = planned.iter().rfind(|frame| frame.2 < *first).map(|f| f.3);
        let next = |last_ms: u64| self.0.iter().map(|f| f.3).find(|ms| *ms > last_ms);
        let over_ms = last_ms.and_then(next).unwrap_or(*starts_ms);
        Ok(Some(Piece {
            first: *first,
            count,
            before_s: Some(over_ms.div_ceil(1000)).filter(|s| *s <= starts_ms / 1000),
            starts_s: starts_ms / 1000,
            ends_s: behind.map_or(run.ends_s, |(.., ms)| ms / 1000),
            ..Piece::of(run)
        }))
    }
}

const REMEDY: &str = "the instant falls amid the frames of a pass, and the schedule beside them tells which are meant: put it back as it was written, or name the begin of a pass";

fn other(path: &Path) -> Error {
    Error::new(
        Kind::Input,
        "this is not the schedule that the uplink wrote",
    )
    .file(path)
    .hint(REMEDY)
}
