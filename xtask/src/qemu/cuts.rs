//! Power cuts: missions of an update, its Confirm, the way back and its Confirm, through which QEMU is killed at seeded
//! moments and restarted on the same flash files.
//!
//! ```text
//! mission:  on --cut--> on --cut--> ...  on, left alone --> finished, or not: then the run fails
//! ```
//! Ground and vehicle carry on from where they are: the ground decides from the last report what to send, as people
//! would, and sends it again where it was lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::firmware::flight;
use crate::run::Failure;

use super::Options;
use super::ground::{Facts, Ground};
use super::machine::Machine;
use super::story::{check_untouched, says};

/// Cuts before the update is confirmed: an agent gives a bundle up whose installation was begun eight times.
const CUTS_OF_UPDATE: u32 = 7;
/// Cuts on the way back.
const CUTS_OF_RETURN: u32 = 5;
/// Longest time that a mission which is left alone may take to its end.
const PATIENCE: Duration = Duration::from_secs(180);
/// The latest moment of a cut, behind the start of the machine: boot, reception, patch and trial all lie before it.
const LONG_MS: u64 = 4500;
/// The same for every third cut, which is to hit the loader.
const SHORT_MS: u64 = 500;

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    cuts: u32,
    missions: u32,
    /// Trials that cuts ended, so that the image had to be armed anew.
    rearmed: u32,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} power cuts in {} missions, each of which finished ({} armed anew)",
            self.cuts, self.missions, self.rearmed
        )
    }
}

/// Numbers from a seed (Steele, Lea and Flood 2014, SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Behind the start of the machine.
    fn moment(&mut self) -> Duration {
        let most = if self.next().is_multiple_of(3) {
            SHORT_MS
        } else {
            LONG_MS
        };
        Duration::from_millis(self.next() % most)
    }
}

/// Cuts the power as often as asked, on some machines at a time.
///
/// # Errors
/// A mission does not finish, or what is locked was changed.
pub fn run(lightday: &Path, dir: &Path, options: Options) -> Result<Tally, Failure> {
    if options.cuts == 0 {
        return Ok(Tally::default());
    }
    println!(
        "  Power cuts: {} with seed {}, {} machines at a time",
        options.cuts, options.seed, options.jobs
    );
    let begun = Instant::now();
    let model = Model::make(lightday, &dir.join("cuts"))?;
    let left = AtomicU32::new(options.cuts);
    let next = AtomicU32::new(0);
    let job = || -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        loop {
            let cuts = take(&left, CUTS_OF_UPDATE + CUTS_OF_RETURN);
            if cuts == 0 {
                return Ok(tally);
            }
            let n = next.fetch_add(1, Ordering::Relaxed);
            let mission = fly(&model, n, cuts, options.seed).map_err(|failure| {
                left.store(0, Ordering::Relaxed);
                Failure(format!("mission {n} of the power cuts: {failure}"))
            })?;
            tally.add(mission);
            println!(
                "    mission {n}: {cuts} cuts, finished ({} s so far)",
                begun.elapsed().as_secs()
            );
        }
    };
    let done = thread::scope(|scope| {
        let jobs: Vec<_> = (0..options.jobs).map(|_| scope.spawn(job)).collect();
        let done = jobs.into_iter().map(|job| job.join());
        done.map(|job| job.unwrap_or_else(|_| Err(Failure("a job panicked".to_owned()))))
            .collect::<Result<Vec<Tally>, Failure>>()
    })?;
    let mut tally = Tally::default();
    done.into_iter().for_each(|one| tally.add(one));
    Ok(tally)
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.missions += other.missions;
        self.rearmed += other.rearmed;
    }
}

/// Takes at most `most` of what is left.
fn take(left: &AtomicU32, most: u32) -> u32 {
    let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
        Some(n.saturating_sub(most))
    });
    taken.unwrap_or(0).min(most)
}

