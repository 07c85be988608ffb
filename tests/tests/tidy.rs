//! The house rules, held against the tracked files. The checkers and the proofs that they can fail: `src/tidy`.

use std::path::Path;

use lightday_tests::tidy::{Source, Sources, Violation, banned, floors, links, size, text};

fn repository() -> Sources {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = Sources::read(here.parent().unwrap()).unwrap_or_else(|error| panic!("{error}"));
    // A list that came out empty would let every rule pass.
    assert!(
        sources
            .rust()
            .any(|source| source.path == "tests/tests/tidy.rs"),
        "git lists no sources"
    );
    sources
}

#[track_caller]
fn assert_none(violations: Vec<Violation>) {
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

fn over_rust(check: impl Fn(&Source) -> Vec<Violation>) -> Vec<Violation> {
    repository().rust().flat_map(check).collect()
}

#[test]
fn no_file_is_longer_than_600_lines() {
    assert_none(over_rust(size::files));
}

#[test]
fn no_function_is_longer_than_80_lines() {
    assert_none(over_rust(size::functions));
}

#[test]
fn nothing_is_left_to_do_printed_for_debugging_or_ignored() {
    assert_none(over_rust(banned::check));
}

#[test]
fn imports_point_down() {
    assert_none(floors::check(&repository()));
}

#[test]
fn the_firmware_imports_what_it_may() {
    assert_none(floors::firmware(&repository()));
}

#[test]
fn links_resolve() {
    assert_none(links::broken(&repository()));
}

#[test]
fn every_page_of_the_docs_is_reached_from_the_readme() {
    assert_none(links::unreached(&repository()));
}

#[test]
fn text_is_clean_and_names_no_machine() {
    assert_none(repository().texts.iter().flat_map(text::check).collect());
}
