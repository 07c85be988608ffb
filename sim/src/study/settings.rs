//! What a study is of, and what it refuses: what it could not draw as it was asked for, or hold in memory.

use core::fmt;

use lightday_station::link::{LinkModel as PlannedLink, Pass};
use lightday_station::object::{ObjectError, UplinkObject};
use lightday_station::plan::PlanError;
use lightday_wire::{HEADER_LEN, ObjectKind, ObjectNumber, TagLen};

use super::air::Air;
use crate::link::Loss;
use crate::rng::{PPM, Rng};

/// Bytes of each frame's MAC: the profile's default.
const TAG_LEN: TagLen = TagLen::Eight;

/// The longest light time, in seconds: what noise is drawn for has to fit a machine's memory.
const LIGHT_TIME_MAX_S: u64 = 60 * 86_400;
/// From the first pass to the end of the last one, in seconds: the same.
const PASSES_MAX_S: u64 = 10 * 366 * 86_400;
/// The shortest frame on the air, in milliseconds.
const SHORTEST_FRAME_MS: u64 = 100;
/// Most source symbols of RaptorQ (RFC 6330, 5.1.2).
const RAPTORQ_K: u32 = 56_403;

/// What is delivered, and over which link.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes of the payload, at least 1.
    pub payload: u32,
    /// Bit/s up.
    pub rate_bps: u32,
    /// One way, in seconds.
    pub light_time_s: u64,
    /// Bytes of a frame on the air: header, symbol and MAC.
    pub frame_len: u16,
    /// Share of the frames that are lost, in parts per million.
    pub loss_ppm: u32,
    /// Mean length of a burst of lost frames; 1: each frame by itself.
    pub burst: u32,
    /// When the antenna is ours; empty: always.
    pub passes: Vec<Pass>,
    /// Chance of a whole pass to be lost, in parts per million.
    pub lost_pass_ppm: u32,
    /// How sure the session's plan has to be, above 0 and below 1.
    pub probability: f64,
    /// Trials.
    pub trials: u32,
    /// Of these, the first so many rebuild our block for real.
    pub rebuilt: u32,
    /// Draws the noise: the same seed loses the same frames.
    pub seed: u64,
    /// Threads.
    pub threads: usize,
}

/// Why there is no study.
#[derive(Debug)]
pub enum StudyError {
    /// A setting makes no sense: which, and what it has to be.
    Setting(&'static str, &'static str),
    /// The payload is no object of that symbol length.
    Object(ObjectError),
    /// Nothing can be planned.
    Plan(PlanError),
    /// The code broke its promise: a bug. The trial, and what happened.
    Broken(u32, &'static str),
}

impl fmt::Display for StudyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(field, must) => write!(f, "{field} must {must}"),
            Self::Object(error) => write!(f, "{error}"),
            Self::Plan(error) => write!(f, "{error}"),
            Self::Broken(trial, what) => write!(f, "trial {trial}: {what}"),
        }
    }
}

impl std::error::Error for StudyError {}

impl Settings {
    /// Bytes of a frame beside its symbol.
    pub(super) const fn overhead(&self) -> u16 {
        HEADER_LEN as u16 + TAG_LEN.get() as u16
    }

    /// Bytes of payload in each frame: what header and MAC leave, rounded down to words of the code.
    pub(super) fn symbol_len(&self) -> u16 {
        self.frame_len.saturating_sub(self.overhead()) & !1
    }

    pub(super) fn check(&self) -> Result<(), StudyError> {
        let must = |holds: bool, field, must| match holds {
            true => Ok(()),
            false => Err(StudyError::Setting(field, must)),
        };
        must(self.payload > 0, "payload", "be at least 1 B")?;
        must(self.rate_bps > 0, "rate", "be above 0")?;
        must(self.trials > 0, "trials", "be at least 1")?;
        must(
            self.symbol_len() > 0,
            "frame",
            "be at least 18 B: header, MAC and a word",
        )?;
        must(self.loss_ppm < PPM, "loss", "be below 1")?;
        must(self.lost_pass_ppm < PPM, "lost-pass", "be below 1")?;
        must(self.burst > 0, "burst", "be at least 1 frame")?;
        let symbols = self.payload.div_ceil(u32::from(self.symbol_len()).max(1));
        must(
            symbols <= RAPTORQ_K,
            "payload",
            "be at most 56,403 symbols, which is what RaptorQ takes: take less, or longer frames",
        )?;
        let most = u64::from(self.burst) * u64::from(PPM - self.loss_ppm);
        must(
            u64::from(self.loss_ppm) <= most,
            "burst",
            "be at least loss / (1 - loss)",
        )?;
        must(
            self.is_noise_exact(),
            "burst",
            "be shorter, or the loss greater: in millionths, the noise would be more than 1 % off",
        )?;
        must(
            self.light_time_s <= LIGHT_TIME_MAX_S,
            "light-time",
            "be at most 60 days",
        )?;
        // Times are in milliseconds, rounded up.
        must(
            Air::new(self).frame_ms() >= SHORTEST_FRAME_MS,
            "rate",
            "be lower: a frame has to take 0.1 s at the least",
        )?;
        let (first, last) = (self.passes.first(), self.passes.last());
        let span_s = first
            .zip(last)
            .map_or(0, |(a, b)| b.end_s.saturating_sub(a.start_s));
        must(span_s <= PASSES_MAX_S, "passes", "all lie within ten years")?;
        // Noise comes in steps of a frame at the link's own rate.
        must(
            self.passes.iter().all(|pass| pass.rate_bps.is_none()),
            "passes: rate_bps",
            "be empty: all frames go at --rate here",
        )?;
        must(
            self.passes.iter().all(|pass| pass.light_time_s.is_none()),
            "passes: light_time",
            "be empty: it is --light-time here, all the time",
        )
    }

    /// Whether the chain in whole millionths loses what it is to lose, within 1 %.
    fn is_noise_exact(&self) -> bool {
        match self.noise() {
            Loss::Burst {
                enter_ppm,
                leave_ppm,
            } => {
                let (enter, all) = (u64::from(enter_ppm), u64::from(enter_ppm + leave_ppm));
                let lost = enter * u64::from(PPM);
                let wanted = u64::from(self.loss_ppm) * all;
                lost.abs_diff(wanted) * 100 <= wanted
            }
            _ => true,
        }
    }

    pub(super) fn noise(&self) -> Loss {
        match self.burst {
            1 => Loss::Random {
                loss_ppm: self.loss_ppm,
            },
            burst => Loss::bursts(self.loss_ppm, burst),
        }
    }

    pub(super) fn planned_link(&self) -> PlannedLink {
        let share = |ppm: u32| f64::from(ppm) / f64::from(PPM);
        PlannedLink {
            rate_bps: self.rate_bps,
            rate_down_bps: self.rate_bps,
            light_time_s: self.light_time_s,
            encapsulation: 0,
            tag_len: TAG_LEN,
            loss: self.noise().planned(),
            bit_error_rate: 0.0,
            lost_pass: share(self.lost_pass_ppm),
            beacon_s: lightday_station::profile::BEACON_S,
        }
    }

    pub(super) fn object(&self) -> Result<UplinkObject, StudyError> {
        let mut bytes = vec![0; self.payload as usize];
        Rng::stream(self.seed, "payload").fill(&mut bytes);
        let number = ObjectNumber::new(1).ok_or(StudyError::Broken(0, "no number"))?;
        UplinkObject::new(ObjectKind::Bundle, number, &bytes, self.symbol_len())
            .map_err(StudyError::Object)
    }
}
