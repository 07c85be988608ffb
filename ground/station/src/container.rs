//! Files of ours that lie on disks and travel by mail: a header, the content, and a digest.
//!
//! The digest finds truncation and damage and gives them a clear error; it proves nothing about who
//! made the file (signatures do). Never interprets the content.
//!
//! ```text
//!  0                     8      9        10          14                       14+n          46+n
//!  +---------------------+------+--------+-----------+---------- ... ---------+---- 32 B ---+
//!  | "LIGHTDAY"          | kind | version| length n  | content (postcard)     | SHA-256 of  |
//!  |                     |      |        | big-endian|                        | all before  |
//!  +---------------------+------+--------+-----------+---------- ... ---------+-------------+
//! ```

use core::fmt;
use lightday_trust::digest;
use lightday_wire::ObjectKind;
use serde::{Serialize, de::DeserializeOwned};

const MAGIC: &[u8; 8] = b"LIGHTDAY";
const VERSION: u8 = 1;
const HEADER_LEN: usize = 14;
const DIGEST_LEN: usize = 32;

/// Why bytes are no file of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileError {
    /// The magic number is missing: another kind of file altogether.
    NotOurs,
    /// Another document than the one asked for.
    WrongKind {
        /// What the file holds.
        found: Option<ObjectKind>,
        /// What was asked for.
        expected: ObjectKind,
    },
    /// A later format.
    Version(u8),
    /// The file ends early.
    Truncated {
        /// Bytes that there are.
        have: u64,
        /// Bytes that the header announces.
        need: u64,
    },
    /// Bytes are left over.
    Trailing(u64),
    /// The digest is wrong: bytes changed since the file was written.
    Damaged,
    /// The digest is right and the content makes no sense: another program wrote it.
    Malformed(&'static str),
}

const fn word(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Bundle => "bundle",
        ObjectKind::Authorization => "authorization",
        ObjectKind::Command => "command",
        ObjectKind::KeySet => "key set",
        ObjectKind::Report => "report",
        ObjectKind::Answer => "answer",
        ObjectKind::Dump => "part of a dump",
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOurs => f.write_str("not a Lightday file: it does not begin with LIGHTDAY"),
            Self::WrongKind { found, expected } => match found {
                Some(found) => write!(
                    f,
                    "the file holds a {}, not a {}",
                    word(*found),
                    word(*expected)
                ),
                None => write!(
                    f,
                    "the file holds something unknown, not a {}",
                    word(*expected)
                ),
            },
            Self::Version(version) => write!(f, "file format version {version} is unknown"),
            Self::Truncated { have, need } => {
                write!(f, "the file is cut short: {have} B of {need} B")
            }
            Self::Trailing(bytes) => write!(f, "{bytes} B are left over behind the file's end"),
            Self::Damaged => f.write_str("the file is damaged: its digest is wrong"),
            Self::Malformed(field) => write!(f, "{field}: the content makes no sense"),
        }
    }
}

impl std::error::Error for FileError {}

impl FileError {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NotOurs => "give a file that `lightday build` or `lightday authorize` wrote",
            Self::WrongKind { .. } => "give the file of the document that this step works on",
            Self::Version(_) => "update lightday, or build the file again with this version",
            Self::Truncated { .. } | Self::Trailing(_) | Self::Damaged => {
                "copy the file again from where it was made, in binary mode"
            }
            Self::Malformed(_) => "build the file again",
        }
    }
}

/// Writes a file.
pub(crate) fn seal<T: Serialize>(kind: ObjectKind, content: &T) -> Vec<u8> {
    // Serialising to a growing vector fails for no type of ours: none has unsized sequences.
    let content = postcard::to_allocvec(content).unwrap_or_default();
    let len = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let mut file = Vec::with_capacity(HEADER_LEN + content.len() + DIGEST_LEN);
    file.extend_from_slice(MAGIC);
    file.extend([kind.code(), VERSION]);
    file.extend(len.to_be_bytes());
    file.extend_from_slice(&content);
    let digest = digest::sha256(&file);
    file.extend_from_slice(&digest.0);
    file
}

