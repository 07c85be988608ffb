//! What speaks against an uplink by what was heard of the vehicle.

use std::path::PathBuf;

use lightday_station::tracker::Alarm;
use lightday_wire::Action;

use crate::error::Result;
use crate::mission::artifact::Artifact;
use crate::mission::reports;

/// A vehicle that lost its record hears nothing but a resynchronisation: whatever else goes up is lost.
///
/// # Errors
/// A file cannot be read.
pub fn lost_record(alarm: &Alarm, files: &[PathBuf]) -> Result<Option<String>> {
    for file in files {
        let leads_out = match Artifact::load(file)? {
            Artifact::Command(draft) => {
                matches!(draft.document().action, Action::Resync { .. })
            }
            _ => false,
        };
        if !leads_out {
            return Ok(Some(format!(
                "{}: the vehicle said that it lost its record; it hears nothing but a resynchronisation.\n{}",
                file.display(),
                reports::alarm_text(alarm).trim_end()
            )));
        }
    }
    Ok(None)
}
