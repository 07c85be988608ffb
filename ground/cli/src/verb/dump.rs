//! `lightday dump`: what a memory dump brought, as a file.

use std::path::PathBuf;

use lightday_wire::ObjectNumber;

use crate::Global;
use crate::atomic::{self, Access};
use crate::error::{Error, Kind, Result};
use crate::mission::Mission;
use crate::mission::dumps::{self, Held};
use crate::mission::regions::{self, Known};
use crate::mission::times::Times;
use crate::out;

/// Write the bytes of flash that a memory dump brought to a file.
///
/// Its parts are those that `lightday ingest` took in, whatever files they came in. While some are missing, or where the
/// flash could not be read, it says which bytes that are and writes nothing, unless --gaps. The bytes are held against
/// the image that the reports on both sides of the command show there.
///
/// Examples:
///   lightday dump 12 slot-b.bin
///   lightday dump 12 slot-b.bin --gaps
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Number of the command that asked for it.
    command: u32,
    /// The file; it must not exist.
    file: PathBuf,
    /// Write what is here, with zeros in the gaps.
    #[arg(long)]
    gaps: bool,
    /// Say what there is, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    let ledger = mission.ledger_to_read()?;
    let of = ObjectNumber::new(args.command);
    let times = Times::read(&mission, &ledger, &[])?;
    let mut dumps = dumps::all(&times, &ledger, &[])?;
    dumps.retain(|dump| Some(dump.command) == of);
    let held = dumps::hold(&Known::new(&mission, &ledger), &times, dumps)?;
    let Some(held) = held.first() else {
        let what = format!("nothing of a dump of command {} is here", args.command);
        return Err(Error::new(Kind::Input, what).hint(
            "`lightday command dump` asks for one, `lightday ingest` takes its parts in, `lightday status` lists them",
        ));
    };
    check(held, args)?;
    atomic::refuse_unplaceable(&args.file)?;
    if !args.dry_run {
        atomic::create(&args.file, &held.dump.bytes(), Access::Public)?;
    }
    match args.json {
        true => out::json(&held.to_json()),
        false => out::result(&held.text()),
    }
}

/// Nothing is written that could be taken for something else.
fn check(held: &Held, args: &Args) -> Result<()> {
    let dump = &held.dump;
    if let Some(report) = held.used_before {
        let what = format!(
            "command {} may not be the one that was answered",
            dump.command
        );
        return Err(Error::new(Kind::Refused, what).hint(regions::reused(dump.command, report)));
    }
    if dump.is_disputed {
        let what = format!("two vehicles answered command {}", dump.command);
        return Err(Error::new(Kind::Refused, what).hint(
            "one of the two is forged: go on to the next link epoch (lightday command epoch-switch), and ask again",
        ));
    }
    let gaps = dump.gaps();
    if gaps.is_empty() || args.gaps {
        return Ok(());
    }
    let gaps: Vec<String> = gaps.iter().map(dumps::Gap::text).collect();
    let what = format!("the dump has gaps: {}", gaps.join("; "));
    Err(Error::new(Kind::Refused, what).hint(
        "ask for these bytes with another `lightday command dump`, or write it with zeros in the gaps: --gaps",
    ))
}
