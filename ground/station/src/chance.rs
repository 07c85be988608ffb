//! The chance that enough frames of an object arrive: an exact count, frame by frame, pass by pass.
//!
//! Never samples: what it says is the probability under the link model, up to rounding. What is
//! pruned because it is below 1e-18 counts as failure.
//!
//! ```text
//! alive[c][s]  chance that c < K frames arrived and the link is in state s (good, bad)
//! done         chance that K arrived
//!
//! frame:      alive -> alive, done        one step of the chain of link states
//! pass begin: held = alive and done       the chain starts anew in its long-run shares
//! pass end:   q * held + (1 - q) * now    the whole pass was lost with chance q
//! ```

use crate::link::Chain;

/// Mass below which the ends of the distribution are dropped.
const NEGLIGIBLE: f64 = 1e-18;

/// What has arrived of one object, as a distribution.
#[derive(Clone, Debug)]
pub struct Reception {
    needed: usize,
    chain: Chain,
    /// Chance of this pass to be lost as a whole.
    lost_pass: f64,
    /// Counts from `low` on, by link state.
    alive: Vec<[f64; 2]>,
    low: usize,
    done: f64,
    /// The distribution over counts at the begin of the pass, and what was done then.
    held: Option<(usize, Vec<f64>, f64)>,
    /// Whether a frame of this pass was counted: the first one meets the long-run shares.
    stepped: bool,
    /// What comes in later passes beside what is counted here: the chance of so many more frames, and more.
    later: Vec<f64>,
}

impl Reception {
    pub(crate) fn new(needed: u32, chain: Chain) -> Self {
        let needed = needed as usize;
        let nothing = needed == 0;
        Self {
            needed,
            chain,
            lost_pass: 0.0,
            alive: if nothing { vec![] } else { vec![[1.0, 0.0]] },
            low: 0,
            done: if nothing { 1.0 } else { 0.0 },
            held: None,
            stepped: false,
            later: Vec::new(),
        }
    }

    /// Begins a pass, which is lost as a whole with this chance.
    pub fn begin_pass(&mut self, lost: f64) {
        self.lost_pass = lost;
        let counts: Vec<f64> = self.alive.iter().map(|[good, bad]| good + bad).collect();
        let bad = self.chain.bad;
        for (state, count) in self.alive.iter_mut().zip(&counts) {
            *state = [count * (1.0 - bad), count * bad];
        }
        self.held = Some((self.low, counts, self.done));
        self.stepped = false;
    }

    /// Sends one frame, `stride` frames behind the previous one of this object in this pass.
    pub fn frame(&mut self, stride: u32) {
        let [good_to_bad, bad_to_bad] = if self.stepped {
            self.chain.to_bad(stride.max(1))
        } else {
            [0.0, 1.0]
        };
        self.stepped = true;
        let [lost_good, lost_bad] = self.chain.lost;
        let mut arrived = [0.0; 2];
        for state in &mut self.alive {
            let [good, bad] = *state;
            let now_bad = good * good_to_bad + bad * bad_to_bad;
            let now_good = good + bad - now_bad;
            let (lost_g, lost_b) = (now_good * lost_good, now_bad * lost_bad);
            *state = [lost_g + arrived[0], lost_b + arrived[1]];
            arrived = [now_good - lost_g, now_bad - lost_b];
        }
        if self.low + self.alive.len() >= self.needed {
            self.done += arrived[0] + arrived[1];
        } else if !self.alive.is_empty() {
            self.alive.push(arrived);
        }
        self.prune();
    }

    fn prune(&mut self) {
        let small = |s: &[f64; 2]| s[0] + s[1] < NEGLIGIBLE;
        while self.alive.last().is_some_and(small) {
            self.alive.pop();
        }
        let front = self.alive.iter().take_while(|s| small(s)).count();
        if front > 64 {
            self.alive.drain(..front);
            self.low += front;
        }
    }

    /// Ends the pass: it may have been lost as a whole.
    pub fn end_pass(&mut self) {
        let Some((low, counts, done)) = self.held.take() else {
            return;
        };
        let q = self.lost_pass;
        let start = low.min(self.low);
        let end = (low + counts.len()).max(self.low + self.alive.len());
        let mut mixed = vec![[0.0; 2]; end - start];
        for (place, count) in mixed.iter_mut().skip(low - start).zip(&counts) {
            place[0] += q * count;
        }
        for (place, state) in mixed.iter_mut().skip(self.low - start).zip(&self.alive) {
            place[0] += (1.0 - q) * (state[0] + state[1]);
        }
        self.alive = mixed;
        self.low = start;
        self.done = q * done + (1.0 - q) * self.done;
        self.prune();
    }

    /// The chance that enough has arrived, if the current pass may still be lost as a whole.
    #[must_use]
    pub fn success(&self) -> f64 {
        match &self.held {
            Some((_, _, done)) => self.lost_pass * done + (1.0 - self.lost_pass) * self.done,
            None => self.done,
        }
    }

    /// What comes in later passes, whatever is sent in this one: the chance of so many frames and more, by their number.
    pub fn then_come(&mut self, tail: &[f64]) {
        self.later = tail.to_vec();
    }

