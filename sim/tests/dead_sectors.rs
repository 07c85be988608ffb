//! Sectors of the flash that take no program and no erase any more, one region after the other, in whole missions with
//! the real station, agent and loader: what is passed over, what ends with which report, and that it ends.
//! `docs/OPERATIONS.md` says what people do then.

use lightday_boot::{MemoryMap, Region};
use lightday_sim::checker::Checker;
use lightday_sim::ending::Ending;
use lightday_sim::flash::Fault;
use lightday_sim::outcome::{Figures, Outcome};
use lightday_sim::scenario::{Images, Prepared, Scenario};
use lightday_sim::time::{MissionTime, Span};
use lightday_sim::trace::Keep;
use lightday_sim::world::World;
use lightday_wire::report::flags;
use lightday_wire::{CodecId, Refusal, Report, SlotState, Stage};

const GOLDEN: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v1.bin");
const OLD: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v2.bin");
const NEW: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v3.bin");

/// Bytes of each image: fifteen erase blocks, which the bundle takes as well.
const LEN: usize = 60_000;
const SEED: u64 = 3;
const ERASE: u32 = 4096;
/// Erases of one block that a mission may ask for: eight attempts, each tried once, and the update itself.
const MOST_ERASES: u32 = 10;

type Flown = World<4, 4096>;

/// A mission that brings a whole image, in which these sectors are dead from the first hour on, flown for two weeks.
fn flown(dead: impl Fn(&MemoryMap) -> Vec<u32>) -> (Flown, Outcome) {
    let images = Images::new(&GOLDEN[..LEN], &OLD[..LEN], &NEW[..LEN]);
    let mut scenario = Scenario::new("dead-sectors", images);
    scenario.profile.decoder.codecs = vec![CodecId::Store];
    let prepared = Prepared::<4, 4096>::new(scenario).unwrap();
    let mut world = prepared.world(SEED, Keep::Headlines);
    let subject = *prepared.subject();
    let golden = lightday_trust::digest::sha256(&GOLDEN[..LEN]);
    let released = [subject.old, subject.new, golden];
    world.checker = Checker::new(&world.vehicle, released).tolerating_damage();
    for address in dead(&world.vehicle.config().map) {
        let flash = world.vehicle.flash_mut();
        flash.fail_at(flash.operations(), Fault::DeadBlock { address });
    }
    world.run_until(MissionTime::START + Span::from_days(14));
    let outcome = Outcome::of("dead-sectors", SEED, &world, Figures::default());
    assert_eq!(outcome.violations, [], "{outcome}");
    let flash = world.vehicle.flash();
    let erases = flash.wear().iter().zip(flash.failed_erases());
    assert!(
        erases
            .map(|(done, failed)| done + failed)
            .all(|all| all <= MOST_ERASES)
    );
    (world, outcome)
}

/// The addresses of these sectors of a region.
fn sectors(region: Region, which: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let which = which.into_iter();
    which.map(|sector| region.start + sector * ERASE).collect()
}

fn told(world: &Flown) -> Report {
    world.ground.tracker().latest().unwrap().report
}

/// What the last report says of the bundle.
fn bundle(world: &Flown) -> (Stage, Refusal) {
    let bundle = told(world).bundle;
    (bundle.stage, bundle.refusal)
}

#[test]
fn dead_sectors_of_the_symbol_log_cost_the_update_nothing() {
    let (world, outcome) = flown(|map| sectors(map.staging, [1, 4, 5, 9]));
    assert_eq!(outcome.on_ground, Ending::Confirmed, "{outcome}");
    assert_eq!(bundle(&world), (Stage::Done, Refusal::None));
}

#[test]
fn a_dead_sector_of_names_costs_the_update_nothing() {
    let (world, outcome) = flown(|map| sectors(map.staging, [0]));
    assert_eq!(outcome.on_ground, Ending::Confirmed, "{outcome}");
    assert_eq!(bundle(&world), (Stage::Done, Refusal::None));
}

#[test]
fn a_symbol_log_with_too_few_sectors_left_is_told_and_left_alone() {
    // Of 63 blocks of symbols 12 are left, and the bundle takes more than 15.
    let (world, outcome) = flown(|map| sectors(map.staging, 13..64));
    let refused = Ending::Refused(Refusal::StagingTooSmall);
    assert_eq!(outcome.on_ground, refused, "{outcome}");
    assert_eq!(bundle(&world), (Stage::Refused, Refusal::StagingTooSmall));
    assert_ne!(told(&world).flags & flags::STAGING_WORN, 0);
}

#[test]
fn names_without_a_sector_are_told_and_left_alone() {
    let (world, outcome) = flown(|map| sectors(map.staging, [0, 1]));
    let refused = Ending::Refused(Refusal::FlashFault);
    assert_eq!(outcome.on_ground, refused, "{outcome}");
    assert_eq!(bundle(&world), (Stage::Refused, Refusal::FlashFault));
    assert_ne!(told(&world).flags & flags::STAGING_WORN, 0);
}

#[test]
fn a_dead_sector_of_the_solved_block_ends_bundles_that_reach_it_and_no_others() {
    let (world, outcome) = flown(|map| sectors(map.block, [3]));
    assert_eq!(outcome.on_board, Ending::Unfinished(SlotState::Empty));
    assert_eq!(bundle(&world), (Stage::Failed, Refusal::FlashFault));
    let (world, outcome) = flown(|map| sectors(map.block, 20..64));
    assert_eq!(outcome.on_ground, Ending::Confirmed, "{outcome}");
    assert_eq!(bundle(&world), (Stage::Done, Refusal::None));
}

#[test]
fn a_dead_sector_of_a_slot_or_its_trailer_fails_the_slot() {
    for is_trailer in [false, true] {
        let (world, outcome) = flown(|map| {
            let slot = map.slots[1];
            let region = if is_trailer { slot.trailer } else { slot.image };
            sectors(region, [0])
        });
        assert_eq!(outcome.on_board, Ending::Unfinished(SlotState::Failed));
        assert_eq!(bundle(&world), (Stage::Failed, Refusal::FlashFault));
        assert_eq!(told(&world).slots[1].state, SlotState::Failed);
        assert_eq!(outcome.resets, 0);
    }
}