/// What every mission begins with: a mission directory whose update is ready to go up, and flash files.
struct Model {
    lightday: PathBuf,
    dir: PathBuf,
    update: PathBuf,
    before: [Vec<u8>; 2],
}

impl Model {
    fn make(lightday: &Path, dir: &Path) -> Result<Self, Failure> {
        let mission = dir.join("model");
        let ground = Ground::new(lightday, &mission)?;
        let flash = dir.join("board");
        ground.make_flash(&flight("v1"), &flash)?;
        let update = ground.prepare(&flight("v2"), &flight("v1"))?;
        let read = |name: &str| {
            fs::read(flash.join(name)).map_err(|error| Failure(format!("{name}: {error}")))
        };
        Ok(Self {
            lightday: lightday.to_path_buf(),
            dir: dir.to_path_buf(),
            update,
            before: [read("bank0.bin")?, read("bank1.bin")?],
        })
    }
}

/// What people at the ground want next, as the last report shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Update,
    /// The trial was ended by cuts: its image waits in its slot for new papers.
    Rearm,
    Confirm,
    Return,
    ConfirmReturn,
    Nothing,
}

/// The ground in a mission: what it wants, and the frames that say so.
struct Pilot<'m> {
    ground: Ground,
    model: &'m Model,
    is_returning: bool,
    wanted: Want,
    frames: PathBuf,
    sent: u32,
    rearmed: u32,
}

/// Sendings of the same frames before new ones are made: those may have been used up.
const SENDINGS: u32 = 4;

impl Pilot<'_> {
    fn want(&mut self, facts: &Facts) -> Want {
        let (a, b) = (|s| says(facts, "slot A", s), |s| says(facts, "slot B", s));
        self.is_returning |= b("confirmed");
        match self.is_returning {
            false if b("trial") => Want::Confirm,
            false if b("reverted") => Want::Rearm,
            false => Want::Update,
            true if a("trial") => Want::ConfirmReturn,
            true if a("confirmed") && says(facts, "running", "A") => Want::Nothing,
            true => Want::Return,
        }
    }

    /// Makes the frames of what is wanted, if it is wanted for the first time or was said in vain.
    fn frames(&mut self, want: Want) -> Result<(), Failure> {
        if want == self.wanted && self.sent < SENDINGS {
            return Ok(());
        }
        let first = flight("v1").display().to_string();
        self.frames = match want {
            Want::Update | Want::Nothing => self.model.update.clone(),
            Want::Rearm => {
                self.rearmed += 1;
                self.ground.rearm(&flight("v2"))?
            }
            Want::Confirm => self.ground.order(&["confirm", "1"])?,
            Want::Return => self.ground.order(&["rollback", &first])?,
            Want::ConfirmReturn => self.ground.order(&["confirm", &first])?,
        };
        (self.wanted, self.sent) = (want, 0);
        Ok(())
    }

    /// One turn of the ground: looks at the last report, sends, hears. Gives whether the machine is on still.
    fn turn(&mut self, machine: &Machine) -> Result<bool, Failure> {
        let facts = self.ground.facts()?;
        check(&facts)?;
        let want = self.want(&facts);
        self.frames(want)?;
        self.sent += 1;
        let Some(texts) = self
            .ground
            .link(machine, std::slice::from_ref(&self.frames), 3)?
        else {
            return Ok(false);
        };
        let odd = texts
            .iter()
            .find(|text| text.contains("fault") || text.contains("not well"));
        match odd {
            Some(odd) => Err(Failure(format!("the vehicle said: {odd}"))),
            None => Ok(true),
        }
    }

    fn is_done(&mut self) -> Result<bool, Failure> {
        let facts = self.ground.facts()?;
        check(&facts)?;
        Ok(self.want(&facts) == Want::Nothing)
    }
}

