//! SHA-256, with and without a domain.
//!
//! Images and payloads are hashed bare, so that `sha256sum` tells the same; they cannot be taken for
//! anything else, since documents name them in fields of their own. Everything with a structure is
//! hashed behind its domain.

use lightday_wire::Digest;
use sha2::{Digest as _, Sha256};

/// Computes a digest from bytes as they come.
#[derive(Clone)]
pub struct Digester(Sha256);

impl Default for Digester {
    fn default() -> Self {
        Self::bare()
    }
}

impl Digester {
    /// For images and payloads: plain SHA-256.
    #[must_use]
    pub fn bare() -> Self {
        Self(Sha256::new())
    }

    /// For everything else: SHA-256 of `domain`, a zero byte and what follows.
    #[must_use]
    pub fn separated(domain: &[u8]) -> Self {
        let mut digester = Self::bare();
        digester.update(domain);
        digester.update(&[0]);
        digester
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes taken.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// The plain SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Digest {
    let mut digester = Digester::bare();
    digester.update(bytes);
    digester.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_makes_another_digest() {
        let mut separated = Digester::separated(b"a");
        separated.update(b"b");
        assert_eq!(separated.finish(), sha256(b"a\0b"));
        assert_eq!(sha256(b"abc").0[..4], [0xba, 0x78, 0x16, 0xbf]); // FIPS 180-4, example
    }
}
