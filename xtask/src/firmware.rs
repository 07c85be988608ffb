//! Builds the firmware of the RISC-V board: the loader, each version of the flight application, and the factory.
//!
//! `onboard/firmware` is a workspace of its own. The compiler is the active one where rustup has its target, else one
//! that builds `core` from source, as [`no_std`] finds it. What is built lies in
//! `target/firmware/`: `loader.elf`, `flight-NAME.elf` and `factory`.

pub mod elf;
mod panics;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::no_std;
use crate::run::{self, Failure, cargo};
use crate::steps::Outcome;

const TARGET: &str = "riscv32imac-unknown-none-elf";

/// Versions of the flight application, and the feature that makes each.
pub const FLIGHTS: [(&str, Option<&str>); 7] = [
    ("v1", None),
    ("v2", Some("v2")),
    ("crash", Some("crash")),
    ("hang", Some("hang")),
    ("deaf", Some("deaf")),
    ("agentless", Some("agentless")),
    ("vandal", Some("vandal")),
];

/// Where a flight application lies once it is built.
pub fn flight(name: &str) -> PathBuf {
    dir().join(format!("flight-{name}.elf"))
}

/// Where the loader lies.
pub fn loader() -> PathBuf {
    dir().join("loader.elf")
}

/// Where the factory lies.
pub fn factory() -> PathBuf {
    build_dir().join("debug/factory")
}

/// Builds everything, tests and lints what runs on this machine too.
///
/// # Errors
/// Something does not build, or a test fails.
pub fn run() -> Result<Outcome, Failure> {
    build()?;
    let left_out = check()?;
    let panics = panics::check()?;
    let sizes = ["loader.elf", "flight-v1.elf"].map(|name| loaded(&dir().join(name)));
    let [loader, flight] = sizes;
    let note = format!(
        "loader {} B, flight {} B of flash, {} versions; {panics}",
        loader?,
        flight?,
        FLIGHTS.len()
    );
    Ok(match left_out {
        None => Outcome::Passed(note),
        Some(left_out) => Outcome::Partly { note, left_out },
    })
}

/// Builds loader, flight applications and factory.
///
/// # Errors
/// Something does not build.
pub fn build() -> Result<(), Failure> {
    fs::create_dir_all(dir())
        .map_err(|error| format!("cannot make {}: {error}", dir().display()))?;
    let bare = Bare::find()?;
    println!("    {TARGET} with {}", bare.label());
    let mut command = bare.build();
    command.args(["-p", "lightday-firmware-loader"]);
    run::check(command)?;
    keep("loader", &loader())?;
    for (name, feature) in FLIGHTS {
        println!("    flight {name}");
        let mut command = bare.build();
        command.args(["-p", "lightday-firmware-flight"]);
        command.args(
            feature
                .into_iter()
                .flat_map(|feature| ["--features", feature]),
        );
        run::check(command)?;
        keep("flight", &flight(name))?;
    }
    let mut factory = here(cargo());
    factory.args([
        "build",
        "--quiet",
        "--locked",
        "-p",
        "lightday-firmware-factory",
    ]);
    run::check(factory)
}

/// Formatting, lints and the tests of what runs on this machine; gives what had to be left out, for the summary.
fn check() -> Result<Option<String>, Failure> {
    let mut fmt = here(cargo());
    fmt.args(["fmt", "--all", "--", "--check"]);
    run::check(fmt)?;
    let mut clippy = here(cargo());
    clippy.args(["clippy", "--quiet", "--locked", "--all-targets"]);
    clippy.args([
        "-p",
        "lightday-firmware-board",
        "-p",
        "lightday-firmware-factory",
    ]);
    clippy.args(["--", "-D", "warnings"]);
    run::check(clippy)?;
    let mut test = here(cargo());
    test.args(["test", "--quiet", "--locked"]);
    test.args([
        "-p",
        "lightday-firmware-board",
        "-p",
        "lightday-firmware-factory",
    ]);
    run::check(test)?;
    // What flies is linted for its target, where there is a linter for it.
    match Bare::find()? {
        Bare::Installed => {
            let mut clippy = here(cargo());
            clippy.args([
                "clippy",
                "--quiet",
                "--locked",
                "--release",
                "--target",
                TARGET,
            ]);
            clippy.args([
                "-p",
                "lightday-firmware-loader",
                "-p",
                "lightday-firmware-flight",
            ]);
            clippy.args(["--", "-D", "warnings"]);
            run::check(clippy)?;
            Ok(None)
        }
        // Another compiler than the pinned one has other lints, or none.
        Bare::Source(_) => Ok(Some(format!(
            "lints of loader and flight, for want of the target: rustup target add {TARGET}"
        ))),
    }
}

/// Which compiler makes bare-metal programs.
enum Bare {
    /// The active toolchain, whose target rustup installed.
    Installed,
    /// One that builds `core` itself.
    Source(no_std::Compiler),
}

impl Bare {
    fn find() -> Result<Self, Failure> {
        let mut list = run::in_root("rustup");
        list.args(["target", "list", "--installed"]);
        let installed = run::answer(list).unwrap_or_default();
        if installed.lines().any(|line| line.trim() == TARGET) {
            return Ok(Self::Installed);
        }
        no_std::find().map(Self::Source).map_err(|failure| {
            Failure(format!(
                "{failure}\n  or the target itself: rustup target add {TARGET}"
            ))
        })
    }

    /// Whether it is the one that the repository pins, by which the places of panics are argued.
    fn is_pinned(&self) -> bool {
        matches!(
            self,
            Self::Installed | Self::Source(no_std::Compiler::Active)
        )
    }

    fn label(&self) -> &'static str {
        match self {
            Self::Installed => "the active toolchain",
            Self::Source(compiler) => compiler.label(),
        }
    }

    /// `cargo build` of the firmware's workspace, without a package yet.
    fn build(&self) -> Command {
        let mut command = match self {
            Self::Installed => {
                let mut command = cargo();
                command.args(["build", "--quiet", "--target", TARGET]);
                command
            }
            Self::Source(compiler) => {
                let mut command = compiler.build(TARGET, "core");
                // The target has no library that brings memcpy and its like.
                command.arg("-Zbuild-std-features=compiler-builtins-mem");
                if let Some(linker) = compiler.linker() {
                    command.env("CARGO_TARGET_RISCV32IMAC_UNKNOWN_NONE_ELF_LINKER", linker);
                }
                command
            }
        };
        command.args(["--release", "--locked"]);
        here(command)
    }
}

/// In the firmware's workspace, whose settings cargo finds there.
fn here(mut command: Command) -> Command {
    command
        .current_dir(run::root().join("onboard/firmware"))
        .env("CARGO_TARGET_DIR", build_dir())
        .env_remove("RUSTFLAGS");
    command
}

fn dir() -> PathBuf {
    run::target_dir().join("firmware")
}

fn build_dir() -> PathBuf {
    dir().join("build")
}

fn keep(name: &str, to: &Path) -> Result<(), Failure> {
    let from = build_dir().join(TARGET).join("release").join(name);
    let copied = fs::copy(&from, to);
    copied.map_err(|error| format!("cannot copy {}: {error}", from.display()))?;
    Ok(())
}

/// Bytes that an ELF file loads.
fn loaded(path: &Path) -> Result<usize, Failure> {
    let bytes =
        fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let parts = elf::loaded(&bytes);
    let parts = parts.ok_or_else(|| format!("{} is no ELF file of 32 bits", path.display()))?;
    Ok(parts.iter().map(|(_, part)| part.len()).sum())
}
