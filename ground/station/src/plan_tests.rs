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
    // 44 h later is outside the passes: a beacon in the third one tells, six hours behind its begin at the latest.
    let third_s = 1_000_000 + 2 * 86_400 + 8;
    assert_eq!(of.known_earliest_s, Some(third_s));
    assert_eq!(of.known_s, Some(third_s + 6 * 3600 - 1));
    assert_eq!(of.quantiles_s, [of.earliest_s; 3]);
    for (known, share) in of.known_quantiles_s.iter().zip(QUANTILES) {
        let waits_s = (known.unwrap() - third_s) as f64;
        assert!((waits_s - share * 21_600.0).abs() < 70.0, "{waits_s}");
    }
    assert_eq!(plan.bytes.total(), 22_400);
    assert_eq!(plan.passes[0].bytes, 22_400);
    assert!((plan.antenna_h() - 1792.0 / 3600.0).abs() < 1e-9);
}

#[test]
fn a_part_of_a_plan_is_its_begin_and_has_the_chance_of_its_frames() {
    let link = model(Loss::Random { p: 0.1 });
    let objects = [object(ObjectKind::Bundle, 2_000, 200)];
    let starts = objects.each_ref().map(Start::fresh);
    let passes = daily(2);
    let whole = plan(&objects, &passes, &link, 0.999).unwrap();
    assert!(whole.frames.len() > 14);
    // The chance that 10 or more of n frames arrive, each with 0.9.
    let chance = |n: i32| -> f64 {
        let choose = |k: i32| (0..k).fold(1.0, |c, i| c * f64::from(n - i) / f64::from(i + 1));
        let exactly = |k: i32| choose(k) * 0.9f64.powi(k) * 0.1f64.powi(n - k);
        (10..=n).map(exactly).sum()
    };
    for n in [0, 9, 10, 12, 14] {
        let frames = usize::try_from(n).unwrap();
        let part = plan_part(&objects, &starts, &passes, &link, 0.999, frames).unwrap();
        assert_eq!(part.frames, whole.frames[..frames]);
        let of = &part.objects[0];
        assert!((of.probability - chance(n)).abs() < 1e-12, "{n}: {of:?}");
        assert_eq!((of.frames, of.enough), (u32::try_from(n).unwrap(), false));
        assert_eq!(part.bytes.total(), 224 * u64::try_from(n).unwrap());
    }
    let all = plan_part(&objects, &starts, &passes, &link, 0.999, 9_999).unwrap();
    assert_eq!(all, whole);
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
            station: day.to_string(),
            ..open.clone()
        })
        .collect();
    let plan = plan(&bundle, &passes, &link, 0.99).unwrap();
    let of = &plan.objects[0];
    let [p50, p90, p99] = of.quantiles_s;
    let on_board = [of.earliest_s, p50, p90, p99, of.planned_s].map(Option::unwrap);
    assert!(on_board[..4].is_sorted_by(|a, b| a < b));
    // The plan is for 0.99: its last frame brings that.
    assert_eq!(on_board[3], on_board[4]);
    // One light time and the eight seconds of a report behind each, if none of that is lost.
    let known = [of.known_earliest_s, of.known_s];
    assert_eq!(
        known,
        [on_board[0], on_board[4]].map(|s| Some(s + 79_200 + 8))
    );
    // A report is lost with 0.1, and its pass with 0.05: half of all cases wait little longer, one in ten for a beacon.
    let [p50, p90, _] = of
        .known_quantiles_s
        .map(|s| s.unwrap_or(u64::MAX) - 79_200 - 8);
    assert!(on_board[1] < p50 && p50 < on_board[1] + 1800, "{p50}");
    assert!(
        on_board[2] + 3600 < p90 && p90 < on_board[2] + 86_400,
        "{p90}"
    );
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

/// What one plan lays into two passes, and another is told to be on its way when it plans the second.
fn in_two_steps(link: &LinkModel, target: f64, lost: [f64; 2]) -> (Plan, Plan) {
    let mut passes = daily(2);
    for (pass, lost) in passes.iter_mut().zip(lost) {
        (pass.end_s, pass.lost) = (pass.start_s + 1500, Some(lost));
    }
    let objects = [object(ObjectKind::Bundle, 20_000, 200)];
    let whole = plan(&objects, &passes, link, target).unwrap();
    let first = &whole.passes[0];
    let start = Start {
        needed: 100,
        in_flight: vec![InFlight {
            places: (0..first.frames).collect(),
            pass_frames: first.frames,
            lost: lost[0],
            pass_start_s: passes[0].start_s,
            pass_end_s: passes[0].end_s,
            arrives_s: 1_001_500 + 79_200,
        }],
        next: first.frames,
    };
    let rest = plan_from(&objects, &[start], &passes[1..], link, target).unwrap();
    (whole, rest)
}

