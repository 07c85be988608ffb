//! The crash test: power cuts at every operation of the flash, in every form, in every scene of a vehicle's life,
//! and every bit of what it keeps flipped. The real loader and the real agent are explored; after each event the
//! [`checker`](crate::checker) looks, and every life has to reach its goals.
//!
//! Complete, not sampled: what was explored is counted and reported. One seed draws which bits a torn operation
//! leaves behind; the same seed explores the same points.
//!
//! ```no_run
//! use lightday_sim::crash::{self, Settings};
//! use lightday_sim::scenario::Images;
//!
//! let image = vec![7; 40_000];
//! let images = Images::new(&image, &image, &image);
//! let report = crash::run(&images, &Settings::default(), &mut |_| ())?;
//! assert!(report.findings.is_empty());
//! # Ok::<(), crash::CrashError>(())
//! ```

mod bounds;
mod explore;
mod failure;
mod flips;
mod people;
mod rig;
mod scene;
mod slips;

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use self::failure::{Cut, Flip, Form, Forms, Slip, SlipKind};
pub use self::scene::{Goal, SCENES, Scene};

use self::bounds::Cost;
use self::flips::Damage;
use self::people::People;
use crate::checker::Violation;
use crate::scenario::{Images, ScenarioError};

/// What flash is explored: a program granule and an erase block, in bytes.
pub type Geometry = (usize, usize);

/// The geometries that there are: byte-addressed and word-addressed NOR, parts with ECC over 8 B and over 16 B
/// (one program for each of their words), and serial NOR that programs pages.
pub const GEOMETRIES: [Geometry; 4] = [(4, 4096), (8, 2048), (16, 8192), (256, 4096)];

/// What is explored, and how deep.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Most power cuts in one life, 0 to 3.
    pub depth: usize,
    /// In which forms the power fails at each operation.
    pub forms: Forms,
    /// Of the third cuts, and of second cuts beside the commit path, one in so many is explored.
    pub one_in: u64,
    /// The geometries.
    pub geometries: Vec<Geometry>,
    /// Without and with ECC.
    pub ecc: Vec<bool>,
    /// The scenes.
    pub scenes: Vec<&'static Scene>,
    /// Whether bits are flipped, too, and, on parts with ECC, structures made unreadable.
    pub flips: bool,
    /// Of the bits, one in so many.
    pub bits_one_in: usize,
    /// Whether the flash fails while the power is on, too.
    pub slips: bool,
    /// Pairs of flipped bits within the copies of one structure, for each place where single bits are flipped.
    pub pairs: usize,
    /// Draws how much of a torn operation is done and which bits it leaves, and what is sampled.
    pub seed: u64,
    /// Threads.
    pub threads: usize,
    /// A scene's exploration ends when so much was found.
    pub most_findings: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            depth: 1,
            forms: Forms::Drawn,
            one_in: 64,
            geometries: GEOMETRIES.into(),
            ecc: vec![false, true],
            scenes: SCENES.iter().collect(),
            flips: true,
            bits_one_in: 1,
            slips: true,
            pairs: 0,
            seed: 1,
            threads: 2,
            most_findings: 20,
        }
    }
}

/// Something that must not be, and how to get there again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The flash's geometry.
    pub geometry: Geometry,
    /// Whether it has ECC.
    pub ecc: bool,
    /// The scene.
    pub scene: &'static str,
    /// The cuts, one after the other.
    pub trail: Vec<Cut>,
    /// The bits that were flipped.
    pub flips: Vec<Flip>,
    /// Where a structure begins of which nothing could be read.
    pub unreadable: Option<u32>,
    /// What failed while the power was on.
    pub slip: Option<Slip>,
    /// What is broken.
    pub violation: Violation,
}

impl Finding {
    /// The options that replay it.
    #[must_use]
    pub fn replay(&self) -> String {
        let list = |items: Vec<String>, option: &str| match items.is_empty() {
            true => String::new(),
            false => format!(" {option} {}", items.join(",")),
        };
        let text = |cut: &dyn fmt::Display| cut.to_string();
        let unreadable = self.unreadable.map(|address| format!("{address:#x}"));
        format!(
            "--geometry {}x{}{} --scene {}{}{}{}{}",
            self.geometry.0,
            self.geometry.1,
            if self.ecc { " --ecc on" } else { " --ecc off" },
            self.scene,
            list(self.trail.iter().map(|cut| text(cut)).collect(), "--cuts"),
            list(self.flips.iter().map(|flip| text(flip)).collect(), "--bits"),
            list(unreadable.into_iter().collect(), "--unreadable"),
            list(self.slip.iter().map(|slip| text(slip)).collect(), "--fault"),
        )
    }
}

