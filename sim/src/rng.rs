//! The one source of chance: xoshiro256** seeded by SplitMix64 (Blackman and Vigna, "Scrambled linear
//! pseudorandom number generators", ACM TOMS 47(4), 2021).
//!
//! Never for keys. Decisions are drawn as integer ratios, so that a seed means the same on every
//! machine. Each part of the world draws from a stream of its own ([`Rng::stream`]): one more draw in
//! the link does not change what the flash does.
//!
//! ```
//! use lightday_sim::rng::Rng;
//!
//! let mut up = Rng::stream(7, "uplink");
//! let mut down = Rng::stream(7, "downlink");
//! assert_ne!(up.next_u64(), down.next_u64());
//! assert!(up.below(10) < 10);
//! ```

use lightday_trust::Digester;

/// One in a million: the unit of all probabilities.
pub const PPM: u32 = 1_000_000;

/// A small, fast, deterministic generator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng([u64; 4]);

/// The next number of SplitMix64 after `state`, which goes on.
fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Rng {
    /// The generator of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut state = seed;
        Self([(); 4].map(|()| splitmix64(&mut state)))
    }

    /// The stream of one part of the world: independent of the streams of all other names.
    #[must_use]
    pub fn stream(seed: u64, name: &str) -> Self {
        let mut digester = Digester::separated(b"lightday sim stream v1");
        digester.update(&seed.to_be_bytes());
        digester.update(name.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digester.finish().0[..8]);
        Self::new(u64::from_be_bytes(first))
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A byte.
    pub fn next_u8(&mut self) -> u8 {
        self.next_u64().to_be_bytes()[0]
    }

    /// A number below `bound`; 0 if `bound` is 0. The bias is below `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low.saturating_add(self.below(high.saturating_sub(low).saturating_add(1)))
    }

    /// Whether something of a probability of `ppm` parts per million happens.
    pub fn chance(&mut self, ppm: u32) -> bool {
        self.below(u64::from(PPM)) < u64::from(ppm)
    }

    /// One of `items`; `None` if there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let place = self.below(items.len() as u64);
        items.get(usize::try_from(place).ok()?)
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next_u64().to_be_bytes();
            chunk.iter_mut().zip(word).for_each(|(to, from)| *to = from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of the authors' C code: splitmix64.c and xoshiro256starstar.c.
    #[test]
    fn the_reference_vectors_hold() {
        let mut state = 1_477_776_061_723_855_037;
        assert_eq!(splitmix64(&mut state), 1_985_237_415_132_408_290);
        assert_eq!(splitmix64(&mut state), 2_979_275_885_539_914_483);
        let mut rng = Rng([1, 2, 3, 4]);
        let expected = [
            11_520,
            0,
            1_509_978_240,
            1_215_971_899_390_074_240,
            1_216_172_134_540_287_360,
            607_988_272_756_665_600,
            16_172_922_978_634_559_625,
            8_476_171_486_693_032_832,
        ];
        assert_eq!(expected.map(|_| rng.next_u64()), expected);
    }

    #[test]
    fn a_stream_depends_on_seed_and_name_alone() {
        assert_eq!(Rng::stream(1, "a"), Rng::stream(1, "a"));
        assert_ne!(Rng::stream(1, "a"), Rng::stream(1, "b"));
        assert_ne!(Rng::stream(1, "a"), Rng::stream(2, "a"));
    }

    #[test]
    fn bounds_hold_and_a_chance_is_as_likely_as_it_says() {
        let mut rng = Rng::new(3);
        let mut seen = [0u32; 6];
        for _ in 0..6_000 {
            let n = rng.between(10, 15);
            seen[usize::try_from(n - 10).unwrap()] += 1;
        }
        assert!(seen.iter().all(|n| (850..1150).contains(n)), "{seen:?}");
        let hits = (0..100_000).filter(|_| rng.chance(50_000)).count();
        assert!((4_800..5_200).contains(&hits), "{hits}");
        assert!(!rng.chance(0));
        assert!(rng.chance(PPM));
        assert_eq!((rng.below(0), rng.pick::<u8>(&[])), (0, None));
    }
}
