//! Arithmetic of GF(2^16), built as a tower over GF(2^8).
//!
//! A word is `hi * y + lo` with both halves in GF(2^8); it travels big-endian, so the first byte is
//! `hi`.
//!
//! ```text
//! GF(2^8)  = GF(2)[x]   / x^8 + x^7 + x^2 + x + 1    0x187, primitive: x generates all but zero
//! GF(2^16) = GF(2^8)[y] / y^2 + y + x                irreducible: the trace of x is 1
//!
//!   bit 15        8 7         0
//!      +-----------+-----------+
//!      |    hi     |    lo     |   value = hi * y + lo
//!      +-----------+-----------+
//! ```
//!
//! The tower needs two tables of 768 B together where log tables of GF(2^16) would need 256 KiB.
//! The choice of `x` as the tower's constant makes a multiplication by it one shift. Both
//! polynomials are frozen: they stand in every parity symbol ever sent, and the golden vectors pin
//! them.
//!
//! Nothing here runs in constant time, and nothing needs to: symbols are no secrets.

/// Low byte of x^8 + x^7 + x^2 + x + 1.
const REDUCTION: u8 = 0x87;

/// `EXP[i]` = x^i in GF(2^8), for exponents up to the sum of two logarithms.
static EXP: [u8; 512] = exp_table();

/// `LOG[x^i]` = i; `LOG[0]` is never read for a product.
static LOG: [u8; 256] = log_table();

// Runs at compile time only: an index out of bounds would not build.
#[allow(clippy::indexing_slicing)]
const fn exp_table() -> [u8; 512] {
    let mut table = [0u8; 512];
    let mut value = 1u8;
    let mut exponent = 0;
    while exponent < 512 {
        table[exponent] = value;
        value = times_x(value);
        exponent += 1;
    }
    table
}

// Runs at compile time only: an index out of bounds would not build.
#[allow(clippy::indexing_slicing)]
const fn log_table() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut value = 1u8;
    let mut exponent = 0u8;
    while exponent < 255 {
        table[value as usize] = exponent;
        value = times_x(value);
        exponent += 1;
    }
    table
}

/// Multiplies by x in GF(2^8).
const fn times_x(a: u8) -> u8 {
    (a << 1) ^ ((a >> 7) * REDUCTION)
}

/// Multiplies both halves of a word by x at once.
pub(crate) const fn times_x_both(a: u16) -> u16 {
    ((a & 0x7f7f) << 1) ^ (((a >> 7) & 0x0101) * REDUCTION as u16)
}

/// Multiplies a word by y: `y * (hi * y + lo) = (hi + lo) * y + x * hi`.
pub(crate) const fn times_y(a: u16) -> u16 {
    let [hi, lo] = a.to_be_bytes();
    u16::from_be_bytes([hi ^ lo, times_x(hi)])
}

/// Looks up x^exponent; the mask proves to the compiler what every caller keeps: exponent <= 510.
#[inline]
#[allow(clippy::indexing_slicing)]
fn exp(exponent: usize) -> u8 {
    EXP[exponent & 511]
}

#[inline]
// The index is bounded by the table's length, which the compiler sees: no check is left in the code.
#[allow(clippy::indexing_slicing)]
fn log(a: u8) -> usize {
    usize::from(LOG[usize::from(a)])
}

#[inline]
fn mul8(a: u8, b: u8) -> u8 {
    if a == 0 || b == 0 {
        0
    } else {
        exp(log(a) + log(b))
    }
}

/// The inverse in GF(2^8); 0 for 0.
#[inline]
fn inv8(a: u8) -> u8 {
    if a == 0 { 0 } else { exp(255 - log(a)) }
}

/// Multiplies two elements of GF(2^16); a word is `hi * y + lo`, see the module's picture.
///
/// ```
/// // y * y = y + x
/// assert_eq!(lightday_fec::mul(0x0100, 0x0100), 0x0102);
/// ```
#[inline]
#[must_use]
pub fn mul(a: u16, b: u16) -> u16 {
    let [a_hi, a_lo] = a.to_be_bytes();
    let [b_hi, b_lo] = b.to_be_bytes();
    // Karatsuba: three products in GF(2^8) instead of four.
    let high = mul8(a_hi, b_hi);
    let low = mul8(a_lo, b_lo);
    let cross = mul8(a_hi ^ a_lo, b_hi ^ b_lo);
    u16::from_be_bytes([cross ^ low, low ^ times_x(high)])
}

