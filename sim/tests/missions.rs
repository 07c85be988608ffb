//! Whole missions: each application model ends as it should, on board and as the ground knows it; and a seed
//! is a mission, bit for bit.

use lightday_sim::demo;
use lightday_sim::ending::Ending;
use lightday_sim::link::Loss;
use lightday_sim::scenario::{Images, Prepared, ScenarioError};
use lightday_sim::time::{MissionTime, Span};
use lightday_sim::trace::Keep;
use lightday_wire::RevertCause;

const OLD: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v2.bin");
const NEW: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v3.bin");
const SEEDS: u64 = 6;

fn images() -> Images {
    Images::new(OLD, OLD, NEW)
}

fn prepared(name: &str) -> Prepared<4, 4096> {
    Prepared::new(demo::scenario(name, images()).unwrap()).unwrap()
}

/// Flies a scenario with several seeds; both ends must agree on how it ended, and nothing may be broken.
fn ends(name: &str, is_expected: impl Fn(Ending) -> bool) {
    let prepared = prepared(name);
    for seed in 0..SEEDS {
        let outcome = prepared.run(seed, Keep::Headlines);
        let story = || {
            let lines: Vec<String> = outcome.timeline.iter().map(ToString::to_string).collect();
            format!("{outcome}\n{}", lines.join("\n"))
        };
        assert_eq!(outcome.violations, [], "{}", story());
        assert!(is_expected(outcome.on_board), "{}", story());
        assert_eq!(outcome.on_ground, outcome.on_board, "{}", story());
    }
}

fn reverted(cause: RevertCause) -> impl Fn(Ending) -> bool {
    move |ending| ending == Ending::Reverted(cause)
}

#[test]
fn a_healthy_image_is_confirmed() {
    ends("healthy", |e| e == Ending::Confirmed);
}

#[test]
fn an_image_that_crashes_at_boot_is_reverted_after_its_tries() {
    ends("crashes-at-boot", reverted(RevertCause::TriesExhausted));
}

#[test]
fn an_image_that_hangs_is_reverted_by_the_watchdog() {
    ends("hangs", reverted(RevertCause::TriesExhausted));
}

#[test]
fn a_deaf_image_is_reverted_at_the_end_of_its_lease() {
    ends("deaf", reverted(RevertCause::LeaseExpired));
}

#[test]
fn an_image_that_lies_about_its_health_is_not_confirmed_and_reverted() {
    ends("lies-about-health", reverted(RevertCause::LeaseExpired));
}

#[test]
fn an_image_that_says_it_is_not_healthy_is_reverted_at_once() {
    ends("unhealthy", reverted(RevertCause::HealthFailed));
}

#[test]
fn an_image_that_never_runs_the_agent_is_reverted_by_the_supervisor() {
    ends("never-runs-agent", reverted(RevertCause::LeaseExpired));
}

#[test]
fn an_image_that_dies_on_day_3_is_reverted_before_or_after_its_confirm() {
    ends("dies-on-day-3", |e| {
        matches!(
            e,
            Ending::Reverted(RevertCause::TriesExhausted | RevertCause::CrashLoop)
        )
    });
}

#[test]
fn after_a_vandal_golden_runs_and_is_untouched() {
    let prepared = prepared("vandal");
    for seed in 0..SEEDS {
        let outcome = prepared.run(seed, Keep::Digest);
        assert_eq!(outcome.violations, [], "{outcome}");
        assert!(matches!(outcome.on_board, Ending::Golden(_)), "{outcome}");
    }
}

#[test]
fn forgeries_and_recordings_change_nothing() {
    ends("attacked", |e| e == Ending::Confirmed);
}

#[test]
fn the_older_version_comes_back_by_command() {
    ends("rollback", |e| e == Ending::RolledBack);
}

