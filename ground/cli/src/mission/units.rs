//! Values of mission.toml that have a unit. A value that makes no sense is an error that TOML's reader
//! places at its line.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use crate::time;

/// Bytes: a whole number, or text such as `"256KiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u32);

/// A duration in milliseconds: text such as `"22h"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Milliseconds.
    pub ms: u64,
}

/// A probability in parts per million: a number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ppm(pub u32);

impl Span {
    /// Whole seconds, rounded down.
    pub const fn seconds(self) -> u64 {
        self.ms / 1000
    }
}

impl Ppm {
    /// The probability, 0 to 1.
    pub fn probability(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

/// Reads a size.
///
/// # Errors
/// Says how to write one.
pub fn parse_size(text: &str) -> Result<Size, String> {
    let at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "kB" => 1_000,
        "MB" => 1_000_000,
        _ => return Err(how(text)),
    };
    time::decimal(number.trim_end(), factor)
        .and_then(|bytes| u32::try_from(bytes).ok())
        .map(Size)
        .ok_or_else(|| how(text))
}

fn how(text: &str) -> String {
    format!(
        "`{text}` is not a size below 4 GiB: write bytes, or a number and kB, KiB, MB or MiB, such as \"256KiB\""
    )
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Size;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size: bytes, or text such as \"256KiB\"")
            }
            fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Size, E> {
                u32::try_from(bytes)
                    .map(Size)
                    .map_err(|_| E::custom(how(&bytes.to_string())))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                parse_size(text).map_err(E::custom)
            }
        }
        d.deserialize_any(Visitor)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let ms = time::parse_duration_ms(&text).map_err(de::Error::custom)?;
        Ok(Self { ms })
    }
}

impl<'de> Deserialize<'de> for Ppm {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(d)?;
        ppm(value).ok_or_else(|| {
            de::Error::custom(format!(
                "`{value:e}` is not a probability: write a number from 0 to 1"
            ))
        })
    }
}

/// Parts per million of a probability from 0 to 1.
pub fn ppm(value: f64) -> Option<Ppm> {
    // The cast is exact: the value was held against its bounds.
    (0.0..=1.0)
        .contains(&value)
        .then(|| Ppm((value * 1e6).round() as u32))
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
        ] {
            assert_eq!(parse_size(text), Ok(Size(bytes)), "{text}");
        }
        for bad in [
            "",
            "KiB",
            "-1",
            "1GiB",
            "4096MiB",
            "0.3B",
            "1e3",
            "12 apples",
        ] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn probabilities_lie_between_zero_and_one() {
        assert_eq!(ppm(0.05), Some(Ppm(50_000)));
        assert_eq!(ppm(1.0), Some(Ppm(1_000_000)));
        for bad in [-0.1, 1.01, f64::NAN, f64::INFINITY] {
            assert_eq!(ppm(bad), None);
        }
    }
}
