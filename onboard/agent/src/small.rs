//! Reception of small objects (authorization, command, key set) in RAM. A reset loses at most a minute of
//! link; the report shows it. Nothing is written to flash before signatures hold.
//!
//! Who stole the link key may begin any reception, and need not end it. So each kind has a place of its own,
//! and all share a spare one: of the two, a new object takes the one that got no symbol for longer. Any K
//! frames of an object in a row complete it, and one forged frame between any two of ours takes only the place
//! of the one before it. An epoch switch has its kind's place for itself.

use core::cmp::Ordering;

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

/// The receptions: one of each kind, and one that any kind may take.
#[derive(Debug, Default)]
pub(crate) struct SmallReceptions {
    own: [SmallReception; 3],
    spare: SmallReception,
    /// Counts the symbols that were taken.
    symbols: u32,
}

impl SmallReceptions {
    /// Takes a symbol; the object, once it is complete. `next` is the next number accepted of its kind.
    pub(crate) fn accept(
        &mut self,
        frame: &AuthenticFrame<'_>,
        next: ObjectNumber,
    ) -> Option<SmallObject> {
        if frame.header().k == 1 {
            // Complete as it is: it takes nobody's place.
            let mut single = SmallReception::default();
            single.begin(frame)?;
            return single.take(frame, 0);
        }
        let place = frame.header().kind.uplink_index()?.checked_sub(1)?;
        let own = self.own.get_mut(place)?;
        self.symbols = self.symbols.wrapping_add(1);
        let reception = if own.is_same_object(frame) {
            own
        } else if self.spare.is_same_object(frame) {
            &mut self.spare
        } else {
            let reception = if own.gives_way(frame, next, &self.spare) {
                own
            } else {
                &mut self.spare
            };
            reception.begin(frame)?;
            reception
        };
        reception.take(frame, self.symbols)
    }
}

/// The reception of one object.
#[derive(Debug, Default)]
struct SmallReception {
    /// The frame that began it: its index counts for nothing.
    header: Option<FrameHeader>,
    /// When it got its last symbol, in symbols taken by all.
    latest: u32,
    symbol_len: usize,
    order: Vec<u16, MAX_SYMBOLS>,
    symbols: Vec<u8, MAX_LEN>,
}

impl SmallReception {
    /// Whether a kind's own reception gives way to another object, or the spare one does. What comes under
    /// an older key never takes the place of what comes under a later one: that is the way out of a stolen
    /// key, and not in the thief's hands.
    fn gives_way(&self, frame: &AuthenticFrame<'_>, next: ObjectNumber, spare: &Self) -> bool {
        let Some(own) = self.header.filter(|own| own.number >= next) else {
            return true;
        };
        match own.epoch.cmp(&frame.header().epoch) {
            Ordering::Less => true,
            Ordering::Greater => false,
            Ordering::Equal => spare.header.is_some() && self.latest < spare.latest,
        }
    }

    /// Takes a symbol of its object; the object, once it is complete.
    fn take(&mut self, frame: &AuthenticFrame<'_>, now: u32) -> Option<SmallObject> {
        let header = frame.header();
        if self.order.contains(&header.index) {
            return None;
        }
        self.symbols.extend_from_slice(frame.symbol()).ok()?;
        self.order.push(header.index).ok()?;
        self.latest = now;
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
                (h.kind, h.number, h.k, h.epoch)
                    == (header.kind, header.number, header.k, header.epoch)
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
        copy(buf, from.ok_or(core::fmt::Error)?);
        Ok(())
    }

    fn write_block(&mut self, index: u16, offset: u16, strip: &[u8]) -> Result<(), Self::Error> {
        let start = self.start(index, offset).ok_or(core::fmt::Error)?;
        let to = self
            .block
            .get_mut(start..)
            .and_then(|b| b.get_mut(..strip.len()));
        copy(to.ok_or(core::fmt::Error)?, strip);
        Ok(())
    }
}

/// Copies bytes between slices of one length, without a panic for others.
fn copy(to: &mut [u8], from: &[u8]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}
