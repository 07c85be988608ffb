//! What costs what in a patch: the trace of a payload, summed up by function, or by region where there are
//! no symbols.
//!
//! ```text
//!   new image   |  main          |  (between symbols)          | poll    |
//!   bits at     . . . 9 . . . . . . . . . 7 . . 3 . . . . . . . . . . 12 .
//!   regions     '---- main ------'        '-- region --'       '- poll --'    all else: the rest
//! ```

use lightday_delta::encode::Trace;

use crate::symbols::Symbol;

/// Bits from which on a byte begins a region: what is as predicted costs a fraction of one.
const COSTLY: f64 = 1.0;

/// Cheap bytes that a region may span.
const SPAN: u32 = 64;

/// What the bits of a region were spent on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Bits of the map: an equal share for every segment that begins here.
    pub map: f64,
    /// Bits of flags: what is as predicted and what is not.
    pub flags: f64,
    /// Bits of bytes that are not as predicted.
    pub misses: f64,
    /// Bits of bytes that come from nowhere in the old image.
    pub literals: f64,
}

impl Cost {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.map + self.flags + self.misses + self.literals
    }

    fn add(&mut self, other: &Self) {
        self.map += other.map;
        self.flags += other.flags;
        self.misses += other.misses;
        self.literals += other.literals;
    }
}

/// A part of the new image.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// The function or variable; `None` for bytes of no symbol.
    pub name: Option<String>,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
    /// What it costs.
    pub cost: Cost,
}

/// The regions of a patch.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// The regions that cost something, the dearest first.
    pub regions: Vec<Region>,
    /// Bytes that are in none of them: all as predicted.
    pub rest_bytes: u32,
    /// What these cost together.
    pub rest: Cost,
}

/// Sums a trace up by region. Symbols must not overlap and stand by rising offset.
#[must_use]
pub fn explain(trace: &Trace, symbols: &[Symbol]) -> Explained {
    let mut sums = Sums {
        trace,
        share: trace.bits[1] / (trace.segments.len().max(1) as f64),
        segments: &trace.segments,
        regions: Vec::new(),
        rest_bytes: 0,
        rest: Cost::default(),
    };
    let len = u32::try_from(trace.at[0].len()).unwrap_or(u32::MAX);
    let mut at = 0;
    for symbol in symbols.iter().filter(|symbol| symbol.offset < len) {
        let end = symbol.offset.saturating_add(symbol.len).min(len);
        sums.between(at, symbol.offset);
        sums.symbol(symbol, end);
        at = end;
    }
    sums.between(at, len);
    let mut regions = sums.regions;
    regions.sort_by(|a, b| {
        let by_cost = b.cost.total().total_cmp(&a.cost.total());
        by_cost.then(a.start.cmp(&b.start))
    });
    Explained {
        regions,
        rest_bytes: sums.rest_bytes,
        rest: sums.rest,
    }
}

struct Sums<'a> {
    trace: &'a Trace,
    /// Bits of the map for each segment.
    share: f64,
    /// Segments that have not begun yet.
    segments: &'a [u32],
    regions: Vec<Region>,
    rest_bytes: u32,
    rest: Cost,
}

