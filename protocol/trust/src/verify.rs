//! The one verifier.

use lightday_wire::canon::{self, CanonError};
use lightday_wire::{
    Authority, Document, Envelope, KeyIndex, ObjectKind, Refusal, Role, SIGNING_TAG, Signature,
};

use crate::digest::Digester;
use crate::ed25519;
use crate::keyset::{KeySet, KeySetContext, KeySetError};

/// A document whose signatures meet every threshold that it needs. Made nowhere but here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The document.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> core::ops::Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Why an envelope is not to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustError {
    /// The body does not decode, or not canonically.
    Body(CanonError),
    /// A signature names a key that the key set lacks.
    UnknownKey(KeyIndex),
    /// A signature is of a role that does not sign this document.
    WrongRole(KeyIndex),
    /// A signature does not verify: other key, other context, or changed bytes.
    BadSignature(KeyIndex),
    /// A key stands in the envelope twice, or out of order.
    KeyTwice(KeyIndex),
    /// Too few signatures of a role.
    BelowThreshold(Role),
    /// The new key set makes no sense.
    KeySet(KeySetError),
    /// The new key set is not the successor of this one.
    KeySetVersion,
}

impl TrustError {
    /// The code by which the vehicle reports this.
    #[must_use]
    pub const fn refusal(self) -> Refusal {
        match self {
            Self::Body(CanonError::NotCanonical) | Self::KeyTwice(_) => Refusal::NotCanonical,
            Self::Body(_) | Self::KeySet(_) => Refusal::Malformed,
            Self::UnknownKey(_) | Self::WrongRole(_) => Refusal::UnknownKey,
            Self::BadSignature(_) => Refusal::SignatureBad,
            Self::BelowThreshold(_) => Refusal::SignatureMissing,
            Self::KeySetVersion => Refusal::KeySetVersion,
        }
    }
}

impl core::fmt::Display for TrustError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Body(error) => write!(f, "the body: {error}"),
            Self::UnknownKey(key) => write!(f, "the key set has no key {}", key.0),
            Self::WrongRole(key) => write!(f, "the role of key {} does not sign this", key.0),
            Self::BadSignature(key) => write!(f, "the signature of key {} does not verify", key.0),
            Self::KeyTwice(key) => write!(f, "key {} stands twice or out of order", key.0),
            Self::BelowThreshold(role) => write!(f, "too few signatures of {role:?}"),
            Self::KeySet(error) => write!(f, "the new key set: {error}"),
            Self::KeySetVersion => f.write_str("the new key set is not the next version"),
        }
    }
}

impl core::error::Error for TrustError {}

/// Bytes of an ed25519 message: the tag and a digest.
pub const MESSAGE_LEN: usize = 12 + 32;

/// The ed25519 message for a document: what `sign` signs and the verifier checks.
///
/// # Errors
/// [`CanonError::TooLong`] if the context is longer than any document's is.
pub fn signing_message<T: Document>(
    context: &T::Context,
    body: &[u8],
) -> Result<[u8; MESSAGE_LEN], CanonError> {
    let mut buffer = [0u8; 128];
    let context = canon::encode(context, &mut buffer)?;
    let mut digester = Digester::separated(T::DOMAIN);
    digester.update(context);
    digester.update(body);
    let digest = digester.finish();
    let mut message = [0u8; MESSAGE_LEN];
    let bytes = SIGNING_TAG.iter().chain(digest.0.iter());
    message
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = *from);
    Ok(message)
}

impl KeySet {
    /// Verifies an envelope: canonical body, every signature good and of a role that signs this
    /// document, every threshold met. A key counts once (the envelope lists it at most once).
    ///
    /// Never verifies a key set: that takes the new set's own roots too, see
    /// [`Self::verify_successor`].
    ///
    /// # Errors
    /// [`TrustError`] names the first thing that is wrong.
    pub fn verify<T: Document>(
        &self,
        envelope: &Envelope<'_>,
        context: &T::Context,
    ) -> Result<Verified<T>, TrustError> {
        if T::KIND == ObjectKind::KeySet {
            return Err(TrustError::KeySetVersion);
        }
        let document: T = canon::decode(envelope.body).map_err(TrustError::Body)?;
        // Only a new key set is signed by keys of the new set; elsewhere such an index would let one
        // key count twice.
        if let Some(s) = envelope
            .signatures
            .iter()
            .find(|s| s.key.0 >= KeyIndex::NEW_SET)
        {
            return Err(TrustError::UnknownKey(s.key));
        }
        let message = signing_message::<T>(context, envelope.body).map_err(TrustError::Body)?;
        self.meets(document.authority(), envelope.signatures.iter(), &message)?;
        Ok(Verified(document))
    }

    /// Verifies the next key set: the root threshold of this one and that of the new one itself.
    /// Signatures by keys of the new set have an index from [`KeyIndex::NEW_SET`] on.
    ///
    /// # Errors
    /// [`TrustError`] names the first thing that is wrong.
    pub fn verify_successor(
        &self,
        envelope: &Envelope<'_>,
        context: &KeySetContext,
    ) -> Result<Verified<KeySet>, TrustError> {
        let next: KeySet = canon::decode(envelope.body).map_err(TrustError::Body)?;
        next.check().map_err(TrustError::KeySet)?;
        if self.version.checked_add(1) != Some(next.version) {
            return Err(TrustError::KeySetVersion);
        }
        let message =
            signing_message::<KeySet>(context, envelope.body).map_err(TrustError::Body)?;
        let is_new = |s: &&Signature| s.key.0 >= KeyIndex::NEW_SET;
        let root = next.authority();
        self.meets(
            root,
            envelope.signatures.iter().filter(|s| !is_new(s)),
            &message,
        )?;
        next.meets(root, envelope.signatures.iter().filter(is_new), &message)?;
        Ok(Verified(next))
    }

    /// Whether `signatures` are all good and meet the thresholds of `authority`.
    fn meets<'s>(
        &self,
        authority: Authority,
        signatures: impl Iterator<Item = &'s Signature>,
        message: &[u8; MESSAGE_LEN],
    ) -> Result<(), TrustError> {
        if authority == Authority::NOBODY {
            return Err(TrustError::BelowThreshold(Role::Root));
        }
        let mut counts = [0usize; 5];
        let mut previous = None;
        for signature in signatures {
            // `Envelope::parse` refuses this too; an envelope that was put together by hand did not
            // pass there.
            if previous.is_some_and(|key| key >= signature.key) {
                return Err(TrustError::KeyTwice(signature.key));
            }
            previous = Some(signature.key);
            let place = usize::from(signature.key.0 & !KeyIndex::NEW_SET);
            let key = self
                .keys
                .get(place)
                .ok_or(TrustError::UnknownKey(signature.key))?;
            if !authority.needs(key.role) {
                return Err(TrustError::WrongRole(signature.key));
            }
            if !ed25519::has_signed(&key.key, message, signature) {
                return Err(TrustError::BadSignature(signature.key));
            }
            if let Some(count) = counts.get_mut(usize::from(key.role.code())) {
                *count = count.saturating_add(1);
            }
        }
        for role in authority.roles() {
            let count = counts.get(usize::from(role.code())).copied().unwrap_or(0);
            if count < self.threshold(role).max(1) {
                return Err(TrustError::BelowThreshold(role));
            }
        }
        Ok(())
    }
}
