//! Key sets, the lost record, and the ways out of both.

use embedded_storage::nor_flash::NorFlash;
use lightday_agent::Health;
use lightday_boot::floors::{self, Floor};
use lightday_tests::bench_ground::{LEASE_S, number};
use lightday_tests::bench_staff::Staff;
use lightday_tests::bench_vehicle::{Bench, IDENTITY, first_image, image};
use lightday_trust::digest::sha256;
use lightday_trust::keyset::KeySetContext;
use lightday_wire::report::flags;
use lightday_wire::{
    Action, Epoch, Location, ObjectKind, ObjectNumber, Refusal, ResetCause, RevertCause, SlotId,
    SlotState, Stage,
};

const A: Location = Location::Slot(SlotId::A);

/// Sends the key set of `next`, and on success lets its staff sign from then on.
fn rotate(bench: &mut Bench, next: Staff, both: bool) -> Refusal {
    let n = bench.ground.take(ObjectKind::KeySet);
    let context = KeySetContext {
        class: IDENTITY.class,
        number: n,
    };
    let envelope = bench.ground.staff.succession(&next, context, both);
    let object = bench.ground.small(ObjectKind::KeySet, n, &envelope);
    let version = next.key_set().version;
    bench.deliver_all(&object);
    let verdict = bench.agent().verdict(ObjectKind::KeySet);
    assert_eq!(verdict.number, n);
    if bench.record().key_set == version {
        assert_eq!(verdict.stage, Stage::Done);
        bench.ground.staff = next;
    }
    verdict.refusal
}

fn reconfirm(bench: &mut Bench) {
    bench.command(Action::Confirm {
        image: sha256(&first_image()),
    });
    assert_eq!(bench.report().command.stage, Stage::Done);
}

#[test]
fn a_key_set_is_signed_by_the_roots_of_both_and_is_in_force_at_once_and_over_resets() {
    let mut bench = Bench::launch();
    let alone = rotate(&mut bench, Staff::new(2, 2), false);
    assert_eq!(alone, Refusal::SignatureMissing);
    assert_eq!(bench.record().key_set, 1);
    assert_eq!(rotate(&mut bench, Staff::new(2, 2), true), Refusal::None);
    assert_eq!(bench.record().key_set, 2);
    let region = bench.map().floors;
    let floor = floors::value(&mut bench.flash.peeking(), region, Floor::KeySet);
    assert_eq!(floor, 2, "the floor is raised at once");
    bench.command(Action::Hold { held: true });
    assert!(bench.record().held);
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    assert_eq!(bench.running(), A, "home is provable under the set before");
    assert_eq!(bench.beacon().key_set, 2);
    // The old flight keys are powerless.
    bench.ground.staff = Staff::new(1, 1);
    bench.command(Action::Hold { held: false });
    assert!(bench.record().held);
}

#[test]
fn a_key_set_that_is_not_the_successor_is_refused() {
    let mut bench = Bench::launch();
    let version = rotate(&mut bench, Staff::new(2, 3), true);
    assert_eq!(version, Refusal::KeySetVersion);
    assert_eq!(
        bench.record().next_number(ObjectKind::KeySet),
        number(1),
        "what was not believed uses no number up"
    );
}

#[test]
fn the_next_key_set_but_one_needs_the_running_image_confirmed_under_the_present_one() {
    let mut bench = Bench::launch();
    assert_eq!(rotate(&mut bench, Staff::new(2, 2), true), Refusal::None);
    let early = rotate(&mut bench, Staff::new(3, 3), true);
    assert_eq!(early, Refusal::ReconfirmFirst);
    assert_eq!(bench.record().key_set, 2);
    reconfirm(&mut bench);
    assert_eq!(rotate(&mut bench, Staff::new(3, 3), true), Refusal::None);
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    assert_eq!(bench.running(), A);
    assert_eq!(bench.record().key_set, 3);
}

/// Regression: where golden is home and dead, two rotations left the vehicle with nothing that boots.
#[test]
fn what_runs_in_golden_s_stead_is_confirmed_anew_before_the_next_key_set_but_one() {
    let mut bench = Bench::launch();
    for copy in bench.map().golden {
        bench.corrupt(copy.image.start + 5);
    }
    bench.command(Action::BootGolden);
    assert_eq!(
        (bench.running(), bench.record().home.0),
        (A, Location::Golden)
    );
    assert_eq!(rotate(&mut bench, Staff::new(2, 2), true), Refusal::None);
    let early = rotate(&mut bench, Staff::new(3, 3), true);
    assert_eq!(early, Refusal::ReconfirmFirst);
    reconfirm(&mut bench);
    assert_eq!(rotate(&mut bench, Staff::new(3, 3), true), Refusal::None);
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    assert_eq!(bench.running(), A);
}

