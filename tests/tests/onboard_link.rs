//! DESIGN, "Link", as the agent holds it: what a frame must be before a byte of flash is touched.

use lightday_station::object::UplinkObject;
use lightday_tests::bench_ground::number;
use lightday_tests::bench_vehicle::{Bench, image};
use lightday_wire::{
    Action, Epoch, FrameHeader, Location, ObjectKind, ObjectNumber, Refusal, SlotId, Stage, TagLen,
};

fn frame(bench: &Bench, object: &UplinkObject, index: u16, epoch: u8) -> Vec<u8> {
    object
        .frame(index, &bench.uplink(epoch), TagLen::Eight)
        .expect("an index")
}

#[test]
fn a_frame_with_a_bad_mac_writes_nothing_and_is_counted() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    let good = frame(&bench, &built.object, 0, 0);
    let before = bench.writes();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        bench.hear(&bad);
        bench.settle();
    }
    for cut in 0..good.len() {
        bench.hear(&good[..cut]);
        bench.settle();
    }
    assert_eq!(bench.writes(), before);
    assert_eq!(bench.agent().symbols_needed(), 0);
    assert_eq!(bench.beacon().frames_refused, 255);
}

#[test]
fn old_numbers_are_dropped_before_any_flash_operation() {
    let mut bench = Bench::launch();
    let built = bench.update(2, 2);
    let command = bench.ground.command(Action::ReportRequest);
    bench.deliver_all(&command);
    let before = bench.writes();
    bench.deliver(&built.object, 0..built.object.k() + 3);
    bench.deliver(&command, 0..4);
    assert_eq!(bench.writes(), before);
    assert_eq!(bench.agent().symbols_needed(), 0);
}

#[test]
fn numbers_are_heard_in_a_window_of_65536_from_the_next_one() {
    let mut bench = Bench::launch();
    let held = Action::Hold { held: true };
    for (n, is_heard) in [(1 + 65_536, false), (1 + 65_535, true)] {
        let object = bench.ground.command_numbered(number(n), held);
        bench.deliver_all(&object);
        assert_eq!(bench.record().held, is_heard, "{n}");
    }
    let next = bench.record().next_number(ObjectKind::Command);
    assert_eq!(next, number(65_537));
    let too_far = bench
        .ground
        .bundle_numbered(number(65_537), &image(2, 900), 2, None, |_| {});
    bench.deliver_all(&too_far.object);
    assert_eq!(bench.agent().symbols_needed(), 0);
}

#[test]
fn a_number_is_raised_only_by_what_was_signed() {
    let mut bench = Bench::launch();
    let n = number(9);
    let forged = bench.ground.small(ObjectKind::Command, n, &[7; 100]);
    bench.deliver_all(&forged);
    let next = bench.record().next_number(ObjectKind::Command);
    assert_eq!(next, number(1));
    assert_eq!(bench.report().command.refusal, Refusal::Malformed);
    bench.command(Action::ReportRequest);
    let next = bench.record().next_number(ObjectKind::Command);
    assert_eq!(next, number(2));
}

#[test]
fn under_a_later_epoch_only_an_epoch_switch_or_a_resync_is_heard() {
    let mut bench = Bench::launch();
    bench.ground.epoch = 2;
    let built = bench.ground.bundle(&image(2, 900), 2);
    bench.deliver_all(&built.object);
    assert_eq!(bench.agent().symbols_needed(), 0);
    let held = bench.ground.command(Action::Hold { held: true });
    bench.deliver_all(&held);
    assert!(!bench.record().held);
    assert_eq!(bench.report().command.refusal, Refusal::EpochOrder);
    let next = bench.record().next_number(ObjectKind::Command);
    assert_eq!(next, number(1), "what is not heard uses no number up");
    let epoch = Epoch::new(2).unwrap();
    bench.command(Action::EpochSwitch { epoch });
    assert_eq!(bench.record().epoch, epoch);
    bench.command(Action::Hold { held: true });
    assert!(bench.record().held);
}

#[test]
fn an_epoch_switch_is_signed_by_root_goes_forward_only_and_stands_in_the_floor_at_once() {
    let mut bench = Bench::launch();
    let epoch = |e| Epoch::new(e).unwrap();
    // Not under the present epoch's key, and not another epoch than that of the key.
    bench.command(Action::EpochSwitch { epoch: epoch(1) });
    assert_eq!(bench.report().command.refusal, Refusal::EpochOrder);
    bench.ground.epoch = 1;
    bench.command(Action::EpochSwitch { epoch: epoch(2) });
    assert_eq!(bench.report().command.refusal, Refusal::EpochOrder);
    assert_eq!(bench.record().epoch, epoch(0));
    bench.ground.epoch = 3;
    bench.command(Action::EpochSwitch { epoch: epoch(3) });
    assert_eq!(bench.record().epoch, epoch(3));
    // Old keys are deaf, and stay so when all copies of the record are lost.
    bench.ground.epoch = 0;
    bench.command(Action::Hold { held: true });
    assert!(!bench.record().held);
    let region = bench.map().floors;
    let floors = lightday_boot::floors::value(
        &mut bench.flash.peeking(),
        region,
        lightday_boot::floors::Floor::Epoch,
    );
    assert_eq!(floors, 3);
    bench.reset(lightday_wire::ResetCause::PowerOn);
    assert_eq!(bench.record().epoch, epoch(3));
}

