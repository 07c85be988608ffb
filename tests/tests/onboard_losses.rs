//! Which symbols of a bundle were lost decides when it is judged, from its first symbols or once it is solved,
//! and nothing else: the end is the same for every pattern.

use lightday_tests::bench_ground::{Built, nobody};
use lightday_tests::bench_vehicle::{Bench, describe, image};
use lightday_wire::{
    Action, Manifest, ObjectKind, ObjectNumber, Refusal, ResetCause, Stage, Verdict,
};

/// Symbols of parity that may stand in.
const PARITY: u16 = 2;
const FLOOR: u32 = 4;

/// What is wrong with a manifest.
type Change = fn(&mut Manifest);

/// Every way to receive K of K + [`PARITY`] symbols.
fn patterns(k: u16) -> Vec<Vec<u16>> {
    (0..1u32 << (k + PARITY))
        .filter(|set| set.count_ones() == u32::from(k))
        .map(|set| (0..k + PARITY).filter(|i| set >> i & 1 == 1).collect())
        .collect()
}

/// A vehicle whose security counter is at the floor, and a small bundle that it has not heard of.
fn bundle(change: impl FnOnce(&mut Manifest)) -> (Bench, Built) {
    let mut bench = Bench::launch();
    let counter = |manifest: &mut Manifest| manifest.security_counter = FLOOR;
    let first = bench.ground.bundle_with(&image(2, 1500), 2, None, counter);
    bench.deliver_all(&first.object);
    let authorization = bench.ground.authorization(&first);
    bench.deliver_all(&authorization);
    bench.command(Action::Confirm {
        image: first.image.digest,
    });
    assert_eq!(bench.record().security_counter, FLOOR);
    let built = bench
        .ground
        .bundle_with(&image(3, 100), 3, None, |manifest| {
            counter(manifest);
            change(manifest);
        });
    (bench, built)
}

/// What is left of a bundle: the verdict and the next number, before a reset and after it.
fn ends(bench: &mut Bench) -> [(Verdict, ObjectNumber, u16); 2] {
    let end = |bench: &Bench| {
        let report = bench.report();
        (report.bundle, report.next[0], report.symbols_needed)
    };
    let before = end(bench);
    bench.reset(ResetCause::Software);
    bench.settle();
    [before, end(bench)]
}

#[test]
fn a_signed_bundle_is_refused_the_same_way_whichever_symbols_were_lost() {
    let changes: [(Refusal, Change); 3] = [
        (Refusal::SecurityCounter, |m| m.security_counter = FLOOR - 1),
        (Refusal::WrongPlace, |m| m.load_address = 0x1000),
        (Refusal::Malformed, |m| m.trial.tries = 0),
    ];
    for (refusal, change) in changes {
        let k = bundle(change).1.object.k();
        for received in patterns(k) {
            let (mut bench, built) = bundle(change);
            bench.deliver(&built.object, received.clone());
            let verdict = Verdict {
                number: built.number,
                stage: Stage::Refused,
                refusal,
            };
            let next = ObjectNumber::new(built.number.get() + 1).unwrap();
            let told = format!("{refusal:?} from {received:?}");
            assert_eq!(ends(&mut bench), [(verdict, next, 0); 2], "{told}");
            assert_eq!(
                bench.record().verdict(ObjectKind::Bundle),
                verdict,
                "{told}"
            );
            assert_eq!(bench.record().patch_attempts, 0, "{told}");
        }
    }
}

#[test]
fn a_bundle_waits_for_its_base_as_long_whichever_symbols_were_lost() {
    let base = || {
        let mut base = describe(&image(9, 1500), 9);
        base.digest = nobody();
        base
    };
    let start = || {
        let mut bench = Bench::launch();
        let built = bench
            .ground
            .bundle_with(&image(3, 100), 3, Some(base()), |_| {});
        (bench, built)
    };
    let k = start().1.object.k();
    for received in patterns(k) {
        let (mut bench, built) = start();
        bench.deliver(&built.object, received.clone());
        // More resets than a bundle may be begun.
        for boot in 0..10 {
            let report = bench.beacon();
            let told = format!("{received:?}, boot {boot}");
            assert_eq!(
                (report.bundle.number, report.bundle.stage),
                (built.number, Stage::Receiving),
                "{told}"
            );
            assert_eq!(report.bundle.refusal, Refusal::UnknownBase, "{told}");
            assert_eq!(bench.record().patch_attempts, 0, "{told}");
            bench.reset(ResetCause::Software);
        }
    }
}

#[test]
fn a_bundle_that_waits_is_judged_anew_whichever_symbols_were_lost() {
    let start = || {
        let mut bench = Bench::launch();
        let first = bench.stage(2, 2);
        // Its base lies in the slot that it would be written to.
        let base = Some(first.image);
        let second = bench.ground.bundle_with(&image(3, 100), 3, base, |_| {});
        (bench, first, second)
    };
    let k = start().2.object.k();
    for received in patterns(k) {
        let (mut bench, first, second) = start();
        bench.deliver(&second.object, received.clone());
        assert_eq!(bench.report().bundle.refusal, Refusal::SlotBusy);
        bench.command(Action::Abort {
            kind: ObjectKind::Bundle,
            number: first.number,
        });
        let verdict = bench.report().bundle;
        assert_eq!(
            (verdict.number, verdict.refusal),
            (second.number, Refusal::UnknownBase),
            "{received:?}"
        );
    }
}
