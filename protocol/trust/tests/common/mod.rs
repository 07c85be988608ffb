//! A key set whose secret keys the tests know, and envelopes signed with them.

// Each test file uses its own part of these.
#![allow(dead_code)]

#[path = "../../../wire/tests/common/mod.rs"]
pub mod samples;

use ed25519_dalek::{Signer, SigningKey};
use heapless::Vec;
use lightday_trust::keyset::KeySetContext;
use lightday_trust::{KeySet, LinkKey, LinkKeys, RoleKey, signing_message};
use lightday_wire::{Document, Envelope, KeyIndex, Role, Signature, canon};

pub const VECTORS: &str = include_str!("../vectors.txt");

/// Secret key `n`: the seed of 32 bytes of `n + 1`.
pub fn secret(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n + 1; 32])
}

pub fn role_key(role: Role, n: u8) -> RoleKey {
    RoleKey {
        role,
        key: secret(n).verifying_key().to_bytes(),
    }
}

/// Version 1: root 0 1 2 (two of three), release 3 4 5 (two of three), verification 6 7 (one of two),
/// flight 8 9 (two of two). Index and secret key have the same number.
pub fn key_set() -> KeySet {
    let roles = [
        (Role::Root, 3),
        (Role::Release, 3),
        (Role::Verification, 2),
        (Role::Flight, 2),
    ];
    let roles = roles
        .into_iter()
        .flat_map(|(role, count)| std::iter::repeat_n(role, count));
    KeySet {
        version: 1,
        thresholds: [2, 2, 1, 2],
        keys: roles.zip(0..).map(|(role, n)| role_key(role, n)).collect(),
    }
}

/// Version 2: roots 1 and 2 are replaced by 10 and 11.
pub fn next_key_set() -> KeySet {
    let mut next = key_set();
    next.version = 2;
    next.keys[1] = role_key(Role::Root, 10);
    next.keys[2] = role_key(Role::Root, 11);
    next
}

pub fn key_set_context() -> KeySetContext {
    KeySetContext {
        class: samples::CLASS,
        number: samples::number(0x01_0203),
    }
}

/// The indices that meet a role's threshold in [`key_set`], and no more.
pub fn quorum(role: Role) -> &'static [u8] {
    match role {
        Role::Root => &[0, 1],
        Role::Release => &[3, 4],
        Role::Verification => &[6],
        Role::Flight => &[8, 9],
    }
}

pub fn encode<T: Document>(document: &T) -> std::vec::Vec<u8> {
    let mut buffer = [0; canon::MAX_LEN];
    canon::encode(document, &mut buffer)
        .expect("it fits")
        .to_vec()
}

pub fn signature(index: u8, secret_key: &SigningKey, message: &[u8]) -> Signature {
    Signature::new(KeyIndex(index), &secret_key.sign(message).to_bytes())
}

/// An envelope signed by the keys of these (index, secret key) pairs, as they stand.
pub fn signed<'a, T: Document>(
    context: &T::Context,
    body: &'a [u8],
    keys: &[(u8, u8)],
) -> Envelope<'a> {
    let message = signing_message::<T>(context, body).expect("a context is short");
    let signatures = keys
        .iter()
        .map(|(i, n)| signature(*i, &secret(*n), &message));
    Envelope {
        body,
        signatures: signatures.collect::<Vec<_, 8>>(),
    }
}

/// An envelope signed by the keys of these indices of [`key_set`].
pub fn sealed<'a, T: Document>(context: &T::Context, body: &'a [u8], keys: &[u8]) -> Envelope<'a> {
    let keys: std::vec::Vec<_> = keys.iter().map(|n| (*n, *n)).collect();
    signed::<T>(context, body, &keys)
}

pub fn written(envelope: &Envelope<'_>) -> std::vec::Vec<u8> {
    let mut buffer = [0; 2048];
    envelope.write(&mut buffer).expect("it fits").to_vec()
}

/// Link key `e` is 32 bytes of `0xa0 + e`.
pub fn link_keys() -> LinkKeys {
    LinkKeys(std::array::from_fn(|e| {
        LinkKey([0xa0 + u8::try_from(e).expect("sixteen"); 32])
    }))
}
