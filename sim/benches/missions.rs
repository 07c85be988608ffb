//! Whole missions a minute on one core: 14 days, a payload of 100 kB, 10 % bursty loss, one pass in twenty
//! lost.
//!
//! ```text
//! cargo bench -p lightday-sim --bench missions      the figures of docs/benchmarks/sim.md
//! ```
//! A rate is that of the best of ten batches, so that a busy machine matters little.

use std::time::Instant;

use lightday_sim::ending::Ending;
use lightday_sim::rng::Rng;
use lightday_sim::scenario::{Images, Prepared, Scenario};
use lightday_sim::trace::Keep;

const BATCHES: u64 = 10;
const MISSIONS: u64 = 30;

/// What a batch of missions came to.
#[derive(Default)]
struct Sum {
    confirmed: u64,
    violations: usize,
    events: u64,
    frames: u64,
    lost: u64,
    hours_known: u64,
}

fn main() {
    // Noise does not compress and has no likeness to its base: the payload is the image.
    let image = |name: &str| {
        let mut bytes = vec![0; 100_000];
        Rng::stream(1, name).fill(&mut bytes);
        bytes
    };
    let images = Images::new(&image("golden"), &image("old"), &image("new"));
    let mut scenario = Scenario::new("benchmark", images);
    scenario.lost_pass_ppm = 50_000;
    let begin = Instant::now();
    let prepared = Prepared::<4, 4096>::new(scenario).expect("the images fit the profile");
    let preparation = begin.elapsed().as_secs_f64();
    let payload = prepared.bundle().payload().len();
    let mut sum = Sum::default();
    let mut best = f64::INFINITY;
    for batch in 0..BATCHES {
        let begin = Instant::now();
        for seed in batch * MISSIONS..(batch + 1) * MISSIONS {
            let outcome = prepared.run(seed, Keep::Digest);
            sum.confirmed += u64::from(outcome.on_ground == Ending::Confirmed);
            sum.violations += outcome.violations.len();
            sum.events += outcome.events;
            sum.frames += outcome.frames_sent;
            sum.lost += outcome.frames_lost;
            sum.hours_known += outcome.to_known().map_or(0, |span| span.secs() / 3600);
        }
        best = best.min(begin.elapsed().as_secs_f64());
    }
    let all = BATCHES * MISSIONS;
    println!(
        "{all} missions of 14 days, payload {payload} B, prepared in {preparation:.2} s: \
         {:.0} a minute\n\
         {} confirmed, {} violations; each: {} events, {} frames sent, {} lost, known after {} h",
        MISSIONS as f64 * 60.0 / best,
        sum.confirmed,
        sum.violations,
        sum.events / all,
        sum.frames / all,
        sum.lost / all,
        sum.hours_known / all,
    );
}
