//! Who writes key sets and floors: the loader alone. What an application writes boots nothing, and a rotation
//! that is cut off anywhere is finished or never begun.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::floors::{self, Floor};
use lightday_boot::record::HomeCode;
use lightday_boot::store::RecordStore;
use lightday_boot::trailer::{Entry, Trailer};
use lightday_boot::{SlotRecord, keys, succession};
use lightday_sim::flash::CutForm;
use lightday_tests::bench_ground::{launch_manifest, number};
use lightday_tests::bench_staff::Staff;
use lightday_tests::bench_vehicle::{Bench, IDENTITY, describe, image};
use lightday_trust::keyset::KeySetContext;
use lightday_wire::{
    Action, Command, CommandContext, Location, ManifestContext, ObjectKind, Refusal, ResetCause,
    SlotId, SlotState, Stage, Target, Verdict,
};

const A: Location = Location::Slot(SlotId::A);

/// An image in slot B with papers that `staff` signed, and a record that says that it is home, under
/// `staff`'s key set.
fn forge(bench: &mut Bench, staff: &Staff) {
    let map = *bench.map();
    let bytes = image(66, 2000);
    let described = describe(&bytes, 6);
    let slot = map.slot(SlotId::B);
    for region in [slot.image, slot.trailer] {
        bench.flash.erase(region.start, region.end()).unwrap();
    }
    bench.flash.write(slot.image.start, &bytes).unwrap();
    let vehicle = IDENTITY.vehicle;
    let context = ManifestContext {
        target: Target::Vehicle(vehicle),
        number: number(5),
        base: None,
    };
    let to_command = CommandContext {
        vehicle,
        number: number(5),
    };
    let action = Action::Confirm {
        image: described.digest,
    };
    let manifest = staff.envelope(context, launch_manifest(described));
    let confirm = staff.envelope(to_command, Command { action });
    for entry in [
        Entry::Installed {
            number: number(5),
            base: None,
            envelope: &manifest,
        },
        Entry::Commanded {
            number: number(5),
            envelope: &confirm,
        },
    ] {
        Trailer::new(slot.trailer)
            .append(&mut bench.flash, entry)
            .unwrap();
    }
    let mut record = bench.record().clone();
    record.key_set = staff.key_set().version;
    record.home = HomeCode(Location::Slot(SlotId::B));
    *record.slot_mut(SlotId::B) = SlotRecord {
        state: SlotState::Confirmed,
        bundle: number(5),
        image: described.digest,
        size: described.size,
        version: described.version,
        security_counter: 0,
    };
    let verdict = Verdict {
        number: number(9),
        stage: Stage::Started,
        refusal: Refusal::None,
    };
    record.set_verdict(ObjectKind::KeySet, verdict);
    RecordStore::new(map.record)
        .save(&mut bench.flash, 1, &record)
        .unwrap();
}

/// The vehicle runs A under the launch set, and still hears its ground.
fn is_unharmed(bench: &mut Bench) {
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    assert_eq!(bench.running(), A);
    assert_eq!(bench.record().key_set, 1);
    let was_held = bench.record().held;
    bench.command(Action::Hold { held: !was_held });
    assert_eq!(bench.record().held, !was_held);
}

/// Regression: a rogue application wrote itself the next key set, with its own keys, and booted an image of
/// its own.
#[test]
fn an_application_that_writes_flash_boots_nothing_of_its_own() {
    let mut bench = Bench::launch();
    let map = *bench.map();
    let rogue = Staff::new(2, 77);
    let locked = bench.flash.stats().protected;
    assert!(keys::store(&mut bench.flash, &map, rogue.key_set()).is_err());
    assert!(keys::store_at_launch(&mut bench.flash, &map, rogue.key_set()).is_err());
    for floor in [Floor::Epoch, Floor::KeySet, Floor::Security] {
        assert!(floors::raise(&mut bench.flash, map.floors, floor, 9).is_err());
    }
    for region in map.locked() {
        assert!(bench.flash.erase(region.start, region.end()).is_err());
    }
    assert!(bench.flash.stats().protected > locked);
    forge(&mut bench, &rogue);
    is_unharmed(&mut bench);
}

