//! Key sets, roles, link keys, and the one verifier of signatures.
//!
//! Nothing else in Lightday looks at a signature or a tag. A [`Verified`] can only be made here, and an
//! [`AuthenticFrame`] too: whoever holds one may believe it.
//!
//! This crate never decides what a verified document may do, never stores anything and never allocates (but for the
//! feature `memo`, which is the simulator's alone).
//!
//! ```text
//! link key (epoch) --HKDF--> uplink key, downlink key      the MAC is a filter, never an authority
//! KeySet: keys with one role each, a threshold per role    KeySet::verify(envelope) -> Verified<T>
//! ```

#![no_std]
#![forbid(unsafe_code)]
// What flies must not panic.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing
    )
)]

pub mod digest;
mod ed25519;
pub mod keyset;
pub mod link;
#[cfg(feature = "memo")]
pub mod memo;
pub mod verify;

pub use digest::Digester;
pub use keyset::{KeySet, KeySetError, MAX_KEYS, RoleKey};
pub use link::{AuthenticFrame, Direction, FrameKey, LinkKey, LinkKeys, TagError};
pub use verify::{TrustError, Verified, signing_message};
