//! The sender: which frame goes up next, and what a report changes about that.
//!
//! Sans-IO: never reads a clock, never sends. Source symbols go up once, then fresh parity; no symbol
//! goes up twice while there is one that never did. A report is light time old when it is heard: what
//! was on its way then counts as sent, and more is sent only for what it will likely not mend.
//!
//! A refusal of our number may be that of a forgery, by somebody who stole the link key. One that the
//! frames of ours that can have been there did not bring about ends nothing. Nor does a bundle that is
//! started: the envelope may be ours, and the payload anything.
//!
//! ```text
//!                  report: next number passed, or done             ┌──────────────────────┐
//!  ┌─────────┐ ──────────────────────────────────────────────────> │ Received             │
//!  │ Sending │     report: refused, failed, and that may be ours    ├──────────────────────┤
//!  └─────────┘ ──────────────────────────────────────────────────> │ Refused, Failed (why)│
//!   │  ^    cancel                                                  ├──────────────────────┤
//!   │  │ report: symbols needed, so many more frames planned ─────> │ Cancelled            │
//!   └──┘                                                            └──────────────────────┘
//! ```
//! ```
//! use lightday_station::link::{LinkModel, Loss, Pass};
//! use lightday_station::object::UplinkObject;
//! use lightday_station::profile::{EXAMPLE, Profile};
//! use lightday_station::session::{Persistence, UplinkSession};
//! use lightday_trust::{Direction, LinkKey, LinkKeys};
//! use lightday_wire::{Epoch, ObjectKind, ObjectNumber};
//!
//! let profile: Profile = toml::from_str(EXAMPLE)?;
//! let link = LinkModel::new(&profile.link, Loss::Random { p: 0.1 }, 0.0, 0.05);
//! let pass = |start_s| Pass { start_s, end_s: start_s + 3600, ..Pass::default() };
//! let passes = vec![pass(86_400), pass(172_800), pass(259_200)];
//! let mut session = UplinkSession::new(passes, link, 0.99, Persistence::Planned);
//!
//! let number = ObjectNumber::new(1).unwrap();
//! let command = UplinkObject::new(ObjectKind::Command, number, &[7; 90], 90)?;
//! let plan = session.push(command, 0)?;
//! assert!(plan.is_enough());
//!
//! let keys = LinkKeys(core::array::from_fn(|_| LinkKey([1; 32])));
//! let key = keys.frame_key(profile.vehicle, Direction::Up, Epoch::default());
//! let (mut now_ms, mut frames) = (0, 0);
//! while let Some(at_ms) = session.poll_timeout(now_ms) {
//!     let frame = session.poll_transmit(at_ms, &key).ok_or("a frame is due")?;
//!     (now_ms, frames) = (frame.end_ms, frames + 1);
//! }
//! assert_eq!(frames, plan.frames.len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The session is serialisable (by a self-describing format such as JSON) and holds no key.

mod queued;

use lightday_trust::FrameKey;
use lightday_wire::report::{REPORT_LEN, Report};
use lightday_wire::{ObjectKind, ObjectNumber, TagLen};
use serde::{Deserialize, Serialize};

use crate::link::{LinkModel, Pass};
use crate::object::{MAX_SYMBOLS, UplinkObject};
pub use crate::outcome::Outcome;
use crate::pass::Contact;
use crate::plan::{Plan, PlanError, Start, plan_unheard};
use crate::queue::Mixer;
use crate::session::queued::Queued;

/// What goes on once all planned frames of an object were sent and nothing was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Persistence {
    /// Nothing: the plan is what was paid for.
    Planned,
    /// In every later pass, fresh parity until a report arrives.
    UntilReport,
}

/// A frame to be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The frame.
    pub bytes: Vec<u8>,
    /// What it belongs to.
    pub kind: ObjectKind,
    /// The number of that.
    pub number: ObjectNumber,
    /// Which symbol.
    pub index: u16,
    /// When it has left the antenna, in Unix milliseconds.
    pub end_ms: u64,
}

/// The state of an object, as people want to see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What it is.
    pub kind: ObjectKind,
    /// Its number.
    pub number: ObjectNumber,
    /// What became of it.
    pub outcome: Outcome,
    /// Source symbols.
    pub k: u16,
    /// Frames sent.
    pub sent: u32,
    /// Frames planned and not sent yet.
    pub planned: u32,
    /// Symbols that the vehicle needed when it was last heard.
    pub needed: u32,
}

/// The sender.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UplinkSession {
    objects: Vec<Queued>,
    passes: Vec<Pass>,
    link: LinkModel,
    target: f64,
    persistence: Persistence,
    mixer: Mixer,
    /// The pass in which the last frame was sent: in each, turns begin anew.
    mixer_pass: Option<usize>,
    /// Slots of its contact that are over: frames that were sent, and silences between passes.
    #[serde(default, alias = "sent_in_pass")]
    slots: u32,
    /// Until when the antenna sends, in Unix milliseconds.
    busy_until_ms: u64,
}

