//! Where the bytes of a file went, as the JSON of both `inspect` verbs says it: `fields` are parts that come to the
//! object's length (of a file of frames, to that of its frames without the 2 B before each), in the order in which they
//! lie; `totals` say what runs of them come to.

use serde_json::{Value, json};

use crate::out::Table;

/// Parts for `fields`, from names and bytes.
pub fn parts<'a>(fields: impl IntoIterator<Item = (&'a str, usize)>) -> Value {
    fields
        .into_iter()
        .map(|(field, bytes)| json!({ "field": field, "bytes": bytes }))
        .collect()
}

/// Sums for `totals`, from names and bytes.
pub fn totals<'a>(totals: impl IntoIterator<Item = (&'a str, usize)>) -> Value {
    totals
        .into_iter()
        .map(|(total, bytes)| json!({ "total": total, "bytes": bytes }))
        .collect()
}

/// Both for people: the totals stand below the parts.
pub fn table(value: &Value) -> Table {
    let mut table = Table::headed(["field", "bytes"]);
    let rows = |key: &str| value[key].as_array().into_iter().flatten();
    let name = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    for row in rows("fields") {
        table.row([name(row, "field"), row["bytes"].to_string()]);
    }
    for row in rows("totals") {
        table.row([
            format!("= {}", name(row, "total")),
            row["bytes"].to_string(),
        ]);
    }
    table
}
