//! Lives every life, and writes down what it left and how that has to be taken up.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use lightday_boot::Elapsed;
use lightday_boot::cells::RECORD_CELL;
use lightday_station::object::UplinkObject;
use lightday_trust::digest::sha256;
use lightday_wire::report::flags;
use lightday_wire::{Action, Epoch, ResetCause, TagLen};
use serde_json::json;

use crate::setting::{Bench, Files, Life, bytes_of, launch, open, staff, take_up};
use crate::state::{Look, State};
use crate::ways::later_form;
use crate::{lives, receptions, told};

/// What is to be made.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    files: Files,
    /// Where to write the states.
    #[arg(long)]
    out: PathBuf,
    /// Lives at a time.
    #[arg(long, default_value_t = 2)]
    jobs: u32,
}

/// Makes the states.
///
/// # Errors
/// A file cannot be read or written.
pub fn run(args: &Args) -> Result<String, String> {
    open(&args.files)?;
    let all: Vec<(&str, Life)> = [lives::ALL, receptions::ALL, told::ALL].concat();
    let chosen: Vec<_> = (1u32..).zip(all).collect();
    let (next, distinct) = (AtomicUsize::new(0), Mutex::new(BTreeSet::new()));
    let work = || -> Result<(), String> {
        while let Some((number, (name, life))) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            let digest = one(&args.out, *number, name, *life)?;
            let mut distinct = distinct.lock().map_err(|_| "a life panicked")?;
            distinct.insert(digest);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..args.jobs.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| Err("a life panicked".to_owned()))
        })
    })?;
    canary(&args.out)?;
    let distinct = distinct.lock().map_err(|_| "a life panicked")?.len();
    let made: Vec<u32> = chosen.iter().map(|(number, _)| *number).collect();
    Ok(json!({ "made": made, "distinct": distinct }).to_string())
}

/// A vehicle as it was launched, whose record is of a form that the frozen release cannot know, under the expectations of
/// one whose record is sound.
fn canary(out: &Path) -> Result<(), String> {
    let mut lived = launch();
    for region in lived.map().record {
        for cell in (region.start..region.end()).step_by(RECORD_CELL as usize) {
            later_form(&mut lived, cell);
        }
    }
    let (later, elapsed) = (bytes_of(&lived.flash), lived.now().elapsed);
    let sound = described("canary", &bytes_of(&launch().flash), elapsed)?;
    written(out, "canary", &later, &sound)
}

/// Lives a life; gives the digest of the flash that it left.
fn one(out: &Path, number: u32, name: &str, life: Life) -> Result<[u8; 32], String> {
    let lived = life();
    let (flash, elapsed) = (bytes_of(&lived.flash), lived.now().elapsed);
    drop(lived);
    let state = described(name, &flash, elapsed)?;
    written(out, &number.to_string(), &flash, &state)?;
    Ok(sha256(&flash).0)
}

/// What today's loader and agent say of a flash, before and behind a command.
fn described(name: &str, flash: &[u8], elapsed: Elapsed) -> Result<State, String> {
    // The board's clock is switched on at a whole second.
    let at_s = elapsed.0 / 1000 + 1;
    let mut bench = take_up(flash, Elapsed(at_s * 1000));
    bench.reset(ResetCause::PowerOn);
    let before = look(&mut bench);
    let command = command(&mut bench);
    let key = bench.uplink(bench.ground.epoch);
    let frames = (0..command.k()).map(|index| command.frame(index, &key, TagLen::Eight));
    let frames: Option<Vec<_>> = frames.collect();
    bench.deliver_all(&command);
    let behind = look(&mut bench);
    Ok(State {
        name: name.to_owned(),
        at_s,
        before,
        command: frames.ok_or("a frame is too long")?,
        behind,
    })
}

fn written(out: &Path, file: &str, flash: &[u8], state: &State) -> Result<(), String> {
    let wrote = |name: String, bytes: &[u8]| {
        let path = out.join(name);
        std::fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))
    };
    let packed = zstd::encode_all(flash, 1).map_err(|error| error.to_string())?;
    wrote(format!("{file}.zst"), &packed)?;
    wrote(
        format!("{file}.json"),
        state.to_json().to_string().as_bytes(),
    )
}

/// What a vehicle says at rest.
fn look(bench: &mut Bench) -> Look {
    bench.settle();
    // Two beacons from now.
    bench.wait_s(5);
    Look {
        epoch: bench.record().epoch,
        report: *bench.report(),
    }
}

/// The command that it is given: golden; and where the record is lost, all that it then listens to.
fn command(bench: &mut Bench) -> UplinkObject {
    let record = bench.record().clone();
    bench.ground.next = record.next.map(|number| number.get());
    bench.ground.epoch = record.epoch.get();
    bench.ground.staff = staff(record.key_set);
    if bench.report().flags & flags::RECORD_LOST == 0 {
        return bench.ground.command(Action::BootGolden);
    }
    let epoch = Epoch::new(record.epoch.get() + 1).expect("not the last epoch");
    bench.ground.epoch = epoch.get();
    let next = record.next;
    bench.ground.command(Action::Resync { epoch, next })
}