impl UplinkSession {
    /// A sender with nothing to send. Each object gets frames enough to be complete on board with the
    /// chance `target` without any feedback.
    #[must_use]
    pub const fn new(
        passes: Vec<Pass>,
        link: LinkModel,
        target: f64,
        persistence: Persistence,
    ) -> Self {
        Self {
            objects: Vec::new(),
            passes,
            link,
            target,
            persistence,
            mixer: Mixer::new(),
            mixer_pass: None,
            slots: 0,
            busy_until_ms: 0,
        }
    }

    /// Queues an object and plans anew. An object of the same kind and number stays as it is.
    ///
    /// # Errors
    /// [`PlanError`]; the object is not queued then.
    pub fn push(&mut self, object: UplinkObject, now_ms: u64) -> Result<Plan, PlanError> {
        let is_same =
            |q: &Queued| (q.object.kind(), q.object.number()) == (object.kind(), object.number());
        let is_new = !self.objects.iter().any(is_same);
        if is_new {
            self.objects.push(Queued::new(object));
        }
        let plan = self.replan(now_ms).inspect_err(|_| {
            if is_new {
                self.objects.pop();
            }
        })?;
        if let (true, Some(queued)) = (is_new, self.objects.last_mut()) {
            queued.plan_is_enough();
        }
        Ok(plan)
    }

    /// Gives an object up.
    pub fn cancel(&mut self, kind: ObjectKind, number: ObjectNumber) {
        for queued in &mut self.objects {
            let is_meant = (queued.object.kind(), queued.object.number()) == (kind, number);
            if is_meant && queued.is_sending() {
                queued.outcome = Outcome::Cancelled;
            }
        }
    }

    /// Plans what is left to send from now on. The rest of a pass that has begun is lost with its begin.
    ///
    /// # Errors
    /// [`PlanError`]; also if no pass is left.
    pub fn replan(&mut self, now_ms: u64) -> Result<Plan, PlanError> {
        let now_s = now_ms.max(self.busy_until_ms).div_ceil(1000);
        let light = self.link.light_time(&self.passes);
        let (mut left, mut places) = (Vec::new(), Vec::new());
        for (place, pass) in self.passes.iter().enumerate() {
            if pass.end_s > now_s {
                left.push(pass.starting_at(pass.start_s.max(now_s), &light));
                places.push(place);
            }
        }
        let next = places.first().map_or(0, |place| self.slot(*place));
        let slots = (self.mixer_pass, next.max(self.slots));
        let starts: Vec<Start> = self
            .objects
            .iter()
            .map(|q| q.start(&self.passes, (&self.link, &light), slots))
            .collect();
        let objects: Vec<UplinkObject> = self.objects.iter().map(|q| q.object.clone()).collect();
        let plan = plan_unheard(&objects, &starts, &left, &self.link, self.target)?;
        for (queued, planned) in self.objects.iter_mut().zip(&plan.objects) {
            let frames = places.iter().zip(&planned.frames_by_pass);
            queued.take_budget(self.passes.len(), frames);
        }
        Ok(plan)
    }

    /// The pass at a moment, by its place.
    fn pass_at(&self, now_ms: u64) -> Option<(usize, &Pass)> {
        let mut passes = self.passes.iter().enumerate();
        passes.find(|(_, p)| ms(p.start_s) <= now_ms && now_ms < ms(p.end_s))
    }

    /// The slot of the next frame in a pass, within its contact. What is silent between two passes of it takes slots, as in
    /// the plan.
    fn slot(&self, place: usize) -> u32 {
        let (Some(last), Some(pass)) = (self.mixer_pass, self.passes.get(place)) else {
            return 0;
        };
        let contact = Contact::of(&self.passes, last, &self.link);
        match contact {
            _ if last == place => self.slots,
            Some(contact) if contact.places.contains(&place) => {
                let silent_ms = ms(pass.start_s).saturating_sub(self.busy_until_ms);
                let first = self.objects.first().map_or(1, |q| q.object.symbol_len());
                self.link
                    .silent_slots(silent_ms, first, pass)
                    .saturating_add(self.slots)
            }
            _ => 0,
        }
    }

    fn fits(&self, object: &UplinkObject, now_ms: u64, pass: &Pass) -> bool {
        now_ms + self.link.air_time_ms(object.symbol_len(), pass) <= ms(pass.end_s)
    }

    /// What is chosen now: object, pass, and the turns after it.
    fn choose(&self, now_ms: u64) -> Option<(usize, usize, Mixer)> {
        if now_ms < self.busy_until_ms {
            return None;
        }
        let (place, pass) = self.pass_at(now_ms)?;
        let wanting = self.objects.iter().map(|q| {
            let wants = q.wants(place, self.persistence) && self.fits(&q.object, now_ms, pass);
            (q.object.kind(), wants)
        });
        let mut mixer = match self.mixer_pass {
            Some(last) if last == place => self.mixer.clone(),
            _ => Mixer::new(),
        };
        let chosen = mixer.next(wanting)?;
        Some((chosen, place, mixer))
    }

