//! The mission directory. Everything that a verb reads from it goes through here.
//!
//! ```text
//! mission.toml   vehicle, memory, link, trial, policy     passes.csv  when the antenna is ours
//! ledger.sqlite  what is known                            keys/       keyset.toml, NAME.pub, NAME.key, link.key
//! bundles/       N.ldb and N.ldb.NAME.sig                 documents/  auth-N.ldd, cmd-N.ldd and their .sig
//! uplink/        frames to transmit                       evidence/   of rehearsals
//! ```

pub mod answers;
pub mod artifact;
pub mod causes;
pub mod claims;
pub mod config;
pub mod contents;
pub mod drafts;
pub mod dumps;
pub mod epochs;
pub mod evidence;
pub mod forecast;
pub mod images;
pub mod instants;
pub mod keys;
pub mod packets;
pub mod passes;
pub mod recover;
pub mod regions;
pub mod reports;
pub mod stand_in;
pub mod strange;
pub mod times;
pub mod twin;
pub mod underway;
pub mod units;
pub mod verdicts;

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use lightday_station::light_time::LightTime;
use lightday_station::profile::Profile;
use serde_json::Value;

use crate::Global;
use crate::atomic;
use crate::error::{Error, Kind, Result};
use crate::ledger::{Cut, Ledger, LightRow};
use crate::out;
use crate::time::show_instant;

pub use config::Config;
pub use passes::Pass;

/// What lies in a new mission beside its directories.
pub const MISSION_TOML: &str = include_str!("template/mission.toml");
/// The head of passes.csv.
pub const PASSES_CSV: &str = include_str!("template/passes.csv");
/// The README of a new mission.
pub const README_MD: &str = include_str!("template/README.md");
/// The CI of a new mission.
pub const CI_YML: &str = include_str!("template/ci.yml");
/// What git must not see of keys/.
pub const KEYS_GITIGNORE: &str = include_str!("template/keys.gitignore");
/// What git must not see of the mission.
pub const GITIGNORE: &str = include_str!("template/gitignore");

/// An open mission directory.
#[derive(Clone, Debug)]
pub struct Mission {
    /// Its root.
    pub dir: PathBuf,
    /// mission.toml.
    pub config: Config,
    /// The profile that mission.toml states.
    pub profile: Profile,
    /// The passes of passes.csv, as they are booked; none where there is no such file.
    booked: Vec<Pass>,
    /// What they state, and what the ledger keeps of those that are over, as of this instant.
    light_time: OnceCell<LightTime>,
    now_s: u64,
    /// Frames that a verb is about to take back, and when: its ledgers read as if that was said.
    taken_back: Option<(u64, Vec<Cut>)>,
}

impl Mission {
    /// Opens the mission that the command line names, or the nearest one upwards, and finishes what a run that
    /// was cut off left undone in it.
    ///
    /// # Errors
    /// There is none, or its mission.toml or passes.csv makes no sense.
    pub fn open(global: &Global) -> Result<Self> {
        let dir = match &global.mission {
            Some(dir) => dir.clone(),
            None => nearest()?,
        };
        let path = dir.join("mission.toml");
        if !path.try_exists().map_err(|e| Error::io(&path, &e))? {
            return Err(Error::input(&path, "there is no mission here")
                .hint("name the directory with --mission, or make one with `lightday new DIR`"));
        }
        let text = atomic::read_text(&path)?;
        let (config, profile) = config::parse(&path, &text)?;
        let launched_s = config.twin.as_ref().map(|twin| twin.launched_s);
        instants::refuse_far(&dir, launched_s, global)?;
        let path = dir.join("passes.csv");
        // Whoever plans is told that there is none.
        let booked = match path.try_exists() {
            Ok(false) => Vec::new(),
            _ => passes::load_beside(&path, profile.link.light_time_s)?,
        };
        let mission = Self {
            dir,
            config,
            profile,
            booked,
            light_time: OnceCell::new(),
            now_s: global.now_s(),
            taken_back: None,
        };
        mission.recover();
        Ok(mission)
    }

