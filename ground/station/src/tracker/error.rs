//! Why bytes from the downlink are not believed, and what to do then.

use core::fmt;

use lightday_wire::Epoch;
use lightday_wire::canon::CanonError;
use lightday_wire::report::ReportError;

/// Why bytes from the downlink are not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrackError {
    /// Neither a report, nor an answer or a part of a dump where one of these was asked for: wrong length or wrong
    /// first byte.
    NotAReport(ReportError),
    /// The tag does not verify under the key of the epoch that the packet names.
    Forged(Epoch),
    /// An epoch that the vehicle had left already: a recording.
    OldEpoch {
        /// The packet's epoch.
        found: Epoch,
        /// The epoch of the last report.
        last: Epoch,
    },
    /// The key of its epoch is not held here: nothing is known of it.
    KeyMissing(Epoch),
    /// Authentic, and its body makes no sense: the vehicle runs a protocol that we do not know.
    Malformed(CanonError),
    /// Not newer than the last report: a recording, a duplicate, or one that was overtaken.
    OldSequence {
        /// The report's sequence.
        found: u32,
        /// The sequence of the last report.
        last: u32,
    },
    /// The very bytes were heard before.
    Known {
        /// The report's sequence.
        found: u32,
    },
    /// An alarm whose very bytes were heard before.
    KnownAlarm {
        /// The report's sequence.
        found: u32,
    },
}

impl fmt::Display for TrackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAReport(ReportError::NotAReport) => {
                f.write_str("the first byte is that of no report, answer or part of a dump")
            }
            Self::NotAReport(error) => error.fmt(f),
            Self::Forged(epoch) => write!(
                f,
                "the tag does not verify under the link key of epoch {}",
                epoch.get()
            ),
            Self::KeyMissing(epoch) => write!(
                f,
                "the link key of epoch {} is not held here, so that nothing is proven",
                epoch.get()
            ),
            Self::OldEpoch { found, last } => write!(
                f,
                "it is of epoch {}, the vehicle was in epoch {} already",
                found.get(),
                last.get()
            ),
            Self::Malformed(error) => write!(f, "it is authentic, but {error}"),
            Self::OldSequence { found, last } => write!(
                f,
                "report {found} is not newer than report {last}, which is known already"
            ),
            Self::Known { found } => write!(f, "report {found} is known already"),
            Self::KnownAlarm { found } => {
                write!(
                    f,
                    "report {found} says that the record was lost, which is known already"
                )
            }
        }
    }
}

impl std::error::Error for TrackError {}

impl TrackError {
    /// Whether the bytes proved themselves, and are refused for when they came alone.
    #[must_use]
    pub const fn is_authentic(&self) -> bool {
        matches!(
            self,
            Self::OldEpoch { .. }
                | Self::OldSequence { .. }
                | Self::Known { .. }
                | Self::KnownAlarm { .. }
        )
    }

    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NotAReport(_) => {
                "check that the file holds whole packets of the downlink, each behind its length, and nothing around them"
            }
            Self::Forged(_) => {
                "check vehicle id and keys/link-N.key; if both are right, the packet was damaged or forged"
            }
            Self::KeyMissing(_) => {
                "if the vehicle was told to go on to that epoch, take its key from the vault: `lightday keygen link-epoch`"
            }
            Self::OldEpoch { .. }
            | Self::OldSequence { .. }
            | Self::Known { .. }
            | Self::KnownAlarm { .. } => "nothing is to be done: it is a duplicate or a recording",
            Self::Malformed(_) => "update lightday to the version that the vehicle flies",
        }
    }
}
