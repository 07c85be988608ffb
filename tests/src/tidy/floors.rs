//! Imports point down: the table of floors, and what the manifest and the root file of every crate must declare. The
//! firmware stands on boot and agent in a workspace of its own; what each of its crates may import is a list.
//!
//! ```text
//! floor 6   lightday-tests
//! floor 5   lightday (the binary)
//! floor 4   lightday-sim
//! floor 3   lightday-agent      lightday-station      (siblings never meet)
//! floor 2   lightday-boot
//! floor 1   lightday-trust
//! floor 0   lightday-wire       lightday-fec          lightday-delta
//!           xtask stands beside the house and imports none of these
//! ```

use std::collections::BTreeMap;

use super::{Sources, Violation};

/// What the table says about one crate.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Package.
    pub name: &'static str,
    /// Its floor; `None` for the crate that imports none of ours.
    pub floor: Option<u8>,
    /// It flies: `no_std`.
    pub on_board: bool,
    /// Packages on lower floors that it must not import all the same.
    pub never: &'static [&'static str],
}

const fn rule(name: &'static str, floor: u8, on_board: bool) -> Rule {
    Rule {
        name,
        floor: Some(floor),
        on_board,
        never: &[],
    }
}

/// Every package of the workspace.
pub const RULES: [Rule; 11] = [
    rule("lightday-wire", 0, true),
    rule("lightday-fec", 0, true),
    rule("lightday-delta", 0, true),
    rule("lightday-trust", 1, true),
    rule("lightday-boot", 2, true),
    rule("lightday-agent", 3, true),
    Rule {
        never: &["lightday-boot", "lightday-agent"],
        ..rule("lightday-station", 3, false)
    },
    rule("lightday-sim", 4, false),
    rule("lightday", 5, false),
    rule("lightday-tests", 6, false),
    Rule {
        name: "xtask",
        floor: None,
        on_board: false,
        never: &[],
    },
];

/// Directory, package and imports of every crate of the firmware: the loader never links the agent, and only the
/// factory, which never flies, links what the ground runs.
pub const FIRMWARE: [(&str, &str, &[&str]); 4] = [
    (
        "board",
        "lightday-firmware-board",
        &["lightday-boot", "lightday-trust", "lightday-wire"],
    ),
    (
        "loader",
        "lightday-firmware-loader",
        &[
            "lightday-boot",
            "lightday-firmware-board",
            "lightday-trust",
            "lightday-wire",
        ],
    ),
    (
        "flight",
        "lightday-firmware-flight",
        &[
            "lightday-agent",
            "lightday-boot",
            "lightday-firmware-board",
            "lightday-trust",
            "lightday-wire",
        ],
    ),
    (
        "factory",
        "lightday-firmware-factory",
        &[
            "lightday-boot",
            "lightday-firmware-board",
            "lightday-sim",
            "lightday-station",
            "lightday-trust",
            "lightday-wire",
        ],
    ),
];

/// Checks every crate of the firmware against [`FIRMWARE`].
pub fn firmware(sources: &Sources) -> Vec<Violation> {
    let mut found = Vec::new();
    for (dir, name, allowed) in FIRMWARE {
        let path = format!("onboard/firmware/{dir}/Cargo.toml");
        let Some(manifest) = parse(sources, &path, &mut found) else {
            continue;
        };
        let package = manifest.get("package").and_then(|p| p.get("name"));
        if package.and_then(toml::Value::as_str) != Some(name) {
            found.push(Violation::new(&path, 0, format!("is not `{name}`")));
        }
        let ours = |import: &String| import.starts_with("lightday");
        for import in imports(&manifest).into_iter().filter(ours) {
            if !allowed.contains(&import.as_str()) {
                let what = format!("`{name}` never imports `{import}`");
                found.push(Violation::new(&path, 0, what));
            }
        }
        let lints = manifest.get("lints").and_then(|l| l.get("workspace"));
        if lints.and_then(toml::Value::as_bool) != Some(true) {
            let what = "does not inherit the workspace's lints";
            found.push(Violation::new(&path, 0, what));
        }
    }
    found
}

fn rule_of(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

/// Checks every member that the root `Cargo.toml` lists.
pub fn check(sources: &Sources) -> Vec<Violation> {
    let mut found = Vec::new();
    let Some(root) = parse(sources, "Cargo.toml", &mut found) else {
        return found;
    };
    let members = root
        .get("workspace")
        .and_then(|table| table.get("members"))
        .and_then(toml::Value::as_array);
    let mut seen = Vec::new();
    for dir in members
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_str)
    {
        let path = format!("{dir}/Cargo.toml");
        let Some(manifest) = parse(sources, &path, &mut found) else {
            continue;
        };
        match manifest
            .get("package")
            .and_then(|package| package.get("name"))
            .and_then(toml::Value::as_str)
        {
            Some(name) => {
                seen.push(name.to_owned());
                member(sources, dir, name, &manifest, &mut found);
            }
            None => found.push(Violation::new(&path, 0, "has no package name")),
        }
    }
    for rule in RULES
        .iter()
        .filter(|rule| !seen.iter().any(|name| name == rule.name))
    {
        found.push(Violation::new(
            "Cargo.toml",
            0,
            format!("`{}` has a floor but is no member", rule.name),
        ));
    }
    found
}

