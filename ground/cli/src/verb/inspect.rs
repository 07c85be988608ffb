//! `lightday inspect`: what a file holds, byte by byte.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lightday_station::container;
use lightday_station::facts::facts;
use lightday_station::tracker::Tracker;
use lightday_wire::{Frame, HEADER_LEN, ObjectKind};
use serde_json::{Value, json};

use crate::Global;
use crate::error::{Error, Result};
use crate::mission::artifact::{Artifact, bad_file, kind_name, signature_files};
use crate::mission::keys::bad_key;
use crate::mission::reports::by_name;
use crate::mission::{Mission, packets};
use crate::out;
use crate::verb::{describe, fields};

/// Show what a bundle, document, file of frames or file of reports holds, and its bytes by field.
///
/// Judges nothing: `lightday verify` does. Within a mission the signatures beside the file are counted in,
/// and reports are opened with the link keys.
///
/// Examples:
///   lightday inspect bundles/7.ldb
///   lightday inspect uplink/7.frames --json
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The file.
    file: PathBuf,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let bytes = crate::atomic::read(&args.file, 80 << 20)?;
    refuse_others(&args.file, &bytes)?;
    let value = if container::kind_of(&bytes).is_some() || bytes.starts_with(b"LIGHTDAY") {
        document(&args.file, &bytes, global)?
    } else {
        frames(&args.file, &bytes, global)?
    };
    if args.json {
        out::json(&value)
    } else {
        show(&value)
    }
}

/// Files of a mission that are none of these kinds, named rather than taken for frames.
fn refuse_others(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path
        .file_name()
        .map_or_else(Default::default, |n| n.to_string_lossy());
    let hint = if name.ends_with(".sig") {
        "a signature: inspect the file that it lies beside, which counts it in"
    } else if name.ends_with(".ldp") {
        "a patch file: `lightday delta inspect` shows it"
    } else if name.starts_with("keyset-") && name.ends_with(".bin") {
        "the key set as the vehicle stores it: keys/keyset.toml is the same for people"
    } else if [".key", ".pub", ".toml", ".csv", ".json", ".md"]
        .iter()
        .any(|e| name.ends_with(e))
    {
        "it is text, or a secret: read it with an editor"
    } else if bytes.starts_with(b"SQLite format 3") {
        "the ledger: `lightday ledger log` and `lightday status` show it"
    } else {
        return Ok(());
    };
    Err(Error::input(path, "not a kind that inspect knows: .ldb, .ldd, .frames").hint(hint))
}

fn document(path: &Path, bytes: &[u8], global: &Global) -> Result<Value> {
    let mut artifact = Artifact::parse(bytes).map_err(|e| bad_file(path, &e))?;
    let mission = Mission::open(global).ok();
    let mut signatures = Vec::new();
    for file in signature_files(path)? {
        let name = file
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let taken = mission.as_ref().map(|mission| -> Result<()> {
            let keys = mission.key_set()?;
            let keys = keys
                .key_set()
                .map_err(|e| bad_key(&mission.path("keys/keyset.toml"), &e))?;
            let names = crate::mission::artifact::names(mission)?;
            artifact.take_signature(&file, &keys, &names).map(drop)
        });
        let state = match taken {
            Some(Ok(())) => "holds".to_owned(),
            Some(Err(error)) => error
                .to_string()
                .lines()
                .next()
                .unwrap_or("does not hold")
                .to_owned(),
            None => "not looked at: no mission here".to_owned(),
        };
        signatures.push(json!({ "file": name, "state": state }));
    }
    let mut fields = artifact.fields();
    let envelope: usize = fields.iter().map(|(_, bytes)| bytes).sum();
    let mut totals = vec![("envelope", envelope)];
    if let Artifact::Bundle(bundle) = &artifact {
        let payload = bundle.payload().len();
        fields.push(("payload", payload));
        totals.push(("object", envelope + payload));
    }
    Ok(json!({
        "file": path.display().to_string(),
        "says": describe::says(&artifact),
        "text": match &artifact { Artifact::Bundle(b) => b.text().map(str::to_owned), _ => None },
        "signatures": signatures,
        "fields": fields::parts(fields),
        "totals": fields::totals(totals),
    }))
}