#[test]
fn an_epoch_switch_without_root_is_refused() {
    let mut bench = Bench::launch();
    bench.ground.epoch = 1;
    let context = lightday_wire::CommandContext {
        vehicle: lightday_tests::bench_vehicle::IDENTITY.vehicle,
        number: number(1),
    };
    let action = Action::EpochSwitch {
        epoch: Epoch::new(1).unwrap(),
    };
    let short = bench
        .ground
        .staff
        .envelope_one_short(context, lightday_wire::Command { action });
    let object = bench.ground.small(ObjectKind::Command, number(1), &short);
    bench.deliver_all(&object);
    assert_eq!(bench.record().epoch, Epoch::FIRST);
    assert_eq!(bench.report().command.refusal, Refusal::SignatureMissing);
}

#[test]
fn duplicates_of_a_symbol_write_nothing() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    bench.deliver(&built.object, [0, 5, 90]);
    let (before, needed) = (bench.writes(), bench.agent().symbols_needed());
    bench.deliver(&built.object, [5, 90, 0, 0, 5]);
    assert_eq!(bench.writes(), before);
    assert_eq!(bench.agent().symbols_needed(), needed);
}

#[test]
fn symbols_needed_counts_down_and_is_zero_where_nothing_is_in_reception() {
    let mut bench = Bench::launch();
    assert_eq!(bench.agent().symbols_needed(), 0);
    let built = bench.ground.bundle(&image(2, 3000), 2);
    let k = built.object.k();
    for (count, index) in (1..k).zip((0..).map(|i| i * 7 + 3)) {
        bench.deliver(&built.object, [index]);
        assert_eq!(bench.agent().symbols_needed(), k - count);
    }
    assert_eq!(bench.beacon().symbols_needed, 1);
    bench.deliver(&built.object, [2]);
    assert_eq!(bench.agent().symbols_needed(), 0);
    assert_eq!(bench.report().bundle.stage, Stage::Done);
}

#[test]
fn one_bundle_at_a_time_the_next_begins_when_this_one_is_installed_or_aborted() {
    let mut bench = Bench::launch();
    let first = bench.ground.bundle(&image(2, 3000), 2);
    let second = bench.ground.bundle(&image(3, 3100), 3);
    bench.deliver(&first.object, 0..5);
    let (before, needed) = (bench.writes(), bench.agent().symbols_needed());
    bench.deliver(&second.object, 0..9);
    assert_eq!(bench.writes(), before);
    assert_eq!(bench.agent().symbols_needed(), needed);
    bench.command(Action::Abort {
        kind: ObjectKind::Bundle,
        number: first.number,
    });
    assert_eq!(bench.agent().symbols_needed(), 0);
    bench.deliver(&first.object, 0..9);
    assert_eq!(
        bench.agent().symbols_needed(),
        0,
        "an aborted number is old"
    );
    bench.deliver_all(&second.object);
    assert_eq!(bench.report().bundle.number, second.number);
    assert_eq!(bench.report().bundle.stage, Stage::Done);
}

#[test]
fn a_frame_that_disagrees_about_the_shape_is_dropped() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    bench.deliver(&built.object, 0..3);
    let bytes = image(4, 4000);
    let other = UplinkObject::new(ObjectKind::Bundle, built.number, &bytes, 64).unwrap();
    let before = bench.writes();
    bench.deliver(&other, 0..5);
    assert_eq!(bench.writes(), before);
    bench.deliver_all(&built.object);
    assert_eq!(bench.report().bundle.stage, Stage::Done);
}

#[test]
fn a_bundle_that_does_not_fit_the_staging_area_is_refused_with_its_cause_and_writes_nothing() {
    let mut bench = Bench::launch();
    let before = bench.writes();
    for (symbol_len, why) in [
        (120, Refusal::StagingTooSmall),
        (130, Refusal::ShapeConflict),
    ] {
        let n = number(1);
        let bytes = vec![1; 120_000];
        let object = UplinkObject::new(ObjectKind::Bundle, n, &bytes, symbol_len).unwrap();
        bench.deliver(&object, [0]);
        assert_eq!(bench.report().bundle.refusal, why);
    }
    assert_eq!(bench.writes(), before);
    assert_eq!(
        bench.record().next_number(ObjectKind::Bundle),
        number(1),
        "nobody signed it"
    );
}

#[test]
fn a_bundle_s_symbols_are_a_multiple_of_the_program_granule() {
    let mut bench = Bench::launch();
    let object = UplinkObject::new(ObjectKind::Bundle, number(1), &[1; 1000], 100).unwrap();
    bench.deliver(&object, [0]);
    assert_eq!(bench.report().bundle.refusal, Refusal::ShapeConflict);
    assert_eq!(bench.agent().symbols_needed(), 0);
}

