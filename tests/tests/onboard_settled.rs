//! Commands that only a reset carries out: they end as `Done` or `Failed`, as soon as the vehicle has come up, whatever was
//! cut off; and no other command is called done by that.

use lightday_agent::Health;
use lightday_sim::flash::CutForm;
use lightday_tests::bench_ground::LEASE_S;
use lightday_tests::bench_vehicle::{Bench, first_image};
use lightday_trust::digest::sha256;
use lightday_wire::{
    Action, Location, ObjectKind, Refusal, Region, ResetCause, RevertCause, SlotId, SlotState,
    Stage, TagLen,
};

const A: Location = Location::Slot(SlotId::A);
const B: Location = Location::Slot(SlotId::B);
const DONE: (Stage, Refusal) = (Stage::Done, Refusal::None);

/// What the latest report says of the latest command; the record in flash says the same.
fn told(bench: &Bench) -> (Stage, Refusal) {
    let verdict = bench.report().command;
    assert_eq!(verdict, bench.record().verdict(ObjectKind::Command));
    (verdict.stage, verdict.refusal)
}

fn rollback() -> Action {
    Action::Rollback {
        image: sha256(&first_image()),
    }
}

/// The new image is home in B, the old one confirmed in A.
fn updated() -> Bench {
    let mut bench = Bench::launch();
    bench.update(2, 2);
    bench
}

/// A command is heard and written, and its reset is to come.
fn begin(bench: &mut Bench, action: Action) {
    let object = bench.ground.command(action);
    let key = bench.uplink(0);
    for index in 0..object.k() {
        bench.hear(&object.frame(index, &key, TagLen::Eight).unwrap());
    }
    while !bench.supervisor.is_reset_requested() {
        bench.step();
    }
    let verdict = bench.record().verdict(ObjectKind::Command);
    assert_eq!(verdict.stage, Stage::Started);
}

/// Regression: it was `Started` for ever.
#[test]
fn a_rollback_is_done_when_the_older_image_runs() {
    let mut bench = updated();
    bench.command(rollback());
    assert_eq!((bench.running(), told(&bench)), (A, DONE));
    // What becomes of the trial is told of the slot, and changes no verdict.
    bench.wait_s(u64::from(LEASE_S) + 10);
    assert_eq!((bench.running(), told(&bench)), (B, DONE));
    assert_eq!(bench.report().revert_cause, RevertCause::LeaseExpired);
}

#[test]
fn a_rollback_whose_image_does_not_come_up_has_failed_and_says_why() {
    let mut bench = updated();
    begin(&mut bench, rollback());
    let at = bench.map().slot(SlotId::A).image.start + 100;
    bench.corrupt(at);
    bench.settle();
    assert_eq!(bench.running(), B);
    assert_eq!(told(&bench), (Stage::Failed, Refusal::ImageDigest));
    // It crashes before its agent says a word.
    let mut bench = updated();
    begin(&mut bench, rollback());
    while bench.state(SlotId::A) != SlotState::Reverted {
        bench.reset(ResetCause::Fault);
    }
    bench.settle();
    assert_eq!(bench.running(), B);
    assert_eq!(told(&bench), (Stage::Failed, Refusal::Barred));
    assert_eq!(bench.report().revert_cause, RevertCause::TriesExhausted);
}

/// Regression: it was `Started` for ever.
#[test]
fn boot_golden_is_done_when_golden_runs_and_has_failed_where_a_slot_runs_in_its_stead() {
    let mut bench = updated();
    bench.command(Action::BootGolden);
    assert_eq!((bench.running(), told(&bench)), (Location::Golden, DONE));
    let mut bench = updated();
    begin(&mut bench, Action::BootGolden);
    for copy in bench.map().golden {
        bench.corrupt(copy.image.start + 3000);
    }
    bench.settle();
    assert_eq!(bench.running(), B);
    assert_eq!(told(&bench), (Stage::Failed, Refusal::ImageDigest));
    // On trial it ends that first.
    let mut bench = Bench::launch();
    bench.try_out(2, 2);
    bench.command(Action::BootGolden);
    assert_eq!((bench.running(), told(&bench)), (Location::Golden, DONE));
}

