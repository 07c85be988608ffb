//! Tests of the planner.

use super::*;
use crate::link::Loss;
use crate::link::tests::model;
use lightday_wire::{ObjectKind, ObjectNumber};
use proptest::prelude::*;

fn object(kind: ObjectKind, len: usize, symbol_len: u16) -> UplinkObject {
    UplinkObject::new(
        kind,
        ObjectNumber::new(1).unwrap(),
        &vec![1; len],
        symbol_len,
    )
    .unwrap()
}

/// Passes of 8 h, one a day.
fn daily(count: u64) -> Vec<Pass> {
    (0..count)
        .map(|day| Pass {
            start_s: 1_000_000 + day * 86_400,
            end_s: 1_000_000 + day * 86_400 + 28_800,
            station: "Malargüe".into(),
            ..Pass::default()
        })
        .collect()
}

fn bursts() -> LinkModel {
    model(Loss::GilbertElliott {
        loss: 0.1,
        mean_burst_frames: 10.0,
    })
}

#[test]
fn a_clear_link_takes_k_frames_and_the_times_add_up() {
    let link = model(Loss::Random { p: 0.0 });
    let plan = plan(
        &[object(ObjectKind::Bundle, 20_000, 200)],
        &daily(4),
        &link,
        0.999,
    )
    .unwrap();
    let of = &plan.objects[0];
    assert_eq!((of.k, of.frames, of.enough), (100, 100, true));
    assert_eq!(of.frames_by_pass, [100, 0, 0, 0]);
    // 224 B a frame are 17.92 s at 100 bit/s.
    let sent_s = 1_000_000 + 1792;
    assert_eq!(of.earliest_s, Some(sent_s + 79_200));
    assert_eq!(of.planned_s, of.earliest_s);
    // 44 h later is outside the passes: the report waits for the third one.
    assert_eq!(of.known_s, Some(1_000_000 + 2 * 86_400 + 8));
    assert_eq!(of.quantiles_s, [of.earliest_s; 3]);
    assert_eq!(of.known_quantiles_s, [of.known_s; 3]);
    assert_eq!(plan.bytes.total(), 22_400);
    assert_eq!(plan.passes[0].bytes, 22_400);
    assert!((plan.antenna_h() - 1792.0 / 3600.0).abs() < 1e-9);
}

#[test]
fn every_milestone_on_board_has_its_own_instant_on_the_ground() {
    let mut link = bursts();
    link.lost_pass = 0.05;
    let bundle = [object(ObjectKind::Bundle, 20_000, 200)];
    // One station after another: a report is heard whenever it comes.
    let open = Pass {
        start_s: 1_000_000,
        end_s: 1_000_000 + 86_400,
        station: "first".to_owned(),
        ..Pass::default()
    };
    let passes: Vec<Pass> = (0..4)
        .map(|day| Pass {
            start_s: open.start_s + day * 86_400,
            end_s: open.end_s + day * 86_400,
            ..open.clone()
        })
        .collect();
    let plan = plan(&bundle, &passes, &link, 0.99).unwrap();
    let of = &plan.objects[0];
    let [p50, p90, p99] = of.quantiles_s;
    let on_board = [of.earliest_s, p50, p90, p99, of.planned_s].map(Option::unwrap);
    let [p50, p90, p99] = of.known_quantiles_s;
    let known = [of.known_earliest_s, p50, p90, p99, of.known_s].map(Option::unwrap);
    assert!(on_board[..4].is_sorted_by(|a, b| a < b));
    // The plan is for 0.99: its last frame brings that.
    assert_eq!(on_board[3], on_board[4]);
    // One light time and the eight seconds of a report behind each.
    assert_eq!(known, on_board.map(|s| s + 79_200 + 8));
}

#[test]
fn a_lost_pass_is_covered_by_another_pass() {
    let mut link = bursts();
    link.lost_pass = 0.05;
    let plan = plan(
        &[object(ObjectKind::Bundle, 20_000, 200)],
        &daily(5),
        &link,
        0.99,
    )
    .unwrap();
    let of = &plan.objects[0];
    assert!(of.enough && of.probability >= 0.99);
    assert!(of.frames_by_pass[0] >= 100 && of.frames_by_pass[1] >= 100);
    assert_eq!(of.frames_by_pass[2..], [0, 0, 0]);
}

