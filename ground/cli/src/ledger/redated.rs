//! Instants of reports that people mended: the row stays as it was written, and a decision more says when it came.
//!
//! ```text
//! ingest                  reports: received_s = 2027-12-01      (--at with a slip in the year)
//! ingest --redate         decision { redated: [{ report, frame, was_s, received_s = 2026-12-01 }] }
//! ```

use std::collections::BTreeMap;

use lightday_station::keys::to_hex;
use lightday_trust::digest::sha256;
use serde_json::{Value, json};

use super::Ledger;
use super::facts::{ReportRow, column, unsigned};
use crate::error::Result;

/// A report whose instant is mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redated {
    /// Its sequence number.
    pub report: u32,
    /// SHA-256 of its bytes.
    frame: String,
    /// When the ledger had it taken in until then, in Unix seconds.
    pub was_s: u64,
    /// When it came.
    pub received_s: u64,
}

impl Redated {
    /// A report of the ledger that came at `received_s`; `None` where the ledger says so already.
    #[must_use]
    pub fn of(row: &ReportRow, received_s: u64) -> Option<Self> {
        (row.received_s != received_s).then(|| Self {
            report: row.sequence,
            frame: frame_digest(&row.frame),
            was_s: row.received_s,
            received_s,
        })
    }

    /// As a decision keeps it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "report": self.report, "frame": self.frame, "was_s": self.was_s, "received_s": self.received_s,
        })
    }
}

/// What a decision calls a report.
pub(super) fn frame_digest(frame: &[u8]) -> String {
    to_hex(&sha256(frame).0)
}

impl Ledger {
    /// The instants that were mended, each as it was said last.
    pub(super) fn redated(&self) -> Result<BTreeMap<String, u64>> {
        let sql = "SELECT json_extract(p.value, '$.frame'), json_extract(p.value, '$.received_s')
             FROM decisions d, json_each(d.what, '$.redated') p WHERE d.verb = 'ingest' ORDER BY d.seq, p.key";
        let rows = self.rows(sql, |r| {
            Ok((r.get::<_, String>(0)?, column(r, 1, unsigned)?))
        })?;
        Ok(rows.into_iter().collect())
    }
}