/// Regression: it was `Started` for ever, whether it was the first command that the trial heard or not.
#[test]
fn the_abort_of_what_is_on_trial_is_done_when_the_image_before_runs() {
    for is_first in [true, false] {
        let mut bench = Bench::launch();
        let built = bench.try_out(2, 2);
        if !is_first {
            bench.command(Action::ReportRequest);
        }
        bench.command(Action::Abort {
            kind: ObjectKind::Bundle,
            number: built.number,
        });
        assert_eq!((bench.running(), told(&bench)), (A, DONE), "{is_first}");
        assert_eq!(bench.state(SlotId::B), SlotState::Reverted);
    }
}

/// A Confirm that comes when the image has given itself up.
#[test]
fn a_confirm_that_the_loader_does_not_follow_has_failed() {
    let mut bench = Bench::launch();
    let built = bench.try_out(2, 2);
    let confirm = Action::Confirm {
        image: built.image.digest,
    };
    begin(&mut bench, confirm);
    let at = bench.map().slot(SlotId::B).image.start + 100;
    bench.corrupt(at);
    bench.settle();
    assert_eq!(bench.running(), A);
    assert_eq!(told(&bench), (Stage::Failed, Refusal::ImageDigest));
}

/// Golden runs for other reasons than a command, and what a reset cut off is no success.
#[test]
fn what_another_reset_cut_off_is_not_called_done() {
    let mut bench = updated();
    bench.command(Action::BootGolden);
    bench.command(rollback());
    assert_eq!(told(&bench), DONE);
    let built = Action::Confirm {
        image: sha256(&first_image()),
    };
    bench.command(built);
    // A digest of a region takes some steps; none of them is done before the reset.
    let object = bench.ground.command(Action::RegionDigest {
        region: Region::Image(A),
        offset: 0,
        len: 3000,
    });
    let key = bench.uplink(0);
    for index in 0..object.k() {
        bench.hear(&object.frame(index, &key, TagLen::Eight).unwrap());
    }
    bench.step();
    assert_eq!(
        bench.record().verdict(ObjectKind::Command).stage,
        Stage::Started
    );
    bench.application.health = Health::Starting;
    for _ in 0..12 {
        bench.reset(ResetCause::Fault);
    }
    bench.settle();
    assert_eq!(bench.running(), Location::Golden);
    assert_eq!(told(&bench), (Stage::Started, Refusal::None));
}

/// Every operation from the command to rest, in every form of a cut: what is said of it is so, and in the end it is done,
/// or was never heard.
#[test]
fn a_cut_anywhere_leaves_no_command_unsettled_and_none_falsely_done() {
    let mut cases = 0u32;
    for (action, runs) in [(rollback(), A), (Action::BootGolden, Location::Golden)] {
        for form in [
            CutForm::NotDone,
            CutForm::Partial(1),
            CutForm::Partial(2),
            CutForm::Unstable(3),
        ] {
            for operation in 0.. {
                let mut bench = updated();
                let object = bench.ground.command(action);
                let begin = bench.flash.operations();
                bench.flash.cut_at(begin + operation, form);
                bench.deliver_all(&object);
                let was_cut = !bench.flash.is_powered();
                bench.flash.cut_at(u64::MAX, form);
                let reports = bench.reports.len();
                while !bench.settle_through_cuts() {}
                for report in &bench.reports[reports..] {
                    let is_meant = report.command.number == object.number();
                    let is_done = is_meant && report.command.stage == Stage::Done;
                    assert!(!is_done || report.running.0 == runs, "{operation} {form:?}");
                }
                let why = format!("{action:?} {form:?} at {operation}");
                let verdict = bench.record().verdict(ObjectKind::Command);
                if verdict.number == object.number() {
                    assert_eq!((bench.running(), told(&bench)), (runs, DONE), "{why}");
                } else {
                    assert_eq!(bench.running(), B, "{why}");
                    bench.deliver_all(&object);
                    assert_eq!((bench.running(), told(&bench)), (runs, DONE), "{why}");
                }
                cases += 1;
                if !was_cut {
                    break;
                }
            }
        }
    }
    assert!(cases > 40, "{cases} cut cases");
}
