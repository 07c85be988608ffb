//! He has the link key in force and every recording, and no signing key.

use lightday_station::object::UplinkObject;
use lightday_tests::bench_ground::{Built, Ground, number};
use lightday_tests::bench_staff::Staff;
use lightday_tests::bench_vehicle::{Bench, IDENTITY, image};
use lightday_trust::keyset::KeySetContext;
use lightday_wire::{
    Action, Digest, Epoch, Location, ObjectKind, Refusal, Region, SlotId, SlotState, Stage, Window,
};

use crate::rig::Tapped;

/// The bytes of an object under another number.
fn renumbered(object: &UplinkObject, n: u32) -> UplinkObject {
    let symbols = (0..object.k()).filter_map(|index| object.symbol(index));
    let (bytes, len) = (symbols.flatten().collect::<Vec<_>>(), object.symbol_len());
    UplinkObject::new(object.kind(), number(n), &bytes, len).unwrap()
}

/// Whatever he sends, this stays: what runs, what is confirmed, what is armed, the numbers and the epoch.
fn stays(tapped: &mut Tapped, told: &str, attack: impl FnOnce(&mut Tapped)) {
    let (record, boots) = (tapped.bench.record().clone(), tapped.bench.boots.len());
    let replies = (tapped.bench.answers.len(), tapped.bench.parts.len());
    let operation = tapped.bench.flash.operations();
    attack(tapped);
    for slot in SlotId::ALL {
        assert!(
            !tapped.bench.slot_changed_since(operation, slot),
            "{told}: {slot:?}"
        );
    }
    let mut now = tapped.bench.record().clone();
    let verdict = now.verdict(ObjectKind::Bundle);
    if told == RECEIVING && verdict != record.verdict(ObjectKind::Bundle) {
        // Symbols of his in our block: it fails and says so, and its number is as free as before.
        let why = (verdict.stage, verdict.refusal);
        assert_eq!(why, (Stage::Failed, Refusal::PayloadDigest), "{told}");
        let bundle = ObjectKind::Bundle.uplink_index().unwrap();
        now.verdicts[bundle] = record.verdicts[bundle];
    }
    assert_eq!(now, record, "{told}");
    assert_eq!(tapped.bench.boots.len(), boots, "{told}: a reset");
    let told_now = (tapped.bench.answers.len(), tapped.bench.parts.len());
    assert_eq!(told_now, replies, "{told}: bytes of flash");
}

