//! `lightday study symbols`: what share of the bytes that are sent is payload, by bit error rate.

use lightday_station::cut::{cut, efficiency};
use lightday_station::link::{LinkModel, Loss};
use lightday_station::object::UplinkObject;
use lightday_station::profile::{EXAMPLE, Profile};
use lightday_station::size::{ByteSize, parse_size};
use lightday_wire::frame::MAX_SYMBOL_LEN;
use lightday_wire::{ObjectKind, ObjectNumber};
use serde_json::{Value, json};

use crate::error::{Error, Kind, Result};
use crate::out::{self, Table};
use crate::verb::plan;

/// Longest payload: somewhat less than as many symbols as there are, each as long as it can be.
const MOST: u32 = 60_000_000;

/// Compare the symbol length that a plan takes with every other that there is, by bit error rate.
///
/// Shows what share of the bytes of all source frames is payload, and how much of all that is sent brings payload to
/// its end: the same times the chance that bit errors leave a frame whole. Frames are raw: 8 B of header and 8 B of
/// MAC about each symbol, beside what --encapsulation adds. Parity is not counted.
///
/// Examples:
///   lightday study symbols --payload 20kB
///   lightday study symbols --payload 100kB --ber 1e-5 --json
///   lightday study symbols --symbol-len-max 200
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Bytes of the payload.
    #[arg(long, default_value = "20kB", value_name = "BYTES", value_parser = parse_size)]
    payload: ByteSize,
    /// Bytes of the envelope: manifest and signatures.
    #[arg(long, default_value_t = 172, value_name = "BYTES")]
    envelope: u16,
    /// Bytes that packets and frames of the link add to each of ours.
    #[arg(long, default_value_t = 0, value_name = "BYTES")]
    encapsulation: u16,
    /// Bytes of the longest symbol that the vehicle takes, as `link.symbol_len_max`; by default the longest that frames have.
    #[arg(long, default_value = "1000", value_name = "BYTES", value_parser = longest)]
    symbol_len_max: u16,
    /// Chance of each bit to arrive wrong after decoding; may be given several times.
    #[arg(long, value_name = "P", value_parser = rate, default_values = ["1e-6", "3e-6", "1e-5", "3e-5", "1e-4"])]
    ber: Vec<f64>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

fn rate(text: &str) -> std::result::Result<f64, String> {
    let rate = text.parse().ok().filter(|p| (0.0..1.0).contains(p));
    rate.ok_or_else(|| format!("`{text}` is not from 0 to below 1: write such as 1e-5"))
}

fn longest(text: &str) -> std::result::Result<u16, String> {
    let range = 8..=MAX_SYMBOL_LEN;
    let len = text
        .parse()
        .ok()
        .filter(|len| range.contains(&usize::from(*len)));
    len.ok_or_else(|| format!("`{text}` is not from 8 to {MAX_SYMBOL_LEN}"))
}

/// What a symbol length gives.
struct Cut {
    symbol_len: u16,
    k: u16,
    /// Payload over bytes sent.
    share: f64,
    /// The same, times the chance of a frame to be whole.
    efficiency: f64,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<()> {
    if !(1..=MOST).contains(&args.payload.0) {
        let what = format!("{} B is no payload of a bundle", args.payload.0);
        return Err(Error::new(Kind::Usage, what)
            .field("--payload")
            .hint("give 1 B to 60 MB"));
    }
    let rows = args.ber.iter().map(|ber| row(args, *ber));
    let rows = rows.collect::<Result<Vec<_>>>()?;
    if args.json {
        let rows = rows.iter().map(|(ber, ours, best)| {
            json!({ "bit_error_rate": ber, "ours": to_json(ours), "best": to_json(best) })
        });
        let rows: Vec<Value> = rows.collect();
        return out::json(&json!({ "payload_bytes": args.payload.0, "rows": rows }));
    }
    let mut table = Table::headed([
        "bit error rate",
        "symbol",
        "K",
        "payload / sent",
        "and whole",
        "best symbol",
        "and whole",
        "ours / best",
    ]);
    for (ber, ours, best) in &rows {
        table.row([
            format!("{ber:e}"),
            ours.symbol_len.to_string(),
            ours.k.to_string(),
            format!("{:.4}", ours.share),
            format!("{:.4}", ours.efficiency),
            best.symbol_len.to_string(),
            format!("{:.4}", best.efficiency),
            format!("{:.4}", ours.efficiency / best.efficiency),
        ]);
    }
    out::result(&table.to_string())
}

fn to_json(cut: &Cut) -> Value {
    json!({
        "symbol_bytes": cut.symbol_len, "k": cut.k, "payload_share": cut.share, "efficiency": cut.efficiency,
    })
}

/// What the planner takes, and the best of all lengths.
fn row(args: &Args, ber: f64) -> Result<(f64, Cut, Cut)> {
    let refused = |e| Error::new(Kind::Internal, e);
    let mut profile: Profile = toml::from_str(EXAMPLE).map_err(refused)?;
    // Nothing but the link decides here, and the longest symbol that is asked about.
    profile.link.symbol_len_max = args.symbol_len_max;
    profile.link.encapsulation = args.encapsulation;
    profile.memory.symbols = u16::MAX;
    profile.memory.staging_size = u32::MAX;
    let link = LinkModel::new(&profile.link, Loss::Random { p: 0.0 }, ber, 0.0);
    let overhead = u32::from(args.envelope);
    let len = args.payload.0.saturating_add(overhead);
    let bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    let number = ObjectNumber::default();
    let of = |object: &UplinkObject| {
        let efficiency = efficiency(object, overhead, &link);
        Cut {
            symbol_len: object.symbol_len(),
            k: object.k(),
            share: efficiency / link.whole(object.symbol_len()),
            efficiency,
        }
    };
    let ours = cut(ObjectKind::Bundle, number, &bytes, &profile, &link)
        .map_err(|e| plan::uncut(std::path::Path::new("--payload"), &e))?;
    let ours = of(&ours);
    let granule = usize::from(profile.granule());
    let lens = (granule..=MAX_SYMBOL_LEN).step_by(granule);
    let all = lens.filter_map(|len| {
        let len = u16::try_from(len).ok()?;
        UplinkObject::new(ObjectKind::Bundle, number, &bytes, len).ok()
    });
    let best = all
        .map(|object| of(&object))
        .reduce(|a, b| if b.efficiency > a.efficiency { b } else { a });
    let best = best.ok_or_else(|| Error::new(Kind::Internal, "no symbol length does"))?;
    Ok((ber, ours, best))
}
