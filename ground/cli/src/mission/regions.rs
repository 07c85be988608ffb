//! Answers to region-digest commands, held against what the ground expects there: the image that the last report
//! shows in that slot, and erased flash behind it.
//!
//! Nothing is expected of trailers, record, floors and staging: their bytes depend on what was lost on the way.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use lightday_station::keys::to_hex;
use lightday_trust::Digester;
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

/// Holds answers, each to a command, against what `last`, the last report, shows.
///
/// # Errors
/// The ledger cannot be read.
pub fn hold(
    mission: &Mission,
    ledger: &Ledger,
    answers: impl Iterator<Item = (ObjectNumber, Digest)>,
    last: Option<&Report>,
) -> Result<Vec<Held>> {
    // Every bundle is decoded for them: once, and only if an answer asks for it.
    let known = OnceCell::new();
    let images = || -> Result<&Images> {
        if let Some(images) = known.get() {
            return Ok(images);
        }
        let images = known_images(mission, ledger)?;
        Ok(known.get_or_init(|| images))
    };
    answers
        .map(|(command, found)| {
            let (asked, expected) = match claims::action_of(command, ledger) {
                Some(Action::RegionDigest {
                    region,
                    offset,
                    len,
                }) => {
                    let asked = format!(
                        "{len} bytes from byte {offset} of {}",
                        describe::region(region)
                    );
                    (asked, expected(images, region, (offset, len), last)?)
                }
                _ => {
                    let why = "the ledger has no such command".to_owned();
                    ("unknown".to_owned(), Expected::Unknown(why))
                }
            };
            Ok(Held {
                command,
                asked,
                found,
                expected,
            })
        })
        .collect()
}

fn expected<'i>(
    images: impl Fn() -> Result<&'i Images>,
    region: Region,
    (offset, len): (u32, u32),
    last: Option<&Report>,
) -> Result<Expected> {
    let unknown = |why: &str| Ok(Expected::Unknown(why.to_owned()));
    let Region::Image(location) = region else {
        return unknown("nothing here says what lies in this region");
    };
    let Some(last) = last else {
        return unknown("no report shows what lies there");
    };
    let Some(prefix) = shown(last, location) else {
        return unknown("the last report shows no whole image there");
    };
    let Some((digest, image)) = images()?.iter().find(|(d, _)| d.0.starts_with(&prefix)) else {
        return unknown("the files of the image that the last report shows are not here");
    };
    let (Ok(offset), Ok(len)) = (usize::try_from(offset), usize::try_from(len)) else {
        return unknown("the range is none");
    };
    let end = offset.saturating_add(len);
    if location == Location::Golden && end > image.len() {
        return unknown("what the factory left behind the golden image is not known here");
    }
    let whose = format!(
        "image {}{}, by report {}",
        digest.prefix(),
        if end > image.len() {
            ", erased flash behind it"
        } else {
            ""
        },
        last.sequence
    );
    Ok(Expected::Digest {
        digest: digest_of(image, offset, len),
        whose,
    })
}

/// The digest of a range of an image, with erased flash behind it.
fn digest_of(image: &[u8], offset: usize, len: usize) -> Digest {
    let within = image.get(offset..).unwrap_or_default();
    let within = within.get(..len).unwrap_or(within);
    let mut digester = Digester::bare();
    digester.update(within);
    let mut behind = len - within.len();
    while behind > 0 {
        let some = behind.min(4096);
        digester.update(&[0xff; 4096][..some]);
        behind -= some;
    }
    digester.finish()
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
