//! The twin: a copy of the vehicle fed with what was sent, as it will arrive if nothing gets lost. What it
//! expects is a hope with a date, never a proof: proofs come from the tracker.
//!
//! ```text
//! sent frame --(light time)--> twin's agent     expects(now): what the vehicle should know by now
//! ```
//! If the twin and the last report disagree about the state digest, something got lost, or something is
//! wrong.

use std::collections::VecDeque;

use lightday_boot::Record;
use lightday_boot::store::RecordStore;
use lightday_wire::report::ReportFrame;

use crate::link::Arrival;
use crate::time::MissionTime;
use crate::vehicle::Vehicle;

/// A copy of the vehicle at the other end of a link that loses nothing.
pub struct Twin<const WRITE: usize, const ERASE: usize> {
    vehicle: Vehicle<WRITE, ERASE>,
    on_the_way: VecDeque<Arrival>,
    /// The newest report that the twin sent: what the vehicle's should look like.
    packet: Option<(MissionTime, Vec<u8>)>,
    /// What it sent besides, each once: answers, and parts of dumps.
    replies: Vec<Vec<u8>>,
}

impl<const WRITE: usize, const ERASE: usize> Twin<WRITE, ERASE> {
    /// A twin of a vehicle as it was launched, or as it last proved itself.
    #[must_use]
    pub const fn new(vehicle: Vehicle<WRITE, ERASE>) -> Self {
        Self {
            vehicle,
            on_the_way: VecDeque::new(),
            packet: None,
            replies: Vec::new(),
        }
    }

    /// A frame arrives at `at` if nothing gets lost; frames come in the order in which they arrive.
    pub fn expect(&mut self, at: MissionTime, bytes: &[u8]) {
        self.on_the_way.push_back(Arrival {
            at,
            bytes: bytes.to_vec(),
        });
    }

    /// Lets all happen that is due until `now`.
    pub fn advance(&mut self, now: MissionTime) {
        loop {
            let arrives = self.on_the_way.front().map_or(MissionTime::NEVER, |a| a.at);
            let acts = self.vehicle.next_event();
            let next = arrives.min(acts);
            if next > now || next == MissionTime::NEVER {
                return;
            }
            if arrives <= acts {
                if let Some(frame) = self.on_the_way.pop_front() {
                    self.vehicle.receive(frame.at, &frame.bytes);
                }
            } else if let crate::vehicle::Happening::Sent(bytes) = self.vehicle.step(acts) {
                match ReportFrame::parse(&bytes) {
                    Ok(_) => self.packet = Some((acts, bytes)),
                    // A dump goes down more than once.
                    Err(_) if self.replies.contains(&bytes) => {}
                    Err(_) => self.replies.push(bytes),
                }
            }
        }
    }

    /// The record that the vehicle is expected to have.
    #[must_use]
    pub fn record(&self) -> Option<Record> {
        let store = RecordStore::new(self.vehicle.config().map.record);
        let stored = store.load(&mut self.vehicle.flash().peeking());
        stored.map(|stored| stored.record)
    }

    /// The newest report that the vehicle is expected to have sent, and when; sealed under the vehicle's
    /// own key, so that a tracker reads it like any other.
    #[must_use]
    pub fn packet(&self) -> Option<(MissionTime, &[u8])> {
        let (at, bytes) = self.packet.as_ref()?;
        Some((*at, bytes))
    }

    /// The answers to commands and the parts of dumps that the vehicle is expected to have sent, each once, in their
    /// order; sealed likewise.
    #[must_use]
    pub fn replies(&self) -> &[Vec<u8>] {
        &self.replies
    }

    /// The vehicle that it is a copy of.
    #[must_use]
    pub const fn vehicle(&self) -> &Vehicle<WRITE, ERASE> {
        &self.vehicle
    }
}
