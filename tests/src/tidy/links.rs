//! Links between the pages: each resolves, and every page of `docs/` is reached by following them from `README.md`.

use std::collections::BTreeSet;

use super::{Source, Sources, Violation};

/// Where a reader begins.
const START: &str = "README.md";

/// A link as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Line, counted from 1.
    pub line: usize,
    /// The target, without its anchor.
    pub target: String,
}

/// Relative links of all pages that lead nowhere.
pub fn broken(sources: &Sources) -> Vec<Violation> {
    let mut found = Vec::new();
    for page in sources.markdown() {
        for link in of(page) {
            if !resolve(&page.path, &link.target).is_some_and(|path| exists(sources, &path)) {
                let what = format!("the link to `{}` leads to no tracked file", link.target);
                found.push(Violation::new(&page.path, link.line, what));
            }
        }
    }
    found
}

/// Files under `docs/` that no chain of links from `README.md` reaches.
pub fn unreached(sources: &Sources) -> Vec<Violation> {
    let mut reached = BTreeSet::from([START.to_owned()]);
    let mut ahead = vec![START.to_owned()];
    while let Some(path) = ahead.pop() {
        let Some(page) = sources.markdown().find(|source| source.path == path) else {
            continue;
        };
        for link in of(page) {
            let Some(target) = resolve(&path, &link.target) else {
                continue;
            };
            if reached.insert(target.clone()) {
                ahead.push(target);
            }
        }
    }
    let docs = sources
        .paths
        .iter()
        .filter(|path| path.starts_with("docs/"));
    let lost = docs.filter(|path| !reached.contains(*path));
    lost.map(|path| {
        Violation::new(
            path,
            0,
            format!("no chain of links from {START} leads here"),
        )
    })
    .collect()
}

/// The relative links of a page: `[text](target)`, `![text](target)` and `[name]: target`, outside code.
pub fn of(page: &Source) -> Vec<Link> {
    let mut links = Vec::new();
    let mut fence: Option<&str> = None;
    for (at, line) in page.text.lines().enumerate() {
        let start = line.trim_start();
        if let Some(mark) = ["```", "~~~"]
            .into_iter()
            .find(|mark| start.starts_with(mark))
        {
            match fence {
                None => fence = Some(mark),
                Some(open) if open == mark => fence = None,
                Some(_) => {}
            }
            continue;
        }
        if fence.is_none() {
            let targets = targets(line)
                .into_iter()
                .filter(|target| is_relative(target));
            links.extend(targets.map(|target| Link {
                line: at + 1,
                target: without_anchor(target),
            }));
        }
    }
    links
}

fn targets(line: &str) -> Vec<String> {
    if let Some((_, target)) = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "))
    {
        return target
            .split_whitespace()
            .next()
            .map(str::to_owned)
            .into_iter()
            .collect();
    }
    let prose = without_code(line);
    let after_bracket = prose.split("](").skip(1);
    let inside = after_bracket.filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    // A title may follow: `(page.md "Title")`.
    inside
        .filter_map(|target| target.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// The line without its `inline code`.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" ")
}

fn is_relative(target: &str) -> bool {
    !target.starts_with('#') && !target.contains("://") && !target.starts_with("mailto:")
}

fn without_anchor(target: String) -> String {
    match target.split_once('#') {
        Some((path, _)) => path.to_owned(),
        None => target,
    }
}

/// The path in the repository; `None` when it leaves the repository.
fn resolve(page: &str, target: &str) -> Option<String> {
    let dir = page.rsplit_once('/').map_or("", |(dir, _)| dir);
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// A tracked file, or a directory that holds one.
fn exists(sources: &Sources, path: &str) -> bool {
    let inside = format!("{path}/");
    path.is_empty()
        || sources.paths.contains(path)
        || sources.paths.iter().any(|known| known.starts_with(&inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(pages: &[(&str, &str)]) -> Sources {
        Sources::of(
            pages
                .iter()
                .map(|(path, text)| Source::new(path, text))
                .collect(),
        )
    }

    #[test]
    fn links_are_read_and_code_is_not() {
        let text = "[a](a.md) ![b](b.png \"B\")\n[c]: c.md#part\n`[d](d.md)`\n```\n[e](e.md)\n```\n[f](https://x.org)\n";
        let links = of(&Source::new("README.md", text));
        let targets: Vec<_> = links
            .iter()
            .map(|link| (link.line, link.target.as_str()))
            .collect();
        assert_eq!(targets, [(1, "a.md"), (1, "b.png"), (2, "c.md")]);
    }

    #[test]
    fn a_link_to_nothing_is_broken() {
        let sources = repository(&[
            ("README.md", "[a](docs/a.md)\n"),
            ("docs/b.md", "[up](../README.md)\n"),
        ]);
        assert_eq!(broken(&sources).len(), 1);
        let sources = repository(&[
            ("README.md", "[a](docs/a.md) [d](docs)\n"),
            ("docs/a.md", "[up](../README.md)\n"),
        ]);
        assert!(broken(&sources).is_empty());
    }

    #[test]
    fn a_link_out_of_the_repository_is_broken() {
        assert_eq!(
            broken(&repository(&[("README.md", "[a](../shared/a.md)\n")])).len(),
            1
        );
    }

    #[test]
    fn pages_are_reached_through_other_pages() {
        let pages = [
            ("README.md", "[a](docs/a.md)\n"),
            ("docs/a.md", "[b](deep/b.md)\n"),
            ("docs/deep/b.md", "x\n"),
        ];
        assert!(unreached(&repository(&pages)).is_empty());
    }

    #[test]
    fn a_page_that_only_itself_links_is_lost() {
        let lost = unreached(&repository(&[
            ("README.md", "x\n"),
            ("docs/a.md", "[a](a.md)\n"),
        ]));
        assert_eq!(lost.len(), 1);
        assert_eq!(lost[0].path, "docs/a.md");
    }
}
