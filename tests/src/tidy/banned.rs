//! Painted doors: code that says it will be written, prints for debugging, or a test that never runs.

use proc_macro2::{Delimiter, Group, TokenTree};

use super::{Source, Violation, tokens};

const MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];

/// Calls of the banned macros, `ignore` attributes (`cfg_attr` too) and examples fenced as `ignore`.
pub fn check(source: &Source) -> Vec<Violation> {
    let stream = match tokens::of(source) {
        Ok(stream) => stream,
        Err(violation) => return vec![violation],
    };
    let mut found = fences(source);
    tokens::each_level(stream, &mut |level| {
        for pair in level.windows(2) {
            if let Some((line, what)) = offence(&pair[0], &pair[1]) {
                found.push(Violation::new(&source.path, line, what));
            }
        }
    });
    found
}

fn offence(first: &TokenTree, second: &TokenTree) -> Option<(usize, String)> {
    let line = first.span().start().line;
    if let Some(name) = tokens::ident(first).filter(|_| tokens::is_punct(second, '!')) {
        let name = name.to_string();
        return MACROS
            .contains(&name.as_str())
            .then(|| (line, format!("`{name}!` is banned")));
    }
    match second {
        TokenTree::Group(group) if tokens::is_punct(first, '#') && ignores(group) => Some((
            line,
            "a test that is ignored is no test: make it run or take it out".to_owned(),
        )),
        _ => None,
    }
}

/// `[ignore]`, `[ignore = "..."]` and `[cfg_attr(..., ignore)]`.
fn ignores(attribute: &Group) -> bool {
    if attribute.delimiter() != Delimiter::Bracket {
        return false;
    }
    let trees: Vec<TokenTree> = attribute.stream().into_iter().collect();
    match trees.as_slice() {
        [name, ..] if tokens::ident(name).is_some_and(|name| name == "ignore") => true,
        [name, TokenTree::Group(list)]
            if tokens::ident(name).is_some_and(|name| name == "cfg_attr") =>
        {
            list.stream()
                .into_iter()
                .any(|tree| tokens::ident(&tree).is_some_and(|name| name == "ignore"))
        }
        _ => false,
    }
}

/// Examples in documentation that rustdoc does not run.
fn fences(source: &Source) -> Vec<Violation> {
    let is_ignored = |line: &str| {
        let comment = line.trim_start();
        let comment = comment
            .strip_prefix("///")
            .or_else(|| comment.strip_prefix("//!"));
        let fence = comment.and_then(|text| text.trim().strip_prefix("```"));
        fence.is_some_and(|info| info.split(',').any(|word| word.trim() == "ignore"))
    };
    let lines = source
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| is_ignored(line));
    lines
        .map(|(at, _)| {
            Violation::new(
                &source.path,
                at + 1,
                "an example that is ignored is never checked",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offenders(text: &str) -> Vec<usize> {
        check(&Source::new("a.rs", text))
            .into_iter()
            .map(|violation| violation.line)
            .collect()
    }

    #[test]
    fn banned_macros_are_found_also_inside_macros() {
        assert_eq!(offenders("fn f() {\n    todo!()\n}\n"), [2]);
        assert_eq!(
            offenders("fn f() {\n    std::unimplemented!(\"x\")\n}\n"),
            [2]
        );
        assert_eq!(
            offenders("fn f() {\n    println!(\"{}\", dbg!(1));\n}\n"),
            [2]
        );
    }

    #[test]
    fn ignored_tests_are_found() {
        assert_eq!(offenders("#[test]\n#[ignore]\nfn t() {}\n"), [2]);
        assert_eq!(offenders("#[test]\n#[ignore = \"slow\"]\nfn t() {}\n"), [2]);
        assert_eq!(
            offenders("#[cfg_attr(debug_assertions, ignore)]\nfn t() {}\n"),
            [1]
        );
        assert_eq!(offenders("mod m {\n    #[ignore]\n    fn t() {}\n}\n"), [2]);
    }

    #[test]
    fn ignored_examples_are_found() {
        assert_eq!(offenders("/// ```ignore\n/// x\n/// ```\nfn t() {}\n"), [1]);
        assert_eq!(offenders("//! ```rust, ignore\n//! ```\n"), [1]);
    }

    #[test]
    fn words_in_text_and_names_are_free() {
        assert_eq!(
            offenders("// todo!()\n/// Never `dbg!`.\nfn ignore() { let _ = \"#[ignore]\"; }\n"),
            []
        );
        assert_eq!(
            offenders("/// ```text\n/// ignore\n/// ```\nfn f() { todo(); }\n"),
            []
        );
    }
}
