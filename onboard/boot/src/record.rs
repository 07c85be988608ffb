//! The boot record: the one thing that decides what boots next, and the single commit point of the whole
//! vehicle. This module gives it its bytes; [`store`](crate::store) keeps it in three copies.
//!
//! Every field is of fixed width (`docs/SPEC.md`, boot record). The layout only grows at its end: an older
//! reader ignores what it does not know, a newer one is refused by an older layout's length.

use lightday_wire::canon::CanonError;
use lightday_wire::report::Verdict;
use lightday_wire::{
    Digest, Epoch, Location, ObjectKind, ObjectNumber, ResetCause, RevertCause, SlotId, SlotState,
    Version,
};
use serde::{Deserialize, Serialize};

use crate::supervisor::Elapsed;

/// How many images are barred at the most; the oldest bar falls.
pub const MAX_BARRED: usize = 4;
/// Resets by the environment that one trial, or one confirmed image between two healthy hours, may have.
pub const ENVIRONMENT_BUDGET: u8 = 16;
/// Crashes between two healthy hours that a confirmed image survives; one more and it gives way.
pub const CRASH_LIMIT: u8 = 3;

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotRecord {
    /// Its state.
    pub state: SlotState,
    /// The bundle that brought, or is bringing, its image.
    pub bundle: ObjectNumber,
    /// The image's digest.
    pub image: Digest,
    /// The image's length in bytes.
    #[serde(with = "postcard::fixint::be")]
    pub size: u32,
    /// The image's version.
    pub version: Version,
    /// The image's security counter.
    #[serde(with = "postcard::fixint::be")]
    pub security_counter: u32,
}

impl SlotRecord {
    /// A slot with nothing in it.
    pub const EMPTY: Self = Self {
        state: SlotState::Empty,
        bundle: ObjectNumber::from_be_bytes([0; 3]),
        image: Digest([0; 32]),
        size: 0,
        version: Version {
            major: 0,
            minor: 0,
            patch: 0,
        },
        security_counter: 0,
    };
}

/// A trial. Its numbers count down; nothing an application writes makes them count up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Whether the loader booted it yet; until then the fields below but `tries_left` and `give_up` mean nothing.
    pub started: bool,
    /// Boots left.
    pub tries_left: u8,
    /// Resets by the environment left.
    pub environment_left: u8,
    /// Only commands of this number or a higher one prove that the image hears the ground.
    pub command_floor: ObjectNumber,
    /// Length of the lease in seconds.
    #[serde(with = "postcard::fixint::be")]
    pub lease_s: u32,
    /// When the lease ends.
    pub deadline: Elapsed,
    /// When the image has to have said that it is healthy.
    pub health_deadline: Elapsed,
    /// Whether it said so.
    pub healthy: bool,
    /// The agent gave it up, and why.
    pub give_up: RevertCause,
}

impl Trial {
    /// No trial.
    pub const NONE: Self = Self {
        started: false,
        tries_left: 0,
        environment_left: 0,
        command_floor: ObjectNumber::from_be_bytes([0; 3]),
        lease_s: 0,
        deadline: Elapsed::NEVER,
        health_deadline: Elapsed::NEVER,
        healthy: false,
        give_up: RevertCause::None,
    };

    /// A trial that the next boot starts.
    #[must_use]
    pub const fn new(tries: u8, lease_s: u32) -> Self {
        Self {
            tries_left: tries,
            environment_left: ENVIRONMENT_BUDGET,
            lease_s,
            ..Self::NONE
        }
    }
}

/// The boot record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Layout version.
    pub format: u8,
    /// What boots when nothing is on trial: a confirmed slot, or golden.
    pub home: HomeCode,
    /// Slots A and B.
    pub slots: [SlotRecord; 2],
    /// The trial of the slot whose state is `Trial`.
    pub trial: Trial,
    /// The next number accepted of each kind, in the order of [`ObjectKind::UPLINK`].
    pub next: [ObjectNumber; 4],
    /// How far the latest object of each kind came, in the same order.
    pub verdicts: [Verdict; 4],
    /// Images that were reverted and may not boot until armed anew; zero where unused.
    pub barred: [Digest; MAX_BARRED],
    /// Why an image was last reverted.
    pub revert_cause: RevertCause,
    /// The bundle that had brought it.
    pub reverted: ObjectNumber,
    /// How often the processor was reset, modulo 2^16.
    #[serde(with = "postcard::fixint::be")]
    pub resets: u16,
    /// Why it was last reset.
    pub reset_cause: ResetCause,
    /// Crashes of the home image since it was last healthy for an hour.
    pub crashes: u8,
    /// Resets by the environment since then.
    pub environment: u8,
    /// How often the present patch was begun.
    pub patch_attempts: u8,
    /// Whether activation is held by command.
    pub held: bool,
    /// When home gives way to golden for want of a signed command; [`Elapsed::NEVER`] until the timer
    /// runs.
    pub command_loss: Elapsed,
    /// Link epoch; the floor may be higher.
    pub epoch: Epoch,
    /// Version of the key set; the floor may be higher.
    #[serde(with = "postcard::fixint::be")]
    pub key_set: u16,
    /// Security counter; the floor may be higher.
    #[serde(with = "postcard::fixint::be")]
    pub security_counter: u32,
}

/// The layout of this release.
pub const FORMAT: u8 = 1;

/// A location as one byte, four bits apart: what boots hangs on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HomeCode(pub Location);