    /// A path within the mission.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.dir.join(relative)
    }

    /// A path as the ledger remembers it: relative to the mission where it lies within.
    pub fn relative(&self, path: &Path) -> String {
        let within = std::path::absolute(path)
            .ok()
            .zip(std::path::absolute(&self.dir).ok())
            .and_then(|(p, d)| p.strip_prefix(d).ok().map(Path::to_path_buf));
        within
            .as_deref()
            .unwrap_or(path)
            .to_string_lossy()
            .replace('\\', "/")
    }

    /// The ledger, to write to it. Warns where the clock stands before what it remembers.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn ledger(&self, global: &Global) -> Result<Ledger> {
        let ledger = self.seen(Ledger::open(&self.path("ledger.sqlite"))?);
        doubt_clock(&ledger, global)?;
        Ok(ledger)
    }

    /// The ledger, to read it.
    ///
    /// # Errors
    /// [`Kind::Ledger`].
    pub fn ledger_to_read(&self) -> Result<Ledger> {
        Ok(self.seen(Ledger::open_to_read(&self.path("ledger.sqlite"))?))
    }

    fn seen(&self, mut ledger: Ledger) -> Ledger {
        if let Some((at_s, cuts)) = &self.taken_back {
            ledger.as_if(*at_s, cuts);
        }
        ledger
    }

    /// The same mission, as if these frames had been said at `at_s`, in Unix seconds, not to be transmitted: for plan,
    /// twin and certificate of what takes their place. Nothing is remembered by it.
    #[must_use]
    pub fn as_if_taken_back(&self, at_s: u64, cuts: Vec<Cut>) -> Self {
        Self {
            taken_back: Some((at_s, cuts)),
            ..self.clone()
        }
    }

    /// What the outages of mission.toml leave of the passes.
    ///
    /// # Errors
    /// passes.csv makes no sense.
    pub fn passes(&self) -> Result<Vec<Pass>> {
        let booked = passes::load_beside(&self.path("passes.csv"), self.profile.link.light_time_s)?;
        Ok(passes::without(
            &booked,
            &self.config.outages,
            self.light_time(),
        ))
    }

    /// The light time: what passes.csv states, and of passes that are over and stand there no more, what it stated. The
    /// ledger keeps that; where it cannot be read it is not asked: whoever needs it says so.
    pub fn light_time(&self) -> &LightTime {
        self.light_time.get_or_init(|| {
            let path = self.path("ledger.sqlite");
            let kept = match path.is_file() {
                true => self
                    .ledger_to_read()
                    .and_then(|ledger| ledger.light_times()),
                false => Ok(Vec::new()),
            };
            let stated = passes::with_kept(&self.booked, &kept.unwrap_or_default(), self.now_s);
            LightTime::of(&stated, self.profile.link.light_time_s)
        })
    }

    /// The light times that passes.csv states and the ledger does not have, as a decision keeps them.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn light_times_to_keep(&self, ledger: &Ledger) -> Result<Value> {
        let kept = ledger.light_times()?;
        let stated = self.booked.iter().filter_map(passes::stated);
        let new = stated.filter(|row| !kept.contains(row));
        Ok(new.map(LightRow::to_json).collect())
    }
}

/// Warns where the clock of this computer stands before what the ledger remembers: whoever names the instant means it.
///
/// # Errors
/// [`Kind::Ledger`].
pub fn doubt_clock(ledger: &Ledger, global: &Global) -> Result<()> {
    if global.at.is_some() {
        return Ok(());
    }
    let decisions = ledger.decisions()?;
    let last_s = decisions
        .last()
        .map_or(0, |d| u64::try_from(d.at_s).unwrap_or(0));
    let now_s = global.now_s();
    if now_s < last_s {
        out::message(format_args!(
            "warning: the clock says {}, which is before the last decision of the ledger ({}): set it, or name the instant with --at",
            show_instant(now_s),
            show_instant(last_s)
        ));
    }
    Ok(())
}

/// Whether no mission was named and there is none here.
pub fn nowhere(global: &Global) -> bool {
    global.mission.is_none() && nearest().is_err()
}

fn nearest() -> Result<PathBuf> {
    let here = std::env::current_dir()
        .map_err(|e| Error::new(Kind::Io, format!("the current directory: {e}")))?;
    let mut unreadable = None;
    for dir in here.ancestors() {
        let path = dir.join("mission.toml");
        match path.try_exists() {
            Ok(true) if path.is_file() => return Ok(dir.to_path_buf()),
            Ok(_) => {}
            Err(e) => {
                unreadable.get_or_insert_with(|| Error::io(&path, &e));
            }
        }
    }
    Err(unreadable.unwrap_or_else(|| {
        Error::new(
            Kind::Input,
            "no mission.toml here or in any directory above",
        )
        .hint("name the mission with --mission, or make one with `lightday new DIR`")
    }))
}
