//! Answers and parts of dumps that prove themselves and cannot be what the vehicle says to a command of ours: why, and
//! what to do. They are kept, and never believed.
//!
//! A ledger that is an old backup makes an honest answer look like one of these. So nothing of it is thrown away, and
//! what was taken for strange once is believed when it comes again and can be true.

use lightday_wire::{Epoch, ObjectNumber};
use serde_json::{Value, json};

use super::answers::Reply;
use super::claims;
use super::times::{self, Times};
use crate::ledger::{AnswerRow, Ledger};
use crate::time::show_instant;

/// Why an answer is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strange {
    /// The ledger has no such command.
    NotMade,
    /// No frame of the command was written.
    NotSent,
    /// It was said that none of its frames was transmitted, at this instant.
    NotTransmitted(u64),
    /// The command asks for something else, or for nothing.
    AsksForNone,
    /// It is of this link epoch, which was left when the command went up.
    LeftEpoch(u8),
    /// It came before light allows.
    TooEarly {
        /// When it came, in Unix seconds.
        came_s: u64,
        /// When it can have come at the earliest.
        earliest_s: u64,
    },
    /// It was one of these when it came.
    Then,
}

impl Strange {
    /// For machines; of a code there is one remedy.
    const fn code(self) -> &'static str {
        match self {
            Self::NotMade => "not made",
            Self::NotSent => "not sent",
            Self::NotTransmitted(_) => "not transmitted",
            Self::AsksForNone => "asks for none",
            Self::LeftEpoch(_) => "left epoch",
            Self::TooEarly { .. } => "too early",
            Self::Then => "strange when it came",
        }
    }

    fn text(self) -> String {
        match self {
            Self::NotMade => "the ledger has no such command".to_owned(),
            Self::NotSent => "the command had not been sent".to_owned(),
            Self::NotTransmitted(said_s) => format!(
                "no frame of the command was transmitted, as was said {}",
                show_instant(said_s)
            ),
            Self::AsksForNone => "the command does not ask for it".to_owned(),
            Self::LeftEpoch(epoch) => format!(
                "it is of link epoch {epoch}, and every frame of the command went up under a later one"
            ),
            Self::TooEarly { came_s, earliest_s } => {
                times::too_early(came_s, earliest_s, "the first frame of the command")
            }
            Self::Then => {
                "when it came the command had not been sent, or did not ask for it, or light did not allow it by what was stated then; nothing speaks against it now, and taken in again it is believed".to_owned()
            }
        }
    }

    /// What it is if nobody forged it, and what to do then.
    const fn otherwise(self) -> &'static str {
        match self {
            Self::NotMade | Self::NotSent | Self::Then => {
                "  Or this ledger is an old backup that lacks the sending: then restore a later one and take the file in again, or ask again with a new command.\n"
            }
            Self::NotTransmitted(_) => {
                "  Or its frames were transmitted after all: then ask again with a new command.\n"
            }
            Self::AsksForNone | Self::LeftEpoch(_) => {
                "  Or this ledger is an old backup that gave a number out twice: then restore a later one and take the file in again, or ask again with a new command.\n"
            }
            Self::TooEarly { .. } => {
                "  Or a clock, --at, or the light time of mission.toml or passes.csv is wrong, or the frames went up before their plan: then mend that, and take the file in again.\n"
            }
        }
    }
}

/// Why a reply that came at `came_s` cannot be the vehicle's to a command of ours; `None` if it can.
#[must_use]
pub fn why(
    times: &Times,
    ledger: &Ledger,
    (reply, epoch): (&Reply, Epoch),
    came_s: u64,
) -> Option<Strange> {
    let command = reply.command();
    let action = claims::action_of(command, ledger);
    let mut runs = times.runs(command);
    let Some(first) = runs.next() else {
        return Some(match action {
            None => Strange::NotMade,
            Some(_) => Strange::NotSent,
        });
    };
    let Some(earliest_s) = times.earliest_s(command) else {
        let said = runs.chain([first]).filter_map(|run| run.unsent_s);
        return Some(Strange::NotTransmitted(said.max().unwrap_or_default()));
    };
    if !reply.is_to(action) {
        return Some(Strange::AsksForNone);
    }
    // Who heard it was in the later epoch by then, and never goes back.
    if times.epoch_of(command).is_some_and(|of| epoch < of) {
        return Some(Strange::LeftEpoch(epoch.get()));
    }
    (came_s < earliest_s).then_some(Strange::TooEarly { came_s, earliest_s })
}

/// The same of one that the ledger has. What was strange when it came stays so. What was believed is not believed any
/// more if its frames are said never to have been transmitted; light was asked when it came, and not again: mission.toml
/// may state another light time by now.
#[must_use]
pub fn of_row(
    times: &Times,
    ledger: &Ledger,
    of: (&Reply, Epoch),
    row: &AnswerRow,
) -> Option<Strange> {
    match why(times, ledger, of, row.received_s) {
        Some(Strange::TooEarly { .. }) if !row.is_strange => None,
        None if row.is_strange => Some(Strange::Then),
        why => why,
    }
}

/// Something that was heard, and is not believed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stranger {
    /// The command that it names.
    pub command: ObjectNumber,
    /// Whether it is a part of a dump; else the digest of a region.
    pub is_part: bool,
    /// Why.
    pub why: Strange,
}

impl Stranger {
    /// Whether one line says both.
    fn is_like(&self, other: &Self) -> bool {
        let what = |s: &Self| (s.command, s.is_part, s.why.code());
        what(self) == what(other)
    }

    /// For machines.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let packet = if self.is_part { "part" } else { "answer" };
        json!({
            "command": self.command.get(), "packet": packet, "code": self.why.code(), "why": self.why.text(),
        })
    }
}

/// One of each command, packet and reason, in that order.
pub fn sort(strangers: &mut Vec<Stranger>) {
    strangers.sort_unstable();
    strangers.dedup_by(|later, first| later.is_like(first));
}

/// In words, a line for each, with what to do if nobody forged it; nothing where there are none.
#[must_use]
pub fn text(strangers: &[Stranger]) -> (String, String) {
    let (mut lines, mut otherwise) = (String::new(), Vec::new());
    for stranger in strangers {
        let what = match stranger.is_part {
            true => "a part of a dump, of",
            false => "an answer to",
        };
        let why = stranger.why.text();
        lines.push_str(&format!(
            "ALARM: {what} command {}: {why}. It is kept, and not believed.\n",
            stranger.command
        ));
        if !otherwise.contains(&stranger.why.otherwise()) {
            otherwise.push(stranger.why.otherwise());
        }
    }
    (lines, otherwise.concat())
}
