//! docs/JSON.md, held against what verbs print: the fields of a table are those that are printed, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// A row of a table: fields, and the section that says what is in the last of them.
struct Row {
    fields: Vec<String>,
    shape: Option<String>,
}

/// The sections of the page, by their anchors.
pub struct Page(BTreeMap<String, Vec<Row>>);

/// The anchor of a heading, as the forge makes it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || " -".contains(*c));
    kept.collect::<String>().replace(' ', "-").to_lowercase()
}

impl Page {
    pub fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/JSON.md");
        let text = std::fs::read_to_string(path).unwrap();
        let (mut sections, mut here, mut in_table) = (BTreeMap::<_, Vec<Row>>::new(), None, false);
        for line in text.lines() {
            if let Some(heading) = line
                .trim_start_matches('#')
                .strip_prefix(' ')
                .filter(|_| line.starts_with('#'))
            {
                here = Some(anchor(heading));
                let before = sections.insert(here.clone().unwrap(), Vec::new());
                assert!(before.is_none(), "two sections `{heading}`");
            } else if line == "| field | what |" {
                in_table = true;
            } else if !line.starts_with('|') {
                in_table = false;
            } else if in_table && !line.starts_with("|---") {
                let rows = sections.get_mut(here.as_ref().unwrap()).unwrap();
                rows.push(Row::read(line));
            }
        }
        Self(sections)
    }

    /// The sections that have a table.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        let with_rows = self.0.iter().filter(|(_, rows)| !rows.is_empty());
        with_rows.map(|(name, _)| name.as_str())
    }

    /// All fields that a section has, those of the sections that it names included.
    fn fields(&self, section: &str, prefix: &str, into: &mut BTreeSet<String>) {
        let rows = self
            .0
            .get(section)
            .unwrap_or_else(|| panic!("docs/JSON.md has no section `{section}`"));
        assert!(!rows.is_empty(), "section `{section}` has no table");
        for row in rows {
            for field in &row.fields {
                let path = format!("{prefix}{field}");
                // What holds a field is one, too.
                for (end, _) in path.match_indices('.') {
                    into.insert(path[..end].trim_end_matches("[]").to_owned());
                }
                if !path.is_empty() {
                    into.insert(path.trim_end_matches("[]").to_owned());
                }
                if let Some(shape) = &row.shape {
                    let within = if field.is_empty() {
                        prefix.to_owned()
                    } else {
                        format!("{path}.")
                    };
                    self.fields(shape, &within, into);
                }
            }
        }
    }

    /// Holds a section against what was printed: every field of the one is in the other, but for those of `unseen`, which
    /// cannot come up here.
    pub fn holds(&self, section: &str, printed: &[Value], unseen: &[&str]) {
        let mut stated = BTreeSet::new();
        self.fields(section, "", &mut stated);
        let mut found = BTreeSet::new();
        for value in printed {
            walk(value, "", &stated, &mut found);
        }
        let untold: Vec<_> = found.difference(&stated).collect();
        assert!(
            untold.is_empty(),
            "{section}: docs/JSON.md does not have {untold:?}"
        );
        let gone: Vec<_> = stated.difference(&found).collect();
        let is_as_said = gone.iter().eq(unseen.iter().collect::<BTreeSet<_>>());
        assert!(
            is_as_said,
            "{section}: docs/JSON.md has what is not printed: {gone:?}"
        );
    }
}

impl Row {
    fn read(line: &str) -> Self {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let (names, what) = (cells[1], cells[2]);
        let links = what
            .split("](#")
            .skip(1)
            .map(|link| link.split(')').next().unwrap());
        let shape = links.map(str::to_owned).last();
        let mut fields: Vec<String> = Vec::new();
        for name in names.split('`').skip(1).step_by(2) {
            // A name by itself stands where the one before it does.
            let beside = fields.first().and_then(|first| first.rsplit_once('.'));
            fields.push(match (beside, name.contains('.')) {
                (Some((prefix, _)), false) => format!("{prefix}.{name}"),
                _ => name.to_owned(),
            });
        }
        if names == "all of" {
            fields.push(String::new());
        }
        assert!(
            !fields.is_empty() && (shape.is_none() || fields.len() == 1),
            "{line}"
        );
        Self { fields, shape }
    }
}

/// The paths of all fields of a value; where any name may stand they are one.
fn walk(value: &Value, prefix: &str, stated: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let dot = if prefix.is_empty() { "" } else { "." };
                let any = format!("{prefix}{dot}*");
                let path = match stated.contains(&any) {
                    true => any,
                    false => format!("{prefix}{dot}{name}"),
                };
                found.insert(path.clone());
                walk(value, &path, stated, found);
            }
        }
        Value::Array(all) => {
            for value in all.iter().filter(|value| value.is_object()) {
                walk(value, &format!("{prefix}[]"), stated, found);
            }
        }
        _ => {}
    }
}
