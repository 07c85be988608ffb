//! `lightday completions`: what a shell needs to complete our command line.

use clap::CommandFactory as _;

use crate::error::Result;
use crate::out;

/// Write completions for a shell to standard output.
///
/// Example:
///   lightday completions fish > ~/.config/fish/completions/lightday.fish
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The shell.
    shell: clap_complete::Shell,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut crate::Args::command(),
        "lightday",
        &mut script,
    );
    out::result(&String::from_utf8_lossy(&script))
}
