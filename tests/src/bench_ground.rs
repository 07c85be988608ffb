//! The ground of the bench: numbers, bundles, authorizations and commands as a test wants them, sound or not.

use lightday_boot::Identity;
use lightday_station::object::UplinkObject;
use lightday_trust::digest::sha256;
use lightday_wire::manifest::FORMAT;
use lightday_wire::{
    Action, Activation, Authorization, AuthorizationContext, CodecId, Command, CommandContext,
    Digest, Image, Manifest, ManifestContext, ObjectKind, ObjectNumber, Payload, SlotChoice,
    Target, TrialPolicy, Window,
};

use crate::bench_staff::Staff;
use crate::bench_vehicle::{IDENTITY, describe};

/// Seconds of the lease of a bundle of the bench.
pub const LEASE_S: u32 = 7 * 86_400;
/// Seconds of its health deadline.
pub const HEALTH_DEADLINE_S: u32 = 3600;
/// Longest symbol.
const SYMBOL_LEN_MAX: u16 = 128;

/// The ground.
#[derive(Debug)]
pub struct Ground {
    /// Those who sign.
    pub staff: Staff,
    /// The link epoch that frames are sent under.
    pub epoch: u8,
    /// The vehicle that they speak to.
    pub identity: Identity,
    /// Where its images are loaded to.
    pub load_address: u64,
    /// What the symbols of a bundle are a multiple of, in bytes.
    pub granule: u16,
    /// Bytes of the longest symbol.
    pub symbol_len_max: u16,
    /// The numbers that the next objects get, in the order of [`ObjectKind::UPLINK`].
    pub next: [u32; 4],
}

/// A bundle that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// What goes up.
    pub object: UplinkObject,
    /// Its number.
    pub number: ObjectNumber,
    /// The image that it brings.
    pub image: Image,
    /// Bytes of the envelope.
    pub envelope_len: usize,
}

/// The manifest of an image on a vehicle at launch, or of a plain full image.
#[must_use]
pub const fn launch_manifest(image: Image) -> Manifest {
    Manifest {
        format: FORMAT,
        class_bound: false,
        component: IDENTITY.component,
        slot: SlotChoice::Inactive,
        load_address: 0,
        security_counter: 0,
        image,
        base: None,
        payload: Payload {
            codec: CodecId::Store,
            params: heapless::Vec::new(),
            ram: 0,
            digest: image.digest,
            size: image.size,
        },
        activation: Activation::OnAuthorization,
        trial: TrialPolicy {
            tries: 3,
            health_deadline_s: HEALTH_DEADLINE_S,
            lease_s: LEASE_S,
            self_confirm: false,
        },
        evidence_root: None,
        text_digest: None,
    }
}

/// The number `n`.
///
/// # Panics
/// Above 24 bit.
#[must_use]
pub fn number(n: u32) -> ObjectNumber {
    ObjectNumber::new(n).expect("24 bit")
}

impl Ground {
    /// A ground that has sent nothing yet.
    #[must_use]
    pub const fn new(staff: Staff) -> Self {
        Self {
            staff,
            epoch: 0,
            identity: IDENTITY,
            load_address: 0,
            granule: 8,
            symbol_len_max: SYMBOL_LEN_MAX,
            next: [1; 4],
        }
    }

    /// Takes the next number of a kind.
    ///
    /// # Panics
    /// For kinds that never go up.
    pub fn take(&mut self, kind: ObjectKind) -> ObjectNumber {
        let next = &mut self.next[kind.uplink_index().expect("it goes up")];
        *next += 1;
        number(*next - 1)
    }

    /// A bundle with the whole image in it.
    pub fn bundle(&mut self, bytes: &[u8], major: u8) -> Built {
        self.bundle_with(bytes, major, None, |_| {})
    }

    /// A bundle whose manifest a test changes before it is signed; `base` is named, if given.
    pub fn bundle_with(
        &mut self,
        bytes: &[u8],
        major: u8,
        base: Option<Image>,
        change: impl FnOnce(&mut Manifest),
    ) -> Built {
        let number = self.take(ObjectKind::Bundle);
        self.bundle_numbered(number, bytes, major, base, change)
    }

    /// The same under a number of the test's choice.
    pub fn bundle_numbered(
        &self,
        number: ObjectNumber,
        bytes: &[u8],
        major: u8,
        base: Option<Image>,
        change: impl FnOnce(&mut Manifest),
    ) -> Built {
        let image = describe(bytes, major);
        let mut manifest = launch_manifest(image);
        manifest.component = self.identity.component;
        manifest.load_address = self.load_address;
        manifest.base = base.map(|base| base.digest.prefix());
        change(&mut manifest);
        let target = if manifest.class_bound {
            Target::Class(self.identity.class)
        } else {
            Target::Vehicle(self.identity.vehicle)
        };
        let context = ManifestContext {
            target,
            number,
            base,
        };
        let envelope = self.staff.envelope(context, manifest);
        self.assemble(number, &envelope, bytes, image)
    }

    /// Puts an envelope and a payload together, whatever they are.
    ///
    /// # Panics
    /// If they fit no object.
    #[must_use]
    pub fn assemble(
        &self,
        number: ObjectNumber,
        envelope: &[u8],
        payload: &[u8],
        image: Image,
    ) -> Built {
        let object = [envelope, payload].concat();
        let object = UplinkObject::fit(
            ObjectKind::Bundle,
            number,
            &object,
            self.symbol_len_max.max(self.granule),
            self.granule,
        )
        .expect("fits");
        Built {
            object,
            number,
            image,
            envelope_len: envelope.len(),
        }
    }

    /// Signs a command under the next number.
    pub fn command(&mut self, action: Action) -> UplinkObject {
        let number = self.take(ObjectKind::Command);
        self.command_numbered(number, action)
    }

    /// Signs a command under a number of the test's choice.
    #[must_use]
    pub fn command_numbered(&self, number: ObjectNumber, action: Action) -> UplinkObject {
        let context = CommandContext {
            vehicle: self.identity.vehicle,
            number,
        };
        let envelope = self.staff.envelope(context, Command { action });
        self.small(ObjectKind::Command, number, &envelope)
    }

    /// Cuts a small object into symbols.
    ///
    /// # Panics
    /// If it is too long.
    #[must_use]
    pub fn small(&self, kind: ObjectKind, number: ObjectNumber, bytes: &[u8]) -> UplinkObject {
        UplinkObject::fit(kind, number, bytes, SYMBOL_LEN_MAX, 2).expect("it is short")
    }

    /// Signs an authorization without window or expiry.
    pub fn authorization(&mut self, built: &Built) -> UplinkObject {
        self.authorization_with(built, None, None)
    }

    /// Signs an authorization.
    pub fn authorization_with(
        &mut self,
        built: &Built,
        window: Option<Window>,
        expires_s: Option<u64>,
    ) -> UplinkObject {
        let number = self.take(ObjectKind::Authorization);
        let context = AuthorizationContext {
            vehicle: self.identity.vehicle,
            number,
        };
        let authorization = Authorization {
            bundle: built.number,
            image: built.image.digest,
            window,
            expires_s,
            evidence_root: Digest([7; 32]),
        };
        let envelope = self.staff.envelope(context, authorization);
        self.small(ObjectKind::Authorization, number, &envelope)
    }
}

/// The digest of a payload that nobody has.
#[must_use]
pub fn nobody() -> Digest {
    sha256(b"nobody has this")
}