#[test]
fn what_is_on_its_way_counts_as_if_it_were_planned_still() {
    for (lost, target) in [([0.0, 0.0], 0.9), ([0.1, 0.3], 0.99), ([0.5, 0.01], 0.6)] {
        let (whole, rest) = in_two_steps(&bursts(), target, lost);
        let (whole, of) = (&whole.objects[0], &rest.objects[0]);
        assert_eq!(of.frames, whole.frames_by_pass[1], "{lost:?}");
        assert_eq!((of.in_flight, of.needed), (whole.frames_by_pass[0], 100));
        assert!((of.probability - whole.probability).abs() < 1e-12);
        let sent = rest.frames.iter().map(|f| u32::from(f.index));
        assert!(sent.eq(whole.frames_by_pass[0]..whole.frames), "{lost:?}");
    }
}

#[test]
fn the_rest_of_a_pass_is_lost_with_its_begin() {
    let link = bursts();
    let mut passes = daily(1);
    passes[0].lost = Some(0.2);
    let objects = [object(ObjectKind::Bundle, 20_000, 200)];
    let whole = plan(&objects, &passes, &link, 0.75).unwrap();
    let start = Start {
        needed: 100,
        in_flight: vec![InFlight {
            places: (0..60).collect(),
            pass_frames: 60,
            lost: 0.2,
            pass_start_s: passes[0].start_s,
            pass_end_s: passes[0].end_s,
            arrives_s: 1_001_076 + 79_200,
        }],
        next: 60,
    };
    // 60 frames of 17.92 s.
    passes[0].start_s += 1076;
    let rest = plan_from(&objects, &[start], &passes, &link, 0.75).unwrap();
    let (whole, of) = (&whole.objects[0], &rest.objects[0]);
    assert_eq!(of.frames, whole.frames - 60);
    assert!((of.probability - whole.probability).abs() < 1e-12);
    // Not even all that fits it makes up for its loss.
    assert!(of.probability < 0.8);
}

