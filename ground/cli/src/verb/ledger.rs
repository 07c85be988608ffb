//! `lightday ledger`: who decided what, and whether the ledger is still what it was.

use serde_json::json;

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::ledger::Chain;
use crate::mission::Mission;
use crate::out::{self, Table};
use crate::time;
use crate::verb::skip;

/// Show the ledger's decisions, verify their hash chain, or skip numbers that an older backup does not know.
///
/// Examples:
///   lightday ledger log
///   lightday ledger verify
///   lightday ledger skip --dry-run
///   lightday ledger verify --head 5f0c...   (the head that you noted elsewhere)
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// List who decided what, the oldest first.
    ///
    /// Example:
    ///   lightday ledger log --json
    #[command(verbatim_doc_comment)]
    Log {
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Check the file, walk the hash chain, hold all facts against the last decision, and compare the objects'
    /// files, the key sets and the link keys with their digests.
    ///
    /// Example:
    ///   lightday ledger verify
    #[command(verbatim_doc_comment)]
    Verify {
        /// The digest that the chain had when you last noted it; it must still be part of the chain.
        #[arg(long, value_name = "DIGEST")]
        head: Option<String>,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Skip the numbers whose files lie here though this ledger never gave them out: it is an older backup, and the later
    /// one is lost.
    ///
    /// No number ever means two things: what was drafted or built under these may have gone up. The files stay where they
    /// are, and what they stood for is made anew. It is one decision; numbers are never lowered again.
    ///
    /// Examples:
    ///   lightday ledger skip --dry-run
    ///   lightday ledger skip
    #[command(verbatim_doc_comment)]
    Skip {
        /// Say what would be skipped, and remember nothing.
        #[arg(long)]
        dry_run: bool,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    match &args.what {
        What::Log { json } => log(&mission, *json),
        What::Skip { dry_run, json } => skip::run(&mission, global, (*dry_run, *json)),
        What::Verify { head, json } => verify(&mission, head.as_deref(), *json),
    }
}

fn log(mission: &Mission, json: bool) -> Result<()> {
    let decisions = mission.ledger_to_read()?.decisions()?;
    if json {
        return out::json(&json!({ "decisions": decisions }));
    }
    let mut table = Table::headed(["seq", "at", "who", "verb", "what"]);
    for d in decisions {
        let at = time::show_instant(u64::try_from(d.at_s).unwrap_or(0));
        table.row([d.seq.to_string(), at, d.who, d.verb, d.what]);
    }
    out::result(&table.to_string())
}

fn verify(mission: &Mission, head: Option<&str>, json: bool) -> Result<()> {
    let ledger = mission.ledger_to_read()?;
    let chain = ledger.verify()?;
    if let Some(head) = head
        && !ledger.has_digest(head)?
    {
        return Err(Error::new(Kind::Ledger, format!("no decision has the digest {head}"))
            .file(&mission.path("ledger.sqlite"))
            .hint("the past was rewritten, or the digest is of another mission: compare with a backup"));
    }
    let objects = ledger.objects()?;
    for object in &objects {
        let path = mission.path(&object.file);
        let copy = ledger.object_bytes(object.kind, object.number)?;
        if lightday_trust::digest::sha256(&copy).0 != object.sha256 {
            return Err(Error::new(Kind::Ledger, format!("its copy of {} was changed", object.file))
                .file(&mission.path("ledger.sqlite"))
                .hint("keep this file as evidence, restore ledger.sqlite from its backup, and compare the two"));
        }
        let bytes = crate::atomic::read(&path, u64::from(u32::MAX)).map_err(|e| {
            e.hint("restore the file from its backup: the ledger knows that it was made")
        })?;
        if lightday_trust::digest::sha256(&bytes).0 != object.sha256 {
            return Err(
                Error::new(Kind::Ledger, "the file is not the one that was made")
                    .file(&path)
                    .hint("restore it from its backup, or make a new one under a new number"),
            );
        }
    }
    // Both refuse what is not what the ledger knows; a mission that has none yet is as it should be.
    if !ledger.key_sets()?.is_empty() {
        mission.key_sets()?;
    }
    if ledger.link_keys()?.is_some() {
        mission.held_link_keys()?;
    }
    let Chain { decisions, head } = chain;
    if json {
        return out::json(&json!({
            "decisions": decisions, "head": head.to_string(), "objects": objects.len(), "holds": true
        }));
    }
    out::result(&format!(
        "{decisions} decisions and {} objects hold.\nhead {head}\n",
        objects.len()
    ))
}
