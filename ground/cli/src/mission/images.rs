//! Image files, and images by whatever people call them.

use std::path::Path;

use lightday_station::image::{Image, ImageError, ImageOptions};
use lightday_station::keys::from_hex;
use lightday_wire::{Digest, ObjectNumber};

use super::Mission;
use crate::atomic;
use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;

/// Longest image file: ELF files carry debug information.
pub const MAX_FILE_LEN: u64 = 512 << 20;

/// Reads a raw binary or an ELF file.
///
/// # Errors
/// The file is missing, or no image for this vehicle.
pub fn load(path: &Path, options: &ImageOptions) -> Result<Image> {
    let bytes = atomic::read(path, MAX_FILE_LEN)?;
    Image::parse(&bytes, options).map_err(|e| {
        let kind = match e {
            // The file is sound; it is not for this vehicle.
            ImageError::TooLarge { .. }
            | ImageError::WrongArch { .. }
            | ImageError::WrongAddress { .. } => Kind::Refused,
            _ => Kind::Input,
        };
        Error::new(kind, &e).file(path).hint(e.hint())
    })
}

/// The digest of an image that is named by the number of its bundle, by its digest, or by its file.
///
/// # Errors
/// None of these.
pub fn digest(text: &str, mission: &Mission, ledger: &Ledger) -> Result<Digest> {
    if let Ok(number) = text.parse::<u32>() {
        let known = match ObjectNumber::new(number) {
            Some(number) => ledger.bundle(number)?,
            None => None,
        };
        return known.map(|b| Digest(b.image)).ok_or_else(|| {
            Error::new(Kind::Usage, format!("the ledger knows no bundle {number}"))
                .field("image")
                .hint("`lightday status` lists the bundles; an image can also be named by its digest or file")
        });
    }
    if let Some(digest) = from_hex(text) {
        return Ok(Digest(digest));
    }
    Ok(load(Path::new(text), &mission.profile.image_options())?.digest())
}
