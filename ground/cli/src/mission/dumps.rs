//! Memory dumps: the parts that came so far, put together, and held against what should lie there.
//!
//! ```text
//! answers of the ledger --> parts by command --> bytes and gaps --> held against the image, or written to a file
//! ```
//! Parts come in any order, from any file, more than once. Where two of them say different things of the same bytes
//! the dump is worth nothing: who forged one of them may have forged them all.
//!
//! A part names the command, and not the region: that the command says. So it is of that region only as long as the
//! number is of that command alone: see [`Times::used_before`], and the test
//! `a_number_that_a_restored_ledger_gave_out_twice_answers_for_no_other_region`.

use std::collections::BTreeMap;

use lightday_trust::digest::sha256;
use lightday_wire::dump::{DumpRange, Part};
use lightday_wire::{Action, Epoch, ObjectNumber, Region};
use serde_json::{Value, json};

use super::answers::{self, Believed, Reply};
use super::claims;
use super::contents::{Contents, Judged, Lies};
use super::regions::{self, Known};
use super::times::Times;
use crate::error::Result;
use crate::ledger::{AnswerRow, Ledger};
use crate::verb::describe;

/// What came of a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// The command that asked.
    pub command: ObjectNumber,
    /// Of which region.
    pub region: Region,
    /// Of which bytes of it.
    pub range: DumpRange,
    /// The parts that are here, by their places.
    parts: BTreeMap<u8, Part>,
    /// Whether two parts of one place differ.
    pub is_disputed: bool,
    /// When the first of them came, in Unix seconds. All were read at once, before that.
    pub came_s: u64,
    /// The link epoch that all of them came in.
    pub epoch: Epoch,
}

/// A range that has no bytes here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// First byte within the region.
    pub offset: u32,
    /// Bytes.
    pub len: u32,
    /// Whether the flash did not give them; else their part did not come.
    pub is_unreadable: bool,
}

/// Puts the parts of all dumps together that the ledger has, and of `heard`, what came just now.
///
/// # Errors
/// The ledger cannot be read.
pub fn all(times: &Times, ledger: &Ledger, heard: &[AnswerRow]) -> Result<Vec<Dump>> {
    let mut dumps: BTreeMap<ObjectNumber, Dump> = BTreeMap::new();
    for Believed {
        reply,
        came_s,
        epoch,
    } in answers::believed(times, ledger, heard)?
    {
        let Reply::Part(part) = reply else {
            continue;
        };
        let command = part.command;
        let Some(Action::MemoryDump {
            region,
            offset,
            len,
        }) = claims::action_of(command, ledger)
        else {
            continue;
        };
        let Some(range) = DumpRange::new(offset, len) else {
            continue;
        };
        let dump = dumps.entry(command).or_insert_with(|| Dump {
            command,
            region,
            range,
            parts: BTreeMap::new(),
            is_disputed: false,
            came_s,
            epoch,
        });
        dump.came_s = dump.came_s.min(came_s);
        let known = dump.parts.entry(part.part).or_insert(part);
        dump.is_disputed |= *known != part;
    }
    Ok(dumps.into_values().collect())
}

impl Dump {
    /// How many parts are here.
    #[must_use]
    pub fn here(&self) -> usize {
        self.parts.len()
    }

    /// Each part's place, and its bytes if they are here.
    fn places(&self) -> impl Iterator<Item = (Gap, Option<&[u8]>)> {
        (0..self.range.parts()).filter_map(|n| {
            let (from, len) = self.range.part(n)?;
            let part = self.parts.get(&n);
            let place = Gap {
                offset: self.range.offset() + u32::from(from),
                len: len.into(),
                is_unreadable: part.is_some(),
            };
            Some((place, part.and_then(Part::bytes)))
        })
    }

    /// What is not here, neighbours together.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = Vec::new();
        for (gap, bytes) in self.places() {
            match gaps.last_mut() {
                _ if bytes.is_some() => {}
                Some(last)
                    if last.offset + last.len == gap.offset
                        && last.is_unreadable == gap.is_unreadable =>
                {
                    last.len += gap.len;
                }
                _ => gaps.push(gap),
            }
        }
        gaps
    }

    /// All bytes, with zeros where there are none.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for (place, bytes) in self.places() {
            let zeros = vec![0; place.len as usize];
            all.extend_from_slice(bytes.unwrap_or(&zeros));
        }
        all
    }

    /// The first byte that is here and is not what it should be: where in the region, what should be, what is.
    fn first_differing(&self, lies: &[u8]) -> Option<(u32, u8, u8)> {
        for (place, bytes) in self.places() {
            let from = (place.offset - self.range.offset()) as usize;
            let expected = lies.get(from..).unwrap_or_default();
            for (at, (expected, found)) in
                expected.iter().zip(bytes.unwrap_or_default()).enumerate()
            {
                if expected != found {
                    return Some((place.offset + at as u32, *expected, *found));
                }
            }
        }
        None
    }

    fn asked(&self) -> String {
        regions::range(self.region, (self.range.offset(), self.range.size().into()))
    }
}

