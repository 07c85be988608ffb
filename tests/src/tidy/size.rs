//! Files that fit in a head: lines of a file, lines of a function.

use proc_macro2::{Delimiter, TokenTree};

use super::{Source, Violation, tokens};

/// Lines that a Rust file may have.
pub const FILE_LINES_MAX: usize = 600;

/// Lines that a function may have, from `fn` to its closing brace. Attributes and documentation do not count.
pub const FUNCTION_LINES_MAX: usize = 80;

/// Files above [`FILE_LINES_MAX`] lines.
pub fn files(source: &Source) -> Vec<Violation> {
    let lines = source.text.lines().count();
    if lines <= FILE_LINES_MAX {
        return Vec::new();
    }
    vec![Violation::new(
        &source.path,
        0,
        format!("has {lines} lines; {FILE_LINES_MAX} is the limit"),
    )]
}

/// Functions above [`FUNCTION_LINES_MAX`] lines: methods, tests, nested ones and those inside macros too.
pub fn functions(source: &Source) -> Vec<Violation> {
    let stream = match tokens::of(source) {
        Ok(stream) => stream,
        Err(violation) => return vec![violation],
    };
    let mut found = Vec::new();
    tokens::each_level(stream, &mut |level| {
        for (at, tree) in level.iter().enumerate() {
            let Some((first, last, name)) = function_at(tree, &level[at + 1..]) else {
                continue;
            };
            let lines = last - first + 1;
            if lines > FUNCTION_LINES_MAX {
                let what = format!(
                    "function `{name}` has {lines} lines; {FUNCTION_LINES_MAX} is the limit"
                );
                found.push(Violation::new(&source.path, first, what));
            }
        }
    });
    found
}

/// First line, last line and name, if a function with a body begins here.
fn function_at(tree: &TokenTree, rest: &[TokenTree]) -> Option<(usize, usize, String)> {
    let keyword = tokens::ident(tree).filter(|ident| *ident == "fn")?;
    // In a macro's rules the name may be `$name`; `fn(u8) -> u8` is a type and has none.
    let skipped = rest
        .iter()
        .take_while(|tree| tokens::is_punct(tree, '$'))
        .count();
    let name = tokens::ident(rest.get(skipped)?)?;
    for (at, tree) in rest.iter().enumerate().skip(skipped + 1) {
        match tree {
            tree if tokens::is_punct(tree, ';') => return None,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                // `Foo<{ N + 1 }>` in a signature is no body.
                let before = &rest[at - 1];
                if tokens::is_punct(before, '<')
                    || tokens::is_punct(before, ',') && follows_as_argument(rest, at)
                {
                    continue;
                }
                let last = group.span_close().end().line;
                return Some((keyword.span().start().line, last, name.to_string()));
            }
            _ => {}
        }
    }
    None
}

/// A brace group in a list of generic arguments is followed by `,` or `>`; a body after `where T: Copy,` is not.
fn follows_as_argument(rest: &[TokenTree], at: usize) -> bool {
    rest.get(at + 1)
        .is_some_and(|next| tokens::is_punct(next, '>') || tokens::is_punct(next, ','))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function of `lines` lines.
    fn function(head: &str, lines: usize) -> String {
        format!("{head} {{\n{}}}\n", "    step();\n".repeat(lines - 2))
    }

    fn offenders(text: &str) -> Vec<usize> {
        functions(&Source::new("a.rs", text))
            .into_iter()
            .map(|violation| violation.line)
            .collect()
    }

    #[test]
    fn a_file_may_have_600_lines_and_no_more() {
        assert!(files(&Source::new("a.rs", &"\n".repeat(600))).is_empty());
        assert_eq!(files(&Source::new("a.rs", &"\n".repeat(601))).len(), 1);
    }

    #[test]
    fn a_function_may_have_80_lines_and_no_more() {
        assert_eq!(offenders(&function("fn f()", 80)), []);
        assert_eq!(offenders(&function("fn f()", 81)), [1]);
    }

    #[test]
    fn attributes_and_docs_do_not_count() {
        let text = format!(
            "/// One.\n/// Two.\n#[inline]\n{}",
            function("pub const fn f()", 80)
        );
        assert_eq!(offenders(&text), []);
    }

    #[test]
    fn methods_tests_and_nested_functions_are_measured() {
        let method = format!("impl A {{\n{}}}\n", function("fn f(&self)", 81));
        assert_eq!(offenders(&method), [2]);
        let test = format!(
            "#[cfg(test)]\nmod tests {{\n#[test]\n{}}}\n",
            function("fn t()", 81)
        );
        assert_eq!(offenders(&test), [4]);
        let nested = format!("fn outer() {{\n{}}}\n", function("fn inner()", 81));
        assert_eq!(offenders(&nested), [1, 2]);
    }

    #[test]
    fn functions_inside_macros_are_measured() {
        let text = format!(
            "proptest! {{\n#[test]\n{}}}\n",
            function("fn p(x in any::<u8>())", 81)
        );
        assert_eq!(offenders(&text), [3]);
        assert_eq!(
            offenders(&format!(
                "macro_rules! m {{ ($n:ident) => {{\n{}}} }}\n",
                function("fn $n()", 81)
            )),
            [2]
        );
    }

    #[test]
    fn signatures_with_braces_and_types_without_names_do_not_confuse() {
        assert_eq!(offenders(&function("fn f() -> A<{ N + 1 }>", 81)), [1]);
        assert_eq!(offenders(&function("fn f() -> A<u8, { N + 1 }>", 81)), [1]);
        assert_eq!(offenders(&function("fn f<T>() where T: Copy,", 81)), [1]);
        assert_eq!(offenders("trait A { fn f(&self, g: fn(u8) -> u8); }\n"), []);
    }

    #[test]
    fn what_is_not_rust_is_reported() {
        assert_eq!(functions(&Source::new("a.rs", "fn f() {")).len(), 1);
    }
}
