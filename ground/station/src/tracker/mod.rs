//! The tracker: what the vehicle last proved about itself, and how old that is.
//!
//! Only what a report proves goes in here: never what was sent, never what is hoped. What the vehicle
//! is expected to know *now* is the twin's to say.
//!
//! ```text
//! bytes ─ length, first byte ─ tag of its epoch ─ canonical body ─ sequence after the last ─> Proven
//!         NotAReport           Forged             Malformed      │  OldSequence
//!                                                                └ RECORD_LOST: an alarm, whatever
//!                                                                  its sequence; once ─> Proven
//! ```
//!
//! A vehicle that lost its record counts its reports from zero and stays in its epoch, so that no order is
//! left by which to judge it. Its report is an *alarm*: it stands beside the last report, which goes on to
//! order what follows, and ends with the first report of a later epoch, since only a resynchronisation
//! leads out. An alarm whose very bytes were heard before is a duplicate.
//!
//! Who plays an old alarm of this epoch back, one that the ground never heard, makes people look: it hides
//! no report, moves no order, and is news only once. A later report of the same epoch that has its record
//! does not end an alarm (it may be the recording) but shows beside it: [`Alarm::denied`].
//!
//! What the order costs is no report: one that is older than the last, and was never heard, is still told from a
//! duplicate, and where it cannot stand beside what was heard before it, that is told until the next epoch
//! ([`Tracker::contradiction`]). Whoever stole the link key can say anything, so that no bound on a jump of the
//! sequence would do; but it cannot hide that two speak.
//!
//! Sequences are compared as serial numbers (RFC 1982), since the count of resets in their upper half wraps:
//! of two, the one that is fewer than 2^31 steps (32,768 resets) ahead is the newer. A mission that comes
//! near that many resets goes on to the next link epoch, where all older recordings are refused.
//!
//! ```
//! use lightday_station::link_keys::HeldKeys;
//! use lightday_station::tracker::{TrackError, Tracker};
//! use lightday_wire::VehicleId;
//!
//! let keys = HeldKeys::default();
//! let mut tracker = Tracker::new(VehicleId(7), 79_200);
//! let refused = tracker.receive(&keys, b"noise", 1_000_000);
//! assert!(matches!(refused, Err(TrackError::NotAReport(_))));
//! assert!(tracker.last().is_none());
//! ```

mod error;
mod proven;

use std::collections::BTreeSet;

use lightday_trust::digest::sha256;
use lightday_trust::{Direction, FrameKey};
use lightday_wire::answer::{self, Answer};
use lightday_wire::canon;
use lightday_wire::dump::{self, Part};
use lightday_wire::report::{Report, ReportFrame};
use lightday_wire::{Digest, Epoch, VehicleId};
use serde::{Deserialize, Serialize};

pub use error::TrackError;
pub use proven::{Alarm, OVERTAKING_S, Proven};

use crate::light_time::LightTime;
use crate::link_keys::HeldKeys;
use proven::{Heard, is_newer, missed};

/// What the vehicle last proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracker {
    vehicle: VehicleId,
    light_time: LightTime,
    last: Option<Proven>,
    alarm: Option<Alarm>,
    /// Digests of the alarms of the alarm's epoch: 32 B each, emptied where an epoch ends.
    known_alarms: BTreeSet<[u8; 32]>,
    /// The same of all other reports.
    known: BTreeSet<[u8; 32]>,
    /// Sequence, clock, and when sent and received, of all that were heard in this epoch.
    heard: Vec<Heard>,
    /// The first report that another one contradicts.
    contradiction: Option<Proven>,
    /// The report that was heard last, whatever its place in the order.
    latest_heard: Option<Proven>,
}

