//! Small programs that are built for flight computers to see how large they are.
//!
//! Each is a package of its own, written into the target directory and built as [`no_std`] builds, at opt-level "z" with
//! link-time optimisation over `core` and all. The sources are in `xtask/probes`.
//!
//! | what | built as | for |
//! |---|---|---|
//! | decoder of patches | an archive, of which nothing is left that it does not reach | `cargo xtask bench delta` |
//! | loader, agent | a linked program | [`sizes`](crate::sizes) |

use std::fs;
use std::path::{Path, PathBuf};

use crate::no_std::{self, Compiler, TARGETS};
use crate::run::{self, Failure};

/// Variants of the decoder by name, and the manifest's words for their features.
const VARIANTS: [(&str, &str); 5] = [
    ("all", ""),
    ("isa-thumb", ONE),
    ("isa-riscv", ONE),
    ("isa-sparc", ONE),
    ("isa-aarch64", ONE),
];

const ONE: &str = "default-features = false, features = [\"VARIANT\"], ";

/// A package to be built.
pub struct Probe<'a> {
    /// Where it is written.
    pub dir: &'a Path,
    /// Its target in the manifest's words: `[lib]` or `[[bin]]` and what stands below.
    pub product: &'a str,
    /// Its dependencies in the manifest's words.
    pub dependencies: &'a str,
    /// Source files by name.
    pub sources: &'a [(&'a str, &'a str)],
    /// Flags for every crate, `core` too.
    pub flags: &'a str,
}

impl Probe<'_> {
    /// Builds it; what came of it is in the directory that this gives.
    ///
    /// # Errors
    /// What the compiler said.
    pub fn build(
        &self,
        compiler: &Compiler,
        target: &str,
        built: &Path,
    ) -> Result<PathBuf, Failure> {
        self.write()
            .map_err(|error| format!("cannot write {}: {error}", self.dir.display()))?;
        let mut command = compiler.build(target, "core");
        // The target has no library that brings memcpy and its like.
        command.arg("-Zbuild-std-features=compiler-builtins-mem");
        if let Some(linker) = compiler.linker() {
            let name = target.to_uppercase().replace('-', "_");
            command.env(format!("CARGO_TARGET_{name}_LINKER"), linker);
        }
        command
            .arg("--release")
            .current_dir(self.dir)
            .env("CARGO_TARGET_DIR", built)
            .env("RUSTFLAGS", self.flags);
        let output = run::capture(command)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Failure(said.trim_end().to_owned()));
        }
        Ok(built.join(target).join("release"))
    }

    fn write(&self) -> std::io::Result<()> {
        fs::create_dir_all(self.dir)?;
        let manifest = format!(
            "[package]\nname = \"lightday-size-probe\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             {}\n\n[dependencies]\n{}\n\n\
             [profile.release]\nopt-level = \"z\"\nlto = \"fat\"\ncodegen-units = 1\npanic = \"abort\"\n\n\
             [workspace]\n",
            self.product, self.dependencies
        );
        fs::write(self.dir.join("Cargo.toml"), manifest)?;
        for (name, text) in self.sources {
            fs::write(self.dir.join(name), text)?;
        }
        // The same versions of what it needs.
        fs::copy(run::root().join("Cargo.lock"), self.dir.join("Cargo.lock"))?;
        Ok(())
    }
}

/// Builds every variant of the decoder that can be built and says which cannot:
/// `target/bench-delta/probe/TARGET.VARIANT.a`.
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
        for target in TARGETS {
            match decoder(&compiler, &dir, target, variant, &features) {
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

fn decoder(
    compiler: &Compiler,
    dir: &Path,
    target: &str,
    variant: &str,
    features: &str,
) -> Result<(), Failure> {
    let delta = run::root().join("protocol/delta");
    let probe = Probe {
        dir,
        product: "[lib]\npath = \"decoder.rs\"\ncrate-type = [\"staticlib\"]",
        dependencies: &format!("lightday-delta = {{ {features}path = {delta:?} }}"),
        sources: &[("decoder.rs", include_str!("../probes/decoder.rs"))],
        flags: "-Zemit-stack-sizes",
    };
    let built = run::target_dir().join("bench-delta").join("probe-build");
    let from = probe.build(compiler, target, &built)?;
    let from = from.join("liblightday_size_probe.a");
    let to = dir.join(format!("{target}.{variant}.a"));
    fs::copy(&from, to).map_err(|error| format!("cannot copy {}: {error}", from.display()))?;
    Ok(())
}
