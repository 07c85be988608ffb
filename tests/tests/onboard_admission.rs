//! Admission and the early verdict: judged from the envelope, as soon as it is there, signatures first.

use lightday_station::object::UplinkObject;
use lightday_tests::bench_ground::{Built, number};
use lightday_tests::bench_staff::Staff;
use lightday_tests::bench_vehicle::{Bench, IDENTITY, describe, first_image, image};
use lightday_wire::{
    Action, Activation, CodecId, ComponentId, Digest, DigestPrefix, Location, Manifest,
    ManifestContext, ObjectKind, Refusal, SlotChoice, SlotId, SlotState, Stage, Target, VehicleId,
};

/// Delivers as many first symbols as hold the envelope, and not one more.
fn deliver_envelope(bench: &mut Bench, built: &Built) {
    let symbol_len = usize::from(built.object.symbol_len());
    let symbols = built.envelope_len.div_ceil(symbol_len);
    bench.deliver(&built.object, 0..u16::try_from(symbols).unwrap());
}

/// Delivers the envelope of a bundle whose manifest was changed before release signed it.
fn refused(change: impl FnOnce(&mut Manifest)) -> (Bench, Refusal) {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle_with(&image(2, 3000), 2, None, change);
    let reports = bench.reports.len();
    deliver_envelope(&mut bench, &built);
    assert_eq!(
        bench.reports.len(),
        reports + 1,
        "a verdict is reported at once"
    );
    let verdict = bench.report().bundle;
    assert_eq!(
        (verdict.number, verdict.stage),
        (built.number, Stage::Refused)
    );
    let refusal = verdict.refusal;
    assert_eq!(
        bench.agent().symbols_needed(),
        0,
        "nothing more is received"
    );
    (bench, refusal)
}

fn next_bundle(bench: &Bench) -> u32 {
    bench.record().next_number(ObjectKind::Bundle).get()
}

#[test]
fn an_early_verdict_of_admission_is_reported_at_once() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    deliver_envelope(&mut bench, &built);
    let report = *bench.report();
    assert_eq!(report.bundle.number, built.number);
    assert_eq!(report.bundle.stage, Stage::Accepted);
    assert_eq!(report.symbols_needed, bench.agent().symbols_needed());
    assert_eq!(
        next_bundle(&bench),
        1,
        "the number is used up at the end only"
    );
}

#[test]
fn before_the_envelope_is_there_the_verdict_is_still_open() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    bench.deliver(&built.object, [0, 9, 10]);
    let report = bench.beacon();
    assert_eq!(report.bundle.stage, Stage::Receiving);
    assert_eq!(report.bundle.refusal, Refusal::None);
}

#[test]
fn what_release_signed_and_policy_refuses_uses_its_number_up() {
    type Change = fn(&mut Manifest);
    let cases: [(Change, Refusal); 8] = [
        (
            |m| m.payload.codec = CodecId::Model,
            Refusal::UnsupportedCodec,
        ),
        (
            |m| m.payload.params.push(1).unwrap(),
            Refusal::UnsupportedCodec,
        ),
        (|m| m.payload.ram = 1, Refusal::RamTooSmall),
        (|m| m.image.size = 16_385, Refusal::ImageTooLarge),
        (|m| m.image.size = 0, Refusal::ImageTooLarge),
        (|m| m.component = ComponentId(2), Refusal::WrongPlace),
        (
            |m| m.slot = SlotChoice::Only(SlotId::A),
            Refusal::WrongPlace,
        ),
        (
            |m| m.activation = Activation::LoadAndGo,
            Refusal::EvidenceMissing,
        ),
    ];
    for (change, why) in cases {
        let (bench, refusal) = refused(change);
        assert_eq!(refusal, why);
        assert_eq!(next_bundle(&bench), 2, "{why:?}");
    }
}

#[test]
fn a_payload_longer_than_the_object_and_a_trial_without_tries_or_lease_are_malformed() {
    assert_eq!(refused(|m| m.payload.size = 60_000).1, Refusal::Malformed);
    assert_eq!(refused(|m| m.payload.size = u32::MAX).1, Refusal::Malformed);
    assert_eq!(refused(|m| m.trial.tries = 0).1, Refusal::Malformed);
    assert_eq!(refused(|m| m.trial.lease_s = 0).1, Refusal::Malformed);
}

