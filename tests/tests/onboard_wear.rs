//! Nothing is written to flash for what nobody signed, and what a bundle's symbols have to write before
//! anybody can tell is bounded: whoever has the link key must not wear the flash out.

use lightday_station::object::UplinkObject;
use lightday_tests::bench_ground::number;
use lightday_tests::bench_vehicle::{Bench, image};
use lightday_wire::{Action, Epoch, ObjectKind, Refusal, ResetCause, SlotId, SlotState, Stage};

/// How many receptions may begin before signatures hold again (docs/SPEC.md, numbers).
const UNPROVEN: u64 = 16;

/// An object of one frame that nobody signed.
fn forged(kind: ObjectKind, n: u32) -> UplinkObject {
    UplinkObject::new(kind, number(n), &[n as u8; 64], 64).unwrap()
}

#[test]
fn unsigned_commands_authorizations_and_key_sets_write_nothing_to_flash() {
    let mut bench = Bench::launch();
    for kind in [
        ObjectKind::Command,
        ObjectKind::Authorization,
        ObjectKind::KeySet,
    ] {
        let operations = bench.flash.operations();
        let (record, writes) = (bench.record().clone(), bench.writes());
        for round in 0..100 {
            bench.deliver_all(&forged(kind, 2 + round % 2));
            let verdict = bench.agent().verdict(kind);
            assert_eq!(verdict.stage, Stage::Refused);
            assert_eq!(verdict.number, number(2 + round % 2));
        }
        assert_eq!(bench.writes(), writes, "{kind:?}");
        assert_eq!(bench.flash.operations(), operations, "{kind:?}");
        assert_eq!(bench.record(), &record);
    }
}

#[test]
fn a_command_that_was_signed_for_another_number_or_epoch_writes_nothing_to_flash() {
    let mut bench = Bench::launch();
    let epoch = Epoch::new(1).unwrap();
    let command = bench.ground.command(Action::Hold { held: true });
    let switch = bench.ground.command(Action::EpochSwitch { epoch });
    let moved = |object: &UplinkObject, n| {
        let symbols = (0..object.k()).filter_map(|index| object.symbol(index));
        let (bytes, len) = (symbols.flatten().collect::<Vec<_>>(), object.symbol_len());
        UplinkObject::new(ObjectKind::Command, number(n), &bytes, len).unwrap()
    };
    let before = bench.writes();
    for n in 5..25 {
        bench.deliver_all(&moved(&command, n));
        bench.deliver_all(&switch);
        assert_eq!(bench.report().command.refusal, Refusal::EpochOrder);
        bench.ground.epoch = 1;
        bench.deliver_all(&command);
        assert_eq!(bench.report().command.refusal, Refusal::EpochOrder);
        bench.ground.epoch = 0;
    }
    assert_eq!(bench.writes(), before);
}

#[test]
fn an_unsigned_object_is_reported_and_replaces_no_verdict_of_a_signed_one_in_the_record() {
    let mut bench = Bench::launch();
    bench.command(Action::Hold { held: true });
    let signed = bench.record().verdict(ObjectKind::Command);
    assert_eq!(signed.stage, Stage::Done);
    let state = bench.agent().state_digest();
    bench.deliver_all(&forged(ObjectKind::Command, 7));
    assert_eq!(bench.report().command.number, number(7));
    assert_eq!(bench.report().command.stage, Stage::Refused);
    assert_eq!(bench.record().verdict(ObjectKind::Command), signed);
    assert_eq!(bench.agent().state_digest(), state);
    bench.reset(ResetCause::Upset);
    bench.settle();
    assert_eq!(bench.report().command, signed, "it is lost at a reset");
    bench.deliver_all(&forged(ObjectKind::Command, 7));
    bench.command(Action::Hold { held: false });
    assert_eq!(bench.report().command.number, number(2));
}

