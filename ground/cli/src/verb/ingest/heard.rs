//! The packets of a file, told apart: what proves itself and is new, what is known, what is strange, what is refused.

use std::collections::BTreeSet;

use lightday_station::keys::to_hex;
use lightday_station::link_keys::HeldKeys;
use lightday_station::tracker::{Proven, TrackError, Tracker};
use lightday_wire::answer::Answer;
use lightday_wire::{Epoch, ObjectKind, ObjectNumber};
use serde_json::{Value, json};

use crate::error::Result;
use crate::ledger::{AnswerRow, Ledger, ReportRow};
use crate::mission::answers::Reply;
use crate::mission::strange;
use crate::mission::times::Times;

/// What a file of packets came to.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) proven: Vec<(Proven, Vec<u8>)>,
    /// Authentic, never heard before, and older than another.
    pub(super) older: Vec<(u32, Vec<u8>)>,
    pub(super) answers: Vec<(Reply, Epoch, Vec<u8>)>,
    /// What is known already.
    pub(super) duplicates: usize,
    /// The link epochs of authentic packets that are not known, and of an epoch that was left: whoever stole its key may
    /// have made them, and none of them is kept.
    pub(super) left_epochs: Vec<u8>,
    /// Commands that have another answer to the same already.
    pub(super) disputed: Vec<ObjectNumber>,
    /// Answers and parts that cannot be the vehicle's.
    pub(super) strangers: Vec<(ObjectNumber, Vec<u8>)>,
    pub(super) refused: Vec<Refused>,
}

/// A packet that does not prove itself.
pub(super) struct Refused {
    /// Its place in the file, from 1 on.
    pub(super) place: usize,
    /// What its first byte says that it is.
    pub(super) what: &'static str,
    len: usize,
    /// Why it is refused.
    pub(super) error: TrackError,
}

impl Refused {
    fn new(place: usize, packet: &[u8], error: TrackError) -> Self {
        let kind = packet.first().map(|first| first >> 4);
        let is = |of: ObjectKind| kind == Some(of.code());
        let what = match () {
            () if is(ObjectKind::Report) => "a report",
            () if is(ObjectKind::Answer) => "an answer",
            () if is(ObjectKind::Dump) => "a part of a dump",
            () => "a packet",
        };
        Self {
            place: place + 1,
            what,
            len: packet.len(),
            error,
        }
    }

    /// What is wrong, in words.
    pub(super) fn text(&self) -> String {
        match self.error {
            TrackError::NotAReport(error) => {
                let error = TrackError::NotAReport(error);
                format!("{} of {} B: {error}", self.what, self.len)
            }
            error => format!("{}: {error}", self.what),
        }
    }
}

impl Heard {
    pub(super) fn is_empty(&self) -> bool {
        self.proven.is_empty()
            && self.answers.is_empty()
            && self.older.is_empty()
            && self.strangers.is_empty()
    }

    /// Seconds between the first and the last of the new reports, by the vehicle's own clock where it knows the time.
    pub(super) fn span_s(&self) -> u64 {
        let clocks = self.proven.iter().map(|(p, _)| p.report.time_s);
        let clocks = || clocks.clone().filter(|time_s| *time_s > 0);
        let (first, last) = (clocks().min(), clocks().max());
        u64::from(last.unwrap_or(0).saturating_sub(first.unwrap_or(0)))
    }

    pub(super) fn reports(
        &self,
        received_s: u64,
        behind_sent: [ObjectNumber; 4],
    ) -> Vec<ReportRow> {
        let proven = self.proven.iter().map(|(p, f)| (p.report.sequence, f));
        let older = self.older.iter().map(|(sequence, f)| (*sequence, f));
        let rows = proven.chain(older).map(|(sequence, frame)| ReportRow {
            received_s,
            sequence,
            frame: frame.clone(),
            behind_sent,
        });
        rows.collect()
    }

    pub(super) fn answer_rows(&self, received_s: u64) -> Vec<AnswerRow> {
        let ours = self
            .answers
            .iter()
            .map(|(reply, _, f)| (reply.command(), f, false));
        let strange = self.strangers.iter().map(|(of, f)| (*of, f, true));
        let rows = ours
            .chain(strange)
            .map(|(of, frame, is_strange)| AnswerRow {
                received_s,
                command: of,
                frame: frame.clone(),
                is_strange,
            });
        rows.collect()
    }

    pub(super) fn answers(&self) -> Vec<Value> {
        let one = |(reply, ..): &(Reply, Epoch, Vec<u8>)| match reply {
            Reply::Digest(answer) => {
                json!({ "command": answer.command.get(), "digest": to_hex(&answer.digest.0) })
            }
            Reply::Part(part) => json!({ "command": part.command.get(), "part": part.part }),
        };
        self.answers.iter().map(one).collect()
    }

