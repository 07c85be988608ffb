//! The figures as Markdown, between the two marks of the page that is otherwise written by hand.

use std::fmt::Write as _;

use crate::ours::PROFILES;
use crate::peers::TOOLS;
use crate::{Result, Row, Run};

/// Where the figures begin in the page.
pub const BEGIN: &str =
    "<!-- figures: begin (written by `cargo xtask bench delta`; do not edit) -->";
/// Where they end.
pub const END: &str = "<!-- figures: end -->";

/// The page with these figures between its marks.
///
/// # Errors
/// A mark is missing.
pub fn insert(page: &str, figures: &str) -> Result<String> {
    let (before, rest) = page
        .split_once(BEGIN)
        .ok_or("delta.md has no mark where the figures begin")?;
    let (_, after) = rest
        .split_once(END)
        .ok_or("delta.md has no mark where the figures end")?;
    Ok(format!("{before}{BEGIN}\n\n{figures}\n{END}{after}"))
}

/// All tables.
pub fn figures(run: &Run) -> String {
    let mut text = String::new();
    targets(&mut text, run);
    sizes(&mut text, run, true);
    sizes(&mut text, run, false);
    peers(&mut text, run);
    encoder(&mut text, run);
    decoder(&mut text, run);
    code(&mut text, run);
    machine(&mut text, run);
    text.trim_end().to_owned() + "\n"
}

/// Geometric mean and greatest of the ratios at a profile over the pairs of one kind.
pub fn mean_and_worst(rows: &[Row], issue: bool, profile: usize) -> Option<(f64, f64)> {
    let ratios: Vec<f64> = rows
        .iter()
        .filter(|row| row.pair.issue == issue)
        .map(|row| row.ratio(profile))
        .collect();
    let sum: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    let worst = ratios.iter().copied().reduce(f64::max)?;
    Some(((sum / ratios.len() as f64).exp(), worst))
}

