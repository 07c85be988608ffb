//! `lightday study`: what can be said of a link before anything is built for it.

mod delivery;
mod plot;
mod symbols;

use clap::Subcommand;

use crate::error::Result;

/// Compare ways to bring a payload over a slow, lossy and distant link, and lengths of symbols.
///
/// Examples:
///   lightday study delivery --payload 100kB --rate 100 --light-time 22h \
///       --loss 0.1 --burst 10
///   lightday study symbols --payload 20kB
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Delivery(delivery::Args),
    Symbols(symbols::Args),
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<()> {
    match &args.verb {
        Verb::Delivery(args) => delivery::run(args),
        Verb::Symbols(args) => symbols::run(args),
    }
}
