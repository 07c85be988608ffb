//! Rust as tokens: enough to find functions and macros, also inside the bodies of macros such as `proptest!`.

use std::str::FromStr;

use proc_macro2::{Ident, TokenStream, TokenTree};

use super::{Source, Violation};

/// The tokens of a file.
///
/// # Errors
/// The file is not Rust: a violation, because then no rule can be checked on it.
pub fn of(source: &Source) -> Result<TokenStream, Violation> {
    TokenStream::from_str(&source.text).map_err(|error| {
        let line = error.span().start().line;
        Violation::new(&source.path, line, format!("is not Rust: {error}"))
    })
}

/// Calls `visit` on every sequence of tokens: the file itself, then what stands between each pair of delimiters.
pub fn each_level(stream: TokenStream, visit: &mut impl FnMut(&[TokenTree])) {
    let level: Vec<TokenTree> = stream.into_iter().collect();
    visit(&level);
    for tree in level {
        if let TokenTree::Group(group) = tree {
            each_level(group.stream(), visit);
        }
    }
}

/// The identifier, if the token is one.
pub fn ident(tree: &TokenTree) -> Option<&Ident> {
    match tree {
        TokenTree::Ident(ident) => Some(ident),
        _ => None,
    }
}

/// Whether the token is this punctuation mark.
pub fn is_punct(tree: &TokenTree, mark: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == mark)
}
