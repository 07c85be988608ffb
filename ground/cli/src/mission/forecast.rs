//! What the twin makes of a document before anybody signs or sends it.
//!
//! ```text
//! all that the ledger sent, signed by stand-ins --> twin --> what it reports before
//! the draft, signed by stand-ins, at its time   --> twin --> verdict, and what it reports after
//! ```
//! It is the real agent and the real loader that answer, as in [`twin`](super::twin); and it is a forecast all the
//! same: of a vehicle that got every frame that was sent, and whose application allows everything.

use lightday_sim::time::Calendar;
use lightday_sim::twin::Twin;
use lightday_station::link_keys::HeldKeys;
use lightday_station::object::UplinkObject;
use lightday_station::tracker::Tracker;
use lightday_trust::KeySet;
use lightday_wire::report::Verdict;
use lightday_wire::{Epoch, Report};

use super::answers::Reply;
use super::artifact::Artifact;
use super::config::TwinConfig;
use super::twin::{Hands, frames, launched, on_flash_of, reported};
use super::{Mission, stand_in};
use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;

/// How long the twin has for what follows from a document: resets, the loader, the digest of a slot.
const SETTLE_S: u64 = 3600;

/// A draft on its way.
#[derive(Clone, Copy, Debug)]
pub struct Coming<'a> {
    /// The draft.
    pub artifact: &'a Artifact,
    /// The key set under which it will be signed.
    pub keys: &'a KeySet,
    /// The object that goes up: its number of symbols and their length.
    pub object: &'a UplinkObject,
    /// The link epoch of its frames.
    pub epoch: Epoch,
    /// When its last needed frame has left the antenna, in Unix seconds.
    pub sent_s: u64,
}

/// What the twin expects.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// What it had reported just before; `None` if it has not reported yet.
    pub before: Option<Report>,
    /// What it reports an hour after.
    pub after: Report,
    /// The verdict on the document. The report carries none on key sets; this is the agent's own.
    pub verdict: Verdict,
    /// What it replies with, where something was asked for: a digest, or the parts of a dump.
    pub replies: Vec<Reply>,
}

/// Asks the twin; `None` if mission.toml states no twin, or it was not launched by then.
///
/// # Errors
/// A file of the twin, or of what was sent, is missing or does not go with the mission.
pub fn ask(mission: &Mission, ledger: &Ledger, coming: Coming<'_>) -> Result<Option<Forecast>> {
    let Some(config) = &mission.config.twin else {
        return Ok(None);
    };
    if coming.sent_s <= config.launched_s {
        return Ok(None);
    }
    on_flash_of!(mission, live(mission, config, ledger, coming))
}

fn live<const W: usize, const E: usize>(
    mission: &Mission,
    config: &TwinConfig,
    ledger: &Ledger,
    coming: Coming<'_>,
) -> Result<Option<Forecast>> {
    let link_keys = HeldKeys::from(&mission.held_link_keys()?.padded());
    let calendar = Calendar {
        start_unix_s: config.launched_s,
    };
    let light = &mission.light_time;
    let vehicle = launched::<W, E>(mission, config, &link_keys, Hands::StandIn)?;
    let mut twin = Twin::new(vehicle);
    let mut sent = frames(mission, ledger, &link_keys, (coming.sent_s, Hands::StandIn))?;
    sent.extend(own_frames(mission, &link_keys, coming)?);
    sent.sort_by_key(|(sent_ms, _)| *sent_ms);
    for (sent_ms, frame) in &sent {
        let arrives_ms = sent_ms + light.at(sent_ms / 1000) * 1000;
        twin.expect(calendar.instant_ms(arrives_ms), frame);
    }
    let arrives_s = coming.sent_s.saturating_add(light.at(coming.sent_s));
    twin.advance(calendar.instant(arrives_s.saturating_sub(1)));
    let before = reported(&twin, mission, &link_keys, calendar).map(|(report, _)| report);
    twin.advance(calendar.instant(arrives_s.saturating_add(SETTLE_S)));
    let kind = coming.artifact.kind();
    let verdict = twin.vehicle().agent().map(|agent| agent.verdict(kind));
    let after = reported(&twin, mission, &link_keys, calendar);
    let (Some(verdict), Some((after, _))) = (verdict, after) else {
        return Err(silent());
    };
    let number = coming.artifact.number();
    Ok(Some(Forecast {
        before,
        after,
        verdict: if verdict.number == number {
            verdict
        } else {
            Verdict::IDLE
        },
        replies: replies(&twin, mission, &link_keys, coming),
    }))
}

/// What the twin replies to this very command.
fn replies<const W: usize, const E: usize>(
    twin: &Twin<W, E>,
    mission: &Mission,
    link_keys: &HeldKeys,
    coming: Coming<'_>,
) -> Vec<Reply> {
    let tracker = Tracker::new(mission.profile.vehicle, mission.light_time.clone());
    let packets = twin.replies().iter();
    let replies = packets.filter_map(|packet| Reply::open(&tracker, link_keys, packet).ok());
    let is_ours = |reply: &Reply| reply.command() == coming.artifact.number();
    replies.filter(is_ours).collect()
}

/// The source frames of the draft, the last of which ends when it is sent, with the millisecond of their last bit.
fn own_frames(
    mission: &Mission,
    link_keys: &HeldKeys,
    coming: Coming<'_>,
) -> Result<Vec<(u64, Vec<u8>)>> {
    let stood = stand_in::signed(coming.artifact, coming.keys)?;
    let (object, link) = (coming.object, &mission.profile.link);
    let object = UplinkObject::new(
        object.kind(),
        object.number(),
        &stood.object_bytes(),
        object.symbol_len(),
    )
    .map_err(|e| Error::new(Kind::Internal, e))?;
    let key = mission.uplink_key(link_keys, coming.epoch)?;
    let air_ms = object.frame_len(link.tag_len) as u64 * 8000 / u64::from(link.rate_up_bps.max(1));
    let frame = |index: u16| {
        let behind = u64::from(object.k() - 1 - index);
        let sent_ms = (coming.sent_s * 1000).saturating_sub(behind * air_ms);
        Some((sent_ms, object.frame(index, &key, link.tag_len)?))
    };
    Ok((0..object.k()).filter_map(frame).collect())
}

fn silent() -> Error {
    Error::new(
        Kind::Outcome,
        "the twin is silent an hour after it heard this",
    )
    .hint("fly it in the simulator before it is sent: `lightday rehearse`")
}
