//! The delivery study: one payload, one link, and how long each protocol takes until it is whole on board.
//!
//! All of them meet the same noise: what is lost is a question of when a frame is sent, not of who sends it. Each
//! is given the same payload in each frame, whatever its own headers would take.
//!
//! | | what is sent | what decides that the payload is whole |
//! |---|---|---|
//! | ours | by the real [`UplinkSession`](lightday_station::session): source, then fresh parity | any K symbols; rebuilt for real in some trials |
//! | [`cfdp`] class 2 | file, EOF, then what deferred NAKs ask for | a model, held against another implementation |
//! | [`ts004`] | as ours | the rank of the standard's parity rows |
//! | [`raptor`] | as ours | the `raptorq` crate, in every trial |
//!
//! No report is waited for by those that send parity: they go on until the payload is whole. CFDP is flattered: its
//! timers are ideal, and no NAK is ever lost.

pub mod air;
pub mod cfdp;
mod coded;
mod figures;
pub mod raptor;
pub mod ts004;

use core::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use lightday_station::link::{LinkModel as PlannedLink, Loss as PlannedLoss, Pass};
use lightday_station::object::{ObjectError, UplinkObject};
use lightday_station::plan::PlanError;
use lightday_wire::{HEADER_LEN, ObjectKind, ObjectNumber, TagLen};

pub use self::figures::{Figures, Whole};

use self::air::{Air, Trace};
use self::cfdp::Cfdp;
use self::coded::Coded;
use self::raptor::Raptor;
use self::ts004::Ts004;
use crate::link::Loss;
use crate::rng::{PPM, Rng};

/// Bytes of each frame's MAC: the profile's default.
const TAG_LEN: TagLen = TagLen::Eight;

/// Frames that a trial listens for at the most, beyond four times K: nobody needs as many.
const SPARE: usize = 1024;

/// The longest light time, in seconds: what noise is drawn for has to fit a machine's memory.
const LIGHT_TIME_MAX_S: u64 = 60 * 86_400;
/// From the first pass to the end of the last one, in seconds: the same.
const PASSES_MAX_S: u64 = 10 * 366 * 86_400;
/// The shortest frame on the air, in milliseconds.
const SHORTEST_FRAME_MS: u64 = 100;
/// Most source symbols of RaptorQ (RFC 6330, 5.1.2).
const RAPTORQ_K: u32 = 56_403;

/// What is delivered, and over which link.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes of the payload, at least 1.
    pub payload: u32,
    /// Bit/s up.
    pub rate_bps: u32,
    /// One way, in seconds.
    pub light_time_s: u64,
    /// Bytes of a frame on the air: header, symbol and MAC.
    pub frame_len: u16,
    /// Share of the frames that are lost, in parts per million.
    pub loss_ppm: u32,
    /// Mean length of a burst of lost frames; 1: each frame by itself.
    pub burst: u32,
    /// When the antenna is ours; empty: always.
    pub passes: Vec<Pass>,
    /// Chance of a whole pass to be lost, in parts per million.
    pub lost_pass_ppm: u32,
    /// How sure the session's plan has to be, above 0 and below 1.
    pub probability: f64,
    /// Trials.
    pub trials: u32,
    /// Of these, the first so many rebuild our block for real.
    pub rebuilt: u32,
    /// Draws the noise: the same seed loses the same frames.
    pub seed: u64,
    /// Threads.
    pub threads: usize,
}

/// Why there is no study.
#[derive(Debug)]
pub enum StudyError {
    /// A setting makes no sense: which, and what it has to be.
    Setting(&'static str, &'static str),
    /// The payload is no object of that symbol length.
    Object(ObjectError),
    /// Nothing can be planned.
    Plan(PlanError),
    /// The code broke its promise: a bug. The trial, and what happened.
    Broken(u32, &'static str),
}

impl fmt::Display for StudyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(field, must) => write!(f, "{field} must {must}"),
            Self::Object(error) => write!(f, "{error}"),
            Self::Plan(error) => write!(f, "{error}"),
            Self::Broken(trial, what) => write!(f, "trial {trial}: {what}"),
        }
    }
}

