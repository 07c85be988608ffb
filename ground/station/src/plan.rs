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
//! Passes that are [lost together](crate::pass::Contact) count as one. In every pass an object gets frames until it is likely enough complete *if this pass is heard*, or
//! until more of them hardly help; the rest goes to later passes, so that a lost pass is covered by
//! frames that it cannot take with it. Where that is not enough, passes have to be surer: they are laid anew.

use core::ops::Range;
use lightday_wire::HEADER_LEN;

pub use crate::costs::{Bytes, ObjectPlan, PassPlan, Plan, PlanError, PlannedFrame, QUANTILES};

use crate::known::{Ears, known_by, surely_known_by};
use crate::light_time::LightTime;
use crate::link::{LinkModel, Pass};
use crate::object::{MAX_SYMBOLS, UplinkObject};
use crate::pass::{self, Contact, PassError};
use crate::progress::Progress;
use crate::queue::Mixer;
pub use crate::start::{InFlight, Start};

/// Shares of the chance to fail that a pass which is heard may have. With the first of them passes that are likely lost
/// may not suffice, although there is room: then with less, until only the passes themselves are in the way.
const SHARES: [f64; 3] = [1.0 / 2.0, 1.0 / 64.0, 1.0 / 4096.0];

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

/// As [`plan`], of objects of which some was sent already: each stands where `starts` says, in the order of the objects.
/// The chance of each counts what is on its way; what is there already is sent no more.
///
/// # Errors
/// [`PlanError`].
pub fn plan_from(
    objects: &[UplinkObject],
    starts: &[Start],
    passes: &[Pass],
    link: &LinkModel,
    target: f64,
) -> Result<Plan, PlanError> {
    let mut plan = plan_unheard(objects, starts, passes, link, target)?;
    plan.hear(passes, link);
    Ok(plan)
}

/// As [`plan_from`], for whoever does not ask when the ground knows.
pub(crate) fn plan_unheard(
    objects: &[UplinkObject],
    starts: &[Start],
    passes: &[Pass],
    link: &LinkModel,
    target: f64,
) -> Result<Plan, PlanError> {
    check(objects, passes, link, target)?;
    Ok(whole((objects, starts), passes, link, target).0)
}

impl Plan {
    /// Reckons anew when the ground knows, with reports that these passes hear: those that are booked, whether or not they
    /// are free to send in.
    pub fn hear(&mut self, passes: &[Pass], link: &LinkModel) {
        let light = link.light_time(passes);
        let ears = Ears::new(passes, &light, link);
        for object in &mut self.objects {
            let by = |known: fn(u64, &[Pass], &LightTime, &LinkModel) -> Option<u64>,
                      s: Option<u64>| {
                s.and_then(|s| known(s, passes, &light, link))
            };
            object.known_earliest_s = by(known_by, object.earliest_s);
            object.known_quantiles_s = ears.known(&object.completions, QUANTILES);
            object.known_s = by(surely_known_by, object.planned_s);
        }
    }
}

/// As [`plan_from`], of which only the first `frames` go up: the same frames in the same order, and the chances and
/// instants that they alone reach.
///
/// # Errors
/// [`PlanError`].
pub fn plan_part(
    objects: &[UplinkObject],
    starts: &[Start],
    passes: &[Pass],
    link: &LinkModel,
    target: f64,
    frames: usize,
) -> Result<Plan, PlanError> {
    check(objects, passes, link, target)?;
    let (plan, share) = whole((objects, starts), passes, link, target);
    let mut part = match plan.frames.len() <= frames {
        true => plan,
        false => lay((objects, starts), passes, link, (target, share, frames), 0),
    };
    part.hear(passes, link);
    Ok(part)
}

/// As [`plan_from`], and fresh parity behind it in every pass until the report of what was planned is here, if it is not
/// lost: whatever gets lost of all that, nobody has to send more before a report says what lacks. Its last frames, and the
/// instants of the plan, are those that [`plan_from`] has; the chance of each object counts the parity.
///
/// # Errors
/// [`PlanError`].
pub fn plan_until_report(
    objects: &[UplinkObject],
    starts: &[Start],
    passes: &[Pass],
    link: &LinkModel,
    target: f64,
) -> Result<Plan, PlanError> {
    check(objects, passes, link, target)?;
    let of = (objects, starts);
    let (mut planned, share) = whole(of, passes, link, target);
    planned.hear(passes, link);
    let lacking = planned.objects.iter().filter(|o| o.needed > 0);
    let known_s = lacking.map(|o| o.known_s);
    // Where no booked pass is sure to hear the report, none ends it.
    let until_s = known_s.map(|s| s.unwrap_or(u64::MAX)).max().unwrap_or(0);
    let mut plan = lay(of, passes, link, (target, share, usize::MAX), until_s);
    plan.hear(passes, link);
    Ok(plan)
}

/// What is on its way already, and nothing more: no pass, no frame.
pub(crate) fn on_its_way(
    objects: &[UplinkObject],
    starts: &[Start],
    link: &LinkModel,
    target: f64,
) -> Plan {
    lay((objects, starts), &[], link, (target, SHARES[0], 0), 0)
}

/// The plan, and the share with which it was laid.
fn whole(
    of: (&[UplinkObject], &[Start]),
    passes: &[Pass],
    link: &LinkModel,
    target: f64,
) -> (Plan, f64) {
    let laid = |share| lay(of, passes, link, (target, share, usize::MAX), 0);
    let (mut plan, mut with) = (laid(SHARES[0]), SHARES[0]);
    for share in &SHARES[1..] {
        if plan.is_enough() {
            break;
        }
        let surer = laid(*share);
        // Frames that hardly help are not sent where nothing suffices.
        if surer.is_enough() || surer.least() > plan.least() + 1e-3 {
            (plan, with) = (surer, *share);
        }
    }
    (plan, with)
}

