//! Whole missions a minute on one core: 14 days, a payload of 100 kB, 10 % bursty loss.
//!
//! `cargo bench -p lightday-sim` prints one line; `-- --profile` flies 300 of them for a profiler.

use std::time::Instant;

use lightday_sim::ending::Ending;
use lightday_sim::rng::Rng;
use lightday_sim::scenario::{Images, Prepared, Scenario};
use lightday_sim::trace::Keep;

fn main() {
    let missions: u64 = if std::env::args().any(|arg| arg == "--profile") {
        300
    } else {
        100
    };
    // Noise does not compress and has no likeness to its base: the payload is the image.
    let image = |name: &str| {
        let mut bytes = vec![0; 100_000];
        Rng::stream(1, name).fill(&mut bytes);
        bytes
    };
    let images = Images::new(&image("golden"), &image("old"), &image("new"));
    let mut scenario = Scenario::new("benchmark", images);
    scenario.lost_pass_ppm = 50_000;
    let prepared = Prepared::<4, 4096>::new(scenario).expect("the images fit the profile");
    let payload = prepared.bundle().payload().len();
    let begin = Instant::now();
    let (mut confirmed, mut events, mut violations) = (0u64, 0u64, 0usize);
    for seed in 0..missions {
        let outcome = prepared.run(seed, Keep::Digest);
        confirmed += u64::from(outcome.on_ground == Ending::Confirmed);
        events += outcome.events;
        violations += outcome.violations.len();
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{missions} missions of 14 days, payload {payload} B: {seconds:.2} s, {:.0} a minute, \
         {} events each, {confirmed} confirmed, {violations} violations",
        missions as f64 * 60.0 / seconds,
        events / missions
    );
}