impl Tracker {
    /// Nothing was heard yet.
    #[must_use]
    pub fn new(vehicle: VehicleId, light_time: impl Into<LightTime>) -> Self {
        Self {
            vehicle,
            light_time: light_time.into(),
            last: None,
            alarm: None,
            known_alarms: BTreeSet::new(),
            known: BTreeSet::new(),
            heard: Vec::new(),
            contradiction: None,
            latest_heard: None,
        }
    }

    /// A report that one vehicle cannot have sent beside those that were heard before it: its sequence is older than
    /// one of theirs, and its clock is later; or, where the clock says nothing, it came [`OVERTAKING_S`] or more
    /// behind. Somebody else speaks under a stolen link key, or held a recording back. It stands until the
    /// next epoch.
    #[must_use]
    pub const fn contradiction(&self) -> Option<&Proven> {
        self.contradiction.as_ref()
    }

    /// The report that was heard last and proved itself, even if one of a higher sequence was heard before it:
    /// where two speak, one of these two is the vehicle.
    #[must_use]
    pub const fn latest_heard(&self) -> Option<&Proven> {
        self.latest_heard.as_ref()
    }

    /// The last report that proved itself, of a vehicle that has its record.
    #[must_use]
    pub const fn last(&self) -> Option<&Proven> {
        self.last.as_ref()
    }

    /// The alarm that stands: the vehicle lost its record, and only a resynchronisation leads out.
    #[must_use]
    pub const fn alarm(&self) -> Option<&Alarm> {
        self.alarm.as_ref()
    }

    /// What tells most of the vehicle as it is: the alarm that stands and is not denied, or else the last
    /// report.
    #[must_use]
    pub fn latest(&self) -> Option<&Proven> {
        let alarm = self.alarm.as_ref().filter(|alarm| !alarm.denied);
        alarm.map(|alarm| &alarm.proven).or(self.last())
    }

    /// The latest epoch that the vehicle proved.
    fn epoch(&self) -> Option<Epoch> {
        let alarm = self.alarm.as_ref().map(|alarm| alarm.proven.epoch);
        self.last.as_ref().map(|last| last.epoch).max(alarm)
    }

    fn key(&self, keys: &HeldKeys, epoch: Epoch) -> Result<FrameKey, TrackError> {
        let key = keys.frame_key(self.vehicle, Direction::Down, epoch);
        key.ok_or(TrackError::KeyMissing(epoch))
    }

    /// Takes a packet that was heard at `received_s`, if it proves itself.
    ///
    /// # Errors
    /// [`TrackError`]; the last report stays then.
    pub fn receive(
        &mut self,
        keys: &HeldKeys,
        bytes: &[u8],
        received_s: u64,
    ) -> Result<Proven, TrackError> {
        let frame = ReportFrame::parse(bytes).map_err(TrackError::NotAReport)?;
        let body = self
            .key(keys, frame.epoch)?
            .open_report(&frame)
            .map_err(|_| TrackError::Forged(frame.epoch))?;
        self.take(frame.epoch, body, bytes, received_s)
    }

    /// Takes in again what proved itself when it was heard, where its link key is not held any more: whoever keeps
    /// it must see every change of it, as the ledger's chain of hashes does.
    ///
    /// # Errors
    /// [`TrackError`], never [`TrackError::Forged`] or [`TrackError::KeyMissing`].
    pub fn recall(&mut self, bytes: &[u8], received_s: u64) -> Result<Proven, TrackError> {
        let frame = ReportFrame::parse(bytes).map_err(TrackError::NotAReport)?;
        self.take(frame.epoch, frame.body, bytes, received_s)
    }

