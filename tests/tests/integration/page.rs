//! `docs/INTEGRATION.md` against the board: what the page shows of code is what is compiled and flown here, all of it, and
//! no more lines than it says.

use std::path::Path;

/// The files that the page quotes, in its order.
const BOARD: [&str; 5] = ["flash", "supervisor", "map", "loader", "flight"];

/// Lines of code that a board takes at the most.
const MOST_LINES: usize = 200;

/// The linker scripts of the worked example.
const SCRIPTS: [&str; 2] = [
    "onboard/firmware/loader/loader.ld",
    "onboard/firmware/flight/flight.ld",
];

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The page's blocks that are fenced as `language`.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}");
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while lines.any(|line| line == fence) {
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push(block.join("\n") + "\n");
    }
    blocks
}

/// A file of the board without its first lines, which say that it is one.
fn quoted(name: &str) -> String {
    let text = read(&format!("tests/tests/integration/{name}.rs"));
    let (_, code) = text.split_once("\n\n").unwrap();
    assert!(!code.contains("//!"), "{name}");
    code.to_owned()
}

/// Lines that are neither blank nor a comment.
fn code_lines(text: &str) -> usize {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    text.lines().filter(is_code).count()
}

#[test]
fn the_page_shows_the_whole_board_that_is_flown_here_and_nothing_else() {
    let page = read("docs/INTEGRATION.md");
    let shown = blocks(&page, "rust");
    let flown = BOARD.map(quoted);
    for (name, flown) in BOARD.iter().zip(&flown) {
        assert!(
            shown.contains(flown),
            "docs/INTEGRATION.md has not, or has other than, tests/tests/integration/{name}.rs; it is to show:\n{flown}"
        );
    }
    assert_eq!(shown, flown, "the page shows code that nobody compiles");
}

#[test]
fn the_board_takes_as_many_lines_as_the_page_says() {
    let lines: usize = BOARD.map(|name| code_lines(&quoted(name))).iter().sum();
    assert!(lines <= MOST_LINES, "{lines} lines");
    let said = format!("**{lines} lines**");
    let page = read("docs/INTEGRATION.md");
    assert!(page.contains(&said), "the page does not say {said}");
}

#[test]
fn the_linker_sections_are_those_of_the_worked_example() {
    let scripts = SCRIPTS.map(read);
    let shown = blocks(&read("docs/INTEGRATION.md"), "ld");
    assert_eq!(shown.len(), SCRIPTS.len(), "one block of each");
    for ((path, script), block) in SCRIPTS.iter().zip(&scripts).zip(&shown) {
        assert!(script.contains(block), "not in {path}:\n{block}");
        for what in ["SECTIONS", ".text", ".bss", "ASSERT"] {
            assert!(block.contains(what), "{path}: {what} is not shown");
        }
    }
}
