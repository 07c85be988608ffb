//! By which version an image is known here: bundles of the ledger bring it as one, and `[twin]` of mission.toml says as
//! which one it was launched.

use std::path::Path;

use lightday_wire::{Digest, Version};

use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;
use crate::mission::{Mission, images};

/// A version of an image, and who says so.
struct KnownAs {
    version: Version,
    by: String,
}

fn known(digest: Digest, mission: &Mission, ledger: &Ledger) -> Result<Vec<KnownAs>> {
    let bundles = ledger.bundles()?.into_iter().rev();
    let built = bundles.filter(|b| b.image == digest.0).filter_map(|b| {
        Some(KnownAs {
            version: b.version.parse().ok()?,
            by: format!("bundle {} of the ledger brings it as", b.number),
        })
    });
    let mut known: Vec<KnownAs> = built.collect();
    let Some(twin) = &mission.config.twin else {
        return Ok(known);
    };
    for (file, version, name) in [
        (&twin.first, twin.first_version, "first_version"),
        (&twin.golden, twin.golden_version, "golden_version"),
    ] {
        // A file of the twin that cannot be read is an error of the verbs that ask the twin.
        let image = images::load(&mission.path(file), &mission.profile.image_options());
        if image.is_ok_and(|image| image.digest() == digest) {
            let by = format!("twin.{name} of mission.toml is");
            known.push(KnownAs { version, by });
        }
    }
    Ok(known)
}

/// The version by which the vehicle knows the base: the one that is `asked` for, or, where none is, the one that is known
/// here. Refuses one under which nobody here knows it, where somebody does: the signatures cover it, and the vehicle puts in
/// the one that it knows.
///
/// # Errors
/// [`Kind::Refused`]; [`Kind::Usage`] if there is none; the ledger cannot be read.
pub fn of_base(
    digest: Digest,
    asked: Option<Version>,
    path: &Path,
    (mission, ledger): (&Mission, &Ledger),
) -> Result<Version> {
    let known = known(digest, mission, ledger)?;
    let (asked, first) = match (asked, known.first()) {
        (Some(asked), Some(first)) => (asked, first),
        (Some(version), None) | (None, Some(&KnownAs { version, .. })) => return Ok(version),
        (None, None) => {
            let what = "neither the ledger nor [twin] of mission.toml knows the base, so its version is unknown";
            return Err(Error::new(Kind::Usage, what)
                .file(path)
                .field("base-version")
                .hint("say which version the vehicle knows it by: --base-version 1.0.0"));
        }
    };
    if known.iter().any(|k| k.version == asked) {
        return Ok(asked);
    }
    let said: Vec<String> = known
        .iter()
        .map(|k| format!("{} {}", k.by, k.version))
        .collect();
    let what = format!(
        "nothing here says that it is version {asked}: {}",
        said.join(", ")
    );
    Err(Error::new(Kind::Refused, what)
        .file(path)
        .field("base-version")
        .hint(format!(
            "the signatures hold for the version alone that the vehicle knows its base by: --base-version {}; if mission.toml is wrong, mend [twin]",
            first.version
        )))
}
