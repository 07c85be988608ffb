//! The established tools, run by `tests/peers/delta_peers.py`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::table::{self, Pair};
use crate::{Places, Result};

/// The tools in the order of the tables, as the script names them.
pub const TOOLS: [&str; 9] = [
    "bsdiff",
    "bsdiff+lzma",
    "xdelta3-lzma",
    "zstd-patch-from",
    "detools-lzma",
    "detools-heatshrink",
    "hdiffpatch-lzma2",
    "hdiffpatch-lite-tuz",
    "hdiffpatch-lite-tamp",
];

/// What the tools make of one pair.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Bytes of the smallest patch.
    pub best: u64,
    /// Whose it is.
    pub best_tool: String,
    /// Bytes by tool.
    pub sizes: BTreeMap<String, u64>,
}

/// Runs every tool over every pair; one result a pair, in the same order.
///
/// # Errors
/// A tool is missing (says what to install) or fails.
pub fn measure(places: &Places, pairs: &[Pair], keep: bool) -> Result<Vec<Peer>> {
    let python = table::venv(places)?;
    let mut command = Command::new(python);
    command.arg(places.peers.join("delta_peers.py"));
    if keep {
        command.arg("--keep");
    }
    command.arg(places.work.join("peers.jsonl"));
    for pair in pairs {
        command.args([&pair.old, &pair.new]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let lines = BufReader::new(child.stdout.take().ok_or("no pipe")?).lines();
    let mut found: Vec<Option<Peer>> = vec![None; pairs.len()];
    for line in lines {
        let row: serde_json::Value = serde_json::from_str(&line?)?;
        let number = row["number"]
            .as_u64()
            .map_or(usize::MAX, |number| number as usize);
        let place = found.get_mut(number).ok_or("a result of no pair")?;
        let peer = peer_of(&row)?;
        eprintln!(
            "peers: {}: {} B by {}",
            pairs[number].name, peer.best, peer.best_tool
        );
        *place = Some(peer);
    }
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("tests/peers/delta_peers.py ended with {status}").into());
    }
    let all: Option<Vec<Peer>> = found.into_iter().collect();
    all.ok_or_else(|| "a pair has no result of the peers".into())
}

fn peer_of(row: &serde_json::Value) -> Result<Peer> {
    let mut sizes = BTreeMap::new();
    for tool in TOOLS {
        let size = row[tool]
            .as_u64()
            .ok_or_else(|| format!("no size by {tool}"))?;
        sizes.insert(tool.to_owned(), size);
    }
    Ok(Peer {
        best: row["best"].as_u64().ok_or("no best size")?,
        best_tool: row["best_tool"].as_str().ok_or("no best tool")?.to_owned(),
        sizes,
    })
}
