//! Every bit of what the vehicle keeps, flipped one at a time where a scene begins, and pairs of them: the vehicle
//! is switched on, and has to boot what is verified, hear the ground and obey.
//!
//! The bytes that were programmed since their last erase, and a few erased ones behind each run of them. Of images
//! one byte in some hundreds: their digest is read back at every boot.

use lightday_boot::{Record, Region};

use super::people::People;
use super::rig::Rig;
use super::scene::{Goal, Scene};
use super::{Finding, Flip, Settings, Tally, caught, live_all};
use crate::checker::{Checker, Violation};
use crate::rng::Rng;

/// Erased bytes behind programmed ones whose bits are flipped too: the next word of every granule that holds more
/// than one, and what a count of steps would look at next.
const BEHIND: u32 = 16;
/// Of the bytes of an image, one in so many.
const OF_IMAGE: usize = 499;
/// What the vehicle has to do after a flip.
const OBEYS: &[Goal] = &[Goal::Held];

/// Flips every bit where the scene begins.
///
/// # Errors
/// What the vehicle came to before: a bug of vehicle or scene.
pub(super) fn scene<const WRITE: usize, const ERASE: usize>(
    people: &People<WRITE, ERASE>,
    scene: &'static Scene,
    settings: &Settings,
) -> Result<Tally, String> {
    // Scenes that begin at launch begin alike.
    if scene.is_record_lost || (scene.before.is_empty() && scene.name != "update") {
        return Ok(Tally::default());
    }
    let rig = resting(people, scene)?;
    let singles: Vec<Flip> = bits(&rig)
        .into_iter()
        .step_by(settings.bits_one_in.max(1))
        .collect();
    let pairs = pairs(&rig, settings);
    let lives: Vec<&[Flip]> = singles
        .chunks(1)
        .chain(pairs.iter().map(|pair| &pair[..]))
        .collect();
    let findings = live_all(&lives, settings, |flips| {
        let found = caught(|| live(&rig, flips, false).0);
        let findings = found.into_iter();
        findings
            .map(|v| finding::<WRITE, ERASE>(scene, flips, v))
            .collect()
    });
    Ok(Tally {
        flips: singles.len() as u64,
        pairs: pairs.len() as u64,
        lives: lives.len() as u64,
        findings,
        ..Tally::default()
    })
}

/// Lives one life with these bits flipped, and tells it.
///
/// # Errors
/// What the vehicle came to before.
pub(super) fn follow<const WRITE: usize, const ERASE: usize>(
    people: &People<WRITE, ERASE>,
    scene: &'static Scene,
    flips: &[Flip],
) -> Result<(Vec<String>, Tally), String> {
    let rig = resting(people, scene)?;
    let (found, story) = live(&rig, flips, true);
    let findings = found
        .into_iter()
        .map(|v| finding::<WRITE, ERASE>(scene, flips, v));
    let tally = Tally {
        findings: findings.collect(),
        ..Tally::default()
    };
    Ok((story, tally))
}

fn finding<const W: usize, const E: usize>(
    scene: &'static Scene,
    flips: &[Flip],
    violation: Violation,
) -> Finding {
    Finding {
        geometry: (W, E),
        ecc: false,
        scene: scene.name,
        trail: Vec::new(),
        flips: flips.to_vec(),
        slip: None,
        violation,
    }
}

/// The vehicle where the scene begins, at rest.
fn resting<'p, const W: usize, const E: usize>(
    people: &'p People<W, E>,
    scene: &'static Scene,
) -> Result<Rig<'p, W, E>, String> {
    let mut rig = Rig::new(people, scene, false)?;
    while !rig.is_at_rest() {
        rig.act();
    }
    Ok(rig)
}

/// The structures.
fn structures<const W: usize, const E: usize>(rig: &Rig<'_, W, E>) -> Vec<Region> {
    let map = rig.vehicle.config().map;
    let trailers = map.slots.map(|slot| slot.trailer);
    let all = map.record.into_iter().chain(map.key_sets).chain(trailers);
    let papers = map.golden.map(|copy| copy.trailer);
    all.chain([map.floors, map.pending, map.staging])
        .chain(papers)
        .collect()
}

