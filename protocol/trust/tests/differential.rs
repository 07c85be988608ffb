//! ed25519 against a second implementation that shares no code: what one signs the other verifies, and
//! both make the same bytes (RFC 8032 is deterministic).

mod common;

use common::samples;
use ed25519_compact::{KeyPair, PublicKey, Seed, Signature as Compact};
use ed25519_dalek::{Signer, SigningKey};
use lightday_trust::{KeySet, RoleKey, TrustError, signing_message};
use lightday_wire::{Command, Envelope, KeyIndex, Role, Signature};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_make_the_same_keys_and_signatures(
        seed: [u8; 32], message in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let ours = SigningKey::from_bytes(&seed);
        let theirs = KeyPair::from_seed(Seed::new(seed));
        prop_assert_eq!(ours.verifying_key().to_bytes(), *theirs.pk);
        let signature = ours.sign(&message).to_bytes();
        prop_assert_eq!(&signature, &*theirs.sk.sign(&message, None));
        prop_assert!(theirs.pk.verify(&message, &Compact::new(signature)).is_ok());
    }

    /// The verifier, fed by the other implementation, accepts; and refuses whatever the other refuses.
    #[test]
    fn the_verifier_agrees_with_the_other_implementation(
        seeds: [[u8; 32]; 2], time_s: u64, flip in proptest::option::of(0usize..512),
    ) {
        prop_assume!(seeds[0] != seeds[1]);
        let set = key_set(&seeds);
        let context = samples::command_context();
        let command = Command { action: lightday_wire::Action::SetTime { time_s } };
        let body = common::encode(&command);
        let message = signing_message::<Command>(&context, &body).unwrap();
        let pairs = seeds.map(|seed| KeyPair::from_seed(Seed::new(seed)));
        let mut signatures = [0, 1].map(|n: usize| *pairs[n].sk.sign(message, None));
        if let Some(bit) = flip {
            signatures[1][bit / 8] ^= 1 << (bit % 8);
        }
        let theirs = PublicKey::new(*pairs[1].pk)
            .verify(message, &Compact::new(signatures[1]))
            .is_ok();
        let envelope = Envelope {
            body: &body,
            signatures: [8u8, 9]
                .iter()
                .zip(&signatures)
                .map(|(key, bytes)| Signature::new(KeyIndex(*key), bytes))
                .collect(),
        };
        let ours = set.verify::<Command>(&envelope, &context);
        prop_assert_eq!(theirs, flip.is_none());
        match flip {
            None => prop_assert_eq!(ours.unwrap().into_inner(), command),
            Some(_) => prop_assert_eq!(ours, Err(TrustError::BadSignature(KeyIndex(9)))),
        }
    }
}

fn key_set(flight: &[[u8; 32]; 2]) -> KeySet {
    let mut set = common::key_set();
    for (place, seed) in (8..).zip(flight) {
        set.keys[place] = RoleKey {
            role: Role::Flight,
            key: *KeyPair::from_seed(Seed::new(*seed)).pk,
        };
    }
    set
}
