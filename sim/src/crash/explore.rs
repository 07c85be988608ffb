//! The exploration of a scene: at every operation of the flash the power fails in every form, and from each of
//! these points the life goes on to the scene's end.
//!
//! ```text
//! nominal --op--op--op--op--op--> end          depth 1: every operation, every form
//!              \   \
//!               +---+--op--op--at rest--> end  depth 2: where the first cut met the boot, record and commit path,
//!                       \                               every such operation until the vehicle is at rest again
//!                        +--op--> end          depth 3: one in so many of these
//! ```
//! With depth 2, one in so many of all other second cuts besides: after a first cut that met images and symbols, and
//! after the vehicle was at rest again.
//!
//! An agent's RAM does not outlive a cut: what is carried from one point to the next is the flash, the
//! supervisor and the time. So no point is reached twice by running up to it.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::bounds::Cost;
use super::people::People;
use super::rig::{Act, Rig};
use super::scene::Scene;
use super::{Cut, Finding, Forms, Settings, Tally, caught};
use crate::checker::{Checker, Violation};
use crate::flash::{Operation, SimFlash};
use crate::rng::Rng;

/// Points that wait for a thread at the most.
const QUEUE: usize = 16;

/// A point that is to be explored: a vehicle without power, and how it came to that.
struct Point<'p, const WRITE: usize, const ERASE: usize> {
    rig: Rig<'p, WRITE, ERASE>,
    trail: Vec<Cut>,
    /// Whether it is one of those that were drawn: no further cut comes after it.
    is_sampled: bool,
}

/// One scene on one flash.
struct Explorer<'e> {
    settings: &'e Settings,
    scene: &'static Scene,
    ecc: bool,
    /// What the life without a cut takes.
    nominal: Cost,
    tally: Mutex<Tally>,
    /// After how many cuts the code that flies panics, so that a test sees what is made of it.
    #[cfg(test)]
    panics_after: Option<usize>,
}

/// Explores a scene.
///
/// # Errors
/// What the vehicle came to without any cut: a bug of vehicle or scene.
pub(super) fn scene<const WRITE: usize, const ERASE: usize>(
    people: &People<WRITE, ERASE>,
    scene: &'static Scene,
    ecc: bool,
    settings: &Settings,
) -> Result<Tally, String> {
    let explorer = Explorer::new(people, scene, ecc, settings)?;
    if settings.depth == 0 {
        return Ok(explorer.tally.into_inner().unwrap_or_default());
    }
    let rig = Rig::new(people, scene, ecc)?;
    let (send, receive) = sync_channel(QUEUE);
    let receive = Mutex::new(receive);
    std::thread::scope(|scope| {
        for _ in 0..settings.threads.max(1) {
            scope.spawn(|| explorer.work(&receive));
        }
        explorer.spread(rig, &send);
        drop(send);
    });
    Ok(explorer.tally.into_inner().unwrap_or_default())
}

impl<'e> Explorer<'e> {
    /// Lives the life without a cut, which the others are held against.
    fn new<const W: usize, const E: usize>(
        people: &People<W, E>,
        scene: &'static Scene,
        ecc: bool,
        settings: &'e Settings,
    ) -> Result<Self, String> {
        let mut plain = Rig::new(people, scene, ecc)?;
        plain.run_to_end()?;
        let explorer = Self {
            settings,
            scene,
            ecc,
            nominal: Cost::of(&plain),
            tally: Mutex::default(),
            #[cfg(test)]
            panics_after: None,
        };
        explorer.finish(&plain, &[], Ok(()));
        Ok(explorer)
    }