#[test]
fn a_seed_is_a_mission_bit_for_bit() {
    let mut digests = Vec::new();
    for name in demo::names() {
        let prepared = prepared(name);
        for seed in [1, 2] {
            let (first, again) = (
                prepared.run(seed, Keep::Digest),
                prepared.run(seed, Keep::All),
            );
            assert_eq!(first.digest, again.digest, "{name} {seed}");
            assert_eq!(first.events, again.events, "{name} {seed}");
            digests.push(first.digest);
        }
    }
    let all = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), all, "two missions have the same trace");
    // Also where everything is prepared anew.
    let anew = prepared("healthy").run(1, Keep::Digest);
    assert_eq!(anew.digest, prepared("healthy").run(1, Keep::Digest).digest);
}

#[test]
fn every_act_of_the_demonstration_ends_as_it_should() {
    for seed in [demo::SEED, 1, 2] {
        let acts = demo::play(&images(), seed).unwrap();
        assert_eq!(acts.len(), 5);
        for act in &acts {
            assert!(act.is_as_it_should, "{act}");
            assert!(act.frames_sent >= act.frames_needed, "{act}");
            assert!(act.to_verified.unwrap() >= Span::from_hours(22), "{act}");
            assert!(act.to_known_on_ground >= act.to_verified, "{act}");
            assert!(act.payload_bytes < act.image_bytes / 10, "{act}");
        }
        assert_eq!(demo::table(&acts).lines().count(), 6);
    }
}

#[test]
fn the_twin_expects_what_the_vehicle_comes_to() {
    let mut scenario = demo::scenario("healthy", images()).unwrap();
    scenario.has_twin = true;
    scenario.loss = Loss::None;
    let prepared = Prepared::<4, 4096>::new(scenario).unwrap();
    let mut world = prepared.world(3, Keep::Digest);
    // The bundle is on its way: the twin has heard nothing more than the vehicle.
    world.run_until(MissionTime::START + Span::from_hours(20));
    let record = |world: &lightday_sim::world::World<4, 4096>| {
        let twin = world.twin.as_ref().unwrap().record().unwrap();
        (twin, world.checker.record().unwrap().clone())
    };
    let (twin, vehicle) = record(&world);
    assert_eq!(twin, vehicle);
    // Two days later the twin expects the new image on trial, long before the ground can know.
    world.run_until(MissionTime::START + Span::from_hours(26));
    let (twin, _) = record(&world);
    assert!(twin.trial_slot().is_some());
    assert!(world.milestones.known.is_none());
    world.run_until(MissionTime::START + Span::from_days(14));
    let (twin, vehicle) = record(&world);
    assert_eq!(twin.slots, vehicle.slots);
    assert_eq!(twin.next, vehicle.next);
    assert_eq!(twin.home, vehicle.home);
}

#[test]
fn a_lossless_mission_wastes_no_frame_and_knows_in_two_light_times() {
    let mut scenario = demo::scenario("healthy", images()).unwrap();
    scenario.loss = Loss::None;
    scenario.schedule.length = Span::from_hours(24);
    let outcome = Prepared::<4, 4096>::new(scenario)
        .unwrap()
        .run(1, Keep::Digest);
    assert_eq!(outcome.on_ground, Ending::Confirmed);
    assert_eq!(outcome.frames_lost, 0);
    let verified = outcome.to_verified().unwrap();
    let known = outcome.to_known().unwrap();
    assert!(verified < Span::from_hours(23), "{verified}");
    assert!(known < Span::from_hours(45), "{known}");
}

#[test]
fn a_geometry_that_is_not_the_profile_s_is_refused() {
    let scenario = demo::scenario("healthy", images()).unwrap();
    let refused = Prepared::<8, 4096>::new(scenario).err().unwrap();
    assert!(matches!(refused, ScenarioError::Geometry { .. }));
    assert!(refused.to_string().contains("granules of 4 B"), "{refused}");
    assert!(demo::scenario("nonsense", images()).is_none());
}
