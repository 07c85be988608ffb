//! The two numbers that fix a block.

use core::fmt;

/// How a block is cut: `k` source symbols of `symbol_len` bytes each.
///
/// The object's last symbol is filled up by whoever cuts it; this crate sees whole symbols only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockShape {
    k: u16,
    symbol_len: u16,
}

/// A shape that no block can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShapeError {
    /// A block has at least one source symbol.
    NoSymbols,
    /// Symbols are strings of 16-bit words: the length in bytes must be even and above zero.
    SymbolLen(u16),
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSymbols => f.write_str("a block needs at least one source symbol"),
            Self::SymbolLen(len) => {
                write!(f, "symbol length of {len} B is not even and above zero")
            }
        }
    }
}

impl core::error::Error for ShapeError {}

impl BlockShape {
    /// `k` source symbols (1 to 65,535) of `symbol_len` bytes (even, 2 to 65,534).
    ///
    /// # Errors
    /// [`ShapeError`] names the number that is out of its range.
    pub const fn new(k: u16, symbol_len: u16) -> Result<Self, ShapeError> {
        if k == 0 {
            return Err(ShapeError::NoSymbols);
        }
        if symbol_len == 0 || !symbol_len.is_multiple_of(2) {
            return Err(ShapeError::SymbolLen(symbol_len));
        }
        Ok(Self { k, symbol_len })
    }

    /// Number of source symbols; symbols of this index and above are parity.
    #[must_use]
    pub const fn k(self) -> u16 {
        self.k
    }

    /// Length of every symbol in bytes, even.
    #[must_use]
    pub const fn symbol_len(self) -> u16 {
        self.symbol_len
    }

    /// Length of the whole block in bytes: below 2^32 for every shape.
    #[must_use]
    pub const fn block_len(self) -> u32 {
        self.k as u32 * self.symbol_len as u32
    }
}
