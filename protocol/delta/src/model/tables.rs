//! Logistic functions in integers: constants, so that every CPU computes the same.
//!
//! Logits are in units of 1/256 and lie within [`LOGIT_MAX`] of 0; probabilities of a stored slot are
//! in 1/4096, those of the coder in 1/65536.

/// Largest logit: 11.
pub(crate) const LOGIT_MAX: i32 = 2815;

/// ln(2) in 1/4096.
const LN_2: i32 = 2839;

/// ln(1 + i/64) in 1/4096.
const LN: [u16; 64] = [
    0, 64, 126, 188, 248, 308, 367, 425, 482, 539, 595, 650, 704, 757, 810, 862, 914, 965, 1015,
    1065, 1114, 1162, 1210, 1258, 1304, 1351, 1396, 1442, 1486, 1531, 1575, 1618, 1661, 1703, 1745,
    1787, 1828, 1869, 1909, 1949, 1989, 2028, 2067, 2105, 2143, 2181, 2218, 2255, 2292, 2329, 2365,
    2400, 2436, 2471, 2506, 2541, 2575, 2609, 2642, 2676, 2709, 2742, 2775, 2807,
];

/// 1 / (1 + e^(i/16)) in 1/2^20.
const TAIL: [u32; 178] = [
    524288, 507909, 491563, 475279, 459091, 443028, 427120, 411395, 395880, 380601, 365581, 350842,
    336406, 322288, 308507, 295075, 282006, 269308, 256990, 245059, 233518, 222370, 211617, 201256,
    191287, 181706, 172508, 163688, 155239, 147153, 139423, 132040, 124993, 118275, 111873, 105779,
    99981, 94469, 89233, 84261, 79543, 75069, 70828, 66810, 63005, 59404, 55997, 52775, 49730,
    46851, 44132, 41564, 39140, 36852, 34693, 32657, 30736, 28925, 27218, 25609, 24094, 22665,
    21320, 20053, 18860, 17737, 16679, 15684, 14747, 13865, 13036, 12255, 11521, 10830, 10180,
    9569, 8994, 8454, 7945, 7467, 7018, 6595, 6198, 5825, 5474, 5144, 4833, 4542, 4268, 4010, 3768,
    3541, 3327, 3126, 2937, 2760, 2593, 2436, 2289, 2150, 2020, 1898, 1783, 1675, 1574, 1479, 1389,
    1305, 1226, 1152, 1082, 1017, 955, 897, 843, 792, 744, 699, 657, 617, 580, 545, 512, 481, 451,
    424, 398, 374, 352, 330, 310, 292, 274, 257, 242, 227, 213, 200, 188, 177, 166, 156, 147, 138,
    129, 122, 114, 107, 101, 95, 89, 84, 78, 74, 69, 65, 61, 57, 54, 51, 48, 45, 42, 39, 37, 35,
    33, 31, 29, 27, 25, 24, 22, 21, 20, 19, 18, 16,
];

/// ln(x) in 1/4096 for x of 1 to 4096.
fn ln(x: u32) -> i32 {
    let exponent = 31_u32.saturating_sub(x.leading_zeros());
    // The six bits behind the leading one.
    let mantissa = ((x << 6) >> exponent) & 63;
    let fraction = LN.get(mantissa as usize).copied().unwrap_or(0);
    exponent.cast_signed() * LN_2 + i32::from(fraction)
}

/// The logit of a probability in 1/4096, from 1 to 4095.
pub(crate) fn stretch(p: u32) -> i32 {
    (ln(p) - ln(4096_u32.wrapping_sub(p))) >> 4
}

/// The probability in 1/65536 of a logit.
pub(crate) fn squash(logit: i32) -> u32 {
    let size = logit.unsigned_abs().min(LOGIT_MAX as u32);
    let at = (size >> 4) as usize;
    let low = TAIL.get(at).copied().unwrap_or(0);
    let high = TAIL.get(at + 1).copied().unwrap_or(0);
    // Linear between two entries, then to 1/65536, rounded.
    let tail = (low * 16 - (low - high) * (size & 15) + 128) >> 8;
    if logit < 0 { tail } else { 65536 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_are_the_functions() {
        for (i, entry) in LN.iter().enumerate() {
            let exact = (1.0 + i as f64 / 64.0).ln() * 4096.0;
            assert!((exact - f64::from(*entry)).abs() <= 0.5);
        }
        for (i, entry) in TAIL.iter().enumerate() {
            let exact = 1_048_576.0 / (1.0 + (i as f64 / 16.0).exp());
            assert!((exact - f64::from(*entry)).abs() <= 0.5);
        }
    }

    #[test]
    fn stretch_and_squash_are_close_to_the_real_ones() {
        for p in 1..4096 {
            let exact = (f64::from(p) / f64::from(4096 - p)).ln() * 256.0;
            assert!((f64::from(stretch(p)) - exact).abs() < 5.0, "stretch({p})");
        }
        for x in -LOGIT_MAX..=LOGIT_MAX {
            let exact = 65536.0 / (1.0 + (-f64::from(x) / 256.0).exp());
            assert!((f64::from(squash(x)) - exact).abs() < 12.0, "squash({x})");
        }
        assert_eq!(squash(0), 32768);
        assert_eq!((squash(i32::MIN), squash(i32::MAX)), (1, 65535));
    }
}
