//! A document on its way to its signatures: context, body, and what was signed so far.
//!
//! One implementation for every kind: manifests (in [`Bundle`](crate::bundle::Bundle)),
//! authorizations, commands and key sets (as [`Draft`](crate::document::Draft)). Never signs and
//! never decides by itself that a signature is good: the one verifier of `lightday-trust` does.
//!
//! ```text
//! context + body ──signing_message()──> signer 1 ──add_signature──┐
//!                └─────────────────────> signer 2 ──add_signature──┼─> verify ─> envelope_bytes
//!                              each in a place of its own         missing()
//! ```

use core::fmt;
use lightday_trust::keyset::KeySetContext;
use lightday_trust::verify::MESSAGE_LEN;
use lightday_trust::{KeySet, RoleKey, TrustError, signing_message};
use lightday_wire::envelope::{MAX_SIGNATURES, SIGNATURE_LEN};
use lightday_wire::{
    Authorization, AuthorizationContext, Command, CommandContext, Document, Envelope, KeyIndex,
    Manifest, ManifestContext, ObjectNumber, Role, Signature, canon,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::container::FileError;
use crate::keys::{DetachedSignature, role_name};

/// A field of an envelope and the bytes that it takes.
pub type Field = (&'static str, usize);

/// A document that the station drafts.
pub trait Drafted:
    Document<Context: Clone + Eq + fmt::Debug + DeserializeOwned> + Clone + Eq + fmt::Debug
{
    /// The object number that the context binds.
    fn number(context: &Self::Context) -> ObjectNumber;

    /// The fields of the body in order, and the bytes of each.
    fn fields(&self) -> Vec<Field>;

    /// The key set that signs beside the current one: a new key set signs for itself.
    fn successor(&self) -> Option<&KeySet> {
        None
    }

    /// What the one verifier says.
    ///
    /// # Errors
    /// [`TrustError`].
    fn verify(
        keys: &KeySet,
        envelope: &Envelope<'_>,
        context: &Self::Context,
    ) -> Result<(), TrustError> {
        keys.verify::<Self>(envelope, context).map(|_| ())
    }
}

fn len<T: Serialize>(value: &T) -> usize {
    postcard::to_allocvec(value).map_or(0, |bytes| bytes.len())
}

impl Drafted for Manifest {
    fn number(context: &ManifestContext) -> ObjectNumber {
        context.number
    }

    fn fields(&self) -> Vec<Field> {
        vec![
            ("format", len(&self.format)),
            ("class bound", len(&self.class_bound)),
            ("component", len(&self.component)),
            ("slot", len(&self.slot)),
            ("load address", len(&self.load_address)),
            ("security counter", len(&self.security_counter)),
            ("image digest", len(&self.image.digest)),
            ("image size", len(&self.image.size)),
            ("image version", len(&self.image.version)),
            ("base prefix", len(&self.base)),
            ("codec", len(&self.payload.codec)),
            ("codec parameters", len(&self.payload.params)),
            ("decoder RAM", len(&self.payload.ram)),
            ("payload digest", len(&self.payload.digest)),
            ("payload size", len(&self.payload.size)),
            ("activation", len(&self.activation)),
            ("trial policy", len(&self.trial)),
            ("evidence root", len(&self.evidence_root)),
            ("text digest", len(&self.text_digest)),
        ]
    }
}

impl Drafted for Authorization {
    fn number(context: &AuthorizationContext) -> ObjectNumber {
        context.number
    }

    fn fields(&self) -> Vec<Field> {
        vec![
            ("bundle", len(&self.bundle)),
            ("image digest", len(&self.image)),
            ("window", len(&self.window)),
            ("expiry", len(&self.expires_s)),
            ("evidence root", len(&self.evidence_root)),
        ]
    }
}

impl Drafted for Command {
    fn number(context: &CommandContext) -> ObjectNumber {
        context.number
    }

    fn fields(&self) -> Vec<Field> {
        vec![("action", len(&self.action))]
    }
}

impl Drafted for KeySet {
    fn number(context: &KeySetContext) -> ObjectNumber {
        context.number
    }

    fn fields(&self) -> Vec<Field> {
        vec![
            ("version", len(&self.version)),
            ("thresholds", len(&self.thresholds)),
            ("keys", len(&self.keys)),
        ]
    }

    fn successor(&self) -> Option<&KeySet> {
        Some(self)
    }

    fn verify(
        keys: &KeySet,
        envelope: &Envelope<'_>,
        context: &KeySetContext,
    ) -> Result<(), TrustError> {
        keys.verify_successor(envelope, context).map(|_| ())
    }
}

/// Why a signature is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// The key is not in the key set.
    UnknownKey,
    /// The key's role does not sign this document.
    WrongRole(Role),
    /// The key has signed already.
    Duplicate,
    /// The signature does not verify: it was made over another document, or damaged.
    BadSignature,
    /// The envelope holds as many signatures as it can.
    Full,
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey => f.write_str("the key set does not know this key"),
            Self::WrongRole(role) => write!(f, "{} does not sign this document", role_name(*role)),
            Self::Duplicate => f.write_str("this key has signed already"),
            Self::BadSignature => f.write_str("the signature does not verify over this document"),
            Self::Full => write!(f, "an envelope holds at most {MAX_SIGNATURES} signatures"),
        }
    }
}

