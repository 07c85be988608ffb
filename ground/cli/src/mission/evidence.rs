//! Evidence: files whose digests verification signs through their root.
//!
//! ```text
//! root = SHA-256( "lightday evidence v1" || 0 || digest of each file, sorted )      digest = sha256sum
//! ```
//! Sorted, so that the same files in any order have one root.

use std::path::Path;

use lightday_trust::Digester;
use lightday_trust::digest::sha256;
use lightday_wire::Digest;

use crate::atomic;
use crate::error::Result;

/// Longest evidence file.
const MAX_LEN: u64 = 1 << 30;

/// The root over some digests.
pub fn root(mut digests: Vec<Digest>) -> Digest {
    digests.sort_unstable();
    digests.dedup();
    let mut digester = Digester::separated(b"lightday evidence v1");
    digests.iter().for_each(|d| digester.update(&d.0));
    digester.finish()
}

/// The digest of one evidence file.
///
/// # Errors
/// The file cannot be read.
pub fn digest(path: &Path) -> Result<Digest> {
    Ok(sha256(&atomic::read(path, MAX_LEN)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_depends_on_the_files_and_not_on_their_order() {
        let (a, b) = (sha256(b"a"), sha256(b"b"));
        assert_eq!(root(vec![a, b]), root(vec![b, a, b]));
        assert_ne!(root(vec![a]), root(vec![a, b]));
        assert_ne!(root(vec![a]), a);
    }
}
