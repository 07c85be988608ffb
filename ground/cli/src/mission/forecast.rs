//! What the twin makes of what is to go up, before anybody signs or sends it.
//!
//! ```text
//! all that the ledger sent                  --> twin --> what it reports before
//! the frames that are to go up, at their time --> twin --> verdicts with their instants, and what it reports after
//! ```
//! It is the real agent and the real loader that answer, as in [`twin`](super::twin); and it is a forecast all the
//! same: of a vehicle that got every frame that was sent, and whose application allows everything. What nobody has
//! signed yet is signed by [stand-ins](super::stand_in), and so is all that was sent before.

use lightday_sim::time::Calendar;
use lightday_sim::twin::Twin;
use lightday_station::known::surely_known_by;
use lightday_station::link_keys::HeldKeys;
use lightday_station::object::UplinkObject;
use lightday_station::stages;
use lightday_station::tracker::Tracker;
use lightday_wire::report::Verdict;
use lightday_wire::{Epoch, ObjectKind, ObjectNumber, Refusal, Report, Stage};

use super::Mission;
use super::answers::Reply;
use super::config::TwinConfig;
use super::twin::{Hands, frames, launched, on_flash_of, reported};
use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;

/// How long the twin has for what follows from an object: resets, the loader, a patch, the digest of a slot.
const SETTLE_MS: u64 = 3_600_000;
/// Between two looks at the twin.
const LOOK_MS: u64 = 10_000;
/// The same between passes, where nothing arrives.
const IDLE_LOOK_MS: u64 = 60_000;

/// An object that is to go up.
#[derive(Clone, Debug)]
pub struct Coming {
    /// The object, as the twin hears it: signed by the hands that it knows.
    pub object: UplinkObject,
    /// The link epoch of its frames.
    pub epoch: Epoch,
    /// Its frames: when the last bit of each has left the antenna, in Unix milliseconds, and which symbol it is.
    pub frames: Vec<(u64, u16)>,
    /// Whether they complete it, with what is on its way.
    pub is_whole: bool,
}

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it is.
    pub kind: ObjectKind,
    /// Its number.
    pub number: ObjectNumber,
    /// The verdict on it. The report carries none on key sets; this is the agent's own.
    pub verdict: Verdict,
    /// When the verdict has come, in Unix seconds on board, to ten seconds; `None`: there is none.
    pub at_s: Option<u64>,
    /// When a report of it is on the ground at the latest, by the passes that are booked, if none of that is lost; `None`
    /// if that takes a beacon of the right phase.
    pub known_s: Option<u64>,
    /// Whether what goes up completes it.
    pub is_whole: bool,
}

/// What the twin expects.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// What it had reported just before; `None` if it has not reported yet.
    pub before: Option<Report>,
    /// What it reported last, an hour after the last frame.
    pub after: Report,
    /// When it reported that, in Unix seconds on board.
    pub after_s: u64,
    /// What becomes of each object, in their order.
    pub outcomes: Vec<Outcome>,
    /// What it replies with, where something was asked for: a digest, or the parts of a dump.
    pub replies: Vec<Reply>,
}

/// Asks the twin; `None` if mission.toml states no twin, or it was not launched by then.
///
/// # Errors
/// Not a frame is to go up; a file of the twin, or of what was sent, is missing or does not go with the mission.
pub fn ask(
    mission: &Mission,
    ledger: &Ledger,
    coming: &[Coming],
    hands: Hands,
) -> Result<Option<Forecast>> {
    let Some(config) = &mission.config.twin else {
        return Ok(None);
    };
    let sent = coming.iter().flat_map(|c| &c.frames);
    let last_ms = sent.map(|(ms, _)| *ms).max();
    let last_ms = last_ms.ok_or_else(|| Error::new(Kind::Plan, "no frame is to go up"))?;
    if last_ms / 1000 <= config.launched_s {
        return Ok(None);
    }
    on_flash_of!(
        mission,
        live(mission, config, ledger, (coming, hands, last_ms))
    )
}

fn live<const W: usize, const E: usize>(
    mission: &Mission,
    config: &TwinConfig,
    ledger: &Ledger,
    (coming, hands, last_ms): (&[Coming], Hands, u64),
) -> Result<Option<Forecast>> {
    let link_keys = HeldKeys::from(&mission.held_link_keys()?.padded());
    let calendar = Calendar {
        start_unix_s: config.launched_s,
    };
    let arrives = |sent_ms: u64| sent_ms + mission.light_time().at(sent_ms / 1000) * 1000;
    let vehicle = launched::<W, E>(mission, config, &link_keys, hands)?;
    let mut twin = Twin::new(vehicle);
    let own = own_frames(mission, &link_keys, coming)?;
    let mut instants: Vec<u64> = own.iter().map(|(sent_ms, _)| arrives(*sent_ms)).collect();
    instants.sort_unstable();
    let mut all = frames(mission, ledger, &link_keys, (last_ms.div_ceil(1000), hands))?;
    all.extend(own);
    all.sort_by_key(|(sent_ms, _)| arrives(*sent_ms));
    for (sent_ms, frame) in &all {
        twin.expect(calendar.instant_ms(arrives(*sent_ms)), frame);
    }
    let first_ms = instants.first().copied().unwrap_or(last_ms);
    twin.advance(calendar.instant_ms(first_ms.saturating_sub(1000)));
    let before = reported(&twin, mission, &link_keys, calendar).map(|(report, _)| report);
    let mut outcomes: Vec<Outcome> = coming.iter().map(Outcome::none_yet).collect();
    // What it has by all that went up before is no effect of what goes up now.
    look(
        &mut twin,
        calendar,
        first_ms.saturating_sub(1000),
        &mut outcomes,
    );
    for outcome in &mut outcomes {
        outcome.at_s = None;
    }
    watch(&mut twin, calendar, &instants, &mut outcomes);
    let Some((after, after_s)) = reported(&twin, mission, &link_keys, calendar) else {
        return Err(silent());
    };
    let (passes, link) = (mission.passes()?, mission.config.link_model());
    for outcome in &mut outcomes {
        let known = |at_s| surely_known_by(at_s, &passes, mission.light_time(), &link);
        outcome.known_s = outcome.at_s.and_then(known);
    }
    Ok(Some(Forecast {
        before,
        after,
        after_s,
        outcomes,
        replies: replies(&twin, mission, &link_keys, coming),
    }))
}

