//! Writing files so that a reader never sees half of one.
//!
//! The bytes go to a file aside in the same directory, are synced, and take their name in one step. If
//! anything fails the file aside is removed. Never overwrites where it is told to create: a key that
//! exists is never lost.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Result};

/// Who may read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// As the umask says.
    Public,
    /// The owner alone: mode 0600 on Unix, from the first byte on.
    Private,
}

/// Bytes that lie aside, synced, and wait for their name.
#[derive(Debug)]
pub struct Pending {
    aside: PathBuf,
    path: PathBuf,
    named: bool,
}

impl Pending {
    /// Writes `bytes` aside of `path`. Parent directories must exist.
    ///
    /// # Errors
    /// The file system's, naming `path`.
    pub fn write(path: &Path, bytes: &[u8], access: Access) -> Result<Self> {
        let aside = aside(path).map_err(|e| Error::io(path, &e))?;
        let pending = Self {
            aside,
            path: path.to_path_buf(),
            named: false,
        };
        let written = open(&pending.aside, access).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        written.map_err(|e| Error::io(path, &e))?;
        Ok(pending)
    }

    /// Gives the file its name; a file that has it is replaced in one step.
    ///
    /// # Errors
    /// The file system's.
    pub fn replace(mut self) -> Result<()> {
        fs::rename(&self.aside, &self.path).map_err(|e| Error::io(&self.path, &e))?;
        self.named = true;
        sync_dir(&self.path);
        Ok(())
    }

    /// Gives the file its name unless another file has it.
    ///
    /// # Errors
    /// [`Kind::Refused`] if the name is taken; the file system's.
    pub fn create(mut self) -> Result<()> {
        // A hard link fails where the name is taken; a rename would silently replace.
        match fs::hard_link(&self.aside, &self.path) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(taken(&self.path)),
            Err(_) => {
                // A file system without hard links: look first.
                if self.path.symlink_metadata().is_ok() {
                    return Err(taken(&self.path));
                }
                fs::rename(&self.aside, &self.path).map_err(|e| Error::io(&self.path, &e))?;
                self.named = true;
            }
        }
        sync_dir(&self.path);
        Ok(())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.named {
            // Nothing more can be done about a file aside that will not go away.
            let _ = fs::remove_file(&self.aside);
        }
    }
}

/// Writes a new file; refuses to replace one.
///
/// # Errors
/// As [`Pending::create`].
pub fn create(path: &Path, bytes: &[u8], access: Access) -> Result<()> {
    refuse_existing(path)?;
    Pending::write(path, bytes, access)?.create()
}

/// Refuses if something has that name.
///
/// # Errors
/// [`Kind::Refused`].
pub fn refuse_existing(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(_) => Err(taken(path)),
        Err(_) => Ok(()),
    }
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// The file system's, and [`Kind::Input`] if the file is longer.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let len = fs::metadata(path).map_err(|e| Error::io(path, &e))?.len();
    if len > limit {
        return Err(Error::input(
            path,
            format!("{len} bytes; at most {limit} make sense here"),
        )
        .hint("check that this is the file you mean"));
    }
    fs::read(path).map_err(|e| Error::io(path, &e))
}

/// Reads a whole text file of at most 1 MiB.
///
/// # Errors
/// As [`read`], and [`Kind::Input`] if it is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read(path, 1 << 20)?).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
        Error::input(path, "not text: a byte here is not UTF-8")
            .line(line)
            .hint("check that this is the file you mean, and save it as UTF-8")
    })
}

fn taken(path: &Path) -> Error {
    Error::new(Kind::Refused, "the file exists and is never overwritten")
        .file(path)
        .hint("choose another name, or move the old file away")
}

fn aside(path: &Path) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
    let mut aside = std::ffi::OsString::from(".");
    aside.push(name);
    aside.push(format!(".{}.tmp", std::process::id()));
    Ok(path.with_file_name(aside))
}

fn open(path: &Path, access: Access) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if access == Access::Private {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = access;
    options.open(path)
}

/// Makes the new name itself survive a power cut, where the system lets us.
fn sync_dir(path: &Path) {
    #[cfg(unix)]
    {
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
        let dir = File::open(parent.unwrap_or(Path::new(".")));
        // Some file systems cannot sync a directory; the file itself is synced.
        let _ = dir.and_then(|d| d.sync_all());
    }
    #[cfg(not(unix))]
    let _ = path;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(name: &str) -> PathBuf {
        let dir =
            std::env::temp_dir().join(format!("lightday-atomic-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn create_never_replaces_and_leaves_nothing_aside() {
        let dir = dir("create");
        let path = dir.join("a.key");
        create(&path, b"one", Access::Private).unwrap();
        let error = create(&path, b"two", Access::Private).unwrap_err();
        assert_eq!(error.kind, Kind::Refused);
        // Also when the other file came between the look and the naming.
        let pending = Pending::write(&path, b"two", Access::Public).unwrap();
        assert_eq!(pending.create().unwrap_err().kind, Kind::Refused);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_pending_file_that_is_dropped_leaves_nothing() {
        let dir = dir("drop");
        let path = dir.join("b.ldb");
        drop(Pending::write(&path, b"half", Access::Public).unwrap());
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read() {
        let dir = dir("limit");
        let path = dir.join("c");
        fs::write(&path, [0; 11]).unwrap();
        assert_eq!(read(&path, 10).unwrap_err().kind, Kind::Input);
        fs::write(&path, b"ab\nc\xff").unwrap();
        assert!(read_text(&path).unwrap_err().to_string().contains("c:2:"));
        fs::remove_dir_all(dir).unwrap();
    }
}
