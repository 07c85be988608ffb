//! Boot decisions that bricked, lied or swapped twice: counters, tries, reverts and commits.

use lightday_boot::floors::{Floor, value};
use lightday_sim::flash::CutForm;
use lightday_tests::bench_ground::{Built, number};
use lightday_tests::bench_vehicle::{Bench, first_image, image};
use lightday_trust::digest::sha256;
use lightday_wire::report::flags;
use lightday_wire::{Action, ResetCause, RevertCause, SlotId, SlotState, Stage, TagLen};

use crate::rig::{A, B, FORMS, each_cut, recover};

const HOUR_S: u64 = 3600;

/// A verified image with a security counter of 4, not authorized.
fn staged_with_counter() -> (Bench, Built) {
    let mut bench = Bench::launch();
    let raise = |m: &mut lightday_wire::Manifest| m.security_counter = 4;
    let built = bench.ground.bundle_with(&image(2, 3000), 2, None, raise);
    bench.deliver_all(&built.object);
    (bench, built)
}

fn counters(bench: &mut Bench) -> (u32, u32) {
    let floors = bench.map().floors;
    let floor = value(&mut bench.flash, floors, Floor::Security);
    (bench.record().security_counter, floor)
}

fn confirm(built: &Built) -> Action {
    Action::Confirm {
        image: built.image.digest,
    }
}

/// A bench with an image on trial that has no try left, and `extra` more commits behind it.
fn last_try(extra: u32) -> Bench {
    let mut bench = Bench::launch();
    bench.try_out(2, 2);
    for _ in 0..2 {
        bench.reset(ResetCause::Fault);
    }
    for _ in 0..extra {
        bench.reset(ResetCause::Upset);
    }
    assert_eq!((bench.running(), bench.record().trial.tries_left), (B, 0));
    bench
}

/// An upgrade that power interrupted counted as no upgrade, so that the counter rose before the confirm, and
/// the revert was refused.
#[test]
fn mcuboot_2282_an_interrupted_activation_raises_no_security_counter() {
    let authorize = |bench: &mut Bench| {
        let image = bench.record().slot(SlotId::B).image;
        let mut built = bench.ground.bundle(&[0], 0);
        (built.number, built.image.digest) = (number(1), image);
        let authorization = bench.ground.authorization(&built);
        bench.deliver_all(&authorization);
    };
    let cuts = each_cut(
        &FORMS,
        || staged_with_counter().0,
        authorize,
        |bench, told| {
            recover(bench);
            if bench.running() == A {
                // It was cut before the authorization was kept.
                authorize(bench);
            }
            assert_eq!(bench.running(), B, "{told}");
            assert_eq!(counters(bench), (0, 0), "{told}");
            while bench.running() == B {
                bench.reset(ResetCause::Fault);
                assert_eq!(counters(bench), (0, 0), "{told}");
            }
            assert_eq!(bench.running(), A, "{told}");
        },
    );
    assert!(cuts > 20, "{cuts}");
}

/// A counter that has risen must not shut out the image that a revert goes back to.
#[test]
fn mcuboot_2549_the_image_before_is_exempt_from_the_counter_of_its_successor() {
    let (mut bench, built) = staged_with_counter();
    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    bench.command(confirm(&built));
    bench.reset(ResetCause::PowerOn);
    assert_eq!((bench.running(), counters(&mut bench)), (B, (4, 4)));
    assert_eq!(bench.record().slot(SlotId::A).security_counter, 0);
    for _ in 0..4 {
        bench.reset(ResetCause::Watchdog);
    }
    assert_eq!(bench.running(), A);
    assert_eq!(bench.record().revert_cause, RevertCause::CrashLoop);
    bench.reset(ResetCause::PowerOn);
    assert_eq!((bench.running(), counters(&mut bench)), (A, (4, 4)));
}

/// Half a magic word, written while power failed in a revert, made both slots look like no upgrade at all.
#[test]
fn mcuboot_1966_power_that_fails_in_a_revert_leaves_it_to_be_done_again() {
    let mut cuts = 0;
    // The eight cells of a copy, so that its erase falls into the revert too.
    for extra in 0..8 {
        cuts += each_cut(
            &[CutForm::NotDone, CutForm::Partial(extra.into())],
            || last_try(extra),
            |bench| bench.reset(ResetCause::Fault),
            |bench, told| {
                bench.reset(ResetCause::Fault);
                bench.settle();
                assert_eq!(bench.boots.last(), Some(&Some(A)), "{extra}, {told}");
                let record = bench.record();
                assert_eq!(record.slot(SlotId::B).state, SlotState::Reverted, "{told}");
                assert!(record.is_barred(&record.slot(SlotId::B).image), "{told}");
            },
        );
    }
    assert!(cuts > 50, "{cuts}");
}

/// A watchdog reset in the middle of a revert had the slots swapped once more at the boot after it.
#[test]
fn mcuboot_480_a_watchdog_reset_in_a_revert_reverts_once() {
    each_cut(
        &FORMS,
        || last_try(0),
        |bench| bench.reset(ResetCause::Fault),
        |bench, told| {
            let before = bench.boots.len();
            bench.reset(ResetCause::Watchdog);
            bench.wait_s(2 * HOUR_S);
            for cause in [ResetCause::Software, ResetCause::PowerOn, ResetCause::Upset] {
                bench.reset(cause);
                bench.wait_s(HOUR_S / 2);
            }
            assert_eq!(bench.boots[before..], [Some(A); 4], "{told}");
            assert_eq!(bench.state(SlotId::B), SlotState::Reverted, "{told}");
        },
    );
}

