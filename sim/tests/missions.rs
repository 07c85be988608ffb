//! Whole missions: each application model ends as it should, on board and as the ground knows it; and a seed
//! is a mission, bit for bit.

use lightday_sim::demo;
use lightday_sim::ending::Ending;
use lightday_sim::intruder::{Intrusion, Playback};
use lightday_sim::link::Loss;
use lightday_sim::outcome::{Figures, Outcome};
use lightday_sim::scenario::{Images, Prepared, ScenarioError};
use lightday_sim::time::{MissionTime, Span};
use lightday_sim::trace::Keep;
use lightday_station::document::Draft;
use lightday_wire::{Action, Command, CommandContext, ObjectKind, ObjectNumber, RevertCause};

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
        assert_eq!(outcome.on_ground, outcome.on_board, "{outcome}");
    }
}

#[test]
fn the_ground_learns_that_a_vandal_cost_the_record() {
    let mut scenario = demo::scenario("vandal", images()).unwrap();
    // Before the agent, which has the record in RAM, writes it anew.
    scenario.upsets = (24..72).map(Span::from_hours).collect();
    let lost = Ending::Golden(RevertCause::RecordLost);
    let prepared = Prepared::<4, 4096>::new(scenario).unwrap();
    for seed in 0..SEEDS {
        let mut world = prepared.world(seed, Keep::Digest);
        world.run_until(MissionTime::START + Span::from_days(14));
        let outcome = Outcome::of("vandal", seed, &world, Figures::default());
        assert_eq!(outcome.violations, [], "{outcome}");
        assert_eq!(outcome.on_board, lost, "{outcome}");
        assert_eq!(outcome.on_ground, lost, "nobody heard it: {outcome}");
        // The alarm does not push aside what was proven before it.
        let tracker = world.ground.tracker();
        assert!(tracker.alarm().is_some_and(|alarm| !alarm.denied));
        assert!(tracker.last().is_some_and(|last| !last.is_alarm()));
    }
}

/// Flies the attacked mission with one more frame in the playback, which the vehicle never heard.
fn played_with(number: impl Fn(ObjectNumber) -> ObjectNumber) -> Playback {
    let prepared = prepared("attacked");
    let mut world = prepared.world(1, Keep::Digest);
    world.run_until(MissionTime::START + Span::from_days(4));
    let scenario = demo::scenario("attacked", images()).unwrap();
    let link = &scenario.profile.link;
    let vehicle = scenario.profile.vehicle;
    let next = world
        .checker
        .record()
        .unwrap()
        .next_number(ObjectKind::Command);
    let context = CommandContext {
        vehicle,
        number: number(next),
    };
    let action = Action::Hold { held: true };
    let mut draft = Draft::new(context, Command { action }).unwrap();
    world.ground.crew().sign(&mut draft);
    let object = draft.to_object(link.symbol_len_max).unwrap();
    let key = Intrusion::link_key(world.ground.crew(), vehicle);
    for index in 0..object.k() {
        world.record_unheard(&object.frame(index, &key, link.tag_len).unwrap());
    }
    world.run_until(MissionTime::START + Span::from_days(6));
    world.playback().clone()
}

#[test]
fn a_playback_that_does_something_is_noticed() {
    let fresh = played_with(|next| next);
    assert!(fresh.delivered > 0 && fresh.effects > 0, "{fresh:?}");
    assert!(!fresh.did_nothing());
    // The same command under a number that is used up does nothing.
    let used = played_with(|_| ObjectNumber::default());
    assert_eq!((used.delivered, used.effects), (fresh.delivered, 0));
    assert!(used.did_nothing());
    // Where nothing is played back, nothing is proven.
    assert!(!Playback::default().did_nothing());
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
