//! Drafts of the small documents: authorizations, commands and key sets, and their files (`.ldd`).
//!
//! Never decides who may sign: the document's own [`authority`](lightday_wire::Document::authority)
//! does. The file is a [container] around context, body and signatures.
//!
//! ```
//! use lightday_station::document::Draft;
//! use lightday_wire::{Action, Command, CommandContext, ObjectNumber, VehicleId};
//!
//! let context = CommandContext { vehicle: VehicleId(7), number: ObjectNumber::new(3).unwrap() };
//! let draft = Draft::new(context, Command { action: Action::ReportRequest }).unwrap();
//! let read = Draft::<Command>::parse(&draft.to_bytes())?;
//! assert_eq!(read.document(), draft.document());
//! # Ok::<(), lightday_station::container::FileError>(())
//! ```

use lightday_wire::Document;

use crate::container::{self, FileError};
use crate::object::{ObjectError, UplinkObject};
use crate::signed::{Drafted, Signed, SignedFile};

/// A small document with the signatures collected so far; see [`Signed`] for its face.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft<T: Drafted>(Signed<T>);

impl<T: Drafted> core::ops::Deref for Draft<T> {
    type Target = Signed<T>;

    fn deref(&self) -> &Signed<T> {
        &self.0
    }
}

impl<T: Drafted> core::ops::DerefMut for Draft<T> {
    fn deref_mut(&mut self) -> &mut Signed<T> {
        &mut self.0
    }
}

impl<T: Drafted> Draft<T> {
    /// A draft without signatures; `None` if the document is longer than any may be (1,024 B).
    #[must_use]
    pub fn new(context: T::Context, document: T) -> Option<Self> {
        Signed::new(context, document).map(Self)
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        container::seal(T::KIND, &self.0.to_file())
    }

