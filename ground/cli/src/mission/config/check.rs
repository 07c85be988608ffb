//! What is wrong in mission.toml, and where: line and field of every error, and what no reader of TOML checks.

use std::path::Path;

use crate::error::{Error, Result};

use super::Config;

/// What the reader of TOML says, without words of the program's own types.
pub(super) fn in_words(message: &str) -> String {
    let mut text = message.to_owned();
    for (ours, words) in [
        ("expected u8", "a whole number from 0 to 255"),
        ("expected u16", "a whole number from 0 to 65535"),
        ("expected u32", "a whole number from 0 to 4294967295"),
        ("expected u64", "a whole number of at least 0"),
        ("expected f64", "a number"),
    ] {
        if let Some(before) = text.strip_suffix(ours) {
            text = format!("{before}write {words}");
        }
    }
    text
}

/// A number for an error: never three hundred digits.
fn short(value: f64) -> String {
    if value.abs() >= 1e7 || (value != 0.0 && value.abs() < 1e-7) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

/// What the profile does not check itself.
pub(super) fn check(path: &Path, text: &str, c: &Config) -> Result<()> {
    let answer_s = c.link.light_time.seconds().saturating_mul(2);
    let (lease_s, health_s) = (c.trial.lease.seconds(), c.trial.health_deadline.seconds());
    let fits = |s: u64| s > 0 && u32::try_from(s).is_ok();
    let rules: [(bool, &str, String, &str); 9] = [
        (
            c.format == 1,
            "format",
            format!("format {} is unknown", c.format),
            "this lightday reads format 1",
        ),
        (
            c.outages.iter().all(|o| o.start_s < o.end_s),
            "outages.end",
            "an outage ends before it begins".to_owned(),
            "swap start and end, or mend the date",
        ),
        (
            c.outages.iter().all(|o| !o.why.trim().is_empty()),
            "outages.why",
            "is empty".to_owned(),
            "say why nobody is heard then, such as \"solar conjunction\"",
        ),
        (
            !c.vehicle.name.is_empty(),
            "vehicle.name",
            "is empty".to_owned(),
            "give the vehicle a name",
        ),
        (
            c.loss.frames.probability() < 1.0,
            "loss.frames",
            "every frame is lost".to_owned(),
            "write less than 1",
        ),
        (
            (1.0..=1e6).contains(&c.loss.mean_burst),
            "loss.mean_burst",
            format!("{} frames in a row", short(c.loss.mean_burst)),
            "1.0 for independent losses, more for bursts",
        ),
        (
            c.plan.probability > 0.0 && c.plan.probability < 1.0,
            "plan.probability",
            format!("{} is not between 0 and 1", short(c.plan.probability)),
            "such as 0.999999",
        ),
        (
            fits(health_s),
            "trial.health_deadline",
            format!("{health_s} s"),
            "at least 1s, such as 10min",
        ),
        (
            fits(lease_s) && lease_s > answer_s,
            "trial.lease",
            format!("{lease_s} s; an answer alone takes {answer_s} s"),
            "at least one pass, both light times and a spare pass, such as 7d",
        ),
    ];
    match rules.into_iter().find(|(holds, ..)| !holds) {
        Some((_, field, what, hint)) => Err(at_field(path, text, field, what).hint(hint)),
        None => Ok(()),
    }
}

/// An error at a field of mission.toml.
pub fn at_field(path: &Path, text: &str, field: &str, what: impl std::fmt::Display) -> Error {
    let error = Error::input(path, what).field(field);
    match line_of(text, field) {
        Some(line) => error.line(line),
        None => error,
    }
}

/// The line, from 1, on which `table.key` stands.
fn line_of(text: &str, field: &str) -> Option<usize> {
    let (table, key) = field.rsplit_once('.').unwrap_or(("", field));
    let mut current = "";
    for (n, line) in text.lines().enumerate() {
        if let Some(name) = heading(line) {
            current = name;
        } else if current == table && line.split('=').next().is_some_and(|k| k.trim() == key) {
            return Some(n + 1);
        }
    }
    None
}

/// The line, from 1, and `table.key` of a byte.
pub(super) fn locate(text: &str, at: usize) -> (usize, String) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let table = before.lines().rev().find_map(heading).unwrap_or("");
    let row = text.lines().nth(line - 1).unwrap_or("");
    if let Some(name) = heading(row) {
        return (line, name.to_owned());
    }
    let key = row.split_once('=').map_or("", |(k, _)| k.trim());
    let dot = if table.is_empty() || key.is_empty() {
        ""
    } else {
        "."
    };
    (line, format!("{table}{dot}{key}"))
}

fn heading(line: &str) -> Option<&str> {
    let line = line.split('#').next()?.trim();
    let name = line.strip_prefix('[')?.strip_suffix(']')?;
    // One of several tables of a name.
    Some(
        name.strip_prefix('[')
            .and_then(|n| n.strip_suffix(']'))
            .unwrap_or(name),
    )
}
