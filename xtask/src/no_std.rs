//! The proof that the protocol and onboard crates need `core` alone.
//!
//! Each crate is built, one at a time so that no other crate's features are switched on for it, with
//! `-Zbuild-std=core` for two bare-metal targets. The sysroot then holds neither `alloc` nor `std`: a crate that names
//! either, itself or through a dependency, does not compile. A canary that does so is built first and must fail.
//!
//! The decoders that need a heap are built apart, with `core` and `alloc`.
//!
//! `-Zbuild-std` needs the library's source beside a compiler of the same version. In this order:
//!
//! ```text
//! active toolchain with rust-src -> nightly with rust-src -> Debian's rustc-web + rust-web-src
//!                                -> `rustup component add rust-src`, and the active toolchain again
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{self, Failure, cargo, in_root};
use crate::steps::Outcome;

/// A flight computer of each kind: Cortex-M4F and RV32.
pub const TARGETS: [&str; 2] = ["thumbv7em-none-eabihf", "riscv32imac-unknown-none-elf"];

/// Everything that flies.
const PACKAGES: [&str; 6] = [
    "lightday-wire",
    "lightday-fec",
    "lightday-delta",
    "lightday-trust",
    "lightday-boot",
    "lightday-agent",
];

/// What flies on Linux-class vehicles alone, and needs a heap besides `core`: package and feature.
const WITH_HEAP: [(&str, &str); 2] = [("lightday-delta", "zstd"), ("lightday-agent", "zstd")];

/// Only names are to be resolved here: optimising `core` would take minutes.
const FAST: [&str; 3] = [
    "profile.dev.opt-level=0",
    "profile.dev.debug=false",
    "profile.dev.package.\"*\".opt-level=0",
];

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

const REMEDY: &str = "no compiler with the source of the standard library. Any one of these mends it:\n  \
    rustup component add rust-src\n  \
    rustup component add rust-src --toolchain nightly\n  \
    sudo apt-get install rustc-web rust-web-src    (Debian)";

/// A compiler that has the library's source beside it.
pub enum Compiler {
    /// The toolchain that runs this.
    Active,
    /// The nightly of rustup.
    Nightly,
    /// The packages rustc-web and rust-web-src.
    Debian,
}

impl Compiler {
    /// `cargo build` for `target` with these crates of the library and no other.
    pub fn build(&self, target: &str, library: &str) -> Command {
        let mut command = match self {
            Self::Active => cargo(),
            Self::Nightly => run::nightly("cargo"),
            Self::Debian => {
                let mut command = cargo();
                command
                    .env("RUSTC", DEBIAN_RUSTC)
                    .env_remove("LD_LIBRARY_PATH");
                command
            }
        };
        // `-Zbuild-std` is unstable; the crates themselves use no unstable feature, as every other step shows.
        command
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", build_dir());
        command.args(["build", "--quiet", "--target", target]);
        command.arg(format!("-Zbuild-std={library}"));
        command.args(FAST.iter().flat_map(|setting| ["--config", setting]));
        command
    }

    /// The linker of bare-metal programs, where this compiler has none beside it.
    pub fn linker(&self) -> Option<PathBuf> {
        let Self::Debian = self else { return None };
        let sysroot = sysroot_of(in_root("rustc"))?;
        let mut version = in_root("rustc");
        version.arg("-vV");
        let version = run::answer(version)?;
        let host = version
            .lines()
            .find_map(|line| line.strip_prefix("host: "))?;
        Some(sysroot.join("lib/rustlib").join(host).join("bin/rust-lld"))
    }

    /// Its name for a reader.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Active => "the active toolchain",
            Self::Nightly => "nightly",
            Self::Debian => "Debian's rustc-web",
        }
    }
}

