//! Reports: what they say is so, and their sequence only goes up.

use lightday_agent::Health;
use lightday_tests::bench_ground::{LEASE_S, number};
use lightday_tests::bench_vehicle::{BEACON_S, Bench, describe, first_image, image};
use lightday_trust::digest::sha256;
use lightday_wire::report::flags;
use lightday_wire::{
    Action, Location, Refusal, Region, ResetCause, SlotId, SlotState, Stage, Version,
};

#[test]
fn the_first_report_says_what_is_on_board() {
    let mut bench = Bench::launch();
    bench.wait_s(1);
    let report = *bench.report();
    let first = describe(&first_image(), 1);
    assert_eq!(report.running.0, Location::Slot(SlotId::A));
    assert_eq!(report.slots[0].state, SlotState::Confirmed);
    assert_eq!(report.slots[0].version, first.version);
    assert_eq!(report.slots[0].digest, first.digest.prefix().short());
    assert_eq!(report.slots[1].state, SlotState::Empty);
    assert_eq!(report.slots[1].version, Version::default());
    assert_eq!(report.golden, sha256(&image(9, 4000)).prefix().short());
    assert_eq!(report.next, [number(1); 4]);
    assert_eq!(report.lease_left_h, u16::MAX);
    assert_eq!((report.key_set, report.resets), (1, 1));
    assert_eq!(report.reset_cause, ResetCause::PowerOn);
    assert_eq!(report.bundle.stage, Stage::Idle);
    assert_eq!(report.flags, flags::HEALTHY);
    assert_eq!(report.state_digest, bench.agent().state_digest().prefix().0);
}

#[test]
fn a_report_during_a_trial_counts_the_lease_and_the_tries() {
    let mut bench = Bench::launch();
    bench.application.health = Health::Starting;
    let built = bench.try_out(2, 2);
    let report = *bench.report();
    assert_eq!(report.running.0, Location::Slot(SlotId::B));
    assert_eq!(report.slots[1].state, SlotState::Trial);
    assert_eq!(report.slots[1].digest, built.image.digest.prefix().short());
    assert_eq!((report.tries_left, report.environment_left), (2, 16));
    assert_eq!(u32::from(report.lease_left_h), LEASE_S / 3600 - 1);
    assert_eq!(report.flags & flags::HEALTHY, 0);
    bench.application.health = Health::Healthy;
    bench.wait_s(61);
    assert_eq!(bench.report().flags & flags::HEALTHY, flags::HEALTHY);
    let report = bench.beacon();
    assert_eq!(u32::from(report.lease_left_h), LEASE_S / 3600 - 7);
}

#[test]
fn the_sequence_goes_up_by_one_with_each_report_and_over_resets() {
    let mut bench = Bench::launch();
    for round in 0..6 {
        bench.wait_s(3 * BEACON_S);
        bench.command(Action::ReportRequest);
        let causes = [ResetCause::Upset, ResetCause::PowerOn, ResetCause::Software];
        bench.reset(causes[round % 3]);
        bench.settle();
    }
    let resets = bench.report().sequence >> 16;
    assert!(resets >= 6);
    for pair in bench.reports.windows(2) {
        assert!(pair[1].sequence > pair[0].sequence);
        if pair[1].sequence >> 16 == pair[0].sequence >> 16 {
            assert_eq!(pair[1].sequence, pair[0].sequence + 1);
        }
    }
}

#[test]
fn the_sequence_goes_up_also_where_more_than_65536_reports_are_sent_between_two_resets() {
    let mut bench = Bench::launch();
    bench.config.beacon_s = 1;
    bench.reset(ResetCause::PowerOn);
    bench.wait_s(66_000);
    bench.reset(ResetCause::Upset);
    bench.settle();
    assert!(bench.reports.len() > 66_000);
    for pair in bench.reports.windows(2) {
        assert!(pair[1].sequence > pair[0].sequence);
    }
}

