//! What flash would not take, or could not give, for a while is taken up again once that is over, by itself: nothing is
//! given up for it, and nothing runs that was told to end.

use std::ops::Range;

use lightday_agent::Health;
use lightday_boot::Region;
use lightday_sim::flash::Fault;
use lightday_tests::bench_ground::Built;
use lightday_tests::bench_vehicle::{Bench, first_image, image};
use lightday_trust::digest::sha256;
use lightday_wire::report::flags;
use lightday_wire::{
    Action, Location, ObjectKind, Refusal, ResetCause, RevertCause, SlotId, SlotState, Stage,
    TagLen,
};

const A: Location = Location::Slot(SlotId::A);
const B: Location = Location::Slot(SlotId::B);
const DAY_S: u64 = 86_400;

/// The copies of the record, which a test locks for as long as they are to take nothing. A reset opens them.
fn copies(bench: &Bench) -> [Range<u32>; 3] {
    bench.map().record.map(|copy| copy.start..copy.end())
}

/// Vehicles on which the first boot of an image's trial could not be saved, so that home runs in its stead.
fn unsaved_trials() -> impl Iterator<Item = (Bench, Built)> {
    (1..30).filter_map(|operations| {
        let mut bench = Bench::launch();
        bench.application.may_activate = false;
        let built = bench.try_out(2, 2);
        bench.application.may_activate = true;
        // Behind the commit of the activation.
        let from = bench.flash.operations() + 3;
        bench.flash.fail_at(from, Fault::Outage { operations });
        bench.wait_s(61);
        let is_met = bench.running() == A && bench.state(SlotId::B) == SlotState::Trial;
        is_met.then_some((bench, built))
    })
}

/// Regression: the loader looked at what gave a trial up only behind its first boot, so that an image that was aborted
/// before it ran all the same, up to the end of its lease.
#[test]
fn a_trial_that_is_given_up_before_its_first_boot_never_runs() {
    let mut met = 0u32;
    for (mut bench, built) in unsaved_trials() {
        met += 1;
        let boots = bench.boots.len();
        let abort = bench.ground.command(Action::Abort {
            kind: ObjectKind::Bundle,
            number: built.number,
        });
        // The fault may last for a while yet.
        for _ in 0..20 {
            bench.deliver_all(&abort);
        }
        bench.wait_s(2 * DAY_S);
        assert!(!bench.boots[boots..].contains(&Some(B)));
        assert_eq!(
            (bench.running(), bench.state(SlotId::B)),
            (A, SlotState::Reverted)
        );
        assert_eq!(bench.record().revert_cause, RevertCause::Commanded);
    }
    assert!(met > 0, "the first boot could not be saved in some case");
}

/// Regression: a crash of home that could not be counted left golden running, for as long as nobody sent a command that
/// resets: the record named home all the while, so that no bundle was patched and nothing activated.
#[test]
fn home_comes_back_from_golden_where_its_boot_could_not_be_counted() {
    let mut met = 0u32;
    for operations in 1..40 {
        let mut bench = Bench::launch();
        let from = bench.flash.operations();
        bench.flash.fail_at(from, Fault::Outage { operations });
        bench.reset(ResetCause::Fault);
        bench.settle();
        if bench.running() != Location::Golden {
            continue;
        }
        met += 1;
        assert_eq!(bench.record().home.0, A);
        // The fault may last for a while yet.
        for _ in 0..4 {
            bench.command(Action::ReportRequest);
        }
        bench.stage(2, 2);
        assert_eq!(bench.running(), Location::Golden);
        bench.wait_s(DAY_S + 60);
        assert_eq!(bench.running(), A, "{operations} operations");
        assert_eq!(bench.report().bundle.stage, Stage::Done);
        assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    }
    assert!(met > 0, "a boot could not be counted in some case");
}

/// The same with a record that takes nothing any more: golden is not reset for it, day by day.
#[test]
fn golden_is_not_reset_for_a_home_that_cannot_be_counted_yet() {
    let mut bench = Bench::launch();
    let from = bench.flash.operations();
    for copy in bench.map().record {
        let address = copy.start;
        bench.flash.fail_at(from, Fault::DeadBlock { address });
    }
    bench.reset(ResetCause::Fault);
    bench.settle();
    let boots = bench.boots.len();
    bench.wait_s(10 * DAY_S);
    assert_eq!(bench.running(), Location::Golden);
    assert_eq!(bench.boots.len(), boots);
}

