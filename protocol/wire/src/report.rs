//! The report: what the vehicle last proved about itself. One packet on the downlink.
//!
//! A report never asks for anything: the ground decides what to send. It has one fixed length, so that
//! its length tells nothing and its byte table (`docs/SPEC.md`) has no conditions.
//!
//! ```text
//! +-----------+------------- 86 B --------------+------ 8 B ------+
//! | 0xF|epoch | body, every field of fixed width | tag             |
//! +-----------+----------------------------------+-----------------+
//! ```

use serde::{Deserialize, Serialize};

use crate::codes::{ObjectKind, Refusal, ResetCause, RevertCause, SlotState, Stage};
use crate::ids::{Epoch, Location, ObjectNumber, Version};

/// Bytes of the body.
pub const BODY_LEN: usize = 86;
/// Bytes of a report with its first byte and its tag of 8 B.
pub const REPORT_LEN: usize = 1 + BODY_LEN + 8;

/// A slot as the report shows it, 9 B.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotReport {
    /// Its state.
    pub state: SlotState,
    /// The version of its image; 0.0.0 where there is none.
    pub version: Version,
    /// The first 4 B of its image's digest; zero where there is none.
    pub digest: [u8; 4],
}

/// How far the latest object of a kind came, 5 B.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The object's number.
    pub number: ObjectNumber,
    /// How far it came.
    pub stage: Stage,
    /// Why it was refused, failed or waits.
    pub refusal: Refusal,
}

impl Verdict {
    /// Nothing was heard yet.
    pub const IDLE: Self = Self {
        number: ObjectNumber::from_be_bytes([0; 3]),
        stage: Stage::Idle,
        refusal: Refusal::None,
    };
}

/// The report's body, 86 B.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Counts the reports; goes up by one each, also across resets.
    #[serde(with = "postcard::fixint::be")]
    pub sequence: u32,
    /// Onboard time in seconds (Unix); 0: unknown.
    #[serde(with = "postcard::fixint::be")]
    pub time_s: u32,
    /// What runs.
    pub running: RunningCode,
    /// Slots A and B.
    pub slots: [SlotReport; 2],
    /// First 4 B of golden's digest.
    pub golden: [u8; 4],
    /// The latest bundle.
    pub bundle: Verdict,
    /// Symbols that the bundle in reception still needs; any will do.
    #[serde(with = "postcard::fixint::be")]
    pub symbols_needed: u16,
    /// The latest authorization.
    pub authorization: Verdict,
    /// The latest command.
    pub command: Verdict,
    /// The next number accepted of each kind, in the order of [`ObjectKind::UPLINK`].
    pub next: [ObjectNumber; 4],
    /// Why the processor was last reset.
    pub reset_cause: ResetCause,
    /// How often it was reset, modulo 2^16.
    #[serde(with = "postcard::fixint::be")]
    pub resets: u16,
    /// Boots that the image on trial has left.
    pub tries_left: u8,
    /// Resets by the environment that the trial has left.
    pub environment_left: u8,
    /// Hours until the lease ends, rounded down; 0xffff: no trial.
    #[serde(with = "postcard::fixint::be")]
    pub lease_left_h: u16,
    /// Why an image was last reverted.
    pub revert_cause: RevertCause,
    /// The bundle that had brought it.
    pub reverted: ObjectNumber,
    /// Version of the key set.
    #[serde(with = "postcard::fixint::be")]
    pub key_set: u16,
    /// Security counter, modulo 2^16.
    #[serde(with = "postcard::fixint::be")]
    pub security_counter: u16,
    /// Why a verified or armed image waits.
    pub hold: Refusal,
    /// Frames that were refused since the last reset: bad tag, old number, wrong shape; sticks at 255.
    pub frames_refused: u8,
    /// Bits of [`flags`].
    pub flags: u8,
    /// First 8 B of the state digest, which the twin must reproduce.
    pub state_digest: [u8; 8],
}

/// Bits of [`Report::flags`].
pub mod flags {
    /// The lease is cooperative: the profile has no supervisor that holds it.
    pub const LEASE_COOPERATIVE: u8 = 0x01;
    /// The record was lost; only a resynchronisation is accepted.
    pub const RECORD_LOST: u8 = 0x02;
    /// A signed command was heard during this trial.
    pub const UPLINK_PROVEN: u8 = 0x04;
    /// Activation is held by command.
    pub const HELD: u8 = 0x08;
    /// The application says that it is healthy.
    pub const HEALTHY: u8 = 0x10;
    /// Erase blocks of the staging log failed since the last reset, and are passed over: it holds less than it did.
    pub const STAGING_WORN: u8 = 0x20;
}

/// What runs, as one byte: 0 slot A, 1 slot B, 2 golden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunningCode(pub Location);

impl Serialize for RunningCode {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let place = Location::ALL.iter().position(|l| *l == self.0).unwrap_or(0);
        s.serialize_u8(u8::try_from(place).unwrap_or(0))
    }
}

impl<'de> Deserialize<'de> for RunningCode {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let place = usize::from(u8::deserialize(d)?);
        let known = Location::ALL.get(place).copied();
        known
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("unknown location"))
    }
}

/// The first byte of a report under an epoch's key.
#[must_use]
pub const fn first_byte(epoch: Epoch) -> u8 {
    ObjectKind::Report.code() << 4 | epoch.get()
}

/// Why bytes are no report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportError {
    /// Not as long as its kind of packet is.
    Length,
    /// The first byte is not that of the expected kind of packet.
    NotAReport,
}

impl core::fmt::Display for ReportError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Length => {
                write!(
                    f,
                    "a report is {REPORT_LEN} bytes long, an answer {}, a part of a dump {}",
                    crate::answer::ANSWER_LEN,
                    crate::dump::DUMP_LEN
                )
            }
            Self::NotAReport => f.write_str("the first byte is not that of a report"),
        }
    }
}

impl core::error::Error for ReportError {}

/// A report, an answer, or a part of a dump, as it arrived: well-formed, not authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportFrame<'a> {
    /// Which link key authenticates it.
    pub epoch: Epoch,
    /// First byte and body: what the tag covers.
    pub covered: &'a [u8],
    /// The body, canonical postcard.
    pub body: &'a [u8],
    /// The tag.
    pub tag: &'a [u8],
}

impl<'a> ReportFrame<'a> {
    /// Gives `bytes` the shape of a report.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ReportError> {
        Self::parse_as(bytes, ObjectKind::Report, BODY_LEN)
    }

    /// Gives `bytes` the shape of a downlink packet of a kind and its one length.
    pub(crate) fn parse_as(
        bytes: &'a [u8],
        kind: ObjectKind,
        body_len: usize,
    ) -> Result<Self, ReportError> {
        let (covered, tag) = bytes
            .split_at_checked(1 + body_len)
            .ok_or(ReportError::Length)?;
        let (first, body) = covered.split_first().ok_or(ReportError::Length)?;
        if tag.len() != 8 {
            return Err(ReportError::Length);
        }
        let epoch = Epoch::new(first & 0x0f).ok_or(ReportError::NotAReport)?;
        if first >> 4 != kind.code() {
            return Err(ReportError::NotAReport);
        }
        Ok(Self {
            epoch,
            covered,
            body,
            tag,
        })
    }
}
