//! What fails while the power stays on: at every operation of a scene, the flash skips it and reports success, or
//! refuses it once; from every operation on, no erase works any more, or the block at hand is dead.
//!
//! A single slip must not keep a life from its goals; nor may a dead block of the staging log, which has room to pass
//! it over. What else fails for good may: then the invariants have to hold, and the vehicle has to run something
//! verified at the end.

use std::sync::Mutex;

use super::bounds::Cost;
use super::people::People;
use super::rig::Rig;
use super::scene::Scene;
use super::{Finding, Settings, Slip, SlipKind, Tally, caught, live_all};
use crate::checker::Violation;
use crate::flash::{Fault, Operation};

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
        .collect();
    let tally = Mutex::new(Tally::default());
    let findings = live_all(&slips, settings, |slip| {
        let at = usize::try_from(slip.operation - first).unwrap_or(0);
        let address = journal.get(at).map_or(0, Operation::address);
        let violations = caught(|| live(people, scene, *slip, address, &nominal, &tally, None));
        let findings = violations.into_iter();
        findings
            .map(|v| finding::<WRITE, ERASE>(scene, *slip, v))
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
    let address = operation.address();
    let tally = Mutex::default();
    let told = Some(&mut story);
    let violations = live(people, scene, slip, address, &nominal, &tally, told);
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

fn live<const W: usize, const E: usize>(
    people: &People<W, E>,
    scene: &'static Scene,
    slip: Slip,
    address: u32,
    nominal: &Cost,
    tally: &Mutex<Tally>,
    story: Option<&mut Vec<String>>,
) -> Vec<Violation> {
    let fault = match slip.kind {
        SlipKind::Skipped => Fault::Skipped,
        SlipKind::Refused => Fault::Refused,
        SlipKind::NoErase => Fault::NoErase,
        SlipKind::DeadBlock => Fault::DeadBlock { address },
    };
    let mut life = match Rig::new(people, scene, false) {
        Ok(rig) => rig.failing(slip.operation, fault),
        Err(why) => return vec![Violation::Stuck(why)],
    };
    life.story = story.is_some().then(Vec::new);
    let end = life.run_to_end();
    let mut found: Vec<Violation> = Vec::new();
    let is_once = matches!(slip.kind, SlipKind::Skipped | SlipKind::Refused);
    let staging = life.vehicle.config().map.staging;
    let is_passed_over =
        slip.kind == SlipKind::DeadBlock && (staging.start..staging.end()).contains(&address);
    match end {
        Err(why) if is_once || is_passed_over => found.push(Violation::Stuck(why)),
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
