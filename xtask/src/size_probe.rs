//! The decoder of patches as a library for flight computers, of which the benchmark reads the code size.
//!
//! One archive for each target and choice of instruction sets: `target/bench-delta/probe/TARGET.VARIANT.a`. It is
//! built as [`no_std`] builds, at opt-level "z" with link-time optimisation over `core` and all:
//! nothing is left in it that the decoder does not reach, without a linker.

use std::fs;
use std::path::Path;

use crate::no_std::{self, Compiler, TARGETS};
use crate::run::{self, Failure};

/// Variants by name, and the manifest's words for their features.
const VARIANTS: [(&str, &str); 5] = [
    ("all", ""),
    ("isa-thumb", ONE),
    ("isa-riscv", ONE),
    ("isa-sparc", ONE),
    ("isa-aarch64", ONE),
];

const ONE: &str = "default-features = false, features = [\"VARIANT\"], ";

/// Builds every variant that can be built and says which cannot.
///
/// # Errors
/// Files that cannot be written, or a decoder that does not build with its default features.
pub fn build() -> Result<(), Failure> {
    let dir = run::target_dir().join("bench-delta").join("probe");
    // What an earlier run left must not be taken for this one's.
    let _ = fs::remove_dir_all(&dir);
    let compiler = match no_std::find() {
        Ok(compiler) => compiler,
        Err(failure) => {
            println!("    no code sizes: {failure}");
            return Ok(());
        }
    };
    println!("    code sizes with {}", compiler.label());
    for (variant, features) in VARIANTS {
        let features = features.replace("VARIANT", variant);
        write(&dir, &features)
            .map_err(|error| format!("cannot write {}: {error}", dir.display()))?;
        for target in TARGETS {
            match one(&compiler, &dir, target, variant) {
                Ok(()) => println!("    {target} {variant}"),
                Err(failure) if variant == "all" => return Err(failure),
                Err(failure) => {
                    let said = failure.to_string();
                    let line = said.lines().find(|line| line.contains("feature"));
                    println!(
                        "    {target} {variant}: not built: {}",
                        line.unwrap_or(&said)
                    );
                }
            }
        }
    }
    Ok(())
}

fn one(compiler: &Compiler, dir: &Path, target: &str, variant: &str) -> Result<(), Failure> {
    let mut command = compiler.build(target, "core");
    let built = run::target_dir().join("bench-delta").join("probe-build");
    command
        .arg("--release")
        .current_dir(dir)
        .env("CARGO_TARGET_DIR", &built)
        .env("RUSTFLAGS", "-Zemit-stack-sizes");
    let output = run::capture(command)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure(said.trim_end().to_owned()));
    }
    let from = built.join(target).join("release/liblightday_size_probe.a");
    let to = dir.join(format!("{target}.{variant}.a"));
    fs::copy(&from, to).map_err(|error| format!("cannot copy {}: {error}", from.display()))?;
    Ok(())
}

fn write(dir: &Path, features: &str) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    let delta = run::root().join("protocol/delta");
    let manifest = format!(
        "[package]\nname = \"lightday-size-probe\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [lib]\npath = \"probe.rs\"\ncrate-type = [\"staticlib\"]\n\n\
         [dependencies]\nlightday-delta = {{ {features}path = {delta:?} }}\n\n\
         [profile.release]\nopt-level = \"z\"\nlto = \"fat\"\ncodegen-units = 1\npanic = \"abort\"\n\n\
         [workspace]\n"
    );
    fs::write(dir.join("Cargo.toml"), manifest)?;
    fs::write(dir.join("probe.rs"), include_str!("../probe.rs"))?;
    // The same versions of what it needs.
    fs::copy(run::root().join("Cargo.lock"), dir.join("Cargo.lock"))?;
    Ok(())
}