/// One row of a table.
fn row(text: &mut String, cells: &[String]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

/// A heading, the names of the columns and their alignment: `left` ones of text, then numbers.
fn head(text: &mut String, title: &str, columns: &[&str], left: usize) {
    let _ = writeln!(text, "### {title}\n\n| {} |", columns.join(" | "));
    let marks = columns.iter().enumerate();
    let marks: Vec<&str> = marks
        .map(|(at, _)| if at < left { "---" } else { "---:" })
        .collect();
    let _ = writeln!(text, "|{}|", marks.join("|"));
}

/// `12,345`.
fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn ratio(value: Option<f64>) -> String {
    value.map_or("none".to_owned(), |value| format!("{value:.3}"))
}

fn size_name(kib: u32) -> String {
    if kib < 1024 {
        format!("{kib} KiB")
    } else {
        format!("{} MiB", kib / 1024)
    }
}

/// What was asked, beside what was reached.
fn targets(text: &mut String, run: &Run) {
    let names: Vec<String> = PROFILES.iter().map(|kib| size_name(*kib)).collect();
    let columns: Vec<&str> = ["figure, limit in parentheses"]
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .collect();
    head(text, "Targets", &columns, 1);
    let of = |issue, worst: bool, limits: [&str; 3]| -> Vec<String> {
        let cell = |profile| {
            let both = mean_and_worst(&run.rows, issue, profile);
            let value = ratio(both.map(|(mean, max)| if worst { max } else { mean }));
            match limits.get(profile) {
                Some(limit) if !limit.is_empty() => format!("{value} ({limit})"),
                _ => value,
            }
        };
        (0..PROFILES.len()).map(cell).collect()
    };
    let bytes = |name: &str, limits: [u32; 3]| -> Vec<String> {
        let found = run.rows.iter().find(|row| row.pair.name == name);
        let cell = |profile: usize| {
            let ours = found.and_then(|row| row.ours[profile].as_ref().ok());
            let value = ours.map_or("none".to_owned(), |ours| {
                format!("{} B", number(ours.payload))
            });
            limits
                .get(profile)
                .map_or(value.clone(), |limit| format!("{value} ({limit})"))
        };
        (0..PROFILES.len()).map(cell).collect()
    };
    let count = |issue| {
        run.rows
            .iter()
            .filter(|row| row.pair.issue == issue)
            .count()
    };
    let tuned = count(true);
    let lines = [
        (
            format!("geometric mean of ours / best peer, {tuned} pairs"),
            of(true, false, ["0.33", "0.30", "0.29"]),
        ),
        (
            "greatest ratio of a pair".to_owned(),
            of(true, true, ["1.0", "0.88", "0.78"]),
        ),
        (
            "`riscv 1-2`, one changed condition".to_owned(),
            bytes("riscv 1-2", [110, 105, 105]),
        ),
        (
            "`thumb 1-2`, one changed condition".to_owned(),
            bytes("thumb 1-2", [80, 80, 80]),
        ),
        (
            format!("geometric mean, {} held-out pairs", count(false)),
            of(false, false, [""; 3]),
        ),
        (
            "greatest ratio of a held-out pair".to_owned(),
            of(false, true, [""; 3]),
        ),
    ];
    for (name, cells) in lines {
        row(text, &[vec![name], cells].concat());
    }
    text.push('\n');
}

/// Bytes and ratios of every pair of one kind, with the geometric means below.
fn sizes(text: &mut String, run: &Run, issue: bool) {
    let names: Vec<String> = PROFILES.iter().map(|kib| size_name(*kib)).collect();
    let mut columns = vec!["pair", "best peer", "image", "bsdiff", "best"];
    columns.extend(names.iter().map(String::as_str));
    columns.extend(["ratio at 16 KiB", "64 KiB", "256 KiB", "1 MiB"]);
    let title = if issue {
        "Bytes: the pairs of the targets"
    } else {
        "Bytes: held-out pairs"
    };
    head(text, title, &columns, 2);
    for line in run.rows.iter().filter(|row| row.pair.issue == issue) {
        let peer = &line.peer;
        let bsdiff = peer.sizes.get("bsdiff").copied().unwrap_or(0);
        let mut cells = vec![line.pair.name.clone(), peer.best_tool.clone()];
        cells.extend([line.pair.bytes, bsdiff, peer.best].map(number));
        let ours = line.ours.iter();
        cells.extend(ours.map(|ours| {
            ours.as_ref()
                .map_or("none".to_owned(), |ours| number(ours.payload))
        }));
        cells.extend((0..PROFILES.len()).map(|profile| ratio(Some(line.ratio(profile)))));
        row(text, &cells);
    }
    let mut cells = vec!["geometric mean".to_owned()];
    cells.resize(columns.len() - PROFILES.len(), String::new());
    cells.extend(
        (0..PROFILES.len())
            .map(|profile| ratio(mean_and_worst(&run.rows, issue, profile).map(|(mean, _)| mean))),
    );
    row(text, &cells);
    text.push('\n');
    if issue {
        return;
    }
    for line in run.rows.iter().filter(|row| !row.pair.issue) {
        let _ = writeln!(text, "- {}: {}", line.pair.name, line.pair.source);
    }
    for line in &run.skipped {
        let _ = writeln!(text, "- left out, could not be had: {line}");
    }
    for line in &run.rows {
        for (kib, ours) in PROFILES.iter().zip(&line.ours) {
            if let Err(why) = ours {
                let _ = writeln!(
                    text,
                    "- {} at {}: no patch, the ratio is that of the whole image: {why}",
                    line.pair.name,
                    size_name(*kib)
                );
            }
        }
    }
    text.push('\n');
}

fn peers(text: &mut String, run: &Run) {
    let columns: Vec<&str> = ["pair"].into_iter().chain(TOOLS).collect();
    head(text, "Bytes: every peer", &columns, 1);
    for line in &run.rows {
        let sizes = TOOLS.map(|tool| {
            line.peer
                .sizes
                .get(tool)
                .copied()
                .map_or(String::new(), number)
        });
        row(text, &[&[line.pair.name.clone()][..], &sizes].concat());
    }
    text.push('\n');
}

/// Encode times, peak memory and decode throughput.
fn encoder(text: &mut String, run: &Run) {
    let names = PROFILES.map(|kib| format!("encode {}, s", size_name(kib)));
    let mut columns = vec!["pair"];
    columns.extend(names.iter().map(String::as_str));
    columns.extend([
        "peak of the encoder, MiB",
        "decode at 16 KiB, kB/s",
        "64 KiB",
        "256 KiB",
        "1 MiB",
    ]);
    head(text, "Time and memory on the ground", &columns, 1);
    for line in &run.rows {
        let each = |value: &dyn Fn(&crate::Ours) -> f64, digits: usize| -> Vec<String> {
            let cell = |ours: &std::result::Result<crate::Ours, String>| match ours {
                Ok(ours) => format!("{:.digits$}", value(ours)),
                Err(_) => "none".to_owned(),
            };
            line.ours.iter().map(cell).collect()
        };
        let bytes = line.pair.bytes as f64;
        let peak = line
            .ours
            .iter()
            .filter_map(|ours| Some(ours.as_ref().ok()?.peak_kib))
            .max();
        let mut cells = vec![line.pair.name.clone()];
        cells.extend(each(&|ours| ours.seconds, 1));
        cells.push(peak.map_or("none".to_owned(), |kib| {
            format!("{:.0}", kib as f64 / 1024.0)
        }));
        cells.extend(each(&|ours| bytes / 1e3 / ours.decode_seconds, 0));
        row(text, &cells);
    }
    text.push_str(
        "\nEach encoding ran in a process of its own, one after the other; its time holds the check by decoding, and \
         its peak is the process's greatest resident memory (`VmHWM`). Decoding is the best of as many runs as fit \
         into 0.3 s.\n\n",
    );
}

fn decoder(text: &mut String, run: &Run) {
    let columns = ["pair", "RAM", "instructions", "per byte of the new image"];
    head(text, "Instructions of the decoder", &columns, 2);
    for line in &run.instructions {
        let mut cells = vec![line.pair.clone(), size_name(line.kib)];
        match &line.count {
            Ok(count) => cells.extend([number(*count), number(count / line.bytes.max(1))]),
            Err(why) => cells.extend([why.clone(), String::new()]),
        }
        row(text, &cells);
    }
    text.push_str("\nCounted by callgrind on this machine, from the first byte to the last.\n\n");
    let stack = match &run.stack {
        Ok(bytes) => format!("{} B", number(*bytes)),
        Err(why) => format!("not measured ({why})"),
    };
    let _ = writeln!(
        text,
        "Greatest stack of the decoder on this machine: {stack}, by valgrind's drd: a thread that decodes, less one \
         that does nothing. The loop that calls it, which holds 4 KiB on the heap, is in it.\n"
    );
}

fn code(text: &mut String, run: &Run) {
    let columns = [
        "target",
        "instruction sets",
        "code, B",
        "constants, B",
        "both, KiB",
        "`ModelDecoder`, B",
        "stack at most, B",
    ];
    head(text, "Code of the decoder", &columns, 2);
    for line in &run.code {
        let both = (line.text + line.rodata) as f64 / 1024.0;
        let mut cells = vec![line.target.clone(), line.variant.clone()];
        cells.extend([number(line.text), number(line.rodata), format!("{both:.1}")]);
        cells.extend([number(u64::from(line.decoder)), number(line.frames)]);
        row(text, &cells);
    }
    if run.code.is_empty() {
        text.push_str("\nNot built: see what `cargo xtask bench delta` says at its start.\n\n");
        return;
    }
    text.push_str(
        "\nA `no_std` library that calls the decoder through `dyn PatchIo`, built at opt-level \"z\" with the library \
         `core` and link-time optimisation, so that what is not reached is gone; the panic handler is empty, and \
         `memcpy` and its like, which every firmware has, are not counted. The last column is the sum of the frames \
         of all functions but those behind `dyn PatchIo`: without recursion no chain of calls can hold more, and a real \
         one holds less.\n\n",
    );
}

fn machine(text: &mut String, run: &Run) {
    let versions: Vec<String> = run
        .versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let _ = writeln!(
        text,
        "### Machine and versions\n\n{}; {}.",
        run.machine,
        versions.join(", ")
    );
}
