//! What fails while the power stays on: at every operation of a scene, the flash skips it and reports success, or
//! refuses it once; refuses it and some behind it; from every operation on, no erase works any more, or the block at hand
//! is dead; and at every operation a run of addresses reads as something else, or a bit of a byte is stuck, somewhere in
//! what decides what boots and what was heard.
//!
//! A single slip must not keep a life from its goals; nor may a dead block of the staging log, which has room to pass it
//! over. An outage may: a trial that could not be written down, or be begun, is not tried. Then the vehicle has to obey a
//! command that it has not obeyed yet. What fails for good may, too: then the invariants have to hold, and the vehicle has
//! to run something verified at the end, and to answer.

use std::sync::Mutex;

use lightday_boot::Region;
use lightday_wire::Location;

use super::bounds::Cost;
use super::flips;
use super::people::People;
use super::rig::Rig;
use super::scene::Scene;
use super::{Finding, Settings, Slip, SlipKind, Tally, caught, live_all};
use crate::checker::Violation;
use crate::flash::{Fault, Operation};
use crate::rng::Rng;

/// Most operations of an outage.
const LONGEST_OUTAGE: u64 = 12;
/// Most bytes of a run that is garbled.
const LONGEST_RUN: u64 = 600;

/// Lets every operation of a scene slip, in every way.
///
/// # Errors
/// What the vehicle came to before: a bug of vehicle or scene.
pub(super) fn scene<const WRITE: usize, const ERASE: usize>(
    people: &People<WRITE, ERASE>,
    scene: &'static Scene,
    settings: &Settings,
) -> Result<Tally, String> {
    let mut plain = Rig::new(people, scene, false)?;
    let first = plain.vehicle.flash().operations();
    plain.vehicle.flash_mut().keep_journal();
    plain.run_to_end()?;
    let nominal = Cost::of(&plain);
    let journal: Vec<Operation> = plain.vehicle.flash_mut().take_journal();
    let slips: Vec<Slip> = (first..)
        .zip(&journal)
        .flat_map(|(operation, _)| SlipKind::ALL.map(|kind| Slip { operation, kind }))
        .filter(|slip| is_fair(scene, slip.kind))
        .collect();
    let tally = Mutex::new(Tally::default());
    let findings = live_all(&slips, settings, |slip| {
        let at = usize::try_from(slip.operation - first).unwrap_or(0);
        let address = journal.get(at).map_or(0, Operation::address);
        let slip = Drawn {
            slip: *slip,
            address,
            seed: settings.seed,
        };
        let violations = caught(|| live(people, scene, slip, &nominal, &tally, None));
        let findings = violations.into_iter();
        findings
            .map(|v| finding::<WRITE, ERASE>(scene, slip.slip, v))
            .collect()
    });
    let tally = tally.into_inner().unwrap_or_default();
    Ok(Tally {
        slips: slips.len() as u64,
        findings,
        ..tally
    })
}

/// Lives one life with this slip, and tells it.
///
/// # Errors
/// What the vehicle came to before, or that the scene has no such operation.
pub(super) fn follow<const WRITE: usize, const ERASE: usize>(
    people: &People<WRITE, ERASE>,
    scene: &'static Scene,
    slip: Slip,
    seed: u64,
) -> Result<(Vec<String>, Tally), String> {
    let mut plain = Rig::new(people, scene, false)?;
    let first = plain.vehicle.flash().operations();
    plain.vehicle.flash_mut().keep_journal();
    plain.run_to_end()?;
    let nominal = Cost::of(&plain);
    let journal = plain.vehicle.flash_mut().take_journal();
    let at = slip.operation.checked_sub(first);
    let operation = at.and_then(|at| journal.get(usize::try_from(at).ok()?));
    let operation = operation.ok_or(format!("the scene has no operation {}", slip.operation))?;
    let mut story = Vec::new();
    let drawn = Drawn {
        slip,
        address: operation.address(),
        seed,
    };
    let tally = Mutex::default();
    let told = Some(&mut story);
    let violations = live(people, scene, drawn, &nominal, &tally, told);
    let findings = violations
        .into_iter()
        .map(|v| finding::<WRITE, ERASE>(scene, slip, v));
    let tally = Tally {
        findings: findings.collect(),
        ..Tally::default()
    };
    Ok((story, tally))
}

