//! What came of a mission: how it ended on both ends, what it cost, what was broken, and how to see it again.

use std::fmt;

use lightday_wire::{Digest, Location, Refusal, RevertCause};

use crate::checker::Violation;
use crate::ending::Ending;
use crate::intruder::Playback;
use crate::time::{MissionTime, Span};
use crate::trace::Entry;
use crate::world::{Milestones, World};

/// What a mission costs whatever happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Bytes of the new image.
    pub image_bytes: u64,
    /// Bytes of the payload.
    pub payload_bytes: u64,
    /// Bytes of envelope and payload.
    pub bundle_bytes: u64,
}

/// What came of a mission.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The scenario.
    pub name: String,
    /// The seed.
    pub seed: u64,
    /// How it ended on board.
    pub on_board: Ending,
    /// How it ended as the ground knows it.
    pub on_ground: Ending,
    /// When what was known.
    pub milestones: Milestones,
    /// What it costs whatever happens.
    pub figures: Figures,
    /// Frames that the vehicle needs of all that was sent to it, whichever they are.
    pub frames_needed: u64,
    /// Frames that the ground sent.
    pub frames_sent: u64,
    /// Frames that noise or a lost pass swallowed.
    pub frames_lost: u64,
    /// How often the processor was reset.
    pub resets: u32,
    /// What the playback came to.
    pub playback: Playback,
    /// Why a bundle was refused on board, ours or another's.
    pub refused_bundle: Option<Refusal>,
    /// What was broken, and when.
    pub violations: Vec<(MissionTime, Violation)>,
    /// Events in the loop.
    pub events: u64,
    /// The digest of the trace.
    pub digest: Digest,
    /// The kept part of the trace.
    pub timeline: Vec<Entry>,
}

impl Outcome {
    /// What came of a world that has run to its end.
    #[must_use]
    pub fn of<const W: usize, const E: usize>(
        name: &str,
        seed: u64,
        world: &World<W, E>,
        figures: Figures,
    ) -> Self {
        let record = world.checker.record();
        let proven = world.ground.tracker().latest();
        let up = world.up.stats();
        Self {
            name: name.into(),
            seed,
            on_board: match record {
                Some(record) => world.subject.on_board(record),
                None if world.vehicle.running() == Some(Location::Golden) => {
                    Ending::Golden(RevertCause::RecordLost)
                }
                None => Ending::Unknown,
            },
            on_ground: proven.map_or(Ending::Unknown, |p| world.subject.on_ground(&p.report)),
            milestones: world.milestones,
            figures,
            frames_needed: world.ground.progress().map(|p| u64::from(p.k)).sum(),
            frames_sent: up.sent,
            frames_lost: up.lost + up.without_pass,
            resets: world.vehicle.supervisor().resets(),
            playback: world.playback().clone(),
            refused_bundle: world.refused_bundle(),
            violations: world.checker.violations().to_vec(),
            events: world.steps(),
            digest: world.trace.digest(),
            timeline: world.trace.entries().to_vec(),
        }
    }

    /// From the first bit until the new image was verified on board.
    #[must_use]
    pub fn to_verified(&self) -> Option<Span> {
        let first = self.milestones.first_bit?;
        Some(self.milestones.verified?.since(first))
    }

    /// From the first bit until the ground knew that.
    #[must_use]
    pub fn to_known(&self) -> Option<Span> {
        let first = self.milestones.first_bit?;
        Some(self.milestones.known?.since(first))
    }

    /// The arguments that repeat this mission, for whoever runs it from a command line.
    #[must_use]
    pub fn replay_args(&self) -> String {
        format!("--scenario {} --seed {}", self.name, self.seed)
    }
}

impl fmt::Display for Outcome {
    /// One line: what came of it; and one for each violation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, seed {}: {} on board, {} on the ground, {} of {} frames lost, {} resets",
            self.name,
            self.seed,
            self.on_board,
            self.on_ground,
            self.frames_lost,
            self.frames_sent,
            self.resets
        )?;
        for (at, violation) in &self.violations {
            write!(f, "\n  violation at {at}: {violation}")?;
        }
        if !self.violations.is_empty() {
            write!(
                f,
                "\n  repeat it: cargo run -p lightday-sim --example mission -- {}",
                self.replay_args()
            )?;
        }
        Ok(())
    }
}
