//! What commands bring down: the answer to a region digest, the parts of a dump. Those that cannot all be the
//! vehicle's are kept, like the claims of reports, and stand until it is heard under the next link epoch: an alarm that
//! is told once is lost in a log.

use std::collections::BTreeMap;

use lightday_station::link_keys::HeldKeys;
use lightday_station::tracker::{TrackError, Tracker};
use lightday_wire::answer::{self, Answer};
use lightday_wire::dump::{self, DumpRange, Part};
use lightday_wire::report::ReportFrame;
use lightday_wire::{Action, Epoch, ObjectKind, ObjectNumber, canon};

use crate::error::Result;
use crate::ledger::{AnswerRow, Ledger, ReportRow};

use super::claims;
use super::strange::{self, Stranger};
use super::times::Times;

/// What a packet replies to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The digest of a region.
    Digest(Answer),
    /// A part of a dump.
    Part(Part),
}

impl Reply {
    /// Opens a packet.
    ///
    /// # Errors
    /// [`TrackError`]; `NotAReport` where it is neither of the two.
    pub fn open(
        tracker: &Tracker,
        keys: &HeldKeys,
        packet: &[u8],
    ) -> std::result::Result<Self, TrackError> {
        match tracker.open_answer(keys, packet) {
            Err(TrackError::NotAReport(_)) => tracker.open_part(keys, packet).map(Self::Part),
            answer => answer.map(Self::Digest),
        }
    }

    /// Reads a packet that proved itself when it was taken in; its link epoch, too.
    #[must_use]
    pub fn read(packet: &[u8]) -> Option<(Epoch, Self)> {
        fn body<T: serde::Serialize + serde::de::DeserializeOwned>(
            frame: &ReportFrame<'_>,
        ) -> Option<(Epoch, T)> {
            Some((frame.epoch, canon::decode(frame.body).ok()?))
        }
        match (answer::parse(packet), dump::parse(packet)) {
            (Ok(frame), _) => body(&frame).map(|(epoch, answer)| (epoch, Self::Digest(answer))),
            (_, Ok(frame)) => body(&frame).map(|(epoch, part)| (epoch, Self::Part(part))),
            _ => None,
        }
    }

    /// The command that it names.
    #[must_use]
    pub const fn command(&self) -> ObjectNumber {
        match self {
            Self::Digest(answer) => answer.command,
            Self::Part(part) => part.command,
        }
    }

    /// Whether it is what this action asks for.
    #[must_use]
    pub fn is_to(&self, action: Option<Action>) -> bool {
        match (self, action) {
            (Self::Digest(_), Some(Action::RegionDigest { .. })) => true,
            (Self::Part(part), Some(Action::MemoryDump { offset, len, .. })) => {
                DumpRange::new(offset, len).is_some_and(|range| part.is_of(range))
            }
            _ => false,
        }
    }

    /// Whether both say the same of the same, or not: two of these that differ are not both the vehicle's.
    #[must_use]
    pub fn is_about_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Digest(one), Self::Digest(other)) => one.command == other.command,
            (Self::Part(one), Self::Part(other)) => {
                (one.command, one.part) == (other.command, other.part)
            }
            _ => false,
        }
    }
}

/// What was heard and cannot all be the vehicle's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Odd {
    /// What is not believed, and why.
    pub strangers: Vec<Stranger>,
    /// Commands that have two answers.
    pub disputed: Vec<ObjectNumber>,
}

impl Odd {
    /// The commands that somebody else answered.
    #[must_use]
    pub fn strange_commands(&self) -> Vec<u32> {
        let mut commands: Vec<u32> = self.strangers.iter().map(|s| s.command.get()).collect();
        commands.dedup();
        commands
    }
}

/// A reply that is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Believed {
    /// What it says.
    pub reply: Reply,
    /// When it came, in Unix seconds.
    pub came_s: u64,
    /// The link epoch that it came in.
    pub epoch: Epoch,
}

