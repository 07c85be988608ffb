//! How a mission ended, on board and as the ground knows it. The two are computed by the same rule, so that
//! "the ground knows the truth" can be compared.

use std::fmt;

use lightday_boot::Record;
use lightday_station::facts::words;
use lightday_wire::report::flags;
use lightday_wire::{
    Digest, Location, ObjectNumber, Refusal, Report, RevertCause, SlotId, SlotState, Stage,
};

/// How a mission ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The new image is confirmed and runs.
    Confirmed,
    /// The new image was confirmed, and the old one runs again, confirmed anew.
    RolledBack,
    /// The new image was given up; a confirmed one runs.
    Reverted(RevertCause),
    /// Golden runs.
    Golden(RevertCause),
    /// The bundle was refused; the old image runs.
    Refused(Refusal),
    /// The new image is on its way: this is how far it came.
    Unfinished(SlotState),
    /// Nothing is known.
    Unknown,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Confirmed => f.write_str("confirmed"),
            Self::RolledBack => f.write_str("rolled back"),
            Self::Reverted(cause) => write!(f, "reverted: {}", words(cause)),
            Self::Golden(RevertCause::None) => f.write_str("golden"),
            Self::Golden(cause) => write!(f, "golden: {}", words(cause)),
            Self::Refused(refusal) => write!(f, "refused: {}", words(refusal)),
            Self::Unfinished(state) => write!(f, "unfinished: {}", words(state)),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// What both ends know of the same state.
struct View {
    running: Location,
    slots: [(SlotState, [u8; 4]); 2],
    revert_cause: RevertCause,
    reverted: ObjectNumber,
    refused: Option<Refusal>,
    is_lost: bool,
}

/// The images and the bundle that the mission is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// The image that ran before.
    pub old: Digest,
    /// The image that is brought.
    pub new: Digest,
    /// The bundle that brings it.
    pub bundle: ObjectNumber,
}

impl Subject {
    /// What the record in flash says.
    #[must_use]
    pub fn on_board(&self, record: &Record) -> Ending {
        let verdict = record.verdict(lightday_wire::ObjectKind::Bundle);
        self.judge(&View {
            running: record.trial_slot().map_or(record.home.0, Location::Slot),
            slots: record
                .slots
                .map(|slot| (slot.state, slot.image.prefix().short())),
            revert_cause: record.revert_cause,
            reverted: record.reverted,
            refused: (verdict.stage == Stage::Refused).then_some(verdict.refusal),
            is_lost: false,
        })
    }

    /// What a report proves.
    #[must_use]
    pub fn on_ground(&self, report: &Report) -> Ending {
        self.judge(&View {
            running: report.running.0,
            slots: report.slots.map(|slot| (slot.state, slot.digest)),
            revert_cause: report.revert_cause,
            reverted: report.reverted,
            refused: (report.bundle.stage == Stage::Refused).then_some(report.bundle.refusal),
            is_lost: report.flags & flags::RECORD_LOST != 0,
        })
    }

    fn judge(&self, view: &View) -> Ending {
        if view.is_lost {
            return Ending::Golden(RevertCause::RecordLost);
        }
        let Location::Slot(running) = view.running else {
            return Ending::Golden(view.revert_cause);
        };
        let new = self.new.prefix().short();
        let place = |slot: SlotId| view.slots.get(slot.index()).copied();
        let (state, image) = place(running).unwrap_or((SlotState::Empty, [0; 4]));
        let other = place(running.other()).unwrap_or((SlotState::Empty, [0; 4]));
        let is_reverted = view.reverted == self.bundle && view.revert_cause != RevertCause::None;
        match (state, other) {
            (SlotState::Confirmed, _) if image == new => Ending::Confirmed,
            (SlotState::Confirmed, (SlotState::Confirmed, theirs)) if theirs == new => {
                Ending::RolledBack
            }
            (SlotState::Trial, _) => Ending::Unfinished(SlotState::Trial),
            (_, (state, theirs)) if theirs == new && state != SlotState::Reverted => {
                Ending::Unfinished(state)
            }
            _ if is_reverted => Ending::Reverted(view.revert_cause),
            _ => view
                .refused
                .map_or(Ending::Unfinished(SlotState::Empty), Ending::Refused),
        }
    }
}

/// Whether a report proves that an image was verified on board, whatever became of it since.
#[must_use]
pub fn proves_verified(report: &Report, image: &Digest) -> bool {
    report
        .slots
        .iter()
        .any(|slot| slot.digest == image.prefix().short() && was_verified(slot.state))
}

/// Whether a record says that an image was verified, whatever became of it since.
#[must_use]
pub fn says_verified(record: &Record, image: &Digest) -> bool {
    record
        .slots
        .iter()
        .any(|slot| slot.image == *image && was_verified(slot.state))
}

const fn was_verified(state: SlotState) -> bool {
    matches!(
        state,
        SlotState::Verified
            | SlotState::Armed
            | SlotState::Trial
            | SlotState::Confirmed
            | SlotState::Reverted
    )
}