/// Builds every package for every target.
///
/// # Errors
/// No suitable compiler, a crate that needs more than `core`, or a canary that built although it must not.
pub fn run() -> Result<Outcome, Failure> {
    let compiler = find()?;
    println!("    -Zbuild-std=core with {}", compiler.label());
    for target in TARGETS {
        canary(&compiler, target)?;
        for package in PACKAGES {
            println!("    {package} for {target}");
            let mut command = compiler.build(target, "core");
            command.args(["--lib", "-p", package]);
            run::check(command).map_err(|failure| {
                format!("{package} does not build with `core` alone for {target}: {failure}")
            })?;
        }
        println!("    lightday-agent without features for {target}");
        let mut command = compiler.build(target, "core");
        command.args(["--lib", "-p", "lightday-agent", "--no-default-features"]);
        run::check(command).map_err(|failure| {
            format!("lightday-agent does not build without features for {target}: {failure}")
        })?;
        for (package, feature) in WITH_HEAP {
            println!("    {package} with {feature} (core and alloc) for {target}");
            let mut command = compiler.build(target, "core,alloc");
            command.args(["--lib", "-p", package, "--features", feature]);
            run::check(command).map_err(|failure| {
                format!("{package} with {feature} needs more than a heap for {target}: {failure}")
            })?;
        }
    }
    let (packages, targets) = (PACKAGES.len(), TARGETS.join(" and "));
    Ok(Outcome::Passed(format!(
        "{packages} crates with core alone for {targets}, by {}",
        compiler.label()
    )))
}

/// The first compiler that fits; if there is none, `rust-src` is added to the active one.
///
/// # Errors
/// None fits, and rustup could not mend it.
pub fn find() -> Result<Compiler, Failure> {
    if active_has_source() {
        return Ok(Compiler::Active);
    }
    if sysroot_of(run::nightly("rustc")).is_some_and(|sysroot| has_source(&sysroot)) {
        return Ok(Compiler::Nightly);
    }
    if debian_fits() {
        return Ok(Compiler::Debian);
    }
    println!("    rustup component add rust-src");
    let mut add = in_root("rustup");
    add.args(["component", "add", "rust-src"]);
    if run::check(add).is_ok() && active_has_source() {
        return Ok(Compiler::Active);
    }
    Err(Failure(REMEDY.to_owned()))
}

fn active_has_source() -> bool {
    sysroot_of(in_root("rustc")).is_some_and(|sysroot| has_source(&sysroot))
}

fn sysroot_of(mut rustc: Command) -> Option<PathBuf> {
    rustc.args(["--print", "sysroot"]);
    run::answer(rustc).map(PathBuf::from)
}

fn has_source(sysroot: &Path) -> bool {
    sysroot
        .join("lib/rustlib/src/rust/library/core/src/lib.rs")
        .is_file()
}

/// Debian's compiler is there, with its source, and no older than what the workspace declares.
fn debian_fits() -> bool {
    let mut version = in_root(DEBIAN_RUSTC);
    version.arg("--version");
    let Some(version) = run::answer(version) else {
        return false;
    };
    if minor_of(&version) < minor_of(concat!("rustc ", env!("CARGO_PKG_RUST_VERSION"))) {
        println!("    {DEBIAN_RUSTC} is too old: {version}");
        return false;
    }
    sysroot_of(in_root(DEBIAN_RUSTC)).is_some_and(|sysroot| has_source(&sysroot))
}

/// `(1, 95)` of `rustc 1.95.0 (...)`.
fn minor_of(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split_whitespace().nth(1)?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// A crate that uses `alloc` must not build: otherwise this step would prove nothing.
fn canary(compiler: &Compiler, target: &str) -> Result<(), Failure> {
    let dir = build_dir().join("canary");
    write_canary(&dir).map_err(|error| format!("cannot write {}: {error}", dir.display()))?;
    let mut command = compiler.build(target, "core");
    command.current_dir(&dir);
    let output = run::capture(command)?;
    let said = String::from_utf8_lossy(&output.stderr);
    // Where the target's own library is installed, its `alloc` is found, and does not go with the `core` that was built.
    let refused = ["can't find crate for `alloc`", "(which `alloc` depends on)"];
    if !output.status.success() && refused.iter().any(|why| said.contains(why)) {
        return Ok(());
    }
    Err(Failure(format!(
        "the canary for {target} should fail for want of `alloc`, but said:\n{}",
        said.trim_end()
    )))
}

fn write_canary(dir: &Path) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    let manifest = "[package]\nname = \"canary\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
        [lib]\npath = \"canary.rs\"\n\n[workspace]\n";
    fs::write(dir.join("Cargo.toml"), manifest)?;
    fs::write(dir.join("canary.rs"), "#![no_std]\nextern crate alloc;\n")
}

fn build_dir() -> PathBuf {
    run::target_dir().join("no-std")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert_eq!(
            minor_of("rustc 1.96.0 (ac68faa20 2026-05-25)"),
            Some((1, 96))
        );
        assert!(minor_of("rustc 1.100.0") > minor_of("rustc 1.95"));
        assert!(minor_of("nonsense") < minor_of("rustc 1.95"));
    }
}
