//! Evidence: files whose digests verification signs through their root.
//!
//! ```text
//! root = SHA-256( "lightday evidence v1" || 0 || digest of each file, sorted )      digest = sha256sum
//! ```
//! Sorted, so that the same files in any order have one root. Never says what a file shows: that is for who signs.

use std::path::{Path, PathBuf};

use lightday_trust::Digester;
use lightday_trust::digest::sha256;
use lightday_wire::{Digest, ObjectKind};

use super::Mission;
use super::artifact::{Artifact, kind_name};
use crate::atomic;
use crate::error::{Error, Kind, Result};

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

/// The root that an artifact states, if it states one.
#[must_use]
pub fn stated(artifact: &Artifact) -> Option<Digest> {
    match artifact {
        Artifact::Authorization(draft) => Some(draft.document().evidence_root),
        Artifact::Bundle(bundle) => bundle.manifest().evidence_root,
        _ => None,
    }
}

/// Holds an artifact against the files that it is said to rest on: all of them, and none besides.
///
/// # Errors
/// It states no root, a file cannot be read, or the root over the files is another.
pub fn check(file: &Path, artifact: &Artifact, files: &[PathBuf], mission: &Mission) -> Result<()> {
    let what = format!("{} {}", kind_name(artifact.kind()), artifact.number());
    let Some(stated) = stated(artifact) else {
        return Err(
            Error::new(Kind::Usage, format!("{what} states no evidence root"))
                .file(file)
                .field("evidence")
                .hint("leave --evidence out, or give the authorization of the bundle, which states one"),
        );
    };
    let digests = files
        .iter()
        .map(|f| digest(f))
        .collect::<Result<Vec<_>>>()?;
    let found = root(digests.clone());
    if found == stated {
        return Ok(());
    }
    let mut text =
        format!("{what} rests on other evidence: it states {stated}, the files make {found}");
    for line in differing(artifact, files, &digests, mission) {
        text.push_str("; ");
        text.push_str(&line);
    }
    Err(Error::new(Kind::Input, text)
        .file(file)
        .field("evidence_root")
        .hint(
            "give all files that the root was made of, unchanged, and no others; `lightday ledger log` shows what `authorize` was given",
        ))
}

/// Which file is not what `authorize` was given, as far as the ledger of this mission remembers that.
fn differing(
    artifact: &Artifact,
    files: &[PathBuf],
    digests: &[Digest],
    mission: &Mission,
) -> Vec<String> {
    let Some(known) = given(artifact, mission).filter(|known| !known.is_empty()) else {
        return Vec::new();
    };
    let texts: Vec<String> = digests.iter().map(ToString::to_string).collect();
    let strange = files.iter().zip(&texts).filter(|(_, d)| !known.contains(d));
    let strange = strange.map(|(file, _)| format!("{} is none of them", file.display()));
    let missing = known.iter().filter(|d| !texts.contains(d));
    let missing = missing.map(|d| format!("the one with SHA-256 {d} is missing"));
    strange.chain(missing).collect()
}

/// The digests of the files that an authorization was drafted upon here.
fn given(artifact: &Artifact, mission: &Mission) -> Option<Vec<String>> {
    if artifact.kind() != ObjectKind::Authorization {
        return None;
    }
    let decisions = mission.ledger_to_read().ok()?.decisions().ok()?;
    let of_this = |what: &str| -> Option<Vec<String>> {
        let what: serde_json::Value = serde_json::from_str(what).ok()?;
        let number = what.get("number")?.as_u64()?;
        let files = what.get("evidence")?.as_array()?;
        (number == u64::from(artifact.number().get())).then(|| {
            let digests = files.iter().filter_map(|d| d.as_str());
            digests.map(str::to_owned).collect()
        })
    };
    let mut drafts = decisions.iter().filter(|d| d.verb == "authorize");
    drafts.find_map(|d| of_this(&d.what))
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
