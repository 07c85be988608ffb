//! The README's practice update, word for word: each line of the block runs, in order.

mod common;

use std::fs;
use std::path::Path;

use common::{Dir, run};

/// The block of the README that begins with `lightday new`.
fn practice() -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let text = fs::read_to_string(readme).unwrap();
    let block = text
        .split("```sh\n")
        .find(|block| block.starts_with("lightday new"));
    block.unwrap().split("```").next().unwrap().to_owned()
}

#[test]
fn the_practice_update_runs_as_it_stands() {
    let dir = Dir::new("readme");
    let mission = dir.0.join("voyager");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let mut verbs = 0;
    for line in practice().lines() {
        let line = line.split('#').next().unwrap().trim();
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["lightday", "new", name, "&&", "cd", same] => {
                assert_eq!(name, same);
                assert_eq!(run(&dir.0, &format!("new {name}")).code, 0);
            }
            ["cp", files @ .., "."] => {
                for file in files {
                    let name = file.strip_prefix("../tests/fixtures/").unwrap();
                    fs::copy(fixtures.join(name), mission.join(name)).unwrap();
                }
            }
            ["echo", pass, ">>", "passes.csv"] => {
                let path = mission.join("passes.csv");
                let text = fs::read_to_string(&path).unwrap();
                fs::write(&path, format!("{text}{pass}\n")).unwrap();
            }
            ["lightday", rest @ ..] => {
                let ran = run(&mission, &rest.join(" "));
                assert_eq!(ran.code, 0, "{line}: {}", ran.err);
                verbs += 1;
            }
            _ => panic!("the README has a line that this test cannot run: {line}"),
        }
    }
    assert!(verbs >= 15, "{verbs} verbs");
}
