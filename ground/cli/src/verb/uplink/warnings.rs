//! What speaks against an uplink by what was heard of the vehicle.

use std::path::{Path, PathBuf};

use lightday_station::object::UplinkObject;
use lightday_station::tracker::Alarm;
use lightday_wire::{Action, Epoch, Report};

use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;
use crate::mission::artifact::{Artifact, kind_name};
use crate::mission::causes::Causes;
use crate::mission::reports;
use crate::mission::underway::Underway;

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

/// Refuses an object whose number the vehicle takes no more, by what the last report says and light allows; what is to be
/// said where that is in doubt.
///
/// # Errors
/// [`Kind::Refused`]; the ledger cannot be read.
pub fn taken_still(
    object: &UplinkObject,
    file: &Path,
    (ledger, underway, causes): (&Ledger, &Underway, &Causes),
    epoch: Epoch,
) -> Result<Option<String>> {
    let Some(last) = underway.heard(epoch) else {
        return Ok(None);
    };
    let (kind, number) = (object.kind(), object.number());
    let ours = ledger.next_number(kind)?;
    let has_gone = underway.runs(object).next().is_some();
    let (report, believed) = (
        &last.report,
        &causes.believed(&last.report, last.received_s),
    );
    let passes = |report: &Report| {
        let next = kind
            .uplink_index()
            .and_then(|i| report.next.get(i).copied());
        // What was never given out cannot be used up.
        next.is_some_and(|next| next <= ours && number < next)
    };
    if !passes(report) {
        return Ok(None);
    }
    let doubt = match (has_gone, passes(believed)) {
        (true, true) => None,
        (false, _) => Some("nothing of it ever went up"),
        (true, false) => Some("light does not allow that report"),
    };
    if let Some(doubt) = doubt {
        return Ok(Some(format!(
            "{}: a report says that the vehicle takes {} {number} no more, but {doubt}. Somebody else speaks as the vehicle, or this ledger is older than another: it is sent all the same.",
            file.display(),
            kind_name(kind)
        )));
    }
    let what = format!(
        "the vehicle does not take {} {number} any more: it is complete on board, or another took its place",
        kind_name(kind)
    );
    Err(Error::new(Kind::Refused, what)
        .file(file)
        .field("number")
        .hint("`lightday status` shows what became of it"))
}
