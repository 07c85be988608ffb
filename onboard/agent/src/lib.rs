//! The onboard update agent: from authenticated frames to a confirmed image, without an allocator, a
//! clock, a socket or a panic of its own.
//!
//! It is a state machine with four entries and no threads: [`Agent::handle_frame`],
//! [`Agent::handle_timeout`], [`Agent::poll_transmit`] and [`Agent::poll_timeout`]. A step does at most one
//! of these, so that the watchdog's contract can be stated: it erases one block, or programs once, or
//! commits the record (three copies, one after the other), or does one bounded slice of work that writes
//! nothing. Only the step that carries out a signed document may do more: it stores the document (one
//! program, or the renewal of a log of a few cells) and then commits.
//!
//! It never confirms an image (the loader does, by the stored, signed Confirm), never writes golden,
//! floors or key sets, never believes a byte before its MAC, a manifest before its signatures, or an
//! image before its digest is read back.
//!
//! ```text
//! frame -> MAC, number -> staging log -> early verdict -> K symbols -> solve -> payload digest -> admit
//!   -> base digest -> patch into the inactive slot -> digest read back -> trailer -> Verified
//!   -> authorization -> Armed -> activation -> reset -> loader -> Trial -> health, heard, Confirm
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

#[cfg(test)]
extern crate std;

mod abort;
mod activation;
mod admission;
mod agent;
mod codec;
mod command;
mod config;
mod digest;
mod documents;
mod dump;
mod hashing;
mod install;
mod outcome;
mod patch;
mod platform;
mod report;
mod settle;
mod small;
mod staging;
mod step;
mod succession;
mod trial;
mod upkeep;

pub use admission::Admitted;
pub use agent::{Agent, StartError};
pub use config::Config;
pub use platform::{Application, DecoderRam, Health, Now, Platform};
