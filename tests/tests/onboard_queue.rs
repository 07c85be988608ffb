//! Several authorizations wait at once: for two bundles, or for one. Whichever came last, and wherever power
//! is cut, each of them arms its image once, or is given up for good.

use lightday_sim::flash::CutForm;
use lightday_station::object::UplinkObject;
use lightday_tests::bench_ground::Built;
use lightday_tests::bench_vehicle::{Bench, image};
use lightday_wire::{
    Action, Location, ObjectKind, ObjectNumber, Refusal, ResetCause, SlotId, SlotState, Stage,
    TagLen, Window,
};

const A: Location = Location::Slot(SlotId::A);
const B: Location = Location::Slot(SlotId::B);

/// Two bundles that are still on the ground, and an authorization for each on board.
struct Queue {
    bench: Bench,
    first: Built,
    second: Built,
}

fn queue(is_first_the_last: bool) -> Queue {
    let mut bench = Bench::launch();
    let first = bench.ground.bundle(&image(2, 1500), 2);
    let second = bench.ground.bundle(&image(3, 1500), 3);
    let mut order = [&first, &second];
    if is_first_the_last {
        order.reverse();
    }
    for built in order {
        let authorization = bench.ground.authorization(built);
        bench.deliver_all(&authorization);
    }
    Queue {
        bench,
        first,
        second,
    }
}

/// Delivers symbols as long as there is power.
fn deliver(bench: &mut Bench, object: &UplinkObject) {
    for index in 0..object.k() + 2 {
        if bench.flash.is_powered() {
            bench.deliver(object, [index]);
        }
    }
}

/// Drives a bundle to its Confirm in a slot; the ground repeats it, and never its authorization.
fn drive(bench: &mut Bench, built: &Built, slot: SlotId, told: &str) {
    for _ in 0..20 {
        if !bench.settle_through_cuts() {
            continue;
        }
        match bench.state(slot) {
            SlotState::Confirmed if bench.record().slot(slot).bundle == built.number => return,
            SlotState::Trial => {
                let next = bench.record().next_number(ObjectKind::Command);
                let confirm = Action::Confirm {
                    image: built.image.digest,
                };
                let object = bench.ground.command_numbered(next, confirm);
                deliver(bench, &object);
            }
            SlotState::Verified | SlotState::Armed => bench.wait_s(61),
            _ => deliver(bench, &built.object),
        }
    }
    let hold = bench.report().hold;
    panic!("{told}: {:?}, hold {hold:?}", bench.state(slot));
}

/// Cuts power once at each flash operation from the first symbol of the first bundle on.
fn cut_everywhere(is_first_the_last: bool, form: fn(u64) -> CutForm) {
    let mut whole = queue(is_first_the_last);
    let begin = whole.bench.flash.operations();
    drive(&mut whole.bench, &whole.first, SlotId::B, "no cut");
    drive(&mut whole.bench, &whole.second, SlotId::A, "no cut");
    let end = whole.bench.flash.operations();
    assert!(end - begin > 90, "{} operations", end - begin);
    for operation in begin..end {
        let mut cut = queue(is_first_the_last);
        cut.bench.flash.cut_at(operation, form(operation));
        let told = format!("{:?} at {operation} of {begin}..{end}", form(operation));
        drive(&mut cut.bench, &cut.first, SlotId::B, &told);
        drive(&mut cut.bench, &cut.second, SlotId::A, &told);
        assert_eq!(cut.bench.record().home.0, A, "{told}");
    }
}

#[test]
fn a_cut_before_any_flash_operation_strands_none_of_two_authorizations() {
    cut_everywhere(false, |_| CutForm::NotDone);
}

#[test]
fn a_cut_before_any_flash_operation_strands_neither_if_the_first_came_last() {
    cut_everywhere(true, |_| CutForm::NotDone);
}

#[test]
fn a_cut_within_any_flash_operation_strands_none_of_two_authorizations() {
    cut_everywhere(false, CutForm::Partial);
}