impl std::error::Error for StudyError {}

/// What came out.
#[derive(Clone, Debug)]
pub struct Study {
    /// Source symbols, K.
    pub symbols: u16,
    /// Bytes of payload in each frame.
    pub symbol_len: u16,
    /// Seconds of a frame on the air.
    pub frame_seconds: f64,
    /// Trials in which our block was rebuilt for real, from exactly K symbols, and not from K - 1.
    pub rebuilt: u32,
    /// Ours.
    pub ours: Figures,
    /// CFDP class 2.
    pub cfdp2: Figures,
    /// LoRaWAN TS004.
    pub ts004: Figures,
    /// RaptorQ, RFC 6330.
    pub raptorq: Figures,
}

/// Bytes that a piece of work held on the heap at most, beside what was there before: asked of whoever has an
/// allocator that counts.
pub type HeapPeak<'a> = &'a dyn Fn(&mut dyn FnMut()) -> usize;

impl Settings {
    /// Bytes of a frame beside its symbol.
    const fn overhead(&self) -> u16 {
        HEADER_LEN as u16 + TAG_LEN.get() as u16
    }

    /// Bytes of payload in each frame: what header and MAC leave, rounded down to words of the code.
    fn symbol_len(&self) -> u16 {
        self.frame_len.saturating_sub(self.overhead()) & !1
    }

    fn check(&self) -> Result<(), StudyError> {
        let must = |holds: bool, field, must| match holds {
            true => Ok(()),
            false => Err(StudyError::Setting(field, must)),
        };
        must(self.payload > 0, "payload", "be at least 1 B")?;
        must(self.rate_bps > 0, "rate", "be above 0")?;
        must(self.trials > 0, "trials", "be at least 1")?;
        must(
            self.symbol_len() > 0,
            "frame",
            "be at least 18 B: header, MAC and a word",
        )?;
        must(self.loss_ppm < PPM, "loss", "be below 1")?;
        must(self.lost_pass_ppm < PPM, "lost-pass", "be below 1")?;
        must(self.burst > 0, "burst", "be at least 1 frame")?;
        let symbols = self.payload.div_ceil(u32::from(self.symbol_len()).max(1));
        must(
            symbols <= RAPTORQ_K,
            "payload",
            "be at most 56,403 symbols, which is what RaptorQ takes: take less, or longer frames",
        )?;
        let most = u64::from(self.burst) * u64::from(PPM - self.loss_ppm);
        must(
            u64::from(self.loss_ppm) <= most,
            "burst",
            "be at least loss / (1 - loss)",
        )?;
        must(
            self.is_noise_exact(),
            "burst",
            "be shorter, or the loss greater: in millionths, the noise would be more than 1 % off",
        )?;
        must(
            self.light_time_s <= LIGHT_TIME_MAX_S,
            "light-time",
            "be at most 60 days",
        )?;
        // Times are in milliseconds, rounded up.
        must(
            Air::new(self).frame_ms() >= SHORTEST_FRAME_MS,
            "rate",
            "be lower: a frame has to take 0.1 s at the least",
        )?;
        let (first, last) = (self.passes.first(), self.passes.last());
        let span_s = first
            .zip(last)
            .map_or(0, |(a, b)| b.end_s.saturating_sub(a.start_s));
        must(span_s <= PASSES_MAX_S, "passes", "all lie within ten years")?;
        // Noise comes in steps of a frame at the link's own rate.
        must(
            self.passes.iter().all(|pass| pass.rate_bps.is_none()),
            "passes: rate_bps",
            "be empty: all frames go at --rate here",
        )
    }

