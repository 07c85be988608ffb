//! The two questions that are put to ed25519.
//!
//! Their answers depend on nothing but the bytes given. So the simulator, which asks the same of the same vehicle a
//! million times over, may have them remembered (feature `memo`, which nothing that flies has).

use ed25519_dalek::{Signature as Ed25519, VerifyingKey};
use lightday_wire::Signature;

#[cfg(feature = "memo")]
use crate::memo;
use crate::verify::MESSAGE_LEN;

/// Whether a public key is a point of large order in its one canonical encoding (RFC 8032, section
/// 5.1.2), so that two keys that differ in bytes are two keys.
pub fn is_sound(key: &[u8; 32]) -> bool {
    let ask = || {
        VerifyingKey::from_bytes(key).is_ok_and(|point| {
            !point.is_weak() && VerifyingKey::from(point.to_edwards()).as_bytes() == key
        })
    };
    #[cfg(feature = "memo")]
    return memo::sound(key, ask);
    #[cfg(not(feature = "memo"))]
    ask()
}

/// Whether the holder of `key` signed `message`.
pub fn has_signed(key: &[u8; 32], message: &[u8; MESSAGE_LEN], signature: &Signature) -> bool {
    let ask = || {
        // `verify_strict` refuses keys and points of small order, which would verify anything.
        VerifyingKey::from_bytes(key).is_ok_and(|point| {
            let given = Ed25519::from_components(signature.r, signature.s);
            point.verify_strict(message, &given).is_ok()
        })
    };
    #[cfg(feature = "memo")]
    return memo::signed(key, message, signature, ask);
    #[cfg(not(feature = "memo"))]
    ask()
}
