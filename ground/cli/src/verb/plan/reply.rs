//! Whether a pass hears what a command brings down: an answer goes down once, and waits for nobody.
//!
//! ```text
//!  ground   sent |---\\                              /---------- no pass: nobody hears it
//!  on board           \\___ answered, sent at once __/
//! ```
//! Asked of the command as if none of its frames got lost. A dump is sent in rounds, of which one has to be heard.

use std::path::PathBuf;

use lightday_station::plan::{ObjectPlan, Plan};
use lightday_wire::answer::ANSWER_LEN;
use lightday_wire::dump::{DUMP_LEN, DumpRange, ROUND_S, ROUNDS};
use lightday_wire::report::REPORT_LEN;
use lightday_wire::{Action, ObjectKind};

use crate::error::Result;
use crate::mission::artifact::Artifact;
use crate::mission::{Mission, Pass};
use crate::time::show_instant;

/// What an hour is for people: the vehicle takes seconds to answer, and clocks are not the same.
const SPARE_S: u64 = 60;

/// What comes down for a command.
struct Reply {
    /// In words.
    what: &'static str,
    len: u64,
    rounds: u8,
}

impl Reply {
    /// `None` of everything that asks for nothing, or whose answer the next beacon has, too.
    fn of(artifact: &Artifact) -> Option<Self> {
        let Artifact::Command(draft) = artifact else {
            return None;
        };
        let (what, len, rounds) = match draft.document().action {
            Action::RegionDigest { .. } => ("the digest comes down once", ANSWER_LEN as u64, 1),
            Action::ReportRequest => (
                "the report that it asks for comes down once",
                REPORT_LEN as u64,
                1,
            ),
            Action::MemoryDump { offset, len, .. } => {
                let parts = DumpRange::new(offset, len).map_or(0, DumpRange::parts);
                (
                    "all rounds of the dump come down",
                    u64::from(parts) * DUMP_LEN as u64,
                    ROUNDS,
                )
            }
            _ => return None,
        };
        Some(Self { what, len, rounds })
    }
}

/// What is to be said of each command of a plan whose answer no booked pass hears.
///
/// # Errors
/// A file, or passes.csv, cannot be read.
pub fn doubts(files: &[PathBuf], mission: &Mission, plan: &Plan) -> Result<Vec<String>> {
    let mut doubts = Vec::new();
    // What was sent before is answered by now, or never will be.
    let from_s = plan.passes.first().map_or(0, |p| p.pass.start_s);
    for file in files {
        let artifact = Artifact::load(file)?;
        let of = (artifact.kind(), artifact.number());
        let mut planned = plan.objects.iter();
        if let Some(object) = planned.find(|o| (o.kind, o.number) == of)
            && let Some(why) = unheard(&artifact, object, (mission, from_s))?
        {
            doubts.push(format!("{}: {why}", file.display()));
        }
    }
    Ok(doubts)
}

/// What is to be said of a command whose answer no booked pass hears, and from which hours behind `from_s` one would.
///
/// # Errors
/// passes.csv cannot be read.
pub fn unheard(
    artifact: &Artifact,
    object: &ObjectPlan,
    (mission, from_s): (&Mission, u64),
) -> Result<Option<String>> {
    let (Some(reply), Some(board_s)) = (Reply::of(artifact), object.earliest_s) else {
        return Ok(None);
    };
    debug_assert_eq!(object.kind, ObjectKind::Command);
    let passes = mission.passes()?;
    let rate = u64::from(mission.profile.link.rate_down_bps.max(1));
    let air_s = (reply.len * 8).div_ceil(rate);
    let comes_s = |round: u8| {
        let sent_s = board_s + u64::from(round) * (ROUND_S + air_s);
        sent_s + mission.light_time().at(sent_s)
    };
    let is_heard = |s: u64| {
        let mut open = passes.iter();
        open.any(|p| p.start_s <= s && s + air_s <= p.end_s)
    };
    if (0..reply.rounds).any(|round| is_heard(comes_s(round))) {
        return Ok(None);
    }
    let sent_s = mission.light_time().leaves_by(board_s).max(from_s);
    let way = match hours(mission, &passes, sent_s, air_s) {
        Some((from_s, to_s)) => format!(
            "what goes up from {} to {} is answered within a pass: `uplink --at`, or wait",
            show_instant(from_s),
            show_instant(to_s)
        ),
        None => "no pass that is booked hears an answer to any other: book one".to_owned(),
    };
    let from = match reply.rounds {
        1 => "at",
        _ => "from",
    };
    Ok(Some(format!(
        "{}, {from} {}, and no pass is booked that hears it; {way}",
        reply.what,
        show_instant(comes_s(0))
    )))
}

/// The first hours behind `sent_s` in which a command is sent whose answer is heard in a pass.
fn hours(mission: &Mission, passes: &[Pass], sent_s: u64, air_s: u64) -> Option<(u64, u64)> {
    let light = mission.light_time();
    // There and back.
    let asked_by = |here_s: u64| light.leaves_by(light.leaves_by(here_s));
    let up = passes.iter().filter(|p| p.end_s > sent_s);
    let both = up.flat_map(|up| passes.iter().map(move |down| (up, down)));
    let spans = both.map(|(up, down)| {
        let from_s = up.start_s.max(sent_s).max(asked_by(down.start_s) + SPARE_S);
        let last_s = asked_by(down.end_s.saturating_sub(air_s));
        (from_s, up.end_s.min(last_s.saturating_sub(SPARE_S)))
    });
    spans
        .filter(|(from_s, to_s)| from_s + SPARE_S <= *to_s)
        .min()
}