#[test]
fn milestones_that_frames_in_flight_reach_lie_where_these_arrive() {
    let link = model(Loss::Random { p: 0.01 });
    let objects = [object(ObjectKind::Bundle, 20_000, 200)];
    let run = |frames, arrives_s| InFlight {
        places: (0..frames).collect(),
        pass_frames: frames,
        lost: 0.0,
        pass_start_s: 0,
        pass_end_s: 0,
        arrives_s,
    };
    let start = Start {
        needed: 40,
        in_flight: vec![run(30, 900_000), run(12, 950_000)],
        next: 60,
    };
    let plan = plan_from(&objects, &[start], &daily(2), &link, 0.999).unwrap();
    let of = &plan.objects[0];
    // 42 of which 40 arrive: 0.99 with three lost at the most.
    assert_eq!(
        (of.earliest_s, of.quantiles_s[0]),
        (Some(950_000), Some(950_000))
    );
    assert_eq!(of.quantiles_s[1], Some(950_000));
    assert!(of.planned_s > Some(1_000_000) && (1..10).contains(&of.frames));
    assert!(of.enough && plan.bytes.payload == u64::from(of.frames) * 200);

    // What suffices already takes nothing more.
    let start = Start {
        needed: 40,
        in_flight: vec![run(60, 900_000)],
        next: 60,
    };
    let plan = plan_from(&objects, &[start], &daily(2), &link, 0.999).unwrap();
    let of = &plan.objects[0];
    assert_eq!((of.frames, of.enough), (0, true));
    assert_eq!(
        (of.planned_s, of.quantiles_s),
        (Some(900_000), [Some(900_000); 3])
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_in_flight_in_later_passes_counts_with_its_pass(
        in_flight in prop::array::uniform3(0u32..60), lost in prop::array::uniform3(0.0f64..0.6),
        target in 0.5f64..0.999,
    ) {
        let link = bursts();
        let mut passes = daily(3);
        passes.iter_mut().zip(lost).for_each(|(pass, lost)| pass.lost = Some(lost));
        let runs = passes.iter().zip(in_flight).filter(|(_, frames)| *frames > 0);
        let start = Start {
            needed: 50,
            in_flight: runs.map(|(pass, frames)| InFlight {
                places: (0..frames).collect(),
                pass_frames: frames,
                lost: link.lost(pass),
                pass_start_s: pass.start_s,
                pass_end_s: pass.end_s,
                arrives_s: pass.end_s + 79_200,
            }).collect(),
            next: in_flight.iter().sum(),
        };
        let objects = [object(ObjectKind::Bundle, 10_000, 200)];
        let plan = plan_from(&objects, core::slice::from_ref(&start), &passes, &link, target).unwrap();
        let of = &plan.objects[0];

        let mut exact = crate::chance::Reception::new(50, link.chain(200));
        let mut without = exact.clone();
        for ((pass, frames), planned) in passes.iter().zip(in_flight).zip(&of.frames_by_pass) {
            for (reception, frames) in [(&mut exact, frames + planned), (&mut without, frames)] {
                reception.begin_pass(link.lost(pass));
                (0..frames).for_each(|_| reception.frame(1));
                reception.end_pass();
            }
        }
        prop_assert!((of.probability - exact.success()).abs() < 1e-9, "{} {}", of.probability, exact.success());
        // Nothing is sent that is not needed, and what is enough is said.
        prop_assert_eq!(of.frames == 0, without.success() >= target);
        prop_assert_eq!(of.enough, of.probability >= target);
        let all_lost: f64 = lost.iter().product();
        prop_assert!(of.enough || 1.0 - all_lost < target + 1e-3, "{}", of.probability);
    }
}

/// The chance that `needed` of an object's frames arrive that go up in these places of one pass.
fn in_places(link: &LinkModel, object: &UplinkObject, lost: f64, places: &[u32]) -> f64 {
    let chain = link.chain(object.symbol_len());
    let mut exact = crate::chance::Reception::new(object.k().into(), chain);
    exact.begin_pass(lost);
    let before = places.iter().take(1).chain(places);
    for (slot, before) in places.iter().zip(before) {
        exact.frame(slot - before);
    }
    exact.end_pass();
    exact.success()
}

#[test]
fn frames_on_their_way_count_in_the_places_that_they_had_between_others() {
    let link = bursts();
    let passes = daily(1);
    let lost = link.lost(&passes[0]);
    let objects = [
        object(ObjectKind::Bundle, 20_000, 200),
        object(ObjectKind::Command, 180, 90),
        object(ObjectKind::Authorization, 270, 90),
    ];
    let target = 0.99 * (1.0 - lost);
    let whole = plan(&objects, &passes, &link, target).unwrap();
    for sent in [3, 20, 40, whole.frames.len()] {
        let of = |frames: &[PlannedFrame], object: usize| -> Vec<u32> {
            let places = (0..).zip(frames);
            let own = places.filter(|(_, frame)| usize::from(frame.object) == object);
            own.map(|(slot, _)| slot).collect()
        };
        let start = |(place, object): (usize, &UplinkObject)| {
            let places = of(&whole.frames[..sent], place);
            Start {
                next: u32::try_from(places.len()).unwrap(),
                needed: object.k().into(),
                in_flight: vec![InFlight {
                    places,
                    pass_frames: u32::try_from(sent).unwrap(),
                    lost,
                    pass_start_s: passes[0].start_s,
                    pass_end_s: passes[0].end_s,
                    arrives_s: passes[0].end_s + 79_200,
                }],
            }
        };
        let starts: Vec<Start> = objects.iter().enumerate().map(start).collect();
        let mut left = passes.clone();
        left[0].start_s += 3600;
        let rest = plan_from(&objects, &starts, &left, &link, target).unwrap();
        for (place, object) in objects.iter().enumerate() {
            let mut places = of(&whole.frames[..sent], place);
            let behind = of(&rest.frames, place);
            places.extend(
                behind
                    .iter()
                    .map(|slot| slot + u32::try_from(sent).unwrap()),
            );
            let found = rest.objects[place].probability;
            let exact = in_places(&link, object, lost, &places);
            assert!(
                (found - exact).abs() < 1e-9,
                "{sent} {place}: {found} {exact}"
            );
            let neighbours: Vec<u32> = (0..).take(places.len()).collect();
            let bursty = in_places(&link, object, lost, &neighbours);
            assert!(
                place == 0 || exact - bursty > 1e-3,
                "{sent} {place}: {exact} {bursty}"
            );
        }
    }
}
