//! The people of a simulated mission: their keys, made from the seed, and their signatures.
//!
//! The keys are worth nothing: whoever knows the seed has them. They sign as people do, one signer at a
//! time through the station's own drafts, and the real verifier checks them on the ground and on board.

use lightday_station::document::Draft;
use lightday_station::keys::SigningKey;
use lightday_station::keyset::{KeySetFile, Thresholds};
use lightday_station::link_keys::HeldKeys;
use lightday_station::signed::{Drafted, Signed};
use lightday_trust::keyset::KeySetContext;
use lightday_trust::{KeySet, LinkKeys};
use lightday_wire::{Epoch, Role};
use zeroize::Zeroizing;

use crate::rng::Rng;
use crate::vehicle::factory::Signer;

/// How many keys each role has.
const STAFF: [(Role, usize); 4] = [
    (Role::Root, 3),
    (Role::Release, 3),
    (Role::Verification, 2),
    (Role::Flight, 3),
];

/// How many of them must sign.
const THRESHOLDS: Thresholds = Thresholds {
    root: 2,
    release: 2,
    verification: 1,
    flight: 2,
};

/// Everybody who may sign, and the link keys.
pub struct Crew {
    keys: Vec<SigningKey>,
    set: KeySet,
    link_keys: LinkKeys,
    held_keys: HeldKeys,
}

impl std::fmt::Debug for Crew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Crew(key set {})", self.set.version)
    }
}

impl Crew {
    /// The crew of a seed, with a key set of this version.
    ///
    /// # Panics
    /// Never: the staff above makes a valid key set.
    #[must_use]
    pub fn new(seed: u64, version: u16) -> Self {
        Self::with_flight(seed, version, THRESHOLDS.flight)
    }

    /// The same, of whom so many of the flight role must sign, at most three: a manifest that arms its image by itself
    /// is short enough if one is.
    ///
    /// # Panics
    /// As [`Self::new`].
    #[must_use]
    pub fn with_flight(seed: u64, version: u16, flight: u8) -> Self {
        let mut rng = Rng::stream(seed, "crew");
        let mut link = Zeroizing::new([0; 32 * Epoch::COUNT]);
        rng.fill(&mut *link);
        let mut file = KeySetFile::new(version);
        file.thresholds = Thresholds {
            flight,
            ..THRESHOLDS
        };
        let mut keys = Vec::new();
        for (role, count) in STAFF {
            for place in 0..count {
                let mut secret = [0; 32];
                rng.fill(&mut secret);
                let name = format!("{role:?}-{place}").to_lowercase();
                let key = SigningKey::generate(role, &name, secret);
                file.add(&key);
                keys.push(key);
            }
        }
        let held_keys = HeldKeys::generate(&link);
        Self {
            keys,
            set: file.key_set().expect("the staff makes a valid key set"),
            link_keys: held_keys.padded(),
            held_keys,
        }
    }

    /// The key set that the vehicle is launched with.
    #[must_use]
    pub const fn key_set(&self) -> &KeySet {
        &self.set
    }

    /// The link keys that ground and vehicle share.
    #[must_use]
    pub const fn link_keys(&self) -> &LinkKeys {
        &self.link_keys
    }

    /// The same, as the ground holds them.
    #[must_use]
    pub const fn held_keys(&self) -> &HeldKeys {
        &self.held_keys
    }

    /// Has as many of each role sign as must.
    ///
    /// # Panics
    /// If a signature is not taken: a bug of the scenario.
    pub fn sign<T: Drafted>(&self, document: &mut Signed<T>) {
        self.sign_without(None, document);
    }

    /// The same, without those of a role.
    ///
    /// # Panics
    /// As [`Self::sign`].
    pub fn sign_without<T: Drafted>(&self, absent: Option<Role>, document: &mut Signed<T>) {
        let message = document.signing_message();
        let missing = document.missing(&self.set).into_iter();
        for (role, count) in missing.filter(|(role, _)| Some(*role) != absent) {
            let signers = self.keys.iter().filter(|key| key.role() == role);
            for key in signers.take(count) {
                document
                    .add_signature(&self.set, &key.sign(&message))
                    .expect("each of our keys signs once, over this document");
            }
        }
    }

    /// Drafts a document, has it signed, and returns its envelope.
    ///
    /// # Panics
    /// If the document is longer than any of ours: a bug of the scenario.
    #[must_use]
    pub fn envelope<T: Drafted>(&self, context: T::Context, document: T) -> Vec<u8> {
        let mut draft = Draft::new(context, document).expect("our documents are short");
        self.sign(&mut draft);
        draft.envelope_bytes()
    }

    /// The envelope of the key set of `next`, signed by the roots of both crews.
    ///
    /// # Panics
    /// If a signature is not taken: a bug of the scenario.
    #[must_use]
    pub fn succession(&self, next: &Self, context: KeySetContext) -> Vec<u8> {
        let mut draft = Draft::new(context, next.set.clone()).expect("a key set is short");
        let message = draft.signing_message();
        for crew in [self, next] {
            let roots = crew.keys.iter().filter(|key| key.role() == Role::Root);
            for key in roots.take(THRESHOLDS.root.into()) {
                draft
                    .add_signature(&self.set, &key.sign(&message))
                    .expect("a root signs once");
            }
        }
        draft.envelope_bytes()
    }
}

impl Signer for Crew {
    fn envelope<T: Drafted>(&self, context: T::Context, document: T) -> Vec<u8> {
        Self::envelope(self, context, document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightday_wire::{Action, Command, CommandContext, Envelope, ObjectNumber, VehicleId};

    #[test]
    fn what_the_crew_signs_verifies_and_a_stranger_s_does_not() {
        let (crew, stranger) = (Crew::new(1, 1), Crew::new(2, 1));
        crew.key_set().check().unwrap();
        let context = CommandContext {
            vehicle: VehicleId(7),
            number: ObjectNumber::new(3).unwrap(),
        };
        let command = Command {
            action: Action::BootGolden,
        };
        let verify = |bytes: &[u8]| {
            let (envelope, rest) = Envelope::parse(bytes).unwrap();
            assert!(rest.is_empty());
            crew.key_set().verify::<Command>(&envelope, &context)
        };
        assert!(verify(&crew.envelope(context, command)).is_ok());
        assert!(verify(&stranger.envelope(context, command)).is_err());
    }
}
