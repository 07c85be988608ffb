//! Values of mission.toml that have a unit. A value that makes no sense is an error that TOML's reader
//! places at its line.

use serde::{Deserialize, Deserializer, de};

pub use lightday_station::size::{ByteSize, parse_size};

use crate::time;

/// A duration in milliseconds: text such as `"22h"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
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
    fn probabilities_lie_between_zero_and_one() {
        assert_eq!(ppm(0.05), Some(Ppm(50_000)));
        assert_eq!(ppm(1.0), Some(Ppm(1_000_000)));
        for bad in [-0.1, 1.01, f64::NAN, f64::INFINITY] {
            assert_eq!(ppm(bad), None);
        }
    }
}
