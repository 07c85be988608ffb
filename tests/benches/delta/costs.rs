//! What the decoder costs: instructions by callgrind, stack by drd, code by the size probe.

use std::fs;
use std::process::Command;

use object::{Object, ObjectSection};

use crate::ours::Ours;
use crate::table::Pair;
use crate::{Places, Result, tools};

/// Instructions of one decoding.
pub struct Instructions {
    /// The pair's name.
    pub pair: String,
    /// RAM in KiB.
    pub kib: u32,
    /// Instructions, or why they are not known.
    pub count: std::result::Result<u64, String>,
    /// Bytes of the new image.
    pub bytes: u64,
}

/// Counts the instructions of decoding this patch.
pub fn instructions(pair: &Pair, kib: u32, ours: &Ours) -> Instructions {
    let count = callgrind(pair, ours).map_err(|error| error.to_string());
    Instructions {
        pair: pair.name.clone(),
        kib,
        count,
        bytes: pair.bytes,
    }
}

fn valgrind(pair: &Pair, ours: &Ours, options: &[&str], verb: &str) -> Result<String> {
    let mut command = Command::new("valgrind");
    command.args(options).arg(std::env::current_exe()?);
    command.args(["child", verb]).args([&pair.old, &ours.patch]);
    command.args([pair.bytes.to_string(), ours.ram.to_string()]);
    Ok(tools::both(&mut command)
        .map_err(|why| format!("{why} (install with: sudo apt-get install valgrind)"))?
        .1)
}

fn callgrind(pair: &Pair, ours: &Ours) -> Result<u64> {
    let options = [
        "--tool=callgrind",
        "--collect-atstart=no",
        "--toggle-collect=*counted_decode*",
        "--callgrind-out-file=/dev/null",
    ];
    let said = valgrind(pair, ours, &options, "decode")?;
    let count = said
        .lines()
        .find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
        .ok_or("callgrind gave no count")?;
    if count == 0 {
        return Err("callgrind did not see the decoder".into());
    }
    Ok(count)
}

/// The greatest stack of a thread that decodes this patch, less that of an idle thread, on this machine.
///
/// # Errors
/// No valgrind, or it says nothing of the kind.
pub fn stack(pair: &Pair, ours: &Ours) -> Result<u64> {
    let options = ["--tool=drd", "--show-stack-usage=yes"];
    let said = valgrind(pair, ours, &options, "stack")?;
    let used: Vec<u64> = said
        .lines()
        .filter(|line| !line.contains("thread 1 "))
        .filter_map(|line| {
            line.split_once(" finished and used ")?
                .1
                .split(' ')
                .next()?
                .parse()
                .ok()
        })
        .collect();
    match used[..] {
        [idle, decoding] => Ok(decoding.saturating_sub(idle)),
        _ => Err(format!("drd spoke of {} threads", used.len()).into()),
    }
}

/// The decoder as built for one target with some instruction sets.
pub struct Code {
    /// Target triple.
    pub target: String,
    /// `all`, or the cargo feature of the one instruction set.
    pub variant: String,
    /// Bytes of code.
    pub text: u64,
    /// Bytes of constants.
    pub rodata: u64,
    /// `size_of::<ModelDecoder>()` there.
    pub decoder: u32,
    /// Sum of the stack frames of all functions.
    pub frames: u64,
}

/// Reads what `cargo xtask bench delta` built in the probe's directory: `TARGET.VARIANT.a`.
///
/// # Errors
/// A file that is no archive of ELF objects.
pub fn code(places: &Places) -> Result<Vec<Code>> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(places.work.join("probe")) else {
        return Ok(found);
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some((target, variant)) = name
            .strip_suffix(".a")
            .and_then(|stem| stem.split_once('.'))
        else {
            continue;
        };
        found.push(code_in(&fs::read(&path)?, target, variant)?);
    }
    found.sort_by(|a, b| (&b.target, &a.variant).cmp(&(&a.target, &b.variant)));
    Ok(found)
}

/// Sums over the members that came out of link-time optimisation, which are the probe's.
fn code_in(archive: &[u8], target: &str, variant: &str) -> Result<Code> {
    let mut code = Code {
        target: target.to_owned(),
        variant: variant.to_owned(),
        text: 0,
        rodata: 0,
        decoder: 0,
        frames: 0,
    };
    for (name, bytes) in members(archive)? {
        if !name.starts_with("lightday_size_probe") {
            continue;
        }
        let file = object::File::parse(bytes).map_err(|error| format!("{name}: {error}"))?;
        for section in file.sections() {
            let data = section.data().unwrap_or_default();
            match section.name().unwrap_or_default() {
                name if name.starts_with(".text") => code.text += section.size(),
                name if name.starts_with(".rodata") => code.rodata += section.size(),
                ".probe" => code.decoder = number(data),
                ".stack_sizes" => code.frames += frames(data),
                _ => {}
            }
        }
    }
    if code.text == 0 {
        return Err(format!("{target} {variant}: no code in the probe").into());
    }
    Ok(code)
}

fn number(data: &[u8]) -> u32 {
    data.first_chunk()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// Sum of the entries of a section `.stack_sizes` of a 32-bit target: address, then a LEB128 number.
fn frames(mut data: &[u8]) -> u64 {
    let mut sum = 0;
    while data.len() > 4 {
        data = &data[4..];
        let (mut value, mut shift) = (0_u64, 0);
        while let Some((byte, rest)) = data.split_first() {
            data = rest;
            value |= u64::from(byte & 127) << shift;
            shift += 7;
            if byte & 128 == 0 {
                break;
            }
        }
        sum += value;
    }
    sum
}

/// Names and contents of the members of a GNU `ar` archive.
fn members(archive: &[u8]) -> Result<Vec<(String, &[u8])>> {
    let mut rest = archive.strip_prefix(b"!<arch>\n").ok_or("not an archive")?;
    let (mut found, mut names): (Vec<(String, &[u8])>, &[u8]) = (Vec::new(), &[]);
    while rest.len() >= 60 {
        let (head, body) = rest.split_at(60);
        let text = |range: std::ops::Range<usize>| {
            String::from_utf8_lossy(&head[range]).trim_end().to_owned()
        };
        let size: usize = text(48..58).parse()?;
        let data = body.get(..size).ok_or("the archive is truncated")?;
        match text(0..16).as_str() {
            "//" => names = data,
            name => {
                let at = name.strip_prefix('/').and_then(|at| at.parse().ok());
                let long = at.and_then(|at: usize| names.get(at..));
                let long = long.and_then(|from| from.split(|byte| *byte == b'\n').next());
                let name = long.map_or(name.to_owned(), |name| {
                    String::from_utf8_lossy(name).into_owned()
                });
                found.push((name.trim_end_matches('/').to_owned(), data));
            }
        }
        rest = body.get(size + size % 2..).unwrap_or_default();
    }
    Ok(found)
}
