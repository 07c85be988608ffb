//! The manifest: what release signs about a bundle. Held against RFC 9124 in `docs/SPEC.md`.
//!
//! It never carries what the vehicle knows already: vehicle or class id, its own object number and the
//! base's full digest, size and version are signed through [`ManifestContext`] and not sent. Text never
//! drives a decision: only its digest is here, the text itself stays on the ground (severable).

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::codes::{CodecId, ObjectKind, Role};
use crate::document::{Authority, Document};
use crate::ids::{ComponentId, Digest, DigestPrefix, ObjectNumber, SlotId, Target, Version};

/// The format version of the manifests of this release.
pub const FORMAT: u8 = 1;

/// Which slot an image may be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SlotChoice {
    /// Whichever is inactive: images are copied to RAM and run there.
    Inactive,
    /// Only this one: the image is linked for it (execute in place).
    Only(SlotId),
}

/// What arms the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// An [`Authorization`](crate::Authorization), sent apart.
    OnAuthorization,
    /// This manifest alone, which then needs the signatures of verification and flight too.
    LoadAndGo,
}

/// How the image has to prove itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialPolicy {
    /// How often it may be booted before it is reverted, at least 1.
    pub tries: u8,
    /// Seconds from boot until it has to say that it is healthy.
    pub health_deadline_s: u32,
    /// Seconds from the first boot until a signed command must have been heard.
    pub lease_s: u32,
    /// Whether it may confirm itself once a signed command was heard. Needs flight's signature.
    pub self_confirm: bool,
}

/// The payload of a bundle and how it becomes the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// The codec.
    pub codec: CodecId,
    /// The codec's own parameters.
    pub params: Vec<u8, 8>,
    /// Bytes of RAM that the decoder needs.
    pub ram: u32,
    /// SHA-256 of the payload.
    pub digest: Digest,
    /// Bytes of the payload.
    pub size: u32,
}

/// The image that the bundle brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// SHA-256 of the image.
    pub digest: Digest,
    /// Bytes of the image.
    pub size: u32,
    /// Its version.
    pub version: Version,
}

/// The image that a delta is applied to: signed in full, sent as a prefix.
pub type Base = Image;

/// The manifest as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format version, [`FORMAT`].
    pub format: u8,
    /// Whether the signed target is the class; else it is the vehicle.
    pub class_bound: bool,
    /// Which part of the vehicle.
    pub component: ComponentId,
    /// Which slot.
    pub slot: SlotChoice,
    /// Where the image is loaded to and entered.
    pub load_address: u64,
    /// The image's security counter: below the vehicle's floor it is refused.
    pub security_counter: u32,
    /// The new image.
    pub image: Image,
    /// The base of the delta by its prefix; `None` needs no base.
    pub base: Option<DigestPrefix>,
    /// The payload.
    pub payload: Payload,
    /// What arms it.
    pub activation: Activation,
    /// How it proves itself.
    pub trial: TrialPolicy,
    /// Root of the evidence that was there at release; load-and-go needs it.
    pub evidence_root: Option<Digest>,
    /// Digest of the text for people, which is not sent.
    pub text_digest: Option<Digest>,
}

/// What a manifest binds without sending it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestContext {
    /// Vehicle or class.
    pub target: Target,
    /// The bundle's object number.
    pub number: ObjectNumber,
    /// The base in full; `None` where the manifest names none.
    pub base: Option<Base>,
}

impl Document for Manifest {
    const DOMAIN: &'static [u8] = b"lightday manifest v1";
    const KIND: ObjectKind = ObjectKind::Bundle;
    type Context = ManifestContext;

    fn authority(&self) -> Authority {
        let release = Authority::of(Role::Release);
        match (self.activation, self.trial.self_confirm) {
            (Activation::LoadAndGo, _) => release.and(Role::Verification).and(Role::Flight),
            (Activation::OnAuthorization, true) => release.and(Role::Flight),
            (Activation::OnAuthorization, false) => release,
        }
    }
}
