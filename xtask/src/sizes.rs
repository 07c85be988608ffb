//! How much flash and RAM loader and agent take, by feature and target: `cargo xtask sizes`.
//!
//! Whole programs are linked, each with one of our two onboard crates and a board of registers: the loader with its check
//! of signatures, and the agent in its loop. No console, no driver, no application: what is left is what Lightday adds.
//! The tables are printed in Markdown, as they stand in `docs/FIRMWARE.md`.

mod crates;

use std::fs;

use crate::firmware::elf::{self, Taken};
use crate::no_std::{self, Compiler, TARGETS};
use crate::run::{self, Failure};
use crate::size_probe::Probe;

/// SHA-2 as loops, as the firmware has it; no index for unwinding, which nobody does.
const FLAGS: &str = "--cfg=sha2_backend_soft=\"compact\" -Cforce-unwind-tables=no";

/// What is linked: name of the file, name in the table, and how it is built.
const ROWS: [(&str, &str, Source); 5] = [
    ("loader", "loader, signatures checked", Source::Loader),
    (
        "agent-all",
        "agent, erasure code, decoder of all instruction sets",
        Source::Agent("\"isa-thumb\", \"isa-riscv\", \"isa-sparc\", \"isa-aarch64\""),
    ),
    (
        "agent-own",
        "the same of its own instruction set",
        Source::AgentOfTarget,
    ),
    (
        "agent-words",
        "the same of none: words alone",
        Source::Agent("\"model\""),
    ),
    (
        "agent-store",
        "agent, erasure code, whole images alone",
        Source::Agent(""),
    ),
];

/// Files of which the second table tells the crates.
const DETAILED: [&str; 2] = ["loader", "agent-own"];

#[derive(Clone, Copy)]
enum Source {
    Loader,
    Agent(&'static str),
    AgentOfTarget,
}

/// A linked program: the bytes of its file, and what they take.
struct Linked {
    file: Vec<u8>,
    taken: Taken,
}

/// Links every program for every target, and prints the tables.
///
/// # Errors
/// No compiler that builds `core`, with the commands that install one; or a program that does not build.
pub fn run() -> Result<(), Failure> {
    let compiler = no_std::find()?;
    eprintln!("    sizes with {}", compiler.label());
    let mut table = vec![
        "| program | target | code, B | constants, B | flash, KiB | variables, B |".to_owned(),
        "|---|---|---:|---:|---:|---:|".to_owned(),
    ];
    let mut columns = Vec::new();
    for (file, name, source) in ROWS {
        for target in TARGETS {
            eprintln!("    {name}, {target}");
            let linked = link(&compiler, target, file, source)
                .map_err(|failure| format!("{name} for {target}: {failure}"))?;
            table.push(row(name, target, linked.taken));
            if !DETAILED.contains(&file) {
                continue;
            }
            let groups = crates::by_group(&linked.file);
            let groups = groups.ok_or_else(|| format!("{name} for {target} names no functions"))?;
            let short = target.split('-').next().unwrap_or(target);
            columns.push((format!("{file}, {short}"), groups));
        }
    }
    println!("{}\n\n{}", table.join("\n"), by_crate(&columns).join("\n"));
    Ok(())
}

/// The table of code by crate: a column for each program.
fn by_crate(columns: &[(String, [usize; crates::GROUPS.len()])]) -> Vec<String> {
    let heads: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let mut table = vec![
        format!("| code, B | {} |", heads.join(" | ")),
        format!("|---|{}", "---:|".repeat(columns.len())),
    ];
    for (n, (group, _)) in crates::GROUPS.iter().enumerate() {
        let cells = columns.iter().map(|(_, groups)| match groups[n] {
            0 => "-".to_owned(),
            len => grouped(len),
        });
        let cells: Vec<String> = cells.collect();
        table.push(format!("| {group} | {} |", cells.join(" | ")));
    }
    table
}

/// A line of the table. What begins with a value lies in flash, too.
fn row(name: &str, target: &str, taken: Taken) -> String {
    let Taken {
        code,
        constants,
        data,
        bss,
    } = taken;
    let flash = code + constants + data;
    format!(
        "| {name} | {target} | {} | {} | {}.{} | {} |",
        grouped(code),
        grouped(constants + data),
        flash / 1024,
        flash % 1024 * 10 / 1024,
        grouped(data + bss)
    )
}

/// A number with commas between thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Links one program, keeps it as `target/sizes/TARGET.FILE.elf`, and looks into it.
fn link(compiler: &Compiler, target: &str, file: &str, source: Source) -> Result<Linked, Failure> {
    let (main, features) = match source {
        Source::Loader => (include_str!("../probes/loader.rs"), None),
        Source::Agent(features) => (include_str!("../probes/agent.rs"), Some(features)),
        Source::AgentOfTarget if target.starts_with("thumb") => {
            (include_str!("../probes/agent.rs"), Some("\"isa-thumb\""))
        }
        Source::AgentOfTarget => (include_str!("../probes/agent.rs"), Some("\"isa-riscv\"")),
    };
    let root = run::root();
    let path = |part: &str| root.join(part);
    let mut dependencies = format!(
        "embedded-storage = \"=0.3.2\"\n\
         lightday-boot = {{ path = {:?} }}\nlightday-trust = {{ path = {:?} }}\nlightday-wire = {{ path = {:?} }}\n",
        path("onboard/boot"),
        path("protocol/trust"),
        path("protocol/wire")
    );
    if let Some(features) = features {
        dependencies.push_str(&format!(
            "lightday-agent = {{ path = {:?}, default-features = false, features = [{features}] }}\n",
            path("onboard/agent")
        ));
    }
    let dir = run::target_dir().join("sizes");
    let probe = Probe {
        dir: &dir.join("probe"),
        product: "[[bin]]\nname = \"probe\"\npath = \"main.rs\"",
        dependencies: &dependencies,
        sources: &[
            ("main.rs", main),
            ("registers.rs", include_str!("../probes/registers.rs")),
        ],
        flags: FLAGS,
    };
    let linked = probe
        .build(compiler, target, &dir.join("build"))?
        .join("probe");
    let bytes =
        fs::read(&linked).map_err(|error| format!("cannot read {}: {error}", linked.display()))?;
    let kept = dir.join(format!("{target}.{file}.elf"));
    fs::write(&kept, &bytes)
        .map_err(|error| format!("cannot write {}: {error}", kept.display()))?;
    let taken = elf::taken(&bytes);
    let taken = taken.ok_or_else(|| format!("{} is no ELF file of 32 bits", linked.display()))?;
    Ok(Linked { file: bytes, taken })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_lies_in_flash_and_what_in_ram() {
        let taken = Taken {
            code: 30_000,
            constants: 2_000,
            data: 8,
            bss: 1_234_567,
        };
        assert_eq!(
            row("loader", "thumb", taken),
            "| loader | thumb | 30,000 | 2,008 | 31.2 | 1,234,575 |"
        );
    }
}