impl HomeCode {
    const CODES: [(Location, u8); 3] = [
        (Location::Slot(SlotId::A), 0x33),
        (Location::Slot(SlotId::B), 0x3c),
        (Location::Golden, 0x99),
    ];
}

impl Serialize for HomeCode {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let code = Self::CODES
            .iter()
            .find(|(l, _)| *l == self.0)
            .map_or(0x99, |(_, code)| *code);
        s.serialize_u8(code)
    }
}

impl<'de> Deserialize<'de> for HomeCode {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let code = u8::deserialize(d)?;
        let known = Self::CODES.iter().find(|(_, c)| *c == code);
        known
            .map(|(l, _)| Self(*l))
            .ok_or_else(|| serde::de::Error::custom("unknown home"))
    }
}

impl Record {
    /// Whether the record may be believed: of this layout, and of sense.
    ///
    /// # Errors
    /// [`CanonError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CanonError> {
        let (mut record, _newer) =
            postcard::take_from_bytes::<Self>(bytes).map_err(|_| CanonError::Malformed)?;
        let trials = record
            .slots
            .iter()
            .filter(|s| s.state == SlotState::Trial)
            .count();
        let golden = record.slots.iter().any(|s| s.state == SlotState::Golden);
        if record.format < FORMAT || trials > 1 || golden {
            return Err(CanonError::Malformed);
        }
        // What is saved from here has the fields of this layout only, and must not claim more.
        record.format = FORMAT;
        Ok(record)
    }

    /// The slot's entry.
    #[must_use]
    pub const fn slot(&self, slot: SlotId) -> &SlotRecord {
        let [a, b] = &self.slots;
        match slot {
            SlotId::A => a,
            SlotId::B => b,
        }
    }

    /// The slot's entry, to be changed.
    pub const fn slot_mut(&mut self, slot: SlotId) -> &mut SlotRecord {
        let [a, b] = &mut self.slots;
        match slot {
            SlotId::A => a,
            SlotId::B => b,
        }
    }

    /// The slot on trial.
    #[must_use]
    pub fn trial_slot(&self) -> Option<SlotId> {
        SlotId::ALL
            .into_iter()
            .find(|s| self.slot(*s).state == SlotState::Trial)
    }

    /// The next number accepted of a kind; 0 for kinds that never go up.
    #[must_use]
    pub fn next_number(&self, kind: ObjectKind) -> ObjectNumber {
        kind.uplink_index()
            .and_then(|i| self.next.get(i))
            .copied()
            .unwrap_or_default()
    }

    /// Raises the next number of a kind beyond `number`. It never goes down.
    pub fn raise_next(&mut self, kind: ObjectKind, number: ObjectNumber) {
        if let Some(next) = kind.uplink_index().and_then(|i| self.next.get_mut(i)) {
            *next = (*next).max(number.next());
        }
    }

    /// The verdict on the latest object of a kind.
    #[must_use]
    pub fn verdict(&self, kind: ObjectKind) -> Verdict {
        let verdict = kind.uplink_index().and_then(|i| self.verdicts.get(i));
        verdict.copied().unwrap_or(Verdict::IDLE)
    }

    /// Notes how far an object came.
    pub fn set_verdict(&mut self, kind: ObjectKind, verdict: Verdict) {
        if let Some(old) = kind.uplink_index().and_then(|i| self.verdicts.get_mut(i)) {
            *old = verdict;
        }
    }

    /// Moves the end of the command-loss timer on; it never moves back. A timer that does not run yet
    /// ([`Elapsed::NEVER`], from launch to the first signed command or trial) begins to.
    pub fn renew_command_loss(&mut self, until: Elapsed) {
        self.command_loss = match self.command_loss {
            Elapsed::NEVER => until,
            running => running.max(until),
        };
    }

    /// Whether an image is barred.
    #[must_use]
    pub fn is_barred(&self, image: &Digest) -> bool {
        self.barred.contains(image)
    }

    /// Bars an image; the oldest bar falls where there is no room.
    pub fn bar(&mut self, image: Digest) {
        if self.is_barred(&image) {
            return;
        }
        let unused = self.barred.iter().position(|b| *b == Digest([0; 32]));
        let last = unused.unwrap_or(MAX_BARRED - 1);
        if let Some(newer) = self.barred.get_mut(..=last) {
            newer.rotate_right(1);
        }
        if let Some(first) = self.barred.first_mut() {
            *first = image;
        }
    }

    /// Lifts the bar from an image.
    pub fn unbar(&mut self, image: &Digest) {
        self.barred
            .iter_mut()
            .filter(|b| *b == image)
            .for_each(|b| *b = Digest([0; 32]));
    }

    /// The record of a vehicle as it is launched: `slot` holds the confirmed first image, golden is
    /// there, nothing was ever heard.
    #[must_use]
    pub const fn at_launch(slots: [SlotRecord; 2], home: Location, key_set: u16) -> Self {
        Self {
            format: FORMAT,
            home: HomeCode(home),
            slots,
            trial: Trial::NONE,
            next: [ObjectNumber::from_be_bytes([0, 0, 1]); 4],
            verdicts: [Verdict::IDLE; 4],
            barred: [Digest([0; 32]); MAX_BARRED],
            revert_cause: RevertCause::None,
            reverted: ObjectNumber::from_be_bytes([0; 3]),
            resets: 0,
            reset_cause: ResetCause::Unknown,
            crashes: 0,
            environment: 0,
            patch_attempts: 0,
            held: false,
            command_loss: Elapsed::NEVER,
            epoch: Epoch::FIRST,
            key_set,
            security_counter: 0,
        }
    }
}