/// What the ledger has of answers and parts, and of those `heard` just now, as far as it is believed. Of those to one
/// command the ones of its latest link epoch alone: those of one that was left may be of whoever stole its key.
///
/// # Errors
/// The ledger cannot be read.
pub fn believed(times: &Times, ledger: &Ledger, heard: &[AnswerRow]) -> Result<Vec<Believed>> {
    let mut rows = ledger.answers()?;
    rows.extend_from_slice(heard);
    let believed = |row: &AnswerRow| {
        let (epoch, reply) = Reply::read(&row.frame)?;
        let why = strange::of_row(times, ledger, (&reply, epoch), row);
        let came_s = row.received_s;
        why.is_none().then_some(Believed {
            reply,
            came_s,
            epoch,
        })
    };
    let mut all: Vec<Believed> = rows.iter().filter_map(believed).collect();
    let mut latest: BTreeMap<ObjectNumber, Epoch> = BTreeMap::new();
    for one in &all {
        let epoch = latest.entry(one.reply.command()).or_insert(one.epoch);
        *epoch = (*epoch).max(one.epoch);
    }
    all.retain(|one| latest.get(&one.reply.command()) == Some(&one.epoch));
    Ok(all)
}

/// The odd answers of the latest link epoch: of those that the ledger has, and of those `heard` just now, with
/// the `reports` that came with them and may begin an epoch.
///
/// # Errors
/// The ledger cannot be read.
pub fn odd(
    times: &Times,
    ledger: &Ledger,
    heard: &[AnswerRow],
    reports: &[ReportRow],
) -> Result<Odd> {
    let mut rows = ledger.answers()?;
    rows.extend_from_slice(heard);
    let latest = claims::epoch(&ledger.reports()?).max(claims::epoch(reports));
    let commands = ObjectKind::Command.uplink_index();
    let accepted = claims::accepted(ledger)?;
    let accepted = commands.and_then(|i| accepted.get(i)).copied();
    let (mut odd, mut believed) = (Odd::default(), Vec::<(Epoch, Reply)>::new());
    for row in &rows {
        let Some((epoch, reply)) = Reply::read(&row.frame) else {
            continue;
        };
        if Some(epoch) < latest {
            continue;
        }
        let command = reply.command();
        let Some(why) = strange::of_row(times, ledger, (&reply, epoch), row) else {
            // Of two link epochs the later one has the say.
            let is_second =
                |(of, other): &(Epoch, Reply)| *of == epoch && other.is_about_the_same(&reply);
            if believed.iter().any(is_second) {
                odd.disputed.push(command);
            }
            believed.push((epoch, reply));
            continue;
        };
        // A command that an old backup lacks, as people said.
        let is_lost =
            Some(command) < accepted && ledger.object(ObjectKind::Command, command)?.is_none();
        if !is_lost {
            let is_part = matches!(reply, Reply::Part(_));
            odd.strangers.push(Stranger {
                command,
                is_part,
                why,
            });
        }
    }
    strange::sort(&mut odd.strangers);
    odd.disputed.sort_unstable();
    odd.disputed.dedup();
    Ok(odd)
}

/// The numbers of commands for machines.
#[must_use]
pub fn numbers(of: &[ObjectNumber]) -> Vec<u32> {
    of.iter().map(|n| n.get()).collect()
}

/// Odd answers in words, to be said before all else; nothing where there are none.
#[must_use]
pub fn text(odd: &Odd) -> String {
    let (mut text, otherwise) = strange::text(&odd.strangers);
    for command in &odd.disputed {
        text.push_str(&format!(
            "ALARM: a second answer to command {command}: one of the two is forged.\n"
        ));
    }
    if !text.is_empty() {
        text.push_str(
            "  Somebody else speaks under a stolen link key: then go on to the next link epoch (lightday command epoch-switch).\n",
        );
        text.push_str(&otherwise);
        text.push('\n');
    }
    text
}