/// Nobody could ask whether the last boot was a revert.
#[test]
fn mcuboot_2644_every_report_says_what_was_last_reverted_and_why() {
    let mut bench = last_try(0);
    bench.reset(ResetCause::Fault);
    bench.settle();
    // However many reports and resets later the ground listens.
    for cause in [ResetCause::PowerOn, ResetCause::Software, ResetCause::Upset] {
        bench.wait_s(3 * HOUR_S);
        bench.reset(cause);
        let report = bench.beacon();
        assert_eq!(report.revert_cause, RevertCause::TriesExhausted);
        assert_eq!(report.reverted, number(1));
        assert_eq!(report.reset_cause, cause);
        assert_eq!(report.slots[1].state, SlotState::Reverted);
    }
}

/// Power cycles that had nothing to do with the image used its boot attempts up.
#[test]
fn rauc_490_power_cycles_use_up_no_try_and_are_forgiven() {
    let mut bench = Bench::launch();
    bench.update(2, 2);
    // Months in service, and again and again somebody switches it off before it has said that it is well.
    for _ in 0..4 {
        for cause in [ResetCause::PowerOn, ResetCause::BrownOut].repeat(7) {
            bench.reset(cause);
            assert_eq!(bench.running(), B);
        }
        bench.wait_s(2 * HOUR_S + 60);
    }
    bench.stage(3, 3);
    let built = Built {
        number: number(2),
        ..bench.ground.bundle(&image(3, 3000), 3)
    };
    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    let tries_left = bench.record().trial.tries_left;
    assert_eq!((bench.running(), tries_left), (A, 2));
    for cause in [ResetCause::PowerOn, ResetCause::BrownOut].repeat(7) {
        bench.reset(cause);
    }
    assert_eq!(bench.running(), A);
    assert_eq!(bench.record().trial.tries_left, tries_left);
}

/// A report that could not be sent rolled a committed update back.
#[test]
fn mender_823_a_confirmed_image_stays_whatever_becomes_of_its_report() {
    let confirmed = |bench: &mut Bench| {
        let image = bench.record().slot(SlotId::B).image;
        let object = bench.ground.command(Action::Confirm { image });
        let key = bench.uplink(0);
        for index in 0..object.k() {
            bench.hear(&object.frame(index, &key, TagLen::Eight).unwrap());
        }
        // The step in which the agent stores it, and the boot in which the loader verifies it.
        bench.step();
        if bench.flash.is_powered() {
            bench.reset(ResetCause::Software);
        }
    };
    let on_trial = || {
        let mut bench = Bench::launch();
        bench.try_out(2, 2);
        bench
    };
    let mut bench = on_trial();
    confirmed(&mut bench);
    // No report of it ever leaves: reset before the agent's first step, and then nobody listens for 20 days.
    for cause in [ResetCause::Upset, ResetCause::Watchdog, ResetCause::PowerOn] {
        bench.reset(cause);
        assert_eq!(
            (bench.running(), bench.state(SlotId::B)),
            (B, SlotState::Confirmed)
        );
    }
    bench.wait_s(20 * 86_400);
    let report = bench.beacon();
    assert_eq!(
        (bench.running(), report.slots[1].state),
        (B, SlotState::Confirmed)
    );
    assert_eq!(report.command.stage, Stage::Done);
    // Nor does power that fails on the way, once the Confirm is stored.
    each_cut(&FORMS, on_trial, confirmed, |bench, told| {
        recover(bench);
        let is_used_up = bench.record().next[2] > number(1);
        let is_confirmed = bench.state(SlotId::B) == SlotState::Confirmed;
        assert_eq!(bench.running(), B, "{told}");
        assert!(is_confirmed || !is_used_up, "{told}");
    });
}

/// A cut while the running image was marked as booted could leave a slot with half of each image.
#[test]
fn embassy_boot_a_cut_in_the_confirm_mixes_no_images() {
    let images = |bench: &Bench| {
        [(SlotId::A, 5000), (SlotId::B, 3000)].map(|(s, len)| bench.slot_digest(s, len))
    };
    let whole = [sha256(&first_image()), sha256(&image(2, 3000))];
    let on_trial = || {
        let mut bench = Bench::launch();
        bench.try_out(2, 2);
        bench
    };
    each_cut(
        &FORMS,
        on_trial,
        |bench| {
            let image = bench.record().slot(SlotId::B).image;
            bench.command(Action::Confirm { image });
        },
        |bench, told| {
            recover(bench);
            assert_eq!(images(bench), whole, "{told}");
            assert_eq!(bench.running(), B, "{told}");
            // The next reset finds it as well: nothing in between was half a decision.
            bench.reset(ResetCause::PowerOn);
            bench.settle();
            assert_eq!(bench.running(), B, "{told}");
            assert_eq!(bench.report().flags & flags::RECORD_LOST, 0, "{told}");
        },
    );
}