/// Regression: the manifest verified under neither key set any more, and a rollback to the image that home's renewed
/// Confirm proves was refused as unknown; the loader would have reverted it.
#[test]
fn home_that_was_confirmed_anew_comes_back_from_golden_after_two_rotations() {
    let mut bench = Bench::launch();
    let image = sha256(&first_image());
    for version in [2, 3] {
        let next = Staff::new(u8::try_from(version).unwrap(), version);
        assert_eq!(rotate(&mut bench, next, true), Refusal::None);
        reconfirm(&mut bench);
    }
    bench.command(Action::BootGolden);
    assert_eq!(bench.running(), Location::Golden);
    bench.command(Action::Rollback { image });
    assert_eq!(
        (bench.running(), bench.state(SlotId::A)),
        (A, SlotState::Trial)
    );
    // It is a trial: a boot later it still is one, and only a new Confirm ends it.
    bench.reset(ResetCause::Upset);
    bench.settle();
    assert_eq!(bench.state(SlotId::A), SlotState::Trial);
    bench.command(Action::Confirm { image });
    assert_eq!(bench.state(SlotId::A), SlotState::Confirmed);
    assert_eq!(bench.record().home.0, A);
}

/// What nobody on board vouches for any more stays where it is: the other slot's Confirm was not renewed.
#[test]
fn an_image_that_was_not_confirmed_anew_is_no_way_back_after_two_rotations() {
    let mut bench = Bench::launch();
    let second = bench.update(2, 2);
    let confirm = Action::Confirm {
        image: second.image.digest,
    };
    for version in [2, 3] {
        let next = Staff::new(u8::try_from(version).unwrap(), version);
        assert_eq!(rotate(&mut bench, next, true), Refusal::None);
        bench.command(confirm);
    }
    bench.command(Action::Rollback {
        image: sha256(&first_image()),
    });
    assert_eq!(bench.report().command.refusal, Refusal::UnknownImage);
    bench.command(Action::BootGolden);
    bench.command(Action::Rollback {
        image: second.image.digest,
    });
    assert_eq!(bench.running(), Location::Slot(SlotId::B));
}

#[test]
fn a_confirm_that_proves_nothing_new_takes_no_cell() {
    let mut bench = Bench::launch();
    let trailer = bench.map().slot(SlotId::A).trailer;
    let operation = bench.flash.operations();
    for _ in 0..10 {
        reconfirm(&mut bench);
    }
    assert!(
        !bench
            .flash
            .changed_since(operation, trailer.start..trailer.end())
    );
}

#[test]
fn key_sets_do_not_change_while_an_image_is_on_trial() {
    let mut bench = Bench::launch();
    bench.try_out(2, 2);
    assert_eq!(
        rotate(&mut bench, Staff::new(2, 2), true),
        Refusal::SlotBusy
    );
    assert_eq!(bench.record().key_set, 1);
}

#[test]
fn an_image_received_under_one_key_set_is_authorized_and_confirmed_under_the_next() {
    let mut bench = Bench::launch();
    let built = bench.stage(2, 2);
    assert_eq!(rotate(&mut bench, Staff::new(2, 2), true), Refusal::None);
    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    assert_eq!(bench.state(SlotId::B), SlotState::Trial);
    bench.command(Action::Confirm {
        image: built.image.digest,
    });
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
}

fn lose_record(bench: &mut Bench) {
    for copy in bench.map().record {
        bench.flash.erase(copy.start, copy.end()).unwrap();
    }
    bench.reset(ResetCause::PowerOn);
    bench.settle();
}

