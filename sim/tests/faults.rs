//! Power cuts and upsets in the middle of whole missions, and the checker against worlds that are broken on
//! purpose. The complete exploration of cuts is not here: this shows that the hooks work.

use lightday_boot::Elapsed;
use lightday_sim::checker::{Checker, Violation};
use lightday_sim::demo;
use lightday_sim::ending::Ending;
use lightday_sim::flash::CutForm;
use lightday_sim::scenario::{Images, Prepared};
use lightday_sim::time::{MissionTime, Span};
use lightday_sim::trace::Keep;
use lightday_sim::vehicle::Happening;
use lightday_wire::{Digest, ResetCause};

const OLD: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v2.bin");
const NEW: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v3.bin");

fn healthy(change: impl FnOnce(&mut lightday_sim::scenario::Scenario)) -> Prepared<4, 4096> {
    let mut scenario = demo::scenario("healthy", Images::new(OLD, OLD, NEW)).unwrap();
    change(&mut scenario);
    Prepared::new(scenario).unwrap()
}

fn operations() -> u64 {
    let prepared = healthy(|_| {});
    let mut world = prepared.world(1, Keep::Digest);
    world.run_until(MissionTime::START + Span::from_days(14));
    world.vehicle.flash().operations()
}

/// One cut at places spread over the whole life, in each form: the update still ends confirmed.
#[test]
fn a_power_cut_anywhere_delays_the_update_and_nothing_else() {
    let all = operations();
    let stride = (all / 40).max(1);
    for (n, operation) in (0u64..).zip((0..all).step_by(usize::try_from(stride).unwrap())) {
        let form = match n % 3 {
            0 => CutForm::NotDone,
            1 => CutForm::Partial(n),
            _ => CutForm::Unstable(n),
        };
        let prepared = healthy(|s| s.cuts = vec![(operation, form)]);
        let outcome = prepared.run(1, Keep::Headlines);
        let story = || {
            let lines: Vec<String> = outcome.timeline.iter().map(ToString::to_string).collect();
            format!("{operation} {form:?}: {outcome}\n{}", lines.join("\n"))
        };
        assert_eq!(outcome.violations, [], "{}", story());
        assert_eq!(outcome.on_board, Ending::Confirmed, "{}", story());
        assert_eq!(outcome.on_ground, Ending::Confirmed, "{}", story());
    }
}

#[test]
fn upsets_are_survived_during_a_trial() {
    let upsets = (0..10).map(|n| Span::from_hours(30 + 2 * n)).collect();
    let prepared = healthy(|s| s.upsets = upsets);
    let outcome = prepared.run(2, Keep::Digest);
    assert_eq!(outcome.violations, [], "{outcome}");
    assert_eq!(outcome.on_ground, Ending::Confirmed, "{outcome}");
    assert_eq!(outcome.resets, 12);
}

#[test]
fn the_checker_sees_golden_change() {
    let prepared = healthy(|_| {});
    let mut world = prepared.world(1, Keep::Digest);
    let golden = world.vehicle.config().map.golden[1].image.start;
    world.run_until(MissionTime::START + Span::from_hours(1));
    world.vehicle.flash_mut().flip(golden + 7, 1);
    world.run_until(MissionTime::START + Span::from_days(3));
    let kinds: Vec<_> = world.checker.violations().iter().map(|(_, v)| v).collect();
    assert_eq!(kinds, [&Violation::GoldenChanged]);
}

#[test]
fn the_checker_sees_an_image_that_nobody_released() {
    let prepared = healthy(|_| {});
    let mut world = prepared.world(1, Keep::Digest);
    // As if the new image had never been signed.
    world.checker = Checker::new(&world.vehicle, [prepared.subject().old]);
    world.run_until(MissionTime::START + Span::from_days(3));
    let new = prepared.subject().new;
    let (_, violation) = &world.checker.violations()[0];
    assert_eq!(*violation, Violation::UnverifiedRan(new));
}

#[test]
fn the_checker_sees_a_success_that_is_not_so() {
    let prepared = healthy(|_| {});
    let mut world = prepared.world(1, Keep::Digest);
    let subject = *prepared.subject();
    world
        .checker
        .told_confirmed(world.now(), subject.old.prefix().short());
    assert_eq!(world.checker.violations(), []);
    world
        .checker
        .told_confirmed(world.now(), subject.new.prefix().short());
    let (_, violation) = &world.checker.violations()[0];
    assert!(matches!(violation, Violation::FalseSuccess(_)));
}

#[test]
fn the_checker_sees_a_record_that_goes_back_and_a_lease_that_grows() {
    let prepared = healthy(|_| {});
    let mut world = prepared.world(1, Keep::Digest);
    world.run_until(MissionTime::START + Span::from_hours(30));
    let map = world.vehicle.config().map;
    let store = lightday_boot::store::RecordStore::new(map.record);
    let mut stored = store.load(&mut world.vehicle.flash().peeking()).unwrap();
    assert!(stored.record.trial.started);
    stored.record.trial.deadline = Elapsed(u64::MAX / 2);
    stored.record.next[0] = lightday_wire::ObjectNumber::default();
    stored.record.security_counter = 7;
    let flash = world.vehicle.flash_mut();
    store
        .save(flash, stored.sequence + 10, &stored.record)
        .unwrap();
    let at = world.now();
    world
        .checker
        .after(at, &world.vehicle, &Happening::Reset(ResetCause::Unknown));
    let found: Vec<&Violation> = world.checker.violations().iter().map(|(_, v)| v).collect();
    for expected in [
        Violation::LeaseExtended,
        Violation::WentDown("an object number"),
        Violation::CounterBeforeConfirm {
            counter: 7,
            confirmed: 0,
        },
    ] {
        assert!(found.contains(&&expected), "{expected}: {found:?}");
    }
    assert!(!world.checker.was_confirmed(&Digest([9; 32])));
}
