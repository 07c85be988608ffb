//! The scenes of a vehicle's life: what is wanted of it one after the other, and what is sent until it is so.
//!
//! | scene | from | to |
//! |---|---|---|
//! | `update` | launch | received, solved, patched, read back, armed, booted, tried, confirmed |
//! | `second-update` | the new image is home in B | the newest is confirmed in A, over the old one |
//! | `trial` | the new image is on trial | it is confirmed |
//! | `meanwhile` | the new image is on trial | the next bundle waits, the new image is confirmed, the next is verified |
//! | `while-armed` | the new image is armed, and held | another bundle is staged, the hold ends, the new one is confirmed |
//! | `crash`, `unhealthy`, `deaf` | the new image is verified | it was tried and reverted: tries, health, lease |
//! | `load-and-go` | launch | received, solved, patched, read back, armed by itself, tried, confirmed |
//! | `self-confirm` | the new image is on trial | a signed command came, and it is confirmed without Confirm |
//! | `rollback` | the new image is home | the old one is home again |
//! | `golden` | launch | golden runs by command |
//! | `from-golden` | golden runs by command | A is home again |
//! | `keys` | the new image is home | the next key set is in force, and its flight is obeyed |
//! | `epoch` | launch | link epoch 1 is in force, and is obeyed |
//! | `abort` | the new image is verified | it is in no slot |
//! | `abort-early`, `abort-armed` | half of its bundle came; it is armed, and held | it is in no slot |
//! | `abort-trial` | the new image is on trial | it is reverted |
//! | `fall-back` | the new image is home, and dies on its third day | the old one runs, by itself |
//! | `silence` | the new image is home | golden runs: no command came for longer than the vehicle waits |
//! | `home-lost` | the image of the launch is damaged | golden runs, and is home |
//! | `golden-lost` | golden is damaged | as `update` |
//! | `in-golden-s-stead` | golden is damaged | golden is home by command, A runs in its stead, then as `update` |
//! | `resync` | every copy of the record is lost | golden, then epoch 1, then A is home again |

use lightday_boot::Record;
use lightday_wire::{Location, ObjectKind, Report, SlotId, SlotState};

use super::people::{Ask, Licence, People, Which, slot_of};
use crate::vehicle::Behaviour;

/// What the vehicle is like, as the people see it.
pub struct View<'v> {
    /// The agent's record.
    pub record: &'v Record,
    /// What runs.
    pub running: Location,
    /// The latest report that was heard since the power failed last.
    pub heard: Option<&'v Report>,
}

/// Something that is wanted of the vehicle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// An image is verified, or further on its way.
    Verified(Which),
    /// It is armed, or further.
    Armed(Which),
    /// It runs on trial.
    Tried(Which),
    /// Some symbols of its bundle are there, as a report says, and not all.
    Begun(Which),
    /// All symbols of its bundle are there, as a report says: it waits.
    Waits(Which),
    /// It was tried and is reverted, and what was home before runs.
    Reverted(Which),
    /// It runs, on trial or confirmed.
    Runs(Which),
    /// It is confirmed, runs and is home.
    Home(Which),
    /// The same, by itself: the vehicle was asked for no more than a report.
    HomeByItself(Which),
    /// It runs, and nobody asked for it: the vehicle was asked for no more than a report.
    RunsByItself(Which),
    /// It was on trial, was told to end it, and is reverted.
    Ended(Which),
    /// Golden runs and is home.
    Golden,
    /// The same, and nobody asked for it.
    GoldenByItself,
    /// Golden is home and does not boot: an image runs in its stead.
    Stead(Which),
    /// The bundle of an image is forgotten.
    Forgotten(Which),
    /// Activation is held: the vehicle obeyed a command.
    Held,
    /// It is not.
    Released,
    /// The next key set is in force.
    NextKeys,
    /// Link epoch 1 is in force.
    NextEpoch,
}

