//! The authorization to arm: what verification and flight sign when an image may be activated.
//! It travels apart from the bundle, so that upload and verification overlap. It never names keys.

use serde::{Deserialize, Serialize};

use crate::codes::{ObjectKind, Role};
use crate::document::{Authority, Document};
use crate::ids::{Digest, ObjectNumber, VehicleId};

/// When an armed image may be activated, in seconds of onboard time (Unix, UTC without leap seconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Not before this second.
    pub opens_s: u64,
    /// Not after this second.
    pub closes_s: u64,
}

/// An authorization to arm one image on one vehicle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// The bundle that brings the image.
    pub bundle: ObjectNumber,
    /// The image that may be armed.
    pub image: Digest,
    /// The activation window; `None`: as soon as the image is verified.
    pub window: Option<Window>,
    /// Onboard second after which the authorization lapses; `None`: it lapses only with its bundle.
    pub expires_s: Option<u64>,
    /// The root of the evidence that verification answers for.
    pub evidence_root: Digest,
}

/// What an authorization binds without sending it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationContext {
    /// The one vehicle.
    pub vehicle: VehicleId,
    /// The number of the authorization itself.
    pub number: ObjectNumber,
}

impl Document for Authorization {
    const DOMAIN: &'static [u8] = b"lightday authorization v1";
    const KIND: ObjectKind = ObjectKind::Authorization;
    type Context = AuthorizationContext;

    fn authority(&self) -> Authority {
        Authority::of(Role::Verification).and(Role::Flight)
    }
}
