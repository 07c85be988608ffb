//! What the ground expects to lay in a region when a command read it: the image that the reports on both sides of the
//! command show in that slot, and erased flash behind it. Digests and dumps are held against it.
//!
//! ```text
//! report 7: image X     digest is taken     report 8: image X     held against X
//! report 7: image X     digest is taken     report 9: image Y     held against both: the slot was written in between
//! ```
//! What a report shows that was made long after the flash was read says nothing of it. Nothing is expected of trailers,
//! record, floors and staging: their bytes depend on what was lost on the way.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use lightday_station::keys::to_hex;
use lightday_trust::digest::sha256;
use lightday_wire::answer::Answer;
use lightday_wire::report::Report;
use lightday_wire::{Action, Digest, Epoch, Location, ObjectNumber, Region, SlotState};
use serde_json::{Value, json};

use super::artifact::Artifact;
use super::contents::{Contents, Judged, Lies};
use super::times::{Around, Times};
use super::{Mission, claims, images};
use crate::error::Result;
use crate::ledger::Ledger;
use crate::verb::describe;

/// Images by their digest.
type Images = BTreeMap<Digest, Vec<u8>>;

/// An answer, and what was expected.
#[derive(Clone, Debug)]
pub struct Held {
    /// The command that asked.
    pub command: ObjectNumber,
    /// What it asked for, in words.
    pub asked: String,
    /// The digest that came.
    pub found: Digest,
    /// What was expected.
    pub expected: Contents,
    /// The link epoch that it came in, and whether that was left since.
    epoch: Epoch,
    is_left: bool,
}

/// A line about a link epoch that was left; nothing where it was not.
#[must_use]
pub fn left_text(epoch: Epoch, is_left: bool) -> String {
    match is_left {
        true => format!(
            "    it came under link epoch {}, which was left since: whoever stole that key may have made it\n",
            epoch.get()
        ),
        false => String::new(),
    }
}

impl Held {
    fn judged(&self) -> Judged<'_> {
        self.expected
            .judge(|lies| sha256(&lies.bytes) == self.found)
    }

    /// In words.
    #[must_use]
    pub fn text(&self) -> String {
        let asked = format!("  answer to command {}: {}\n", self.command, self.found);
        let differs = |lies: &Lies| {
            let expected = sha256(&lies.bytes);
            format!("{expected} was expected, {}", lies.whose)
        };
        let held = self.expected.text(self.judged(), (": ", differs));
        let left = left_text(self.epoch, self.is_left);
        format!("{asked}    {}\n{left}    {held}\n", self.asked)
    }

    /// For machines. `expected` is what it agrees with, or else what the report before it shows there.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let judged = self.judged();
        let digest = |lies: &Lies| to_hex(&sha256(&lies.bytes).0);
        let expected = match judged {
            Judged::Fits(lies) => Some(lies),
            _ => self.expected.lies.first(),
        };
        let one = |lies: &Lies| {
            let agrees = sha256(&lies.bytes) == self.found;
            json!({ "reports": lies.reports, "expected": digest(lies), "agrees": agrees })
        };
        json!({
            "command": self.command.get(), "digest": to_hex(&self.found.0), "asked": self.asked,
            "epoch": self.epoch.get(), "left_epoch": self.is_left,
            "expected": expected.map(digest), "agrees": judged.agrees(),
            "held_against": self.expected.lies.iter().map(one).collect::<Vec<_>>(),
            "unknown": self.expected.unknown, "open": self.expected.is_open,
            "first": self.expected.is_first,
        })
    }
}

/// The images whose bytes are here. Every bundle is decoded for them: once, and only if something asks for it.
pub struct Known<'m> {
    mission: &'m Mission,
    ledger: &'m Ledger,
    images: OnceCell<Images>,
}

impl<'m> Known<'m> {
    /// Of a mission; nothing is read yet.
    #[must_use]
    pub const fn new(mission: &'m Mission, ledger: &'m Ledger) -> Self {
        Self {
            mission,
            ledger,
            images: OnceCell::new(),
        }
    }

