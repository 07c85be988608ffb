//! The loader on a flash that fails: wrong digests, a record that cannot be written or read, golden with
//! holes in it, and power cut at every operation of a boot.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::{Elapsed, RETRY_S, Record, keys, load};
use lightday_sim::vehicle::SimSupervisor;
use lightday_wire::{Action, Location, ResetCause, RevertCause, SlotId, SlotState};

use crate::vehicle::{FORMS, Faulty, IDENTITY, Vehicle, crew, new_image, vehicle};

const A: Location = Location::Slot(SlotId::A);
const B: Location = Location::Slot(SlotId::B);

fn flip_image(vehicle: &mut Vehicle, slot: usize) {
    let at = vehicle.map.slots[slot].image.start;
    vehicle.flash.flip(at + 321, 3);
}

fn lose_record(vehicle: &mut Vehicle) {
    for copy in vehicle.map.record {
        vehicle.flash.factory_load(copy.start, &[0x33; 4096]);
    }
}

fn kill_golden(vehicle: &mut Vehicle) {
    for copy in vehicle.map.golden {
        vehicle.flash.flip(copy.image.start + 5, 1);
    }
}

fn protect_record(vehicle: &mut Vehicle) {
    for copy in vehicle.map.record {
        vehicle.flash.protect(copy.start..copy.end());
    }
}

#[test]
fn an_image_with_a_wrong_digest_is_not_run_and_the_next_one_is() {
    let mut vehicle = vehicle().activate();
    flip_image(&mut vehicle, 1);
    assert_eq!(vehicle.boots(ResetCause::Software), A);
    assert_eq!(vehicle.record().revert_cause, RevertCause::ImageDigest);
    flip_image(&mut vehicle, 0);
    let (boot, deadline) = vehicle.reset(ResetCause::PowerOn).unwrap();
    assert_eq!(boot.location, Location::Golden);
    assert_eq!(boot.region, vehicle.map.golden[0].image);
    assert_eq!(deadline, Some(Elapsed::NEVER));
    assert_eq!(vehicle.record().home.0, Location::Golden);
}

#[test]
fn golden_s_copies_and_their_trailers_stand_in_for_each_other() {
    let dead = |image: usize, trailer: usize| {
        let mut vehicle = vehicle();
        lose_record(&mut vehicle);
        let golden = vehicle.map.golden;
        vehicle.flash.flip(golden[image].image.start + 5, 1);
        vehicle.flash.flip(golden[trailer].trailer.start + 40, 1);
        let (boot, _) = vehicle.reset(ResetCause::Upset).unwrap();
        assert_eq!(boot.region, golden[1 - image].image);
        assert!(boot.is_record_lost && boot.location == Location::Golden);
    };
    dead(0, 0);
    dead(0, 1);
    dead(1, 0);
    dead(1, 1);
}

/// Regression: with golden dead nothing booted, though a confirmed image was there.
#[test]
fn with_golden_dead_an_image_that_was_confirmed_once_boots() {
    let mut vehicle = vehicle();
    kill_golden(&mut vehicle);
    vehicle.forge(|record| record.home.0 = Location::Golden);
    assert_eq!(vehicle.boots(ResetCause::PowerOn), A);
    lose_record(&mut vehicle);
    let (boot, deadline) = vehicle.reset(ResetCause::PowerOn).unwrap();
    assert_eq!((boot.location, boot.is_record_lost), (A, true));
    assert_eq!(deadline, Some(Elapsed::NEVER));
    // B was authorized, never confirmed: it does not run, whatever the need.
    flip_image(&mut vehicle, 0);
    assert!(vehicle.reset(ResetCause::PowerOn).is_err());
}

/// Both slots were confirmed, B after A, and golden is dead.
fn two_confirmed() -> Vehicle {
    let mut vehicle = vehicle().activate();
    assert_eq!(vehicle.boots(ResetCause::Software), B);
    let image = new_image().digest;
    vehicle.hear(10, Action::Confirm { image });
    assert_eq!(vehicle.boots(ResetCause::Software), B);
    assert_eq!(vehicle.record().home.0, B);
    kill_golden(&mut vehicle);
    vehicle
}