    /// Reads a file. Signatures are not looked at: [`Signed::verify`] does.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, FileError> {
        let file: SignedFile<T::Context> = container::open(<T as Document>::KIND, bytes)?;
        Signed::from_file(file).map(Self)
    }

    /// The bytes that go up, before padding.
    #[must_use]
    pub fn object_bytes(&self) -> Vec<u8> {
        self.envelope_bytes()
    }

    /// The object that goes up, in as few symbols of at most `symbol_len_max` bytes as hold it.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub fn to_object(&self, symbol_len_max: u16) -> Result<UplinkObject, ObjectError> {
        UplinkObject::fit(
            T::KIND,
            self.number(),
            &self.object_bytes(),
            symbol_len_max,
            2,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SigningKey;
    use crate::keyset::KeySetFile;
    use crate::signed::SignError;
    use lightday_trust::keyset::KeySetContext;
    use lightday_trust::{KeySet, TrustError};
    use lightday_wire::{
        Action, Authorization, AuthorizationContext, ClassId, Command, CommandContext, Digest,
        KeyIndex, ObjectNumber, Role, VehicleId, Window,
    };
    use proptest::prelude::*;

    fn key(role: Role, n: u8) -> SigningKey {
        SigningKey::generate(role, &format!("k{n}"), [n; 32])
    }

    /// Two keys of each role; root's are 10 and 11, flight's 40 and 41.
    fn file(version: u16) -> KeySetFile {
        let mut file = KeySetFile::new(version);
        for role in Role::ALL {
            file.add(&key(*role, role.code() * 10));
            file.add(&key(*role, role.code() * 10 + 1));
        }
        file.thresholds.flight = 2;
        file
    }

    fn keys() -> KeySet {
        file(1).key_set().unwrap()
    }

    fn command() -> Draft<Command> {
        let context = CommandContext {
            vehicle: VehicleId(7),
            number: ObjectNumber::new(3).unwrap(),
        };
        let action = Action::BootGolden;
        Draft::new(context, Command { action }).unwrap()
    }

    #[test]
    fn signatures_are_collected_one_at_a_time() {
        let mut draft = command();
        let message = draft.signing_message();
        assert_eq!(draft.missing(&keys()), [(Role::Flight, 2)]);
        let second = key(Role::Flight, 41).sign(&message);
        assert_eq!(draft.add_signature(&keys(), &second), Ok(vec![KeyIndex(7)]));
        assert_eq!(
            draft.verify(&keys()),
            Err(TrustError::BelowThreshold(Role::Flight))
        );
        let mut draft = Draft::<Command>::parse(&draft.to_bytes()).unwrap();
        assert_eq!(draft.missing(&keys()), [(Role::Flight, 1)]);
        let first = key(Role::Flight, 40).sign(&message);
        draft.add_signature(&keys(), &first).unwrap();
        assert_eq!(draft.missing(&keys()), []);
        assert_eq!(draft.verify(&keys()), Ok(()));
        let sum: usize = draft.fields().iter().map(|(_, bytes)| bytes).sum();
        assert_eq!(sum, draft.envelope_bytes().len());
    }

    #[test]
    fn each_wrong_signature_has_its_error_and_changes_nothing() {
        let mut draft = command();
        let message = draft.signing_message();
        let good = key(Role::Flight, 40).sign(&message);
        draft.add_signature(&keys(), &good).unwrap();
        let before = draft.clone();
        let mut fails = |signature| draft.add_signature(&keys(), &signature).unwrap_err();
        assert_eq!(fails(good), SignError::Duplicate);
        let root = key(Role::Root, 10).sign(&message);
        assert_eq!(fails(root), SignError::WrongRole(Role::Root));
        let stranger = key(Role::Flight, 99).sign(&message);
        assert_eq!(fails(stranger), SignError::UnknownKey);
        let other = key(Role::Flight, 41).sign(b"something else");
        assert_eq!(fails(other), SignError::BadSignature);
        assert_eq!(draft, before);
    }

    #[test]
    fn a_new_key_set_counts_a_kept_root_key_for_both_sets() {
        let mut next = file(2);
        next.keys.remove(1);
        next.add(&key(Role::Root, 12));
        next.thresholds.root = 2;
        let context = KeySetContext {
            class: ClassId(1),
            number: ObjectNumber::new(0).unwrap(),
        };
        let mut draft = Draft::new(context, next.key_set().unwrap()).unwrap();
        let message = draft.signing_message();
        assert_eq!(draft.missing(&keys()), [(Role::Root, 3)]);
        assert_eq!(draft.missing_keys(&keys()), [(Role::Root, 2)]);
        let kept = draft.add_signature(&keys(), &key(Role::Root, 10).sign(&message));
        assert_eq!(kept, Ok(vec![KeyIndex(0), KeyIndex(0x80)]));
        assert_eq!(draft.missing_keys(&keys()), [(Role::Root, 1)]);
        let new = draft.add_signature(&keys(), &key(Role::Root, 12).sign(&message));
        assert_eq!(new, Ok(vec![KeyIndex(0x87)]));
        assert_eq!(draft.verify(&keys()), Ok(()));
        assert_eq!(draft.missing(&keys()), []);
        assert_eq!(draft.missing_keys(&keys()), []);
    }

    #[test]
    fn a_bad_signature_hides_behind_no_other_fault() {
        // The verifier would stop at the old set's threshold before it saw the new key's signature.
        let mut next = file(2);
        next.add(&key(Role::Root, 12));
        let context = KeySetContext {
            class: ClassId(1),
            number: ObjectNumber::new(0).unwrap(),
        };
        let mut draft = Draft::new(context, next.key_set().unwrap()).unwrap();
        let bad = key(Role::Root, 12).sign(b"something else");
        assert_eq!(
            draft.add_signature(&keys(), &bad),
            Err(SignError::BadSignature)
        );
        assert!(draft.signatures().is_empty());
    }

    #[test]
    fn fields_sum_up_to_the_envelope() {
        fn sum<T: Drafted>(draft: &Draft<T>) {
            let sum: usize = draft.fields().iter().map(|(_, bytes)| bytes).sum();
            assert_eq!(sum, draft.object_bytes().len());
        }
        let number = ObjectNumber::new(3).unwrap();
        let class = ClassId(1);
        sum(&Draft::new(KeySetContext { class, number }, keys()).unwrap());
        let vehicle = VehicleId(7);
        let window = Some(Window {
            opens_s: 1 << 33,
            closes_s: u64::MAX,
        });
        let authorization = Authorization {
            bundle: number,
            image: Digest([1; 32]),
            window,
            expires_s: Some(5),
            evidence_root: Digest([2; 32]),
        };
        sum(&Draft::new(AuthorizationContext { vehicle, number }, authorization).unwrap());
    }

    proptest! {
        #[test]
        fn damaged_files_are_refused(at in any::<prop::sample::Index>(), flip in 1u8..) {
            let mut bytes = command().to_bytes();
            let at = at.index(bytes.len());
            prop_assert!(Draft::<Command>::parse(&bytes[..at]).is_err());
            bytes[at] ^= flip;
            prop_assert!(Draft::<Command>::parse(&bytes).is_err());
        }
    }
}