    /// Whether the chain in whole millionths loses what it is to lose, within 1 %.
    fn is_noise_exact(&self) -> bool {
        match self.noise() {
            Loss::Burst {
                enter_ppm,
                leave_ppm,
            } => {
                let (enter, all) = (u64::from(enter_ppm), u64::from(enter_ppm + leave_ppm));
                let lost = enter * u64::from(PPM);
                let wanted = u64::from(self.loss_ppm) * all;
                lost.abs_diff(wanted) * 100 <= wanted
            }
            _ => true,
        }
    }

    fn noise(&self) -> Loss {
        match self.burst {
            1 => Loss::Random {
                loss_ppm: self.loss_ppm,
            },
            burst => Loss::bursts(self.loss_ppm, burst),
        }
    }

    fn planned_link(&self) -> PlannedLink {
        let share = |ppm: u32| f64::from(ppm) / f64::from(PPM);
        let loss = match self.burst {
            1 => PlannedLoss::Random {
                p: share(self.loss_ppm),
            },
            burst => PlannedLoss::GilbertElliott {
                loss: share(self.loss_ppm),
                mean_burst_frames: f64::from(burst),
            },
        };
        PlannedLink {
            rate_bps: self.rate_bps,
            rate_down_bps: self.rate_bps,
            light_time_s: self.light_time_s,
            encapsulation: 0,
            tag_len: TAG_LEN,
            loss,
            bit_error_rate: 0.0,
            lost_pass: share(self.lost_pass_ppm),
        }
    }

    fn object(&self) -> Result<UplinkObject, StudyError> {
        let mut bytes = vec![0; self.payload as usize];
        Rng::stream(self.seed, "payload").fill(&mut bytes);
        let number = ObjectNumber::new(1).ok_or(StudyError::Broken(0, "no number"))?;
        UplinkObject::new(ObjectKind::Bundle, number, &bytes, self.symbol_len())
            .map_err(StudyError::Object)
    }
}

/// When each protocol is done in one trial; `None`: not within the passes.
#[derive(Clone, Copy, Debug, Default)]
struct Trial {
    ours: Option<Whole>,
    cfdp2: Option<Whole>,
    ts004: Option<Whole>,
    raptorq: Option<Whole>,
}

/// Runs the study. `tick` is called after each trial, from any thread.
///
/// # Errors
/// [`StudyError`].
pub fn run(
    settings: &Settings,
    heap: HeapPeak<'_>,
    tick: &(dyn Fn() + Sync),
) -> Result<Study, StudyError> {
    settings.check()?;
    let object = settings.object()?;
    let air = Air::new(settings);
    let coded = Coded::new(settings, &object)?;
    let trials = all(settings, &object, &air, &coded, tick)?;

    let k = object.k();
    let of = |pick: fn(&Trial) -> Option<Whole>| trials.iter().map(pick).collect::<Vec<_>>();
    let (ours, ts004) = (of(|t| t.ours), of(|t| t.ts004));
    let lost =
        |wholes: &[Option<Whole>]| wholes.iter().flatten().map(|w| w.lost).max().unwrap_or(0);
    let (our_lost, ts_lost) = (lost(&ours), lost(&ts004));
    let mut once = Raptor::new(&object).one_decoding(our_lost);
    let raptor_ram = heap(&mut once);
    Ok(Study {
        symbols: k,
        symbol_len: object.symbol_len(),
        frame_seconds: air.frame_ms() as f64 / 1000.0,
        rebuilt: settings.rebuilt.min(settings.trials),
        ours: Figures::of(&ours, coded::decoder_ram(&object, our_lost)),
        cfdp2: Figures::of(&of(|t| t.cfdp2), usize::from(k).div_ceil(8)),
        ts004: Figures::of(&ts004, ts004::decoder_ram(ts_lost)),
        raptorq: Figures::of(&of(|t| t.raptorq), raptor_ram),
    })
}

