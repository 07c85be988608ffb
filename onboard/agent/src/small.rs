//! Reception of small objects (authorization, command, key set) in RAM. A reset loses at most a minute of
//! link; the report shows it. Nothing is written to flash before signatures hold.

use heapless::Vec;
use lightday_fec::{BlockShape, Solver, SymbolIo};
use lightday_trust::AuthenticFrame;
use lightday_wire::{Epoch, FrameHeader, ObjectKind, ObjectNumber};

/// Longest small object in bytes, padding included.
pub(crate) const MAX_LEN: usize = 1280;
/// Most symbols of a small object.
const MAX_SYMBOLS: usize = 64;
/// Work RAM for a small solve: one bit a symbol and every strip.
const WORK: usize = MAX_LEN * 2;

/// A complete small object.
#[derive(Clone, Debug)]
pub(crate) struct SmallObject {
    pub(crate) kind: ObjectKind,
    pub(crate) epoch: Epoch,
    pub(crate) number: ObjectNumber,
    pub(crate) bytes: Vec<u8, MAX_LEN>,
}

/// The reception of one kind.
#[derive(Debug, Default)]
pub(crate) struct SmallReception {
    /// The frame that began it: its index counts for nothing.
    header: Option<FrameHeader>,
    symbol_len: usize,
    order: Vec<u16, MAX_SYMBOLS>,
    symbols: Vec<u8, MAX_LEN>,
}

impl SmallReception {
    /// Takes a symbol; the object, once it is complete. Symbols that do not fit the reception are
    /// dropped: an object of one symbol, a later epoch or a higher number replaces it.
    pub(crate) fn accept(&mut self, frame: &AuthenticFrame<'_>) -> Option<SmallObject> {
        let header = frame.header();
        if !self.is_same_object(frame) {
            let current = self.header.map(|h| (h.epoch, h.number));
            if header.k != 1 && current >= Some((header.epoch, header.number)) {
                return None;
            }
            self.begin(frame)?;
        }
        if self.order.contains(&header.index) {
            return None;
        }
        self.symbols.extend_from_slice(frame.symbol()).ok()?;
        self.order.push(header.index).ok()?;
        if self.order.len() < usize::from(header.k) {
            return None;
        }
        let bytes = self.solve(header.k);
        *self = Self::default();
        let (kind, epoch, number) = (header.kind, header.epoch, header.number);
        bytes.map(|bytes| SmallObject {
            kind,
            epoch,
            number,
            bytes,
        })
    }

    fn is_same_object(&self, frame: &AuthenticFrame<'_>) -> bool {
        let header = frame.header();
        self.symbol_len == frame.symbol().len()
            && self.header.is_some_and(|h| {
                h.number == header.number && h.k == header.k && h.epoch == header.epoch
            })
    }

    fn begin(&mut self, frame: &AuthenticFrame<'_>) -> Option<()> {
        let header = frame.header();
        let len = usize::from(header.k).checked_mul(frame.symbol().len())?;
        if len > MAX_LEN || usize::from(header.k) > MAX_SYMBOLS {
            return None;
        }
        *self = Self::default();
        self.header = Some(header);
        self.symbol_len = frame.symbol().len();
        Some(())
    }

    fn solve(&self, k: u16) -> Option<Vec<u8, MAX_LEN>> {
        let symbol_len = u16::try_from(self.symbol_len).ok()?;
        let shape = BlockShape::new(k, symbol_len).ok()?;
        let mut block = Vec::new();
        block.resize(self.symbols.len(), 0).ok()?;
        let mut work = [0u8; WORK];
        let mut solver = Solver::new(shape, 2, &self.order, &mut work).ok()?;
        let mut io = RamIo {
            symbols: &self.symbols,
            block: &mut block,
            len: self.symbol_len,
        };
        solver.run(&self.order, &mut work, &mut io).ok()?;
        Some(block)
    }
}

/// The solver's view of symbols and block in RAM.
struct RamIo<'r> {
    symbols: &'r [u8],
    block: &'r mut [u8],
    len: usize,
}

impl RamIo<'_> {
    fn start(&self, symbol: u16, offset: u16) -> Option<usize> {
        usize::from(symbol)
            .checked_mul(self.len)?
            .checked_add(usize::from(offset))
    }
}

impl SymbolIo for RamIo<'_> {
    type Error = core::fmt::Error;

    fn read_symbol(&mut self, at: u16, offset: u16, buf: &mut [u8]) -> Result<(), Self::Error> {
        let start = self.start(at, offset).ok_or(core::fmt::Error)?;
        let from = self.symbols.get(start..).and_then(|s| s.get(..buf.len()));
        buf.copy_from_slice(from.ok_or(core::fmt::Error)?);
        Ok(())
    }

    fn write_block(&mut self, index: u16, offset: u16, strip: &[u8]) -> Result<(), Self::Error> {
        let start = self.start(index, offset).ok_or(core::fmt::Error)?;
        let to = self
            .block
            .get_mut(start..)
            .and_then(|b| b.get_mut(..strip.len()));
        to.ok_or(core::fmt::Error)?.copy_from_slice(strip);
        Ok(())
    }
}
