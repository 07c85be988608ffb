//! Encode and solve throughput, RAM and overhead, next to the `raptorq` crate in the same run.
//!
//! ```text
//! cargo bench -p lightday-fec                the tables of docs/benchmarks/fec.md
//! cargo bench -p lightday-fec -- --quick     without K = 5243 and with fewer trials
//! cargo bench -p lightday-fec -- --json      one JSON object a line
//! ```
//!
//! Everything runs on one thread. A time is the best of as many runs as fit into 0.5 s, or their
//! mean in CPU time if that is less and Linux tells it, so that a busy machine matters little. RAM
//! of `raptorq` is the peak of the heap above its level before the call, without the input packets;
//! RAM of `lightday-fec`, which has no heap, is work RAM, list of indices and `Solver`.

use std::alloc::System;
use std::convert::Infallible;
use std::hint::black_box;
use std::mem::size_of;
use std::time::{Duration, Instant};

use lightday_fec::{BlockShape, Solver, SymbolIo, encode};
use peakmem_alloc::{INSTRUMENTED_SYSTEM, PeakMemAlloc, PeakMemAllocTrait};
use raptorq::{
    EncodingPacket, ObjectTransmissionInformation, SourceBlockDecoder, SourceBlockEncoder,
};

#[global_allocator]
static HEAP: &PeakMemAlloc<System> = &INSTRUMENTED_SYSTEM;

const SYMBOL_LEN: u16 = 200;
const BUDGET: Duration = Duration::from_millis(500);

/// A log and a block area in RAM.
struct Memory {
    log: Vec<Vec<u8>>,
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
        buf.copy_from_slice(&self.log[usize::from(position)][usize::from(offset)..][..buf.len()]);
        Ok(())
    }

    fn write_block(&mut self, index: u16, offset: u16, strip: &[u8]) -> Result<(), Infallible> {
        let at = usize::from(index) * usize::from(SYMBOL_LEN) + usize::from(offset);
        self.block[at..][..strip.len()].copy_from_slice(strip);
        Ok(())
    }
}

/// SplitMix64: the same draws in every run.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// `count` of `0..of`, ascending.
    fn choose(&mut self, of: u16, count: u16) -> Vec<u16> {
        let mut all: Vec<u16> = (0..of).collect();
        for at in 0..usize::from(count) {
            let other = at + (self.next() % (all.len() - at) as u64) as usize;
            all.swap(at, other);
        }
        all.truncate(usize::from(count));
        all.sort_unstable();
        all
    }
}

/// CPU time of this thread so far, in the kernel's grain of some milliseconds.
fn cpu_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(stat.split(' ').next()?.parse().ok()?))
}

/// What one run takes: the best of some on the clock, or their mean in CPU time if that is less.
fn best(mut run: impl FnMut()) -> Duration {
    let (begin, cpu_begin) = (Instant::now(), cpu_time());
    let (mut best, mut runs) = (Duration::MAX, 0);
    while runs == 0 || begin.elapsed() < BUDGET {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed());
        runs += 1;
    }
    match (cpu_begin, cpu_time()) {
        (Some(from), Some(to)) if begin.elapsed() >= BUDGET => best.min((to - from) / runs),
        _ => best,
    }
}