    /// As [`Self::success`], once what comes later is there.
    #[must_use]
    pub fn hope(&self) -> f64 {
        let heard = self.hope_if_heard();
        match &self.held {
            Some((low, counts, done)) => {
                let lost = done + self.later_mends(*low, counts.iter().copied());
                self.lost_pass * lost + (1.0 - self.lost_pass) * heard
            }
            None => heard,
        }
    }

    /// As [`Self::hope`], if the current pass is not lost.
    #[must_use]
    pub fn hope_if_heard(&self) -> f64 {
        let counts = self.alive.iter().map(|[good, bad]| good + bad);
        self.done + self.later_mends(self.low, counts)
    }

    /// The chance that what is not enough yet becomes enough by what comes later; counts from `low` on.
    fn later_mends(
        &self,
        low: usize,
        counts: impl DoubleEndedIterator<Item = f64> + ExactSizeIterator,
    ) -> f64 {
        let next = low + counts.len();
        // From the most on down: each lacks one more.
        let lacks = self.needed.saturating_sub(next) + 1;
        let later = self.later.iter().skip(lacks);
        counts
            .rev()
            .zip(later)
            .map(|(count, tail)| count * tail)
            .sum()
    }

    /// The chance that so many frames, and more, have arrived, by their number; of one that needs more than were sent.
    #[must_use]
    pub fn tail(&self) -> Vec<f64> {
        let mut tail = vec![0.0; self.low + self.alive.len()];
        let mut sum = 0.0;
        for (chance, [good, bad]) in tail.iter_mut().skip(self.low).zip(&self.alive).rev() {
            sum += good + bad;
            *chance = sum;
        }
        tail.iter_mut()
            .take(self.low)
            .for_each(|chance| *chance = sum);
        tail
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Loss;
    use crate::link::tests::model;
    use proptest::prelude::*;

    /// Every pattern of states and outcomes of one pass, by brute force: chances of each count.
    fn brute(chain: Chain, frames: usize, stride: u32) -> Vec<f64> {
        let mut chances = vec![0.0; frames + 1];
        for states in 0..1usize << frames {
            for lost in 0..1usize << frames {
                let mut chance = 1.0;
                for i in 0..frames {
                    let bad = states >> i & 1;
                    let to_bad = if i == 0 {
                        chain.bad
                    } else {
                        chain.to_bad(stride)[states >> (i - 1) & 1]
                    };
                    chance *= if bad == 1 { to_bad } else { 1.0 - to_bad };
                    let loses = chain.lost[bad];
                    chance *= if lost >> i & 1 == 1 {
                        loses
                    } else {
                        1.0 - loses
                    };
                }
                chances[frames - lost.count_ones() as usize] += chance;
            }
        }
        chances
    }

    fn run(reception: &mut Reception, lost: f64, frames: usize, stride: u32) {
        reception.begin_pass(lost);
        (0..frames).for_each(|_| reception.frame(stride));
        reception.end_pass();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn two_passes_agree_with_brute_force(
            loss in 0.0f64..0.6, burst in 2.0f64..8.0, ber in 0.0f64..1e-3, q in prop::array::uniform2(0.0f64..0.5),
            random in any::<bool>(),
            first in 0usize..6, second in 0usize..6, needed in 0u32..10, stride in 1u32..4,
        ) {
            let mut link = model(if random {
                Loss::Random { p: loss }
            } else {
                Loss::GilbertElliott { loss, mean_burst_frames: burst }
            });
            link.bit_error_rate = ber;
            let chain = link.chain(20);
            let mut reception = Reception::new(needed, chain);
            run(&mut reception, q[0], first, stride);
            run(&mut reception, q[1], second, stride);

            let pass = |frames, q| {
                let mut chances = brute(chain, frames, stride);
                chances.iter_mut().for_each(|c| *c *= 1.0 - q);
                chances[0] += q;
                chances
            };
            let mut expected = 0.0;
            for (a, chance_a) in pass(first, q[0]).iter().enumerate() {
                for (b, chance_b) in pass(second, q[1]).iter().enumerate() {
                    if a + b >= needed as usize {
                        expected += chance_a * chance_b;
                    }
                }
            }
            prop_assert!((reception.success() - expected).abs() < 1e-12,
                "{} {}", reception.success(), expected);
        }
    }

    /// Frames to send until the chance of failure is at most 1e-6.
    fn frames_for(k: u32, loss: Loss) -> u32 {
        let mut reception = Reception::new(k, model(loss).chain(200));
        reception.begin_pass(0.0);
        let mut frames = 0;
        while reception.success() < 1.0 - 1e-6 {
            reception.frame(1);
            frames += 1;
        }
        frames
    }

    #[test]
    fn the_figures_of_the_research_are_reproduced() {
        let bursts = |loss| Loss::GilbertElliott {
            loss,
            mean_burst_frames: 10.0,
        };
        for (k, p, random, bursty) in [
            (100, 0.02, 112, 228),
            (100, 0.10, 132, 281),
            (1000, 0.05, 1092, 1304),
            (1000, 0.20, 1339, 1678),
        ] {
            assert_eq!(frames_for(k, Loss::Random { p }), random);
            let found = frames_for(k, bursts(p));
            assert!(found.abs_diff(bursty) <= bursty / 50, "{k} {p}: {found}");
        }
    }
}
