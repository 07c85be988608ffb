//! What a step of the agent costs at the most (docs/SPEC.md, "Steps").

use lightday_tests::bench_staff::Staff;
use lightday_tests::bench_vehicle::{Bench, IDENTITY, StepCost, first_image, image};
use lightday_trust::digest::sha256;
use lightday_trust::keyset::KeySetContext;
use lightday_wire::{Action, ObjectKind, Refusal, SlotId, SlotState};

#[test]
fn a_step_erases_one_block_or_programs_once_or_commits() {
    let mut bench = Bench::launch();
    bench.costs.clear();
    let built = bench.ground.bundle(&image(2, 9000), 2);
    let k = built.object.k();
    // Data first: every step is bounded by one operation.
    bench.deliver(&built.object, (0..2 * k).filter(|i| i % 2 == 1));
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    let (mut erases, mut programs, mut commits) = (0, 0, 0);
    for cost in &bench.costs {
        if cost.is_commit {
            // Three copies, each erased first where it is full.
            assert!(cost.programs <= 3 && cost.erases <= 3, "{cost:?}");
            commits += 1;
        } else {
            assert!(cost.programs + cost.erases <= 1, "{cost:?}");
            erases += cost.erases;
            programs += cost.programs;
        }
    }
    assert!(erases > 5 && programs > 100 && commits >= 3);
}

/// The most that any step since the costs were cleared has programmed and erased.
fn worst(bench: &mut Bench) -> (u64, u64) {
    let costs = std::mem::take(&mut bench.costs);
    let of = |what: fn(&StepCost) -> u64| costs.iter().map(what).max().unwrap_or(0);
    (of(|cost| cost.programs), of(|cost| cost.erases))
}

#[test]
fn a_step_that_carries_out_a_document_stores_it_and_commits_and_no_more() {
    // docs/SPEC.md, "Steps": programs and erases, the record's three copies included. A full log costs its
    // erase besides, so that each document comes more often than any log has cells.
    let hold = |bench: &mut Bench| bench.command(Action::Hold { held: true });
    let mut bench = Bench::launch();
    bench.costs.clear();
    for _ in 0..20 {
        hold(&mut bench);
    }
    assert_eq!(worst(&mut bench), (3, 3), "command");
    for round in 0..20 {
        let built = bench.ground.bundle(&image(2, 3000), 2);
        bench.deliver(&built.object, 0..3);
        if round % 2 == 0 {
            hold(&mut bench);
        }
        bench.costs.clear();
        bench.command(Action::Abort {
            kind: ObjectKind::Bundle,
            number: built.number,
        });
        let (programs, erases) = worst(&mut bench);
        assert!(programs <= 3 && erases <= 3, "abort of a bundle");
    }
    for _ in 0..20 {
        let built = bench.ground.bundle(&image(2, 3000), 2);
        bench.costs.clear();
        let authorization = bench.ground.authorization(&built);
        bench.deliver_all(&authorization);
        let (programs, erases) = worst(&mut bench);
        assert!(programs <= 4 && erases <= 4, "authorization");
        bench.command(Action::Abort {
            kind: ObjectKind::Authorization,
            number: authorization.number(),
        });
        let (programs, erases) = worst(&mut bench);
        assert!(programs <= 3 && erases <= 4, "abort of an authorization");
    }
    bench.command(Action::Hold { held: false });
    let built = bench.try_out(3, 3);
    bench.costs.clear();
    bench.command(Action::ReportRequest);
    bench.command(Action::Confirm {
        image: built.image.digest,
    });
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
    let (programs, erases) = worst(&mut bench);
    assert!(programs <= 4 && erases <= 3, "confirm");
    bench.command(Action::BootGolden);
    let (programs, erases) = worst(&mut bench);
    let pending = u64::from(bench.map().pending.len / 4096);
    assert!(programs <= 4 && erases <= 3 + pending, "boot golden");
}

#[test]
fn a_step_that_stores_a_key_set_erases_one_region_programs_twice_and_commits() {
    let mut bench = Bench::launch();
    for version in 2..20u16 {
        let next = Staff::new(u8::try_from(version).unwrap(), version);
        let n = bench.ground.take(ObjectKind::KeySet);
        let context = KeySetContext {
            class: IDENTITY.class,
            number: n,
        };
        let envelope = bench.ground.staff.succession(&next, context, true);
        let object = bench.ground.small(ObjectKind::KeySet, n, &envelope);
        bench.costs.clear();
        bench.deliver_all(&object);
        assert_eq!(bench.record().key_set, version);
        bench.ground.staff = next;
        let (programs, erases) = worst(&mut bench);
        assert!(programs <= 5 && erases <= 4, "{programs} {erases}");
        bench.command(Action::Confirm {
            image: sha256(&first_image()),
        });
        if bench.report().command.refusal == Refusal::TrailerFull {
            assert!(version > 5, "a trailer has cells for a few rotations");
            return;
        }
    }
}
