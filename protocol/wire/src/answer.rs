//! The answer to a region-digest command: a packet of its own on the downlink, because a report has one
//! length and no room. It never answers anything else.
//!
//! ```text
//! +-----------+-------------+------ 32 B ------+------ 8 B ------+
//! | 0xE|epoch | command 3 B | SHA-256          | tag             |
//! +-----------+-------------+------------------+-----------------+
//! ```

use serde::{Deserialize, Serialize};

use crate::codes::ObjectKind;
use crate::ids::{Digest, Epoch, ObjectNumber};
use crate::report::{ReportError, ReportFrame};

/// Bytes of the body.
pub const BODY_LEN: usize = 35;
/// Bytes of an answer with its first byte and its tag of 8 B.
pub const ANSWER_LEN: usize = 1 + BODY_LEN + 8;

/// The digest that a command asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The command.
    pub command: ObjectNumber,
    /// SHA-256 of the range.
    pub digest: Digest,
}

/// The first byte of an answer under an epoch's key.
#[must_use]
pub const fn first_byte(epoch: Epoch) -> u8 {
    ObjectKind::Answer.code() << 4 | epoch.get()
}

/// Gives `bytes` the shape of an answer.
///
/// # Errors
/// [`ReportError`].
pub fn parse(bytes: &[u8]) -> Result<ReportFrame<'_>, ReportError> {
    ReportFrame::parse_as(bytes, ObjectKind::Answer, BODY_LEN)
}