/// Regression: an image that may confirm itself asked for the reset that confirms it, though flash had refused to take
/// down that it was healthy. The loader confirmed nothing, took a try for the reset, and reverted it where that was
/// the last one.
#[test]
fn an_image_whose_health_could_not_be_saved_confirms_itself_later_and_loses_no_try() {
    let mut bench = Bench::launch();
    bench.application.health = Health::Starting;
    let built = bench.ground.bundle_with(&image(2, 3000), 2, None, |m| {
        m.trial.self_confirm = true;
        m.trial.tries = 1;
    });
    bench.deliver_all(&built.object);
    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    bench.command(Action::ReportRequest);
    assert_eq!(bench.running(), B);
    let copies = copies(&bench);
    bench.flash.lock(copies);
    bench.application.health = Health::Healthy;
    let refused = bench.flash.stats().protected;
    bench.wait_s(61);
    assert!(bench.flash.stats().protected > refused);
    bench.flash.unlock();
    bench.wait_s(3600);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (B, SlotState::Confirmed)
    );
}

/// Regression: a bundle was begun eight times within seconds where the record took nothing, and given up with all
/// symbols of it: a day of uplink for a fault of a minute.
#[test]
fn a_bundle_outlasts_a_record_that_takes_nothing_for_a_while() {
    for steps in 0.. {
        let mut bench = Bench::launch();
        let built = bench.ground.bundle(&image(2, 3000), 2);
        let last = built.object.k() - 1;
        bench.deliver(&built.object, 0..last);
        let frame = built.object.frame(last, &bench.uplink(0), TagLen::Eight);
        bench.hear(&frame.unwrap());
        for _ in 0..steps {
            bench.step();
        }
        let is_over = bench.state(SlotId::B) == SlotState::Verified;
        let copies = copies(&bench);
        bench.flash.lock(copies);
        bench.settle();
        let commits = bench.flash.stats().protected;
        bench.wait_s(3 * DAY_S);
        let commits = bench.flash.stats().protected - commits;
        assert!(
            commits < 30 * 24,
            "{commits} programs and erases, behind {steps} steps"
        );
        bench.flash.unlock();
        bench.wait_s(DAY_S + 60);
        assert_eq!(bench.report().bundle.stage, Stage::Done, "{steps} steps");
        assert_eq!(bench.state(SlotId::B), SlotState::Verified, "{steps} steps");
        if is_over {
            assert!(steps > 20, "{steps} steps to the end");
            break;
        }
    }
}

/// Regression: an installation that had waited for the record went on where it stood, and erased the way back for a base
/// that it had looked at a day before.
#[test]
fn a_base_that_rots_while_the_record_takes_nothing_costs_no_way_back() {
    for steps in 0.. {
        let mut bench = Bench::launch();
        let second = bench.update(2, 2);
        let bytes = image(3, 3000);
        let third = bench
            .ground
            .bundle_with(&bytes, 3, Some(second.image), |_| {});
        let last = third.object.k() - 1;
        bench.deliver(&third.object, 0..last);
        let frame = third.object.frame(last, &bench.uplink(0), TagLen::Eight);
        bench.hear(&frame.unwrap());
        for _ in 0..steps {
            bench.step();
        }
        if bench.state(SlotId::A) != SlotState::Confirmed {
            assert!(steps > 10, "{steps} steps until the slot is erased");
            break;
        }
        let copies = copies(&bench);
        bench.flash.lock(copies);
        bench.settle();
        bench.corrupt(bench.map().slot(SlotId::B).image.start + 100);
        let rotten = bench.flash.operations();
        bench.flash.unlock();
        bench.wait_s(2 * DAY_S);
        let verdict = bench.report().bundle;
        assert_eq!(
            (verdict.stage, verdict.refusal),
            (Stage::Failed, Refusal::BaseMismatch),
            "{steps} steps"
        );
        assert_eq!(
            bench.state(SlotId::A),
            SlotState::Confirmed,
            "{steps} steps"
        );
        assert!(
            !bench.slot_changed_since(rotten, SlotId::A),
            "{steps} steps"
        );
    }
}

