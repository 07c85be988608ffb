//! Papers that find no place in a trailer: the image that they are for is activated by nothing else.

use lightday_boot::store::RecordStore;
use lightday_sim::flash::CutForm;
use lightday_tests::bench_ground::{Built, LEASE_S};
use lightday_tests::bench_vehicle::{Bench, image};
use lightday_wire::{
    Action, Activation, Digest, Location, ObjectKind, ObjectNumber, Refusal, ResetCause, SlotId,
    SlotState, Stage, TagLen, Verdict, Window,
};

const A: Location = Location::Slot(SlotId::A);
const B: Location = Location::Slot(SlotId::B);

/// How an image was armed before the authorization whose papers find no place.
#[derive(Clone, Copy, Debug)]
enum Before {
    /// By its manifest; reverted since.
    LoadAndGoReverted,
    /// By its manifest; it waits for the interlock.
    LoadAndGoWaits,
    /// By papers without a window, which still lie in the trailer; reverted since.
    Reverted,
    /// By papers without a window; it waits for the interlock.
    Waits,
}

impl Before {
    const ALL: [Self; 4] = [
        Self::LoadAndGoReverted,
        Self::LoadAndGoWaits,
        Self::Reverted,
        Self::Waits,
    ];

    const fn is_load_and_go(self) -> bool {
        matches!(self, Self::LoadAndGoReverted | Self::LoadAndGoWaits)
    }

    const fn is_reverted(self) -> bool {
        matches!(self, Self::LoadAndGoReverted | Self::Reverted)
    }
}

fn start(before: Before) -> (Bench, Built) {
    let mut bench = Bench::launch();
    bench.application.may_activate = before.is_reverted();
    let built = bench.ground.bundle_with(&image(2, 3000), 2, None, |m| {
        if before.is_load_and_go() {
            m.activation = Activation::LoadAndGo;
            m.evidence_root = Some(Digest([5; 32]));
        }
    });
    bench.deliver_all(&built.object);
    if !before.is_load_and_go() {
        let authorization = bench.ground.authorization(&built);
        bench.deliver_all(&authorization);
    }
    if before.is_reverted() {
        bench.wait_s(u64::from(LEASE_S) + 10);
        assert_eq!(bench.state(SlotId::B), SlotState::Reverted, "{before:?}");
    } else {
        assert_eq!(bench.state(SlotId::B), SlotState::Armed, "{before:?}");
    }
    assert_eq!(bench.running(), A);
    (bench, built)
}

fn lock_trailer(bench: &mut Bench) {
    let trailer = bench.map().slot(SlotId::B).trailer;
    bench.flash.lock(Some(trailer.start..trailer.end()));
}

/// Sends papers for a window that opens in a day.
fn authorize_late(bench: &mut Bench, built: &Built) -> ObjectNumber {
    let opens_s = bench.time_s() + 86_400;
    let window = Window {
        opens_s,
        closes_s: opens_s + 86_400,
    };
    let object = bench.ground.authorization_with(built, Some(window), None);
    bench.deliver_all(&object);
    object.number()
}

/// Nothing runs, whatever interlock and resets do; then papers that are stored arm it as ever.
fn assert_disarmed(bench: &mut Bench, built: &Built, number: ObjectNumber, told: &str) {
    bench.application.may_activate = true;
    let verdict = bench.report().authorization;
    assert_eq!(
        (verdict.number, verdict.stage, verdict.refusal),
        (number, Stage::Failed, Refusal::FlashFault),
        "{told}"
    );
    for _ in 0..2 {
        bench.wait_s(10_000);
        assert_eq!(bench.running(), A, "{told}");
        assert_ne!(bench.state(SlotId::B), SlotState::Armed, "{told}");
        bench.reset(ResetCause::PowerOn);
        bench.command(Action::ReportRequest);
    }
    authorize_late(bench, built);
    assert_eq!(bench.state(SlotId::B), SlotState::Armed, "{told}");
    bench.wait_s(80_000);
    assert_eq!(bench.running(), A, "{told}");
    bench.wait_s(10_000);
    assert_eq!(bench.running(), B, "{told}");
}

#[test]
fn papers_that_flash_refuses_arm_nothing_and_leave_nothing_armed() {
    for before in Before::ALL {
        let (mut bench, built) = start(before);
        lock_trailer(&mut bench);
        let number = authorize_late(&mut bench, &built);
        let told = format!("{before:?}");
        assert_eq!(bench.running(), A, "{told}");
        let is_barred = bench.record().is_barred(&built.image.digest);
        assert_eq!(is_barred, before.is_load_and_go(), "{told}");
        assert_disarmed(&mut bench, &built, number, &told);
    }
}