    /// Gives an authentic report its place.
    fn take(
        &mut self,
        epoch: Epoch,
        body: &[u8],
        bytes: &[u8],
        received_s: u64,
    ) -> Result<Proven, TrackError> {
        let report: Report = canon::decode(body).map_err(TrackError::Malformed)?;
        if let Some(last) = self.epoch().filter(|last| epoch < *last) {
            return Err(TrackError::OldEpoch { found: epoch, last });
        }
        let mut proven = Proven {
            report,
            epoch,
            received_s,
            sent_s: received_s.saturating_sub(self.light_time.at(received_s)),
            missed: 0,
        };
        if proven.is_alarm() {
            self.take_alarm(proven, bytes)?;
            return Ok(proven);
        }
        if self.last.is_some_and(|last| last.epoch < epoch) {
            self.known.clear();
            self.heard.clear();
            self.contradiction = None;
        }
        let Digest(digest) = sha256(bytes);
        if !self.known.insert(digest) {
            let found = report.sequence;
            return Err(TrackError::Known { found });
        }
        let now = Heard::of(&proven);
        let cannot_be =
            |before: &&Heard| is_newer(before.sequence, now.sequence) && before.contradicts(&now);
        if self.contradiction.is_none() && self.heard.iter().any(|before| cannot_be(&before)) {
            self.contradiction = Some(proven);
        }
        self.heard.push(now);
        self.latest_heard = Some(proven);
        // Across an epoch the order of epochs is all: a vehicle that was resynchronised counts anew.
        if let Some(last) = self.last.filter(|last| last.epoch == epoch) {
            let (found, last) = (report.sequence, last.report.sequence);
            if !is_newer(found, last) {
                return Err(TrackError::OldSequence { found, last });
            }
            proven.missed = missed(found, last);
        }
        self.last = Some(proven);
        match &mut self.alarm {
            Some(alarm) if alarm.proven.epoch == epoch => alarm.denied = true,
            _ => self.end_alarm(),
        }
        Ok(proven)
    }

    /// An alarm has no place in the order, so that its bytes alone tell whether it is news.
    fn take_alarm(&mut self, proven: Proven, bytes: &[u8]) -> Result<(), TrackError> {
        let is_later = |alarm: &Alarm| alarm.proven.epoch < proven.epoch;
        if self.alarm.as_ref().is_some_and(is_later) {
            self.end_alarm();
        }
        let Digest(digest) = sha256(bytes);
        if !self.known_alarms.insert(digest) {
            let found = proven.report.sequence;
            return Err(TrackError::KnownAlarm { found });
        }
        self.alarm = Some(Alarm {
            proven,
            denied: false,
        });
        Ok(())
    }

    /// Whatever said so was of an epoch that is over.
    fn end_alarm(&mut self) {
        self.alarm = None;
        self.known_alarms.clear();
    }

    /// Opens the answer to a region-digest command. The command's number says what it answers.
    ///
    /// # Errors
    /// [`TrackError`].
    pub fn open_answer(&self, keys: &HeldKeys, bytes: &[u8]) -> Result<Answer, TrackError> {
        let frame = answer::parse(bytes).map_err(TrackError::NotAReport)?;
        canon::decode(self.open(keys, &frame)?).map_err(TrackError::Malformed)
    }

    /// Opens a part of the dump that a command asked for. Command and part say what it is.
    ///
    /// # Errors
    /// [`TrackError`].
    pub fn open_part(&self, keys: &HeldKeys, bytes: &[u8]) -> Result<Part, TrackError> {
        let frame = dump::parse(bytes).map_err(TrackError::NotAReport)?;
        canon::decode(self.open(keys, &frame)?).map_err(TrackError::Malformed)
    }

    /// The body of an answer or a part that proves itself under the latest epoch, or a later one.
    fn open<'a>(&self, keys: &HeldKeys, frame: &ReportFrame<'a>) -> Result<&'a [u8], TrackError> {
        let body = self
            .key(keys, frame.epoch)?
            .open_report(frame)
            .map_err(|_| TrackError::Forged(frame.epoch))?;
        if let Some(last) = self.epoch().filter(|last| frame.epoch < *last) {
            let found = frame.epoch;
            return Err(TrackError::OldEpoch { found, last });
        }
        Ok(body)
    }
}

#[cfg(test)]
#[path = "../tracker_tests.rs"]
pub(crate) mod tests;
