//! The people of the bench: their keys, and what they sign. Unlike those of the simulator they also sign
//! what they should not: with roles missing, and key sets.

use lightday_station::document::Draft;
use lightday_station::keys::SigningKey;
use lightday_station::keyset::{KeySetFile, Thresholds};
use lightday_station::signed::{Drafted, Signed};
use lightday_trust::KeySet;
use lightday_trust::keyset::KeySetContext;
use lightday_wire::Role;

/// Keys with their key set.
pub struct Staff {
    keys: Vec<SigningKey>,
    set: KeySet,
}

impl std::fmt::Debug for Staff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Staff(key set {})", self.set.version)
    }
}

impl Staff {
    /// The staff of a seed: two of each role, one of flight alone must sign, and one of each other.
    ///
    /// # Panics
    /// Never: the staff makes a valid key set.
    #[must_use]
    pub fn new(seed: u8, version: u16) -> Self {
        Self::with_thresholds(seed, version, 1, 2)
    }

    /// The same, with so many of verification and of flight who must sign.
    ///
    /// # Panics
    /// If these make no valid key set.
    #[must_use]
    pub fn with_thresholds(seed: u8, version: u16, verification: u8, flight: u8) -> Self {
        Self::with_release(seed, version, 1, verification, flight)
    }

    /// The same, with so many of release who must sign, too.
    ///
    /// # Panics
    /// If these make no valid key set.
    #[must_use]
    pub fn with_release(seed: u8, version: u16, release: u8, verification: u8, flight: u8) -> Self {
        let mut file = KeySetFile::new(version);
        file.thresholds = Thresholds {
            root: 2,
            release,
            verification,
            flight,
        };
        let roles = [
            (Role::Root, 3u8),
            (Role::Release, release.max(2)),
            (Role::Verification, verification.max(2)),
            (Role::Flight, flight.max(3)),
        ];
        let mut keys = Vec::new();
        for (role, count) in roles {
            for place in 0..count {
                let mut secret = [seed; 32];
                secret[..2].copy_from_slice(&[role.code(), place]);
                let name = format!("{role:?}-{place}").to_lowercase();
                let key = SigningKey::generate(role, &name, secret);
                file.add(&key);
                keys.push(key);
            }
        }
        let set = file.key_set().expect("the staff makes a valid key set");
        Self { keys, set }
    }

    /// Those whose keys these are, under the key set that names them.
    #[must_use]
    pub const fn of(keys: Vec<SigningKey>, set: KeySet) -> Self {
        Self { keys, set }
    }

    /// The key set.
    #[must_use]
    pub const fn key_set(&self) -> &KeySet {
        &self.set
    }

    /// Has as many of each role sign as must.
    ///
    /// # Panics
    /// If a signature is not taken: a bug of the test.
    pub fn sign<T: Drafted>(&self, document: &mut Signed<T>) {
        let message = document.signing_message();
        for (role, count) in document.missing(&self.set) {
            let signers = self.keys.iter().filter(|key| key.role() == role);
            for key in signers.take(count) {
                document
                    .add_signature(&self.set, &key.sign(&message))
                    .expect("each of our keys signs once, over this document");
            }
        }
    }

    /// A signed document's envelope.
    ///
    /// # Panics
    /// If the document is too long: a bug of the test.
    #[must_use]
    pub fn envelope<T: Drafted>(&self, context: T::Context, document: T) -> Vec<u8> {
        let mut draft = Draft::new(context, document).expect("our documents are short");
        self.sign(&mut draft);
        draft.envelope_bytes()
    }

    /// The same with the first signature left out.
    ///
    /// # Panics
    /// As [`Self::envelope`].
    #[must_use]
    pub fn envelope_one_short<T: Drafted>(&self, context: T::Context, document: T) -> Vec<u8> {
        self.envelopes_one_short(context, document).swap_remove(0)
    }

    /// As many envelopes as the document has signatures: in each, another one is left out.
    ///
    /// # Panics
    /// As [`Self::envelope`].
    #[must_use]
    pub fn envelopes_one_short<T: Drafted>(
        &self,
        context: T::Context,
        document: T,
    ) -> Vec<Vec<u8>> {
        let mut full = Draft::new(context.clone(), document.clone()).expect("short");
        self.sign(&mut full);
        let message = full.signing_message();
        let signers: Vec<usize> = full
            .signatures()
            .iter()
            .map(|signature| usize::from(signature.key.0))
            .collect();
        let without = |left_out: &usize| {
            let mut draft = Draft::new(context.clone(), document.clone()).expect("short");
            for signer in signers.iter().filter(|signer| *signer != left_out) {
                draft
                    .add_signature(&self.set, &self.keys[*signer].sign(&message))
                    .expect("it signed the full one");
            }
            draft.envelope_bytes()
        };
        signers.iter().map(without).collect()
    }

    /// The envelope of the key set of `next`, signed by the roots of this staff and, if `both`, by those
    /// of the next.
    ///
    /// # Panics
    /// If a signature is not taken: a bug of the test.
    #[must_use]
    pub fn succession(&self, next: &Self, context: KeySetContext, both: bool) -> Vec<u8> {
        let mut draft = Draft::new(context, next.set.clone()).expect("a key set is short");
        let message = draft.signing_message();
        let roots = |staff: &'_ Self| {
            let of_root = staff.keys.iter().filter(|key| key.role() == Role::Root);
            of_root
                .take(2)
                .map(|key| key.sign(&message))
                .collect::<Vec<_>>()
        };
        let mut signatures = roots(self);
        if both {
            signatures.extend(roots(next));
        }
        for signature in signatures {
            draft
                .add_signature(&self.set, &signature)
                .expect("a root signs");
        }
        draft.envelope_bytes()
    }
}
