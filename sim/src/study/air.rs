//! When a frame can be sent, and whether noise swallows it.
//!
//! ```text
//! steps of a frame's time   | . | . | x | x | x | . | . | . | x | .      x: the link is bad
//! any frame that begins       ^ heard   ^ lost                           whoever sends it
//! ```
//! Times are in milliseconds since the first pass began, or the first frame.

use super::Settings;
use crate::link::{LinkModel, Loss, LossState};
use crate::rng::{PPM, Rng};
use crate::time::Span;
use lightday_station::link::Pass;
use lightday_station::pass::Contact;

/// A frame on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// When its first bit leaves.
    pub begins_ms: u64,
    /// When its last bit has left.
    pub ends_ms: u64,
    /// The pass, by its place; 0 where the antenna is always ours.
    pub pass: usize,
}

/// The antenna.
#[derive(Clone, Debug)]
pub struct Air {
    /// Begin and end of each pass; empty: always.
    passes: Vec<(u64, u64)>,
    link: LinkModel,
    frame_len: u16,
}

impl Air {
    /// The antenna of a study.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let first_s = settings.passes.first().map_or(0, |pass| pass.start_s);
        let since = |s: u64| s.saturating_sub(first_s).saturating_mul(1000);
        let passes = settings.passes.iter();
        let passes = passes.map(|pass| (since(pass.start_s), since(pass.end_s)));
        Self {
            passes: passes.collect(),
            link: LinkModel::clean(settings.rate_bps, Span::from_secs(settings.light_time_s)),
            frame_len: settings.symbol_len() + settings.overhead(),
        }
    }

    /// A frame's time on the air, in milliseconds, rounded up.
    #[must_use]
    pub fn frame_ms(&self) -> u64 {
        self.air_ms(self.frame_len)
    }

    fn air_ms(&self, len: u16) -> u64 {
        self.link.air_time(len.into()).ms()
    }

    /// Bytes of a whole frame.
    #[must_use]
    pub const fn frame_len(&self) -> u16 {
        self.frame_len
    }

    /// One way, in milliseconds.
    #[must_use]
    pub const fn light_ms(&self) -> u64 {
        self.link.light_time.ms()
    }

    /// The first moment from `now_ms` on at which `len` bytes can be sent; `None`: no pass is left.
    #[must_use]
    pub fn next(&self, now_ms: u64, len: u16) -> Option<Slot> {
        if self.passes.is_empty() {
            let ends_ms = now_ms.checked_add(self.air_ms(len))?;
            return Some(Slot {
                begins_ms: now_ms,
                ends_ms,
                pass: 0,
            });
        }
        let from = self.passes.partition_point(|(_, end)| *end <= now_ms);
        self.passes
            .iter()
            .enumerate()
            .skip(from)
            .find_map(|(pass, (begin, end))| {
                let begins_ms = now_ms.max(*begin);
                let ends_ms = begins_ms + self.air_ms(len);
                (ends_ms <= *end).then_some(Slot {
                    begins_ms,
                    ends_ms,
                    pass,
                })
            })
    }
}

/// The noise of one trial, drawn as far as anybody asks.
#[derive(Clone, Debug)]
pub struct Trace {
    rng: Rng,
    state: LossState,
    loss: Loss,
    step_ms: u64,
    lost: Vec<bool>,
    lost_passes: Vec<bool>,
}

impl Trace {
    /// The noise of a trial.
    #[must_use]
    pub fn new(settings: &Settings, trial: u32) -> Self {
        let mut rng = Rng::stream(settings.seed, &format!("delivery {trial}"));
        let mut passes = rng.clone();
        let ppm = |pass: &Pass| {
            let stated = pass.lost.map(|p| (p * f64::from(PPM)).round() as u32);
            stated.unwrap_or(settings.lost_pass_ppm)
        };
        // One draw for passes that are lost together.
        let lose = |contact: &Contact| {
            let own = settings
                .passes
                .get(contact.places.clone())
                .unwrap_or_default();
            let is_lost = passes.chance(own.iter().map(ppm).max().unwrap_or(0));
            vec![is_lost; own.len()]
        };
        let contacts = Contact::all(&settings.passes, &settings.planned_link());
        let lost_passes = contacts.iter().flat_map(lose).collect();
        let mut rng_of_noise = Rng::new(rng.next_u64());
        let mut state = LossState::default();
        // The first frame meets a link that has been there for ever.
        state.idle(settings.noise(), u64::MAX, &mut rng_of_noise);
        Self {
            rng: rng_of_noise,
            state,
            loss: settings.noise(),
            step_ms: Air::new(settings).frame_ms().max(1),
            lost: Vec::new(),
            lost_passes,
        }
    }

    /// Whether a frame is lost that begins then.
    pub fn is_lost(&mut self, slot: &Slot) -> bool {
        let step = usize::try_from(slot.begins_ms / self.step_ms).unwrap_or(usize::MAX);
        while self.lost.len() <= step {
            self.lost.push(self.state.next(self.loss, &mut self.rng));
        }
        let in_noise = self.lost.get(step).copied().unwrap_or(true);
        in_noise || self.lost_passes.get(slot.pass).copied().unwrap_or(false)
    }
}
