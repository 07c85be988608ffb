//! Instants that cannot be meant: one that lies decades ahead, and reports that are said to have come after now.

use std::path::Path;

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;
use crate::out;
use crate::time::{self, DAY_S, show_instant};

/// How far beyond all that is known a verb may act. The twin lives through every beacon until then, and a decision of
/// that instant stays in the ledger for good.
const FARTHEST_S: u64 = 20 * 365 * DAY_S + 5 * DAY_S;

/// Refuses to act at an instant that lies decades beyond the launch, the last decision and the clock of this computer;
/// and, where no instant was named, a clock that stands decades beyond the last decision.
///
/// # Errors
/// [`Kind::Usage`]. A ledger that cannot be read has no say: whoever needs it says so.
pub fn refuse_far(dir: &Path, launched_s: Option<u64>, global: &Global) -> Result<()> {
    let path = dir.join("ledger.sqlite");
    let last_s = match path.is_file() {
        true => Ledger::open_to_read(&path)
            .and_then(|ledger| ledger.last_decision_s())
            .unwrap_or(None),
        false => None,
    };
    let (at_s, known) = match (global.at, last_s) {
        (Some(at_s), _) => (at_s, [Some(time::now_s()), last_s, launched_s]),
        (None, Some(_)) => (global.now_s(), [None, last_s, launched_s]),
        // A vehicle may have been flying for decades when its mission begins here.
        (None, None) => return Ok(()),
    };
    let known_s = known.into_iter().flatten().max().unwrap_or(at_s);
    if at_s <= known_s.saturating_add(FARTHEST_S) {
        return Ok(());
    }
    let says = if global.at.is_some() {
        "this"
    } else {
        "the clock of this computer"
    };
    let what = format!(
        "{says} is {}, more than 20 years beyond all that is known here (up to {})",
        show_instant(at_s),
        show_instant(known_s)
    );
    Err(Error::new(Kind::Usage, what).field("--at").hint(
        "check the year of --at, or set the clock; `lightday ledger log` and `[twin] launched` of mission.toml say what is known. Nothing was written",
    ))
}

/// Warns of reports that the ledger has as taken in after now: one of the two instants is wrong.
///
/// # Errors
/// [`Kind::Ledger`].
pub fn doubt_reports(ledger: &Ledger, now_s: u64) -> Result<()> {
    let reports = ledger.reports()?;
    let Some(latest) = reports.iter().max_by_key(|row| row.received_s) else {
        return Ok(());
    };
    if latest.received_s > now_s {
        out::message(format_args!(
            "warning: report {} stands in the ledger as taken in {}, which is after now ({}): it counts as having come now at the latest. If its instant is wrong, mend it: lightday ingest FILE --redate --at INSTANT",
            latest.sequence,
            show_instant(latest.received_s),
            show_instant(now_s)
        ));
    }
    Ok(())
}
