//! Results and messages. Results go to standard output, everything else to standard error; a progress
//! bar is drawn on a terminal only. A reader that goes away early (`lightday inspect X | head`) ends
//! the program quietly: never a panic, never a failure.

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use lightday_station::codec::Heard;
use lightday_station::profile::codec_name;
use serde::Serialize;

use crate::error::{Error, Kind, Result};

/// Writes a result to standard output.
///
/// # Errors
/// Standard output failed for another reason than that its reader went away; says what was written.
pub fn result(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(mute(&e, &crate::atomic::written())),
        _ => Ok(()),
    }
}

/// The result cannot be shown, though the work may be done.
fn mute(error: &io::Error, written: &[PathBuf]) -> Error {
    let names: Vec<String> = written.iter().map(|p| p.display().to_string()).collect();
    let hint = match names.is_empty() {
        true => "nothing was written; mend standard output and repeat the command".to_owned(),
        false => format!(
            "only the result could not be shown; do not repeat the command, it wrote: {}",
            names.join(", ")
        ),
    };
    Error::new(Kind::Io, format!("standard output: {error}")).hint(hint)
}

/// Writes a result as one JSON value and a line feed.
///
/// # Errors
/// As [`result`].
pub fn json(value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|e| Error::new(Kind::Internal, format!("cannot write JSON: {e}")))?;
    text.push('\n');
    result(&text)
}

/// Writes a message for the person at the terminal.
pub fn message(text: impl fmt::Display) {
    // Whoever closed standard error does not want to hear it.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes an error and returns its exit code.
pub fn failure(error: &Error) -> ExitCode {
    let word = if colour() {
        "\x1b[1;31merror\x1b[0m"
    } else {
        "error"
    };
    message(format_args!("{word}: {error}"));
    ExitCode::from(error.kind as u8)
}

/// Whether standard error takes colours: a terminal, and NO_COLOR is unset or empty (no-color.org).
fn colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// A progress bar on standard error; draws nothing where that is no terminal.
pub fn progress(len: u64, what: &'static str) -> indicatif::ProgressBar {
    if !io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new(len);
    bar.set_style(bar_style());
    bar.with_message(what)
}

fn bar_style() -> indicatif::ProgressStyle {
    let style = indicatif::ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} {eta}");
    style.map_or_else(
        |_| indicatif::ProgressStyle::default_bar(),
        |style| style.progress_chars("=> "),
    )
}

/// A spinner that becomes a progress bar with the first report of what moves it; draws nothing where standard error
/// is no terminal. A codec that is left out is told in a note of its own.
pub fn encoding() -> (indicatif::ProgressBar, impl Fn(Heard) + Sync) {
    let spinner = spinner("trying codecs");
    let moved = spinner.clone();
    let style = bar_style();
    (spinner, move |heard: Heard| {
        let progress = match heard {
            Heard::Progress(progress) => progress,
            Heard::LeftOut(error) => {
                return moved.suspend(|| {
                    message(format_args!(
                        "note: a codec is left out: {error}\n  hint: {}",
                        error.hint()
                    ));
                });
            }
            Heard::StandsAside(codec, why) => {
                return moved.suspend(|| {
                    message(format_args!(
                        "note: {} stands aside: {why}",
                        codec_name(codec)
                    ));
                });
            }
            _ => return,
        };
        if moved.length().is_none() {
            moved.set_message("trying alignments");
            moved.set_style(style.clone());
        }
        moved.set_length(progress.most as u64);
        // Two threads report; a bar goes forwards.
        moved.update(|state| state.set_pos(state.pos().max(progress.done as u64)));
    })
}

/// A spinner for work of unknown length; draws nothing where standard error is no terminal.
pub fn spinner(what: &'static str) -> indicatif::ProgressBar {
    if !io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new_spinner().with_message(what);
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
}

/// A table in plain text: columns as wide as their widest cell, numbers to the right.
#[derive(Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
    headed: bool,
}

impl Table {
    /// With a heading.
    pub fn headed<const N: usize>(heading: [&str; N]) -> Self {
        Self {
            rows: vec![heading.iter().map(|c| (*c).to_owned()).collect()],
            headed: true,
        }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cells = |c: usize| self.rows.iter().filter_map(move |r| r.get(c));
        let widths: Vec<usize> = (0..columns)
            .map(|c| cells(c).map(|t| t.chars().count()).max().unwrap_or(0))
            .collect();
        // Numbers, also with a unit; dates are words.
        let number = |t: &String| t.starts_with(|c: char| c.is_ascii_digit()) && !t.contains('-');
        let right: Vec<bool> = (0..columns)
            .map(|c| c > 0 && cells(c).skip(usize::from(self.headed)).all(number))
            .collect();
        for row in &self.rows {
            let mut line = String::new();
            for (c, cell) in row.iter().enumerate() {
                let width = widths.get(c).copied().unwrap_or(0);
                match right.get(c) {
                    Some(true) => write!(line, "{cell:>width$}  ")?,
                    _ => write!(line, "{cell:<width$}  ")?,
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_aligns_words_left_and_numbers_right() {
        let mut table = Table::headed(["kind", "bytes"]);
        table.row(["payload".to_owned(), "9".to_owned()]);
        table.row(["tag".to_owned(), "12345".to_owned()]);
        assert_eq!(
            table.to_string(),
            "kind     bytes\npayload      9\ntag      12345\n"
        );
    }
}
