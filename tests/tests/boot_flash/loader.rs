//! The loader's way from reset to jump, with real signatures: trials, Confirm, revert, golden.

use lightday_boot::floors::{Floor, value};
use lightday_boot::{Elapsed, Trial};
use lightday_wire::{Action, Location, ResetCause, RevertCause, SlotId, SlotState};

use crate::vehicle::{HOUR_MS, LEASE_S, Vehicle, command, new_image, number, vehicle};

const A: Location = Location::Slot(SlotId::A);
const B: Location = Location::Slot(SlotId::B);
const LEASE_MS: u64 = LEASE_S as u64 * 1000;

fn security_floor(vehicle: &mut Vehicle) -> u32 {
    value(&mut vehicle.flash, vehicle.map.floors, Floor::Security)
}

#[test]
fn home_boots_and_the_floors_follow_the_record() {
    let mut vehicle = vehicle();
    let (boot, _) = vehicle.reset(ResetCause::PowerOn).unwrap();
    assert_eq!(
        (boot.location, boot.region),
        (A, vehicle.map.slots[0].image)
    );
    assert!(!boot.is_record_lost);
    assert_eq!(security_floor(&mut vehicle), 5);
    assert_eq!(
        value(&mut vehicle.flash, vehicle.map.floors, Floor::KeySet),
        1
    );
    assert_eq!(
        value(&mut vehicle.flash, vehicle.map.floors, Floor::Epoch),
        0
    );
    assert_eq!(vehicle.record().resets, 1);
}

#[test]
fn a_trial_counts_in_flash_before_the_jump_and_ends() {
    let mut vehicle = vehicle().activate();
    let (boot, deadline) = vehicle.reset(ResetCause::Software).unwrap();
    assert_eq!(boot.location, B);
    assert_eq!(deadline, Some(Elapsed(HOUR_MS + LEASE_MS)));
    assert_eq!(vehicle.record().trial.tries_left, 2);
    assert_eq!(vehicle.boots(ResetCause::Watchdog), B);
    assert_eq!(vehicle.boots(ResetCause::Watchdog), B);
    assert_eq!(vehicle.boots(ResetCause::Watchdog), A);
    let record = vehicle.record();
    assert_eq!(record.slots[1].state, SlotState::Reverted);
    assert_eq!(record.revert_cause, RevertCause::TriesExhausted);
    assert!(record.is_barred(&new_image().digest));
    assert_eq!(security_floor(&mut vehicle), 5);
}

#[test]
fn the_security_floor_moves_at_confirm_and_not_before() {
    let mut vehicle = vehicle().activate();
    assert_eq!(vehicle.boots(ResetCause::Software), B);
    assert_eq!(security_floor(&mut vehicle), 5);
    let image = new_image().digest;
    vehicle.hear(9, Action::Confirm { image });
    assert_eq!(vehicle.boots(ResetCause::BrownOut), B);
    assert_eq!(vehicle.record().slots[1].state, SlotState::Trial);
    assert_eq!(security_floor(&mut vehicle), 5);
    vehicle.hear(10, Action::Confirm { image });
    assert_eq!(vehicle.boots(ResetCause::Software), B);
    let record = vehicle.record();
    assert_eq!(record.slots[1].state, SlotState::Confirmed);
    assert_eq!(record.home.0, B);
    assert_eq!(security_floor(&mut vehicle), 6);
}

/// mcuboot#2282, #2549: a counter that moved before the confirm made the revert impossible.
#[test]
fn the_previous_image_is_exempt_from_the_security_counter_that_its_successor_raised() {
    let mut vehicle = vehicle().activate();
    vehicle.boots(ResetCause::Software);
    let image = new_image().digest;
    vehicle.hear(10, Action::Confirm { image });
    assert_eq!(vehicle.boots(ResetCause::Software), B);
    assert_eq!(security_floor(&mut vehicle), 6);
    for _ in 0..3 {
        assert_eq!(vehicle.boots(ResetCause::Watchdog), B);
    }
    assert_eq!(vehicle.boots(ResetCause::Watchdog), A);
    assert_eq!(vehicle.record().revert_cause, RevertCause::CrashLoop);
}