/// Regression: with golden dead, and no record to count crashes in, one image ran at each boot, for ever, even if it
/// crashed at once.
#[test]
fn with_golden_dead_and_no_record_to_count_in_an_image_that_crashes_gives_way() {
    let mut lost = two_confirmed();
    lose_record(&mut lost);
    let mut unsaved = two_confirmed();
    protect_record(&mut unsaved);
    let turn_ms = 600_000;
    for (start, is_lost) in [(&lost, true), (&unsaved, false)] {
        for crashes in [A, B] {
            let mut vehicle = start.clone();
            // Whoever crashes at once does so every half minute. The turns of one image are two in a row at the most.
            let mut boots = 0;
            while boots <= 40 && vehicle.boots(ResetCause::Watchdog) == crashes {
                boots += 1;
                vehicle.now.0 += 30_000;
            }
            assert!(boots <= 40, "{crashes:?}");
        }
        for every_ms in [
            30_000,
            turn_ms,
            900_000,
            2 * turn_ms,
            3 * turn_ms,
            17 * turn_ms,
        ] {
            let mut vehicle = start.clone();
            let mut ran = [0u32; 2];
            for _ in 0..60 {
                let Location::Slot(slot) = vehicle.boots(ResetCause::Fault) else {
                    panic!("golden is dead");
                };
                ran[slot.index()] += 1;
                vehicle.now.0 += every_ms;
            }
            assert!(ran[0] > 10 && ran[1] > 10, "{every_ms} {ran:?}");
        }
        let mut vehicle = start.clone();
        let before = vehicle.flash.operations();
        let (boot, _) = vehicle.reset(ResetCause::Watchdog).unwrap();
        assert_eq!(boot.is_record_lost, is_lost);
        assert!(!is_lost || vehicle.flash.operations() == before);
    }
    // Where one alone may run there are no turns.
    flip_image(&mut lost, 1);
    for _ in 0..20 {
        assert_eq!(lost.boots(ResetCause::Watchdog), A);
        lost.now.0 += turn_ms;
    }
}

/// Regression: where nothing boots the record was committed at each round, and worn out by nothing but trying.
#[test]
fn where_nothing_boots_nothing_is_written_and_a_fault_that_passes_is_survived() {
    let mut vehicle = vehicle();
    assert_eq!(vehicle.boots(ResetCause::PowerOn), A);
    let map = vehicle.map;
    let before = (vehicle.flash.operations(), vehicle.record());
    for _ in 0..100 {
        let mut faulty = Faulty {
            flash: vehicle.flash.clone(),
            dead: map.slots[0].image.start..map.slots[0].image.end(),
        };
        for copy in map.golden {
            faulty.flash.flip(copy.image.start + 5, 1);
        }
        let mut supervisor = SimSupervisor::new(vehicle.now, 60_000);
        supervisor.reset(ResetCause::Unknown);
        assert!(load(&mut faulty, &map, IDENTITY, &mut supervisor).is_err());
        let rest = vehicle.now.plus_s(RETRY_S);
        assert_eq!(supervisor.deadline(), Some(rest), "it rests");
        assert!(!supervisor.is_locked());
        for copy in map.golden {
            faulty.flash.flip(copy.image.start + 5, 1);
        }
        vehicle.flash = faulty.flash;
        vehicle.now = rest;
    }
    assert_eq!((vehicle.flash.operations(), vehicle.record()), before);
    assert_eq!(vehicle.boots(ResetCause::Unknown), A);
}

#[test]
fn without_a_record_that_can_be_written_nothing_is_tried() {
    let mut vehicle = vehicle().activate();
    protect_record(&mut vehicle);
    for _ in 0..5 {
        assert_eq!(vehicle.boots(ResetCause::Software), A);
    }
}

/// Regression: home was run unread where the record could not be written.
#[test]
fn without_a_record_that_can_be_written_home_is_read_all_the_same() {
    let mut vehicle = vehicle().activate();
    protect_record(&mut vehicle);
    flip_image(&mut vehicle, 0);
    assert_eq!(vehicle.boots(ResetCause::Software), Location::Golden);
}

/// Regression: crashes that could not be counted were never too many.
#[test]
fn a_crash_that_cannot_be_counted_boots_golden() {
    let mut vehicle = vehicle();
    protect_record(&mut vehicle);
    assert_eq!(vehicle.boots(ResetCause::PowerOn), A);
    assert_eq!(vehicle.boots(ResetCause::Watchdog), Location::Golden);
}

#[test]
fn a_lost_record_is_golden_and_says_so_and_steps_no_floor() {
    let mut vehicle = vehicle();
    lose_record(&mut vehicle);
    let before = vehicle.flash.operations();
    let (boot, deadline) = vehicle.reset(ResetCause::Upset).unwrap();
    assert_eq!(
        (boot.location, boot.is_record_lost),
        (Location::Golden, true)
    );
    assert_eq!(deadline, Some(Elapsed::NEVER));
    assert_eq!(vehicle.flash.operations(), before, "nothing is written");
}