    pub(super) fn digests(&self) -> impl Iterator<Item = (Answer, Epoch)> {
        self.answers
            .iter()
            .filter_map(|(reply, epoch, _)| match reply {
                Reply::Digest(answer) => Some((*answer, *epoch)),
                Reply::Part(_) => None,
            })
    }

    pub(super) fn parts(&self) -> usize {
        self.answers.len() - self.digests().count()
    }

    pub(super) fn has_part_of(&self, command: ObjectNumber) -> bool {
        let is_one = |(reply, ..): &(Reply, Epoch, Vec<u8>)| matches!(reply, Reply::Part(part) if part.command == command);
        self.answers.iter().any(is_one)
    }
}

/// Answers that cannot be the vehicle's are set apart, and those that are known already are counted, as are those of an
/// earlier link epoch than another to the same command.
pub(super) fn unknown_answers(
    heard: &mut Heard,
    ledger: &Ledger,
    times: &Times,
    now_s: u64,
) -> Result<()> {
    let known = ledger.answers()?;
    let is_strange_now = |row: &AnswerRow, reply: &Reply, epoch| {
        strange::of_row(times, ledger, (reply, epoch), row).is_some()
    };
    let mut replies = std::mem::take(&mut heard.answers);
    replies.sort_by_key(|(_, epoch, _)| std::cmp::Reverse(*epoch));
    for (reply, epoch, frame) in replies {
        let command = reply.command();
        let is_strange = strange::why(times, ledger, (&reply, epoch), now_s).is_some();
        // The same frame twice is one answer that was heard twice: in this file, or in an earlier one. One that
        // was strange when it came may have been a guess: the vehicle may still give that answer.
        let alike = known.iter().filter(|row| row.is_strange == is_strange);
        let is_known = alike.clone().any(|row| row.frame == frame)
            || heard.answers.iter().any(|(.., other)| *other == frame)
            || heard.strangers.iter().any(|(_, other)| *other == frame);
        if is_known {
            heard.duplicates += 1;
        } else if is_strange {
            heard.strangers.push((command, frame));
        } else {
            let known = alike.filter_map(|row| Some((row, Reply::read(&row.frame)?)));
            let known = known.filter(|(row, (of, other))| !is_strange_now(row, other, *of));
            let of_now = heard.answers.iter().map(|(other, of, _)| (*of, *other));
            let others: Vec<(Epoch, Reply)> = known.map(|(_, of)| of).chain(of_now).collect();
            if others
                .iter()
                .any(|(of, other)| *of > epoch && other.command() == command)
            {
                heard.left_epochs.push(epoch.get());
                continue;
            }
            let is_second =
                |(of, other): &(Epoch, Reply)| *of == epoch && other.is_about_the_same(&reply);
            if others.iter().any(is_second) {
                heard.disputed.push(command);
            }
            heard.answers.push((reply, epoch, frame));
        }
    }
    Ok(())
}

/// The packets that the ledger has.
pub(super) fn kept(ledger: &Ledger) -> Result<BTreeSet<Vec<u8>>> {
    let reports = ledger.reports()?.into_iter().map(|row| row.frame);
    let answers = ledger.answers()?.into_iter().map(|row| row.frame);
    Ok(reports.chain(answers).collect())
}

/// Hears all packets of a file, of which the ledger has those that are `kept`.
pub(super) fn hear(
    tracker: &mut Tracker,
    keys: &HeldKeys,
    packets: &[&[u8]],
    (received_s, kept): (u64, &BTreeSet<Vec<u8>>),
) -> Heard {
    let mut heard = Heard::default();
    for (place, packet) in packets.iter().enumerate() {
        let refused = &mut heard.refused;
        let mut refuse = |error| refused.push(Refused::new(place, packet, error));
        match tracker.receive(keys, packet, received_s) {
            Ok(proven) => heard.proven.push((proven, packet.to_vec())),
            Err(TrackError::OldSequence { found, .. }) => {
                heard.older.push((found, packet.to_vec()))
            }
            Err(TrackError::OldEpoch { found, .. }) if !kept.contains(*packet) => {
                heard.left_epochs.push(found.get());
            }
            Err(e) if e.is_authentic() => heard.duplicates += 1,
            Err(TrackError::NotAReport(error)) => match Reply::open(tracker, keys, packet) {
                Ok(reply) => {
                    let epoch = Reply::read(packet).map(|(epoch, _)| epoch);
                    let epoch = epoch.unwrap_or_default();
                    heard.answers.push((reply, epoch, packet.to_vec()));
                }
                Err(TrackError::OldEpoch { found, .. }) if !kept.contains(*packet) => {
                    heard.left_epochs.push(found.get());
                }
                Err(e) if e.is_authentic() => heard.duplicates += 1,
                Err(TrackError::NotAReport(_)) => {
                    refuse(TrackError::NotAReport(error));
                }
                Err(error) => refuse(error),
            },
            Err(error) => refuse(error),
        }
    }
    heard
}