fn frames(path: &Path, bytes: &[u8], global: &Global) -> Result<Value> {
    let packets = packets::split(path, bytes).map_err(|e| {
        match path.extension().is_some_and(|e| e == "frames") {
            true => e,
            false => e.hint(
                "taken for frames, since it begins as no bundle (.ldb) and no document (.ldd): copy it again in binary mode, or name another file",
            ),
        }
    })?;
    if packets.is_empty() {
        return Err(Error::input(path, "the file is empty")
            .hint("give a bundle, a document, or a file of frames or reports"));
    }
    let mission = Mission::open(global).ok();
    let is_report = |packet: &&[u8]| {
        packet
            .first()
            .is_some_and(|b| b >> 4 == ObjectKind::Report.code())
    };
    if packets.first().is_some_and(is_report) {
        return reports(path, &packets, mission.as_ref());
    }
    let tag_len = mission
        .as_ref()
        .map_or(lightday_wire::TagLen::Eight, |m| m.profile.link.tag_len);
    let mut runs: BTreeMap<(u8, u32, u8, u16, usize), Vec<u16>> = BTreeMap::new();
    let mut total = 0usize;
    for (n, packet) in packets.iter().enumerate() {
        let frame = Frame::parse(packet, tag_len).map_err(|e| {
            Error::input(path, e)
                .field(format!("frame {}", n + 1))
                .hint("copy the file again in binary mode, or write it anew with `lightday uplink`")
        })?;
        let h = frame.header;
        let key = (
            h.kind.code(),
            h.number.get(),
            h.epoch.get(),
            h.k,
            frame.symbol.len(),
        );
        runs.entry(key).or_default().push(h.index);
        total += packet.len();
    }
    let objects: Vec<Value> = runs
        .into_iter()
        .map(|((kind, number, epoch, k, symbol), mut indices)| {
            let frames = indices.len();
            indices.sort_unstable();
            indices.dedup();
            let source = indices.iter().filter(|i| **i < k).count();
            json!({
                "kind": ObjectKind::from_code(kind).map_or("?", kind_name),
                "number": number, "epoch": epoch, "k": k, "symbol_bytes": symbol,
                "frames": frames, "source_symbols": source, "parity_symbols": indices.len() - source,
                "first": indices.first(), "last": indices.last(),
            })
        })
        .collect();
    let n = packets.len();
    let (headers, tags) = (n * HEADER_LEN, n * tag_len.get());
    let symbols = total - headers - tags;
    let fields = fields::parts([("headers", headers), ("tags", tags), ("symbols", symbols)]);
    Ok(json!({
        "file": path.display().to_string(), "frames": n, "objects": objects,
        "fields": fields, "totals": fields::totals([("frames", total)]),
    }))
}

/// What each report says, once it has proved itself; its place among the others is `lightday ingest`'s to find.
fn reports(path: &Path, packets: &[&[u8]], mission: Option<&Mission>) -> Result<Value> {
    let Some(mission) = mission else {
        return Err(
            Error::input(path, "holds reports, which only a mission's link keys open")
                .hint("run it inside a mission, or name one: --mission DIR"),
        );
    };
    let keys = mission.link_keys()?;
    let said = packets.iter().map(|packet| {
        let mut alone = Tracker::new(mission.profile.vehicle, 0);
        match alone.receive(&keys, packet, 0) {
            Ok(proven) => json!({
                "sequence": proven.report.sequence, "epoch": proven.epoch.get(),
                "onboard_clock_s": proven.report.time_s, "says": by_name(&facts(&proven.report)),
            }),
            Err(error) => json!({ "error": error.to_string(), "hint": error.hint() }),
        }
    });
    let bytes: usize = packets.iter().map(|p| p.len()).sum();
    Ok(json!({
        "file": path.display().to_string(),
        "reports": said.collect::<Vec<_>>(),
        "fields": fields::parts([("reports", bytes)]),
        "totals": fields::totals([("reports", bytes)]),
    }))
}

fn show_reports(value: &Value) -> String {
    let mut text = String::new();
    for report in value["reports"].as_array().into_iter().flatten() {
        if let Some(error) = report["error"].as_str() {
            text.push_str(&format!("\n  a packet that proves nothing: {error}\n"));
            continue;
        }
        text.push_str(&format!(
            "\n  report {} of link epoch {}, authentic\n",
            report["sequence"], report["epoch"]
        ));
        for (name, value) in report["says"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            text.push_str(&format!("    {name:<18}{value}\n"));
        }
    }
    text
}

fn show(value: &Value) -> Result<()> {
    let mut text = format!("{}\n", value["file"].as_str().unwrap_or_default());
    text.push_str(&show_reports(value));
    if let Some(says) = value["says"].as_object() {
        for (key, v) in says {
            text.push_str(&format!("  {}\n", describe::line(key, v)));
        }
    }
    if let Some(notes) = value["text"].as_str() {
        text.push_str(&format!("\ntext:\n{notes}\n"));
    }
    for signature in value["signatures"].as_array().into_iter().flatten() {
        let part = |key: &str| signature[key].as_str().unwrap_or_default().to_owned();
        text.push_str(&format!(
            "  signature {}: {}\n",
            part("file"),
            part("state")
        ));
    }
    for object in value["objects"].as_array().into_iter().flatten() {
        text.push_str(&format!(
            "  {} {} epoch {}: {} of {} B symbols, K {}, {} source, {} parity\n",
            object["kind"].as_str().unwrap_or_default(),
            object["number"],
            object["epoch"],
            describe::count(object["frames"].as_u64().unwrap_or(0), "frame"),
            object["symbol_bytes"],
            object["k"],
            object["source_symbols"],
            object["parity_symbols"],
        ));
    }
    out::result(&format!("{text}\n{}", fields::table(value)))
}
