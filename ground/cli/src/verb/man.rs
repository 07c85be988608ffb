//! `lightday man`: the help of every verb as manual pages.

use std::fs;
use std::path::PathBuf;

use clap::CommandFactory as _;

use crate::atomic::{Access, Pending, refuse_existing};
use crate::error::{Error, Kind, Result};
use crate::out;

/// Write manual pages, one for each verb.
///
/// They say what `--help` says. Pages that are there already stay as they are, unless --replace is given.
///
/// Examples:
///   lightday man ~/.local/share/man/man1 && man lightday-build
///   lightday man man1 --replace
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The directory; it is made if it does not exist.
    dir: PathBuf,
    /// Replace pages of these names.
    #[arg(long)]
    replace: bool,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<()> {
    let mut command = crate::help::flowing(crate::Args::command()).disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    collect(&command, &mut pages)?;
    let paths: Vec<PathBuf> = pages.iter().map(|(name, _)| args.dir.join(name)).collect();
    if !args.replace {
        paths.iter().try_for_each(|path| refuse_existing(path))?;
    }
    if !args.dry_run {
        fs::create_dir_all(&args.dir).map_err(|e| Error::write(&args.dir, &e))?;
        // All lie aside before the first gets its name: a full disk leaves no half of a manual.
        let pending = paths.iter().zip(&pages);
        let pending = pending
            .map(|(path, (_, page))| Pending::write(path, page, Access::Public))
            .collect::<Result<Vec<_>>>()?;
        for page in pending {
            match args.replace {
                true => page.replace()?,
                false => page.create()?,
            }
        }
    }
    let listing: String = paths.iter().map(|p| format!("{}\n", p.display())).collect();
    out::result(&listing)
}

/// The page of a command and those of its subcommands, by file name.
fn collect(command: &clap::Command, pages: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    let source = concat!("lightday ", env!("CARGO_PKG_VERSION"));
    let man = clap_mangen::Man::new(command.clone())
        .source(source)
        .manual("Lightday");
    let mut page = Vec::new();
    man.render(&mut page)
        .map_err(|e| Error::new(Kind::Internal, format!("cannot write a page: {e}")))?;
    pages.push((man.get_filename(), page));
    let shown = command.get_subcommands().filter(|c| !c.is_hide_set());
    shown
        .into_iter()
        .try_for_each(|command| collect(command, pages))
}
