//! What is wrong in mission.toml, and where: line and field of every error, and what no reader of TOML checks.

use std::path::Path;

use crate::error::{Error, Result};
use lightday_station::whatif::PASS_S;

use crate::time::DAY_S;

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
    outages(path, text, c)?;
    let rules: [(bool, &str, String, &str); 10] = [
        (
            c.format == 1,
            "format",
            format!("format {} is unknown", c.format),
            "this lightday reads format 1",
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
            "1.0 for independent losses, more for bursts, at most 1e6",
        ),
        (
            c.plan.probability > 0.0 && c.plan.probability < 1.0,
            "plan.probability",
            format!("{} is not between 0 and 1", short(c.plan.probability)),
            "such as 0.999999",
        ),
        (
            c.plan.lead_s() <= 30 * DAY_S,
            "plan.lead",
            format!("{} s", c.plan.lead_s()),
            "how long it takes to bring a file to the antenna, at most 30d, such as 10min",
        ),
        (
            c.plan.booking_lead_s() <= 3660 * DAY_S,
            "plan.booking_lead",
            format!("{} s", c.plan.booking_lead_s()),
            "how long beforehand a pass is booked, at most ten years, such as 56d",
        ),
        (
            (1..=PASS_S).contains(&c.plan.shortest_pass_s()),
            "plan.shortest_pass",
            format!("{} s", c.plan.shortest_pass_s()),
            "the shortest pass that can be booked, from 1s to 8h, such as 10min",
        ),
        (
            fits(health_s),
            "trial.health_deadline",
            format!("{health_s} s"),
            "at least 1s and at most 136 years, such as 10min",
        ),
        (
            fits(lease_s) && lease_s > answer_s,
            "trial.lease",
            format!("{lease_s} s; an answer alone takes {answer_s} s"),
            "at least one pass, both light times and a spare pass, and at most 136 years, such as 7d",
        ),
    ];
    match rules.into_iter().find(|(holds, ..)| !holds) {
        Some((_, field, what, hint)) => Err(at_field(path, text, field, what).hint(hint)),
        None => Ok(()),
    }
}

/// Refuses an outage that is none, at its own line.
fn outages(path: &Path, text: &str, c: &Config) -> Result<()> {
    for (place, outage) in c.outages.iter().enumerate() {
        let (key, what, hint) = if outage.start_s >= outage.end_s {
            (
                "end",
                "an outage ends before it begins",
                "swap start and end, or mend the date",
            )
        } else if outage.why.trim().is_empty() {
            (
                "why",
                "is empty",
                "say why nobody is heard then, such as \"solar conjunction\"",
            )
        } else {
            continue;
        };
        let error = Error::input(path, what)
            .field(format!("outages.{key}"))
            .hint(hint);
        return Err(match line_within(text, "outages", place, key) {
            Some(line) => error.line(line),
            None => error,
        });
    }
    Ok(())
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
    line_within(text, table, 0, key)
}

/// The line, from 1, on which the key of a table stands, of which there may be several: the one of this place, from 0.
fn line_within(text: &str, table: &str, place: usize, key: &str) -> Option<usize> {
    // What stands before all headings is a table without a name.
    let (mut current, mut seen) = ("", usize::from(table.is_empty()));
    for (n, line) in text.lines().enumerate() {
        if let Some(name) = heading(line) {
            current = name;
            seen += usize::from(name == table);
        } else if current == table
            && seen == place + 1
            && line.split('=').next().is_some_and(|k| k.trim() == key)
        {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_named_by_its_own_line() {
        let outage = |end: &str, why: &str| {
            format!(
                "[[outages]]\nstart = \"2026-12-01T00:00:00Z\"\nend = \"{end}\"\nwhy = \"{why}\"\n"
            )
        };
        let good = outage("2026-12-02T00:00:00Z", "works");
        let template = include_str!("../template/mission.toml");
        let before = template.lines().count() + good.lines().count();
        for (bad, field, at) in [
            (outage("2026-12-01T00:00:00Z", "works"), "outages.end", 3),
            (outage("2026-12-03T00:00:00Z", " "), "outages.why", 4),
        ] {
            let text = format!("{template}{good}{bad}{good}");
            let error = super::super::parse(Path::new("mission.toml"), &text);
            let error = error.unwrap_err().to_string();
            let says = format!("mission.toml:{}: field `{field}`: ", before + at);
            assert!(error.starts_with(&says), "{says}: {error}");
        }
    }
}
