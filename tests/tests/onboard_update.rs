//! The whole way on board, frame by frame: reception, admission, installation, activation, trial, confirmation.

use lightday_station::codec::{Hints, candidates};
use lightday_station::profile::DecoderProfile;
use lightday_tests::bench_ground::launch_manifest;
use lightday_tests::bench_vehicle::{Bench, IDENTITY, describe, first_image, image};
use lightday_trust::digest::sha256;
use lightday_wire::{
    Action, CodecId, Location, ManifestContext, ObjectKind, ResetCause, SlotId, SlotState, Stage,
    Target,
};

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

#[test]
fn a_delta_from_the_running_image_or_from_golden_s_second_copy_is_patched_on_board() {
    for is_golden in [false, true] {
        let mut bench = Bench::launch();
        bench.config.decoder_heap = 1 << 20;
        bench.reset(ResetCause::PowerOn);
        bench.settle();
        let (old, version) = if is_golden {
            (image(9, 4000), 0)
        } else {
            (first_image(), 1)
        };
        let mut new = old.clone();
        new.splice(1000..1010, image(4, 300));
        let profile = DecoderProfile {
            ram: 1 << 20,
            codecs: vec![CodecId::BsdiffZstd],
        };
        let encoded = candidates(Some(&old), &new, &profile, &Hints::default(), &|_| ())
            .unwrap()
            .remove(0);
        assert!(encoded.payload.len() < 800, "{}", encoded.payload.len());
        let described = describe(&new, 2);
        let base = Some(describe(&old, version));
        let mut manifest = launch_manifest(described);
        manifest.base = base.map(|base| base.digest.prefix());
        manifest.payload.codec = encoded.codec;
        manifest.payload.ram = encoded.ram;
        manifest.payload.params = encoded.params.iter().copied().collect();
        manifest.payload.digest = sha256(&encoded.payload);
        manifest.payload.size = encoded.payload.len() as u32;
        let number = bench.ground.take(ObjectKind::Bundle);
        let context = ManifestContext {
            target: Target::Vehicle(IDENTITY.vehicle),
            number,
            base,
        };
        let envelope = bench.ground.staff.envelope(context, manifest);
        let built = bench
            .ground
            .assemble(number, &envelope, &encoded.payload, described);
        let first_copy = bench.map().golden[0].image.start;
        bench.corrupt(first_copy + 500);
        bench.deliver_all(&built.object);
        let verdict = bench.report().bundle;
        assert_eq!(bench.state(SlotId::B), SlotState::Verified, "{verdict:?}");
        assert_eq!(
            bench.slot_digest(SlotId::B, described.size),
            described.digest
        );
    }
}
