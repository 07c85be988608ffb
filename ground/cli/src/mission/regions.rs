//! What the ground expects to lie in a region: the image that the last report shows in that slot, and erased flash
//! behind it. The answers to region-digest commands are held against it.
//!
//! Nothing is expected of trailers, record, floors and staging: their bytes depend on what was lost on the way.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use lightday_station::keys::to_hex;
use lightday_trust::digest::sha256;
use lightday_wire::answer::Answer;
use lightday_wire::report::Report;
use lightday_wire::{Action, Digest, Location, ObjectNumber, Region, SlotState};
use serde_json::{Value, json};

use super::artifact::Artifact;
use super::{Mission, claims, images};
use crate::error::Result;
use crate::ledger::Ledger;
use crate::verb::describe;

/// Images by their digest.
type Images = BTreeMap<Digest, Vec<u8>>;

/// What a range of flash should hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// This digest, of the image that is named.
    Digest {
        /// SHA-256 of the range.
        digest: Digest,
        /// Which image, and by which report.
        whose: String,
    },
    /// Nobody here knows.
    Unknown(String),
}

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
    pub expected: Expected,
}

impl Held {
    /// Whether the two agree; `None` where nothing was expected.
    #[must_use]
    pub fn agrees(&self) -> Option<bool> {
        match &self.expected {
            Expected::Digest { digest, .. } => Some(*digest == self.found),
            Expected::Unknown(_) => None,
        }
    }

    /// In words.
    #[must_use]
    pub fn text(&self) -> String {
        let asked = format!("  answer to command {}: {}\n", self.command, self.found);
        let held = match (&self.expected, self.agrees()) {
            (Expected::Digest { whose, .. }, Some(true)) => format!("as expected: {whose}"),
            (Expected::Digest { digest, whose }, _) => {
                format!("DIFFERS: {digest} was expected, {whose}")
            }
            (Expected::Unknown(why), _) => format!("not compared: {why}"),
        };
        format!("{asked}    {}\n    {held}\n", self.asked)
    }

    /// For machines.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let expected = match &self.expected {
            Expected::Digest { digest, .. } => Some(to_hex(&digest.0)),
            Expected::Unknown(_) => None,
        };
        json!({
            "command": self.command.get(), "digest": to_hex(&self.found.0), "asked": self.asked,
            "expected": expected, "agrees": self.agrees(),
        })
    }
}

/// The images whose bytes are here. Every bundle is decoded for them: once, and only if something asks for it.
pub struct Known<'m> {
    mission: &'m Mission,
    ledger: &'m Ledger,
    images: OnceCell<Images>,
}

/// What lies in a range of flash, as far as is known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lies {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Of which image, and by which report.
    pub whose: String,
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

    /// What should lie in `len` bytes from `offset` of a region on, by `last`, the last report; or why nobody here
    /// knows.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn lies(
        &self,
        region: Region,
        (offset, len): (u32, u32),
        last: Option<&Report>,
    ) -> Result<std::result::Result<Lies, String>> {
        let unknown = |why: &str| Ok(Err(why.to_owned()));
        let Region::Image(location) = region else {
            return unknown("nothing here says what lies in this region");
        };
        let Some(last) = last else {
            return unknown("no report shows what lies there");
        };
        let Some(prefix) = shown(last, location) else {
            return unknown("the last report shows no whole image there");
        };
        let images = self.images()?;
        let Some((digest, image)) = images.iter().find(|(d, _)| d.0.starts_with(&prefix)) else {
            return unknown("the files of the image that the last report shows are not here");
        };
        let (Ok(offset), Ok(len)) = (usize::try_from(offset), usize::try_from(len)) else {
            return unknown("the range is none");
        };
        let end = offset.saturating_add(len);
        if location == Location::Golden && end > image.len() {
            return unknown("what the factory left behind the golden image is not known here");
        }
        let behind = match end > image.len() {
            true => ", erased flash behind it",
            false => "",
        };
        let within = image.get(offset..).unwrap_or_default();
        let mut bytes = within.get(..len).unwrap_or(within).to_vec();
        bytes.resize(len, 0xff);
        let whose = format!(
            "image {}{behind}, by report {}",
            digest.prefix(),
            last.sequence
        );
        Ok(Ok(Lies { bytes, whose }))
    }
}

/// Holds answers, each to a command, against what `last`, the last report, shows.
///
/// # Errors
/// The ledger cannot be read.
pub fn hold(
    known: &Known<'_>,
    answers: impl Iterator<Item = Answer>,
    last: Option<&Report>,
) -> Result<Vec<Held>> {
    answers
        .map(|answer| {
            let (asked, expected) = match claims::action_of(answer.command, known.ledger()) {
                Some(Action::RegionDigest {
                    region,
                    offset,
                    len,
                }) => {
                    let expected = match known.lies(region, (offset, len), last)? {
                        Ok(Lies { bytes, whose }) => Expected::Digest {
                            digest: sha256(&bytes),
                            whose,
                        },
                        Err(why) => Expected::Unknown(why),
                    };
                    (range(region, (offset, len)), expected)
                }
                _ => {
                    let why = "the ledger has no such command".to_owned();
                    ("unknown".to_owned(), Expected::Unknown(why))
                }
            };
            Ok(Held {
                command: answer.command,
                asked,
                found: answer.digest,
                expected,
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

/// The first bytes of the digest of the image that a report shows in a place.
fn shown(report: &Report, location: Location) -> Option<[u8; 4]> {
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
