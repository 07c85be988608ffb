//! Canonical encoding: one value, one byte string.
//!
//! `postcard` writes a value in exactly one way but reads some byte strings that it would never write
//! (an overlong varint, a `true` of 2). Two byte strings for one document would be two digests for one
//! decision, so decoding encodes again and compares. Never allocates.

use serde::{Serialize, de::DeserializeOwned};

/// Why bytes are not the canonical encoding of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CanonError {
    /// The bytes end early or hold a value that the type does not know.
    Malformed,
    /// The bytes decode, but the value encodes to other bytes.
    NotCanonical,
    /// Bytes are left over behind the value.
    Trailing,
    /// The value does not fit the buffer that it is to be written to.
    TooLong,
}

impl core::fmt::Display for CanonError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the bytes are cut short or hold an unknown value",
            Self::NotCanonical => "the bytes are not the canonical encoding of their value",
            Self::Trailing => "bytes are left over behind the value",
            Self::TooLong => "the value does not fit its largest length",
        })
    }
}

impl core::error::Error for CanonError {}

/// Longest canonical value in bytes: no document body and no key set is longer.
pub const MAX_LEN: usize = 1024;

/// Writes `value` to the front of `out` and returns the bytes written.
///
/// # Errors
/// [`CanonError::TooLong`] if `out` is too short.
pub fn encode<'a, T: Serialize>(value: &T, out: &'a mut [u8]) -> Result<&'a [u8], CanonError> {
    match postcard::to_slice(value, out) {
        Ok(written) => Ok(written),
        Err(_) => Err(CanonError::TooLong),
    }
}

/// Reads a value from the front of `bytes` and returns it with the bytes behind it.
///
/// # Errors
/// [`CanonError::Malformed`] or [`CanonError::NotCanonical`].
pub fn decode_prefix<T: Serialize + DeserializeOwned>(
    bytes: &[u8],
) -> Result<(T, &[u8]), CanonError> {
    let (value, rest) = postcard::take_from_bytes::<T>(bytes).map_err(|_| CanonError::Malformed)?;
    let used = bytes.len().saturating_sub(rest.len());
    let mut again = [0u8; MAX_LEN];
    let again = encode(&value, &mut again).map_err(|_| CanonError::NotCanonical)?;
    match bytes.get(..used) {
        Some(first) if first == again => Ok((value, rest)),
        _ => Err(CanonError::NotCanonical),
    }
}

/// Reads a value that fills `bytes` exactly.
///
/// # Errors
/// As [`decode_prefix`], and [`CanonError::Trailing`].
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonError> {
    let (value, rest) = decode_prefix(bytes)?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(CanonError::Trailing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlong_varint_is_refused() {
        assert_eq!(decode::<u32>(&[0x01]), Ok(1));
        assert_eq!(decode::<u32>(&[0x81, 0x00]), Err(CanonError::NotCanonical));
        assert_eq!(decode::<u32>(&[0x81]), Err(CanonError::Malformed));
        assert_eq!(decode::<u32>(&[0x01, 0x00]), Err(CanonError::Trailing));
    }

    #[test]
    fn a_value_too_long_for_the_buffer_is_refused() {
        assert_eq!(encode(&[7u8; 5], &mut [0; 4]), Err(CanonError::TooLong));
    }
}
