//! Patch codecs: from a base image and a patch to the new image, byte by byte.
//!
//! The seam that every codec fills is [`Decoder`], reading through [`PatchIo`]. A decoder never
//! writes to flash, never knows which slot it reads, never checks a digest or a signature (the
//! caller does, before the first and after the last byte), and knows no codec ids: those stand in
//! the wire format, the registries in agent and station.
//!
//! ```text
//!   base image --read_base--+
//!   payload ----read_patch--+--> Decoder::produce --> next bytes of the new image --> caller --> slot
//!   new image --read_new----+                                                          |
//!        ^------------------------- what has been written so far ----------------------+
//! ```
//!
//! | module | codec | needs | feature |
//! |---|---|---|---|
//! | [`store`] | the payload is the image | no RAM beside the caller's buffer | none |
//! | `model` | alignment, operands translated, context mixing | the RAM that the patch's head asks for, 9 KiB and more | `isa-*` |
//! | `bsdiff_zstd` | bsdiff stream in one zstd frame | a heap of some window sizes | `zstd` |
//! | `encode` | the encoders of all of these | `std` | `encode` |
//!
//! Without features the crate is `no_std` and does not allocate; `zstd` adds `alloc` alone.
//!
//! ```
//! use lightday_delta::{Decoder, Lengths, SliceIo, StoreDecoder};
//!
//! let payload = b"a whole image";
//! let mut io = SliceIo { patch: payload, base: b"", new: b"" };
//! let mut decoder = StoreDecoder::new(Lengths { patch: 13, base: 0, new: 13 });
//! let mut out = [0; 8];
//! assert_eq!(decoder.produce(&mut io, &mut out), Ok(8));
//! assert_eq!(&out, b"a whole ");
//! assert_eq!(decoder.produce(&mut io, &mut out), Ok(5));
//! assert_eq!(decoder.produce(&mut io, &mut out), Ok(0));
//! ```

#![no_std]
#![forbid(unsafe_code)]
// What flies must not panic.
#![cfg_attr(
    not(any(test, feature = "encode")),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing
    )
)]

#[cfg(any(test, feature = "encode"))]
extern crate std;

mod model;
mod seam;
pub mod store;

#[cfg(feature = "zstd")]
pub mod bsdiff_zstd;
#[cfg(feature = "encode")]
pub mod encode;

#[cfg(feature = "zstd")]
pub use bsdiff_zstd::BsdiffZstdDecoder;
pub use model::{Isa, ModelDecoder, ModelState, model_ram, model_ram_within};
pub use seam::{DecodeError, Decoder, IoError, Lengths, PatchIo, SliceIo};
pub use store::StoreDecoder;
