//! Hygiene of every tracked text file.

use super::{Source, Violation};

/// Beginnings of paths that exist on one machine only. Written in two halves, so that this file passes itself.
const MACHINE_PATHS: [&str; 6] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/tmp", "/ld"),
    concat!("C:\\Us", "ers"),
];

/// Paths whose bytes are data, not prose: the fuzzers' committed inputs.
const DATA: [&str; 1] = ["fuzz/corpus/"];

/// Trailing whitespace, carriage returns, a missing or doubled newline at the end, machine paths.
pub fn check(source: &Source) -> Vec<Violation> {
    if DATA.iter().any(|dir| source.path.starts_with(dir)) || source.text.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (at, line) in source.text.split('\n').enumerate() {
        for what in line_faults(line) {
            found.push(Violation::new(&source.path, at + 1, what));
        }
    }
    if !source.text.ends_with('\n') {
        found.push(Violation::new(
            &source.path,
            0,
            "does not end with a newline",
        ));
    } else if source.text.ends_with("\n\n") {
        found.push(Violation::new(&source.path, 0, "ends with an empty line"));
    }
    found
}

fn line_faults(line: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if line.contains('\r') {
        faults.push("carriage return".to_owned());
    } else if line.ends_with([' ', '\t']) {
        faults.push("trailing whitespace".to_owned());
    }
    for path in MACHINE_PATHS {
        if begins_a_path(line, path) {
            faults.push(format!("`{path}` is a path of one machine"));
        }
    }
    faults
}

/// Whether `path` stands in the line and is not the middle of a longer path or address, as in `docs/work/`.
fn begins_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> usize {
        check(&Source::new("a.md", text)).len()
    }

    #[test]
    fn clean_text_passes() {
        assert_eq!(faults("a\n\nb\n"), 0);
        assert_eq!(faults(""), 0);
        assert_eq!(
            faults("[x](docs/work/a.md), https://example.org/home/a, ../root/x\n"),
            0
        );
    }

    #[test]
    fn whitespace_faults_are_found() {
        assert_eq!(faults("a \n"), 1);
        assert_eq!(faults("a\t\n"), 1);
        assert_eq!(faults("a\r\n"), 1);
        assert_eq!(faults("a"), 1);
        assert_eq!(faults("a\n\n"), 1);
    }

    #[test]
    fn machine_paths_are_found() {
        for path in MACHINE_PATHS {
            assert_eq!(faults(&format!("see `{path}x`\n")), 1, "{path}");
        }
    }

    #[test]
    fn inputs_of_the_fuzzers_are_data() {
        assert!(check(&Source::new("fuzz/corpus/frame/a", "x \r")).is_empty());
    }
}