#[test]
fn papers_that_flash_refuses_after_a_reset_arm_nothing_and_leave_nothing_armed() {
    for before in Before::ALL {
        let (mut bench, built) = start(before);
        let opens_s = bench.time_s() + 86_400;
        let window = Window {
            opens_s,
            closes_s: opens_s + 86_400,
        };
        let object = bench.ground.authorization_with(&built, Some(window), None);
        // Kept, a commit of the document, a commit of the arming, and then the papers.
        let papers = bench.flash.operations() + 1 + 3 + 3;
        bench.flash.cut_at(papers, CutForm::NotDone);
        bench.deliver_all(&object);
        let told = format!("{before:?}");
        assert!(!bench.flash.is_powered(), "{told}");
        bench.reset(ResetCause::BrownOut);
        assert_eq!(bench.state(SlotId::B), SlotState::Armed, "{told}");
        lock_trailer(&mut bench);
        bench.settle();
        assert_disarmed(&mut bench, &built, object.number(), &told);
    }
}

#[test]
fn papers_that_are_aborted_or_lapse_leave_no_load_and_go_image_to_arm_itself_again() {
    for before in [Before::LoadAndGoReverted, Before::LoadAndGoWaits] {
        for is_aborted in [true, false] {
            let (mut bench, built) = start(before);
            bench.application.may_activate = false;
            let number = authorize_late(&mut bench, &built);
            let told = format!("{before:?}, aborted: {is_aborted}");
            assert_eq!(bench.state(SlotId::B), SlotState::Armed, "{told}");
            if is_aborted {
                bench.command(Action::Abort {
                    kind: ObjectKind::Authorization,
                    number,
                });
            } else {
                bench.wait_s(2 * 86_400 + 100);
            }
            bench.application.may_activate = true;
            bench.command(Action::ReportRequest);
            bench.wait_s(2 * 86_400);
            assert_eq!(bench.running(), A, "{told}");
            assert_eq!(bench.state(SlotId::B), SlotState::Reverted, "{told}");
            authorize_late(&mut bench, &built);
            bench.wait_s(90_000);
            assert_eq!(bench.running(), B, "{told}");
        }
    }
}

/// Regression: papers that had failed armed their image as soon as the verdict on them had given way to that on another
/// authorization.
#[test]
fn papers_that_failed_arm_nothing_once_another_authorization_has_come() {
    let mut bench = Bench::launch();
    let built = bench.stage(2, 2);
    lock_trailer(&mut bench);
    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    assert_eq!(bench.report().authorization.stage, Stage::Failed);
    bench.flash.unlock();
    let next = bench.ground.bundle(&image(3, 3000), 3);
    let other = bench.ground.authorization(&next);
    bench.deliver_all(&other);
    bench.reset(ResetCause::PowerOn);
    bench.wait_s(1000);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (A, SlotState::Verified)
    );
    // It is armed by what comes after, and the other one still waits.
    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    assert_eq!(bench.running(), B);
    bench.command(Action::Confirm {
        image: built.image.digest,
    });
    bench.deliver_all(&next.object);
    assert_eq!(
        (bench.running(), bench.state(SlotId::A)),
        (A, SlotState::Trial)
    );
}

/// Regression: `Failed` was reported before it was committed; a cut in between, and the papers went on to arm.
#[test]
fn papers_that_fail_are_said_to_have_failed_once_flash_says_so() {
    let (mut bench, built) = start(Before::Waits);
    lock_trailer(&mut bench);
    let object = bench.ground.authorization(&built);
    let (key, reports) = (bench.uplink(0), bench.reports.len());
    for index in 0..object.k() {
        bench.hear(&object.frame(index, &key, TagLen::Eight).unwrap());
    }
    let has_failed = |verdict: Verdict| verdict.stage == Stage::Failed;
    while !bench.reports[reports..]
        .iter()
        .any(|r| has_failed(r.authorization))
    {
        bench.step();
    }
    let store = RecordStore::new(bench.map().record);
    let stored = store.load(&mut bench.flash.peeking()).unwrap();
    assert!(has_failed(stored.record.verdict(ObjectKind::Authorization)));
}
