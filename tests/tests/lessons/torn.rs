//! Torn words on flash with ECC: a word that power tore faults when it is read. It bricked loaders that could
//! not imagine it.

use lightday_boot::store::RecordStore;
use lightday_sim::flash::CutForm;
use lightday_tests::bench_vehicle::{Bench, image};
use lightday_wire::report::flags;
use lightday_wire::{Location, Refusal, ResetCause, RevertCause, SlotId, SlotState, Stage};

use crate::rig::{A, B, Bad, Rig, each_cut, launch_with_ecc, recover, tear};

/// How often a bundle is begun before it is given up (docs/SPEC.md).
const MAX_ATTEMPTS: u32 = 8;

/// The loader read the torn header of an image and was reset for ever.
#[test]
fn riot_17874_an_image_with_a_torn_header_is_passed_over_in_one_boot() {
    let mut bench = launch_with_ecc();
    bench.try_out(2, 2);
    assert_eq!(bench.running(), B);
    let start = bench.map().slot(SlotId::B).image.start;
    tear(&mut bench.flash, start);
    let before = bench.boots.len();
    bench.reset(ResetCause::PowerOn);
    assert_eq!(bench.boots[before..], [Some(A)]);
    assert_eq!(bench.record().revert_cause, RevertCause::ImageDigest);
}

/// A boot loader took the fault of a word that power had torn for the end of everything.
#[test]
fn trezor_5312_a_torn_word_in_any_region_stops_no_boot() {
    let map = *Bench::launch().map();
    let slots = map.slots.iter().flat_map(|slot| [slot.image, slot.trailer]);
    let others = [map.floors, map.pending, map.staging, map.block];
    let written = map.record.into_iter().chain(map.key_sets).chain(others);
    for region in written.chain(slots) {
        for at in [region.start, region.start + region.len / 4096 / 2 * 4096] {
            let mut bench = launch_with_ecc();
            let built = bench.ground.bundle(&image(2, 3000), 2);
            bench.deliver(&built.object, 0..4);
            let numbers = (bench.record().epoch, bench.record().key_set);
            tear(&mut bench.flash, at);
            bench.reset(ResetCause::BrownOut);
            bench.settle();
            let is_home = [map.slots[0].image, map.slots[0].trailer].contains(&region);
            // Only what is torn itself gives way.
            let is_whole =
                at > region.start && region == map.slots[0].image && at > region.start + 5000;
            let expected = if is_home && !is_whole {
                Location::Golden
            } else {
                A
            };
            let told = format!("{region:?} at {at:#x}");
            assert_eq!(bench.running(), expected, "{told}");
            assert_eq!(
                (bench.record().epoch, bench.record().key_set),
                numbers,
                "{told}"
            );
            assert_eq!(bench.report().flags & flags::RECORD_LOST, 0, "{told}");
            // And the torn word is in nobody's way: the update goes on to its end.
            bench.deliver(&built.object, 0..built.object.k());
            let authorization = bench.ground.authorization(&built);
            bench.deliver_all(&authorization);
            assert!(bench.record().trial_slot().is_some(), "{told}");
        }
    }
}

/// A torn word among the parameters was read at every start, before anything could mend it.
#[test]
fn px4_27642_a_copy_of_the_record_that_power_tore_is_whole_after_the_next_boot() {
    let mut cuts = 0;
    for extra in 0..8 {
        cuts += each_cut(
            &[CutForm::Partial(1), CutForm::Partial(2)],
            || {
                let mut bench = launch_with_ecc();
                (0..extra).for_each(|_| bench.reset(ResetCause::PowerOn));
                bench
            },
            |bench| bench.reset(ResetCause::PowerOn),
            |bench, told| {
                bench.reset(ResetCause::BrownOut);
                assert_eq!(bench.running(), A, "{told}");
                let store = RecordStore::new(bench.map().record);
                let stored = store.load(&mut bench.flash).expect("a record");
                assert!(stored.in_step, "{extra}, {told}");
            },
        );
    }
    assert!(cuts > 40, "{cuts}");
}

/// To save an erase, the loader first read whether the sector was blank; the read faulted, at every attempt.
#[test]
fn ardupilot_22090_what_is_erased_is_not_read_before() {
    let cuts = each_cut(
        &[CutForm::Partial(3)],
        launch_with_ecc,
        |bench| {
            bench.stage(2, 2);
        },
        |bench, told| {
            recover(bench);
            let built = bench.ground.bundle_numbered(
                lightday_tests::bench_ground::number(1),
                &image(2, 3000),
                2,
                None,
                |_| {},
            );
            if bench.state(SlotId::B) != SlotState::Verified {
                bench.deliver_all(&built.object);
            }
            assert_eq!(bench.state(SlotId::B), SlotState::Verified, "{told}");
            assert!(bench.record().patch_attempts == 0, "{told}");
        },
    );
    assert!(cuts > 40, "{cuts}");
}

/// Fault, erase, read, fault: what is mended by erasing it must not be mended for ever.
#[test]
fn mcuboot_2845_a_sector_that_no_erase_heals_is_given_up_after_eight_attempts() {
    let mut bench = Bench::launch();
    let region = bench.map().slot(SlotId::B).image;
    let built = bench.ground.bundle(&image(2, 3000), 2);
    let dead = region.part(1024, 8).unwrap();
    let mut flash = Bad::new(bench.flash.clone(), vec![dead]);
    flash.is_unreadable = true;
    let mut rig = Rig::new(bench, flash);
    rig.deliver(&built.object);
    let report = rig.reports.last().expect("a report");
    assert_eq!(
        (report.bundle.stage, report.bundle.refusal),
        (Stage::Failed, Refusal::FlashFault)
    );
    assert_eq!(report.slots[1].state, SlotState::Failed);
    assert_eq!(rig.flash.erases, MAX_ATTEMPTS);
    rig.wait_h(48);
    assert_eq!(rig.flash.erases, MAX_ATTEMPTS);
    // Whatever is sent under that number again wears nothing out.
    rig.deliver(&built.object);
    assert_eq!(rig.flash.erases, MAX_ATTEMPTS);
}

/// A cut while images were swapped left none that would boot: the one that had run was on the move.
#[test]
fn mcuboot_2217_the_image_to_go_back_to_is_never_moved_while_another_is_tried() {
    let digest = |bench: &Bench| bench.slot_digest(SlotId::A, 5000);
    let first = digest(&Bench::launch());
    let on_trial = || {
        let mut bench = launch_with_ecc();
        bench.try_out(2, 2);
        bench
    };
    // The next bundle would go to slot A. It arrives, whole, while B is on trial.
    let next = |bench: &mut Bench| {
        let next = bench.ground.bundle(&image(3, 3000), 3);
        bench.deliver_all(&next.object);
    };
    let goes_back = |bench: &mut Bench, told: &str| {
        assert_eq!(bench.running(), B, "{told}");
        assert_eq!(digest(bench), first, "{told}");
        while bench.running() == B {
            bench.reset(ResetCause::Fault);
        }
        assert_eq!(bench.running(), A, "{told}");
    };
    let mut bench = on_trial();
    next(&mut bench);
    assert_eq!(bench.report().bundle.refusal, Refusal::SlotBusy);
    goes_back(&mut bench, "no cut");
    each_cut(&[CutForm::Partial(4)], on_trial, next, |bench, told| {
        recover(bench);
        goes_back(bench, told);
    });
}
