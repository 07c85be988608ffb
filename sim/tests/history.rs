//! Spacecraft that were lost, or nearly, by what was sent up to them: each flies again with the real station,
//! agent and loader, and a new image or a command that does the same. `docs/LESSONS.md` tells each, and says
//! where Lightday would not have helped.

use lightday_boot::cells::{CellLog, RECORD_CELL};
use lightday_boot::store::RecordStore;
use lightday_sim::checker::Checker;
use lightday_sim::ending::Ending;
use lightday_sim::outcome::{Figures, Outcome};
use lightday_sim::scenario::{Images, Prepared, Scenario};
use lightday_sim::time::{MissionTime, Span};
use lightday_sim::trace::Keep;
use lightday_sim::vehicle::Behaviour;
use lightday_sim::world::World;
use lightday_wire::{
    Action, CodecId, Location, ObjectKind, Refusal, ResetCause, RevertCause, Role, SlotId,
    SlotState, Stage,
};

const GOLDEN: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v1.bin");
const OLD: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v2.bin");
const NEW: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v3.bin");

/// Bytes of each image: what is told here needs no large ones.
const LEN: usize = 60_000;
const SEED: u64 = 3;
const B: Option<Location> = Some(Location::Slot(SlotId::B));
const LEASE: RevertCause = RevertCause::LeaseExpired;

type Flown = World<4, 4096>;

/// A mission made ready, with what is special about it.
fn prepared(name: &str, change: impl FnOnce(&mut Scenario)) -> Prepared<4, 4096> {
    let images = Images::new(&GOLDEN[..LEN], &OLD[..LEN], &NEW[..LEN]);
    let mut scenario = Scenario::new(name, images);
    change(&mut scenario);
    Prepared::new(scenario).unwrap()
}

fn day(n: u64) -> MissionTime {
    MissionTime::START + Span::from_days(n)
}

/// Runs minute by minute until something is so; returns when that was.
fn run_until(world: &mut Flown, is_so: impl Fn(&Flown) -> bool) -> MissionTime {
    let end = world.now() + Span::from_days(60);
    while !is_so(world) {
        assert!(world.now() < end, "it never comes to that");
        assert_eq!(world.checker.violations(), []);
        world.run_until(world.now() + Span::from_secs(60));
    }
    world.now()
}

/// What came of it so far; nothing that must hold was broken, and the ground knows what is so.
fn outcome(world: &Flown, name: &str) -> Outcome {
    let outcome = Outcome::of(name, SEED, world, Figures::default());
    let lines: Vec<String> = outcome.timeline.iter().map(ToString::to_string).collect();
    let story = format!("{outcome}\n{}", lines.join("\n"));
    assert_eq!(outcome.violations, [], "{story}");
    assert_eq!(outcome.on_ground, outcome.on_board, "{story}");
    outcome
}

fn command_verdict(world: &Flown) -> Option<(Stage, Refusal)> {
    let report = world.ground.tracker().latest()?.report;
    Some((report.command.stage, report.command.refusal))
}

/// A patch for the batteries overwrote what pointed the antenna. The lander was well, and never heard again.
#[test]
fn viking_1_1982_an_image_that_points_the_antenna_elsewhere_is_reverted() {
    let prepared = prepared("viking-1", |s| s.behaviour = Behaviour::TurnsAway);
    let mut world = prepared.world(SEED, Keep::Headlines);
    let tried = run_until(&mut world, |w| w.vehicle.running() == B);
    world.run_until(tried + Span::from_days(6));
    // It is well by all that it knows, nobody hears it, and it waits for a command that cannot come.
    assert!(world.checker.record().unwrap().trial.healthy);
    let told = world.ground.tracker().latest().unwrap().report;
    assert_eq!(told.slots[1].state, SlotState::Empty, "it was heard");
    world.run_until(day(14));
    assert_eq!(
        outcome(&world, "viking-1").on_board,
        Ending::Reverted(LEASE)
    );
}

/// One character was missing from a command, and it was sent past the machine that would have found it.
#[test]
fn phobos_1_1988_what_verification_did_not_sign_is_not_armed() {
    let prepared = prepared("phobos-1", |s| s.absent = Some(Role::Verification));
    let mut world = prepared.world(SEED, Keep::Headlines);
    world.run_until(day(14));
    let outcome = outcome(&world, "phobos-1");
    assert_eq!(outcome.on_board, Ending::Unfinished(SlotState::Verified));
    let report = world.ground.tracker().latest().unwrap().report;
    assert_eq!(
        (report.authorization.stage, report.authorization.refusal),
        (Stage::Refused, Refusal::SignatureMissing)
    );
    assert_eq!(outcome.resets, 0);
}

