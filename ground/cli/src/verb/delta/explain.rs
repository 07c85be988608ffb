//! `lightday delta explain`: which functions or regions of the new image cost what.

use std::path::PathBuf;

use lightday_delta::encode::trace;
use lightday_station::codec::MODEL_LIMIT;
use lightday_station::explain::{Cost, Explained, explain};
use lightday_wire::CodecId;
use serde_json::{Value, json};

use super::files;
use super::inspect::tenths;
use super::make::candidates;
use super::options::{Options, isa_name};
use crate::error::{Error, Kind, Result};
use crate::out::{self, Table};

/// Show which parts of a new image cost what in a patch, the dearest first.
///
/// Makes a model's patch and writes nothing. Parts are the functions and variables of the new ELF file; of raw
/// binaries they are the runs of bytes that cost something. Costs are in bytes of the patch: map (what was
/// copied from where), flags (what is as predicted), misses (bytes that are not), literals (new bytes).
///
/// Examples:
///   lightday delta explain app-1.0.0.elf app-1.1.0.elf
///   lightday delta explain app-1.0.0.bin app-1.1.0.bin \
///       --isa thumb --old-base 0x08000000 --limit 50
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The image that is on board.
    old: PathBuf,
    /// The image that it has to become.
    new: PathBuf,
    #[command(flatten)]
    options: Options,
    /// Most parts to list.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<()> {
    let old = files::load(&args.old, args.options.raw)?;
    let new = files::load(&args.new, args.options.raw)?;
    let all = candidates(&old, &new, &args.options, vec![CodecId::Model])
        .map_err(|e| Error::new(Kind::Refused, e).file(&args.new).hint(e.hint()))?;
    let Some(patch) = all.first() else {
        let (what, hint) = match old.bytes().len().max(new.bytes().len()) > MODEL_LIMIT {
            true => (
                format!(
                    "model is not tried on images above {} MiB",
                    MODEL_LIMIT >> 20
                ),
                "explain a part of the images",
            ),
            false => (
                format!("no model patch decodes in {} B of RAM", args.options.ram.0),
                "allow more with --ram",
            ),
        };
        return Err(Error::new(Kind::Refused, what).file(&args.new).hint(hint));
    };
    let traced = trace(old.bytes(), new.bytes(), &patch.payload)
        .map_err(|e| Error::new(Kind::Internal, e).file(&args.new))?;
    let symbols = new.image.landmarks.symbols.clone();
    let explained = explain(&traced, &symbols);
    let payload = patch.payload.len();
    let parts: f64 = traced.bits.iter().skip(1).sum();
    let listed: Vec<Value> = explained
        .regions
        .iter()
        .take(args.limit)
        .map(|r| row(r.name.as_deref(), r.start, r.end, &r.cost))
        .collect();
    let more = explained.regions.len() - listed.len();
    let result = json!({
        "old": old.json(&args.old),
        "new": new.json(&args.new),
        "isa": isa_name(traced.isa),
        "ram": patch.ram,
        "payload_bytes": payload,
        "header_bytes": tenths(payload as f64 - parts / 8.0),
        "segments": traced.segments.len(),
        "regions": listed,
        "more_regions": more,
        "more_bytes": tenths(beyond(&explained, args.limit)),
        "as_predicted": { "bytes": explained.rest_bytes, "cost_bytes": tenths(explained.rest.total() / 8.0) },
    });
    if args.json {
        return out::json(&result);
    }
    show(&result)
}

/// What the regions cost that are not listed, in bytes.
fn beyond(explained: &Explained, limit: usize) -> f64 {
    let costs = explained.regions.iter().skip(limit);
    costs.map(|region| region.cost.total()).sum::<f64>() / 8.0
}

fn row(name: Option<&str>, start: u32, end: u32, cost: &Cost) -> Value {
    json!({
        "name": name,
        "start": start,
        "end": end,
        "bytes": end - start,
        "cost_bytes": tenths(cost.total() / 8.0),
        "map": tenths(cost.map / 8.0),
        "flags": tenths(cost.flags / 8.0),
        "misses": tenths(cost.misses / 8.0),
        "literals": tenths(cost.literals / 8.0),
    })
}

fn show(result: &Value) -> Result<()> {
    let mut table = Table::headed([
        "part", "from", "to", "bytes", "cost", "map", "flags", "misses", "literals",
    ]);
    let hex = |value: &Value| format!("{:#x}", value.as_u64().unwrap_or(0));
    let bytes = |value: &Value| format!("{:.1}", value.as_f64().unwrap_or(0.0));
    for region in result["regions"].as_array().into_iter().flatten() {
        table.row([
            region["name"].as_str().unwrap_or("-").to_owned(),
            hex(&region["start"]),
            hex(&region["end"]),
            region["bytes"].to_string(),
            bytes(&region["cost_bytes"]),
            bytes(&region["map"]),
            bytes(&region["flags"]),
            bytes(&region["misses"]),
            bytes(&region["literals"]),
        ]);
    }
    let mut sums = Table::headed(["", "cost"]);
    let mut sum = |what: String, cost: String| sums.row([what, cost]);
    if result["more_regions"].as_u64().unwrap_or(0) > 0 {
        let what = format!("{} more parts (--limit)", result["more_regions"]);
        sum(what, bytes(&result["more_bytes"]));
    }
    let rest = &result["as_predicted"];
    let what = format!("{} B as predicted", rest["bytes"]);
    sum(what, bytes(&rest["cost_bytes"]));
    sum("header".to_owned(), bytes(&result["header_bytes"]));
    sum("= payload".to_owned(), result["payload_bytes"].to_string());
    out::result(&format!(
        "model patch for isa {}, {} B of RAM, {} segments; costs in bytes of the patch\n\n{table}\n{sums}",
        result["isa"].as_str().unwrap_or_default(),
        result["ram"],
        result["segments"],
    ))
}
