//! The verbs, one file each. The doc comment of a verb's arguments is its `--help`.

mod asked;
mod authorize;
mod base;
mod between;
mod build;
mod command;
mod completions;
mod crash_test;
mod delta;
mod demo;
pub mod describe;
mod dump;
mod fields;
mod frames;
mod import;
mod ingest;
mod inspect;
mod keygen;
mod ledger;
mod line;
mod link;
mod link_keys;
mod man;
mod new;
mod pieces;
mod plan;
mod preview;
mod rehearse;
mod sendable;
mod sending;
mod sign;
mod skip;
mod status;
mod study;
mod successor;
mod taken;
mod unsent;
mod uplink;
mod verify;
mod versions;

use crate::Global;
use crate::error::Result;

/// What to do.
#[derive(clap::Subcommand)]
pub enum Verb {
    New(new::Args),
    Keygen(keygen::Args),
    Build(build::Args),
    Import(import::Args),
    Sign(sign::Args),
    Authorize(authorize::Args),
    Command(command::Args),
    Delta(delta::Args),
    Inspect(inspect::Args),
    Verify(verify::Args),
    Plan(plan::Args),
    Uplink(uplink::Args),
    Link(link::Args),
    Ingest(ingest::Args),
    Status(status::Args),
    Dump(dump::Args),
    Rehearse(rehearse::Args),
    Demo(demo::Args),
    CrashTest(crash_test::Args),
    Study(study::Args),
    Ledger(ledger::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// Those of the verb.
    pub fn run(self, global: &Global) -> Result<()> {
        match self {
            Self::New(args) => new::run(&args),
            Self::Keygen(args) => keygen::run(&args, global),
            Self::Build(args) => build::run(&args, global),
            Self::Import(args) => import::run(&args, global),
            Self::Sign(args) => sign::run(&args, global),
            Self::Authorize(args) => authorize::run(&args, global),
            Self::Command(args) => command::run(&args, global),
            Self::Delta(args) => delta::run(&args),
            Self::Inspect(args) => inspect::run(&args, global),
            Self::Verify(args) => verify::run(&args, global),
            Self::Plan(args) => plan::run(&args, global),
            Self::Uplink(args) => uplink::run(&args, global),
            Self::Link(args) => link::run(&args, global),
            Self::Ingest(args) => ingest::run(&args, global),
            Self::Status(args) => status::run(&args, global),
            Self::Dump(args) => dump::run(&args, global),
            Self::Rehearse(args) => rehearse::run(&args, global),
            Self::Demo(args) => demo::run(&args),
            Self::CrashTest(args) => crash_test::run(&args),
            Self::Study(args) => study::run(&args),
            Self::Ledger(args) => ledger::run(&args, global),
            Self::Completions(args) => completions::run(&args),
            Self::Man(args) => man::run(&args),
        }
    }
}
