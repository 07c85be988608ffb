//! Solves one block once, for counting instructions:
//!
//! ```text
//! valgrind --tool=callgrind --collect-atstart=no --toggle-collect='solve_once::solve*' \
//!     target/release/examples/solve_once K LOST SYMBOL_LEN WORK_BYTES
//! target/release/examples/solve_once K LOST SYMBOL_LEN WORK_BYTES --flash
//! ```
//!
//! With `--flash` it counts reads and programs instead; that they are those of a flash is what
//! `sim/tests/solve_flash.rs` holds.
//!
//! Only `solve` is counted: the symbols are noise (the code is MDS, so any K symbols belong to some
//! block), and the result is checked against the encoder afterwards. The last LOST source symbols
//! are lost; the program granule is 8 B, or 2 B where 8 does not divide the symbol.

use std::convert::Infallible;
use std::error::Error;

use lightday_fec::{BlockShape, Solver, SymbolIo, encode};

struct Memory {
    symbol_len: usize,
    log: Vec<u8>,
    block: Vec<u8>,
}

impl SymbolIo for Memory {
    type Error = Infallible;

    fn read_symbol(
        &mut self,
        position: u16,
        offset: u16,
        buf: &mut [u8],
    ) -> Result<(), Infallible> {
        let at = usize::from(position) * self.symbol_len + usize::from(offset);
        buf.copy_from_slice(&self.log[at..][..buf.len()]);
        Ok(())
    }

    fn write_block(&mut self, index: u16, offset: u16, strip: &[u8]) -> Result<(), Infallible> {
        let at = usize::from(index) * self.symbol_len + usize::from(offset);
        self.block[at..][..strip.len()].copy_from_slice(strip);
        Ok(())
    }
}

/// A memory that counts what it is asked for.
struct Counted<'m> {
    memory: &'m mut Memory,
    /// Reads, their bytes, programs, their bytes.
    counts: [u64; 4],
}

impl SymbolIo for Counted<'_> {
    type Error = Infallible;

    fn read_symbol(
        &mut self,
        position: u16,
        offset: u16,
        buf: &mut [u8],
    ) -> Result<(), Infallible> {
        self.counts[0] += 1;
        self.counts[1] += buf.len() as u64;
        self.memory.read_symbol(position, offset, buf)
    }

    fn write_block(&mut self, index: u16, offset: u16, strip: &[u8]) -> Result<(), Infallible> {
        self.counts[2] += 1;
        self.counts[3] += strip.len() as u64;
        self.memory.write_block(index, offset, strip)
    }
}

/// What is counted.
#[inline(never)]
fn solve<I: SymbolIo<Error = Infallible>>(
    solver: &mut Solver,
    received: &[u16],
    work: &mut [u8],
    memory: &mut I,
) {
    let Ok(()) = solver.run(received, work, memory) else {
        unreachable!("memory is infallible")
    };
}

fn main() -> Result<(), Box<dyn Error>> {
    let (flags, arguments): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .partition(|argument| argument == "--flash");
    let arguments: Vec<usize> = arguments
        .iter()
        .map(|argument| argument.parse())
        .collect::<Result<_, _>>()?;
    let [k, lost, symbol_len, work_len] = arguments[..] else {
        return Err("usage: solve_once K LOST SYMBOL_LEN WORK_BYTES [--flash]".into());
    };
    if lost > k {
        return Err("LOST is above K".into());
    }
    let shape = BlockShape::new(u16::try_from(k)?, u16::try_from(symbol_len)?)?;
    let granule = if symbol_len.is_multiple_of(8) { 8 } else { 2 };
    let last = u16::try_from(k + lost)?;
    let received: Vec<u16> = (0..last)
        .filter(|i| !(k - lost..k).contains(&usize::from(*i)))
        .collect();
    let noise = (0..k * symbol_len)
        .map(|n| (n.wrapping_mul(0x9E37_79B9) >> 11) as u8)
        .collect();
    let mut memory = Memory {
        symbol_len,
        log: noise,
        block: vec![0; k * symbol_len],
    };

    let mut work = vec![0; work_len];
    let mut solver = Solver::new(shape, granule, &received, &mut work)?;
    let (strip, passes) = (solver.strip(), solver.passes());
    let counts = if flags.is_empty() {
        solve(&mut solver, &received, &mut work, &mut memory);
        None
    } else {
        let mut counted = Counted {
            memory: &mut memory,
            counts: [0; 4],
        };
        solve(&mut solver, &received, &mut work, &mut counted);
        Some(counted.counts)
    };

    let mut symbol = vec![0; symbol_len];
    for position in [0, k / 2, k - 1] {
        encode(shape, &memory.block, received[position], &mut symbol)?;
        if symbol != memory.log[position * symbol_len..][..symbol_len] {
            return Err("the block is wrong".into());
        }
    }
    println!("k {k}, lost {lost}, strip {strip} B, {passes} passes, {work_len} B of work RAM");
    if let Some([reads, read_bytes, programs, programmed_bytes]) = counts {
        println!("{reads} reads of {read_bytes} B, {programs} programs of {programmed_bytes} B");
    }
    Ok(())
}
