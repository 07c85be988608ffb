//! What never changes in flight: the boot record, the floors, the slots' trailers and the boot decision.
//!
//! The loader links this crate and no other of ours but `trust` and `wire`. It never receives a frame,
//! never patches, never erases an image, and never trusts what an application wrote: a slot boots only
//! if its own trailer proves by signatures that it may.
//!
//! ```text
//!            +--------+ record (3 copies) --+
//! reset ---> | loader | trailers of A and B +--> select (pure) --> save the record --> deadline --> jump
//!            +--------+ key sets, floors ---+
//! ```
//! [`loader::load`] is the whole way; [`select::select`] is the decision alone.

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

pub mod cells;
pub mod flash;
pub mod floors;
pub mod judge;
pub mod keys;
pub mod loader;
pub mod map;
pub mod record;
pub mod select;
pub mod store;
pub mod succession;
pub mod supervisor;
pub mod trailer;

pub use flash::{FlashError, Region};
pub use judge::{Installed, SlotFacts};
pub use loader::{Boot, BootError, RETRY_S, load};
pub use map::{Identity, MapError, MemoryMap, SlotMap};
pub use record::{Record, SlotRecord, Trial};
pub use select::{Decision, Wake, select};
pub use supervisor::{Elapsed, Supervisor};
