//! A mission whose bundle and authorization are to be planned.

use std::fs;

use super::{Mission, START};

/// A mission with a bundle that takes a few frames and an authorization of it, with this window.
pub fn mission(name: &str, window: &str) -> Mission {
    let mission = Mission::with_bundle(name);
    mission.any_evidence();
    // What whole passes lose is asked for where a test is about it.
    mission.edit("mission.toml", "passes = 0.05", "passes = 0.0");
    let root = "00".repeat(32);
    mission.ok(&format!(
        "authorize 1 --evidence-root {root} {window} --at {START}"
    ));
    for key in ["verification-cleo", "flight-dan"] {
        mission.ok(&format!("sign documents/auth-1.ldd --key keys/{key}.key"));
    }
    mission
}

pub fn passes(mission: &Mission, rows: &str) {
    fs::write(mission.path("passes.csv"), rows).unwrap();
}

pub const BOTH: &str = "bundles/1.ldb documents/auth-1.ldd";
