//! Patch sizes and costs of `lightday-delta` beside the established delta tools, in one run.
//!
//! ```text
//! cargo xtask bench delta                     writes docs/benchmarks/delta.md and delta.svg
//! cargo xtask bench delta --keep              takes the peers' sizes that an earlier run measured
//! cargo xtask bench delta --pair thumb        pairs whose name contains this; prints, writes nothing
//! ```
//!
//! Pairs, peers and patches lie in `target/bench-delta`. What cannot be had on this machine is left out, and the
//! report says so.

mod costs;
mod ours;
mod peers;
mod plot;
mod report;
mod table;
mod tools;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ours::{Ours, PROFILES};
use peers::Peer;
use table::Pair;

/// What the benchmark ends with.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The pairs whose decoding is counted: a small change and a medium one.
const COUNTED: [&str; 2] = ["thumb 1-2", "thumb 3-4"];

/// Where things lie.
pub struct Places {
    /// Scripts and the table of pairs.
    pub peers: PathBuf,
    /// Images of our own.
    pub fixtures: PathBuf,
    /// Everything made here.
    pub work: PathBuf,
    /// The page and the plot.
    pub docs: PathBuf,
}

impl Places {
    fn new() -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = tests.parent().unwrap_or(tests);
        let target = env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into());
        Self {
            peers: tests.join("peers"),
            fixtures: tests.join("fixtures"),
            work: root.join(target).join("bench-delta"),
            docs: root.join("docs/benchmarks"),
        }
    }
}

/// Everything that was measured of one pair.
pub struct Row {
    /// The pair.
    pub pair: Pair,
    /// The established tools.
    pub peer: Peer,
    /// Ours, one for each of [`PROFILES`], or why there is none.
    pub ours: Vec<std::result::Result<Ours, String>>,
}

impl Row {
    /// Bytes that we send relative to the best peer's: of the patch, or of the whole image where there is none.
    pub fn ratio(&self, profile: usize) -> f64 {
        let ours = self.ours.get(profile).and_then(|ours| ours.as_ref().ok());
        let bytes = ours.map_or(self.pair.bytes, |ours| ours.payload);
        bytes as f64 / self.peer.best as f64
    }
}

/// Everything that the report is made of.
pub struct Run {
    /// Pairs, in the table's order.
    pub rows: Vec<Row>,
    /// Pairs that could not be had.
    pub skipped: Vec<String>,
    /// Instruction counts.
    pub instructions: Vec<costs::Instructions>,
    /// Stack in bytes, or why it is not known.
    pub stack: std::result::Result<u64, String>,
    /// Code sizes.
    pub code: Vec<costs::Code>,
    /// Programs and their versions.
    pub versions: Vec<(String, String)>,
    /// CPU and cores.
    pub machine: String,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((first, rest)) if first == "child" => ours::child(rest),
        _ if arguments.iter().any(|argument| argument == "--bench") => bench(&arguments),
        // Somebody runs all targets as tests: only see that it works.
        _ => smoke(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench delta: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: &[String]) -> Result<()> {
    let mut keep = false;
    let mut filter = None;
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--bench" => {}
            "--keep" => keep = true,
            "--pair" => filter = Some(words.next().ok_or("--pair needs a name")?.clone()),
            other => {
                return Err(
                    format!("unknown argument {other}; there are --keep and --pair NAME").into(),
                );
            }
        }
    }
    let places = Places::new();
    let text = filter.as_deref().unwrap_or_default();
    let run = measure(&places, keep, text)?;
    let figures = report::figures(&run);
    println!("{figures}");
    if filter.is_none() {
        let page = places.docs.join("delta.md");
        fs::write(
            &page,
            report::insert(&fs::read_to_string(&page)?, &figures)?,
        )?;
        fs::write(places.docs.join("delta.svg"), plot::svg(&run.rows))?;
        eprintln!("written: docs/benchmarks/delta.md and delta.svg");
    }
    Ok(())
}

fn measure(places: &Places, keep: bool, filter: &str) -> Result<Run> {
    let (pairs, skipped) = table::gather(places, filter)?;
    if pairs.is_empty() {
        return Err(format!("no pair is named {filter}").into());
    }
    let all = peers::measure(places, &pairs, keep)?;
    let mut rows = Vec::new();
    for (pair, peer) in pairs.into_iter().zip(all) {
        let mut ours = Vec::new();
        for kib in PROFILES {
            let one = ours::encode_apart(places, &pair, kib).map_err(|error| error.to_string());
            match &one {
                Ok(one) => eprintln!(
                    "{}, {kib} KiB: {} B, {:.3} of {} in {:.1} s",
                    pair.name,
                    one.payload,
                    one.payload as f64 / peer.best as f64,
                    peer.best_tool,
                    one.seconds
                ),
                Err(why) => eprintln!("{}, {kib} KiB: {why}", pair.name),
            }
            ours.push(one);
        }
        rows.push(Row { pair, peer, ours });
    }
    let mut instructions = Vec::new();
    let mut stack = Err("not measured".to_owned());
    for row in rows
        .iter()
        .filter(|row| COUNTED.contains(&row.pair.name.as_str()))
    {
        for (kib, ours) in PROFILES.into_iter().zip(&row.ours) {
            let Ok(ours) = ours else { continue };
            eprintln!("counting instructions: {}, {kib} KiB", row.pair.name);
            instructions.push(costs::instructions(&row.pair, kib, ours));
        }
        if let Some(Ok(ours)) = row.ours.first().filter(|_| stack.is_err()) {
            eprintln!("measuring the stack: {}", row.pair.name);
            stack = costs::stack(&row.pair, ours).map_err(|error| error.to_string());
        }
    }
    let requirements = fs::read_to_string(places.peers.join("requirements.txt"))?;
    Ok(Run {
        rows,
        skipped,
        instructions,
        stack,
        code: costs::code(places)?,
        versions: tools::versions(&requirements),
        machine: tools::machine(),
    })
}

/// Encodes and decodes a page of a fixture.
fn smoke() -> Result<()> {
    let places = Places::new();
    let read = |name: &str| fs::read(places.fixtures.join(name));
    let (old, new) = (read("orbiter-thumb-v2.bin")?, read("orbiter-thumb-v3.bin")?);
    let patch = env::temp_dir().join(format!("lightday-bench-delta-{}.tmp", std::process::id()));
    let base = Some(0x0800_0000);
    let line = ours::encode_here(&old[..4096], &new[..4096], "thumb", base, 16 << 10, &patch)?;
    fs::remove_file(&patch)?;
    println!("{line}");
    Ok(())
}
