//! What the decoder learns on the way: where old addresses that the map does not know have gone.
//!
//! A ring of pairs (old, new). Code addresses are looked up exactly, RAM addresses by the nearest
//! pair, because variables move in groups.

/// Bytes of a pair.
pub(crate) const PAIR: usize = 8;

/// How far a ring is filled.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fill {
    used: u16,
    next: u16,
}

/// A ring of pairs over bytes that the caller lends.
pub(crate) struct Learned<'a> {
    bytes: &'a mut [u8],
    fill: Fill,
}

impl<'a> Learned<'a> {
    /// A ring that was filled so far; [`Fill::default`] is an empty one.
    pub(crate) fn resume(bytes: &'a mut [u8], fill: Fill) -> Self {
        Self { bytes, fill }
    }

    /// How far it is filled.
    pub(crate) const fn fill(&self) -> Fill {
        self.fill
    }

    fn pairs(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let (pairs, _) = self.bytes.as_chunks::<PAIR>();
        pairs.iter().take(usize::from(self.fill.used)).map(|pair| {
            let [a, b, c, d, e, f, g, h] = *pair;
            (
                u32::from_le_bytes([a, b, c, d]),
                u32::from_le_bytes([e, f, g, h]),
            )
        })
    }

    /// Where `old` has gone, if it was learned.
    pub(crate) fn exact(&self, old: u32) -> Option<u32> {
        self.pairs().find(|pair| pair.0 == old).map(|pair| pair.1)
    }

    /// Where the nearest learned neighbour of `old` says that it has gone, and whether that was
    /// `old` itself.
    pub(crate) fn nearest(&self, old: u32) -> Option<(u32, bool)> {
        let (from, to) = self.pairs().min_by_key(|pair| pair.0.abs_diff(old))?;
        Some((to.wrapping_add(old.wrapping_sub(from)), from == old))
    }

    /// Learns that `old` has gone to `new`.
    pub(crate) fn learn(&mut self, old: u32, new: u32) {
        let room = u16::try_from(self.bytes.len() / PAIR).unwrap_or(u16::MAX);
        let at = self.pairs().position(|pair| pair.0 == old);
        let at = at.unwrap_or_else(|| {
            let free = self.fill.next;
            let behind = free.saturating_add(1);
            self.fill.next = if behind >= room { 0 } else { behind };
            self.fill.used = self.fill.used.max(behind).min(room);
            usize::from(free)
        });
        let (pairs, _) = self.bytes.as_chunks_mut::<PAIR>();
        if let Some(pair) = pairs.get_mut(at) {
            let [a, b, c, d] = old.to_le_bytes();
            let [e, f, g, h] = new.to_le_bytes();
            *pair = [a, b, c, d, e, f, g, h];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_pair_makes_room() {
        let mut bytes = [0; 3 * PAIR];
        let mut learned = Learned::resume(&mut bytes, Fill::default());
        assert_eq!(learned.nearest(5), None);
        for old in [10, 20, 30] {
            learned.learn(old, old + 100);
        }
        learned.learn(20, 121);
        assert_eq!(learned.exact(20), Some(121));
        assert_eq!(learned.nearest(22), Some((123, false)));
        learned.learn(40, 140);
        assert_eq!(learned.exact(10), None);
        assert_eq!(learned.nearest(30), Some((130, true)));
    }

    #[test]
    fn no_room_at_all_learns_nothing() {
        let mut learned = Learned::resume(&mut [], Fill::default());
        learned.learn(1, 2);
        assert_eq!(learned.exact(1), None);
    }
}