impl Goal {
    /// What is sent until it is reached.
    const fn ask(self) -> Ask {
        match self {
            Self::Verified(which) | Self::Waits(which) => Ask::Bundle(which, Licence::Ordinary),
            Self::Armed(which) => Ask::Authorize(which),
            Self::Begun(which) => Ask::Begin(which),
            Self::Tried(_) | Self::Reverted(_) | Self::GoldenByItself => Ask::Wait,
            Self::Runs(which) => Ask::Rollback(which),
            Self::Home(which) => Ask::Confirm(which),
            Self::HomeByItself(_) | Self::RunsByItself(_) => Ask::Report,
            Self::Golden | Self::Stead(_) => Ask::BootGolden,
            Self::Forgotten(which) | Self::Ended(which) => Ask::Abort(which),
            Self::Held => Ask::Hold,
            Self::Released => Ask::Release,
            Self::NextKeys => Ask::Keys,
            Self::NextEpoch => Ask::EpochSwitch,
        }
    }

    fn is_reached<const W: usize, const E: usize>(
        self,
        people: &People<W, E>,
        view: &View<'_>,
    ) -> bool {
        use SlotState::{Armed, Confirmed, Reverted, Trial, Verified};
        let record = view.record;
        let in_slot = |which: Which, states: &[SlotState]| {
            let slot = record.slot(slot_of(which));
            slot.image == people.image(which) && states.contains(&slot.state)
        };
        let runs = |which| view.running == Location::Slot(slot_of(which));
        match self {
            Self::Verified(which) => in_slot(which, &[Verified, Armed, Trial, Confirmed]),
            Self::Armed(which) => in_slot(which, &[Armed, Trial, Confirmed, Reverted]),
            Self::Tried(which) => runs(which) && in_slot(which, &[Trial, Confirmed]),
            Self::Begun(which) => view.heard.is_some_and(|report| {
                Some(report.bundle.number) == people.bundle(which) && report.symbols_needed > 0
            }),
            Self::Waits(which) => view.heard.is_some_and(|report| {
                Some(report.bundle.number) == people.bundle(which) && report.symbols_needed == 0
            }),
            Self::Reverted(which) | Self::Ended(which) => {
                let is_home = view.running == record.home.0 && view.running != Location::Golden;
                in_slot(which, &[Reverted]) && !runs(which) && is_home
            }
            Self::Runs(which) | Self::RunsByItself(which) => {
                runs(which) && in_slot(which, &[Trial, Confirmed])
            }
            Self::Home(which) | Self::HomeByItself(which) => {
                runs(which) && in_slot(which, &[Confirmed]) && record.home.0 == view.running
            }
            Self::Golden | Self::GoldenByItself => {
                view.running == Location::Golden && record.home.0 == Location::Golden
            }
            Self::Stead(which) => runs(which) && record.home.0 == Location::Golden,
            Self::Forgotten(which) => {
                let taken = record.next_number(ObjectKind::Bundle).get() > 1;
                taken
                    && matches!(
                        record.slot(slot_of(which)).state,
                        SlotState::Empty | SlotState::Failed
                    )
            }
            Self::Held => record.held,
            Self::Released => !record.held,
            Self::NextKeys => record.key_set == 3,
            Self::NextEpoch => record.epoch.get() == 1,
        }
    }
}

/// A scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scene {
    /// Its name, on the command line and in reports.
    pub name: &'static str,
    /// How the new image behaves.
    pub behaviour: Behaviour,
    /// Whether every copy of the record is wiped before the vehicle is first switched on.
    pub is_record_lost: bool,
    /// Where an image is damaged, all copies of it, before the vehicle is first switched on.
    pub damaged: Option<Location>,
    /// How often something is sent, or waited for, until the vehicle counts as stuck. The waits grow: twelve come to a
    /// day and a half, over a lease of one, and each further one is as long as that.
    pub patience: u32,
    /// How far the new image may go by itself.
    pub licence: Licence,
    /// What the vehicle has come to before the power fails.
    pub before: &'static [Goal],
    /// What is wanted of it, whatever fails.
    pub goals: &'static [Goal],
}

use Goal::{
    Armed, Begun, Ended, Forgotten, Golden, GoldenByItself, Held, Home, HomeByItself, NextEpoch,
    NextKeys, Released, Reverted, Runs, RunsByItself, Stead, Tried, Verified, Waits,
};
use Which::{New, Newest, Old, Spare};

const UPDATE: &[Goal] = &[Verified(New), Armed(New), Home(New)];

/// The patience of a scene that waits for nothing that takes days.
pub(super) const PATIENCE: u32 = 13;

