//! A body and its signatures, as one object carries them. Never checks a signature.
//!
//! ```text
//! +----------+------ ... ------+-------+-----------+------ 64 B ------+-- ...
//! | body len | body            | count | key index | signature        | more
//! +----------+------ ... ------+-------+-----------+------------------+-- ...
//!   varint     a Document        varint  1 B         R, S (RFC 8032)
//! ```
//! Key indices strictly increase, so that a key stands there once and one set of signatures has one
//! encoding.

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::canon::CanonError;
use crate::ids::KeyIndex;

/// Most signatures of one envelope: two thresholds of up to four for a new key set.
pub const MAX_SIGNATURES: usize = 8;

/// Longest envelope that the vehicle stores with an image, with three to four signatures.
pub const MAX_ENVELOPE_LEN: usize = 448;

/// Bytes that each signature adds to an envelope.
pub const SIGNATURE_LEN: usize = 65;

/// One ed25519 signature (RFC 8032) and the place of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Which key of the key set signed.
    pub key: KeyIndex,
    /// The first half of the signature, R.
    pub r: [u8; 32],
    /// The second half of the signature, S.
    pub s: [u8; 32],
}

impl Signature {
    /// From the 64 bytes of RFC 8032.
    #[must_use]
    pub fn new(key: KeyIndex, bytes: &[u8; 64]) -> Self {
        let (mut r, mut s) = ([0; 32], [0; 32]);
        r.iter_mut()
            .chain(s.iter_mut())
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        Self { key, r, s }
    }
}

/// A body with its signatures; borrows from the bytes that it was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<'a> {
    /// The document, canonical postcard.
    pub body: &'a [u8],
    /// Its signatures by strictly increasing key index.
    pub signatures: Vec<Signature, MAX_SIGNATURES>,
}

impl<'a> Envelope<'a> {
    /// Reads an envelope from the front of `bytes`; returns it and the bytes behind it.
    ///
    /// # Errors
    /// [`CanonError::Malformed`] also where `bytes` end before the envelope does: more may mend it.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), CanonError> {
        let (envelope, rest) =
            postcard::take_from_bytes::<Self>(bytes).map_err(|_| CanonError::Malformed)?;
        let len = bytes.len().saturating_sub(rest.len());
        let keys = envelope.signatures.iter().map(|s| s.key);
        let ordered = keys.clone().zip(keys.skip(1)).all(|(a, b)| a < b);
        // Every field but the two varints is of fixed width: minimal varints make it canonical.
        if !ordered || len != envelope.encoded_len() {
            return Err(CanonError::NotCanonical);
        }
        Ok((envelope, rest))
    }

    /// Writes the envelope to the front of `out`.
    ///
    /// # Errors
    /// [`CanonError::TooLong`].
    pub fn write<'b>(&self, out: &'b mut [u8]) -> Result<&'b [u8], CanonError> {
        crate::canon::encode(self, out)
    }

    /// The length of the encoded envelope in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let prefix = if self.body.len() < 128 {
            1
        } else if self.body.len() < 16_384 {
            2
        } else {
            3
        };
        prefix + self.body.len() + 1 + self.signatures.len() * SIGNATURE_LEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(keys: &[u8]) -> Envelope<'static> {
        let mut signatures = Vec::new();
        for key in keys {
            signatures
                .push(Signature::new(KeyIndex(*key), &[*key; 64]))
                .unwrap();
        }
        Envelope {
            body: b"body",
            signatures,
        }
    }

    #[test]
    fn an_envelope_reads_as_it_was_written_with_the_payload_behind_it() {
        let mut bytes = [0u8; 300];
        let written = envelope(&[1, 3]).write(&mut bytes).unwrap().len();
        assert_eq!(written, 1 + 4 + 1 + 2 * 65);
        let (read, rest) = Envelope::parse(&bytes[..written + 7]).unwrap();
        assert_eq!((read, rest.len()), (envelope(&[1, 3]), 7));
        for cut in 0..written {
            assert_eq!(
                Envelope::parse(&bytes[..cut]).unwrap_err(),
                CanonError::Malformed
            );
        }
    }

    #[test]
    fn a_key_that_stands_twice_or_out_of_order_is_refused() {
        let mut bytes = [0u8; 300];
        for keys in [[3, 1], [2, 2]] {
            let written = envelope(&keys).write(&mut bytes).unwrap();
            assert_eq!(
                Envelope::parse(written).unwrap_err(),
                CanonError::NotCanonical
            );
        }
    }

    #[test]
    fn an_overlong_length_is_refused() {
        let bytes = [0x81, 0x00, b'x', 0x00];
        assert_eq!(
            Envelope::parse(&bytes).unwrap_err(),
            CanonError::NotCanonical
        );
    }
}