impl std::error::Error for SignError {}

impl SignError {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::UnknownKey => "check the key set file; a new key needs a root-signed key set",
            Self::WrongRole(_) => "`lightday inspect` shows which roles still have to sign",
            Self::Duplicate => "ask another holder of the role: a key counts once",
            Self::BadSignature => "sign the file that lies here: it changed since that signature",
            Self::Full => "more signatures than the thresholds ask for only cost uplink time",
        }
    }
}

/// A document with the signatures collected so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<T: Drafted> {
    context: T::Context,
    document: T,
    body: Vec<u8>,
    message: [u8; MESSAGE_LEN],
    signatures: Vec<Signature>,
}

/// What of a [`Signed`] lies in a file.
#[derive(Serialize, Deserialize)]
pub(crate) struct SignedFile<C> {
    context: C,
    body: Vec<u8>,
    signatures: Vec<Signature>,
}

impl<T: Drafted> Signed<T> {
    /// A document without signatures; `None` if it is longer than any document may be.
    pub(crate) fn new(context: T::Context, document: T) -> Option<Self> {
        let mut buffer = [0; canon::MAX_LEN];
        let body = canon::encode(&document, &mut buffer).ok()?.to_vec();
        let message = signing_message::<T>(&context, &body).ok()?;
        Some(Self {
            context,
            document,
            body,
            message,
            signatures: Vec::new(),
        })
    }

    pub(crate) fn to_file(&self) -> SignedFile<T::Context> {
        SignedFile {
            context: self.context.clone(),
            body: self.body.clone(),
            signatures: self.signatures.clone(),
        }
    }

    pub(crate) fn from_file(file: SignedFile<T::Context>) -> Result<Self, FileError> {
        let document = canon::decode(&file.body).map_err(|_| FileError::Malformed("body"))?;
        let keys = file.signatures.iter().map(|s| s.key);
        let ordered = keys.clone().zip(keys.skip(1)).all(|(a, b)| a < b);
        if !ordered || file.signatures.len() > MAX_SIGNATURES {
            return Err(FileError::Malformed("signatures"));
        }
        let message = signing_message::<T>(&file.context, &file.body)
            .map_err(|_| FileError::Malformed("context"))?;
        Ok(Self {
            context: file.context,
            document,
            body: file.body,
            message,
            signatures: file.signatures,
        })
    }

    /// The document.
    #[must_use]
    pub const fn document(&self) -> &T {
        &self.document
    }

    /// What is signed and not sent.
    #[must_use]
    pub const fn context(&self) -> &T::Context {
        &self.context
    }

    /// The object number.
    #[must_use]
    pub fn number(&self) -> ObjectNumber {
        T::number(&self.context)
    }

    /// The signatures so far, by key index.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The message that every signer signs.
    #[must_use]
    pub const fn signing_message(&self) -> [u8; MESSAGE_LEN] {
        self.message
    }

    /// Takes a signature if it is good, and returns the indices at which its key counts: one, or two
    /// where a root key stands in the old and in the new key set.
    ///
    /// # Errors
    /// [`SignError`]; nothing was taken then.
    pub fn add_signature(
        &mut self,
        keys: &KeySet,
        signature: &DetachedSignature,
    ) -> Result<Vec<KeyIndex>, SignError> {
        let authority = self.document.authority();
        let new = self.document.successor().into_iter();
        let sets = [(0, keys)]
            .into_iter()
            .chain(new.map(|k| (KeyIndex::NEW_SET, k)));
        let (mut places, mut role, mut wrong, mut known) = (Vec::new(), None, None, false);
        for (offset, set) in sets {
            for (place, key) in (0u8..).zip(&set.keys) {
                if key.key != signature.public {
                    continue;
                }
                known = true;
                let index = KeyIndex(place | offset);
                if !authority.needs(key.role) {
                    wrong = Some(key.role);
                } else if self.signatures.iter().all(|s| s.key != index) {
                    places.push(index);
                    role = Some(key.role);
                }
            }
        }
        if places.is_empty() {
            return Err(match (known, wrong) {
                (false, _) => SignError::UnknownKey,
                (true, Some(role)) => SignError::WrongRole(role),
                (true, None) => SignError::Duplicate,
            });
        }
        if self.signatures.len() + places.len() > MAX_SIGNATURES {
            return Err(SignError::Full);
        }
        let role = role.ok_or(SignError::UnknownKey)?;
        if !self.is_good(role, signature) {
            return Err(SignError::BadSignature);
        }
        let entries = places.iter().map(|i| Signature::new(*i, &signature.bytes));
        self.signatures.extend(entries);
        self.signatures.sort_by_key(|s| s.key);
        Ok(places)
    }

