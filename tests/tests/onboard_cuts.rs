//! Power is cut at every flash operation of an update: what was received stays received, and the update
//! goes on to its end.

use lightday_sim::flash::CutForm;
use lightday_tests::bench_ground::{Built, number};
use lightday_tests::bench_vehicle::{Bench, first_image, image};
use lightday_trust::digest::sha256;
use lightday_wire::{Action, Location, ObjectKind, ResetCause, SlotId, SlotState, TagLen};

const A: Location = Location::Slot(SlotId::A);
const B: Location = Location::Slot(SlotId::B);

#[test]
fn a_reset_after_each_step_of_the_reception_loses_at_most_the_symbol_in_the_air() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    let k = built.object.k();
    let key = bench.uplink(0);
    let mut logged = 0;
    for (index, steps) in (0..k - 1).zip([0, 1, 2, 3, 4].into_iter().cycle()) {
        let frame = built.object.frame(index, &key, TagLen::Eight).unwrap();
        bench.hear(&frame);
        let before = bench.agent().symbols_needed();
        for _ in 0..steps {
            bench.step();
        }
        let has_logged = bench.agent().symbols_needed() < before || (logged == 0 && steps > 2);
        let needed = bench.agent().symbols_needed();
        logged += u16::from(has_logged);
        // Too many upsets would revert an image: power cycles of a healthy vehicle are hours apart.
        bench.wait_s(0);
        let is_settled = bench.agent().symbols_needed() != needed;
        logged += u16::from(is_settled);
        let needed = bench.agent().symbols_needed();
        bench.wait_s(2 * 3600 + 60);
        bench.reset(ResetCause::Upset);
        bench.settle();
        assert_eq!(bench.agent().symbols_needed(), needed, "symbol {index}");
    }
    bench.deliver(&built.object, 0..k);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}

#[test]
fn cells_of_an_older_object_are_never_believed() {
    let mut bench = Bench::launch();
    // The same number, K, and symbol length: only the naming cell tells them apart. They take more than
    // one erase block, of which the new object has erased only the first.
    let old = bench
        .ground
        .bundle_numbered(number(1), &image(2, 9000), 2, None, |_| {});
    let new = bench
        .ground
        .bundle_numbered(number(1), &image(3, 9000), 3, None, |_| {});
    assert_eq!(old.object.k(), new.object.k());
    bench.deliver(&old.object, 3..old.object.k());
    // A forged envelope has the reception dropped; nobody signed anything, so the number stays free.
    let forged = bench
        .ground
        .assemble(number(1), &[0xff; 600], &[], old.image);
    let forged = forged.object;
    let mut bytes = forged.symbol(0).unwrap();
    bytes.resize(old.object.symbol_len().into(), 0xff);
    let key = bench.uplink(0);
    for index in 0..3 {
        let header = lightday_wire::FrameHeader {
            kind: ObjectKind::Bundle,
            epoch: bench.record().epoch,
            number: number(1),
            k: old.object.k(),
            index,
        };
        let mut out = vec![0; bytes.len() + 16];
        key.seal_frame(header, &bytes, TagLen::Eight, &mut out)
            .unwrap();
        bench.hear(&out);
        bench.settle();
    }
    bench.deliver(&new.object, [0]);
    let needed = new.object.k() - 1;
    assert_eq!(bench.agent().symbols_needed(), needed);
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    assert_eq!(bench.agent().symbols_needed(), needed);
    bench.deliver(&new.object, 0..new.object.k());
    assert_eq!(bench.slot_digest(SlotId::B, 9000), new.image.digest);
}

#[test]
fn torn_symbol_cells_are_passed_over_until_the_margin_is_used_up() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    let k = built.object.k();
    for index in 0..k {
        if index % 3 == 2 {
            let next = bench.flash.operations();
            bench.flash.cut_at(next, CutForm::Partial(u64::from(index)));
            bench.deliver(&built.object, [index]);
            bench.reset(ResetCause::BrownOut);
            bench.wait_s(2 * 3600 + 60);
        }
        bench.deliver(&built.object, [index]);
    }
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}

/// Drives an update to its end, whatever happens in between; the ground repeats what did not arrive.
fn drive(bench: &mut Bench, built: &Built) {
    let authorization = bench.ground.authorization(built);
    let confirm = Action::Confirm {
        image: built.image.digest,
    };
    for _ in 0..40 {
        if !bench.settle_through_cuts() {
            continue;
        }
        match bench.state(SlotId::B) {
            SlotState::Confirmed => return,
            SlotState::Trial => {
                let next = bench.record().next_number(ObjectKind::Command);
                let object = bench.ground.command_numbered(next, confirm);
                deliver(bench, &object);
            }
            SlotState::Verified | SlotState::Armed => deliver(bench, &authorization),
            _ => deliver(bench, &built.object),
        }
        // What was home stays as it was.
        assert_eq!(bench.slot_digest(SlotId::A, 5000), sha256(&first_image()));
    }
    panic!("the update never ends: {:?}", bench.state(SlotId::B));
}

/// Delivers symbols as long as there is power.
fn deliver(bench: &mut Bench, object: &lightday_station::object::UplinkObject) {
    for index in 0..object.k() + 2 {
        if bench.flash.is_powered() {
            bench.deliver(object, [index]);
        }
    }
}

fn updates_with_a_cut(form: fn(u64) -> CutForm, ecc: bool) -> u64 {
    let start = || {
        let mut bench = Bench::launch();
        if ecc {
            bench.flash = bench.flash.clone().with_ecc();
        }
        let built = bench.ground.bundle(&image(2, 1500), 2);
        (bench, built)
    };
    let (mut bench, built) = start();
    let first = bench.flash.operations();
    drive(&mut bench, &built);
    let last = bench.flash.operations();
    for operation in first..last {
        let (mut bench, built) = start();
        bench.flash.cut_at(operation, form(operation));
        drive(&mut bench, &built);
        let boots = format!(
            "operation {operation} of {first}..{last}: {:?}",
            bench.boots
        );
        assert_eq!(bench.running(), B, "{boots}");
        assert_eq!(bench.record().home.0, B, "{boots}");
        assert!(
            bench
                .boots
                .iter()
                .all(|boot| [Some(A), Some(B)].contains(boot)),
            "{boots}"
        );
        let stats = bench.flash.stats();
        assert_eq!(stats.protected, 0, "{boots}");
        if form(0) == CutForm::NotDone {
            assert_eq!(stats.programmed_twice, 0, "{boots}");
        }
    }
    last - first
}

#[test]
fn an_update_survives_a_cut_before_each_flash_operation() {
    let operations = updates_with_a_cut(|_| CutForm::NotDone, false);
    println!("{operations} operations, each not done once");
    assert!(operations > 60);
}

#[test]
fn an_update_survives_a_torn_program_or_erase_at_each_flash_operation() {
    for seed in 0..3 {
        let form = [
            |n| CutForm::Partial(n),
            |n| CutForm::Partial(n + 1_000_000),
            |n| CutForm::Partial(n + 2_000_000),
        ][seed];
        updates_with_a_cut(form, false);
    }
}

#[test]
fn an_update_survives_an_unstable_program_or_erase_at_each_flash_operation() {
    updates_with_a_cut(CutForm::Unstable, false);
}

#[test]
fn an_update_survives_torn_words_that_fault_on_read() {
    updates_with_a_cut(CutForm::Partial, true);
}
