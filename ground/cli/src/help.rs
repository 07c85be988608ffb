//! The help of every verb, so that it fits the terminal.
//!
//! A verb's help is its doc comment, line by line, so that examples stand as they are. Its paragraphs are joined here:
//! clap then breaks them where the terminal ends, instead of there and where the source had ended.

use clap::Command;

/// A command, and all below it, whose paragraphs flow.
pub fn flowing(mut command: Command) -> Command {
    let flown = |text: &clap::builder::StyledStr| flow(&text.to_string());
    if let Some(about) = command.get_about().map(flown) {
        command = command.about(about);
    }
    if let Some(about) = command.get_long_about().map(flown) {
        command = command.long_about(about);
    }
    command.mut_subcommands(flowing)
}

/// Joins the lines of each paragraph; what is indented stays as it is.
fn flow(text: &str) -> String {
    let stands = |line: &str| line.is_empty() || line.starts_with(' ');
    let mut flown = String::new();
    let mut last: Option<&str> = None;
    for line in text.lines() {
        match last {
            None => {}
            Some(last) if stands(last) || stands(line) => flown.push('\n'),
            Some(_) => flown.push(' '),
        }
        flown.push_str(line);
        last = Some(line);
    }
    flown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_flow_and_examples_stand() {
        let text = "One line,\nand more of it.\n\nThe next\none.\n\nExamples:\n  lightday plan \\\n      x\n  lightday uplink";
        let flown = "One line, and more of it.\n\nThe next one.\n\nExamples:\n  lightday plan \\\n      x\n  lightday uplink";
        assert_eq!(flow(text), flown);
    }
}
