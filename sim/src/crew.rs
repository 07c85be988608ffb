//! The people of a simulated mission: their keys, made from the seed, and their signatures.
//!
//! The keys are worth nothing: whoever knows the seed has them. What they sign is checked by the real
//! verifier, on the ground and on board.

use ed25519_dalek::{Signer, SigningKey};
use lightday_trust::{KeySet, LinkKey, LinkKeys, RoleKey, signing_message};
use lightday_wire::{
    Authority, Document, Envelope, Epoch, KeyIndex, MAX_SIGNATURES, Role, Signature, canon,
};

use crate::rng::Rng;

/// Keys of each role, and how many of them must sign.
const STAFF: [(Role, usize, u8); 4] = [
    (Role::Root, 3, 2),
    (Role::Release, 3, 2),
    (Role::Verification, 2, 1),
    (Role::Flight, 3, 2),
];

/// The longest body of a document that is signed here.
const MAX_BODY: usize = 1024;

/// Everybody who may sign, and the link keys.
#[derive(Clone)]
pub struct Crew {
    keys: Vec<(Role, SigningKey)>,
    /// The link keys that ground and vehicle share.
    pub link_keys: LinkKeys,
    version: u16,
}

impl std::fmt::Debug for Crew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Crew(key set {})", self.version)
    }
}

impl Crew {
    /// The crew of a seed, with a key set of this version.
    #[must_use]
    pub fn new(seed: u64, version: u16) -> Self {
        let mut rng = Rng::stream(seed, "crew");
        let mut secret = || {
            let mut bytes = [0; 32];
            rng.fill(&mut bytes);
            bytes
        };
        let link_keys = LinkKeys([(); Epoch::COUNT].map(|()| LinkKey(secret())));
        let keys = STAFF
            .iter()
            .flat_map(|(role, keys, _)| (0..*keys).map(|_| *role))
            .map(|role| (role, SigningKey::from_bytes(&secret())))
            .collect();
        Self {
            keys,
            link_keys,
            version,
        }
    }

    /// The key set that the vehicle is launched with.
    #[must_use]
    pub fn key_set(&self) -> KeySet {
        KeySet {
            version: self.version,
            thresholds: STAFF.map(|(_, _, threshold)| threshold),
            keys: self
                .keys
                .iter()
                .map(|(role, key)| RoleKey {
                    role: *role,
                    key: key.verifying_key().to_bytes(),
                })
                .collect(),
        }
    }

    /// Signs a document by as many of each role as must, and puts it into its envelope.
    ///
    /// # Panics
    /// If the document is longer than any of ours: a bug of the scenario.
    #[must_use]
    pub fn envelope<T: Document>(&self, document: &T, context: &T::Context) -> Vec<u8> {
        self.envelope_by(document, context, document.authority())
    }

    /// Signs a document by these roles, whatever it needs.
    ///
    /// # Panics
    /// As [`Self::envelope`].
    #[must_use]
    pub fn envelope_by<T: Document>(
        &self,
        document: &T,
        context: &T::Context,
        roles: Authority,
    ) -> Vec<u8> {
        let mut body = [0; MAX_BODY];
        let body = canon::encode(document, &mut body).expect("our documents are short");
        let message = signing_message::<T>(context, body).expect("our contexts are short");
        let mut signatures = heapless::Vec::<Signature, MAX_SIGNATURES>::new();
        let mut signed = [0u8; 5];
        for (place, (role, key)) in (0..).zip(&self.keys) {
            let threshold = self.key_set().threshold(*role);
            let count = &mut signed[usize::from(role.code())];
            if !roles.needs(*role) || usize::from(*count) >= threshold {
                continue;
            }
            *count += 1;
            let signature = Signature::new(KeyIndex(place), &key.sign(&message).to_bytes());
            signatures.push(signature).expect("few roles sign");
        }
        let mut bytes = [0; MAX_BODY + 600];
        let envelope = Envelope { body, signatures };
        let written = envelope
            .write(&mut bytes)
            .expect("body and signatures fit the buffer");
        written.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightday_wire::{Action, Command, CommandContext, ObjectNumber, VehicleId};

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
        assert!(verify(&crew.envelope(&command, &context)).is_ok());
        assert!(verify(&stranger.envelope(&command, &context)).is_err());
        let by_release = Authority::of(Role::Release);
        assert!(verify(&crew.envelope_by(&command, &context, by_release)).is_err());
    }
}