    /// Whose frame [`Self::poll_transmit`] would send now: frames of an epoch switch or a
    /// resynchronisation need the key of the epoch that they lead to.
    #[must_use]
    pub fn peek(&self, now_ms: u64) -> Option<(ObjectKind, ObjectNumber)> {
        let (chosen, _, _) = self.choose(now_ms)?;
        let object = &self.objects.get(chosen)?.object;
        Some((object.kind(), object.number()))
    }

    /// The frame to be sent now, if the antenna is free, a pass is open and something is to be sent.
    /// `key` is the uplink key of the epoch that the vehicle is in.
    pub fn poll_transmit(&mut self, now_ms: u64, key: &FrameKey) -> Option<Transmit> {
        let tag_len = self.link.tag_len;
        self.poll_transmit_with(now_ms, |object, index| object.frame(index, key, tag_len))
    }

    /// As [`Self::poll_transmit`], for a caller that makes the frame of an object's symbol in its own
    /// way, such as from a store: the same index gives the same frame for ever.
    pub fn poll_transmit_with(
        &mut self,
        now_ms: u64,
        frame: impl FnOnce(&UplinkObject, u16) -> Option<Vec<u8>>,
    ) -> Option<Transmit> {
        let (chosen, place, mixer) = self.choose(now_ms)?;
        let pass = self.passes.get(place)?;
        let symbol_len = self.objects.get(chosen)?.object.symbol_len();
        let end_ms = now_ms + self.link.air_time_ms(symbol_len, pass);

        let slot = self.slot(place);
        let queued = self.objects.get_mut(chosen)?;
        let index = u16::try_from(queued.next % MAX_SYMBOLS).ok()?;
        let bytes = frame(&queued.object, index)?;
        queued.sent(end_ms, (place, slot));
        self.slots = slot.saturating_add(1);
        let (kind, number) = (queued.object.kind(), queued.object.number());
        (self.mixer, self.mixer_pass) = (mixer, Some(place));
        self.busy_until_ms = end_ms;
        Some(Transmit {
            bytes,
            kind,
            number,
            index,
            end_ms,
        })
    }

    /// When [`Self::poll_transmit`] may have a frame, in Unix milliseconds; `None`: never, as things are.
    #[must_use]
    pub fn poll_timeout(&self, now_ms: u64) -> Option<u64> {
        let free_ms = now_ms.max(self.busy_until_ms);
        self.passes.iter().enumerate().find_map(|(place, pass)| {
            let at_ms = free_ms.max(ms(pass.start_s));
            let mut objects = self.objects.iter();
            let is_wanted = objects
                .any(|q| q.wants(place, self.persistence) && self.fits(&q.object, at_ms, pass));
            is_wanted.then_some(at_ms)
        })
    }

    /// Takes what an authentic report says, heard at `received_ms`, and plans anew where the vehicle
    /// still needs symbols. Returns whether the outcome of any object changed.
    ///
    /// The caller passes reports in the order of their sequence, as the
    /// [tracker](crate::tracker::Tracker) accepts them.
    ///
    /// # Errors
    /// [`PlanError`]: what the report says is kept, and the former plan stays; with no pass left,
    /// [`PlanError::NoPasses`].
    pub fn handle_report(&mut self, report: &Report, received_ms: u64) -> Result<bool, PlanError> {
        let air_ms =
            (REPORT_LEN as u64 * 8 * 1000).div_ceil(u64::from(self.link.rate_down_bps.max(1)));
        let light = self.link.light_time(&self.passes);
        let light_ms = |at_ms: u64| ms(light.at(at_ms / 1000));
        let made_ms = received_ms.saturating_sub(light_ms(received_ms).saturating_add(air_ms));
        // What had left the antenna by then was on board, or lost, when the report was made.
        let heard_ms = made_ms.saturating_sub(light_ms(made_ms.saturating_sub(light_ms(made_ms))));
        let mut changed = false;
        for queued in self.objects.iter_mut().filter(|q| q.is_sending()) {
            queued.hear(report, heard_ms);
            changed |= !queued.is_sending();
        }
        if self.objects.iter().any(Queued::is_sending) {
            self.replan(received_ms)?;
        }
        Ok(changed)
    }

    /// Every object and what became of it.
    pub fn progress(&self) -> impl Iterator<Item = Progress> {
        self.objects.iter().map(Queued::progress)
    }

    /// Whether nothing is being sent any more.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        !self.objects.iter().any(Queued::is_sending)
    }

    /// Bytes of each frame's MAC.
    #[must_use]
    pub const fn tag_len(&self) -> TagLen {
        self.link.tag_len
    }
}

/// Milliseconds; a pass that the planner has not checked yet may lie at the end of time.
const fn ms(seconds: u64) -> u64 {
    seconds.saturating_mul(1000)
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
