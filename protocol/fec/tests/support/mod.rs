//! What the tests share: a block, its symbols, and a memory that watches the contract.
#![allow(dead_code, reason = "every test file uses another part")]

use lightday_fec::{BlockShape, Solver, SymbolIo, TORN, encode};

/// A log and a block area that holds the solver to its contract.
pub struct Flash {
    pub shape: BlockShape,
    pub granule: u16,
    /// Symbols in order of arrival.
    pub log: Vec<Vec<u8>>,
    pub block: Vec<u8>,
    /// How often each byte of the block area was written.
    pub writes: Vec<u8>,
    pub bytes_read: u64,
    /// Every so many-th access fails, before it does anything; 0 for never.
    pub fail_every: u32,
    pub accesses: u32,
}

/// The failure that [`Flash::fail_every`] injects.
#[derive(Debug, PartialEq, Eq)]
pub struct Injected;

impl Flash {
    pub fn new(shape: BlockShape, granule: u16, log: Vec<Vec<u8>>) -> Self {
        let len = shape.block_len() as usize;
        Self {
            shape,
            granule,
            log,
            block: vec![0xFF; len],
            writes: vec![0; len],
            bytes_read: 0,
            fail_every: 0,
            accesses: 0,
        }
    }

    fn access(&mut self) -> Result<(), Injected> {
        self.accesses += 1;
        let fails = self.fail_every != 0 && self.accesses.is_multiple_of(self.fail_every);
        if fails { Err(Injected) } else { Ok(()) }
    }

    pub fn assert_written_once(&self) {
        assert!(
            self.writes.iter().all(|count| *count == 1),
            "not every byte was written once"
        );
    }
}

impl SymbolIo for Flash {
    type Error = Injected;

    fn read_symbol(&mut self, position: u16, offset: u16, buf: &mut [u8]) -> Result<(), Injected> {
        self.access()?;
        let symbol = &self.log[usize::from(position)];
        assert!(!symbol.is_empty(), "entry {position} is torn");
        buf.copy_from_slice(&symbol[usize::from(offset)..][..buf.len()]);
        self.bytes_read += buf.len() as u64;
        Ok(())
    }

    fn write_block(&mut self, index: u16, offset: u16, strip: &[u8]) -> Result<(), Injected> {
        self.access()?;
        assert!(index < self.shape.k() && !strip.is_empty());
        assert!(offset.is_multiple_of(self.granule));
        assert!(strip.len().is_multiple_of(usize::from(self.granule)));
        assert!(usize::from(offset) + strip.len() <= usize::from(self.shape.symbol_len()));
        let at = usize::from(index) * usize::from(self.shape.symbol_len()) + usize::from(offset);
        self.block[at..][..strip.len()].copy_from_slice(strip);
        self.writes[at..][..strip.len()]
            .iter_mut()
            .for_each(|count| *count += 1);
        Ok(())
    }
}

/// `len` bytes that look random and depend on `seed` alone (SplitMix64).
pub fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) as u8
    })
    .take(len)
    .collect()
}

pub fn block(shape: BlockShape, seed: u64) -> Vec<u8> {
    bytes(seed, shape.block_len() as usize)
}

/// The log that arises when the symbols of `received` arrive; torn entries hold nothing.
pub fn log(shape: BlockShape, block: &[u8], received: &[u16]) -> Vec<Vec<u8>> {
    let symbol = |index: &u16| {
        if *index == TORN {
            return Vec::new();
        }
        let mut symbol = vec![0; usize::from(shape.symbol_len())];
        encode(shape, block, *index, &mut symbol).unwrap();
        symbol
    };
    received.iter().map(symbol).collect()
}

/// The least work RAM that [`Solver::new`] takes.
pub fn least_work(shape: BlockShape, lost: u16, granule: u16) -> usize {
    Solver::required_work(shape, lost.min(1), Solver::least_strip(granule))
}

/// Number of source symbols that `received` lacks.
pub fn lost(shape: BlockShape, received: &[u16]) -> u16 {
    shape.k() - received.iter().filter(|index| **index < shape.k()).count() as u16
}

/// Solves in `work_len` bytes and checks the block, the writes and the number of reads.
pub fn assert_solves(
    shape: BlockShape,
    granule: u16,
    block: &[u8],
    received: &[u16],
    work_len: usize,
) {
    let mut flash = Flash::new(shape, granule, log(shape, block, received));
    let mut work = vec![0xA5; work_len];
    let mut solver = Solver::new(shape, granule, received, &mut work).unwrap();
    assert_eq!(solver.lost(), lost(shape, received));
    solver.run(received, &mut work, &mut flash).unwrap();
    assert!(
        flash.block == block,
        "wrong block: {shape:?} {received:?} in {work_len} B"
    );
    flash.assert_written_once();
    let copied = u64::from(shape.k() - solver.lost()) * u64::from(shape.symbol_len());
    let strips = shape.symbol_len().div_ceil(solver.strip());
    let groups = solver.passes() / u32::from(strips);
    assert_eq!(
        flash.bytes_read,
        copied + u64::from(groups) * u64::from(shape.block_len())
    );
}