fn member(
    sources: &Sources,
    dir: &str,
    name: &str,
    manifest: &toml::Value,
    found: &mut Vec<Violation>,
) {
    let path = format!("{dir}/Cargo.toml");
    let Some(rule) = rule_of(name) else {
        found.push(Violation::new(
            &path,
            0,
            format!("`{name}` has no floor in the table of the tidy test"),
        ));
        return;
    };
    for import in imports(manifest) {
        if let Some(what) = forbidden(rule, &import) {
            found.push(Violation::new(&path, 0, what));
        }
    }
    let lints = manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"));
    if lints.and_then(toml::Value::as_bool) != Some(true) {
        found.push(Violation::new(
            &path,
            0,
            "does not inherit the workspace's lints",
        ));
    }
    root_file(sources, dir, rule, found);
}

/// Why `rule`'s crate must not import `import`; `None` when it may, or when `import` is not ours.
fn forbidden(rule: &Rule, import: &str) -> Option<String> {
    // Of the firmware, the requirements tests alone take the board's map.
    let is_board = (rule.name, import) == ("lightday-tests", "lightday-firmware-board");
    if import.starts_with("lightday-firmware") && !is_board {
        return Some(format!(
            "`{}` imports `{import}`: nobody does, but `lightday-tests` the board",
            rule.name
        ));
    }
    // A crate may name itself among its development dependencies, to switch a feature on for its tests.
    let other = rule_of(import).filter(|other| other.name != rule.name)?;
    let name = rule.name;
    let (Some(own), Some(theirs)) = (rule.floor, other.floor) else {
        return Some(format!(
            "`{name}` imports `{import}`: xtask stands beside the house"
        ));
    };
    if rule.never.contains(&import) {
        return Some(format!("`{name}` never imports `{import}`"));
    }
    let what = format!(
        "`{name}` (floor {own}) imports `{import}` (floor {theirs}): imports point down only"
    );
    (theirs >= own).then_some(what)
}

/// The packages that a manifest names: normal, development and build dependencies, for every target.
fn imports(manifest: &toml::Value) -> Vec<String> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let tables =
        std::iter::once(manifest).chain(targets.into_iter().flat_map(|table| table.values()));
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let mut names = BTreeMap::new();
    for table in tables {
        for list in kinds
            .iter()
            .filter_map(|kind| table.get(kind))
            .filter_map(toml::Value::as_table)
        {
            for (key, value) in list {
                let package = value.get("package").and_then(toml::Value::as_str);
                names.insert(package.unwrap_or(key).to_owned(), ());
            }
        }
    }
    names.into_keys().collect()
}

/// Every root forbids unsafe code; what flies is `no_std`, always.
fn root_file(sources: &Sources, dir: &str, rule: &Rule, found: &mut Vec<Violation>) {
    let roots = ["lib.rs", "main.rs"].map(|file| format!("{dir}/src/{file}"));
    let mut any = false;
    for path in roots {
        let Some(text) = sources.text(&path) else {
            continue;
        };
        any = true;
        let declares = |attribute: &str| text.lines().any(|line| line.trim() == attribute);
        let wanted = if rule.on_board {
            vec!["#![forbid(unsafe_code)]", "#![no_std]"]
        } else {
            vec!["#![forbid(unsafe_code)]"]
        };
        for attribute in wanted.into_iter().filter(|attribute| !declares(attribute)) {
            found.push(Violation::new(
                &path,
                0,
                format!("does not declare `{attribute}`"),
            ));
        }
    }
    if !any {
        found.push(Violation::new(
            dir,
            0,
            "has neither src/lib.rs nor src/main.rs",
        ));
    }
}

fn parse(sources: &Sources, path: &str, found: &mut Vec<Violation>) -> Option<toml::Value> {
    let Some(text) = sources.text(path) else {
        found.push(Violation::new(path, 0, "is not tracked"));
        return None;
    };
    match toml::from_str(text) {
        Ok(value) => Some(value),
        Err(error) => {
            found.push(Violation::new(path, 0, format!("is not TOML: {error}")));
            None
        }
    }
}

#[cfg(test)]
#[path = "floors_tests.rs"]
mod tests;