#[test]
fn the_index_that_no_symbol_has_is_dropped() {
    let mut bench = Bench::launch();
    for kind in [ObjectKind::Bundle, ObjectKind::Command] {
        let header = FrameHeader {
            kind,
            epoch: Epoch::FIRST,
            number: number(1),
            k: 1,
            index: u16::MAX,
        };
        let mut out = [0; 200];
        let key = bench.uplink(0);
        let len = key
            .seal_frame(header, &[0; 64], TagLen::Eight, &mut out)
            .unwrap();
        let before = bench.writes();
        bench.hear(&out[..len]);
        bench.settle();
        assert_eq!(bench.writes(), before, "{kind:?}");
    }
}

#[test]
fn a_command_of_several_symbols_survives_loss_and_repetition() {
    let mut bench = Bench::launch();
    let object = bench.ground.command(Action::Hold { held: true });
    assert!(object.k() >= 2);
    bench.deliver(&object, [7, 7, 40]);
    assert_eq!(bench.record().held, object.k() == 2);
    bench.deliver(&object, [9, 12, 13, 14]);
    assert!(bench.record().held);
}

#[test]
fn a_higher_command_number_replaces_one_that_never_became_complete() {
    let mut bench = Bench::launch();
    let lost = bench.ground.command(Action::BootGolden);
    bench.deliver(&lost, [0]);
    bench.command(Action::Hold { held: true });
    assert!(bench.record().held);
    bench.deliver(&lost, [1, 2]);
    assert_eq!(bench.running(), Location::Slot(SlotId::A));
}

#[test]
fn an_abort_of_an_unsigned_reception_with_a_far_number_burns_no_numbers() {
    let mut bench = Bench::launch();
    let far = UplinkObject::new(ObjectKind::Bundle, number(60_000), &[7; 4000], 64).unwrap();
    bench.deliver(&far, 0..2);
    let abort = Action::Abort {
        kind: ObjectKind::Bundle,
        number: number(60_000),
    };
    bench.command(abort);
    assert_eq!(bench.report().command.stage, Stage::Done);
    assert_eq!(bench.agent().symbols_needed(), 0);
    assert_eq!(bench.record().next_number(ObjectKind::Bundle), number(1));
    bench.reset(lightday_wire::ResetCause::Upset);
    bench.settle();
    assert_eq!(bench.agent().symbols_needed(), 0);
    let built = bench.ground.bundle(&image(2, 3000), 2);
    bench.deliver_all(&built.object);
    assert_eq!(bench.report().bundle.stage, Stage::Done);
    // Where nothing of that number is in reception, the ground means what it says.
    bench.command(abort);
    let next = bench.record().next_number(ObjectKind::Bundle);
    assert_eq!(next, number(60_001));
}

#[test]
fn an_abort_of_a_bundle_that_was_admitted_uses_its_number_up_however_far() {
    let mut bench = Bench::launch();
    let built = bench
        .ground
        .bundle_numbered(number(9), &image(2, 3000), 2, None, |_| {});
    bench.deliver(&built.object, 0..9);
    assert_eq!(bench.report().bundle.stage, Stage::Accepted);
    bench.command(Action::Abort {
        kind: ObjectKind::Bundle,
        number: number(9),
    });
    assert_eq!(bench.record().next_number(ObjectKind::Bundle), number(10));
}

#[test]
fn a_healthy_mission_refuses_no_frames_and_late_symbols_are_not_counted() {
    let mut bench = Bench::launch();
    let built = bench.update(2, 2);
    bench.deliver(&built.object, 0..built.object.k() + 20);
    bench.ground.epoch = 1;
    let epoch = Epoch::new(1).unwrap();
    let switch = bench.ground.command(Action::EpochSwitch { epoch });
    bench.deliver(&switch, 0..switch.k() + 4);
    assert_eq!(bench.record().epoch, epoch);
    bench.ground.epoch = 0;
    bench.deliver(&built.object, 0..4);
    assert_eq!(bench.beacon().frames_refused, 0);
    bench.ground.epoch = 1;
    let next = bench.ground.command(Action::ReportRequest);
    let mut bad = frame(&bench, &next, 0, 1);
    bad[9] ^= 1;
    bench.hear(&bad);
    bench.hear(&[0; 3]);
    assert_eq!(bench.beacon().frames_refused, 2);
}

#[test]
fn numbers_never_go_down_whatever_is_aborted() {
    let mut bench = Bench::launch();
    let abort = |n| Action::Abort {
        kind: ObjectKind::Bundle,
        number: number(n),
    };
    let next = |bench: &Bench| bench.record().next_number(ObjectKind::Bundle);
    bench.command(abort(40));
    assert_eq!(next(&bench), number(41));
    bench.command(abort(7));
    assert_eq!(next(&bench), number(41));
    bench.command(abort(41 + 65_536));
    assert_eq!(next(&bench), number(41));
    assert_eq!(bench.report().command.refusal, Refusal::OutOfRange);
    bench.command(Action::Abort {
        kind: ObjectKind::Report,
        number: ObjectNumber::default(),
    });
    assert_eq!(bench.report().command.refusal, Refusal::OutOfRange);
}