/// The bytes of a structure that are looked at.
fn bytes<const W: usize, const E: usize>(
    rig: &Rig<'_, W, E>,
    region: Region,
) -> impl Iterator<Item = u32> {
    let flash = rig.vehicle.flash();
    let mut behind = 0;
    (region.start..region.end()).filter(move |address| {
        behind = match flash.is_programmed_at(*address) {
            true => BEHIND,
            false if behind == 0 => return false,
            false => behind - 1,
        };
        true
    })
}

fn bits<const W: usize, const E: usize>(rig: &Rig<'_, W, E>) -> Vec<Flip> {
    let structures = structures(rig);
    let map = rig.vehicle.config().map;
    let slots = map.slots.into_iter().chain(map.golden);
    let images = slots.flat_map(|slot| bytes(rig, slot.image).step_by(OF_IMAGE));
    let addresses = structures.iter().flat_map(|region| bytes(rig, *region));
    let addresses = images.chain(addresses);
    let all = addresses.flat_map(|address| (0..8).map(move |bit| Flip { address, bit }));
    all.collect()
}

/// Pairs of bits within one structure, drawn.
fn pairs<const W: usize, const E: usize>(
    rig: &Rig<'_, W, E>,
    settings: &Settings,
) -> Vec<[Flip; 2]> {
    let mut rng = Rng::stream(settings.seed, "flipped pairs");
    let regions = structures(rig).into_iter();
    let structures: Vec<Vec<u32>> = regions.map(|region| bytes(rig, region).collect()).collect();
    let mut draw = |addresses: &[u32]| {
        let address = *rng.pick(addresses)?;
        let bit = rng.next_u8() & 7;
        Some(Flip { address, bit })
    };
    let in_use = structures.iter().filter(|addresses| !addresses.is_empty());
    let all = in_use.cycle().take(settings.pairs);
    all.filter_map(|addresses| Some([draw(addresses)?, draw(addresses)?]))
        // One bit twice is none.
        .filter(|[one, other]| one != other)
        .collect()
}

/// What is broken after these bits flipped and the power came back, and the story if it is wanted.
fn live<const W: usize, const E: usize>(
    rig: &Rig<'_, W, E>,
    flips: &[Flip],
    is_told: bool,
) -> (Vec<Violation>, Vec<String>) {
    let mut flash = rig.vehicle.flash().clone();
    for flip in flips {
        flash.flip(flip.address, flip.bit);
    }
    let before = rig.checker.record().cloned();
    let people = rig.people();
    let vehicle = rig.vehicle.cut_off(flash.clone(), rig.now());
    let checker = Checker::new(&vehicle, people.released()).tolerating_damage();
    let checker = checker.allowing_only(people.released());
    let mut life = rig.cut_off(flash, checker).towards(OBEYS).damaged();
    life.story = is_told.then(Vec::new);
    let end = life.run_to_end();
    let mut found: Vec<Violation> = Vec::new();
    found.extend(life.checker.violations().iter().map(|(_, v)| v.clone()));
    found.extend(end.err().map(Violation::Stuck));
    if let (Some(before), Some(after)) = (before, life.checker.record()) {
        found.extend(lowered(&before, after).map(Violation::WentDown));
    }
    (found, life.story.take().unwrap_or_default())
}

/// A number that only goes up and did not.
fn lowered(before: &Record, after: &Record) -> Option<&'static str> {
    let numbers = before.next.iter().zip(&after.next);
    if numbers.clone().any(|(was, is)| is < was) {
        return Some("an object number");
    }
    if after.security_counter < before.security_counter {
        return Some("the security counter");
    }
    (after.epoch < before.epoch || after.key_set < before.key_set).then_some("epoch or key set")
}
