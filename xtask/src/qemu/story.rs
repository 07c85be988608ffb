//! The acts: an update from its first frame to its Confirm and back, and updates that must not be kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::firmware::{FLIGHTS, flight};
use crate::run::Failure;

use super::ground::{Facts, Ground};
use super::machine::Machine;

/// Longest wait for one thing to happen, on a busy host too.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two sendings of the same frames: what was lost is sent again, what is there is passed over.
const AGAIN: Duration = Duration::from_secs(8);
/// Whose stack is measured: how the line begins that tells its bytes, and how many the linker script keeps free.
const STACKS: [(&str, u32); 2] = [
    ("flight 1: ", 256 << 10),
    ("loader: 2.0.0 from B, ", 512 << 10),
];
const ERASE_LEN: usize = 256 << 10;
/// Erase blocks of each bank that no flight may ever change: loader, provision, key sets, golden, launch key set.
const UNTOUCHED: [&[usize]; 2] = [&[0, 1, 2, 4, 9, 10, 11], &[1, 5, 6, 7, 15]];

/// A version that must not be kept, and how the vehicle has to say so.
struct Bad {
    name: &'static str,
    revert: &'static str,
    reset: &'static str,
    /// What the vehicle or its monitor has to say on the way.
    says: &'static str,
}

const BAD: [Bad; 5] = [
    Bad {
        name: "crash",
        revert: "tries exhausted",
        reset: "fault",
        says: "monitor: fault 2",
    },
    Bad {
        name: "hang",
        revert: "tries exhausted",
        reset: "watchdog",
        says: "flight 2, which hangs from Slot(B)",
    },
    Bad {
        name: "deaf",
        revert: "lease expired",
        reset: "deadline",
        says: "flight 2, which is deaf from Slot(B)",
    },
    Bad {
        name: "agentless",
        revert: "lease expired",
        reset: "deadline",
        says: "flight 2, without an agent from Slot(B)",
    },
    Bad {
        name: "vandal",
        revert: "tries exhausted",
        reset: "fault",
        says: "0 of 10 locked regions erased, 0 programmed",
    },
];

/// Runs all acts; gives their number.
///
/// # Errors
/// One does not end as it has to.
pub fn run(lightday: &Path, dir: &Path) -> Result<usize, Failure> {
    let begun = Instant::now();
    println!("  Act 1. An update, confirmed and taken back");
    let (act, update) = Act::begin(lightday, &dir.join("good"), "v2")?;
    good(&act, &update).map_err(|failure| Failure(format!("act 1: {failure}")))?;
    act.end()?;
    for (n, bad) in (2..).zip(&BAD) {
        println!("  Act {n}. A version that must not be kept: {}", bad.name);
        let (act, update) = Act::begin(lightday, &dir.join(bad.name), bad.name)?;
        must_revert(&act, bad, &update)
            .map_err(|failure| Failure(format!("act {n}: {failure}")))?;
        act.end()?;
    }
    println!(
        "  {} acts in {} s",
        1 + BAD.len(),
        begun.elapsed().as_secs()
    );
    Ok(1 + BAD.len())
}

/// A mission whose vehicle is switched on.
pub struct Act {
    pub(super) ground: Ground,
    machine: Machine,
    flash: PathBuf,
    before: [Vec<u8>; 2],
}

impl Act {
    /// With a mission of its own and the flash that the factory makes, and the frames of an update to this version.
    fn begin(lightday: &Path, dir: &Path, name: &str) -> Result<(Self, PathBuf), Failure> {
        if !FLIGHTS.iter().any(|(flight, _)| *flight == name) {
            return Err(Failure(format!("there is no flight {name}")));
        }
        let ground = Ground::new(lightday, &dir.join("mission"))?;
        let flash = dir.join("board");
        ground.make_flash(&flight("v1"), &flash)?;
        let update = ground.prepare(&flight(name), &flight("v1"))?;
        Ok((Self::switch_on(ground, flash)?, update))
    }

    /// With flash files in a directory that the factory filled, and a mission that commands it.
    pub(super) fn switch_on(ground: Ground, flash: PathBuf) -> Result<Self, Failure> {
        let before = banks(&flash)?;
        let machine = Machine::start(&flash)?;
        Ok(Self {
            ground,
            machine,
            flash,
            before,
        })
    }

    /// Sends frames, again and again, until a report says what it has to. Gives what was said on the way.
    pub(super) fn until(
        &self,
        what: &str,
        frames: &[PathBuf],
        holds: impl Fn(&Facts) -> bool,
    ) -> Result<Vec<String>, Failure> {
        let begun = Instant::now();
        let mut sent = None;
        let mut texts = Vec::new();
        loop {
            let is_due = sent.is_none_or(|at: Instant| at.elapsed() > AGAIN);
            let now: &[PathBuf] = if is_due { frames } else { &[] };
            if is_due {
                sent = Some(Instant::now());
            }
            match self.ground.link(&self.machine, now, 5)? {
                Some(heard) => texts.extend(heard),
                None => return Err(Failure(format!("{what}: qemu ended by itself"))),
            }
            let facts = self.ground.facts()?;
            if holds(&facts) {
                println!("    {what} ({:.1} s)", begun.elapsed().as_secs_f64());
                return Ok(texts);
            }
            if begun.elapsed() > PATIENCE {
                return Err(Failure(format!(
                    "{what}: not so after {} s; the vehicle says {facts:#?}\n{texts:#?}",
                    PATIENCE.as_secs()
                )));
            }
        }
    }

