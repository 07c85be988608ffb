//! What goes up by the real session, and how our block is rebuilt from it.

use lightday_fec::{BlockShape, Solver, SymbolIo, encode};
use lightday_station::link::Pass;
use lightday_station::object::{MAX_SYMBOLS, UplinkObject};
use lightday_station::session::{Persistence, UplinkSession};

use super::air::{Air, Slot, Trace};
use super::{Settings, StudyError, Whole};

/// Where the antenna is always ours there is one pass: a plan so sure sends until practically every trial is whole.
const SURE: f64 = 1.0 - 1e-9;
/// The program granule that the decoder's RAM is told for, in bytes; strips are as narrow.
const STRIP: u16 = 8;

/// A frame that goes up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Its symbol.
    pub index: u16,
    /// When.
    pub slot: Slot,
    /// Frames sent before it.
    pub before: u32,
}

/// All frames that the session would send if no report ever came, in order.
pub(super) struct Coded {
    frames: Vec<Frame>,
}

impl Coded {
    /// Lets the real session send them all.
    pub fn new(settings: &Settings, object: &UplinkObject) -> Result<Self, StudyError> {
        let air = Air::new(settings);
        let (passes, target, first_s) = match settings.passes.first() {
            Some(first) => (settings.passes.clone(), settings.probability, first.start_s),
            None => (vec![always(&air)], SURE, 0),
        };
        let link = settings.planned_link();
        let mut session = UplinkSession::new(passes, link, target, Persistence::UntilReport);
        session
            .push(object.clone(), first_s.saturating_mul(1000))
            .map_err(StudyError::Plan)?;
        let mut frames: Vec<Frame> = Vec::new();
        let mut now_ms = first_s.saturating_mul(1000);
        let since = |ms: u64| ms.saturating_sub(first_s.saturating_mul(1000));
        while let Some(at_ms) = session
            .poll_timeout(now_ms)
            .filter(|_| frames.len() < MAX_SYMBOLS as usize)
        {
            // Nothing looks into the frames: their bytes are not made.
            let Some(sent) = session.poll_transmit_with(at_ms, |_, _| Some(Vec::new())) else {
                return Err(StudyError::Broken(
                    0,
                    "the session promised a frame that it does not have",
                ));
            };
            let begins_ms = since(at_ms);
            let slot = Slot {
                ends_ms: since(sent.end_ms),
                ..air.next(begins_ms, air.frame_len()).unwrap_or(Slot {
                    begins_ms,
                    ends_ms: 0,
                    pass: 0,
                })
            };
            frames.push(Frame {
                index: sent.index,
                slot,
                before: frames.len() as u32,
            });
            now_ms = sent.end_ms;
        }
        Ok(Self { frames })
    }

    /// The first so many of them that are heard.
    pub fn heard(&self, trace: &mut Trace, most: usize) -> Vec<Frame> {
        let frames = self.frames.iter().copied();
        frames
            .filter(|frame| !trace.is_lost(&frame.slot))
            .take(most)
            .collect()
    }
}

/// One pass in which every symbol that there is can be sent.
fn always(air: &Air) -> Pass {
    Pass {
        start_s: 0,
        end_s: (u64::from(MAX_SYMBOLS) * (air.frame_ms() + 1)).div_ceil(1000),
        ..Pass::default()
    }
}

/// The payload is whole with the `count`-th frame that is heard; `k` source symbols.
pub(super) fn whole(heard: &[Frame], count: usize, air: &Air, k: u16) -> Option<Whole> {
    let used = heard.get(..count)?;
    let last = used.last()?;
    let sources = used.iter().filter(|frame| frame.index < k).count();
    Some(Whole {
        at_ms: last.slot.ends_ms + air.light_ms(),
        frames: last.before + 1,
        rounds: 1,
        lost: k - u16::try_from(sources).unwrap_or(k),
    })
}

/// Bytes of RAM in which the vehicle rebuilds a block of which `lost` source symbols are lost: work RAM in strips of
/// 8 B, list of indices, solver.
pub(super) fn decoder_ram(object: &UplinkObject, lost: u16) -> usize {
    let Ok(shape) = BlockShape::new(object.k(), object.symbol_len()) else {
        return 0;
    };
    Solver::required_work(shape, lost, STRIP) + 2 * usize::from(object.k()) + size_of::<Solver>()
}

/// Rebuilds our block for real.
pub(super) struct Rebuilder<'o> {
    object: &'o UplinkObject,
    /// Symbols that were made already, by their index.
    made: Vec<Option<Vec<u8>>>,
    block: Vec<u8>,
}

impl<'o> Rebuilder<'o> {
    pub fn new(object: &'o UplinkObject) -> Self {
        let mut block = Vec::new();
        for index in 0..object.k() {
            block.extend(object.symbol(index).unwrap_or_default());
        }
        Self {
            object,
            made: Vec::new(),
            block,
        }
    }

    /// The block from these K symbols, and none from one less.
    pub fn check(&mut self, indices: Vec<u16>) -> Result<(), &'static str> {
        let (k, symbol_len) = (self.object.k(), self.object.symbol_len());
        let shape = BlockShape::new(k, symbol_len).map_err(|_| "no such block")?;
        let log = indices
            .iter()
            .map(|index| self.symbol(shape, *index))
            .collect::<Option<Vec<_>>>();
        let mut memory = Memory {
            log: log.ok_or("no such symbol")?,
            block: vec![0; self.block.len()],
            symbol_len: symbol_len.into(),
        };
        let mut work = vec![0; Solver::required_work(shape, k, symbol_len)];
        let short = indices.get(1..).unwrap_or_default();
        if k > 1 && Solver::new(shape, 2, short, &mut work).is_ok() {
            return Err("K - 1 symbols were taken for enough");
        }
        let mut solver =
            Solver::new(shape, 2, &indices, &mut work).map_err(|_| "K symbols were not enough")?;
        solver
            .run(&indices, &mut work, &mut memory)
            .map_err(|_| "the block could not be rebuilt")?;
        match memory.block == self.block {
            true => Ok(()),
            false => Err("another block was rebuilt"),
        }
    }

    fn symbol(&mut self, shape: BlockShape, index: u16) -> Option<Vec<u8>> {
        let place = usize::from(index);
        if self.made.len() <= place {
            self.made.resize(place + 1, None);
        }
        let made = self.made.get_mut(place)?;
        if made.is_none() {
            let mut symbol = vec![0; usize::from(shape.symbol_len())];
            encode(shape, &self.block, index, &mut symbol).ok()?;
            *made = Some(symbol);
        }
        made.clone()
    }
}

/// A log and a block area in RAM.
struct Memory {
    log: Vec<Vec<u8>>,
    block: Vec<u8>,
    symbol_len: usize,
}

impl SymbolIo for Memory {
    type Error = ();

    fn read_symbol(&mut self, position: u16, offset: u16, buf: &mut [u8]) -> Result<(), ()> {
        let symbol = self.log.get(usize::from(position)).ok_or(())?;
        let from = usize::from(offset);
        let part = symbol.get(from..from + buf.len()).ok_or(())?;
        buf.copy_from_slice(part);
        Ok(())
    }

    fn write_block(&mut self, index: u16, offset: u16, strip: &[u8]) -> Result<(), ()> {
        let from = usize::from(index) * self.symbol_len + usize::from(offset);
        let part = self.block.get_mut(from..from + strip.len()).ok_or(())?;
        part.copy_from_slice(strip);
        Ok(())
    }
}