impl Sums<'_> {
    /// What the byte at `at` costs; asked once for each byte, in order.
    fn cost(&mut self, at: u32) -> Cost {
        let mut map = 0.0;
        while let Some((first, others)) = self.segments.split_first()
            && *first <= at
        {
            map += self.share;
            self.segments = others;
        }
        let part = |n: usize| {
            let bits = self.trace.at.get(n).and_then(|p| p.get(at as usize));
            bits.copied().map_or(0.0, f64::from)
        };
        Cost {
            map,
            flags: part(0),
            misses: part(1),
            literals: part(2),
        }
    }

    /// A whole symbol: a region if any byte of it is costly.
    fn symbol(&mut self, symbol: &Symbol, end: u32) {
        let mut sum = Cost::default();
        let mut costly = false;
        for at in symbol.offset..end {
            let cost = self.cost(at);
            costly |= cost.total() >= COSTLY;
            sum.add(&cost);
        }
        if !costly {
            self.rest_bytes += end - symbol.offset;
            self.rest.add(&sum);
            return;
        }
        self.regions.push(Region {
            name: Some(symbol.name.clone()),
            start: symbol.offset,
            end,
            cost: sum,
        });
    }

    /// Bytes of no symbol: each run of costly bytes that lie close together is a region.
    fn between(&mut self, start: u32, end: u32) {
        let mut open: Option<Region> = None;
        // What lies behind the last costly byte, and is not yet known to lie before another.
        let mut tail = Cost::default();
        for at in start..end {
            let cost = self.cost(at);
            let costly = cost.total() >= COSTLY;
            if let Some(region) = open.as_mut().filter(|_| costly) {
                region.cost.add(&core::mem::take(&mut tail));
                region.cost.add(&cost);
                region.end = at + 1;
                continue;
            }
            if costly {
                open = Some(Region {
                    name: None,
                    start: at,
                    end: at + 1,
                    cost,
                });
                continue;
            }
            match &open {
                Some(region) if at - region.end < SPAN => tail.add(&cost),
                _ => {
                    self.close(open.take(), core::mem::take(&mut tail), at);
                    self.rest.add(&cost);
                    self.rest_bytes += 1;
                }
            }
        }
        self.close(open, tail, end);
    }

    /// Keeps a region; the bytes from its end to `until` belong to the rest.
    fn close(&mut self, region: Option<Region>, tail: Cost, until: u32) {
        self.rest.add(&tail);
        if let Some(region) = region {
            self.rest_bytes += until - region.end;
            self.regions.push(region);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightday_delta::Isa;

    /// A trace of 1000 bytes that spends on flags, 0.01 bit everywhere and more at some places.
    fn traced(dear: &[(usize, f32)], segments: &[u32]) -> Trace {
        let mut flags = vec![0.01_f32; 1000];
        for (at, bits) in dear {
            flags[*at] = *bits;
        }
        Trace {
            isa: Isa::Thumb,
            segments: segments.to_vec(),
            bits: [8.0, 30.0, 0.0, 0.0, 0.0],
            at: [flags, vec![0.0; 1000], vec![0.0; 1000]],
        }
    }

    fn total(explained: &Explained) -> f64 {
        let regions = explained.regions.iter().map(|r| r.cost.total());
        regions.sum::<f64>() + explained.rest.total()
    }

    #[test]
    fn costly_bytes_that_lie_close_together_are_one_region() {
        let trace = traced(&[(100, 9.0), (150, 2.0), (400, 30.0)], &[0, 101, 900]);
        let found = explain(&trace, &[]);
        let ranges: Vec<_> = found.regions.iter().map(|r| (r.start, r.end)).collect();
        assert_eq!(ranges, [(400, 401), (100, 151), (0, 1), (900, 901)]);
        assert_eq!(found.rest_bytes, 1000 - 1 - 51 - 1 - 1);
        // Nothing is lost: the map's 30 bits, and all flags.
        let flags: f64 = trace.at[0].iter().map(|b| f64::from(*b)).sum();
        assert!((total(&found) - flags - 30.0).abs() < 1e-6);
    }

    #[test]
    fn symbols_take_all_of_their_bytes() {
        let trace = traced(&[(100, 9.0), (150, 2.0), (400, 30.0)], &[0]);
        let symbol = |name: &str, offset, len| Symbol {
            name: name.to_owned(),
            offset,
            len,
        };
        let symbols = [
            symbol("cheap", 10, 50),
            symbol("main", 90, 40),
            symbol("end", 990, 100),
        ];
        let found = explain(&trace, &symbols);
        let names: Vec<_> = found
            .regions
            .iter()
            .map(|r| (r.name.as_deref(), r.start, r.end))
            .collect();
        assert_eq!(
            names,
            [
                (None, 0, 1),
                (None, 400, 401),
                (Some("main"), 90, 130),
                (None, 150, 151)
            ]
        );
        let bytes: u32 = found.regions.iter().map(|r| r.end - r.start).sum();
        assert_eq!(bytes + found.rest_bytes, 1000);
    }

    #[test]
    fn an_empty_image_has_no_regions() {
        let mut trace = traced(&[], &[]);
        trace.at = [(); 3].map(|()| Vec::new());
        assert!(explain(&trace, &[]).regions.is_empty());
    }
}
