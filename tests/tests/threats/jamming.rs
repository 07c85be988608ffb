//! He only jams: nothing is heard on board, for as long as he goes on. What that comes to, and when, by the time
//! limits of agent and loader themselves; and what it takes to undo it.

use lightday_tests::bench_ground::{Built, LEASE_S};
use lightday_tests::bench_vehicle::{Bench, COMMAND_LOSS_S, first_image, image};
use lightday_trust::digest::sha256;
use lightday_wire::{Action, Location, ResetCause, RevertCause, SlotId, SlotState, Window};

const A: Location = Location::Slot(SlotId::A);
const B: Location = Location::Slot(SlotId::B);
const LEASE: u64 = LEASE_S as u64;
const DAY: u64 = 86_400;
const YEAR: u64 = 365 * DAY;

/// A vehicle that runs B, confirmed, with A as the one before it. A command was heard just now.
fn launched() -> Bench {
    let mut bench = Bench::launch();
    bench.update(2, 2);
    assert_eq!(bench.running(), B);
    bench
}

/// Nothing is heard for a year; returns what ran after how many seconds, whenever that changed, or a trial went on.
fn jam(bench: &mut Bench) -> Vec<(u64, Location)> {
    let begin = bench.now().elapsed.0 / 1000;
    let mut boots = bench.boots.len();
    let mut runs = bench.running();
    let mut ran = Vec::new();
    for _ in 0..YEAR / 600 {
        bench.wait_s(600);
        if bench.boots.len() > boots {
            boots = bench.boots.len();
            let after = bench.now().elapsed.0 / 1000 - begin;
            if bench.running() != runs || bench.record().trial_slot().is_some() {
                ran.push((after, bench.running()));
            }
            runs = bench.running();
        }
    }
    ran
}

/// What ran, to within the twenty minutes in which it is looked at and booted.
fn ran_then(ran: &[(u64, Location)], expected: &[(u64, Location)]) {
    assert_eq!(ran.len(), expected.len(), "{ran:?}");
    for ((after, what), (then, expected)) in ran.iter().zip(expected) {
        assert_eq!(what, expected, "{ran:?}");
        assert!((*then..then + 1200).contains(after), "{ran:?} {then}");
    }
}

/// One signed command has what was confirmed on trial again; a second one, and it is confirmed.
fn is_undone_by_two_commands(bench: &mut Bench, slot: SlotId, image: lightday_wire::Digest) {
    assert_eq!(bench.running(), Location::Golden);
    bench.command(Action::Rollback { image });
    assert_eq!(bench.running(), Location::Slot(slot));
    bench.command(Action::Confirm { image });
    assert_eq!(bench.state(slot), SlotState::Confirmed);
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    assert_eq!(bench.running(), Location::Slot(slot));
}

#[test]
fn jamming_a_confirmed_image_ends_in_golden_after_the_command_loss_timer_and_no_sooner() {
    let mut bench = launched();
    let operation = bench.flash.operations();
    let counter = bench.record().security_counter;
    ran_then(&jam(&mut bench), &[(COMMAND_LOSS_S, Location::Golden)]);
    assert_eq!(bench.record().revert_cause, RevertCause::CommandLoss);
    // Nothing of what was confirmed is touched, barred or made older.
    for slot in SlotId::ALL {
        assert!(!bench.slot_changed_since(operation, slot));
        assert_eq!(bench.state(slot), SlotState::Confirmed);
        let image = bench.record().slot(slot).image;
        assert!(!bench.record().is_barred(&image));
    }
    assert_eq!(bench.record().security_counter, counter);
    is_undone_by_two_commands(&mut bench, SlotId::B, sha256(&image(2, 3000)));
}

#[test]
fn one_command_that_comes_through_puts_golden_off_by_the_whole_timer() {
    let mut bench = launched();
    for _ in 0..12 {
        bench.wait_s(COMMAND_LOSS_S - 3600);
        assert_eq!(bench.running(), B);
        bench.command(Action::ReportRequest);
    }
}

/// A vehicle that runs A, launched, with B on trial from now on.
fn on_trial() -> (Bench, Built) {
    let mut bench = Bench::launch();
    let built = bench.try_out(2, 2);
    assert_eq!(bench.running(), B);
    (bench, built)
}