/// What was explored, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Points at which the power failed: operations times forms, by how many cuts lay before and at them.
    pub crash_points: [u64; 3],
    /// Points of second cuts that were sampled: the first cut was beside the boot, record and commit path, or the
    /// second came beside it or after the vehicle was at rest again.
    pub sampled: u64,
    /// Bits that were flipped, one at a time.
    pub flips: u64,
    /// Pairs of bits that were flipped.
    pub pairs: u64,
    /// Structures of which nothing could be read, one at a time.
    pub unreadable: u64,
    /// Faults of the flash while the power was on: operations times ways.
    pub slips: u64,
    /// Lives that were lived to their end.
    pub lives: u64,
    /// Most resets of a processor in one life.
    pub most_resets: u32,
    /// Most erases of one block in one life.
    pub most_wear: u32,
    /// Most erases of one block in one life, beyond those of the same block in the life in which nothing fails.
    pub most_beyond: u32,
    /// What must not be.
    pub findings: Vec<Finding>,
}

impl Tally {
    fn lived(&mut self, cost: &Cost, nominal: &Cost) {
        self.lives += 1;
        self.most_resets = self.most_resets.max(cost.resets);
        self.most_wear = self.most_wear.max(cost.most_wear());
        self.most_beyond = self.most_beyond.max(cost.most_beyond(nominal));
    }

    fn cut(&mut self, depth: usize, is_sampled: bool) {
        if is_sampled {
            self.sampled += 1;
        } else if let Some(count) = self.crash_points.get_mut(depth.wrapping_sub(1)) {
            *count += 1;
        }
    }

    /// Adds what another one counted.
    pub fn add(&mut self, other: Self) {
        for (sum, more) in self.crash_points.iter_mut().zip(other.crash_points) {
            *sum += more;
        }
        self.sampled += other.sampled;
        self.flips += other.flips;
        self.pairs += other.pairs;
        self.unreadable += other.unreadable;
        self.slips += other.slips;
        self.lives += other.lives;
        self.most_resets = self.most_resets.max(other.most_resets);
        self.most_wear = self.most_wear.max(other.most_wear);
        self.most_beyond = self.most_beyond.max(other.most_beyond);
        self.findings.extend(other.findings);
        self.findings.sort_by(|a, b| {
            let key = |f: &Finding| {
                (
                    f.trail.len(),
                    f.trail.clone(),
                    f.flips.clone(),
                    f.unreadable,
                )
            };
            key(a).cmp(&key(b))
        });
    }
}

/// Part of an exploration that is done.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The flash's geometry.
    pub geometry: Geometry,
    /// Whether it has ECC.
    pub ecc: bool,
    /// The scene.
    pub scene: &'static str,
    /// What its exploration came to.
    pub tally: Tally,
}

/// Why nothing was explored.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CrashError {
    /// Images or profile do not go together.
    Scenario(ScenarioError),
    /// There is no such geometry.
    Geometry(Geometry),
    /// A scene does not reach its goals although nothing fails.
    Scene {
        /// The scene.
        scene: &'static str,
        /// The geometry.
        geometry: Geometry,
        /// What it came to.
        what: String,
    },
}

impl fmt::Display for CrashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scenario(error) => error.fmt(f),
            Self::Geometry((write, erase)) => {
                let known = GEOMETRIES.map(|(write, erase)| format!("{write}x{erase}"));
                write!(
                    f,
                    "no geometry {write}x{erase}; there are {}",
                    known.join(", ")
                )
            }
            Self::Scene {
                scene,
                geometry: (write, erase),
                what,
            } => write!(f, "scene {scene} on {write}x{erase}: {what}"),
        }
    }
}

impl std::error::Error for CrashError {}

/// Explores what the settings say, on images taken from the front of `images`; `watch` is told of every scene
/// that is done.
///
/// # Errors
/// [`CrashError`].
pub fn run(
    images: &Images,
    settings: &Settings,
    watch: &mut dyn FnMut(&Progress),
) -> Result<Tally, CrashError> {
    let mut sum = Tally::default();
    for geometry in &settings.geometries {
        let tally = match geometry {
            (4, 4096) => on::<4, 4096>(images, settings, watch),
            (8, 2048) => on::<8, 2048>(images, settings, watch),
            (16, 8192) => on::<16, 8192>(images, settings, watch),
            (256, 4096) => on::<256, 4096>(images, settings, watch),
            unknown => Err(CrashError::Geometry(*unknown)),
        };
        sum.add(tally?);
    }
    Ok(sum)
}