    /// Asks the one verifier about one signature alone. The document's own verification would stop at
    /// the first fault of another signature, or at a threshold, before it came to this one.
    fn is_good(&self, role: Role, signature: &DetachedSignature) -> bool {
        // A new key set is verified by its predecessor, whoever that is.
        let successor = self.document.successor();
        let mut alone = KeySet {
            version: successor.map_or(0, |next| next.version.wrapping_sub(1)),
            thresholds: [1; 4],
            keys: heapless::Vec::new(),
        };
        let key = RoleKey {
            role,
            key: signature.public,
        };
        let entry = Signature::new(KeyIndex(0), &signature.bytes);
        let envelope = Envelope {
            body: &self.body,
            signatures: core::iter::once(entry).collect(),
        };
        let fits = alone.keys.push(key).is_ok();
        let verdict = T::verify(&alone, &envelope, &self.context);
        // Others have not signed in this envelope; a bad signature is found before they are missed.
        fits && matches!(verdict, Ok(()) | Err(TrustError::BelowThreshold(_)))
    }

    /// The roles that still have to sign, and how many signatures of each lack in the envelope. For a new key set, what
    /// the new one lacks is added to what the current one lacks.
    #[must_use]
    pub fn missing(&self, keys: &KeySet) -> Vec<(Role, usize)> {
        self.of_roles(|role| {
            let new = self.document.successor();
            let new = new.map_or(0, |set| self.lacks(set, KeyIndex::NEW_SET, role));
            self.lacks(keys, 0, role) + new
        })
    }

    /// The roles that still have to sign, and how many keys of each at the least: a key that stands in both key sets
    /// signs for both at once.
    #[must_use]
    pub fn missing_keys(&self, keys: &KeySet) -> Vec<(Role, usize)> {
        self.of_roles(|role| {
            let old = self.lacks(keys, 0, role);
            let Some(next) = self.document.successor() else {
                return old;
            };
            let new = self.lacks(next, KeyIndex::NEW_SET, role);
            let signed = |index: KeyIndex| self.signatures.iter().any(|s| s.key == index);
            let mut both = 0;
            for (index, key) in (0..).zip(&keys.keys) {
                let place = next.keys.iter().position(|k| k == key);
                let place = place.and_then(|place| u8::try_from(place).ok());
                let is_open = |place| {
                    !signed(KeyIndex(index)) && !signed(KeyIndex(place | KeyIndex::NEW_SET))
                };
                both += usize::from(key.role == role && place.is_some_and(is_open));
            }
            old + new - old.min(new).min(both)
        })
    }

    fn of_roles(&self, count: impl Fn(Role) -> usize) -> Vec<(Role, usize)> {
        let roles = self.document.authority().roles();
        let counted = roles.map(|role| (role, count(role)));
        counted.filter(|(_, count)| *count > 0).collect()
    }

    /// How many signatures of a role lack of those of one key set.
    fn lacks(&self, set: &KeySet, offset: u8, role: Role) -> usize {
        let of_role = |s: &&Signature| {
            let place = usize::from(s.key.0 & !KeyIndex::NEW_SET);
            s.key.0 & KeyIndex::NEW_SET == offset
                && set.keys.get(place).is_some_and(|k| k.role == role)
        };
        let count = self.signatures.iter().filter(of_role).count();
        set.threshold(role).max(1).saturating_sub(count)
    }

    /// Whether the vehicle would believe this document.
    ///
    /// # Errors
    /// [`TrustError`] names the first thing that is wrong.
    pub fn verify(&self, keys: &KeySet) -> Result<(), TrustError> {
        T::verify(keys, &self.envelope(), &self.context)
    }

    fn envelope(&self) -> Envelope<'_> {
        Envelope {
            body: &self.body,
            signatures: self.signatures.iter().copied().collect(),
        }
    }

    /// The envelope as it is sent.
    #[must_use]
    pub fn envelope_bytes(&self) -> Vec<u8> {
        // A plain structure of bytes: encoding it has no way to fail.
        postcard::to_allocvec(&self.envelope()).unwrap_or_default()
    }

    /// The envelope's bytes by field: they sum up to the length of [`Self::envelope_bytes`].
    #[must_use]
    pub fn fields(&self) -> Vec<Field> {
        let prefix = self.envelope().encoded_len()
            - self.body.len()
            - 1
            - self.signatures.len() * SIGNATURE_LEN;
        let mut fields = vec![("body length", prefix)];
        fields.extend(self.document.fields());
        fields.push(("signature count", 1));
        fields.extend(self.signatures.iter().map(|_| ("signature", SIGNATURE_LEN)));
        fields
    }
}
