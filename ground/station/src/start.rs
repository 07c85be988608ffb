//! Where an object stands when a plan is made: what the vehicle needs, and what is on its way to it.
//!
//! ```text
//! on board  ####--#######|###-####   #######     a report leaves here: it needs 36 symbols still
//!                        |└─────────────────┘    in flight: what arrives behind it, by the pass it went up in
//! ```
//! Holds it, never decides what counts: that does the [session](crate::session) for frames of its own, and whoever
//! keeps a record of what was sent.

use crate::object::UplinkObject;

/// Frames of one contact that are on their way.
#[derive(Clone, Debug, PartialEq)]
pub struct InFlight {
    /// The slot of each within that [contact](crate::pass::Contact), from 0 on and in order: its place among all frames
    /// that went up in it, of whichever object, with what it was silent for between two passes in slots of its own. Bursts
    /// of loss are counted in frames: what went up in between makes it less likely that two of these are lost together.
    pub places: Vec<u32>,
    /// All slots of that contact so far. What is planned for the rest of it comes behind them.
    pub pass_frames: u32,
    /// The chance that their contact is lost as a whole.
    pub lost: f64,
    /// When that [contact](crate::pass::Contact) begins and ends, in Unix seconds on the ground: one of a plan that
    /// overlaps is the same one, and is lost with it.
    pub pass_start_s: u64,
    /// See [`Self::pass_start_s`].
    pub pass_end_s: u64,
    /// When the last of them has arrived, in Unix seconds on board.
    pub arrives_s: u64,
}

impl InFlight {
    /// How many they are.
    #[must_use]
    pub fn frames(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }
}

/// How much of an object was sent, and how much of it the vehicle has.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Symbols that the vehicle needed when it was last heard.
    pub needed: u32,
    /// Frames that it had not received by then, pass by pass in the order of sending.
    pub in_flight: Vec<InFlight>,
    /// The next symbol to send.
    pub next: u32,
}

impl Start {
    /// Nothing was sent.
    #[must_use]
    pub fn fresh(object: &UplinkObject) -> Self {
        Self {
            needed: u32::from(object.k()),
            in_flight: Vec::new(),
            next: 0,
        }
    }

    /// As it is with what of the frames on their way has arrived by an instant, in Unix seconds on board: those of a pass
    /// count if all of them have.
    #[must_use]
    pub fn by(&self, instant_s: u64) -> Self {
        let arrived = self.in_flight.iter().cloned();
        Self {
            in_flight: arrived.filter(|run| run.arrives_s <= instant_s).collect(),
            ..self.clone()
        }
    }

    /// Frames that are on their way.
    #[must_use]
    pub fn frames_in_flight(&self) -> u32 {
        self.in_flight.iter().map(InFlight::frames).sum()
    }
}