fn finding<const W: usize, const E: usize>(
    scene: &'static Scene,
    slip: Slip,
    violation: Violation,
) -> Finding {
    Finding {
        geometry: (W, E),
        ecc: false,
        scene: scene.name,
        trail: Vec::new(),
        flips: Vec::new(),
        unreadable: None,
        slip: Some(slip),
        violation,
    }
}

/// Whether a life in this scene can bear it: with golden dead, what runs has nothing behind it, and without its papers
/// nothing boots.
fn is_fair(scene: &Scene, kind: SlipKind) -> bool {
    let is_anywhere = matches!(kind, SlipKind::Garbled | SlipKind::Stuck);
    !(is_anywhere && scene.damaged == Some(Location::Golden))
}

/// A slip, where its operation goes, and what draws the rest of it.
#[derive(Clone, Copy)]
struct Drawn {
    slip: Slip,
    address: u32,
    seed: u64,
}

impl Drawn {
    fn fault<const W: usize, const E: usize>(&self, rig: &Rig<'_, W, E>) -> Fault {
        let kind = self.slip.kind;
        let mut rng = Rng::new(self.seed ^ self.slip.operation.rotate_left(24) ^ kind as u64);
        match kind {
            SlipKind::Skipped => Fault::Skipped,
            SlipKind::Refused => Fault::Refused,
            SlipKind::NoErase => Fault::NoErase,
            SlipKind::DeadBlock => Fault::DeadBlock {
                address: self.address,
            },
            SlipKind::Outage => Fault::Outage {
                operations: rng.between(2, LONGEST_OUTAGE),
            },
            SlipKind::Garbled => {
                let (structure, start) = somewhere(rig, &mut rng);
                let len = u32::try_from(rng.between(1, LONGEST_RUN)).unwrap_or(1);
                Fault::Garbled {
                    range: start..(start + len).min(structure.end()),
                    seed: rng.next_u64(),
                }
            }
            SlipKind::Stuck => Fault::Stuck {
                address: somewhere(rig, &mut rng).1,
                mask: 1 << rng.below(8),
                value: rng.next_u8(),
            },
        }
    }
}

/// A structure that decides what boots, or what was heard, and an address in it. Not in images: one that changes between
/// the loader's look and its jump runs as it is.
fn somewhere<const W: usize, const E: usize>(rig: &Rig<'_, W, E>, rng: &mut Rng) -> (Region, u32) {
    let map = rig.vehicle.config().map;
    let mut regions = flips::structures(rig);
    regions.retain(|region| *region != map.staging);
    let region = rng.pick(&regions).copied().unwrap_or(map.floors);
    let at = u32::try_from(rng.below(region.len.into())).unwrap_or(0);
    (region, region.start + at)
}

fn live<const W: usize, const E: usize>(
    people: &People<W, E>,
    scene: &'static Scene,
    drawn: Drawn,
    nominal: &Cost,
    tally: &Mutex<Tally>,
    story: Option<&mut Vec<String>>,
) -> Vec<Violation> {
    let Drawn { slip, address, .. } = drawn;
    let mut life = match Rig::new(people, scene, false) {
        Ok(rig) => {
            let fault = drawn.fault(&rig);
            rig.failing(slip.operation, fault)
        }
        Err(why) => return vec![Violation::Stuck(why)],
    };
    life.story = story.is_some().then(Vec::new);
    let mut end = life.run_to_end();
    if end.is_err() && slip.kind == SlipKind::Outage {
        life = life.obeying();
        end = life.run_to_end();
    }
    let mut found: Vec<Violation> = Vec::new();
    let is_once = matches!(slip.kind, SlipKind::Skipped | SlipKind::Refused);
    let is_passing = slip.kind == SlipKind::Outage;
    let staging = life.vehicle.config().map.staging;
    let is_passed_over =
        slip.kind == SlipKind::DeadBlock && (staging.start..staging.end()).contains(&address);
    match end {
        Err(why) if is_once || is_passing || is_passed_over => found.push(Violation::Stuck(why)),
        // What the vehicle is left with has to listen.
        Err(_) if !life.answers() => found.push(Violation::Silent),
        _ => {}
    }
    let cost = Cost::of(&life);
    found.extend(match is_once {
        true => cost.beyond(nominal, 1),
        false => cost.beyond_for_good(nominal),
    });
    found.extend(cost.beyond_tries(staging));
    if let Ok(mut tally) = tally.lock() {
        tally.lived(&cost, nominal);
    }
    found.extend(life.checker.violations().iter().map(|(_, v)| v.clone()));
    if let (Some(story), Some(told)) = (story, life.story.take()) {
        *story = told;
    }
    found
}
