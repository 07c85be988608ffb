//! Somebody who should not be there: forges frames, and plays back what was heard on the uplink.
//!
//! The intruder never has a signing key. One kind has not even the link key; the other has stolen it.

use lightday_station::object::UplinkObject;
use lightday_trust::{Direction, FrameKey};
use lightday_wire::{Epoch, TagLen, VehicleId};

use crate::crew::Crew;
use crate::link::Arrival;
use crate::time::{MissionTime, Span};
use lightday_boot::Record;

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

/// What a playback came to. The vehicle is watched from the first frame until a minute after the last one,
/// so that work which a frame only set off is seen as well.
///
/// Ordinary traffic in that time counts against the playback: no excuse is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Playback {
    /// Frames that reached a vehicle that was running.
    pub delivered: u64,
    /// Flash operations, and changes of the record, in that time.
    pub effects: u64,
    until: MissionTime,
    operations: u64,
    record: Option<Record>,
}

impl Playback {
    /// How long after a frame its effects are waited for: a step of the agent takes milliseconds.
    const WATCH: Span = Span::from_secs(60);

    /// A frame is played; flash operations and record are those before it arrives.
    pub(crate) fn play(
        &mut self,
        at: MissionTime,
        is_running: bool,
        operations: u64,
        record: Option<&Record>,
    ) {
        if self.delivered == 0 {
            self.operations = operations;
            self.record = record.cloned();
        }
        self.delivered += u64::from(is_running);
        self.until = at + Self::WATCH;
    }

    /// The vehicle did something; operations and record are those after it.
    pub(crate) fn watch(&mut self, at: MissionTime, operations: u64, record: Option<&Record>) {
        if self.delivered == 0 || at > self.until {
            return;
        }
        self.effects += operations.saturating_sub(self.operations);
        self.operations = operations;
        if self.record.as_ref() != record {
            self.record = record.cloned();
            self.effects += 1;
        }
    }

    /// Whether frames were delivered, and none did anything.
    #[must_use]
    pub const fn did_nothing(&self) -> bool {
        self.delivered > 0 && self.effects == 0
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