#[test]
fn a_cut_while_an_authorization_comes_strands_neither_it_nor_the_one_that_waits() {
    for at in 0.. {
        let mut bench = Bench::launch();
        let first = bench.ground.bundle(&image(2, 1500), 2);
        let second = bench.ground.bundle(&image(3, 1500), 3);
        let authorization = bench.ground.authorization(&first);
        bench.deliver_all(&authorization);
        let later = bench.ground.authorization(&second);
        let begin = bench.flash.operations();
        bench.flash.cut_at(begin + at, CutForm::Partial(at));
        bench.deliver_all(&later);
        let is_cut = !bench.flash.is_powered();
        if is_cut {
            bench.reset(ResetCause::BrownOut);
            bench.settle();
            // Either it is reported, and holds; or its number is free, and it is sent again.
            bench.deliver_all(&later);
        }
        let told = format!("cut {at}");
        drive(&mut bench, &first, SlotId::B, &told);
        drive(&mut bench, &second, SlotId::A, &told);
        if !is_cut {
            assert!(at >= 4, "a program and three copies of the record");
            break;
        }
    }
}

#[test]
fn an_authorization_that_comes_while_another_arms_strands_neither() {
    for steps in 0..12 {
        let Queue {
            mut bench,
            first,
            second,
        } = queue(false);
        let third = bench.ground.authorization(&second);
        bench.deliver(&first.object, 1..first.object.k());
        let key = bench.uplink(0);
        bench.hear(&first.object.frame(0, &key, TagLen::Eight).unwrap());
        while bench.state(SlotId::B) != SlotState::Verified {
            bench.step();
        }
        for _ in 0..steps {
            if !bench.supervisor.is_reset_requested() {
                bench.step();
            }
        }
        for index in 0..third.k() {
            bench.hear(&third.frame(index, &key, TagLen::Eight).unwrap());
        }
        let told = format!("after {steps} steps");
        drive(&mut bench, &first, SlotId::B, &told);
        drive(&mut bench, &second, SlotId::A, &told);
    }
}

#[test]
fn a_newer_authorization_takes_the_older_ones_place_wherever_power_is_cut() {
    let start = || {
        let mut bench = Bench::launch();
        let built = bench.stage(2, 2);
        let window = |opens_s| Window {
            opens_s,
            closes_s: opens_s + 1_000_000,
        };
        let now = bench.time_s();
        let late = Some(window(now + 100_000));
        let older = bench.ground.authorization_with(&built, late, None);
        bench.deliver_all(&older);
        assert_eq!(bench.state(SlotId::B), SlotState::Armed);
        let soon = Some(window(now + 50_000));
        let newer = bench.ground.authorization_with(&built, soon, None);
        (bench, newer)
    };
    for at in 0.. {
        let (mut bench, newer) = start();
        let begin = bench.flash.operations();
        bench.flash.cut_at(begin + at, CutForm::Partial(at));
        bench.deliver_all(&newer);
        let is_cut = !bench.flash.is_powered();
        if is_cut {
            bench.reset(ResetCause::BrownOut);
            bench.settle();
            bench.deliver_all(&newer);
        } else {
            assert!(at >= 8, "pending, record, record, trailer: cut {at}");
            break;
        }
        let verdict = bench.record().verdict(ObjectKind::Authorization);
        assert_eq!(
            (verdict.number, verdict.stage),
            (newer.number(), Stage::Done),
            "cut {at}"
        );
        assert_eq!(bench.running(), A);
        bench.wait_s(51_000);
        assert_eq!(bench.running(), B, "cut {at}");
    }
}

