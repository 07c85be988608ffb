//! The passes that are free: what is booked, less what earlier uplinks take of it, from when a file can be at the antenna.

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::ledger::SentRow;
use crate::mission::{Mission, Pass};
use crate::out;
use crate::time::{DAY_S, show_instant};

/// What earlier uplinks sent; nothing where there is no ledger.
///
/// # Errors
/// The ledger cannot be read.
pub fn already_sent(mission: &Mission) -> Result<Vec<SentRow>> {
    match mission.path("ledger.sqlite").is_file() {
        true => mission.ledger_to_read()?.sent(),
        false => Ok(Vec::new()),
    }
}

/// What can be used of the passes, without the time in which earlier uplinks send already: from the instant on at which
/// frames that are written at `now_s` can be at the antenna.
///
/// # Errors
/// passes.csv makes no sense; the ledger's.
pub fn free(mission: &Mission, now_s: u64) -> Result<Vec<Pass>> {
    free_of(mission, &already_sent(mission)?, now_s)
}

fn free_of(mission: &Mission, sent: &[SentRow], now_s: u64) -> Result<Vec<Pass>> {
    let mut passes = mission.passes()?;
    let from_s = now_s.saturating_add(mission.config.plan.lead_s());
    for pass in &mut passes {
        let within = |s: &&SentRow| s.went() && s.ends_s > pass.start_s && s.starts_s < pass.end_s;
        let busy_until_s = sent.iter().filter(within).map(|s| s.ends_s).max();
        let free_s = pass.start_s.max(from_s).max(busy_until_s.unwrap_or(0));
        *pass = pass.starting_at(free_s, mission.light_time());
    }
    passes.retain(|p| p.start_s < p.end_s);
    Ok(passes)
}

/// As [`free`]. Says so where what was written before is in the way.
///
/// # Errors
/// passes.csv makes no sense, or none is left.
pub fn passes(mission: &Mission, global: &Global) -> Result<Vec<Pass>> {
    let now_s = global.now_s();
    let sent = already_sent(mission)?;
    let passes = free_of(mission, &sent, now_s)?;
    let from_s = now_s.saturating_add(mission.config.plan.lead_s());
    let past = sent
        .iter()
        .filter(|s| s.starts_s < from_s)
        .map(|s| SentRow {
            ends_s: s.ends_s.min(from_s),
            ..s.clone()
        });
    let past: Vec<SentRow> = past.collect();
    let first_s = |passes: &[Pass]| passes.first().map(|p| p.start_s);
    let sooner_s = first_s(&free_of(mission, &past, now_s)?);
    if let Some(sooner_s) = sooner_s.filter(|s| first_s(&passes).is_none_or(|first| *s < first)) {
        let until =
            first_s(&passes).map_or_else(|| "the end of all passes".to_owned(), show_instant);
        out::message(format_args!(
            "note: what was written before has the antenna until {until}; `--between` of plan and uplink takes it back from {} on, and lays it anew with this in between",
            show_instant(sooner_s)
        ));
    }
    if passes.is_empty() {
        return Err(Error::new(
            Kind::Plan,
            format!("no pass is free after {}", show_instant(from_s)),
        )
        .file(&mission.path("passes.csv"))
        .hint(format!(
            "add a booked pass, such as: {}; `--at` plans for another instant, and [[outages]] of mission.toml take passes away",
            example_pass(now_s)
        )));
    }
    Ok(passes)
}

/// A line for passes.csv: 8 h on the day after tomorrow.
fn example_pass(now_s: u64) -> String {
    let start_s = (now_s / DAY_S + 2) * DAY_S + 6 * 3600;
    let end_s = start_s + 8 * 3600;
    format!("{},{},STATION,", show_instant(start_s), show_instant(end_s))
}
