//! `lightday delta make`: the smallest patch from one image to another.

use std::path::PathBuf;

use lightday_delta::encode::model_isa;
use lightday_station::codec::{self, CodecError, Encoded};
use lightday_station::patch::Patch;
use lightday_station::profile::{DecoderProfile, codec_name};
use lightday_wire::CodecId;
use serde_json::{Value, json};

use super::files::{self, Loaded, Target, of_patch};
use super::options::{Options, isa_name};
use crate::error::{Error, Kind, Result};
use crate::out::{self, Table};

/// Make a patch from an old image to a new one.
///
/// Tries all codecs that decode in the RAM given, proves each by the decoder that flies, and keeps the
/// one whose file is smallest. The result is only as good for a vehicle as --ram is true.
///
/// Examples:
///   lightday delta make app-1.0.0.bin app-1.1.0.bin app.ldp \
///       --ram 16KiB --isa thumb --old-base 0x08000000
///   lightday delta make app-1.0.0.elf app-1.1.0.elf app.ldp
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The image that is on board.
    old: PathBuf,
    /// The image that it has to become.
    new: PathBuf,
    /// The patch file to write.
    patch: PathBuf,
    #[command(flatten)]
    options: Options,
    /// The decoder has a heap of --ram bytes: try bsdiff-zstd too.
    #[arg(long)]
    heap: bool,
    /// Replace a file of that name.
    #[arg(long)]
    replace: bool,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<()> {
    let target = Target::new(&args.patch, "PATCH", &[&args.old, &args.new], args.replace)?;
    let old = files::load(&args.old, args.options.raw)?;
    let new = files::load(&args.new, args.options.raw)?;
    warn(&old, &new);
    let mut codecs = vec![CodecId::Model, CodecId::Store];
    if args.heap {
        codecs.push(CodecId::BsdiffZstd);
    }
    let all = candidates(&old, &new, &args.options, codecs)
        .map_err(|e| Error::new(Kind::Refused, e).file(&args.new).hint(e.hint()))?;
    let patch = Patch::smallest(&all, old.bytes(), new.bytes())
        .map_err(|e| of_patch(&args.old, &args.new, &e))?
        .ok_or_else(|| {
            Error::new(Kind::Internal, "no codec made a patch, not even store").file(&args.new)
        })?;
    let file = patch.to_bytes();
    if !args.dry_run {
        target.write(&file)?;
    }
    let tried: Vec<Value> = all
        .iter()
        .map(|e| {
            let file = Patch::new(e, old.bytes(), new.bytes()).map(|patch| patch.file_len());
            json!({ "codec": codec_name(e.codec), "bytes": e.payload.len(), "file_bytes": file.ok() })
        })
        .collect();
    let isa = match patch.codec {
        CodecId::Model => model_isa(&patch.payload).ok().map(isa_name),
        _ => None,
    };
    let result = json!({
        "file": args.patch.display().to_string(),
        "bytes": file.len(),
        "codec": codec_name(patch.codec),
        "ram": all.iter().find(|e| e.codec == patch.codec).map(|e| e.ram),
        "isa": isa,
        "old": old.json(&args.old),
        "new": new.json(&args.new),
        "tried": tried,
    });
    if args.json {
        return out::json(&result);
    }
    show(&result)
}

/// Every payload that can be decoded in the RAM given, smallest first.
pub fn candidates(
    old: &Loaded,
    new: &Loaded,
    options: &Options,
    codecs: Vec<CodecId>,
) -> std::result::Result<Vec<Encoded>, CodecError> {
    let decoder = DecoderProfile {
        ram: options.ram.0,
        codecs,
    };
    let hints = options.hints(&old.image, &new.image);
    let (bar, watch) = out::encoding();
    let all = codec::candidates(Some(old.bytes()), new.bytes(), &decoder, &hints, &watch);
    bar.finish_and_clear();
    all
}

/// Tells of what is allowed and hardly meant.
fn warn(old: &Loaded, new: &Loaded) {
    if old.bytes() == new.bytes() {
        out::message("warning: both images are the same");
    }
    if let (Some(a), Some(b)) = (old.image.arch, new.image.arch)
        && a != b
    {
        out::message(format_args!(
            "warning: the old image is for {a}, the new one for {b}"
        ));
    }
}

fn show(result: &Value) -> Result<()> {
    let word = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
    let isa = result["isa"].as_str().map(|isa| format!(", isa {isa}"));
    let mut text = format!(
        "{}: {} B, {}{}, {} B of RAM to decode\n\n",
        word("file"),
        result["bytes"],
        word("codec"),
        isa.unwrap_or_default(),
        result["ram"],
    );
    let mut table = Table::headed(["codec", "payload", "file"]);
    for tried in result["tried"].as_array().into_iter().flatten() {
        let codec = tried["codec"].as_str().unwrap_or_default().to_owned();
        table.row([
            codec,
            tried["bytes"].to_string(),
            tried["file_bytes"].to_string(),
        ]);
    }
    text.push_str(&table.to_string());
    out::result(&text)
}
