//! Past recordings against a vehicle whose record was lost, resynchronised, or put back to an earlier state.

use embedded_storage::nor_flash::NorFlash;
use lightday_tests::bench_ground::number;
use lightday_tests::bench_vehicle::{Bench, first_image};
use lightday_trust::digest::sha256;
use lightday_wire::report::flags;
use lightday_wire::{Action, Epoch, Location, ObjectKind, ResetCause, SlotId, SlotState, TagLen};

use crate::rig::Tapped;

/// He plays all, and nothing comes of it.
fn attacked_in_vain(tapped: &mut Tapped, told: &str) {
    let before = tapped.state();
    tapped.attack();
    assert!(tapped.state() == before, "{told}");
}

/// The three copies of the record as they lie in flash.
fn copies(bench: &Bench) -> [Vec<u8>; 3] {
    bench.map().record.map(|copy| {
        let bytes = bench.flash.peek(copy.start..copy.end());
        bytes.unwrap().to_vec()
    })
}

/// Puts the record back to what it was.
fn put_back(bench: &mut Bench, record: &[Vec<u8>; 3]) {
    for (copy, bytes) in bench.map().record.into_iter().zip(record) {
        bench.flash.erase(copy.start, copy.end()).unwrap();
        bench.flash.factory_load(copy.start, bytes);
    }
    bench.reset(ResetCause::PowerOn);
    bench.settle();
}

#[test]
fn recordings_do_nothing_after_the_record_was_lost_nor_after_it_was_set_anew_from_an_old_ledger() {
    let mut tapped = Tapped::with_a_past();
    tapped.lose_record();
    assert_eq!(tapped.bench.running(), Location::Golden);
    attacked_in_vain(&mut tapped, "lost");
    // The ledger is a backup of the first day: the numbers that root sets are those of the launch.
    tapped.bench.ground.epoch = 2;
    let resync = Action::Resync {
        epoch: Epoch::new(2).unwrap(),
        next: [number(1); 4],
    };
    let object = tapped.bench.ground.command_numbered(number(1), resync);
    tapped.send_all(&object);
    assert_eq!(tapped.bench.report().flags & flags::RECORD_LOST, 0);
    // No lower, though, than what the papers on board prove was used.
    assert_eq!(tapped.bench.record().next, [4, 3, 17, 1].map(number));
    attacked_in_vain(&mut tapped, "set anew");
    // Lost again: the recording of the resynchronisation is one of an epoch that is in force already.
    tapped.lose_record();
    attacked_in_vain(&mut tapped, "lost again");
    assert_ne!(tapped.bench.beacon().flags & flags::RECORD_LOST, 0);
}

#[test]
fn recordings_do_nothing_to_a_record_that_was_put_back_to_before_the_epoch_switch() {
    let mut tapped = Tapped::with_a_past();
    let backup = copies(&tapped.bench);
    tapped.switch(2);
    tapped.command(Action::Hold { held: true });
    put_back(&mut tapped.bench, &backup);
    assert_eq!(
        tapped.bench.record().epoch.get(),
        2,
        "the floor outlasts the record"
    );
    assert!(!tapped.bench.record().held, "the record is the old one");
    // What was sent under the present epoch is all that he can play.
    tapped.past.retain(|frame| frame[0] & 0xf < 2);
    attacked_in_vain(&mut tapped, "put back");
}

#[test]
fn a_record_that_was_put_back_within_its_epoch_hears_recordings_until_the_switch_and_installs_nothing_older()
 {
    let mut tapped = Tapped::launch(TagLen::Eight);
    let backup = copies(&tapped.bench);
    let built = tapped.bench.ground.bundle_with(
        &lightday_tests::bench_vehicle::image(2, 3000),
        2,
        None,
        |m| {
            m.security_counter = 1;
        },
    );
    tapped.send_all(&built.object);
    tapped.authorize(&built);
    tapped.confirm(&built);
    tapped.command(Action::Rollback {
        image: sha256(&first_image()),
    });
    tapped.command(Action::BootGolden);
    put_back(&mut tapped.bench, &backup);
    let security_counter = tapped.bench.record().security_counter;
    assert_eq!(security_counter, 1, "the floor outlasts the record");
    // This is what stays open (docs/THREATS.md): within one epoch, the record alone says which numbers are old.
    let past = tapped.past.clone();
    tapped.hear(&past);
    assert_eq!(tapped.bench.record().next, [2, 2, 4, 1].map(number));
    // The rollback began a trial, and its trailer proves that the command to boot golden is an old one.
    assert_eq!(tapped.bench.running(), Location::Slot(SlotId::A));
    assert_eq!(tapped.bench.state(SlotId::A), SlotState::Trial);
    // The ground, which knows the higher numbers, is heard as ever.
    tapped.command(Action::BootGolden);
    assert_eq!(tapped.bench.running(), Location::Golden);
    // Put back once more, and switched by the ground that saw it: nothing is heard any more.
    put_back(&mut tapped.bench, &backup);
    tapped.bench.ground.next[ObjectKind::Command.uplink_index().unwrap()] = 9;
    tapped.switch(1);
    tapped.past.retain(|frame| frame[0] & 0xf == 0);
    attacked_in_vain(&mut tapped, "switched");
    assert_ne!(tapped.bench.state(SlotId::B), SlotState::Trial);
}
