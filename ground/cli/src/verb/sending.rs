//! What the twin expects of frames that a plan lays into passes: shared by `plan` and `uplink`.
//!
//! Nothing of it gets lost, so that it hears each object up to the frame that completes it, and none of the parity
//! behind that. Where every signature is there it hears the very bytes; else stand-ins sign.

use std::path::{Path, PathBuf};

use lightday_station::object::UplinkObject;
use lightday_station::plan::{ObjectPlan, Plan, PlannedFrame};
use lightday_trust::KeySet;
use lightday_wire::Epoch;

use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;
use crate::mission::artifact::Artifact;
use crate::mission::forecast::Coming;
use crate::mission::keys::bad_key;
use crate::mission::twin::Hands;
use crate::mission::{Mission, epochs, stand_in};
use crate::verb::asked::Asked;
use crate::verb::plan::Ready;

/// What to do about an object that the twin would not take.
pub const REMEDY: &str = "mend what it names before it is sent";

/// The same of what goes up under these epochs: where a command that was sent leads away from one, that is why.
///
/// # Errors
/// The ledger cannot be read.
pub fn remedy(
    ledger: &Ledger,
    epochs: impl Iterator<Item = Epoch>,
    otherwise: &str,
) -> Result<String> {
    let Some(epoch) = epochs.min() else {
        return Ok(otherwise.to_owned());
    };
    Ok(match epochs::left_by(ledger, epoch)? {
        Some((command, to)) => format!(
            "it goes up under link epoch {}, which command {command} leaves: uplink it with `--epoch {}`",
            epoch.get(),
            to.get()
        ),
        None => otherwise.to_owned(),
    })
}

/// What goes up: an object, its file, and the link epoch of its frames.
#[derive(Clone, Copy)]
pub struct Going<'a> {
    /// The object.
    pub ready: &'a Ready,
    /// Its file.
    pub file: &'a Path,
    /// The epoch.
    pub epoch: Epoch,
}

impl<'a> Going<'a> {
    /// All that goes up.
    pub fn all(ready: &'a [Ready], files: &'a [PathBuf], epochs: &[Epoch]) -> Vec<Self> {
        let of = ready.iter().zip(files).zip(epochs);
        of.map(|((ready, file), epoch)| Self {
            ready,
            file,
            epoch: *epoch,
        })
        .collect()
    }
}

/// Asks the twin about the frames of a plan of these objects.
pub fn ask(mission: &Mission, ledger: &Ledger, plan: &Plan, going: &[Going<'_>]) -> Asked {
    if mission.config.twin.is_none() {
        return Asked::NoTwin;
    }
    let hands = match going.iter().all(|g| g.ready.is_signed) {
        true => Hands::Real,
        false => Hands::StandIn,
    };
    let coming = going
        .iter()
        .enumerate()
        .map(|(place, one)| coming(mission, plan, (place, one), hands))
        .collect::<Result<Vec<_>>>();
    match coming {
        Ok(coming) => Asked::about(mission, ledger, &coming, hands),
        Err(e) => Asked::Cannot(e.to_string()),
    }
}

fn coming(
    mission: &Mission,
    plan: &Plan,
    (place, going): (usize, &Going<'_>),
    hands: Hands,
) -> Result<Coming> {
    let object = match hands {
        Hands::Real => going.ready.object.clone(),
        Hands::StandIn => stood(mission, going)?,
    };
    let planned = plan.objects.get(place);
    Ok(Coming {
        object,
        epoch: going.epoch,
        frames: needed(mission, plan, place, planned),
        is_whole: planned.is_some_and(|o| o.earliest_s.is_some() || o.needed == 0),
    })
}

/// The frames of an object that complete it, if nothing gets lost: when each has left, in Unix milliseconds, and its
/// symbol. All of them where they do not complete it; the first, where what went up before does.
fn needed(
    mission: &Mission,
    plan: &Plan,
    place: usize,
    planned: Option<&ObjectPlan>,
) -> Vec<(u64, u16)> {
    let link = mission.config.link_model();
    let passes: Vec<_> = plan.passes.iter().map(|p| p.pass.clone()).collect();
    let light = link.light_time(&passes);
    let end_ms = |frame: &PlannedFrame| {
        let pass = passes.get(plan.pass_of(frame)?)?;
        Some(frame.start_ms + link.air_time_ms(planned?.symbol_len, pass))
    };
    let arrives_s = |end_ms: u64| {
        let left_s = end_ms.div_ceil(1000);
        left_s + light.at(left_s)
    };
    let whole_s = planned.and_then(|o| o.earliest_s).unwrap_or(u64::MAX);
    let own = plan
        .frames
        .iter()
        .filter(|f| usize::from(f.object) == place);
    let mut sent: Vec<(u64, u16)> = own
        .filter_map(|frame| Some((end_ms(frame)?, frame.index)))
        .collect();
    let completing = sent
        .iter()
        .take_while(|(end_ms, _)| arrives_s(*end_ms) <= whole_s)
        .count();
    sent.truncate(completing.max(1));
    sent
}

/// The object as it will go up, signed by stand-ins, in symbols of the same length.
fn stood(mission: &Mission, going: &Going<'_>) -> Result<UplinkObject> {
    let keys: KeySet = mission
        .key_set()?
        .key_set()
        .map_err(|e| bad_key(&mission.path("keys/keyset.toml"), &e))?;
    let signed = stand_in::signed(&Artifact::load(going.file)?, &keys)?;
    let object = &going.ready.object;
    let stood = UplinkObject::new(
        object.kind(),
        object.number(),
        &signed.object_bytes(),
        object.symbol_len(),
    );
    stood.map_err(|e| Error::new(Kind::Refused, e).file(going.file).hint(e.hint()))
}