/// The multiplicative inverse in GF(2^16). Zero has none: `inv(0)` is 0.
///
/// With `norm = lo^2 + hi * lo + x * hi^2`, the inverse of `hi * y + lo` is `(hi * y + hi + lo) /
/// norm`.
///
/// ```
/// use lightday_fec::{inv, mul};
/// assert_eq!(mul(0xBEEF, inv(0xBEEF)), 1);
/// ```
#[inline]
#[must_use]
pub fn inv(a: u16) -> u16 {
    let [hi, lo] = a.to_be_bytes();
    if hi == 0 {
        return u16::from(inv8(lo));
    }
    let sum = hi ^ lo;
    let log_hi = log(hi);
    let norm = mul8(lo, sum) ^ exp(2 * log_hi + 1);
    // The norm of a non-zero element is not zero, so this is the logarithm of its inverse.
    let log_scale = 255 - log(norm);
    let low = if sum == 0 {
        0
    } else {
        exp(log(sum) + log_scale)
    };
    u16::from_be_bytes([exp(log_hi + log_scale), low])
}

/// Divides `a` by `b` in GF(2^16); 0 where `b` is 0, which the code never asks for.
#[inline]
#[must_use]
pub fn div(a: u16, b: u16) -> u16 {
    mul(a, inv(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Schoolbook product of polynomials over GF(2), reduced bit by bit: shares nothing with the
    /// tables.
    fn plain8(a: u8, b: u8) -> u8 {
        let mut product = 0u16;
        for bit in 0..8 {
            if b >> bit & 1 == 1 {
                product ^= u16::from(a) << bit;
            }
        }
        for bit in (8..16).rev() {
            if product >> bit & 1 == 1 {
                product ^= 0x187 << (bit - 8);
            }
        }
        product as u8
    }

    fn plain16(a: u16, b: u16) -> u16 {
        let ([a1, a0], [b1, b0]) = (a.to_be_bytes(), b.to_be_bytes());
        let square = plain8(a1, b1);
        let hi = plain8(a1, b0) ^ plain8(a0, b1) ^ square;
        let lo = plain8(a0, b0) ^ plain8(2, square);
        u16::from_be_bytes([hi, lo])
    }

    #[test]
    fn byte_products_equal_the_schoolbook_exhaustively() {
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                assert_eq!(mul8(a, b), plain8(a, b), "{a:#x} * {b:#x}");
            }
        }
    }

    #[test]
    fn the_byte_polynomial_is_primitive_and_the_tower_polynomial_irreducible() {
        let mut seen = [false; 256];
        for value in EXP.into_iter().take(255).map(usize::from) {
            assert!(value != 0 && !seen[value], "x generates {value} twice");
            seen[value] = true;
        }
        // y^2 + y + x has no root in GF(2^8).
        assert!((0..=255u8).all(|y| plain8(y, y) ^ y ^ 2 != 0));
    }

    #[test]
    fn every_word_but_zero_has_its_inverse() {
        assert_eq!(inv(0), 0);
        for a in 1..=u16::MAX {
            assert_eq!(mul(a, inv(a)), 1, "{a:#x}");
            assert_eq!(inv(inv(a)), a);
            assert_eq!(div(a, a), 1);
        }
    }

    #[test]
    fn one_and_zero_and_the_shifts_hold_for_every_word() {
        for a in 0..=u16::MAX {
            assert_eq!(mul(a, 1), a);
            assert_eq!(mul(a, 0), 0);
            assert_eq!(times_x_both(a), plain16(a, 2));
            assert_eq!(times_y(a), plain16(a, 0x0100));
            assert_eq!(mul(a, a), plain16(a, a));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn products_equal_the_schoolbook_and_the_axioms_hold(a: u16, b: u16, c: u16) {
            prop_assert_eq!(mul(a, b), plain16(a, b));
            prop_assert_eq!(mul(a, b), mul(b, a));
            prop_assert_eq!(mul(mul(a, b), c), mul(a, mul(b, c)));
            prop_assert_eq!(mul(a, b ^ c), mul(a, b) ^ mul(a, c));
            if b != 0 {
                prop_assert_eq!(mul(div(a, b), b), a);
            }
        }
    }
}
