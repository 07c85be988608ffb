//! Whether the vehicle takes an object still, by what was heard of it.

use std::path::Path;

use lightday_station::object::UplinkObject;
use lightday_wire::{Epoch, Report};

use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;
use crate::mission::artifact::kind_name;
use crate::mission::causes::Causes;
use crate::mission::underway::Underway;

/// Refuses an object whose number the vehicle takes no more, by what the last report says and light allows; what is to be
/// said where that is in doubt.
///
/// # Errors
/// [`Kind::Refused`]; the ledger cannot be read.
pub fn still(
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
    // What was taken over from a report is used up, whoever used it.
    let is_ours = underway.runs(object).next().is_some() || causes.is_accepted(kind, number);
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
    let doubt = match (is_ours, passes(believed)) {
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
        .hint("`lightday status` shows what became of it; what is still to go up is built anew, under a new number"))
}
