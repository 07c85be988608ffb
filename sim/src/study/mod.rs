//! The delivery study: one payload, one link, and how long each protocol takes until it is whole on board.
//!
//! All of them meet the same noise: what is lost is a question of when a frame is sent, not of who sends it. Each
//! is given the same payload in each frame, whatever its own headers would take.
//!
//! | | what is sent | what decides that the payload is whole |
//! |---|---|---|
//! | ours | by the real [`UplinkSession`](lightday_station::session): source, then fresh parity | any K symbols; rebuilt for real in some trials |
//! | [`cfdp`] class 2 | file, EOF, then what deferred NAKs ask for | a model, held against another implementation |
//! | TS004 | as ours | the rank of the standard's parity rows |
//! | RaptorQ | as ours | the `raptorq` crate, in every trial |
//!
//! No report is waited for by those that send parity: they go on until the payload is whole. CFDP is flattered: its
//! timers are ideal, and no NAK is ever lost.

mod air;
pub mod cfdp;
mod coded;
mod figures;
mod raptor;
mod settings;
mod ts004;

use std::sync::atomic::{AtomicU64, Ordering};

use lightday_station::object::UplinkObject;

pub use self::figures::{Figures, Whole};
pub use self::settings::{Settings, StudyError};

use self::air::{Air, Trace};
use self::cfdp::Cfdp;
use self::coded::Coded;
use self::raptor::Raptor;
use self::ts004::Ts004;

/// Frames that a trial listens for at the most, beyond four times K: nobody needs as many.
const SPARE: usize = 1024;

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
#[path = "tests.rs"]
mod tests;
