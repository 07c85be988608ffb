//! What the tables of facts hold, as digests; and whether the file still has the schema that it was made with.
//!
//! ```text
//! digest of a table = SHA-256( "lightday table v1" || 0 || name || 0 || row, row, ... )      by its primary key
//! row               = its columns: type (1 B) || length (8 B) || value                        integers as 8 B
//! state             = SHA-256( "lightday state v1" || 0 || digest of each table, in the order of TABLES )
//! ```
//! Every decision carries the state behind it: a row that is changed, removed or added without a decision shows.
//! Never tells who did it.

use lightday_trust::Digester;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

const TABLE_DOMAIN: &[u8] = b"lightday table v1";
const STATE_DOMAIN: &[u8] = b"lightday state v1";

/// The tables of facts. The bytes of objects are held by their digest.
const TABLES: [(&str, &str); 11] = [
    (
        "objects",
        "SELECT kind, number, file, sha256, made_s FROM objects ORDER BY kind, number",
    ),
    ("bundles", "SELECT * FROM bundles ORDER BY number"),
    ("documents", "SELECT * FROM documents ORDER BY kind, number"),
    (
        "signatures",
        "SELECT * FROM signatures ORDER BY kind, number, key",
    ),
    ("sent", "SELECT * FROM sent ORDER BY id"),
    ("reports", "SELECT * FROM reports ORDER BY id"),
    ("accepted", "SELECT * FROM accepted ORDER BY id"),
    ("answers", "SELECT * FROM answers ORDER BY id"),
    ("numbers", "SELECT * FROM numbers ORDER BY kind"),
    ("key_sets", "SELECT * FROM key_sets ORDER BY id"),
    ("link_keys", "SELECT * FROM link_keys ORDER BY id"),
];

/// A table of facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Table {
    name: &'static str,
    rows: i64,
    digest: [u8; 32],
}

fn table(connection: &Connection, name: &'static str, sql: &str) -> rusqlite::Result<Table> {
    let mut digester = Digester::separated(TABLE_DOMAIN);
    digester.update(name.as_bytes());
    digester.update(&[0]);
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let mut found = statement.query([])?;
    let mut rows = 0;
    while let Some(row) = found.next()? {
        rows += 1;
        for column in 0..columns {
            value(&mut digester, row.get_ref(column)?);
        }
    }
    Ok(Table {
        name,
        rows,
        digest: digester.finish().0,
    })
}

fn value(digester: &mut Digester, value: ValueRef<'_>) {
    let mut typed = |kind: u8, bytes: &[u8]| {
        digester.update(&[kind]);
        digester.update(&(bytes.len() as u64).to_be_bytes());
        digester.update(bytes);
    };
    match value {
        ValueRef::Null => typed(0, &[]),
        ValueRef::Integer(n) => typed(1, &n.to_be_bytes()),
        ValueRef::Real(x) => typed(2, &x.to_be_bytes()),
        ValueRef::Text(text) => typed(3, text),
        ValueRef::Blob(bytes) => typed(4, bytes),
    }
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<Table>> {
    let all = TABLES.iter();
    all.map(|(name, sql)| table(connection, name, sql))
        .collect()
}

fn combined(tables: &[Table]) -> [u8; 32] {
    let mut digester = Digester::separated(STATE_DOMAIN);
    tables.iter().for_each(|t| digester.update(&t.digest));
    digester.finish().0
}

/// Notes the state of all tables and returns its digest.
pub(super) fn note(connection: &Connection) -> rusqlite::Result<[u8; 32]> {
    let tables = tables(connection)?;
    for table in &tables {
        connection.execute(
            "INSERT OR REPLACE INTO state (name, rows, digest) VALUES (?1, ?2, ?3)",
            params![table.name, table.rows, table.digest],
        )?;
    }
    Ok(combined(&tables))
}

/// Says what is wrong with the tables, if they are not what they were behind the last decision, whose state
/// was `last`. Before the first decision they must be as new.
pub(super) fn changed(
    connection: &Connection,
    last: Option<[u8; 32]>,
) -> rusqlite::Result<Option<String>> {
    let now = tables(connection)?;
    let last = match last {
        Some(last) => last,
        None => combined(&tables(&reference()?)?),
    };
    if combined(&now) == last {
        return Ok(None);
    }
    let mut noted = connection.prepare("SELECT rows, digest FROM state WHERE name = ?1")?;
    for table in &now {
        let known: rusqlite::Result<(i64, Vec<u8>)> =
            noted.query_row([table.name], |r| Ok((r.get(0)?, r.get(1)?)));
        match known {
            Ok((_, digest)) if digest == table.digest => {}
            Ok((rows, _)) if rows != table.rows => {
                let (name, has) = (table.name, table.rows);
                return Ok(Some(format!(
                    "table `{name}` was changed without a decision: {rows} rows then, {has} now"
                )));
            }
            _ => {
                let name = table.name;
                return Ok(Some(format!(
                    "table `{name}` was changed without a decision"
                )));
            }
        }
    }
    Ok(Some("the facts are not those of the last decision".into()))
}

/// A new ledger in memory.
fn reference() -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch(include_str!("schema.sql"))?;
    Ok(connection)
}

fn schema(connection: &Connection) -> rusqlite::Result<Vec<(String, String, Option<String>)>> {
    connection
        .prepare("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY name")?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
        .collect()
}

/// Says which table or trigger is missing, changed or foreign.
pub(super) fn damaged_schema(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let (ours, found) = (schema(&reference()?)?, schema(connection)?);
    for part @ (kind, name, _) in &ours {
        if !found.contains(part) {
            let other = found.iter().any(|(k, n, _)| (k, n) == (kind, name));
            let how = if other { "is another" } else { "is missing" };
            return Ok(Some(format!("damaged schema: {kind} `{name}` {how}")));
        }
    }
    let foreign = found.iter().find(|part| !ours.contains(part));
    Ok(foreign
        .map(|(kind, name, _)| format!("damaged schema: {kind} `{name}` is not the ledger's")))
}
