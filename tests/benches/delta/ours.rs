//! Our codec, each measurement in a process of its own: the bench starts itself with `child`.
//!
//! ```text
//! child encode OLD NEW ISA BASE RAM PATCH     prints payload, RAM needed, seconds, peak KiB, decode seconds
//! child decode OLD PATCH LENGTH RAM           decodes once, in `counted_decode`
//! child stack OLD PATCH LENGTH RAM            as decode, on a thread of its own after an idle one
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use lightday_delta::encode::{self, ModelOptions};
use lightday_delta::{Isa, Lengths, ModelDecoder};

use crate::table::Pair;
use crate::{Places, Result, tools};

/// The RAM sizes of the tables, in KiB.
pub const PROFILES: [u32; 4] = [16, 64, 256, 1024];

/// How long decoding is repeated for its time.
const BUDGET: Duration = Duration::from_millis(300);

/// What one encoding came to.
#[derive(Clone, Debug)]
pub struct Ours {
    /// Bytes of the patch.
    pub payload: u64,
    /// RAM that the patch asks of the decoder.
    pub ram: u64,
    /// Seconds to encode, the check by decoding included.
    pub seconds: f64,
    /// Greatest resident memory of the encoder's process in KiB; 0 where the system does not tell.
    pub peak_kib: u64,
    /// Seconds to decode.
    pub decode_seconds: f64,
    /// Where the patch lies.
    pub patch: PathBuf,
}

/// Encodes a pair for `kib` of decoder RAM in a child process.
///
/// # Errors
/// What the child said.
pub fn encode_apart(places: &Places, pair: &Pair, kib: u32) -> Result<Ours> {
    let dir = places.work.join("patches");
    fs::create_dir_all(&dir)?;
    let patch = dir.join(format!(
        "{}-{kib}.patch",
        pair.name.replace([' ', ':', '/'], "_")
    ));
    let base = pair.base.map_or("-".to_owned(), |base| base.to_string());
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["child", "encode"]);
    command
        .args([&pair.old, &pair.new])
        .args([&pair.isa, &base]);
    command.arg((kib * 1024).to_string()).arg(&patch);
    let line = tools::run(&mut command).map_err(|error| {
        let said = error.to_string();
        let why = said.split_once("bench delta: ").map(|(_, why)| why);
        why.unwrap_or(&said).to_owned()
    })?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let [payload, ram, seconds, peak_kib, decode_seconds] = words[..] else {
        return Err(format!("the child said: {line}").into());
    };
    Ok(Ours {
        payload: payload.parse()?,
        ram: ram.parse()?,
        seconds: seconds.parse()?,
        peak_kib: peak_kib.parse()?,
        decode_seconds: decode_seconds.parse()?,
        patch,
    })
}

/// The verbs of a child process.
///
/// # Errors
/// Wrong arguments, unreadable files, or a codec that fails or gives something else.
pub fn child(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["encode", old, new, isa, base, ram, patch] => {
            let base = match base {
                "-" => None,
                base => Some(base.parse()?),
            };
            let (old, new) = (fs::read(old)?, fs::read(new)?);
            println!(
                "{}",
                encode_here(&old, &new, isa, base, ram.parse()?, Path::new(patch))?
            );
        }
        ["decode", old, patch, length, ram] => {
            let (old, patch) = (fs::read(old)?, fs::read(patch)?);
            counted_decode(&old, &patch, length.parse()?, ram.parse()?)?;
        }
        ["stack", old, patch, length, ram] => {
            let (old, patch) = (fs::read(old)?, fs::read(patch)?);
            let (length, ram) = (length.parse()?, ram.parse()?);
            thread::spawn(|| ()).join().map_err(|_| "the idle thread")?;
            let decode = move || {
                counted_decode(&old, &patch, length, ram)
                    .map(drop)
                    .map_err(|error| error.to_string())
            };
            thread::spawn(decode)
                .join()
                .map_err(|_| "the decoding thread")??;
        }
        _ => return Err("unknown child".into()),
    }
    Ok(())
}

/// Encodes, writes the patch, decodes and compares; the line that [`encode_apart`] reads.
///
/// # Errors
/// As [`child`].
pub fn encode_here(
    old: &[u8],
    new: &[u8],
    isa: &str,
    base: Option<u64>,
    ram: u32,
    patch: &Path,
) -> Result<String> {
    let mut options = ModelOptions::new(ram);
    options.isa = Some(isa_of(isa)?);
    options.old_base = base;
    options.new_base = base;
    let start = Instant::now();
    let encoded = encode::model(old, new, &options)?;
    let seconds = start.elapsed().as_secs_f64();
    let peak = peak_kib();
    fs::write(patch, &encoded.payload)?;
    let needed = encoded.ram_needed;
    if needed > ram {
        return Err(format!("the patch needs {needed} B of RAM, more than {ram}").into());
    }
    let (begin, mut best) = (Instant::now(), f64::INFINITY);
    while best.is_infinite() || begin.elapsed() < BUDGET {
        let start = Instant::now();
        let image = counted_decode(old, &encoded.payload, u32::try_from(new.len())?, needed)?;
        best = best.min(start.elapsed().as_secs_f64());
        if image != new {
            return Err("the patch decodes to another image".into());
        }
    }
    let payload = encoded.payload.len();
    Ok(format!("{payload} {needed} {seconds:.3} {peak} {best:.6}"))
}

/// One decoding from beginning to end: what callgrind counts.
///
/// # Errors
/// What the decoder says.
#[inline(never)]
pub fn counted_decode(old: &[u8], patch: &[u8], length: u32, ram: u32) -> Result<Vec<u8>> {
    let lengths = Lengths {
        patch: u32::try_from(patch.len())?,
        base: u32::try_from(old.len())?,
        new: length,
    };
    let mut work = vec![0; ram as usize];
    let mut decoder = ModelDecoder::new(lengths, &mut work);
    Ok(encode::apply(&mut decoder, old, patch, length)?)
}

fn isa_of(name: &str) -> Result<Isa> {
    Ok(match name {
        "thumb" => Isa::Thumb,
        "riscv32" => Isa::Riscv32,
        "riscv64" => Isa::Riscv64,
        "sparc" => Isa::Sparc,
        "aarch64" => Isa::Aarch64,
        "none" => Isa::WordsLe,
        _ => return Err(format!("unknown instruction set {name}").into()),
    })
}

/// `VmHWM` of this process: its greatest resident memory so far.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
