//! `lightday study delivery`: how long until a payload is whole on board, by ours and by three others.

use std::path::PathBuf;

use lightday_sim::study::{self, Figures, Settings, Study, StudyError};
use lightday_station::object::MAX_SYMBOLS;
use lightday_station::size::{ByteSize, parse_size};
use peakmem_alloc::{INSTRUMENTED_SYSTEM, PeakMemAllocTrait as _};
use serde_json::{Value, json};

use super::plot;
use crate::atomic::{self, Access};
use crate::error::{Error, Kind, Result};
use crate::mission::passes;
use crate::mission::units::ppm;
use crate::out::{self, Table};
use crate::time::parse_duration_ms;
use crate::verb::plan::probability;

/// Compare how long a payload takes until it is whole on board, on the same loss traces.
///
/// Ours: source symbols, then fresh parity, sent by the real session; any K symbols rebuild the payload, which is
/// done for real in the first --rebuild trials. Next to it CFDP class 2 with deferred NAKs (a model; its timers are
/// ideal and no NAK is lost), LoRaWAN TS004 coding (its rows, their rank) and RaptorQ (decoded in every trial), each
/// with the same payload in a frame. Hours count from the first bit sent to the last one needed on board, light time
/// included; frames are those sent until then; rounds, how often the sender began to send; RAM is that of the worst
/// trial, beside what lies in flash.
///
/// Examples:
///   lightday study delivery --payload 100kB --rate 100 --light-time 22h \
///       --frame 256 --loss 0.1 --burst 10
///   lightday study delivery --passes passes.csv --lost-pass 0.05 --json \
///       --svg delivery.svg
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Bytes to deliver.
    #[arg(long, default_value = "100kB", value_name = "BYTES", value_parser = parse_size)]
    payload: ByteSize,
    /// Bit/s up.
    #[arg(long, default_value_t = 100, value_name = "BIT/S", value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// One way.
    #[arg(long, default_value = "22h", value_name = "TIME", value_parser = parse_duration_ms)]
    light_time: u64,
    /// Bytes of a frame on the air: 16 of header and MAC, the rest payload.
    #[arg(long, default_value_t = 256, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(18..=1017))]
    frame: u16,
    /// Share of the frames that are lost.
    #[arg(long, default_value = "0.1", value_name = "P", value_parser = share)]
    loss: u32,
    /// Mean length of a burst of lost frames; 1: each frame by itself.
    #[arg(long, default_value_t = 1, value_name = "FRAMES", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    burst: u32,
    /// When the antenna is ours, as passes.csv of a mission; by default always.
    #[arg(long, value_name = "FILE")]
    passes: Option<PathBuf>,
    /// Chance of a whole pass to be lost.
    #[arg(long, default_value = "0", value_name = "P", value_parser = share, requires = "passes")]
    lost_pass: u32,
    /// How sure our plan has to be with the frames of its first passes; fresh parity, ours and that of the others
    /// that send it, follows in all later ones.
    #[arg(long, default_value = "0.999", value_name = "P", value_parser = probability, requires = "passes")]
    probability: f64,
    /// Trials.
    #[arg(long, default_value_t = 4000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    trials: u32,
    /// Of these, rebuild our block for real in the first so many: from exactly K symbols, and not from one less.
    #[arg(long, default_value_t = 100, value_name = "N")]
    rebuild: u32,
    /// The seed of chance: which frames are lost.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON object.
    #[arg(long)]
    json: bool,
    /// Draw the distributions into this new file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// A share below one in parts per million.
fn share(text: &str) -> std::result::Result<u32, String> {
    let value = text
        .parse()
        .ok()
        .and_then(ppm)
        .filter(|ppm| ppm.0 < 1_000_000);
    value
        .map(|ppm| ppm.0)
        .ok_or_else(|| format!("`{text}` is not from 0 to below 1: write such as 0.1"))
}

