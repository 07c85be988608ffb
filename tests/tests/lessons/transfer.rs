//! Transfers and commands that told a success that was none, or lost what they had: the report and the flash
//! have to say the same.

use lightday_boot::store::RecordStore;
use lightday_boot::trailer::Trailer;
use lightday_boot::{Elapsed, Region, Supervisor as _};
use lightday_tests::bench_ground::{LEASE_S, nobody};
use lightday_tests::bench_vehicle::{Bench, image};
use lightday_wire::{
    Action, Location, Manifest, ObjectKind, Refusal, Report, ResetCause, RevertCause, SlotId,
    SlotState, Stage, TagLen,
};

use crate::rig::{A, B, Bad, Rig};

/// Whether a report says that slot B holds a good image, or that a bundle is done.
fn announces(report: &Report) -> bool {
    use SlotState::{Armed, Confirmed, Trial, Verified};
    matches!(report.slots[1].state, Verified | Armed | Trial | Confirmed)
        || report.bundle.stage == Stage::Done
}

/// A write that failed was reported as success. Here it even says so itself: it returns without an error, and
/// has done nothing.
#[test]
fn proves_429_a_write_that_did_nothing_is_no_success() {
    let map = *Bench::launch().map();
    let slot = map.slot(SlotId::B);
    let log = map.staging.part(4096, map.staging.len - 4096).unwrap();
    let places = [
        vec![slot.image],
        vec![slot.trailer],
        vec![map.block],
        vec![log],
        map.record.to_vec(),
    ];
    for regions in places {
        for lies in [1, u32::MAX] {
            let told = format!("{regions:x?}, {lies} lies");
            let rig = told_over(&regions, lies);
            assert!(rig.flash.lies < lies, "{told}: nobody wrote there");
            let last = *rig.reports.last().expect("a report");
            // The truth is what anybody else finds in the same flash.
            let mut flash = rig.flash.flash.peeking();
            let stored = RecordStore::new(map.record).load(&mut flash);
            let record = stored.expect("a record").record;
            let mut papers = 0;
            Trailer::new(slot.trailer).for_each(&mut flash, |_| papers += 1);
            let range = slot.image.start..slot.image.start + 3000;
            let bytes = rig.flash.flash.peek(range).expect("within the slot");
            let is_there = bytes == &image(2, 3000)[..]
                && papers == 1
                && record.slot(SlotId::B).state == SlotState::Verified;
            let is_held = last.command.stage == Stage::Done;
            assert_eq!(announces(&last), is_there, "{told}");
            assert_eq!(is_held, record.held, "{told}");
            // One lie is put right by the next attempt, and no success is told while they go on.
            assert_eq!(announces(&last), lies == 1, "{told}");
        }
    }
}

/// A bundle and a Hold, delivered to a vehicle whose flash lies so often in some regions.
fn told_over(regions: &[Region], lies: u32) -> Rig {
    let mut bench = Bench::launch();
    bench.wait_s(3 * 3600);
    let built = bench.ground.bundle(&image(2, 3000), 2);
    let hold = bench.ground.command(Action::Hold { held: true });
    let mut flash = Bad::new(bench.flash.clone(), regions.to_vec());
    flash.lies = lies;
    let mut rig = Rig::new(bench, flash);
    rig.deliver(&built.object);
    rig.deliver(&built.object);
    rig.deliver(&hold);
    rig
}

/// A file with a bad checksum was announced as received.
#[test]
fn fprime_5012_what_has_not_its_digest_is_never_announced() {
    type Change = fn(&mut Manifest);
    let wrong: [(Refusal, Change); 2] = [
        (Refusal::ImageDigest, |m| m.image.digest = nobody()),
        (Refusal::PayloadDigest, |m| m.payload.digest = nobody()),
    ];
    for (refusal, change) in wrong {
        let mut bench = Bench::launch();
        let built = bench.ground.bundle_with(&image(2, 3000), 2, None, change);
        bench.deliver_all(&built.object);
        let report = bench.beacon();
        assert_eq!(
            (report.bundle.stage, report.bundle.refusal),
            (Stage::Failed, refusal)
        );
        assert!(!bench.reports.iter().any(announces), "{refusal:?}");
        // Nor does an authorization bring it to life.
        let mut named = built.clone();
        named.image.digest = bench.record().slot(SlotId::B).image;
        let authorization = bench.ground.authorization(&named);
        bench.deliver_all(&authorization);
        bench.wait_s(3600);
        assert_eq!(bench.running(), A, "{refusal:?}");
        assert!(!bench.reports.iter().any(announces), "{refusal:?}");
    }
}

