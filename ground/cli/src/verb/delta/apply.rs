//! `lightday delta apply`: the new image, from the old one and a patch.

use std::path::PathBuf;

use lightday_station::keys::to_hex;
use lightday_station::profile::DECODER_RAM_MAX;
use lightday_trust::digest::sha256;
use serde_json::json;

use super::files::{self, Target, of_patch};
use super::options::allowed_ram;
use crate::error::Result;
use crate::mission::units::ByteSize;
use crate::out;

/// Apply a patch to the old image and write the new one.
///
/// The old image is checked before anything is decoded, the new one before it gets its name: either the file
/// is there and whole, or it is not there.
///
/// Example:
///   lightday delta apply app-1.0.0.bin app.ldp app-1.1.0.new
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The image that the patch was made from.
    old: PathBuf,
    /// The patch file.
    patch: PathBuf,
    /// The image to write.
    new: PathBuf,
    /// RAM that the decoder may take: bytes, or such as 16KiB. Give the vehicle's to see whether it suffices.
    #[arg(long, value_name = "SIZE", default_value_t = DECODER_RAM_MAX, value_parser = allowed_ram)]
    ram: ByteSize,
    /// Replace a file of that name.
    #[arg(long)]
    replace: bool,
    /// Check and decode, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<()> {
    let target = Target::new(&args.new, "NEW", &[&args.old, &args.patch], args.replace)?;
    let patch = files::load_patch(&args.patch)?;
    let old = files::load_base(&args.old, &patch)?;
    let spinner = out::spinner("decoding");
    let new = patch.apply(old.bytes(), args.ram.0);
    spinner.finish_and_clear();
    let new = new.map_err(|e| of_patch(&args.old, &args.patch, &e))?;
    if !args.dry_run {
        target.write(&new)?;
    }
    let (file, sha256) = (args.new.display().to_string(), to_hex(&sha256(&new).0));
    if args.json {
        return out::json(&json!({ "file": file, "bytes": new.len(), "sha256": sha256 }));
    }
    out::result(&format!("{file}: {} B, SHA-256 {sha256}\n", new.len()))
}
