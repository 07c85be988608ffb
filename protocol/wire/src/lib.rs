//! Every byte that Lightday puts on the link and into signed documents: identifiers, codes, frames,
//! manifests, authorizations, commands and reports.
//!
//! This crate never checks a MAC or a signature, never hashes and never allocates: it only gives bytes
//! a shape and refuses those that have none. Who may say what is the business of `lightday-trust`.
//!
//! ```text
//! Frame   one packet on the uplink: 8 B header, symbol, 6 or 8 B tag
//! Object  K symbols put together: an Envelope, and behind a manifest's envelope the payload
//! Envelope  body (a Document in canonical postcard) and its signatures
//! Report  one packet on the downlink: at most 96 B with its tag
//! Answer, Part  what a command asked for: the digest of a region, and flash in parts of 64 B
//! ```
//!
//! All documents are encoded by `postcard` and are *canonical*: what does not encode to the same bytes
//! again is rejected ([`canon`]). The byte tables stand in `docs/SPEC.md`.

#![no_std]
#![forbid(unsafe_code)]
// What flies must not panic.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing
    )
)]

pub mod answer;
pub mod authorization;
pub mod canon;
pub mod codes;
pub mod command;
pub mod document;
pub mod dump;
pub mod envelope;
pub mod frame;
pub mod ids;
pub mod manifest;
pub mod report;
pub mod serial;

pub use authorization::{Authorization, AuthorizationContext, Window};
pub use codes::{CodecId, ObjectKind, Refusal, ResetCause, RevertCause, Role, SlotState, Stage};
pub use command::{Action, Command, CommandContext, Region};
pub use document::{Authority, Document, SIGNING_TAG};
pub use envelope::{Envelope, MAX_ENVELOPE_LEN, MAX_SIGNATURES, Signature};
pub use frame::{Frame, FrameError, FrameHeader, HEADER_LEN, TagLen};
pub use ids::{
    ClassId, ComponentId, Digest, DigestPrefix, Epoch, KeyIndex, Location, ObjectNumber, SlotId,
    Target, VehicleId, Version,
};
pub use manifest::{
    Activation, Base, Image, Manifest, ManifestContext, Payload, SlotChoice, TrialPolicy,
};
pub use report::{Report, SlotReport, Verdict};