/// All trials, shared out among the threads.
fn all(
    settings: &Settings,
    object: &UplinkObject,
    air: &Air,
    coded: &Coded,
    tick: &(dyn Fn() + Sync),
) -> Result<Vec<Trial>, StudyError> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut worker = Worker::new(settings, object, air, coded);
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            if number >= settings.trials {
                return Ok(done);
            }
            done.push((number, worker.trial(number)?));
            tick();
        }
    };
    let parts: Vec<Result<Vec<(u32, Trial)>, StudyError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..settings.threads.max(1))
            .map(|_| scope.spawn(work))
            .collect();
        let ended = Err(StudyError::Broken(0, "a thread ended"));
        let join = |t: std::thread::ScopedJoinHandle<'_, _>| t.join().ok();
        let mut parts: Vec<_> = threads.into_iter().filter_map(join).collect();
        if parts.len() < settings.threads.max(1) {
            parts.push(ended);
        }
        parts
    });
    let mut trials = Vec::new();
    for part in parts {
        trials.extend(part?);
    }
    trials.sort_unstable_by_key(|(number, _)| *number);
    Ok(trials.into_iter().map(|(_, trial)| trial).collect())
}

/// One thread's share: what it has worked out once is used in every trial.
struct Worker<'s> {
    settings: &'s Settings,
    air: &'s Air,
    coded: &'s Coded,
    rebuilder: coded::Rebuilder<'s>,
    ts004: Ts004,
    raptor: Raptor,
}

impl<'s> Worker<'s> {
    fn new(
        settings: &'s Settings,
        object: &'s UplinkObject,
        air: &'s Air,
        coded: &'s Coded,
    ) -> Self {
        Self {
            settings,
            air,
            coded,
            rebuilder: coded::Rebuilder::new(object),
            ts004: Ts004::new(object.k()),
            raptor: Raptor::new(object),
        }
    }

