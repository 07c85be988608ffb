//! The plan: what an uplink costs and how likely it succeeds, before a bit is sent.
//!
//! Never sends anything and never changes what will be sent: the [session](crate::session) lays its
//! frames by the same rules. Deterministic: the same inputs give the same plan.
//!
//! ```text
//! pass 1            pass 2            pass 3         o object, each with K source symbols
//! | C B B B C B B | | B B B B B B   | | B B    |     C, A, B: frames of command, authorization, bundle
//!   source first      source, parity    parity       parity for the frames that get lost, and, in a
//!                                                    later pass, for a pass that is lost as a whole
//! ```
//! ```
//! use lightday_station::link::{LinkModel, Loss, Pass};
//! use lightday_station::object::UplinkObject;
//! use lightday_station::plan::plan;
//! use lightday_station::profile::{EXAMPLE, Profile};
//! use lightday_wire::{ObjectKind, ObjectNumber};
//!
//! let profile: Profile = toml::from_str(EXAMPLE)?;
//! let bursts = Loss::GilbertElliott { loss: 0.1, mean_burst_frames: 10.0 };
//! let link = LinkModel::new(&profile.link, bursts, 0.0, 0.0);
//! let pass = Pass { start_s: 0, end_s: 28_800, station: "Malargüe".into(), ..Pass::default() };
//! let number = ObjectNumber::new(1).unwrap();
//! let bundle = UplinkObject::new(ObjectKind::Bundle, number, &[7; 20_000], 200)?;
//!
//! let plan = plan(&[bundle], &[pass], &link, 0.999)?;
//! assert!(plan.is_enough() && plan.objects[0].frames > 100);
//! assert_eq!(plan.bytes.total(), 224 * u64::from(plan.objects[0].frames));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In every pass an object gets frames until it is likely enough complete *if this pass is heard*, or
//! until more of them hardly help; the rest goes to later passes, so that a lost pass is covered by
//! frames that it cannot take with it.

use core::ops::Range;
use lightday_wire::HEADER_LEN;
use lightday_wire::report::REPORT_LEN;

pub use crate::costs::{Bytes, ObjectPlan, PassPlan, Plan, PlanError, PlannedFrame, QUANTILES};

use crate::chance::Reception;
use crate::light_time::LightTime;
use crate::link::{LinkModel, Pass};
use crate::object::{MAX_SYMBOLS, UplinkObject};
use crate::pass::{self, PassError};
use crate::queue::Mixer;

/// When enough of an object is likely there in a pass: decides when its frames stop.
#[derive(Clone, Debug)]
struct Progress {
    reception: Reception,
    at_begin: f64,
    /// Success some frames ago, and the frames since.
    mark: f64,
    since_mark: u32,
    flat: bool,
    last_slot: Option<u32>,
    needed: u32,
    /// The first symbol of this plan, and the next one.
    first: u32,
    next: u32,
}

impl Progress {
    fn new(object: &UplinkObject, start: &Start, link: &LinkModel) -> Self {
        let chain = link.chain(object.symbol_len());
        let mut reception = Reception::new(start.needed, chain);
        for (frames, lost) in &start.in_flight {
            reception.begin_pass(*lost);
            (0..*frames).for_each(|_| reception.frame(1));
            reception.end_pass();
        }
        Self {
            reception,
            at_begin: 0.0,
            mark: 0.0,
            since_mark: 0,
            flat: false,
            last_slot: None,
            needed: start.needed,
            first: start.next,
            next: start.next,
        }
    }

    fn begin_pass(&mut self, lost: f64) {
        self.reception.begin_pass(lost);
        self.at_begin = self.reception.success_if_heard();
        (self.mark, self.since_mark, self.flat) = (self.at_begin, 0, false);
        self.last_slot = None;
    }

    fn frame(&mut self, slot: u32, k: u16) {
        let stride = self.last_slot.map_or(1, |last| slot - last);
        self.last_slot = Some(slot);
        self.reception.frame(stride);
        self.next += 1;
        self.since_mark += 1;
        if self.since_mark >= 16 + u32::from(k) / 32 {
            let now = self.reception.success_if_heard();
            // Over the hill: this pass has done most of what it can, and more frames hardly help.
            let risen = now - self.at_begin > (1.0 - self.at_begin) / 2.0;
            self.flat = risen && now - self.mark < (1.0 - now) / 100.0;
            (self.mark, self.since_mark) = (now, 0);
        }
    }