#[test]
fn the_end_of_the_lease_reverts_and_a_signed_command_extends_it_once() {
    let mut vehicle = vehicle().activate();
    vehicle.boots(ResetCause::Software);
    vehicle.hear(10, Action::ReportRequest);
    vehicle.now = Elapsed(HOUR_MS + LEASE_MS);
    let (boot, deadline) = vehicle.reset(ResetCause::Deadline).unwrap();
    assert_eq!(boot.location, B);
    assert_eq!(deadline, Some(Elapsed(HOUR_MS + 2 * LEASE_MS)));
    vehicle.now = Elapsed(HOUR_MS + 2 * LEASE_MS);
    assert_eq!(vehicle.boots(ResetCause::Deadline), A);
    assert_eq!(vehicle.record().revert_cause, RevertCause::LeaseExpired);
    // Home has a lease to be heard from before golden.
    vehicle.now = Elapsed(HOUR_MS + 3 * LEASE_MS - 1);
    assert_eq!(vehicle.boots(ResetCause::Software), A);
    vehicle.now = Elapsed(HOUR_MS + 3 * LEASE_MS);
    assert_eq!(vehicle.boots(ResetCause::Deadline), Location::Golden);
    assert_eq!(vehicle.record().revert_cause, RevertCause::CommandLoss);
}

#[test]
fn a_record_forged_without_papers_boots_nothing_of_it() {
    for state in [SlotState::Confirmed, SlotState::Trial] {
        let mut vehicle = vehicle();
        let trailer = lightday_boot::trailer::Trailer::new(vehicle.map.slots[1].trailer);
        trailer.erase(&mut vehicle.flash).unwrap();
        vehicle.forge(|record| {
            record.slots[1].state = state;
            record.trial = Trial::new(255, u32::MAX);
            record.home.0 = B;
        });
        assert_ne!(vehicle.boots(ResetCause::PowerOn), B, "{state:?}");
    }
    // Authorized, never confirmed: Confirmed in the record is not enough.
    let mut vehicle = vehicle();
    vehicle.forge(|record| {
        record.slots[1].state = SlotState::Confirmed;
        record.home.0 = B;
    });
    assert_eq!(vehicle.boots(ResetCause::PowerOn), A);
}

/// Regression: the loader stepped the write-once floors up to whatever the record said.
#[test]
fn a_forged_number_steps_no_floor_beyond_what_is_proven() {
    let mut vehicle = vehicle();
    vehicle.forge(|record| {
        record.security_counter = u32::MAX;
        record.key_set = u16::MAX;
    });
    assert_eq!(vehicle.boots(ResetCause::PowerOn), A);
    assert_eq!(security_floor(&mut vehicle), 5);
    assert_eq!(
        value(&mut vehicle.flash, vehicle.map.floors, Floor::KeySet),
        1
    );
    assert_eq!(vehicle.record().key_set, 1);
}

#[test]
fn documents_of_the_key_set_before_count_and_of_the_one_before_that_do_not() {
    let mut vehicle = vehicle();
    for (version, expected) in [(2, A), (3, Location::Golden)] {
        let next = lightday_sim::crew::Crew::new(9, version);
        lightday_boot::keys::store(&mut vehicle.flash, &vehicle.map, next.key_set()).unwrap();
        vehicle.forge(|record| record.key_set = version);
        assert_eq!(
            vehicle.boots(ResetCause::PowerOn),
            expected,
            "set {version}"
        );
    }
}

/// The rotation rule: a Confirm under the newer set carries home over the next rotation.
#[test]
fn home_that_was_confirmed_anew_outlives_two_rotations() {
    let mut vehicle = vehicle();
    let second = lightday_sim::crew::Crew::new(9, 2);
    let third = lightday_sim::crew::Crew::new(10, 3);
    let map = vehicle.map;
    lightday_boot::keys::store(&mut vehicle.flash, &map, second.key_set()).unwrap();
    vehicle.forge(|record| record.key_set = 2);
    let image = crate::vehicle::home_image().digest;
    let entry = lightday_boot::trailer::Entry::Commanded {
        number: number(10),
        envelope: &command(&second, 10, Action::Confirm { image }),
    };
    let trailer = lightday_boot::trailer::Trailer::new(vehicle.map.slots[0].trailer);
    trailer.append(&mut vehicle.flash, entry).unwrap();
    lightday_boot::keys::store(&mut vehicle.flash, &map, third.key_set()).unwrap();
    vehicle.forge(|record| record.key_set = 3);
    assert_eq!(vehicle.boots(ResetCause::PowerOn), A);
}