/// Its files filled the memory, one of two uploads to tidy up never came through whole, and it was reset more
/// than 130 times.
#[test]
fn spirit_2004_half_an_upload_does_nothing_and_golden_takes_in_the_rest() {
    let prepared = prepared("spirit", |s| {
        s.profile.decoder.codecs = vec![CodecId::Store];
        s.schedule.length = Span::from_secs(1800);
        s.lost_passes = vec![2, 3];
    });
    let mut world = prepared.world(SEED, Keep::Headlines);
    world.run_until(day(3));
    let needed = world.vehicle.agent().unwrap().symbols_needed();
    assert!(needed > 0, "the upload is complete");
    assert_eq!(
        world.checker.record().unwrap().slots[1].state,
        SlotState::Empty
    );
    // From here on the image that runs crashes at every boot.
    world.vehicle.behave(Behaviour::CrashesAtBoot);
    world.run_until(day(3) + Span::from_hours(1));
    assert_eq!(world.vehicle.running(), Some(Location::Golden));
    assert_eq!(
        world.checker.record().unwrap().revert_cause,
        RevertCause::CrashLoop
    );
    assert!(world.vehicle.supervisor().resets() <= 5);
    // What had arrived is still there.
    assert_eq!(world.vehicle.agent().unwrap().symbols_needed(), needed);
    world.run_until(day(14));
    assert_eq!(outcome(&world, "spirit").on_board, Ending::Confirmed);
}

/// A parameter was written to the wrong address, and five months later that pointed it into the Sun.
#[test]
fn mgs_2006_a_fault_five_months_after_its_confirm_ends_in_golden() {
    let prepared = prepared("mgs", |s| s.length = Span::from_days(190));
    let mut world = prepared.world(SEED, Keep::Headlines);
    world.run_until(day(150));
    assert_eq!(outcome(&world, "mgs").on_board, Ending::Confirmed);
    world.vehicle.behave(Behaviour::TurnsAway);
    world.run_until(day(190));
    let ending = Ending::Golden(RevertCause::CommandLoss);
    assert_eq!(outcome(&world, "mgs").on_board, ending);
}

/// Parameters of the thrusters went up unverified; what should have stopped the spin spun it to pieces.
#[test]
fn hitomi_2016_an_image_beyond_its_own_limits_is_given_up_within_minutes() {
    let prepared = prepared("hitomi", |s| s.behaviour = Behaviour::Unhealthy);
    let mut world = prepared.world(SEED, Keep::Headlines);
    let tried = run_until(&mut world, |w| w.vehicle.running() == B);
    let is_back = |w: &Flown| w.vehicle.running() == Some(Location::Slot(SlotId::A));
    let given_up = run_until(&mut world, is_back);
    let took = given_up.since(tried);
    assert!(took < Span::from_secs(600), "{took}");
    world.run_until(day(14));
    let ending = Ending::Reverted(RevertCause::HealthFailed);
    assert_eq!(outcome(&world, "hitomi").on_board, ending);
}

/// The test of the timer that resets it where no command is heard lost it: the way back had not been flown.
#[test]
fn stereo_b_2014_the_way_back_from_silence_is_flown_to_its_end() {
    let prepared = prepared("stereo-b", |s| {
        s.length = Span::from_days(70);
        s.lost_passes = (14..45).collect();
    });
    let new = prepared.subject().new;
    let mut world = prepared.world(SEED, Keep::Headlines);
    world.run_until(day(14));
    assert_eq!(outcome(&world, "stereo-b").on_board, Ending::Confirmed);
    // A month without a command: golden, which waits for ever and is heard as soon as somebody listens.
    let is_golden = |w: &Flown| w.vehicle.running() == Some(Location::Golden);
    run_until(&mut world, is_golden);
    world.run_until(day(50));
    let ending = Ending::Golden(RevertCause::CommandLoss);
    assert_eq!(outcome(&world, "stereo-b").on_board, ending);
    // And back from there, by command.
    world
        .ground
        .command(world.now(), Action::Rollback { image: new });
    let is_on_trial = |w: &Flown| {
        let latest = w.ground.tracker().latest();
        latest.is_some_and(|l| l.report.slots[1].state == SlotState::Trial)
    };
    run_until(&mut world, is_on_trial);
    world
        .ground
        .command(world.now(), Action::Confirm { image: new });
    world.run_until(day(70));
    assert_eq!(outcome(&world, "stereo-b").on_board, Ending::Confirmed);
    assert_eq!(world.vehicle.running(), B);
    let verdict = command_verdict(&world);
    assert_eq!(verdict, Some((Stage::Done, Refusal::None)));
}

