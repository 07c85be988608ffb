//! Every bit of what the vehicle keeps, flipped one at a time where a scene begins, and pairs of them; and, on parts
//! with ECC, every structure that cannot be read as a whole, one at a time: the vehicle is switched on, and has to
//! come to the scene's goals. Where a slot was hit, or a whole key set, it may take the image for damaged, as it is: then it has to boot
//! what is verified, hear the ground and obey.
//!
//! The bytes that were programmed since their last erase, and a few erased ones behind each run of them. Of images
//! one byte in some hundreds: their digest is read back at every boot.

use std::collections::BTreeSet;
use std::sync::Mutex;

use lightday_boot::cells::KEY_SET_CELL;
use lightday_boot::{Record, Region};
use lightday_wire::{Location, SlotId};

use super::bounds::Cost;
use super::people::People;
use super::rig::{Act, Rig};
use super::scene::Scene;
use super::{Finding, Flip, Settings, Tally, caught, live_all};
use crate::checker::{Checker, Violation};
use crate::flash::SimFlash;
use crate::rng::Rng;

/// Erased bytes behind programmed ones whose bits are flipped too: the next word of every granule that holds more
/// than one, and what a count of steps would look at next.
const BEHIND: u32 = 16;
/// Of the bytes of an image, one in so many.
const OF_IMAGE: usize = 499;

/// What is damaged.
#[derive(Clone, Debug)]
pub(super) enum Damage {
    /// These bits are flipped.
    Bits(Vec<Flip>),
    /// Nothing can be read of the structure that begins here.
    Unreadable(u32),
}

impl Damage {
    fn strike<const W: usize, const E: usize>(
        &self,
        rig: &Rig<'_, W, E>,
        flash: &mut SimFlash<W, E>,
    ) {
        match self {
            Self::Bits(flips) => {
                for flip in flips {
                    flash.flip(flip.address, flip.bit);
                }
            }
            Self::Unreadable(at) => {
                let structures = structures(rig).into_iter();
                for region in structures.filter(|region| region.start == *at) {
                    flash.spoil(region.start..region.end());
                }
            }
        }
    }

    /// Whether the goals may be out of reach: it hits an image that is in a slot, or its papers, or a whole key set (both
    /// of its copies), which may be the one before that alone proves an older image.
    fn may_fall_short<const W: usize, const E: usize>(&self, rig: &Rig<'_, W, E>) -> bool {
        let slots = rig.vehicle.config().map.slots;
        let mut key_sets = rig.vehicle.config().map.key_sets.into_iter();
        let is_in_slot = |address: &u32| {
            let mut regions = slots.iter().flat_map(|slot| [slot.image, slot.trailer]);
            regions.any(|region| (region.start..region.end()).contains(address))
        };
        match self {
            Self::Bits(flips) => {
                let copies_hit = |region: Region| -> BTreeSet<u32> {
                    let within =
                        |flip: &&Flip| (region.start..region.end()).contains(&flip.address);
                    let copy = |flip: &Flip| (flip.address - region.start) / KEY_SET_CELL;
                    flips.iter().filter(within).map(copy).collect()
                };
                flips.iter().any(|flip| is_in_slot(&flip.address))
                    || key_sets.any(|region| copies_hit(region).len() > 1)
            }
            Self::Unreadable(at) => is_in_slot(at) || key_sets.any(|region| region.start == *at),
        }
    }
}

/// What came of a life.
struct Life {
    found: Vec<Violation>,
    cost: Cost,
    story: Vec<String>,
}

/// Flips every bit where the scene begins.
///
/// # Errors
/// What the vehicle came to before: a bug of vehicle or scene.
pub(super) fn scene<const WRITE: usize, const ERASE: usize>(
    people: &People<WRITE, ERASE>,
    scene: &'static Scene,
    settings: &Settings,
) -> Result<Tally, String> {
    // Scenes that begin at launch begin alike: of those that are asked for the first one stands for all.
    let begins = |scene: &Scene| scene.before.is_empty() && !scene.is_record_lost;
    let mut launches = settings.scenes.iter().filter(|scene| begins(scene));
    let is_first = launches.next().is_some_and(|s| s.name == scene.name);
    if scene.is_record_lost || (begins(scene) && !is_first) {
        return Ok(Tally::default());
    }
    let rig = resting(people, scene, false)?;
    let singles: Vec<Flip> = bits(&rig)
        .into_iter()
        .step_by(settings.bits_one_in.max(1))
        .collect();
    let pairs = pairs(&rig, settings);
    let lives: Vec<&[Flip]> = singles
        .chunks(1)
        .chain(pairs.iter().map(|pair| &pair[..]))
        .collect();
    let lives: Vec<Damage> = lives
        .iter()
        .map(|flips| Damage::Bits(flips.to_vec()))
        .collect();
    Ok(Tally {
        flips: singles.len() as u64,
        pairs: pairs.len() as u64,
        ..all(&rig, scene, &lives, settings)?
    })
}

/// Makes every structure unreadable where the scene begins, on parts with ECC.
///
/// # Errors
/// What the vehicle came to before: a bug of vehicle or scene.
pub(super) fn unreadable<const WRITE: usize, const ERASE: usize>(
    people: &People<WRITE, ERASE>,
    scene: &'static Scene,
    settings: &Settings,
) -> Result<Tally, String> {
    if scene.is_record_lost {
        return Ok(Tally::default());
    }
    let rig = resting(people, scene, true)?;
    let map = rig.vehicle.config().map;
    // With golden dead, what runs has nothing behind it: without its papers, and the factory's keys, which prove them,
    // nothing boots.
    let proves_home = [map.slot(SlotId::A).trailer, map.key_sets[1]];
    let is_alone = scene.damaged == Some(Location::Golden);
    let fair = structures(&rig).into_iter();
    let fair = fair.filter(|region| !(is_alone && proves_home.contains(region)));
    let starts = fair.map(|region| region.start);
    let lives: Vec<Damage> = starts.map(Damage::Unreadable).collect();
    Ok(Tally {
        unreadable: lives.len() as u64,
        ..all(&rig, scene, &lives, settings)?
    })
}

