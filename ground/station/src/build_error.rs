//! Why there is no bundle, and the length that an envelope is held to.

use core::fmt;

use lightday_wire::Manifest;
use lightday_wire::envelope::SIGNATURE_LEN;

use crate::codec::CodecError;
use crate::signed::{Field, Signed};

/// Bytes of a manifest's envelope with three signatures, at the most. The types allow a few more; the
/// vehicle's own limit, with more signatures, is [`lightday_wire::MAX_ENVELOPE_LEN`].
pub const LONGEST_ENVELOPE: usize = 384;

/// Fields that a mission can make shorter, and what each takes at the least.
const SHORTENABLE: [Field; 7] = [
    ("text digest", 1),
    ("evidence root", 1),
    ("trial policy", 4),
    ("load address", 1),
    ("security counter", 1),
    ("codec parameters", 1),
    ("decoder RAM", 1),
];

/// Why there is no bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// No codec carries the image.
    Codec(CodecError),
    /// The image is larger than the slot.
    ImageTooLarge {
        /// Bytes of the image.
        size: u32,
        /// Bytes of the slot.
        slot: u32,
    },
    /// Envelope and payload are larger than the staging area.
    StagingTooSmall {
        /// Bytes of the object.
        size: u64,
        /// Bytes of the staging area.
        staging: u32,
    },
    /// The image's load address is none of the profile's, or not that of the slot asked for.
    Address(u64),
    /// The image is linked per slot and neither file nor options say for which.
    SlotUnknown,
    /// The security counter is higher than the vehicle's floors hold.
    SecurityCounter {
        /// The counter asked for.
        asked: u32,
        /// The highest that the floors hold.
        most: u32,
    },
    /// Load-and-go without an evidence root.
    EvidenceMissing,
    /// The trial policy allows no boot, no time for health, or no lease.
    Trial,
    /// The envelope is longer than one of a mission may be.
    EnvelopeTooLong {
        /// Its bytes with three signatures.
        size: usize,
        /// Fields that could be shorter, and the bytes of each, the longest first.
        fields: Vec<Field>,
    },
    /// Our bug: the manifest is longer than any may be.
    TooLong,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Codec(error) => error.fmt(f),
            Self::ImageTooLarge { size, slot } => {
                write!(f, "the image has {size} B, memory.slot_size is {slot} B")
            }
            Self::StagingTooSmall { size, staging } => write!(
                f,
                "the object has {size} B, memory.staging_size is {staging} B"
            ),
            Self::Address(address) => write!(f, "the profile has no slot at {address:#x}"),
            Self::SlotUnknown => f.write_str("the image does not say which slot it is linked for"),
            Self::SecurityCounter { asked, most } => write!(
                f,
                "security counter {asked}, the floors hold {most} steps (memory.security_counters)"
            ),
            Self::EvidenceMissing => f.write_str("load-and-go without an evidence root"),
            Self::Trial => f.write_str("the trial policy allows no boot, no time or no lease"),
            Self::EnvelopeTooLong { size, fields } => {
                write!(
                    f,
                    "the envelope has {size} B with three signatures, at most {LONGEST_ENVELOPE} B go up:"
                )?;
                for (place, (name, bytes)) in fields.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "," };
                    write!(f, "{comma} {name} {bytes} B")?;
                }
                Ok(())
            }
            Self::TooLong => f.write_str("the manifest is too long"),
        }
    }
}

impl std::error::Error for BuildError {}

impl BuildError {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Codec(error) => error.hint(),
            Self::ImageTooLarge { .. } => "strip the image, or check memory.slot_size",
            Self::StagingTooSmall { .. } => {
                "build a delta from an image that is on board, or correct memory.staging_size in mission.toml"
            }
            Self::Address(_) => "link the image for a slot, or correct memory.load_address",
            Self::SlotUnknown => "name the slot: --slot a or --slot b",
            Self::SecurityCounter { .. } => {
                "go up by one where an older image must never run again, else leave --security-counter out: steps cannot be taken back"
            }
            Self::EvidenceMissing => "rehearse first and give the evidence root, or use authorize",
            Self::Trial => "give at least one try and times above 0",
            Self::EnvelopeTooLong { .. } => {
                "leave out --text (its digest goes up), or an --evidence-root that nothing asks for; or lower trial times, security counter or load address"
            }
            Self::TooLong => "a bug of Lightday: report it with the images",
        }
    }
}

/// Holds the envelope to the length that links are planned for.
pub(crate) fn check_envelope(signed: &Signed<Manifest>) -> Result<(), BuildError> {
    let all = signed.fields();
    let unsigned = all.iter().filter(|(name, _)| *name != "signature");
    let size = unsigned.map(|(_, bytes)| bytes).sum::<usize>() + 3 * SIGNATURE_LEN;
    if size <= LONGEST_ENVELOPE {
        return Ok(());
    }
    let least = |name| SHORTENABLE.iter().find(|(n, _)| *n == name).map(|f| f.1);
    let mut fields = all;
    fields.retain(|(name, bytes)| least(*name).is_some_and(|least| *bytes > least));
    fields.sort_by_key(|(_, bytes)| core::cmp::Reverse(*bytes));
    Err(BuildError::EnvelopeTooLong { size, fields })
}
