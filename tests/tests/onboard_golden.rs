//! Golden with bad bits: what is left of it serves.

use lightday_tests::bench_vehicle::{Bench, describe, image};
use lightday_wire::{ResetCause, SlotId, SlotState};

/// Regression: the agent read the papers of golden's first copy alone.
#[test]
fn golden_is_known_and_serves_as_base_whichever_of_its_papers_are_broken() {
    for copy in 0..2 {
        let mut bench = Bench::launch();
        let papers = bench.map().golden[copy].trailer.start;
        bench.corrupt(papers + 40);
        bench.reset(ResetCause::PowerOn);
        bench.settle();
        let golden = describe(&image(9, 4000), 0);
        assert_eq!(bench.beacon().golden, golden.digest.prefix().short());
        let built = bench
            .ground
            .bundle_with(&image(2, 3000), 2, Some(golden), |_| {});
        bench.deliver_all(&built.object);
        assert_eq!(bench.state(SlotId::B), SlotState::Verified, "copy {copy}");
    }
}
