//! `lightday ledger skip`: numbers that a restored ledger would give out a second time.

use std::path::Path;

use lightday_station::keys::to_hex;
use lightday_trust::digest::sha256;
use lightday_wire::{ObjectKind, ObjectNumber};
use serde_json::{Value, json};

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;
use crate::mission::artifact::kind_name;
use crate::mission::claims::MOST_ACCEPTED;
use crate::mission::{Mission, drafts};
use crate::out;

/// Longest file of an object that is read for its digest.
const MAX_LEN: u64 = u32::MAX as u64;

/// A file under a number that this ledger never gave out.
struct Found {
    kind: ObjectKind,
    number: ObjectNumber,
    file: String,
    sha256: String,
}

/// Runs the verb.
pub fn run(mission: &Mission, global: &Global, (dry_run, json): (bool, bool)) -> Result<()> {
    let mut ledger = mission.ledger(global)?;
    let found = found(mission, &ledger)?;
    let mut nexts = Vec::new();
    for kind in ObjectKind::UPLINK {
        let of_kind = found.iter().filter(|f| f.kind == kind);
        let Some(highest) = of_kind.max_by_key(|f| f.number) else {
            continue;
        };
        let ours = ledger.next_number(kind)?;
        refuse_far(highest, ours, mission)?;
        nexts.push((kind, ours, highest.number.next()));
    }
    let what = to_json(&found, &nexts);
    if !dry_run && !nexts.is_empty() {
        ledger.step(&global.actor(), "ledger skip", |step| {
            for (kind, _, next) in &nexts {
                step.raise_number(*kind, *next)?;
            }
            Ok(((), what.clone()))
        })?;
    }
    if json {
        return out::json(&what);
    }
    let mut text = String::new();
    for one in &found {
        text.push_str(&format!(
            "{}: {} {} was never given out by this ledger\n",
            one.file,
            kind_name(one.kind),
            one.number
        ));
    }
    for (kind, ours, next) in &nexts {
        let is = if dry_run { "would be" } else { "is" };
        text.push_str(&format!(
            "next {} {is} {next}, not {ours}\n",
            kind_name(*kind)
        ));
    }
    if nexts.is_empty() {
        text.push_str(
            "No file lies here under a number that this ledger never gave out: none is skipped.\n",
        );
    }
    out::result(&text)?;
    if !dry_run && !nexts.is_empty() {
        out::message(
            "Leave the files where they are. What they stood for is drafted or built anew. If one of them went up, reports show its number: take it over with lightday ingest FILE --accept-numbers SEQUENCE",
        );
    }
    Ok(())
}

/// The files of objects under numbers that the ledger would still give out, by kind and number.
fn found(mission: &Mission, ledger: &Ledger) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for kind in ObjectKind::UPLINK {
        let next = ledger.next_number(kind)?;
        let (dir, prefix, extension) = match kind {
            ObjectKind::Bundle => ("bundles", "", ".ldb"),
            _ => ("documents", drafts::prefix(kind), ".ldd"),
        };
        let dir = mission.path(dir);
        for name in names(&dir)? {
            let digits = name
                .strip_prefix(prefix)
                .and_then(|n| n.strip_suffix(extension));
            let number = digits.and_then(number).filter(|n| *n >= next);
            let Some(number) = number else { continue };
            let path = dir.join(&name);
            let bytes = crate::atomic::read(&path, MAX_LEN)?;
            found.push(Found {
                kind,
                number,
                file: mission.relative(&path),
                sha256: to_hex(&sha256(&bytes).0),
            });
        }
    }
    found.sort_by_key(|f| (f.kind.code(), f.number));
    Ok(found)
}

/// A number as the names of files have it.
fn number(digits: &str) -> Option<ObjectNumber> {
    let number = ObjectNumber::new(digits.parse().ok()?)?;
    (number.to_string() == digits).then_some(number)
}

/// The names in a directory; none where there is none.
fn names(dir: &Path) -> Result<Vec<String>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(dir).map_err(|e| Error::io(dir, &e))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| Error::io(dir, &e))?;
        names.extend(entry.file_name().into_string());
    }
    Ok(names)
}

/// Refuses a number that no ledger of this mission can have reached: numbers are never lowered again.
fn refuse_far(highest: &Found, ours: ObjectNumber, mission: &Mission) -> Result<()> {
    if highest.number.get().saturating_sub(ours.get()) < MOST_ACCEPTED {
        return Ok(());
    }
    let what =
        format!("its number is more than {MOST_ACCEPTED} above {ours}, the next of this ledger");
    Err(Error::new(Kind::Refused, what)
        .file(&mission.path(&highest.file))
        .hint("no mission made as many: the file is not of this mission, and may be moved away"))
}

fn to_json(found: &[Found], nexts: &[(ObjectKind, ObjectNumber, ObjectNumber)]) -> Value {
    let file = |f: &Found| json!({ "kind": kind_name(f.kind), "number": f.number.get(), "file": f.file, "sha256": f.sha256 });
    let mut next = serde_json::Map::new();
    for (kind, _, to) in nexts {
        next.insert(kind_name(*kind).to_owned(), json!(to.get()));
    }
    json!({ "skipped": found.iter().map(file).collect::<Vec<_>>(), "next_numbers": next })
}
