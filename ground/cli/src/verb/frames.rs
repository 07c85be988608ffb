//! The frames of a plan: cut, sealed, with their schedule.

use std::collections::BTreeMap;

use lightday_station::plan::Plan;
use lightday_trust::FrameKey;
use lightday_wire::TagLen;

use crate::error::{Error, Kind, Result};
use crate::ledger::SentRow;
use crate::mission::artifact::kind_name;
use crate::mission::{Mission, packets};
use crate::out;
use crate::time::show_instant;
use crate::verb::describe;
use crate::verb::plan::Ready;

/// How many frames of the plan go up: all, or so many as are asked for.
pub fn count(plan: &Plan, frames: Option<u32>) -> Result<usize> {
    let most = plan.frames.len();
    let n = frames.map_or(most, |n| usize::try_from(n).unwrap_or(usize::MAX));
    if n > most {
        let what = format!("the plan has {}", describe::count(most as u64, "frame"));
        return Err(Error::new(Kind::Plan, what).field("frames").hint(format!(
            "--frames {most} is the most here; a higher --probability plans for more, and --afresh for all that it takes if nothing arrived"
        )));
    }
    Ok(n)
}

/// An object with the key of its frames.
pub struct Keyed {
    /// The object.
    pub ready: Ready,
    /// What its frames are sealed with.
    pub key: FrameKey,
}

impl Keyed {
    /// The frame of a planned index.
    fn frame(&self, index: u16, tag_len: TagLen) -> Result<Vec<u8>> {
        let frame = self.ready.object.frame(index, &self.key, tag_len);
        frame.ok_or_else(|| Error::new(Kind::Internal, format!("there is no symbol {index}")))
    }
}

/// Frames in the order of sending, and what to remember of them.
pub struct Written {
    /// The file of frames.
    pub bytes: Vec<u8>,
    /// The schedule beside it.
    pub schedule: String,
    /// What the ledger remembers.
    pub runs: Vec<SentRow>,
}

/// Writes the frames of a plan, and their schedule.
pub fn write(plan: &Plan, keyed: &[Keyed], mission: &Mission) -> Result<Written> {
    let link = mission.config.link_model();
    let mut bytes = Vec::new();
    let mut schedule = "start_utc,start_ms,kind,number,index,bytes\n".to_owned();
    // What was sent is remembered pass by pass, so that later plans know when the antenna is busy.
    let mut runs: BTreeMap<(usize, u16), SentRow> = BTreeMap::new();
    let bar = out::progress(plan.frames.len() as u64, "frames");
    for planned in &plan.frames {
        let start_s = planned.start_ms / 1000;
        let place = plan.pass_of(planned).unwrap_or(0);
        let keyed = keyed.get(usize::from(planned.object));
        let (Some(keyed), Some(pass)) = (keyed, plan.passes.get(place)) else {
            return Err(Error::new(
                Kind::Internal,
                "the plan names what was not given",
            ));
        };
        let object = &keyed.ready.object;
        let frame = keyed.frame(planned.index, mission.profile.link.tag_len)?;
        let index = u32::from(planned.index);
        packets::push(&mut bytes, &frame);
        let air_ms = link.air_time_ms(object.symbol_len(), &pass.pass);
        let (utc, kind) = (show_instant(start_s), kind_name(object.kind()));
        let (number, len, start_ms) = (object.number(), frame.len(), planned.start_ms);
        schedule.push_str(&format!("{utc},{start_ms},{kind},{number},{index},{len}\n"));
        let run = runs
            .entry((place, planned.object))
            .or_insert_with(|| SentRow {
                kind: object.kind(),
                number,
                epoch: keyed.key.epoch().get(),
                k: object.k(),
                symbol_len: object.symbol_len(),
                first: index,
                count: 0,
                starts_s: start_s,
                ends_s: start_s,
                file: String::new(),
                object: keyed.ready.digest,
                unsent_s: None,
                pass: None,
                places: Vec::new(),
            });
        run.places.push(planned.slot);
        run.count = index - run.first + 1;
        run.ends_s = (start_ms + air_ms).div_ceil(1000);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(Written {
        bytes,
        schedule,
        runs: runs.into_values().collect(),
    })
}
