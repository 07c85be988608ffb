//! The files of the sub-verbs: images as raw binaries or ELF files, patch files, and where results go.

use std::path::Path;

use lightday_station::image::{Image, ImageOptions};
use lightday_station::keys::to_hex;
use lightday_station::landmarks::Landmarks;
use lightday_station::patch::{HEAD_MAX, IMAGE_MAX, Patch, PatchError};
use serde_json::{Value, json};

use crate::atomic::{self, Access, Pending};
use crate::error::{Error, Kind, Result};

/// An image, and the file that it was read from.
pub struct Loaded {
    /// The flat image.
    pub image: Image,
    /// The file.
    pub file: Vec<u8>,
}

impl Loaded {
    /// The image's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.image.bytes
    }

    /// What JSON results say of it.
    pub fn json(&self, path: &Path) -> Value {
        json!({
            "file": path.display().to_string(),
            "bytes": self.image.bytes.len(),
            "sha256": to_hex(&self.image.digest().0),
        })
    }
}

/// Bytes as they are.
fn flat(bytes: &[u8]) -> Image {
    Image {
        bytes: bytes.to_vec(),
        load_address: None,
        entry: None,
        arch: None,
        landmarks: Landmarks::default(),
    }
}

/// Reads an image: of an ELF file what it loads, unless `raw`. An empty file is an empty image.
///
/// # Errors
/// The file is missing, too long, or a broken ELF file.
pub fn load(path: &Path, raw: bool) -> Result<Loaded> {
    let file = atomic::read(path, IMAGE_MAX)?;
    let any = ImageOptions {
        max_size: IMAGE_MAX,
        ..ImageOptions::default()
    };
    let image = match raw || file.is_empty() {
        true => flat(&file),
        false => Image::parse(&file, &any).map_err(|e| {
            Error::input(path, &e).hint("link it to run, or take the file as it is: --raw")
        })?,
    };
    Ok(Loaded { image, file })
}

/// Reads the base of a patch: what an ELF file loads or the file as it is, whichever the patch was made from.
///
/// # Errors
/// As [`load`]; neither is the base.
pub fn load_base(path: &Path, patch: &Patch) -> Result<Loaded> {
    let loaded = load(path, false).or_else(|e| match e.kind {
        Kind::Input => load(path, true),
        _ => Err(e),
    })?;
    let Err(error) = patch.check_base(loaded.bytes()) else {
        return Ok(loaded);
    };
    if patch.check_base(&loaded.file).is_ok() {
        let image = flat(&loaded.file);
        return Ok(Loaded { image, ..loaded });
    }
    Err(of_patch(path, path, &error))
}

/// Reads a patch file.
///
/// # Errors
/// The file is missing, or no patch.
pub fn load_patch(path: &Path) -> Result<Patch> {
    let file = atomic::read(path, IMAGE_MAX + HEAD_MAX as u64)?;
    Patch::parse(&file).map_err(|e| of_patch(path, path, &e))
}

/// An error of a patch, at the file that is to blame.
pub fn of_patch(old: &Path, patch: &Path, error: &PatchError) -> Error {
    let (kind, file, field) = match error {
        PatchError::AlreadyNew | PatchError::WrongBase { .. } => (Kind::Input, old, "base.digest"),
        PatchError::Ram { .. } => (Kind::Refused, patch, "ram"),
        PatchError::Growth | PatchError::Length(_) => (Kind::Input, patch, "growth"),
        PatchError::Payload(_) => (Kind::Input, patch, "payload"),
        PatchError::WrongResult { .. } => (Kind::Input, patch, "new.digest"),
        _ => (Kind::Input, patch, "head"),
    };
    Error::new(kind, error)
        .file(file)
        .field(field)
        .hint(error.hint())
}

/// Where a result will go.
pub struct Target<'a> {
    path: &'a Path,
    replace: bool,
}

impl<'a> Target<'a> {
    /// Looks at the place before the work begins: it is no input, and free unless it may be replaced.
    ///
    /// # Errors
    /// [`Kind::Usage`] for an input, [`Kind::Io`] for a name that is taken or a directory that is missing.
    pub fn new(path: &'a Path, field: &str, inputs: &[&Path], replace: bool) -> Result<Self> {
        let real = |path: &Path| std::fs::canonicalize(path).ok();
        for input in inputs {
            if *input == path || real(path).is_some_and(|p| real(input) == Some(p)) {
                return Err(Error::new(
                    Kind::Usage,
                    format!("is also an input, {}", input.display()),
                )
                .file(path)
                .field(field)
                .hint("write to another file: inputs are never overwritten"));
            }
        }
        if path.is_dir() {
            return Err(Error::new(Kind::Io, "a directory, not a file")
                .file(path)
                .field(field)
                .hint("name the file to write"));
        }
        // A device or a pipe would become a file of that name.
        let look = std::fs::metadata(path);
        if look.is_ok_and(|look| !look.is_file()) {
            return Err(
                Error::new(Kind::Io, "not a regular file but a pipe, socket or device")
                    .file(path)
                    .field(field)
                    .hint("name the file to write: what stands there is never replaced"),
            );
        }
        if !replace {
            atomic::refuse_existing(path)
                .map_err(|e| e.hint("choose another name, or replace the file with --replace"))?;
        }
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
        if let Some(Err(error)) = parent.map(std::fs::metadata) {
            return Err(Error::write(path, &error));
        }
        Ok(Self { path, replace })
    }

    /// Writes the file whole, or not at all.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(self, bytes: &[u8]) -> Result<()> {
        let pending = Pending::write(self.path, bytes, Access::Public)?;
        match self.replace {
            true => pending.replace(),
            false => pending.create(),
        }
    }
}