    /// Switches the vehicle off and holds its flash against what the factory made.
    pub(super) fn end(self) -> Result<(), Failure> {
        self.machine.cut();
        check_untouched(&self.before, &banks(&self.flash)?)?;
        println!("    loader, provision, key sets and golden are as the factory made them");
        let _ = fs::remove_dir_all(&self.flash);
        Ok(())
    }
}

fn banks(dir: &Path) -> Result<[Vec<u8>; 2], Failure> {
    let read = |name: &str| {
        let path = dir.join(name);
        fs::read(&path).map_err(|error| Failure(format!("{}: {error}", path.display())))
    };
    Ok([read("bank0.bin")?, read("bank1.bin")?])
}

/// Holds what no flight may change in two pairs of banks against each other.
pub fn check_untouched(before: &[Vec<u8>; 2], after: &[Vec<u8>; 2]) -> Result<(), Failure> {
    for (bank, blocks) in UNTOUCHED.iter().enumerate() {
        for block in *blocks {
            let range = block * ERASE_LEN..(block + 1) * ERASE_LEN;
            if before[bank].get(range.clone()) != after[bank].get(range) {
                return Err(Failure(format!(
                    "erase block {block} of bank {bank} was changed in flight"
                )));
            }
        }
    }
    Ok(())
}

/// Whether a fact begins so.
pub fn says(facts: &Facts, name: &str, begins: &str) -> bool {
    facts
        .get(name)
        .is_some_and(|value| value.starts_with(begins))
}

fn good(act: &Act, update: &Path) -> Result<(), Failure> {
    runs_first(act)?;
    let update = [update.to_path_buf()];
    let texts = act.until(
        "it receives, patches and boots flight 2 from B, on trial",
        &update,
        |f| {
            says(f, "running", "B")
                && says(f, "slot B", "trial 2.0.0")
                && says(f, "authorization", "1 done")
        },
    )?;
    heard(&texts, "flight 2 from Slot(B)")?;
    check_stacks(&texts)?;
    let confirm = [act.ground.order(&["confirm", "1"])?];
    act.until("by command it is confirmed", &confirm, |f| {
        says(f, "running", "B")
            && says(f, "slot B", "confirmed 2.0.0")
            && says(f, "command", "1 done")
    })?;
    let first = flight("v1").display().to_string();
    let back = [act.ground.order(&["rollback", &first])?];
    let texts = act.until("by command flight 1 runs again, on trial", &back, |f| {
        says(f, "running", "A") && says(f, "slot A", "trial 1.0.0")
    })?;
    heard(&texts, "flight 1 from Slot(A)")?;
    let confirm = [act.ground.order(&["confirm", &first])?];
    act.until("and is confirmed", &confirm, |f| {
        says(f, "running", "A")
            && says(f, "slot A", "confirmed 1.0.0")
            && says(f, "command", "3 done")
    })?;
    Ok(())
}

/// What is sent while the loader runs, or the agent still looks through its staging log, is lost: so it is waited for.
pub(super) fn runs_first(act: &Act) -> Result<(), Failure> {
    act.until("flight 1 runs from A and reports", &[], |f| {
        says(f, "running", "A")
            && says(f, "slot A", "confirmed 1.0.0")
            && says(f, "flags", "healthy")
    })
    .map(drop)
}

fn must_revert(act: &Act, bad: &Bad, update: &Path) -> Result<(), Failure> {
    runs_first(act)?;
    let update = [update.to_path_buf()];
    let texts = act.until(
        &format!(
            "the vehicle is back with flight 1, and says why: {}",
            bad.revert
        ),
        &update,
        |f| {
            says(f, "running", "A")
                && says(f, "slot A", "confirmed 1.0.0")
                && says(f, "slot B", "reverted 2.0.0")
                && says(f, "last revert", &format!("{}, bundle 1", bad.revert))
                && says(f, "flags", "healthy")
        },
    )?;
    heard(&texts, bad.says)?;
    let facts = act.ground.facts()?;
    match says(&facts, "last reset", bad.reset) {
        true => Ok(()),
        false => Err(Failure(format!(
            "the last reset was no {}: {facts:#?}",
            bad.reset
        ))),
    }
}

/// The stacks that flight 1 used while it received, solved and patched, and the loader when it booted flight 2.
fn check_stacks(texts: &[String]) -> Result<(), Failure> {
    for (begins, kept) in STACKS {
        let used = texts.iter().filter_map(|text| {
            let bytes = text
                .strip_prefix(begins)?
                .strip_suffix(" B of stack used")?;
            bytes.parse::<u32>().ok()
        });
        match used.max() {
            Some(bytes) if bytes <= kept => {
                println!("    {begins}{bytes} B of stack used, of {kept}");
            }
            other => {
                return Err(Failure(format!(
                    "{begins}{other:?} B of stack used, of {kept}: {texts:#?}"
                )));
            }
        }
    }
    Ok(())
}

fn heard(texts: &[String], what: &str) -> Result<(), Failure> {
    match texts.iter().rev().find(|text| text.contains(what)) {
        Some(text) => {
            println!("    it was heard to say: {text}");
            Ok(())
        }
        None => Err(Failure(format!("nobody said `{what}`: {texts:#?}"))),
    }
}
