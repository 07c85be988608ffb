//! `lightday keygen link` and `link-epoch`: the sixteen link keys, and the one that a machine sends with.

use std::path::PathBuf;

use lightday_station::keys::to_hex;
use lightday_station::link_keys::HeldKeys;
use lightday_wire::Epoch;
use serde_json::json;

use crate::Global;
use crate::atomic::{self, Access};
use crate::error::{Error, Kind, Result};
use crate::mission::Mission;
use crate::mission::keys::{LINK_VAULT, entropy, fingerprints, link_file, read_link_keys};
use crate::out;
use crate::verb::keygen::replaceable;

/// `keygen link`.
#[derive(clap::Args)]
pub struct Link {
    /// Make new keys although some were made before and are lost. Never once anything was sent or heard.
    #[arg(long)]
    replace: bool,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// `keygen link-epoch`.
#[derive(clap::Args)]
pub struct LinkEpoch {
    /// The epoch, 0 to 15.
    #[arg(value_parser = epoch)]
    epoch: Epoch,
    /// The file of all sixteen keys, where the vault has it.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

fn epoch(text: &str) -> std::result::Result<Epoch, String> {
    let epoch = text.parse().ok().and_then(Epoch::new);
    epoch.ok_or_else(|| "epochs are 0 to 15".to_owned())
}

/// Makes the sixteen keys, and the file of the first epoch.
pub fn make(args: &Link, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    let path = mission.path(LINK_VAULT);
    let first = mission.path(link_file(Epoch::FIRST));
    let mut ledger = mission.ledger(global)?;
    let known = ledger.link_keys()?;
    // A run that was cut off before the ledger knew them.
    let is_half_done = known.is_none() && path.symlink_metadata().is_ok();
    if !is_half_done {
        atomic::refuse_existing(&path)?;
        atomic::refuse_existing(&first)?;
    }
    if known.is_some() {
        replaceable("link keys", args.replace, &ledger, &path)?;
    }
    if !args.dry_run {
        let made = match is_half_done {
            true => read_link_keys(&path)?,
            false => HeldKeys::generate(&entropy::<512>()?),
        };
        let prints = fingerprints(&path, &made)?;
        // Named before the ledger knows them: it must never know keys that nobody has.
        if !is_half_done {
            atomic::create(&path, made.to_text().as_bytes(), Access::Private)?;
        }
        if first.symlink_metadata().is_err() {
            let text = made.only(Epoch::FIRST).to_text();
            atomic::create(&first, text.as_bytes(), Access::Private)?;
        }
        let what = json!({ "fingerprints": to_hex(&prints) });
        ledger.step(&global.actor(), "keygen link", |step| {
            step.add_link_keys(&prints)?;
            Ok(((), what))
        })?;
    }
    out::result(&format!("{}\n{}\n", path.display(), first.display()))?;
    out::message(format_args!(
        "Burn the sixteen keys of {LINK_VAULT} into the vehicle before launch, back them up, and move the file to a vault, off this machine: whoever steals all of them leaves no epoch to go on to. link-0.key is enough to send and hear."
    ));
    Ok(())
}

/// Takes the key of one epoch from the vault's file.
pub fn take(args: &LinkEpoch, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    let n = args.epoch.get();
    let path = mission.path(link_file(args.epoch));
    atomic::refuse_existing(&path)?;
    let vault = mission.known_link_keys(&args.from)?;
    let held = vault.only(args.epoch);
    if held.epochs().next().is_none() {
        return Err(Error::new(
            Kind::Input,
            format!("it does not hold the key of epoch {n}"),
        )
        .file(&args.from)
        .field("from")
        .hint("name the file of all sixteen link keys, as `lightday keygen link` made it"));
    }
    if !args.dry_run {
        atomic::create(&path, held.to_text().as_bytes(), Access::Private)?;
    }
    out::result(&format!("{}\n", path.display()))?;
    out::message("Take the vault's file off this machine again.");
    Ok(())
}