/// A line of a table: names and values, printed aligned or as JSON.
struct Row(Vec<(&'static str, String)>);

impl Row {
    fn print(&self, json: bool, with_names: bool) {
        if json {
            let quoted = |value: &str| match value.parse::<f64>() {
                Ok(_) => value.to_owned(),
                Err(_) => format!("\"{value}\""),
            };
            let fields: Vec<String> = self
                .0
                .iter()
                .map(|(name, value)| format!("\"{name}\": {}", quoted(value)))
                .collect();
            println!("{{{}}}", fields.join(", "));
            return;
        }
        let width = |name: &str| name.len().max(14);
        let line = |cells: Vec<String>| println!("| {} |", cells.join(" | "));
        if with_names {
            line(
                self.0
                    .iter()
                    .map(|(name, _)| format!("{name:>0$}", width(name)))
                    .collect(),
            );
            line(
                self.0
                    .iter()
                    .map(|(name, _)| format!("{:->1$}:", "", width(name) - 1))
                    .collect(),
            );
        }
        line(
            self.0
                .iter()
                .map(|(name, value)| format!("{value:>0$}", width(name)))
                .collect(),
        );
    }
}

fn times(code: &str, k: u16, lost: u16, encode: Duration, solve: Duration, ram: usize) -> Row {
    let bytes = f64::from(k) * f64::from(SYMBOL_LEN);
    let rate = |time: Duration| format!("{:.3}", bytes / time.as_secs_f64() / 1e6);
    Row(vec![
        ("code", code.to_owned()),
        ("k", k.to_string()),
        ("lost", lost.to_string()),
        ("encode_ms", format!("{:.2}", encode.as_secs_f64() * 1e3)),
        ("encode_MB_s", rate(encode)),
        ("solve_ms", format!("{:.2}", solve.as_secs_f64() * 1e3)),
        ("solve_MB_s", rate(solve)),
        ("ram_bytes", ram.to_string()),
    ])
}

/// Encoding `lost` parity symbols and solving, in full strips and in strips of 8 B.
fn ours(k: u16, lost: u16) -> Vec<Row> {
    let shape = BlockShape::new(k, SYMBOL_LEN).expect("shape");
    let mut draws = Draws(u64::from(k) << 16 | u64::from(lost));
    let block: Vec<u8> = (0..shape.block_len()).map(|_| draws.next() as u8).collect();
    let gone = draws.choose(k, lost);
    let mut received: Vec<u16> = (0..k)
        .filter(|index| gone.binary_search(index).is_err())
        .collect();
    received.extend(k..k + lost);
    let symbol = |index: &u16| {
        let mut symbol = vec![0; usize::from(SYMBOL_LEN)];
        encode(shape, black_box(&block), *index, &mut symbol).expect("encode");
        symbol
    };
    let encode_time = best(|| (k..k + lost).for_each(|index| drop(black_box(symbol(&index)))));
    let log: Vec<Vec<u8>> = received.iter().map(symbol).collect();
    let mut memory = Memory {
        log,
        block: vec![0; block.len()],
    };
    [("lightday, 200 B", SYMBOL_LEN), ("lightday, 8 B", 8)]
        .map(|(name, strip)| {
            let mut work = vec![0; Solver::required_work(shape, lost, strip)];
            let solve_time = best(|| {
                let mut solver = Solver::new(shape, 8, &received, &mut work).expect("list");
                assert_eq!(solver.strip(), strip);
                solver
                    .run(&received, &mut work, &mut memory)
                    .expect("solve");
            });
            assert!(memory.block == block, "wrong block");
            let ram = work.len() + 2 * received.len() + size_of::<Solver>();
            times(name, k, lost, encode_time, solve_time, ram)
        })
        .into()
}

/// One block for RaptorQ, its encoder's input and its source packets.
struct Rq {
    config: ObjectTransmissionInformation,
    block: Vec<u8>,
}

impl Rq {
    fn new(k: u16, draws: &mut Draws) -> Self {
        let len = u64::from(k) * u64::from(SYMBOL_LEN);
        let config = ObjectTransmissionInformation::new(len, SYMBOL_LEN, 1, 1, 8);
        Self {
            config,
            block: (0..len).map(|_| draws.next() as u8).collect(),
        }
    }

    fn encoder(&self) -> SourceBlockEncoder {
        SourceBlockEncoder::new(0, &self.config, black_box(&self.block))
    }

    fn decoder(&self) -> SourceBlockDecoder {
        SourceBlockDecoder::new(0, &self.config, self.config.transfer_length())
    }
}

/// Feeds packets until the block is there; how many were needed.
fn decode(rq: &Rq, at_once: Vec<EncodingPacket>, more: &[EncodingPacket]) -> usize {
    let mut decoder = rq.decoder();
    let mut needed = at_once.len();
    let mut result = decoder.decode(at_once);
    let mut more = more.iter();
    while result.is_none() {
        result = decoder.decode([more.next().expect("enough repair packets").clone()]);
        needed += 1;
    }
    assert!(result.as_ref() == Some(&rq.block), "wrong block");
    needed
}

/// The packets that arrive when `lost` source packets do not: K of them, and more if those fail.
fn arrivals(
    sources: &[EncodingPacket],
    repair: &[EncodingPacket],
    gone: &[u16],
) -> (Vec<EncodingPacket>, Vec<EncodingPacket>) {
    let present = |(index, _): &(usize, _)| gone.binary_search(&(*index as u16)).is_err();
    let mut packets: Vec<_> = sources
        .iter()
        .enumerate()
        .filter(present)
        .map(|(_, packet)| packet.clone())
        .collect();
    let (first, more) = repair.split_at(gone.len());
    packets.extend_from_slice(first);
    (packets, more.to_vec())
}

fn raptorq(k: u16, lost: u16) -> Row {
    let mut draws = Draws(u64::from(k) << 16 | u64::from(lost));
    let rq = Rq::new(k, &mut draws);
    let encode_time = best(|| drop(black_box(rq.encoder().repair_packets(0, u32::from(lost)))));
    let encoder = rq.encoder();
    let gone = draws.choose(k, lost);
    let repair = encoder.repair_packets(0, u32::from(lost) + 20);
    let (packets, more) = arrivals(&encoder.source_packets(), &repair, &gone);
    let mut solve_time = Duration::MAX;
    let mut ram = 0;
    let begin = Instant::now();
    while solve_time == Duration::MAX || begin.elapsed() < BUDGET {
        let packets = packets.clone();
        HEAP.reset_peak_memory();
        let start = Instant::now();
        decode(&rq, packets, &more);
        solve_time = solve_time.min(start.elapsed());
        ram = HEAP.get_peak_memory();
    }
    times("raptorq", k, lost, encode_time, solve_time, ram)
}

/// In how many trials K + h symbols were not enough for RaptorQ.
fn overhead(k: u16, lost: u16, trials: u32) -> Row {
    let mut draws = Draws(u64::from(k) << 16 | u64::from(lost));
    let rq = Rq::new(k, &mut draws);
    let encoder = rq.encoder();
    let sources = encoder.source_packets();
    let mut failed = [0u32; 3];
    let mut surplus = 0;
    for _ in 0..trials {
        let gone = draws.choose(k, lost);
        let first = (draws.next() % (1 << 20)) as u32;
        let repair = encoder.repair_packets(first, u32::from(lost) + 20);
        let (packets, more) = arrivals(&sources, &repair, &gone);
        let extra = decode(&rq, packets, &more) - usize::from(k);
        surplus += extra;
        failed
            .iter_mut()
            .take(extra)
            .for_each(|failed| *failed += 1);
    }
    Row(vec![
        ("k", k.to_string()),
        ("lost", lost.to_string()),
        ("trials", trials.to_string()),
        ("failed_at_k", failed[0].to_string()),
        ("failed_at_k_1", failed[1].to_string()),
        ("failed_at_k_2", failed[2].to_string()),
        (
            "mean_surplus",
            format!("{:.4}", surplus as f64 / f64::from(trials)),
        ),
        ("lightday_surplus", "0".to_owned()),
    ])
}

fn main() {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let json = has("--json");
    // Without `--bench` somebody runs all targets as tests: only see that it works.
    let smoke = !has("--bench");
    let (sizes, trials): (&[u16], u32) = match (smoke, has("--quick")) {
        (true, _) => (&[20], 10),
        (_, true) => (&[100, 1000], 500),
        _ => (&[100, 500, 1000, 5243], 5000),
    };
    let mut with_names = true;
    for k in sizes.iter().copied() {
        for lost in [k / 10, k] {
            for row in ours(k, lost).into_iter().chain([raptorq(k, lost)]) {
                row.print(json, with_names);
                with_names = false;
            }
        }
    }
    if !json {
        println!();
    }
    with_names = true;
    for k in sizes
        .iter()
        .copied()
        .filter(|k| *k <= 100)
        .flat_map(|k| [10.min(k), k])
    {
        for lost in [k / 10, k] {
            overhead(k, lost, trials).print(json, with_names);
            with_names = false;
        }
    }
}
