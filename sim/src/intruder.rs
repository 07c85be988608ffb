//! Somebody who should not be there: forges frames, and plays back what was heard on the uplink.
//!
//! The intruder never has a signing key. One kind has not even the link key; the other has stolen it.

use lightday_station::object::UplinkObject;
use lightday_trust::{Direction, FrameKey};
use lightday_wire::{Epoch, TagLen, VehicleId};

use crate::crew::Crew;
use crate::link::Arrival;
use crate::time::{MissionTime, Span};

/// Between two frames of an intruder.
const STEP: Span = Span::from_secs(20);

/// A frame that nobody at the station sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forged {
    /// Its arrival.
    pub arrival: Arrival,
    /// What its sender is up to, with the first frame of each attempt.
    pub attempt: Option<&'static str>,
}

/// What an intruder does to the uplink, at the vehicle's end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intrusion {
    /// Frames that nobody at the station sent, in order.
    pub forged: Vec<Forged>,
    /// When all frames that were heard until then are played back.
    pub replay_at: Option<MissionTime>,
}

impl Intrusion {
    /// Adds the frames of an object, under a link key, which arrive from `at` on.
    pub fn send(
        &mut self,
        attempt: &'static str,
        object: &UplinkObject,
        key: &FrameKey,
        tag_len: TagLen,
        at: MissionTime,
    ) {
        let mut at = at;
        for index in 0..object.k() {
            let Some(bytes) = object.frame(index, key, tag_len) else {
                continue;
            };
            self.forged.push(Forged {
                arrival: Arrival { at, bytes },
                attempt: (index == 0).then_some(attempt),
            });
            at = at + STEP;
        }
    }

    /// The uplink key of a crew: the true one if the crew is the mission's own.
    #[must_use]
    pub fn link_key(crew: &Crew, vehicle: VehicleId) -> FrameKey {
        crew.link_keys()
            .frame_key(vehicle, Direction::Up, Epoch::FIRST)
    }
}

/// Records the uplink, and plays it back.
#[derive(Clone, Debug)]
pub struct Recorder {
    replay_at: Option<MissionTime>,
    heard: Vec<Vec<u8>>,
    next: usize,
}

impl Recorder {
    /// A recorder that plays back at an instant, or never.
    #[must_use]
    pub const fn new(replay_at: Option<MissionTime>) -> Self {
        Self {
            replay_at,
            heard: Vec::new(),
            next: 0,
        }
    }

    /// A frame is in the air.
    pub fn hear(&mut self, at: MissionTime, bytes: &[u8]) {
        if self.replay_at.is_some_and(|replay_at| at < replay_at) {
            self.heard.push(bytes.to_vec());
        }
    }

    /// When the next recorded frame arrives.
    #[must_use]
    pub fn next_event(&self) -> MissionTime {
        match self.replay_at {
            Some(at) if self.next < self.heard.len() => {
                at + Span::from_ms(STEP.ms().saturating_mul(self.next as u64))
            }
            _ => MissionTime::NEVER,
        }
    }

    /// Whether the playback has begun.
    #[must_use]
    pub const fn is_playing(&self) -> bool {
        self.next > 0
    }

    /// How many frames were played back, of how many.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.next, self.heard.len())
    }

    /// The next recorded frame.
    pub fn play(&mut self) -> Option<&[u8]> {
        let bytes = self.heard.get(self.next)?;
        self.next += 1;
        Some(bytes)
    }
}
