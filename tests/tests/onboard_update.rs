//! The whole way on board, frame by frame: reception, admission, installation, activation, trial, confirmation.

use lightday_tests::bench_vehicle::{Bench, image};
use lightday_wire::{Action, Location, SlotId, SlotState, Stage};

#[test]
fn a_bundle_with_losses_is_solved_installed_authorized_tried_and_confirmed() {
    let mut bench = Bench::launch();
    assert_eq!(bench.running(), Location::Slot(SlotId::A));
    let new = image(2, 6001);
    let built = bench.ground.bundle(&new, 2);
    let k = built.object.k();
    assert!((20..100).contains(&k), "{k}");
    // Every third source symbol is lost; parity takes its place.
    bench.deliver(&built.object, (0..k).filter(|i| i % 3 != 1));
    let needed = bench.agent().symbols_needed();
    assert_eq!(needed, k / 3 + u16::from(k % 3 == 2));
    bench.deliver(&built.object, (k..).take(needed.into()));
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    assert_eq!(bench.slot_digest(SlotId::B, 6001), built.image.digest);
    assert_eq!(bench.report().bundle.stage, Stage::Done);

    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    assert_eq!(bench.running(), Location::Slot(SlotId::B));
    assert_eq!(bench.state(SlotId::B), SlotState::Trial);
    bench.command(Action::Confirm {
        image: built.image.digest,
    });
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
    assert_eq!(bench.record().home.0, Location::Slot(SlotId::B));
    let report = bench.beacon();
    assert_eq!(report.command.stage, Stage::Done);
}
