//! What the planner assumes of the link: rate, light time, passes, and how frames and passes get lost.
//!
//! Never an observation: the model is a statement in `mission.toml`, and every probability that the
//! station prints holds under it alone.
//!
//! ```text
//!            g = r * loss / (1 - loss)
//!   good  ───────────────────────────>  bad      Gilbert-Elliott: in `bad` every frame is lost, in
//!         <───────────────────────────           `good` none is, beyond what bit errors do to it
//!            r = 1 / mean_burst_frames
//! ```

use core::fmt;
use lightday_wire::{HEADER_LEN, TagLen};
use serde::{Deserialize, Serialize};

pub use crate::pass::Pass;

use crate::light_time::{LIGHT_TIME_MAX_S, LightTime};
use crate::profile::Link;

/// How frames get lost, beyond bit errors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "model",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case",
    deny_unknown_fields
)]
#[non_exhaustive]
pub enum Loss {
    /// Each by itself.
    Random {
        /// Chance of each frame to be lost.
        p: f64,
    },
    /// In bursts.
    GilbertElliott {
        /// Share of the frames that are lost in the long run.
        loss: f64,
        /// Mean length of a burst, in frames.
        mean_burst_frames: f64,
    },
}

/// The link as the planner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkModel {
    /// Bit/s up, after channel coding.
    pub rate_bps: u32,
    /// Bit/s down.
    pub rate_down_bps: u32,
    /// Seconds one way, where no pass states it.
    pub light_time_s: u64,
    /// Bytes that packets and frames of the link add to each of ours.
    pub encapsulation: u16,
    /// Bytes of each frame's MAC.
    #[serde(with = "crate::profile::tag_bytes")]
    pub tag_len: TagLen,
    /// How frames get lost.
    pub loss: Loss,
    /// Chance of each bit to arrive wrong after decoding; one wrong bit loses the frame.
    pub bit_error_rate: f64,
    /// Chance of a whole pass to be lost, where the pass states none.
    pub lost_pass: f64,
    /// Seconds from a report to the next one of the vehicle where nothing happens between.
    pub beacon_s: u64,
}

/// A number of the link that makes no sense: the field and what it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkError {
    /// The field.
    pub field: &'static str,
    /// What it has to be.
    pub must: &'static str,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must {}", self.field, self.must)
    }
}

impl std::error::Error for LinkError {}

impl LinkError {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        "correct the field in mission.toml or passes.csv"
    }
}

/// Chances of one frame in each state of the link, and how the states follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Chain {
    /// Share of `bad` in the long run.
    pub bad: f64,
    /// What is left of a state's memory after one frame: 0 for independent losses.
    pub memory: f64,
    /// Chance to lose a frame in `good` and in `bad`.
    pub lost: [f64; 2],
}

impl Chain {
    /// Chances of `bad` after `stride` frames, from `good` and from `bad`.
    pub fn to_bad(self, stride: u32) -> [f64; 2] {
        let left = self.memory.powi(i32::try_from(stride).unwrap_or(i32::MAX));
        [self.bad * (1.0 - left), self.bad + (1.0 - self.bad) * left]
    }
}

impl LinkModel {
    /// The profile's link with these losses.
    #[must_use]
    pub const fn new(link: &Link, loss: Loss, bit_error_rate: f64, lost_pass: f64) -> Self {
        Self {
            rate_bps: link.rate_up_bps,
            rate_down_bps: link.rate_down_bps,
            light_time_s: link.light_time_s,
            encapsulation: link.encapsulation,
            tag_len: link.tag_len,
            loss,
            bit_error_rate,
            lost_pass,
            beacon_s: link.beacon_s,
        }
    }

    /// Whether every number is one that the model can be computed with.
    ///
    /// # Errors
    /// [`LinkError`] names the field.
    pub fn check(&self) -> Result<(), LinkError> {
        let must = |holds: bool, field, must| {
            if holds {
                Ok(())
            } else {
                Err(LinkError { field, must })
            }
        };
        let share = |p: f64| (0.0..1.0).contains(&p);
        must(self.rate_bps > 0, "link.rate_up_bps", "be above 0")?;
        must(self.rate_down_bps > 0, "link.rate_down_bps", "be above 0")?;
        must(
            self.light_time_s <= LIGHT_TIME_MAX_S,
            "link.light_time_s",
            "be at most 1000 years",
        )?;
        must(
            share(self.bit_error_rate),
            "bit_error_rate",
            "be from 0 to below 1",
        )?;
        must(share(self.lost_pass), "lost_pass", "be from 0 to below 1")?;
        match self.loss {
            Loss::Random { p } => must(share(p), "loss.p", "be from 0 to below 1"),
            Loss::GilbertElliott {
                loss,
                mean_burst_frames: burst,
            } => {
                must(share(loss), "loss.loss", "be from 0 to below 1")?;
                // Above this burst length, g stays a probability.
                must(
                    burst.is_finite() && burst >= 1.0 && loss / (1.0 - loss) <= burst,
                    "loss.mean_burst_frames",
                    "be at least 1, and at least loss / (1 - loss)",
                )
            }
        }
    }