impl Args {
    fn settings(&self) -> Result<Settings> {
        let refused = |what: &str, hint: &str| Error::new(Kind::Usage, what).hint(hint);
        if !self.light_time.is_multiple_of(1000) {
            return Err(refused(
                "--light-time is no whole number of seconds",
                "round it, such as 79200s",
            ));
        }

        Ok(Settings {
            payload: self.payload.0,
            rate_bps: self.rate,
            light_time_s: self.light_time / 1000,
            frame_len: self.frame,
            loss_ppm: self.loss,
            burst: self.burst,
            passes: self
                .passes
                .as_deref()
                .map(passes::load)
                .transpose()?
                .unwrap_or_default(),
            lost_pass_ppm: self.lost_pass,
            probability: self.probability,
            trials: self.trials,
            rebuilt: self.rebuild,
            seed: self.seed,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        })
    }
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<()> {
    let settings = args.settings()?;
    if let Some(path) = args
        .passes
        .as_deref()
        .filter(|_| settings.passes.is_empty())
    {
        return Err(
            Error::input(path, "no pass").hint("add a row for each pass, or leave --passes out")
        );
    }
    if let Some(path) = &args.svg {
        atomic::refuse_unplaceable(path)?;
    }
    let bar = out::progress(settings.trials.into(), "trials");
    let study = study::run(&settings, &heap_peak, &|| bar.inc(1));
    bar.finish_and_clear();
    let study = study.map_err(|error| refused(&error))?;
    if let Some(path) = &args.svg {
        atomic::create(
            path,
            plot::svg(&study, &title(args, &study)).as_bytes(),
            Access::Public,
        )?;
    }
    match args.json {
        true => out::json(&to_json(&study))?,
        false => show(args, &study)?,
    }
    note(&study);
    Ok(())
}

/// Bytes that some work held on the heap at most, beside what was there before.
fn heap_peak(work: &mut dyn FnMut()) -> usize {
    INSTRUMENTED_SYSTEM.reset_peak_memory();
    work();
    INSTRUMENTED_SYSTEM.get_peak_memory()
}

fn refused(error: &StudyError) -> Error {
    match error {
        StudyError::Setting(..) => Error::new(Kind::Usage, format!("--{error}"))
            .hint("`lightday study delivery --help` tells what each option takes"),
        StudyError::Object(object) => Error::new(Kind::Refused, error).hint(object.hint()),
        StudyError::Plan(_) => Error::new(Kind::Refused, error).hint("give more or longer passes"),
        StudyError::Broken(..) => Error::new(Kind::Internal, error),
    }
}

/// Each protocol's name, its key in JSON, and its figures.
pub(super) fn protocols(study: &Study) -> [(&'static str, &'static str, &Figures); 4] {
    [
        ("ours", "ours", &study.ours),
        ("CFDP class 2", "cfdp2", &study.cfdp2),
        ("TS004", "ts004", &study.ts004),
        ("RaptorQ", "raptorq", &study.raptorq),
    ]
}

fn to_json(study: &Study) -> Value {
    let figures = |of: &Figures| {
        json!({
            "hours_mean": of.hours_mean(),
            "hours_p50": of.hours_at(50),
            "hours_p99": of.hours_at(99),
            "frames_mean": of.frames_mean,
            "rounds_mean": of.rounds_mean,
            "decoder_ram_bytes": of.decoder_ram_bytes,
        })
    };
    let mut object = json!({ "symbols": study.symbols, "frame_seconds": study.frame_seconds });
    for (_, key, of) in protocols(study) {
        object[key] = figures(of);
    }
    object
}

fn title(args: &Args, study: &Study) -> String {
    let noise = match args.burst {
        1 => "each by itself".to_owned(),
        burst => format!("in bursts of {burst}"),
    };
    format!(
        "{} symbols of {} B, {} bit/s, {:.1} h one way, {} % of frames lost, {noise}",
        study.symbols,
        study.symbol_len,
        args.rate,
        args.light_time as f64 / 3_600_000.0,
        f64::from(args.loss) / 10_000.0,
    )
}

fn show(args: &Args, study: &Study) -> Result<()> {
    let none = || "-".to_owned();
    let hours = |hours: Option<f64>| hours.map_or_else(|| "-".to_owned(), |h| format!("{h:.2}"));
    let mut table = Table::headed(["", "hours", "half", "99 %", "frames", "rounds", "RAM, B"]);
    for (name, _, of) in protocols(study) {
        table.row([
            name.to_owned(),
            hours(of.hours_mean()),
            hours(of.hours_at(50)),
            hours(of.hours_at(99)),
            of.frames_mean.map_or_else(none, |n| format!("{n:.1}")),
            of.rounds_mean.map_or_else(none, |n| format!("{n:.2}")),
            of.decoder_ram_bytes.to_string(),
        ]);
    }
    out::result(&format!(
        "{}; {} trials\n\n{table}",
        title(args, study),
        args.trials
    ))
}

/// What the figures do not tell by themselves.
fn note(study: &Study) {
    for (name, _, of) in protocols(study)
        .iter()
        .filter(|(_, _, of)| of.incomplete > 0)
    {
        out::message(format_args!(
            "{name}: not whole in {} trials, within the passes or the {} symbols that there are: add passes, or ask for less",
            of.incomplete, MAX_SYMBOLS
        ));
    }
}