    fn wants(&self, target: f64, is_last_pass: bool) -> bool {
        let goal = 1.0 - (1.0 - target) / 2.0;
        self.next < MAX_SYMBOLS
            && self.reception.success() < target
            && self.reception.success_if_heard() < goal
            && (is_last_pass || !self.flat)
    }
}

/// Plans the uplink of `objects` through `passes` so that each is complete on board with at least the
/// chance `target` (above 0, below 1) without any feedback.
///
/// # Errors
/// [`PlanError`].
pub fn plan(
    objects: &[UplinkObject],
    passes: &[Pass],
    link: &LinkModel,
    target: f64,
) -> Result<Plan, PlanError> {
    let starts: Vec<Start> = objects.iter().map(Start::fresh).collect();
    plan_from(objects, &starts, passes, link, target)
}

/// How much of an object was sent, and how much of it the vehicle has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Start {
    /// Symbols that the vehicle needed when it was last heard.
    pub needed: u32,
    /// Frames that it had not received by then, by the pass in which they were sent, and that pass's chance to
    /// be lost.
    pub in_flight: Vec<(u32, f64)>,
    /// The next symbol to send.
    pub next: u32,
}

impl Start {
    /// Nothing was sent.
    pub fn fresh(object: &UplinkObject) -> Self {
        Self {
            needed: u32::from(object.k()),
            in_flight: Vec::new(),
            next: 0,
        }
    }
}

/// Plans what is left to send.
pub(crate) fn plan_from(
    objects: &[UplinkObject],
    starts: &[Start],
    passes: &[Pass],
    link: &LinkModel,
    target: f64,
) -> Result<Plan, PlanError> {
    check(objects, passes, link, target)?;
    let mut progress: Vec<Progress> = objects
        .iter()
        .zip(starts)
        .map(|(object, start)| Progress::new(object, start, link))
        .collect();
    let mut plan = Plan {
        objects: objects
            .iter()
            .map(|object| object_plan(object, passes.len()))
            .collect(),
        passes: Vec::new(),
        frames: Vec::new(),
        bytes: Bytes::default(),
        target,
    };
    let light = link.light_time(passes);
    for place in 0..passes.len() {
        fill_pass(
            &mut plan,
            &mut progress,
            objects,
            (passes, place, &light),
            link,
        );
    }
    let known = |s| known_by(s, passes, &light, link);
    for ((object, progress), of) in plan.objects.iter_mut().zip(&progress).zip(objects) {
        object.probability = progress.reception.success();
        object.enough = object.probability >= target;
        object.known_earliest_s = object.earliest_s.and_then(known);
        object.known_quantiles_s = object.quantiles_s.map(|s| s.and_then(known));
        object.known_s = object.planned_s.and_then(known);
        add_bytes(&mut plan.bytes, of, progress.first..progress.next, link);
    }
    Ok(plan)
}

fn check(
    objects: &[UplinkObject],
    passes: &[Pass],
    link: &LinkModel,
    target: f64,
) -> Result<(), PlanError> {
    link.check().map_err(PlanError::Link)?;
    if objects.is_empty() {
        return Err(PlanError::NoObjects);
    }
    if passes.is_empty() {
        return Err(PlanError::NoPasses);
    }
    // A chance of one is never reached; the comparison also refuses what is no number.
    if !(target > 0.0 && target < 1.0) {
        return Err(PlanError::Target);
    }
    pass::check(passes).map_err(|error| match error {
        PassError::Order(pass) => PlanError::PassOrder { pass },
        PassError::Field(error) => PlanError::Link(error),
    })
}

fn object_plan(object: &UplinkObject, passes: usize) -> ObjectPlan {
    ObjectPlan {
        kind: object.kind(),
        number: object.number(),
        k: object.k(),
        symbol_len: object.symbol_len(),
        frames: 0,
        frames_by_pass: vec![0; passes],
        probability: 0.0,
        enough: false,
        earliest_s: None,
        quantiles_s: [None; 3],
        planned_s: None,
        known_earliest_s: None,
        known_quantiles_s: [None; 3],
        known_s: None,
    }
}

