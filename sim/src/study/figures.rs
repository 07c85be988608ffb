//! What a study says of one protocol.

/// When the payload was whole on board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Milliseconds since the first bit left, light time included.
    pub at_ms: u64,
    /// Frames sent until then.
    pub frames: u32,
    /// How often the sender began to send: once, and once more for each answer that it had to wait for.
    pub rounds: u32,
    /// Source symbols that were not received.
    pub lost: u16,
}

/// The figures of one protocol over all trials.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Hours from the first bit to whole, trial by trial, rising.
    pub hours: Vec<f64>,
    /// Trials in which it was not whole, within the passes or the symbols that there are.
    pub incomplete: u32,
    /// Mean number of frames sent until it was whole; `None` if it was not in some trials.
    pub frames_mean: Option<f64>,
    /// Mean number of rounds; the same.
    pub rounds_mean: Option<f64>,
    /// Bytes of RAM that the worst trial took, beside what lies in flash.
    pub decoder_ram_bytes: usize,
}

impl Figures {
    pub(super) fn of(trials: &[Option<Whole>], decoder_ram_bytes: usize) -> Self {
        let done: Vec<&Whole> = trials.iter().flatten().collect();
        let mut hours: Vec<f64> = done.iter().map(|w| w.at_ms as f64 / 3_600_000.0).collect();
        hours.sort_unstable_by(f64::total_cmp);
        let mean = |of: fn(&Whole) -> u32| {
            let sum: f64 = done.iter().map(|w| f64::from(of(w))).sum();
            (done.len() == trials.len()).then(|| sum / done.len().max(1) as f64)
        };
        Self {
            incomplete: u32::try_from(trials.len() - done.len()).unwrap_or(u32::MAX),
            frames_mean: mean(|w| w.frames),
            rounds_mean: mean(|w| w.rounds),
            hours,
            decoder_ram_bytes,
        }
    }

    /// Mean hours; `None` if there are none, or if some trials never ended.
    #[must_use]
    pub fn hours_mean(&self) -> Option<f64> {
        let all = self.incomplete == 0 && !self.hours.is_empty();
        all.then(|| self.hours.iter().sum::<f64>() / self.hours.len() as f64)
    }

    /// The hours that `percent` % of all trials take at most (nearest rank); `None` if these do not end.
    #[must_use]
    pub fn hours_at(&self, percent: usize) -> Option<f64> {
        let all = self.hours.len() + self.incomplete as usize;
        let rank = (all * percent).div_ceil(100).max(1);
        self.hours.get(rank - 1).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(hours: u64) -> Option<Whole> {
        Some(Whole {
            at_ms: hours * 3_600_000,
            frames: 10,
            rounds: 1,
            lost: 0,
        })
    }

    #[test]
    fn ranks_are_those_of_all_trials() {
        let trials: Vec<_> = (1..=100).rev().map(whole).collect();
        let figures = Figures::of(&trials, 7);
        assert_eq!(figures.hours_mean(), Some(50.5));
        assert_eq!(
            (figures.hours_at(50), figures.hours_at(99)),
            (Some(50.0), Some(99.0))
        );
        assert_eq!((figures.frames_mean, figures.incomplete), (Some(10.0), 0));
    }

    #[test]
    fn a_trial_without_an_end_is_no_short_one() {
        let figures = Figures::of(&[whole(1), whole(2), None], 7);
        assert_eq!(figures.incomplete, 1);
        assert_eq!((figures.hours_mean(), figures.frames_mean), (None, None));
        assert_eq!(
            (figures.hours_at(50), figures.hours_at(99)),
            (Some(2.0), None)
        );
    }
}
