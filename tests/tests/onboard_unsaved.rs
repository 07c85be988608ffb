//! What flash refuses to take down is not so: no number, no slot and no floor moves by it, it wears nothing out while
//! it lasts, and the same words are enough once it is over.

use lightday_boot::floors::{self, Floor};
use lightday_sim::flash::Fault;
use lightday_tests::bench_ground::Built;
use lightday_tests::bench_staff::Staff;
use lightday_tests::bench_vehicle::{Bench, IDENTITY, first_image, image};
use lightday_trust::digest::sha256;
use lightday_trust::keyset::KeySetContext;
use lightday_wire::{
    Action, Location, ObjectKind, Refusal, ResetCause, SlotId, SlotState, Stage, TagLen,
};

const A: Location = Location::Slot(SlotId::A);
const B: Location = Location::Slot(SlotId::B);

/// From now to [`takes_the_record`] no copy of the record takes a program or an erase.
fn refuses_the_record(bench: &mut Bench) {
    let copies = bench.map().record;
    let copies = copies.map(|copy| copy.start..copy.end());
    bench.flash.lock(copies);
}

fn takes_the_record(bench: &mut Bench) {
    bench.flash.unlock();
}

fn confirm(built: &Built) -> Action {
    Action::Confirm {
        image: built.image.digest,
    }
}

/// Regression: the loader raised the floor of a key set whose commit had failed. The floor put it in force, and the
/// next boot, which took it up again, found it to be no successor of itself and said `Refused`.
#[test]
fn a_key_set_whose_commit_flash_refuses_is_in_force_once_it_is_said_to_be() {
    let mut unsaved = 0u32;
    for (from, operations) in (4..9).flat_map(|from| (1..20).map(move |length| (from, length))) {
        let mut bench = Bench::launch();
        let next = Staff::new(2, 2);
        let n = bench.ground.take(ObjectKind::KeySet);
        let context = KeySetContext {
            class: IDENTITY.class,
            number: n,
        };
        let envelope = bench.ground.staff.succession(&next, context, true);
        let object = bench.ground.small(ObjectKind::KeySet, n, &envelope);
        let begin = bench.flash.operations();
        bench
            .flash
            .fail_at(begin + from, Fault::Outage { operations });
        bench.deliver_all(&object);
        let told = format!("{operations} operations from {from}");
        let floors = bench.map().floors;
        for _ in 0..3 {
            let verdict = bench.record().verdict(ObjectKind::KeySet);
            let floor = floors::value(&mut bench.flash, floors, Floor::KeySet);
            let is_done = verdict.stage == Stage::Done;
            unsaved += u32::from(verdict.stage == Stage::Started);
            assert_eq!(bench.record().key_set == 2, is_done, "{told}: {verdict:?}");
            assert!(is_done || floor < 2, "{told}: {verdict:?}");
            bench.reset(ResetCause::PowerOn);
            bench.settle();
        }
    }
    assert!(unsaved > 0, "the commit was refused in some case");
}

/// Regression: an `Abort` of a key set that waits for the loader, which could not say what became of it, was `Done`, and
/// the next boot put the key set in force.
#[test]
fn a_key_set_that_waits_for_the_loader_is_aborted() {
    let mut waited = 0u32;
    for (from, operations) in (4..9).flat_map(|from| (1..20).map(move |length| (from, length))) {
        let mut bench = Bench::launch();
        let next = Staff::new(2, 2);
        let rotate = |bench: &mut Bench| {
            let n = bench.ground.take(ObjectKind::KeySet);
            let context = KeySetContext {
                class: IDENTITY.class,
                number: n,
            };
            let envelope = bench.ground.staff.succession(&next, context, true);
            (n, bench.ground.small(ObjectKind::KeySet, n, &envelope))
        };
        let (number, object) = rotate(&mut bench);
        let begin = bench.flash.operations();
        bench
            .flash
            .fail_at(begin + from, Fault::Outage { operations });
        bench.deliver_all(&object);
        let told = format!("{operations} operations from {from}");
        let waits = bench.record().verdict(ObjectKind::KeySet).stage == Stage::Started;
        waited += u32::from(waits);
        let kind = ObjectKind::KeySet;
        bench.command(Action::Abort { kind, number });
        if bench.report().command.stage != Stage::Done {
            continue;
        }
        for _ in 0..3 {
            let verdict = bench.record().verdict(kind);
            // One that is in force stays so.
            let version = if verdict.stage == Stage::Done { 2 } else { 1 };
            assert_eq!(bench.record().key_set, version, "{told}");
            if waits {
                let failed = (Stage::Failed, Refusal::Superseded);
                assert_eq!((verdict.stage, verdict.refusal), failed, "{told}");
            }
            bench.reset(ResetCause::PowerOn);
            bench.settle();
        }
        if waits {
            // The same set under the next number.
            let (_, object) = rotate(&mut bench);
            bench.deliver_all(&object);
            assert_eq!(bench.record().key_set, 2, "{told}");
        }
    }
    assert!(waited > 0, "it waited in some case");
}

