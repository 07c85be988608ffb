//! The act of all states: whatever today's loader and agent leave in flash, the binaries of a frozen release take it up.
//!
//! ```text
//! board-states make   lives every life on the board's map, from the frozen flash on: N.zst, N.json
//! QEMU                frozen loader on the flash of N.zst, its clock at that life's instant
//! board-states fly    it reports what today's loader and agent report of these bytes; obeys a command: frozen golden
//!                     runs, and reports the same of them
//! ```
//! `board-states` is a program of the requirements tests, which know the lives; nothing here knows what a state is. A
//! canary goes first: a record that the frozen loader cannot read has to be told as lost.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::firmware::flight;
use crate::release::{self, Frozen};
use crate::run::{self, Failure, cargo};

use super::machine::Machine;

const ERASE_LEN: usize = 256 << 10;
const DIE_LEN: usize = 32 << 20;
/// Erase blocks that nobody may ever change, loader included: loader, provision, golden with its papers and the launch
/// key set.
const UNTOUCHED: [usize; 10] = [0, 1, 2, 9, 10, 11, 133, 134, 135, 143];

/// A release, and the states that its binaries take up.
struct States {
    program: PathBuf,
    mission: PathBuf,
    dir: PathBuf,
    /// The file names, without their ending.
    names: Vec<String>,
    distinct: u64,
}

/// Has each frozen release take every state up, counted from act `first` on; gives the number of acts.
///
/// # Errors
/// A state is not taken up as it has to be: which ones, and what was heard.
pub fn run(dir: &Path, first: usize, jobs: u32) -> Result<usize, Failure> {
    let program = program()?;
    let releases = release::all()?;
    let acts = releases.len();
    for (act, frozen) in (first..).zip(releases) {
        println!(
            "  Act {act}. What today's loader and agent leave, taken up by frozen release {}",
            frozen.number
        );
        let begun = Instant::now();
        let made = make(&program, dir, &frozen, jobs);
        let states = made.map_err(|failure| Failure(format!("act {act}: {failure}")))?;
        let (count, distinct) = (states.names.len(), states.distinct);
        println!(
            "    {count} lives lived, {distinct} flashes that differ ({} s)",
            begun.elapsed().as_secs()
        );
        let flown = fly_all(&states, jobs);
        flown.map_err(|failure| Failure(format!("act {act}: {failure}")))?;
        println!("    in {} s", begun.elapsed().as_secs());
        let _ = fs::remove_dir_all(&states.dir);
    }
    Ok(acts)
}

/// Builds the program that knows the lives.
fn program() -> Result<PathBuf, Failure> {
    let mut build = cargo();
    build.args([
        "build",
        "--quiet",
        "-p",
        "lightday-tests",
        "--bin",
        "board-states",
    ]);
    run::check(build)?;
    Ok(run::target_dir().join("debug/board-states"))
}

fn make(program: &Path, dir: &Path, frozen: &Frozen, jobs: u32) -> Result<States, Failure> {
    frozen.check()?;
    let dir = dir.join(format!("states-{}", frozen.number));
    let board = dir.join("factory");
    frozen.unpack(&board)?;
    let mut make = Command::new(program);
    make.arg("make")
        .arg("--mission")
        .arg(frozen.mission())
        .arg("--board")
        .arg(&board)
        .arg("--second")
        .arg(flight("v2"))
        .arg("--out")
        .arg(&dir)
        .args(["--jobs", &jobs.to_string()]);
    let said = said(make)?;
    let made = said["made"].as_array().into_iter().flatten();
    Ok(States {
        program: program.to_path_buf(),
        mission: frozen.mission(),
        dir,
        names: made.map(Value::to_string).collect(),
        distinct: said["distinct"].as_u64().unwrap_or_default(),
    })
}

/// Runs the program; gives what it wrote to standard output.
fn said(command: Command) -> Result<Value, Failure> {
    let output = run::capture(command)?;
    match output.status.success() {
        true => serde_json::from_slice(&output.stdout)
            .map_err(|error| Failure(format!("board-states: {error}"))),
        false => Err(Failure(
            String::from_utf8_lossy(&output.stderr)
                .trim_end()
                .to_owned(),
        )),
    }
}

