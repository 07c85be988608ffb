//! The search over heads and alignments: whatever makes the smallest patch.

use super::align::align;
use super::costs::Costs;
use super::pair::{Known, Pair};
use super::run::measure;
use super::{detect, elf};
use crate::encode::{EncodeError, LinkerHints, ModelOptions, Progress};
use crate::model::header::{Header, Span, Spans};
use crate::model::isa::{Content, Isa};
use crate::model::map::Segment;
use crate::model::space::Space;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::vec::Vec;

/// Both cores.
pub(super) const THREADS: usize = 2;

/// Rounds of the search by effort, from 1 to 9.
const ROUNDS: [usize; 9] = [0, 1, 2, 2, 3, 5, 8, 12, 20];

/// How often the costs of a jump are raised until the map fits the RAM.
const RAISES: usize = 12;

/// An alignment and what it costs in bits.
#[derive(Clone)]
struct Trial {
    costs: Costs,
    segments: Vec<Segment>,
    bits: f64,
}

/// The best head and alignment found.
pub(crate) struct Found {
    pub header: Header,
    pub segments: Vec<Segment>,
}

/// Searches as long as the effort allows.
///
/// # Errors
/// [`EncodeError::RamTooSmall`] if no alignment fits the RAM.
pub(crate) fn search(
    old: &[u8],
    new: &[u8],
    options: &ModelOptions,
    code: u8,
    watch: &(dyn Fn(Progress) + Sync),
) -> Result<Found, EncodeError> {
    let headers = headers(old, new, options);
    let places = &options.linker.places;
    let effort = usize::from(options.effort.clamp(1, 9)) - 1;
    let most = headers.len() + ROUNDS[effort] * neighbours(Costs::DEFAULT).len();
    let done = AtomicUsize::new(0);
    let tried = || {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        watch(Progress { done, most });
    };
    let first = run_all(headers.len(), |number| {
        let pair = Pair::new(&headers[number], old, new, places);
        let trial = fitting(&pair, code);
        tried();
        trial
    });
    let best = (0..first.len())
        .filter(|number| first[*number].is_some())
        .min_by(|a, b| bits(&first[*a]).total_cmp(&bits(&first[*b])));
    let Some(best) = best else {
        return Err(EncodeError::RamTooSmall);
    };
    let header = headers[best].clone();
    let Some(mut trial) = first.into_iter().nth(best).flatten() else {
        return Err(EncodeError::RamTooSmall);
    };
    let pair = Pair::new(&header, old, new, places);
    for _ in 0..ROUNDS[effort] {
        let around = neighbours(trial.costs);
        let Some(known) = Known::of(&pair, &trial.segments) else {
            break;
        };
        let trials = run_all(around.len(), |number| {
            let trial = varied(&pair, around[number], &known, code);
            tried();
            trial
        });
        let better = trials.into_iter().flatten();
        let better = better.min_by(|a, b| a.bits.total_cmp(&b.bits));
        match better {
            Some(better) if better.bits < trial.bits - 1.0 => trial = better,
            _ => break,
        }
    }
    Ok(Found {
        segments: trial.segments,
        header,
    })
}

fn bits(trial: &Option<Trial>) -> f64 {
    trial.as_ref().map_or(f64::INFINITY, |t| t.bits)
}

/// Runs the numbers below `count` on both cores; the answers stand in their order.
fn run_all<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS.min(count) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    let answer = work(number);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.push((number, answer));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|d| d.0);
    done.into_iter().map(|d| d.1).collect()
}

/// The costs around these, one of them changed.
fn neighbours(costs: Costs) -> Vec<Costs> {
    let scaled = |value: u32, percent: u32| value * percent / 100;
    let mut all = Vec::new();
    for percent in [75, 88, 112, 130] {
        all.push(Costs {
            switch: scaled(costs.switch, percent),
            ..costs
        });
        all.push(Costs {
            literal: scaled(costs.literal, percent),
            ..costs
        });
        all.push(Costs {
            miss: scaled(costs.miss, percent),
            ..costs
        });
    }
    for percent in [70, 140] {
        all.push(Costs {
            resume: scaled(costs.resume, percent),
            ..costs
        });
        all.push(Costs {
            vote: scaled(costs.vote, percent),
            ..costs
        });
        all.push(Costs {
            operand: scaled(costs.operand, percent),
            ..costs
        });
        all.push(Costs {
            field: scaled(costs.field, percent),
            ..costs
        });
    }
    all
}