/// Lays all that is needed into the passes, `most` frames at the most. Each pass may fail an object with this share of
/// the chance that the whole plan may. In passes that an object needs no more, parity of it goes up until `until_s`.
fn lay(
    (objects, starts): (&[UplinkObject], &[Start]),
    passes: &[Pass],
    link: &LinkModel,
    (target, share, most): (f64, f64, usize),
    until_s: u64,
) -> Plan {
    let of = || objects.iter().zip(starts);
    let goal = 1.0 - (1.0 - target) * share;
    let mut progress: Vec<Progress> = of()
        .map(|(o, start)| Progress::new(o, start, link, goal))
        .collect();
    let mut plan = Plan {
        objects: of()
            .map(|(o, start)| object_plan(o, start, passes.len()))
            .collect(),
        passes: Vec::new(),
        frames: Vec::new(),
        bytes: Bytes::default(),
        target,
    };
    let light = link.light_time(passes);
    for contact in Contact::all(passes, link) {
        fill_contact(
            &mut plan,
            &mut progress,
            objects,
            (passes, &contact, &light),
            (link, most, until_s),
        );
    }
    for ((object, progress), of) in plan.objects.iter_mut().zip(&mut progress).zip(objects) {
        object.probability = progress.end(object);
        object.enough = object.probability >= target;
        add_bytes(&mut plan.bytes, of, progress.first..progress.next, link);
    }
    plan
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

fn object_plan(object: &UplinkObject, start: &Start, passes: usize) -> ObjectPlan {
    ObjectPlan {
        kind: object.kind(),
        number: object.number(),
        k: object.k(),
        symbol_len: object.symbol_len(),
        needed: start.needed,
        in_flight: start.frames_in_flight(),
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
        completions: Vec::new(),
    }
}

/// Lays frames into the passes of one contact until every object has enough, or the last of them ends. Noise goes on
/// between them: their frames are as far apart as so many more of the first object would be.
fn fill_contact(
    plan: &mut Plan,
    progress: &mut [Progress],
    objects: &[UplinkObject],
    (passes, contact, light): (&[Pass], &Contact, &LightTime),
    (link, most, until_s): (&LinkModel, usize, u64),
) {
    for (progress, object) in progress.iter_mut().zip(&mut plan.objects) {
        progress.begin_pass(contact, object);
    }
    // What this contact has nothing to do for, but that no report has said to be there.
    let is_over = |(p, o): (&Progress, &ObjectPlan)| o.needed > 0 && !p.wants(plan.target, true);
    let over: Vec<bool> = progress.iter().zip(&plan.objects).map(is_over).collect();
    let is_last = contact.places.end == passes.len();
    let (mut slot, mut free_ms) = (0_u32, u64::MAX);
    for place in contact.places.clone() {
        let (Some(pass), Some(first)) = (passes.get(place), objects.first()) else {
            continue;
        };
        let silent_ms = (pass.start_s * 1000).saturating_sub(free_ms);
        slot = link
            .silent_slots(silent_ms, first.symbol_len(), pass)
            .saturating_add(slot);
        free_ms = fill_pass(
            (&mut *plan, &mut *progress, &mut slot),
            objects,
            (pass, place, light),
            (link, most, is_last),
            (&over, until_s),
        );
    }
    progress.iter_mut().for_each(Progress::end_pass);
}

/// Lays frames into one pass until every object has enough, or the pass ends; returns when the last one has left, in Unix
/// milliseconds. Objects that are `over` go on until `until_s`.
fn fill_pass(
    (plan, progress, slot): (&mut Plan, &mut [Progress], &mut u32),
    objects: &[UplinkObject],
    (pass, place, light): (&Pass, usize, &LightTime),
    (link, most, is_last): (&LinkModel, usize, bool),
    (over, until_s): (&[bool], u64),
) -> u64 {
    let (mut now_ms, end_ms) = (pass.start_s * 1000, pass.end_s * 1000);
    let mut mixer = Mixer::default();
    let (mut frames, mut bytes) = (0, 0);
    while plan.frames.len() < most {
        let fits = |o: &UplinkObject| now_ms + link.air_time_ms(o.symbol_len(), pass) <= end_ms;
        let persists = |place: usize| {
            let is_over = over.get(place).is_some_and(|is_over| *is_over);
            is_over && now_ms < until_s.saturating_mul(1000)
        };
        let wanting = objects.iter().zip(progress.iter()).enumerate();
        let wanting = wanting.map(|(place, (o, p))| {
            let more = persists(place) && p.next < MAX_SYMBOLS;
            let wants = p.wants(plan.target, is_last) || more;
            (o.kind(), wants && fits(o))
        });
        let Some(chosen) = mixer.next(wanting) else {
            break;
        };
        let is_more = persists(chosen);
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
            slot: *slot,
        });
        state.frame(*slot, of.k());
        *slot = slot.saturating_add(1);
        frames += 1;
        now_ms += link.air_time_ms(of.symbol_len(), pass);
        bytes += link.frame_len(of.symbol_len());
        let left_s = now_ms.div_ceil(1000);
        let arrives_s = left_s + light.at(left_s);
        object.frames += 1;
        if let Some(count) = object.frames_by_pass.get_mut(place) {
            *count += 1;
        }
        let planned_s = object.planned_s;
        state.note(object, arrives_s);
        if is_more {
            object.planned_s = planned_s;
        }
    }
    plan.passes.push(PassPlan {
        pass: pass.clone(),
        frames,
        bytes,
        air_time_ms: now_ms - pass.start_s * 1000,
    });
    now_ms
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
