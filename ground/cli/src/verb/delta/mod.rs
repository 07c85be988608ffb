//! `lightday delta`: patches from image to image, outside of any mission.

mod apply;
mod explain;
mod files;
mod inspect;
mod make;
mod options;

use crate::error::Result;

/// Make, apply and look into patches between two images, outside of any mission.
///
/// `lightday build` makes bundles with the very same codecs. A patch file holds a payload, and just enough to
/// apply it: it is signed by nobody. Images are raw binaries or ELF files; of an ELF file the load segments
/// count, as for `build`, and what it says of code, RAM, functions and variables makes patches smaller.
///
/// Examples:
///   lightday delta make app-1.0.0.bin app-1.1.0.bin app.ldp
///   lightday delta apply app-1.0.0.bin app.ldp app-1.1.0.new
///   lightday delta inspect app.ldp --old app-1.0.0.bin
///   lightday delta explain app-1.0.0.elf app-1.1.0.elf
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    Make(make::Args),
    Apply(apply::Args),
    Inspect(inspect::Args),
    Explain(explain::Args),
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<()> {
    match &args.what {
        What::Make(args) => make::run(args),
        What::Apply(args) => apply::run(args),
        What::Inspect(args) => inspect::run(args),
        What::Explain(args) => explain::run(args),
    }
}
