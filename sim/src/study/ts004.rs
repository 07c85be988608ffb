//! LoRaWAN TS004-1.0.0, "Fragmented Data Block Transport": parity over GF(2), each row the sum of about half of the
//! fragments. What is lost can be worked out once the rows that arrived have its rank.

/// The receiver, and the rows of the standard as far as anybody asked for them.
pub(super) struct Ts004 {
    k: u16,
    /// The fragments that a row adds up, one bit each.
    rows: Vec<Vec<u64>>,
}

/// The generator of annex A: 23 bits.
const fn prbs23(state: u32) -> u32 {
    let (b0, b5) = (state & 1, (state >> 5) & 1);
    (state >> 1) | ((b0 ^ b5) << 22)
}

/// The row of the coded fragment `number`, counted from 1, over `k` fragments: the fragments that it adds up.
pub fn row(number: u32, k: u16) -> Vec<bool> {
    let k = u32::from(k);
    let modulus = k + u32::from(k.is_power_of_two());
    let mut state = 1 + 1001 * number;
    let mut row = vec![false; k as usize];
    for _ in 0..k / 2 {
        let place = loop {
            state = prbs23(state);
            let place = state % modulus;
            if place < k {
                break place;
            }
        };
        if let Some(bit) = row.get_mut(place as usize) {
            *bit = true;
        }
    }
    row
}

/// Bytes of RAM of the usual decoder for so many lost fragments: a triangular matrix and two lists.
pub(super) fn decoder_ram(lost: u16) -> usize {
    let lost = usize::from(lost);
    (lost * (lost + 1)).div_ceil(16) + 2 * lost
}

impl Ts004 {
    pub const fn new(k: u16) -> Self {
        Self {
            k,
            rows: Vec::new(),
        }
    }

    pub const fn k(&self) -> u16 {
        self.k
    }

    /// How many of the frames that were heard it takes; symbols are given by their index in our code, where those
    /// from K on are coded fragments.
    pub fn needed(&mut self, heard: &[u16]) -> Option<usize> {
        let sources = heard.iter().filter(|index| **index < self.k).count();
        let mut is_lost = vec![true; usize::from(self.k)];
        for index in heard {
            if let Some(lost) = is_lost.get_mut(usize::from(*index)) {
                *lost = false;
            }
        }
        let lost = packed(&is_lost);
        let mut basis: Vec<Option<Vec<u64>>> = vec![None; usize::from(self.k)];
        let (wanted, mut rank) = (usize::from(self.k) - sources, 0);
        for (place, index) in heard.iter().enumerate() {
            // Sources come first: the last of them may be the last frame that was wanted.
            let is_coded = *index >= self.k;
            if is_coded {
                rank += usize::from(self.add(*index, &lost, &mut basis));
            }
            if rank == wanted && (is_coded || place + 1 == sources) {
                return Some(place + 1);
            }
        }
        None
    }

    /// Adds a row; whether it says anything new of what is lost.
    fn add(&mut self, index: u16, lost: &[u64], basis: &mut [Option<Vec<u64>>]) -> bool {
        let number = u32::from(index - self.k);
        while self.rows.len() <= number as usize {
            let next = self.rows.len() as u32 + 1;
            self.rows.push(packed(&row(next, self.k)));
        }
        let Some(row) = self.rows.get(number as usize) else {
            return false;
        };
        let mut row: Vec<u64> = row
            .iter()
            .zip(lost)
            .map(|(bits, lost)| bits & lost)
            .collect();
        loop {
            let Some(word) = row.iter().position(|bits| *bits != 0) else {
                return false;
            };
            let first = word * 64
                + row
                    .get(word)
                    .map_or(0, |bits| bits.trailing_zeros() as usize);
            match basis.get_mut(first) {
                Some(Some(known)) => row.iter_mut().zip(known).for_each(|(a, b)| *a ^= *b),
                Some(free) => {
                    *free = Some(row);
                    return true;
                }
                None => return false,
            }
        }
    }
}

fn packed(bits: &[bool]) -> Vec<u64> {
    let word = |bits: &[bool]| {
        (0u32..)
            .zip(bits)
            .map(|(at, bit)| u64::from(*bit) << at)
            .sum()
    };
    bits.chunks(64).map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_that_of_the_standard() {
        let mut state = 1001;
        let next = [0x1f4, 0x40_00fa].map(|_| {
            state = prbs23(state);
            state
        });
        assert_eq!(next, [0x1f4, 0x40_00fa]);
    }

    #[test]
    fn a_row_adds_up_at_most_half_of_the_fragments() {
        for k in [4, 7, 100, 417] {
            for number in 1..50 {
                let ones = row(number, k).iter().filter(|bit| **bit).count();
                assert!(
                    (1..=usize::from(k / 2)).contains(&ones),
                    "{k} {number}: {ones}"
                );
            }
        }
    }

    /// Elimination over all columns, row by row, of what was heard.
    fn rank(k: u16, heard: &[u16]) -> usize {
        let mut basis: Vec<Vec<bool>> = Vec::new();
        for index in heard {
            let mut new = match index.checked_sub(k) {
                Some(number) => row(u32::from(number) + 1, k),
                None => (0..k).map(|n| n == *index).collect(),
            };
            for old in &basis {
                let first = old.iter().position(|bit| *bit).unwrap();
                if new[first] {
                    new.iter_mut().zip(old).for_each(|(a, b)| *a ^= *b);
                }
            }
            if new.contains(&true) {
                basis.push(new);
            }
        }
        basis.len()
    }

    #[test]
    fn it_takes_the_frames_that_give_full_rank() {
        let k = 40;
        for lost in [0u16, 1, 5, 20, 40] {
            let heard: Vec<u16> = (lost..k + lost + 60).collect();
            let needed = Ts004::new(k).needed(&heard).unwrap();
            assert_eq!(rank(k, &heard[..needed]), 40, "{lost}");
            assert!(rank(k, &heard[..needed - 1]) < 40, "{lost}");
        }
    }
}
