//! The tracker, fed with every report that the ledger keeps.

use lightday_station::tracker::Tracker;
use lightday_trust::LinkKeys;

use super::Mission;
use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;

/// What the vehicle last proved.
///
/// # Errors
/// A report of the ledger does not prove itself any more: another key, or another vehicle.
pub fn tracker(mission: &Mission, ledger: &Ledger, keys: &LinkKeys) -> Result<Tracker> {
    let profile = &mission.profile;
    let mut tracker = Tracker::new(profile.vehicle, profile.link.light_time_s);
    for row in ledger.reports()? {
        tracker.receive(keys, &row.frame, row.received_s).map_err(|e| {
            Error::new(Kind::Trust, format!("report {} of the ledger: {e}", row.sequence))
                .file(&mission.path("ledger.sqlite"))
                .hint("check keys/link.key and vehicle.id of mission.toml: they were others when it was taken in")
        })?;
    }
    Ok(tracker)
}
