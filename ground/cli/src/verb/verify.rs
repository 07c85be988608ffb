//! `lightday verify`: whether the vehicle would believe a file, and whether its payload is the image.

use std::path::PathBuf;

use lightday_station::image::ImageOptions;
use lightday_station::keys::role_name;
use serde_json::json;

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::mission::artifact::{self, Artifact, kind_name, untrusted};
use crate::mission::keys::bad_key;
use crate::mission::{Mission, evidence, images};
use crate::out;
use crate::verb::describe;

/// Verify a bundle or document: its signatures, its target, and that its payload becomes its image.
///
/// Takes all signatures that lie beside the file and asks the very verifier that flies. With --base the
/// payload is decoded as the vehicle will decode it; with --image the result is held against a file. With
/// --evidence an authorization, or a bundle that arms without one, is held against the files that it rests on.
///
/// Examples:
///   lightday verify bundles/7.ldb --base app-1.0.0.elf --image app-1.1.0.elf
///   lightday verify documents/auth-7.ldd --evidence evidence/7.json
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The file (.ldb or .ldd).
    file: PathBuf,
    /// The base of a delta.
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    /// The image that the bundle has to bring.
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// A file of the evidence; may be given several times, and all of them must be given.
    #[arg(long, value_name = "FILE")]
    evidence: Vec<PathBuf>,
    /// Do not demand all signatures: check those that are there.
    #[arg(long)]
    unsigned: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    let names = mission.key_set()?;
    let keys = names
        .key_set()
        .map_err(|e| bad_key(&mission.path("keys/keyset.toml"), &e))?;
    let (artifact, signatures) =
        Artifact::load_signed(&args.file, &keys, &artifact::names(&mission)?)?;
    artifact.check_target(&args.file, &mission)?;
    match artifact.verify(&keys) {
        Ok(()) => {}
        Err(lightday_trust::TrustError::BelowThreshold(_)) if args.unsigned => {}
        Err(error) => {
            let error = untrusted(&args.file, &error);
            return Err(match describe::still_to_sign(&artifact, &keys) {
                None => error,
                Some(missing) => error.hint(format!(
                    "still to sign: {missing}; put the .sig files beside the file"
                )),
            });
        }
    }
    let decoded = match &artifact {
        Artifact::Bundle(bundle) => payload(bundle, args)?,
        _ => None,
    };
    if !args.evidence.is_empty() {
        evidence::check(&args.file, &artifact, &args.evidence, &mission)?;
    }
    let signers: Vec<String> = signatures
        .iter()
        .map(|s| format!("{} {}", role_name(s.role), s.name))
        .collect();
    let complete = artifact.missing(&keys).is_empty();
    if args.json {
        return out::json(&json!({
            "file": args.file.display().to_string(),
            "document": kind_name(artifact.kind()),
            "number": artifact.number().get(),
            "signers": signers,
            "complete": complete,
            "payload_decoded": decoded,
            "evidence_root": evidence::stated(&artifact).map(|root| root.to_string()),
            "evidence_holds": (!args.evidence.is_empty()).then_some(true),
        }));
    }
    let signed = if complete {
        "all signatures hold"
    } else {
        "the signatures that are there hold; more are needed"
    };
    let image = match decoded {
        Some(true) => "payload decodes to the signed image\n",
        Some(false) => "payload not decoded: give its base with --base\n",
        None => "",
    };
    let evidence = match args.evidence.len() {
        0 => String::new(),
        1 => "1 file is the evidence that its root stands for\n".to_owned(),
        n => format!("{n} files are the evidence that its root stands for\n"),
    };
    out::result(&format!(
        "{}: {} {}: {signed} ({})\n{image}{evidence}",
        args.file.display(),
        kind_name(artifact.kind()),
        artifact.number(),
        if signers.is_empty() {
            "none".to_owned()
        } else {
            signers.join(", ")
        }
    ))?;
    out::message(describe::next_of(&artifact, &args.file, &keys));
    Ok(())
}

/// Decodes the payload where that is possible; `Some(false)` where the base is not at hand.
fn payload(bundle: &lightday_station::bundle::Bundle, args: &Args) -> Result<Option<bool>> {
    let anything = ImageOptions::default();
    let signed = bundle.manifest().image.digest;
    if let Some(path) = &args.image {
        let found = images::load(path, &anything)?.digest();
        if found != signed {
            return Err(Error::new(
                Kind::Input,
                format!("the bundle brings another image: {signed}, not {found}"),
            )
            .file(path)
            .field("image.digest")
            .hint("compare with the image that was built, or build the bundle again"));
        }
    }
    let base = match (&args.base, bundle.context().base) {
        (_, None) => Vec::new(),
        (None, Some(_)) => return Ok(Some(false)),
        (Some(path), Some(base)) => {
            let image = images::load(path, &anything)?;
            if image.digest() != base.digest {
                return Err(Error::new(
                    Kind::Input,
                    format!("not the base of this bundle, which is {}", base.digest),
                )
                .file(path)
                .field("base.digest")
                .hint("give the image with this SHA-256"));
            }
            image.bytes
        }
    };
    let spinner = out::spinner("decoding");
    let image = bundle.decode(&base);
    spinner.finish_and_clear();
    image.map_err(|e| {
        Error::new(Kind::Input, e)
            .file(&args.file)
            .field("payload")
            .hint(e.hint())
    })?;
    Ok(Some(true))
}