#[test]
fn one_that_lapsed_arms_nothing_though_another_came_after_it() {
    let mut bench = Bench::launch();
    let built = bench.stage(2, 2);
    let other = bench.ground.bundle(&image(3, 1500), 3);
    let past = Some(bench.time_s() - 1);
    let lapsing = bench.ground.authorization_with(&built, None, past);
    bench.deliver_all(&lapsing);
    assert_eq!(bench.report().authorization.refusal, Refusal::Expired);
    let queued = bench.ground.authorization(&other);
    bench.deliver_all(&queued);
    bench.reset(ResetCause::PowerOn);
    bench.command(Action::ReportRequest);
    bench.wait_s(1000);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    assert_eq!(bench.report().authorization.stage, Stage::Started);
}

#[test]
fn an_arming_that_flash_refuses_is_tried_again_without_another_word() {
    // A short fault, and one of three days.
    for fault_s in [30, 3 * 86_400] {
        let mut bench = Bench::launch();
        let built = bench.ground.bundle(&image(2, 1500), 2);
        let authorization = bench.ground.authorization(&built);
        bench.deliver_all(&authorization);
        bench.deliver(&built.object, 1..built.object.k());
        let key = bench.uplink(0);
        bench.hear(&built.object.frame(0, &key, TagLen::Eight).unwrap());
        while bench.state(SlotId::B) != SlotState::Verified {
            bench.step();
        }
        let copies = bench.map().record.map(|copy| copy.start..copy.end());
        bench.flash.lock(copies);
        bench.step();
        assert_eq!(bench.state(SlotId::B), SlotState::Verified);
        assert!(is_waiting(&bench, authorization.number()));
        let before = bench.flash.stats().protected;
        bench.wait_s(fault_s);
        assert_eq!(bench.report().hold, Refusal::FlashFault);
        // A commit that fails asks for four programs and an erase of each copy: fewer than twenty commits.
        let refused = bench.flash.stats().protected - before;
        assert!(refused < 20 * 15, "{refused} after {fault_s} s");
        bench.flash.unlock();
        bench.wait_s(fault_s.max(61));
        assert_eq!(
            (bench.running(), bench.state(SlotId::B)),
            (B, SlotState::Trial),
            "{fault_s} s"
        );
    }
}

fn is_waiting(bench: &Bench, number: ObjectNumber) -> bool {
    let verdict = bench.record().verdict(ObjectKind::Authorization);
    verdict.number == number && verdict.stage == Stage::Started
}

#[test]
fn an_abort_of_an_authorization_says_of_all_that_it_forgets_that_they_wait_no_more() {
    let Queue {
        mut bench, first, ..
    } = queue(false);
    let latest = bench.record().verdict(ObjectKind::Authorization).number;
    assert!(is_waiting(&bench, latest));
    bench.command(Action::Abort {
        kind: ObjectKind::Authorization,
        number: ObjectNumber::new(latest.get() - 1).unwrap(),
    });
    let verdict = bench.report().authorization;
    assert_eq!(
        (verdict.number, verdict.stage, verdict.refusal),
        (latest, Stage::Failed, Refusal::Superseded)
    );
    bench.deliver_all(&first.object);
    bench.wait_s(1000);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
}

#[test]
fn golden_by_command_forgets_all_authorizations_and_none_comes_back() {
    let Queue {
        mut bench, first, ..
    } = queue(false);
    bench.command(Action::BootGolden);
    bench.settle();
    assert_eq!(bench.running(), Location::Golden);
    assert_eq!(bench.report().authorization.refusal, Refusal::Superseded);
    // A later one for something else must not wake those that were given up.
    let third = bench.ground.bundle(&image(4, 1500), 4);
    let authorization = bench.ground.authorization(&third);
    bench.deliver_all(&authorization);
    bench.deliver_all(&first.object);
    bench.wait_s(1000);
    let slot = SlotId::ALL
        .into_iter()
        .find(|slot| bench.record().slot(*slot).bundle == first.number);
    assert_eq!(
        slot.map(|slot| bench.state(slot)),
        Some(SlotState::Verified)
    );
    assert_eq!(bench.running(), Location::Golden);
}
