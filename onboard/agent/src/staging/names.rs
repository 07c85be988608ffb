//! The naming cells: which object is in reception, or that none is.
//!
//! They stand in the first erase block. Where that takes no name any more they stand in the second, and the symbols
//! begin behind it; back again where the second fails, too. After a reset the newest name says where. A second block
//! holds names if it begins with one: where it holds symbols it begins with a symbol cell, whose third and fourth
//! byte are 0 whoever made the symbol, so that no symbol passes for a name.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::cells::{Cell, CellError, CellLog, MAX_CELL};
use lightday_boot::{FlashError, Region};
use lightday_fec::BlockShape;
use lightday_wire::{Epoch, FrameHeader, ObjectNumber};

use super::{Logged, Named, Staging, TRIES};

const NAME_CELL: u32 = 256;
const NAME_KIND: u8 = 0x20;
/// What a name says: epoch, number, K, symbol length.
type Name = [u8; 8];

/// Where names are written, and how that went since the latest one that was.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// Offset of their erase block in the log: none, or one block.
    pub(super) at: u32,
    /// Whether it has to be erased before it takes a name.
    is_spoilt: bool,
    /// How often it failed.
    failures: u8,
    /// Whether the other one had failed before.
    has_moved: bool,
    /// Whether both failed: nothing can be named before the next second look, or reset.
    pub(super) is_none: bool,
}

impl<const N: usize> Staging<N> {
    /// Names nothing: one program, or one erase; more steps where that is not enough yet. The last try of a place is
    /// left to the next object that begins: a fault that passes must not leave the log without a place.
    pub(crate) fn close<F: NorFlash>(&mut self, flash: &mut F) {
        let generation = self.generation.saturating_add(1);
        // Best effort: what is taken up again after a reset is judged again.
        let closed = self.name(flash, generation, [0; 8]);
        let is_tried_again = self.place.failures.saturating_add(1) < TRIES && !self.place.is_none;
        if closed != Ok(Logged::Again) && (closed.is_ok() || !is_tried_again) {
            self.is_closing = false;
            self.generation = generation;
        }
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
        let name = [epoch.get(), n0, n1, n2, k0, k1, l0, l1];
        let named = self.name(flash, generation, name)?;
        if named == Logged::Done {
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
        }
        Ok(named)
    }

    /// Whether names find no place any more.
    pub(crate) const fn is_nameless(&self) -> bool {
        self.place.is_none
    }

    /// Writes a name: one program, or one erase.
    fn name<F: NorFlash>(
        &mut self,
        flash: &mut F,
        generation: u32,
        name: Name,
    ) -> Result<Logged, FlashError> {
        if self.place.is_none {
            return Err(FlashError::Fault);
        }
        let names = self.names(self.place.at);
        if self.place.is_spoilt {
            return self.erase_names(flash, names);
        }
        match names.append(flash, NAME_KIND, generation, &name) {
            // Where the first cell of the second block failed and another took it, nobody would find it.
            Ok(()) if self.place.at == 0 || begins_with_name(flash, names) => {
                self.place = Place {
                    at: self.place.at,
                    ..Place::default()
                };
                Ok(Logged::Done)
            }
            Err(CellError::Full) => self.erase_names(flash, names),
            failed => {
                // It may be read one day: what is tried next is newer.
                self.generation = generation;
                self.fail_to_name(match failed {
                    Err(CellError::Flash(why)) => why,
                    _ => FlashError::ReadBack,
                })
            }
        }
    }

    fn erase_names<F: NorFlash>(
        &mut self,
        flash: &mut F,
        names: CellLog,
    ) -> Result<Logged, FlashError> {
        match names.erase(flash) {
            Ok(()) => {
                self.place.is_spoilt = false;
                Ok(Logged::Again)
            }
            Err(why) => self.fail_to_name(why),
        }
    }

    /// The place failed: it is tried again with the next frame, then the other one, which held symbols until now.
    fn fail_to_name(&mut self, why: FlashError) -> Result<Logged, FlashError> {
        let place = &mut self.place;
        place.is_spoilt = true;
        place.failures = place.failures.saturating_add(1);
        if place.failures < TRIES {
            return Err(why);
        }
        if place.has_moved {
            place.is_none = true;
            return Err(why);
        }
        *place = Place {
            at: if place.at == 0 { self.erase } else { 0 },
            is_spoilt: true,
            has_moved: true,
            ..Place::default()
        };
        Err(why)
    }

    /// Lets names be tried anew, each place from the start, where none took one.
    pub(super) fn forget_failed_places(&mut self) {
        if self.place.is_none {
            self.place = Place {
                at: self.place.at,
                is_spoilt: true,
                ..Place::default()
            };
        }
    }

    const fn names(&self, at: u32) -> CellLog {
        CellLog::new(
            Region {
                start: self.log.start.saturating_add(at),
                len: self.erase,
            },
            NAME_CELL,
        )
    }

    /// Finds the newest name, and where names stand.
    pub(super) fn find_name<F: NorFlash>(&mut self, flash: &mut F) {
        self.find_name_at(flash, 0);
        if begins_with_name(flash, self.names(self.erase)) {
            self.find_name_at(flash, self.erase);
        }
    }

    fn find_name_at<F: NorFlash>(&mut self, flash: &mut F, at: u32) {
        let names = self.names(at);
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
            let Ok([epoch, n0, n1, n2, k0, k1, l0, l1]) = Name::try_from(data) else {
                continue;
            };
            if sequence < self.generation {
                continue;
            }
            self.generation = sequence;
            self.place.at = at;
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

/// Whether the first cell is a name.
fn begins_with_name<F: NorFlash>(flash: &mut F, names: CellLog) -> bool {
    let mut buffer = [0u8; MAX_CELL];
    let first = names.read(flash, 0, &mut buffer);
    matches!(
        first,
        Cell::Valid {
            kind: NAME_KIND,
            ..
        }
    )
}
