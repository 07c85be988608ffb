//! The golden patches of `lightday-delta`, decoded on emulated processors of three kinds: what a patch makes must not
//! depend on who decodes it.
//!
//! ```text
//! protocol/delta/tests/golden --> xtask/probes/golden --> one bare program for each processor --> QEMU --> its verdicts
//! ```

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::no_std::{self, Compiler};
use crate::run::{self, Failure};
use crate::size_probe::Probe;
use crate::steps::Outcome;

/// How long a processor may take: it needs some seconds.
const PATIENCE: Duration = Duration::from_secs(180);

/// A processor, and who emulates it.
struct Processor {
    name: &'static str,
    target: &'static str,
    /// How it starts, speaks and ends.
    board: &'static str,
    /// First symbol, address of code, address of variables.
    map: [&'static str; 3],
    /// The linker, where the compiler brings none: program, package of Debian, flags.
    linker: Option<(&'static str, &'static str, &'static str)>,
    /// The emulator: program, package of Debian, arguments.
    qemu: (&'static str, &'static str, &'static [&'static str]),
}

const PROCESSORS: [Processor; 3] = [
    Processor {
        name: "Cortex-M4",
        target: "thumbv7em-none-eabihf",
        board: include_str!("../probes/golden/cortex_m4.rs"),
        map: ["reset", "0x00000000", "0x20000000"],
        linker: None,
        qemu: (
            "qemu-system-arm",
            "qemu-system-arm",
            &[
                "-M",
                "mps2-an386",
                "-semihosting-config",
                "enable=on,target=native",
            ],
        ),
    },
    Processor {
        name: "RV32",
        target: "riscv32imac-unknown-none-elf",
        board: include_str!("../probes/golden/riscv32.rs"),
        map: ["_start", "0x80000000", "0x80200000"],
        linker: None,
        qemu: (
            "qemu-system-riscv32",
            "qemu-system-misc",
            &["-M", "virt", "-bios", "none"],
        ),
    },
    Processor {
        name: "LEON3 (big-endian)",
        target: "sparc-unknown-none-elf",
        board: include_str!("../probes/golden/leon3.rs"),
        map: ["_start", "0x40000000", "0x40200000"],
        linker: Some((
            "sparc64-linux-gnu-ld",
            "binutils-sparc64-linux-gnu",
            "-Ctarget-cpu=leon3 -Clinker-flavor=ld -Clink-arg=-melf32_sparc",
        )),
        qemu: (
            "qemu-system-sparc",
            "qemu-system-sparc",
            &["-M", "leon3_generic"],
        ),
    },
];

/// Decodes all of them on every processor.
///
/// # Errors
/// A compiler, a linker or an emulator is missing, with the command that installs it; a patch made another image.
pub fn run() -> Result<Outcome, Failure> {
    look()?;
    let compiler = no_std::find()?;
    let mut patches = 0;
    for processor in &PROCESSORS {
        let elf = processor.build(&compiler)?;
        let said = processor.emulate(&elf)?;
        patches = all_right(&said)
            .map_err(|why| format!("{}: {why}\n{}", processor.name, said.trim_end()))?;
        println!(
            "    {}: {patches} golden patches, bit for bit",
            processor.name
        );
    }
    let names = PROCESSORS.map(|processor| processor.name).join(", ");
    Ok(Outcome::Passed(format!(
        "{patches} golden patches on {names}"
    )))
}

/// Whether every linker and emulator is there.
fn look() -> Result<(), Failure> {
    let linkers = PROCESSORS.iter().filter_map(|processor| processor.linker);
    let linkers = linkers.map(|(program, package, _)| (program, package));
    let emulators = PROCESSORS.iter().map(|processor| processor.qemu);
    let emulators = emulators.map(|(program, package, _)| (program, package));
    let missing: Vec<_> = linkers
        .chain(emulators)
        .filter(|(program, _)| {
            let mut command = run::in_root(program);
            command.arg("--version");
            run::answer(command).is_none()
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (programs, packages): (Vec<_>, Vec<_>) = missing.into_iter().unzip();
    Err(Failure(format!(
        "missing: {}. On Debian or Ubuntu:\n  sudo apt-get install {}",
        programs.join(", "),
        packages.join(" ")
    )))
}

impl Processor {
    fn build(&self, compiler: &Compiler) -> Result<PathBuf, Failure> {
        let root = run::root();
        let dir = run::target_dir().join("golden");
        let place = dir.join(self.target);
        let golden = root.join("protocol/delta/tests/golden/mod.rs");
        let main = include_str!("../probes/golden/main.rs")
            .replace("@GOLDEN@", &golden.display().to_string());
        let [entry, code, ram] = self.map;
        let link = include_str!("../probes/golden/link.x")
            .replace("@ENTRY@", entry)
            .replace("@CODE@", code)
            .replace("@RAM@", ram);
        let mut flags = "-Clink-arg=-Tlink.x".to_owned();
        if let Some((program, _, more)) = self.linker {
            flags.push_str(&format!(" -Clinker={program} {more}"));
        }
        let probe = Probe {
            dir: &place,
            product: "[[bin]]\nname = \"probe\"\npath = \"main.rs\"",
            dependencies: &format!(
                "lightday-delta = {{ path = {:?} }}",
                root.join("protocol/delta")
            ),
            sources: &[
                ("main.rs", &main),
                ("board.rs", self.board),
                ("link.x", &link),
            ],
            flags: &flags,
        };
        let built = probe
            .build(compiler, self.target, &dir.join("build"))
            .map_err(|failure| format!("the golden patches for {}: {failure}", self.name))?;
        Ok(built.join("probe"))
    }

    /// What the program says on its UART until it ends.
    fn emulate(&self, elf: &PathBuf) -> Result<String, Failure> {
        let (program, _, machine) = self.qemu;
        let said = elf.with_extension("said");
        let file = |error| Failure(format!("{}: {error}", said.display()));
        let mut command = Command::new(program);
        command
            .args(machine)
            .args(["-display", "none", "-monitor", "none", "-serial", "stdio"])
            .arg("-kernel")
            .arg(elf)
            .stdin(Stdio::null())
            .stdout(fs::File::create(&said).map_err(file)?);
        let mut child = command
            .spawn()
            .map_err(|error| format!("{program} does not start: {error}"))?;
        let begun = Instant::now();
        while matches!(child.try_wait(), Ok(None)) && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
        let said = fs::read(&said).map_err(file)?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }
}

/// How many patches a program decoded, if all of them are right.
fn all_right(said: &str) -> Result<usize, String> {
    let last = said.lines().last().unwrap_or_default().trim();
    let counts = last
        .strip_prefix("golden: ")
        .and_then(|counts| counts.split_once(" of "));
    let Some((right, all)) = counts else {
        return Err("it did not come to its end".to_owned());
    };
    match (right.parse::<usize>(), all.parse::<usize>()) {
        (Ok(right), Ok(all)) if right == all && right > 0 => Ok(all),
        _ => Err(format!("{right} of {all} golden patches made their image")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_image_or_a_program_that_does_not_end_is_a_failure() {
        assert_eq!(all_right("ok a\nok b\ngolden: 2 of 2\n"), Ok(2));
        assert!(all_right("ok a\nWRONG b\ngolden: 1 of 2\n").is_err());
        assert!(all_right("golden: 0 of 0\n").is_err());
        assert!(all_right("ok a\nok b\n").is_err());
        assert!(all_right("").is_err());
    }
}