    /// The ledger.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        self.ledger
    }

    fn images(&self) -> Result<&Images> {
        if let Some(images) = self.images.get() {
            return Ok(images);
        }
        let images = known_images(self.mission, self.ledger)?;
        Ok(self.images.get_or_init(|| images))
    }

    /// What should have lain in a range, its first byte and its length, of a region, by the reports `around` the
    /// reading.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn expected(
        &self,
        region: Region,
        range: (u32, u32),
        around: Around<'_>,
    ) -> Result<Contents> {
        let unknown = |why: &str| Ok(Contents::unknown(why.to_owned()));
        let Region::Image(location) = region else {
            return unknown("nothing here says what lies in this region");
        };
        // What they show, and which of them; one where they agree.
        let mut shown_there: Vec<(Option<Shown>, Vec<u32>)> = Vec::new();
        for report in [around.before, around.behind].into_iter().flatten() {
            let shown = shown(report, location);
            match shown_there.last_mut().filter(|(other, _)| *other == shown) {
                Some((_, reports)) => reports.push(report.sequence),
                None => shown_there.push((shown, vec![report.sequence])),
            }
        }
        if shown_there.is_empty() {
            return unknown("no report shows what lies there");
        }
        let mut expected = Contents {
            is_open: around.behind.is_none(),
            is_first: around.before.is_none(),
            ..Contents::default()
        };
        for (shown, reports) in shown_there {
            match self.lies(location, range, (shown, reports))? {
                Ok(lies) => expected.lies.push(lies),
                Err(why) => expected.unknown.push(why),
            }
        }
        Ok(expected)
    }

    /// What should lie there if it is the image that some reports show; or why nobody here knows.
    fn lies(
        &self,
        location: Location,
        (offset, len): (u32, u32),
        (shown, reports): (Option<Shown>, Vec<u32>),
    ) -> Result<std::result::Result<Lies, String>> {
        let by = by(&reports);
        let Some(prefix) = shown else {
            let verb = if reports.len() > 1 { "show" } else { "shows" };
            return Ok(Err(format!("{by} {verb} no whole image there")));
        };
        let images = self.images()?;
        let Some((digest, image)) = images.iter().find(|(d, _)| d.0.starts_with(&prefix)) else {
            return Ok(Err(format!(
                "the files of the image that stands there by {by} are not here"
            )));
        };
        let (Ok(offset), Ok(len)) = (usize::try_from(offset), usize::try_from(len)) else {
            return Ok(Err("the range is none".to_owned()));
        };
        let end = offset.saturating_add(len);
        if location == Location::Golden && end > image.len() {
            let why = "what the factory left behind the golden image is not known here";
            return Ok(Err(why.to_owned()));
        }
        let behind = match end > image.len() {
            true => ", erased flash behind it",
            false => "",
        };
        let within = image.get(offset..).unwrap_or_default();
        let mut bytes = within.get(..len).unwrap_or(within).to_vec();
        bytes.resize(len, 0xff);
        let whose = format!("image {}{behind}, by {by}", digest.prefix());
        Ok(Ok(Lies {
            bytes,
            reports,
            whose,
        }))
    }
}

/// Reports in words.
fn by(reports: &[u32]) -> String {
    match reports {
        [one] => format!("report {one}"),
        all => {
            let all: Vec<String> = all.iter().map(u32::to_string).collect();
            format!("reports {}", all.join(" and "))
        }
    }
}

/// What should have lain in a range that a command asks for, whose answer came at `came_s`.
///
/// # Errors
/// The ledger cannot be read.
pub fn expected(
    known: &Known<'_>,
    times: &Times,
    (command, came_s): (ObjectNumber, u64),
    (region, range): (Region, (u32, u32)),
) -> Result<Contents> {
    if let Some(report) = times.used_before(command) {
        return Ok(Contents::unknown(reused(command, report)));
    }
    known.expected(region, range, times.around(command, came_s))
}

/// Why an answer may be another command's.
#[must_use]
pub fn reused(command: ObjectNumber, report: u32) -> String {
    format!(
        "report {report} came before the vehicle can have heard of command {command}, and counts that number already. This ledger may be an old backup that gave the number out a second time: then it is the answer to another command. Take in all reports, then ask again with a new command"
    )
}

/// Holds answers, each to a command and with the instant and the link epoch in which it came, against what should have lain there.
///
/// # Errors
/// The ledger cannot be read.
pub fn hold(
    known: &Known<'_>,
    times: &Times,
    answers: impl Iterator<Item = (Answer, u64, Epoch)>,
) -> Result<Vec<Held>> {
    answers
        .map(|(answer, came_s, epoch)| {
            let command = answer.command;
            let (asked, expected) = match claims::action_of(command, known.ledger()) {
                Some(Action::RegionDigest {
                    region,
                    offset,
                    len,
                }) => {
                    let place = (region, (offset, len));
                    let expected = expected(known, times, (command, came_s), place)?;
                    (range(region, (offset, len)), expected)
                }
                _ => {
                    let why = "the ledger has no such command".to_owned();
                    ("unknown".to_owned(), Contents::unknown(why))
                }
            };
            Ok(Held {
                command,
                asked,
                found: answer.digest,
                expected,
                epoch,
                is_left: epoch < times.latest_epoch(),
            })
        })
        .collect()
}

/// A range in words.
#[must_use]
pub fn range(region: Region, (offset, len): (u32, u32)) -> String {
    format!(
        "{len} bytes from byte {offset} of {}",
        describe::region(region)
    )
}

/// The first bytes of an image's digest.
type Shown = [u8; 4];

/// The image that a report shows in a place, if there is a whole one.
fn shown(report: &Report, location: Location) -> Option<Shown> {
    let Location::Slot(slot) = location else {
        return Some(report.golden);
    };
    let slot = report.slots.get(slot.index())?;
    let is_whole = !matches!(
        slot.state,
        SlotState::Empty | SlotState::Patching | SlotState::Failed
    );
    is_whole.then_some(slot.digest)
}

/// Every image whose bytes the mission has: those that the vehicle was launched with, and what its bundles come to.
fn known_images(mission: &Mission, ledger: &Ledger) -> Result<Images> {
    let mut known = Images::new();
    if let Some(twin) = &mission.config.twin {
        let options = mission.profile.image_options();
        for name in [&twin.golden, &twin.first] {
            if let Ok(image) = images::load(&mission.path(name), &options) {
                known.insert(image.digest(), image.bytes);
            }
        }
    }
    for bundle in ledger.bundles()? {
        let Some(object) = ledger.object(lightday_wire::ObjectKind::Bundle, bundle.number)? else {
            continue;
        };
        let Ok(Artifact::Bundle(bundle)) = Artifact::load(&mission.path(object.file)) else {
            continue;
        };
        let base = match bundle.context().base {
            Some(base) => known.get(&base.digest).map(Vec::as_slice),
            None => Some(&[][..]),
        };
        if let Some(Ok(image)) = base.map(|base| bundle.decode(base)) {
            known.insert(bundle.manifest().image.digest, image);
        }
    }
    Ok(known)
}
