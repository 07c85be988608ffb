//! `lightday build`: from images to an unsigned bundle.

use std::path::PathBuf;
use std::sync::Mutex;

use lightday_station::bundle::{self, BuildOptions, Bundle};
use lightday_station::codec::Heard;
use lightday_station::cut::cut;
use lightday_station::image::Image;
use lightday_station::keys::{from_hex, to_hex};
use lightday_station::object::UplinkObject;
use lightday_station::profile::codec_name;
use lightday_trust::digest::sha256;
use lightday_wire::envelope::SIGNATURE_LEN;
use lightday_wire::{
    Activation, CodecId, Digest, Document as _, MAX_ENVELOPE_LEN, ObjectKind, ObjectNumber, SlotId,
    Version,
};
use serde_json::{Value, json};

use crate::Global;
use crate::atomic::{Access, Pending, read_text};
use crate::error::{Error, Kind, Result};
use crate::ledger::{BundleRow, Ledger, ObjectRow};
use crate::mission::artifact::Artifact;
use crate::mission::{Mission, images, recover};
use crate::out::{self, Table};
use crate::verb::{describe, plan, versions};

/// Build a bundle from an image.
///
/// Reads raw binaries and ELF files (load segments). Tries every codec that the vehicle decodes, proves
/// each by the decoder that flies, and keeps the smallest. The bundle takes the next number from the
/// ledger; it still needs its signatures.
///
/// Examples:
///   lightday build app-1.1.0.elf --version 1.1.0 \
///       --base app-1.0.0.elf --base-version 1.0.0
///   lightday build app-1.1.0.bin --version 1.1.0 --full
#[derive(clap::Args)]
#[command(verbatim_doc_comment, disable_version_flag = true)]
pub struct Args {
    /// The new image.
    image: PathBuf,
    /// Its version, MAJOR.MINOR.PATCH.
    #[arg(long, value_name = "VERSION")]
    version: Version,
    /// An image that the vehicle has, in either slot or as golden: only the difference is sent.
    #[arg(long, value_name = "FILE", required_unless_present = "full")]
    base: Option<PathBuf>,
    /// The version of the base, if it was never built here and `twin` of mission.toml does not name it (the factory
    /// image).
    #[arg(long, value_name = "VERSION", requires = "base")]
    base_version: Option<Version>,
    /// Need no base: send the whole image.
    #[arg(long, conflicts_with = "base")]
    full: bool,
    /// The image's security counter; by default that of the bundle before. Once confirmed, the vehicle
    /// never goes below it again.
    #[arg(long, value_name = "N")]
    security_counter: Option<u32>,
    /// Bind to the class instead of the vehicle, so that the testbed flies the identical bytes.
    #[arg(long)]
    class: bool,
    /// The slot that a raw image is linked for, where images are linked per slot.
    #[arg(long, value_parser = slot)]
    slot: Option<SlotId>,
    /// Arm on verification, without an authorization. Needs --evidence-root, and the signatures of
    /// verification and flight on the bundle itself.
    #[arg(long, requires = "evidence_root")]
    load_and_go: bool,
    /// Root of the evidence that exists already, 64 hexadecimal digits.
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    evidence_root: Option<Digest>,
    /// A text for people, such as release notes; its digest is signed, the text stays on the ground.
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Say what would be built, write nothing and take no number.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

fn slot(text: &str) -> std::result::Result<SlotId, String> {
    match text {
        "a" | "A" => Ok(SlotId::A),
        "b" | "B" => Ok(SlotId::B),
        _ => Err("a or b".to_owned()),
    }
}

/// Reads a digest of 64 hexadecimal digits.
pub fn digest(text: &str) -> std::result::Result<Digest, String> {
    from_hex(text)
        .map(Digest)
        .ok_or_else(|| "64 hexadecimal digits".to_owned())
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    let options = mission.profile.image_options();
    let image = images::load(&args.image, &options)?;
    let base = args
        .base
        .as_ref()
        .map(|path| images::load(path, &options))
        .transpose()?;
    let mut ledger = mission.ledger(global)?;
    let number = ledger.free_number(ObjectKind::Bundle)?;
    let options = build_options(args, (number, base.as_ref()), &mission, &ledger)?;
    if base.as_ref().is_some_and(|b| b.bytes == image.bytes) {
        return Err(Error::new(
            Kind::Refused,
            "the image is its own base: there is nothing to update",
        )
        .file(&args.image)
        .field("base")
        .hint("name the image that the vehicle runs with --base, and the new one first"));
    }
    warn(args, &image, &options, &mission, &ledger)?;
    let (bar, watch) = out::encoding();
    let made = Mutex::new(Vec::new());
    let heard = |heard| {
        if let (Heard::Made(codec, bytes), Ok(mut made)) = (heard, made.lock()) {
            made.push((codec, bytes));
        }
        watch(heard);
    };
    let built = bundle::build(base.as_ref(), &image, &mission.profile, &options, &heard);
    bar.finish_and_clear();
    let bundle = built.map_err(|e| {
        Error::new(Kind::Refused, &e)
            .file(&args.image)
            .hint(e.hint())
    })?;
    if base.is_some() && bundle.context().base.is_none() {
        say_base_is_unused(&made.into_inner().unwrap_or_default(), &mission);
    }
    let object = signed_object(&bundle, &mission, args)?;
    let path = mission.path(format!("bundles/{number}.ldb"));
    let mut result = summary(&bundle);
    result["file"] = json!(path.display().to_string());
    result["symbols"] = json!(object.k());
    result["symbol_bytes"] = json!(object.symbol_len());
    if !args.dry_run {
        write(&mission, &mut ledger, &bundle, &path, global, &result)?;
    }
    if args.json {
        return out::json(&result);
    }
    show(&result)?;
    let keys = mission.key_set_if_any()?;
    match keys
        .as_ref()
        .and_then(|k| describe::still_to_sign(&Artifact::Bundle(bundle), k))
    {
        Some(missing) => out::message(format_args!(
            "Next: lightday sign {} --key KEY; still to sign: {missing}",
            path.display()
        )),
        None => out::message(
            "Next: make keys with `lightday keygen ROLE NAME` and `lightday keygen keyset`, then sign",
        ),
    }
    Ok(())
}

/// The object with room for the signatures that it still needs: as many symbols as `plan` will count. Before
/// there is a key set, one key of each role is counted.
fn signed_object(bundle: &Bundle, mission: &Mission, args: &Args) -> Result<UplinkObject> {
    let missing: usize = match mission.key_set_if_any()? {
        Some(keys) => bundle.missing(&keys).iter().map(|(_, n)| n).sum(),
        None => bundle.manifest().authority().roles().count(),
    };
    let envelope = bundle.envelope_bytes().len() + missing * SIGNATURE_LEN;
    if envelope > MAX_ENVELOPE_LEN {
        let what = format!(
            "the envelope has {envelope} B with the {missing} signatures that the key set asks for, the vehicle takes {MAX_ENVELOPE_LEN} B"
        );
        return Err(Error::new(Kind::Refused, what)
            .file(&args.image)
            .field("thresholds")
            .hint(
                "build without --load-and-go, --text or --evidence-root, or ask for fewer signatures in the key set",
            ));
    }
    let mut bytes = bundle.object_bytes();
    bytes.resize(bytes.len() + missing * SIGNATURE_LEN, 0);
    cut(
        ObjectKind::Bundle,
        bundle.number(),
        &bytes,
        &mission.profile,
        &mission.config.link_model(),
    )
    .map_err(|e| plan::uncut(&args.image, &e))
}

/// Tells of what is allowed and hardly meant.
fn warn(
    args: &Args,
    image: &Image,
    options: &BuildOptions,
    mission: &Mission,
    ledger: &Ledger,
) -> Result<()> {
    let known = ledger.bundles()?;
    if args.base.is_some() && options.version <= options.base_version {
        out::message(format_args!(
            "warning: version {} is not above {}, that of the base",
            options.version, options.base_version
        ));
    }
    let latest = latest_counter(&known);
    if options.security_counter > latest.saturating_add(1) {
        out::message(format_args!(
            "warning: security counter {} after {latest}: each step uses up one of {} that the floors hold, for ever",
            options.security_counter, mission.profile.memory.security_counters
        ));
    }
    let digest = image.digest().0;
    if let Some(same) = known.iter().find(|b| b.image == digest) {
        out::message(format_args!(
            "warning: bundle {} brings this very image already, as version {}",
            same.number, same.version
        ));
    }
    Ok(())
}

/// Why a base was given and is not used: what each codec makes of the image.
fn say_base_is_unused(made: &[(CodecId, usize)], mission: &Mission) {
    let decoder = &mission.profile.decoder;
    let mut text = "note: the whole image is sent, the base is not used:".to_owned();
    for (codec, bytes) in made {
        text.push_str(&format!(" {} makes {bytes} B;", codec_name(*codec)));
    }
    let deltas = [CodecId::Model, CodecId::BsdiffZstd];
    text.push_str(if deltas.iter().any(|codec| decoder.codecs.contains(codec)) {
        " with its manifest store is the smallest"
    } else {
        " no codec that makes deltas is in decoder.codecs of mission.toml (model and bsdiff-zstd do, if they are on board)"
    });
    out::message(text);
}

/// The highest security counter that was built.
fn latest_counter(known: &[BundleRow]) -> u32 {
    known.iter().map(|b| b.security_counter).max().unwrap_or(0)
}

fn build_options(
    args: &Args,
    (number, base): (ObjectNumber, Option<&Image>),
    mission: &Mission,
    ledger: &Ledger,
) -> Result<BuildOptions> {
    let mut options = BuildOptions::new(number, args.version);
    if let (Some(base), Some(path)) = (base, &args.base) {
        let known = (mission, ledger);
        options.base_version = versions::of_base(base.digest(), args.base_version, path, known)?;
    }
    let latest = latest_counter(&ledger.bundles()?);
    options.security_counter = args.security_counter.unwrap_or(latest);
    options.class_bound = args.class;
    options.slot = args.slot;
    options.evidence_root = args.evidence_root;
    options.full = args.full;
    if args.load_and_go {
        options.activation = Activation::LoadAndGo;
    }
    options.text = args.text.as_deref().map(read_text).transpose()?;
    Ok(options)
}

fn write(
    mission: &Mission,
    ledger: &mut Ledger,
    bundle: &Bundle,
    path: &std::path::Path,
    global: &Global,
    result: &Value,
) -> Result<()> {
    let number = bundle.number();
    let bytes = bundle.to_bytes();
    let row = ObjectRow {
        kind: ObjectKind::Bundle,
        number,
        file: mission.relative(path),
        sha256: sha256(&bytes).0,
        made_s: global.now_s(),
    };
    let pending = Pending::write(path, &bytes, Access::Public)?;
    let base = bundle.context().base.map(|b| b.digest.0);
    let mut what = result.clone();
    // The mission may move to another place.
    what["file"] = json!(mission.relative(path));
    what["sha256"] = json!(to_hex(&row.sha256));
    ledger.step(&global.actor(), "build", |step| {
        step.expect_number(ObjectKind::Bundle, number)?;
        // Only now: a file of another build that had this number until then says nothing.
        recover::refuse_second(path)?;
        step.add_object(&row, &bytes)?;
        step.add_bundle(number, bundle.manifest(), base)?;
        Ok(((), what))
    })?;
    // Named only now: a number that the ledger does not know must never have a file.
    recover::name_kept(pending, &bytes)
}

/// What a bundle is, in JSON.
pub fn summary(bundle: &Bundle) -> Value {
    let manifest = bundle.manifest();
    json!({
        "number": bundle.number().get(),
        "version": manifest.image.version.to_string(),
        "image": manifest.image.digest.to_string(),
        "image_bytes": manifest.image.size,
        "base": bundle.context().base.map(|b| b.digest.to_string()),
        "codec": codec_name(manifest.payload.codec),
        "payload_bytes": manifest.payload.size,
        "envelope_bytes": bundle.envelope_bytes().len(),
        "security_counter": manifest.security_counter,
    })
}

fn show(result: &Value) -> Result<()> {
    let mut table = Table::default();
    for key in [
        "file",
        "number",
        "version",
        "image",
        "image_bytes",
        "base",
        "codec",
        "payload_bytes",
        "envelope_bytes",
        "symbols",
        "symbol_bytes",
        "security_counter",
    ] {
        let text = match &result[key] {
            Value::Null => "none".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        table.row([key.replace('_', " "), text]);
    }
    out::result(&table.to_string())
}