/// What a file holds, by its header alone.
#[must_use]
pub fn kind_of(bytes: &[u8]) -> Option<ObjectKind> {
    ObjectKind::from_code(*bytes.strip_prefix(MAGIC)?.first()?)
}

/// Reads a file and checks everything but the content's meaning.
pub(crate) fn open<T: Serialize + DeserializeOwned>(
    kind: ObjectKind,
    bytes: &[u8],
) -> Result<T, FileError> {
    let have = bytes.len() as u64;
    if bytes.len() < MAGIC.len() && MAGIC.starts_with(bytes) && !bytes.is_empty() {
        return Err(FileError::Truncated {
            have,
            need: (HEADER_LEN + DIGEST_LEN) as u64,
        });
    }
    let rest = bytes.strip_prefix(MAGIC).ok_or(FileError::NotOurs)?;
    let &[code, version, l0, l1, l2, l3, ref rest @ ..] = rest else {
        return Err(FileError::Truncated {
            have,
            need: (HEADER_LEN + DIGEST_LEN) as u64,
        });
    };
    let len = u32::from_be_bytes([l0, l1, l2, l3]);
    let need = (HEADER_LEN + DIGEST_LEN) as u64 + u64::from(len);
    if have < need {
        return Err(FileError::Truncated { have, need });
    }
    if have > need {
        return Err(FileError::Trailing(have - need));
    }
    let (covered, digest) = bytes
        .split_last_chunk::<DIGEST_LEN>()
        .ok_or(FileError::Damaged)?;
    if digest::sha256(covered).0 != *digest {
        return Err(FileError::Damaged);
    }
    if version != VERSION {
        return Err(FileError::Version(version));
    }
    let found = ObjectKind::from_code(code);
    if found != Some(kind) {
        return Err(FileError::WrongKind {
            found,
            expected: kind,
        });
    }
    let content = rest.get(..len as usize).ok_or(FileError::Damaged)?;
    let (value, left) =
        postcard::take_from_bytes::<T>(content).map_err(|_| FileError::Malformed("content"))?;
    // One content, one file: a digest of the file then names what it says.
    let again = postcard::to_allocvec(&value).unwrap_or_default();
    if !left.is_empty() || again != content {
        return Err(FileError::Malformed("content"));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file() -> Vec<u8> {
        seal(ObjectKind::Command, &(7u32, vec![1u8, 2, 3]))
    }

    fn read(bytes: &[u8]) -> Result<(u32, Vec<u8>), FileError> {
        open(ObjectKind::Command, bytes)
    }

    #[test]
    fn every_truncation_is_told_as_such() {
        let file = file();
        assert_eq!(read(&file).unwrap(), (7, vec![1, 2, 3]));
        for cut in 1..file.len() {
            assert!(
                matches!(read(&file[..cut]), Err(FileError::Truncated { .. })),
                "{cut}"
            );
        }
        assert_eq!(read(b""), Err(FileError::NotOurs));
        assert_eq!(
            read(&[&file[..], b"x"].concat()),
            Err(FileError::Trailing(1))
        );
    }

    #[test]
    fn another_document_is_told_as_such() {
        let other = seal(ObjectKind::Bundle, &(7u32, vec![1u8]));
        assert_eq!(kind_of(&other), Some(ObjectKind::Bundle));
        assert!(matches!(read(&other), Err(FileError::WrongKind { .. })));
        let other = seal(ObjectKind::Command, &[0xffu8; 9]);
        assert_eq!(read(&other), Err(FileError::Malformed("content")));
    }

    proptest! {
        #[test]
        fn every_flip_is_found(at in any::<prop::sample::Index>(), flip in 1u8..) {
            let mut file = file();
            let at = at.index(file.len());
            file[at] ^= flip;
            prop_assert!(read(&file).is_err());
        }
    }
}