impl Outcome {
    fn none_yet(coming: &Coming) -> Self {
        Self {
            kind: coming.object.kind(),
            number: coming.object.number(),
            verdict: Verdict::IDLE,
            at_s: None,
            known_s: None,
            is_whole: coming.is_whole,
        }
    }
}

/// Lets the twin hear what arrives at these instants, and an hour more, and notes when verdicts come: to ten seconds
/// within an hour of a frame, to a minute between passes. A verdict of another number takes none back: a report carries
/// but the latest of each kind.
fn watch<const W: usize, const E: usize>(
    twin: &mut Twin<W, E>,
    calendar: Calendar,
    instants: &[u64],
    outcomes: &mut [Outcome],
) {
    let last_ms = instants.last().copied().unwrap_or(0);
    let end_ms = last_ms.saturating_add(SETTLE_MS);
    let next = instants.iter().skip(1).copied().chain([end_ms]);
    for (at_ms, next_ms) in instants.iter().zip(next) {
        let settled_ms = at_ms.saturating_add(SETTLE_MS);
        let mut now_ms = *at_ms;
        while now_ms < next_ms {
            look(twin, calendar, now_ms, outcomes);
            let step_ms = if now_ms < settled_ms {
                LOOK_MS
            } else {
                IDLE_LOOK_MS
            };
            now_ms = now_ms.saturating_add(step_ms);
        }
        // What arrives next may open the reception anew, and its verdict is gone.
        let before_ms = next_ms.saturating_sub(1).max(*at_ms);
        look(twin, calendar, before_ms, outcomes);
    }
    look(twin, calendar, end_ms, outcomes);
}

fn look<const W: usize, const E: usize>(
    twin: &mut Twin<W, E>,
    calendar: Calendar,
    now_ms: u64,
    outcomes: &mut [Outcome],
) {
    twin.advance(calendar.instant_ms(now_ms));
    let Some(agent) = twin.vehicle().agent() else {
        return;
    };
    for outcome in outcomes {
        let verdict = match outcome.kind {
            ObjectKind::Bundle => agent.bundle_verdict(),
            kind => agent.verdict(kind),
        };
        if verdict.number != outcome.number || verdict == outcome.verdict {
            continue;
        }
        // What comes behind a verdict opens the reception anew, and takes nothing back.
        let is_new_reception =
            verdict.stage == Stage::Receiving && verdict.refusal == Refusal::None;
        if is_new_reception && stages::is_over(outcome.verdict.stage) {
            continue;
        }
        outcome.verdict = verdict;
        let is_word = verdict.stage != Stage::Receiving || verdict.refusal != Refusal::None;
        outcome.at_s = is_word.then(|| now_ms.div_ceil(1000));
    }
}

/// What the twin replies to these very commands.
fn replies<const W: usize, const E: usize>(
    twin: &Twin<W, E>,
    mission: &Mission,
    link_keys: &HeldKeys,
    coming: &[Coming],
) -> Vec<Reply> {
    let tracker = Tracker::new(mission.profile.vehicle, mission.light_time().clone());
    let packets = twin.replies().iter();
    let replies = packets.filter_map(|packet| Reply::open(&tracker, link_keys, packet).ok());
    let is_ours = |reply: &Reply| {
        let mut commands = coming
            .iter()
            .filter(|c| c.object.kind() == ObjectKind::Command);
        commands.any(|c| c.object.number() == reply.command())
    };
    replies.filter(is_ours).collect()
}

/// The frames that are to go up, with the millisecond of their last bit.
fn own_frames(
    mission: &Mission,
    link_keys: &HeldKeys,
    coming: &[Coming],
) -> Result<Vec<(u64, Vec<u8>)>> {
    let tag_len = mission.profile.link.tag_len;
    let mut frames = Vec::new();
    for one in coming {
        let key = mission.uplink_key(link_keys, one.epoch)?;
        let sealed = one.frames.iter().filter_map(|(sent_ms, index)| {
            Some((*sent_ms, one.object.frame(*index, &key, tag_len)?))
        });
        frames.extend(sealed);
    }
    Ok(frames)
}

fn silent() -> Error {
    Error::new(
        Kind::Outcome,
        "the twin is silent an hour after it heard this",
    )
    .hint("fly it in the simulator before it is sent: `lightday rehearse`")
}