/// A command turned the antenna two degrees away from the Earth.
#[test]
fn voyager_2_2023_an_antenna_that_a_command_turned_away_comes_back_with_the_lease() {
    let prepared = prepared("voyager-2", |_| {});
    let mut world = prepared.world(SEED, Keep::Headlines);
    let tried = run_until(&mut world, |w| w.vehicle.running() == B);
    world.run_until(tried + Span::from_hours(1));
    world.vehicle.behave(Behaviour::TurnsAway);
    world.run_until(tried + Span::from_days(6));
    assert_eq!(world.vehicle.running(), B);
    world.run_until(day(14));
    assert_eq!(
        outcome(&world, "voyager-2").on_board,
        Ending::Reverted(LEASE)
    );
    assert_eq!(
        world.vehicle.supervisor().reset_line(None).1,
        ResetCause::Deadline
    );
}

/// A chip with three hundredths of its memory died, and code had to be moved around it by hand.
#[test]
fn voyager_1_2023_a_dead_part_of_a_slot_costs_the_update_and_nothing_else() {
    let prepared = prepared("voyager-1", |_| {});
    let mut world = prepared.world(SEED, Keep::Headlines);
    let subject = *prepared.subject();
    let golden = lightday_trust::digest::sha256(&GOLDEN[..LEN]);
    let released = [subject.old, subject.new, golden];
    world.checker = Checker::new(&world.vehicle, released).tolerating_damage();
    let slot = world.vehicle.config().map.slot(SlotId::B).image;
    let dead = slot.start + 40_960..slot.start + 45_056;
    world.vehicle.flash_mut().protect(dead);
    world.run_until(day(14));
    let outcome = outcome(&world, "voyager-1");
    assert_eq!(outcome.on_board, Ending::Unfinished(SlotState::Failed));
    let report = world.ground.tracker().latest().unwrap().report;
    assert_eq!(
        (report.bundle.stage, report.bundle.refusal),
        (Stage::Failed, Refusal::FlashFault)
    );
    assert_eq!(outcome.resets, 0);
    assert!(
        world
            .vehicle
            .flash()
            .wear()
            .iter()
            .all(|erases| *erases <= 10)
    );
}

/// One bit of its memory flipped, and what it sent made no sense. A reset cured it.
#[test]
fn voyager_2_2010_a_flipped_bit_is_found_at_the_next_reset_at_the_latest() {
    let prepared = prepared("voyager-2-bit", |_| {});
    let map = prepared.world(SEED, Keep::Digest).vehicle.config().map;
    // A bit of the latest commit, by which a command used its number up: in one copy, and in each of them.
    for copies in [&[0][..], &[1], &[2], &[0, 1, 2]] {
        let mut world = prepared.world(SEED, Keep::Headlines);
        let number = |w: &Flown| w.checker.record().map(|record| record.next[2].get());
        run_until(&mut world, |w| number(w) == Some(3));
        for copy in copies {
            let log = CellLog::new(map.record[*copy], RECORD_CELL);
            let used = log.cells() - log.free(&mut world.vehicle.flash().peeking());
            let cell = map.record[*copy].start + (used - 1) * RECORD_CELL;
            let place = u32::try_from(40 + 7 * copy).unwrap();
            world.vehicle.flash_mut().flip(cell + place, 4);
        }
        upset(&mut world);
        world.run_until(day(14));
        assert_eq!(outcome(&world, "voyager-2-bit").on_board, Ending::Confirmed);
        let mut flash = world.vehicle.flash().peeking();
        let stored = RecordStore::new(map.record).load(&mut flash).unwrap();
        assert!(stored.in_step, "{copies:?}");
        assert!(stored.record.next[2].get() >= 3, "{copies:?}");
    }
    // A bit of the image that runs: it is no base for an update, and no longer booted.
    let mut world = prepared.world(SEED, Keep::Headlines);
    world.run_until(MissionTime::START + Span::from_hours(1));
    let image = map.slot(SlotId::A).image.start;
    world.checker = world.checker.tolerating_damage();
    world.vehicle.flash_mut().flip(image + 777, 4);
    world.run_until(day(4));
    upset(&mut world);
    world.run_until(day(14));
    let ending = Ending::Golden(RevertCause::ImageDigest);
    assert_eq!(outcome(&world, "voyager-2-bit").on_board, ending);
    let record = world.checker.record().unwrap();
    let refusal = record.verdict(ObjectKind::Bundle).refusal;
    assert_eq!(refusal, Refusal::BaseMismatch);
}

/// A particle strikes now.
fn upset(world: &mut Flown) {
    let now = world.now();
    let happening = world.vehicle.upset(now);
    world.checker.after(now, &world.vehicle, &happening);
}