    /// Runs the life without a cut, and hands every point of it out.
    fn spread<'p, const W: usize, const E: usize>(
        &self,
        mut rig: Rig<'p, W, E>,
        send: &SyncSender<Point<'p, W, E>>,
    ) {
        loop {
            let mut stop = false;
            let act = self.act(&mut rig, |rig, flash, checker, cut| {
                let point = Point {
                    rig: rig.cut_off(flash, checker),
                    trail: vec![cut],
                    is_sampled: false,
                };
                stop |= send.send(point).is_err();
            });
            if act != Act::Goes || stop || self.has_enough() {
                return;
            }
        }
    }

    fn work<const W: usize, const E: usize>(&self, points: &Mutex<Receiver<Point<'_, W, E>>>) {
        loop {
            let point = match points.lock() {
                Ok(points) => points.recv(),
                Err(_) => return,
            };
            let Ok(point) = point else { return };
            if !self.has_enough() {
                self.survey(point);
            }
        }
    }

    /// Whether as much was found as anybody wants to read.
    fn has_enough(&self) -> bool {
        let tally = self.tally.lock();
        tally.is_ok_and(|tally| tally.findings.len() >= self.settings.most_findings)
    }

    /// Explores a point. A panic is a finding of this very point, with all the cuts that led to it.
    fn survey<const W: usize, const E: usize>(&self, point: Point<'_, W, E>) {
        let trail = point.trail.clone();
        let life = || {
            self.explore(point);
            Vec::new()
        };
        self.note::<W, E>(&trail, caught(life));
    }

    /// From a cut to the end of the scene, and from every point on the way that is to be explored.
    fn explore<const W: usize, const E: usize>(&self, point: Point<'_, W, E>) {
        let Point {
            mut rig,
            trail,
            is_sampled,
        } = point;
        self.count(|tally| tally.cut(trail.len(), is_sampled));
        #[cfg(test)]
        assert_ne!(self.panics_after, Some(trail.len()), "as the test wants");
        let is_forking = trail.len() < self.settings.depth && !is_sampled;
        let is_commit = |cut: &Cut| is_on_commit_path(&rig, cut.address);
        let mut is_recovering = is_forking && trail.last().is_some_and(is_commit);
        let end = loop {
            let act = if is_recovering || (is_forking && trail.len() == 1) {
                let mut points = Vec::new();
                let act = self.act(&mut rig, |rig, flash, checker, cut| {
                    let is_next = is_recovering && is_on_commit_path(rig, cut.address);
                    let is_first = trail.len() == 1;
                    let is_complete = is_next && is_first;
                    let is_wanted = is_next || is_first;
                    if is_complete || (is_wanted && self.is_drawn(&trail, cut)) {
                        points.push(Point {
                            rig: rig.cut_off(flash, checker),
                            trail: [&trail[..], &[cut]].concat(),
                            is_sampled: !is_next,
                        });
                    }
                });
                points.into_iter().for_each(|point| self.survey(point));
                is_recovering &= !rig.is_at_rest();
                act
            } else {
                rig.act()
            };
            match act {
                Act::Goes => {}
                Act::Done => break Ok(()),
                Act::Stuck => break Err(rig.stuck()),
            }
        };
        self.finish(&rig, &trail, end);
    }

    /// Whether this cut is one of those that are sampled.
    fn is_drawn(&self, trail: &[Cut], next: Cut) -> bool {
        let mut seed = self.settings.seed;
        for cut in trail.iter().chain([&next]) {
            seed = Rng::new(seed ^ cut.operation ^ (cut.form as u64) << 48).next_u64();
        }
        Rng::new(seed).below(self.settings.one_in) == 0
    }

    /// One act; each operation of the flash that it takes is handed to `fork`, in each form: the flash that is left
    /// had the power failed there, and the checker as it was before.
    fn act<'p, const W: usize, const E: usize>(
        &self,
        rig: &mut Rig<'p, W, E>,
        mut fork: impl FnMut(&Rig<'p, W, E>, SimFlash<W, E>, Checker, Cut),
    ) -> Act {
        let mut before = rig.vehicle.flash().clone();
        let checker = rig.checker.clone();
        rig.vehicle.flash_mut().keep_journal();
        let act = rig.act();
        let journal = rig.vehicle.flash_mut().take_journal();
        if !journal.is_empty() {
            // As in the event at hand: the power is on.
            before.power_on();
            before.unlock();
        }
        for operation in &journal {
            let number = before.operations();
            let is_of_several = operation.is_of_several(W);
            let draws = self.draws::<W>(number);
            for form in self.settings.forms.of(draws, is_of_several) {
                let cut = Cut {
                    operation: number,
                    address: operation.address(),
                    form,
                };
                let flash = half_done(&before, operation, cut, self.settings.seed);
                fork(rig, flash, checker.clone(), cut);
            }
            let _ = before.redo(operation);
        }
        act
    }

    /// What draws the forms of an operation: not the same ones on all flashes.
    const fn draws<const W: usize>(&self, operation: u64) -> u64 {
        self.settings.seed ^ operation.rotate_left(24) ^ (W as u64) << 8 ^ self.ecc as u64
    }

    fn finish<const W: usize, const E: usize>(
        &self,
        rig: &Rig<'_, W, E>,
        trail: &[Cut],
        end: Result<(), String>,
    ) {
        let cuts = u32::try_from(trail.len()).unwrap_or(u32::MAX);
        let mut violations: Vec<Violation> = Vec::new();
        violations.extend(rig.checker.violations().iter().map(|(_, v)| v.clone()));
        violations.extend(end.err().map(Violation::Stuck));
        let cost = Cost::of(rig);
        violations.extend(match trail.is_empty() {
            true => cost.beyond_nominal(),
            false => cost.beyond(&self.nominal, cuts),
        });
        self.count(|tally| tally.lived(&cost, &self.nominal));
        self.note::<W, E>(trail, violations);
    }

    fn note<const W: usize, const E: usize>(&self, trail: &[Cut], violations: Vec<Violation>) {
        let findings = violations.into_iter().map(|violation| Finding {
            geometry: (W, E),
            ecc: self.ecc,
            scene: self.scene.name,
            trail: trail.to_vec(),
            flips: Vec::new(),
            unreadable: None,
            slip: None,
            violation,
        });
        self.count(|tally| tally.findings.extend(findings));
    }

    fn count(&self, change: impl FnOnce(&mut Tally)) {
        if let Ok(mut tally) = self.tally.lock() {
            change(&mut tally);
        }
    }
}