/// Lays frames into one pass until every object has enough, or the pass ends.
fn fill_pass(
    plan: &mut Plan,
    progress: &mut [Progress],
    objects: &[UplinkObject],
    (passes, place, light): (&[Pass], usize, &LightTime),
    link: &LinkModel,
) {
    let Some(pass) = passes.get(place) else {
        return;
    };
    let is_last_pass = place + 1 == passes.len();
    let lost = link.lost(pass);
    progress.iter_mut().for_each(|p| p.begin_pass(lost));
    let (mut now_ms, end_ms) = (pass.start_s * 1000, pass.end_s * 1000);
    let mut mixer = Mixer::default();
    let (mut slot, mut bytes) = (0, 0);
    loop {
        let fits = |o: &UplinkObject| now_ms + link.air_time_ms(o.symbol_len(), pass) <= end_ms;
        let wanting = objects
            .iter()
            .zip(progress.iter())
            .map(|(o, p)| (o.kind(), p.wants(plan.target, is_last_pass) && fits(o)));
        let Some(chosen) = mixer.next(wanting) else {
            break;
        };
        let (Some(of), Some(state), Some(object)) = (
            objects.get(chosen),
            progress.get_mut(chosen),
            plan.objects.get_mut(chosen),
        ) else {
            break;
        };
        plan.frames.push(PlannedFrame {
            start_ms: now_ms,
            object: u16::try_from(chosen).unwrap_or(u16::MAX),
            index: u16::try_from(state.next).unwrap_or(u16::MAX),
        });
        state.frame(slot, of.k());
        slot += 1;
        now_ms += link.air_time_ms(of.symbol_len(), pass);
        bytes += link.frame_len(of.symbol_len());
        let left_s = now_ms.div_ceil(1000);
        let arrives_s = left_s + light.at(left_s);
        object.frames += 1;
        object.planned_s = Some(arrives_s);
        if let Some(count) = object.frames_by_pass.get_mut(place) {
            *count += 1;
        }
        if object.frames == state.needed {
            object.earliest_s = Some(arrives_s);
        }
        let chance = state.reception.success();
        for (at_s, quantile) in object.quantiles_s.iter_mut().zip(QUANTILES) {
            if at_s.is_none() && chance >= quantile {
                *at_s = Some(arrives_s);
            }
        }
    }
    progress.iter_mut().for_each(|p| p.reception.end_pass());
    plan.passes.push(PassPlan {
        pass: pass.clone(),
        frames: slot,
        bytes,
        air_time_ms: now_ms - pass.start_s * 1000,
    });
}

/// When a report sent at `sent_s` on board is complete on the ground, in or at the begin of a pass.
/// A vehicle without an open pass sends again: the report is at hand when the next pass begins.
pub(crate) fn known_by(
    sent_s: u64,
    passes: &[Pass],
    light: &LightTime,
    link: &LinkModel,
) -> Option<u64> {
    let rate = u64::from(link.rate_down_bps.max(1));
    let air_s = (REPORT_LEN as u64 * 8).div_ceil(rate);
    let heard_s = sent_s + light.at(sent_s);
    let over = passes.partition_point(|pass| pass.end_s <= heard_s);
    let mut left = passes.iter().skip(over);
    let pass = left.find(|p| heard_s.max(p.start_s) + air_s <= p.end_s)?;
    Some(heard_s.max(pass.start_s) + air_s)
}

/// Milliseconds that the source symbols of an object take on the air in a pass.
pub(crate) fn on_air_ms(object: &UplinkObject, pass: &Pass, link: &LinkModel) -> u64 {
    u64::from(object.k()) * link.air_time_ms(object.symbol_len(), pass)
}

/// Adds the bytes of the symbols `sent`.
fn add_bytes(bytes: &mut Bytes, object: &UplinkObject, sent: Range<u32>, link: &LinkModel) {
    let symbol_len = u64::from(object.symbol_len());
    let frames = u64::from(sent.end - sent.start);
    let k = u32::from(object.k());
    let source = sent.start.min(k)..sent.end.min(k);
    let sent = u64::from(source.start) * symbol_len..u64::from(source.end) * symbol_len;
    let (envelope, len) = (u64::from(object.envelope_len()), u64::from(object.len()));
    // Bytes of the object that were sent and lie in this part of it.
    let within = |from: u64, to: u64| sent.end.min(to).saturating_sub(sent.start.max(from));
    bytes.envelope += within(0, envelope);
    bytes.payload += within(envelope, len);
    bytes.padding += within(len, u64::MAX);
    bytes.parity += frames * symbol_len - (sent.end - sent.start);
    bytes.headers += frames * HEADER_LEN as u64;
    bytes.tags += frames * link.tag_len.get() as u64;
    bytes.encapsulation += frames * u64::from(link.encapsulation);
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