impl Gap {
    /// In words.
    #[must_use]
    pub fn text(&self) -> String {
        let why = match self.is_unreadable {
            true => "the flash could not be read",
            false => "not here yet",
        };
        format!("{} bytes from byte {}: {why}", self.len, self.offset)
    }

    fn to_json(self) -> Value {
        json!({ "offset": self.offset, "bytes": self.len, "unreadable": self.is_unreadable })
    }
}

/// A dump, and what was expected of its bytes.
#[derive(Clone, Debug)]
pub struct Held {
    /// The dump.
    pub dump: Dump,
    /// What should have lain there.
    expected: Contents,
    /// The report that had counted the command's number before the command can have been there.
    pub used_before: Option<u32>,
    /// Whether its link epoch was left since.
    is_left: bool,
}

/// Holds dumps against what should have lain there when they were read.
///
/// # Errors
/// The ledger cannot be read.
pub fn hold(known: &Known<'_>, times: &Times, dumps: Vec<Dump>) -> Result<Vec<Held>> {
    let hold = |dump: Dump| {
        let place = (dump.region, (dump.range.offset(), dump.range.size().into()));
        let expected = regions::expected(known, times, (dump.command, dump.came_s), place)?;
        let used_before = times.used_before(dump.command);
        let is_left = dump.epoch < times.latest_epoch();
        Ok(Held {
            dump,
            expected,
            used_before,
            is_left,
        })
    };
    dumps.into_iter().map(hold).collect()
}

impl Held {
    /// The bytes that are here, held against what they should be; `None` where none is here, or two of them differ.
    fn judged(&self) -> Option<Judged<'_>> {
        let is_any = self.dump.places().any(|(_, bytes)| bytes.is_some());
        let fits = |lies: &Lies| self.dump.first_differing(&lies.bytes).is_none();
        (is_any && !self.dump.is_disputed).then(|| self.expected.judge(fits))
    }

    /// In words.
    #[must_use]
    pub fn text(&self) -> String {
        let dump = &self.dump;
        let (here, parts) = (dump.here(), dump.range.parts());
        let of = describe::count(parts.into(), "part");
        let asked = dump.asked();
        let mut text = format!(
            "  dump of command {}: {here} of {of}\n    {asked}\n",
            dump.command
        );
        text.push_str(&regions::left_text(dump.epoch, self.is_left));
        if dump.is_disputed {
            text.push_str(
                "    worth nothing: of some bytes there are two versions, and one is forged\n",
            );
            return text;
        }
        let gaps = dump.gaps();
        for gap in &gaps {
            text.push_str(&format!("    {}\n", gap.text()));
        }
        if gaps.is_empty() {
            text.push_str(&format!("    SHA-256 {}\n", sha256(&dump.bytes())));
        }
        text.push_str(&format!("    {}\n", self.held()));
        text
    }

    fn held(&self) -> String {
        let differs = |lies: &Lies| match self.dump.first_differing(&lies.bytes) {
            Some((at, expected, found)) => format!(
                "from byte {at} on: {expected:02x} was expected, {found:02x} came; {}",
                lies.whose
            ),
            None => lies.whose.clone(),
        };
        match self.judged() {
            Some(judged) => self.expected.text(judged, (" ", differs)),
            None => "not compared: no byte of it is here".to_owned(),
        }
    }

    /// For machines. `differs_at` is of what the report before it shows there.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let dump = &self.dump;
        let gaps = dump.gaps();
        let is_whole = gaps.is_empty() && !dump.is_disputed;
        let judged = self.judged();
        let differs_at = |lies: &Lies| dump.first_differing(&lies.bytes).map(|(at, ..)| at);
        let first = self.expected.lies.first();
        let differs = first.filter(|_| judged == Some(Judged::Differs));
        let one = |lies: &Lies| {
            let differs_at = differs_at(lies);
            json!({ "reports": lies.reports, "agrees": differs_at.is_none(), "differs_at": differs_at })
        };
        let held_against = self.expected.lies.iter().filter(|_| judged.is_some());
        json!({
            "command": dump.command.get(), "asked": dump.asked(),
            "epoch": dump.epoch.get(), "left_epoch": self.is_left,
            "parts_here": dump.here(), "parts": dump.range.parts(),
            "gaps": gaps.into_iter().map(Gap::to_json).collect::<Vec<_>>(),
            "disputed": dump.is_disputed, "whole": is_whole,
            "sha256": is_whole.then(|| sha256(&dump.bytes()).to_string()),
            "agrees": judged.and_then(Judged::agrees), "differs_at": differs.and_then(differs_at),
            "held_against": held_against.map(one).collect::<Vec<_>>(), "unknown": self.expected.unknown,
        })
    }
}