/// The strings of a list.
fn words(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// How often who ran where.
type Tally = BTreeMap<String, u32>;

/// The canary, then every state, on so many machines at a time.
fn fly_all(states: &States, jobs: u32) -> Result<(), Failure> {
    let begun = Instant::now();
    let board = Board::new(&states.dir.join("board-0"))?;
    fly(states, &board, "canary")?;
    println!("    the canary's record, of a later form, is told as lost");
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(Tally::new()));
    let failed = Mutex::new(Vec::new());
    let work = |n: u32| -> Result<(), Failure> {
        let board = Board::new(&states.dir.join(format!("board-{n}")))?;
        while let Some(name) = states.names.get(next.fetch_add(1, Ordering::Relaxed)) {
            match fly(states, &board, name) {
                Ok(ran) => {
                    let mut tally = tally.lock().unwrap_or_else(|held| held.into_inner());
                    for who in ran {
                        *tally.entry(who).or_default() += 1;
                    }
                }
                Err(failure) => {
                    println!("    state {name} is not taken up as it has to be");
                    let mut failed = failed.lock().unwrap_or_else(|held| held.into_inner());
                    failed.push(format!("state {name}, {failure}"));
                }
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (1..=jobs).map(|n| scope.spawn(move || work(n))).collect();
        workers.into_iter().try_for_each(|worker| {
            let done = worker.join();
            done.unwrap_or_else(|_| Err(Failure("a flight panicked".to_owned())))
        })
    })?;
    let failed = failed.into_inner().unwrap_or_else(|held| held.into_inner());
    if !failed.is_empty() {
        let (count, all) = (failed.len(), states.names.len());
        return Err(Failure(format!(
            "{count} of {all} states are not taken up as they have to be\n{}",
            failed.join("\n")
        )));
    }
    for (who, times) in tally.into_inner().unwrap_or_else(|held| held.into_inner()) {
        println!("    {times:4} x {who}");
    }
    println!(
        "    each reports what it has to, before and behind a command; loader, provision and golden are untouched ({} s)",
        begun.elapsed().as_secs()
    );
    Ok(())
}

/// Has a state taken up; gives who ran then, and who ran behind the command.
fn fly(states: &States, board: &Board, name: &str) -> Result<Vec<String>, Failure> {
    let file = |ending: &str| states.dir.join(format!("{name}.{ending}"));
    let state = fs::read(file("json")).map_err(|error| format!("{name}.json: {error}"))?;
    let state: Value =
        serde_json::from_slice(&state).map_err(|error| format!("{name}.json: {error}"))?;
    let packed = fs::read(file("zst")).map_err(|error| format!("{name}.zst: {error}"))?;
    let flash = zstd::decode_all(packed.as_slice()).map_err(|error| format!("{name}: {error}"))?;
    board.load(&flash)?;
    let machine = Machine::start_at(&board.dir, state["at"].as_str())?;
    let mut fly = Command::new(&states.program);
    // The name of a socket is short.
    fly.current_dir(&board.dir)
        .arg("fly")
        .arg(file("json"))
        .arg("--mission")
        .arg(&states.mission)
        .args(["--uart", "uart.sock"]);
    if name == "canary" {
        fly.arg("--canary");
    }
    let heard = said(fly);
    machine.cut();
    let heard = heard?;
    board.check_untouched(&flash)?;
    let (running, texts) = (words(&heard["running"]), words(&heard["texts"]));
    let when = ["as it lay there", "behind the command"];
    let who = when.iter().zip(&running);
    Ok(who
        .map(|(when, running)| format!("{when}: {}", who_from(&texts, running)))
        .collect())
}

/// Which application said that it runs from there: the frozen one is flight 1, today's flight 2.
fn who_from(texts: &[String], running: &str) -> String {
    let from = format!(" from {running}");
    let said = texts.iter().rev().find_map(|text| {
        let name = text.strip_suffix(&from)?;
        name.starts_with("flight").then_some(name)
    });
    match said {
        Some("flight 1") => format!("frozen flight 1{from}"),
        Some(name) => format!("today's {name}{from}"),
        None => format!("nobody that was heard{from}"),
    }
}

/// The two flash files of a board.
struct Board {
    dir: PathBuf,
}

impl Board {
    fn new(dir: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure(format!("{}: {error}", dir.display()));
        fs::create_dir_all(dir).map_err(failed)?;
        for bank in 0..2 {
            fs::write(dir.join(format!("bank{bank}.bin")), vec![0xff; DIE_LEN]).map_err(failed)?;
        }
        let dir = dir.to_path_buf();
        Ok(Self { dir })
    }

    fn bank(&self, bank: usize) -> PathBuf {
        self.dir.join(format!("bank{bank}.bin"))
    }

    /// Writes a flash into them, which is shorter than both; only what differs.
    fn load(&self, flash: &[u8]) -> Result<(), Failure> {
        let erased = [0xff; ERASE_LEN];
        for bank in 0..2 {
            let path = self.bank(bank);
            let failed = |error: std::io::Error| Failure(format!("{}: {error}", path.display()));
            let before = fs::read(&path).map_err(failed)?;
            let file = fs::File::options().write(true).open(&path);
            let file = file.map_err(failed)?;
            for (place, block) in before.chunks(ERASE_LEN).enumerate() {
                let at = place * ERASE_LEN;
                let wanted = flash.get(bank * DIE_LEN + at..).unwrap_or_default();
                let wanted = wanted.get(..ERASE_LEN).unwrap_or(&erased);
                if block != wanted {
                    file.write_all_at(wanted, at as u64).map_err(failed)?;
                }
            }
        }
        Ok(())
    }

    /// Holds what must never change against what was loaded.
    fn check_untouched(&self, flash: &[u8]) -> Result<(), Failure> {
        let mut after = Vec::with_capacity(2 * DIE_LEN);
        for bank in 0..2 {
            let path = self.bank(bank);
            let bytes = fs::read(&path);
            after.extend(bytes.map_err(|error| format!("{}: {error}", path.display()))?);
        }
        let changed = UNTOUCHED.iter().find(|block| {
            let range = **block * ERASE_LEN..(**block + 1) * ERASE_LEN;
            flash.get(range.clone()) != after.get(range)
        });
        match changed {
            None => Ok(()),
            Some(block) => Err(Failure(format!("erase block {block} was changed"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_runs_is_what_it_said_itself_and_not_what_the_loader_said() {
        let texts = [
            "loader: 1.0.0 from golden, 9 B of stack used",
            "flight 1 from Golden",
            "flight 2 from Slot(B)",
        ];
        let texts = texts.map(str::to_owned);
        let who = |running| who_from(&texts, running);
        assert_eq!(who("Golden"), "frozen flight 1 from Golden");
        assert_eq!(who("Slot(B)"), "today's flight 2 from Slot(B)");
        assert_eq!(who("Slot(A)"), "nobody that was heard from Slot(A)");
    }

    #[test]
    fn a_flash_is_loaded_whole_and_what_must_not_change_is_noticed() {
        let dir = run::target_dir().join(format!("states-test-{}", std::process::id()));
        let board = Board::new(&dir).unwrap();
        let mut flash = vec![0x5a; 144 * ERASE_LEN];
        board.load(&flash).unwrap();
        board.check_untouched(&flash).unwrap();
        let bank = fs::read(board.bank(1)).unwrap();
        assert_eq!(bank[16 * ERASE_LEN - 1], 0x5a);
        assert!(bank[16 * ERASE_LEN..].iter().all(|byte| *byte == 0xff));
        // A slot may change; golden's second copy may not.
        flash[130 * ERASE_LEN] = 0;
        board.check_untouched(&flash).unwrap();
        flash[133 * ERASE_LEN] = 0;
        assert!(board.check_untouched(&flash).is_err());
        fs::remove_dir_all(&dir).unwrap();
    }
}
