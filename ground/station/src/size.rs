//! Sizes in bytes as people write them: a number, or a number with its unit.
//!
//! ```
//! use lightday_station::size::{ByteSize, parse_size};
//! assert_eq!(parse_size("64KiB"), Ok(ByteSize(65536)));
//! assert_eq!(parse_size("0.5 MiB"), parse_size("524288"));
//! assert!(parse_size("64 apples").is_err());
//! ```

use core::fmt;

use serde::{Deserialize, Deserializer, de};

/// Bytes, below 4 GiB. In TOML a whole number, or text such as `"256KiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u32);

/// In the greatest unit of 1024 that it is whole in, as [`parse_size`] reads it.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
            if self.0 >> shift << shift == self.0 && self.0 != 0 {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        write!(f, "{}", self.0)
    }
}

/// Reads a size.
///
/// # Errors
/// Says how to write one.
pub fn parse_size(text: &str) -> Result<ByteSize, String> {
    let at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return Err(how(text)),
    };
    decimal(number.trim_end(), factor)
        .and_then(|bytes| u32::try_from(bytes).ok())
        .map(ByteSize)
        .ok_or_else(|| how(text))
}

fn how(text: &str) -> String {
    format!(
        "`{text}` is not a size below 4 GiB: write bytes, or a number and kB, KiB, MB, MiB, GB or GiB, such as \"256KiB\""
    )
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = ByteSize;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size: bytes, or text such as \"256KiB\"")
            }
            fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<ByteSize, E> {
                u32::try_from(bytes)
                    .map(ByteSize)
                    .map_err(|_| E::custom(how(&bytes.to_string())))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
                parse_size(text).map_err(E::custom)
            }
        }
        d.deserialize_any(Visitor)
    }
}

/// A number of bytes that may be written as a [`ByteSize`].
pub(crate) fn bytes<'de, D: Deserializer<'de>>(d: D) -> Result<u32, D::Error> {
    ByteSize::deserialize(d).map(|size| size.0)
}

/// `number` times `factor`, exact; `None` if it is no number or not whole after that.
#[must_use]
pub fn decimal(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |t: &str| !t.is_empty() && t.len() <= 18 && t.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || (number.contains('.') && !digits(fraction)) {
        return None;
    }
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let whole: u128 = whole.parse().ok()?;
    let fraction: u128 = if fraction.is_empty() {
        0
    } else {
        fraction.parse().ok()?
    };
    let total = (whole * scale + fraction) * u128::from(factor);
    if !total.is_multiple_of(scale) {
        return None;
    }
    u64::try_from(total / scale).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("256KiB", 262_144),
            ("1 MiB", 1 << 20),
            ("0.5KiB", 512),
            ("4096", 4096),
            ("12kB", 12_000),
            ("1GiB", 1 << 30),
            ("3.5GiB", 7 << 29),
            ("4.2GB", 4_200_000_000),
        ] {
            assert_eq!(parse_size(text), Ok(ByteSize(bytes)), "{text}");
            assert_eq!(
                parse_size(&ByteSize(bytes).to_string()),
                Ok(ByteSize(bytes))
            );
        }
        let written = [0, 1 << 30, 256 << 20, 5 << 10, 1025].map(|n| ByteSize(n).to_string());
        assert_eq!(written, ["0", "1GiB", "256MiB", "5KiB", "1025"]);
        for bad in [
            "",
            "KiB",
            "-1",
            "4GiB",
            "4.3GB",
            "1TiB",
            "4096MiB",
            "0.3B",
            "1e3",
            "12 apples",
        ] {
            assert!(
                parse_size(bad).unwrap_err().contains("MB, MiB, GB or GiB"),
                "{bad}"
            );
        }
    }
}
