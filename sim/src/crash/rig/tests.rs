//! What the ground hears is held against what is so. The lies are forged: no agent of ours tells them.

use embedded_storage::nor_flash::NorFlash;
use lightday_wire::report::Verdict;
use lightday_wire::{ObjectNumber, Refusal, Stage};

use super::*;
use crate::flash::CutForm;
use crate::scenario::Images;

type Small<'p> = Rig<'p, 8, 2048>;

fn people() -> People<8, 2048> {
    // As alike as two versions are: what differs much takes the encoder long.
    let image = |seed: u8| -> Vec<u8> {
        let mut bytes: Vec<u8> = (0u32..9000).map(|at| ((at * at) >> 7) as u8).collect();
        bytes[..16].fill(seed);
        bytes
    };
    People::new(&Images::new(&image(1), &image(2), &image(3))).unwrap()
}

/// A vehicle at rest that has reported.
fn resting(people: &People<8, 2048>) -> Small<'_> {
    let mut rig = Rig::new(people, Scene::named("update").unwrap(), false).unwrap();
    while rig.latest.is_none() || !rig.is_at_rest() {
        assert_ne!(rig.act(), Act::Stuck);
    }
    assert_eq!(rig.checker.violations(), []);
    rig
}

/// Cells that read at random are left at the beginning of a region.
fn unsettle(rig: &mut Small<'_>, region: lightday_boot::Region) {
    let flash = rig.vehicle.flash_mut();
    flash.unlock();
    flash.cut_at(flash.operations(), CutForm::Unstable(1));
    let erased = flash.erase(region.start, region.start + 2048);
    assert!(erased.is_err(), "the power fails");
    flash.power_on();
    assert!(!flash.is_stable(region.start..region.end()));
}

/// The latest report, changed, under the vehicle's own key.
fn lie(rig: &mut Small<'_>, change: impl FnOnce(&mut Report)) -> Vec<Violation> {
    let mut report = rig.latest.unwrap();
    change(&mut report);
    let keys = rig.people.crew().link_keys();
    let epoch = lightday_wire::Epoch::FIRST;
    let key = keys.frame_key(rig.people.vehicle_id(), Direction::Down, epoch);
    let (mut body, mut packet) = ([0; 128], [0; 128]);
    let body = canon::encode(&report, &mut body).unwrap();
    let len = key.seal_report(body, &mut packet).unwrap();
    rig.hear(&packet[..len]);
    let found = rig.checker.violations().iter();
    found.map(|(_, violation)| violation.clone()).collect()
}

fn done(number: u8) -> Verdict {
    Verdict {
        number: ObjectNumber::from_be_bytes([0, 0, number]),
        stage: Stage::Done,
        refusal: Refusal::None,
    }
}

#[test]
fn the_truth_is_no_violation() {
    let people = people();
    assert_eq!(lie(&mut resting(&people), |_| {}), []);
}

#[test]
fn a_wrong_report_is_found_while_cells_beside_the_record_are_unstable() {
    let people = people();
    let mut rig = resting(&people);
    let map = rig.vehicle.config().map;
    unsettle(&mut rig, map.staging);
    let wrong = |report: &mut Report| report.slots[1].state = SlotState::Verified;
    assert_eq!(lie(&mut rig, wrong), [Violation::WrongReport]);
}

#[test]
fn nobody_is_held_to_a_record_whose_own_cells_are_unstable() {
    let people = people();
    let mut rig = resting(&people);
    let map = rig.vehicle.config().map;
    unsettle(&mut rig, map.record[2]);
    let wrong = |report: &mut Report| report.slots[1].state = SlotState::Verified;
    assert_eq!(lie(&mut rig, wrong), []);
}

#[test]
fn what_is_called_done_and_is_not_in_the_record_is_found() {
    let people = people();
    for (kind, change) in [
        (
            ObjectKind::Bundle,
            (|r: &mut Report| r.bundle = done(1)) as fn(&mut Report),
        ),
        (ObjectKind::Authorization, |r| r.authorization = done(1)),
        (ObjectKind::Command, |r| r.command = done(1)),
    ] {
        let found = lie(&mut resting(&people), change);
        assert_eq!(found, [Violation::FalseDone(kind)]);
    }
}

#[test]
fn a_bundle_that_is_done_lies_whole_in_its_slot() {
    let people = people();
    let mut rig = resting(&people);
    while rig
        .latest
        .is_none_or(|report| report.bundle.stage != Stage::Done)
    {
        assert_ne!(rig.act(), Act::Stuck);
    }
    assert_eq!(rig.checker.violations(), []);
    let slot = rig.vehicle.config().map.slots[1].image;
    rig.vehicle.flash_mut().flip(slot.start, 0);
    let found = lie(&mut rig, |_| {});
    assert_eq!(found, [Violation::FalseDone(ObjectKind::Bundle)]);
}