#[test]
fn a_region_digest_is_answered_with_what_lies_in_flash() {
    let mut bench = Bench::launch();
    let map = *bench.map();
    let regions = [
        (
            Region::Image(Location::Slot(SlotId::A)),
            map.slot(SlotId::A).image,
        ),
        (Region::Image(Location::Golden), map.golden[0].image),
        (Region::Trailer(SlotId::A), map.slot(SlotId::A).trailer),
        (Region::Record(2), map.record[2]),
        (Region::Floors, map.floors),
        (Region::Staging, map.staging),
    ];
    for (region, place) in regions {
        for (offset, len) in [(0, place.len), (100, 1), (17, place.len - 17), (3, 0)] {
            let command = number(bench.ground.next[2]);
            let start = place.start + offset;
            let object = bench.ground.command(Action::RegionDigest {
                region,
                offset,
                len,
            });
            bench.deliver_all(&object);
            let answer = *bench.answers.last().unwrap();
            assert_eq!(answer.command, command);
            // The record changes with the verdict on the command: those copies are compared by length.
            if !matches!(region, Region::Record(_)) {
                let bytes = bench.flash.peek(start..start + len).unwrap();
                assert_eq!(answer.digest, sha256(bytes), "{region:?} {offset} {len}");
            }
            let verdict = bench.beacon().command;
            assert_eq!((verdict.number, verdict.stage), (command, Stage::Done));
        }
    }
}

#[test]
fn a_region_or_range_that_does_not_exist_is_refused() {
    let mut bench = Bench::launch();
    let len = bench.map().floors.len;
    for (region, offset, len) in [
        (Region::Record(3), 0, 1),
        (Region::Floors, 0, len + 1),
        (Region::Floors, len, 1),
        (Region::Floors, u32::MAX, u32::MAX),
    ] {
        bench.command(Action::RegionDigest {
            region,
            offset,
            len,
        });
        assert_eq!(bench.report().command.refusal, Refusal::OutOfRange);
    }
    assert_eq!(bench.answers.len(), 0);
}

#[test]
fn what_the_vehicle_does_not_carry_out_is_refused_as_not_supported() {
    let mut bench = Bench::launch();
    for action in [
        Action::SetTime { time_s: 1 },
        Action::RetireBlock { address: 0 },
        Action::Scrub {
            region: Region::Floors,
        },
    ] {
        bench.command(action);
        assert_eq!(bench.report().command.refusal, Refusal::NotSupported);
    }
}

#[test]
fn the_state_digest_depends_on_what_the_ground_decides_and_not_on_resets() {
    let mut bench = Bench::launch();
    let digest = bench.agent().state_digest();
    bench.reset(ResetCause::Upset);
    bench.wait_s(100_000);
    assert_eq!(bench.agent().state_digest(), digest);
    bench.command(Action::Hold { held: true });
    assert_ne!(bench.agent().state_digest(), digest);
}

#[test]
fn two_vehicles_fed_with_the_same_objects_have_the_same_state_digest() {
    let mut benches = [Bench::launch(), Bench::launch()];
    for (lost, bench) in benches.iter_mut().enumerate() {
        let built = bench.ground.bundle(&image(2, 3000), 2);
        let lost = u16::try_from(lost).unwrap();
        bench.deliver(&built.object, lost..built.object.k() + lost);
        if lost == 1 {
            bench.reset(ResetCause::Upset);
            bench.wait_s(5000);
        }
        let authorization = bench.ground.authorization(&built);
        bench.deliver_all(&authorization);
        bench.command(Action::Confirm {
            image: built.image.digest,
        });
    }
    let [a, b] = benches;
    assert_eq!(a.agent().state_digest(), b.agent().state_digest());
}

#[test]
fn a_cooperative_lease_says_so_and_a_held_one_does_not() {
    let mut bench = Bench::launch();
    assert_eq!(bench.beacon().flags & flags::LEASE_COOPERATIVE, 0);
}