#[test]
fn an_image_that_is_linked_for_another_address_is_refused() {
    assert_eq!(refused(|m| m.load_address = 4).1, Refusal::WrongPlace);
    // Linked per slot: the image goes where its address is, or nowhere.
    for (slot, address, is_right) in [
        (SlotChoice::Inactive, 0x2000, true),
        (SlotChoice::Only(SlotId::B), 0x2000, true),
        (SlotChoice::Only(SlotId::B), 0x1000, false),
        (SlotChoice::Inactive, 0, false),
    ] {
        let mut bench = Bench::launch();
        bench.config.load_addresses = [Some(0x1000), Some(0x2000)];
        bench.reset(lightday_wire::ResetCause::PowerOn);
        bench.settle();
        let built = bench.ground.bundle_with(&image(2, 3000), 2, None, |m| {
            (m.slot, m.load_address) = (slot, address);
        });
        bench.deliver_all(&built.object);
        if is_right {
            assert_eq!(bench.state(SlotId::B), SlotState::Verified);
        } else {
            assert_eq!(bench.report().bundle.refusal, Refusal::WrongPlace);
            assert_eq!(bench.state(SlotId::B), SlotState::Empty);
        }
    }
}

#[test]
fn a_signed_envelope_in_an_object_of_another_shape_uses_no_number_up() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    let symbols = (0..built.object.k()).filter_map(|index| built.object.symbol(index));
    let envelope = &symbols.flatten().collect::<Vec<_>>()[..built.envelope_len];
    let len = built.object.symbol_len();
    let short = UplinkObject::new(ObjectKind::Bundle, built.number, envelope, len);
    let before = bench.record().clone();
    bench.deliver_all(&short.unwrap());
    assert_eq!(bench.report().bundle.refusal, Refusal::Malformed);
    assert_eq!(bench.record(), &before);
    bench.deliver_all(&built.object);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}

#[test]
fn an_unknown_format_is_refused_and_its_number_may_be_used_again() {
    let (bench, refusal) = refused(|m| m.format = 2);
    assert_eq!(refusal, Refusal::UnsupportedFormat);
    assert_eq!(next_bundle(&bench), 1);
}

#[test]
fn a_bundle_without_enough_signatures_is_refused_and_its_number_may_be_used_again() {
    let mut bench = Bench::launch();
    let bytes = image(2, 3000);
    let described = describe(&bytes, 2);
    let mut manifest = lightday_tests::bench_ground::launch_manifest(described);
    manifest.trial.self_confirm = true;
    let context = ManifestContext {
        target: Target::Vehicle(IDENTITY.vehicle),
        number: number(1),
        base: None,
    };
    let short = bench
        .ground
        .staff
        .envelope_one_short(context, manifest.clone());
    let built = bench.ground.assemble(number(1), &short, &bytes, described);
    deliver_envelope(&mut bench, &built);
    assert_eq!(bench.report().bundle.refusal, Refusal::SignatureMissing);
    assert_eq!(next_bundle(&bench), 1);
    // Strangers sign in vain, and so do our own people for another vehicle, number or base.
    let stranger = Staff::new(200, 1);
    let foreign = |change: fn(&mut ManifestContext)| {
        let mut other = context;
        change(&mut other);
        other
    };
    let envelopes = [
        stranger.envelope(context, manifest.clone()),
        bench.ground.staff.envelope(
            foreign(|c| c.target = Target::Vehicle(VehicleId(8))),
            manifest.clone(),
        ),
        bench
            .ground
            .staff
            .envelope(foreign(|c| c.number = number(2)), manifest.clone()),
        bench.ground.staff.envelope(
            foreign(|c| c.base = Some(describe(b"x", 1))),
            manifest.clone(),
        ),
    ];
    for envelope in envelopes {
        let built = bench
            .ground
            .assemble(number(1), &envelope, &bytes, described);
        deliver_envelope(&mut bench, &built);
        assert_eq!(bench.report().bundle.refusal, Refusal::SignatureBad);
    }
    let good = bench.ground.staff.envelope(context, manifest);
    let built = bench.ground.assemble(number(1), &good, &bytes, described);
    bench.deliver_all(&built.object);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}

#[test]
fn a_class_bound_bundle_is_for_every_vehicle_of_the_class() {
    let mut bench = Bench::launch();
    let built = bench
        .ground
        .bundle_with(&image(2, 3000), 2, None, |m| m.class_bound = true);
    bench.deliver_all(&built.object);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}

