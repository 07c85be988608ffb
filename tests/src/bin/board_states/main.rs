//! The states that a vehicle of the RISC-V board can be in, as today's loader and agent leave them: made in simulation
//! on the board's own map, for the frozen binaries to take up. `cargo xtask qemu` runs both verbs, and QEMU between them.
//!
//! ```text
//! frozen flash --> today's loader and agent live each life --> N.zst   the flash, as it lies there
//!                  today's loader and agent take it up     --> N.json  their reports, and the frames of a command
//! N.zst --> QEMU: frozen loader, and what it boots <-- UART --> fly: the same reports, before and behind that command
//! ```
//! The lives are those of `tests/tests/layouts`. Whose reports are expected is what today's loader and agent say of the
//! same bytes; so nothing here says what a state is.
#![forbid(unsafe_code)]

mod fly;
#[path = "../../../tests/layouts/lives.rs"]
mod lives;
mod make;
#[path = "../../../tests/layouts/receptions.rs"]
mod receptions;
mod setting;
mod state;
#[path = "../../../tests/layouts/told.rs"]
mod told;
#[path = "../../../tests/layouts/ways.rs"]
mod ways;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Makes the states of a vehicle of the RISC-V board, and holds what takes them up against what was expected.
#[derive(Parser)]
#[command(name = "board-states")]
enum Verb {
    /// Lives every life, or some, from the frozen flash on.
    Make(make::Args),
    /// Listens to a vehicle that took a state up, commands it, and listens again.
    Fly(fly::Args),
}

fn main() -> ExitCode {
    let done = match Verb::parse() {
        Verb::Make(args) => make::run(&args),
        Verb::Fly(args) => fly::run(&args),
    };
    match done {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Reads a file.
fn read(path: &PathBuf) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}