/// A scene of a healthy new image.
const fn healthy(name: &'static str, before: &'static [Goal], goals: &'static [Goal]) -> Scene {
    Scene {
        name,
        behaviour: Behaviour::Healthy,
        is_record_lost: false,
        damaged: None,
        patience: PATIENCE,
        licence: Licence::Ordinary,
        before,
        goals,
    }
}

/// A scene of a new image that is reverted.
const fn reverted(name: &'static str, behaviour: Behaviour) -> Scene {
    Scene {
        behaviour,
        ..healthy(name, &[Verified(New)], &[Armed(New), Reverted(New)])
    }
}

/// All scenes.
pub const SCENES: [Scene; 25] = [
    healthy("update", &[], UPDATE),
    healthy(
        "second-update",
        UPDATE,
        &[Verified(Newest), Armed(Newest), Home(Newest)],
    ),
    healthy(
        "trial",
        &[Verified(New), Armed(New), Tried(New)],
        &[Home(New)],
    ),
    healthy(
        "meanwhile",
        &[Verified(New), Armed(New), Tried(New)],
        &[Waits(Newest), Home(New), Verified(Newest)],
    ),
    healthy(
        "while-armed",
        &[Held, Verified(New), Armed(New)],
        &[Waits(Spare), Released, Home(New)],
    ),
    reverted("crash", Behaviour::CrashesAtBoot),
    reverted("unhealthy", Behaviour::Unhealthy),
    reverted("deaf", Behaviour::Deaf),
    Scene {
        licence: Licence::LoadAndGo,
        ..healthy("load-and-go", &[], &[Verified(New), Tried(New), Home(New)])
    },
    Scene {
        licence: Licence::SelfConfirm,
        ..healthy(
            "self-confirm",
            &[Verified(New), Armed(New), Tried(New)],
            &[HomeByItself(New)],
        )
    },
    healthy("rollback", UPDATE, &[Runs(Old), Home(Old)]),
    healthy("golden", &[], &[Golden]),
    healthy("from-golden", &[Golden], &[Runs(Old), Home(Old)]),
    healthy("keys", UPDATE, &[NextKeys, Held]),
    healthy("epoch", &[], &[NextEpoch, Held]),
    healthy("abort", &[Verified(New)], &[Forgotten(New), Held]),
    healthy("abort-early", &[Begun(New)], &[Forgotten(New), Held]),
    healthy(
        "abort-armed",
        &[Held, Verified(New), Armed(New)],
        &[Forgotten(New), Released],
    ),
    healthy(
        "abort-trial",
        &[Verified(New), Armed(New), Tried(New)],
        &[Ended(New), Held],
    ),
    Scene {
        behaviour: Behaviour::DiesOnDay3,
        patience: 17,
        ..healthy("fall-back", UPDATE, &[RunsByItself(Old), Held])
    },
    Scene {
        patience: 17,
        ..healthy("silence", UPDATE, &[GoldenByItself, Held])
    },
    Scene {
        damaged: Some(Location::Slot(SlotId::A)),
        ..healthy("home-lost", &[], &[Golden, Held])
    },
    Scene {
        damaged: Some(Location::Golden),
        ..healthy("golden-lost", &[], UPDATE)
    },
    Scene {
        damaged: Some(Location::Golden),
        ..healthy(
            "in-golden-s-stead",
            &[],
            &[Stead(Old), Verified(New), Armed(New), Home(New)],
        )
    },
    Scene {
        is_record_lost: true,
        ..healthy("resync", &[], &[NextEpoch, Runs(Old), Home(Old)])
    },
];

impl Scene {
    /// The scene of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        SCENES.iter().find(|scene| scene.name == name)
    }

    /// What is to be sent to a vehicle that is to reach these goals, one after the other; `None`: it has reached the
    /// last. What was reached and is lost again is asked for again.
    pub(super) fn next_ask<const W: usize, const E: usize>(
        &self,
        goals: &[Goal],
        people: &People<W, E>,
        view: &View<'_>,
    ) -> Option<Ask> {
        let reached = goals.iter().rposition(|goal| goal.is_reached(people, view));
        let next = goals.get(reached.map_or(0, |place| place + 1))?;
        Some(self.ask_for(*next))
    }

    const fn ask_for(&self, goal: Goal) -> Ask {
        match goal {
            Goal::NextEpoch if self.is_record_lost => Ask::Resync,
            Goal::Verified(New) => Ask::Bundle(New, self.licence),
            goal => goal.ask(),
        }
    }
}