fn on<const WRITE: usize, const ERASE: usize>(
    images: &Images,
    settings: &Settings,
    watch: &mut dyn FnMut(&Progress),
) -> Result<Tally, CrashError> {
    let people = People::<WRITE, ERASE>::new(images).map_err(CrashError::Scenario)?;
    let geometry = (WRITE, ERASE);
    let mut sum = Tally::default();
    for scene in &settings.scenes {
        for ecc in settings.ecc.iter().copied() {
            let fails = |what| CrashError::Scene {
                scene: scene.name,
                geometry,
                what,
            };
            let mut tally = explore::scene(&people, scene, ecc, settings).map_err(fails)?;
            // With ECC a single flip is corrected, and what is worse cannot be read.
            if settings.flips {
                let flipped = match ecc {
                    false => flips::scene(&people, scene, settings),
                    true => flips::unreadable(&people, scene, settings),
                };
                tally.add(flipped.map_err(fails)?);
            }
            if settings.slips && !ecc {
                tally.add(slips::scene(&people, scene, settings).map_err(fails)?);
            }
            watch(&Progress {
                geometry,
                ecc,
                scene: scene.name,
                tally: tally.clone(),
            });
            sum.add(tally);
        }
    }
    Ok(sum)
}

/// What a life broke; a panic of it is a violation, too.
fn caught(life: impl FnOnce() -> Vec<Violation>) -> Vec<Violation> {
    let life = std::panic::AssertUnwindSafe(life);
    std::panic::catch_unwind(life).unwrap_or_else(|_| vec![Violation::Panicked])
}

/// Lives all of these lives on so many threads, and finds what they broke; ends early when that is enough.
fn live_all<L: Sync>(
    lives: &[L],
    settings: &Settings,
    live: impl Fn(&L) -> Vec<Finding> + Sync,
) -> Vec<Finding> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..settings.threads.max(1) {
            scope.spawn(|| {
                while let Some(life) = lives.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let broken = live(life);
                    let Ok(mut found) = found.lock() else { return };
                    found.extend(broken);
                    if found.len() >= settings.most_findings {
                        return;
                    }
                }
            });
        }
    });
    found.into_inner().unwrap_or_default()
}

/// What one life came to, told line by line.
#[derive(Clone, Debug)]
pub struct Story {
    /// What happened.
    pub lines: Vec<String>,
    /// What must not be.
    pub findings: Vec<Finding>,
}

/// What is to be lived again.
#[derive(Clone, Copy, Debug)]
pub enum Replay<'r> {
    /// These cuts, one after the other.
    Cuts(&'r [Cut]),
    /// These bits, flipped at once.
    Flips(&'r [Flip]),
    /// The structure that begins at this address cannot be read.
    Unreadable(u32),
    /// This fault.
    Slip(Slip),
}

/// Lives one life again: the one of the first geometry, scene and kind of flash of the settings.
///
/// # Errors
/// [`CrashError`].
pub fn replay(images: &Images, settings: &Settings, what: Replay<'_>) -> Result<Story, CrashError> {
    let geometry = settings.geometries.first().copied().unwrap_or((0, 0));
    match geometry {
        (4, 4096) => replay_on::<4, 4096>(images, settings, what),
        (8, 2048) => replay_on::<8, 2048>(images, settings, what),
        (16, 8192) => replay_on::<16, 8192>(images, settings, what),
        (256, 4096) => replay_on::<256, 4096>(images, settings, what),
        unknown => Err(CrashError::Geometry(unknown)),
    }
}

fn replay_on<const WRITE: usize, const ERASE: usize>(
    images: &Images,
    settings: &Settings,
    what: Replay<'_>,
) -> Result<Story, CrashError> {
    let people = People::<WRITE, ERASE>::new(images).map_err(CrashError::Scenario)?;
    let scene = settings.scenes.first().copied().unwrap_or(&SCENES[0]);
    let ecc = settings.ecc.first().copied().unwrap_or(false);
    let (lines, tally) = match what {
        Replay::Cuts(cuts) => explore::follow(&people, scene, ecc, cuts, settings),
        Replay::Flips(bits) => flips::follow(&people, scene, &Damage::Bits(bits.to_vec())),
        Replay::Unreadable(at) => flips::follow(&people, scene, &Damage::Unreadable(at)),
        Replay::Slip(slip) => slips::follow(&people, scene, slip, settings.seed),
    }
    .map_err(|what| CrashError::Scene {
        scene: scene.name,
        geometry: (WRITE, ERASE),
        what,
    })?;
    Ok(Story {
        lines,
        findings: tally.findings,
    })
}