/// A shorter file left the tail of the longer one that had the same name.
#[test]
fn fprime_2458_behind_a_shorter_image_nothing_of_the_longer_one_is_left() {
    let mut bench = Bench::launch();
    let long = bench.ground.bundle(&image(2, 12_000), 2);
    bench.deliver_all(&long.object);
    assert_eq!(bench.slot_digest(SlotId::B, 12_000), long.image.digest);
    bench.command(Action::Abort {
        kind: ObjectKind::Bundle,
        number: long.number,
    });
    let short = bench.stage(3, 3);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    assert_eq!(bench.slot_digest(SlotId::B, 3000), short.image.digest);
    let region = bench.map().slot(SlotId::B).image;
    let behind = bench.flash.peek(region.start + 3000..region.end()).unwrap();
    assert!(behind.iter().all(|byte| *byte == 0xff));
}

/// A reload said that it had succeeded, and the old application ran.
#[test]
fn cfs_146_done_means_that_the_image_that_was_meant_is_what_runs() {
    for is_damaged in [false, true] {
        let mut bench = Bench::launch();
        let built = bench.try_out(2, 2);
        let object = bench.ground.command(Action::Confirm {
            image: built.image.digest,
        });
        let key = bench.uplink(0);
        for index in 0..object.k() {
            bench.hear(&object.frame(index, &key, TagLen::Eight).unwrap());
        }
        bench.step();
        // Heard, stored, and nothing more: nobody has booted it by this yet.
        let verdict = bench.record().verdict(ObjectKind::Command);
        assert_eq!(verdict.stage, Stage::Started);
        if is_damaged {
            let start = bench.map().slot(SlotId::B).image.start;
            bench.corrupt(start + 100);
        }
        bench.settle();
        let report = bench.beacon();
        let runs =
            report.running.0 == B && bench.slot_digest(SlotId::B, 3000) == built.image.digest;
        assert_eq!(runs, !is_damaged);
        assert_eq!(report.command.stage == Stage::Done, runs, "{report:?}");
        if is_damaged {
            assert_eq!(report.running.0, A);
            assert_eq!(report.revert_cause, RevertCause::ImageDigest);
        }
    }
}

/// Commands in an order that nobody had thought of stopped the watchdog.
#[test]
fn proves_491_no_order_of_commands_stops_the_supervisor() {
    let actions = |bench: &Bench| {
        let image = bench.record().slot(SlotId::B).image;
        [
            Action::Hold { held: true },
            Action::Abort {
                kind: ObjectKind::Authorization,
                number: lightday_tests::bench_ground::number(1),
            },
            Action::Rollback { image },
            Action::BootGolden,
            Action::Confirm { image },
        ]
    };
    for order in orders(5) {
        let mut bench = Bench::launch();
        bench.try_out(2, 2);
        let started = bench.now().elapsed;
        for place in &order {
            let action = actions(&bench)[*place];
            bench.command(action);
            // The application joins in.
            bench.supervisor.set_deadline(Elapsed::NEVER, false);
            let deadline = bench.supervisor.deadline().expect("a deadline is set");
            if bench.state(SlotId::B) == SlotState::Trial {
                assert_eq!(bench.running(), B, "{order:?}");
                let lease_ends = started.plus_s(u64::from(LEASE_S) + 10);
                assert!(deadline <= lease_ends, "{order:?} after {place}");
            }
            // Whatever was set: who stops kicking is reset within a minute.
            let now = bench.now().elapsed;
            let (at, _) = bench.supervisor.reset_line(Some(now));
            assert!(at <= now.plus_s(60), "{order:?} after {place}");
        }
        bench.reset(ResetCause::Watchdog);
        bench.settle();
        assert!(matches!(bench.running(), Location::Golden | B), "{order:?}");
    }
}

/// All orders of so many things.
fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(n - 1);
    let with = |order: &Vec<usize>, at: usize| {
        let mut order = order.clone();
        order.insert(at, n - 1);
        order
    };
    let all = shorter
        .iter()
        .flat_map(|o| (0..n).map(move |at| with(o, at)));
    all.collect()
}

/// What had been received was known to RAM alone, and a reset lost the transfer.
#[test]
fn zephyr_40895_a_reset_between_any_two_frames_costs_no_frame() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    let k = built.object.k();
    // Not one source symbol in its place, each frame once, and a reset behind each.
    for index in (k / 2..k / 2 + k).rev() {
        bench.wait_s(2 * 3600 + 60);
        bench.deliver(&built.object, [index]);
        bench.reset(ResetCause::BrownOut);
        bench.settle();
    }
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    assert_eq!(bench.slot_digest(SlotId::B, 3000), built.image.digest);
}
