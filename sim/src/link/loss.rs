//! Which frames noise swallows: at random, or in bursts after Gilbert (1960) and Elliott (1963).
//!
//! ```text
//!            enter                        mean burst  = 1 / leave   frames
//!  good ----------------> bad             mean loss   = enter / (enter + leave)
//!       <----------------                 (all frames in the bad state are lost, none in the good one)
//!            leave
//! ```

use lightday_station::link::Loss as PlannedLoss;

use crate::rng::{PPM, Rng};

/// How frames are lost. All probabilities in parts per million, for each frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// None.
    None,
    /// Each by itself.
    Random {
        /// The probability of loss.
        loss_ppm: u32,
    },
    /// In bursts: a chain of two states that takes a step with each frame.
    Burst {
        /// The probability of a step from good to bad.
        enter_ppm: u32,
        /// The probability of a step from bad to good.
        leave_ppm: u32,
    },
}

impl Loss {
    /// Bursts of a mean length in frames (at least 1) with a mean loss (below one).
    #[must_use]
    pub fn bursts(loss_ppm: u32, mean_burst: u32) -> Self {
        let leave_ppm = PPM / mean_burst.max(1);
        let good_ppm = u64::from(PPM.saturating_sub(loss_ppm).max(1));
        let enter = u64::from(leave_ppm) * u64::from(loss_ppm) / good_ppm;
        Self::Burst {
            enter_ppm: u32::try_from(enter).unwrap_or(PPM).min(PPM),
            leave_ppm,
        }
    }
}

impl Loss {
    /// The same as the planner is told it.
    #[must_use]
    pub fn planned(self) -> PlannedLoss {
        let share = |ppm: u32| f64::from(ppm) / f64::from(PPM);
        match self {
            Self::None => PlannedLoss::Random { p: 0.0 },
            Self::Random { loss_ppm } => PlannedLoss::Random { p: share(loss_ppm) },
            Self::Burst {
                enter_ppm,
                leave_ppm,
            } => PlannedLoss::GilbertElliott {
                loss: share(enter_ppm) / (share(enter_ppm) + share(leave_ppm)),
                mean_burst_frames: 1.0 / share(leave_ppm),
            },
        }
    }
}

/// Where the chain of two states stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossState {
    bad: bool,
}

/// Mean bursts after which the chain has forgotten where it stood.
const MEMORY: u64 = 16;

impl LossState {
    /// Nothing is sent for as long as `frames` frames take: bursts are made of time, and go on meanwhile.
    pub fn idle(&mut self, loss: Loss, frames: u64, rng: &mut Rng) {
        let Loss::Burst {
            enter_ppm,
            leave_ppm,
        } = loss
        else {
            return;
        };
        let all = u64::from(enter_ppm) + u64::from(leave_ppm);
        if frames.saturating_mul(all) > MEMORY * u64::from(PPM) {
            self.bad = rng.below(all) < u64::from(enter_ppm);
        } else {
            for _ in 0..frames {
                self.next(loss, rng);
            }
        }
    }

    /// Whether the next frame is lost.
    pub fn next(&mut self, loss: Loss, rng: &mut Rng) -> bool {
        match loss {
            Loss::None => false,
            Loss::Random { loss_ppm } => rng.chance(loss_ppm),
            Loss::Burst {
                enter_ppm,
                leave_ppm,
            } => {
                let turns = rng.chance(if self.bad { leave_ppm } else { enter_ppm });
                self.bad ^= turns;
                self.bad
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: u32 = 200_000;

    /// Frames lost, and bursts in which they were lost.
    fn count(loss: Loss) -> (u32, u32) {
        let mut rng = Rng::new(5);
        let mut state = LossState::default();
        let (mut lost, mut bursts, mut before) = (0, 0, false);
        for _ in 0..FRAMES {
            let now = state.next(loss, &mut rng);
            lost += u32::from(now);
            bursts += u32::from(now && !before);
            before = now;
        }
        (lost, bursts)
    }

    #[test]
    fn random_loss_has_its_mean_and_hardly_any_bursts() {
        let (lost, bursts) = count(Loss::Random { loss_ppm: 100_000 });
        assert!((19_500..20_500).contains(&lost), "{lost}");
        // A burst of independent losses has 1 / (1 - p) frames in the mean: 1.11.
        let mean_percent = lost * 100 / bursts;
        assert!((109..114).contains(&mean_percent), "{mean_percent}");
        assert_eq!(count(Loss::None), (0, 0));
    }

    #[test]
    fn a_burst_does_not_outlive_a_long_silence() {
        let loss = Loss::bursts(100_000, 10);
        for frames in [50, 5_000_000] {
            let mut rng = Rng::new(6);
            let (mut state, mut lost, mut again) = (LossState::default(), 0u32, 0u32);
            for _ in 0..20_000 {
                let before = state.bad;
                state.idle(loss, frames, &mut rng);
                let now = state.next(loss, &mut rng);
                lost += u32::from(now);
                again += u32::from(now && before);
            }
            assert!((1_800..2_200).contains(&lost), "{lost}");
            // Of those that follow a lost one no more than a tenth or so is lost.
            assert!(again * 8 < lost, "{again} of {lost}");
        }
    }

    #[test]
    fn bursts_have_their_mean_loss_and_their_mean_length() {
        for (loss_ppm, mean_burst) in [(100_000, 10), (50_000, 4), (200_000, 20)] {
            let (lost, bursts) = count(Loss::bursts(loss_ppm, mean_burst));
            let expected = FRAMES / 1000 * (loss_ppm / 1000);
            assert!(lost.abs_diff(expected) < expected / 8, "{lost} {expected}");
            let mean_percent = lost * 100 / bursts;
            let wanted = mean_burst * 100;
            assert!(
                mean_percent.abs_diff(wanted) < wanted / 10,
                "{mean_percent} {wanted}"
            );
        }
    }
}