#[test]
fn an_upload_over_many_passes_is_not_stuffed_into_one() {
    let mut link = bursts();
    link.lost_pass = 0.05;
    // 1,000 frames are 5 h: with what loss takes, two thirds of a pass; 4,000 are three.
    let plan = plan(
        &[object(ObjectKind::Bundle, 800_000, 200)],
        &daily(7),
        &link,
        0.95,
    )
    .unwrap();
    let of = &plan.objects[0];
    assert!(of.enough, "{}", of.probability);
    assert!(of.frames_by_pass[3] > 0);
    assert!(of.frames < 2 * 4000, "{:?}", of.frames_by_pass);
}

#[test]
fn too_few_passes_are_told_as_such() {
    let plan = plan(
        &[object(ObjectKind::Bundle, 800_000, 200)],
        &daily(1),
        &bursts(),
        0.95,
    );
    let plan = plan.unwrap();
    assert!(!plan.is_enough());
    let of = &plan.objects[0];
    assert_eq!(
        (of.probability, of.earliest_s, of.known_s),
        (0.0, None, None)
    );
    assert_eq!(plan.bytes.total(), plan.passes[0].bytes);
}

#[test]
fn small_objects_are_spread_between_the_frames_of_a_bundle() {
    let objects = [
        object(ObjectKind::Bundle, 20_000, 200),
        object(ObjectKind::Command, 80, 80),
    ];
    let plan = plan(&objects, &daily(2), &bursts(), 0.999).unwrap();
    assert!(plan.is_enough());
    assert_eq!(plan.frames[0].object, 1);
    let alone = super::plan(&objects[1..], &daily(2), &bursts(), 0.999).unwrap();
    // Out of the burst: fewer repetitions do the same.
    assert!(plan.objects[1].frames < alone.objects[0].frames);
}

#[test]
fn what_makes_no_plan_has_its_error() {
    let objects = [object(ObjectKind::Command, 80, 80)];
    let fails = |objects: &[UplinkObject], passes: &[Pass], target| {
        plan(objects, passes, &bursts(), target).unwrap_err()
    };
    assert_eq!(fails(&[], &daily(1), 0.9), PlanError::NoObjects);
    assert_eq!(fails(&objects, &[], 0.9), PlanError::NoPasses);
    for target in [0.0, 1.0, f64::NAN] {
        assert_eq!(fails(&objects, &daily(1), target), PlanError::Target);
    }
    let mut passes = daily(2);
    passes.reverse();
    assert_eq!(
        fails(&objects, &passes, 0.9),
        PlanError::PassOrder { pass: 1 }
    );
    let mut late = daily(1);
    late[0].end_s = u64::MAX;
    assert!(matches!(fails(&objects, &late, 0.9), PlanError::Link(_)));
    passes[0].rate_bps = Some(0);
    assert!(matches!(fails(&objects, &passes, 0.9), PlanError::Link(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn plans_are_sound(
        len in 1usize..30_000, loss in 0.0f64..0.3, lost_pass in 0.0f64..0.3, count in 1u64..6,
    ) {
        let mut link = model(Loss::Random { p: loss });
        link.lost_pass = lost_pass;
        let objects = [object(ObjectKind::Bundle, len, 100), object(ObjectKind::Command, 99, 50)];
        let plan = plan(&objects, &daily(count), &link, 0.99).unwrap();
        prop_assert_eq!(&plan, &super::plan(&objects, &daily(count), &link, 0.99).unwrap());
        let sent: u64 = plan.passes.iter().map(|p| p.bytes).sum();
        prop_assert_eq!(plan.bytes.total(), sent);
        let mut free_ms = 0;
        let mut next = [0u16; 2];
        for frame in &plan.frames {
            prop_assert!(frame.start_ms >= free_ms);
            let of = usize::from(frame.object);
            let pass = plan.passes.iter().find(|p| {
                p.pass.start_s * 1000 <= frame.start_ms && frame.start_ms < p.pass.end_s * 1000
            }).unwrap();
            free_ms = frame.start_ms + link.air_time_ms(objects[of].symbol_len(), &pass.pass);
            prop_assert!(free_ms <= pass.pass.end_s * 1000);
            prop_assert_eq!(frame.index, next[of]);
            next[of] += 1;
        }
        for object in &plan.objects {
            prop_assert_eq!(object.frames, object.frames_by_pass.iter().sum::<u32>());
            prop_assert_eq!(object.enough, object.probability >= 0.99);
        }
    }
}