/// Lives all of these lives.
fn all<const W: usize, const E: usize>(
    rig: &Rig<'_, W, E>,
    scene: &'static Scene,
    lives: &[Damage],
    settings: &Settings,
) -> Result<Tally, String> {
    let nominal = undamaged(rig)?;
    let tally = Mutex::new(Tally::default());
    let findings = live_all(lives, settings, |damage| {
        let found = caught(|| {
            let life = live(rig, damage, &nominal, false);
            if let Ok(mut tally) = tally.lock() {
                tally.lived(&life.cost, &nominal);
            }
            life.found
        });
        let findings = found.into_iter();
        findings
            .map(|v| finding::<W, E>(scene, damage, v))
            .collect()
    });
    let tally = tally.into_inner().unwrap_or_default();
    Ok(Tally { findings, ..tally })
}

/// What the life takes in which the power comes back and nothing is damaged.
fn undamaged<const W: usize, const E: usize>(rig: &Rig<'_, W, E>) -> Result<Cost, String> {
    let mut plain = rig.cut_off(rig.vehicle.flash().clone(), rig.checker.clone());
    plain.run_to_end()?;
    Ok(Cost::of(&plain))
}

/// Lives one life with these bits flipped, and tells it.
///
/// # Errors
/// What the vehicle came to before.
pub(super) fn follow<const WRITE: usize, const ERASE: usize>(
    people: &People<WRITE, ERASE>,
    scene: &'static Scene,
    damage: &Damage,
) -> Result<(Vec<String>, Tally), String> {
    let is_ecc = matches!(damage, Damage::Unreadable(_));
    let rig = resting(people, scene, is_ecc)?;
    let life = live(&rig, damage, &undamaged(&rig)?, true);
    let findings = life
        .found
        .into_iter()
        .map(|v| finding::<WRITE, ERASE>(scene, damage, v));
    let tally = Tally {
        findings: findings.collect(),
        ..Tally::default()
    };
    Ok((life.story, tally))
}

fn finding<const W: usize, const E: usize>(
    scene: &'static Scene,
    damage: &Damage,
    violation: Violation,
) -> Finding {
    let (flips, unreadable) = match damage {
        Damage::Bits(flips) => (flips.clone(), None),
        Damage::Unreadable(at) => (Vec::new(), Some(*at)),
    };
    Finding {
        geometry: (W, E),
        ecc: unreadable.is_some(),
        scene: scene.name,
        trail: Vec::new(),
        flips,
        unreadable,
        slip: None,
        violation,
    }
}

/// The vehicle where the scene begins, at rest.
fn resting<'p, const W: usize, const E: usize>(
    people: &'p People<W, E>,
    scene: &'static Scene,
    ecc: bool,
) -> Result<Rig<'p, W, E>, String> {
    let mut rig = Rig::new(people, scene, ecc)?;
    while !rig.is_at_rest() {
        if rig.act() == Act::Stuck {
            return Err(rig.stuck());
        }
    }
    Ok(rig)
}

/// The structures.
pub(super) fn structures<const W: usize, const E: usize>(rig: &Rig<'_, W, E>) -> Vec<Region> {
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

/// What is broken after this damage, once the power came back, and the story if it is wanted.
fn live<const W: usize, const E: usize>(
    rig: &Rig<'_, W, E>,
    damage: &Damage,
    nominal: &Cost,
    is_told: bool,
) -> Life {
    let mut flash = rig.vehicle.flash().clone();
    damage.strike(rig, &mut flash);
    let people = rig.people();
    let vehicle = rig.vehicle.cut_off(flash.clone(), rig.now());
    let checker = Checker::new(&vehicle, people.released()).tolerating_earlier_damage();
    let checker = checker.allowing_only(people.released());
    let mut life = rig.cut_off(flash, checker).damaged();
    life.story = is_told.then(Vec::new);
    let may_fall_short = damage.may_fall_short(rig);
    if may_fall_short {
        life = life.impatient();
    }
    let mut end = life.run_to_end();
    if end.is_err() && may_fall_short {
        life = life.obeying();
        end = life.run_to_end();
    }
    let mut found: Vec<Violation> = Vec::new();
    found.extend(life.checker.violations().iter().map(|(_, v)| v.clone()));
    found.extend(end.err().map(Violation::Stuck));
    found.extend(went_down(&rig.checker, &life.checker).map(Violation::WentDown));
    let cost = Cost::of(&life);
    // What is out of reach is asked for again and again.
    found.extend(match may_fall_short {
        true => cost.beyond_for_good(nominal),
        false => cost.beyond(nominal, 1),
    });
    Life {
        found,
        cost,
        story: life.story.take().unwrap_or_default(),
    }
}

/// A number, of the record or of the floors, that only goes up and did not.
fn went_down(before: &Checker, after: &Checker) -> Option<&'static str> {
    let mut floors = before.floors().into_iter().zip(after.floors());
    if floors.any(|(was, is)| is < was) {
        return Some("a floor");
    }
    lowered(before.record()?, after.record()?)
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