    fn trial(&mut self, number: u32) -> Result<Trial, StudyError> {
        let mut trace = Trace::new(self.settings, number);
        let k = self.ts004.k();
        let heard = self.coded.heard(&mut trace, 4 * usize::from(k) + SPARE);
        let ours = coded::whole(&heard, usize::from(k), self.air, k);
        if ours.is_some() && number < self.settings.rebuilt {
            let indices = || heard.iter().take(usize::from(k)).map(|frame| frame.index);
            self.rebuilder
                .check(indices().collect())
                .map_err(|what| StudyError::Broken(number, what))?;
        }
        let at = |count: Option<usize>| coded::whole(&heard, count?, self.air, k);
        let indices: Vec<u16> = heard.iter().map(|frame| frame.index).collect();
        Ok(Trial {
            ours,
            ts004: at(self.ts004.needed(&indices)),
            raptorq: at(self.raptor.needed(&indices)),
            cfdp2: Cfdp::new(k).deliver(self.air, &mut trace),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            payload: 20_000,
            rate_bps: 100,
            light_time_s: 79_200,
            frame_len: 256,
            loss_ppm: 200_000,
            burst: 4,
            passes: Vec::new(),
            lost_pass_ppm: 0,
            probability: 0.999,
            trials: 60,
            rebuilt: 60,
            seed: 3,
            threads: 2,
        }
    }

    fn study(settings: &Settings) -> Study {
        // A heap of which nobody knows: the decoder's figure is not looked at.
        run(
            settings,
            &|work| {
                work();
                0
            },
            &|| (),
        )
        .unwrap()
    }

    #[test]
    fn ours_is_whole_with_the_kth_symbol_in_every_trial_and_nobody_is_before_it() {
        let settings = settings();
        // Each trial rebuilds the block from exactly K symbols, or the study fails.
        let study = study(&settings);
        assert_eq!((study.symbols, study.rebuilt), (84, 60));
        for other in [&study.ts004, &study.raptorq] {
            assert_eq!(other.incomplete, 0);
            assert!(
                study
                    .ours
                    .hours
                    .iter()
                    .zip(&other.hours)
                    .all(|(a, b)| a <= b)
            );
        }
        assert!(study.cfdp2.rounds_mean > Some(1.5) && study.ours.rounds_mean == Some(1.0));
        // Two rounds are a light time there and back apart.
        assert!(study.cfdp2.hours.last() > Some(&66.0));
    }

    #[test]
    fn a_seed_gives_the_same_figures_on_any_number_of_threads() {
        let one = study(&Settings {
            threads: 1,
            rebuilt: 0,
            ..settings()
        });
        let three = study(&Settings {
            threads: 3,
            rebuilt: 0,
            ..settings()
        });
        assert_eq!(
            (one.ours, one.cfdp2, one.ts004),
            (three.ours, three.cfdp2, three.ts004)
        );
    }

    #[test]
    fn without_loss_all_are_whole_with_their_last_frame() {
        let study = study(&Settings {
            loss_ppm: 0,
            burst: 1,
            trials: 2,
            ..settings()
        });
        let last = 84.0 * 20.48 / 3600.0 + 22.0;
        for of in [&study.ours, &study.ts004, &study.raptorq] {
            assert!((of.hours_mean().unwrap() - last).abs() < 1e-9);
            assert!((of.frames_mean.unwrap() - 84.0).abs() < 1e-9);
        }
        assert!((study.cfdp2.frames_mean.unwrap() - 86.0).abs() < 1e-9);
    }

    #[test]
    fn a_lost_pass_takes_all_of_its_frames_with_it() {
        let pass = |start_s| Pass {
            start_s,
            end_s: start_s + 2048,
            rate_bps: None,
            station: String::new(),
        };
        let passes = (1..40).map(|day| pass(day * 86_400)).collect();
        let settings = Settings {
            passes,
            lost_pass_ppm: 300_000,
            loss_ppm: 0,
            burst: 1,
            ..settings()
        };
        let study = study(&settings);
        assert_eq!(study.ours.incomplete, 0);
        // Of some trials the first pass was lost, and a day is gone.
        let hours = &study.ours.hours;
        assert!(
            hours.first() < Some(&23.0) && hours.last() > Some(&46.0),
            "{hours:?}"
        );
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let refused = |settings: Settings| run(&settings, &|_| 0, &|| ()).unwrap_err().to_string();
        assert!(
            refused(Settings {
                payload: 0,
                ..settings()
            })
            .contains("payload")
        );
        assert!(
            refused(Settings {
                loss_ppm: 950_000,
                ..settings()
            })
            .contains("burst")
        );
        assert!(
            refused(Settings {
                frame_len: 17,
                ..settings()
            })
            .contains("frame")
        );
        assert!(
            refused(Settings {
                payload: 60_000_000,
                ..settings()
            })
            .contains("symbols")
        );
        let refused_with = |settings: Settings, says: &str| {
            let error = refused(settings);
            assert!(error.contains(says), "{error}");
        };
        let pass = |start_s, rate_bps| Pass {
            start_s,
            end_s: start_s + 100,
            rate_bps,
            station: String::new(),
        };
        // 0.05 in bursts of 100,000 would be no loss at all in whole millionths.
        refused_with(
            Settings {
                loss_ppm: 50_000,
                burst: 100_000,
                ..settings()
            },
            "1 % off",
        );
        refused_with(
            Settings {
                rate_bps: 1_000_000,
                ..settings()
            },
            "0.1 s",
        );
        refused_with(
            Settings {
                light_time_s: 1 << 40,
                ..settings()
            },
            "60 days",
        );
        refused_with(
            Settings {
                passes: vec![pass(0, Some(50))],
                ..settings()
            },
            "rate_bps",
        );
        let far = vec![pass(0, None), pass(1 << 32, None)];
        refused_with(
            Settings {
                passes: far,
                ..settings()
            },
            "ten years",
        );
    }
}
