//! `lightday delta inspect`: what a patch file holds, and where its bytes went.

use std::path::{Path, PathBuf};

use lightday_delta::DecodeError;
use lightday_delta::encode::{Trace, model_isa, trace};
use lightday_station::patch::{Patch, PatchError, hex};
use lightday_station::profile::{DECODER_RAM_MAX, codec_name};
use lightday_wire::CodecId;
use serde_json::{Value, json};

use super::files::{self, Loaded, of_patch};
use super::options::{allowed_ram, isa_name};
use crate::error::{Error, Result};
use crate::mission::units::ByteSize;
use crate::out;
use crate::verb::fields;

/// Show what a patch file holds.
///
/// With the old image the patch is decoded, and every byte of a model's payload is told by what it was spent
/// on: header (addresses), map (what was copied from where), flags (what is as predicted), misses (bytes that
/// are not), literals (bytes that come from nowhere in the old image).
///
/// Examples:
///   lightday delta inspect app.ldp
///   lightday delta inspect app.ldp --old app-1.0.0.bin --json
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The patch file.
    patch: PathBuf,
    /// The image that it was made from.
    #[arg(long, value_name = "FILE")]
    old: Option<PathBuf>,
    /// RAM that decoding may take here, with --old: bytes, or such as 16KiB.
    #[arg(long, value_name = "SIZE", default_value_t = DECODER_RAM_MAX, value_parser = allowed_ram)]
    ram: ByteSize,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// What only the old image tells.
struct Decoded {
    old_bytes: usize,
    new_bytes: usize,
    ram: u32,
    /// Of a model's payload: where its bytes went, or why that cannot be told.
    trace: Option<std::result::Result<Trace, DecodeError>>,
}

impl Decoded {
    fn traced(&self) -> Option<&Trace> {
        self.trace.as_ref()?.as_ref().ok()
    }

