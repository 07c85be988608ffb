//! What a solve asks of the flash, counted by the flash itself: the figures of `docs/benchmarks/fec.md`.
//!
//! ```text
//! staging log: | cell 0 | cell 1 | ...   read once while copying, then once a pass
//! block area:  | symbol 0 | symbol 1 |   erased before, each strip of it programmed once
//! ```

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use lightday_fec::{BlockShape, Solver, SymbolIo, encode};
use lightday_sim::flash::{FlashError, FlashStats, SimFlash};

const GRANULE: usize = 8;
const ERASE: usize = 4096;
/// Bytes before the symbol in a cell of the staging log.
const CELL_HEADER: u32 = 8;

/// A staging log and, behind it, a block area.
struct Areas {
    flash: SimFlash<GRANULE, ERASE>,
    symbol_len: u32,
    block: u32,
}

impl Areas {
    fn of(k: u16, symbol_len: u16) -> Self {
        let (k, symbol_len) = (u32::from(k), u32::from(symbol_len));
        let erase = ERASE as u32;
        let block = (k * (symbol_len + CELL_HEADER)).next_multiple_of(erase);
        let len = block + (k * symbol_len).next_multiple_of(erase);
        Self {
            flash: SimFlash::new((len / erase) as usize),
            symbol_len,
            block,
        }
    }
}

impl SymbolIo for Areas {
    type Error = FlashError;

    fn read_symbol(&mut self, at: u16, offset: u16, buf: &mut [u8]) -> Result<(), FlashError> {
        let cell = u32::from(at) * (self.symbol_len + CELL_HEADER);
        self.flash.read(cell + CELL_HEADER + u32::from(offset), buf)
    }

    fn write_block(&mut self, index: u16, offset: u16, strip: &[u8]) -> Result<(), FlashError> {
        let at = self.block + u32::from(index) * self.symbol_len + u32::from(offset);
        self.flash.write(at, strip)
    }
}

/// Solves a block of which the first `lost` symbols never came, and returns what the flash was asked for meanwhile, with
/// the solver as it stood before.
fn solved(k: u16, lost: u16, symbol_len: u16, work: usize) -> (FlashStats, Solver) {
    let shape = BlockShape::new(k, symbol_len).unwrap();
    let block: Vec<u8> = (0..shape.block_len())
        .map(|n| ((n * 7) >> 2) as u8)
        .collect();
    let received: Vec<u16> = (lost..k + lost).collect();
    let mut areas = Areas::of(k, symbol_len);
    let mut symbol = vec![0; usize::from(symbol_len)];
    for (at, index) in (0u32..).zip(&received) {
        encode(shape, &block, *index, &mut symbol).unwrap();
        let cell = at * (areas.symbol_len + CELL_HEADER);
        areas.flash.write(cell + CELL_HEADER, &symbol).unwrap();
    }
    areas.flash.clear_counters();
    let mut work = vec![0; work];
    let mut solver = Solver::new(shape, GRANULE as u16, &received, &mut work).unwrap();
    let before = solver.clone();
    solver.run(&received, &mut work, &mut areas).unwrap();
    let written = areas.block..areas.block + shape.block_len();
    assert_eq!(areas.flash.peek(written), Some(&block[..]));
    (areas.flash.stats(), before)
}

#[test]
fn a_solve_reads_each_symbol_once_a_pass_and_programs_each_strip_once() {
    let symbol_len = 200;
    for (k, lost, strip, groups) in [
        (100, 10, 200, 1),
        (100, 10, 8, 1),
        (100, 100, 8, 1),
        (300, 30, 8, 1),
        (300, 300, 40, 1),
        (100, 100, 8, 4),
    ] {
        let told = format!("{k} {lost} {strip} {groups}");
        let shape = BlockShape::new(k, symbol_len).unwrap();
        let work = Solver::required_work(shape, lost / groups, strip);
        let (stats, solver) = solved(k, lost, symbol_len, work);
        let strips = u64::from(symbol_len.div_ceil(strip));
        let passes = strips * u64::from(groups);
        assert_eq!(
            (solver.strip(), u64::from(solver.passes())),
            (strip, passes),
            "{told}"
        );
        // What came as it was sent is copied, in strips as wide as the work RAM but for the lost set.
        let whole = u64::from(k - lost);
        let copies = whole * u64::from(symbol_len.div_ceil((lost / groups + 1) * strip));
        assert_eq!(stats.reads, copies + passes * u64::from(k), "{told}");
        assert_eq!(stats.programs, copies + strips * u64::from(lost), "{told}");
        let len = u64::from(symbol_len);
        let read = len * (whole + u64::from(groups) * u64::from(k));
        assert_eq!(stats.read_bytes, read, "{told}");
        assert_eq!(stats.programmed_bytes, len * u64::from(k), "{told}");
        let (erases, twice) = (stats.erases, stats.programmed_twice);
        assert_eq!(
            (erases, twice),
            (0, 0),
            "{told}: erased before, programmed once"
        );
    }
}