#[test]
fn an_image_below_the_security_counter_is_refused() {
    let mut bench = Bench::launch();
    let built = bench
        .ground
        .bundle_with(&image(2, 3000), 2, None, |m| m.security_counter = 4);
    bench.deliver_all(&built.object);
    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    assert_eq!(
        bench.record().security_counter,
        0,
        "it moves at Confirm only"
    );
    bench.command(Action::Confirm {
        image: built.image.digest,
    });
    assert_eq!(bench.record().security_counter, 4);
    let old = bench
        .ground
        .bundle_with(&image(3, 3000), 3, None, |m| m.security_counter = 3);
    deliver_envelope(&mut bench, &old);
    assert_eq!(bench.report().bundle.refusal, Refusal::SecurityCounter);
}

#[test]
fn a_bundle_whose_base_is_unknown_waits_says_so_and_gives_way_to_the_one_that_brings_it() {
    let mut bench = Bench::launch();
    let middle = image(2, 3000);
    let first = bench.ground.bundle(&middle, 2);
    let base = describe(&middle, 2);
    let second = bench
        .ground
        .bundle_with(&image(3, 3100), 3, Some(base), |_| {});
    bench.deliver_all(&second.object);
    let verdict = bench.report().bundle;
    assert_eq!(
        (verdict.number, verdict.stage, verdict.refusal),
        (second.number, Stage::Receiving, Refusal::UnknownBase)
    );
    // It waits over a reset, and over a command that changes nothing.
    bench.reset(lightday_wire::ResetCause::Upset);
    bench.settle();
    bench.command(Action::ReportRequest);
    assert_eq!(bench.report().bundle.refusal, Refusal::UnknownBase);
    assert_eq!(bench.record().patch_attempts, 0, "waiting costs no attempt");
    // The predecessor, of a lower number, takes the place.
    bench.deliver_all(&first.object);
    assert_eq!(bench.report().bundle.number, first.number);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    // Its base is on board now, but in the slot that it would be written to.
    bench.deliver_all(&second.object);
    assert_eq!(bench.report().bundle.refusal, Refusal::SlotBusy);
    let authorization = bench.ground.authorization(&first);
    bench.deliver_all(&authorization);
    assert_eq!(bench.state(SlotId::B), SlotState::Trial);
    bench.command(Action::Confirm { image: base.digest });
    bench.settle();
    assert_eq!(bench.running(), Location::Slot(SlotId::B));
    assert_eq!(bench.state(SlotId::A), SlotState::Verified);
    assert_eq!(bench.slot_digest(SlotId::A, 3100), second.image.digest);
}

#[test]
fn a_bundle_that_waits_does_not_give_way_to_a_higher_number() {
    let mut bench = Bench::launch();
    let base = describe(&image(7, 100), 2);
    let waits = bench
        .ground
        .bundle_with(&image(3, 3100), 3, Some(base), |_| {});
    let next = bench.ground.bundle(&image(4, 3000), 4);
    bench.deliver_all(&waits.object);
    bench.deliver(&next.object, 0..4);
    assert_eq!(bench.report().bundle.number, waits.number);
}

#[test]
fn the_base_may_be_golden_or_the_running_image() {
    for base in [describe(&image(9, 4000), 0), describe(&first_image(), 1)] {
        let mut bench = Bench::launch();
        let built = bench
            .ground
            .bundle_with(&image(2, 3000), 2, Some(base), |_| {});
        bench.deliver_all(&built.object);
        assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    }
}

#[test]
fn a_base_that_is_not_what_was_signed_is_a_bad_signature() {
    let mut bench = Bench::launch();
    let mut base = describe(&first_image(), 1);
    base.size += 1;
    let built = bench
        .ground
        .bundle_with(&image(2, 3000), 2, Some(base), |_| {});
    deliver_envelope(&mut bench, &built);
    assert_eq!(bench.report().bundle.refusal, Refusal::SignatureBad);
    let unknown = DigestPrefix([1; 8]);
    assert_ne!(describe(&first_image(), 1).digest.prefix(), unknown);
}

#[test]
fn load_and_go_needs_verification_and_flight_and_arms_by_itself() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle_with(&image(2, 3000), 2, None, |m| {
        m.activation = Activation::LoadAndGo;
        m.evidence_root = Some(Digest([5; 32]));
    });
    bench.deliver_all(&built.object);
    assert_eq!(bench.running(), Location::Slot(SlotId::B));
    assert_eq!(bench.state(SlotId::B), SlotState::Trial);
}

#[test]
fn a_slot_that_the_manifest_names_is_the_one_that_is_written() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle_with(&image(2, 3000), 2, None, |m| {
        m.slot = SlotChoice::Only(SlotId::B)
    });
    bench.deliver_all(&built.object);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}