#[test]
fn a_lost_record_boots_golden_which_accepts_nothing_but_a_root_signed_resync_under_the_next_epoch()
{
    let mut bench = Bench::launch();
    bench.update(2, 2);
    lose_record(&mut bench);
    assert_eq!(bench.running(), Location::Golden);
    assert_ne!(bench.report().flags & flags::RECORD_LOST, 0);
    let before = bench.writes();
    // Bundles and commands of the old epoch, and other commands of a later one.
    let built = bench.ground.bundle(&image(3, 3000), 3);
    bench.deliver_all(&built.object);
    bench.command(Action::Hold { held: true });
    bench.ground.epoch = 1;
    bench.deliver_all(&built.object);
    bench.command(Action::Hold { held: true });
    let epoch = Epoch::new(1).unwrap();
    bench.command(Action::EpochSwitch { epoch });
    assert_eq!(bench.report().command.refusal, Refusal::RecordLost);
    let next = [10, 20, 30, 40].map(number);
    bench.ground.epoch = 0;
    bench.command(Action::Resync {
        epoch: Epoch::FIRST,
        next,
    });
    assert_eq!(bench.writes(), before);
    assert!(!bench.record().held);
    // The one way out.
    bench.ground.epoch = 1;
    bench.ground.next[2] = 50;
    bench.command(Action::Resync { epoch, next });
    assert_eq!(bench.record().epoch, epoch);
    assert_eq!(bench.record().next, [10, 20, 51, 40].map(number));
    assert_eq!(bench.record().revert_cause, RevertCause::RecordLost);
    assert_eq!(bench.report().flags & flags::RECORD_LOST, 0);
    // What the trailers prove is known again, and golden stays home until it is told.
    assert_eq!(
        [SlotId::A, SlotId::B].map(|slot| bench.state(slot)),
        [SlotState::Confirmed; 2]
    );
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    assert_eq!(bench.running(), Location::Golden);
    bench.command(Action::Rollback {
        image: sha256(&first_image()),
    });
    assert_eq!(bench.running(), A);
}

/// Regression: root set the numbers below those of the papers on board, from an old ledger; a Confirm of long ago was
/// then newer than a trial of today, and its second boot confirmed an image that had heard nothing.
#[test]
fn after_a_resync_from_an_old_ledger_no_confirm_of_before_ends_a_trial() {
    let mut bench = Bench::launch();
    bench.ground.next[2] = 40;
    let second = bench.update(2, 2);
    lose_record(&mut bench);
    bench.ground.epoch = 1;
    bench.ground.next[2] = 1;
    bench.command(Action::Resync {
        epoch: Epoch::new(1).unwrap(),
        next: [number(1); 4],
    });
    // The numbers are those that the papers prove were used, and the ground is told.
    assert_eq!(bench.record().next, [2, 2, 41, 1].map(number));
    assert_eq!(bench.beacon().next, [2, 2, 41, 1].map(number));
    bench.ground.next = [2, 2, 41, 1];
    bench.command(Action::Rollback {
        image: second.image.digest,
    });
    assert_eq!(bench.state(SlotId::B), SlotState::Trial);
    bench.reset(ResetCause::Upset);
    bench.settle();
    assert_eq!(bench.state(SlotId::B), SlotState::Trial);
    bench.wait_s(u64::from(LEASE_S) + 10);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (Location::Golden, SlotState::Reverted)
    );
}

/// Regression: an authorization that had waited since before the record was lost shadowed the one that root's older
/// ledger numbered below it, and the bundle was never armed.
#[test]
fn after_a_resync_no_authorization_of_before_waits_for_a_bundle() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    bench.ground.next[1] = 8;
    let waits = bench.ground.authorization(&built);
    bench.deliver_all(&waits);
    lose_record(&mut bench);
    bench.ground.epoch = 1;
    bench.ground.next = [1; 4];
    bench.command(Action::Resync {
        epoch: Epoch::new(1).unwrap(),
        next: [number(1), number(7), number(1), number(1)],
    });
    bench.command(Action::Hold { held: true });
    let other = bench.ground.bundle(&image(3, 3000), 3);
    assert_eq!(other.number, built.number);
    bench.ground.next[1] = 7;
    let authorization = bench.ground.authorization(&other);
    bench.deliver_all(&authorization);
    bench.deliver_all(&other.object);
    let armed = SlotId::ALL.map(|slot| bench.state(slot));
    assert!(armed.contains(&SlotState::Armed), "{armed:?}");
}

/// Regression: authorizations of a slot that was not confirmed were not counted among the numbers in use.
#[test]
fn a_resync_counts_the_authorization_of_an_image_that_was_not_confirmed() {
    let mut bench = Bench::launch();
    let built = bench.stage(2, 2);
    bench.command(Action::Hold { held: true });
    bench.ground.next[1] = 8;
    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    assert_eq!(bench.state(SlotId::B), SlotState::Armed);
    lose_record(&mut bench);
    bench.ground.epoch = 1;
    bench.ground.next[2] = 5;
    bench.command(Action::Resync {
        epoch: Epoch::new(1).unwrap(),
        next: [number(1); 4],
    });
    assert_eq!(
        bench.record().next_number(ObjectKind::Authorization),
        number(9)
    );
}

