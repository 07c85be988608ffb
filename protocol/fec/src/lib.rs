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
//! Systematic Cauchy MDS erasure code over GF(2^16): one block, any K of its symbols rebuild it.
//!
//! The ground makes any symbol of a block by its index ([`encode`]); the vehicle rebuilds the block
//! from whichever K symbols arrived ([`Solver`]), with zero overhead, for every pattern of loss,
//! even if all K source symbols are lost. There is no failure probability: any K distinct symbols
//! are enough.
//!
//! What it never does: it allocates nothing, reads no clock, touches no flash but through
//! [`SymbolIo`], detects no damage (symbols are authenticated before they are logged, and the
//! block's digest is checked afterwards), and keeps no state that must survive a reset.
//!
//! # The code
//!
//! ```text
//! index    0        1              K-1   |   K       K+1               65534
//!      +--------+--------+-----+--------+|+--------+--------+-----+--------+
//!      | source | source | ... | source |||| parity | parity | ... | parity |
//!      +--------+--------+-----+--------+|+--------+--------+-----+--------+
//! symbol:  | word 0 | word 1 | ... |    symbol_len / 2 words of GF(2^16), big-endian
//!
//! parity i = sum over all sources j of  s_j / (i + j)    word by word; + is XOR, of indices too
//! ```
//!
//! The indices are the points of the Cauchy matrix, so every square submatrix is invertible, and so
//! the code is MDS (Blömer et al., "An XOR-Based Erasure-Resilient Coding Scheme", ICSI TR-95-048,
//! 1995). Index 65,535 is reserved for [`TORN`]: K + R is at most 65,535. The field is in the
//! module of [`mul`]; its polynomials are frozen.
//!
//! # Solving without elimination
//!
//! Let E be the lost sources and P as many parity symbols, |E| = |P| = L. The codeword at index z
//! is N(z) / w(z) with a polynomial N of degree below K and w(z) the product of z + m over the
//! sources m other than z. Lagrange's formula through any K points gives N, and all factors that
//! belong to received sources cancel:
//!
//! ```text
//! s_e = u(e) * sum over all K symbols p used of  v(p) * symbol_p / (e + p)
//!
//! v(p) = prod_{e in E} (p + e) / prod_{i in P, i != p} (p + i)
//! u(e) = prod_{i in P} (e + i) / prod_{f in E, f != e} (e + f)
//! ```
//!
//! Each received symbol is read once for each strip, weighed by v (2 L multiplications), and added
//! to L accumulators. There are no syndromes, no matrix and no intermediate flash. RAM is one bit
//! for each source symbol and one strip for each lost one: with strips of 8 B about 9.3 B for each
//! lost symbol at 10 % loss, all lists included. Where even that is not there, the lost symbols are
//! solved in groups: as many multiplications of rows, but more flash reads, and the weights v anew
//! for each group. So any L <= K is solved in K / 8 bytes and two strips.
//!
//! # Example
//!
//! ```
//! use lightday_fec::{BlockShape, Solver, SymbolIo, encode};
//!
//! struct Ram { log: Vec<[u8; 4]>, block: [u8; 12] }
//! impl SymbolIo for Ram {
//!     type Error = core::convert::Infallible;
//!     fn read_symbol(
//!         &mut self, position: u16, offset: u16, buf: &mut [u8],
//!     ) -> Result<(), Self::Error> {
//!         let symbol = &self.log[usize::from(position)];
//!         buf.copy_from_slice(&symbol[usize::from(offset)..][..buf.len()]);
//!         Ok(())
//!     }
//!     fn write_block(
//!         &mut self, index: u16, offset: u16, strip: &[u8],
//!     ) -> Result<(), Self::Error> {
//!         let at = usize::from(index * 4 + offset);
//!         self.block[at..][..strip.len()].copy_from_slice(strip);
//!         Ok(())
//!     }
//! }
//!
//! let shape = BlockShape::new(3, 4)?;
//! let block = *b"light is low";
//! let received = [4, 1, 9]; // source 1 and two parity symbols: sources 0 and 2 are lost
//! let mut ram = Ram { log: vec![[0; 4]; 3], block: [0; 12] };
//! for (symbol, index) in ram.log.iter_mut().zip(received) {
//!     encode(shape, &block, index, symbol)?;
//! }
//! let mut work = vec![0; Solver::required_work(shape, 2, 4)];
//! Solver::new(shape, 4, &received, &mut work)?.run(&received, &mut work, &mut ram)?;
//! assert_eq!(ram.block, block);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

#[cfg(test)]
extern crate std;

mod encode;
mod field;
mod lost;
mod received;
mod row;
mod shape;
mod solve;

pub use encode::{EncodeError, encode};
pub use field::{div, inv, mul};
pub use received::SolveError;
pub use shape::{BlockShape, ShapeError};
pub use solve::{Progress, Solver, StepError, SymbolIo};

/// The index that no symbol has: it marks an entry of the received list that is to be ignored, such
/// as a symbol whose log entry was torn by a power cut.
pub const TORN: u16 = u16::MAX;