#[test]
fn unsigned_bundles_commit_nothing_and_the_receptions_that_they_begin_are_bounded() {
    let mut bench = Bench::launch();
    let (record, before) = (bench.record().clone(), bench.writes());
    let operation = bench.flash.operations();
    for round in 0..400 {
        bench.deliver_all(&forged(ObjectKind::Bundle, 1 + round % 2));
        assert_eq!(bench.report().bundle.stage, Stage::Refused);
    }
    for copy in bench.map().record {
        assert!(!bench.flash.changed_since(operation, copy.start..copy.end()));
    }
    assert_eq!(bench.record(), &record);
    let (programs, erases) = bench.writes();
    // Each: its name, an erased block, a symbol, the log closed; and the names' own block, every few.
    assert!(programs - before.0 <= 3 * UNPROVEN);
    assert!(erases - before.1 <= 2 * UNPROVEN);
    // Until signatures hold, nothing begins any more.
    let built = bench.ground.bundle(&image(2, 3000), 2);
    bench.deliver(&built.object, 0..3);
    assert_eq!(bench.agent().symbols_needed(), 0);
    bench.command(Action::ReportRequest);
    bench.deliver_all(&built.object);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}

#[test]
fn unsigned_bundles_of_parity_alone_are_bounded_too() {
    let mut bench = Bench::launch();
    let attack = |bench: &mut Bench, rounds| {
        for round in 0..rounds {
            let object = forged(ObjectKind::Bundle, 1 + round % 2);
            bench.deliver(&object, [5]);
        }
    };
    attack(&mut bench, 16);
    let before = bench.writes();
    attack(&mut bench, 100);
    assert_eq!(bench.writes(), before);
    assert_eq!(bench.record().patch_attempts, 0);
    assert_eq!(
        bench.record().verdict(ObjectKind::Bundle).stage,
        Stage::Idle
    );
}

#[test]
fn polluted_blocks_behind_a_signed_envelope_are_bounded_too() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    let k = built.object.k();
    // The envelope is ours, as it was recorded; the last symbol is nobody's.
    let source = (0..k).filter_map(|index| built.object.symbol(index));
    let mut bytes = source.flatten().collect::<Vec<_>>();
    let len = built.object.symbol_len();
    bytes[usize::from(k - 1) * usize::from(len)] ^= 1;
    let polluted = UplinkObject::new(ObjectKind::Bundle, built.number, &bytes, len).unwrap();
    for _ in 0..UNPROVEN {
        bench.deliver_all(&polluted);
        assert_eq!(bench.report().bundle.refusal, Refusal::PayloadDigest);
    }
    let before = bench.writes();
    for _ in 0..40 {
        bench.deliver_all(&polluted);
    }
    assert_eq!(bench.writes(), before);
    assert_eq!(bench.record().next_number(ObjectKind::Bundle), built.number);
    // Any signed command lifts that, and the bundle is still the one that it was.
    bench.command(Action::ReportRequest);
    bench.deliver_all(&built.object);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}

#[test]
fn receptions_that_give_way_to_ever_lower_numbers_are_bounded_too() {
    let mut bench = Bench::launch();
    let base = lightday_tests::bench_vehicle::describe(b"nobody has this", 1);
    let before = bench.writes();
    for n in (1..60).rev() {
        let waits = bench
            .ground
            .bundle_numbered(number(n), &image(2, 900), 2, Some(base), |_| {});
        bench.deliver(&waits.object, 0..4);
    }
    let (programs, erases) = bench.writes();
    assert!(programs - before.0 <= 6 * UNPROVEN);
    assert!(erases - before.1 <= 2 * UNPROVEN);
}

#[test]
fn a_reset_lets_receptions_begin_again() {
    let mut bench = Bench::launch();
    for round in 0..40 {
        bench.deliver_all(&forged(ObjectKind::Bundle, 1 + round % 2));
    }
    bench.reset(ResetCause::Upset);
    bench.settle();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    bench.deliver_all(&built.object);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}
