//! A digest of what lies in flash, slice by slice.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::{FlashError, Region, flash};
use lightday_trust::Digester;
use lightday_wire::Digest;

/// Bytes hashed in a step.
const HASH_SLICE: u32 = 4096;

/// A digest in the making over the first `len` bytes of a region.
#[derive(Clone)]
pub(crate) struct Hashing {
    region: Region,
    len: u32,
    at: u32,
    digester: Digester,
}

impl Hashing {
    pub(crate) fn new(region: Region, len: u32) -> Self {
        Self {
            region,
            len,
            at: 0,
            digester: Digester::bare(),
        }
    }

    /// Hashes a slice; the digest at the end.
    pub(crate) fn step<F: NorFlash>(
        &mut self,
        flash: &mut F,
    ) -> Result<Option<Digest>, FlashError> {
        let mut buffer = [0u8; 256];
        let end = self.at.saturating_add(HASH_SLICE).min(self.len);
        while self.at < end {
            let left = usize::try_from(end.saturating_sub(self.at)).unwrap_or(usize::MAX);
            let len = left.min(buffer.len());
            let chunk = buffer.get_mut(..len).ok_or(FlashError::OutOfRange)?;
            flash::read(flash, self.region, self.at, chunk)?;
            self.digester.update(chunk);
            self.at = self
                .at
                .saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
        }
        Ok((self.at >= self.len).then(|| self.digester.clone().finish()))
    }
}