/// What no report may ever say: a cut takes neither the record nor both slots.
fn check(facts: &Facts) -> Result<(), Failure> {
    let says_lost = facts
        .get("flags")
        .is_some_and(|flags| flags.contains("record lost"));
    match says_lost || says(facts, "running", "golden") {
        true => Err(Failure(format!(
            "a power cut cost the vehicle its record or its slots: {facts:#?}"
        ))),
        false => Ok(()),
    }
}

/// Flies a mission with so many cuts, to its end.
fn fly(model: &Model, n: u32, cuts: u32, seed: u64) -> Result<Tally, Failure> {
    let dir = model.dir.join(format!("mission-{n}"));
    let (mission, board) = (dir.join("mission"), dir.join("board"));
    copy(&model.dir.join("model"), &mission)?;
    copy(&model.dir.join("board"), &board)?;
    let mut pilot = Pilot {
        ground: Ground::open(&model.lightday, &mission),
        model,
        is_returning: false,
        wanted: Want::Nothing,
        frames: PathBuf::new(),
        sent: 0,
        rearmed: 0,
    };
    let mut dice = Dice(seed.wrapping_mul(1_000_003).wrapping_add(n.into()));
    let update = cuts.min(CUTS_OF_UPDATE);
    let mut left = [update, cuts - update];
    let mut alone = None;
    loop {
        let machine = Machine::start(&board)?;
        let mut is_doomed = false;
        loop {
            if pilot.is_returning {
                // Those that the update was too quick for.
                left = [0, left[0] + left[1]];
            }
            let budget = &mut left[usize::from(pilot.is_returning)];
            if !is_doomed && *budget > 0 {
                *budget -= 1;
                is_doomed = true;
                machine.cut_after(dice.moment());
            }
            if left == [0, 0] && !is_doomed {
                let since = *alone.get_or_insert_with(Instant::now);
                if since.elapsed() > PATIENCE {
                    let facts = pilot.ground.facts()?;
                    return Err(Failure(format!(
                        "left alone it does not finish: {facts:#?}"
                    )));
                }
                if pilot.is_done()? {
                    break;
                }
            }
            if !pilot.turn(&machine)? {
                break;
            }
        }
        match (is_doomed, machine.is_cut(), machine.is_on()) {
            (true, true, _) => continue,
            (false, false, true) => {}
            _ => return Err(Failure("qemu ended by itself".to_owned())),
        }
        machine.cut();
        return finish(model, &dir, &board, cuts, pilot.rearmed);
    }
}

/// Holds the flash of a finished mission against what the factory made.
fn finish(
    model: &Model,
    dir: &Path,
    board: &Path,
    cuts: u32,
    rearmed: u32,
) -> Result<Tally, Failure> {
    let read = |name: &str| {
        fs::read(board.join(name)).map_err(|error| Failure(format!("{name}: {error}")))
    };
    check_untouched(&model.before, &[read("bank0.bin")?, read("bank1.bin")?])?;
    let _ = fs::remove_dir_all(dir);
    Ok(Tally {
        cuts,
        missions: 1,
        rearmed,
    })
}

/// Copies a directory with all that is in it, but sockets.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure(format!("cannot copy {}: {error}", from.display()));
    fs::create_dir_all(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)?.flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target)?;
        } else if path.is_file() {
            fs::copy(&path, &target).map_err(failed)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_cuts_at_the_same_moments_and_another_at_others() {
        let moments = |seed| {
            let mut dice = Dice(seed);
            (0..50).map(|_| dice.moment()).collect::<Vec<_>>()
        };
        assert_eq!(moments(1), moments(1));
        assert_ne!(moments(1), moments(2));
        assert!(
            moments(3)
                .iter()
                .all(|moment| moment.as_millis() < u128::from(LONG_MS))
        );
    }

    #[test]
    fn cuts_are_shared_out_to_the_last() {
        let left = AtomicU32::new(25);
        let shares: Vec<u32> = (0..4).map(|_| take(&left, 12)).collect();
        assert_eq!(shares, [12, 12, 1, 0]);
    }
}
