//! The naming cells: which object is in reception, or that none is.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::cells::{Cell, CellError, CellLog, MAX_CELL};
use lightday_boot::{FlashError, Region};
use lightday_fec::BlockShape;
use lightday_wire::{Epoch, FrameHeader, ObjectNumber};

use super::{Logged, Named, Staging};

const NAME_CELL: u32 = 256;
const NAME_KIND: u8 = 0x20;

impl<const N: usize> Staging<N> {
    /// Names nothing: one program, or one erase.
    pub(crate) fn close<F: NorFlash>(&mut self, flash: &mut F) {
        self.is_closing = false;
        let generation = self.generation.saturating_add(1);
        let names = self.names();
        // Best effort: what is taken up again after a reset is judged again.
        if names.append(flash, NAME_KIND, generation, &[0; 8]) == Err(CellError::Full) {
            let _ = names.erase(flash);
        }
        self.generation = generation;
    }

    fn names(&self) -> CellLog {
        CellLog::new(
            Region {
                start: self.log.start,
                len: self.erase,
            },
            NAME_CELL,
        )
    }

    /// Begins the reception of an object: names it in the log. `floor` is the sequence of the latest
    /// commit: it goes up between two receptions, so that a name lost with its erase block cannot make a
    /// cell of an older object look like one of this.
    pub(crate) fn begin<F: NorFlash>(
        &mut self,
        flash: &mut F,
        header: FrameHeader,
        shape: BlockShape,
        floor: u32,
    ) -> Result<Logged, FlashError> {
        let (epoch, number) = (header.epoch, header.number);
        let generation = self.generation.max(floor).saturating_add(1);
        let [n0, n1, n2] = number.to_be_bytes();
        let [k0, k1] = shape.k().to_be_bytes();
        let [l0, l1] = shape.symbol_len().to_be_bytes();
        let data = [epoch.get(), n0, n1, n2, k0, k1, l0, l1];
        let names = self.names();
        match names.append(flash, NAME_KIND, generation, &data) {
            Ok(()) => {}
            Err(CellError::Flash(error)) => return Err(error),
            Err(_) => {
                names.erase(flash)?;
                return Ok(Logged::Again);
            }
        }
        self.forget();
        self.unstable.clear();
        self.is_closing = false;
        self.generation = generation;
        self.named = Some(Named {
            epoch,
            number,
            shape,
            generation,
        });
        Ok(Logged::Done)
    }

    pub(super) fn find_name<F: NorFlash>(&mut self, flash: &mut F) {
        let names = self.names();
        let mut buffer = [0u8; MAX_CELL];
        for cell in 0..names.cells() {
            let Cell::Valid {
                kind: NAME_KIND,
                sequence,
                data,
            } = names.read(flash, cell, &mut buffer)
            else {
                continue;
            };
            let Ok([epoch, n0, n1, n2, k0, k1, l0, l1]) = <[u8; 8]>::try_from(data) else {
                continue;
            };
            if sequence < self.generation {
                continue;
            }
            self.generation = sequence;
            let k = u16::from_be_bytes([k0, k1]);
            let shape = BlockShape::new(k, u16::from_be_bytes([l0, l1])).ok();
            // A name without a shape closes the log.
            self.named = Epoch::new(epoch).zip(shape).map(|(epoch, shape)| Named {
                epoch,
                number: ObjectNumber::from_be_bytes([n0, n1, n2]),
                shape,
                generation: sequence,
            });
        }
    }
}