/// Regression: what was said once and refused by flash was said in RAM alone, until another commit: crashes that a year
/// of health had cleared were counted on at the next one, and home was given up.
#[test]
fn what_ram_alone_knows_is_committed_within_a_day() {
    let mut bench = Bench::launch();
    bench.application.health = Health::Starting;
    for _ in 0..3 {
        bench.reset(ResetCause::Fault);
        bench.settle();
    }
    assert_eq!((bench.running(), bench.record().crashes), (A, 3));
    bench.application.health = Health::Healthy;
    let copies = copies(&bench);
    bench.flash.lock(copies);
    bench.wait_s(2 * 3600);
    assert_eq!(bench.record().crashes, 0);
    bench.flash.unlock();
    bench.wait_s(DAY_S);
    bench.reset(ResetCause::Fault);
    bench.settle();
    assert_eq!((bench.running(), bench.record().crashes), (A, 1));
    // And no more than once.
    bench.wait_s(DAY_S + 7200);
    let before = bench.writes();
    bench.wait_s(3 * DAY_S);
    assert_eq!(bench.writes(), before);
}

/// Golden is home, and runs since the first boot of a rollback to A could not be saved; B is armed, and held.
fn armed_beside_a_trial() -> Option<Bench> {
    let mut bench = Bench::launch();
    bench.command(Action::BootGolden);
    let built = bench.stage(2, 2);
    let rollback = bench.ground.command(Action::Rollback {
        image: sha256(&first_image()),
    });
    let last = rollback.k() - 1;
    bench.deliver(&rollback, 0..last);
    // Behind its papers and its commit.
    let from = bench.flash.operations() + 4;
    let outage = Fault::Outage { operations: 20 };
    bench.flash.fail_at(from, outage);
    bench.deliver(&rollback, [last]);
    let is_met = bench.running() == Location::Golden && bench.state(SlotId::A) == SlotState::Trial;
    bench.application.may_activate = false;
    // The fault may last for a while yet.
    while bench.state(SlotId::B) == SlotState::Verified {
        let authorization = bench.ground.authorization(&built);
        bench.deliver_all(&authorization);
    }
    is_met.then_some(bench)
}

/// Regression: what was armed beside a trial whose first boot could not be saved was activated where golden is home: a
/// record with two trials, which nobody reads. The one before it counted; and where the commit had erased the copies,
/// there was none, and the record was lost.
#[test]
fn nothing_is_activated_beside_a_trial_that_could_not_be_saved() {
    for commits in 0..8 {
        let mut bench = armed_beside_a_trial().expect("the first boot could not be saved");
        for _ in 0..commits {
            bench.command(Action::ReportRequest);
        }
        bench.application.may_activate = true;
        let boots = bench.boots.len();
        bench.wait_s(120);
        let lost = bench.report().flags & flags::RECORD_LOST;
        assert_eq!(lost, 0, "{commits} commits");
        assert_eq!(bench.boots.len(), boots, "{commits} commits");
        assert_eq!(bench.report().hold, Refusal::SlotBusy);
        // The trial comes first, and the other image waits for its end.
        bench.wait_s(DAY_S);
        assert_eq!(
            (bench.running(), bench.state(SlotId::A)),
            (A, SlotState::Trial)
        );
        bench.command(Action::Confirm {
            image: sha256(&first_image()),
        });
        bench.wait_s(120);
        assert_eq!(
            (bench.running(), bench.state(SlotId::B)),
            (B, SlotState::Trial)
        );
    }
}

/// Regression: an agent that could read no key set at its start, or whose keys an upset changed, refused every command
/// until the command-loss timer ran out.
#[test]
fn keys_that_could_not_be_read_at_the_start_are_found_within_a_day() {
    let mut bench = Bench::launch();
    let regions = [bench.map().key_sets, bench.map().launch_keys()].concat();
    let read = |bench: &Bench| {
        let bytes = |region: &Region| bench.flash.peek(region.start..region.end());
        let all = regions
            .iter()
            .map(|region| bytes(region).map(<[u8]>::to_vec));
        all.collect::<Option<Vec<_>>>().expect("they lie in flash")
    };
    let whole = read(&bench);
    for (region, bytes) in regions.iter().zip(&whole) {
        bench
            .flash
            .factory_load(region.start, &vec![0x5a; bytes.len()]);
    }
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    for (region, bytes) in regions.iter().zip(&whole) {
        bench.flash.factory_load(region.start, bytes);
    }
    bench.command(Action::ReportRequest);
    assert_eq!(bench.report().command.refusal, Refusal::UnknownKey);
    let boots = bench.boots.len();
    bench.wait_s(DAY_S + 60);
    bench.command(Action::ReportRequest);
    assert_eq!(bench.report().command.stage, Stage::Done);
    assert_eq!(bench.boots.len(), boots, "without a reset");
}
