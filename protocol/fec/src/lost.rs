//! The set of lost source symbols: one bit each, set while the symbol is lost.

/// Bytes of the set for a block of `k` source symbols.
pub(crate) const fn set_len(k: u16) -> usize {
    (k as usize).div_ceil(8)
}

/// Marks all of `0..k` as lost. `bits` is [`set_len`] bytes long; the bits above `k` stay clear.
pub(crate) fn mark_all(bits: &mut [u8], k: u16) {
    bits.fill(u8::MAX);
    if let (Some(last), rest @ 1..) = (bits.last_mut(), k % 8) {
        *last = (1 << rest) - 1;
    }
}

/// Takes `index` out of the set; `false` if it was not in.
pub(crate) fn take(bits: &mut [u8], index: u16) -> bool {
    let Some(byte) = bits.get_mut(usize::from(index / 8)) else {
        return false;
    };
    let bit = 1 << (index % 8);
    let was_in = *byte & bit != 0;
    *byte &= !bit;
    was_in
}

/// The members of the set from `first` on, ascending.
pub(crate) fn members_from(bits: &[u8], first: u16) -> Members<'_> {
    let byte_index = first / 8;
    let mut rest = bits
        .get(usize::from(byte_index)..)
        .unwrap_or_default()
        .iter();
    let current = rest
        .next()
        .map_or(0, |byte| byte & (u8::MAX << (first % 8)));
    Members {
        base: byte_index * 8,
        current,
        rest,
    }
}

/// Iterator of [`members_from`].
pub(crate) struct Members<'a> {
    /// Index of bit 0 of `current`.
    base: u16,
    current: u8,
    rest: core::slice::Iter<'a, u8>,
}

impl Iterator for Members<'_> {
    type Item = u16;

    #[inline]
    fn next(&mut self) -> Option<u16> {
        while self.current == 0 {
            self.current = *self.rest.next()?;
            self.base = self.base.wrapping_add(8);
        }
        let bit = self.current.trailing_zeros() as u16;
        self.current &= self.current - 1;
        Some(self.base | bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn the_set_equals_a_plain_set(
            k in 1u16..,
            taken in prop::collection::vec(any::<u16>(), 0..200),
            first: u16,
        ) {
            let mut bits = std::vec![0; set_len(k)];
            mark_all(&mut bits, k);
            let mut model: BTreeSet<u16> = (0..k).collect();
            for index in taken {
                prop_assert_eq!(take(&mut bits, index), model.remove(&index));
            }
            let members: Vec<u16> = members_from(&bits, first).collect();
            prop_assert_eq!(members, model.range(first..).copied().collect::<Vec<_>>());
        }
    }
}
