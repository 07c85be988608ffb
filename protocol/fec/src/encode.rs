//! Any symbol of a block by its index: the ground's side.

use core::fmt;

use crate::field::inv;
use crate::row::mul_add;
use crate::{BlockShape, TORN};

/// Why a symbol could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// `block` is not `k * symbol_len` bytes long.
    BlockLen,
    /// `out` is not `symbol_len` bytes long.
    SymbolLen,
    /// The index is [`TORN`], which no symbol has.
    Index,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BlockLen => "the block is not k symbols long",
            Self::SymbolLen => "the output is not one symbol long",
            Self::Index => "no symbol has the index 65535",
        })
    }
}

impl core::error::Error for EncodeError {}

/// Writes the symbol of `index` into `out`: source symbol `index` if `index < k`, else parity.
///
/// `block` holds the `k` source symbols one after the other. A parity symbol costs `k * symbol_len
/// / 2` word multiplications and depends on nothing but block and index, so parity can be made in
/// any order, at any time.
///
/// # Errors
/// [`EncodeError`]; `out` is untouched then.
pub fn encode(
    shape: BlockShape,
    block: &[u8],
    index: u16,
    out: &mut [u8],
) -> Result<(), EncodeError> {
    let symbol_len = usize::from(shape.symbol_len());
    if u32::try_from(block.len()) != Ok(shape.block_len()) {
        return Err(EncodeError::BlockLen);
    }
    if out.len() != symbol_len {
        return Err(EncodeError::SymbolLen);
    }
    if index == TORN {
        return Err(EncodeError::Index);
    }
    // The shape keeps it above zero; `max` tells the compiler, which then emits no panic.
    let mut sources = block.chunks_exact(symbol_len.max(1));
    if index < shape.k() {
        let source = sources
            .nth(usize::from(index))
            .ok_or(EncodeError::BlockLen)?;
        for (out, byte) in out.iter_mut().zip(source) {
            *out = *byte;
        }
        return Ok(());
    }
    out.fill(0);
    for (source_index, source) in (0..shape.k()).zip(sources) {
        // index >= k > source_index, so the difference (that is the sum) is never zero.
        mul_add(inv(index ^ source_index), source, out);
    }
    Ok(())
}
