//! The light times that rows of passes.csv stated, as decisions kept them.
//!
//! A row may be taken out of passes.csv once its pass is over. How far the vehicle was then goes on to matter: to the
//! twin, which hears each frame a light time later, and to every report that was heard then.

use serde_json::{Value, json};

use super::Ledger;
use super::facts::{column, unsigned};
use crate::error::Result;

/// What a row of passes.csv stated, as it was when a decision was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LightRow {
    /// First second of its pass, Unix seconds.
    pub start_s: u64,
    /// The second behind the last one, Unix seconds.
    pub end_s: u64,
    /// Seconds one way as it begins.
    pub light_time_s: u64,
}

impl LightRow {
    /// Whether both are of one time: then one of them was mended.
    #[must_use]
    pub const fn overlaps(&self, start_s: u64, end_s: u64) -> bool {
        self.start_s < end_s && start_s < self.end_s
    }

    /// As a decision keeps it.
    #[must_use]
    pub fn to_json(self) -> Value {
        json!({ "start_s": self.start_s, "end_s": self.end_s, "light_time_s": self.light_time_s })
    }
}

/// Rows in the order of decisions. A lightday that kept no `light_times` kept those of the passes of runs.
const STATED: &str =
    "SELECT json_extract(p.value, '$.start_s') AS start_s, json_extract(p.value, '$.end_s') AS end_s,
            json_extract(p.value, '$.light_time_s') AS light_time_s
     FROM decisions d, json_each(json_array('$.passes', '$.light_times')) place, json_each(d.what, place.value) p
     WHERE d.verb IN ('uplink', 'ingest') AND json_extract(p.value, '$.light_time_s') IS NOT NULL
       AND (place.value = '$.light_times' OR json_type(d.what, '$.light_times') IS NULL)
     ORDER BY d.seq, place.key, p.key";

impl Ledger {
    /// What was stated last of each time, in order and apart.
    ///
    /// # Errors
    /// [`Kind::Ledger`](crate::error::Kind::Ledger).
    pub fn light_times(&self) -> Result<Vec<LightRow>> {
        let mut stated: Vec<LightRow> = Vec::new();
        let rows = self.rows(STATED, |r| {
            Ok(LightRow {
                start_s: column(r, 0, unsigned)?,
                end_s: column(r, 1, unsigned)?,
                light_time_s: column(r, 2, unsigned)?,
            })
        })?;
        for row in rows {
            stated.retain(|before| !before.overlaps(row.start_s, row.end_s));
            stated.push(row);
        }
        stated.sort_by_key(|row| row.start_s);
        Ok(stated)
    }
}