#[test]
fn jamming_a_trial_reverts_it_with_its_lease_and_home_has_another_lease_before_golden() {
    let (mut bench, built) = on_trial();
    let ran = jam(&mut bench);
    ran_then(&ran, &[(LEASE, A), (2 * LEASE, Location::Golden)]);
    assert_eq!(bench.state(SlotId::B), SlotState::Reverted);
    assert!(bench.record().is_barred(&built.image.digest));
    is_undone_by_two_commands(&mut bench, SlotId::A, sha256(&first_image()));
    // And the update that was jammed is flown again from what still lies there.
    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    assert_eq!(bench.state(SlotId::B), SlotState::Trial);
    bench.command(Action::Confirm {
        image: built.image.digest,
    });
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
}

#[test]
fn jamming_from_after_the_first_command_of_a_trial_gives_it_one_more_lease() {
    let (mut bench, _) = on_trial();
    bench.wait_s(DAY);
    bench.command(Action::ReportRequest);
    let ran = jam(&mut bench);
    let first = LEASE - DAY;
    let golden = (COMMAND_LOSS_S).max(first + 2 * LEASE);
    ran_then(
        &ran,
        &[(first, B), (first + LEASE, A), (golden, Location::Golden)],
    );
}

#[test]
fn jamming_a_reception_or_a_verified_or_armed_image_delays_it_and_loses_nothing() {
    let mut bench = launched();
    let built = bench.ground.bundle(&image(3, 3000), 3);
    let k = built.object.k();
    bench.deliver(&built.object, 0..k - 2);
    bench.wait_s(COMMAND_LOSS_S - DAY);
    assert_eq!(bench.agent().symbols_needed(), 2, "a month later");
    bench.command(Action::ReportRequest);
    bench.deliver(&built.object, [k + 1, k + 2]);
    bench.wait_s(COMMAND_LOSS_S - DAY);
    assert_eq!(bench.state(SlotId::A), SlotState::Verified);
    bench.command(Action::ReportRequest);
    let opens = bench.time_s() + 10 * DAY;
    let window = Some(Window {
        opens_s: opens,
        closes_s: opens + DAY,
    });
    let authorization = bench.ground.authorization_with(&built, window, None);
    bench.deliver_all(&authorization);
    bench.wait_s(9 * DAY);
    assert_eq!(bench.state(SlotId::A), SlotState::Armed);
    bench.wait_s(DAY + 3600);
    assert_eq!(bench.state(SlotId::A), SlotState::Trial);
}

#[test]
fn golden_that_was_reached_by_jamming_stays_golden_and_takes_a_bundle_as_any_image_does() {
    let mut bench = launched();
    jam(&mut bench);
    ran_then(&jam(&mut bench), &[]);
    assert_eq!(bench.running(), Location::Golden);
    let built = bench.stage(3, 3);
    let states = SlotId::ALL.map(|slot| bench.state(slot));
    assert!(states.contains(&SlotState::Verified), "{states:?}");
    assert!(states.contains(&SlotState::Confirmed), "{states:?}");
    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    bench.command(Action::Confirm {
        image: built.image.digest,
    });
    assert_ne!(bench.running(), Location::Golden);
}

#[test]
fn a_vehicle_that_never_heard_a_command_is_not_driven_to_golden_by_silence() {
    let mut bench = Bench::launch();
    ran_then(&jam(&mut bench), &[]);
    assert_eq!(bench.running(), A);
}

#[test]
fn jamming_the_way_back_from_golden_costs_a_lease_and_one_more_command() {
    let mut bench = Bench::launch();
    let image = bench.update(2, 2).image.digest;
    jam(&mut bench);
    for _ in 0..3 {
        bench.command(Action::Rollback { image });
        assert_eq!(bench.running(), B);
        ran_then(&jam(&mut bench), &[(LEASE, Location::Golden)]);
        assert!(bench.record().is_barred(&image));
    }
    is_undone_by_two_commands(&mut bench, SlotId::B, image);
    // The other one was never touched.
    assert_eq!(bench.state(SlotId::A), SlotState::Confirmed);
}