/// Regression: an image that may confirm itself, heard a command and was reverted for its health came back from a
/// resynchronisation as `Confirmed`.
#[test]
fn an_image_that_was_reverted_for_its_health_is_not_confirmed_by_a_resync() {
    for is_healthy in [false, true] {
        let mut bench = Bench::launch();
        bench.application.health = Health::Starting;
        let built = bench
            .ground
            .bundle_with(&image(2, 3000), 2, None, |m| m.trial.self_confirm = true);
        bench.deliver_all(&built.object);
        let authorization = bench.ground.authorization(&built);
        bench.deliver_all(&authorization);
        bench.command(Action::ReportRequest);
        bench.application.health = match is_healthy {
            true => Health::Healthy,
            false => Health::Failing,
        };
        bench.wait_s(61);
        let ended = match is_healthy {
            true => SlotState::Confirmed,
            false => SlotState::Reverted,
        };
        assert_eq!(bench.state(SlotId::B), ended);
        lose_record(&mut bench);
        bench.ground.epoch = 1;
        bench.command(Action::Resync {
            epoch: Epoch::new(1).unwrap(),
            next: [number(9); 4],
        });
        let told = match is_healthy {
            true => SlotState::Confirmed,
            false => SlotState::Empty,
        };
        assert_eq!(bench.state(SlotId::B), told, "healthy: {is_healthy}");
        assert_eq!(bench.beacon().slots[1].state, told);
    }
}

#[test]
fn in_the_last_epoch_a_lost_record_is_resynchronised_under_the_same_epoch() {
    let mut bench = Bench::launch();
    let last = Epoch::new(15).unwrap();
    bench.ground.epoch = 15;
    bench.command(Action::EpochSwitch { epoch: last });
    assert_eq!(bench.record().epoch, last);
    let next = [10, 20, 30, 40].map(number);
    bench.command(Action::Resync { epoch: last, next });
    assert_eq!(
        bench.report().command.stage,
        Stage::Refused,
        "the record is there"
    );
    lose_record(&mut bench);
    assert_eq!(bench.running(), Location::Golden);
    // Nothing else is heard, and not from anybody but root.
    let before = bench.writes();
    let built = bench.ground.bundle(&image(3, 3000), 3);
    bench.deliver_all(&built.object);
    bench.command(Action::Hold { held: true });
    assert_eq!(bench.report().command.refusal, Refusal::RecordLost);
    assert_eq!(bench.writes(), before);
    bench.ground.next[2] = 50;
    bench.command(Action::Resync { epoch: last, next });
    assert_eq!(bench.report().flags & flags::RECORD_LOST, 0);
    assert_eq!(bench.record().next, [10, 20, 51, 40].map(number));
    bench.command(Action::Hold { held: true });
    assert!(bench.record().held);
}

#[test]
fn a_resync_is_refused_while_the_record_is_there() {
    let mut bench = Bench::launch();
    bench.ground.epoch = 1;
    let epoch = Epoch::new(1).unwrap();
    bench.command(Action::Resync {
        epoch,
        next: [ObjectNumber::default(); 4],
    });
    assert_eq!(bench.report().command.refusal, Refusal::EpochOrder);
    assert_eq!(bench.record().epoch, Epoch::FIRST);
}

#[test]
fn floors_outlast_the_record() {
    let mut bench = Bench::launch();
    assert_eq!(rotate(&mut bench, Staff::new(2, 2), true), Refusal::None);
    bench.ground.epoch = 4;
    bench.command(Action::EpochSwitch {
        epoch: Epoch::new(4).unwrap(),
    });
    lose_record(&mut bench);
    assert_eq!(bench.running(), Location::Golden);
    // The key of epoch 4 may be the compromised one: only a later one speaks.
    bench.ground.next[2] = 50;
    let resync = |e| Action::Resync {
        epoch: Epoch::new(e).unwrap(),
        next: [number(5); 4],
    };
    for e in 0..=4 {
        bench.ground.epoch = e;
        bench.command(resync(e));
        assert_ne!(bench.record().next[0], number(5), "epoch {e}");
    }
    bench.ground.epoch = 5;
    let old = std::mem::replace(&mut bench.ground.staff, Staff::new(1, 1));
    bench.command(resync(5));
    assert_ne!(bench.record().next[0], number(5), "roots of the old set");
    bench.ground.staff = old;
    bench.command(resync(5));
    assert_eq!(bench.record().next[0], number(5));
    assert_eq!(bench.record().key_set, 2);
}

#[test]
fn symbols_of_an_older_epoch_are_dropped_with_the_switch() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    bench.deliver(&built.object, 0..9);
    bench.ground.epoch = 1;
    bench.command(Action::EpochSwitch {
        epoch: Epoch::new(1).unwrap(),
    });
    assert_eq!(bench.agent().symbols_needed(), 0);
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    assert_eq!(bench.agent().symbols_needed(), 0);
    bench.deliver_all(&built.object);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}