#[test]
fn a_key_set_floor_that_an_upset_raised_takes_no_key_away() {
    let mut vehicle = vehicle();
    assert_eq!(vehicle.boots(ResetCause::PowerOn), A);
    let word = vehicle.map.floors.start + (16 + 1) * 8;
    vehicle.flash.factory_load(word, &[0; 8]);
    assert_eq!(vehicle.boots(ResetCause::PowerOn), A);
    assert_eq!(vehicle.record().key_set, 1);
}

/// Regression: one boot with unreadable floors left a security counter of 432, or epoch 8, for ever.
#[test]
fn one_boot_with_unreadable_floors_changes_no_number() {
    let mut vehicle = vehicle();
    assert_eq!(vehicle.boots(ResetCause::PowerOn), A);
    let before = vehicle.record();
    let floors = vehicle.map.floors;
    let part = |len| floors.start..floors.start + len;
    for dead in [part(floors.len), part(64), part(8), part(700)] {
        let mut faulty = Faulty {
            flash: vehicle.flash.clone(),
            dead: dead.clone(),
        };
        let mut supervisor = SimSupervisor::new(vehicle.now, 60_000);
        let boot = load(&mut faulty, &vehicle.map, IDENTITY, &mut supervisor).unwrap();
        assert_eq!(boot.location, A, "{dead:?}");
        vehicle.flash = faulty.flash;
        assert_eq!(vehicle.boots(ResetCause::PowerOn), A);
        let after = vehicle.record();
        let numbers = |r: &Record| (r.security_counter, r.key_set, r.epoch);
        assert_eq!(numbers(&after), numbers(&before), "{dead:?}");
    }
}

/// Regression: without a key set in its two regions the vehicle was deaf for ever. The launch set lies
/// with golden, and whatever ran, somebody verifies under it.
#[test]
fn without_its_key_sets_the_launch_set_is_in_force() {
    let mut vehicle = vehicle();
    assert_eq!(vehicle.boots(ResetCause::PowerOn), A);
    for region in vehicle.map.key_sets {
        vehicle.flash.erase(region.start, region.end()).unwrap();
    }
    assert_eq!(vehicle.boots(ResetCause::PowerOn), A);
    let launch = crew().key_set();
    assert_eq!(vehicle.record().key_set, launch.version);
    // Whatever version was in force.
    vehicle.forge(|record| record.key_set = 9);
    assert_eq!(vehicle.boots(ResetCause::PowerOn), A);
    assert_eq!(vehicle.record().key_set, launch.version);
    let ring = keys::load(&mut vehicle.flash, &vehicle.map, launch.version);
    assert_eq!(ring.current.as_ref(), Some(launch));
    // Either copy of golden's area is enough.
    for copy in vehicle.map.launch_keys() {
        let mut vehicle = vehicle.clone();
        vehicle.flash.flip(copy.start + 40, 1);
        assert_eq!(vehicle.boots(ResetCause::PowerOn), A);
    }
}

/// Every operation of a boot and every form of a cut, then again in the boot that follows: something
/// boots, the try is never given back, and a Confirm that was stored is never lost.
#[test]
fn a_boot_survives_two_cuts_anywhere() {
    let confirmed = || {
        let mut vehicle = vehicle().activate();
        assert_eq!(vehicle.boots(ResetCause::Software), B);
        vehicle.hear(
            10,
            Action::Confirm {
                image: new_image().digest,
            },
        );
        vehicle
    };
    let mut cases = 0u32;
    for (start, state) in [
        (vehicle().activate(), SlotState::Trial),
        (confirmed(), SlotState::Confirmed),
    ] {
        for form in FORMS {
            for op in 0.. {
                let mut once = start.clone();
                if !boot_cut(&mut once, op, form) {
                    break;
                }
                for at in 0.. {
                    let mut twice = once.clone();
                    let was_cut = boot_cut(&mut twice, at, form);
                    let tries = twice.record().trial.tries_left;
                    assert_eq!(twice.boots(ResetCause::BrownOut), B, "{form:?} {op} {at}");
                    let record = twice.record();
                    assert_eq!(record.slots[1].state, state, "{form:?} {op} {at}");
                    assert!(record.trial.tries_left <= tries);
                    cases += 1;
                    if !was_cut {
                        break;
                    }
                }
            }
        }
    }
    println!("{cases} cut cases");
}

/// A boot with a cut at its `op`-th flash operation; false if it has fewer.
fn boot_cut(vehicle: &mut Vehicle, op: u64, form: lightday_sim::flash::CutForm) -> bool {
    let begin = vehicle.flash.operations();
    vehicle.flash.cut_at(begin + op, form);
    let _ = vehicle.reset(ResetCause::Software);
    let was_cut = !vehicle.flash.is_powered();
    vehicle.flash.power_on();
    vehicle.flash.cut_at(u64::MAX, form);
    was_cut
}
