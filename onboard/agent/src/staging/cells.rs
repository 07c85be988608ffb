//! One symbol cell: what its CRC covers, and the solver's view of all of them and of the block.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::cells::CRC;
use lightday_boot::{FlashError, flash};
use lightday_fec::SymbolIo;

use super::{CELL_HEADER, Named, Staging};

impl<const N: usize> Staging<N> {
    /// The solver's view of log and block.
    pub(crate) const fn io<'s, F>(&'s self, flash: &'s mut F) -> StagingIo<'s, F, N> {
        StagingIo {
            staging: self,
            flash,
            unread: None,
        }
    }
}

pub(super) fn checksum(named: Named, index: u16, symbol: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    digest.update(&named.generation.to_be_bytes());
    digest.update(&named.number.to_be_bytes());
    digest.update(&named.shape.k().to_be_bytes());
    digest.update(&named.shape.symbol_len().to_be_bytes());
    digest.update(&index.to_be_bytes());
    digest.update(symbol);
    digest.finalize()
}

pub(super) fn valid_index(named: Named, cell: &[u8]) -> Option<u16> {
    let (head, symbol) = cell.split_first_chunk::<CELL_HEADER>()?;
    let [i0, i1, z0, z1, c0, c1, c2, c3] = *head;
    let index = u16::from_be_bytes([i0, i1]);
    let is_whole = [z0, z1] == [0, 0]
        && u32::from_be_bytes([c0, c1, c2, c3]) == checksum(named, index, symbol);
    is_whole.then_some(index)
}

/// The solver's view of log and block.
pub(crate) struct StagingIo<'s, F, const N: usize> {
    staging: &'s Staging<N>,
    flash: &'s mut F,
    /// The position of a symbol that could not be read.
    pub(crate) unread: Option<u16>,
}

impl<F: NorFlash, const N: usize> SymbolIo for StagingIo<'_, F, N> {
    type Error = FlashError;

    fn read_symbol(&mut self, at: u16, offset: u16, buf: &mut [u8]) -> Result<(), FlashError> {
        let read = self.staging.read_symbol(self.flash, at, offset, buf);
        if read.is_err() {
            self.unread = Some(at);
        }
        read
    }

    fn write_block(&mut self, index: u16, offset: u16, strip: &[u8]) -> Result<(), FlashError> {
        let named = self.staging.named.ok_or(FlashError::OutOfRange)?;
        let start = u32::from(index).saturating_mul(u32::from(named.shape.symbol_len()));
        let at = start.saturating_add(u32::from(offset));
        flash::program(self.flash, self.staging.block, at, strip)
    }
}