/// The vehicle with a past: running; receiving; with an image in the other slot that is verified, armed, or on trial;
/// running golden; and with its record lost.
fn phases() -> [(&'static str, Tapped); 7] {
    let idle = Tapped::with_a_past();
    let mut verified = Tapped::with_a_past();
    verified.stage(6, 6);
    assert_eq!(verified.bench.state(SlotId::A), SlotState::Verified);
    let mut trial = Tapped::with_a_past();
    let built = trial.stage(6, 6);
    trial.authorize(&built);
    assert_eq!(trial.bench.state(SlotId::A), SlotState::Trial);
    [
        ("idle", idle),
        (RECEIVING, receiving()),
        ("verified", verified),
        ("armed", armed()),
        ("on trial", trial),
        ("golden", golden()),
        (RECORD_LOST, without_record()),
    ]
}

/// In this phase he pollutes the block, and it is reported: see `pollution_is_detected_reported_and_cured_by_the_epoch_switch`.
const RECEIVING: &str = "receiving";
/// Of this phase more is asked than of the others: nothing but a resynchronisation is so much as listened to.
const RECORD_LOST: &str = "the record is lost";

fn receiving() -> Tapped {
    let mut tapped = Tapped::with_a_past();
    let built = tapped.bench.ground.bundle(&image(6, 3000), 6);
    tapped.send(&built.object, 0..built.object.k() / 2);
    assert!(tapped.bench.agent().symbols_needed() > 0);
    tapped
}

fn armed() -> Tapped {
    let mut tapped = Tapped::with_a_past();
    let built = tapped.stage(6, 6);
    let opens_s = tapped.bench.time_s() + 7 * 86_400;
    let window = Window {
        opens_s,
        closes_s: opens_s + 86_400,
    };
    let ground = &mut tapped.bench.ground;
    let authorization = ground.authorization_with(&built, Some(window), None);
    tapped.send_all(&authorization);
    assert_eq!(tapped.bench.state(SlotId::A), SlotState::Armed);
    tapped
}

fn golden() -> Tapped {
    let mut tapped = Tapped::with_a_past();
    tapped.command(Action::BootGolden);
    assert_eq!(tapped.bench.running(), Location::Golden);
    // The resets of the way there are forgotten with time, whoever sends.
    tapped.bench.wait_s(2 * 3600);
    tapped
}

fn without_record() -> Tapped {
    let mut tapped = Tapped::with_a_past();
    tapped.lose_record();
    assert_eq!(tapped.bench.running(), Location::Golden);
    tapped
}

#[test]
fn what_was_signed_once_serves_under_no_other_number() {
    for (told, mut tapped) in phases() {
        let past = tapped.objects.clone();
        stays(&mut tapped, told, |tapped| {
            for object in &past {
                for ahead in [0, 1, 300] {
                    let next = tapped.bench.record().next_number(object.kind()).get();
                    let moved = renumbered(object, next + ahead);
                    let is_bundle = object.kind() == ObjectKind::Bundle;
                    tapped.bench.deliver_all(&moved);
                    let verdict = tapped.bench.agent().verdict(object.kind());
                    assert!(
                        is_bundle || verdict.stage == Stage::Refused || told == RECORD_LOST,
                        "{told}: {verdict:?}"
                    );
                }
            }
        });
    }
}

/// Everything that a stranger's staff can sign, under the next numbers.
fn of_a_stranger(bench: &Bench, image_on_trial: Digest) -> Vec<UplinkObject> {
    let mut ground = Ground::new(Staff::new(9, 2));
    ground.next = bench.record().next.map(|next| next.get());
    let built = ground.bundle(&image(8, 3000), 8);
    let mut objects = vec![
        built.object.clone(),
        ground.authorization(&built),
        ground.authorization(&Built {
            number: number(ground.next[0] - 2),
            image: lightday_wire::Image {
                digest: image_on_trial,
                ..built.image
            },
            ..built
        }),
    ];
    let epoch = Epoch::new(bench.record().epoch.get() + 1).unwrap();
    for action in [
        Action::Confirm {
            image: image_on_trial,
        },
        Action::BootGolden,
        Action::Rollback {
            image: image_on_trial,
        },
        Action::Hold { held: true },
        Action::RegionDigest {
            region: Region::Staging,
            offset: 0,
            len: 1,
        },
        Action::MemoryDump {
            region: Region::Staging,
            offset: 0,
            len: 1024,
        },
        Action::Abort {
            kind: ObjectKind::Command,
            number: number(60_000),
        },
        Action::EpochSwitch { epoch },
        Action::Resync {
            epoch,
            next: [number(1); 4],
        },
    ] {
        objects.push(ground.command(action));
    }
    let n = ground.take(ObjectKind::KeySet);
    let context = KeySetContext {
        class: IDENTITY.class,
        number: n,
    };
    let envelope = ground.staff.succession(&Staff::new(8, 3), context, true);
    objects.push(ground.small(ObjectKind::KeySet, n, &envelope));
    objects
}

#[test]
fn a_strangers_signatures_install_arm_and_confirm_nothing() {
    for (told, mut tapped) in phases() {
        let on_trial = tapped.bench.record().slot(SlotId::A).image;
        let running = tapped.bench.running();
        stays(&mut tapped, told, |tapped| {
            for object in of_a_stranger(&tapped.bench, on_trial) {
                for epoch in [1, 2] {
                    tapped.bench.ground.epoch = epoch;
                    tapped.bench.deliver_all(&object);
                }
                tapped.bench.ground.epoch = 1;
            }
            tapped.bench.wait_s(3600);
        });
        assert_eq!(tapped.bench.running(), running, "{told}");
    }
}

#[test]
fn pollution_is_detected_reported_and_cured_by_the_epoch_switch() {
    let mut tapped = Tapped::with_a_past();
    let built = tapped.bench.ground.bundle(&image(6, 3000), 6);
    let k = built.object.k();
    let operation = tapped.bench.flash.operations();
    for _ in 0..3 {
        tapped.send(&built.object, 0..k - 1);
        let bad = tapped.bench.polluted(&built.object, k + 7, 1);
        tapped.hear(&[bad]);
        let verdict = tapped.bench.report().bundle;
        assert_eq!(verdict.number, built.number);
        assert_eq!(
            (verdict.stage, verdict.refusal),
            (Stage::Failed, Refusal::PayloadDigest)
        );
        for slot in SlotId::ALL {
            assert!(!tapped.bench.slot_changed_since(operation, slot));
        }
    }
    // He goes on in the middle of our next try, which begins before the switch.
    tapped.send(&built.object, 0..4);
    let bad = tapped.bench.polluted(&built.object, k + 7, 1);
    tapped.hear(&[bad]);
    tapped.switch(2);
    assert_eq!(
        tapped.bench.agent().symbols_needed(),
        0,
        "all of it is dropped"
    );
    for index in 0..k {
        let bad = tapped.bench.polluted(&built.object, k + 8 + index, 1);
        tapped.hear(&[bad]);
        tapped.send(&built.object, [index]);
    }
    assert_eq!(tapped.bench.state(SlotId::A), SlotState::Verified);
    assert_eq!(
        tapped.bench.slot_digest(SlotId::A, 3000),
        built.image.digest
    );
}

#[test]
fn what_was_polluted_while_an_image_is_on_trial_is_dropped_by_the_switch_without_a_reset() {
    let mut tapped = Tapped::with_a_past();
    let on_trial = tapped.stage(6, 6);
    tapped.authorize(&on_trial);
    assert_eq!(tapped.bench.state(SlotId::A), SlotState::Trial);
    let built = tapped.bench.ground.bundle(&image(7, 3000), 7);
    let k = built.object.k();
    tapped.send(&built.object, 0..4);
    let bad = tapped.bench.polluted(&built.object, k + 7, 1);
    tapped.hear(&[bad]);
    let boots = tapped.bench.boots.len();
    tapped.switch(2);
    assert_eq!(tapped.bench.boots.len(), boots, "it costs no try");
    assert_eq!(tapped.bench.agent().symbols_needed(), 0);
    tapped.send(&built.object, 0..k);
    let image = tapped.bench.record().slot(SlotId::A).image;
    tapped.command(Action::Confirm { image });
    assert_eq!(
        tapped.bench.slot_digest(SlotId::B, 3000),
        built.image.digest
    );
    assert_eq!(tapped.bench.state(SlotId::B), SlotState::Verified);
}

#[test]
fn a_reception_that_he_begins_and_never_ends_gives_way_to_an_abort_or_the_epoch_switch() {
    for is_switched in [false, true] {
        let mut tapped = Tapped::with_a_past();
        let far = number(tapped.bench.ground.next[0] + 5000);
        let never = UplinkObject::new(ObjectKind::Bundle, far, &[7; 4000], 64).unwrap();
        tapped.bench.deliver(&never, [9]);
        let built = tapped.bench.ground.bundle(&image(6, 3000), 6);
        tapped.send_all(&built.object);
        assert_eq!(tapped.bench.agent().symbols_needed(), never.k() - 1);
        assert_eq!(
            tapped.bench.beacon().symbols_needed,
            never.k() - 1,
            "it shows"
        );
        if is_switched {
            tapped.switch(2);
        } else {
            tapped.command(Action::Abort {
                kind: ObjectKind::Bundle,
                number: far,
            });
        }
        let next = tapped.bench.record().next_number(ObjectKind::Bundle);
        assert_eq!(next, built.number, "no number is burnt");
        tapped.send_all(&built.object);
        assert_eq!(tapped.bench.state(SlotId::A), SlotState::Verified);
    }
}