/// The flash, had the power failed in this operation.
fn half_done<const W: usize, const E: usize>(
    before: &SimFlash<W, E>,
    operation: &Operation,
    cut: Cut,
    seed: u64,
) -> SimFlash<W, E> {
    let mut flash = before.clone();
    flash.cut_at(cut.operation, cut.form.of(seed ^ cut.operation));
    // It is cut off, as planned.
    let _ = flash.redo(operation);
    flash
}

/// Whether what lies there decides what boots, or what was heard: everything but images and symbols.
fn is_on_commit_path<const W: usize, const E: usize>(rig: &Rig<'_, W, E>, address: u32) -> bool {
    let map = rig.vehicle.config().map;
    let trailers = map.slots.map(|slot| slot.trailer);
    let all = map.record.into_iter().chain(map.key_sets).chain(trailers);
    let mut all = all.chain([map.floors, map.pending]);
    all.any(|region| (region.start..region.end()).contains(&address))
}

/// Follows one trail of cuts through a scene, and tells the story.
///
/// # Errors
/// What the vehicle came to before the trail began, or that the trail is none.
pub(super) fn follow<const W: usize, const E: usize>(
    people: &People<W, E>,
    scene: &'static Scene,
    ecc: bool,
    trail: &[Cut],
    settings: &Settings,
) -> Result<(Vec<String>, Tally), String> {
    // Whichever forms were drawn, the trail names one.
    let settings = Settings {
        forms: Forms::All,
        ..settings.clone()
    };
    let explorer = Explorer::new(people, scene, ecc, &settings)?;
    let mut rig = Rig::new(people, scene, ecc)?;
    rig.story = Some(Vec::new());
    let mut followed = Vec::new();
    let end = loop {
        let next = trail.get(followed.len());
        let mut found = None;
        let act = explorer.act(&mut rig, |rig, flash, checker, cut| {
            if next.is_some_and(|next| (next.operation, next.form) == (cut.operation, cut.form)) {
                found = Some((rig.cut_off(flash, checker), cut));
            }
        });
        if let Some((forked, cut)) = found {
            rig = forked;
            if let Some(story) = &mut rig.story {
                story.push(format!("            power fails at {cut}"));
            }
            followed.push(cut);
            continue;
        }
        match act {
            Act::Goes => {}
            Act::Done => break Ok(()),
            Act::Stuck => break Err(rig.stuck()),
        }
    };
    if followed.len() < trail.len() {
        return Err(format!(
            "the scene has no operation {}",
            trail[followed.len()].operation
        ));
    }
    explorer.finish(&rig, &followed, end);
    let story = rig.story.take().unwrap_or_default();
    Ok((story, explorer.tally.into_inner().unwrap_or_default()))
}

#[cfg(test)]
mod tests;