    fn untraced(&self) -> Option<DecodeError> {
        self.trace.as_ref()?.as_ref().err().copied()
    }
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<()> {
    let patch = files::load_patch(&args.patch)?;
    let decoded = match &args.old {
        Some(path) => {
            let old = files::load_base(path, &patch)?;
            Some(decode(&patch, &old, args.ram).map_err(|e| of_patch(path, &args.patch, &e))?)
        }
        None => None,
    };
    let value = describe(&args.patch, &patch, decoded.as_ref())?;
    match args.json {
        true => out::json(&value),
        false => show(&value),
    }
}

fn decode(patch: &Patch, old: &Loaded, ram: ByteSize) -> std::result::Result<Decoded, PatchError> {
    let spinner = out::spinner("decoding");
    let new = patch.apply(old.bytes(), ram.0);
    let decoded = new.and_then(|new| {
        let traced = match patch.codec {
            CodecId::Model => Some(trace(old.bytes(), &new, &patch.payload)),
            _ => None,
        };
        Ok(Decoded {
            old_bytes: old.bytes().len(),
            new_bytes: new.len(),
            ram: patch.measure_ram(old.bytes())?,
            trace: traced,
        })
    });
    spinner.finish_and_clear();
    decoded
}

/// The patch in JSON.
fn describe(path: &Path, patch: &Patch, decoded: Option<&Decoded>) -> Result<Value> {
    let isa = match patch.codec {
        CodecId::Model => Some(model_isa(&patch.payload).map_err(|e| {
            Error::input(path, e).field("payload").hint(
                "the patch was damaged: copy it again, or make it anew with `lightday delta make`",
            )
        })?),
        _ => None,
    };
    let whole = patch.base.is_none().then_some(patch.payload.len());
    let base = patch
        .base
        .map(|base| json!({ "digest": hex(base.digest), "bytes": decoded.map(|d| d.old_bytes) }));
    Ok(json!({
        "file": path.display().to_string(),
        "codec": codec_name(patch.codec),
        "isa": isa.map(isa_name),
        "ram": decoded.map(|d| d.ram).or(patch.ram()),
        "base": base,
        "new": {
            "digest": hex(patch.new_digest),
            "bytes": decoded.map(|d| d.new_bytes).or(whole),
            "growth": patch.base.map(|base| base.growth),
        },
        "segments": decoded.and_then(Decoded::traced).map(|t| t.segments.len()),
        "fields": fields(patch, decoded.and_then(Decoded::traced)),
        "totals": totals(patch),
        "fields_error": decoded.and_then(Decoded::untraced).map(|e| e.to_string()),
    }))
}

/// Where the bytes of the file went: parts that come to its length.
fn fields(patch: &Patch, trace: Option<&Trace>) -> Value {
    let digests = if patch.base.is_some() { 8 } else { 4 };
    let payload = patch.payload.len();
    let mut fields = vec![
        json!({ "field": "version, codec", "bytes": 1 }),
        json!({ "field": "growth", "bytes": patch.head().len() - digests - 1 }),
        json!({ "field": "digests", "bytes": digests }),
    ];
    if let Some(trace) = trace {
        let [_, parts @ ..] = trace.bits.map(|bits| bits / 8.0);
        // The header takes its front bytes and the rounding of the end upon itself.
        let header = payload as f64 - parts.iter().sum::<f64>();
        fields.push(json!({ "field": "header", "bytes": tenths(header) }));
        for (name, bytes) in ["map", "flags", "misses", "literals"].iter().zip(parts) {
            fields.push(json!({ "field": name, "bytes": tenths(bytes) }));
        }
    } else {
        fields.push(json!({ "field": "payload", "bytes": payload }));
    }
    Value::Array(fields)
}

/// What the fields come to.
fn totals(patch: &Patch) -> Value {
    let (container, payload) = (patch.head().len(), patch.payload.len());
    fields::totals([
        ("container", container),
        ("payload", payload),
        ("patch", container + payload),
    ])
}

/// The note that the payload's bytes cannot be told apart, though it decodes.
fn untold(value: &Value) -> Option<String> {
    let error = value["fields_error"].as_str()?;
    Some(format!(
        "note: the patch decodes, but where the payload's bytes went cannot be told: {error}\n  \
         hint: a bug of Lightday: keep patch and image, and report it"
    ))
}

/// Rounded to tenths of a byte.
pub fn tenths(bytes: f64) -> f64 {
    (bytes * 10.0).round() / 10.0
}

fn show(value: &Value) -> Result<()> {
    if let Some(note) = untold(value) {
        out::message(note);
    }
    let mut text = format!("{}\n", value["file"].as_str().unwrap_or_default());
    let mut line = |key: &str, value: String| text.push_str(&format!("  {key:<16} {value}\n"));
    line(
        "codec",
        value["codec"].as_str().unwrap_or_default().to_owned(),
    );
    if let Some(isa) = value["isa"].as_str() {
        line("instruction set", isa.to_owned());
    }
    line(
        "RAM to decode",
        value["ram"]
            .as_u64()
            .map_or("give --old to find out".to_owned(), |ram| {
                format!("{ram} B")
            }),
    );
    let digest = |image: &Value| {
        format!(
            "SHA-256 {}...",
            image["digest"].as_str().unwrap_or_default()
        )
    };
    let bytes = |image: &Value| {
        let bytes = image["bytes"].as_u64();
        bytes.map_or(String::new(), |bytes| format!(", {bytes} B"))
    };
    match value["base"].is_null() {
        true => line("base", "none: the whole image is in the patch".to_owned()),
        false => line("base", digest(&value["base"]) + &bytes(&value["base"])),
    }
    let growth = match value["new"]["growth"].as_i64() {
        Some(growth) if growth < 0 => format!(", {} B shorter than the base", -growth),
        Some(0) => ", as long as the base".to_owned(),
        Some(growth) => format!(", {growth} B longer than the base"),
        None => String::new(),
    };
    line(
        "new image",
        digest(&value["new"]) + &bytes(&value["new"]) + &growth,
    );
    if let Some(segments) = value["segments"].as_u64() {
        line("segments", segments.to_string());
    }
    out::result(&format!("{text}\n{}", fields::table(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_that_cannot_be_told_apart_is_said() {
        let patch = Patch {
            codec: CodecId::Model,
            base: None,
            new_digest: [1; 4],
            payload: vec![0x12, 5 << 3, 9],
        };
        let decoded = |trace| Decoded {
            old_bytes: 5,
            new_bytes: 6,
            ram: 16384,
            trace: Some(trace),
        };
        let failed = decoded(Err(DecodeError::Malformed));
        let value = describe(Path::new("a.ldp"), &patch, Some(&failed)).unwrap();
        assert_eq!(value["fields_error"], "the patch is malformed");
        assert!(untold(&value).unwrap().contains("the patch is malformed"));
        assert!(value["segments"].is_null());
        let good = decoded(Ok(Trace {
            isa: lightday_delta::Isa::Thumb,
            segments: vec![0, 3],
            bits: [8.0; 5],
            at: [(); 3].map(|()| vec![0.0; 6]),
        }));
        let value = describe(Path::new("a.ldp"), &patch, Some(&good)).unwrap();
        assert_eq!((&value["segments"], untold(&value)), (&2.into(), None));
    }
}
