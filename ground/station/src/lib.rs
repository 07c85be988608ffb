//! The ground station's logic: images, bundles, keys, plans and the tracker.
//!
//! Bytes in, bytes out. This crate never opens a file or a socket, never reads a clock and never
//! draws a random number: paths, time and entropy come from the caller.
//!
//! ```text
//! Image ─ codec ─ Bundle ─ signatures ─ UplinkObject ─ Plan ─ UplinkSession ─ frames ─> vehicle
//!                                                                 Tracker <─ reports ──┘
//! ```

//!
//! | module | holds |
//! |---|---|
//! | [`image`], [`codec`], [`bundle`] | images, payloads, bundles |
//! | [`patch`], [`explain`], [`symbols`] | patch files; what costs what in a patch, by function |
//! | [`keys`], [`keyset`] | key files |
//! | [`signed`], [`document`], [`container`] | documents on their way to their signatures, and their files |
//! | [`profile`], [`link`], [`mod@pass`], [`light_time`], [`size`] | what the ground assumes of vehicle, link and passes |
//! | [`object`], [`cut`], [`plan`], [`session`] | what goes up, in symbols of which length, what it costs, the sender |
//! | [`fits`] | whether a bundle goes with the vehicle that `mission.toml` describes |
//! | [`whatif`], [`lease`] | what would do until an instant; whether a trial can be confirmed in time |
//! | [`tracker`], [`facts`] | what the vehicle last proved, and that in words |

#![forbid(unsafe_code)]

mod build_error;
pub mod bundle;
mod chance;
pub mod codec;
pub mod container;
mod costs;
pub mod cut;
pub mod document;
pub mod explain;
pub mod facts;
pub mod fits;
pub mod image;
pub mod keys;
pub mod keyset;
pub mod known;
pub mod landmarks;
pub mod lease;
pub mod light_time;
pub mod link;
pub mod link_keys;
pub mod object;
mod outcome;
pub mod pass;
pub mod patch;
pub mod plan;
pub mod profile;
mod progress;
pub mod queue;
pub mod session;
pub mod signed;
pub mod size;
pub mod stages;
mod start;
pub mod symbols;
pub mod tracker;
pub mod whatif;