    /// Bytes on the air of a frame with a symbol of this length.
    #[must_use]
    pub fn frame_len(&self, symbol_len: u16) -> u64 {
        self.overhead() + u64::from(symbol_len)
    }

    /// Bytes on the air of a frame beside its symbol.
    #[must_use]
    pub fn overhead(&self) -> u64 {
        HEADER_LEN as u64 + self.tag_len.get() as u64 + u64::from(self.encapsulation)
    }

    /// Milliseconds that a frame takes on the air in a pass, rounded up.
    #[must_use]
    pub fn air_time_ms(&self, symbol_len: u16, pass: &Pass) -> u64 {
        let rate = u64::from(pass.rate_bps.unwrap_or(self.rate_bps).max(1));
        (self.frame_len(symbol_len) * 8 * 1000).div_ceil(rate)
    }

    /// Frames that would fit into a silence before a pass: noise goes on, and bursts are counted in frames.
    pub(crate) fn silent_slots(&self, silent_ms: u64, symbol_len: u16, pass: &Pass) -> u32 {
        let slots = silent_ms / self.air_time_ms(symbol_len, pass).max(1);
        u32::try_from(slots).unwrap_or(u32::MAX)
    }

    /// Chance of a whole pass to be lost.
    #[must_use]
    pub fn lost(&self, pass: &Pass) -> f64 {
        pass.lost.unwrap_or(self.lost_pass)
    }

    /// The light time, as the passes state it.
    #[must_use]
    pub fn light_time(&self, passes: &[Pass]) -> LightTime {
        LightTime::of(passes, self.light_time_s)
    }

    /// Chance that bit errors leave a frame with a symbol of this length whole.
    #[must_use]
    pub fn whole(&self, symbol_len: u16) -> f64 {
        let bits = self.frame_len(symbol_len) * 8;
        let bits = i32::try_from(bits).unwrap_or(i32::MAX);
        (1.0 - self.bit_error_rate).powi(bits)
    }

    /// Chances of frames with symbols of this length.
    pub(crate) fn chain(&self, symbol_len: u16) -> Chain {
        let whole = self.whole(symbol_len);
        match self.loss {
            Loss::Random { p } => Chain {
                bad: 0.0,
                memory: 0.0,
                lost: [1.0 - (1.0 - p) * whole, 1.0],
            },
            Loss::GilbertElliott {
                loss,
                mean_burst_frames,
            } => {
                let leave = 1.0 / mean_burst_frames;
                let enter = leave * loss / (1.0 - loss);
                Chain {
                    bad: loss,
                    memory: 1.0 - leave - enter,
                    lost: [1.0 - whole, 1.0],
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub fn model(loss: Loss) -> LinkModel {
        LinkModel {
            rate_bps: 100,
            rate_down_bps: 100,
            light_time_s: 79_200,
            encapsulation: 8,
            tag_len: TagLen::Eight,
            loss,
            bit_error_rate: 0.0,
            lost_pass: 0.0,
            beacon_s: crate::profile::BEACON_S,
        }
    }

    #[test]
    fn bursts_have_their_mean_length_and_share() {
        let chain = model(Loss::GilbertElliott {
            loss: 0.2,
            mean_burst_frames: 10.0,
        })
        .chain(200);
        let [from_good, from_bad] = chain.to_bad(1);
        assert!((1.0 - from_bad - 0.1).abs() < 1e-12);
        assert!((from_good - 0.025).abs() < 1e-12);
        let [far_good, far_bad] = chain.to_bad(1000);
        assert!((far_good - 0.2).abs() < 1e-9 && (far_bad - 0.2).abs() < 1e-9);
    }

    #[test]
    fn numbers_without_meaning_are_named() {
        let fails = |link: LinkModel| link.check().unwrap_err().field;
        assert_eq!(fails(model(Loss::Random { p: 1.0 })), "loss.p");
        assert_eq!(fails(model(Loss::Random { p: f64::NAN })), "loss.p");
        let bursts = |loss, mean_burst_frames| {
            model(Loss::GilbertElliott {
                loss,
                mean_burst_frames,
            })
        };
        assert_eq!(fails(bursts(0.9, 2.0)), "loss.mean_burst_frames");
        assert_eq!(bursts(0.5, 1.0).check(), Ok(()));
    }
}
