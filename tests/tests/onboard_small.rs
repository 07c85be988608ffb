//! Whoever stole the link key cannot keep an authorization, a command or a key set out with a few frames:
//! docs/SPEC.md, "Small objects".

use lightday_station::object::UplinkObject;
use lightday_tests::bench_ground::number;
use lightday_tests::bench_staff::Staff;
use lightday_tests::bench_vehicle::{Bench, IDENTITY};
use lightday_trust::keyset::KeySetContext;
use lightday_wire::{
    Action, Epoch, FrameHeader, ObjectKind, Refusal, SlotId, SlotState, Stage, TagLen,
};

/// A frame under the key of epoch 0, of an object that nobody means to complete.
fn forge(bench: &mut Bench, kind: ObjectKind, n: u32, k: u16, index: u16, len: usize) {
    let header = FrameHeader {
        kind,
        epoch: Epoch::FIRST,
        number: number(n),
        k,
        index,
    };
    let mut out = [0; 200];
    let key = bench.uplink(0);
    let sealed = key.seal_frame(header, &[7; 128][..len], TagLen::Eight, &mut out);
    bench.hear(&out[..sealed.unwrap()]);
    bench.settle();
}

/// What one forged frame may say to stay: far ahead, or our own number in another shape.
const SHAPES: [(u32, u16, usize); 4] = [(40_000, 2, 128), (9, 10, 128), (1, 64, 18), (1, 2, 126)];

fn held(bench: &mut Bench) -> UplinkObject {
    let object = bench.ground.command(Action::Hold { held: true });
    assert!(object.k() >= 2);
    object
}

#[test]
fn a_forged_frame_keeps_no_command_out() {
    for (n, k, len) in SHAPES {
        let mut bench = Bench::launch();
        let object = held(&mut bench);
        forge(&mut bench, ObjectKind::Command, n, k, 0, len);
        bench.deliver_all(&object);
        assert!(bench.record().held, "{n} {k} {len}");
    }
}

#[test]
fn a_forged_frame_keeps_no_authorization_out() {
    for (n, k, len) in SHAPES {
        let mut bench = Bench::launch();
        let built = bench.stage(2, 2);
        let object = bench.ground.authorization(&built);
        assert!(object.k() >= 2);
        forge(&mut bench, ObjectKind::Authorization, n, k, 0, len);
        bench.deliver_all(&object);
        assert_eq!(bench.state(SlotId::B), SlotState::Trial, "{n} {k} {len}");
    }
}

#[test]
fn a_forged_frame_keeps_no_key_set_out() {
    for (n, k, len) in SHAPES {
        let mut bench = Bench::launch();
        let n_set = bench.ground.take(ObjectKind::KeySet);
        let context = KeySetContext {
            class: IDENTITY.class,
            number: n_set,
        };
        let next = Staff::new(2, 2);
        let envelope = bench.ground.staff.succession(&next, context, true);
        let object = bench.ground.small(ObjectKind::KeySet, n_set, &envelope);
        assert!(object.k() >= 2);
        forge(&mut bench, ObjectKind::KeySet, n, k, 0, len);
        bench.deliver_all(&object);
        assert_eq!(bench.record().key_set, 2, "{n} {k} {len}");
    }
}

#[test]
fn a_forged_frame_an_hour_keeps_no_confirm_out() {
    let mut bench = Bench::launch();
    let built = bench.try_out(2, 2);
    let confirm = bench.ground.command(Action::Confirm {
        image: built.image.digest,
    });
    for hour in 0..100 {
        let (n, k, len) = SHAPES[usize::from(hour % 4)];
        forge(&mut bench, ObjectKind::Command, n, k, hour, len);
        bench.wait_s(3600);
    }
    assert_eq!(bench.state(SlotId::B), SlotState::Trial);
    bench.deliver_all(&confirm);
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
}

#[test]
fn a_forged_frame_between_any_two_of_ours_keeps_nothing_out() {
    let mut bench = Bench::launch();
    let built = bench.stage(2, 2);
    let object = bench.ground.authorization(&built);
    for index in 0..object.k() {
        // Each of another object, so that none of them is ever complete.
        let n = 100 + u32::from(index);
        forge(&mut bench, ObjectKind::Authorization, n, 2, 0, 128);
        bench.deliver(&object, [index]);
    }
    assert_eq!(bench.state(SlotId::B), SlotState::Trial);
}

#[test]
fn objects_of_one_symbol_disturb_no_reception() {
    let mut bench = Bench::launch();
    let object = held(&mut bench);
    for index in 0..object.k() {
        for n in [1, 2, 40_000] {
            forge(&mut bench, ObjectKind::Command, n, 1, 0, 128);
        }
        bench.deliver(&object, [index]);
    }
    assert!(bench.record().held);
}

#[test]
fn a_forged_symbol_among_ours_costs_the_symbols_that_came_before_and_no_more() {
    let mut bench = Bench::launch();
    let object = held(&mut bench);
    let (n, k) = (object.number().get(), object.k());
    let len = usize::from(object.symbol_len());
    bench.deliver(&object, 0..k - 1);
    forge(&mut bench, ObjectKind::Command, n, k, 50, len);
    assert_eq!(bench.report().command.stage, Stage::Refused);
    assert_eq!(bench.report().command.refusal, Refusal::Malformed);
    bench.deliver(&object, k..2 * k);
    assert!(bench.record().held);
}

#[test]
fn two_commands_that_take_turns_both_arrive() {
    let mut bench = Bench::launch();
    let first = held(&mut bench);
    let second = bench.ground.command(Action::Hold { held: false });
    let k = first.k().max(second.k());
    for index in 0..k {
        bench.deliver(&first, [index]);
        assert_eq!(bench.record().held, index + 1 == k);
        bench.deliver(&second, [index]);
    }
    assert!(!bench.record().held);
    let next = bench.record().next_number(ObjectKind::Command);
    assert_eq!(next.get(), second.number().get() + 1);
}

#[test]
fn the_epoch_switch_is_not_in_the_hands_of_who_stole_the_present_key() {
    let mut bench = Bench::launch();
    bench.ground.epoch = 1;
    let epoch = Epoch::new(1).unwrap();
    let switch = bench.ground.command(Action::EpochSwitch { epoch });
    let (n, k) = (switch.number().get(), switch.k());
    let len = usize::from(switch.symbol_len());
    assert!(k >= 2);
    for index in 0..k {
        // As many as there is time for, whatever they say.
        for i in 0..20u16 {
            let ahead = 100 + u32::from(20 * index + i);
            forge(&mut bench, ObjectKind::Command, ahead, 2, 0, 128);
            forge(&mut bench, ObjectKind::Command, n, k, i, len);
            forge(&mut bench, ObjectKind::Command, n, 1, i, len);
        }
        bench.deliver(&switch, [index]);
    }
    assert_eq!(bench.record().epoch, epoch);
}

#[test]
fn a_switch_that_was_given_up_half_way_keeps_no_confirm_out() {
    let mut bench = Bench::launch();
    let built = bench.try_out(2, 2);
    bench.ground.epoch = 1;
    let epoch = Epoch::new(1).unwrap();
    let switch = bench.ground.command(Action::EpochSwitch { epoch });
    bench.deliver(&switch, 0..switch.k() - 1);
    bench.ground.epoch = 0;
    bench.command(Action::Confirm {
        image: built.image.digest,
    });
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
}