/// Regression: an activation whose commit flash refused was tried again each minute, with an erase of two copies of the
/// record each.
#[test]
fn an_activation_that_flash_refuses_is_tried_ever_more_rarely() {
    let mut bench = Bench::launch();
    bench.application.may_activate = false;
    bench.try_out(2, 2);
    refuses_the_record(&mut bench);
    bench.application.may_activate = true;
    bench.wait_s(61);
    assert_eq!(bench.beacon().hold, Refusal::FlashFault);
    let before = bench.flash.stats().protected;
    bench.command(Action::ReportRequest);
    let commit = bench.flash.stats().protected - before;
    bench.wait_s(10 * 86_400);
    let refused = bench.flash.stats().protected - before;
    assert!(refused <= 40 * commit, "{refused} of {commit} each");
    takes_the_record(&mut bench);
    bench.wait_s(86_400 + 60);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (B, SlotState::Trial)
    );
}

/// Regression: a slot whose patch could not be begun was `Patching`, and `Failed` in the end, in RAM and with the next
/// commit in flash: the image in it, which nothing had touched, was no way back any more.
#[test]
fn a_slot_whose_patch_flash_refuses_to_begin_stays_what_it_was() {
    let mut refused = 0u32;
    for steps in 0.. {
        let mut bench = Bench::launch();
        bench.update(2, 2);
        let third = bench.ground.bundle(&image(3, 3000), 3);
        let last = third.object.k() - 1;
        bench.deliver(&third.object, 0..last);
        let before = bench.flash.operations();
        let frame = third.object.frame(last, &bench.uplink(0), TagLen::Eight);
        bench.hear(&frame.unwrap());
        for _ in 0..steps {
            bench.step();
        }
        if bench.slot_changed_since(before, SlotId::A) {
            assert!(steps > 20, "{steps} steps to the first erase");
            break;
        }
        refuses_the_record(&mut bench);
        bench.settle();
        takes_the_record(&mut bench);
        bench.command(Action::ReportRequest);
        if bench.slot_changed_since(before, SlotId::A) {
            continue;
        }
        refused += 1;
        assert_eq!(
            bench.state(SlotId::A),
            SlotState::Confirmed,
            "{steps} steps"
        );
        bench.command(Action::Rollback {
            image: sha256(&first_image()),
        });
        assert_eq!(
            (bench.running(), bench.state(SlotId::A)),
            (A, SlotState::Trial)
        );
    }
    assert!(refused > 0);
}

/// Regression: each time that a command came again, its papers took one more cell of the trailer, until it was refused
/// as `TrailerFull`: a Confirm that lay there, and a rollback for good.
#[test]
fn a_command_that_comes_again_since_its_commit_was_refused_takes_no_second_cell() {
    let mut bench = Bench::launch();
    let built = bench.try_out(2, 2);
    let again = |bench: &mut Bench, action| {
        let command = bench.ground.command(action);
        refuses_the_record(bench);
        for _ in 0..10 {
            bench.deliver_all(&command);
        }
        takes_the_record(bench);
        bench.deliver_all(&command);
    };
    again(&mut bench, Action::ReportRequest);
    again(&mut bench, confirm(&built));
    assert_eq!(bench.report().command.stage, Stage::Done);
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
    again(
        &mut bench,
        Action::Rollback {
            image: sha256(&first_image()),
        },
    );
    assert_eq!(
        (bench.running(), bench.state(SlotId::A)),
        (A, SlotState::Trial)
    );
}

/// Regression: golden ran since the loader could not save the trial's first boot. `BootGolden` was `Done`, and the
/// trial, which nobody ended, kept every slot busy until a reset.
#[test]
fn boot_golden_ends_a_trial_that_could_not_be_saved() {
    let mut met = 0u32;
    for operations in 1..30 {
        let mut bench = Bench::launch();
        bench.command(Action::BootGolden);
        bench.application.may_activate = false;
        bench.try_out(2, 2);
        bench.application.may_activate = true;
        // Behind the commit of the activation.
        let from = bench.flash.operations() + 3;
        bench.flash.fail_at(from, Fault::Outage { operations });
        bench.wait_s(61);
        if bench.running() != Location::Golden {
            continue;
        }
        met += 1;
        assert_eq!(bench.state(SlotId::B), SlotState::Trial);
        let boots = bench.boots.len();
        let command = bench.ground.command(Action::BootGolden);
        // The fault may last for a while yet.
        for _ in 0..4 {
            bench.deliver_all(&command);
        }
        assert_eq!(bench.running(), Location::Golden);
        assert!(!bench.boots[boots..].contains(&Some(B)));
        assert_eq!(bench.state(SlotId::B), SlotState::Reverted, "{operations}");
        bench.stage(3, 3);
        assert_eq!(bench.report().bundle.stage, Stage::Done, "{operations}");
    }
    assert!(met > 0, "the first boot could not be saved in some case");
}