/// The first alignment whose map fits the RAM.
fn fitting(pair: &Pair<'_>, code: u8) -> Option<Trial> {
    let mut costs = Costs::DEFAULT;
    for _ in 0..RAISES {
        let trial = attempt(pair, costs, code);
        if trial.is_some() {
            return trial;
        }
        costs.switch = costs.switch * 3 / 2;
    }
    None
}

/// Aligns with these costs from nothing, and measures.
fn attempt(pair: &Pair<'_>, costs: Costs, code: u8) -> Option<Trial> {
    let first = Known::of(pair, &align(pair, costs, None))?;
    let second = Known::of(pair, &align(pair, costs, Some(&first)))?;
    varied(pair, costs, &second, code)
}

/// Aligns with these costs by what is known from an alignment that is good already, and measures.
fn varied(pair: &Pair<'_>, costs: Costs, known: &Known, code: u8) -> Option<Trial> {
    let segments = align(pair, costs, Some(known));
    let bits = measure(pair.header, &segments, pair.old, pair.new, code).ok()?;
    Some(Trial {
        costs,
        segments,
        bits: bits.iter().sum(),
    })
}

/// The heads that may be right, the likeliest first.
fn headers(old: &[u8], new: &[u8], options: &ModelOptions) -> Vec<Header> {
    let mut all = Vec::new();
    if let Some(header) = elf::header(old, new)
        && options.isa.is_none_or(|isa| isa == header.isa)
    {
        all.push(header);
    }
    // An old image that shows nothing (it is empty, say) leaves it to the new one.
    let shown = || match detect::isa(old) {
        Isa::WordsLe => detect::isa(new),
        isa => isa,
    };
    let isa = options.isa.unwrap_or_else(shown);
    let found = || detect::base(isa, old).unwrap_or(options.likely_base);
    let old_base = options.old_base.unwrap_or_else(found);
    let new_base = options.new_base.unwrap_or(match options.old_base {
        Some(base) => base,
        None => old_base,
    });
    let (start, len) = detect::ram(isa, old, old_base);
    let mut header = Header::plain(old.len() as u32, new.len() as u32);
    header.isa = isa;
    header.old = Space::flat(old.len() as u32, old_base);
    header.new = Space::flat(new.len() as u32, new_base);
    header.ram_start = u32::try_from(start >> 8).unwrap_or(0);
    header.ram_len = u32::try_from(len >> 8).unwrap_or(0);
    header.spans = Spans::all(Content::Code);
    let plain = header.clone();
    let end = detect::code_end(isa, old) as u32;
    let is_words = matches!(isa, Isa::WordsLe | Isa::WordsBe);
    if !is_words && end > 0 && end < old.len() as u32 {
        header.spans.push(Span {
            offset: end,
            content: Content::Words,
        });
        all.push(header);
    }
    if !is_words && let Some(told) = told(&plain, &options.linker) {
        all.push(told);
    }
    all.push(plain);
    // For data that is none of this: no unit refers to anything.
    let mut opaque = Header::plain(old.len() as u32, new.len() as u32);
    opaque.spans = Spans::all(Content::Opaque);
    all.push(opaque);
    all
}

/// The head with what the linker said, if it said where code lies.
fn told(plain: &Header, linker: &LinkerHints) -> Option<Header> {
    let len = plain.old.len();
    let mut sections = Vec::new();
    for range in &linker.code {
        if range.start < range.end && range.end <= len {
            sections.push((range.start, Content::Code));
            sections.push((range.end, Content::Words));
        }
    }
    if sections.is_empty() {
        return None;
    }
    sections.retain(|section| section.0 < len);
    let mut header = plain.clone();
    header.spans = elf::spans(sections);
    if let Some(ram) = &linker.ram {
        header.ram_start = u32::try_from(ram.start >> 8).ok()?;
        header.ram_len = u32::try_from(ram.end.checked_sub(ram.start)? >> 8).ok()?;
    }
    Some(header)
}