/// The documents that wait for the loader lie open; what nobody signed is refused there too.
#[test]
fn a_key_set_that_an_application_leaves_for_the_loader_is_refused() {
    let mut bench = Bench::launch();
    let map = *bench.map();
    let rogue = Staff::new(2, 2);
    let context = KeySetContext {
        class: IDENTITY.class,
        number: number(9),
    };
    // Signed by the roots of the new set only, and by the roots of another launch set.
    let alone = bench.ground.staff.succession(&rogue, context, false);
    let strangers = Staff::new(1, 66).succession(&rogue, context, true);
    for envelope in [alone, strangers] {
        succession::keep(&mut bench.flash, &map, number(9), &envelope).unwrap();
        forge(&mut bench, &rogue);
        is_unharmed(&mut bench);
        let verdict = bench.record().verdict(ObjectKind::KeySet);
        assert_eq!(verdict.stage, Stage::Refused);
    }
}

/// What the lock is for: a board without it must say that it is cooperative.
#[test]
fn the_lock_opens_at_a_reset_only_and_the_loader_closes_it_again() {
    let mut bench = Bench::launch();
    let floors = bench.map().floors;
    assert!(bench.supervisor.is_locked());
    assert!(floors::raise(&mut bench.flash, floors, Floor::Epoch, 1).is_err());
    bench.reset(ResetCause::Watchdog);
    assert!(bench.supervisor.is_locked());
    assert!(floors::raise(&mut bench.flash, floors, Floor::Epoch, 1).is_err());
}

/// Regression: with both key sets unreadable no command was believed any more, for ever.
#[test]
fn without_its_key_sets_the_vehicle_hears_the_launch_set() {
    let mut bench = Bench::launch();
    let sets = bench.map().key_sets;
    bench.flash.unlock();
    for region in sets {
        bench.flash.erase(region.start, region.end()).unwrap();
    }
    is_unharmed(&mut bench);
}

/// Agent and loader, every operation of a rotation and every form of a cut: the set before or the next one
/// is in force, and the same object, sent again, finishes what was not begun.
#[test]
fn a_rotation_survives_a_cut_at_every_operation() {
    let mut cases = 0u32;
    for form in [
        CutForm::NotDone,
        CutForm::Partial(1),
        CutForm::Partial(2),
        CutForm::Unstable(3),
    ] {
        for op in 0.. {
            let mut bench = Bench::launch();
            let next = Staff::new(2, 2);
            let n = bench.ground.take(ObjectKind::KeySet);
            let context = KeySetContext {
                class: IDENTITY.class,
                number: n,
            };
            let envelope = bench.ground.staff.succession(&next, context, true);
            let object = bench.ground.small(ObjectKind::KeySet, n, &envelope);
            let begin = bench.flash.operations();
            bench.flash.cut_at(begin + op, form);
            bench.deliver_all(&object);
            let was_cut = !bench.flash.is_powered();
            bench.flash.cut_at(u64::MAX, form);
            bench.reset(ResetCause::BrownOut);
            bench.settle();
            assert_eq!(bench.running(), A, "{form:?} at {op}");
            if bench.record().key_set == 1 {
                bench.deliver_all(&object);
            }
            assert_eq!(bench.record().key_set, 2, "{form:?} at {op}");
            let verdict = bench.record().verdict(ObjectKind::KeySet);
            assert_eq!((verdict.number, verdict.stage), (n, Stage::Done));
            bench.ground.staff = next;
            bench.command(Action::Hold { held: true });
            assert!(bench.record().held, "{form:?} at {op}");
            cases += 1;
            if !was_cut {
                break;
            }
        }
    }
    assert!(cases > 40, "{cases} cut cases");
}
